/*
 * side.h: the file of one side, whichever that is: the new file, or the old one and what is to replace it.
 */
#ifndef REDELTA_CLI_SIDE_H
#define REDELTA_CLI_SIDE_H

#include "cli/base/files.h"
#include "cli/remote/message.h"
#include "cli/remote/partial.h"

typedef struct remote_side {
    const remote_wishes *wishes;
    bool receives;
    bool beneath;      /* the name is that of a file in the current directory, and no link is followed */
    const char *name;  /* NULL: standard input, which may be the new file */
    unsigned threads;  /* as in rd_options */
    cli_input input;   /* the new file, or the old one */
    bool created;      /* there is no old file */
    cli_output output; /* what replaces it; closed in a dry run */
    remote_partial partial;
    bool left; /* there is a partial file that is not used */
    rd_session *session;
    cli_failure failure;
} remote_side;

/*
 * Opens the files, and makes the session. side->wishes, receives, beneath, name and threads are set, and all else is 0.
 * A failure is in side->failure. Either way, call side_close afterwards.
 */
rd_result side_open(remote_side *side);

/*
 * After the session, which ended with `result`: completes the destination or leaves the old file as it is. Returns the
 * result of all, for which side->failure has the reason.
 */
rd_result side_finish(remote_side *side, rd_result result);
void side_close(remote_side *side);

/* Was the old file the new one already? Not if it is so only together with what had arrived before. */
bool side_is_identical(const remote_side *side);
/* How far the session is. */
rd_session_state side_state(const remote_side *side);

#endif

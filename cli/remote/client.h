/*
 * client.h: the side that the user started: it starts the other one, and asks it for what it wants.
 */
#ifndef REDELTA_CLI_CLIENT_H
#define REDELTA_CLI_CLIENT_H

#include "cli/remote/message.h"
#include "cli/remote/place.h"

/* What the user asks for. */
typedef struct client_order {
    const char *local;   /* the name of the file on this side; NULL: standard input */
    const char *remote;  /* that of the file on the other: HOST:PATH */
    const char *shell;   /* the command that leads there */
    const char *program; /* redelta there, for its shell */
    uint64_t rate;       /* bytes per second, or 0 */
    unsigned threads;
    remote_wishes wishes; /* but for the path */
} client_order;

enum { CLIENT_TEXT_MAX = 1400 };

/* How it went. */
typedef struct client_report {
    rd_session_state session;
    uint64_t sent; /* bytes on the connection */
    uint64_t received;
    bool said_all; /* all that this side had to say has left it */
    bool created;
    bool identical;
    unsigned notes;
    cli_failure failure;        /* the role is NEW or BASIS for what is about one of the files, by which side has it */
    char text[CLIENT_TEXT_MAX]; /* of the failure, if it is made of several; of a success, a warning or "" */
    char advice[CLIENT_TEXT_MAX]; /* of either, or "" */
} client_report;

/* Shows how far it is. False: it is to end. */
typedef bool client_show_fn(void *context, const rd_session_state *state, uint64_t travelled);

/*
 * After a failure or a signal: the other side had all of the file, and may have replaced its own before its answer
 * came. What to tell then.
 */
bool client_replacement_is_unknown(const client_report *report, const remote_wishes *wishes);
extern const char client_unknown_text[];

/*
 * Brings the one file up to date with the other. On Windows, where no remote shell can be started, it is refused. What
 * follows from the failure of either side is in *report, of which nothing need be freed.
 */
rd_result client_run(client_report *report, const client_order *order, client_show_fn *show, void *context);

#endif

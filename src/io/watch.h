/*
 * Whether a file changes while an operation reads it: what was read may then be half of one version and half of
 * another.
 *
 * The file's size and times are compared between the start of the operation and its end; its first size is that of the
 * source, when that was made. Only a regular file shows them, also as a range, or beneath a filter. A change is missed
 *   - by a writer that maps the file, whose later bytes to a page set no time until the page is written back, on some
 *     file systems never;
 *   - by one call of `write` that had begun before the operation and is still copying: it sets the time first;
 *   - within the precision of the file system's times, if the size stays: 2 s on FAT, 1 s on old ones. The tick of the
 *     system's clock is waited for, see rd__watch_begin;
 *   - on another machine's disk, as long as the system answers from what it remembers of the file;
 *   - if the writer sets mtime back and the file's links, mode or owner change, too.
 * What is no change of the bytes but taken for one: setting mtime, and what sets only ctime, like renaming the file
 * itself; a writer that sets mtime back looks the same. Links, modes and owners may change, and the name may be given
 * to another file.
 */
#ifndef RD_IO_WATCH_H
#define RD_IO_WATCH_H

#include "base/file_state.h"
#include "base/operation.h"

/* Could what is written to the file now get the time that it has? `now` (rd__file_clock) is from before its state. */
bool rd__watch_is_racy(const rd__file_state *state, uint64_t now);
/* Waits a part of a tick of that clock, so that then it cannot. A file that is written to in every tick is waited for
 * at most so often: its next write will be seen. */
void rd__watch_pause(void);
enum { RD__WATCH_PAUSES_MAX = 50 };

/* Do the two states of an open file, one after the other, show a change of its bytes? */
bool rd__watch_differs(const rd__file_state *before, const rd__file_state *now);

typedef struct rd__watch {
    int fd;       /* -1: nothing shows a change */
    rd_role role; /* of the file */
    int failure;  /* errno: it could not be examined at the start; or 0 */
    bool resized; /* since the source was made */
    rd__file_state before;
} rd__watch;

/*
 * At the start of the operation, before anything is read. A file that was written to within the present tick of the
 * clock could be written to again without a trace; for such a file this waits for the next tick.
 */
rd__watch rd__watch_begin(const rd_source *source, rd_role role);

/* Did the file change since? Notes it in the statistics. A file that cannot be examined any more has changed. */
bool rd__watch_changed(const rd__watch *watch, rd__operation *operation);

/*
 * At the end of the operation: makes its result RD_E_CHANGED if the file changed and that is not accepted, and if the
 * operation succeeded or a change explains its failure. RD_E_IO: it cannot be examined. Otherwise returns `result`.
 */
rd_result rd__watch_end(const rd__watch *watch, rd__operation *operation, rd_result result);

#endif

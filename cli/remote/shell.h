/*
 * shell.h: the program that leads to the other machine, ssh or what --rsh names, and the descriptors to its standard
 * input and output. Its standard error is ours.
 */
#ifndef REDELTA_CLI_SHELL_H
#define REDELTA_CLI_SHELL_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/base/failure.h"

typedef struct remote_shell {
    pid_t child; /* 0: none is running */
    int to;      /* what is written here, the other side reads; -1: closed */
    int from;
} remote_shell;

/*
 * A command line as words, as rsync takes it apart for its -e: at spaces, but for those between two ' or two "; where
 * such a quote stands twice within its own kind, it is meant itself. *words ends with a NULL, has room for `more` words
 * before that, and is freed by free(); *count is how many there are. RD_E_PARAMETER: a quote is missing, or there is no
 * word. RD_E_MEMORY.
 */
rd_result shell_split(const char *command, size_t more, char ***words, size_t *count);

/*
 * Starts `command` with the two words `host` and `line`, of which the last is a command line for the shell there.
 * *failure is filled by a failure.
 */
rd_result shell_start(remote_shell *shell, const char *command, const char *host, const char *line,
                      cli_failure *failure);

/* Closes the descriptors. */
void shell_hang_up(remote_shell *shell);

/*
 * Waits until it has ended, and returns its exit status, as a shell counts it: 128 and more for a signal. If that takes
 * longer than `seconds`, asks it to end.
 */
int shell_wait(remote_shell *shell, double seconds);

/* Waits likewise, and then leaves it alone: ssh may carry other connections, and lasts as long as these. */
void shell_leave(remote_shell *shell, double seconds);

#endif

/*
 * shell.c: see shell.h. The remote command is one word: ssh passes it to a shell on the other machine, and joins
 * several words by spaces in any case, so that quoting them here would be in vain. Nothing of it comes from file names:
 * these travel within the connection.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/remote/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/base/clock.h"

extern char **environ;

/* ---- Words ------------------------------------------------------------------------------------------------------ */

/* Copies the word at *from to *to, without its quotes, and moves both on. False: a quote is missing. */
static bool shell_take_word(const char **from, char **to) {
    const char *p = *from;
    char quote = '\0';
    for (; *p != '\0' && (quote != '\0' || *p != ' '); p++) {
        if (quote == '\0' && (*p == '\'' || *p == '"'))
            quote = *p;
        else if (*p == quote && quote != '\0' && p[1] == quote)
            *(*to)++ = *p++;
        else if (*p == quote && quote != '\0')
            quote = '\0';
        else
            *(*to)++ = *p;
    }
    *(*to)++ = '\0';
    *from = p;
    return quote == '\0';
}

rd_result shell_split(const char *command, size_t more, char ***words, size_t *count) {
    const size_t length = strlen(command);
    const size_t room = length / 2 + 1 + more + 1; /* of pointers; the words follow them */
    *words = calloc(1, room * sizeof **words + length + 1);
    *count = 0;
    if (*words == NULL)
        return RD_E_MEMORY;
    char *to = (char *)(*words + room);
    bool whole = true;
    while (whole && *(command += strspn(command, " ")) != '\0') {
        (*words)[(*count)++] = to;
        whole = shell_take_word(&command, &to);
    }
    if (whole && *count > 0)
        return RD_OK;
    free(*words);
    *words = NULL;
    return RD_E_PARAMETER;
}

/* ---- Starting it ------------------------------------------------------------------------------------------------ */

/* The ends of a pipe that other programs do not inherit. */
static bool shell_pipe(int ends[2]) {
    if (pipe(ends) != 0)
        return false;
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    return true;
}

/* Signals are to do there what they do by default: this process ignores some. */
static int shell_spawn(pid_t *child, char **words, int input, int output) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int error = posix_spawn_file_actions_init(&files);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        (void)sigemptyset(&defaults);
        (void)sigaddset(&defaults, SIGPIPE);
        (void)sigaddset(&defaults, SIGXFSZ);
        (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        error = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
        if (error == 0)
            error = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
        if (error == 0)
            error = posix_spawnp(child, words[0], &files, &attributes, words, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return error;
}

static rd_result shell_connect(remote_shell *shell, char **words, cli_failure *failure) {
    int there[2];
    int back[2];
    int error = shell_pipe(there) ? 0 : errno;
    if (error == 0 && !shell_pipe(back)) {
        error = errno;
        (void)close(there[0]);
        (void)close(there[1]);
    }
    if (error == 0) {
        error = shell_spawn(&shell->child, words, there[0], back[1]);
        (void)close(there[0]);
        (void)close(back[1]);
        shell->to = there[1];
        shell->from = back[0];
    }
    if (error == 0)
        return RD_OK;
    shell->child = 0;
    shell_hang_up(shell);
    errno = error;
    (void)failure_system(failure, RD_ROLE_NONE, "cannot be started");
    failure->advice = "install ssh, or name another remote shell by --rsh";
    return RD_E_IO;
}

rd_result shell_start(remote_shell *shell, const char *command, const char *host, const char *line,
                      cli_failure *failure) {
    char **words;
    size_t count;
    *shell = (remote_shell){.to = -1, .from = -1};
    const rd_result result = shell_split(command, 2, &words, &count);
    if (result == RD_E_MEMORY)
        return failure->error.result = result;
    if (result != RD_OK)
        return failure_refusal(failure, RD_ROLE_NONE, "is no command: it is empty, or lacks a quote",
                               "see --rsh in 'redelta sync --help'");
    char *const host_word = strdup(host);
    char *const line_word = strdup(line);
    words[count] = host_word;
    words[count + 1] = line_word;
    const bool made = host_word != NULL && line_word != NULL;
    const rd_result connected = made ? shell_connect(shell, words, failure) : (failure->error.result = RD_E_MEMORY);
    free(host_word);
    free(line_word);
    free(words);
    return connected;
}

/* ---- Ending it -------------------------------------------------------------------------------------------------- */

static void shell_close(int *fd) {
    if (*fd != -1)
        (void)close(*fd);
    *fd = -1;
}

void shell_hang_up(remote_shell *shell) {
    shell_close(&shell->to);
    shell_close(&shell->from);
}

static int shell_status(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Waits until it has ended, for at most so long. False: it has not. */
static bool shell_await(remote_shell *shell, double seconds, int *status) {
    const struct timespec nap = {.tv_nsec = 2000000};
    const double end = clock_now() + seconds;
    while (shell->child != 0) {
        const pid_t ended = waitpid(shell->child, status, WNOHANG);
        if (ended == shell->child || (ended == -1 && errno != EINTR))
            shell->child = 0;
        else if (clock_now() > end)
            return false;
        else
            (void)nanosleep(&nap, NULL);
    }
    return true;
}

int shell_wait(remote_shell *shell, double seconds) {
    int status = 0;
    if (!shell_await(shell, seconds, &status)) {
        (void)kill(shell->child, SIGTERM);
        if (!shell_await(shell, 1.0, &status)) {
            (void)kill(shell->child, SIGKILL);
            (void)shell_await(shell, 1.0, &status);
        }
    }
    return shell_status(status);
}

void shell_leave(remote_shell *shell, double seconds) {
    int status;
    (void)shell_await(shell, seconds, &status);
    shell->child = 0;
}

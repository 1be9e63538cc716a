/*
 * external.c: see external.h. The program takes the place of this process, so signals, the terminal and the exit status
 * are its own; that is why main.c comes here before it handles any signal.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/verbs/external.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of directories in PATH are separated by colons; one that is empty or relative leads to the current one. */
static bool external_try(const char *directory, size_t length, const char *word, char *path) {
    struct stat status;
    const int size = snprintf(path, EXTERNAL_PATH_MAX, "%.*s/redelta-%s", (int)length, directory, word);
    return length > 0 && length < EXTERNAL_PATH_MAX && directory[0] == '/' && size < EXTERNAL_PATH_MAX &&
           stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* Where this program is; only Linux tells. */
static bool external_try_beside(const char *word, char *path) {
    char own[EXTERNAL_PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length <= 0)
        return false;
    own[length] = '\0';
    const char *const slash = strrchr(own, '/');
    return slash != NULL && external_try(own, (size_t)(slash - own), word, path);
}

bool external_find(const char *word, char *path) {
    const char *directory = getenv("PATH");
    if (external_try_beside(word, path))
        return true;
    while (directory != NULL) {
        const char *const colon = strchr(directory, ':');
        if (external_try(directory, colon != NULL ? (size_t)(colon - directory) : strlen(directory), word, path))
            return true;
        directory = colon != NULL ? colon + 1 : NULL;
    }
    return false;
}

int external_run(const char *path, char **words) {
    return execv(path, words);
}

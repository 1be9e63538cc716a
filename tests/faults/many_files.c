/*
 * many_files DIRECTORY NAME...: writes "new NAME" to each of these files through one rd_directory. A name that starts
 * with `free` must be free, any other is replaced safely. Prints the name of each file that could not be written, or *
 * if none could. Status 0: all could.
 */
#include "redelta.h"

#include <stdio.h>
#include <string.h>

static int failures;

static void report(const char *name, const rd_error *error) {
    (void)printf("%s\n", name);
    (void)fprintf(stderr, "%s: %s: %s\n", name, error->reason, strerror(error->system_error));
    failures++;
}

static rd_result write_file(rd_directory *directory, const char *name, rd_error *error) {
    const rd_replace replace = strncmp(name, "free", 4) == 0 ? RD_REPLACE_NEVER : RD_REPLACE_SAFELY;
    rd_destination *destination = NULL;
    rd_result result = rd_destination_open_at(&destination, directory, name, replace, error);
    if (result != RD_OK)
        return result;
    const rd_sink sink = rd_destination_sink(destination);
    result = rd_sink_write(&sink, "new ", 4, error);
    if (result == RD_OK)
        result = rd_sink_write(&sink, name, strlen(name), error);
    if (result == RD_OK)
        return rd_destination_commit(destination, error);
    rd_destination_discard(destination);
    return result;
}

int main(int argc, char **argv) {
    rd_directory *directory = NULL;
    rd_error error = {.reason = ""};
    if (rd_directory_open(&directory, argv[1], &error) != RD_OK) {
        report("*", &error);
        return 1;
    }
    for (int i = 2; i < argc; i++) {
        if (write_file(directory, argv[i], &error) != RD_OK)
            report(argv[i], &error);
    }
    const char *failed = NULL;
    while (rd_directory_flush(directory, &failed, &error) != RD_OK)
        report(failed, &error);
    if (rd_directory_close(directory, &error) != RD_OK)
        report("after the flush", &error);
    return failures > 0 || argc < 2;
}

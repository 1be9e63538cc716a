/* Files, for programs that let librsync open and read them. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "trace.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MODE_MAX = 8 };

/* Opens a new file, by the x of C11 (O_EXCL): nothing that exists is opened, nor a link followed, at any moment. */
static FILE *files_open_new(char const *filename, char const *mode) {
    char exclusive[MODE_MAX];
    const int n = snprintf(exclusive, sizeof exclusive, "%sx", mode);
    if (n < 0 || (size_t)n >= sizeof exclusive) {
        errno = EINVAL;
        return NULL;
    }
    return fopen(filename, exclusive);
}

/*
 * Ends the process, as librsync does: its callers, Debian's rdiff among them, do not look for NULL, and would go on to
 * empty an output for an input that is missing. The texts are librsync's, because programs look for them.
 */
static _Noreturn void files_give_up(char const *filename, bool writes) {
    if (writes && errno == EEXIST)
        rs__log(RS_LOG_ERR, "rs_file_open", "File exists \"%s\", aborting!", filename);
    else
        rs__log(RS_LOG_ERR, "rs_file_open", "Error opening \"%s\" for %s: %s", filename, writes ? "write" : "read",
                strerror(errno));
    exit(RS_IO_ERROR);
}

FILE *rs_file_open(char const *filename, char const *mode, int force) {
    const bool writes = strchr(mode, 'w') != NULL;
    if (!filename || strcmp(filename, "-") == 0)
        return writes ? stdout : stdin;
    FILE *const file = writes && !force ? files_open_new(filename, mode) : fopen(filename, mode);
    if (!file)
        files_give_up(filename, writes);
    return file;
}

int rs_file_close(FILE *file) {
    if (file == stdout || file == stderr)
        return fflush(file);
    return file && file != stdin ? fclose(file) : 0;
}

rs_long_t rs_file_size(FILE *file) {
    struct stat status;
    const int fd = file ? fileno(file) : -1;
    return fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (rs_long_t)status.st_size : -1;
}

rs_result rs_file_copy_cb(void *arg, rs_long_t pos, size_t *len, void **buf) {
    FILE *const file = arg;
    if (fseeko(file, (off_t)pos, SEEK_SET) != 0) {
        rs__log(RS_LOG_ERR, __func__, "cannot position the basis: %s", strerror(errno));
        return RS_IO_ERROR;
    }
    const size_t wanted = *len;
    *len = fread(*buf, 1, wanted, file);
    if (*len > 0)
        return RS_DONE;
    if (ferror(file)) {
        rs__log(RS_LOG_ERR, __func__, "cannot read the basis: %s", strerror(errno));
        return RS_IO_ERROR;
    }
    rs__log(RS_LOG_ERR, __func__, "the basis is too short: the delta copies from beyond its end");
    return RS_INPUT_ENDED;
}

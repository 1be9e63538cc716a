/*
 * partial.c: see partial.h. It is a file of the command's own under a name that nobody else uses, so it is replaced and
 * removed without asking, but never through a symbolic link. Where it cannot be kept, nothing is lost but time.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "cli/remote/partial.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTIAL_CHUNK = 256 * 1024 };

static const char partial_suffix[] = ".redelta-partial";

/* "folder/.name.redelta-partial" */
static char *partial_name(const char *name) {
    const char *const slash = strrchr(name, '/');
    const size_t folder = slash != NULL ? (size_t)(slash + 1 - name) : 0;
    const size_t size = strlen(name) + 1 + sizeof partial_suffix;
    char *const made = malloc(size);
    if (made != NULL)
        (void)snprintf(made, size, "%.*s.%s%s", (int)folder, name, name + folder, partial_suffix);
    return made;
}

rd_result partial_open(remote_partial *partial, const char *name, cli_failure *failure) {
    struct stat status;
    *partial = (remote_partial){.name = partial_name(name), .fd = -1};
    if (partial->name == NULL)
        return failure->error.result = RD_E_MEMORY;
    partial->fd = open(partial->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (partial->fd != -1 && (fstat(partial->fd, &status) != 0 || !S_ISREG(status.st_mode))) {
        (void)close(partial->fd);
        partial->fd = -1;
    }
    return RD_OK;
}

void partial_close(remote_partial *partial) {
    if (partial->fd != -1)
        (void)close(partial->fd);
    free(partial->name);
    *partial = (remote_partial){.fd = -1};
}

const char partial_left_text[] =
    "what arrived in an earlier run is still beside it, as .NAME.redelta-partial; --partial uses and removes it";

bool partial_is_left(const char *name) {
    struct stat status;
    char *const partial = partial_name(name);
    const bool left = partial != NULL && lstat(partial, &status) == 0 && S_ISREG(status.st_mode);
    free(partial);
    return left;
}

/* ---- Two files as one ------------------------------------------------------------------------------------------- */

static rd_result partial_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const remote_partial *const partial = context;
    const uint64_t first = partial->parts[0].size;
    const uint64_t second = partial->parts[1].size;
    *got = 0;
    if (offset >= first + second)
        return RD_OK;
    const bool in_second = offset >= first;
    const uint64_t left = in_second ? first + second - offset : first - offset;
    return rd_source_read(&partial->parts[in_second], in_second ? offset - first : offset, data,
                          left < size ? (size_t)left : size, got, NULL);
}

rd_source partial_source(remote_partial *partial, const rd_source *old) {
    if (partial->fd == -1)
        return *old;
    partial->parts[0] = *old;
    partial->parts[1] = rd_source_fd_at(partial->fd, 0);
    return rd_source_callback(partial_read, partial, partial->parts[0].size + partial->parts[1].size,
                              RD_SEEKABLE | RD_CONCURRENT);
}

/* Copies at most so many bytes, as far as there are any; *done of them were. */
static rd_result partial_copy(const rd_sink *to, const rd_source *from, uint64_t size, uint64_t *done,
                              rd_error *error) {
    char *const chunk = malloc(PARTIAL_CHUNK);
    rd_result result = chunk != NULL ? RD_OK : RD_E_MEMORY;
    *done = 0;
    for (size_t got = 1; result == RD_OK && got > 0 && *done < size; *done += got) {
        const size_t most = size - *done < PARTIAL_CHUNK ? (size_t)(size - *done) : PARTIAL_CHUNK;
        got = 0;
        result = rd_source_read(from, *done, chunk, most, &got, error);
        if (result == RD_OK && got > 0)
            result = rd_sink_write(to, chunk, got, error);
    }
    free(chunk);
    return result;
}

rd_result partial_assemble(remote_partial *partial, const rd_sink *to, cli_failure *failure) {
    rd_error *const error = &failure->error;
    const rd_source from = partial_source(partial, &partial->parts[0]);
    uint64_t done = 0;
    const rd_result result = partial_copy(to, &from, from.size, &done, error);
    if (result == RD_OK && done < from.size)
        *error = (rd_error){.result = RD_E_CHANGED, .role = RD_ROLE_BASIS, .offset = done, .reason = "became shorter"};
    else
        error->result = result;
    return error->result;
}

/* ---- Keeping it ------------------------------------------------------------------------------------------------- */

void partial_keep(const remote_partial *partial, int fd, uint64_t size) {
    struct stat before;
    const bool longer = partial->fd != -1 && fstat(partial->fd, &before) == 0 && (uint64_t)before.st_size >= size;
    if (partial->name == NULL || size == 0 || longer)
        return;
    const rd_source from = rd_source_fd_at(fd, 0);
    (void)unlink(partial->name);
    const int to = open(partial->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (to == -1)
        return;
    const rd_sink sink = rd_sink_fd(to);
    uint64_t done = 0; /* fewer than `size` if the session counts bytes that it has not written yet */
    const bool kept = partial_copy(&sink, &from, size, &done, NULL) == RD_OK && done > 0;
    (void)close(to);
    if (!kept)
        (void)unlink(partial->name);
}

void partial_remove(const remote_partial *partial) {
    if (partial->name != NULL && partial->fd != -1)
        (void)unlink(partial->name);
}

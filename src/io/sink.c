/* Sinks: an open file, memory that grows, or functions of the caller. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "io/sink.h"

#include "base/memory.h"
#include "base/result.h"
#include "base/system.h"
#include "io/filter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#if !defined(_WIN32)
#include <sys/uio.h>
#endif

enum { MEMORY_MIN = 256 };

/* Some kernels write less in one call: Linux stops short of 2 GiB. */
#define WRITE_MAX ((size_t)1 << 30)

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static rd_result sink_memory_write_at(void *context, uint64_t offset, const void *data, size_t size) {
    rd_memory *const memory = context;
    if (size == 0)
        return RD_OK;
    if (offset > SIZE_MAX / 4 || size > SIZE_MAX / 4)
        return RD_E_MEMORY;
    const size_t end = (size_t)offset + size;
    if (end > memory->capacity) {
        const size_t doubled = memory->capacity > SIZE_MAX / 4 ? 0 : 2 * memory->capacity;
        const size_t capacity = end < doubled ? doubled : end < MEMORY_MIN ? MEMORY_MIN : end;
        uint8_t *const grown = rd__resize_array(memory->data, capacity, 1);
        if (!grown)
            return RD_E_MEMORY;
        memory->data = grown;
        memory->capacity = capacity;
    }
    if (offset > memory->size)
        memset(memory->data + memory->size, 0, (size_t)offset - memory->size);
    memcpy(memory->data + offset, data, size);
    if (end > memory->size)
        memory->size = end;
    return RD_OK;
}

static rd_result sink_memory_append(void *context, const void *data, size_t size) {
    return sink_memory_write_at(context, ((const rd_memory *)context)->size, data, size);
}

rd_sink rd_sink_memory(rd_memory *memory) {
    return rd_sink_callback_at(sink_memory_append, sink_memory_write_at, memory);
}

void rd_memory_free(rd_memory *memory) {
    free(memory->data);
    *memory = (rd_memory){0};
}

/* ---- Files and functions ----------------------------------------------------------------------------------------- */

rd_sink rd_sink_fd(int fd) {
    return (rd_sink){.fd = fd};
}

rd_sink rd_sink_callback(rd_write_fn *write, void *context) {
    return (rd_sink){.write = write, .context = context, .fd = -1};
}

rd_sink rd_sink_callback_at(rd_write_fn *write, rd_write_at_fn *write_at, void *context) {
    return (rd_sink){.write = write, .write_at = write_at, .context = context, .fd = -1};
}

/* At the file's position, unless `offset` is known. After a write that was interrupted or cut short, perhaps by a
 * signal, the operation says whether to continue. */
static rd_result sink_write_fd(int fd, rd__operation *operation, uint64_t offset, const uint8_t *data, size_t size) {
    while (size > 0) {
        const size_t wanted = rd__min_size(size, WRITE_MAX);
        const ssize_t n = offset == RD_UNKNOWN ? rd__system_write(fd, data, wanted)
                                               : rd__system_write_at(fd, data, wanted, (int64_t)offset);
        if (n == 0 || (n < 0 && errno != EINTR))
            return rd__fail_system(&operation->error, RD_ROLE_OUTPUT, n == 0 ? ENOSPC : errno, "cannot write");
        const size_t written = n > 0 ? (size_t)n : 0;
        data += written;
        size -= written;
        if (offset != RD_UNKNOWN)
            offset += written;
        const rd_result result = written < wanted ? rd__operation_progress(operation, operation->done) : RD_OK;
        if (result != RD_OK)
            return result;
    }
    return RD_OK;
}

static rd_result sink_check_callback(const rd_sink *sink, rd_result result, rd__operation *operation) {
    if (result != RD_OK && sink->write == rd__filter_write) {
        operation->error = *rd_filter_error(sink->context);
        return result;
    }
    if (result == RD_E_MEMORY)
        return rd__fail_memory(&operation->error);
    if (result == RD_MORE)
        return rd__fail(&operation->error, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "the caller's write function returned neither RD_OK nor a failure");
    if (result != RD_OK) {
        rd__fail_system(&operation->error, RD_ROLE_OUTPUT, errno, "the caller's write function failed");
        operation->error.result = result;
    }
    return result;
}

rd_result rd__sink_write(const rd_sink *sink, rd__operation *operation, const void *data, size_t size) {
    if (size == 0)
        return RD_OK;
    rd_result result = rd__operation_allow_output(operation, size);
    if (result != RD_OK)
        return result;
    if (sink->write) {
        errno = 0;
        result = sink_check_callback(sink, sink->write(sink->context, data, size), operation);
    } else {
        result = sink_write_fd(sink->fd, operation, RD_UNKNOWN, data, size);
    }
    if (result == RD_OK)
        operation->stats.out_bytes += size;
    return result;
}

/* Writes as much of the pieces to the file as one call takes, if there is such a call. */
static rd_result sink_write_vector(int fd, rd__operation *operation, const rd__piece *pieces, size_t count,
                                   size_t *written) {
    rd_result result = RD_OK;
    *written = 0;
#if !defined(_WIN32)
    struct iovec vector[RD__PIECES_MAX];
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++) {
        vector[i] = (struct iovec){.iov_base = (void *)pieces[i].data, .iov_len = pieces[i].size};
        size += pieces[i].size;
    }
    result = rd__operation_allow_output(operation, size);
    if (result != RD_OK)
        return result;
    const ssize_t n = writev(fd, vector, (int)count);
    if (n < 0 && errno != EINTR)
        return rd__fail_system(&operation->error, RD_ROLE_OUTPUT, errno, "cannot write");
    *written = n > 0 ? (size_t)n : 0;
    operation->stats.out_bytes += *written;
    if (*written < size)
        result = rd__operation_progress(operation, operation->done);
#else
    (void)fd, (void)operation, (void)pieces, (void)count;
#endif
    return result;
}

rd_result rd__sink_write_pieces(const rd_sink *sink, rd__operation *operation, const rd__piece *pieces, size_t count) {
    size_t written = 0;
    rd_result result = RD_OK;
    assert(count <= RD__PIECES_MAX);
    if (!sink->write && count > 1)
        result = sink_write_vector(sink->fd, operation, pieces, count, &written);
    for (size_t i = 0; result == RD_OK && i < count; i++) {
        const size_t passed = rd__min_size(written, pieces[i].size);
        written -= passed;
        result = rd__sink_write(sink, operation, pieces[i].data + passed, pieces[i].size - passed);
    }
    return result;
}

/* ---- Room -------------------------------------------------------------------------------------------------------- */

enum { RESERVED_MIN = 1024 * 1024 };

/* What is noted in `reserved`: the address of the element whose index is the flags. */
const char rd__sink_notes[RD__SINK_NOTES_END] = {0};

#if defined(FALLOC_FL_KEEP_SIZE)
/*
 * Only on ext4: there it costs nothing, and writing takes a sixth less processor time. On tmpfs a patch takes 1.05
 * times the processor time, and where files are compressed, or share blocks of the basis with the file that is patched
 * from it, they may need less room than they have bytes.
 *
 * The size is kept: after a power cut, a file that was not written would otherwise have its full length, in zeros.
 */
rd_result rd__sink_reserve(const rd_sink *sink, rd__operation *operation, uint64_t size) {
    const uint64_t limit = operation->options.limits.output;
    const int64_t start = rd__sink_has_note(sink, RD__SINK_UNSEEN) ? rd__system_position(sink->fd) : -1;
    if (start < 0 || size < RESERVED_MIN || size > (uint64_t)(INT64_MAX - start) || (limit != 0 && size > limit) ||
        !rd__system_is_on_ext4(sink->fd) || fallocate(sink->fd, FALLOC_FL_KEEP_SIZE, (off_t)start, (off_t)size) == 0 ||
        (errno != ENOSPC && errno != EDQUOT))
        return RD_OK;
    return rd__fail_system(&operation->error, RD_ROLE_OUTPUT, errno, "cannot write");
}

void rd__sink_release(const rd_sink *sink) {
    struct stat status;
    if (rd__sink_has_note(sink, RD__SINK_UNSEEN) && fstat(sink->fd, &status) == 0) {
        const int ignored = ftruncate(sink->fd, status.st_size); /* which it has: only what lies beyond goes */
        (void)ignored;
    }
}
#else
rd_result rd__sink_reserve(const rd_sink *sink, rd__operation *operation, uint64_t size) {
    (void)sink, (void)operation, (void)size;
    return RD_OK;
}

void rd__sink_release(const rd_sink *sink) {
    (void)sink;
}
#endif

/* ---- A sink and a source ----------------------------------------------------------------------------------------- */

static bool sink_is_same_file(int one, int other) {
    struct stat a;
    struct stat b;
    if (one < 0 || other < 0 || fstat(one, &a) != 0 || fstat(other, &b) != 0 ||
        (a.st_mode & S_IFMT) != (b.st_mode & S_IFMT))
        return false;
#if defined(S_ISBLK)
    if (S_ISBLK(a.st_mode))
        return a.st_rdev == b.st_rdev;
#endif
    /* Where there are no numbers of files, as on Windows, they are all 0. */
    return S_ISREG(a.st_mode) && a.st_ino != 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool rd_sink_overwrites(const rd_sink *sink, const rd_source *source) {
    return !sink->write && !source->read && sink_is_same_file(sink->fd, source->fd);
}

rd_result rd__sink_check_apart(const rd_sink *sink, const rd_source *source, rd_role role, rd_error *error) {
    if (!rd_sink_overwrites(sink, source))
        return RD_OK;
    return rd__fail(error, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN,
                    role == RD_ROLE_BASIS   ? "is also the basis, and would be overwritten as that is read"
                    : role == RD_ROLE_DELTA ? "is also the delta, and would be overwritten as that is read"
                                            : "is also the new file, and would be overwritten as that is read");
}

rd_result rd_sink_write(const rd_sink *sink, const void *data, size_t size, rd_error *error) {
    rd__operation operation = rd__operation_none();
    const rd_result result = rd__sink_write(sink, &operation, data, size);
    if (result != RD_OK && error)
        *error = operation.error;
    return result;
}

bool rd__sink_appends(int fd) {
#if defined(F_GETFL)
    const int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_APPEND) != 0;
#else
    (void)fd;
    return false;
#endif
}

rd_result rd_sink_write_at(const rd_sink *sink, uint64_t offset, const void *data, size_t size, rd_error *error) {
    rd__operation operation = rd__operation_none();
    rd_result result = RD_OK;
    bool in_order = false;
    if (offset > INT64_MAX || size > INT64_MAX - offset) {
        result = rd__fail(&operation.error, RD_E_PARAMETER, RD_ROLE_OUTPUT, offset, "the offset is out of range");
    } else if (sink->write_at) {
        errno = 0;
        result = sink_check_callback(sink, sink->write_at(sink->context, offset, data, size), &operation);
    } else if (sink->write || rd__sink_appends(sink->fd)) {
        in_order = true;
    } else {
        result = sink_write_fd(sink->fd, &operation, offset, data, size);
        if (result == RD_E_IO && operation.error.system_error == ESPIPE) /* a pipe, a terminal, a socket */
            in_order = true;
    }
    if (in_order)
        result = rd__fail(&operation.error, RD_E_STATE, RD_ROLE_OUTPUT, offset,
                          "the output can only be written in sequence");
    if (result != RD_OK && error)
        *error = operation.error;
    return result;
}

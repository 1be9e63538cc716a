/*
 * Sources: an open file, memory, or a function of the caller.
 *
 * A file or a device that has positions is read with pread, so its position is left alone and threads may share it.
 * Reads of a megabyte from the page cache cost less than the page faults of a mapping, and a file that shrinks
 * meanwhile ends early instead of killing the process.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "io/source.h"

#include "base/memory.h"
#include "base/result.h"
#include "base/system.h"
#include "io/filter.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#if defined(__linux__)
#if __has_include(<linux/fs.h>) /* not every C library comes with the kernel's headers */
#include <linux/fs.h>
#endif
#include <sys/ioctl.h>
#endif

/* Some kernels read less in one call: Linux stops short of 2 GiB. */
#define READ_MAX ((size_t)1 << 30)

/*
 * Whoever reads from it reports the error: a size that silently is not known would only change the recommended
 * parameters, and nobody would notice.
 */
static rd_source source_failed(int system_error) {
    return (rd_source){.fd = -1, .size = RD_UNKNOWN, .seekable = true, .failure = system_error};
}

/* Of a file or a block device; other devices have none. Asking for it does not move the position. */
static uint64_t source_size(int fd, const struct stat *status) {
    if (S_ISREG(status->st_mode))
        return (uint64_t)status->st_size;
#if defined(BLKGETSIZE64)
    uint64_t size = 0;
    if (S_ISBLK(status->st_mode) && ioctl(fd, BLKGETSIZE64, &size) == 0)
        return size;
#endif
    (void)fd;
    return RD_UNKNOWN;
}

static rd_source source_placed(int fd, const struct stat *status, int64_t origin) {
    rd_source source = {.fd = fd, .size = RD_UNKNOWN, .seekable = true, .concurrent = true, .origin = (uint64_t)origin};
    const uint64_t size = source_size(fd, status);
    if (size != RD_UNKNOWN)
        source.size = size - rd__min_u64(size, (uint64_t)origin);
    return source;
}

rd_source rd_source_fd(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return source_failed(errno);
    const int64_t origin = rd__system_position(fd);
    if (origin < 0)
        return S_ISREG(status.st_mode) ? source_failed(errno) : (rd_source){.fd = fd, .size = RD_UNKNOWN};
    return source_placed(fd, &status, origin);
}

rd_source rd_source_fd_at(int fd, uint64_t origin) {
    struct stat status;
    if (fstat(fd, &status) != 0 || rd__system_position(fd) < 0)
        return source_failed(errno);
    return origin <= INT64_MAX ? source_placed(fd, &status, (int64_t)origin) : source_failed(EINVAL);
}

rd_source rd_source_memory(const void *data, uint64_t size) {
    return (rd_source){.memory = data, .fd = -1, .size = size, .seekable = true, .concurrent = true};
}

rd_source rd_source_callback(rd_read_fn *read, void *context, uint64_t size, unsigned flags) {
    return (rd_source){.read = read,
                       .context = context,
                       .fd = -1,
                       .size = size,
                       .seekable = flags & RD_SEEKABLE,
                       .concurrent = flags & RD_CONCURRENT};
}

/* Nobody calls it: whoever reads looks for the kind first. */
static rd_result source_read_kind(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    (void)context, (void)offset, (void)data, (void)size;
    *got = 0;
    return RD_E_STATE;
}

rd_source rd__source_of_kind(const rd__source_kind *kind, void *context, uint64_t size, bool concurrent) {
    rd_source source = rd_source_callback(source_read_kind, context, size, RD_SEEKABLE);
    source.concurrent = concurrent;
    source.reserved[0] = (void *)kind;
    return source;
}

rd_source rd_source_range(const rd_source *source, uint64_t offset, uint64_t length) {
    const uint64_t size = source->size;
    const uint64_t most = source->end > 0 ? source->end : INT64_MAX;
    const bool outside = (size != RD_UNKNOWN && offset >= size) || offset >= most - source->origin;
    if (source->failure == 0 && !source->seekable && offset > 0) /* read from here, it would give its first bytes */
        return source_failed(ESPIPE);
    if (source->failure == 0 && (outside || length == 0))
        return rd_source_memory(NULL, 0);
    rd_source range = *source;
    range.origin += offset;
    if (size != RD_UNKNOWN)
        range.size = rd__min_u64(length, size - offset);
    if (length < INT64_MAX - range.origin && (source->end == 0 || range.origin + length < source->end))
        range.end = range.origin + length;
    return range;
}

static rd_result source_read_fd(const rd_source *source, rd__operation *operation, rd_role role, uint64_t offset,
                                void *data, size_t size, size_t *got) {
    /* A file ends at the largest offset at the latest. */
    const uint64_t most = source->seekable ? INT64_MAX - rd__min_u64(source->origin + offset, INT64_MAX) : READ_MAX;
    *got = 0;
    if (most == 0)
        return RD_OK;
    for (;;) {
        const size_t wanted = (size_t)rd__min_u64(rd__min_size(size, READ_MAX), most);
        const ssize_t n = source->seekable
                              ? rd__system_read_at(source->fd, data, wanted, (int64_t)(source->origin + offset))
                              : rd__system_read(source->fd, data, wanted);
        if (n >= 0) {
            *got = (size_t)n;
            return RD_OK;
        }
        if (errno != EINTR)
            return rd__fail_system(&operation->error, role, errno, "cannot read");
        const rd_result result = rd__operation_progress(operation, operation->done);
        if (result != RD_OK)
            return result;
    }
}

static rd_result source_read_callback(const rd_source *source, rd__operation *operation, rd_role role, uint64_t offset,
                                      void *data, size_t size, size_t *got) {
    size_t n = 0;
    errno = 0;
    const rd_result result = source->read(source->context, source->origin + offset, data, size, &n);
    if (result == RD_MORE && operation->may_wait)
        return result;
    if (result == RD_MORE)
        return rd__fail(&operation->error, RD_E_PARAMETER, role, RD_UNKNOWN,
                        "the caller's read function returned neither RD_OK nor a failure");
    if (result != RD_OK && source->read == rd__filter_read) {
        operation->error = *rd_filter_error(source->context);
        if (operation->error.role == RD_ROLE_NONE && result != RD_E_CANCELLED && result != RD_E_MEMORY)
            operation->error.role = role;
        return result;
    }
    if (result != RD_OK) {
        rd__fail_system(&operation->error, role, errno, "the caller's read function failed");
        operation->error.result = result;
        return result;
    }
    if (n > size)
        return rd__fail(&operation->error, RD_E_PARAMETER, role, RD_UNKNOWN,
                        "the caller's read function reports more bytes than there is room for");
    *got = n;
    return RD_OK;
}

static rd_result source_fail(const rd_source *source, rd_role role, rd_error *error) {
    return rd__fail_system(error, role, source->failure, "cannot be examined");
}

rd_result rd__source_check_seekable(const rd_source *source, rd_role role, rd_result otherwise, rd_error *error) {
    if (source->failure != 0)
        return source_fail(source, role, error);
    if (source->seekable)
        return RD_OK;
    return rd__fail(error, otherwise, role, RD_UNKNOWN,
                    "it must be readable in any order, and can only be read in sequence");
}

rd_result rd__source_read_some(const rd_source *source, rd__operation *operation, rd_role role, uint64_t offset,
                               void *data, size_t size, size_t *got) {
    *got = 0;
    if (source->failure != 0)
        return source_fail(source, role, &operation->error);
    if (offset > UINT64_MAX - source->origin) /* no file is that long */
        return RD_OK;
    if (source->end > 0) { /* a range */
        if (offset >= source->end - source->origin)
            return RD_OK;
        size = (size_t)rd__min_u64(size, source->end - source->origin - offset);
    }
    if (source->read == source_read_kind)
        return ((const rd__source_kind *)source->reserved[0])
            ->read(source->context, operation, source->origin + offset, data, size, got);
    if (source->read)
        return source_read_callback(source, operation, role, offset, data, size, got);
    if (source->fd >= 0)
        return source_read_fd(source, operation, role, offset, data, size, got);
    /* Memory has no failures: what lies after its end is the end. */
    *got = offset < source->size ? (size_t)rd__min_u64(source->size - offset, size) : 0;
    if (*got > 0)
        memcpy(data, (const uint8_t *)source->memory + source->origin + offset, *got);
    return RD_OK;
}

rd_result rd__source_read(const rd_source *source, rd__operation *operation, rd_role role, uint64_t offset, void *data,
                          size_t size, size_t *got) {
    size_t n = 1;
    rd_result result = RD_OK;
    *got = 0;
    for (; result == RD_OK && *got < size && n > 0; *got += n)
        result = rd__source_read_some(source, operation, role, offset + *got, (uint8_t *)data + *got, size - *got, &n);
    return result;
}

rd_result rd__basis_read(const rd_source *basis, rd__operation *operation, uint64_t offset, void *data, size_t size,
                         size_t *got) {
    const rd_result result = rd__source_read(basis, operation, RD_ROLE_BASIS, offset, data, size, got);
    if (result != RD_OK || *got == size)
        return result;
    return rd__fail(&operation->error, RD_E_TRUNCATED, RD_ROLE_BASIS, offset + *got,
                    "the basis is too short: the delta copies from beyond its end");
}

rd_result rd__basis_check_size(const rd_source *basis, rd__operation *operation, uint64_t size) {
    uint8_t bytes[2];
    const size_t before = size > 0 ? 1 : 0; /* the last byte, and none after it */
    size_t got = 0;
    const bool is_known = basis->failure == 0 && !basis->read && basis->size != RD_UNKNOWN && basis->size > 0;
    bool same = basis->size == size;
    if (!is_known) {
        const rd_result result =
            rd__source_read(basis, operation, RD_ROLE_BASIS, size - before, bytes, before + 1, &got);
        if (result != RD_OK)
            return result;
        same = got == before;
    }
    return same ? RD_OK
                : rd__fail(&operation->error, RD_E_MISMATCH, RD_ROLE_BASIS, RD_UNKNOWN,
                           "this is not the basis of the delta: its length differs");
}

rd_result rd_source_read(const rd_source *source, uint64_t offset, void *data, size_t size, size_t *got,
                         rd_error *error) {
    rd__operation operation = rd__operation_none();
    const rd_result result = rd__source_read(source, &operation, RD_ROLE_NONE, offset, data, size, got);
    if (result != RD_OK && error)
        *error = operation.error;
    return result;
}

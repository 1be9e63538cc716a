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

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* More in one call than some kernels take: Linux stops short of 2 GiB. */
#define READ_MAX ((size_t)1 << 30)

/*
 * The error is told by whoever reads: not to know the size would not be told by anyone, but change the recommended
 * parameters.
 */
static rd_source failed(int system_error) {
    return (rd_source){.fd = -1, .size = RD_UNKNOWN, .seekable = true, .failure = system_error};
}

static rd_source placed(int fd, const struct stat *status, int64_t origin) {
    rd_source source = {.fd = fd, .size = RD_UNKNOWN, .seekable = true, .origin = (uint64_t)origin};
    if (S_ISREG(status->st_mode))
        source.size = status->st_size > origin ? (uint64_t)(status->st_size - origin) : 0;
    return source;
}

rd_source rd_source_fd(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0)
        return failed(errno);
    const int64_t origin = rd__system_position(fd);
    if (origin < 0)
        return S_ISREG(status.st_mode) ? failed(errno) : (rd_source){.fd = fd, .size = RD_UNKNOWN};
    return placed(fd, &status, origin);
}

rd_source rd_source_fd_at(int fd, uint64_t origin) {
    struct stat status;
    if (fstat(fd, &status) != 0 || rd__system_position(fd) < 0)
        return failed(errno);
    return origin <= INT64_MAX ? placed(fd, &status, (int64_t)origin) : failed(EINVAL);
}

rd_source rd_source_memory(const void *data, uint64_t size) {
    return (rd_source){.memory = data, .fd = -1, .size = size, .seekable = true};
}

rd_source rd_source_callback(rd_read_fn *read, void *context, uint64_t size, bool seekable) {
    return (rd_source){.read = read, .context = context, .fd = -1, .size = size, .seekable = seekable};
}

static rd_result read_fd(const rd_source *source, rd__job *job, rd_role role, uint64_t offset, void *data, size_t size,
                         size_t *got) {
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
            return rd__fail_system(&job->error, role, errno, "cannot read");
        const rd_result result = rd__job_progress(job, job->done);
        if (result != RD_OK)
            return result;
    }
}

static rd_result read_callback(const rd_source *source, rd__job *job, rd_role role, uint64_t offset, void *data,
                               size_t size, size_t *got) {
    size_t n = 0;
    errno = 0;
    const rd_result result = source->read(source->context, offset, data, size, &n);
    if (result == RD_MORE && job->may_wait)
        return result;
    if (result == RD_MORE)
        return rd__fail(&job->error, RD_E_PARAMETER, role, RD_UNKNOWN,
                        "the caller's read function gave neither RD_OK nor a failure");
    if (result != RD_OK) {
        rd__fail_system(&job->error, role, errno, "the caller's read function failed");
        job->error.result = result;
        return result;
    }
    if (n > size)
        return rd__fail(&job->error, RD_E_PARAMETER, role, RD_UNKNOWN,
                        "the caller's read function says that it read more than there is room for");
    *got = n;
    return RD_OK;
}

/* Memory has no failures: what lies beyond its end is the end. */
static void read_memory(const rd_source *source, uint64_t offset, void *data, size_t size, size_t *got) {
    *got = offset < source->size ? (size_t)rd__min_u64(source->size - offset, size) : 0;
    if (*got > 0)
        memcpy(data, (const uint8_t *)source->memory + offset, *got);
}

rd_result rd__source_read_some(const rd_source *source, rd__job *job, rd_role role, uint64_t offset, void *data,
                               size_t size, size_t *got) {
    *got = 0;
    if (source->failure != 0)
        return rd__fail_system(&job->error, role, source->failure, "cannot be examined");
    if (source->read)
        return read_callback(source, job, role, offset, data, size, got);
    if (source->fd >= 0)
        return read_fd(source, job, role, offset, data, size, got);
    read_memory(source, offset, data, size, got);
    return RD_OK;
}

rd_result rd__source_read(const rd_source *source, rd__job *job, rd_role role, uint64_t offset, void *data, size_t size,
                          size_t *got) {
    size_t n = 1;
    rd_result result = RD_OK;
    *got = 0;
    for (; result == RD_OK && *got < size && n > 0; *got += n)
        result = rd__source_read_some(source, job, role, offset + *got, (uint8_t *)data + *got, size - *got, &n);
    return result;
}

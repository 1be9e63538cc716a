/* See sparse.h. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "io/sparse.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "base/system.h"
#include "io/sink.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BLOCK = RD__FILE_BLOCK, /* a hole that is not whole blocks of its file system takes a few bytes more room */
    ZEROS_SIZE = 32 * 1024
};

/* In one call, so that progress is reported and signals are heeded: a device may take its time. */
#define PUNCH_MAX ((uint64_t)1 << 30)

static const uint8_t sparse_buffer[ZEROS_SIZE] = {0};

/* ---- What the system can do ------------------------------------------------------------------------------------- */

static bool sparse_is_device(const struct stat *status) {
#if defined(S_ISBLK)
    return S_ISBLK(status->st_mode);
#else
    (void)status;
    return false;
#endif
}

#if defined(__linux__) && defined(FALLOC_FL_PUNCH_HOLE) && defined(FALLOC_FL_ZERO_RANGE)
/* The second has a device write the zeros itself. */
static const int sparse_punches[] = {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
enum { PUNCHES = sizeof sparse_punches / sizeof sparse_punches[0], PUNCH_FREES = 0 };

static bool sparse_punch(int fd, int way, uint64_t position, uint64_t size) {
    int result;
    do
        result = fallocate(fd, sparse_punches[way], (off_t)position, (off_t)size);
    while (result != 0 && errno == EINTR);
    return result == 0;
}
#else
enum { PUNCHES = 0, PUNCH_FREES = 0 };

static bool sparse_punch(int fd, int way, uint64_t position, uint64_t size) {
    (void)fd, (void)way, (void)position, (void)size;
    return false;
}
#endif

bool rd__sparse_punch(int fd, uint64_t position, uint64_t size) {
    return sparse_punch(fd, PUNCH_FREES, position, size);
}

/* ---- Holes ------------------------------------------------------------------------------------------------------- */

rd__sparse rd__sparse_of(const rd_sink *sink, rd__operation *operation, bool basis_is_sparse) {
    const rd_sparse wanted = operation->options.sparse;
    rd__sparse sparse = {.sink = sink, .operation = operation};
    struct stat status;
    assert(operation->stats.out_bytes == 0);
    if (wanted == RD_SPARSE_NEVER || sink->write || fstat(sink->fd, &status) != 0)
        return sparse;
    const bool asked = wanted == RD_SPARSE_ALWAYS || basis_is_sparse ||
                       rd__sink_has_note(sink, RD__SINK_REPLACES_SPARSE) || rd__system_is_sparse(&status);
    const int64_t start = rd__system_position(sink->fd);
    sparse.is_device = sparse_is_device(&status);
    if (!asked || start < 0 || !(sparse.is_device || S_ISREG(status.st_mode)) || rd__sink_appends(sink->fd))
        return sparse;
    sparse.start = (uint64_t)start;
    sparse.old_end = sparse.is_device ? INT64_MAX : (uint64_t)status.st_size;
    sparse.makes_holes = sparse.is_device || rd__system_allow_holes(sink->fd);
    return sparse;
}

static uint64_t sparse_position(const rd__sparse *sparse) {
    return sparse->start + sparse->operation->stats.out_bytes;
}

size_t rd__sparse_run(const rd__sparse *sparse, const uint8_t *data, size_t size, bool *zeros) {
    size_t end = 0;
    *zeros = false;
    if (!sparse->makes_holes)
        return size;
    while (end < size) {
        const size_t to_boundary = BLOCK - (size_t)((sparse_position(sparse) + end) % BLOCK);
        const size_t piece = rd__min_size(to_boundary, size - end);
        const bool zero = rd__is_zeros(data + end, piece);
        if (end == 0)
            *zeros = zero;
        else if (zero != *zeros)
            break;
        end += piece;
    }
    return end;
}

/* ---- Zeros ------------------------------------------------------------------------------------------------------- */

static rd_result sparse_fail(rd__sparse *sparse, int system_error) {
    return rd__fail_system(&sparse->operation->error, RD_ROLE_OUTPUT, system_error, "cannot write");
}

/* Moves the position of the file, which was not moved by what was written, over `size` bytes. */
static rd_result sparse_skip(rd__sparse *sparse, uint64_t size) {
    const uint64_t position = sparse_position(sparse);
    const bool fits = position <= INT64_MAX && size <= INT64_MAX - position;
    if (!fits || rd__system_seek(sparse->sink->fd, (int64_t)(position + size)) < 0) {
        const bool is_beyond = !fits || errno == EINVAL || errno == EOVERFLOW; /* what can be written to */
        return sparse_fail(sparse, !is_beyond ? errno : sparse->is_device ? ENOSPC : EFBIG);
    }
    sparse->operation->stats.out_bytes += size;
    return RD_OK;
}

/* Punches a hole where the next `size` bytes go, if they are whole blocks. False: nothing was done. */
static bool sparse_punch_blocks(rd__sparse *sparse, uint64_t size, bool *frees) {
    const uint64_t position = sparse_position(sparse);
    if (position % BLOCK != 0 || size == 0 || size % BLOCK != 0)
        return false;
    for (; sparse->refused < PUNCHES; sparse->refused++) {
        *frees = sparse->refused == PUNCH_FREES;
        if (sparse_punch(sparse->sink->fd, sparse->refused, position, size))
            return true;
    }
    return false;
}

/* Appends some of `count` zeros. */
static rd_result sparse_some_zeros(rd__sparse *sparse, uint64_t count) {
    const uint64_t position = sparse_position(sparse);
    rd_stats *const stats = &sparse->operation->stats;
    uint64_t size = count;
    bool frees = true;
    rd_result result = RD_OK;
    if (sparse->makes_holes && position >= sparse->old_end) {
        result = sparse_skip(sparse, size);
        stats->hole_bytes += result == RD_OK ? size : 0;
        return result;
    }
    if (sparse->makes_holes) {
        size = rd__min_u64(rd__min_u64(count, PUNCH_MAX), sparse->old_end - position) / BLOCK * BLOCK;
        if (sparse_punch_blocks(sparse, size, &frees)) {
            result = sparse_skip(sparse, size);
            stats->hole_bytes += result == RD_OK && frees ? size : 0;
            return result;
        }
        size = rd__min_u64(count, BLOCK - position % BLOCK);
        if (sparse->refused == PUNCHES)
            size = count;
    }
    return rd__sink_write(sparse->sink, sparse->operation, sparse_buffer, (size_t)rd__min_u64(size, ZEROS_SIZE));
}

rd_result rd__sparse_zeros(rd__sparse *sparse, uint64_t count) {
    const uint64_t end = sparse->operation->stats.out_bytes + count;
    rd_result result = rd__operation_allow_output(sparse->operation, count);
    while (result == RD_OK && sparse->operation->stats.out_bytes < end) {
        result = sparse_some_zeros(sparse, end - sparse->operation->stats.out_bytes);
        if (result == RD_OK)
            result = rd__operation_progress(sparse->operation, sparse->operation->stats.out_bytes);
    }
    return result;
}

rd_result rd__sparse_finish(const rd__sparse *sparse) {
    const uint64_t end = sparse_position(sparse);
    struct stat status;
    if (!sparse->makes_holes || sparse->is_device || end <= sparse->old_end)
        return RD_OK;
    if (fstat(sparse->sink->fd, &status) == 0 && (uint64_t)status.st_size >= end)
        return RD_OK;
    if (rd__system_extend(sparse->sink->fd, (int64_t)end) == 0)
        return RD_OK;
    return rd__fail_system(&sparse->operation->error, RD_ROLE_OUTPUT, errno, "cannot write");
}

/*
 * See overwrite.h.
 *
 * The old file is not emptied first: where the new one is no longer, no room on the disk is needed that is not there
 * already, except for holes that become data.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "file/overwrite.h"

#include "base/memory.h"
#include "base/result.h"
#include "file/destination.h"
#include "io/holes.h"
#include "io/sparse.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 1024 * 1024 };

static rd_result overwrite_write(int to, const uint8_t *data, size_t size, uint64_t offset, rd_error *error) {
    const rd_sink sink = rd_sink_fd(to);
    return rd_sink_write_at(&sink, offset, data, size, error);
}

/* Copies the range. */
static rd_result overwrite_range(int to, const rd_source *from, uint64_t offset, uint64_t length, uint8_t *chunk,
                                 rd_error *error) {
    rd_result result = RD_OK;
    for (uint64_t done = 0; result == RD_OK && done < length;) {
        size_t got = 0;
        const size_t size = (size_t)rd__min_u64(length - done, CHUNK);
        result = rd_source_read(from, offset + done, chunk, size, &got, error);
        if (result == RD_OK && got == 0)
            break;
        if (result == RD_OK)
            result = overwrite_write(to, chunk, got, offset + done, error);
        done += got;
    }
    return result;
}

/*
 * Copies all. Zeros of a hole are only written where none can be made. Beyond the old file's end there are zeros
 * anyway, once its size is set.
 */
static rd_result overwrite_bytes(int to, const rd_source *from, uint8_t *chunk, rd_error *error) {
    rd__holes holes = rd__holes_open(from);
    rd_result result = RD_OK;
    for (uint64_t offset = 0, length = 0; result == RD_OK && offset < from->size; offset += length) {
        const bool hole = rd__holes_at(&holes, offset, &length);
        if (!hole || !rd__sparse_punch(to, offset, length))
            result = overwrite_range(to, from, offset, length, chunk, error);
    }
    rd__holes_close(&holes);
    return result;
}

rd_result rd__overwrite(int to, int from, bool *touched, rd_error *error) {
    struct stat status;
    const rd_source source = rd_source_fd_at(from, 0);
    *touched = false;
    if (fstat(to, &status) != 0 || !S_ISREG(status.st_mode) || source.failure != 0)
        return rd__fail_system(error, RD_ROLE_OUTPUT, EINVAL, "cannot be written over");
    const mode_t mode = status.st_mode & 07777;
    if ((mode & (S_ISUID | S_ISGID)) != 0 && fchmod(to, mode & ~(mode_t)(S_ISUID | S_ISGID)) != 0)
        return rd__fail_system(error, RD_ROLE_OUTPUT, errno, "cannot set the mode of the output");
    uint8_t *const chunk = rd__alloc_array(CHUNK, 1);
    if (!chunk)
        return rd__fail_memory(error);
    *touched = true;
    rd_result result = overwrite_bytes(to, &source, chunk, error);
    free(chunk);
    if (result == RD_OK && (ftruncate(to, (off_t)source.size) != 0 || !rd__destination_flush(to)))
        result = rd__fail_system(error, RD_ROLE_OUTPUT, errno, "cannot write the output to the disk");
    if (result != RD_OK)
        error->role = RD_ROLE_OUTPUT;
    return result;
}

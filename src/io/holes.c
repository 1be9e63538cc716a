/*
 * See holes.h.
 *
 * lseek finds holes, and moves the position that the handle shares with whoever else has the file open through it. So
 * the file is opened once more, through /proc, which gives a handle with a position of its own even if the file has no
 * name. Only Linux has that; elsewhere all is data.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "io/holes.h"

#include "base/memory.h"
#include "base/system.h"
#include "io/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
/*
 * Whether this process has record locks (fcntl) on the file. Closing any handle on it would release them all. If that
 * is not told, they are taken to be there.
 */
static bool holes_are_locked(int fd) {
    char path[sizeof "/proc/self/fdinfo/" + 3 * sizeof fd];
    char text[4096]; /* a few lines, and one for each lock */
    (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    const int info = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = info >= 0 ? read(info, text, sizeof text - 1) : -1;
    if (info >= 0)
        close(info);
    text[size > 0 ? size : 0] = '\0';
    return size <= 0 || strstr(text, "\nlock:") != NULL;
}

static int holes_reopen(int fd) {
    char path[sizeof "/proc/self/fd/" + 3 * sizeof fd];
    if (holes_are_locked(fd))
        return -1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

rd__holes rd__holes_open(const rd_source *source) {
    rd__holes holes = {.fd = -1, .origin = source->origin, .size = source->size};
    struct stat status;
    if (source->failure != 0 || source->read || source->fd < 0 || !source->seekable || source->size == RD_UNKNOWN ||
        source->size == 0 || fstat(source->fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        !rd__system_is_sparse(&status))
        return holes;
    holes.fd = holes_reopen(source->fd);
    return holes;
}

/* Does the source still have all of its bytes? What a file has lost is no hole: reading finds where it ends now. */
static bool holes_complete(const rd__holes *holes) {
    struct stat status;
    return fstat(holes->fd, &status) == 0 && (uint64_t)status.st_size >= holes->origin + holes->size;
}

/* A failure, as on file systems that know no holes, means data. ENXIO: no data from here to the end. */
static void holes_find(rd__holes *holes, uint64_t offset) {
    const off_t at = (off_t)(holes->origin + offset);
    off_t next = lseek(holes->fd, at, SEEK_DATA);
    holes->start = offset;
    holes->is_hole = next > at || (next < 0 && errno == ENXIO && holes_complete(holes));
    if (!holes->is_hole && next == at)
        next = lseek(holes->fd, at, SEEK_HOLE);
    holes->end = holes->size;
    if (next > at)
        holes->end = rd__min_u64(holes->size, (uint64_t)next - holes->origin);
}

bool rd__holes_at(rd__holes *holes, uint64_t offset, uint64_t *length) {
    if (holes->fd < 0 || offset >= holes->size) {
        *length = holes->size - rd__min_u64(offset, holes->size);
        return false;
    }
    if (offset < holes->start || offset >= holes->end)
        holes_find(holes, offset);
    *length = holes->end - offset;
    return holes->is_hole;
}

void rd__holes_close(rd__holes *holes) {
    if (holes->fd >= 0)
        close(holes->fd);
    holes->fd = -1;
}
#else
rd__holes rd__holes_open(const rd_source *source) {
    return (rd__holes){.fd = -1, .size = source->size};
}

bool rd__holes_at(rd__holes *holes, uint64_t offset, uint64_t *length) {
    *length = holes->size - rd__min_u64(offset, holes->size);
    return false;
}

void rd__holes_close(rd__holes *holes) {
    (void)holes;
}
#endif

rd_result rd__holes_read(rd__holes *holes, const rd_source *source, rd__operation *operation, rd_role role,
                         uint64_t offset, void *data, size_t size, size_t *got) {
    if (holes->fd < 0)
        return rd__source_read(source, operation, role, offset, data, size, got);
    for (*got = 0; *got < size;) {
        uint64_t length = 0;
        uint8_t *const to = (uint8_t *)data + *got;
        const bool is_hole = rd__holes_at(holes, offset + *got, &length);
        const size_t wanted = (size_t)rd__min_u64(size - *got, length);
        size_t n = wanted;
        rd_result result = RD_OK;
        if (is_hole)
            memset(to, 0, wanted);
        else
            result = rd__source_read(source, operation, role, offset + *got, to, wanted, &n);
        *got += n;
        if (result != RD_OK || n < wanted || wanted == 0)
            return result;
    }
    return RD_OK;
}

bool rd__holes_any(rd__holes *holes) {
    uint64_t length = 0;
    return rd__holes_at(holes, 0, &length) || length < holes->size;
}

uint64_t rd_source_holes(const rd_source *source) {
    rd__holes holes = rd__holes_open(source);
    uint64_t bytes = 0;
    uint64_t length = 0;
    for (uint64_t offset = 0; holes.fd >= 0 && offset < holes.size; offset += length)
        bytes += rd__holes_at(&holes, offset, &length) ? length : 0;
    rd__holes_close(&holes);
    return bytes;
}

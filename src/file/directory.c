/*
 * A directory in which many files are written: it is opened and swept once, and flushes to the disk are shared.
 *
 * A file that is to be replaced safely must be on the disk before it takes its name. Waiting for that costs about as
 * much for a hundred small files as for one, so complete files are queued, still without their names, and the batch is
 * flushed together. Then each is renamed, in the order of the commits. Between two of these steps, at any moment, each
 * name has its old file or its new one; what a killed process leaves is unlocked then, and the next sweep removes it.
 * What needs no flush is not queued.
 *
 * syncfs(2) flushes a batch at once, but also whatever else is dirty on the file system, and it tells neither which
 * file failed nor, before Linux 5.8, that any did. So each file is asked then whether its own bytes were written; and
 * syncfs is used only on the file systems on which it is known to do what fsync does for each file. (FUSE and CIFS do
 * not pass it on to the server.) Elsewhere, and for a batch of one, each file is flushed by fsync.
 *
 * Files in a batch are independent: if one fails, its name keeps the old file, and the others take theirs.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "base/memory.h"
#include "base/result.h"
#include "file/destination.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/vfs.h>
#endif

/* A handle that is only good for the *at functions needs no right to list the directory. */
#if defined(O_PATH)
#define HANDLE_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#else
#define HANDLE_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#endif

/*
 * The bounds of a batch. Each file in it takes a descriptor, of which a process often has 1024; and until they are
 * named, old and new files take room on the disk. Larger batches are hardly faster.
 */
enum { BATCH_FILES = 128, BATCH_BYTES = 64 * 1024 * 1024 };

/* Destinations in order, linked by `next`. */
typedef struct directory_list {
    rd_destination *first;
    rd_destination *last;
} directory_list;

struct rd_directory {
    int fd;
    bool has_syncfs; /* that flushes files as fsync does */
    bool can_link;   /* open files */
    bool renamed;    /* files of batches, since their names were flushed */
    directory_list queue;
    size_t queued;
    uint64_t queued_bytes;
    directory_list failed;
    rd_destination *reported; /* the failed one that the last rd_directory_flush returned */
};

static void directory_append(directory_list *list, rd_destination *d) {
    assert(!d->next);
    if (list->last)
        list->last->next = d;
    else
        list->first = d;
    list->last = d;
}

/* NULL: the list is empty. */
static rd_destination *directory_take_first(directory_list *list) {
    rd_destination *const d = list->first;
    if (!d)
        return NULL;
    list->first = d->next;
    if (!list->first)
        list->last = NULL;
    d->next = NULL;
    return d;
}

int rd__directory_handle(const char *path) {
    int fd;
    do
        fd = open(path, HANDLE_FLAGS);
    while (fd < 0 && errno == EINTR);
    return fd;
}

int rd__directory_fd(const rd_directory *directory) {
    return directory->fd;
}

bool rd__directory_can_link(const rd_directory *directory) {
    return directory->can_link;
}

/* Whether syncfs on this file system is as good as fsync on each file: known of those on local disks or in memory. */
static bool directory_has_syncfs(int fd) {
#if defined(__linux__)
    static const uint32_t known[] = {
        0xef53,     /* ext4 (and its elders) */
        0x58465342, /* XFS */
        0x9123683e, /* Btrfs */
        0xf2f52010, /* F2FS */
        0x01021994  /* tmpfs */
    };
    struct statfs status;
    if (fstatfs(fd, &status) != 0)
        return false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if ((uint32_t)status.f_type == known[i])
            return true;
    }
#else
    (void)fd;
#endif
    return false;
}

rd_result rd_directory_open(rd_directory **directory, const char *path, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    *directory = NULL;
    const int fd = rd__directory_handle(path);
    if (fd < 0)
        return rd__fail_system(e, RD_ROLE_OUTPUT, errno, "cannot open the directory for the output");
    rd_directory *const opened = rd__alloc_zeroed(1, sizeof *opened);
    if (!opened) {
        close(fd);
        return rd__fail_memory(e);
    }
    opened->fd = fd;
    opened->has_syncfs = directory_has_syncfs(fd);
    opened->can_link = rd__can_link_open_file(fd);
    rd__temporary_sweep_directory(fd);
    *directory = opened;
    return RD_OK;
}

/* ---- The batch --------------------------------------------------------------------------------------------------- */

bool rd__directory_has_queued(const rd_directory *directory, const char *name) {
    for (const rd_destination *d = directory->queue.first; d; d = d->next) {
        if (strcmp(d->name, name) == 0)
            return true;
    }
    return false;
}

void rd__directory_queue(rd_directory *directory, rd_destination *d) {
    struct stat status = {.st_size = 0};
    (void)fstat(d->fd, &status);
    directory_append(&directory->queue, d);
    directory->queued++;
    directory->queued_bytes += (uint64_t)status.st_size;
    if (directory->queued >= BATCH_FILES || directory->queued_bytes >= BATCH_BYTES)
        rd__directory_finish_batch(directory);
}

/* Flushes the file system of the queued files. False: they must be flushed one by one. */
static bool directory_flush_together(const rd_directory *directory) {
#if defined(SYNC_FILE_RANGE_WAIT_BEFORE)
    return directory->has_syncfs && directory->queued > 1 && syncfs(directory->queue.first->fd) == 0;
#else
    (void)directory;
    return false;
#endif
}

/*
 * Whether the file's bytes are on the disk, to which they were flushed `together` with others, or else are flushed now.
 * False: errno.
 */
static bool directory_is_flushed(const rd_destination *d, bool together) {
#if defined(SYNC_FILE_RANGE_WAIT_BEFORE)
    int result = -1;
    if (together) {
        do
            result = sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE);
        while (result != 0 && errno == EINTR);
        if (result == 0 || errno != ENOSYS) /* an error is reported only once: fsync would not tell it again */
            return result == 0;
    }
#else
    (void)together;
#endif
    return rd__destination_flush(d->fd);
}

void rd__directory_finish_batch(rd_directory *directory) {
    const bool together = directory_flush_together(directory);
    for (rd_destination *d = directory_take_first(&directory->queue); d; d = directory_take_first(&directory->queue)) {
        rd_result result = RD_OK;
        if (!directory_is_flushed(d, together))
            result = rd__fail_system(&d->error, RD_ROLE_OUTPUT, errno, "cannot write the output to the disk");
        if (result == RD_OK)
            result = rd__destination_take_name(d, &d->error);
        if (result == RD_OK) {
            directory->renamed = true;
            rd__destination_free(d);
        } else {
            rd__destination_close(d);
            directory_append(&directory->failed, d);
        }
    }
    directory->queued = 0;
    directory->queued_bytes = 0;
}

rd_result rd_directory_flush(rd_directory *directory, const char **name, rd_error *error) {
    rd__directory_finish_batch(directory);
    if (directory->renamed)
        rd__destination_flush_names(directory->fd);
    directory->renamed = false;

    if (directory->reported)
        rd__destination_free(directory->reported);
    directory->reported = directory_take_first(&directory->failed);
    if (name)
        *name = directory->reported ? directory->reported->name : NULL;
    if (!directory->reported)
        return RD_OK;
    if (error)
        *error = directory->reported->error;
    return directory->reported->error.result;
}

rd_result rd_directory_close(rd_directory *directory, rd_error *error) {
    const rd_result result = rd_directory_flush(directory, NULL, error);
    rd_directory_discard(directory);
    return result;
}

void rd_directory_discard(rd_directory *directory) {
    if (!directory)
        return;
    for (rd_destination *d = directory_take_first(&directory->queue); d; d = directory_take_first(&directory->queue))
        rd__destination_free(d);
    for (rd_destination *d = directory_take_first(&directory->failed); d; d = directory_take_first(&directory->failed))
        rd__destination_free(d);
    if (directory->reported)
        rd__destination_free(directory->reported);
    close(directory->fd);
    free(directory);
}

/*
 * What destination.c (one file) and directory.c (a batch of them) share: the states of a file on its way to its name.
 *
 *   open      it is being written
 *   complete  it has its mode, and whatever its file system reports late has been reported
 *   flushed   its bytes are on the disk, if they must be
 *   named     it has the destination's name; freed
 *
 * A failure on the way leaves the name with what it had.
 */
#ifndef RD_FILE_DESTINATION_H
#define RD_FILE_DESTINATION_H

#include "file/temporary.h"
#include "redelta.h"

#include <sys/stat.h>

struct rd_destination {
    int fd;
    bool direct;             /* fd is the destination itself, not a file that will take its name */
    int directory;           /* a handle on it */
    rd_directory *batch;     /* the directory whose handle that is; NULL: the handle is this destination's own */
    char *name;              /* in the directory */
    rd__temporary temporary; /* the file's own name in the directory, if it has one */
    bool locked;             /* of a file without one: for the time when it gets one */
    rd_replace replace;
    bool existed;
    struct stat old; /* the file to be replaced, if it existed */

    /* In a list of its directory's. */
    rd_destination *next;
    rd_error error; /* of one that failed */
};

/* Flushes to the disk, where there is one to flush to. False: errno. */
bool rd__destination_flush(int fd);

/* Gives a file that is complete, and flushed if it must be, the destination's name. */
rd_result rd__destination_take_name(rd_destination *d, rd_error *error);

/* Makes names in the directory durable, if it can be read. They are whole without that, so a failure does not matter.
 */
void rd__destination_flush_names(int directory);

/* Closes the file and removes the name that it has, unless it has the destination's. */
void rd__destination_close(rd_destination *d);

/* Closes and frees. */
void rd__destination_free(rd_destination *d);

/* Queues a complete file, which then belongs to the directory: to be flushed with others, and only then named. */
void rd__directory_queue(rd_directory *directory, rd_destination *d);

/* Whether a file of that name is queued. */
bool rd__directory_has_queued(const rd_directory *directory, const char *name);

/* Flushes what is queued and gives each file its name. Failures are kept for rd_directory_flush. */
void rd__directory_finish_batch(rd_directory *directory);

/* A handle on the directory, -1 with errno if there is none. Needs no right to list it. */
int rd__directory_handle(const char *path);

/* Whether files in the open directory can be written without a name. */
bool rd__directory_can_link(const rd_directory *directory);

/* The handle on the open directory. */
int rd__directory_fd(const rd_directory *directory);

#endif

/*
 * What destination.c (opening a file), commit.c (giving it its name) and directory.c (a batch of files) share: the
 * states of a file on its way to its name.
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
#include <time.h>

enum { RD__NEW_FILE_MODE = 0666 }; /* before the umask, or a default access list, takes its part */

struct rd_destination {
    int fd;
    int directory;           /* a handle on the directory */
    rd_directory *batch;     /* the directory whose handle that is; NULL: the handle is this destination's own */
    char *name;              /* in the directory */
    char *backup;            /* the name there that the old file gets, or NULL */
    rd__temporary temporary; /* the file's own name in the directory, if it has one */
    rd_replace replace;
    bool locked;    /* a file without a name: for the time when it gets one */
    bool direct;    /* fd is the destination itself, not a file that will take its name */
    bool elsewhere; /* fd is a file in another directory, to be copied over the old file in the end */
    bool existed;   /* something had the name when it was opened ... */
    bool is_basis;  /* it is the basis of what is made */
    bool guarded;   /* ... and must still have it at the commit, unchanged; or nothing, if nothing had */
    bool has_time;
    struct stat old;      /* what had the name when it was opened */
    struct stat seen;     /* what had it when its metadata were carried over */
    struct timespec time; /* of the last modification, if has_time */
    unsigned *notes_out;  /* where the commit leaves ... */
    unsigned notes;       /* ... RD_NOTE_*, or NULL */

    /* In a list of its directory's. */
    rd_destination *next;
    rd_error error; /* of one that failed */
};

rd_result rd__destination_fail(rd_error *error, const char *reason);
rd_result rd__destination_fail_exists(rd_error *error);
rd_result rd__destination_fail_changed(rd_error *error);
rd_result rd__destination_fail_own_basis(rd_error *error);

/* Whether the call lacked descriptors. Then the queued files have been made to return theirs. */
bool rd__destination_may_retry(const rd_destination *d, rd_result result, const rd_error *error);

/* Flushes to the disk, where there is one to flush to. False: errno. */
bool rd__destination_flush(int fd);

/* Gives a file that is complete, and flushed if it must be, the destination's name. */
rd_result rd__destination_take_name(rd_destination *d, rd_error *error);

/* Makes names in the directory durable, if it can be read. They are whole without that, so a failure does not matter.
 */
void rd__destination_flush_names(int directory);

/* Gives the file the owner, the mode and all else that a commit gives it: those of what has the name at this moment. */
rd_result rd__destination_complete(rd_destination *d, rd_error *error);

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

/*
 * What every operation, whole or stream, carries with it: the options of its caller, the context, whom to tell of
 * progress, what was done so far, and why it failed.
 */
#ifndef RD_BASE_OPERATION_H
#define RD_BASE_OPERATION_H

#include "base/context.h"

/* Bytes read at once: enough to make a system call cheap, few enough to stay in the second-level cache. */
enum { RD__CHUNK = 1024 * 1024 };

typedef struct rd__operation {
    rd_options options;  /* the caller's, with defaults for what they lack */
    rd_context *context; /* the caller's, or `own` */
    rd_context own;
    const void *owner; /* of its pipelines (rd__pipeline): the operation itself, or the one that it is a part of */
    uint64_t before;   /* bytes of files that are done with; `done` does not count them, `total` does */
    uint64_t done;     /* bytes, as last reported */
    uint64_t total;    /* that progress counts to, or RD_UNKNOWN */
    rd_stats stats;
    bool counts_output; /* progress is that of the output, not of what is read */
    bool may_wait;      /* RD_MORE from a read function is passed to the caller; otherwise it is a failure */
    rd_error error;
} rd__operation;

/*
 * `options` may be NULL, and shorter or longer than this library's. RD_E_PARAMETER: a value is not one of its enum, or
 * the statistics have no size. rd__operation_end follows in any case. The operation must not be moved.
 */
rd_result rd__operation_start(rd__operation *operation, const rd_options *options, uint64_t total);

/*
 * Like rd__operation_start, for a part of `whole`, in its calling thread: it has the same context and the same threads,
 * also while a pipeline of the whole is under way.
 */
rd_result rd__operation_start_part(rd__operation *operation, rd__operation *whole, const rd_options *options,
                                   uint64_t total);

/* The failure of a function that had no memory even for an operation: the caller's error says so. RD_E_MEMORY. */
rd_result rd__fail_memory_of(const rd_options *options);

/* One that has no caller: to read or write outside of any, or in a worker thread. It needs no end. */
rd__operation rd__operation_none(void);

/*
 * Right after the start: operations within this one will use its context, so its threads are not to be taken for those
 * of another process.
 */
void rd__operation_lend_context(rd__operation *operation);

/* Gives the statistics and, after a failure, the error to the caller, and frees what is kept; returns `result`. */
rd_result rd__operation_end(rd__operation *operation, rd_result result);

/* Copies the statistics into the caller's, whose size is set. RD_E_PARAMETER: it is too small. */
rd_result rd__stats_copy(rd_stats *to, const rd_stats *from);

/* The number of threads to use, at least 1. */
unsigned rd__operation_threads(const rd__operation *operation);

/* The same for work on so many bytes, or RD_UNKNOWN: no more than are worth their start. */
unsigned rd__operation_threads_for(const rd__operation *operation, uint64_t size);

/* Whether the output is to be compressed. The level may be out of range. */
bool rd__operation_compresses(const rd__operation *operation);

/* `size` more bytes are about to be written. RD_E_LIMIT if they are too many. */
rd_result rd__operation_allow_output(rd__operation *operation, uint64_t size);

/* The new file has this digest, RD_DIGEST_LEN bytes, and a trailer says so. */
void rd__operation_set_digest(rd__operation *operation, const uint8_t *digest);

/* And the trailer says that the basis has this size and digest. */
void rd__operation_set_basis(rd__operation *operation, uint64_t size, const uint8_t *digest);

/* Reports progress. RD_E_CANCELLED if the caller wants no more. */
rd_result rd__operation_progress(rd__operation *operation, uint64_t done);

/* Like rd__operation_progress, after `read` bytes of the input were read. */
rd_result rd__operation_progress_read(rd__operation *operation, uint64_t read);

#endif

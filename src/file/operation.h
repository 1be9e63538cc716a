/* The frame of every whole-file operation: options in, job along, statistics and error out. */
#ifndef RD_FILE_OPERATION_H
#define RD_FILE_OPERATION_H

#include "io/job.h"

/* Bytes read at once: enough to make a system call cheap, few enough to stay in the second-level cache. */
enum { RD__CHUNK = 1024 * 1024 };

typedef struct rd__operation {
    rd_options options; /* the caller's, with defaults for what they lack */
    rd__job job;
} rd__operation;

/* `options` may be NULL, and shorter or longer than this library's. `total` is what progress counts to. */
void rd__operation_begin(rd__operation *operation, const rd_options *options, uint64_t total);

/* The number of threads to use, at least 1. */
unsigned rd__operation_threads(const rd__operation *operation);

/* Gives statistics and, on failure, the error to the caller; returns `result`. */
rd_result rd__operation_end(const rd__operation *operation, rd_result result);

#endif

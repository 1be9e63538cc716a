/*
 * Runs of zeros in what an operation writes: they become holes, if the options ask for them and the output can have
 * any.
 *
 * Beyond the end of a file, a hole is made by moving the file's position over it, and the file gets its length at the
 * end. Over bytes that are already there, and on a device, a hole is punched. Where neither can be done, and in pipes,
 * memory and functions of the caller, zeros are written.
 */
#ifndef RD_IO_SPARSE_H
#define RD_IO_SPARSE_H

#include "base/operation.h"

enum { RD__FILE_BLOCK = 4096 }; /* of most file systems */

/* Makes the range of the file a hole. False: that cannot be done here. */
bool rd__sparse_punch(int fd, uint64_t position, uint64_t size);

typedef struct rd__sparse {
    const rd_sink *sink;
    rd__operation *operation;
    bool makes_holes; /* wanted, and the sink can have them */
    bool is_device;
    int refused;      /* ways to punch a hole that the system has refused */
    uint64_t start;   /* where the output starts in the file */
    uint64_t old_end; /* of what lies in the file already */
} rd__sparse;

/*
 * For an operation that has written nothing yet. With RD_SPARSE_AUTO, zeros become holes if the `basis_is_sparse`, or
 * the file that is replaced or written over.
 */
rd__sparse rd__sparse_of(const rd_sink *sink, rd__operation *operation, bool basis_is_sparse);

/*
 * The length of the run at the start of data[0 .. size), bytes that are to be written next, size > 0: a run of zeros,
 * in whole blocks of a file system except at the ends of the data, or one without such blocks. Unless holes are to be
 * made, all of it is one run, and not zeros.
 */
size_t rd__sparse_run(const rd__sparse *sparse, const uint8_t *data, size_t size, bool *zeros);

/* Appends `count` zeros, within the operation's limit, and reports progress. Errors: as rd__sink_write. */
rd_result rd__sparse_zeros(rd__sparse *sparse, uint64_t count);

/* After the last byte: gives a file that ends in a hole its length. */
rd_result rd__sparse_finish(const rd__sparse *sparse);

#endif

/* Is a file what a delta makes? The trailer of the delta answers that without a basis. */
#include "base/result.h"
#include "file/digest.h"
#include "file/ops.h"
#include "io/watch.h"

#include <string.h>

/*
 * Reads the delta to its end; *new_size and `digest` become what its trailer says. The statistics, which are to be
 * about the file, have nothing else of the delta than the basis.
 */
static rd_result verify_read_trailer(rd__operation *operation, const rd_source *delta, uint64_t *new_size,
                                     uint8_t digest[RD_DIGEST_LEN]) {
    rd__basis_id basis;
    rd__ops ops;
    rd_op op;
    rd_result result = rd__ops_open(&ops, delta, operation);
    ops.ops.verify = RD_VERIFY_ALWAYS;
    if (result == RD_OK) {
        do
            result = rd__ops_next(&ops, &op);
        while (result == RD_MORE);
    }
    operation->stats = (rd_stats){.size = sizeof operation->stats};
    if (result == RD_OK) {
        *new_size = ops.ops.target;
        memcpy(digest, rd__op_reader_digest(&ops.ops), RD_DIGEST_LEN);
        if (rd__op_reader_basis(&ops.ops, &basis))
            rd__operation_set_basis(operation, basis.size, basis.digest);
    }
    rd__ops_close(&ops);
    return result;
}

static rd_result verify_file(rd__operation *operation, const rd_source *delta, const rd_source *file) {
    uint8_t expected[RD_DIGEST_LEN];
    uint8_t digest[RD_DIGEST_LEN];
    uint64_t expected_size = 0;
    uint64_t size = 0;
    rd_result result = verify_read_trailer(operation, delta, &expected_size, expected);
    if (result != RD_OK)
        return result;
    operation->before = operation->done;
    result = rd__source_digest(file, operation, RD_ROLE_NEW, digest, &size);
    if (result != RD_OK)
        return result;
    if (size != expected_size)
        return rd__fail(&operation->error, RD_E_MISMATCH, RD_ROLE_NEW, RD_UNKNOWN,
                        "this is not the file that the delta makes: its length differs");
    if (memcmp(digest, expected, sizeof digest) != 0)
        return rd__fail(&operation->error, RD_E_MISMATCH, RD_ROLE_NEW, RD_UNKNOWN,
                        "this is not the file that the delta makes: its contents differ");
    rd__operation_set_digest(operation, digest);
    return RD_OK;
}

rd_result rd_delta_verify(const rd_source *delta, const rd_source *file, const rd_options *options) {
    rd__operation operation;
    const rd__watch delta_watch = rd__watch_begin(delta, RD_ROLE_DELTA);
    const rd__watch file_watch = rd__watch_begin(file, RD_ROLE_NEW);
    const bool known = delta->size != RD_UNKNOWN && file->size != RD_UNKNOWN;
    rd_result result = rd__operation_start(&operation, options, known ? delta->size + file->size : RD_UNKNOWN);
    if (result == RD_OK)
        result = verify_file(&operation, delta, file);
    result = rd__watch_end(&delta_watch, &operation, result);
    result = rd__watch_end(&file_watch, &operation, result);
    return rd__operation_end(&operation, result);
}

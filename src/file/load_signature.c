/* A whole signature into memory. */
#include "base/memory.h"
#include "base/result.h"
#include "engine/loader.h"
#include "file/reader.h"
#include "io/watch.h"

/* `part`: it is to be joined with others, so it needs no index. */
static rd_result load_table(rd__operation *operation, const rd_source *in, bool part, rd_signature **signature) {
    rd_error *const error = &operation->error;
    rd__loader loader;
    rd_result result = rd__loader_init(&loader, in->size, &operation->options.limits, error);
    if (result != RD_OK)
        return result;
    loader.part = part;
    loader.threads = rd__operation_threads(operation);
    loader.pool = &operation->context->pool;
    rd__reader reader = rd__reader_of(in, operation, RD_ROLE_SIGNATURE);
    const size_t size = in->size < RD__CHUNK ? (size_t)in->size + RD__FRAME_MAGIC_LEN : (size_t)RD__CHUNK;
    uint8_t *const chunk = rd__context_take(operation->context, size, 1);
    if (!chunk)
        result = rd__fail_memory(error);
    while (result == RD_OK && !reader.ended) {
        size_t got = 0;
        result = rd__reader_read(&reader, chunk, size, &got);
        if (result == RD_OK)
            result = rd__loader_take(&loader, chunk, got, error);
    }
    if (result == RD_OK)
        result = rd__loader_finish(&loader, signature, error);
    if (result == RD_OK)
        operation->stats.blocks = rd_signature_count(*signature);
    rd__context_give(operation->context, chunk);
    rd__reader_close(&reader);
    rd__loader_free(&loader);
    return result;
}

/* There is no signature after a failure, also if it is only that the file changed. */
static rd_result load_signature(rd__operation *operation, const rd_source *in, bool part, rd_signature **signature) {
    const rd__watch watch = rd__watch_begin(in, RD_ROLE_SIGNATURE);
    rd_result result = load_table(operation, in, part, signature);
    result = rd__watch_end(&watch, operation, result);
    if (result != RD_OK) {
        rd_signature_free(*signature);
        *signature = NULL;
    }
    return result;
}

rd_result rd_signature_load(rd_signature **signature, const rd_source *in, const rd_options *options) {
    rd__operation operation;
    *signature = NULL;
    rd_result result = rd__operation_start(&operation, options, in->size);
    if (result == RD_OK)
        result = load_signature(&operation, in, false, signature);
    return rd__operation_end(&operation, result);
}

rd_result rd_signature_load_part(rd_signature **part, const rd_source *in, uint64_t offset, const rd_options *options) {
    rd__operation operation;
    *part = NULL;
    rd_result result = rd__operation_start(&operation, options, in->size);
    if (result == RD_OK)
        result = load_signature(&operation, in, true, part);
    if (!*part)
        return rd__operation_end(&operation, result);
    const uint64_t length = (*part)->length;
    if (offset % (*part)->params.block_len != 0)
        result = rd__fail(&operation.error, RD_E_PARAMETER, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                          "the part does not start with a block");
    else if (length > INT64_MAX || offset > INT64_MAX - length)
        result = rd__fail(&operation.error, RD_E_PARAMETER, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                          "the part ends beyond 2^63 bytes");
    (*part)->origin = offset;
    if (result != RD_OK) {
        rd_signature_free(*part);
        *part = NULL;
    }
    return rd__operation_end(&operation, result);
}

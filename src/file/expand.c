/* A dense delta in librsync's form: what the dense reader gives, written. */
#include "base/memory.h"
#include "base/result.h"
#include "file/reader.h"
#include "file/writer.h"
#include "io/watch.h"

enum { CHUNK = 128 * 1024 };

static rd_result expand_copy(rd__operation *operation, rd__reader *reader, rd__writer *writer, uint8_t *chunk) {
    size_t got = 0;
    rd_result result = rd__reader_read(reader, chunk, CHUNK, &got);
    if (result == RD_OK && !reader->dense)
        return rd__fail(&operation->error, RD_E_MAGIC, RD_ROLE_DELTA, 0, "this is not a dense delta");
    while (result == RD_OK && !reader->ended) {
        result = rd__writer_put(writer, chunk, got);
        if (result == RD_OK)
            result = rd__reader_read(reader, chunk, CHUNK, &got);
    }
    if (result != RD_OK)
        return result;
    rd__dense_reader_stats(reader->dense, operation);
    return rd__writer_finish(writer);
}

static rd_result expand_make(rd__operation *operation, const rd_source *basis, const rd_source *delta,
                             const rd_sink *out) {
    rd__reader reader = rd__reader_of(delta, operation, RD_ROLE_DELTA);
    rd__writer writer;
    uint8_t *const chunk = rd__context_take(operation->context, CHUNK, 1);
    reader.basis = basis;
    rd_result result = rd__writer_open(&writer, out, operation, RD_UNKNOWN, rd__operation_threads(operation));
    if (result == RD_OK)
        result = chunk ? expand_copy(operation, &reader, &writer, chunk) : rd__fail_memory(&operation->error);
    rd__writer_close(&writer);
    rd__reader_close(&reader);
    rd__context_give(operation->context, chunk);
    return result;
}

rd_result rd_delta_expand(const rd_source *basis, const rd_source *delta, const rd_sink *out,
                          const rd_options *options) {
    rd__operation operation;
    const rd__watch basis_watch = rd__watch_begin(basis, RD_ROLE_BASIS);
    const rd__watch delta_watch = rd__watch_begin(delta, RD_ROLE_DELTA);
    rd_result result = rd__operation_start(&operation, options, delta->size);
    if (result == RD_OK)
        result = rd__sink_check_apart(out, basis, RD_ROLE_BASIS, &operation.error);
    if (result == RD_OK)
        result = rd__sink_check_apart(out, delta, RD_ROLE_DELTA, &operation.error);
    if (result == RD_OK)
        result = rd__source_check_seekable(basis, RD_ROLE_BASIS, RD_E_IO, &operation.error);
    if (result == RD_OK)
        result = expand_make(&operation, basis, delta, out);
    result = rd__watch_end(&basis_watch, &operation, result);
    return rd__operation_end(&operation, rd__watch_end(&delta_watch, &operation, result));
}

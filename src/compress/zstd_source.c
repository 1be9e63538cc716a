/* See zstd_source.h. */
#include "compress/zstd_source.h"

#include "base/memory.h"
#include "base/result.h"
#include "io/filter.h"

#include <assert.h>
#include <string.h>

enum { CHUNK = 128 * 1024 };

rd__zstd_source rd__zstd_source_of(const rd_source *source, rd__operation *operation, rd_role role, bool recognise) {
    return (rd__zstd_source){.source = source, .operation = operation, .role = role, .started = !recognise};
}

void rd__zstd_source_close(rd__zstd_source *filter) {
    if (!filter->compressed)
        return;
    rd__decompressor_free(&filter->decompressor);
    rd__context_give(filter->operation->context, filter->chunk);
    filter->compressed = false;
}

static rd_result zstd_source_read_raw(rd__zstd_source *filter, void *data, size_t size, size_t *got) {
    const rd_result result =
        rd__source_read_some(filter->source, filter->operation, filter->role, filter->read, data, size, got);
    filter->read += *got;
    return result;
}

/* Reads the first bytes, so many that they tell whether a frame starts with them, and prepares for it if so. */
static rd_result zstd_source_start(rd__zstd_source *filter, uint8_t *data, size_t size, size_t *got) {
    rd__operation *const operation = filter->operation;
    rd_result result = RD_OK;
    size_t n = 1;
    for (*got = 0; result == RD_OK && n > 0 && *got < RD__FRAME_MAGIC_LEN && rd__frame_begins(data, *got); *got += n)
        result = zstd_source_read_raw(filter, data + *got, size - *got, &n);
    filter->started = true;
    if (result != RD_OK || *got < RD__FRAME_MAGIC_LEN || !rd__frame_begins(data, *got))
        return result;
    filter->compressed = true;
    filter->chunk = rd__context_take(operation->context, CHUNK, 1);
    if (!filter->chunk)
        return rd__fail_memory(&operation->error);
    memcpy(filter->chunk, data, *got);
    filter->in = (rd_in){.data = filter->chunk, .size = *got};
    *got = 0;
    return rd__decompressor_init(&filter->decompressor, operation->context, filter->role,
                                 operation->options.limits.memory, &operation->error);
}

rd_result rd__zstd_source_read(rd__zstd_source *filter, void *data, size_t size, size_t *got) {
    assert(size >= RD__FRAME_MAGIC_LEN);
    rd__operation *const operation = filter->operation;
    *got = 0;
    if (!filter->started) {
        const rd_result result = zstd_source_start(filter, data, rd__min_size(size, CHUNK), got);
        if (result != RD_OK || !filter->compressed)
            return result;
    }
    if (!filter->compressed)
        return zstd_source_read_raw(filter, data, size, got);
    rd_out out = {.data = data, .size = size};
    for (;;) {
        rd_result result =
            rd__decompressor_step(&filter->decompressor, &filter->in, &out, filter->ended, &operation->error);
        *got = out.pos;
        if (result != RD_MORE || out.pos > 0)
            return result == RD_MORE ? RD_OK : result;
        filter->in = (rd_in){.data = filter->chunk};
        result = zstd_source_read_raw(filter, filter->chunk, CHUNK, &filter->in.size);
        filter->ended = filter->in.size == 0;
        /* Any number of frames may be empty, so the caller must be able to stop the search for bytes here. */
        if (result == RD_OK)
            result = rd__operation_progress_read(operation, filter->read);
        if (result != RD_OK)
            return result;
    }
}

rd_result rd__source_is_compressed(const rd_source *source, rd__operation *operation, rd_role role, bool *compressed) {
    uint8_t start[RD__FRAME_MAGIC_LEN];
    size_t got = 0;
    const rd_result result = rd__source_read(source, operation, role, 0, start, sizeof start, &got);
    *compressed = got == sizeof start && rd__frame_begins(start, got);
    return result;
}

/* ---- Public ------------------------------------------------------------------------------------------------------ */

typedef struct decompress_filter {
    rd_filter head;
    rd__zstd_source plain;
    uint64_t given;                     /* bytes of the plain form */
    uint8_t start[RD__FRAME_MAGIC_LEN]; /* for a reader that asks for fewer bytes at first */
    rd_in rest;                         /* of these */
} decompress_filter;

static rd_result decompress_read(rd_filter *filter, uint64_t offset, void *data, size_t size, size_t *got) {
    decompress_filter *const f = (decompress_filter *)filter;
    rd_result result = RD_OK;
    if (offset != f->given)
        return rd__fail(&filter->operation.error, RD_E_STATE, RD_ROLE_NONE, offset,
                        "what is decompressed can only be read in sequence");
    if (f->rest.pos == f->rest.size && size < sizeof f->start) {
        f->rest = (rd_in){.data = f->start};
        result = rd__zstd_source_read(&f->plain, f->start, sizeof f->start, &f->rest.size);
    }
    if (f->rest.pos < f->rest.size) {
        *got = rd__min_size(size, f->rest.size - f->rest.pos);
        memcpy(data, f->start + f->rest.pos, *got);
        f->rest.pos += *got;
    } else if (result == RD_OK && size >= sizeof f->start) {
        result = rd__zstd_source_read(&f->plain, data, size, got);
    }
    f->given += *got;
    return result;
}

static void decompress_close(rd_filter *filter) {
    rd__zstd_source_close(&((decompress_filter *)filter)->plain);
}

static const rd__filter_kind decompress_kind = {
    .size = sizeof(decompress_filter), .read = decompress_read, .close = decompress_close};

rd_result rd_filter_decompress_new(rd_filter **filter, const rd_source *source, const rd_options *options) {
    const rd_result result = rd__filter_new(filter, &decompress_kind, options);
    if (result != RD_OK)
        return result;
    decompress_filter *const f = (decompress_filter *)*filter;
    f->head.source = *source;
    f->plain = rd__zstd_source_of(&f->head.source, &f->head.operation, RD_ROLE_NONE, true);
    return RD_OK;
}

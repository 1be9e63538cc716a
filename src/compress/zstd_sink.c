/* See zstd_sink.h. */
#include "compress/zstd_sink.h"

#include "base/result.h"
#include "io/filter.h"

rd_result rd__zstd_sink_open(rd__zstd_sink *filter, const rd_sink *sink, rd__operation *operation, unsigned threads) {
    *filter = (rd__zstd_sink){.sink = sink, .operation = operation};
    return rd__compressor_init(&filter->compressor, operation->context, operation->options.compression, threads,
                               &operation->error);
}

static rd_result zstd_sink_compress(rd__zstd_sink *filter, const void *data, size_t size, bool end) {
    rd__operation *const operation = filter->operation;
    rd_in in = {.data = data, .size = size};
    rd_result result = RD_MORE;
    while (result == RD_MORE && (in.pos < in.size || end)) {
        rd_in made;
        result = rd__compressor_step(&filter->compressor, &in, end, &made, &operation->error);
        if (result != RD_OK && result != RD_MORE)
            return result;
        rd_result written = rd__sink_write(filter->sink, operation, made.data, made.size);
        if (written == RD_OK && made.size > 0)
            written = rd__operation_progress(operation, operation->done);
        if (written != RD_OK)
            return written;
    }
    return RD_OK;
}

rd_result rd__zstd_sink_write(rd__zstd_sink *filter, const void *data, size_t size) {
    return zstd_sink_compress(filter, data, size, false);
}

rd_result rd__zstd_sink_finish(rd__zstd_sink *filter) {
    return zstd_sink_compress(filter, NULL, 0, true);
}

void rd__zstd_sink_close(rd__zstd_sink *filter) {
    rd__compressor_free(&filter->compressor);
}

/* ---- Public ------------------------------------------------------------------------------------------------------ */

typedef struct compress_filter {
    rd_filter head;
    rd__zstd_sink compressed;
    bool over; /* the frame is complete, or it failed */
} compress_filter;

static rd_result compress_more(compress_filter *f, const void *data, size_t size, bool end) {
    if (f->over)
        return rd__fail(&f->head.operation.error, RD_E_STATE, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "the compressed frame has ended, or failed");
    const rd_result result =
        end ? rd__zstd_sink_finish(&f->compressed) : rd__zstd_sink_write(&f->compressed, data, size);
    f->over = end || result != RD_OK;
    return result;
}

static rd_result compress_write(rd_filter *filter, const void *data, size_t size) {
    return compress_more((compress_filter *)filter, data, size, false);
}

static rd_result compress_finish(rd_filter *filter) {
    return compress_more((compress_filter *)filter, NULL, 0, true);
}

static void compress_close(rd_filter *filter) {
    rd__zstd_sink_close(&((compress_filter *)filter)->compressed);
}

static const rd__filter_kind compress_kind = {
    .size = sizeof(compress_filter), .write = compress_write, .finish = compress_finish, .close = compress_close};

rd_result rd_filter_compress_new(rd_filter **filter, const rd_sink *sink, const rd_options *options) {
    rd_result result = rd__filter_new(filter, &compress_kind, options);
    if (result != RD_OK)
        return result;
    compress_filter *const f = (compress_filter *)*filter;
    rd__operation *const operation = &f->head.operation;
    f->head.sink = *sink;
    if (operation->options.compression == 0)
        operation->options.compression = RD_COMPRESSION_DEFAULT;
    result = rd__zstd_sink_open(&f->compressed, &f->head.sink, operation, rd__operation_threads(operation));
    return rd__filter_made(filter, result);
}

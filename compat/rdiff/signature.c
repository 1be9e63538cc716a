/*
 * signature.c: a signature read as librsync's rdiff reads it: its header is checked as in librsync, and a rest at the
 * end that is shorter than a weak sum is no error. The job of librsync.so.2 does the same; it keeps no descriptor.
 */
#include "signature.h"

#include "base/pipeline.h"
#include "header.h"
#include "stream/stream.h"

enum { CHUNK = 1 << 16 };

typedef struct signature_input {
    const cli_input *file;
    cli_failure *failure;
} signature_input;

static rd_result signature_fail(const signature_input *in, rd_result result, const char *reason) {
    in->failure->error =
        (rd_error){.result = result, .role = RD_ROLE_SIGNATURE, .offset = RD_UNKNOWN, .reason = reason};
    return result;
}

static rd_result signature_feed(const signature_input *in, rd_stream *stream, const uint8_t *data, size_t size,
                                bool end) {
    rd_in bytes = {data, size, 0};
    rd_out nothing = {0};
    rd_result result;
    do
        result = rd_stream_step(stream, &bytes, &nothing, end);
    while (result == RD_MORE && bytes.pos < size);
    if (result != RD_OK && result != RD_MORE)
        in->failure->error = *rd_stream_error(stream);
    return result;
}

static rd_result signature_feed_all(const signature_input *in, rd_stream *stream) {
    static uint8_t chunk[CHUNK];
    rd_result result = RD_MORE;
    while (result == RD_MORE) {
        size_t got;
        const rd_result read = input_read(in->file, chunk, CHUNK, &got, in->failure);
        if (read != RD_OK)
            return read;
        result = signature_feed(in, stream, chunk, got, got < CHUNK);
    }
    return result;
}

static rd_result signature_read_header(const signature_input *in, uint8_t header[RS__HEADER_LEN]) {
    const char *reason = "the signature ends inside its header";
    size_t got;
    rd_result result = input_read(in->file, header, RS__HEADER_LEN, &got, in->failure);
    if (result != RD_OK)
        return result;
    result = rs__header_settle(header, got, &reason);
    return result == RD_OK ? RD_OK : signature_fail(in, result == RD_MORE ? RD_E_TRUNCATED : result, reason);
}

rd_result signature_load(rd_signature **signature, const cli_input *file, rd_stats *stats, cli_failure *failure) {
    const signature_input in = {file, failure};
    uint8_t header[RS__HEADER_LEN];
    rd_stream *stream;
    *signature = NULL;
    rd_result result = signature_read_header(&in, header);
    if (result != RD_OK)
        return result;
    if (rd__loadsig_stream_new_lenient(&stream, RD_UNKNOWN, rd__processor_count()) != RD_OK)
        return signature_fail(&in, RD_E_MEMORY, "out of memory");
    result = signature_feed(&in, stream, header, RS__HEADER_LEN, false);
    if (result == RD_MORE)
        result = signature_feed_all(&in, stream);
    (void)rd_stream_stats(stream, stats);
    if (result == RD_OK)
        result = rd_stream_take_signature(stream, signature);
    rd_stream_free(stream);
    return result;
}

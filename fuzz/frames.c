/*
 * Compressed files. The input: a choice, a pace, the basis, and a file, which may be compressed; if the choice says so,
 * it is compressed here, in two frames with one byte changed.
 *
 * The reference is libzstd, which gets the file byte by byte: all at once, it would accept blocks that are longer than
 * their window, which the format forbids. If it can decompress the file, the library treats the file like the result;
 * if not, the library fails. Streams agree with whole operations.
 */
#include "fuzz.h"

#include <zstd.h>

enum { PLAIN_MAX = 1 << 20, OUTPUT_MAX = 1 << 20, BLOCKS_MAX = 1 << 16 };

static const rd_limits limits = {.output = OUTPUT_MAX, .memory = 64 << 20, .blocks = BLOCKS_MAX};

static void append_frame(rd_memory *to, const uint8_t *data, size_t size) {
    const size_t bound = ZSTD_compressBound(size);
    uint8_t *const frame = fuzz_alloc(bound);
    const size_t made = ZSTD_compress(frame, bound, data, size, 1);
    fuzz_require(!ZSTD_isError(made));
    fuzz_append(to, frame, made);
    free(frame);
}

/* The file of the input: unchanged, or in frames. */
static rd_memory file_from(fuzz_input *in, bool compressed) {
    if (!compressed)
        return fuzz_file(*in);
    const size_t cut = fuzz_number(in, 2);
    const size_t at = fuzz_number(in, 2);
    const uint8_t change = fuzz_byte(in);
    const fuzz_input first = fuzz_take(in, cut);
    rd_memory frames = {0};
    append_frame(&frames, first.data, first.size);
    append_frame(&frames, in->data, fuzz_least(in->size, FUZZ_FILE_MAX));
    if (at < frames.size)
        frames.data[at] ^= change;
    rd_memory exact = fuzz_copy(frames.data, frames.size);
    rd_memory_free(&frames);
    return exact;
}

static rd_result patch(const rd_memory *basis, const rd_memory *delta, int compression, rd_memory *made) {
    rd_error error;
    const rd_source source = fuzz_source(basis);
    const rd_source commands = fuzz_source(delta);
    const rd_sink sink = rd_sink_memory(made);
    const rd_options options = {
        .size = sizeof options, .error = &error, .limits = limits, .compression = compression, .threads = 2};
    const rd_result result = rd_patch_apply(&source, &commands, &sink, &options);
    if (result != RD_OK)
        fuzz_require_error(result, &error);
    return result;
}

/* A stream leaves what follows a plain delta to its caller; a whole operation calls it corrupt. */
static rd_result patch_stream(const rd_memory *basis, const rd_memory *delta, fuzz_pace pace, rd_memory *made) {
    size_t used = 0;
    rd_stream *stream = NULL;
    const rd_source source = fuzz_source(basis);
    const rd_options options = {.size = sizeof options, .limits = limits};
    fuzz_require(rd_patch_stream_new(&stream, &source, &options) == RD_OK);
    const rd_result result = fuzz_drive_patch(stream, delta, NULL, &pace, made, &used);
    const bool rest = result == RD_OK && used < delta->size;
    fuzz_require(!rest || rd_identify(delta->data, delta->size) != RD_KIND_COMPRESSED);
    if (result != RD_OK)
        fuzz_require_error(result, rd_stream_error(stream));
    rd_stream_free(stream);
    return rest ? RD_E_CORRUPT : result;
}

static rd_result load(const rd_memory *bytes, int compression, uint64_t *blocks) {
    rd_error error;
    rd_signature *signature = NULL;
    const rd_source source = fuzz_source(bytes);
    const rd_options options = {.size = sizeof options, .error = &error, .limits = limits, .compression = compression};
    const rd_result result = rd_signature_load(&signature, &source, &options);
    *blocks = signature ? rd_signature_count(signature) : 0;
    if (result != RD_OK)
        fuzz_require_error(result, &error);
    rd_signature_free(signature);
    return result;
}

static rd_result load_stream(const rd_memory *bytes, fuzz_pace pace) {
    rd_memory nothing = {0};
    rd_stream *stream = NULL;
    const rd_options options = {.size = sizeof options, .limits = limits};
    fuzz_require(rd_loadsig_stream_new(&stream, &options) == RD_OK);
    const rd_result result = fuzz_drive(stream, bytes, &pace, &nothing);
    if (result != RD_OK)
        fuzz_require_error(result, rd_stream_error(stream));
    rd_stream_free(stream);
    return result;
}

typedef enum content { PLAIN, BROKEN, UNKNOWN } content; /* unknown: no frames, or more than PLAIN_MAX in them */

/* Decompresses the frames, all of today's format, into *plain, which has room for PLAIN_MAX. */
static content decompress(const rd_memory *file, rd_memory *plain) {
    ZSTD_DStream *const stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {.src = file->data};
    ZSTD_outBuffer out = {.dst = plain->data, .size = PLAIN_MAX};
    size_t wanted = 0; /* 0: a frame has ended */
    fuzz_require(stream);
    while (in.pos < file->size && out.pos < out.size && !ZSTD_isError(wanted)) {
        if (wanted == 0 && rd_identify(file->data + in.pos, file->size - in.pos) != RD_KIND_COMPRESSED)
            break;
        in.size = in.pos + 1;
        wanted = ZSTD_decompressStream(stream, &out, &in);
    }
    ZSTD_freeDStream(stream);
    plain->size = out.pos;
    if (!ZSTD_isError(wanted) && out.pos == out.size)
        return UNKNOWN;
    return wanted == 0 && in.pos == file->size ? PLAIN : BROKEN;
}

/* plain: the contents of the frames, or NULL. */
static void check(const rd_memory *basis, const rd_memory *file, const rd_memory *plain, bool broken, fuzz_pace pace) {
    rd_memory made = {0};
    rd_memory streamed = {0};
    rd_memory expected = {0};
    uint64_t blocks = 0;
    uint64_t blocks_expected = 0;
    const rd_result patched = patch(basis, file, 0, &made);
    const rd_result loaded = load(file, 0, &blocks);
    if (patched != RD_E_UNVERIFIED) /* a longer trailer is searched for only near the end of a plain file */
        fuzz_require((patch_stream(basis, file, pace, &streamed) == RD_OK) == (patched == RD_OK));
    fuzz_require(patched != RD_OK || fuzz_same(&made, &streamed));
    fuzz_require((load_stream(file, pace) == RD_OK) == (loaded == RD_OK));
    if (broken)
        fuzz_require(patched != RD_OK && loaded != RD_OK);
    if (plain && loaded != RD_E_LIMIT) { /* the reference has no limit on windows */
        fuzz_require(load(plain, RD_COMPRESSION_NEVER, &blocks_expected) == loaded && blocks == blocks_expected);
        const rd_result due = patch(basis, plain, RD_COMPRESSION_NEVER, &expected);
        fuzz_require(due == RD_E_UNVERIFIED || (due == RD_OK) == (patched == RD_OK));
        fuzz_require(due != RD_OK || fuzz_same(&made, &expected));
    }
    rd_memory_free(&made);
    rd_memory_free(&streamed);
    rd_memory_free(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const bool compressed = fuzz_byte(&in) & 1;
    const fuzz_pace pace = fuzz_pace_from(&in);
    rd_memory basis = fuzz_file(fuzz_part(&in));
    rd_memory file = file_from(&in, compressed);
    rd_memory room = {.data = fuzz_alloc(PLAIN_MAX)};
    const bool frames = rd_identify(file.data, file.size) == RD_KIND_COMPRESSED;
    const content found = frames ? decompress(&file, &room) : UNKNOWN;
    rd_memory plain = fuzz_copy(room.data, room.size);
    check(&basis, &file, found == PLAIN ? &plain : NULL, found == BROKEN, pace);
    free(room.data);
    rd_memory_free(&plain);
    rd_memory_free(&file);
    rd_memory_free(&basis);
    return 0;
}

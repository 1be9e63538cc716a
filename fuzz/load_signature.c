/*
 * An untrusted signature, loaded whole, by a stream, and by a stream that is as lenient as librsync. All three must
 * agree with each other and with the bytes, and a delta against the loaded signature must make the new file from blocks
 * that exist.
 *
 * Input: the signature, the new file.
 */
#include "fuzz.h"

#include "stream/stream.h"

enum { HEADER = 12, WEAK = 4 };

static uint32_t word(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The loaded signature agrees with the bytes. */
static void check_loaded(const rd_signature *signature, const rd_memory *bytes) {
    rd_params params;
    rd_signature_params(signature, &params);
    const size_t strong_len = (size_t)params.strong_len;
    fuzz_require(bytes->size >= HEADER && params.block_len == word(bytes->data + 4));
    fuzz_require(params.block_len > 0 && params.block_len <= RD_BLOCK_LEN_MAX);
    fuzz_require(strong_len == word(bytes->data + 8) && strong_len > 0 && strong_len <= RD_STRONG_LEN_MAX);
    fuzz_require(rd_signature_count(signature) == (bytes->size - HEADER) / (WEAK + strong_len));
    for (uint64_t i = 0; i < rd_signature_count(signature); i++) {
        const uint8_t *const entry = bytes->data + HEADER + i * (WEAK + strong_len);
        fuzz_require(rd_signature_weak(signature, i) == word(entry));
        fuzz_require(memcmp(rd_signature_strong(signature, i), entry + WEAK, strong_len) == 0);
    }
}

/* As in librsync, bytes after the last block that are too few for a weak sum are no error. */
static bool ends_leniently(const rd_memory *bytes) {
    return bytes->size >= HEADER && (bytes->size - HEADER) % (WEAK + (size_t)word(bytes->data + 8)) < WEAK;
}

static rd_signature *load_whole(const rd_memory *bytes, unsigned threads, rd_result *result) {
    rd_error error;
    rd_signature *signature = NULL;
    const rd_source source = fuzz_source(bytes);
    *result = rd_signature_load(&signature, &source, &(rd_options){FUZZ_OPTIONS(&error), .threads = threads});
    fuzz_require((*result == RD_OK) == (signature != NULL));
    if (*result == RD_OK)
        check_loaded(signature, bytes);
    else
        fuzz_require_error(*result, &error);
    return signature;
}

/* With a limit, a signature with more blocks is refused, and all else is as before. */
static void check_limit(const rd_memory *bytes, uint64_t blocks, rd_result without) {
    rd_signature *signature = NULL;
    const rd_source source = fuzz_source(bytes);
    const rd_result result =
        rd_signature_load(&signature, &source, &(rd_options){FUZZ_OPTIONS(NULL), .limits = {.blocks = blocks}});
    const bool begun = without == RD_OK || (without == RD_E_TRUNCATED && bytes->size >= HEADER);
    const bool beyond = blocks > 0 && begun && (bytes->size - HEADER) / (WEAK + (size_t)word(bytes->data + 8)) > blocks;
    fuzz_require(result == (beyond ? RD_E_LIMIT : without) && (signature != NULL) == (result == RD_OK));
    rd_signature_free(signature);
}

static rd_signature *load_stream(const rd_memory *bytes, bool lenient, fuzz_pace *pace, rd_result *result) {
    rd_memory made = {0};
    rd_stream *stream = NULL;
    rd_signature *signature = NULL;
    const rd_result begun = lenient ? rd__loadsig_stream_new_lenient(&stream, pace->codes[0] * 100u, 2)
                                    : rd_loadsig_stream_new(&stream, &(rd_options){FUZZ_OPTIONS(NULL)});
    fuzz_require(begun == RD_OK);
    *result = fuzz_drive(stream, bytes, pace, &made);
    const rd_result taken = rd_stream_take_signature(stream, &signature);
    fuzz_require((taken == RD_OK) == (*result == RD_OK) && (signature != NULL) == (*result == RD_OK));
    if (*result == RD_OK)
        check_loaded(signature, bytes);
    else
        fuzz_require_error(*result, rd_stream_error(stream));
    fuzz_require(made.size == 0);
    rd_stream_free(stream);
    return signature;
}

typedef struct walk {
    const rd_signature *signature;
    uint64_t size;
} walk;

static bool check_op(void *context, const rd_op *op) {
    walk *const w = context;
    rd_params params;
    rd_signature_params(w->signature, &params);
    const uint64_t basis = rd_signature_count(w->signature) * params.block_len;
    fuzz_require(op->target_offset == w->size && op->length > 0);
    fuzz_require(op->kind == RD_LITERAL || op->basis_offset + op->length <= basis);
    w->size += op->length;
    return true;
}

static void check_delta(const rd_signature *signature, const rd_memory *new_file, unsigned threads, fuzz_pace *pace) {
    rd_memory delta = {0};
    rd_memory streamed = {0};
    rd_stream *stream = NULL;
    walk walked = {.signature = signature};
    const rd_source source = fuzz_source(new_file);
    const rd_sink sink = rd_sink_memory(&delta);
    fuzz_require(rd_delta_make(signature, &source, &sink, &(rd_options){FUZZ_OPTIONS(NULL), .threads = threads}) ==
                 RD_OK);
    const rd_source commands = fuzz_source(&delta);
    fuzz_require(rd_delta_each_op(&commands, check_op, &walked, NULL) == RD_OK && walked.size == new_file->size);
    fuzz_require(rd_delta_verify(&commands, &source, NULL) == RD_OK);
    fuzz_require(rd_delta_stream_new(&stream, signature, NULL) == RD_OK);
    fuzz_require(fuzz_drive(stream, new_file, pace, &streamed) == RD_OK && fuzz_same(&streamed, &delta));
    rd_stream_free(stream);
    rd_memory_free(&streamed);
    rd_memory_free(&delta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const unsigned threads = 1 + fuzz_byte(&in) % 3;
    fuzz_pace pace = fuzz_pace_from(&in);
    rd_memory bytes = fuzz_file(fuzz_part(&in));
    const uint64_t blocks = fuzz_byte(&in);
    rd_memory new_file = fuzz_file(in);
    rd_result whole = RD_OK;
    rd_result strict = RD_OK;
    rd_result lenient = RD_OK;
    rd_signature *const signature = load_whole(&bytes, threads, &whole);
    rd_signature_free(load_stream(&bytes, false, &pace, &strict));
    rd_signature *const leniently = load_stream(&bytes, true, &pace, &lenient);
    fuzz_require(strict == whole);
    fuzz_require(lenient == (whole == RD_E_TRUNCATED && ends_leniently(&bytes) ? RD_OK : whole));
    check_limit(&bytes, blocks, whole);
    if (leniently)
        check_delta(signature ? signature : leniently, &new_file, threads, &pace);
    rd_signature_free(leniently);
    rd_signature_free(signature);
    rd_memory_free(&new_file);
    rd_memory_free(&bytes);
    return 0;
}

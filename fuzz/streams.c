/*
 * All four kinds of stream, in chunks that the fuzzer chooses, against the whole operations: the same bytes, and every
 * step as the header promises. Then a few bytes of the delta are changed, and the patch stream must treat the changed
 * delta as the whole operation does.
 *
 * Input: the old file, a script that makes the new one.
 */
#include "operations.h"
#include "reference.h"

static rd_memory drive(rd_stream *stream, const rd_memory *input, fuzz_pace *pace) {
    rd_memory made = {0};
    fuzz_require(fuzz_drive(stream, input, pace, &made) == RD_OK);
    fuzz_require(fuzz_stats(stream).in_bytes == input->size);
    fuzz_require(fuzz_stats(stream).out_bytes == made.size);
    return made;
}

static void check_signature_stream(const fuzz_files *f, const rd_memory *signature, fuzz_pace *pace) {
    rd_stream *stream = NULL;
    fuzz_require(rd_signature_stream_new(&stream, &(rd_options){FUZZ_OPTIONS(NULL), .params = f->params}) == RD_OK);
    rd_memory made = drive(stream, &f->old_file, pace);
    fuzz_require(fuzz_same(&made, signature));
    rd_stream_free(stream);
    rd_memory_free(&made);
}

static rd_signature *load_by_stream(const rd_memory *bytes, fuzz_pace *pace) {
    rd_stream *stream = NULL;
    rd_signature *signature = NULL;
    fuzz_require(rd_loadsig_stream_new(&stream, NULL) == RD_OK);
    rd_memory made = drive(stream, bytes, pace);
    fuzz_require(made.size == 0 && rd_stream_take_signature(stream, &signature) == RD_OK);
    rd_stream_free(stream);
    rd_memory_free(&made);
    return signature;
}

static void check_delta_stream(const fuzz_files *f, const rd_signature *signature, const rd_memory *delta,
                               rd_verify verify, fuzz_pace *pace) {
    rd_stream *stream = NULL;
    fuzz_require(rd_delta_stream_new(&stream, signature, &(rd_options){FUZZ_OPTIONS(NULL), .verify = verify}) == RD_OK);
    rd_memory made = drive(stream, &f->new_file, pace);
    fuzz_require(fuzz_same(&made, delta));
    rd_stream_free(stream);
    rd_memory_free(&made);
}

static rd_result patch_by_stream(const fuzz_files *f, const rd_memory *delta, rd_verify verify, fuzz_pace *pace,
                                 rd_memory *made) {
    rd_stream *stream = NULL;
    size_t used = 0;
    fuzz_reader reader = {.bytes = &f->old_file, .pace = *pace, .may_wait = true};
    const rd_source basis = fuzz_reader_source(&reader);
    fuzz_require(rd_patch_stream_new(&stream, &basis, &(rd_options){FUZZ_OPTIONS(NULL), .verify = verify}) == RD_OK);
    const rd_result result = fuzz_drive_patch(stream, delta, &reader, pace, made, &used);
    if (result != RD_OK)
        fuzz_require_error(result, rd_stream_error(stream));
    fuzz_require(fuzz_stats(stream).in_bytes == used && fuzz_stats(stream).out_bytes == made->size);
    rd_stream_free(stream);
    return result;
}

static void check_patch_stream(const fuzz_files *f, const rd_memory *delta, rd_verify verify, fuzz_pace *pace) {
    rd_memory made = {0};
    const rd_result result = patch_by_stream(f, delta, verify, pace, &made);
    if (!fuzz_may_collide(f))
        fuzz_require(result == RD_OK && fuzz_same(&made, &f->new_file));
    rd_memory_free(&made);
}

/* Changes the bytes at two offsets of the delta. */
static void check_changed_delta(const fuzz_files *f, rd_memory *delta, rd_verify verify, const uint8_t changes[6],
                                fuzz_pace *pace) {
    rd_memory whole = {0};
    rd_memory streamed = {0};
    for (size_t i = 0; i < 6; i += 3)
        delta->data[((size_t)changes[i] << 8 | changes[i + 1]) % delta->size] ^= changes[i + 2];
    fuzz_reference reference = fuzz_reference_patch(&f->old_file, delta);
    rd_memory_free(&reference.made);
    if (reference.verdict == FUZZ_TOO_LARGE)
        return;
    const rd_result result = fuzz_patch(&f->old_file, delta, &whole, verify, 2);
    const rd_result by_stream = patch_by_stream(f, delta, verify, pace, &streamed);
    fuzz_require(result != RD_OK || (by_stream == RD_OK && fuzz_same(&whole, &streamed)));
    rd_memory_free(&streamed);
    rd_memory_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    fuzz_files f = {.params = {0}};
    uint8_t changes[6];
    fuzz_pace pace = fuzz_pace_from(&in);
    const rd_verify verify = fuzz_byte(&in) % 3;
    for (size_t i = 0; i < sizeof changes; i++)
        changes[i] = fuzz_byte(&in);
    if (!fuzz_files_from(&f, &in))
        return 0;
    const rd_verify written = verify == RD_VERIFY_ALWAYS ? RD_VERIFY_DEFAULT : verify;
    rd_memory signature = fuzz_signature_of(&f, 2);
    check_signature_stream(&f, &signature, &pace);
    rd_signature *const loaded = load_by_stream(&signature, &pace);
    rd_memory delta = fuzz_delta_of(loaded, &f.new_file, written, 2);
    check_delta_stream(&f, loaded, &delta, written, &pace);
    check_patch_stream(&f, &delta, verify, &pace);
    check_changed_delta(&f, &delta, verify, changes, &pace);
    rd_memory_free(&delta);
    rd_signature_free(loaded);
    rd_memory_free(&signature);
    fuzz_files_free(&f);
    return 0;
}

/*
 * Files of some megabytes, made of a few bytes, for everything that works on segments of a megabyte in parallel:
 * signatures, deltas in segments, verified patches and the verification of a file must give the same with threads as
 * without, from memory and in order, and the same as streams. Slow for a fuzz target: some tens of runs a second.
 *
 * Input: a script that makes the new file from the old one, which is noise or repeats some bytes of the script.
 */
#include "operations.h"

enum { LARGE_MAX = 5 << 19, UNIT = 48 };

/* Splitmix64 (Steele, Lea, Flood 2014). */
static void fill_with_noise(uint8_t *data, size_t size, uint64_t seed) {
    for (size_t i = 0; i < size; i += sizeof seed) {
        uint64_t x = seed += 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        x ^= x >> 31;
        memcpy(data + i, &x, fuzz_least(sizeof x, size - i));
    }
}

static rd_memory large_old_file(fuzz_input *in) {
    const uint8_t kind = fuzz_byte(in);
    const size_t period = fuzz_number(in, 2);
    const size_t size = fuzz_least(fuzz_number(in, 2) * (size_t)UNIT + kind, LARGE_MAX);
    rd_memory made = {.data = fuzz_alloc(size), .size = size, .capacity = size};
    const size_t noise = kind & 1 && period > 0 ? fuzz_least(period, size) : size;
    fill_with_noise(made.data, noise, kind);
    for (size_t at = noise; at < size; at += noise)
        memcpy(made.data + at, made.data, fuzz_least(noise, size - at));
    return made;
}

/* Each five bytes of the script are a copy from some place, or noise. */
static rd_memory large_new_file(fuzz_input *in, const rd_memory *old_file) {
    rd_memory made = {.data = fuzz_alloc(LARGE_MAX), .capacity = LARGE_MAX};
    while (in->size >= 5 && made.size < LARGE_MAX) {
        const uint8_t *const p = fuzz_take(in, 5).data;
        const size_t room = LARGE_MAX - made.size;
        const size_t length = ((size_t)p[3] << 8 | p[4]) * UNIT + p[0];
        const size_t from = ((size_t)p[1] << 8 | p[2]) * UNIT + p[0];
        if (p[0] >= 0xc0 || old_file->size == 0) {
            const size_t size = fuzz_least(length / 16, room);
            fill_with_noise(made.data + made.size, size, from);
            made.size += size;
        } else {
            const size_t start = from % old_file->size;
            const size_t size = fuzz_least(fuzz_least(length, old_file->size - start), room);
            memcpy(made.data + made.size, old_file->data + start, size);
            made.size += size;
        }
    }
    rd_memory exact = fuzz_copy(made.data, made.size);
    rd_memory_free(&made);
    return exact;
}

static rd_memory delta_in_order(const rd_signature *signature, const rd_memory *new_file, const fuzz_pace *pace,
                                rd_verify verify, unsigned threads) {
    rd_memory made = {0};
    fuzz_reader reader = {.bytes = new_file, .pace = *pace, .in_order = true};
    const rd_source source = fuzz_reader_source(&reader);
    const rd_sink sink = rd_sink_memory(&made);
    fuzz_require(rd_delta_make(signature, &source, &sink,
                               &(rd_options){FUZZ_OPTIONS(NULL), .verify = verify, .threads = threads}) == RD_OK);
    return made;
}

static rd_memory delta_by_stream(const rd_signature *signature, const rd_memory *new_file, fuzz_pace *pace,
                                 rd_verify verify) {
    rd_memory made = {0};
    rd_stream *stream = NULL;
    fuzz_require(rd_delta_stream_new(&stream, signature, &(rd_options){FUZZ_OPTIONS(NULL), .verify = verify}) == RD_OK);
    fuzz_require(fuzz_drive(stream, new_file, pace, &made) == RD_OK);
    rd_stream_free(stream);
    return made;
}

static void require_same(rd_memory made, const rd_memory *expected) {
    fuzz_require(fuzz_same(&made, expected));
    rd_memory_free(&made);
}

static void check_patch(const fuzz_files *f, const rd_memory *delta, const fuzz_pace *pace, unsigned threads) {
    rd_memory made = {0};
    fuzz_reader reader = {.bytes = delta, .pace = *pace, .in_order = true};
    const rd_source basis = fuzz_source(&f->old_file);
    const rd_source commands = fuzz_reader_source(&reader);
    const rd_sink sink = rd_sink_memory(&made);
    fuzz_require(fuzz_patch(&f->old_file, delta, &made, RD_VERIFY_DEFAULT, threads) == RD_OK);
    fuzz_require(fuzz_same(&made, &f->new_file));
    made.size = 0;
    fuzz_require(rd_patch_apply(&basis, &commands, &sink, &(rd_options){FUZZ_OPTIONS(NULL), .threads = threads}) ==
                 RD_OK);
    require_same(made, &f->new_file);
}

static void check_delta(const fuzz_files *f, const rd_signature *signature, rd_verify verify, fuzz_pace *pace,
                        unsigned threads) {
    rd_memory delta = fuzz_delta_of(signature, &f->new_file, verify, 1);
    require_same(fuzz_delta_of(signature, &f->new_file, verify, threads), &delta);
    require_same(delta_in_order(signature, &f->new_file, pace, verify, threads), &delta);
    require_same(delta_by_stream(signature, &f->new_file, pace, verify), &delta);
    check_patch(f, &delta, pace, threads);
    const rd_source commands = fuzz_source(&delta);
    const rd_source file = fuzz_source(&f->new_file);
    const rd_result expected = verify == RD_VERIFY_NEVER ? RD_E_UNVERIFIED : RD_OK;
    fuzz_require(rd_delta_verify(&commands, &file, &(rd_options){FUZZ_OPTIONS(NULL), .threads = threads}) == expected);
    rd_memory_free(&delta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const unsigned threads = 2 + fuzz_byte(&in) % 2;
    const rd_verify verify = fuzz_byte(&in) & 1 ? RD_VERIFY_NEVER : RD_VERIFY_DEFAULT;
    fuzz_pace pace = fuzz_pace_from(&in);
    fuzz_files f = {.params = fuzz_params(&in)};
    f.params.block_len %= 1 << 20;
    f.old_file = large_old_file(&in);
    f.new_file = large_new_file(&in, &f.old_file);
    if (rd_params_resolve(&f.params, f.old_file.size) == RD_OK && f.params.block_len >= 16 && !fuzz_may_collide(&f)) {
        rd_memory bytes = fuzz_signature_of(&f, 1);
        require_same(fuzz_signature_of(&f, threads), &bytes);
        rd_signature *const signature = fuzz_loaded(&bytes, threads);
        check_delta(&f, signature, verify, &pace, threads);
        rd_signature_free(signature);
        rd_memory_free(&bytes);
    }
    fuzz_files_free(&f);
    return 0;
}

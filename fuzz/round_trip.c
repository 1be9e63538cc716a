/*
 * The round trip: signature, delta and patch give the new file, and signature and delta are the same for one, two and
 * three threads, for every set of instructions that the machine has, in chunks, and against a NULL signature.
 *
 * Input: the old file, a script that makes the new one.
 */
#define _POSIX_C_SOURCE 200809L
#include "operations.h"
#include "reference.h"

#include "hash/kernels.h"

/* The files of a round trip. */
typedef struct results {
    rd_memory signature;
    rd_memory delta;
    rd_memory new_file;
    rd_result patched;
} results;

static results run(const fuzz_files *f, rd_verify verify, unsigned threads) {
    results r = {.signature = fuzz_signature_of(f, threads)};
    rd_signature *const loaded = fuzz_loaded(&r.signature, threads);
    r.delta = fuzz_delta_of(loaded, &f->new_file, verify, threads);
    r.patched = fuzz_patch(&f->old_file, &r.delta, &r.new_file, verify, threads);
    rd_signature_free(loaded);
    return r;
}

static void results_free(results *r) {
    rd_memory_free(&r->signature);
    rd_memory_free(&r->delta);
    rd_memory_free(&r->new_file);
}

static void check_same(const results *a, const results *b) {
    fuzz_require(fuzz_same(&a->signature, &b->signature));
    fuzz_require(fuzz_same(&a->delta, &b->delta));
    fuzz_require(a->patched == b->patched && fuzz_same(&a->new_file, &b->new_file));
}

/* Strong sums that are too short may give another file; a trailer shows that. */
static void check_new_file(const fuzz_files *f, const results *r, rd_verify verify) {
    fuzz_reference reference = fuzz_reference_patch(&f->old_file, &r->delta);
    const rd_source delta = fuzz_source(&r->delta);
    const rd_source file = fuzz_source(&f->new_file);
    fuzz_require(reference.verdict == FUZZ_DONE);
    const bool right = fuzz_same(&reference.made, &f->new_file);
    fuzz_require(right || fuzz_may_collide(f));
    fuzz_require(r->patched == (right || verify == RD_VERIFY_NEVER ? RD_OK : RD_E_MISMATCH));
    if (r->patched == RD_OK)
        fuzz_require(fuzz_same(&r->new_file, &reference.made));
    fuzz_require(rd_delta_verify(&delta, &file, &(rd_options){FUZZ_OPTIONS(NULL), .threads = 1}) ==
                 (verify == RD_VERIFY_NEVER ? RD_E_UNVERIFIED : RD_OK));
    rd_memory_free(&reference.made);
}

/* Librsync's readers do not see the trailer, and no delta is much longer than one of literals. */
static void check_delta_size(const fuzz_files *f, const results *r) {
    rd_memory literals = fuzz_delta_of(NULL, &f->new_file, RD_VERIFY_NEVER, 1);
    rd_memory made = {0};
    enum { TRAILER = 56, PER_COPY = 8 };
    fuzz_require(fuzz_patch(&f->old_file, &literals, &made, RD_VERIFY_DEFAULT, 1) == RD_OK);
    fuzz_require(fuzz_same(&made, &f->new_file));
    if (f->params.block_len >= 32)
        fuzz_require(r->delta.size <= literals.size + TRAILER + PER_COPY);
    rd_memory_free(&made);
    rd_memory_free(&literals);
}

static void check_streams(const fuzz_files *f, const results *r, rd_verify verify, fuzz_pace *pace) {
    rd_stream *stream = NULL;
    rd_memory signature = {0};
    rd_memory delta = {0};
    rd_signature *const loaded = fuzz_loaded(&r->signature, 1);
    fuzz_require(rd_signature_stream_new(&stream, &(rd_options){FUZZ_OPTIONS(NULL), .params = f->params}) == RD_OK);
    fuzz_require(fuzz_drive(stream, &f->old_file, pace, &signature) == RD_OK && fuzz_same(&signature, &r->signature));
    rd_stream_free(stream);
    fuzz_require(rd_delta_stream_new(&stream, loaded, &(rd_options){FUZZ_OPTIONS(NULL), .verify = verify}) == RD_OK);
    fuzz_require(fuzz_drive(stream, &f->new_file, pace, &delta) == RD_OK && fuzz_same(&delta, &r->delta));
    rd_stream_free(stream);
    rd_signature_free(loaded);
    rd_memory_free(&delta);
    rd_memory_free(&signature);
}

static void use_kernels(const char *name) {
    fuzz_require((name ? setenv("REDELTA_CPU", name, 1) : unsetenv("REDELTA_CPU")) == 0);
}

/* Runs once more with each set of instructions, with one of them in two or three threads. */
static void check_kernels(const fuzz_files *f, const results *expected, rd_verify verify, fuzz_pace *pace) {
    size_t count = 0;
    const rd__kernels *const *const all = rd__kernels_all(&count);
    for (size_t i = 0; i < count; i++) {
        use_kernels(NULL);
        if (!rd__kernels_usable(all[i]))
            continue;
        if (rd__kernels_best() != all[i]) /* the best ones may have a name that others have as well */
            use_kernels(all[i]->name);
        fuzz_require(rd__kernels_best() == all[i]); /* the build reads the environment */
        results r = run(f, verify, i == pace->count % count ? 2 + (pace->codes[0] & 1u) : 1);
        check_same(&r, expected);
        check_streams(f, expected, verify, pace);
        results_free(&r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    fuzz_files f = {.params = {0}};
    fuzz_pace pace = fuzz_pace_from(&in);
    const rd_verify verify = fuzz_byte(&in) & 1 ? RD_VERIFY_NEVER : RD_VERIFY_DEFAULT;
    if (!fuzz_files_from(&f, &in))
        return 0;
    use_kernels("portable");
    results r = run(&f, verify, 1);
    check_new_file(&f, &r, verify);
    check_delta_size(&f, &r);
    check_kernels(&f, &r, verify, &pace);
    results_free(&r);
    fuzz_files_free(&f);
    return 0;
}

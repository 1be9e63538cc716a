/*
 * An untrusted delta and a small basis, reversed: if a second decoder makes a file of them, the result is the diff of
 * the files, however the delta is given and with any number of threads; else there is none.
 *
 * Input: the basis, the delta.
 */
#include "reference.h"

enum { MEMORY_MAX = 4 * 1024 * 1024 };

typedef struct reverse_case {
    rd_memory basis;
    rd_memory delta;
    fuzz_pace pace;
    rd_verify verify;
} reverse_case;

static rd_result reverse(const reverse_case *c, const rd_source *basis, const rd_source *delta, unsigned threads,
                         rd_memory *made) {
    rd_error error;
    const rd_sink sink = rd_sink_memory(made);
    const rd_result result = rd_delta_reverse(
        basis, delta, &sink,
        &(rd_options){FUZZ_OPTIONS(&error), .threads = threads, .verify = c->verify, .limits.memory = MEMORY_MAX});
    if (result != RD_OK) {
        fuzz_require_error(result, &error);
        fuzz_require(error.role == RD_ROLE_BASIS || error.role == RD_ROLE_DELTA);
    }
    return result;
}

/* The diff from what the delta makes to the basis. */
static rd_memory turned_diff(const reverse_case *c, const rd_memory *new_file) {
    rd_memory made = {0};
    const rd_source from = fuzz_source(new_file);
    const rd_source to = fuzz_source(&c->basis);
    const rd_sink sink = rd_sink_memory(&made);
    fuzz_require(rd_diff_make(&from, &to, &sink,
                              &(rd_options){FUZZ_OPTIONS(NULL), .verify = c->verify, .limits.memory = MEMORY_MAX}) ==
                 RD_OK);
    return made;
}

static void check_reverse(const reverse_case *c, const fuzz_reference *expected) {
    fuzz_reader basis_reader = {.bytes = &c->basis, .pace = c->pace};
    fuzz_reader delta_reader = {.bytes = &c->delta, .pace = c->pace, .in_order = true};
    const rd_source basis = fuzz_source(&c->basis);
    const rd_source delta = fuzz_source(&c->delta);
    const rd_source slow_basis = fuzz_reader_source(&basis_reader);
    const rd_source slow_delta = fuzz_reader_source(&delta_reader);
    rd_memory whole = {0};
    rd_memory in_order = {0};
    const rd_result result = reverse(c, &basis, &delta, 3, &whole);
    fuzz_require(reverse(c, &slow_basis, &slow_delta, 1, &in_order) == result);
    if (expected->verdict == FUZZ_BROKEN || expected->verdict == FUZZ_BASIS_ENDED)
        fuzz_require(result != RD_OK);
    if (expected->verdict == FUZZ_DONE && c->verify == RD_VERIFY_NEVER)
        fuzz_require(result == RD_OK);
    if (expected->verdict == FUZZ_DONE && result == RD_OK) {
        rd_memory due = turned_diff(c, &expected->made);
        fuzz_require(fuzz_same(&whole, &due) && fuzz_same(&in_order, &due));
        rd_memory_free(&due);
    }
    rd_memory_free(&in_order);
    rd_memory_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    reverse_case c = {.verify = fuzz_byte(&in) % 3};
    c.pace = fuzz_pace_from(&in);
    c.basis = fuzz_file(fuzz_part(&in));
    c.delta = fuzz_file(in);
    fuzz_reference expected = fuzz_reference_patch(&c.basis, &c.delta);
    const bool dense = rd_identify(c.delta.data, c.delta.size) == RD_KIND_DENSE; /* the second decoder knows none */
    if (expected.verdict != FUZZ_TOO_LARGE && !dense)
        check_reverse(&c, &expected);
    rd_memory_free(&expected.made);
    rd_memory_free(&c.delta);
    rd_memory_free(&c.basis);
    return 0;
}

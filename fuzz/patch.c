/*
 * An untrusted delta, applied to a small basis: from memory, in order, with any number of threads, by a stream, and
 * with each way to verify. Whatever succeeds must be what a second decoder makes of it, and verification must find what
 * is wrong and nothing else. A correct trailer can be put after the delta, because no fuzzer guesses a digest, with or
 * without the basis in it. The
 * limit of the output holds.
 *
 * Input: the basis, the delta.
 */
#include "reference.h"

enum { TRAILER = 56, BASIS_TRAILER = 96 };

typedef struct patch_case {
    rd_memory basis;
    rd_memory delta;
    fuzz_reference expected;        /* without checking the trailer */
    uint8_t trailer[BASIS_TRAILER]; /* that belongs to what the delta makes, if it makes something, and to the basis */
    rd_verify verify;
    uint64_t limit; /* of the output, or 0 */
    fuzz_pace pace;
} patch_case;

/* The trailer of a file is that of any delta that makes it, as one of literals does. */
static void find_trailer(patch_case *c) {
    rd_memory literals = {0};
    const rd_source made = fuzz_source(&c->expected.made);
    const rd_sink sink = rd_sink_memory(&literals);
    fuzz_require(rd_delta_make(NULL, &made, &sink, NULL) == RD_OK && literals.size > TRAILER);
    memcpy(c->trailer, literals.data + (literals.size - TRAILER), TRAILER);
    rd_memory_free(&literals);
    const rd_source basis = fuzz_source(&c->basis);
    for (size_t i = 0; i < 8; i++)
        c->trailer[TRAILER + i] = (uint8_t)((uint64_t)c->basis.size >> (56 - 8 * i));
    fuzz_require(rd_digest(&basis, c->trailer + TRAILER + 8, NULL) == RD_OK);
}

/* Puts so many bytes of that trailer, with some bits changed, after the delta's END. */
static void put_trailer(patch_case *c, size_t size, size_t at, uint8_t change) {
    rd_memory mended = {0};
    fuzz_append(&mended, c->delta.data, c->expected.end);
    fuzz_append(&mended, c->trailer, size);
    mended.data[c->expected.end + 7] = (uint8_t)(size - 8);
    mended.data[c->expected.end + at % size] ^= change;
    rd_memory_free(&c->delta);
    c->delta = fuzz_copy(mended.data, mended.size);
    rd_memory_free(&mended);
}

/* Is a delta that makes something, with `rest` after its END, to be applied? */
static bool acceptable(const patch_case *c, const uint8_t *rest, size_t size) {
    if (c->verify == RD_VERIFY_NEVER)
        return true;
    if (size == 0)
        return c->verify == RD_VERIFY_DEFAULT;
    /* Its length is right, and all that it says but the digest of the basis, which nobody needs then. */
    const bool knows_basis = size >= BASIS_TRAILER;
    const uint8_t length[4] = {0, 0, 0, (uint8_t)(size - 8)};
    return size >= TRAILER && memcmp(rest, c->trailer, 4) == 0 && memcmp(rest + 4, length, 4) == 0 &&
           memcmp(rest + 8, c->trailer + 8, (knows_basis ? TRAILER + 8 : TRAILER) - 8) == 0;
}

/* Does the result agree with the reference, and its bytes with it? */
static void check_result(const patch_case *c, rd_result result, const rd_memory *made) {
    const size_t rest = c->delta.size - c->expected.end;
    const bool beyond = c->limit > 0 && c->expected.made.size > c->limit;
    const bool possible = c->expected.verdict == FUZZ_DONE && !beyond;
    fuzz_require(c->limit == 0 || made->size <= c->limit);
    if (result == RD_OK)
        fuzz_require(possible && fuzz_same(made, &c->expected.made));
    if (!possible)
        fuzz_require(result != RD_OK && result != RD_E_UNVERIFIED);
    else if (rest <= BASIS_TRAILER) /* a longer trailer may be one of a later version */
        fuzz_require((result == RD_OK) == acceptable(c, c->delta.data + c->expected.end, rest));
    if (beyond)
        fuzz_require(result == RD_E_LIMIT);
    if (possible && rest == 0 && c->verify == RD_VERIFY_ALWAYS)
        fuzz_require(result == RD_E_UNVERIFIED);
}

static rd_result patch_whole(const patch_case *c, const rd_source *basis, const rd_source *delta, unsigned threads) {
    rd_error error;
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    const rd_result result = rd_patch_apply(
        basis, delta, &sink,
        &(rd_options){FUZZ_OPTIONS(&error), .threads = threads, .verify = c->verify, .limits = {.output = c->limit}});
    if (result != RD_OK)
        fuzz_require_error(result, &error);
    check_result(c, result, &made);
    rd_memory_free(&made);
    return result;
}

static rd_result patch_stream(const patch_case *c) {
    rd_memory made = {0};
    rd_stream *stream = NULL;
    size_t used = 0;
    fuzz_pace pace = c->pace;
    fuzz_reader reader = {.bytes = &c->basis, .pace = c->pace, .may_wait = true};
    const rd_source basis = fuzz_reader_source(&reader);
    fuzz_require(rd_patch_stream_new(
                     &stream, &basis,
                     &(rd_options){FUZZ_OPTIONS(NULL), .verify = c->verify, .limits = {.output = c->limit}}) == RD_OK);
    const rd_result result = fuzz_drive_patch(stream, &c->delta, &reader, &pace, &made, &used);
    if (result == RD_OK)
        fuzz_require(c->verify == RD_VERIFY_NEVER ? used == c->expected.end : used >= c->expected.end);
    else
        fuzz_require_error(result, rd_stream_error(stream));
    check_result(c, result, &made);
    fuzz_require(made.size <= c->expected.made.size + FUZZ_FILE_MAX);
    fuzz_require(fuzz_same_bytes(made.data, fuzz_least(made.size, c->expected.made.size), c->expected.made.data,
                                 fuzz_least(made.size, c->expected.made.size)));
    rd_stream_free(stream);
    rd_memory_free(&made);
    return result;
}

static void check_patch(const patch_case *c) {
    fuzz_reader basis_reader = {.bytes = &c->basis, .pace = c->pace};
    fuzz_reader delta_reader = {.bytes = &c->delta, .pace = c->pace, .in_order = true};
    const rd_source basis = fuzz_source(&c->basis);
    const rd_source delta = fuzz_source(&c->delta);
    const rd_source slow_basis = fuzz_reader_source(&basis_reader);
    const rd_source slow_delta = fuzz_reader_source(&delta_reader);
    const rd_result result = patch_whole(c, &basis, &delta, 1);
    fuzz_require(patch_whole(c, &basis, &delta, 2) == result);
    fuzz_require(patch_whole(c, &basis, &delta, 3) == result);
    const rd_result in_order = patch_whole(c, &slow_basis, &slow_delta, 2);
    const rd_result streamed = patch_stream(c);
    /* A trailer that is longer than this version writes is searched for only near the end of a file. */
    if (result != RD_E_UNVERIFIED) {
        fuzz_require((in_order == RD_OK) == (result == RD_OK));
        fuzz_require(streamed == RD_OK || result != RD_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    patch_case c = {.verify = fuzz_byte(&in) % 3};
    const uint8_t mend = fuzz_byte(&in);
    const size_t at = fuzz_byte(&in);
    const uint8_t change = fuzz_byte(&in);
    c.pace = fuzz_pace_from(&in);
    c.basis = fuzz_file(fuzz_part(&in));
    c.limit = fuzz_number(&in, 2);
    c.delta = fuzz_file(in);
    c.expected = fuzz_reference_patch(&c.basis, &c.delta);
    if (c.expected.verdict == FUZZ_DONE)
        find_trailer(&c);
    if (c.expected.verdict == FUZZ_DONE && mend & 1)
        put_trailer(&c, mend & 2 ? BASIS_TRAILER : TRAILER, at, change);
    if (c.expected.verdict != FUZZ_TOO_LARGE || c.limit > 0)
        check_patch(&c);
    rd_memory_free(&c.expected.made);
    rd_memory_free(&c.delta);
    rd_memory_free(&c.basis);
    return 0;
}

/*
 * An untrusted dense delta, applied to a small basis. Bytes as they are find the way through header and checks; since
 * no fuzzer guesses a check, a choice makes the input the bodies of frames, which get a header, checks and a trailer
 * that are right. Whatever succeeds is what the delta in librsync's form makes, which a second decoder applies; without
 * the basis there are the same ops; and the limit of the output holds.
 *
 * Input: the basis; the delta, or bodies, each after its length in two bytes. Choices: a byte for which of them it is,
 * the way to verify, a limit.
 */
#include "format/dense.h"
#include "reference.h"

static void digest_of(const rd_memory *file, uint8_t digest[RD_DIGEST_LEN]) {
    const rd_source source = fuzz_source(file);
    fuzz_require(rd_digest(&source, digest, NULL) == RD_OK);
}

/* Appends what ends with its check, made of `check`, the one before, and of these bytes. */
static void append_checked(rd_memory *delta, uint8_t check[RD__DENSE_CHECK_LEN], const uint8_t *data, size_t size) {
    uint8_t *const all = fuzz_alloc(RD__DENSE_CHECK_LEN + size);
    memcpy(all, check, RD__DENSE_CHECK_LEN);
    if (size > 0)
        memcpy(all + RD__DENSE_CHECK_LEN, data, size);
    rd__dense_check(all, RD__DENSE_CHECK_LEN + size, check);
    fuzz_append(delta, data, size);
    fuzz_append(delta, check, RD__DENSE_CHECK_LEN);
    free(all);
}

static rd_memory bodies_delta(fuzz_input *in, const rd_memory *basis, uint64_t new_size) {
    rd_memory delta = {0};
    rd__dense_header header = {.basis.size = basis->size};
    rd__dense_trailer trailer = {.new_size = new_size};
    uint8_t bytes[RD__DENSE_HEADER_LEN];
    uint8_t check[RD__DENSE_CHECK_LEN];
    digest_of(basis, header.basis.digest);
    rd__dense_header_put(bytes, &header);
    fuzz_append(&delta, bytes, sizeof bytes);
    memcpy(check, bytes + sizeof bytes - sizeof check, sizeof check);
    while (in->size > 0) {
        const fuzz_input length = fuzz_take(in, 2);
        const fuzz_input body =
            fuzz_take(in, length.size < 2 ? 0 : (size_t)length.data[0] << 8 | (size_t)length.data[1]);
        rd_memory frame = {0};
        const uint8_t head[RD__DENSE_FRAME_HEAD_LEN] = {RD__DENSE_FRAME, 0, 0, (uint8_t)(body.size >> 8),
                                                        (uint8_t)body.size};
        fuzz_append(&frame, head, sizeof head);
        fuzz_append(&frame, body.data, body.size);
        append_checked(&delta, check, frame.data, frame.size);
        rd_memory_free(&frame);
    }
    uint8_t end[RD__DENSE_TRAILER_LEN];
    rd__dense_trailer_put(end, check, &trailer);
    fuzz_append(&delta, end, sizeof end);
    rd_memory exact = fuzz_copy(delta.data, delta.size);
    rd_memory_free(&delta);
    return exact;
}

static rd_result expand(const rd_memory *basis, const rd_memory *delta, rd_verify verify, rd_memory *made) {
    rd_error error = {0};
    const rd_source from = fuzz_source(basis);
    const rd_source source = fuzz_source(delta);
    const rd_sink sink = rd_sink_memory(made);
    const rd_options options = {FUZZ_OPTIONS(&error), .verify = verify,
                                .limits = {.output = (uint64_t)FUZZ_FILE_MAX * 16}, .threads = 1};
    const rd_result result = rd_delta_expand(&from, &source, &sink, &options);
    if (result != RD_OK)
        fuzz_require_error(result, &error);
    return result;
}

static rd_result apply(const rd_memory *basis, const rd_memory *delta, rd_verify verify, uint64_t limit,
                       rd_memory *made) {
    rd_error error = {0};
    const rd_source from = fuzz_source(basis);
    const rd_source source = fuzz_source(delta);
    const rd_sink sink = rd_sink_memory(made);
    const rd_options options = {FUZZ_OPTIONS(&error), .verify = verify, .limits = {.output = limit}, .threads = 2};
    const rd_result result = rd_patch_apply(&from, &source, &sink, &options);
    fuzz_require(made->size <= limit);
    if (result != RD_OK)
        fuzz_require_error(result, &error);
    return result;
}

/* The ops of both, read without the basis, are the same. */
static void check_ops(const rd_memory *dense, const rd_memory *plain) {
    const rd_source sources[] = {fuzz_source(dense), fuzz_source(plain)};
    rd_ops *ops[2] = {0};
    rd_op op[2] = {{0}};
    rd_result result[2] = {RD_MORE, RD_MORE};
    for (size_t i = 0; i < 2; i++)
        fuzz_require(rd_ops_open(&ops[i], &sources[i], NULL) == RD_OK);
    while (result[0] == RD_MORE) {
        for (size_t i = 0; i < 2; i++)
            result[i] = rd_ops_next(ops[i], &op[i]);
        fuzz_require(result[0] == result[1]);
        fuzz_require(result[0] != RD_MORE || (op[0].kind == op[1].kind && op[0].length == op[1].length &&
                                              op[0].basis_offset == op[1].basis_offset));
    }
    fuzz_require(result[0] == RD_OK);
    for (size_t i = 0; i < 2; i++)
        rd_ops_close(ops[i]);
}

/* What succeeds is what the delta in librsync's form makes. */
static void check_applied(const rd_memory *basis, const rd_memory *delta, rd_verify verify, uint64_t limit) {
    rd_memory plain = {0};
    rd_memory made = {0};
    const rd_result result = apply(basis, delta, verify, limit, &made);
    const rd_result expanded = expand(basis, delta, verify, &plain);
    fuzz_require(result != RD_OK || expanded == RD_OK || expanded == RD_E_LIMIT);
    if (expanded == RD_OK) {
        check_ops(delta, &plain);
        fuzz_reference reference = fuzz_reference_patch(basis, &plain);
        fuzz_require(reference.verdict == FUZZ_DONE || reference.verdict == FUZZ_TOO_LARGE);
        fuzz_require(reference.verdict != FUZZ_DONE || result != RD_OK || fuzz_same(&reference.made, &made));
        fuzz_require(reference.verdict != FUZZ_DONE || verify != RD_VERIFY_NEVER || reference.made.size > limit ||
                     result == RD_OK);
        rd_memory_free(&reference.made);
    }
    rd_memory_free(&made);
    rd_memory_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const uint8_t kind = fuzz_byte(&in);
    const rd_verify verify = kind & 2 ? RD_VERIFY_NEVER : RD_VERIFY_DEFAULT;
    const uint64_t limit = kind & 4 ? 1 + fuzz_number(&in, 2) : FUZZ_FILE_MAX;
    const uint64_t new_size = kind & 1 ? fuzz_number(&in, 2) : 0;
    rd_memory basis = fuzz_file(fuzz_part(&in));
    rd_memory delta = kind & 1 ? bodies_delta(&in, &basis, new_size) : fuzz_file(in);
    if (kind & 1 || (delta.size >= 4 && rd_identify(delta.data, 4) == RD_KIND_DENSE))
        check_applied(&basis, &delta, verify, limit);
    rd_memory_free(&delta);
    rd_memory_free(&basis);
    return 0;
}

/* See dense.h. Pure functions over memory. */
#include "format/dense.h"

#include "base/bytes.h"
#include "base/result.h"
#include "format/identify.h"
#include "format/magic.h"
#include "format/numbers.h"
#include "hash/digest.h"

#include <assert.h>

enum { VERSION = 1, VERSION_AT = 4, ZERO_AT = 5, SIZE_AT = 8, DIGEST_AT = 16 };

static rd_result dense_corrupt(rd_error *error, uint64_t offset, const char *reason) {
    return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, offset, reason);
}

void rd__dense_check(const uint8_t *data, size_t size, uint8_t check[RD__DENSE_CHECK_LEN]) {
    uint8_t sum[RD__BLAKE3_LEN];
    rd__digest digest;
    rd__digest_init(&digest, 0);
    rd__digest_add(&digest, rd__kernels_best(), data, size);
    rd__digest_final(&digest, sum);
    memcpy(check, sum, RD__DENSE_CHECK_LEN);
}

/* ---- Header and trailer ------------------------------------------------------------------------------------------ */

void rd__dense_header_put(uint8_t bytes[RD__DENSE_HEADER_LEN], const rd__dense_header *header) {
    memset(bytes, 0, RD__DENSE_HEADER_LEN);
    rd__store_be32(bytes, RD__MAGIC_DENSE);
    bytes[VERSION_AT] = VERSION;
    rd__store_be(bytes + SIZE_AT, 8, header->basis.size);
    memcpy(bytes + DIGEST_AT, header->basis.digest, RD_DIGEST_LEN);
    rd__dense_check(bytes, DIGEST_AT + RD_DIGEST_LEN, bytes + DIGEST_AT + RD_DIGEST_LEN);
}

rd_result rd__dense_header_get(const uint8_t bytes[RD__DENSE_HEADER_LEN], rd__dense_header *header, rd_error *error) {
    uint8_t check[RD__DENSE_CHECK_LEN];
    const size_t size = DIGEST_AT + RD_DIGEST_LEN;
    const rd_result result = rd__expect_kind(RD_KIND_DENSE, bytes, RD_ROLE_DELTA, error);
    if (result != RD_OK)
        return result;
    if (bytes[VERSION_AT] != VERSION) /* whose header may be another one */
        return rd__fail(error, RD_E_MAGIC, RD_ROLE_DELTA, VERSION_AT,
                        "this dense delta is of a version that is not known");
    rd__dense_check(bytes, size, check);
    if (memcmp(check, bytes + size, sizeof check) != 0)
        return dense_corrupt(error, 0, "the check of the dense delta's header is wrong");
    if (!rd__is_zeros(bytes + ZERO_AT, SIZE_AT - ZERO_AT))
        return dense_corrupt(error, ZERO_AT, "a byte of the dense delta's header that should be zero is not");
    header->basis.size = rd__load_be(bytes + SIZE_AT, 8);
    memcpy(header->basis.digest, bytes + DIGEST_AT, RD_DIGEST_LEN);
    if (header->basis.size > RD__DENSE_SIZE_MAX)
        return dense_corrupt(error, SIZE_AT, "the length of the basis is out of range");
    return RD_OK;
}

/* The trailer and the check before it, in one. */
static void dense_trailer_check(const uint8_t *bytes, const uint8_t *before, uint8_t check[RD__DENSE_CHECK_LEN]) {
    uint8_t both[RD__DENSE_CHECK_LEN + RD__DENSE_TRAILER_LEN - RD__DENSE_CHECK_LEN];
    memcpy(both, before, RD__DENSE_CHECK_LEN);
    memcpy(both + RD__DENSE_CHECK_LEN, bytes, sizeof both - RD__DENSE_CHECK_LEN);
    rd__dense_check(both, sizeof both, check);
}

void rd__dense_trailer_put(uint8_t bytes[RD__DENSE_TRAILER_LEN], const uint8_t *before,
                           const rd__dense_trailer *trailer) {
    bytes[0] = RD__DENSE_TRAILER;
    rd__store_be(bytes + 1, 8, trailer->new_size);
    memcpy(bytes + 9, trailer->new_digest, RD_DIGEST_LEN);
    dense_trailer_check(bytes, before, bytes + 9 + RD_DIGEST_LEN);
}

rd_result rd__dense_trailer_get(const uint8_t bytes[RD__DENSE_TRAILER_LEN], const uint8_t *before, uint64_t origin,
                                rd__dense_trailer *trailer, rd_error *error) {
    uint8_t check[RD__DENSE_CHECK_LEN];
    assert(bytes[0] == RD__DENSE_TRAILER);
    dense_trailer_check(bytes, before, check);
    if (memcmp(check, bytes + 9 + RD_DIGEST_LEN, sizeof check) != 0)
        return dense_corrupt(error, origin, "the check of the dense delta's trailer is wrong");
    trailer->new_size = rd__dense_trailer_new_size(bytes);
    memcpy(trailer->new_digest, bytes + 9, RD_DIGEST_LEN);
    return RD_OK;
}

uint64_t rd__dense_trailer_new_size(const uint8_t bytes[RD__DENSE_TRAILER_LEN]) {
    return rd__load_be(bytes + 1, 8);
}

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

void rd__dense_frame_put(rd__growing *out, const uint8_t *before, const rd__dense_frame *frame) {
    const size_t start = out->size;
    uint8_t check[RD__DENSE_CHECK_LEN];
    uint8_t head[RD__DENSE_FRAME_HEAD_LEN] = {RD__DENSE_FRAME};
    rd__growing_put(out, before, RD__DENSE_CHECK_LEN);
    rd__growing_put(out, head, sizeof head);
    const size_t body = start + RD__DENSE_CHECK_LEN + sizeof head;
    rd__number_put(out, frame->covers);
    rd__number_put(out, frame->differences);
    rd__number_put(out, frame->target);
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++) {
        const rd__dense_stored *const column = &frame->columns[i];
        rd__growing_put_byte(out, (uint8_t)column->coding);
        rd__number_put(out, column->size);
        if (column->coding != RD__DENSE_STORED)
            rd__number_put(out, column->stored);
        rd__growing_put(out, column->data, column->stored);
    }
    if (out->failed)
        return;
    assert(out->size - body <= RD__DENSE_BODY_MAX);
    rd__store_be32(out->data + body - 4, (uint32_t)(out->size - body));
    rd__dense_check(out->data + start, out->size - start, check);
    memmove(out->data + start, out->data + start + RD__DENSE_CHECK_LEN, out->size - start - RD__DENSE_CHECK_LEN);
    out->size -= RD__DENSE_CHECK_LEN;
    rd__growing_put(out, check, sizeof check);
}

rd_result rd__dense_frame_head_get(const uint8_t head[RD__DENSE_FRAME_HEAD_LEN], uint64_t origin, size_t *body,
                                   rd_error *error) {
    assert(head[0] == RD__DENSE_FRAME);
    *body = rd__load_be32(head + 1);
    return *body <= RD__DENSE_BODY_MAX ? RD_OK
                                       : dense_corrupt(error, origin, "the length of a dense frame is out of range");
}

uint64_t rd__dense_covers_most(uint64_t target) {
    const uint64_t most = 1 + target / RD__DENSE_COVER_SHARE;
    return most < RD__DENSE_COVERS_MAX ? most : RD__DENSE_COVERS_MAX;
}

/* Is the size of this column one that such a frame may have? */
static bool dense_size_is_possible(const rd__dense_frame *frame, size_t column, uint64_t size) {
    if (column == RD__DENSE_LITERALS)
        return size <= RD__DENSE_LITERALS_MAX;
    if (column == RD__DENSE_ADDRESSES)
        return size <= frame->differences;
    const uint64_t count = column < RD__DENSE_SKIPS ? frame->covers : frame->differences;
    return column % 2 == 0 ? size == count : size <= count * RD__NUMBER_TAIL_MAX;
}

/* Reads the column from *from, which moves on. False: it is not possible. */
static bool dense_column_get(rd__dense_frame *frame, size_t column, const uint8_t **from, const uint8_t *end) {
    rd__dense_stored *const to = &frame->columns[column];
    uint64_t size = 0;
    if (*from == end)
        return false;
    const uint8_t coding = *(*from)++;
    const bool known = coding <= RD__DENSE_ZSTD || (coding == RD__DENSE_ZSTD_PREFIX && column == RD__DENSE_LITERALS);
    if (!known || !rd__number_get(from, end, &size) || !dense_size_is_possible(frame, column, size))
        return false;
    uint64_t stored = size;
    if (coding != RD__DENSE_STORED && !rd__number_get(from, end, &stored))
        return false;
    if (stored > (uint64_t)(end - *from))
        return false;
    *to = (rd__dense_stored){
        .coding = (rd__dense_coding)coding, .size = (size_t)size, .data = *from, .stored = (size_t)stored};
    *from += stored;
    return true;
}

rd_result rd__dense_body_get(const uint8_t *body, size_t size, uint64_t origin, rd__dense_frame *frame,
                             rd_error *error) {
    const uint8_t *from = body;
    const uint8_t *const end = body + size;
    uint64_t covers = 0;
    uint64_t differences = 0;
    if (!rd__number_get(&from, end, &covers) || !rd__number_get(&from, end, &differences) ||
        !rd__number_get(&from, end, &frame->target))
        return dense_corrupt(error, origin, "the dense frame is cut short");
    if (covers > rd__dense_covers_most(frame->target) || differences > RD__DENSE_DIFFERENCES_MAX ||
        frame->target == 0 || frame->target > RD__DENSE_SIZE_MAX)
        return dense_corrupt(error, origin, "a number in the head of a dense frame is out of range");
    frame->covers = (size_t)covers;
    frame->differences = (size_t)differences;
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++) {
        if (!dense_column_get(frame, i, &from, end))
            return dense_corrupt(error, origin + (uint64_t)(from - body), "a column of a dense frame is impossible");
    }
    return from == end ? RD_OK : dense_corrupt(error, origin, "a dense frame has more bytes than its columns");
}

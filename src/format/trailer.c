/* See trailer.h. */
#include "format/trailer.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/magic.h"

enum { REST_AT = 4, SIZE_AT = 8, KIND_AT = 16, ZERO_AT = 17, DIGEST_AT = 24, KIND_TREE = 1 };

void rd__trailer_put(uint8_t bytes[RD__TRAILER_LEN], const rd__trailer *trailer) {
    memset(bytes, 0, RD__TRAILER_LEN);
    rd__store_be32(bytes, RD__MAGIC_TRAILER);
    rd__store_be32(bytes + REST_AT, RD__TRAILER_LEN - SIZE_AT);
    rd__store_be(bytes + SIZE_AT, 8, trailer->new_size);
    bytes[KIND_AT] = KIND_TREE;
    memcpy(bytes + DIGEST_AT, trailer->digest, RD__TRAILER_DIGEST_LEN);
}

/* Its length in all, by what it says. */
static uint64_t whole_length(const uint8_t *bytes) {
    return SIZE_AT + (uint64_t)rd__load_be32(bytes + REST_AT);
}

static rd_result fail_at(const rd__trailer_reader *reader, uint64_t at, rd_error *error, const char *reason) {
    return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, reader->origin + at, reason);
}

/* Checks what there is of the trailer. */
static rd_result check(const rd__trailer_reader *reader, rd_error *error) {
    const uint8_t *const bytes = reader->bytes;
    const uint64_t taken = reader->taken;
    uint8_t magic[RD__MAGIC_LEN];
    rd__store_be32(magic, RD__MAGIC_TRAILER);
    if (memcmp(bytes, magic, rd__min_size((size_t)rd__min_u64(taken, RD__MAGIC_LEN), RD__MAGIC_LEN)) != 0)
        return fail_at(reader, 0, error, "what follows the end of the delta is not a trailer");
    if (taken >= SIZE_AT && rd__load_be32(bytes + REST_AT) < RD__TRAILER_LEN - SIZE_AT)
        return fail_at(reader, REST_AT, error, "the trailer's length is out of range");
    if (taken > KIND_AT && bytes[KIND_AT] != KIND_TREE)
        return rd__fail(error, RD_E_UNVERIFIED, RD_ROLE_DELTA, reader->origin + KIND_AT,
                        "the trailer's digest is of a kind that this version does not know");
    for (uint64_t i = ZERO_AT; i < rd__min_u64(taken, DIGEST_AT); i++) {
        if (bytes[i] != 0)
            return fail_at(reader, i, error, "a byte of the trailer that should be zero is not");
    }
    return RD_OK;
}

/* Takes up to byte `end` of the trailer. */
static void take_to(rd__trailer_reader *reader, uint64_t end, const uint8_t *data, size_t size, size_t *used) {
    const size_t wanted = (size_t)rd__min_u64(end - reader->taken, size - *used);
    if (wanted > 0 && reader->taken < RD__TRAILER_LEN)
        memcpy(reader->bytes + reader->taken, data + *used,
               (size_t)rd__min_u64(wanted, RD__TRAILER_LEN - reader->taken));
    reader->taken += wanted;
    *used += wanted;
}

rd_result rd__trailer_take(rd__trailer_reader *reader, const uint8_t *data, size_t size, size_t *used,
                           rd_error *error) {
    *used = 0;
    if (reader->taken < SIZE_AT)
        take_to(reader, SIZE_AT, data, size, used);
    rd_result result = check(reader, error);
    if (result != RD_OK || reader->taken < SIZE_AT)
        return result == RD_OK ? RD_MORE : result;
    take_to(reader, whole_length(reader->bytes), data, size, used);
    result = check(reader, error);
    if (result != RD_OK)
        return result;
    return reader->taken == whole_length(reader->bytes) ? RD_OK : RD_MORE;
}

rd_result rd__trailer_finish(const rd__trailer_reader *reader, rd_error *error) {
    const uint64_t taken = reader->taken;
    if (taken == 0 || (taken >= SIZE_AT && taken == whole_length(reader->bytes)))
        return RD_OK;
    return rd__fail(error, RD_E_TRUNCATED, RD_ROLE_DELTA, reader->origin + taken, "the delta ends inside its trailer");
}

rd__trailer rd__trailer_get(const rd__trailer_reader *reader) {
    rd__trailer trailer = {.new_size = rd__load_be(reader->bytes + SIZE_AT, 8)};
    memcpy(trailer.digest, reader->bytes + DIGEST_AT, RD__TRAILER_DIGEST_LEN);
    return trailer;
}

size_t rd__trailer_search(const uint8_t *data, size_t size) {
    for (size_t at = 0; at + RD__TRAILER_LEN <= size; at++) {
        if (rd__load_be32(data + at) == RD__MAGIC_TRAILER && whole_length(data + at) == size - at)
            return at;
    }
    return size;
}

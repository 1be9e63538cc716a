/* See trailer.h. */
#include "format/trailer.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "base/result.h"
#include "format/magic.h"

#include <assert.h>

enum {
    LENGTH_AT = 4,
    SIZE_AT = RD__TRAILER_REST_AT,
    KIND_AT = 16,
    ZERO_AT = 17,
    DIGEST_AT = 24,
    BASIS_SIZE_AT = RD_TRAILER_LEN,
    BASIS_DIGEST_AT = 64,
    KIND_BLAKE3 = 2
};

size_t rd__trailer_put(uint8_t bytes[RD_TRAILER_BASIS_LEN], uint64_t new_size, const uint8_t digest[RD_DIGEST_LEN],
                       const rd__basis_id *basis) {
    const size_t length = basis ? RD_TRAILER_BASIS_LEN : RD_TRAILER_LEN;
    memset(bytes, 0, length);
    rd__store_be32(bytes, RD__MAGIC_TRAILER);
    rd__store_be32(bytes + LENGTH_AT, (uint32_t)(length - SIZE_AT));
    rd__store_be(bytes + SIZE_AT, 8, new_size);
    bytes[KIND_AT] = KIND_BLAKE3;
    memcpy(bytes + DIGEST_AT, digest, RD_DIGEST_LEN);
    if (basis) {
        rd__store_be(bytes + BASIS_SIZE_AT, 8, basis->size);
        memcpy(bytes + BASIS_DIGEST_AT, basis->digest, RD_DIGEST_LEN);
    }
    return length;
}

rd_result rd__trailer_check(const uint8_t *bytes, size_t size, uint64_t origin, rd_error *error) {
    uint8_t magic[RD__MAGIC_LEN];
    rd__store_be32(magic, RD__MAGIC_TRAILER);
    if (memcmp(bytes, magic, rd__min_size(size, RD__MAGIC_LEN)) != 0)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, origin,
                        "what follows the end of the delta is not a trailer");
    if (size >= SIZE_AT && rd__load_be32(bytes + LENGTH_AT) < RD_TRAILER_LEN - SIZE_AT)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, origin + LENGTH_AT, "the trailer's length is out of range");
    if (size > KIND_AT && bytes[KIND_AT] != KIND_BLAKE3)
        return rd__fail(error, RD_E_UNVERIFIED, RD_ROLE_DELTA, origin + KIND_AT,
                        "the trailer's digest is of a kind that this version does not know");
    for (size_t i = ZERO_AT; i < rd__min_size(size, DIGEST_AT); i++) {
        if (bytes[i] != 0)
            return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, origin + i,
                            "a byte of the trailer that should be zero is not");
    }
    if (size > BASIS_SIZE_AT && bytes[BASIS_SIZE_AT] > INT8_MAX)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_DELTA, origin + BASIS_SIZE_AT,
                        "the trailer has an impossible length of the basis");
    return RD_OK;
}

uint64_t rd__trailer_length(const uint8_t *bytes) {
    return SIZE_AT + (uint64_t)rd__load_be32(bytes + LENGTH_AT);
}

size_t rd__trailer_known(const uint8_t *bytes) {
    return rd__trailer_length(bytes) < RD_TRAILER_BASIS_LEN ? RD_TRAILER_LEN : RD_TRAILER_BASIS_LEN;
}

uint64_t rd__trailer_new_size(const uint8_t *bytes) {
    return rd__load_be(bytes + SIZE_AT, 8);
}

const uint8_t *rd__trailer_digest(const uint8_t *bytes) {
    return bytes + DIGEST_AT;
}

bool rd__trailer_basis(const uint8_t *bytes, rd__basis_id *basis) {
    if (rd__trailer_known(bytes) < RD_TRAILER_BASIS_LEN)
        return false;
    basis->size = rd__load_be(bytes + BASIS_SIZE_AT, 8);
    memcpy(basis->digest, bytes + BASIS_DIGEST_AT, RD_DIGEST_LEN);
    return true;
}

size_t rd__trailer_search(const uint8_t *data, size_t size) {
    for (size_t at = 0; at + RD_TRAILER_LEN <= size; at++) {
        if (rd__load_be32(data + at) == RD__MAGIC_TRAILER && rd__trailer_length(data + at) == size - at)
            return at;
    }
    return size;
}

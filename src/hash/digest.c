/* See digest.h. */
#include "hash/digest.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

/* As many leaves as the widest kernel has lanes. */
enum { DIGESTER_LEAVES = 8, DIGESTER_SIZE = DIGESTER_LEAVES * RD__LEAF_LEN };

size_t rd__digest_leaves(const rd__kernels *kernels, const uint8_t *data, size_t size, bool ends, uint8_t *digests) {
    assert(ends || size % RD__LEAF_LEN == 0);
    const size_t whole = ends ? rd__leaf_count(size) - 1 : size / RD__LEAF_LEN;
    kernels->leaves(data, whole, digests);
    if (!ends)
        return whole;
    rd__blake2b last;
    rd__blake2b_init(&last, RD__BLAKE2B_LEAF);
    rd__blake2b_update(&last, data + whole * RD__LEAF_LEN, size - whole * RD__LEAF_LEN);
    rd__blake2b_final_last(&last, digests + whole * RD__BLAKE2B_LEN);
    return whole + 1;
}

void rd__digest_init(rd__digest *digest) {
    rd__blake2b_init(&digest->root, RD__BLAKE2B_ROOT);
}

void rd__digest_add(rd__digest *digest, const uint8_t *leaves, size_t count) {
    rd__blake2b_update(&digest->root, leaves, count * RD__BLAKE2B_LEN);
}

void rd__digest_final(rd__digest *digest, uint8_t sum[RD__BLAKE2B_LEN]) {
    rd__blake2b_final_last(&digest->root, sum);
}

bool rd__digester_init(rd__digester *digester, const rd__kernels *kernels) {
    *digester = (rd__digester){.kernels = kernels, .gathered = rd__alloc_buffer(DIGESTER_SIZE, 1)};
    rd__digest_init(&digester->digest);
    return digester->gathered != NULL;
}

/* Hashes the leaves that were gathered. The last of them is the last of the file if it `ends` with them. */
static void digester_hash(rd__digester *digester, bool ends) {
    uint8_t leaves[DIGESTER_LEAVES * RD__BLAKE2B_LEN];
    const size_t count = rd__digest_leaves(digester->kernels, digester->gathered, digester->filled, ends, leaves);
    rd__digest_add(&digester->digest, leaves, count);
    digester->filled = 0;
}

void rd__digester_take(rd__digester *digester, const uint8_t *data, size_t size) {
    while (size > 0) {
        if (digester->filled == DIGESTER_SIZE)
            digester_hash(digester, false);
        const size_t taken = rd__min_size(size, DIGESTER_SIZE - digester->filled);
        memcpy(digester->gathered + digester->filled, data, taken);
        digester->filled += taken;
        digester->size += taken;
        data += taken;
        size -= taken;
    }
}

void rd__digester_final(rd__digester *digester, uint8_t sum[RD__BLAKE2B_LEN]) {
    digester_hash(digester, true);
    rd__digest_final(&digester->digest, sum);
}

void rd__digester_free(rd__digester *digester) {
    rd__free_buffer(digester->gathered);
    digester->gathered = NULL;
}

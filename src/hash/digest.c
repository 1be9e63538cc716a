/* See digest.h. */
#include "hash/digest.h"

#include "base/bytes.h"
#include "base/memory.h"

#include <assert.h>
#include <string.h>

/* As many leaves as the widest kernel has lanes. */
enum { DIGESTER_LEAVES = 8, DIGESTER_SIZE = DIGESTER_LEAVES * RD__LEAF_LEN };

/*
 * The digests of a whole leaf of zeros, and of a branch of such leaves, that are not the last of the file. In Python's
 * hashlib, with p = dict(digest_size=32, fanout=0, depth=3, leaf_size=65536, inner_size=32):
 *
 *     leaf = blake2b(bytes(65536), **p).digest()
 *     branch = blake2b(256 * leaf, node_depth=1, **p).digest()
 */
static const uint8_t digest_zero_leaf[RD__BLAKE2B_LEN] = {
    0x5a, 0xf3, 0x53, 0xfc, 0xbe, 0x70, 0x13, 0x7b, 0x8c, 0x9e, 0xdd, 0x31, 0xe6, 0x7e, 0xd4, 0x81,
    0x2b, 0x77, 0xa0, 0xe4, 0xf3, 0xba, 0x48, 0xbb, 0xd3, 0xa0, 0xd2, 0x5b, 0x33, 0x56, 0xdd, 0x2f,
};
static const uint8_t digest_zero_branch[RD__BLAKE2B_LEN] = {
    0x25, 0x25, 0x8e, 0x76, 0x15, 0x3c, 0xdf, 0xc6, 0x16, 0x5a, 0x3e, 0xf7, 0xb0, 0xa9, 0x6e, 0x18,
    0xf8, 0x29, 0xfe, 0xd3, 0x19, 0x29, 0x0c, 0x95, 0x30, 0xe8, 0xe1, 0xde, 0x8f, 0x0b, 0x4c, 0xb2,
};

/* Hashes `count` whole leaves. Files have long runs of zeros, which need not be hashed to know their digests. */
static void digest_whole_leaves(const rd__kernels *kernels, const uint8_t *data, size_t count, uint8_t *digests) {
    size_t start = 0; /* of the leaves that are not zeros */
    for (size_t i = 0; i <= count; i++) {
        const bool zeros = i < count && rd__is_zeros(data + i * RD__LEAF_LEN, RD__LEAF_LEN);
        if (i < count && !zeros)
            continue;
        kernels->leaves(data + start * RD__LEAF_LEN, i - start, digests + start * RD__BLAKE2B_LEN);
        if (zeros)
            memcpy(digests + i * RD__BLAKE2B_LEN, digest_zero_leaf, sizeof digest_zero_leaf);
        start = i + 1;
    }
}

size_t rd__digest_leaves(const rd__kernels *kernels, const uint8_t *data, size_t size, bool ends, uint8_t *digests) {
    assert(ends || size % RD__LEAF_LEN == 0);
    const size_t whole = ends ? rd__leaf_count(size) - 1 : size / RD__LEAF_LEN;
    digest_whole_leaves(kernels, data, whole, digests);
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
    rd__blake2b_init(&digest->branch, RD__BLAKE2B_BRANCH);
    digest->leaves = 0;
}

/* The branch is full, and not the last one: there is one more leaf. */
static void digest_end_branch(rd__digest *digest) {
    uint8_t sum[RD__BLAKE2B_LEN];
    rd__blake2b_final(&digest->branch, sum);
    rd__blake2b_update(&digest->root, sum, sizeof sum);
    rd__blake2b_init(&digest->branch, RD__BLAKE2B_BRANCH);
    digest->leaves = 0;
}

void rd__digest_add(rd__digest *digest, const uint8_t *leaves, size_t count) {
    while (count > 0) {
        if (digest->leaves == RD__BRANCH_LEAVES)
            digest_end_branch(digest);
        const size_t taken = rd__min_size(count, RD__BRANCH_LEAVES - digest->leaves);
        rd__blake2b_update(&digest->branch, leaves, taken * RD__BLAKE2B_LEN);
        digest->leaves += taken;
        leaves += taken * RD__BLAKE2B_LEN;
        count -= taken;
    }
}

void rd__digest_add_zeros(rd__digest *digest, uint64_t count) {
    while (count > 0) {
        if (digest->leaves == RD__BRANCH_LEAVES)
            digest_end_branch(digest);
        if (digest->leaves == 0 && count >= RD__BRANCH_LEAVES) {
            rd__blake2b_update(&digest->root, digest_zero_branch, sizeof digest_zero_branch);
            count -= RD__BRANCH_LEAVES;
        } else {
            rd__digest_add(digest, digest_zero_leaf, 1);
            count--;
        }
    }
}

void rd__digest_final(rd__digest *digest, uint8_t sum[RD__BLAKE2B_LEN]) {
    uint8_t branch[RD__BLAKE2B_LEN];
    rd__blake2b_final_last(&digest->branch, branch);
    rd__blake2b_update(&digest->root, branch, sizeof branch);
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

void rd__digester_take_zeros(rd__digester *digester, uint64_t size) {
    static const uint8_t zeros[RD__LEAF_LEN];
    while (size > 0) {
        /* Leaves that are whole, and that others follow, need no bytes. */
        if (digester->filled % RD__LEAF_LEN == 0 && size > RD__LEAF_LEN) {
            const uint64_t count = (size - 1) / RD__LEAF_LEN;
            if (digester->filled > 0)
                digester_hash(digester, false);
            rd__digest_add_zeros(&digester->digest, count);
            digester->size += count * RD__LEAF_LEN;
            size -= count * RD__LEAF_LEN;
        }
        const size_t taken = (size_t)rd__min_u64(size, RD__LEAF_LEN - digester->filled % RD__LEAF_LEN);
        rd__digester_take(digester, zeros, taken);
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

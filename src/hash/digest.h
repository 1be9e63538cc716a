/*
 * The digest of a new file, by which a patch is verified: a tree of three levels, leaves of 64 KiB, branches over the
 * digests of 256 leaves, and a root over theirs. So leaves can be hashed many at once and in parallel; and of zeros,
 * however many, the root takes 32 bytes for 16 MiB.
 *
 * rd__digest_leaves hashes the leaves of any range of the file, in any order; rd__digest takes their digests in order.
 * Where bytes arrive in chunks that are not whole leaves, an rd__digester does both.
 */
#ifndef RD_HASH_DIGEST_H
#define RD_HASH_DIGEST_H

#include "hash/blake2b.h"
#include "hash/kernels.h"

/*
 * Hashes the leaves of a range of a file: the `size` bytes at `data`, which start with a leaf. Unless the file `ends`
 * with them, they are whole leaves. `digests` has room for rd__leaf_count(size) digests of 32 bytes. Returns their
 * number: even an empty file has one leaf.
 */
size_t rd__digest_leaves(const rd__kernels *kernels, const uint8_t *data, size_t size, bool ends, uint8_t *digests);

/* The number of leaves in `size` bytes from the start of a leaf, the last of which may be short; at least 1. */
static inline size_t rd__leaf_count(size_t size) {
    return size == 0 ? 1 : (size - 1) / RD__LEAF_LEN + 1;
}

enum { RD__BRANCH_LEAVES = 256 };

/* The state of the root, and of the branch that takes the next leaf, or is full. */
typedef struct rd__digest {
    rd__blake2b root;
    rd__blake2b branch;
    size_t leaves; /* in the branch */
} rd__digest;

void rd__digest_init(rd__digest *digest);
/* The digests of the next `count` leaves. */
void rd__digest_add(rd__digest *digest, const uint8_t *leaves, size_t count);
/* The same for `count` leaves of zeros, which are whole and not the last of the file. */
void rd__digest_add_zeros(rd__digest *digest, uint64_t count);
void rd__digest_final(rd__digest *digest, uint8_t sum[RD__BLAKE2B_LEN]);

/* The digest of a file that arrives in order, in chunks of any size. */
typedef struct rd__digester {
    const rd__kernels *kernels;
    rd__digest digest;
    uint64_t size;     /* bytes taken */
    uint8_t *gathered; /* some leaves, kept until it is known whether the last of them is the last of the file */
    size_t filled;     /* bytes of them */
} rd__digester;

/* False: out of memory, with nothing to free. */
bool rd__digester_init(rd__digester *digester, const rd__kernels *kernels);
void rd__digester_take(rd__digester *digester, const uint8_t *data, size_t size);
/* The same for `size` zeros. */
void rd__digester_take_zeros(rd__digester *digester, uint64_t size);
void rd__digester_final(rd__digester *digester, uint8_t sum[RD__BLAKE2B_LEN]);
void rd__digester_free(rd__digester *digester);

#endif

/*
 * BLAKE2b-256 without a key: alone, the default strong sum (RFC 7693), and as the nodes of a tree, the digest of a new
 * file (the paper "BLAKE2: simpler, smaller, fast as MD5", 2.8 to 2.10; hashlib.blake2b of Python takes the same
 * parameters).
 */
#ifndef RD_HASH_BLAKE2B_H
#define RD_HASH_BLAKE2B_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RD__BLAKE2B_LEN = 32, RD__BLAKE2B_BLOCK = 128 };

/* The words of the parameter block that are not 0. */
typedef struct rd__blake2b_node {
    uint64_t lengths; /* one byte each: digest length, key length, fan-out, depth; then four bytes: leaf length */
    uint64_t level;   /* one byte each: level, inner digest length */
} rd__blake2b_node;

/* Alone: digest length 32, key length 0, fan-out 1, depth 1. */
#define RD__BLAKE2B_ALONE ((rd__blake2b_node){.lengths = 0x01010020u})

/*
 * In a tree: fan-out 0 (any), depth 3, leaves of 65536 bytes, inner digests of 32. Leaves are level 0, branches 1, the
 * root is 2. The node offset of all nodes is 0, so that equal leaves have equal digests, and so have equal branches;
 * their order is in what is above them.
 */
enum { RD__LEAF_LEN = 65536 };
#define RD__BLAKE2B_LEAF ((rd__blake2b_node){.lengths = 0x0001000003000020u, .level = 0x2000u})
#define RD__BLAKE2B_BRANCH ((rd__blake2b_node){.lengths = 0x0001000003000020u, .level = 0x2001u})
#define RD__BLAKE2B_ROOT ((rd__blake2b_node){.lengths = 0x0001000003000020u, .level = 0x2002u})

/* The state of a digest. The latest block stays in `block` until it is known whether it is the last. */
typedef struct rd__blake2b {
    uint64_t h[8];
    uint64_t hashed; /* bytes compressed so far; never 2^64, so the high half of the counter stays 0 */
    size_t filled;   /* bytes in `block` */
    uint8_t block[RD__BLAKE2B_BLOCK];
} rd__blake2b;

void rd__blake2b_init(rd__blake2b *state, rd__blake2b_node node);
void rd__blake2b_update(rd__blake2b *state, const uint8_t *data, size_t size);
void rd__blake2b_final(rd__blake2b *state, uint8_t digest[RD__BLAKE2B_LEN]);
/* Like rd__blake2b_final, for the last node of a level. */
void rd__blake2b_final_last(rd__blake2b *state, uint8_t digest[RD__BLAKE2B_LEN]);

/* An rd__strong_many_fn, an rd__leaves_fn and an rd__strong_advance_fn; see kernels.h. */
struct rd__strong;
void rd__blake2b_many_portable(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__blake2b_advance_portable(struct rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);
void rd__blake2b_leaves_portable(const uint8_t *data, size_t count, uint8_t *digests);
#if defined(__x86_64__)
void rd__blake2b_advance_avx2(struct rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);
void rd__blake2b_advance_avx512(struct rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);
void rd__blake2b_many_avx2(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__blake2b_many_avx512(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__blake2b_leaves_avx2(const uint8_t *data, size_t count, uint8_t *digests);
void rd__blake2b_leaves_avx512(const uint8_t *data, size_t count, uint8_t *digests);
#elif defined(__AARCH64EL__)
void rd__blake2b_advance_neon(struct rd__strong *sums, const uint8_t *const *data, size_t size, size_t count);
void rd__blake2b_many_neon(const uint8_t *data, size_t length, size_t count, uint8_t *digests);
void rd__blake2b_leaves_neon(const uint8_t *data, size_t count, uint8_t *digests);
#endif

/* Shared by the variants. */
extern const uint64_t rd__blake2b_initial[8];
typedef void rd__blake2b_nodes_fn(rd__blake2b_node node, const uint8_t *data, size_t length, size_t count,
                                  uint8_t *digests);
rd__blake2b_nodes_fn rd__blake2b_nodes_portable;
#if defined(__x86_64__)
rd__blake2b_nodes_fn rd__blake2b_nodes_avx2;
#endif

#endif

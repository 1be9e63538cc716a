/*
 * BLAKE3 without a key: the nodes of its tree (the paper "BLAKE3: one function, fast everywhere", 2.1 to 2.6). The tree
 * itself is in hash/digest.h.
 *
 * A file is cut into chunks of 1024 bytes. A chunk is sixteen blocks, a parent one block: the sums of its
 * two children. Neither waits for another one of its level, so kernels compute many at once.
 */
#ifndef RD_HASH_BLAKE3_H
#define RD_HASH_BLAKE3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RD__BLAKE3_LEN = 32, RD__BLAKE3_BLOCK = 64, RD__BLAKE3_CHUNK = 1024 };

/* What a block is (the paper, 2.2, table 3). */
enum {
    RD__BLAKE3_CHUNK_START = 1, /* the first block of a chunk */
    RD__BLAKE3_CHUNK_END = 2,   /* the last one */
    RD__BLAKE3_PARENT = 4,
    RD__BLAKE3_ROOT = 8 /* the last block of the root, whose sum is the digest */
};

/* Nodes of one kind, one after the other: whole chunks or parents, none of them the root. */
typedef struct rd__blake3_nodes {
    const uint8_t *data; /* of the first */
    size_t stride;       /* from one to the next; 0: all have the same bytes */
    size_t blocks;       /* in each */
    uint64_t number;     /* of the first */
    uint64_t step;       /* from one number to the next */
    uint32_t start;      /* flags of the first block in each */
    uint32_t end;        /* and of the last */
} rd__blake3_nodes;

/* Whole chunks, from this number on. With a stride of 0, all have the bytes of the first. */
static inline rd__blake3_nodes rd__blake3_chunks(const uint8_t *data, size_t stride, uint64_t number) {
    return (rd__blake3_nodes){.data = data,
                              .stride = stride,
                              .blocks = RD__BLAKE3_CHUNK / RD__BLAKE3_BLOCK,
                              .number = number,
                              .step = 1,
                              .start = RD__BLAKE3_CHUNK_START,
                              .end = RD__BLAKE3_CHUNK_END};
}

/* The parents of sums that follow each other. */
static inline rd__blake3_nodes rd__blake3_parents(const uint8_t *sums) {
    return (rd__blake3_nodes){
        .data = sums, .stride = RD__BLAKE3_BLOCK, .blocks = 1, .start = RD__BLAKE3_PARENT, .end = RD__BLAKE3_PARENT};
}

/*
 * The sum of the chunk of `size` bytes, at most RD__BLAKE3_CHUNK; and, unless `alone` is NULL, the digest of a file
 * that is nothing but this chunk.
 */
void rd__blake3_chunk(const uint8_t *data, size_t size, uint64_t number, uint8_t node[RD__BLAKE3_LEN], uint8_t *alone);

/* The sum of the parent of two sums that follow each other; of the root, the digest. `sum` may be the first of them. */
void rd__blake3_parent(const uint8_t *sums, bool is_root, uint8_t sum[RD__BLAKE3_LEN]);

/* One chunk of any file: at most RD__BLAKE3_CHUNK bytes. */
typedef struct rd__blake3_message {
    const uint8_t *data;
    size_t size;
    uint64_t number;
    bool alone; /* it is the whole file: the sum is the digest */
} rd__blake3_message;

/* Kernels; see kernels.h. */
typedef void rd__blake3_many_fn(const rd__blake3_nodes *nodes, size_t count, uint8_t *sums);
typedef void rd__blake3_each_fn(const rd__blake3_message *messages, size_t count, uint8_t *sums);
rd__blake3_each_fn rd__blake3_each_portable;
#if defined(__x86_64__)
rd__blake3_each_fn rd__blake3_each_sse41;
rd__blake3_each_fn rd__blake3_each_avx2;
rd__blake3_each_fn rd__blake3_each_avx512vl;
rd__blake3_each_fn rd__blake3_each_avx512;
#elif defined(__AARCH64EL__)
rd__blake3_each_fn rd__blake3_each_neon;
#endif
rd__blake3_many_fn rd__blake3_many_portable;
#if defined(__x86_64__)
rd__blake3_many_fn rd__blake3_many_sse41;
rd__blake3_many_fn rd__blake3_many_avx2;
rd__blake3_many_fn rd__blake3_many_avx512vl;
rd__blake3_many_fn rd__blake3_many_avx512;
#elif defined(__AARCH64EL__)
rd__blake3_many_fn rd__blake3_many_neon;
#endif

/* Shared by the variants. */
extern const uint32_t rd__blake3_initial[8];

#endif

/*
 * The digest of a file, by which a patch is verified: BLAKE3 (the paper "BLAKE3: one function, fast everywhere", 2.1),
 * a binary tree over chunks of 1024 bytes. The left half of each parent's chunks is a power of two, and as many as
 * there can be.
 *
 * An rd__digest is that of a range of a file, which starts with a chunk: its *nodes* are the sums of the subtrees that
 * lie wholly in it. Ranges that follow each other are joined, so the ranges of a file can be hashed in any order and by
 * any thread. Which node is the root is known only when all the bytes have been seen: the last two nodes are therefore
 * not merged until another one follows them.
 *
 * An rd__digester takes bytes in portions of any size.
 */
#ifndef RD_HASH_DIGEST_H
#define RD_HASH_DIGEST_H

#include "hash/blake3.h"
#include "hash/kernels.h"

enum {
    RD__DIGEST_LEVELS = 54, /* of the chunks of 2^64 bytes */
    /* Of a range: one of each level from where it starts upwards, one of each down to where it ends, and one that is
     * not merged. */
    RD__DIGEST_NODES = 2 * RD__DIGEST_LEVELS + 1
};

typedef struct rd__digest {
    uint64_t start;                   /* the number of the first chunk */
    uint64_t end;                     /* of the chunk after the last one */
    size_t count;                     /* of the nodes */
    bool ended;                       /* the last chunk is not whole: it is the file's last */
    uint8_t levels[RD__DIGEST_NODES]; /* a node has 2^level chunks; the last of the file may have fewer */
    uint8_t nodes[RD__DIGEST_NODES][RD__BLAKE3_LEN];
    uint8_t alone[RD__BLAKE3_LEN]; /* the digest if the first chunk is the whole file */
} rd__digest;

/* An empty range, where chunk `start` starts. */
void rd__digest_init(rd__digest *digest, uint64_t start);

/* Appends `size` bytes to the range: whole chunks, unless the file ends with them. */
void rd__digest_add(rd__digest *digest, const rd__kernels *kernels, const uint8_t *data, size_t size);

/* The same for zeros. Chunks have numbers, so even zeros must be hashed, but need not be anywhere. */
void rd__digest_add_zeros(rd__digest *digest, const rd__kernels *kernels, uint64_t size);

/* Appends the next range. */
void rd__digest_join(rd__digest *digest, const rd__digest *next);

/*
 * Merges nodes as far as they can be merged whatever follows, so that they depend on nothing but where the range starts
 * and ends: the level of each is that of rd__digest_level. Only before the range is written down.
 */
void rd__digest_settle(rd__digest *digest);

/* The level of the node that starts with chunk `at` in the settled range of the chunks from `start` to `end`. */
uint8_t rd__digest_level(uint64_t start, uint64_t at, uint64_t end);

/* Appends a node with the sum of 2^level chunks, of which the last may be the end of the file. */
void rd__digest_add_node(rd__digest *digest, const uint8_t *node, uint8_t level);

/*
 * The sum of the node over all of the range, which is not empty. It starts where a subtree of 2^k chunks does and has
 * no more of them; fewer only if the file ends with it. The root is not meant: of all of a file, that is the digest.
 */
void rd__digest_node(const rd__digest *digest, uint8_t node[RD__BLAKE3_LEN]);

/* The digest of the file, if the range is all of it. */
void rd__digest_final(const rd__digest *digest, uint8_t sum[RD__BLAKE3_LEN]);

/* The number of chunks that start before this position of the file. */
static inline uint64_t rd__digest_chunks_before(uint64_t position) {
    return position / RD__BLAKE3_CHUNK + (position % RD__BLAKE3_CHUNK > 0);
}

/* A small file, whose bytes are in memory. */
enum { RD__DIGEST_SMALL = 16 * RD__BLAKE3_CHUNK };

typedef struct rd__digest_file {
    const uint8_t *data;
    size_t size;     /* at most RD__DIGEST_SMALL */
    uint8_t *digest; /* RD__BLAKE3_LEN bytes, where it is to go */
} rd__digest_file;

/* Makes the digests of small files: a file has too few chunks for all lanes of a kernel, so they share them. */
void rd__digest_files(const rd__kernels *kernels, const rd__digest_file *files, size_t count);

/* The digest of a file that arrives in order, in portions of any size. */
typedef struct rd__digester {
    const rd__kernels *kernels;
    rd__digest digest;
    uint64_t size;     /* bytes taken */
    uint8_t *gathered; /* what was taken of the next chunks, until there are enough for all lanes of a kernel */
    size_t filled;     /* bytes of it */
} rd__digester;

/* False: out of memory, with nothing to free. */
bool rd__digester_init(rd__digester *digester, const rd__kernels *kernels);
/* Starts again, with another file. */
void rd__digester_reset(rd__digester *digester);
void rd__digester_take(rd__digester *digester, const uint8_t *data, size_t size);
/* The same for `size` zeros. */
void rd__digester_take_zeros(rd__digester *digester, uint64_t size);
/* The same for whole chunks, which were hashed elsewhere. What was taken so far must be whole chunks, too. */
void rd__digester_join(rd__digester *digester, const rd__digest *next);
void rd__digester_final(rd__digester *digester, uint8_t sum[RD__BLAKE3_LEN]);
void rd__digester_free(rd__digester *digester);

#endif

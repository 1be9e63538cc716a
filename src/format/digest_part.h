/*
 * The record of a part of a digest: what is needed of the range of a file to join it with the ranges around it.
 *
 *     bytes
 *     4      0x72730444
 *     1      version, 1
 *     1      1: the file ends with the range; 0: it does not, as far as is known
 *     2      zero
 *     8      offset of the range, a multiple of 1024
 *     8      length; a multiple of 1024, unless the file ends with it
 *     32 n   the nodes
 *     16     check: the first bytes of the BLAKE3 of all before
 *
 * The nodes are the chaining values of the largest subtrees that lie in the range, from left to right. Offset and
 * length say which these are: from each chunk on the largest power of two that divides its number and is not more than
 * what is left. But a single node from the start of the file on could be the root, which has another sum: instead of
 * it stand its two children. In place of a single first chunk there are two sums, the second is the digest if nothing
 * follows.
 *
 * A record is not secret and proves nothing: who makes it decides what the digest is. The check only finds damage.
 */
#ifndef RD_FORMAT_DIGEST_PART_H
#define RD_FORMAT_DIGEST_PART_H

#include "hash/digest.h"
#include "redelta.h"

enum {
    RD__PART_HEAD = 24, /* bytes before what differs between the records of parts */
    RD__PART_CHECK = 16,
    RD__NODES_MAX = (RD__DIGEST_NODES + 1) * RD__BLAKE3_LEN,
    RD__DIGEST_PART_MAX = RD__PART_HEAD + RD__NODES_MAX + RD__PART_CHECK
};

/* The beginning of either kind of record. */
typedef struct rd__part_head {
    uint32_t magic;
    uint8_t flags;
    uint64_t offset;
    uint64_t length; /* the sum of both is at most INT64_MAX */
} rd__part_head;

void rd__part_head_put(uint8_t bytes[RD__PART_HEAD], const rd__part_head *head);

/*
 * Takes the head of a record whose magic is to be head->magic. `flags` are those that there may be. Errors: RD_E_MAGIC;
 * RD_E_PARAMETER for a later version; RD_E_CORRUPT.
 */
rd_result rd__part_head_get(const uint8_t bytes[RD__PART_HEAD], uint8_t flags, rd__part_head *head, rd_error *error);

/* The check of `size` bytes. */
void rd__part_check(const uint8_t *bytes, size_t size, uint8_t check[RD__PART_CHECK]);

/* The size of the nodes of the chunks from `start` to `end`. */
size_t rd__nodes_size(uint64_t start, uint64_t end);
/* Writes them, after they were settled. Returns their size. */
size_t rd__nodes_put(rd__digest *digest, uint8_t bytes[RD__NODES_MAX]);
/* Reads them: *digest becomes that of the chunks. `ended`: the last one is not whole. */
void rd__nodes_get(const uint8_t *bytes, uint64_t start, uint64_t end, bool ended, rd__digest *digest);

typedef struct rd__digest_part {
    uint64_t offset;
    uint64_t length;
    bool last; /* the file ends with it */
    rd__digest digest;
} rd__digest_part;

/* Returns the size of the record. */
size_t rd__digest_part_put(rd__digest_part *part, uint8_t bytes[RD__DIGEST_PART_MAX]);

/* Takes a record of `size` bytes. Errors: those of rd__part_head_get, RD_E_TRUNCATED. */
rd_result rd__digest_part_get(const uint8_t *bytes, size_t size, rd__digest_part *part, rd_error *error);

#endif

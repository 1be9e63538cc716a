/*
 * The new file as a receiver writes it: in order, through a buffer, with its digest; and leaf by leaf once more where
 * it turns out to be wrong. For that, the node of every leaf is kept, from the tree of the digest.
 */
#ifndef RD_SESSION_OUTPUT_H
#define RD_SESSION_OUTPUT_H

#include "hash/digest.h"
#include "io/sparse.h"
#include "session/session.h"

typedef uint8_t rd__output_node[RD__BLAKE3_LEN];

typedef struct rd__session_output {
    const rd_sink *sink;
    rd__operation *operation;
    rd__sparse sparse;
    uint64_t start;   /* where the file starts in what the sink writes to */
    uint64_t size;    /* of the file */
    uint64_t written; /* bytes of it */
    uint8_t *buffer;
    size_t filled;
    uint32_t leaf_size;
    rd__output_node *nodes; /* of whole leaves; the last one is not among them */
    rd__digest range;       /* of the leaf that is being written; at the end, of the last one */
} rd__session_output;

/* The length of a leaf of a file of so many bytes: a power of two. */
uint32_t rd__session_leaf_size(uint64_t size);

/* Before the first byte. `sparse`: the old file has holes. RD_E_MEMORY. */
rd_result rd__session_output_init(rd__session_output *output, const rd_sink *sink, rd__operation *operation,
                                  uint64_t size, bool sparse);
/* Where the next bytes can be put, *room of them, at least 1. */
uint8_t *rd__session_output_room(rd__session_output *output, size_t *room);
/* So many have been put there. Errors: of writing. */
rd_result rd__session_output_put(rd__session_output *output, size_t size);
/*
 * Copies bytes of the old file from `place` on, at most `size`, with as many threads: *put of them, 0 if they are too
 * few to be worth it, or if the buffer is not empty. Errors: of reading and writing.
 */
rd_result rd__session_output_copy(rd__session_output *output, const rd_source *old_file, uint64_t place, uint64_t size,
                                  unsigned threads, uint64_t *put);
/* After the last byte: writes what is left, and gives the digest. */
rd_result rd__session_output_finish(rd__session_output *output, uint8_t digest[RD_DIGEST_LEN]);
/* The number of leaves, and the node of one of them. */
size_t rd__session_output_leaves(const rd__session_output *output);
void rd__session_output_node(const rd__session_output *output, size_t leaf, rd__output_node node);
/* Writes a whole leaf anew, with its bytes. RD_E_MISMATCH: the sink can only be written in order. */
rd_result rd__session_output_repair(rd__session_output *output, size_t leaf, const uint8_t *data, size_t size);
/* The digest, after repairs. */
void rd__session_output_digest(const rd__session_output *output, uint8_t digest[RD_DIGEST_LEN]);
void rd__session_output_free(rd__session_output *output);

#endif

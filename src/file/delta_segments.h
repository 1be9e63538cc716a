/*
 * The parse of a new file, or of a range of it, in segments: they are parsed in parallel, and each in parts, as if the
 * file started with each of them; then, in order, the stitcher makes the true parse of each. What becomes of the copies
 * is their taker's business: the ops of a delta (make_delta.c), or a record (delta_part.c).
 *
 * A thread parses the parts of its segment together, even if it is the only one. Now and then, the weak sum of a window
 * is that of a block by chance: once in 2^32 positions for each block, so that about (size of the basis) / 2^32 bytes
 * are hashed in vain for each byte that is not in the basis. A strong sum alone takes most of the time that four take
 * at once, which are those of the parts.
 */
#ifndef RD_FILE_DELTA_SEGMENTS_H
#define RD_FILE_DELTA_SEGMENTS_H

#include "engine/stitcher.h"
#include "file/segments.h"
#include "hash/digest.h"

/* The longest blocks for which there are segments. */
enum { RD__SEGMENT_BLOCK_MAX = 256 * 1024 };

/* What is done with the copies, in order, in the calling thread. */
typedef struct rd__copy_taker {
    /* A copy, which begins in the segment or ends there. */
    rd_result (*take)(void *context, const rd__view *segment, const rd_op *copy);
    /*
     * The segment has ended, and what was not copied before `reach` is literal. Unless it is the last one, the next
     * starts at `stop`, which is in the view or where it ends.
     */
    rd_result (*end)(void *context, const rd__view *segment, uint64_t reach, uint64_t stop);
    void *context;
} rd__copy_taker;

typedef struct rd__delta_segments {
    /* Set by the caller: */
    rd__operation *operation;
    const rd_signature *signature; /* with blocks */
    const rd_source *new_file;
    const rd__kernels *kernels;
    rd__copy_taker taker;
    bool digests;
    /*
     * A range of the file: it starts where a budget window does, its positions end at `stop`, from where on there is a
     * whole block, and the chunks that start before `hash_stop` are hashed. UINT64_MAX: those up to the end of the
     * file.
     */
    uint64_t start;
    uint64_t stop;
    uint64_t hash_stop;
    /* The result: */
    rd__stitcher stitcher;
    rd__digest digest;
    uint64_t reach; /* where the bytes of the latest segment ended */
    /* Its own: */
    rd__segments segments;
    size_t part_size; /* of a segment's parts, all but the last one */
    uint8_t *overlap; /* of the segment before, if there is a digest */
    bool has_zeros;   /* the next is known */
    rd__zero_block zeros;
} rd__delta_segments;

/*
 * Are there segments for this signature, which may be NULL? Not if its blocks are so long that some of them would not
 * be a small segment, or so short that a segment could be millions of copies. One for which not even the memory of two
 * blocks is allowed is left to the window, which may need less.
 */
bool rd__delta_has_segments(const rd_signature *signature, const rd_limits *limits);

/* Parses the file or the range. Errors: those of reading and of the taker, RD_E_MEMORY. */
rd_result rd__delta_segments_run(rd__delta_segments *run);

#endif

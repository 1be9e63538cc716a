/*
 * A source cut into segments of one size for a pipeline. A source that any thread may read is read by the
 * thread that works on the segment; any other, which must be read in order or by the calling thread, when the segment
 * is fetched.
 *
 * In a source with holes, consecutive segments that lie in one are given as a single *empty* one, without bytes. The
 * last segment is never empty.
 */
#ifndef RD_FILE_SEGMENTS_H
#define RD_FILE_SEGMENTS_H

#include "io/holes.h"
#include "io/source.h"

typedef struct rd__segment {
    uint8_t *data;   /* room for a segment and its overlap */
    uint8_t *extra;  /* room for rd__segments.extra bytes */
    uint64_t offset; /* in the source */
    uint64_t zeros;  /* of an empty segment: as many whole segments of zeros, and zeros as their overlap; else 0 */
    size_t got;      /* bytes at `data`, including the overlap */
    bool last;       /* the source ends with them */
    bool ready;      /* it was read when it was fetched */
    rd_result result;
    rd_error error; /* if the result is a failure */
} rd__segment;

/* What is done with each segment. A slot is a structure whose first member is an rd__segment; it starts zeroed. */
typedef struct rd__segment_work {
    size_t slot_size;
    /* Does what can be done without the segments before, in any thread. Notes a failure in the segment. */
    void (*work)(const void *context, void *slot);
    /* The same for an empty segment. NULL: nothing. */
    void (*work_empty)(const void *context, void *slot);
    /* Does the rest, in order, in the calling thread. */
    rd_result (*finish)(void *context, void *slot);
    /* The same for an empty segment, which may use the room for bytes as it likes. NULL: there are to be none, but
     * segments with the zeros of a hole, which is not read. */
    rd_result (*finish_empty)(void *context, void *slot);
    /* Frees what `work` has allocated in the slot. NULL: nothing. */
    void (*release)(void *slot);
} rd__segment_work;

typedef struct rd__segments {
    /* Set by the caller: */
    const rd_source *source;
    rd__operation *operation;
    rd_role role;
    size_t size;    /* of a segment */
    size_t overlap; /* bytes of the next segment that come with each, as far as there are any */
    size_t extra;   /* bytes that `work` needs for each segment */
    uint64_t start; /* of the first segment */
    uint64_t end;   /* no segment starts there or later, unless that is 0. There are no empty ones if either is given */
    const rd__segment_work *work;
    void *context; /* for `work` */
    /* Its own: */
    const rd__segment *before; /* the segment fetched last */
    uint64_t offset;           /* of the next segment, from `start` on */
    rd__holes holes;           /* of a source that is read by any thread */
    bool fetched_last;
    bool finished_last;
} rd__segments;

/*
 * Are the segments of this source read by the threads that work on them? The size of the source then bounds what is
 * read. Otherwise it is only expected, and where the source ends is found by reading it in order: a regular file whose
 * size says 0 may have contents (those of procfs have).
 */
static inline bool rd__segments_are_concurrent(const rd_source *source) {
    return rd__source_is_concurrent(source) && source->size != RD_UNKNOWN && source->size > 0;
}

/* Reads all segments and has as many threads work on them. segments->operation gets the failures of both. */
rd_result rd__segments_run(rd__segments *segments, unsigned threads);

#endif

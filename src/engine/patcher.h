/*
 * The patcher: executes the ops of a delta that arrives in any portions. Literals go from the delta to the new file,
 * copies from the basis to the new file; it keeps none of the bytes.
 */
#ifndef RD_ENGINE_PATCHER_H
#define RD_ENGINE_PATCHER_H

#include "format/delta.h"

/*
 * Reads `size` bytes of the basis at `offset`; *got is the number read, less only with RD_MORE, if the basis has no
 * more to give now, and with a failure.
 */
typedef rd_result rd__basis_fn(void *context, uint64_t offset, uint8_t *data, size_t size, size_t *got);

typedef struct rd__patcher {
    rd__delta_decoder decoder;
    rd__basis_fn *basis;
    void *context;
    rd_op op;         /* being executed */
    uint64_t done;    /* bytes of it */
    uint64_t taken;   /* bytes of the delta */
    uint64_t reached; /* offset in the basis where the last copy ended so far, or RD_UNKNOWN */
    uint64_t limit;   /* bytes of the new file that may be made; 0: any number */
    uint64_t large;   /* copies of so many bytes, from page to page, are left to the caller; 0: none */
    rd_stats *stats;  /* the caller's; ops are counted in it */
} rd__patcher;

void rd__patcher_init(rd__patcher *patcher, rd__basis_fn *basis, void *context, rd_stats *stats);

/*
 * Executes what `in` holds of the delta and `out` has room for. RD_OK: END was reached. RD_MORE: `in` is used up or
 * `out` is full, or the basis has nothing to give now. With `end`, nothing follows what is in `in`. RD_E_LIMIT: the
 * next command would pass the limit; nothing of it was done.
 */
rd_result rd__patcher_step(rd__patcher *patcher, rd_in *in, rd_out *out, bool end, rd_error *error);

/*
 * After RD_MORE: is there a copy that is left to the caller? It is of the basis from *offset on, *size bytes; what is
 * in `out` comes before it. rd__patcher_copied says how many of them the caller copied. With patcher->large set to 0,
 * the patcher copies the rest.
 */
bool rd__patcher_large(const rd__patcher *patcher, uint64_t *offset, uint64_t *size);
void rd__patcher_copied(rd__patcher *patcher, uint64_t size);

#endif

/*
 * An allowance: the memory that several arrays may take together, when they grow with input that is not trusted.
 */
#ifndef RD_BASE_ALLOWANCE_H
#define RD_BASE_ALLOWANCE_H

#include "redelta.h"

typedef struct rd__allowance {
    uint64_t limit; /* bytes */
    uint64_t used;
} rd__allowance;

/*
 * The array, which may be NULL, with room for at least `needed` elements of `size` bytes, and more, if that is allowed;
 * *capacity is the number. It may have moved. NULL: RD_E_LIMIT, about a delta, or RD_E_MEMORY is in *error, and the
 * array is unchanged.
 */
void *rd__allowance_grow(rd__allowance *allowance, void *array, size_t *capacity, uint64_t needed, size_t size,
                         rd_error *error);

#endif

/* See allowance.h. */
#include "base/allowance.h"

#include "base/memory.h"
#include "base/result.h"

enum { FIRST = 64 }; /* elements of an array, at least */

void *rd__allowance_grow(rd__allowance *allowance, void *array, size_t *capacity, uint64_t needed, size_t size,
                         rd_error *error) {
    const uint64_t left = allowance->limit - rd__min_u64(allowance->limit, allowance->used);
    const uint64_t most = *capacity + left / size;
    if (array && needed <= *capacity)
        return array;
    if (needed > most) {
        (void)rd__fail(error, RD_E_LIMIT, RD_ROLE_DELTA, RD_UNKNOWN, "this takes more memory than is allowed");
        return NULL;
    }
    const uint64_t wanted = needed > FIRST ? needed : FIRST;
    const uint64_t doubled = (uint64_t)*capacity * 2;
    const uint64_t grown = rd__min_u64(wanted > doubled ? wanted : doubled, most);
    void *const made = rd__resize_array(array, grown, size);
    if (!made) {
        (void)rd__fail_memory(error);
        return NULL;
    }
    allowance->used += (grown - *capacity) * size;
    *capacity = (size_t)grown;
    return made;
}

/* What a scan of unmatched data finds: positions at which there may be a block of the basis. */
#ifndef RD_HASH_HITS_H
#define RD_HASH_HITS_H

#include "hash/filter.h"

/* The most positions in one call of a seek kernel: so many that its start costs little, and that the index is searched
 * for several hits together; few enough for a match to be found soon. */
enum { RD__SEEK_MAX = 4096 };

typedef struct rd__hit {
    uint32_t at;   /* position in the window */
    uint32_t weak; /* the weak sum there, which passed the filter */
} rd__hit;

#endif

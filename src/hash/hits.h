/* What a scan of unmatched data finds: positions at which there may be a block of the basis. */
#ifndef RD_HASH_HITS_H
#define RD_HASH_HITS_H

#include "hash/filter.h"

/* The most positions in one call of a seek kernel: few enough for its hits to fit in the first-level cache. */
enum { RD__SEEK_MAX = 1024 };

typedef struct rd__hit {
    uint32_t at;   /* position in the window */
    uint32_t weak; /* the weak sum there, which passed the filter */
} rd__hit;

#endif

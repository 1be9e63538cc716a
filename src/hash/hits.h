/* What a scan of unmatched data finds: positions at which a block may stand. */
#ifndef RD_HASH_HITS_H
#define RD_HASH_HITS_H

#include "hash/filter.h"

/* Positions in one call of a seek kernel: few enough that its hits fit the first-level cache. */
enum { RD__SEEK_MAX = 1024 };

typedef struct rd__hit {
    uint32_t at;   /* position in the window */
    uint32_t weak; /* the weak sum there, which passes the filter */
} rd__hit;

#endif

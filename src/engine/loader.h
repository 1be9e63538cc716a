/*
 * Loading a signature into memory as its bytes arrive, in chunks of any size. Memory grows with the bytes that arrived,
 * never with what they claim.
 */
#ifndef RD_ENGINE_LOADER_H
#define RD_ENGINE_LOADER_H

#include "engine/signature.h"
#include "format/signature.h"

typedef struct rd__loader {
    rd_signature *signature;
    uint64_t expected;               /* bytes of the signature, or RD_UNKNOWN: a hint, never trusted */
    const rd_limits *limits;         /* the caller's */
    uint64_t taken;                  /* bytes taken so far */
    uint8_t gathered[RD__ENTRY_MAX]; /* the header or the entry that is not complete yet */
    size_t filled;                   /* bytes of it */
    unsigned threads;                /* that build the index: 1, unless set after _init ... */
    rd__pool *pool;                  /* ... and where they come from, or NULL */
    bool part;                       /* no index is built; false, unless set after _init */
    bool lenient; /* fewer bytes at the end than a weak sum has are no error; false, unless set after _init */
} rd__loader;

/* `expected` is the size of the whole signature, or RD_UNKNOWN. The limits must outlive it. Errors: RD_E_MEMORY. */
rd_result rd__loader_init(rd__loader *loader, uint64_t expected, const rd_limits *limits, rd_error *error);
/* Errors: RD_E_MAGIC, RD_E_CORRUPT, RD_E_MEMORY, RD_E_LIMIT. */
rd_result rd__loader_take(rd__loader *loader, const uint8_t *data, size_t size, rd_error *error);
/*
 * At the end of the signature: builds its index, unless it is a part, and passes it to the caller. Errors: RD_E_MAGIC,
 * RD_E_TRUNCATED, RD_E_MEMORY. No function but rd__loader_free may follow.
 */
rd_result rd__loader_finish(rd__loader *loader, rd_signature **signature, rd_error *error);
/* Frees what the loader still holds. */
void rd__loader_free(rd__loader *loader);

#endif

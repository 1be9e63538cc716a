/* Making the sums of a basis: whole blocks at once where they lie in memory, a block in pieces where they do not. */
#ifndef RD_ENGINE_SIGNER_H
#define RD_ENGINE_SIGNER_H

#include "format/signature.h"
#include "hash/kernels.h"
#include "hash/sums.h"

/*
 * Blocks no longer than this are signed several at once, from memory that holds them; longer ones one by one, as their
 * bytes come, so that memory stays small however long they are.
 */
#define RD__TOGETHER_MAX ((uint32_t)512 * 1024)

/* Writes the signature entries of `count` whole blocks at `data`: rd__entry_size bytes each. */
void rd__sign_blocks(const rd__kernels *kernels, const rd_params *params, const uint8_t *data, size_t count,
                     uint8_t *entries);

/* The same of a basis, or of a part of one that begins with a block, whose last block may be short. Returns the count.
 */
size_t rd__sign_basis(const rd__kernels *kernels, const rd_params *params, const uint8_t *data, size_t size,
                      uint8_t *entries);

/* A basis that arrives in any portions. */
typedef struct rd__signer {
    const rd__kernels *kernels;
    rd_params params; /* resolved */
    size_t filled;    /* bytes of the block in the making */
    uint32_t weak;
    rd__strong strong;
} rd__signer;

void rd__signer_init(rd__signer *signer, const rd__kernels *kernels, const rd_params *params);

/*
 * Takes bytes of the basis and writes the entries of the blocks that they complete, at most `room` of them. Returns the
 * number of entries; *taken is the number of bytes, less than `size` only if `room` was reached.
 */
size_t rd__signer_take(rd__signer *signer, const uint8_t *data, size_t size, size_t *taken, uint8_t *entries,
                       size_t room);

/* At the end of the basis: writes the entry of the last, short block, if there is one, and returns how many that are.
 */
size_t rd__signer_finish(rd__signer *signer, uint8_t *entry);

#endif

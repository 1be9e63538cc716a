/* Making the sums of a basis: of many blocks at once where they lie in memory, or of one block as its bytes come. */
#ifndef RD_ENGINE_SIGNER_H
#define RD_ENGINE_SIGNER_H

#include "format/signature.h"
#include "hash/kernels.h"
#include "hash/sums.h"

/*
 * Blocks no longer than this are signed several at once, from memory that holds them; longer ones one by one, as their
 * bytes come, so that memory stays small however long they are.
 */
#define RD__TOGETHER_MAX ((size_t)512 * 1024)

/* The sums of a block. */
typedef struct rd__block_sums {
    uint32_t weak;
    uint8_t strong[RD_STRONG_LEN_MAX]; /* its params->strong_len leftmost bytes */
} rd__block_sums;

/* Makes those of a whole block of zeros. */
void rd__sign_zeros(const rd__kernels *kernels, const rd_params *params, rd__block_sums *sums);

/*
 * Makes the sums of the `size` bytes at `data`, a part of a basis that starts with a block and whose last block may be
 * short: of each block the weak sum and the params->strong_len leftmost bytes of the strong sum. Returns the number of
 * blocks. `zeros` is NULL, or the sums of a block of zeros: they are then not made again.
 */
size_t rd__sign_blocks(const rd__kernels *kernels, const rd_params *params, const uint8_t *data, size_t size,
                       const rd__block_sums *zeros, uint32_t *weak, uint8_t *strong);

/* A small file in memory, and where the entries of its signature go. */
typedef struct rd__signed_file {
    const uint8_t *data;
    size_t size;
    rd_params params; /* resolved; all files have the same kinds of sums */
    uint8_t *entries;
} rd__signed_file;

/* Makes the entries of small files: a file has too few blocks for all lanes of a kernel, so they share them. */
void rd__sign_files(const rd__kernels *kernels, const rd__signed_file *files, size_t count);

/* One block whose bytes come in chunks. */
typedef struct rd__signer {
    const rd__kernels *kernels;
    rd_params params; /* resolved */
    size_t filled;    /* bytes of the block so far */
    uint32_t weak;
    rd__strong strong;
} rd__signer;

void rd__signer_init(rd__signer *signer, const rd__kernels *kernels, const rd_params *params);

/* Takes bytes of the block, at most up to its end, and returns how many. The block must not be complete. */
size_t rd__signer_take(rd__signer *signer, const uint8_t *data, size_t size);

/* Is the block complete? */
static inline bool rd__signer_is_complete(const rd__signer *signer) {
    return signer->filled == signer->params.block_len;
}

/* Gives the sums of the block, which is complete or the short last one of the basis, and starts the next. */
void rd__signer_end(rd__signer *signer, uint32_t *weak, uint8_t *strong);

#endif

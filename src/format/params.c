/*
 * The recommendations are librsync's, because users compare signatures byte for byte.
 *
 * Block length: with blocks of b bytes a signature of n bytes grows as n/b and the cost of one small change as b, so
 * the square root of n is about the least of their sum. A multiple of 128 fits the strong sums' own blocks.
 *
 * Strong length: a new file of about n bytes (and 2^24 more, for one that grew) has as many windows, each of which may
 * match one of n/b blocks by chance. That many trials take log2 of both numbers in bits; 2 bytes more leave a chance of
 * 2^-16 over the whole transfer.
 */
#include "format/params.h"

#include "base/result.h"
#include "hash/sums.h"

#include <assert.h>

#define UNKNOWN_BLOCK_LEN 2048u
#define UNKNOWN_STRONG_LEN 12
#define SMALL_BASIS 65536u
#define SMALL_BLOCK_LEN 256u
#define BLOCK_LEN_STEP 128u

/* The integer part of the square root, bit by bit from the top: exact for every size, unlike a floating-point root. */
static uint32_t params_square_root(uint64_t n) {
    uint64_t root = 0;
    for (uint64_t bit = (uint64_t)1 << 31; bit > 0; bit >>= 1) {
        const uint64_t trial = root | bit;
        if (trial * trial <= n)
            root = trial;
    }
    return (uint32_t)root;
}

/* The integer part of the binary logarithm of n >= 1. */
static uint32_t params_log2(uint64_t n) {
    uint32_t log = 0;
    assert(n >= 1);
    while (n >>= 1)
        log++;
    return log;
}

uint32_t rd__recommended_block_len(uint64_t basis_size) {
    if (basis_size == RD_UNKNOWN)
        return UNKNOWN_BLOCK_LEN;
    if (basis_size <= SMALL_BASIS)
        return SMALL_BLOCK_LEN;
    const uint32_t root = params_square_root(basis_size);
    const uint32_t length = root - root % BLOCK_LEN_STEP;
    return length < RD_BLOCK_LEN_MAX ? length : RD_BLOCK_LEN_MAX;
}

int32_t rd__least_strong_len(uint64_t basis_size, uint32_t block_len) {
    assert(block_len > 0);
    if (basis_size == RD_UNKNOWN)
        return UNKNOWN_STRONG_LEN;
    const uint64_t grown = basis_size > UINT64_MAX - (1u << 24) ? UINT64_MAX : basis_size + (1u << 24);
    const uint32_t bits = params_log2(grown) + params_log2(basis_size / block_len + 1);
    return (int32_t)(2 + (bits + 7) / 8);
}

rd_result rd__params_resolve(rd_params *params, uint64_t basis_size, rd_error *error) {
    rd_params p = *params;
    const char *wrong = NULL;
    if (p.weak != RD_RABINKARP && p.weak != RD_ROLLSUM)
        wrong = "unknown weak sum";
    else if (p.strong != RD_BLAKE2 && p.strong != RD_MD4)
        wrong = "unknown strong sum";
    else if (p.block_len > RD_BLOCK_LEN_MAX)
        wrong = "the block length is out of range";
    else if (p.strong_len > (int32_t)rd__strong_size(p.strong) || p.strong_len < RD_STRONG_LEN_LEAST)
        wrong = "the strong sum length is out of range";
    if (wrong)
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN, wrong);
    const int32_t full = (int32_t)rd__strong_size(p.strong);
    if (p.block_len == RD_BLOCK_LEN_AUTO)
        p.block_len = rd__recommended_block_len(basis_size);
    if (p.strong_len == RD_STRONG_LEN_FULL)
        p.strong_len = full;
    if (p.strong_len == RD_STRONG_LEN_LEAST) {
        const int32_t least = rd__least_strong_len(basis_size, p.block_len);
        p.strong_len = least < full ? least : full;
    }
    *params = p;
    return RD_OK;
}

rd_result rd_params_resolve(rd_params *params, uint64_t basis_size) {
    rd_error ignored;
    return rd__params_resolve(params, basis_size, &ignored);
}

const char *rd_weak_name(rd_weak weak) {
    return weak == RD_RABINKARP ? "rabinkarp" : weak == RD_ROLLSUM ? "rollsum" : "?";
}

const char *rd_strong_name(rd_strong strong) {
    return strong == RD_BLAKE2 ? "blake2" : strong == RD_MD4 ? "md4" : "?";
}

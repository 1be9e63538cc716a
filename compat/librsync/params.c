/* See params.h. rd_params_resolve chooses the defaults. */
#include "params.h"

#include "trace.h"

#define STRONG_LEN_LEAST ((size_t)-1)

static const struct {
    rs_magic_number magic;
    rd_weak weak;
    rd_strong strong;
} params_kinds[] = {
    {RS_RK_BLAKE2_SIG_MAGIC, RD_RABINKARP, RD_BLAKE2},
    {RS_RK_MD4_SIG_MAGIC, RD_RABINKARP, RD_MD4},
    {RS_BLAKE2_SIG_MAGIC, RD_ROLLSUM, RD_BLAKE2},
    {RS_MD4_SIG_MAGIC, RD_ROLLSUM, RD_MD4},
};

enum { PARAMS_KINDS = sizeof params_kinds / sizeof *params_kinds };

/* Sets the sums of *params. False: the magic is not that of a signature. */
static bool params_set_sums(rs_magic_number magic, rd_params *params) {
    for (size_t i = 0; i < PARAMS_KINDS; i++) {
        if (params_kinds[i].magic == magic) {
            params->weak = params_kinds[i].weak;
            params->strong = params_kinds[i].strong;
            return true;
        }
    }
    return false;
}

rd_params rs__params(rs_magic_number magic, size_t block_len, size_t strong_len) {
    rd_params params = {.block_len = (uint32_t)block_len, .strong_len = (int32_t)strong_len};
    (void)params_set_sums(magic, &params);
    return params;
}

rs_magic_number rs__magic(const rd_params *params) {
    size_t i = 0;
    while (i < PARAMS_KINDS - 1 && (params_kinds[i].weak != params->weak || params_kinds[i].strong != params->strong))
        i++;
    return params_kinds[i].magic;
}

/* Sets the strong sum length, with redelta's value for the shortest that is safe. False: out of range. */
static bool params_set_strong_len(size_t strong_len, rd_params *params) {
    if (strong_len > RD_STRONG_LEN_MAX && strong_len != STRONG_LEN_LEAST)
        return false;
    params->strong_len = strong_len == STRONG_LEN_LEAST ? RD_STRONG_LEN_LEAST : (int32_t)strong_len;
    return true;
}

/* Strong sums that may be equal by chance are made, with a warning. */
static void params_warn_if_short(const rd_params *params, uint64_t size) {
    rd_params least = *params;
    least.strong_len = RD_STRONG_LEN_LEAST;
    if (size != RD_UNKNOWN && rd_params_resolve(&least, size) == RD_OK && params->strong_len < least.strong_len)
        rs__log(RS_LOG_WARNING, "rs_sig_args", "strong sums of %d bytes may be equal by chance: use at least %d",
                (int)params->strong_len, (int)least.strong_len);
}

rs_result rs_sig_args(rs_long_t old_fsize, rs_magic_number *magic, size_t *block_len, size_t *strong_len) {
    const uint64_t size = old_fsize < 0 ? RD_UNKNOWN : (uint64_t)old_fsize;
    rd_params params = {.block_len = RD_BLOCK_LEN_AUTO};
    if (!magic || !block_len || !strong_len)
        return RS_PARAM_ERROR;
    const rs_magic_number wanted = *magic == 0 ? RS_RK_BLAKE2_SIG_MAGIC : *magic;
    if (!params_set_sums(wanted, &params)) {
        rs__log(RS_LOG_ERR, __func__, "0x%x is not the magic number of a signature", (unsigned)wanted);
        return RS_BAD_MAGIC;
    }
    *magic = wanted;
    if (*block_len > RD_BLOCK_LEN_MAX) {
        rs__log(RS_LOG_ERR, __func__, "a block length of %zu is out of range", *block_len);
        return RS_PARAM_ERROR;
    }
    params.block_len = (uint32_t)*block_len;
    (void)rd_params_resolve(&params, size);
    *block_len = params.block_len;
    if (!params_set_strong_len(*strong_len, &params) || rd_params_resolve(&params, size) != RD_OK) {
        rs__log(RS_LOG_ERR, __func__, "a strong sum length of %zu is out of range for magic number 0x%x", *strong_len,
                (unsigned)wanted);
        return RS_PARAM_ERROR;
    }
    *strong_len = (size_t)params.strong_len;
    params_warn_if_short(&params, size);
    return RS_DONE;
}

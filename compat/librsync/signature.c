/* See signature.h. Loading is a job: see loadsig.c. */
#include "signature.h"

#include "params.h"
#include "trace.h"

#include <stdlib.h>

rs_signature_t *rs__signature_new(void) {
    rs_signature_t *const sig = calloc(1, sizeof *sig);
    return rs__signature_hold(sig);
}

rs_signature_t *rs__signature_hold(rs_signature_t *sig) {
    if (sig)
        atomic_fetch_add(&sig->holders, 1);
    return sig;
}

void rs_free_sumset(rs_signature_t *sig) {
    if (!sig || atomic_fetch_sub(&sig->holders, 1) > 1)
        return;
    rd_signature_free(sig->loaded);
    free(sig);
}

/* The index was built at the end of loading. */
rs_result rs_build_hash_table(rs_signature_t *sums) {
    return sums ? RS_DONE : RS_PARAM_ERROR;
}

void rs__signature_count(rs_signature_t *sig, const rd_stats *delta) {
    rd_params params;
    rd_signature_params(sig->loaded, &params);
    const uint64_t matches = (delta->copy_bytes + params.block_len - 1) / params.block_len;
    atomic_fetch_add(&sig->searches, delta->literal_bytes + matches);
    atomic_fetch_add(&sig->matches, matches);
    atomic_fetch_add(&sig->false_matches, delta->false_matches);
}

void rs_signature_log_stats(rs_signature_t const *sig) {
    const unsigned long long searches = atomic_load(&sig->searches);
    const unsigned long long matches = atomic_load(&sig->matches);
    const unsigned long long sums = matches + atomic_load(&sig->false_matches);
    const double each = searches > 0 ? 1 / (double)searches : 0;
    const double percent = 100 * each;
    rs__log(RS_LOG_INFO, NULL,
            "match statistics: signature[%llu searches, %llu (%.3f%%) matches, %llu (%.3fx) weak sum compares, %llu "
            "(%.3f%%) strong sum compares, %llu (%.3f%%) strong sum calcs]",
            searches, matches, (double)matches * percent, sums, (double)sums * each, sums, (double)sums * percent, sums,
            (double)sums * percent);
}

static void signature_dump_block(const rd_signature *loaded, uint64_t block, int strong_len) {
    char strong[2 * RS_MAX_STRONG_SUM_LENGTH + 1];
    rs_hexify(strong, rd_signature_strong(loaded, block), strong_len);
    rs__log(RS_LOG_INFO, NULL, "sum %6ju: weak=%08jx, strong=%s", (uintmax_t)block,
            (uintmax_t)rd_signature_weak(loaded, block), strong);
}

void rs_sumset_dump(rs_signature_t const *sig) {
    rd_params params = {0};
    uint64_t count = 0;
    if (sig->loaded) {
        rd_signature_params(sig->loaded, &params);
        count = rd_signature_count(sig->loaded);
    }
    rs__log(RS_LOG_INFO, NULL, "sumset info: magic=0x%x, block_len=%u, block_num=%ju",
            sig->loaded ? (unsigned)rs__magic(&params) : 0, (unsigned)params.block_len, (uintmax_t)count);
    for (uint64_t block = 0; block < count; block++)
        signature_dump_block(sig->loaded, block, params.strong_len);
}

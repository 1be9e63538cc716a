/* MD4 by librsync's names, and the lengths of the strong sums. */
#include "mdfour.h"

#include "redelta.h"

const int RS_MD4_SUM_LENGTH = RD__MD4_LEN;
const int RS_BLAKE2_SUM_LENGTH = RD_STRONG_LEN_MAX;

void rs_mdfour_begin(rs_mdfour_t *md) {
    rd__md4_init(&md->md4);
}

void rs_mdfour_update(rs_mdfour_t *md, void const *in_void, size_t n) {
    rd__md4_update(&md->md4, in_void, n);
}

void rs_mdfour_result(rs_mdfour_t *md, unsigned char *out) {
    rd__md4_final(&md->md4, out);
}

void rs_mdfour(unsigned char *out, void const *in, size_t n) {
    rs_mdfour_t md;
    rs_mdfour_begin(&md);
    rs_mdfour_update(&md, in, n);
    rs_mdfour_result(&md, out);
}

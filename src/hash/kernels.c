/* See kernels.h. */
#include "hash/kernels.h"

#include "hash/blake2b.h"
#include "hash/md4.h"
#include "hash/rabinkarp.h"
#include "hash/rollsum.h"

const rd__kernels rd__kernels_portable = {
    .name = "portable",
    .weak_update = {[RD_RABINKARP] = rd__rabinkarp_update_portable, [RD_ROLLSUM] = rd__rollsum_update_portable},
    .seek = {[RD_RABINKARP] = rd__rabinkarp_seek_portable, [RD_ROLLSUM] = rd__rollsum_seek_portable},
    .strong_many = {[RD_BLAKE2] = rd__blake2b_many_portable, [RD_MD4] = rd__md4_many_portable},
};

const rd__kernels *rd__kernels_best(void) {
    return &rd__kernels_portable;
}

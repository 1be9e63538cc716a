/* The magic of a signature as redelta's parameters, and back. */
#ifndef RS_PARAMS_H
#define RS_PARAMS_H

#include "librsync.h"
#include "redelta.h"

/* Of arguments that rs_sig_args has passed. */
rd_params rs__params(rs_magic_number magic, size_t block_len, size_t strong_len);
rs_magic_number rs__magic(const rd_params *params);

#endif

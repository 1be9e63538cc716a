/* The parameters of a signature: their limits, and the values recommended where the caller asks for none. */
#ifndef RD_FORMAT_PARAMS_H
#define RD_FORMAT_PARAMS_H

#include "redelta.h"

/* The block length recommended for a basis of `basis_size` bytes or RD_UNKNOWN. Public form: rd_params_resolve. */
uint32_t rd__recommended_block_len(uint64_t basis_size);

/* Like rd_params_resolve; a failure names the parameter that is out of range. */
rd_result rd__params_resolve(rd_params *params, uint64_t basis_size, rd_error *error);

/* The length in bytes of the shortest strong sum that makes a match by chance improbable. */
int32_t rd__least_strong_len(uint64_t basis_size, uint32_t block_len);

#endif

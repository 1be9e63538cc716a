/* Redelta's results as librsync's. */
#ifndef RS_RESULTS_H
#define RS_RESULTS_H

#include "librsync.h"
#include "redelta.h"

rs_result rs__result(rd_result result);

#endif

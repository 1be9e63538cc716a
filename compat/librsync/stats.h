/* Redelta's statistics as librsync's. */
#ifndef RS_STATS_H
#define RS_STATS_H

#include "librsync.h"
#include "redelta.h"

/* Sets what is counted alike for every kind of job: commands, blocks, false matches. */
void rs__stats_set(rs_stats_t *stats, const rd_stats *counts);

#endif

/*
 * statistics.h: the line of figures that -s asks for.
 */
#ifndef REDELTA_RDIFF_STATISTICS_H
#define REDELTA_RDIFF_STATISTICS_H

#include <stdint.h>

#include <redelta.h>

/* Of the making or loading (`job`) of a signature. */
void statistics_of_signature(const char *job, const rd_stats *stats, uint32_t block_len, int64_t seconds);

/* Of the making ("delta") or applying ("patch") of a delta. */
void statistics_of_delta(const char *job, const rd_stats *stats, int64_t seconds);

#endif

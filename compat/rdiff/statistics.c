/*
 * statistics.c: the lines of figures that -s asks for, in librsync's form, so that programs that parse those can parse
 * these. There is no line about a hash table, because there is no such table.
 */
#include "statistics.h"

#include <inttypes.h>
#include <stdio.h>

/* Whole seconds, at least one, and decimal megabytes. */
static void statistics_speed(const rd_stats *stats, int64_t seconds) {
    const double in = (double)stats->in_bytes / 1e6;
    const double out = (double)stats->out_bytes / 1e6;
    const int64_t time = seconds < 1 ? 1 : seconds;
    (void)fprintf(stderr, " speed[%.1f MB (%.1f MB/s) in, %.1f MB (%.1f MB/s) out, %" PRId64 " sec]\n", in,
                  in / (double)time, out, out / (double)time, time);
}

void statistics_of_signature(const char *job, const rd_stats *stats, uint32_t block_len, int64_t seconds) {
    (void)fprintf(stderr, "librsync: %s statistics: signature[%" PRIu64 " blocks, %" PRIu32 " bytes per block]", job,
                  stats->blocks, block_len);
    statistics_speed(stats, seconds);
}

void statistics_of_delta(const char *job, const rd_stats *stats, int64_t seconds) {
    (void)fprintf(stderr, "librsync: %s statistics:", job);
    if (stats->literal_commands != 0)
        (void)fprintf(stderr, " literal[%" PRIu64 " cmds, %" PRIu64 " bytes, %" PRIu64 " cmdbytes]",
                      stats->literal_commands, stats->literal_bytes, stats->literal_command_bytes);
    if (stats->copy_commands != 0)
        (void)fprintf(stderr, " copy[%" PRIu64 " cmds, %" PRIu64 " bytes, %" PRIu64 " cmdbytes, %" PRIu64 " false]",
                      stats->copy_commands, stats->copy_bytes, stats->copy_command_bytes, stats->false_matches);
    statistics_speed(stats, seconds);
}

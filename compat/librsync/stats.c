/* See stats.h. The text has librsync's form, which programs print and scripts parse. */
#include "stats.h"

#include "trace.h"

#include <limits.h>

enum { LINE_MAX_SIZE = 500 };

static int stats_to_int(uint64_t n) {
    return n < INT_MAX ? (int)n : INT_MAX;
}

void rs__stats_set(rs_stats_t *stats, const rd_stats *counts) {
    stats->lit_cmds = stats_to_int(counts->literal_commands);
    stats->lit_bytes = (rs_long_t)counts->literal_bytes;
    stats->lit_cmdbytes = (rs_long_t)counts->literal_command_bytes;
    stats->copy_cmds = (rs_long_t)counts->copy_commands;
    stats->copy_bytes = (rs_long_t)counts->copy_bytes;
    stats->copy_cmdbytes = (rs_long_t)counts->copy_command_bytes;
    stats->false_matches = stats_to_int(counts->false_matches);
    stats->sig_blocks = (rs_long_t)counts->blocks;
}

/* A line that is truncated at the end of its buffer. */
typedef struct stats_line {
    char *text;
    size_t size;
    size_t length;
} stats_line;

/* Adds what snprintf wrote at the end of the line. */
static void stats_line_grow(stats_line *l, int written) {
    const size_t room = l->size - l->length;
    if (written > 0)
        l->length += (size_t)written < room ? (size_t)written : room - 1;
}

#define ADD(l, ...) stats_line_grow(l, snprintf((l)->text + (l)->length, (l)->size - (l)->length, __VA_ARGS__))

static void stats_line_add_commands(stats_line *l, const rs_stats_t *s) {
    if (s->lit_cmds)
        ADD(l, "literal[%d cmds, %jd bytes, %jd cmdbytes] ", s->lit_cmds, s->lit_bytes, s->lit_cmdbytes);
    if (s->sig_cmds)
        ADD(l, "in-place-signature[%jd cmds, %jd bytes] ", s->sig_cmds, s->sig_bytes);
    if (s->copy_cmds || s->false_matches)
        ADD(l, "copy[%jd cmds, %jd bytes, %jd cmdbytes, %d false]", s->copy_cmds, s->copy_bytes, s->copy_cmdbytes,
            s->false_matches);
    if (s->sig_blocks)
        ADD(l, "signature[%jd blocks, %zu bytes per block]", s->sig_blocks, s->block_len);
}

static void stats_line_add_speed(stats_line *l, const rs_stats_t *s) {
    const intmax_t seconds = s->end == s->start ? 1 : (intmax_t)(s->end - s->start);
    const double in = (double)s->in_bytes / 1e6;
    const double out = (double)s->out_bytes / 1e6;
    ADD(l, " speed[%.1f MB (%.1f MB/s) in, %.1f MB (%.1f MB/s) out, %jd sec]", in, in / (double)seconds, out,
        out / (double)seconds, seconds);
}

char *rs_format_stats(rs_stats_t const *stats, char *buf, size_t size) {
    stats_line l = {.text = buf, .size = size};
    if (size == 0)
        return buf;
    ADD(&l, "%s statistics: ", stats->op ? stats->op : "noop");
    stats_line_add_commands(&l, stats);
    stats_line_add_speed(&l, stats);
    return buf;
}

int rs_log_stats(rs_stats_t const *stats) {
    char text[LINE_MAX_SIZE];
    rs__log(RS_LOG_INFO, NULL, "%s", rs_format_stats(stats, text, sizeof text));
    return 0;
}

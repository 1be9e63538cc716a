/* Counting ops, the same for those that a delta is made of and those that one is read into. */
#ifndef RD_FORMAT_COUNT_H
#define RD_FORMAT_COUNT_H

#include "redelta.h"

/* The op's command takes `command` bytes of the delta, a literal's own bytes not counted. */
static inline void rd__count_op(rd_stats *stats, const rd_op *op, size_t command) {
    if (op->kind == RD_LITERAL) {
        stats->literal_commands++;
        stats->literal_bytes += op->length;
        stats->literal_command_bytes += command;
    } else {
        stats->copy_commands++;
        stats->copy_bytes += op->length;
        stats->copy_command_bytes += command;
    }
}

#endif

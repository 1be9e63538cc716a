/* Counting ops: the same way for the ops of a delta that is made and of one that is read. */
#ifndef RD_FORMAT_COUNT_H
#define RD_FORMAT_COUNT_H

#include "redelta.h"

/* Adds an op to the statistics. Its command takes `command` bytes of the delta, without a literal's own bytes. */
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

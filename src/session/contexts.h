/*
 * The bytes that both sides know around the literals of a lane: they are the prefix of the frame in which the literals
 * are compressed, after the last literals of the lanes before.
 */
#ifndef RD_SESSION_CONTEXTS_H
#define RD_SESSION_CONTEXTS_H

#include "base/growing.h"
#include "engine/ladder.h"

enum {
    RD__CONTEXT_BEFORE = 96, /* bytes before each literal, as far as they are known */
    RD__CONTEXT_AFTER = 32,
    RD__CONTEXTS_MAX = 1024 * 1024, /* of a lane; the last of them may exceed it */
    RD__HISTORY_MAX = 2 * 1024 * 1024
};

/* Reads `size` known bytes of the lane from `start` on. Ranges come in order. */
typedef rd_result rd__context_fn(void *reader, uint32_t start, uint32_t size, uint8_t *data);

/* Adds the bytes around all literals of a settled lane to `prefix`. Errors: those of the reader; RD_E_MEMORY. */
rd_result rd__contexts_add(const rd__ladder *ladder, rd__context_fn *read, void *reader, rd__growing *prefix,
                           rd_error *error);

/* Adds literals to the history, and forgets what is too long ago. */
void rd__history_add(rd__growing *history, const uint8_t *data, size_t size);
/* Before the history is used: no more than it may have. */
void rd__history_trim(rd__growing *history);

#endif

/*
 * A source that gives the bytes of memory in chunks of random sizes, by offset or strictly in order, that counts what
 * is read, and that can fail at an offset.
 */
#ifndef RD_TESTS_CHUNKS_H
#define RD_TESTS_CHUNKS_H

#include "support.h"

#include <errno.h>

typedef struct chunks {
    const rd_memory *bytes;
    size_t most; /* of a chunk; at least 1 */
    bool in_order;
    bool fails; /* what reaches `fails_at` fails, with `failure` and `error_number` */
    uint64_t fails_at;
    rd_result failure;
    int error_number;
    random_source random;
    uint64_t next; /* where a source that is read in order stands */
    uint64_t read; /* bytes given */
} chunks;

static inline chunks chunks_of(const rd_memory *bytes, size_t most, bool sequential) {
    return (chunks){.bytes = bytes, .most = most, .in_order = sequential, .random = random_from(most)};
}

static inline rd_result chunks_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    chunks *const c = context;
    const uint64_t left = offset < c->bytes->size ? c->bytes->size - offset : 0;
    if (c->in_order)
        assert_int_equal(offset, c->next);
    size_t wanted = 1 + random_below(&c->random, c->most);
    wanted = wanted < size ? wanted : size;
    *got = wanted < left ? wanted : (size_t)left;
    if (c->fails && offset + *got >= c->fails_at) {
        if (offset >= c->fails_at) {
            errno = c->error_number;
            *got = 0;
            return c->failure;
        }
        *got = (size_t)(c->fails_at - offset);
    }
    if (*got > 0)
        memcpy(data, c->bytes->data + offset, *got);
    c->next = offset + *got;
    c->read += *got;
    return RD_OK;
}

/* One that is read in order has no size. */
static inline rd_source chunks_source(chunks *c) {
    return rd_source_callback(chunks_read, c, c->in_order ? RD_UNKNOWN : c->bytes->size, c->in_order ? 0 : RD_SEEKABLE);
}

/* An unnamed file with these bytes. */
static inline FILE *chunks_file(const rd_memory *bytes) {
    FILE *const file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->data, 1, bytes->size, file), bytes->size);
    assert_int_equal(fflush(file), 0);
    return file;
}

#endif

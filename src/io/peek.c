/*
 * A source whose first bytes can be read twice: for a pipe that is looked at before it is read. The first bytes are
 * kept as they are read, up to a number; what comes after them is read in order, once.
 */
#include "base/memory.h"
#include "base/result.h"
#include "io/filter.h"
#include "io/source.h"

#include <stdlib.h>
#include <string.h>

typedef struct peek_filter {
    rd_filter head;
    uint8_t *kept;
    size_t capacity; /* bytes that may be kept */
    size_t filled;   /* bytes that are */
    uint64_t next;   /* bytes of the source that were read: `filled`, unless that is all that may be kept */
} peek_filter;

static rd_result peek_read(rd_filter *filter, uint64_t offset, void *data, size_t size, size_t *got) {
    peek_filter *const peek = (peek_filter *)filter;
    rd__operation *const operation = &filter->operation;
    rd_result result = RD_OK;
    if (filter->source.seekable)
        return rd__source_read_some(&filter->source, operation, RD_ROLE_NONE, offset, data, size, got);
    if (offset >= peek->filled && offset != peek->next)
        return rd__fail(&operation->error, RD_E_STATE, RD_ROLE_NONE, offset,
                        "only the bytes that are kept can be read again");

    /* What is read first is kept, as much as may be. */
    if (offset == peek->filled && offset < peek->capacity) {
        size_t more = 0;
        const size_t wanted = rd__min_size(size, peek->capacity - peek->filled);
        result =
            rd__source_read_some(&filter->source, operation, RD_ROLE_NONE, offset, peek->kept + offset, wanted, &more);
        peek->filled += more;
        peek->next = peek->filled;
    }
    if (offset < peek->filled) {
        *got = rd__min_size(size, peek->filled - (size_t)offset);
        memcpy(data, peek->kept + offset, *got);
    } else if (offset >= peek->capacity) {
        result = rd__source_read_some(&filter->source, operation, RD_ROLE_NONE, offset, data, size, got);
        peek->next += *got;
    }
    return result;
}

static void peek_close(rd_filter *filter) {
    free(((peek_filter *)filter)->kept);
}

static const rd__filter_kind peek_kind = {.size = sizeof(peek_filter), .read = peek_read, .close = peek_close};

rd_result rd_filter_peek_new(rd_filter **filter, const rd_source *source, size_t size, const rd_options *options) {
    rd_result result = rd__filter_new(filter, &peek_kind, options);
    if (result != RD_OK)
        return result;
    peek_filter *const peek = (peek_filter *)*filter;
    peek->head.source = *source;
    peek->head.size = source->size;
    peek->head.seekable = source->seekable;
    peek->capacity = size;
    if (!source->seekable)
        peek->kept = rd__alloc_array(size, 1);
    if (!source->seekable && !peek->kept)
        result = rd__fail_memory(&peek->head.operation.error);
    return rd__filter_made(filter, result);
}

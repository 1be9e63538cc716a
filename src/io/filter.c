/* See filter.h. */
#include "io/filter.h"

#include "base/memory.h"
#include "base/result.h"

#include <errno.h>
#include <stdlib.h>

rd_result rd__filter_new(rd_filter **filter, const rd__filter_kind *kind, const rd_options *options) {
    rd_filter *const made = rd__alloc_zeroed(1, kind->size);
    *filter = NULL;
    if (!made)
        return rd__fail_memory_of(options);
    const rd_result result = rd__operation_start(&made->operation, options, RD_UNKNOWN);
    made->kind = kind;
    made->size = RD_UNKNOWN;
    if (result != RD_OK) {
        if (made->operation.options.error)
            *made->operation.options.error = made->operation.error;
        free(made);
        return result;
    }
    made->operation.error.reason = rd_result_message(RD_OK);
    *filter = made;
    return RD_OK;
}

rd_result rd__filter_made(rd_filter **filter, rd_result result) {
    if (result == RD_OK)
        return RD_OK;
    if ((*filter)->operation.options.error)
        *(*filter)->operation.options.error = (*filter)->operation.error;
    rd_filter_free(*filter);
    *filter = NULL;
    return result;
}

rd_result rd__filter_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    rd_filter *const filter = context;
    return filter->kind->read(filter, offset, data, size, got);
}

rd_result rd__filter_write(void *context, const void *data, size_t size) {
    rd_filter *const filter = context;
    return filter->kind->write(filter, data, size);
}

rd_source rd_filter_source(rd_filter *filter) {
    if (filter->kind->source)
        return filter->kind->source(filter);
    if (filter->kind->read)
        return rd_source_callback(rd__filter_read, filter, filter->size, filter->seekable ? RD_SEEKABLE : 0);
    return (rd_source){.fd = -1, .size = RD_UNKNOWN, .failure = EBADF};
}

rd_sink rd_filter_sink(rd_filter *filter) {
    return filter->kind->write ? rd_sink_callback(rd__filter_write, filter) : rd_sink_fd(-1);
}

rd_result rd_filter_finish(rd_filter *filter) {
    return filter->kind->finish ? filter->kind->finish(filter) : RD_OK;
}

const rd_error *rd_filter_error(const rd_filter *filter) {
    return &filter->operation.error;
}

void rd_filter_free(rd_filter *filter) {
    if (!filter)
        return;
    filter->kind->close(filter);
    rd__context_release(&filter->operation.own);
    free(filter);
}

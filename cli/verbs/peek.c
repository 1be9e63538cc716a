/*
 * peek.c: see peek.h. What is read from a pipe is gone from it, so its source becomes one that gives the start again.
 * (The filter of the library, rd_filter_peek_new, would wait for a pipe that says nothing even after a signal.)
 */
#include "cli/verbs/peek.h"

#include <string.h>

/* The library reads in order and without overlaps, so an offset within the start is where the next bytes are. */
static rd_result peek_read_on(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const cli_peek *const peek = context;
    if (offset >= peek->size)
        return input_read_some(peek->input, data, size, got, peek->failure);
    *got = size < peek->size - (size_t)offset ? size : peek->size - (size_t)offset;
    memcpy(data, peek->start + offset, *got);
    return RD_OK;
}

rd_result peek_open(cli_peek *peek, cli_input *input, cli_failure *failure) {
    peek->input = input;
    peek->failure = failure;
    if (!input->source.seekable) {
        const rd_result result = input_read(input, peek->start, PEEK_SIZE, &peek->size, failure);
        input->source = rd_source_callback(peek_read_on, peek, RD_UNKNOWN, 0);
        return result;
    }
    const rd_result result = rd_source_read(&input->source, 0, peek->start, PEEK_SIZE, &peek->size, &failure->error);
    if (result != RD_OK)
        failure->error.role = input->role;
    return result;
}

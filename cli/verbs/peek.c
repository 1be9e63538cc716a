/*
 * peek.c: see peek.h. What is read from a pipe is gone from it, so its source becomes one that gives the start again.
 */
#define _POSIX_C_SOURCE 200809L

#include "cli/verbs/peek.h"

#include <errno.h>
#include <string.h>

#include "cli/base/interrupt.h"
#include "cli/base/system.h"

/* The library reads in order and without overlaps, so an offset within the start says what is still to be given. */
static rd_result peek_read_on(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const cli_peek *const peek = context;
    if (offset < peek->size) {
        *got = size < peek->size - (size_t)offset ? size : peek->size - (size_t)offset;
        memcpy(data, peek->start + offset, *got);
        return RD_OK;
    }
    ssize_t read_now;
    do
        read_now = system_read(peek->fd, data, size);
    while (read_now == -1 && errno == EINTR && !interrupt_caught());
    *got = read_now > 0 ? (size_t)read_now : 0;
    return read_now >= 0 ? RD_OK : RD_E_IO;
}

static rd_result peek_read_start(cli_peek *peek, const cli_input *input, cli_failure *failure) {
    for (ssize_t got = 1; got > 0 && peek->size < sizeof peek->start;) {
        uint8_t *const to = peek->start + peek->size;
        const size_t room = sizeof peek->start - peek->size;
        got = input->source.seekable ? system_read_at(input->fd, input->source.origin + peek->size, to, room)
                                     : system_read(input->fd, to, room);
        if (got == -1 && errno == EINTR && !interrupt_caught())
            got = 1;
        else if (got == -1)
            return failure_system(failure, input->role, "cannot be read");
        else
            peek->size += (size_t)got;
    }
    return RD_OK;
}

rd_result peek_open(cli_peek *peek, cli_input *input, cli_failure *failure) {
    peek->fd = input->fd;
    peek->size = 0;
    const rd_result result = peek_read_start(peek, input, failure);
    if (result == RD_OK && !input->source.seekable)
        input->source = rd_source_callback(peek_read_on, peek, RD_UNKNOWN, false);
    return result;
}

/* The delta of a whole file. The new file is read straight into the differ's window. */
#include "base/result.h"
#include "engine/differ.h"
#include "file/feed.h"
#include "file/operation.h"
#include "format/delta.h"
#include "io/sink.h"

static rd_result put_op(rd__writer *writer, const rd_op *op, const uint8_t *literal) {
    uint8_t command[RD__COMMAND_MAX];
    const rd_result result = rd__writer_put(writer, command, rd__delta_put_op(command, op));
    if (result != RD_OK || op->kind == RD_COPY)
        return result;
    return rd__writer_put(writer, literal, (size_t)op->length);
}

/* Writes the ops that can be told from what was read so far. */
static rd_result put_ops(rd__differ *differ, rd__writer *writer) {
    rd_op op;
    const uint8_t *literal = NULL;
    rd_result result = RD_OK;
    while (result == RD_OK && rd__differ_next(differ, &op, &literal))
        result = put_op(writer, &op, literal);
    return result;
}

static rd_result read_more(rd__differ *differ, rd__feed *feed) {
    size_t room = 0;
    size_t got = 0;
    uint8_t *const place = rd__differ_room(differ, RD__CHUNK, &room);
    if (!place)
        return rd__fail_memory(&feed->job->error);
    const rd_result result = rd__feed_read(feed, place, room, &got);
    rd__differ_add(differ, got);
    if (feed->ended)
        rd__differ_end(differ);
    return result;
}

static rd_result diff_all(rd__differ *differ, rd__feed *feed, rd__writer *writer) {
    uint8_t command[RD__COMMAND_MAX];
    rd_result result = rd__writer_put(writer, command, rd__delta_put_magic(command));
    while (result == RD_OK && !feed->ended) {
        result = read_more(differ, feed);
        if (result == RD_OK)
            result = put_ops(differ, writer);
    }
    if (result == RD_OK)
        result = rd__writer_put(writer, command, rd__delta_put_end(command));
    return result == RD_OK ? rd__writer_flush(writer) : result;
}

static rd_result make(rd__job *job, const rd_signature *signature, const rd_source *new_file, const rd_sink *out) {
    rd__feed feed = {.source = new_file, .job = job, .role = RD_ROLE_NEW};
    rd__writer writer;
    rd__differ differ;
    job->stats.blocks = signature ? rd_signature_count(signature) : 0;
    rd__differ_init(&differ, signature, rd__kernels_best(), &job->stats);
    rd_result result = rd__writer_init(&writer, out, job);
    if (result == RD_OK)
        result = diff_all(&differ, &feed, &writer);
    rd__writer_free(&writer);
    rd__differ_free(&differ);
    return result;
}

rd_result rd_delta_make(const rd_signature *signature, const rd_source *new_file, const rd_sink *out,
                        const rd_options *options) {
    rd__operation operation;
    rd__operation_begin(&operation, options, new_file->size);
    return rd__operation_end(&operation, make(&operation.job, signature, new_file, out));
}

/* A dense delta of two files in memory, made by the dense writer of the ops of rd_diff_make. */
#ifndef RD_TESTS_DENSE_H
#define RD_TESTS_DENSE_H

#include "support.h"

#include "file/dense_writer.h"

static inline rd_memory dense_plain(const rd_memory *old, const rd_memory *new_file) {
    rd_memory made = {0};
    const rd_source from = bytes_source(old);
    const rd_source to = bytes_source(new_file);
    const rd_sink sink = rd_sink_memory(&made);
    assert_int_equal(rd_diff_make(&from, &to, &sink, NULL), RD_OK);
    return made;
}

static inline void dense_digest(const rd_memory *file, uint8_t digest[RD_DIGEST_LEN]) {
    const rd_source source = bytes_source(file);
    assert_int_equal(rd_digest(&source, digest, NULL), RD_OK);
}

/* Gives the ops of the plain delta to the writer, literals in portions. */
static inline rd_result dense_write_ops(rd__dense_writer *writer, const rd_memory *plain, size_t portion) {
    const rd_source source = bytes_source(plain);
    uint8_t *const data = bytes_new(portion);
    rd_ops *ops = NULL;
    rd_op op;
    rd_result result = RD_OK;
    assert_int_equal(rd_ops_open(&ops, &source, NULL), RD_OK);
    while (result == RD_OK && rd_ops_next(ops, &op) == RD_MORE) {
        size_t got = 1;
        if (op.kind == RD_COPY)
            result = rd__dense_writer_copy(writer, &op);
        while (op.kind == RD_LITERAL && result == RD_OK && got > 0) {
            assert_int_equal(rd_ops_read(ops, data, portion, &got), RD_OK);
            result = rd__dense_writer_literal(writer, data, got);
        }
    }
    assert_int_equal(rd_ops_error(ops)->result, RD_OK);
    rd_ops_close(ops);
    free(data);
    return result;
}

/* The dense form of a plain delta between the two files. */
static inline rd_memory dense_from(const rd_memory *old, const rd_memory *new_file, const rd_memory *plain,
                                   const rd_options *options, size_t portion) {
    rd_memory made = {0};
    const rd_source source = bytes_source(old);
    const rd_sink sink = rd_sink_memory(&made);
    uint8_t old_digest[RD_DIGEST_LEN];
    uint8_t new_digest[RD_DIGEST_LEN];
    rd__operation operation;
    rd__dense_writer writer;
    dense_digest(old, old_digest);
    dense_digest(new_file, new_digest);
    assert_int_equal(rd__operation_start(&operation, options, RD_UNKNOWN), RD_OK);
    rd_result result = rd__dense_writer_open(&writer, &sink, &operation, &source, old_digest);
    if (result == RD_OK)
        result = dense_write_ops(&writer, plain, portion);
    if (result == RD_OK)
        result = rd__dense_writer_finish(&writer, new_digest);
    rd__dense_writer_close(&writer);
    assert_int_equal(rd__operation_end(&operation, result), RD_OK);
    return made;
}

static inline rd_memory dense_of(const rd_memory *old, const rd_memory *new_file) {
    rd_memory plain = dense_plain(old, new_file);
    rd_memory made = dense_from(old, new_file, &plain, NULL, 4096);
    rd_memory_free(&plain);
    return made;
}

/* Changes single bytes, as addresses in programs do. */
static inline void dense_scatter(random_source *r, rd_memory *file, size_t every) {
    for (size_t at = random_below(r, every); at < file->size; at += 1 + random_below(r, 2 * every))
        file->data[at] = (uint8_t)(file->data[at] + 1 + random_below(r, 3));
}

#endif

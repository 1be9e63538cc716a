/*
 * Dense deltas: what they make is compared with the new file, and their ops with those of their plain form, which is
 * read by the readers of plain deltas. Altered in any place, they make nothing.
 */
#include "dense.h"

#include "base/bytes.h"
#include "compress/column.h"
#include "format/dense_walk.h"
#include "format/emitter.h"

/* ---- Valid ones -------------------------------------------------------------------------------------------------- */

typedef struct pair {
    rd_memory old;
    rd_memory new_file;
} pair;

/* Two files that have much in common: of text, or of numbers that change here and there. */
static pair pair_random(random_source *r, size_t size) {
    const unsigned alphabet = random_below(r, 2) == 0 ? 4 : 256;
    pair p = {.old = bytes_random(r, random_below(r, size + 1), alphabet)};
    p.new_file = bytes_edited(r, &p.old, random_below(r, size + 1), alphabet);
    if (random_below(r, 2) == 0)
        dense_scatter(r, &p.new_file, 1 + random_below(r, 60));
    return p;
}

static void pair_free(pair *p) {
    rd_memory_free(&p->old);
    rd_memory_free(&p->new_file);
}

static rd_memory expanded(const rd_memory *old, const rd_memory *dense, rd_stats *stats) {
    rd_memory made = {0};
    const rd_source basis = bytes_source(old);
    const rd_source delta = bytes_source(dense);
    const rd_sink sink = rd_sink_memory(&made);
    stats->size = sizeof *stats;
    assert_int_equal(rd_delta_expand(&basis, &delta, &sink, &(rd_options){OPTIONS, .stats = stats}), RD_OK);
    return made;
}

/* Without the old file, the dense delta has the ops of its plain form. */
static void check_ops(const rd_memory *dense, const rd_memory *plain, size_t run) {
    const rd_source sources[] = {bytes_source(dense), bytes_source(plain)};
    rd_ops *ops[2];
    rd_op op[2];
    rd_stats stats[2] = {{.size = sizeof stats[0]}, {.size = sizeof stats[0]}};
    rd_result result[2] = {RD_MORE, RD_MORE};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(rd_ops_open(&ops[i], &sources[i], NULL), RD_OK);
    while (result[0] == RD_MORE) {
        for (size_t i = 0; i < 2; i++)
            result[i] = rd_ops_next(ops[i], &op[i]);
        check_equal(result[0], result[1], "run %zu", run);
        if (result[0] != RD_MORE)
            break;
        check_equal(op[0].kind, op[1].kind, "run %zu", run);
        check_equal(op[0].length, op[1].length, "run %zu", run);
        check_equal(op[0].basis_offset, op[1].basis_offset, "run %zu", run);
        check_equal(rd_ops_literal_offset(ops[0]), RD_UNKNOWN, "run %zu", run);
    }
    assert_int_equal(result[0], RD_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rd_ops_stats(ops[i], &stats[i]), RD_OK);
        rd_ops_close(ops[i]);
    }
    check_equal(rd_stats_delta_size(&stats[0]), plain->size, "run %zu", run);
    assert_memory_equal(stats[0].digest, stats[1].digest, RD_DIGEST_LEN);
    assert_int_equal(stats[0].in_bytes, dense->size);
}

static void check_verify(const rd_memory *dense, const rd_memory *file, rd_result expected) {
    const rd_source delta = bytes_source(dense);
    const rd_source source = bytes_source(file);
    assert_int_equal(rd_delta_verify(&delta, &source, NULL), expected);
}

static void check_kind(const rd_memory *dense) {
    const rd_source source = bytes_source(dense);
    rd_kind kind = RD_KIND_OTHER;
    bool compressed = true;
    assert_int_equal(rd_source_identify(&source, &kind, &compressed, NULL), RD_OK);
    assert_int_equal(kind, RD_KIND_DENSE);
    assert_false(compressed);
}

static void check_pair(pair *p, size_t run) {
    rd_memory plain = dense_plain(&p->old, &p->new_file);
    rd_memory dense = dense_from(&p->old, &p->new_file, &plain, NULL, 1 + run % 5 * 1000);
    rd_memory made = patched(&p->old, &dense);
    check_memory(made, p->new_file, "run %zu", run);
    rd_memory_free(&made);
    rd_stats stats;
    rd_memory expansion = expanded(&p->old, &dense, &stats);
    made = patched(&p->old, &expansion);
    check_memory(made, p->new_file, "run %zu, expanded", run);
    check_equal(rd_stats_delta_size(&stats), expansion.size, "run %zu", run);
    check_equal(stats.out_bytes, expansion.size, "run %zu", run);
    check_ops(&dense, &expansion, run);
    check_verify(&dense, &p->new_file, RD_OK);
    check_kind(&dense);
    rd_memory_free(&made);
    rd_memory_free(&expansion);
    rd_memory_free(&dense);
    rd_memory_free(&plain);
}

static void a_dense_delta_makes_the_new_file(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t run = 0; run < 120; run++) {
        pair p = pair_random(&r, run % 20 == 0 ? 600000 : run % 3 == 0 ? 5000 : 300);
        check_pair(&p, run);
        pair_free(&p);
    }
}

/* The literals of a frame are bounded. */
static void a_long_new_file_has_several_frames(void **state) {
    (void)state;
    random_source r = random_from(2);
    pair p = {.old = bytes_random(&r, 300000, 256), .new_file = bytes_random(&r, 7000000, 256)};
    memcpy(p.new_file.data + 3000000, p.old.data, p.old.size);
    memcpy(p.new_file.data + 6500000, p.old.data, p.old.size);
    check_pair(&p, 0);
    pair_free(&p);
}

static void it_depends_on_neither_threads_nor_portions(void **state) {
    (void)state;
    random_source r = random_from(3);
    pair p = pair_random(&r, 400000);
    dense_scatter(&r, &p.new_file, 40);
    rd_memory plain = dense_plain(&p.old, &p.new_file);
    rd_memory expected = dense_from(&p.old, &p.new_file, &plain, &(rd_options){OPTIONS, .threads = 1}, 100);
    for (unsigned threads = 1; threads <= 5; threads++) {
        rd_memory dense =
            dense_from(&p.old, &p.new_file, &plain, &(rd_options){OPTIONS, .threads = threads}, 7 * threads);
        check_memory(dense, expected, "%u threads", threads);
        rd_memory_free(&dense);
    }
    rd_memory_free(&expected);
    rd_memory_free(&plain);
    pair_free(&p);
}

/* Scattered differences are what the container is for: it is smaller than the plain form in a frame of zstd. */
static void scattered_differences_take_little(void **state) {
    (void)state;
    random_source r = random_from(4);
    rd_memory old = bytes_random(&r, 500000, 256);
    rd_memory new_file = bytes_copy(old.data, old.size);
    for (size_t at = 50; at < new_file.size; at += 40 + random_below(&r, 40))
        new_file.data[at] = (uint8_t)(new_file.data[at] + 4);
    rd_memory plain = dense_plain(&old, &new_file);
    rd_memory dense = dense_from(&old, &new_file, &plain, NULL, 1000);
    check_true(dense.size < 9000, "%zu bytes, plain %zu", dense.size, plain.size);
    rd_memory made = patched(&old, &dense);
    check_memory(made, new_file, "scattered");
    rd_memory_free(&made);
    rd_memory_free(&dense);
    rd_memory_free(&plain);
    rd_memory_free(&new_file);
    rd_memory_free(&old);
}

/* Words that say how far it is to other words: a part is put in, and each that leads over it changes. */
static void addresses_take_hardly_anything(void **state) {
    (void)state;
    enum { WORDS = 40000, PUT_IN = 1000 };
    random_source r = random_from(14);
    rd_memory old = bytes_random(&r, 4 * WORDS, 256);
    rd_memory new_file = bytes_random(&r, 4 * WORDS + PUT_IN, 256);
    for (size_t i = 0; i < WORDS; i++) {
        const size_t moved = i < WORDS / 2 ? 0 : PUT_IN;
        const size_t to = random_below(&r, WORDS);
        const size_t to_moved = to < WORDS / 2 ? 0 : PUT_IN;
        if (i % 10 == 0) {
            rd__store_le32(old.data + 4 * i, (uint32_t)(4 * to - 4 * i - 4));
            rd__store_le32(new_file.data + 4 * i + moved, (uint32_t)(4 * to + to_moved - 4 * i - moved - 4));
        } else if (i % 10 == 5) {
            rd__store_le32(old.data + 4 * i, (uint32_t)(4 * to + 0x400000));
            rd__store_le32(new_file.data + 4 * i + moved, (uint32_t)(4 * to + to_moved + 0x400000));
        } else {
            memcpy(new_file.data + 4 * i + moved, old.data + 4 * i, 4);
        }
    }
    rd_memory plain = dense_plain(&old, &new_file);
    rd_memory dense = dense_from(&old, &new_file, &plain, NULL, 1000);
    check_true(dense.size < 4500, "%zu bytes, plain %zu", dense.size, plain.size);
    pair p = {.old = old, .new_file = new_file};
    check_pair(&p, 0);
    rd_memory_free(&dense);
    rd_memory_free(&plain);
    pair_free(&p);
}

static void it_may_be_compressed_once_more(void **state) {
    (void)state;
    random_source r = random_from(5);
    pair p = pair_random(&r, 5000);
    rd_memory dense = dense_of(&p.old, &p.new_file);
    rd_memory frame = {0};
    rd_filter *filter = NULL;
    const rd_sink sink = rd_sink_memory(&frame);
    assert_int_equal(rd_filter_compress_new(&filter, &sink, NULL), RD_OK);
    const rd_sink compressing = rd_filter_sink(filter);
    assert_int_equal(compressing.write(compressing.context, dense.data, dense.size), RD_OK);
    assert_int_equal(rd_filter_finish(filter), RD_OK);
    rd_filter_free(filter);
    rd_memory made = patched(&p.old, &frame);
    check_memory(made, p.new_file, "compressed");
    rd_memory_free(&made);
    rd_memory_free(&frame);
    rd_memory_free(&dense);
    pair_free(&p);
}

/* The magic number is put before what is coded, and taken away again, whether it can be decoded or not. */
static void a_column_is_decoded_where_it_lies(void **state) {
    (void)state;
    enum { BEFORE = 20, SIZE = 5000 };
    random_source r = random_from(16);
    rd_memory plain = bytes_random(&r, SIZE, 3);
    rd__growing coded = {0};
    rd_error error = {0};
    rd__growing_put(&coded, plain.data, BEFORE);
    const rd__column_bytes none = {0};
    assert_int_equal(
        rd__column_encode((rd__column_bytes){.data = plain.data, .size = plain.size}, none, 3, &coded, &error), RD_OK);
    rd_memory before = bytes_copy(coded.data, coded.size);
    for (size_t size = SIZE - 1; size <= SIZE + 1; size++) {
        rd_memory made = bytes_random(&r, size, 256);
        const rd_result result =
            rd__column_decode(coded.data + BEFORE, coded.size - BEFORE, none, 0, made.data, made.size, &error);
        check_equal(result, size == SIZE ? RD_OK : RD_E_CORRUPT, "%zu bytes", size);
        if (result == RD_OK)
            check_memory(made, plain, "%zu bytes", size);
        assert_memory_equal(coded.data, before.data, coded.size);
        rd_memory_free(&made);
    }
    rd_memory_free(&before);
    rd_memory_free(&plain);
    rd__growing_free(&coded);
}

/* ---- Refused ones ------------------------------------------------------------------------------------------------ */

typedef struct outcome {
    rd_result result;
    rd_error error;
    size_t made;
} outcome;

static outcome patch(const rd_memory *old, const rd_memory *dense, rd_options options) {
    outcome o = {.result = RD_OK};
    rd_memory made = {0};
    const rd_source basis = bytes_source(old);
    const rd_source delta = bytes_source(dense);
    const rd_sink sink = rd_sink_memory(&made);
    options.size = sizeof options;
    options.error = &o.error;
    o.result = rd_patch_apply(&basis, &delta, &sink, &options);
    o.made = made.size;
    rd_memory_free(&made);
    return o;
}

static void another_basis_is_refused_before_anything_is_written(void **state) {
    (void)state;
    random_source r = random_from(6);
    pair p = {.old = bytes_random(&r, 4000, 256)};
    p.new_file = bytes_edited(&r, &p.old, 5000, 256);
    rd_memory dense = dense_of(&p.old, &p.new_file);
    rd_memory other = bytes_copy(p.old.data, p.old.size);
    other.data[17] ^= 1;
    rd_memory shorter = bytes_copy(p.old.data, p.old.size - 1);
    const rd_memory *const wrong[] = {&other, &shorter, &p.new_file};
    for (size_t i = 0; i < ITEMS(wrong); i++) {
        const outcome o = patch(wrong[i], &dense, (rd_options){0});
        check_equal(o.result, RD_E_MISMATCH, "basis %zu", i);
        check_equal(o.error.role, RD_ROLE_BASIS, "basis %zu", i);
        check_equal(o.made, 0, "basis %zu", i);
    }
    check_verify(&dense, &p.old, RD_E_MISMATCH);
    rd_memory_free(&shorter);
    rd_memory_free(&other);
    rd_memory_free(&dense);
    pair_free(&p);
}

static bool is_about_the_delta(const outcome *o) {
    return o->error.role == RD_ROLE_DELTA && (o->result == RD_E_TRUNCATED || o->result == RD_E_CORRUPT);
}

static void it_is_refused_if_cut_anywhere(void **state) {
    (void)state;
    random_source r = random_from(7);
    pair p = {.old = bytes_random(&r, 3000, 256)};
    p.new_file = bytes_edited(&r, &p.old, 3000, 256);
    dense_scatter(&r, &p.new_file, 100);
    rd_memory dense = dense_of(&p.old, &p.new_file);
    for (size_t size = 0; size < dense.size; size++) {
        rd_memory cut = bytes_copy(dense.data, size);
        const outcome o = patch(&p.old, &cut, (rd_options){0});
        check_equal(o.result, RD_E_TRUNCATED, "%zu bytes", size);
        check_equal(o.error.role, RD_ROLE_DELTA, "%zu bytes", size);
        rd_memory_free(&cut);
    }
    rd_memory longer = bytes_copy(dense.data, dense.size + 1);
    const outcome o = patch(&p.old, &longer, (rd_options){0});
    assert_int_equal(o.result, RD_E_CORRUPT);
    rd_memory_free(&longer);
    rd_memory_free(&dense);
    pair_free(&p);
}

static void it_is_refused_if_altered_anywhere(void **state) {
    (void)state;
    random_source r = random_from(8);
    pair p = {.old = bytes_random(&r, 3000, 256)};
    p.new_file = bytes_edited(&r, &p.old, 3000, 256);
    dense_scatter(&r, &p.new_file, 100);
    rd_memory dense = dense_of(&p.old, &p.new_file);
    for (size_t i = 0; i < 8 * dense.size; i++) {
        dense.data[i / 8] ^= (uint8_t)(1u << i % 8);
        const outcome o = patch(&p.old, &dense, (rd_options){0});
        const bool in_magic = i / 8 < 4; /* then it may be taken for another kind of file */
        const bool in_version = i / 8 == 4;
        check_true(in_version ? o.result == RD_E_MAGIC
                   : in_magic ? o.result != RD_OK
                              : is_about_the_delta(&o),
                   "bit %zu: %d", i, o.result);
        const rd_source delta = bytes_source(&dense);
        const rd_source file = bytes_source(&p.new_file);
        check_true(rd_delta_verify(&delta, &file, NULL) != RD_OK, "bit %zu", i);
        dense.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    rd_memory_free(&dense);
    pair_free(&p);
}

static void limits_hold(void **state) {
    (void)state;
    random_source r = random_from(9);
    pair p = {.old = bytes_random(&r, 100000, 256), .new_file = bytes_random(&r, 200000, 256)};
    rd_memory dense = dense_of(&p.old, &p.new_file);
    outcome o = patch(&p.old, &dense, (rd_options){.limits.memory = 100000});
    assert_int_equal(o.result, RD_E_LIMIT);
    assert_int_equal(o.made, 0);
    o = patch(&p.old, &dense, (rd_options){.limits.memory = 1000000});
    assert_int_equal(o.result, RD_OK);
    o = patch(&p.old, &dense, (rd_options){.limits.output = p.new_file.size - 1});
    assert_int_equal(o.result, RD_E_LIMIT);
    rd_memory_free(&dense);
    pair_free(&p);
}

static void literals_need_the_basis(void **state) {
    (void)state;
    random_source r = random_from(10);
    pair p = {.old = bytes_random(&r, 100, 256), .new_file = bytes_random(&r, 200, 256)};
    rd_memory dense = dense_of(&p.old, &p.new_file);
    const rd_source source = bytes_source(&dense);
    rd_ops *ops = NULL;
    rd_op op;
    uint8_t byte = 0;
    size_t got = 0;
    assert_int_equal(rd_ops_open(&ops, &source, NULL), RD_OK);
    assert_int_equal(rd_ops_next(ops, &op), RD_MORE);
    assert_int_equal(op.kind, RD_LITERAL);
    assert_int_equal(rd_ops_read(ops, &byte, 1, &got), RD_E_STATE);
    assert_int_equal(rd_ops_error(ops)->role, RD_ROLE_DELTA);
    rd_ops_close(ops);
    rd_memory_free(&dense);
    pair_free(&p);
}

static void streams_and_expand_refuse_what_they_do_not_read(void **state) {
    (void)state;
    random_source r = random_from(11);
    pair p = pair_random(&r, 500);
    rd_memory dense = dense_of(&p.old, &p.new_file);
    rd_memory plain = dense_plain(&p.old, &p.new_file);
    rd_memory made = {0};
    uint8_t room[100];
    const rd_source basis = bytes_source(&p.old);
    const rd_source source = bytes_source(&plain);
    const rd_sink sink = rd_sink_memory(&made);
    rd_stream *stream = NULL;
    rd_in in = {.data = dense.data, .size = dense.size};
    rd_out out = {.data = room, .size = sizeof room};
    assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
    assert_int_equal(rd_stream_step(stream, &in, &out, true), RD_E_MAGIC);
    rd_stream_free(stream);
    assert_int_equal(rd_delta_expand(&basis, &source, &sink, NULL), RD_E_MAGIC);
    assert_int_equal(made.size, 0);
    rd_memory_free(&made);
    rd_memory_free(&plain);
    rd_memory_free(&dense);
    pair_free(&p);
}

/* A failing read of the basis, or of the delta, is reported as such. */
static rd_result failing_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const rd_memory *const bytes = context;
    if (offset + size > bytes->size / 2)
        return RD_E_IO;
    memcpy(data, bytes->data + offset, size);
    *got = size;
    return RD_OK;
}

static void failing_files_are_reported(void **state) {
    (void)state;
    random_source r = random_from(12);
    pair p = {.old = bytes_random(&r, 100000, 256)};
    p.new_file = bytes_edited(&r, &p.old, 100000, 256);
    rd_memory dense = dense_of(&p.old, &p.new_file);
    rd_memory made = {0};
    const rd_source good_basis = bytes_source(&p.old);
    const rd_source good_delta = bytes_source(&dense);
    const rd_source bad_basis = rd_source_callback(failing_read, &p.old, p.old.size, RD_SEEKABLE);
    const rd_source bad_delta = rd_source_callback(failing_read, &dense, dense.size, RD_SEEKABLE);
    const rd_sink sink = rd_sink_memory(&made);
    rd_error error;
    const rd_options options = {OPTIONS, .error = &error};
    assert_int_equal(rd_patch_apply(&bad_basis, &good_delta, &sink, &options), RD_E_IO);
    assert_int_equal(error.role, RD_ROLE_BASIS);
    assert_int_equal(rd_patch_apply(&good_basis, &bad_delta, &sink, &options), RD_E_IO);
    assert_int_equal(error.role, RD_ROLE_DELTA);
    rd_memory_free(&made);
    rd_memory_free(&dense);
    pair_free(&p);
}

/* ---- Crafted ones ------------------------------------------------------------------------------------------------ */

/* A frame whose columns are stored as they are. */
typedef struct crafted {
    uint64_t covers;
    uint64_t differences;
    uint64_t target;
    const char *columns[RD__DENSE_COLUMNS];
    size_t sizes[RD__DENSE_COLUMNS];
} crafted;

static rd_memory crafted_delta(const crafted *c, const rd_memory *old, uint64_t new_size) {
    rd__growing bytes = {0};
    rd__dense_header header = {.basis.size = old->size};
    rd__dense_trailer trailer = {.new_size = new_size};
    rd__dense_frame frame = {.covers = (size_t)c->covers, .differences = (size_t)c->differences, .target = c->target};
    uint8_t check[RD__DENSE_CHECK_LEN];
    dense_digest(old, header.basis.digest);
    rd__dense_header_put(rd__growing_add(&bytes, RD__DENSE_HEADER_LEN), &header);
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++)
        frame.columns[i] =
            (rd__dense_stored){.size = c->sizes[i], .stored = c->sizes[i], .data = (const uint8_t *)c->columns[i]};
    memcpy(check, bytes.data + bytes.size - sizeof check, sizeof check);
    rd__dense_frame_put(&bytes, check, &frame);
    memcpy(check, bytes.data + bytes.size - sizeof check, sizeof check);
    uint8_t *const end = rd__growing_add(&bytes, RD__DENSE_TRAILER_LEN);
    rd__dense_trailer_put(end, check, &trailer);
    rd_memory made = bytes_copy(bytes.data, bytes.size);
    rd__growing_free(&bytes);
    return made;
}

/* 10 bytes of the old file of 20 from 5 on, the third of them one more; then "xy". */
static const crafted crafted_good = {.covers = 1,
                                     .differences = 1,
                                     .target = 12,
                                     .columns = {"\x09", "", "\x00", "", "\x1a", "", "\x02", "", "\x01", "", "xy"},
                                     .sizes = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 2}};

static rd_result crafted_result(const crafted *c, uint64_t new_size) {
    rd_memory old = bytes_copy("abcdefghijklmnopqrst", 20);
    rd_memory delta = crafted_delta(c, &old, new_size);
    const outcome o = patch(&old, &delta, (rd_options){.verify = RD_VERIFY_NEVER});
    rd_memory_free(&delta);
    rd_memory_free(&old);
    return o.result;
}

static void columns_that_do_not_fit_are_refused(void **state) {
    (void)state;
    assert_int_equal(crafted_result(&crafted_good, 12), RD_OK);
    assert_int_equal(crafted_result(&crafted_good, 13), RD_E_CORRUPT);
    const struct {
        size_t column;
        const char *bytes;
        size_t size;
    } wrong[] = {
        {RD__DENSE_LENGTHS, "\x0f", 1},         /* reaches beyond the end */
        {RD__DENSE_LENGTHS, "\x08", 1},         /* makes too little */
        {RD__DENSE_LENGTHS, "\x89", 1},         /* has no tail */
        {RD__DENSE_LENGTHS, "\x09\x09", 2},     /* too many */
        {RD__DENSE_LENGTHS + 1, "\x01", 1},     /* a tail that nothing has */
        {RD__DENSE_GAPS, "\x03", 1},            /* more literals than there are */
        {RD__DENSE_PLACES, "\x01", 1},          /* a diagonal that was not yet */
        {RD__DENSE_PLACES, "\x11", 1},          /* before the start */
        {RD__DENSE_PLACES, "\x40", 1},          /* beyond the end */
        {RD__DENSE_SKIPS, "\x0a", 1},           /* a difference after the cover */
        {RD__DENSE_SKIPS, "\x01\x01", 2},       /* too many */
        {RD__DENSE_DIFFERENCES, "\x01\x01", 2}, /* too many */
        {RD__DENSE_DIFFERENCES, "\x00", 1},     /* an address without its kind */
        {RD__DENSE_ADDRESSES, "\x00", 1},       /* a kind without its address */
        {RD__DENSE_DIFFERENCES, "", 0},         /* too few */
        {RD__DENSE_LITERALS, "x", 1},           /* too few */
        {RD__DENSE_LITERALS, "xyz", 3},         /* too many */
    };
    for (size_t i = 0; i < ITEMS(wrong); i++) {
        crafted c = crafted_good;
        c.columns[wrong[i].column] = wrong[i].bytes;
        c.sizes[wrong[i].column] = wrong[i].size;
        check_equal(crafted_result(&c, 12), RD_E_CORRUPT, "case %zu", i);
    }
    /* An address at the third byte; its kind; and in the last three bytes, where there is no word. */
    static const struct {
        const char *skip, *kind;
        rd_result result;
    } addresses[] = {{"\x02", "\x00", RD_OK},
                     {"\x06", "\x02", RD_OK},
                     {"\x07", "\x00", RD_E_CORRUPT},
                     {"\x02", "\x03", RD_E_CORRUPT}};
    for (size_t i = 0; i < ITEMS(addresses); i++) {
        crafted c = crafted_good;
        c.columns[RD__DENSE_SKIPS] = addresses[i].skip;
        c.columns[RD__DENSE_DIFFERENCES] = "\x00";
        c.columns[RD__DENSE_ADDRESSES] = addresses[i].kind;
        c.sizes[RD__DENSE_ADDRESSES] = 1;
        check_equal(crafted_result(&c, 12), addresses[i].result, "address %zu", i);
    }
    const struct {
        uint64_t covers, differences, target;
    } heads[] = {{0, 1, 12}, {2, 1, 12}, {1, 0, 12}, {1, 2, 12}, {1, 1, 0}, {1, 1, 11}, {1, 1, UINT64_MAX}};
    for (size_t i = 0; i < ITEMS(heads); i++) {
        crafted c = crafted_good;
        c.covers = heads[i].covers;
        c.differences = heads[i].differences;
        c.target = heads[i].target;
        check_equal(crafted_result(&c, 12), RD_E_CORRUPT, "head %zu", i);
    }
}

/* Two covers of 1 and 9 bytes from elsewhere, then literals: a frame of 15 bytes has one cover, one of 16 may have two.
 */
static void covers_are_bounded_by_what_they_make(void **state) {
    (void)state;
    for (size_t literals = 0; literals <= 22; literals++) {
        const crafted c = {
            .covers = 2,
            .target = 10 + literals,
            .columns = {"\x00\x08", "", "\x00\x00", "", "\x00\x12", "", "", "", "", "", "abcdefghijklmnopqrstuvwxyz"},
            .sizes = {2, 0, 2, 0, 2, 0, 0, 0, 0, 0, literals}};
        check_equal(crafted_result(&c, c.target), c.target < 16 ? RD_E_CORRUPT : RD_OK, "%zu literals", literals);
    }
}

/* Copies from anywhere, of up to `longest` bytes, and literals between some of them. */
static void check_short_copies(random_source *r, size_t longest, size_t run) {
    enum { OPS = 3000 };
    const rd_memory old = bytes_random(r, 5000, 256);
    pair p = {.old = old};
    rd__growing made = {0};
    rd__growing delta = {0};
    rd_stats ignored = {0};
    rd__emitter emitter = {.stats = &ignored};
    uint8_t command[RD__EMIT_MAX];
    rd__growing_put(&delta, command, rd__emit_magic(command));
    for (size_t i = 0; i < OPS; i++) {
        rd_op op = {.kind = random_below(r, 10) == 0 ? RD_LITERAL : RD_COPY,
                    .target_offset = made.size,
                    .length = 1 + random_below(r, longest),
                    .basis_offset = random_below(r, old.size - longest)};
        rd__growing_put(&delta, command, rd__emit_op(&emitter, &op, command));
        rd__growing_put(&made, old.data + op.basis_offset, (size_t)op.length);
        if (op.kind == RD_LITERAL)
            rd__growing_put(&delta, old.data + op.basis_offset, (size_t)op.length);
    }
    rd__growing_put(&delta, command, rd__emit_end(&emitter, NULL, NULL, command));
    p.new_file = bytes_copy(made.data, made.size);
    rd_memory plain = bytes_copy(delta.data, delta.size);
    rd_memory dense = dense_from(&p.old, &p.new_file, &plain, NULL, 1000);
    rd_memory back = patched(&p.old, &dense);
    check_memory(back, p.new_file, "run %zu", run);
    rd_memory_free(&back);
    rd_memory_free(&dense);
    rd_memory_free(&plain);
    rd__growing_free(&made);
    rd__growing_free(&delta);
    pair_free(&p);
}

/* The writer is given more copies than a frame may have covers. */
static void short_copies_become_literals(void **state) {
    (void)state;
    static const size_t longest[] = {1, 5, 15, 16, 30, 40, 100};
    random_source r = random_from(15);
    for (size_t i = 0; i < ITEMS(longest); i++)
        check_short_copies(&r, longest[i], i);
}

static void an_end_is_needed(void **state) {
    (void)state;
    random_source r = random_from(13);
    rd_memory empty = {0};
    rd_memory old = bytes_random(&r, 50, 256);
    const rd_memory *const files[] = {&empty, &old};
    for (size_t i = 0; i < 4; i++) {
        rd_memory dense = dense_of(files[i % 2], files[i / 2]);
        rd_memory made = patched(files[i % 2], &dense);
        check_memory(made, *files[i / 2], "case %zu", i);
        rd_memory_free(&made);
        rd_memory_free(&dense);
    }
    rd_memory_free(&old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dense_delta_makes_the_new_file),
        cmocka_unit_test(a_long_new_file_has_several_frames),
        cmocka_unit_test(it_depends_on_neither_threads_nor_portions),
        cmocka_unit_test(scattered_differences_take_little),
        cmocka_unit_test(addresses_take_hardly_anything),
        cmocka_unit_test(it_may_be_compressed_once_more),
        cmocka_unit_test(a_column_is_decoded_where_it_lies),
        cmocka_unit_test(another_basis_is_refused_before_anything_is_written),
        cmocka_unit_test(it_is_refused_if_cut_anywhere),
        cmocka_unit_test(it_is_refused_if_altered_anywhere),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(literals_need_the_basis),
        cmocka_unit_test(streams_and_expand_refuse_what_they_do_not_read),
        cmocka_unit_test(failing_files_are_reported),
        cmocka_unit_test(columns_that_do_not_fit_are_refused),
        cmocka_unit_test(covers_are_bounded_by_what_they_make),
        cmocka_unit_test(short_copies_become_literals),
        cmocka_unit_test(an_end_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

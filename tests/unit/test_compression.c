/*
 * Compressed signatures and deltas. The oracle is libzstd by its simplest function: it decompresses what is written,
 * and what it writes, in any number of frames, is read. Whole operations and streams give the same bytes, whatever the
 * threads and the chunks. A truncated or changed file is an error of the compressed file, or no error, but never gives
 * another new file.
 */
#include "support.h"

#include <zstd.h>
#include <zstd_errors.h>

typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
    rd_signature *loaded;
} material;

static int set_up(void **state) {
    material *const m = calloc(1, sizeof *m);
    random_source r = random_from(7);
    assert_non_null(m);
    m->basis = bytes_random(&r, 3000000, 16);
    m->new_file = bytes_edited(&r, &m->basis, 4000000, 16);
    random_fill(&r, m->new_file.data + 1000000, 1500000, 16); /* so much that the delta is not compressed at once */
    m->signature = signature_of(&m->basis, (rd_params){.block_len = 100});
    m->loaded = loaded(&m->signature);
    m->delta = delta_of(m->loaded, &m->new_file, NULL);
    *state = m;
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->signature);
    rd_memory_free(&m->delta);
    rd_signature_free(m->loaded);
    free(m);
    return 0;
}

/* ---- By libzstd -------------------------------------------------------------------------------------------------- */

static void append_frame(rd_memory *to, const uint8_t *data, size_t size, int level) {
    const size_t bound = ZSTD_compressBound(size);
    uint8_t *const frame = bytes_new(bound);
    const size_t made = ZSTD_compress(frame, bound, data, size, level);
    assert_false(ZSTD_isError(made));
    const rd_sink sink = rd_sink_memory(to);
    assert_int_equal(sink.write(sink.context, frame, made), RD_OK);
    free(frame);
}

static rd_memory in_a_frame(const rd_memory *plain) {
    rd_memory made = {0};
    append_frame(&made, plain->data, plain->size, 3);
    return made;
}

static void append_skippable(rd_memory *to, uint8_t variant, uint8_t size) {
    const uint8_t head[] = {(uint8_t)(0x50 + variant), 0x2a, 0x4d, 0x18, size, 0, 0, 0};
    const uint8_t content[255] = {0xee};
    const rd_sink sink = rd_sink_memory(to);
    assert_int_equal(sink.write(sink.context, head, sizeof head), RD_OK);
    assert_int_equal(sink.write(sink.context, content, size), RD_OK);
}

/* Decompresses with a second decoder, and checks that there is a checksum. */
static rd_memory made_plain(const rd_memory *frame, size_t size) {
    rd_memory made = {.data = bytes_new(size), .size = size, .capacity = size};
    check_equal(ZSTD_decompress(made.data, size, frame->data, frame->size), size, "the size of what is in the frame");
    assert_int_equal(frame->data[4] & 0x04, 0x04);
    return made;
}

/* ---- Operations -------------------------------------------------------------------------------------------------- */

static rd_memory compressed_signature(const material *m, int level, unsigned threads) {
    rd_memory made = {0};
    const rd_source basis = bytes_source(&m->basis);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {OPTIONS, .params = {.block_len = 100}, .compression = level, .threads = threads};
    assert_int_equal(rd_signature_make(&basis, &sink, &options), RD_OK);
    return made;
}

static rd_memory compressed_delta(const material *m, int level, unsigned threads, rd_stats *stats) {
    rd_memory made = {0};
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {OPTIONS, .compression = level, .threads = threads, .stats = stats};
    assert_int_equal(rd_delta_make(m->loaded, &new_file, &sink, &options), RD_OK);
    return made;
}

/* Feeds `bytes` to a stream in chunks up to `portion`, with as little room. Frees it. *left: bytes it did not take. */
static rd_result feed(rd_stream *stream, const rd_memory *bytes, size_t portion, rd_memory *made, rd_stats *stats,
                      rd_error *error, size_t *left) {
    uint8_t *const room = bytes_new(portion);
    const rd_sink sink = rd_sink_memory(made);
    rd_result result = RD_MORE;
    size_t at = 0;
    while (result == RD_MORE) {
        const size_t size = portion < bytes->size - at ? portion : bytes->size - at;
        rd_in in = {.data = size > 0 ? bytes->data + at : NULL, .size = size};
        rd_out out = {.data = room, .size = portion};
        result = rd_stream_step(stream, &in, &out, at + size == bytes->size);
        check_true(result != RD_MORE || in.pos > 0 || out.pos > 0, "a step at %zu does something", at);
        at += in.pos;
        assert_int_equal(sink.write(sink.context, room, out.pos), RD_OK);
    }
    free(room);
    *stats = stats_of(stream);
    *error = *rd_stream_error(stream);
    *left = bytes->size - at;
    return result;
}

static rd_memory fed(rd_stream *stream, const rd_memory *bytes, size_t portion, rd_stats *stats) {
    rd_memory made = {0};
    rd_error error;
    size_t left = 0;
    assert_int_equal(feed(stream, bytes, portion, &made, stats, &error, &left), RD_OK);
    assert_int_equal(left, 0);
    check_equal(stats->in_bytes, bytes->size, "portion %zu", portion);
    check_equal(stats->out_bytes, made.size, "portion %zu", portion);
    rd_stream_free(stream);
    return made;
}

static rd_result patch(const material *m, const rd_memory *delta, const rd_options *options, rd_memory *made) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_source source = bytes_source(delta);
    const rd_sink sink = rd_sink_memory(made);
    return rd_patch_apply(&basis, &source, &sink, options);
}

static rd_stream *patch_stream(const material *m, const rd_options *options) {
    const rd_source basis = bytes_source(&m->basis);
    rd_stream *stream = NULL;
    assert_int_equal(rd_patch_stream_new(&stream, &basis, options), RD_OK);
    return stream;
}

/* Gives no more at once than a chunk. */
typedef struct in_portions {
    in_order all;
    size_t portion;
} in_portions;

static rd_result read_portion(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    in_portions *const r = context;
    return in_order_read(&r->all, offset, data, size < r->portion ? size : r->portion, got);
}

static rd_source portions_source(in_portions *r) {
    return rd_source_callback(read_portion, r, RD_UNKNOWN, false);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void libzstd_makes_plain_what_is_written(void **state) {
    const material *const m = *state;
    for (int level = 1; level <= 19; level += 9) {
        rd_stats stats = {.size = sizeof(rd_stats)};
        rd_memory signature = compressed_signature(m, level, 2);
        rd_memory delta = compressed_delta(m, level, 2, &stats);
        rd_memory plain_signature = made_plain(&signature, m->signature.size);
        rd_memory plain_delta = made_plain(&delta, m->delta.size);
        check_memory(plain_signature, m->signature, "signature, level %d", level);
        check_memory(plain_delta, m->delta, "delta, level %d", level);
        check_true(m->delta.size > 1500000 && delta.size < m->delta.size * 2 / 3, "level %d: %zu of %zu bytes", level,
                   delta.size, m->delta.size);
        check_equal(stats.out_bytes, delta.size, "level %d", level);
        check_equal(stats.in_bytes, m->new_file.size, "level %d", level);
        rd_memory_free(&signature);
        rd_memory_free(&delta);
        rd_memory_free(&plain_signature);
        rd_memory_free(&plain_delta);
    }
}

static void threads_and_portions_do_not_change_the_bytes(void **state) {
    static const unsigned threads[] = {1, 2, 3, 7};
    static const size_t portions[] = {1 << 20, 65536, 997};
    const material *const m = *state;
    rd_memory signature = compressed_signature(m, 3, 1);
    rd_memory delta = compressed_delta(m, 3, 1, NULL);
    for (size_t i = 1; i < ITEMS(threads); i++) {
        rd_memory other_signature = compressed_signature(m, 3, threads[i]);
        rd_memory other_delta = compressed_delta(m, 3, threads[i], NULL);
        check_memory(other_signature, signature, "signature, %u threads", threads[i]);
        check_memory(other_delta, delta, "delta, %u threads", threads[i]);
        rd_memory_free(&other_signature);
        rd_memory_free(&other_delta);
    }
    for (size_t i = 0; i < ITEMS(portions); i++) {
        const rd_options options = {OPTIONS, .params = {.block_len = 100}, .compression = 3};
        rd_stats stats = {.size = sizeof(rd_stats)};
        rd_stream *stream = NULL;
        assert_int_equal(rd_signature_stream_new(&stream, &options), RD_OK);
        rd_memory streamed = fed(stream, &m->basis, portions[i], &stats);
        check_memory(streamed, signature, "signature in portions of %zu", portions[i]);
        check_equal(stats.blocks, rd_signature_count(m->loaded), "portions of %zu", portions[i]);
        rd_memory_free(&streamed);
        assert_int_equal(rd_delta_stream_new(&stream, m->loaded, &options), RD_OK);
        streamed = fed(stream, &m->new_file, portions[i], &stats);
        check_memory(streamed, delta, "delta in portions of %zu", portions[i]);
        check_equal(stats.literal_bytes + stats.copy_bytes, m->new_file.size, "portions of %zu", portions[i]);
        rd_memory_free(&streamed);
    }
    rd_memory_free(&signature);
    rd_memory_free(&delta);
}

/* Around the size of a chunk, in which zstd gets it, and of small files that are compressed at once. */
static void every_size_comes_back(void **state) {
    static const size_t sizes[] = {0, 1, 100, 262100, 262137, 262138, 262139, 262144, 262145, 524288, 1048576, 9000000};
    const material *const m = *state;
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        random_source r = random_from(i);
        rd_memory new_file = bytes_random(&r, sizes[i], 4);
        const material other = {.basis = m->basis, .new_file = new_file};
        rd_memory plain = delta_of(NULL, &new_file, NULL);
        rd_memory delta = compressed_delta(&other, 1, 3, NULL);
        rd_memory back = made_plain(&delta, plain.size);
        check_memory(back, plain, "new file of %zu bytes", sizes[i]);
        const rd_options options = {OPTIONS, .compression = 1};
        rd_stats stats = {.size = sizeof(rd_stats)};
        rd_stream *stream = NULL;
        assert_int_equal(rd_delta_stream_new(&stream, NULL, &options), RD_OK);
        rd_memory streamed = fed(stream, &new_file, 30000, &stats);
        check_memory(streamed, delta, "stream, new file of %zu bytes", sizes[i]);
        rd_memory_free(&new_file);
        rd_memory_free(&plain);
        rd_memory_free(&delta);
        rd_memory_free(&back);
        rd_memory_free(&streamed);
    }
}

static void levels_out_of_range_are_refused(void **state) {
    const material *const m = *state;
    const int wrong[] = {-2, -100, rd_compression_max() + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < ITEMS(wrong); i++) {
        rd_error error = {0};
        rd_memory made = {0};
        const rd_source basis = bytes_source(&m->basis);
        const rd_sink sink = rd_sink_memory(&made);
        const rd_options options = {OPTIONS, .compression = wrong[i], .error = &error};
        check_equal(rd_signature_make(&basis, &sink, &options), RD_E_PARAMETER, "level %d", wrong[i]);
        check_equal(rd_delta_make(NULL, &basis, &sink, &options), RD_E_PARAMETER, "level %d", wrong[i]);
        check_equal(made.size, 0, "level %d", wrong[i]);
        assert_string_equal(error.reason, "the compression level is out of range");
        rd_stream *stream = (rd_stream *)&stream;
        check_equal(rd_signature_stream_new(&stream, &options), RD_E_PARAMETER, "level %d", wrong[i]);
        assert_null(stream);
        stream = (rd_stream *)&stream;
        check_equal(rd_delta_stream_new(&stream, NULL, &options), RD_E_PARAMETER, "level %d", wrong[i]);
        assert_null(stream);
    }
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* All that reads a delta reads this one, and all give the new file. */
static void check_delta(const material *m, const rd_memory *delta, const char *name) {
    static const size_t portions[] = {1 << 20, 5000, 3};
    rd_stats stats = {.size = sizeof(rd_stats)};
    rd_memory made = {0};
    const rd_options options = {OPTIONS, .verify = RD_VERIFY_ALWAYS, .stats = &stats};
    check_equal(patch(m, delta, &options, &made), RD_OK, "%s", name);
    check_memory(made, m->new_file, "%s", name);
    check_equal(stats.in_bytes, delta->size, "%s", name);
    for (size_t i = 0; i < ITEMS(portions); i++) {
        rd_memory streamed = fed(patch_stream(m, &options), delta, portions[i], &stats);
        check_memory(streamed, m->new_file, "%s in portions of %zu", name, portions[i]);
        check_true(stats.has_digest, "%s in portions of %zu", name, portions[i]);
        rd_memory_free(&streamed);
        made.size = 0;
        in_portions r = {.all = {.bytes = delta}, .portion = portions[i]};
        const rd_source basis = bytes_source(&m->basis);
        const rd_source pipe = portions_source(&r);
        const rd_sink sink = rd_sink_memory(&made);
        check_equal(rd_patch_apply(&basis, &pipe, &sink, &options), RD_OK, "%s, %zu at once", name, portions[i]);
        check_memory(made, m->new_file, "%s, %zu at once", name, portions[i]);
    }
    const rd_source source = bytes_source(delta);
    const rd_source new_file = bytes_source(&m->new_file);
    check_equal(rd_delta_verify(&source, &new_file, NULL), RD_OK, "%s", name);
    rd_memory_free(&made);
}

static void frames_of_libzstd_are_read(void **state) {
    const material *const m = *state;
    const rd_memory *const plain = &m->delta;
    rd_memory delta = in_a_frame(plain);
    check_delta(m, &delta, "one frame");
    delta.size = 0;
    append_skippable(&delta, 0, 0);
    append_skippable(&delta, 15, 255);
    append_frame(&delta, NULL, 0, 1);
    append_frame(&delta, plain->data, 1, 1);
    append_skippable(&delta, 7, 3);
    append_frame(&delta, plain->data + 1, 100000, 19);
    append_frame(&delta, plain->data + 100001, plain->size - 100001, -5);
    check_delta(m, &delta, "many frames");
    rd_memory_free(&delta);
}

static void check_signature(const material *m, const rd_signature *signature, const char *name) {
    check_equal(rd_signature_count(signature), rd_signature_count(m->loaded), "%s", name);
    rd_memory delta = delta_of(signature, &m->new_file, NULL);
    check_memory(delta, m->delta, "%s", name);
    rd_memory_free(&delta);
}

static void compressed_signatures_are_loaded(void **state) {
    static const size_t portions[] = {1 << 20, 4999, 1};
    const material *const m = *state;
    rd_memory packed = in_a_frame(&m->signature);
    append_skippable(&packed, 1, 10);
    const rd_source source = bytes_source(&packed);
    rd_signature *signature = NULL;
    rd_stats stats = {.size = sizeof(rd_stats)};
    const rd_options options = {OPTIONS, .stats = &stats};
    assert_int_equal(rd_signature_load(&signature, &source, &options), RD_OK);
    check_equal(stats.in_bytes, packed.size, "bytes read");
    check_signature(m, signature, "whole");
    rd_signature_free(signature);
    for (size_t i = 0; i < ITEMS(portions); i++) {
        rd_stream *stream = NULL;
        rd_memory nothing = {0};
        rd_error error;
        size_t left = 0;
        assert_int_equal(rd_loadsig_stream_new(&stream, NULL), RD_OK);
        assert_int_equal(rd_stream_take_signature(stream, &signature), RD_E_STATE);
        check_equal(feed(stream, &packed, portions[i], &nothing, &stats, &error, &left), RD_OK, "%zu", portions[i]);
        check_equal(stats.blocks, rd_signature_count(m->loaded), "portions of %zu", portions[i]);
        check_equal(stats.in_bytes, packed.size, "portions of %zu", portions[i]);
        assert_int_equal(rd_stream_take_signature(stream, &signature), RD_OK);
        check_signature(m, signature, "stream");
        rd_signature_free(signature);
        assert_int_equal(rd_stream_take_signature(stream, &signature), RD_E_STATE);
        rd_stream_free(stream);
        rd_memory_free(&nothing);
    }
    rd_memory_free(&packed);
}

static bool add_lengths(void *context, const rd_op *op) {
    *(uint64_t *)context += op->length;
    return true;
}

static void ops_are_told_of_a_compressed_delta(void **state) {
    const material *const m = *state;
    uint64_t sum = 0;
    rd_memory delta = in_a_frame(&m->delta);
    const rd_source source = bytes_source(&delta);
    assert_int_equal(rd_delta_each_op(&source, add_lengths, &sum, NULL), RD_OK);
    check_equal(sum, m->new_file.size, "lengths of all ops");
    rd_memory_free(&delta);
}

static void a_delta_without_trailer_is_patched(void **state) {
    const material *const m = *state;
    rd_memory made = {0};
    rd_memory bare = bytes_copy(m->delta.data, m->delta.size - TRAILER);
    rd_memory delta = in_a_frame(&bare);
    const rd_options always = {OPTIONS, .verify = RD_VERIFY_ALWAYS};
    const rd_options never = {OPTIONS, .verify = RD_VERIFY_NEVER};
    rd_stats stats = {.size = sizeof(rd_stats)};
    assert_int_equal(patch(m, &delta, &always, &made), RD_E_UNVERIFIED);
    made.size = 0;
    assert_int_equal(patch(m, &delta, NULL, &made), RD_OK);
    check_memory(made, m->new_file, "default");
    made.size = 0;
    assert_int_equal(patch(m, &delta, &never, &made), RD_OK);
    check_memory(made, m->new_file, "never");
    rd_memory streamed = fed(patch_stream(m, NULL), &delta, 1000, &stats);
    check_memory(streamed, m->new_file, "stream");
    rd_memory_free(&streamed);
    rd_memory_free(&made);
    rd_memory_free(&bare);
    rd_memory_free(&delta);
}

/* But for frames without bytes in them. */
static void nothing_may_follow_the_frames(void **state) {
    const material *const m = *state;
    rd_memory delta = in_a_frame(&m->delta);
    append_skippable(&delta, 2, 20);
    append_frame(&delta, NULL, 0, 3);
    check_delta(m, &delta, "frames without bytes behind the delta");
    const size_t size = delta.size;
    const rd_sink more = rd_sink_memory(&delta);
    assert_int_equal(more.write(more.context, "what is no frame", 16), RD_OK);
    for (size_t portion = 1; portion < 10 * delta.size; portion *= 10) {
        rd_memory made = {0};
        rd_stats stats = {.size = sizeof(rd_stats)};
        rd_error error;
        size_t left = 0;
        rd_stream *const stream = patch_stream(m, NULL);
        check_equal(feed(stream, &delta, portion, &made, &stats, &error, &left), RD_E_CORRUPT, "portion %zu", portion);
        check_equal(error.offset, size, "portion %zu", portion);
        rd_stream_free(stream);
        rd_memory_free(&made);
    }
    rd_memory made = {0};
    rd_error error = {0};
    const rd_options options = {OPTIONS, .error = &error};
    assert_int_equal(patch(m, &delta, &options, &made), RD_E_CORRUPT);
    assert_int_equal(error.offset, size);
    rd_memory_free(&made);
    rd_memory_free(&delta);
}

static void nothing_may_follow_the_trailer_inside_the_frame(void **state) {
    const material *const m = *state;
    rd_memory plain = bytes_copy(m->delta.data, m->delta.size);
    const rd_sink more = rd_sink_memory(&plain);
    assert_int_equal(more.write(more.context, "", 1), RD_OK);
    rd_memory delta = in_a_frame(&plain);
    rd_memory made = {0};
    rd_stats stats = {.size = sizeof(rd_stats)};
    rd_error error = {0};
    size_t left = 0;
    const rd_options options = {OPTIONS, .error = &error};
    assert_int_equal(patch(m, &delta, &options, &made), RD_E_CORRUPT);
    assert_int_equal(error.offset, m->delta.size);
    rd_stream *const stream = patch_stream(m, NULL);
    assert_int_equal(feed(stream, &delta, 100, &made, &stats, &error, &left), RD_E_CORRUPT);
    assert_int_equal(error.offset, m->delta.size);
    assert_string_equal(error.reason, "the delta continues after its trailer");
    rd_stream_free(stream);
    rd_memory_free(&plain);
    rd_memory_free(&delta);
    rd_memory_free(&made);
}

static void never_means_never(void **state) {
    const material *const m = *state;
    rd_error error = {0};
    const rd_options options = {OPTIONS, .compression = RD_COMPRESSION_NEVER, .error = &error};
    rd_memory delta = in_a_frame(&m->delta);
    rd_memory made = {0};
    rd_signature *signature = NULL;
    const rd_source source = bytes_source(&delta);
    assert_int_equal(patch(m, &delta, &options, &made), RD_E_MAGIC);
    assert_int_equal(error.role, RD_ROLE_DELTA);
    assert_int_equal(rd_signature_load(&signature, &source, &options), RD_E_MAGIC);
    assert_int_equal(error.role, RD_ROLE_SIGNATURE);
    rd_stats stats = {.size = sizeof(rd_stats)};
    size_t left = 0;
    rd_stream *const stream = patch_stream(m, &options);
    assert_int_equal(feed(stream, &delta, 100, &made, &stats, &error, &left), RD_E_MAGIC);
    rd_stream_free(stream);
    assert_int_equal(made.size, 0);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_source new_file = bytes_source(&m->new_file);
    assert_int_equal(rd_delta_make(m->loaded, &new_file, &sink, &options), RD_OK);
    check_memory(made, m->delta, "made with RD_COMPRESSION_NEVER");
    rd_memory_free(&delta);
    rd_memory_free(&made);
}

/* Files to patch and to sign are taken as they are. */
static void other_files_are_not_decompressed(void **state) {
    const material *const m = *state;
    rd_memory file = in_a_frame(&m->basis);
    rd_memory signature = signature_of(&file, (rd_params){.block_len = 1000});
    rd_signature *const sums = loaded(&signature);
    check_equal(rd_signature_count(sums), (file.size + 999) / 1000, "blocks");
    rd_memory delta = delta_of(NULL, &file, NULL);
    rd_memory made = patched(&m->basis, &delta);
    check_memory(made, file, "a delta of literals");
    rd_signature_free(sums);
    rd_memory_free(&file);
    rd_memory_free(&signature);
    rd_memory_free(&delta);
    rd_memory_free(&made);
}

static void sources_are_identified(void **state) {
    const material *const m = *state;
    static const uint8_t short_frame[] = {0x28, 0xb5, 0x2f};
    rd_memory frames[] = {in_a_frame(&m->signature), in_a_frame(&m->delta), in_a_frame(&m->basis), {0}};
    append_skippable(&frames[3], 3, 9);
    append_frame(&frames[3], m->delta.data, 3, 3);
    append_frame(&frames[3], m->delta.data + 3, 100, 3);
    const struct {
        rd_memory bytes;
        rd_kind kind;
        bool compressed;
    } cases[] = {
        {m->signature, RD_KIND_SIGNATURE, false}, {m->delta, RD_KIND_DELTA, false},
        {m->basis, RD_KIND_OTHER, false},         {{0}, RD_KIND_OTHER, false},
        {frames[0], RD_KIND_SIGNATURE, true},     {frames[1], RD_KIND_DELTA, true},
        {frames[2], RD_KIND_OTHER, true},         {frames[3], RD_KIND_DELTA, true},
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        for (size_t portion = 1; portion <= 1000; portion *= 1000) {
            in_portions r = {.all = {.bytes = &cases[i].bytes}, .portion = portion};
            const rd_source source = portions_source(&r);
            rd_kind kind = (rd_kind)99;
            bool compressed = !cases[i].compressed;
            check_equal(rd_source_identify(&source, &kind, &compressed, NULL), RD_OK, "case %zu", i);
            check_equal(kind, cases[i].kind, "case %zu", i);
            check_equal(compressed, cases[i].compressed, "case %zu", i);
            if (cases[i].compressed)
                check_equal(rd_identify(cases[i].bytes.data, 4), RD_KIND_COMPRESSED, "case %zu", i);
        }
    }
    rd_kind kind = RD_KIND_DELTA;
    rd_source source = rd_source_memory(short_frame, sizeof short_frame);
    assert_int_equal(rd_source_identify(&source, &kind, NULL, NULL), RD_OK);
    assert_int_equal(kind, RD_KIND_OTHER);
    source = rd_source_memory(frames[0].data, 8);
    rd_error error = {0};
    const rd_options options = {OPTIONS, .error = &error};
    assert_int_equal(rd_source_identify(&source, &kind, NULL, &options), RD_E_TRUNCATED);
    assert_int_equal(error.role, RD_ROLE_NONE);
    for (size_t i = 0; i < ITEMS(frames); i++)
        rd_memory_free(&frames[i]);
}

/* ---- Damage ------------------------------------------------------------------------------------------------------ */

static material small_material(void) {
    random_source r = random_from(3);
    material m = {.basis = bytes_random(&r, 2000, 4)};
    m.new_file = bytes_edited(&r, &m.basis, 2500, 4);
    m.signature = signature_of(&m.basis, (rd_params){.block_len = 64, .strong_len = 8});
    m.loaded = loaded(&m.signature);
    m.delta = delta_of(m.loaded, &m.new_file, NULL);
    return m;
}

static void material_free(material *m) {
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->signature);
    rd_memory_free(&m->delta);
    rd_signature_free(m->loaded);
}

/*
 * A patch with a damaged delta: whole and as a stream. Both fail, or both give the new file. A stream may fail earlier,
 * for it sees what comes out of a part of a block; then it is for another reason.
 */
static rd_result patch_damaged(const material *m, const rd_memory *delta, rd_error *error, size_t at) {
    rd_memory made = {0};
    rd_memory streamed = {0};
    rd_stats stats = {.size = sizeof(rd_stats)};
    rd_error stream_error;
    size_t left = 0;
    *error = (rd_error){0};
    const rd_options options = {OPTIONS, .error = error, .verify = RD_VERIFY_ALWAYS};
    const rd_result result = patch(m, delta, &options, &made);
    rd_stream *const stream = patch_stream(m, &options);
    const rd_result by_stream = feed(stream, delta, 11, &streamed, &stats, &stream_error, &left);
    check_true((by_stream == RD_OK) == (result == RD_OK), "byte %zu: %s, by stream %s", at, rd_result_name(result),
               rd_result_name(by_stream));
    if (by_stream == result && result != RD_OK && strcmp(stream_error.reason, error->reason) == 0)
        check_equal(stream_error.offset, error->offset, "byte %zu", at);
    if (result == RD_OK)
        check_memory(made, m->new_file, "byte %zu", at);
    if (by_stream == RD_OK)
        check_memory(streamed, m->new_file, "byte %zu", at);
    rd_stream_free(stream);
    rd_memory_free(&made);
    rd_memory_free(&streamed);
    return result;
}

static void every_truncation_is_told(void **state) {
    material m = small_material();
    (void)state;
    rd_memory delta = compressed_delta(&m, 3, 1, NULL);
    rd_memory signature = {0};
    append_frame(&signature, m.signature.data, m.signature.size, 3);
    for (size_t size = 0; size < delta.size; size++) {
        rd_memory cut = bytes_copy(delta.data, size);
        rd_error error;
        check_equal(patch_damaged(&m, &cut, &error, size), RD_E_TRUNCATED, "%zu bytes", size);
        check_equal(error.role, RD_ROLE_DELTA, "%zu bytes", size);
        check_equal(error.offset, size, "%zu bytes", size);
        rd_memory_free(&cut);
    }
    /* Two frames, so that one ends inside the magic of the second, too. */
    const size_t first = signature.size;
    append_frame(&signature, NULL, 0, 3);
    for (size_t size = 4; size < signature.size; size++) {
        if (size == first)
            continue;
        rd_signature *none = NULL;
        rd_error error = {0};
        const rd_options options = {OPTIONS, .error = &error};
        const rd_source source = rd_source_memory(signature.data, size);
        check_equal(rd_signature_load(&none, &source, &options), RD_E_TRUNCATED, "%zu bytes", size);
        check_equal(error.role, RD_ROLE_SIGNATURE, "%zu bytes", size);
        check_equal(error.offset, size, "%zu bytes", size);
    }
    rd_memory_free(&delta);
    rd_memory_free(&signature);
    material_free(&m);
}

static void every_changed_byte_is_told(void **state) {
    material m = small_material();
    size_t told = 0;
    (void)state;
    rd_memory delta = compressed_delta(&m, 3, 1, NULL);
    for (size_t at = 0; at < delta.size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            rd_error error;
            rd_memory changed = bytes_copy(delta.data, delta.size);
            changed.data[at] ^= (uint8_t)(1u << bit);
            const rd_result result = patch_damaged(&m, &changed, &error, at);
            if (result != RD_OK) {
                check_true(result == RD_E_CORRUPT || result == RD_E_TRUNCATED || result == RD_E_LIMIT ||
                               result == RD_E_MAGIC || result == RD_E_MISMATCH || result == RD_E_UNVERIFIED,
                           "byte %zu bit %u: %s", at, bit, rd_result_name(result));
                told++;
            }
            rd_memory_free(&changed);
        }
    }
    /* A few bits mean nothing, as those of a window that is large enough either way. */
    check_true(told + delta.size / 8 >= delta.size * 8, "%zu of %zu bits", told, delta.size * 8);
    rd_memory_free(&delta);
    material_free(&m);
}

/* What is wrong is said. */
static void damage_has_its_reason(void **state) {
    material m = small_material();
    rd_memory delta = compressed_delta(&m, 3, 1, NULL);
    rd_memory with_dictionary = {0};
    rd_error error;
    (void)state;
    delta.data[delta.size - 1] ^= 1;
    assert_int_equal(patch_damaged(&m, &delta, &error, 0), RD_E_CORRUPT);
    assert_string_equal(error.reason, "the checksum of the zstd frame is wrong");
    check_true(error.offset < delta.size && error.offset >= delta.size - 4, "offset %zu", (size_t)error.offset);
    delta.data[delta.size - 1] ^= 1;
    delta.data[4] |= 0x08;
    assert_int_equal(patch_damaged(&m, &delta, &error, 0), RD_E_CORRUPT);
    assert_string_equal(error.reason, "the zstd frame is corrupt");
    ZSTD_CCtx *const context = ZSTD_createCCtx();
    with_dictionary.data = bytes_new(ZSTD_compressBound(m.delta.size));
    assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    with_dictionary.size = ZSTD_compress_usingDict(context, with_dictionary.data, ZSTD_compressBound(m.delta.size),
                                                   m.delta.data, m.delta.size, m.basis.data, m.basis.size, 3);
    ZSTD_freeCCtx(context);
    assert_false(ZSTD_isError(with_dictionary.size));
    assert_int_equal(patch_damaged(&m, &with_dictionary, &error, 0), RD_E_CORRUPT);
    const uint8_t named[] = {0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x00, 0x07, 0x01, 0x00, 0x00};
    rd_memory needs_dictionary = bytes_copy(named, sizeof named);
    assert_int_equal(patch_damaged(&m, &needs_dictionary, &error, 0), RD_E_CORRUPT);
    assert_string_equal(error.reason, "the zstd frame needs a dictionary, and there is none");
    rd_memory_free(&needs_dictionary);
    rd_memory_free(&with_dictionary);
    rd_memory_free(&delta);
    material_free(&m);
}

/* ---- Limits ------------------------------------------------------------------------------------------------------ */

/* An empty frame with a window of 2^log bytes. */
static rd_memory frame_with_window(unsigned log) {
    const uint8_t bytes[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, (uint8_t)((log - 10) << 3), 0x01, 0x00, 0x00};
    return bytes_copy(bytes, sizeof bytes);
}

static rd_result load_with_memory(const rd_memory *bytes, uint64_t memory, rd_error *error) {
    rd_signature *signature = NULL;
    const rd_options options = {OPTIONS, .limits = {.memory = memory}, .error = error};
    const rd_source source = bytes_source(bytes);
    const rd_result result = rd_signature_load(&signature, &source, &options);
    rd_signature_free(signature);
    return result;
}

/* A frame that may be read is empty here, and thus a signature that is too short. */
static void windows_are_limited(void **state) {
    (void)state;
    for (unsigned log = 10; log <= 41; log++) {
        rd_memory frame = frame_with_window(log);
        rd_error error = {0};
        check_equal(load_with_memory(&frame, 0, &error), log <= 27 ? RD_E_TRUNCATED : RD_E_LIMIT, "window 2^%u", log);
        check_equal(error.role, RD_ROLE_SIGNATURE, "window 2^%u", log);
        check_equal(load_with_memory(&frame, 1 << 20, &error), log <= 20 ? RD_E_TRUNCATED : RD_E_LIMIT, "2^%u", log);
        check_equal(load_with_memory(&frame, (1 << 20) - 1, &error), log <= 19 ? RD_E_TRUNCATED : RD_E_LIMIT, "2^%u",
                    log);
        check_equal(load_with_memory(&frame, 1, &error), log <= 10 ? RD_E_TRUNCATED : RD_E_LIMIT, "2^%u", log);
        check_true(error.reason != NULL, "window 2^%u", log);
        rd_memory_free(&frame);
    }
}

/* A frame that starts with these bytes after its magic. */
static const char *reason_of_header(const uint8_t *header, size_t size) {
    static rd_error error;
    uint8_t bytes[32] = {0x28, 0xb5, 0x2f, 0xfd};
    memcpy(bytes + 4, header, size);
    rd_memory frame = bytes_copy(bytes, sizeof bytes);
    assert_int_equal(load_with_memory(&frame, 0, &error), RD_E_LIMIT);
    rd_memory_free(&frame);
    return error.reason;
}

/* No program of zstd uses a window of more than 2^31 bytes (--long=31). */
static void windows_beyond_zstd_are_told_apart(void **state) {
    (void)state;
    static const char allowed[] = "the zstd frame needs more memory than is allowed";
    static const char impossible[] = "the zstd frame needs more memory than zstd can use";
    static const struct {
        uint8_t header[14];
        const char *reason;
    } cases[] = {
        {{0x00, 21 << 3}, allowed},
        {{0x00, 21 << 3 | 1}, impossible}, /* an eighth more */
        {{0x00, 22 << 3}, impossible},
        {{0x00, 31 << 3 | 7}, impossible},
        {{0x03, 21 << 3, 0, 0, 0, 0}, allowed},    /* with room for the number of a dictionary */
        {{0xa0, 0x00, 0x00, 0x00, 0x80}, allowed}, /* a frame of one segment: its window is its content, 2^31 bytes */
        {{0xa0, 0x01, 0x00, 0x00, 0x80}, impossible},
        {{0xa3, 0, 0, 0, 0, 0x00, 0x00, 0x00, 0x80}, allowed},
        {{0xa3, 0, 0, 0, 0, 0x01, 0x00, 0x00, 0x80}, impossible},
        {{0xe0, 0, 0, 0, 0, 1}, impossible},
        {{0xe2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10}, impossible}, /* 2^60 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(reason_of_header(cases[i].header, sizeof cases[i].header), cases[i].reason);
}

/*
 * A signature of a hundred million equal blocks, in a frame that is written by hand: a block of the frame says a byte
 * and how often (RFC 8878, RLE_Block).
 */
static rd_memory bomb(const uint8_t *begin, size_t begin_size, uint8_t byte, size_t blocks) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    append_frame(&made, begin, begin_size, 1);
    const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3};
    assert_int_equal(sink.write(sink.context, frame, sizeof frame), RD_OK);
    for (size_t i = 0; i < blocks; i++) {
        const uint32_t head = 131072u << 3 | 1 << 1 | (i + 1 == blocks ? 1 : 0);
        const uint8_t block[] = {(uint8_t)head, (uint8_t)(head >> 8), (uint8_t)(head >> 16), byte};
        assert_int_equal(sink.write(sink.context, block, sizeof block), RD_OK);
    }
    return made;
}

static void a_signature_bomb_meets_the_limits(void **state) {
    const uint8_t header[] = {0x72, 0x73, 0x01, 0x47, 0, 0, 4, 0, 0, 0, 0, 12};
    (void)state;
    rd_memory signature = bomb(header, sizeof header, 0, 100000); /* of 12 GiB, in 400 KB */
    const rd_source source = bytes_source(&signature);
    const rd_limits limits[] = {{.blocks = 10000}, {.memory = 1 << 20}};
    for (size_t i = 0; i < ITEMS(limits); i++) {
        rd_error error = {0};
        rd_stats stats = {.size = sizeof(rd_stats)};
        rd_signature *none = (rd_signature *)&none;
        const rd_options options = {OPTIONS, .limits = limits[i], .error = &error, .stats = &stats};
        check_equal(rd_signature_load(&none, &source, &options), RD_E_LIMIT, "limit %zu", i);
        assert_null(none);
        check_equal(error.role, RD_ROLE_SIGNATURE, "limit %zu", i);
        rd_stream *stream = NULL;
        rd_memory nothing = {0};
        size_t left = 0;
        assert_int_equal(rd_loadsig_stream_new(&stream, &options), RD_OK);
        check_equal(feed(stream, &signature, 1000, &nothing, &stats, &error, &left), RD_E_LIMIT, "limit %zu", i);
        check_true(left > signature.size / 2, "limit %zu: %zu bytes left", i, left);
        rd_stream_free(stream);
    }
    rd_memory_free(&signature);
}

/* A literal of 10 GB meets the limit before any of it is written. */
static void a_delta_bomb_meets_the_limits(void **state) {
    const material *const m = *state;
    const uint8_t begin[] = {0x72, 0x73, 0x02, 0x36, 0x44, 0, 0, 0, 2, 0x54, 0x0b, 0xe4, 0x00};
    rd_memory delta = bomb(begin, sizeof begin, 0, 76294);
    rd_memory made = {0};
    rd_stats stats = {.size = sizeof(rd_stats)};
    rd_error error = {0};
    size_t left = 0;
    const rd_options options = {OPTIONS, .limits = {.output = 1000000}, .error = &error, .stats = &stats};
    assert_int_equal(patch(m, &delta, &options, &made), RD_E_LIMIT);
    assert_int_equal(made.size, 0);
    rd_stream *const stream = patch_stream(m, &options);
    assert_int_equal(feed(stream, &delta, 100, &made, &stats, &error, &left), RD_E_LIMIT);
    check_true(left > delta.size - 1000, "%zu bytes left", left);
    assert_int_equal(made.size, 0);
    rd_stream_free(stream);
    rd_memory_free(&delta);
}

/* What follows the trailer is not gone through: a byte of it is enough. */
static void a_bomb_behind_the_trailer_is_not_decompressed(void **state) {
    const material *const m = *state;
    rd_memory delta = bomb(m->delta.data, m->delta.size, 0, 100000);
    rd_memory made = {0};
    rd_error error = {0};
    rd_stats stats = {.size = sizeof(rd_stats)};
    in_portions r = {.all = {.bytes = &delta}, .portion = 1000};
    const rd_source basis = bytes_source(&m->basis);
    const rd_source source = portions_source(&r);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {OPTIONS, .error = &error, .stats = &stats};
    assert_int_equal(rd_patch_apply(&basis, &source, &sink, &options), RD_E_CORRUPT);
    assert_int_equal(error.offset, m->delta.size);
    check_true(delta.size - stats.in_bytes > 390000, "%zu bytes left", (size_t)(delta.size - stats.in_bytes));
    rd_memory_free(&delta);
    rd_memory_free(&made);
}

/* A limit on the output is about the compressed bytes: at it all goes well, below it nothing beyond it is written. */
static void output_limits_count_compressed_bytes(void **state) {
    const material *const m = *state;
    rd_memory delta = compressed_delta(m, 3, 1, NULL);
    for (size_t lack = 0; lack <= 1; lack++) {
        rd_memory made = {0};
        rd_memory streamed = {0};
        rd_stats stats = {.size = sizeof(rd_stats)};
        rd_error error;
        size_t left = 0;
        const rd_source new_file = bytes_source(&m->new_file);
        const rd_sink sink = rd_sink_memory(&made);
        const rd_options options = {OPTIONS, .compression = 3, .limits = {.output = delta.size - lack}};
        const rd_result due = lack == 0 ? RD_OK : RD_E_LIMIT;
        check_equal(rd_delta_make(m->loaded, &new_file, &sink, &options), due, "lack %zu", lack);
        check_true(made.size <= delta.size - lack, "lack %zu", lack);
        rd_stream *stream = NULL;
        assert_int_equal(rd_delta_stream_new(&stream, m->loaded, &options), RD_OK);
        check_equal(feed(stream, &m->new_file, 100000, &streamed, &stats, &error, &left), due, "lack %zu", lack);
        check_true(streamed.size <= delta.size - lack, "lack %zu", lack);
        rd_stream_free(stream);
        rd_memory_free(&made);
        rd_memory_free(&streamed);
    }
    rd_memory_free(&delta);
}

/* ---- Failures of others ------------------------------------------------------------------------------------------ */

static rd_result refuse(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_E_IO;
}

static void a_sink_that_fails_ends_the_work(void **state) {
    const material *const m = *state;
    const rd_source basis = bytes_source(&m->basis);
    const rd_sink sink = rd_sink_callback(refuse, NULL);
    rd_error error = {0};
    const rd_options options = {OPTIONS, .compression = 3, .error = &error};
    assert_int_equal(rd_signature_make(&basis, &sink, &options), RD_E_IO);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    assert_int_equal(rd_delta_make(m->loaded, &basis, &sink, &options), RD_E_IO);
}

static bool zstd_fails;

size_t __real_ZSTD_compressStream2(ZSTD_CCtx *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in, ZSTD_EndDirective end);
size_t __wrap_ZSTD_compressStream2(ZSTD_CCtx *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in, ZSTD_EndDirective end);

/* The linker leads the library's calls here. This is what zstd says if it gets no memory, and if it gets no thread. */
size_t __wrap_ZSTD_compressStream2(ZSTD_CCtx *context, ZSTD_outBuffer *out, ZSTD_inBuffer *in, ZSTD_EndDirective end) {
    return zstd_fails ? (size_t)-ZSTD_error_memory_allocation : __real_ZSTD_compressStream2(context, out, in, end);
}

static void zstd_without_memory_or_threads_is_an_error(void **state) {
    const material *const m = *state;
    rd_error error = {0};
    rd_memory made = {0};
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {OPTIONS, .compression = 1, .error = &error};
    zstd_fails = true;
    const rd_result result = rd_delta_make(m->loaded, &new_file, &sink, &options);
    zstd_fails = false;
    assert_int_equal(result, RD_E_MEMORY);
    assert_string_equal(error.reason, "no memory, or no thread, to compress with");
    assert_int_equal(made.size, 0);
}

typedef struct leave {
    uint64_t most;
} leave;

static bool stop_after(void *context, uint64_t done, uint64_t total) {
    (void)total;
    return done < ((const leave *)context)->most;
}

static void reading_and_writing_can_be_cancelled(void **state) {
    const material *const m = *state;
    rd_memory delta = compressed_delta(m, 3, 1, NULL);
    rd_memory made = {0};
    leave some = {.most = 500000};
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_source source = bytes_source(&delta);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {OPTIONS, .compression = 3, .progress = stop_after, .progress_context = &some};
    assert_int_equal(rd_delta_make(m->loaded, &new_file, &sink, &options), RD_E_CANCELLED);
    made.size = 0;
    assert_int_equal(patch(m, &delta, &options, &made), RD_E_CANCELLED);
    some.most = 100;
    assert_int_equal(rd_delta_verify(&source, &new_file, &options), RD_E_CANCELLED);
    rd_memory_free(&delta);
    rd_memory_free(&made);
}

/* A rd_progress_fn. */
static bool stop_unless(void *context, uint64_t done, uint64_t total) {
    const bool *const go_on = context;
    (void)done, (void)total;
    return *go_on;
}

/* A rd_read_fn of frames that hold nothing, of which the context says how many are left: each is a call. */
static rd_result read_empty_frame(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    static const uint8_t frame[] = {0x50, 0x2a, 0x4d, 0x18, 0x00, 0x00, 0x00, 0x00};
    size_t *const left = context;
    (void)offset;
    assert_true(size >= sizeof frame);
    *got = *left > 0 ? sizeof frame : 0;
    *left -= *left > 0;
    memcpy(data, frame, *got);
    return RD_OK;
}

static void frames_without_end_can_be_cancelled(void **state) {
    const material *const m = *state;
    const rd_source basis = bytes_source(&m->basis);
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    for (size_t last = 0; last < 2; last++) {
        size_t left = 100;
        bool go_on = last == 1;
        const rd_options options = {OPTIONS, .progress = stop_unless, .progress_context = &go_on};
        const rd_source frames = rd_source_callback(read_empty_frame, &left, RD_UNKNOWN, false);
        check_equal(rd_patch_apply(&basis, &frames, &sink, &options), go_on ? RD_E_TRUNCATED : RD_E_CANCELLED, "%zu",
                    last);
        check_equal(left, go_on ? 0 : 98, "%zu", last); /* one is read to find out what it is */
    }
    assert_int_equal(made.size, 0);
}

static void version_is_that_of_libzstd(void **state) {
    (void)state;
    assert_string_equal(rd_zstd_version(), ZSTD_versionString());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_is_that_of_libzstd),
        cmocka_unit_test(libzstd_makes_plain_what_is_written),
        cmocka_unit_test(threads_and_portions_do_not_change_the_bytes),
        cmocka_unit_test(every_size_comes_back),
        cmocka_unit_test(levels_out_of_range_are_refused),
        cmocka_unit_test(frames_of_libzstd_are_read),
        cmocka_unit_test(compressed_signatures_are_loaded),
        cmocka_unit_test(ops_are_told_of_a_compressed_delta),
        cmocka_unit_test(a_delta_without_trailer_is_patched),
        cmocka_unit_test(nothing_may_follow_the_frames),
        cmocka_unit_test(nothing_may_follow_the_trailer_inside_the_frame),
        cmocka_unit_test(never_means_never),
        cmocka_unit_test(other_files_are_not_decompressed),
        cmocka_unit_test(sources_are_identified),
        cmocka_unit_test(every_truncation_is_told),
        cmocka_unit_test(every_changed_byte_is_told),
        cmocka_unit_test(damage_has_its_reason),
        cmocka_unit_test(windows_are_limited),
        cmocka_unit_test(windows_beyond_zstd_are_told_apart),
        cmocka_unit_test(a_signature_bomb_meets_the_limits),
        cmocka_unit_test(a_delta_bomb_meets_the_limits),
        cmocka_unit_test(a_bomb_behind_the_trailer_is_not_decompressed),
        cmocka_unit_test(output_limits_count_compressed_bytes),
        cmocka_unit_test(a_sink_that_fails_ends_the_work),
        cmocka_unit_test(zstd_without_memory_or_threads_is_an_error),
        cmocka_unit_test(reading_and_writing_can_be_cancelled),
        cmocka_unit_test(frames_without_end_can_be_cancelled),
    };
    return cmocka_run_group_tests_name("compression", tests, set_up, tear_down);
}

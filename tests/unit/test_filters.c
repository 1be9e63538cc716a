/*
 * Filters: sources and sinks made of others. What goes through one comes out as if it had gone the way without, in any
 * chunks; and so do errors.
 */
#define _GNU_SOURCE
#include "chunks.h"
#include "plain_delta.h"

/* All bytes of a source, read in chunks of random sizes; to be freed. */
static rd_memory drained(const rd_source *source, size_t most, random_source *r) {
    rd_memory made = {0};
    uint8_t *const data = bytes_new(most);
    for (size_t got = 1; got > 0;) {
        size_t size = 1 + random_below(r, most);
        rd_error error = {.reason = "none"};
        const rd_result result = rd_source_read(source, made.size, data, size, &got, &error);
        check_equal(result, RD_OK, "%s", error.reason);
        plain_append(&made, data, got);
        if (got < size)
            break;
    }
    free(data);
    return made;
}

/* ---- zstd -------------------------------------------------------------------------------------------------------- */

/* Compresses the bytes, given in chunks of random sizes. */
static rd_memory compressed(const rd_memory *bytes, int level, size_t most, rd_context *context, random_source *r) {
    rd_memory made = {0};
    rd_filter *filter = NULL;
    const rd_sink out = rd_sink_memory(&made);
    assert_int_equal(
        rd_filter_compress_new(&filter, &out, &(rd_options){OPTIONS, .compression = level, .context = context}), RD_OK);
    const rd_sink sink = rd_filter_sink(filter);
    for (size_t at = 0; at < bytes->size;) {
        size_t size = random_below(r, most + 1);
        size = size < bytes->size - at ? size : bytes->size - at;
        rd_memory chunk = bytes_copy(bytes->data + at, size);
        assert_int_equal(rd_sink_write(&sink, chunk.data, chunk.size, NULL), RD_OK);
        rd_memory_free(&chunk);
        at += size;
    }
    assert_int_equal(rd_filter_finish(filter), RD_OK);
    rd_filter_free(filter);
    return made;
}

static rd_memory decompressed(const rd_source *source, size_t most, random_source *r) {
    rd_filter *filter = NULL;
    assert_int_equal(rd_filter_decompress_new(&filter, source, NULL), RD_OK);
    const rd_source plain = rd_filter_source(filter);
    rd_memory made = drained(&plain, most, r);
    rd_filter_free(filter);
    return made;
}

static void what_is_compressed_comes_out_again(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 100, 1000, 131071, 131072, 262143, 262144, 262145, 1000000};
    random_source r = random_from(1);
    if (rd_compression_max() == 0)
        skip();
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        rd_memory bytes = bytes_random(&r, sizes[i], i % 2 == 0 ? 256 : 4);
        rd_memory first = compressed(&bytes, 0, 1 + sizes[i], NULL, &r);
        for (size_t most = 1; most < 300000; most = most * 20 + 3) {
            rd_memory frame =
                compressed(&bytes, RD_COMPRESSION_DEFAULT, sizes[i] > 10000 ? most + 1000 : most, NULL, &r);
            check_memory(frame, first, "%zu bytes in chunks of %zu", sizes[i], most);
            chunks reader = chunks_of(&frame, sizes[i] > 10000 ? most + 100 : most, true);
            const rd_source source = chunks_source(&reader);
            rd_memory made = decompressed(&source, sizes[i] > 10000 ? most + 100 : most, &r);
            check_memory(made, bytes, "%zu bytes in chunks of %zu", sizes[i], most);
            rd_memory_free(&made);
            rd_memory_free(&frame);
        }
        rd_memory_free(&first);
        rd_memory_free(&bytes);
    }
}

/* Bytes that only start like a frame, and bytes shorter than its magic, are not compressed. */
static void what_is_not_compressed_passes(void **state) {
    (void)state;
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0x00, 0x28, 0xb5, 0x2f, 0xfd, 7};
    random_source r = random_from(2);
    for (size_t size = 0; size <= sizeof magic; size++) {
        rd_memory bytes = bytes_copy(magic, size);
        for (size_t most = 1; most < 12; most++) {
            chunks reader = chunks_of(&bytes, most, true);
            const rd_source source = chunks_source(&reader);
            rd_memory made = decompressed(&source, most, &r);
            check_memory(made, bytes, "%zu bytes in chunks of %zu", size, most);
            rd_memory_free(&made);
        }
        rd_memory_free(&bytes);
    }
}

static void a_frame_that_is_complete_takes_no_more(void **state) {
    (void)state;
    rd_memory made = {0};
    rd_filter *filter = NULL;
    rd_error error = {.result = RD_OK};
    const rd_sink out = rd_sink_memory(&made);
    if (rd_compression_max() == 0)
        skip();
    assert_int_equal(rd_filter_compress_new(&filter, &out, NULL), RD_OK);
    const rd_sink sink = rd_filter_sink(filter);
    assert_int_equal(rd_sink_write(&sink, "abc", 3, &error), RD_OK);
    assert_int_equal(rd_filter_finish(filter), RD_OK);
    const size_t size = made.size;
    assert_int_equal(rd_filter_finish(filter), RD_E_STATE);
    assert_int_equal(rd_sink_write(&sink, "abc", 3, &error), RD_E_STATE);
    assert_int_equal(error.result, RD_E_STATE);
    assert_int_equal(rd_filter_error(filter)->result, RD_E_STATE);
    assert_int_equal(made.size, size);
    rd_filter_free(filter);
    rd_memory_free(&made);
}

static rd_result write_to_full_disk(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    errno = ENOSPC;
    return RD_E_IO;
}

static void a_sink_that_fails_beneath_is_reported(void **state) {
    (void)state;
    rd_filter *filter = NULL;
    rd_error error = {.result = RD_OK};
    rd_stats stats = {.size = sizeof stats};
    random_source r = random_from(3);
    if (rd_compression_max() == 0)
        skip();
    const rd_sink full = rd_sink_callback(write_to_full_disk, NULL);
    rd_memory old = bytes_random(&r, 1500000, 256);
    const rd_source basis = bytes_source(&old);
    assert_int_equal(rd_filter_compress_new(&filter, &full, NULL), RD_OK);
    const rd_sink sink = rd_filter_sink(filter);
    /* Of blocks so short that zstd cannot keep all of the signature to itself. */
    rd_result result = rd_signature_make(
        &basis, &sink, &(rd_options){OPTIONS, .params = {.block_len = 1}, .error = &error, .stats = &stats});
    assert_int_equal(result, RD_E_IO);
    assert_int_equal(error.result, RD_E_IO);
    assert_int_equal(error.role, RD_ROLE_OUTPUT);
    assert_int_equal(error.system_error, ENOSPC);
    assert_int_equal(rd_filter_finish(filter), RD_E_STATE);
    rd_filter_free(filter);

    /* A few bytes come only with the end of the frame. */
    assert_int_equal(rd_filter_compress_new(&filter, &full, NULL), RD_OK);
    const rd_sink again = rd_filter_sink(filter);
    assert_int_equal(rd_sink_write(&again, "abc", 3, NULL), RD_OK);
    assert_int_equal(rd_filter_finish(filter), RD_E_IO);
    assert_int_equal(rd_filter_error(filter)->system_error, ENOSPC);
    assert_int_equal(rd_filter_error(filter)->role, RD_ROLE_OUTPUT);
    rd_filter_free(filter);

    /* A limit is that of what is written beneath. */
    rd_memory made = {0};
    const rd_sink memory = rd_sink_memory(&made);
    assert_int_equal(rd_filter_compress_new(&filter, &memory, &(rd_options){OPTIONS, .limits.output = 10}), RD_OK);
    const rd_sink limited = rd_filter_sink(filter);
    assert_int_equal(rd_sink_write(&limited, "abc", 3, NULL), RD_OK);
    assert_int_equal(rd_filter_finish(filter), RD_E_LIMIT);
    assert_true(made.size <= 10);
    rd_filter_free(filter);
    rd_memory_free(&made);
    rd_memory_free(&old);
}

static void a_broken_frame_is_reported_as_without_a_filter(void **state) {
    (void)state;
    random_source r = random_from(4);
    if (rd_compression_max() == 0)
        skip();
    rd_memory old = bytes_random(&r, 30000, 256);
    rd_memory plain = signature_of(&old, (rd_params){.block_len = 100});
    rd_memory frame = compressed(&plain, 3, 1000, NULL, &r);
    for (size_t run = 0; run < 200; run++) {
        rd_memory bytes = bytes_copy(frame.data, run % 2 == 0 ? random_below(&r, frame.size) : frame.size);
        if (run % 2 == 1)
            bytes.data[random_below(&r, bytes.size)] ^= (uint8_t)(1u << random_below(&r, 8));
        rd_signature *signature = NULL;
        rd_error expected = {.result = RD_OK};
        rd_error actual = {.result = RD_OK};
        rd_filter *filter = NULL;
        const rd_source direct = bytes_source(&bytes);
        const rd_result result = rd_signature_load(&signature, &direct, &(rd_options){OPTIONS, .error = &expected});
        rd_signature_free(signature);
        assert_int_equal(rd_filter_decompress_new(&filter, &direct, NULL), RD_OK);
        const rd_source source = rd_filter_source(filter);
        check_equal(rd_signature_load(&signature, &source, &(rd_options){OPTIONS, .error = &actual}), result,
                    "run %zu: %s, %s", run, actual.reason, expected.reason);
        rd_signature_free(signature);
        check_equal(actual.role, expected.role, "run %zu", run);
        check_equal(actual.offset, expected.offset, "run %zu", run);
        if (result != RD_OK)
            check_equal(strcmp(actual.reason, expected.reason), 0, "run %zu: %s, %s", run, actual.reason,
                        expected.reason);
        rd_filter_free(filter);
        rd_memory_free(&bytes);
    }
    rd_memory_free(&frame);
    rd_memory_free(&plain);
    rd_memory_free(&old);
}

/* ---- Peeking ----------------------------------------------------------------------------------------------------- */

static void the_first_bytes_may_be_read_again(void **state) {
    (void)state;
    random_source r = random_from(5);
    for (size_t run = 0; run < 400; run++) {
        rd_memory bytes = bytes_random(&r, random_below(&r, 200), 256);
        const size_t kept = random_below(&r, 100);
        chunks reader = chunks_of(&bytes, 1 + random_below(&r, 60), true);
        const rd_source pipe = chunks_source(&reader);
        rd_filter *filter = NULL;
        assert_int_equal(rd_filter_peek_new(&filter, &pipe, kept, NULL), RD_OK);
        const rd_source source = rd_filter_source(filter);
        assert_false(source.seekable);
        assert_int_equal(source.size, RD_UNKNOWN);
        for (size_t again = random_below(&r, 5); again > 0; again--) {
            uint8_t data[100];
            size_t got = 0;
            const size_t size = random_below(&r, kept + 1);
            assert_int_equal(rd_source_read(&source, 0, data, size, &got, NULL), RD_OK);
            check_bytes(data, got, bytes.data, size < bytes.size ? size : bytes.size, "run %zu", run);
        }
        rd_memory made = drained(&source, 1 + random_below(&r, 90), &r);
        check_memory(made, bytes, "run %zu", run);
        rd_memory_free(&made);
        rd_filter_free(filter);
        rd_memory_free(&bytes);
    }
}

static void what_is_not_kept_can_only_be_read_in_sequence(void **state) {
    (void)state;
    random_source r = random_from(6);
    rd_memory bytes = bytes_random(&r, 100, 256);
    chunks reader = chunks_of(&bytes, 100, true);
    const rd_source pipe = chunks_source(&reader);
    rd_filter *filter = NULL;
    uint8_t data[100];
    size_t got = 0;
    rd_error error = {.result = RD_OK};
    assert_int_equal(rd_filter_peek_new(&filter, &pipe, 10, NULL), RD_OK);
    const rd_source source = rd_filter_source(filter);
    assert_int_equal(rd_source_read(&source, 5, data, 1, &got, &error), RD_E_STATE); /* not read yet */
    assert_int_equal(rd_source_read(&source, 30, data, 1, &got, &error), RD_E_STATE);
    assert_int_equal(rd_source_read(&source, 0, data, 20, &got, &error), RD_OK);
    assert_int_equal(rd_source_read(&source, 3, data, 7, &got, &error), RD_OK); /* kept */
    check_bytes(data, got, bytes.data + 3, 7, "kept");
    assert_int_equal(rd_source_read(&source, 3, data, 8, &got, &error), RD_E_STATE); /* one of them is not */
    assert_int_equal(error.result, RD_E_STATE);
    assert_int_equal(error.offset, 10);
    assert_int_equal(rd_source_read(&source, 21, data, 1, &got, &error), RD_E_STATE);
    assert_int_equal(rd_source_read(&source, UINT64_MAX, data, 1, &got, &error), RD_E_STATE);
    assert_int_equal(rd_source_read(&source, 20, data, 80, &got, &error), RD_OK);
    check_bytes(data, got, bytes.data + 20, 80, "the rest");
    assert_int_equal(rd_source_read(&source, 100, data, 80, &got, &error), RD_OK);
    assert_int_equal(got, 0);
    rd_filter_free(filter);
    rd_memory_free(&bytes);
}

/* A signature or a delta that comes through a pipe is identified, and then read through the same filter. */
static void a_pipe_is_identified_and_then_read(void **state) {
    (void)state;
    enum { KEPT = 256 * 1024 };
    random_source r = random_from(7);
    for (size_t run = 0; run < 40; run++) {
        rd_memory old = bytes_random(&r, random_below(&r, run % 4 == 0 ? 3000000 : 3000), 256);
        rd_memory plain = signature_of(&old, (rd_params){.block_len = 100});
        const bool compresses = run % 2 == 1 && rd_compression_max() > 0;
        rd_memory bytes = compresses ? compressed(&plain, 1, 100000, NULL, &r) : bytes_copy(plain.data, plain.size);
        chunks reader = chunks_of(&bytes, 1 + random_below(&r, run % 3 == 0 ? 100000 : 1000), true);
        const rd_source pipe = chunks_source(&reader);
        rd_filter *filter = NULL;
        rd_kind kind = RD_KIND_OTHER;
        bool is_compressed = !compresses;
        rd_signature *signature = NULL;
        assert_int_equal(rd_filter_peek_new(&filter, &pipe, KEPT, NULL), RD_OK);
        const rd_source source = rd_filter_source(filter);
        assert_int_equal(rd_source_identify(&source, &kind, &is_compressed, NULL), RD_OK);
        check_equal(kind, RD_KIND_SIGNATURE, "run %zu", run);
        check_equal(is_compressed, compresses, "run %zu", run);
        check_equal(rd_signature_load(&signature, &source, NULL), RD_OK, "run %zu: %s", run,
                    rd_filter_error(filter)->reason);
        rd_memory again = {0};
        const rd_sink sink = rd_sink_memory(&again);
        assert_int_equal(rd_signature_write(signature, &sink, NULL), RD_OK);
        check_memory(again, plain, "run %zu", run);
        rd_signature_free(signature);
        rd_filter_free(filter);
        rd_memory_free(&again);
        rd_memory_free(&bytes);
        rd_memory_free(&plain);
        rd_memory_free(&old);
    }
}

static void a_seekable_source_is_read_as_it_is(void **state) {
    (void)state;
    random_source r = random_from(8);
    rd_memory bytes = bytes_random(&r, 1000, 256);
    chunks reader = chunks_of(&bytes, 50, false);
    const rd_source beneath = chunks_source(&reader);
    rd_filter *filter = NULL;
    assert_int_equal(rd_filter_peek_new(&filter, &beneath, SIZE_MAX, NULL), RD_OK); /* nothing is kept */
    const rd_source source = rd_filter_source(filter);
    assert_true(source.seekable);
    assert_int_equal(source.size, 1000);
    for (int run = 0; run < 100; run++) {
        uint8_t data[300];
        size_t got = 0;
        const size_t at = random_below(&r, 1000);
        const size_t size = random_below(&r, sizeof data);
        assert_int_equal(rd_source_read(&source, at, data, size, &got, NULL), RD_OK);
        check_bytes(data, got, bytes.data + at, size < 1000 - at ? size : 1000 - at, "run %d", run);
    }
    rd_filter_free(filter);
    rd_memory_free(&bytes);
}

/* ---- Streams ----------------------------------------------------------------------------------------------------- */

/* The delta never exists as a whole: a patch reads it from the stream that makes it. */
static void a_patch_reads_the_delta_that_a_stream_makes(void **state) {
    (void)state;
    random_source r = random_from(9);
    for (size_t run = 0; run < 60; run++) {
        rd_memory old = bytes_random(&r, random_below(&r, run % 5 == 0 ? 2000000 : 20000), 256);
        rd_memory new_file = bytes_edited(&r, &old, random_below(&r, run % 5 == 0 ? 2000000 : 20000), 256);
        rd_signature *const signature = loaded_signature_of(&old, (rd_params){.block_len = 300});
        rd_stats whole = {.size = sizeof whole};
        rd_memory delta = delta_of(signature, &new_file, &whole);
        rd_context *context = NULL;
        assert_int_equal(rd_context_new(&context), RD_OK);
        const rd_options options = {OPTIONS, .compression = run % 3 == 0 && rd_compression_max() > 0 ? 3 : 0,
                                    .context = run % 2 == 0 ? context : NULL};
        chunks reader = chunks_of(&new_file, 1 + random_below(&r, 5000), true);
        const rd_source source = chunks_source(&reader);
        const rd_source basis = bytes_source(&old);
        rd_stream *stream = NULL;
        rd_filter *filter = NULL;
        rd_memory made = {0};
        const rd_sink sink = rd_sink_memory(&made);
        assert_int_equal(rd_delta_stream_new(&stream, signature, &options), RD_OK);
        assert_int_equal(rd_filter_stream_new(&filter, stream, &source, &options), RD_OK);
        const rd_source deltas = rd_filter_source(filter);
        assert_int_equal(rd_patch_apply(&basis, &deltas, &sink, &(rd_options){OPTIONS, .context = options.context}),
                         RD_OK);
        check_memory(made, new_file, "run %zu", run);
        const rd_stats stats = stats_of(stream);
        check_equal(stats.in_bytes, new_file.size, "run %zu", run);
        check_op_stats(stats, whole, "run %zu", run);
        check_equal(stats.identical, whole.identical, "run %zu", run);
        rd_filter_free(filter);
        rd_stream_free(stream);
        rd_context_free(context);
        rd_memory_free(&made);
        rd_memory_free(&delta);
        rd_signature_free(signature);
        rd_memory_free(&new_file);
        rd_memory_free(&old);
    }
}

/* Every kind of stream gives through a filter the bytes of the whole operation. */
static void a_stream_as_a_source_gives_its_bytes(void **state) {
    (void)state;
    random_source r = random_from(10);
    rd_memory old = bytes_random(&r, 700000, 256);
    rd_memory new_file = bytes_edited(&r, &old, 800000, 256);
    rd_memory plain = signature_of(&old, (rd_params){.block_len = 2048});
    rd_signature *const signature = loaded(&plain);
    rd_memory delta = delta_of(signature, &new_file, NULL);
    const rd_source basis = bytes_source(&old);
    for (size_t most = 1000; most <= 1000000; most *= 10) {
        rd_stream *streams[3] = {NULL};
        const rd_memory *const in[] = {&old, &new_file, &delta};
        const rd_memory *const out[] = {&plain, &delta, &new_file};
        assert_int_equal(rd_signature_stream_new(&streams[0], &(rd_options){OPTIONS, .params = {.block_len = 2048}}),
                         RD_OK);
        assert_int_equal(rd_delta_stream_new(&streams[1], signature, NULL), RD_OK);
        assert_int_equal(rd_patch_stream_new(&streams[2], &basis, NULL), RD_OK);
        for (size_t i = 0; i < ITEMS(streams); i++) {
            chunks reader = chunks_of(in[i], most, true);
            const rd_source source = chunks_source(&reader);
            rd_filter *filter = NULL;
            uint8_t byte = 0;
            size_t got = 0;
            assert_int_equal(rd_filter_stream_new(&filter, streams[i], &source, NULL), RD_OK);
            const rd_source made_by = rd_filter_source(filter);
            rd_memory made = drained(&made_by, most, &r);
            check_memory(made, *out[i], "stream %zu, chunks of %zu", i, most);
            assert_int_equal(rd_source_read(&made_by, made.size, &byte, 1, &got, NULL), RD_OK);
            assert_int_equal(got, 0);
            assert_int_equal(rd_source_read(&made_by, 3, &byte, 1, &got, NULL), RD_E_STATE);
            rd_memory_free(&made);
            rd_filter_free(filter);
            rd_stream_free(streams[i]);
        }
    }
    rd_memory_free(&delta);
    rd_signature_free(signature);
    rd_memory_free(&plain);
    rd_memory_free(&new_file);
    rd_memory_free(&old);
}

static rd_result nothing_now(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    (void)context, (void)offset, (void)data, (void)size;
    *got = 0;
    return RD_MORE;
}

/* A patch stream may wait for its basis, a source may not. */
static void a_basis_that_has_nothing_now_ends_the_reading(void **state) {
    (void)state;
    rd_memory delta = {0};
    rd_filter *filter = NULL;
    rd_stream *stream = NULL;
    rd_delta_writer *writer = NULL;
    rd_error error = {.result = RD_OK};
    uint8_t data[100];
    size_t got = 0;
    const rd_sink sink = rd_sink_memory(&delta);
    const rd_source basis = rd_source_callback(nothing_now, NULL, 100, RD_SEEKABLE);
    assert_int_equal(rd_delta_writer_new(&writer, &sink, NULL, NULL), RD_OK);
    assert_int_equal(rd_delta_writer_copy(writer, 0, 100), RD_OK);
    assert_int_equal(rd_delta_writer_finish(writer, NULL), RD_OK);
    rd_delta_writer_free(writer);
    const rd_source source = bytes_source(&delta);
    assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
    assert_int_equal(rd_filter_stream_new(&filter, stream, &source, NULL), RD_OK);
    const rd_source made = rd_filter_source(filter);
    assert_int_equal(rd_source_read(&made, 0, data, sizeof data, &got, &error), RD_E_PARAMETER);
    assert_int_equal(error.result, RD_E_PARAMETER);
    rd_filter_free(filter);
    rd_stream_free(stream);
    rd_memory_free(&delta);
}

/* ---- Errors ------------------------------------------------------------------------------------------------------ */

typedef enum filter_kind { PEEK, DECOMPRESS, BOTH, STREAM, FILTERS } filter_kind;

/*
 * A source that fails is reported with its errno, and with the role that it has for the operation on top, or for the
 * stream in between.
 */
static void a_source_that_fails_beneath_is_reported(void **state) {
    (void)state;
    random_source r = random_from(11);
    rd_memory old = bytes_random(&r, 500000, 256);
    for (filter_kind kind = PEEK; kind < FILTERS; kind++) {
        for (uint64_t at = 0; at < old.size; at += 1 + random_below(&r, 100000)) {
            chunks reader = chunks_of(&old, 3000, true);
            reader.fails = true;
            reader.fails_at = at;
            reader.failure = RD_E_IO;
            reader.error_number = EISDIR;
            rd_source source = chunks_source(&reader);
            rd_filter *filters[2] = {NULL};
            rd_stream *stream = NULL;
            rd_error error = {.result = RD_OK};
            uint8_t digest[RD_DIGEST_LEN];
            if (kind == PEEK || kind == BOTH) {
                assert_int_equal(rd_filter_peek_new(&filters[0], &source, 1000, NULL), RD_OK);
                source = rd_filter_source(filters[0]);
            }
            if (kind == DECOMPRESS || kind == BOTH) {
                assert_int_equal(rd_filter_decompress_new(&filters[1], &source, NULL), RD_OK);
                source = rd_filter_source(filters[1]);
            }
            if (kind == STREAM) {
                assert_int_equal(rd_signature_stream_new(&stream, NULL), RD_OK);
                assert_int_equal(rd_filter_stream_new(&filters[0], stream, &source, NULL), RD_OK);
                source = rd_filter_source(filters[0]);
            }
            check_equal(rd_digest(&source, digest, &(rd_options){OPTIONS, .error = &error, .threads = 2}), RD_E_IO,
                        "kind %d, at %llu", kind, (unsigned long long)at);
            check_equal(error.system_error, EISDIR, "kind %d, at %llu", kind, (unsigned long long)at);
            check_equal(error.role, kind == STREAM ? RD_ROLE_BASIS : RD_ROLE_NEW, "kind %d", kind);
            check_equal(rd_filter_error(filters[kind == DECOMPRESS])->system_error, EISDIR, "kind %d", kind);
            rd_filter_free(filters[1]);
            rd_filter_free(filters[0]);
            rd_stream_free(stream);
        }
    }
    rd_memory_free(&old);
}

/* Some bytes of a chunk may have been taken from a source that failed: a stream is not given the rest alone. */
static void a_source_that_failed_beneath_a_stream_is_not_read_again(void **state) {
    (void)state;
    random_source r = random_from(12);
    rd_memory old = bytes_random(&r, 20000, 256);
    chunks reader = chunks_of(&old, 3000, true);
    reader.fails = true;
    reader.fails_at = 5000;
    reader.failure = RD_E_IO;
    reader.error_number = EISDIR;
    const rd_source source = chunks_source(&reader);
    rd_stream *stream = NULL;
    rd_filter *filter = NULL;
    rd_error error = {.result = RD_OK};
    uint8_t data[100];
    size_t got = 0;
    assert_int_equal(rd_signature_stream_new(&stream, NULL), RD_OK);
    assert_int_equal(rd_filter_stream_new(&filter, stream, &source, NULL), RD_OK);
    const rd_source made = rd_filter_source(filter);
    assert_int_equal(rd_source_read(&made, 0, data, sizeof data, &got, &error), RD_E_IO);
    reader.fails = false;
    assert_int_equal(rd_source_read(&made, 0, data, sizeof data, &got, &error), RD_E_IO);
    assert_int_equal(got, 0);
    assert_int_equal(rd_filter_error(filter)->system_error, EISDIR);
    rd_filter_free(filter);
    rd_stream_free(stream);
    rd_memory_free(&old);
}

/* What a stream finds wrong keeps its role and offset. */
static void what_a_stream_finds_wrong_is_reported(void **state) {
    (void)state;
    random_source r = random_from(12);
    plain_delta d = plain_random(&r, 3000, 20, 900);
    plain_encode(&d, &r);
    plain_seal(&d);
    const rd_source basis = bytes_source(&d.basis);
    for (size_t run = 0; run < 200; run++) {
        rd_memory bytes = bytes_copy(d.bytes.data, d.bytes.size);
        bytes.data[random_below(&r, bytes.size)] ^= (uint8_t)(1u << random_below(&r, 8));
        rd_stream *stream = NULL;
        rd_filter *filter = NULL;
        rd_memory made = {0};
        rd_error error = {.result = RD_OK};
        uint8_t data[100];
        size_t got = 1;
        rd_result result = RD_OK;
        const rd_source source = bytes_source(&bytes);
        assert_int_equal(rd_patch_stream_new(&stream, &basis, &(rd_options){OPTIONS, .limits.output = 30000}), RD_OK);
        assert_int_equal(rd_filter_stream_new(&filter, stream, &source, NULL), RD_OK);
        const rd_source patch = rd_filter_source(filter);
        while (result == RD_OK && got > 0) {
            result = rd_source_read(&patch, made.size, data, sizeof data, &got, &error);
            plain_append(&made, data, got);
        }
        check_equal(error.result, result, "run %zu", run);
        const rd_error *const own = rd_stream_error(stream);
        if (result != RD_OK) {
            check_equal(own->result, result, "run %zu", run);
            check_equal(own->role, error.role, "run %zu", run);
            check_equal(own->offset, error.offset, "run %zu", run);
            assert_ptr_equal(own->reason, error.reason);
        } else {
            check_memory(made, d.new_file, "run %zu", run);
        }
        rd_filter_free(filter);
        rd_stream_free(stream);
        rd_memory_free(&made);
        rd_memory_free(&bytes);
    }
    plain_free(&d);
}

static bool want_no_more(void *context, uint64_t done, uint64_t total) {
    (void)context, (void)done, (void)total;
    return false;
}

/* A filter may be the one that asks whether to continue. The error is that of any operation that is cancelled. */
static void what_is_cancelled_beneath_is_reported(void **state) {
    (void)state;
    random_source r = random_from(13);
    if (rd_compression_max() == 0)
        skip();
    rd_memory old = bytes_random(&r, 30000, 256);
    rd_memory plain = signature_of(&old, (rd_params){.block_len = 100});
    rd_memory frame = compressed(&plain, 3, 1000, NULL, &r);
    const rd_source direct = bytes_source(&frame);
    rd_filter *filter = NULL;
    assert_int_equal(rd_filter_decompress_new(&filter, &direct, &(rd_options){OPTIONS, .progress = want_no_more}),
                     RD_OK);
    const rd_source source = rd_filter_source(filter);
    rd_signature *signature = NULL;
    rd_error expected = {.result = RD_OK};
    rd_error actual = {.result = RD_OK};
    const rd_options cancelled = {OPTIONS, .progress = want_no_more, .error = &expected};
    assert_int_equal(rd_signature_load(&signature, &direct, &cancelled), RD_E_CANCELLED);
    assert_int_equal(rd_signature_load(&signature, &source, &(rd_options){OPTIONS, .error = &actual}), RD_E_CANCELLED);
    assert_int_equal(actual.result, expected.result);
    assert_int_equal(actual.role, expected.role);
    assert_int_equal(actual.offset, expected.offset);
    assert_string_equal(actual.reason, expected.reason);
    rd_filter_free(filter);
    rd_memory_free(&frame);
    rd_memory_free(&plain);
    rd_memory_free(&old);
}

static void what_a_filter_does_not_have_fails(void **state) {
    (void)state;
    rd_filter *filter = NULL;
    rd_memory memory = {0};
    rd_error error = {.result = RD_OK};
    uint8_t byte = 0;
    size_t got = 0;
    const rd_source nothing = rd_source_memory("abc", 3);
    const rd_sink out = rd_sink_memory(&memory);
    assert_int_equal(rd_filter_peek_new(&filter, &nothing, 4, NULL), RD_OK);
    const rd_sink no_sink = rd_filter_sink(filter);
    assert_int_equal(rd_sink_write(&no_sink, "x", 1, &error), RD_E_IO);
    assert_int_equal(error.system_error, EBADF);
    assert_int_equal(rd_filter_finish(filter), RD_OK);
    rd_filter_free(filter);
    if (rd_compression_max() > 0) {
        assert_int_equal(rd_filter_compress_new(&filter, &out, NULL), RD_OK);
        const rd_source no_source = rd_filter_source(filter);
        assert_int_equal(rd_source_read(&no_source, 0, &byte, 1, &got, &error), RD_E_IO);
        rd_filter_free(filter);
    }
    rd_filter_free(NULL);
    rd_memory_free(&memory);
}

static void opening_refuses_wrong_options(void **state) {
    (void)state;
    rd_filter *filter = (rd_filter *)&state;
    rd_memory memory = {0};
    rd_error error = {.result = RD_OK};
    const rd_source nothing = rd_source_memory("", 0);
    const rd_sink out = rd_sink_memory(&memory);
    const rd_options options = {OPTIONS, .error = &error, .verify = (rd_verify)77, .compression = 1};
    const rd_options level = {OPTIONS, .error = &error, .compression = 100};
    rd_stream *stream = NULL;
    assert_int_equal(rd_signature_stream_new(&stream, NULL), RD_OK);
    for (int i = 0; i < 5; i++) {
        filter = (rd_filter *)&state;
        error.result = RD_OK;
        check_equal(i == 0   ? rd_filter_peek_new(&filter, &nothing, 4, &options)
                    : i == 1 ? rd_filter_decompress_new(&filter, &nothing, &options)
                    : i == 2 ? rd_filter_compress_new(&filter, &out, &options)
                    : i == 3 ? rd_filter_stream_new(&filter, stream, &nothing, &options)
                             : rd_filter_compress_new(&filter, &out, &level),
                    RD_E_PARAMETER, "%d", i);
        check_true(filter == NULL, "%d", i);
        check_equal(error.result, RD_E_PARAMETER, "%d", i);
        check_true(error.reason != NULL, "%d", i);
    }
    rd_stream_free(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_compressed_comes_out_again),
        cmocka_unit_test(what_is_not_compressed_passes),
        cmocka_unit_test(a_frame_that_is_complete_takes_no_more),
        cmocka_unit_test(a_sink_that_fails_beneath_is_reported),
        cmocka_unit_test(a_broken_frame_is_reported_as_without_a_filter),
        cmocka_unit_test(the_first_bytes_may_be_read_again),
        cmocka_unit_test(what_is_not_kept_can_only_be_read_in_sequence),
        cmocka_unit_test(a_pipe_is_identified_and_then_read),
        cmocka_unit_test(a_seekable_source_is_read_as_it_is),
        cmocka_unit_test(a_patch_reads_the_delta_that_a_stream_makes),
        cmocka_unit_test(a_stream_as_a_source_gives_its_bytes),
        cmocka_unit_test(a_basis_that_has_nothing_now_ends_the_reading),
        cmocka_unit_test(a_source_that_fails_beneath_is_reported),
        cmocka_unit_test(a_source_that_failed_beneath_a_stream_is_not_read_again),
        cmocka_unit_test(what_a_stream_finds_wrong_is_reported),
        cmocka_unit_test(what_is_cancelled_beneath_is_reported),
        cmocka_unit_test(what_a_filter_does_not_have_fails),
        cmocka_unit_test(opening_refuses_wrong_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Every allocation fails once. Each scenario runs again and again, and in run n its allocation n gives NULL, until a
 * run needs fewer: each failed one must end in RD_E_MEMORY, with nothing made, and under AddressSanitizer nothing
 * leaks.
 *
 * In a second series all allocations from n on fail, as they do when memory is short for good.
 */
#define _GNU_SOURCE
#include "failing_memory.h"
#include "support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Scenarios --------------------------------------------------------------------------------------------------- */

/* What scenarios work on, made before allocations fail. */
typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
    rd_memory compressed_signature; /* these two are empty in a build without zstd */
    rd_memory compressed_delta;
    rd_memory many_sums; /* the signature in so many blocks that its index has several parts */
    rd_signature *loaded;
    unsigned threads;
    rd_context *context; /* or NULL */
    char directory[32];
    char path[64];
} material;

static rd_result keep_nothing(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

static rd_result make_signature(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {.size = sizeof options,
                                .params = {.block_len = 100},
                                .error = error,
                                .threads = m->threads,
                                .context = m->context};
    return rd_signature_make(&basis, &sink, &options);
}

/* So long that a block is not held. */
static rd_result make_signature_of_long_blocks(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {.size = sizeof options,
                                .params = {.block_len = 1000000},
                                .error = error,
                                .threads = m->threads,
                                .context = m->context};
    return rd_signature_make(&basis, &sink, &options);
}

static rd_result read_seekable(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const rd_source source = bytes_source(context);
    return rd_source_read(&source, offset, data, size, got, NULL);
}

static rd_result load(const material *m, const rd_memory *bytes, rd_error *error) {
    rd_signature *signature = (rd_signature *)&signature;
    const rd_source in = bytes_source(bytes);
    const rd_options options = {.size = sizeof options, .error = error, .threads = m->threads, .context = m->context};
    const rd_result result = rd_signature_load(&signature, &in, &options);
    assert_true((result == RD_OK) == (signature != NULL));
    rd_signature_free(signature);
    return result;
}

static rd_result load_signature(const material *m, rd_error *error) {
    return load(m, &m->signature, error);
}

static rd_result load_signature_in_parts(const material *m, rd_error *error) {
    return load(m, &m->many_sums, error);
}

static rd_result delta_with(const material *m, const rd_signature *signature, rd_verify verify, rd_error *error) {
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {
        .size = sizeof options, .error = error, .threads = m->threads, .context = m->context, .verify = verify};
    return rd_delta_make(signature, &new_file, &sink, &options);
}

static rd_result make_delta(const material *m, rd_error *error) {
    return delta_with(m, m->loaded, RD_VERIFY_DEFAULT, error);
}

static rd_result make_delta_without_trailer(const material *m, rd_error *error) {
    return delta_with(m, m->loaded, RD_VERIFY_NEVER, error);
}

static rd_result make_delta_of_literals(const material *m, rd_error *error) {
    return delta_with(m, NULL, RD_VERIFY_DEFAULT, error);
}

/* Of parts of the files, unless they are to be large enough for threads. */
static rd_result diff_in(const material *m, bool whole, uint64_t memory, int compression, rd_error *error) {
    enum { PART = 60000 };
    const uint64_t size = whole ? m->basis.size : PART;
    const rd_memory old_bytes = {.data = m->basis.data, .size = (size_t)size};
    rd_memory paged_bytes = old_bytes;
    const rd_source basis = bytes_source(&old_bytes);
    const rd_source paged = rd_source_callback(read_seekable, &paged_bytes, size, RD_SEEKABLE);
    const rd_source new_bytes = bytes_source(&m->new_file);
    const rd_source new_file = rd_source_range(&new_bytes, 0, whole ? RD_UNKNOWN : PART);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {.size = sizeof options,
                                .error = error,
                                .threads = m->threads,
                                .context = m->context,
                                .compression = compression,
                                .limits.memory = memory};
    return rd_diff_make(memory > 0 ? &paged : &basis, &new_file, &sink, &options);
}

static rd_result make_diff(const material *m, rd_error *error) {
    return diff_in(m, true, 0, 0, error);
}

/* In so little memory that the basis is read in pages. */
static rd_result make_diff_with_pages(const material *m, rd_error *error) {
    return diff_in(m, false, 60000, 0, error);
}

/* In so much that it is kept. */
static rd_result make_diff_in_memory(const material *m, rd_error *error) {
    return diff_in(m, false, 1000000, 0, error);
}

static rd_result make_compressed_diff(const material *m, rd_error *error) {
    return diff_in(m, false, 0, 1, error);
}

static rd_result patch_with(const material *m, const rd_sink *sink, rd_verify verify, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_source delta = bytes_source(&m->delta);
    const rd_options options = {
        .size = sizeof options, .error = error, .threads = m->threads, .context = m->context, .verify = verify};
    return rd_patch_apply(&basis, &delta, sink, &options);
}

static rd_result apply_verified_patch(const material *m, rd_error *error) {
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    return patch_with(m, &sink, RD_VERIFY_ALWAYS, error);
}

static rd_result apply_unverified_patch(const material *m, rd_error *error) {
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    return patch_with(m, &sink, RD_VERIFY_NEVER, error);
}

static rd_result verify_delta(const material *m, rd_error *error) {
    const rd_source delta = bytes_source(&m->delta);
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_options options = {.size = sizeof options, .error = error, .threads = m->threads, .context = m->context};
    return rd_delta_verify(&delta, &new_file, &options);
}

static bool count_op(void *context, const rd_op *op) {
    (void)op;
    ++*(size_t *)context;
    return true;
}

static rd_result walk_ops(const material *m, rd_error *error) {
    size_t count = 0;
    const rd_source delta = bytes_source(&m->delta);
    const rd_options options = {.size = sizeof options, .error = error, .threads = m->threads, .context = m->context};
    return rd_delta_each_op(&delta, count_op, &count, &options);
}

/* A sink that grows: what it holds when it fails is what it held before. */
static rd_result grow_memory(const material *m, rd_error *error) {
    rd_memory made = {0};
    const rd_source basis = bytes_source(&m->basis);
    const rd_source delta = bytes_source(&m->delta);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {.size = sizeof options, .error = error, .threads = m->threads, .context = m->context};
    const rd_result result = rd_patch_apply(&basis, &delta, &sink, &options);
    assert_true(made.size <= m->new_file.size);
    check_bytes(made.data, made.size, m->new_file.data, made.size, "what was written before the failure");
    rd_memory_free(&made);
    return result;
}

/* Drives a stream, if it was made, to its end and frees it. */
static rd_result run_stream(rd_result made, rd_stream *stream, const rd_memory *bytes, rd_error *error) {
    static uint8_t room[1000];
    rd_in in = {.data = bytes->data, .size = bytes->size};
    rd_result result = RD_MORE;
    if (made != RD_OK) {
        assert_null(stream);
        *error = (rd_error){.result = made, .reason = ""};
        return made;
    }
    while (result == RD_MORE) {
        rd_out out = {.data = room, .size = sizeof room};
        result = rd_stream_step(stream, &in, &out, true);
    }
    *error = *rd_stream_error(stream);
    rd_stream_free(stream);
    return result;
}

/* With a context, its threads sign blocks as short as these. */
static rd_result stream_signature(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_options options = {OPTIONS, .params = {.block_len = 16}, .threads = m->threads, .context = m->context};
    const rd_result made = rd_signature_stream_new(&stream, &options);
    return run_stream(made, stream, &m->basis, error);
}

static rd_result stream_loadsig(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_result made = rd_loadsig_stream_new(&stream, NULL);
    return run_stream(made, stream, &m->signature, error);
}

static rd_result stream_delta(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_result made = rd_delta_stream_new(&stream, m->loaded, NULL);
    return run_stream(made, stream, &m->new_file, error);
}

static rd_result stream_patch(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_source basis = bytes_source(&m->basis);
    const rd_result made = rd_patch_stream_new(&stream, &basis, NULL);
    return run_stream(made, stream, &m->delta, error);
}

/* ---- What a caller drives itself --------------------------------------------------------------------------------- */

static rd_result read_ops(const material *m, rd_error *error) {
    const rd_source delta = bytes_source(&m->delta);
    const rd_options options = {OPTIONS, .error = error, .threads = m->threads, .context = m->context};
    rd_ops *ops = (rd_ops *)&ops;
    rd_op op;
    rd_result result = rd_ops_open(&ops, &delta, &options);
    if (result != RD_OK) {
        assert_null(ops);
        return result;
    }
    while (result == RD_OK && (result = rd_ops_next(ops, &op)) == RD_MORE) {
        uint8_t data[100];
        size_t got = 0;
        result = rd_ops_read(ops, data, sizeof data, &got);
    }
    if (result != RD_OK)
        *error = *rd_ops_error(ops);
    rd_ops_close(ops);
    return result;
}

/* Writes a delta of many ops, by `options`. */
static rd_result write_delta(const material *m, const rd_options *options, const rd_source *basis, rd_error *error) {
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    rd_delta_writer *writer = (rd_delta_writer *)&writer;
    rd_result result = rd_delta_writer_new(&writer, &sink, basis, options);
    if (result != RD_OK) {
        assert_null(writer);
        return result;
    }
    for (size_t i = 0; i < 20 && result == RD_OK; i++)
        result = i % 2 == 0 ? rd_delta_writer_copy(writer, 1000 * i, 5000)
                            : rd_delta_writer_literal(writer, m->new_file.data, 70000);
    if (result == RD_OK)
        result = rd_delta_writer_finish(writer, NULL);
    if (result != RD_OK)
        *error = *rd_delta_writer_error(writer);
    rd_delta_writer_free(writer);
    return result;
}

static rd_result write_plain_delta(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_options options = {OPTIONS, .error = error, .threads = m->threads, .context = m->context};
    return write_delta(m, &options, &basis, error);
}

static rd_result write_compressed_delta(const material *m, rd_error *error) {
    const rd_options options = {OPTIONS, .error = error, .compression = 1, .threads = m->threads,
                                .context = m->context};
    return write_delta(m, &options, NULL, error);
}

/* The delta, and one more that only copies what it makes, of which each kind of memory is needed. */
static rd_result merge_with(const material *m, const rd_memory *first, rd_error *error) {
    static const uint8_t copy[] = {0x72, 0x73, 0x02, 0x36, 0x47, 100, 0, 0, 0xff, 0xff, 0x47, 0, 0, 0, 0xff, 0xff, 0};
    const rd_source sources[] = {bytes_source(first), rd_source_memory(copy, sizeof copy)};
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {OPTIONS, .error = error, .threads = m->threads, .context = m->context};
    return rd_delta_merge(sources, 2, NULL, &sink, &options);
}

static rd_result merge_plain_deltas(const material *m, rd_error *error) {
    return merge_with(m, &m->delta, error);
}

static rd_result merge_compressed_deltas(const material *m, rd_error *error) {
    return merge_with(m, &m->compressed_delta, error);
}

static rd_result reverse_with(const material *m, const rd_memory *delta, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_source source = bytes_source(delta);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {OPTIONS, .error = error, .threads = m->threads, .context = m->context};
    return rd_delta_reverse(&basis, &source, &sink, &options);
}

static rd_result reverse_plain_delta(const material *m, rd_error *error) {
    return reverse_with(m, &m->delta, error);
}

static rd_result reverse_compressed_delta(const material *m, rd_error *error) {
    return reverse_with(m, &m->compressed_delta, error);
}

static rd_result digest_file(const material *m, rd_error *error) {
    const rd_source file = bytes_source(&m->new_file);
    const rd_options options = {OPTIONS, .error = error, .threads = m->threads, .context = m->context};
    uint8_t digest[RD_DIGEST_LEN];
    return rd_digest(&file, digest, &options);
}

static rd_result build_signature(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_options options = {OPTIONS, .params = {.block_len = 100}, .error = error, .threads = m->threads,
                                .context = m->context};
    rd_signature *signature = (rd_signature *)&signature;
    const rd_result result = rd_signature_build(&signature, &basis, &options);
    assert_true((result == RD_OK) == (signature != NULL));
    rd_signature_free(signature);
    return result;
}

static rd_result join_signature(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_options options = {OPTIONS, .params = {.block_len = 100}, .error = error, .threads = m->threads,
                                .context = m->context};
    rd_signature *parts[2] = {NULL};
    rd_signature *signature = NULL;
    rd_result result = rd_signature_build_part(&parts[0], &basis, 0, 500000, &options);
    if (result == RD_OK)
        result = rd_signature_build_part(&parts[1], &basis, 500000, RD_UNKNOWN, &options);
    if (result == RD_OK)
        result = rd_signature_join(&signature, (const rd_signature *const *)parts, 2, &options);
    assert_true((result == RD_OK) == (signature != NULL));
    rd_signature_free(signature);
    rd_signature_free(parts[0]);
    rd_signature_free(parts[1]);
    return result;
}

/* A patch of the delta that a stream makes, which is looked at first. */
static rd_result filter_delta(const material *m, rd_error *error) {
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_source basis = bytes_source(&m->basis);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {OPTIONS, .error = error, .threads = m->threads, .context = m->context};
    rd_stream *stream = NULL;
    rd_filter *made = (rd_filter *)&made;
    rd_filter *peeked = (rd_filter *)&peeked;
    rd_result result = rd_delta_stream_new(&stream, m->loaded, &options);
    if (result != RD_OK)
        return result;
    result = rd_filter_stream_new(&made, stream, &new_file, &options);
    assert_true((result == RD_OK) == (made != NULL));
    if (result == RD_OK) {
        const rd_source source = rd_filter_source(made);
        result = rd_filter_peek_new(&peeked, &source, 100000, &options);
        assert_true((result == RD_OK) == (peeked != NULL));
    } else {
        peeked = NULL;
    }
    if (result == RD_OK) {
        const rd_source source = rd_filter_source(peeked);
        rd_kind kind = RD_KIND_OTHER;
        result = rd_source_identify(&source, &kind, NULL, &options);
        if (result == RD_OK)
            result = rd_patch_apply(&basis, &source, &sink, &options);
    }
    rd_filter_free(peeked);
    rd_filter_free(made);
    rd_stream_free(stream);
    return result;
}

static rd_result filter_compressed(const material *m, rd_error *error) {
    const rd_source delta = bytes_source(&m->compressed_delta);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {OPTIONS, .error = error, .threads = m->threads, .context = m->context};
    rd_filter *in = (rd_filter *)&in;
    rd_filter *out = (rd_filter *)&out;
    rd_result result = rd_filter_decompress_new(&in, &delta, &options);
    assert_true((result == RD_OK) == (in != NULL));
    if (result != RD_OK)
        return result;
    result = rd_filter_compress_new(&out, &sink, &options);
    assert_true((result == RD_OK) == (out != NULL));
    if (result == RD_OK) {
        const rd_source source = rd_filter_source(in);
        const rd_sink through = rd_filter_sink(out);
        const rd_source basis = bytes_source(&m->basis);
        result = rd_patch_apply(&basis, &source, &through, &options);
        if (result == RD_OK) {
            result = rd_filter_finish(out);
            *error = *rd_filter_error(out);
        }
    }
    rd_filter_free(out);
    rd_filter_free(in);
    return result;
}

static rd_result make_context(const material *m, rd_error *error) {
    (void)m;
    rd_context *context = (rd_context *)&context;
    const rd_result result = rd_context_new(&context);
    assert_true((result == RD_OK) == (context != NULL));
    *error = (rd_error){.result = result, .reason = ""}; /* it has none */
    rd_context_free(context);
    return result;
}

/* ---- With compression -------------------------------------------------------------------------------------------- */

static rd_result make_compressed_signature(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {
        OPTIONS,         .params = {.block_len = 100}, .error = error, .threads = m->threads, .context = m->context,
        .compression = 1};
    return rd_signature_make(&basis, &sink, &options);
}

static rd_result make_compressed_delta(const material *m, rd_error *error) {
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {OPTIONS, .error = error, .threads = m->threads, .context = m->context,
                                .compression = 1};
    return rd_delta_make(m->loaded, &new_file, &sink, &options);
}

static rd_result load_compressed_signature(const material *m, rd_error *error) {
    return load(m, &m->compressed_signature, error);
}

static rd_result apply_compressed_patch(const material *m, rd_error *error) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_source delta = bytes_source(&m->compressed_delta);
    const rd_sink sink = rd_sink_callback(keep_nothing, NULL);
    const rd_options options = {OPTIONS, .error = error, .threads = m->threads, .context = m->context};
    return rd_patch_apply(&basis, &delta, &sink, &options);
}

static rd_result stream_compressed_delta(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_options options = {OPTIONS, .compression = 1};
    const rd_result made = rd_delta_stream_new(&stream, m->loaded, &options);
    return run_stream(made, stream, &m->new_file, error);
}

static rd_result stream_compressed_patch(const material *m, rd_error *error) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_source basis = bytes_source(&m->basis);
    const rd_result made = rd_patch_stream_new(&stream, &basis, NULL);
    return run_stream(made, stream, &m->compressed_delta, error);
}

static rd_result write_destination(const material *m, rd_error *error) {
    rd_destination *destination = (rd_destination *)&destination;
    rd_result result = rd_destination_open(&destination, m->path, RD_REPLACE_NEVER, error);
    if (result != RD_OK) {
        assert_null(destination);
        assert_int_equal(access(m->path, F_OK), -1);
        return result;
    }
    result = rd_destination_commit(destination, error);
    assert_int_equal(unlink(m->path), result == RD_OK ? 0 : -1);
    return result;
}

/* The size of what bears the name, which is of the old file or of the new one. */
static size_t size_at(const char *path) {
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

/* Over a file that is there: after a failure it is as it was, and in either case the only one in the directory. */
static rd_result replace_destination(const material *m, rd_error *error) {
    rd_destination *destination = NULL;
    const int old = open(m->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(old >= 0);
    assert_int_equal(write(old, "old", 3), 3);
    close(old);
    rd_result result = rd_destination_open(&destination, m->path, RD_REPLACE_FAST, error);
    if (result == RD_OK) {
        const rd_sink sink = rd_destination_sink(destination);
        result = patch_with(m, &sink, RD_VERIFY_DEFAULT, error);
        if (result == RD_OK)
            result = rd_destination_commit(destination, error);
        else
            rd_destination_discard(destination);
    }
    assert_int_equal(size_at(m->path), result == RD_OK ? m->new_file.size : 3);
    assert_int_equal(unlink(m->path), 0);
    assert_int_equal(rmdir(m->directory), 0);
    assert_int_equal(mkdir(m->directory, 0700), 0);
    return result;
}

/* The same by a directory, whose queue must not lose the file. */
static rd_result replace_in_directory(const material *m, rd_error *error) {
    rd_directory *directory = (rd_directory *)&directory;
    const int old = open(m->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(old >= 0);
    close(old);
    rd_result result = rd_directory_open(&directory, m->directory, error);
    if (result != RD_OK)
        assert_null(directory);
    if (result == RD_OK) {
        rd_destination *destination = (rd_destination *)&destination;
        result = rd_destination_open_at(&destination, directory, strrchr(m->path, '/') + 1, RD_REPLACE_SAFELY, error);
        if (result != RD_OK)
            assert_null(destination);
        if (result == RD_OK) {
            const rd_sink sink = rd_destination_sink(destination);
            assert_int_equal(rd_sink_write(&sink, "new", 3, NULL), RD_OK);
            result = rd_destination_commit(destination, error);
        }
        rd_error late = {.result = RD_OK};
        assert_int_equal(rd_directory_close(directory, &late), RD_OK);
    }
    assert_int_equal(size_at(m->path), result == RD_OK ? 3 : 0);
    assert_int_equal(unlink(m->path), 0);
    assert_int_equal(rmdir(m->directory), 0);
    assert_int_equal(mkdir(m->directory, 0700), 0);
    return result;
}

/* ---- Running them ------------------------------------------------------------------------------------------------ */

static int set_up(void **state) {
    material *const m = calloc(1, sizeof *m);
    random_source r = random_from(1);
    assert_non_null(m);
    m->basis = bytes_random(&r, 1200000, 256);
    m->new_file = bytes_edited(&r, &m->basis, 1500000, 256);
    m->signature = signature_of(&m->basis, (rd_params){.block_len = 1000});
    m->many_sums = signature_of(&m->basis, (rd_params){.block_len = 60});
    m->loaded = loaded(&m->signature);
    m->delta = delta_of(m->loaded, &m->new_file, NULL);
    if (rd_compression_max() > 0) {
        const rd_source basis = bytes_source(&m->basis);
        const rd_source new_file = bytes_source(&m->new_file);
        const rd_sink signature = rd_sink_memory(&m->compressed_signature);
        const rd_sink delta = rd_sink_memory(&m->compressed_delta);
        const rd_options options = {OPTIONS, .params = {.block_len = 100}, .compression = 1};
        assert_int_equal(rd_signature_make(&basis, &signature, &options), RD_OK);
        assert_int_equal(rd_delta_make(m->loaded, &new_file, &delta, &options), RD_OK);
    }
    (void)snprintf(m->directory, sizeof m->directory, "/tmp/redelta-test-XXXXXX");
    assert_non_null(mkdtemp(m->directory));
    (void)snprintf(m->path, sizeof m->path, "%s/output", m->directory);
    *state = m;
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    assert_int_equal(rmdir(m->directory), 0);
    rd_signature_free(m->loaded);
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->signature);
    rd_memory_free(&m->many_sums);
    rd_memory_free(&m->delta);
    rd_memory_free(&m->compressed_signature);
    rd_memory_free(&m->compressed_delta);
    free(m);
    return 0;
}

/* Runs the scenario until it needs no more than n allocations. There must be at least `least`. */
static void fail_each(material *m, rd_result (*scenario)(const material *, rd_error *), size_t least, bool for_good) {
    size_t n = 0;
    for (;; n++) {
        rd_error error = {.result = RD_OK};
        if (m->context && n % 2 == 0) { /* every other run has a new one */
            rd_context_free(m->context);
            assert_int_equal(rd_context_new(&m->context), RD_OK);
        }
        faults_begin(n, for_good);
        const rd_result result = scenario(m, &error);
        if (faults_end() == 0) {
            check_equal(result, RD_OK, "after %zu allocations", n);
            if (!m->context || n % 2 == 0)
                break;
            continue; /* what the context keeps was enough */
        }
        check_equal(result, RD_E_MEMORY, "allocation %zu", n);
        check_equal(error.result, RD_E_MEMORY, "allocation %zu", n);
        check_true(error.reason != NULL, "allocation %zu", n);
    }
    check_true(n >= least, "%zu allocations", n);
}

/* Without a context, with one that keeps nothing yet, and with one that keeps what runs before it left. */
static void fail_each_both_ways(void **state, rd_result (*scenario)(const material *, rd_error *), size_t least) {
    material *const m = *state;
    for (m->threads = 1; m->threads <= 3; m->threads++) {
        for (int for_good = 0; for_good < 2; for_good++) {
            m->context = NULL;
            fail_each(m, scenario, least, for_good == 1);
            assert_int_equal(rd_context_new(&m->context), RD_OK);
            fail_each(m, scenario, 0, for_good == 1);
            rd_context_free(m->context);
            m->context = NULL;
        }
    }
}

static void making_a_signature_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, make_signature, 3);
}

static void loading_a_signature_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, load_signature, 8);
}

static void making_a_signature_of_long_blocks_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, make_signature_of_long_blocks, 1);
}

static void loading_a_signature_in_parts_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, load_signature_in_parts, 15);
}

static void making_a_delta_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, make_delta, 2);
}

static void making_a_delta_without_trailer_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, make_delta_without_trailer, 2);
}

static void making_a_delta_of_literals_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, make_delta_of_literals, 2);
}

static void making_a_diff_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, make_diff, 5);
    fail_each_both_ways(state, make_diff_with_pages, 7);
    fail_each_both_ways(state, make_diff_in_memory, 6);
    if (rd_compression_max() > 0)
        fail_each_both_ways(state, make_compressed_diff, 7);
}

static void applying_a_verified_patch_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, apply_verified_patch, 3);
}

static void applying_an_unverified_patch_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, apply_unverified_patch, 2);
}

static void verifying_a_delta_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, verify_delta, 3);
}

static void walking_over_ops_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, walk_ops, 1);
}

static void memory_sink_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, grow_memory, 4);
}

static void signature_stream_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, stream_signature, 1);
}

static void loadsig_stream_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, stream_loadsig, 8);
}

static void delta_stream_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, stream_delta, 2);
}

static void patch_stream_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, stream_patch, 1);
}

/* Those of zstd fail, too, if it is linked as an archive: then there are more of them. */
static void compression_survives_every_failed_allocation(void **state) {
    if (rd_compression_max() == 0)
        return;
    fail_each_both_ways(state, make_compressed_signature, 5);
    fail_each_both_ways(state, make_compressed_delta, 5);
    fail_each_both_ways(state, load_compressed_signature, 9);
    fail_each_both_ways(state, apply_compressed_patch, 4);
}

static void compressing_streams_survive_every_failed_allocation(void **state) {
    if (rd_compression_max() == 0)
        return;
    fail_each_both_ways(state, stream_compressed_delta, 5);
    fail_each_both_ways(state, stream_compressed_patch, 3);
}

static void ops_survive_every_failed_allocation(void **state) {
    fail_each_both_ways(state, read_ops, 2);
}

static void delta_writer_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, write_plain_delta, 4);
    if (rd_compression_max() > 0)
        fail_each_both_ways(state, write_compressed_delta, 4);
}

static void merging_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, merge_plain_deltas, 8);
    if (rd_compression_max() > 0)
        fail_each_both_ways(state, merge_compressed_deltas, 9);
}

static void reversing_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, reverse_plain_delta, 8);
    if (rd_compression_max() > 0)
        fail_each_both_ways(state, reverse_compressed_delta, 10);
}

static void digesting_a_file_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, digest_file, 4);
}

static void building_a_signature_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, build_signature, 8);
    fail_each_both_ways(state, join_signature, 12);
}

static void filters_survive_every_failed_allocation(void **state) {
    fail_each_both_ways(state, filter_delta, 8);
    if (rd_compression_max() > 0)
        fail_each_both_ways(state, filter_compressed, 8);
}

static void making_a_context_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, make_context, 1);
}

static void destination_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, write_destination, 3);
}

static void replacing_a_destination_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, replace_destination, 5);
}

static void replacing_in_a_directory_survives_every_failed_allocation(void **state) {
    fail_each_both_ways(state, replace_in_directory, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_a_signature_survives_every_failed_allocation),
        cmocka_unit_test(loading_a_signature_survives_every_failed_allocation),
        cmocka_unit_test(making_a_delta_survives_every_failed_allocation),
        cmocka_unit_test(making_a_signature_of_long_blocks_survives_every_failed_allocation),
        cmocka_unit_test(loading_a_signature_in_parts_survives_every_failed_allocation),
        cmocka_unit_test(making_a_delta_without_trailer_survives_every_failed_allocation),
        cmocka_unit_test(making_a_delta_of_literals_survives_every_failed_allocation),
        cmocka_unit_test(making_a_diff_survives_every_failed_allocation),
        cmocka_unit_test(applying_a_verified_patch_survives_every_failed_allocation),
        cmocka_unit_test(applying_an_unverified_patch_survives_every_failed_allocation),
        cmocka_unit_test(verifying_a_delta_survives_every_failed_allocation),
        cmocka_unit_test(walking_over_ops_survives_every_failed_allocation),
        cmocka_unit_test(memory_sink_survives_every_failed_allocation),
        cmocka_unit_test(signature_stream_survives_every_failed_allocation),
        cmocka_unit_test(loadsig_stream_survives_every_failed_allocation),
        cmocka_unit_test(delta_stream_survives_every_failed_allocation),
        cmocka_unit_test(patch_stream_survives_every_failed_allocation),
        cmocka_unit_test(compression_survives_every_failed_allocation),
        cmocka_unit_test(compressing_streams_survive_every_failed_allocation),
        cmocka_unit_test(ops_survive_every_failed_allocation),
        cmocka_unit_test(delta_writer_survives_every_failed_allocation),
        cmocka_unit_test(merging_survives_every_failed_allocation),
        cmocka_unit_test(reversing_survives_every_failed_allocation),
        cmocka_unit_test(digesting_a_file_survives_every_failed_allocation),
        cmocka_unit_test(building_a_signature_survives_every_failed_allocation),
        cmocka_unit_test(filters_survive_every_failed_allocation),
        cmocka_unit_test(making_a_context_survives_every_failed_allocation),
        cmocka_unit_test(destination_survives_every_failed_allocation),
        cmocka_unit_test(replacing_a_destination_survives_every_failed_allocation),
        cmocka_unit_test(replacing_in_a_directory_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

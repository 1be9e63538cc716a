/*
 * The binary interface: structures of an older and of a newer program, those whose layout is fixed for good, and values
 * that no program should pass.
 */
#define _GNU_SOURCE
#include "support.h"

/* ---- Layouts ----------------------------------------------------------------------------------------------------- */

#if UINTPTR_MAX == UINT64_MAX && SIZE_MAX == UINT64_MAX
#define FIXED(type, size) _Static_assert(sizeof(type) == (size), "the size of " #type)
#define AT(type, member, offset) _Static_assert(offsetof(type, member) == (offset), "the place of " #type "." #member)

FIXED(rd_error, 32);
AT(rd_error, result, 0);
AT(rd_error, role, 4);
AT(rd_error, system_error, 8);
AT(rd_error, offset, 16);
AT(rd_error, reason, 24);

FIXED(rd_params, 16);
AT(rd_params, weak, 0);
AT(rd_params, strong, 4);
AT(rd_params, block_len, 8);
AT(rd_params, strong_len, 12);

FIXED(rd_limits, 24);
AT(rd_limits, output, 0);
AT(rd_limits, memory, 8);
AT(rd_limits, blocks, 16);

FIXED(rd_source, 80);
AT(rd_source, read, 0);
AT(rd_source, context, 8);
AT(rd_source, memory, 16);
AT(rd_source, fd, 24);
AT(rd_source, failure, 28);
AT(rd_source, origin, 32);
AT(rd_source, end, 40);
AT(rd_source, size, 48);
AT(rd_source, seekable, 56);
AT(rd_source, concurrent, 57);
AT(rd_source, reserved, 64);

FIXED(rd_sink, 48);
AT(rd_sink, write, 0);
AT(rd_sink, write_at, 8);
AT(rd_sink, context, 16);
AT(rd_sink, fd, 24);
AT(rd_sink, reserved, 32);

FIXED(rd_memory, 24);
AT(rd_memory, data, 0);
AT(rd_memory, size, 8);
AT(rd_memory, capacity, 16);

FIXED(rd_in, 24);
AT(rd_in, data, 0);
AT(rd_in, size, 8);
AT(rd_in, pos, 16);

FIXED(rd_out, 24);
AT(rd_out, data, 0);
AT(rd_out, size, 8);
AT(rd_out, pos, 16);

FIXED(rd_op, 32);
AT(rd_op, kind, 0);
AT(rd_op, target_offset, 8);
AT(rd_op, length, 16);
AT(rd_op, basis_offset, 24);

/* These two may grow, at their ends. */
AT(rd_stats, size, 0);
AT(rd_stats, in_bytes, 8);
AT(rd_stats, out_bytes, 16);
AT(rd_stats, blocks, 24);
AT(rd_stats, literal_commands, 32);
AT(rd_stats, literal_bytes, 40);
AT(rd_stats, literal_command_bytes, 48);
AT(rd_stats, copy_commands, 56);
AT(rd_stats, copy_bytes, 64);
AT(rd_stats, copy_command_bytes, 72);
AT(rd_stats, false_matches, 80);
AT(rd_stats, digest, 88);
AT(rd_stats, has_digest, 120);
AT(rd_stats, identical, 121);
AT(rd_stats, changed, 124);
AT(rd_stats, hole_bytes, 128);
AT(rd_stats, basis_digest, 136);
AT(rd_stats, basis_size, 168);
AT(rd_stats, has_basis_digest, 176);
AT(rd_stats, delta_index, 180);

AT(rd_options, size, 0);
AT(rd_options, params, 8);
AT(rd_options, progress, 24);
AT(rd_options, progress_context, 32);
AT(rd_options, stats, 40);
AT(rd_options, error, 48);
AT(rd_options, threads, 56);
AT(rd_options, verify, 60);
AT(rd_options, limits, 64);
AT(rd_options, compression, 88);
AT(rd_options, context, 96);
AT(rd_options, sparse, 104);
AT(rd_options, changed, 108);
#endif

/* ---- What every function with options has in common -------------------------------------------------------------- */

/* All of them, over small files. Each calls one function, frees what it made, and returns its result. */
typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
    rd_signature *loaded;
} material;

typedef rd_result call_fn(const material *m, const rd_options *options);

static rd_result nowhere(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

static rd_sink sink_to_nowhere(void) {
    return rd_sink_callback(nowhere, NULL);
}

static rd_result call_signature_make(const material *m, const rd_options *options) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_sink sink = sink_to_nowhere();
    return rd_signature_make(&basis, &sink, options);
}

static rd_result call_signature_load(const material *m, const rd_options *options) {
    const rd_source in = bytes_source(&m->signature);
    rd_signature *signature = (rd_signature *)&signature;
    const rd_result result = rd_signature_load(&signature, &in, options);
    assert_true((signature != NULL) == (result == RD_OK));
    rd_signature_free(signature);
    return result;
}

static rd_result call_signature_write(const material *m, const rd_options *options) {
    const rd_sink sink = sink_to_nowhere();
    return rd_signature_write(m->loaded, &sink, options);
}

static rd_result call_signature_build(const material *m, const rd_options *options) {
    const rd_source basis = bytes_source(&m->basis);
    rd_signature *signature = (rd_signature *)&signature;
    const rd_result result = rd_signature_build(&signature, &basis, options);
    assert_true((signature != NULL) == (result == RD_OK));
    rd_signature_free(signature);
    return result;
}

static rd_result call_signature_build_part(const material *m, const rd_options *options) {
    const rd_source basis = bytes_source(&m->basis);
    rd_signature *signature = (rd_signature *)&signature;
    const rd_result result = rd_signature_build_part(&signature, &basis, 0, RD_UNKNOWN, options);
    assert_true((signature != NULL) == (result == RD_OK));
    rd_signature_free(signature);
    return result;
}

static rd_result call_signature_load_part(const material *m, const rd_options *options) {
    const rd_source in = bytes_source(&m->signature);
    rd_signature *signature = (rd_signature *)&signature;
    const rd_result result = rd_signature_load_part(&signature, &in, 0, options);
    assert_true((signature != NULL) == (result == RD_OK));
    rd_signature_free(signature);
    return result;
}

static rd_result call_signature_join(const material *m, const rd_options *options) {
    const rd_signature *const parts[] = {m->loaded};
    rd_signature *signature = (rd_signature *)&signature;
    const rd_result result = rd_signature_join(&signature, parts, 1, options);
    assert_true((signature != NULL) == (result == RD_OK));
    rd_signature_free(signature);
    return result;
}

static rd_result call_delta_make(const material *m, const rd_options *options) {
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink sink = sink_to_nowhere();
    return rd_delta_make(m->loaded, &new_file, &sink, options);
}

static rd_result call_patch_apply(const material *m, const rd_options *options) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_source delta = bytes_source(&m->delta);
    const rd_sink sink = sink_to_nowhere();
    return rd_patch_apply(&basis, &delta, &sink, options);
}

static rd_result call_diff_make(const material *m, const rd_options *options) {
    const rd_source old_file = bytes_source(&m->basis);
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink sink = sink_to_nowhere();
    return rd_diff_make(&old_file, &new_file, &sink, options);
}

static rd_result call_merge(const material *m, const rd_options *options) {
    const rd_source delta = bytes_source(&m->delta);
    const rd_sink sink = sink_to_nowhere();
    return rd_delta_merge(&delta, 1, NULL, &sink, options);
}

static rd_result call_delta_verify(const material *m, const rd_options *options) {
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_source delta = bytes_source(&m->delta);
    return rd_delta_verify(&delta, &new_file, options);
}

static rd_result call_digest(const material *m, const rd_options *options) {
    const rd_source new_file = bytes_source(&m->new_file);
    uint8_t digest[RD_DIGEST_LEN];
    return rd_digest(&new_file, digest, options);
}

static rd_result call_identify(const material *m, const rd_options *options) {
    const rd_source delta = bytes_source(&m->delta);
    rd_kind kind = RD_KIND_OTHER;
    const rd_result result = rd_source_identify(&delta, &kind, NULL, options);
    assert_int_equal(kind, result == RD_OK ? RD_KIND_DELTA : RD_KIND_OTHER);
    return result;
}

static bool each_op(void *context, const rd_op *op) {
    (void)context, (void)op;
    return true;
}

static rd_result call_each_op(const material *m, const rd_options *options) {
    const rd_source delta = bytes_source(&m->delta);
    return rd_delta_each_op(&delta, each_op, NULL, options);
}

enum { WHOLE = 15 }; /* so many of these are whole operations; the rest make an object */

static rd_result freed(rd_stream *stream, rd_result result) {
    assert_true((stream != NULL) == (result == RD_OK));
    rd_stream_free(stream);
    return result;
}

static rd_result call_signature_stream(const material *m, const rd_options *options) {
    (void)m;
    rd_stream *stream = (rd_stream *)&stream;
    const rd_result result = rd_signature_stream_new(&stream, options);
    return freed(stream, result);
}

static rd_result call_loadsig_stream(const material *m, const rd_options *options) {
    (void)m;
    rd_stream *stream = (rd_stream *)&stream;
    const rd_result result = rd_loadsig_stream_new(&stream, options);
    return freed(stream, result);
}

static rd_result call_delta_stream(const material *m, const rd_options *options) {
    rd_stream *stream = (rd_stream *)&stream;
    const rd_result result = rd_delta_stream_new(&stream, m->loaded, options);
    return freed(stream, result);
}

static rd_result call_patch_stream(const material *m, const rd_options *options) {
    const rd_source basis = bytes_source(&m->basis);
    rd_stream *stream = (rd_stream *)&stream;
    const rd_result result = rd_patch_stream_new(&stream, &basis, options);
    return freed(stream, result);
}

static rd_result freed_filter(rd_filter *filter, rd_result result) {
    assert_true((filter != NULL) == (result == RD_OK));
    rd_filter_free(filter);
    return result;
}

static rd_result call_filter_peek(const material *m, const rd_options *options) {
    const rd_source source = bytes_source(&m->basis);
    rd_filter *filter = (rd_filter *)&filter;
    const rd_result result = rd_filter_peek_new(&filter, &source, 100, options);
    return freed_filter(filter, result);
}

static rd_result call_filter_decompress(const material *m, const rd_options *options) {
    const rd_source source = bytes_source(&m->basis);
    rd_filter *filter = (rd_filter *)&filter;
    const rd_result result = rd_filter_decompress_new(&filter, &source, options);
    return freed_filter(filter, result);
}

static rd_result call_filter_compress(const material *m, const rd_options *options) {
    (void)m;
    const rd_sink sink = sink_to_nowhere();
    rd_filter *filter = (rd_filter *)&filter;
    if (rd_compression_max() == 0) /* there is none: as the others would answer */
        return call_filter_peek(m, options);
    const rd_result result = rd_filter_compress_new(&filter, &sink, options);
    return freed_filter(filter, result);
}

static rd_result call_filter_stream(const material *m, const rd_options *options) {
    const rd_source source = bytes_source(&m->basis);
    rd_stream *stream = NULL;
    rd_filter *filter = (rd_filter *)&filter;
    assert_int_equal(rd_signature_stream_new(&stream, NULL), RD_OK);
    const rd_result result = rd_filter_stream_new(&filter, stream, &source, options);
    (void)freed_filter(filter, result);
    rd_stream_free(stream);
    return result;
}

static rd_result call_ops_open(const material *m, const rd_options *options) {
    const rd_source delta = bytes_source(&m->delta);
    rd_ops *ops = (rd_ops *)&ops;
    const rd_result result = rd_ops_open(&ops, &delta, options);
    assert_true((ops != NULL) == (result == RD_OK));
    rd_ops_close(ops);
    return result;
}

static rd_result call_writer_new(const material *m, const rd_options *options) {
    const rd_source basis = bytes_source(&m->basis);
    const rd_sink sink = sink_to_nowhere();
    rd_delta_writer *writer = (rd_delta_writer *)&writer;
    const rd_result result = rd_delta_writer_new(&writer, &sink, &basis, options);
    assert_true((writer != NULL) == (result == RD_OK));
    rd_delta_writer_free(writer);
    return result;
}

static const struct {
    const char *name;
    call_fn *call;
    bool takes_params;
} calls[] = {
    {"rd_signature_make", call_signature_make, true},
    {"rd_signature_load", call_signature_load, false},
    {"rd_signature_write", call_signature_write, false},
    {"rd_signature_build", call_signature_build, true},
    {"rd_signature_build_part", call_signature_build_part, true},
    {"rd_signature_load_part", call_signature_load_part, false},
    {"rd_signature_join", call_signature_join, false},
    {"rd_delta_make", call_delta_make, false},
    {"rd_diff_make", call_diff_make, false},
    {"rd_delta_merge", call_merge, false},
    {"rd_patch_apply", call_patch_apply, false},
    {"rd_delta_verify", call_delta_verify, false},
    {"rd_digest", call_digest, false},
    {"rd_source_identify", call_identify, false},
    {"rd_delta_each_op", call_each_op, false},
    {"rd_signature_stream_new", call_signature_stream, true},
    {"rd_loadsig_stream_new", call_loadsig_stream, false},
    {"rd_delta_stream_new", call_delta_stream, false},
    {"rd_patch_stream_new", call_patch_stream, false},
    {"rd_filter_peek_new", call_filter_peek, false},
    {"rd_filter_decompress_new", call_filter_decompress, false},
    {"rd_filter_compress_new", call_filter_compress, false},
    {"rd_filter_stream_new", call_filter_stream, false},
    {"rd_ops_open", call_ops_open, false},
    {"rd_delta_writer_new", call_writer_new, false},
};

static int set_up(void **state) {
    material *const m = calloc(1, sizeof *m);
    random_source r = random_from(1);
    assert_non_null(m);
    m->basis = bytes_random(&r, 5000, 256);
    m->new_file = bytes_edited(&r, &m->basis, 6000, 256);
    m->signature = signature_of(&m->basis, (rd_params){.block_len = 100});
    m->loaded = loaded(&m->signature);
    m->delta = delta_of(m->loaded, &m->new_file, NULL);
    *state = m;
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    rd_signature_free(m->loaded);
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->signature);
    rd_memory_free(&m->delta);
    free(m);
    return 0;
}

/* ---- Options of other sizes -------------------------------------------------------------------------------------- */

/*
 * The options of an older program lie in an allocation of just their size, and what its library did not know is the
 * default. Those of a newer one are longer.
 */
static void options_may_be_shorter_or_longer(void **state) {
    const material *const m = *state;
    static const size_t sizes[] = {
        sizeof(size_t),
        offsetof(rd_options, progress),
        offsetof(rd_options, stats),
        offsetof(rd_options, error),
        offsetof(rd_options, threads),
        offsetof(rd_options, limits),
        offsetof(rd_options, compression),
        offsetof(rd_options, context),
        offsetof(rd_options, changed),
        sizeof(rd_options),
        sizeof(rd_options) + 1,
        sizeof(rd_options) + 1000,
    };
    for (size_t i = 0; i < ITEMS(calls); i++) {
        for (size_t j = 0; j < ITEMS(sizes); j++) {
            const size_t size = sizes[j];
            rd_stats stats = {.size = sizeof stats};
            rd_error error = {.result = RD_OK};
            rd_options whole = {.size = size, .stats = &stats, .error = &error, .threads = 2};
            uint8_t *const given = bytes_new(size);
            memset(given, 0xa5, size); /* what a newer program says, and this library does not know */
            memcpy(given, &whole, size < sizeof whole ? size : sizeof whole);
            check_equal(calls[i].call(m, (const rd_options *)(const void *)given), RD_OK, "%s, %zu bytes: %s",
                        calls[i].name, size, error.reason);
            const bool filled = i < WHOLE && size > offsetof(rd_options, stats);
            check_equal(stats.in_bytes + stats.blocks > 0, filled, "%s, %zu bytes", calls[i].name, size);
            whole.verify = (rd_verify)77;
            memcpy(given, &whole, size < sizeof whole ? size : sizeof whole);
            const bool known = size > offsetof(rd_options, verify);
            check_equal(calls[i].call(m, (const rd_options *)(const void *)given), known ? RD_E_PARAMETER : RD_OK,
                        "%s, %zu bytes", calls[i].name, size);
            check_equal(error.result, known ? RD_E_PARAMETER : RD_OK, "%s, %zu bytes", calls[i].name, size);
            free(given);
        }
        assert_int_equal(calls[i].call(m, NULL), RD_OK);
    }
}

/* ---- Statistics of other sizes ----------------------------------------------------------------------------------- */

enum { STATS_LEAST = offsetof(rd_stats, identical) + sizeof(bool), GUARD = 64 };

/* `size` bytes of 0xa5 at the end of an allocation, of which the first say the size, and a guard after them. */
static rd_stats *stats_new(size_t size, uint8_t **allocation) {
    const size_t room = size > sizeof(rd_stats) ? size : sizeof(rd_stats);
    *allocation = bytes_new(room + GUARD);
    memset(*allocation, 0xa5, room + GUARD);
    memcpy(*allocation, &size, sizeof size);
    return (rd_stats *)(void *)*allocation;
}

static void check_untouched(const uint8_t *bytes, size_t from, size_t to, const char *name, size_t size) {
    for (size_t i = from; i < to; i++)
        check_equal(bytes[i], 0xa5, "%s, %zu bytes: byte %zu", name, size, i);
}

static void statistics_that_are_too_short_are_refused(void **state) {
    const material *const m = *state;
    for (size_t i = 0; i < ITEMS(calls); i++) {
        for (size_t size = 0; size < STATS_LEAST; size++) {
            uint8_t *allocation = NULL;
            rd_error error = {.result = RD_OK};
            rd_options options = {OPTIONS, .error = &error, .stats = stats_new(size, &allocation)};
            check_equal(calls[i].call(m, &options), RD_E_PARAMETER, "%s, %zu bytes", calls[i].name, size);
            check_equal(error.result, RD_E_PARAMETER, "%s, %zu bytes", calls[i].name, size);
            check_equal(strcmp(error.reason, "the size of the statistics is not set"), 0, "%s: %s", calls[i].name,
                        error.reason);
            check_untouched(allocation, sizeof size, sizeof(rd_stats) + GUARD, calls[i].name, size);
            free(allocation);
        }
    }
}

/* What the library knows is filled, what it does not know is zero, and nothing beyond the size is touched. */
static void statistics_may_be_longer(void **state) {
    const material *const m = *state;
    static const size_t sizes[] = {STATS_LEAST, STATS_LEAST + 1, sizeof(rd_stats), sizeof(rd_stats) + 1,
                                   sizeof(rd_stats) + 300};
    for (size_t i = 0; i < WHOLE; i++) {
        rd_stats expected = {.size = sizeof expected};
        assert_int_equal(calls[i].call(m, &(rd_options){OPTIONS, .stats = &expected, .threads = 1}), RD_OK);
        for (size_t j = 0; j < ITEMS(sizes); j++) {
            const size_t size = sizes[j];
            uint8_t *allocation = NULL;
            rd_stats *const stats = stats_new(size, &allocation);
            assert_int_equal(calls[i].call(m, &(rd_options){OPTIONS, .stats = stats, .threads = 1}), RD_OK);
            check_equal(stats->size, size, "%s", calls[i].name);
            check_bytes(allocation + sizeof size, STATS_LEAST - sizeof size, (const uint8_t *)&expected + sizeof size,
                        STATS_LEAST - sizeof size, "%s, %zu bytes", calls[i].name, size);
            for (size_t at = sizeof(rd_stats); at < size; at++)
                check_equal(allocation[at], 0, "%s, %zu bytes: byte %zu", calls[i].name, size, at);
            check_untouched(allocation, size, size + GUARD, calls[i].name, size);
            free(allocation);
        }
    }
}

static void statistics_of_objects_may_have_any_size_too(void **state) {
    const material *const m = *state;
    static const size_t sizes[] = {0, 8, STATS_LEAST - 1, STATS_LEAST, sizeof(rd_stats), sizeof(rd_stats) + 300};
    const rd_source delta = bytes_source(&m->delta);
    const rd_sink sink = sink_to_nowhere();
    rd_stream *stream = NULL;
    rd_ops *ops = NULL;
    rd_delta_writer *writer = NULL;
    assert_int_equal(rd_signature_stream_new(&stream, NULL), RD_OK);
    assert_int_equal(rd_ops_open(&ops, &delta, NULL), RD_OK);
    assert_int_equal(rd_delta_writer_new(&writer, &sink, NULL, NULL), RD_OK);
    for (size_t i = 0; i < ITEMS(sizes) * 3; i++) {
        const size_t size = sizes[i / 3];
        uint8_t *allocation = NULL;
        rd_stats *const stats = stats_new(size, &allocation);
        const bool refused = size < STATS_LEAST;
        const rd_result result = i % 3 == 0   ? rd_stream_stats(stream, stats)
                                 : i % 3 == 1 ? rd_ops_stats(ops, stats)
                                              : rd_delta_writer_stats(writer, stats);
        check_equal(result, refused ? RD_E_PARAMETER : RD_OK, "%zu bytes", size);
        check_untouched(allocation, refused ? sizeof size : size, size + GUARD, "object", size);
        for (size_t at = sizeof size; !refused && at < size; at++)
            if (at < STATS_LEAST || at >= sizeof(rd_stats))
                check_equal(allocation[at], 0, "%zu bytes: byte %zu", size, at);
        free(allocation);
    }
    rd_delta_writer_free(writer);
    rd_ops_close(ops);
    rd_stream_free(stream);
}

/* ---- Nonsense ---------------------------------------------------------------------------------------------------- */

static void values_that_are_none_are_refused_with_their_reason(void **state) {
    const material *const m = *state;
    static const struct {
        rd_options options;
        bool params; /* only those that make a signature look */
        const char *reason;
    } cases[] = {
        {{OPTIONS, .verify = (rd_verify)77}, false, "invalid value of `verify`"},
        {{OPTIONS, .verify = (rd_verify)3}, false, "invalid value of `verify`"},
        {{OPTIONS, .verify = (rd_verify)-1}, false, "invalid value of `verify`"},
        {{OPTIONS, .sparse = (rd_sparse)3}, false, "invalid value of `sparse`"},
        {{OPTIONS, .sparse = (rd_sparse)-1}, false, "invalid value of `sparse`"},
        {{OPTIONS, .changed = (rd_changed)2}, false, "invalid value of `changed`"},
        {{OPTIONS, .changed = (rd_changed)-1}, false, "invalid value of `changed`"},
        {{OPTIONS, .form = (rd_form)2}, false, "invalid value of `form`"},
        {{OPTIONS, .form = (rd_form)-1}, false, "invalid value of `form`"},
        {{OPTIONS, .params = {.weak = (rd_weak)9}}, true, "unknown weak sum"},
        {{OPTIONS, .params = {.weak = (rd_weak)-1}}, true, "unknown weak sum"},
        {{OPTIONS, .params = {.strong = (rd_strong)9}}, true, "unknown strong sum"},
        {{OPTIONS, .params = {.block_len = RD_BLOCK_LEN_MAX + 1}}, true, "the block length is out of range"},
        {{OPTIONS, .params = {.strong_len = 33}}, true, "the strong sum length is out of range"},
        {{OPTIONS, .params = {.strong_len = -2}}, true, "the strong sum length is out of range"},
        {{OPTIONS, .params = {.strong = RD_MD4, .strong_len = 17}}, true, "the strong sum length is out of range"},
    };
    for (size_t i = 0; i < ITEMS(calls); i++) {
        for (size_t j = 0; j < ITEMS(cases); j++) {
            rd_error error = {.result = RD_OK};
            rd_stats stats = {.size = sizeof stats};
            rd_options options = cases[j].options;
            options.error = &error;
            options.stats = &stats;
            const bool refused = !cases[j].params || calls[i].takes_params;
            check_equal(calls[i].call(m, &options), refused ? RD_E_PARAMETER : RD_OK, "%s, case %zu", calls[i].name, j);
            check_equal(error.result, refused ? RD_E_PARAMETER : RD_OK, "%s, case %zu", calls[i].name, j);
            check_equal(stats.size, sizeof stats, "%s, case %zu", calls[i].name, j);
            if (!refused)
                continue;
            check_equal(strcmp(error.reason, cases[j].reason), 0, "%s, case %zu: %s", calls[i].name, j, error.reason);
            check_equal(error.role, RD_ROLE_NONE, "%s, case %zu", calls[i].name, j);
            check_equal(error.offset, RD_UNKNOWN, "%s, case %zu", calls[i].name, j);
            check_equal(error.system_error, 0, "%s, case %zu", calls[i].name, j);
        }
    }
}

static void a_destination_refuses_nonsense(void **state) {
    (void)state;
    rd_error error = {.result = RD_OK};
    rd_destination *destination = (rd_destination *)&error;
    assert_int_equal(rd_destination_open(&destination, "/tmp/redelta-never-made", (rd_replace)9, &error),
                     RD_E_PARAMETER);
    assert_null(destination);
    assert_int_equal(error.result, RD_E_PARAMETER);
    assert_non_null(error.reason);
}

/* ---- Facts in one place ------------------------------------------------------------------------------------------ */

static void sums_have_names(void **state) {
    (void)state;
    assert_string_equal(rd_weak_name(RD_RABINKARP), "rabinkarp");
    assert_string_equal(rd_weak_name(RD_ROLLSUM), "rollsum");
    assert_string_equal(rd_weak_name((rd_weak)9), "?");
    assert_string_equal(rd_strong_name(RD_BLAKE2), "blake2");
    assert_string_equal(rd_strong_name(RD_MD4), "md4");
    assert_string_equal(rd_strong_name((rd_strong)-1), "?");
}

static void sizes_are_those_of_the_formats(void **state) {
    (void)state;
    random_source r = random_from(2);
    for (size_t run = 0; run < 200; run++) {
        rd_memory basis = bytes_random(&r, random_below(&r, 3000), 256);
        rd_params params = {.strong = (rd_strong)random_below(&r, 2),
                            .block_len = 1 + (uint32_t)random_below(&r, 400),
                            .strong_len = 1 + (int32_t)random_below(&r, 16)};
        rd_memory made = signature_of(&basis, params);
        const uint64_t blocks = rd_block_count(&params, basis.size);
        check_equal(blocks, (basis.size + params.block_len - 1) / params.block_len, "run %zu", run);
        check_equal(rd_signature_size(&params, blocks), made.size, "run %zu", run);
        rd_signature *const signature = loaded(&made);
        assert_int_equal(rd_signature_count(signature), blocks);
        for (int verified = 0; verified < 2; verified++) {
            rd_memory new_file = bytes_edited(&r, &basis, random_below(&r, 5000), 256);
            const rd_source source = bytes_source(&new_file);
            rd_memory delta = {0};
            const rd_sink sink = rd_sink_memory(&delta);
            rd_stats stats = {.size = sizeof stats};
            assert_int_equal(rd_delta_make(signature, &source, &sink,
                                           &(rd_options){OPTIONS, .stats = &stats,
                                                         .verify = verified ? RD_VERIFY_DEFAULT : RD_VERIFY_NEVER}),
                             RD_OK);
            check_equal(rd_stats_delta_size(&stats), delta.size, "run %zu", run);
            rd_memory_free(&delta);
            rd_memory_free(&new_file);
        }
        rd_signature_free(signature);
        rd_memory_free(&made);
        rd_memory_free(&basis);
    }
    const rd_params longest = {.block_len = 1, .strong_len = 32};
    assert_true(rd_block_count(&longest, UINT64_MAX - 1) == UINT64_MAX - 1);
    const rd_params largest = {.block_len = RD_BLOCK_LEN_MAX, .strong_len = 1};
    assert_true(rd_block_count(&largest, UINT64_MAX) == UINT64_MAX / RD_BLOCK_LEN_MAX + 1);
    assert_int_equal(rd_block_count(&largest, 0), 0);
    assert_int_equal(rd_block_count(&largest, 1), 1);
    assert_true(rd_signature_size(&largest, (uint64_t)1 << 32) == 12 + ((uint64_t)5 << 32));
}

/* A copy of a file: the same, shorter, longer, or with another byte; to be freed. */
static rd_memory perhaps_changed(const rd_memory *old, random_source *r) {
    rd_memory new_file = bytes_copy(old->data, old->size);
    switch (random_below(r, 5)) {
    case 0: break;
    case 1: new_file.size -= new_file.size > 0 ? 1 + random_below(r, new_file.size) : 0; break;
    case 2:
        if (new_file.size > 0)
            new_file.data[random_below(r, new_file.size)] ^= 1;
        break;
    case 3: {
        const rd_sink sink = rd_sink_memory(&new_file);
        assert_int_equal(rd_sink_write(&sink, "\0\0\0", 1 + random_below(r, 3), NULL), RD_OK);
        break;
    }
    default: break;
    }
    return new_file;
}

/* What a patch says, whole, by a stream, and by a delta that is cut short. */
static void check_patches_tell(const rd_memory *old, const rd_memory *delta, bool identical, size_t run) {
    const rd_source basis = bytes_source(old);
    const rd_source source = bytes_source(delta);
    const rd_sink sink = sink_to_nowhere();
    rd_stats applied = {.size = sizeof applied};
    assert_int_equal(rd_patch_apply(&basis, &source, &sink, &(rd_options){OPTIONS, .stats = &applied}), RD_OK);
    check_equal(applied.identical, identical, "run %zu", run);
    rd_stream *stream = NULL;
    uint8_t room[5000];
    rd_in in = {.data = delta->data, .size = delta->size};
    rd_out out = {.data = room, .size = sizeof room};
    assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
    assert_int_equal(rd_stream_step(stream, &in, &out, true), RD_OK);
    check_equal(stats_of(stream).identical, identical, "run %zu", run);
    rd_stream_free(stream);

    /* A file that could not be made is not identical. */
    const rd_source cut = rd_source_memory(delta->data, delta->size - 1);
    assert_int_equal(rd_patch_apply(&basis, &cut, &sink, &(rd_options){OPTIONS, .stats = &applied}), RD_E_TRUNCATED);
    check_equal(applied.identical, false, "run %zu", run);
}

/* The new file is the basis: said by a delta and by a patch, whole or by a stream, and only then. */
static void identical_files_are_told(void **state) {
    (void)state;
    random_source r = random_from(3);
    for (size_t run = 0; run < 200; run++) {
        rd_memory old = bytes_random(&r, run % 5 == 0 ? 0 : 1 + random_below(&r, 3000), run % 3 == 0 ? 1 : 256);
        rd_memory new_file = perhaps_changed(&old, &r);
        const bool same =
            new_file.size == old.size && (old.size == 0 || memcmp(new_file.data, old.data, old.size) == 0);
        rd_signature *const signature =
            loaded_signature_of(&old, (rd_params){.block_len = 1 + (uint32_t)random_below(&r, 500)});
        rd_stats stats = {.size = sizeof stats};
        rd_memory delta = delta_of(signature, &new_file, &stats);
        /* Of equal blocks not the ones in the basis' order need be chosen; but no other file is called identical. */
        const bool one_copy = stats.copy_commands <= 1 && stats.literal_bytes == 0;
        check_equal(stats.identical, same && one_copy, "run %zu", run);
        check_true(!same || one_copy || run % 3 == 0, "run %zu", run);
        check_patches_tell(&old, &delta, stats.identical, run);
        rd_memory_free(&delta);
        rd_signature_free(signature);
        rd_memory_free(&new_file);
        rd_memory_free(&old);
    }
}

/* A NULL signature is that of an empty basis. */
static void an_empty_file_is_identical_to_no_basis(void **state) {
    (void)state;
    rd_stats stats;
    rd_memory delta = delta_of(NULL, &(rd_memory){0}, &stats);
    assert_true(stats.identical);
    rd_memory_free(&delta);
    rd_memory one = bytes_copy("x", 1);
    delta = delta_of(NULL, &one, &stats);
    assert_false(stats.identical);
    rd_memory_free(&delta);
    rd_memory_free(&one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_be_shorter_or_longer),
        cmocka_unit_test(statistics_that_are_too_short_are_refused),
        cmocka_unit_test(statistics_may_be_longer),
        cmocka_unit_test(statistics_of_objects_may_have_any_size_too),
        cmocka_unit_test(values_that_are_none_are_refused_with_their_reason),
        cmocka_unit_test(a_destination_refuses_nonsense),
        cmocka_unit_test(sums_have_names),
        cmocka_unit_test(sizes_are_those_of_the_formats),
        cmocka_unit_test(identical_files_are_told),
        cmocka_unit_test(an_empty_file_is_identical_to_no_basis),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

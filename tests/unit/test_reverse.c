/*
 * rd_delta_reverse: its result is that of a diff of the files themselves, byte for byte, however basis and delta are
 * given; and the patched file that is not there (file/patched_source.h), read anywhere, is the one of the plain model.
 */
#define _GNU_SOURCE
#include "dense.h"
#include "plain_delta.h"

#include "base/result.h"
#include "file/patched_source.h"
#include "io/source.h"

typedef enum giving { OF_MEMORY, IN_ORDER, COMPRESSED, GIVINGS } giving;

typedef struct given {
    rd_source source;
    in_order reader;
    rd_memory frame;
} given;

static void give(given *g, const rd_memory *delta, giving how) {
    *g = (given){.reader = {.bytes = delta}};
    if (how == COMPRESSED && rd_compression_max() > 0)
        g->frame = plain_compressed(delta);
    g->source = how == IN_ORDER ? in_order_source(&g->reader) : bytes_source(g->frame.size > 0 ? &g->frame : delta);
}

/* ---- The patched file -------------------------------------------------------------------------------------------- */

static void patched_file_can_be_read_anywhere(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t run = 0; run < 60; run++) {
        const size_t longest = run % 10 == 0 ? 100000 : run % 3 == 0 ? 3000 : 20;
        plain_delta d = plain_random(&r, random_below(&r, 3 * longest), random_below(&r, 100), longest);
        plain_encode(&d, &r);
        for (giving how = OF_MEMORY; how < GIVINGS; how++) {
            given g;
            rd__operation operation;
            rd__patched patched;
            const rd_source basis = bytes_source(&d.basis);
            give(&g, &d.bytes, how);
            assert_int_equal(rd__operation_start(&operation, NULL, RD_UNKNOWN), RD_OK);
            assert_int_equal(rd__patched_open(&patched, &basis, &g.source, &operation, UINT64_MAX), RD_OK);
            const rd_source whole = rd__patched_source(&patched);
            check_equal(whole.size, d.new_file.size, "run %zu way %d", run, how);
            assert_true(whole.seekable && whole.concurrent);
            for (int i = 0; i < 100; i++) {
                const size_t offset = random_below(&r, d.new_file.size + 2);
                const size_t size = random_below(&r, d.new_file.size - (offset < d.new_file.size ? offset : 0) + 5);
                const size_t from = random_below(&r, offset + 1); /* also by way of a range */
                const rd_source range = rd_source_range(&whole, from, RD_UNKNOWN);
                const size_t due = offset >= d.new_file.size         ? 0
                                   : size < d.new_file.size - offset ? size
                                                                     : d.new_file.size - offset;
                uint8_t *const data = bytes_new(size);
                size_t got = 0;
                assert_int_equal(rd_source_read(&range, offset - from, data, size, &got, NULL), RD_OK);
                check_equal(got, due, "run %zu way %d offset %zu size %zu", run, how, offset, size);
                if (due > 0)
                    check_bytes(data, got, d.new_file.data + offset, due, "run %zu way %d offset %zu", run, how,
                                offset);
                free(data);
            }
            rd__patched_close(&patched);
            (void)rd__operation_end(&operation, RD_OK);
            rd_memory_free(&g.frame);
        }
        plain_free(&d);
    }
}

/* ---- The reverse delta ------------------------------------------------------------------------------------------- */

static rd_memory diff_of(const rd_memory *one, const rd_memory *other, rd_options options) {
    rd_memory made = {0};
    const rd_source from = bytes_source(one);
    const rd_source to = bytes_source(other);
    const rd_sink sink = rd_sink_memory(&made);
    options.size = sizeof options;
    assert_int_equal(rd_diff_make(&from, &to, &sink, &options), RD_OK);
    return made;
}

/* Whatever way, that is what comes out. */
static void check_reverse(const rd_memory *basis, const rd_memory *delta, const rd_memory *new_file, rd_options options,
                          const char *name) {
    rd_memory due = diff_of(new_file, basis, options);
    for (giving how = OF_MEMORY; how < GIVINGS; how++) {
        given g;
        rd_memory made = {0};
        rd_error error = {.result = RD_OK};
        rd_stats stats = {.size = sizeof stats};
        const rd_source source = bytes_source(basis);
        const rd_sink sink = rd_sink_memory(&made);
        give(&g, delta, how);
        rd_options o = options;
        o.size = sizeof o;
        o.threads = (unsigned)how + 1;
        o.error = &error;
        o.stats = &stats;
        check_equal(rd_delta_reverse(&source, &g.source, &sink, &o), RD_OK, "%s, way %d: %s", name, how,
                    error.reason ? error.reason : "");
        check_memory(made, due, "%s, way %d", name, how);
        check_equal(stats.out_bytes, made.size, "%s, way %d", name, how);
        if (options.verify != RD_VERIFY_NEVER)
            check_equal(stats.basis_size, new_file->size, "%s, way %d", name, how);
        rd_memory back = patched(new_file, &made);
        check_memory(back, *basis, "%s, way %d", name, how);
        rd_memory_free(&back);
        rd_memory_free(&made);
        rd_memory_free(&g.frame);
    }
    rd_memory_free(&due);
}

static void reverse_is_the_diff_of_the_files(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 5000, 300000, 5000000};
    random_source r = random_from(2);
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        rd_memory old_file = bytes_random(&r, sizes[i], 256);
        rd_memory new_file = bytes_edited(&r, &old_file, sizes[i] + sizes[i] / 9, 256);
        rd_signature *const signature = loaded_signature_of(&old_file, (rd_params){.block_len = 200});
        rd_memory by_diff = diff_of(&old_file, &new_file, (rd_options){0});
        rd_memory by_signature = delta_of(signature, &new_file, NULL);
        rd_memory dense = dense_of(&old_file, &new_file);
        rd_memory emptied = diff_of(&old_file, &(rd_memory){0}, (rd_options){0});
        check_reverse(&old_file, &by_diff, &new_file, (rd_options){0}, "of a diff");
        check_reverse(&old_file, &by_diff, &new_file, (rd_options){.verify = RD_VERIFY_NEVER}, "without trailers");
        check_reverse(&old_file, &by_signature, &new_file, (rd_options){.verify = RD_VERIFY_ALWAYS}, "of a signature");
        check_reverse(&old_file, &emptied, &(rd_memory){0}, (rd_options){0}, "to nothing");
        check_reverse(&old_file, &dense, &new_file, (rd_options){0}, "of a dense delta");
        if (rd_compression_max() > 0)
            check_reverse(&old_file, &by_diff, &new_file, (rd_options){.compression = 3}, "compressed");
        rd_memory_free(&dense);
        rd_memory_free(&emptied);
        rd_memory_free(&by_signature);
        rd_memory_free(&by_diff);
        rd_signature_free(signature);
        rd_memory_free(&new_file);
        rd_memory_free(&old_file);
    }
}

static void deltas_of_any_form_are_reversed(void **state) {
    (void)state;
    random_source r = random_from(3);
    for (size_t run = 0; run < 60; run++) {
        plain_delta d = plain_random(&r, random_below(&r, 5000), random_below(&r, 200), 300);
        plain_encode(&d, &r);
        check_reverse(&d.basis, &d.bytes, &d.new_file, (rd_options){0}, "no trailer");
        plain_seal_with_basis(&d);
        check_reverse(&d.basis, &d.bytes, &d.new_file, (rd_options){0}, "with a trailer");
        plain_free(&d);
    }
}

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

typedef struct outcome {
    rd_result result;
    rd_error error;
    rd_stats stats;
    uint64_t written;
} outcome;

static rd_result count_written(void *context, const void *data, size_t size) {
    (void)data;
    *(uint64_t *)context += size;
    return RD_OK;
}

static outcome reverse(const rd_source *basis, const rd_source *delta, rd_options options) {
    outcome o = {.stats.size = sizeof(rd_stats)};
    const rd_sink sink = rd_sink_callback(count_written, &o.written);
    options.size = sizeof options;
    options.error = &o.error;
    options.stats = &o.stats;
    o.result = rd_delta_reverse(basis, delta, &sink, &options);
    return o;
}

static outcome reverse_of(const rd_memory *basis, const rd_memory *delta, rd_options options) {
    const rd_source from = bytes_source(basis);
    const rd_source commands = bytes_source(delta);
    return reverse(&from, &commands, options);
}

static void check_failure(const outcome *o, rd_result result, rd_role role, const char *name) {
    check_equal(o->result, result, "%s: %s", name, o->error.reason ? o->error.reason : "no failure");
    check_equal(o->error.role, role, "%s: %s", name, o->error.reason);
}

typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory delta; /* it knows its basis */
    rd_memory bare;  /* without a trailer */
} material;

/* The first bytes of the basis are not copied. */
static material material_new(uint64_t seed) {
    random_source r = random_from(seed);
    material m = {.basis = bytes_random(&r, 200000, 256)};
    m.new_file = bytes_copy(m.basis.data + 1000, m.basis.size - 1000);
    for (size_t at = 500; at < m.new_file.size; at += 3000)
        m.new_file.data[at] ^= 1;
    m.delta = diff_of(&m.basis, &m.new_file, (rd_options){0});
    m.bare = diff_of(&m.basis, &m.new_file, (rd_options){.verify = RD_VERIFY_NEVER});
    return m;
}

static void material_free(material *m) {
    rd_memory_free(&m->basis);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->delta);
    rd_memory_free(&m->bare);
}

static void wrong_basis_and_altered_delta_are_told_apart(void **state) {
    (void)state;
    material m = material_new(4);
    outcome o;
    m.basis.data[10] ^= 1; /* which the delta does not copy */
    o = reverse_of(&m.basis, &m.delta, (rd_options){0});
    check_failure(&o, RD_E_MISMATCH, RD_ROLE_BASIS, "a byte that is not copied");
    assert_string_equal(o.error.reason, "this is not the basis of the delta: its contents differ");
    m.basis.data[10] ^= 1;
    m.basis.data[5000] ^= 1;
    o = reverse_of(&m.basis, &m.delta, (rd_options){0});
    check_failure(&o, RD_E_MISMATCH, RD_ROLE_BASIS, "a byte that is copied");
    assert_string_equal(o.error.reason, "this is not the basis of the delta: its contents differ");
    o = reverse_of(&m.basis, &m.delta, (rd_options){.verify = RD_VERIFY_NEVER});
    assert_int_equal(o.result, RD_OK);
    m.basis.data[5000] ^= 1;
    m.delta.data[m.delta.size - RD_TRAILER_BASIS_LEN + 30] ^= 1; /* of the digest of the new file */
    o = reverse_of(&m.basis, &m.delta, (rd_options){0});
    check_failure(&o, RD_E_MISMATCH, RD_ROLE_DELTA, "an altered delta");
    assert_string_equal(o.error.reason,
                        "the delta was altered: from its basis, it makes another file than its trailer is about");
    material_free(&m);
}

static void basis_of_another_length_is_told_before_anything_is_written(void **state) {
    (void)state;
    material m = material_new(5);
    m.basis.size--;
    outcome o = reverse_of(&m.basis, &m.delta, (rd_options){0});
    check_failure(&o, RD_E_MISMATCH, RD_ROLE_BASIS, "shorter");
    assert_string_equal(o.error.reason, "this is not the basis of the delta: its length differs");
    assert_true(o.written == 0);
    o = reverse_of(&m.basis, &m.bare, (rd_options){0}); /* a copy shows it */
    check_failure(&o, RD_E_MISMATCH, RD_ROLE_BASIS, "shorter, without a trailer");
    o = reverse_of(&m.basis, &m.bare, (rd_options){.verify = RD_VERIFY_NEVER});
    check_failure(&o, RD_E_TRUNCATED, RD_ROLE_BASIS, "shorter, not verified");
    m.basis.size++;
    material_free(&m);
}

static void basis_that_the_delta_does_not_know_is_verified_by_the_result(void **state) {
    (void)state;
    material m = material_new(6);
    rd_signature *const signature = loaded_signature_of(&m.basis, (rd_params){.block_len = 500});
    rd_memory delta = delta_of(signature, &m.new_file, NULL);
    m.basis.data[150000] ^= 1;
    outcome o = reverse_of(&m.basis, &delta, (rd_options){0});
    check_failure(&o, RD_E_MISMATCH, RD_ROLE_BASIS, "another basis");
    rd_memory_free(&delta);
    rd_signature_free(signature);
    material_free(&m);
}

static void broken_deltas_are_refused_before_anything_is_written(void **state) {
    (void)state;
    material m = material_new(7);
    outcome o;
    o = reverse_of(&m.basis, &m.bare, (rd_options){.verify = RD_VERIFY_ALWAYS});
    check_failure(&o, RD_E_UNVERIFIED, RD_ROLE_DELTA, "no trailer");
    assert_true(o.written == 0);
    m.bare.size--;
    o = reverse_of(&m.basis, &m.bare, (rd_options){0});
    check_failure(&o, RD_E_TRUNCATED, RD_ROLE_DELTA, "no END");
    assert_true(o.written == 0);
    m.bare.data[4] = 0x60;
    o = reverse_of(&m.basis, &m.bare, (rd_options){0});
    check_failure(&o, RD_E_CORRUPT, RD_ROLE_DELTA, "opcode");
    assert_true(o.written == 0);
    m.bare.data[0] ^= 1;
    o = reverse_of(&m.basis, &m.bare, (rd_options){0});
    check_failure(&o, RD_E_MAGIC, RD_ROLE_DELTA, "magic");
    const rd_source delta = bytes_source(&m.delta);
    in_order reader = {.bytes = &m.basis};
    const rd_source pipe = in_order_source(&reader);
    o = reverse(&pipe, &delta, (rd_options){0});
    check_failure(&o, RD_E_IO, RD_ROLE_BASIS, "a pipe");
    material_free(&m);
}

static void what_is_kept_and_what_is_written_have_limits(void **state) {
    (void)state;
    rd_memory basis = bytes_random(&(random_source){8}, 2000000, 256);
    rd_memory delta = delta_of(NULL, &basis, NULL);
    rd_memory nothing = {0};
    const rd_source from = bytes_source(&nothing);
    in_order reader = {.bytes = &delta};
    const rd_source pipe = in_order_source(&reader);
    outcome o = reverse_of(&nothing, &delta, (rd_options){.limits.memory = 1000000});
    assert_int_equal(o.result, RD_OK);
    const uint64_t size = o.written;
    o = reverse(&from, &pipe, (rd_options){.limits.memory = 1000000});
    check_failure(&o, RD_E_LIMIT, RD_ROLE_DELTA, "a pipe");
    assert_true(o.written == 0);
    o = reverse_of(&nothing, &delta, (rd_options){.limits.output = size});
    assert_int_equal(o.result, RD_OK);
    o = reverse_of(&nothing, &delta, (rd_options){.limits.output = size - 1});
    check_failure(&o, RD_E_LIMIT, RD_ROLE_OUTPUT, "output");
    rd_memory_free(&delta);
    rd_memory_free(&basis);
}

/* A file that fails to be read, by any thread, from some byte on. */
typedef struct failing {
    const rd_memory *bytes;
    uint64_t from;
    uint64_t reads; /* before it fails, at least */
} failing;

static rd_result failing_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    failing *const f = context;
    const uint64_t reads = __atomic_fetch_add(&f->reads, 1, __ATOMIC_RELAXED);
    if (offset + size > f->from && reads > 3)
        return RD_E_IO;
    *got = offset >= f->bytes->size ? 0 : size < f->bytes->size - offset ? size : (size_t)(f->bytes->size - offset);
    if (*got > 0)
        memcpy(data, f->bytes->data + offset, *got);
    return RD_OK;
}

/* Through the patched file, the basis and the delta keep their roles. */
static void file_that_cannot_be_read_is_named(void **state) {
    (void)state;
    material m = material_new(9);
    rd_memory nothing = {0};
    rd_memory literals = delta_of(NULL, &m.basis, NULL);
    for (unsigned flags = RD_SEEKABLE; flags <= (RD_SEEKABLE | RD_CONCURRENT); flags += RD_CONCURRENT) {
        for (unsigned threads = 1; threads <= 3; threads++) {
            failing f = {.bytes = &m.basis, .from = 100000};
            failing g = {.bytes = &literals, .from = 100000};
            const rd_source basis = rd_source_callback(failing_read, &f, m.basis.size, flags);
            const rd_source delta = bytes_source(&m.bare);
            outcome o = reverse(&basis, &delta, (rd_options){.threads = threads});
            check_failure(&o, RD_E_IO, RD_ROLE_BASIS, "the basis");
            const rd_source no_basis = bytes_source(&nothing);
            const rd_source broken = rd_source_callback(failing_read, &g, literals.size, flags);
            o = reverse(&no_basis, &broken, (rd_options){.threads = threads});
            check_failure(&o, RD_E_IO, RD_ROLE_DELTA, "the delta");
        }
    }
    rd_memory_free(&literals);
    material_free(&m);
}

typedef struct progress {
    uint64_t calls;
    uint64_t most; /* after which it cancels */
    uint64_t done;
    uint64_t total;
} progress;

static bool watch_progress(void *context, uint64_t done, uint64_t total) {
    progress *const p = context;
    assert_true(done >= p->done);
    p->done = done;
    p->total = total;
    return ++p->calls <= p->most;
}

static void progress_counts_all_three_files_and_cancels(void **state) {
    (void)state;
    material m = material_new(10);
    progress p = {.most = UINT64_MAX};
    outcome o = reverse_of(&m.basis, &m.delta, (rd_options){.progress = watch_progress, .progress_context = &p});
    assert_int_equal(o.result, RD_OK);
    assert_true(p.total == m.basis.size + m.new_file.size + m.delta.size);
    assert_true(p.done == p.total);
    for (uint64_t calls = p.calls; calls-- > 0;) {
        progress q = {.most = calls};
        o = reverse_of(&m.basis, &m.delta, (rd_options){.progress = watch_progress, .progress_context = &q});
        check_equal(o.result, RD_E_CANCELLED, "after %d calls", (int)calls);
    }
    material_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patched_file_can_be_read_anywhere),
        cmocka_unit_test(reverse_is_the_diff_of_the_files),
        cmocka_unit_test(deltas_of_any_form_are_reversed),
        cmocka_unit_test(wrong_basis_and_altered_delta_are_told_apart),
        cmocka_unit_test(basis_of_another_length_is_told_before_anything_is_written),
        cmocka_unit_test(basis_that_the_delta_does_not_know_is_verified_by_the_result),
        cmocka_unit_test(broken_deltas_are_refused_before_anything_is_written),
        cmocka_unit_test(what_is_kept_and_what_is_written_have_limits),
        cmocka_unit_test(file_that_cannot_be_read_is_named),
        cmocka_unit_test(progress_counts_all_three_files_and_cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Parts of a delta: joined they are, byte for byte, the delta of the whole file, however it is read, by how many
 * threads, and with which limits; and what does not fit or lies is refused, or makes no more than a delta that is
 * wrong.
 */
#include "chunks.h"

#include "base/bytes.h"
#include "engine/signature.h"
#include "format/delta_part.h"

enum { PARTS_MAX = 64 };

typedef struct parts {
    rd_memory records[PARTS_MAX];
    size_t count;
} parts;

static rd_result make_part(const rd_signature *signature, const rd_source *new_file, uint64_t offset, uint64_t length,
                           rd_options options, rd_memory *record) {
    rd_error error = {.result = RD_OK};
    rd_stats stats = {.size = sizeof stats};
    const rd_sink sink = rd_sink_memory(record);
    options.size = sizeof options;
    options.error = &error;
    options.stats = &stats;
    const rd_result result = rd_delta_part_make(signature, new_file, offset, length, &sink, &options);
    check_equal(error.result, result, "offset %llu", (unsigned long long)offset);
    check_equal(stats.out_bytes, record->size, "offset %llu", (unsigned long long)offset);
    if (result == RD_OK)
        check_equal(stats.blocks, signature ? rd_signature_count(signature) : 0, "blocks");
    return result;
}

/* Parts of random whole numbers of windows, as many as there may be at most. */
static parts parts_of(const rd_signature *signature, const rd_source *new_file, random_source *r, rd_options options) {
    const uint64_t grid = rd_delta_part_grid(signature);
    parts made = {.count = 0};
    uint64_t at = 0;
    for (bool last = false; !last; made.count++) {
        const uint64_t length = (1 + random_below(r, 3)) * grid;
        last = made.count + 1 == PARTS_MAX || at + length >= new_file->size || random_below(r, 20) == 0;
        memset(&made.records[made.count], 0, sizeof made.records[made.count]);
        assert_int_equal(
            make_part(signature, new_file, at, last ? RD_UNKNOWN : length, options, &made.records[made.count]), RD_OK);
        at += length;
    }
    return made;
}

static void parts_free(parts *p) {
    for (size_t i = 0; i < p->count; i++)
        rd_memory_free(&p->records[i]);
    p->count = 0;
}

static rd_result join(const rd_signature *signature, const parts *p, const rd_source *new_file, rd_options options,
                      rd_memory *made, rd_error *error, rd_stats *stats) {
    rd_source sources[PARTS_MAX];
    const rd_sink sink = rd_sink_memory(made);
    *error = (rd_error){.result = RD_OK};
    *stats = (rd_stats){.size = sizeof *stats};
    options.size = sizeof options;
    options.error = error;
    options.stats = stats;
    for (size_t i = 0; i < p->count; i++)
        sources[i] = bytes_source(&p->records[i]);
    const rd_result result = rd_delta_join(signature, sources, p->count, new_file, &sink, &options);
    assert_int_equal(error->result, result);
    assert_true(result == RD_OK || error->reason);
    return result;
}

/* A pair of files whose blocks are often equal, and for a byte or two not on the same grid. */
static void random_pair(random_source *r, uint32_t block_len, rd_memory *basis, rd_memory *new_file) {
    static const unsigned alphabets[] = {1, 2, 256};
    const unsigned alphabet = alphabets[random_below(r, 3)];
    *basis = bytes_random(r, random_below(r, 40 * block_len + 2000), alphabet);
    *new_file = bytes_edited(r, basis, random_below(r, 200 * block_len + 20000), alphabet);
}

static void parts_join_to_the_delta(void **state) {
    (void)state;
    static const uint32_t lengths[] = {1, 3, 63, 64, 100, 128, 129, 500, 1000};
    random_source r = random_from(1);
    for (size_t run = 0; run < 400; run++) {
        rd_memory basis, new_file;
        const uint32_t block_len = lengths[random_below(&r, ITEMS(lengths))];
        const rd_params params = {.weak = (rd_weak)random_below(&r, 2),
                                  .strong = (rd_strong)random_below(&r, 2),
                                  .block_len = block_len,
                                  .strong_len = 1 + (int32_t)random_below(&r, 16)};
        random_pair(&r, block_len, &basis, &new_file);
        rd_signature *const signature = run % 10 == 0 ? NULL : loaded_signature_of(&basis, params);
        const rd_options options = {.threads = (unsigned)(1 + random_below(&r, 4)),
                                    .verify = random_below(&r, 4) == 0 ? RD_VERIFY_NEVER : RD_VERIFY_DEFAULT};
        chunks reader = chunks_of(&new_file, 5000, false);
        rd_source source = bytes_source(&new_file);
        if (random_below(&r, 3) == 0) { /* only the calling thread reads */
            source = chunks_source(&reader);
            source.size = new_file.size;
        }
        parts p = parts_of(signature, &source, &r, options);
        rd_memory expected = {0};
        rd_memory made = {0};
        rd_error error;
        rd_stats stats;
        rd_stats expected_stats = {.size = sizeof expected_stats};
        const rd_sink sink = rd_sink_memory(&expected);
        const rd_source whole = bytes_source(&new_file);
        assert_int_equal(rd_delta_make(signature, &whole, &sink,
                                       &(rd_options){OPTIONS, .verify = options.verify, .stats = &expected_stats}),
                         RD_OK);
        check_equal(join(signature, &p, &source, options, &made, &error, &stats), RD_OK, "run %zu: %s", run,
                    error.reason ? error.reason : "");
        check_memory(made, expected, "run %zu: %zu parts, blocks of %u", run, p.count, block_len);
        check_equal(stats.copy_bytes, expected_stats.copy_bytes, "run %zu", run);
        check_equal(stats.literal_bytes, expected_stats.literal_bytes, "run %zu", run);
        check_equal(stats.identical, expected_stats.identical, "run %zu", run);
        check_equal(stats.in_bytes, new_file.size, "run %zu", run);
        check_equal(stats.has_digest, options.verify == RD_VERIFY_DEFAULT, "run %zu", run);
        parts_free(&p);
        rd_memory_free(&expected);
        rd_memory_free(&made);
        rd_signature_free(signature);
        rd_memory_free(&basis);
        rd_memory_free(&new_file);
    }
}

typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_signature *signature;
    parts parts;
} material;

static material material_new(void) {
    random_source r = random_from(2);
    material m;
    m.basis = bytes_random(&r, 60000, 256);
    m.new_file = bytes_edited(&r, &m.basis, 60000, 256);
    m.signature = loaded_signature_of(&m.basis, (rd_params){.block_len = 100, .strong_len = 16});
    const rd_source source = bytes_source(&m.new_file);
    m.parts = parts_of(m.signature, &source, &r, (rd_options){.threads = 1});
    assert_true(m.parts.count > 3);
    return m;
}

static void material_free(material *m) {
    parts_free(&m->parts);
    rd_signature_free(m->signature);
    rd_memory_free(&m->new_file);
    rd_memory_free(&m->basis);
}

static void check_join(const material *m, const parts *p, const rd_memory *new_file, rd_options options,
                       rd_result expected, const char *reason) {
    rd_memory made = {0};
    rd_error error;
    rd_stats stats;
    const rd_source source = bytes_source(new_file);
    const rd_result result = join(m->signature, p, &source, options, &made, &error, &stats);
    check_equal(result, expected, "%s: %s", reason, error.reason ? error.reason : "");
    if (result != RD_OK)
        check_true(strstr(error.reason, reason) != NULL, "%s: %s", reason, error.reason);
    rd_memory_free(&made);
}

static void parts_that_do_not_fit_are_refused(void **state) {
    (void)state;
    material m = material_new();
    const size_t count = m.parts.count;
    parts p = m.parts;
    check_join(&m, &p, &m.new_file, (rd_options){0}, RD_OK, "all");
    p.count = count - 1;
    check_join(&m, &p, &m.new_file, (rd_options){0}, RD_E_PARAMETER, "do not reach");
    p.count = 0;
    check_join(&m, &p, &m.new_file, (rd_options){0}, RD_E_PARAMETER, "do not reach");
    p.count = count;
    p.records[1] = m.parts.records[2];
    check_join(&m, &p, &m.new_file, (rd_options){0}, RD_E_PARAMETER, "does not start where");
    p.records[1] = m.parts.records[1];
    p.records[0] = m.parts.records[1];
    check_join(&m, &p, &m.new_file, (rd_options){0}, RD_E_PARAMETER, "does not start where");
    rd_memory shorter = m.new_file;
    shorter.size--;
    check_join(&m, &m.parts, &shorter, (rd_options){0}, RD_E_CHANGED, "its size is another one");
    check_join(&m, &m.parts, &m.new_file, (rd_options){.limits.memory = 1000}, RD_E_LIMIT, "memory");
    check_join(&m, &m.parts, &m.new_file, (rd_options){.limits.output = 100}, RD_E_LIMIT, "larger than is allowed");
    material_free(&m);
}

/* Every byte that is literal, one after the other, in steps; and copied ones, which are not looked at. */
static void changed_literals_are_noticed(void **state) {
    (void)state;
    material m = material_new();
    rd_memory made = {0};
    rd_error error;
    rd_stats stats;
    const rd_source source = bytes_source(&m.new_file);
    assert_int_equal(join(m.signature, &m.parts, &source, (rd_options){0}, &made, &error, &stats), RD_OK);
    rd_ops *ops = NULL;
    rd_op op;
    const rd_source delta = bytes_source(&made);
    assert_int_equal(rd_ops_open(&ops, &delta, NULL), RD_OK);
    size_t literals = 0;
    while (rd_ops_next(ops, &op) == RD_MORE) {
        const size_t at = (size_t)(op.target_offset + op.length / 2);
        literals += op.kind == RD_LITERAL;
        m.new_file.data[at] ^= 0x10;
        check_join(&m, &m.parts, &m.new_file, (rd_options){0}, op.kind == RD_LITERAL ? RD_E_CHANGED : RD_OK,
                   "changed since the part was made");
        m.new_file.data[at] ^= 0x10;
    }
    assert_true(literals > 3);
    rd_ops_close(ops);
    rd_memory_free(&made);
    material_free(&m);
}

static void a_part_of_another_signature_is_refused(void **state) {
    (void)state;
    material m = material_new();
    m.basis.data[m.basis.size - 1] ^= 1;
    rd_signature *const other = loaded_signature_of(&m.basis, (rd_params){.block_len = 100, .strong_len = 16});
    rd_signature *const own = m.signature;
    m.signature = other;
    check_join(&m, &m.parts, &m.new_file, (rd_options){0}, RD_E_PARAMETER, "another signature");
    m.signature = NULL;
    check_join(&m, &m.parts, &m.new_file, (rd_options){0}, RD_E_PARAMETER, "another signature");
    m.signature = own;
    rd_signature_free(other);
    material_free(&m);
}

/* A signature says the same of itself however often it is asked, and so does an equal one. */
static void equal_signatures_have_one_identity(void **state) {
    (void)state;
    random_source r = random_from(3);
    for (size_t blocks = 0; blocks < 3000; blocks += 1 + random_below(&r, 400)) {
        rd_memory basis = bytes_random(&r, blocks * 8, 256);
        const rd_params params = {.block_len = 8, .strong_len = 1 + (int32_t)random_below(&r, 32)};
        rd_memory bytes = signature_of(&basis, params);
        rd_signature *const signature = loaded(&bytes);
        uint8_t digest[RD_DIGEST_LEN];
        uint8_t identity[RD__IDENTITY];
        const rd_source source = bytes_source(&bytes);
        assert_int_equal(rd_digest(&source, digest, NULL), RD_OK);
        for (int i = 0; i < 2; i++) {
            rd__signature_identity(signature, identity);
            check_bytes(identity, sizeof identity, digest, sizeof identity, "%zu blocks", blocks);
        }
        rd_signature_free(signature);
        rd_memory_free(&bytes);
        rd_memory_free(&basis);
    }
}

static void ranges_that_are_none_are_refused(void **state) {
    (void)state;
    material m = material_new();
    const uint64_t grid = rd_delta_part_grid(m.signature);
    const rd_source source = bytes_source(&m.new_file);
    const uint64_t ranges[][2] = {{1, RD_UNKNOWN},  {0, 1},          {grid, grid + 1},
                                  {grid / 2, grid}, {grid << 20, 0}, {UINT64_MAX - grid + 1, grid}};
    for (size_t i = 0; i < ITEMS(ranges); i++) {
        rd_memory none = {0};
        check_equal(make_part(m.signature, &source, ranges[i][0], ranges[i][1], (rd_options){0}, &none), RD_E_PARAMETER,
                    "range %zu", i);
        check_equal(none.size, 0, "range %zu", i);
        rd_memory_free(&none);
    }
    rd_memory none = {0};
    in_order pipe = {.bytes = &m.new_file};
    const rd_source from_pipe = in_order_source(&pipe);
    check_equal(make_part(m.signature, &from_pipe, 0, RD_UNKNOWN, (rd_options){0}, &none), RD_E_PARAMETER, "pipe");
    chunks reader = chunks_of(&m.new_file, 5000, false);
    rd_source unknown = chunks_source(&reader);
    unknown.size = RD_UNKNOWN;
    check_equal(make_part(m.signature, &unknown, 0, RD_UNKNOWN, (rd_options){0}, &none), RD_E_PARAMETER, "size");
    check_equal(make_part(m.signature, &source, 0, RD_UNKNOWN, (rd_options){.limits.memory = 100}, &none), RD_E_LIMIT,
                "memory");
    rd_memory_free(&none);
    material_free(&m);
}

static void a_new_file_that_fails_is_told(void **state) {
    (void)state;
    material m = material_new();
    for (uint64_t at = 0; at < m.new_file.size; at += 9000) {
        chunks reader = chunks_of(&m.new_file, 5000, false);
        reader.fails = true;
        reader.fails_at = at;
        reader.failure = RD_E_IO;
        reader.error_number = EISDIR;
        rd_source source = chunks_source(&reader);
        source.size = m.new_file.size;
        rd_memory record = {0};
        rd_memory made = {0};
        rd_error error;
        rd_stats stats;
        check_equal(make_part(m.signature, &source, 0, RD_UNKNOWN, (rd_options){0}, &record), RD_E_IO, "at %llu",
                    (unsigned long long)at);
        const rd_result result = join(m.signature, &m.parts, &source, (rd_options){0}, &made, &error, &stats);
        check_true(result == RD_E_IO || result == RD_OK, "at %llu", (unsigned long long)at); /* it may not be read */
        rd_memory_free(&record);
        rd_memory_free(&made);
    }
    material_free(&m);
}

typedef struct told {
    uint64_t done;
    uint64_t total;
    size_t calls;
    size_t cancels_at;
} told;

static bool tell(void *context, uint64_t done, uint64_t total) {
    told *const t = context;
    assert_true(done >= t->done);
    assert_true(done <= total);
    t->done = done;
    t->total = total;
    return ++t->calls != t->cancels_at;
}

static void progress_grows_and_cancels(void **state) {
    (void)state;
    material m = material_new();
    const rd_source source = bytes_source(&m.new_file);
    const uint64_t grid = rd_delta_part_grid(m.signature);
    rd_memory record = {0};
    rd_memory made = {0};
    rd_error error;
    rd_stats stats;
    told t = {0};
    const rd_options options = {.progress = tell, .progress_context = &t};
    assert_int_equal(make_part(m.signature, &source, grid, 3 * grid, options, &record), RD_OK);
    assert_int_equal(t.done, 3 * grid);
    assert_int_equal(t.total, 3 * grid);
    t = (told){0};
    assert_int_equal(join(m.signature, &m.parts, &source, options, &made, &error, &stats), RD_OK);
    assert_int_equal(t.done, m.new_file.size);
    assert_int_equal(t.total, m.new_file.size);
    const size_t calls = t.calls;
    for (size_t i = 1; i <= calls; i++) {
        t = (told){.cancels_at = i};
        check_equal(join(m.signature, &m.parts, &source, options, &made, &error, &stats), RD_E_CANCELLED, "call %zu",
                    i);
    }
    rd_memory_free(&record);
    record = (rd_memory){0};
    t = (told){.cancels_at = 1};
    assert_int_equal(make_part(m.signature, &source, grid, 3 * grid, options, &record), RD_E_CANCELLED);
    rd_memory_free(&record);
    rd_memory_free(&made);
    material_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_join_to_the_delta),
        cmocka_unit_test(parts_that_do_not_fit_are_refused),
        cmocka_unit_test(changed_literals_are_noticed),
        cmocka_unit_test(a_part_of_another_signature_is_refused),
        cmocka_unit_test(equal_signatures_have_one_identity),
        cmocka_unit_test(ranges_that_are_none_are_refused),
        cmocka_unit_test(a_new_file_that_fails_is_told),
        cmocka_unit_test(progress_grows_and_cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

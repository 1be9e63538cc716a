/*
 * rd_delta_merge against a second way to find out what the last file consists of: byte by byte, where does it come
 * from? The ops that follow from that, by the second encoder of plain_delta.h, are the bytes that must come out.
 */
#define _GNU_SOURCE
#include "dense.h"
#include "plain_delta.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { CHAIN_MAX = 12 };

typedef struct chain {
    plain_delta deltas[CHAIN_MAX];
    size_t count;
    plain_delta merged; /* what is expected, from the first basis to the last file */
} chain;

/* What trailers there are. */
typedef enum sealing { BARE, SEALED, KNOWING, SEALINGS } sealing;

static void seal(plain_delta *d, sealing how) {
    if (how == SEALED)
        plain_seal(d);
    else if (how == KNOWING)
        plain_seal_with_basis(d);
}

/* Where the bytes of the last file come from: offsets in the first basis, or RD_UNKNOWN for new bytes. To be freed. */
static uint64_t *origins_of(const chain *c) {
    const rd_memory *const first = &c->deltas[0].basis;
    uint64_t *before = calloc(first->size + 1, sizeof *before);
    assert_non_null(before);
    for (size_t i = 0; i < first->size; i++)
        before[i] = i;
    for (size_t n = 0; n < c->count; n++) {
        const plain_delta *const d = &c->deltas[n];
        uint64_t *const after = calloc(d->new_file.size + 1, sizeof *after);
        assert_non_null(after);
        for (size_t k = 0; k < d->count; k++)
            for (uint64_t i = 0; i < d->ops[k].length; i++)
                after[d->ops[k].target_offset + i] =
                    d->ops[k].kind == RD_COPY ? before[d->ops[k].basis_offset + i] : RD_UNKNOWN;
        free(before);
        before = after;
    }
    return before;
}

/* The ops that follow from that, as the delta writer makes them. */
static void find_merged(chain *c, sealing first, sealing last) {
    plain_delta *const m = &c->merged;
    const plain_delta *const end = &c->deltas[c->count - 1];
    uint64_t *const origins = origins_of(c);
    m->basis = bytes_copy(c->deltas[0].basis.data, c->deltas[0].basis.size);
    m->new_file = bytes_copy(end->new_file.data, end->new_file.size);
    m->ops = malloc((m->new_file.size + 1) * sizeof *m->ops);
    m->literal_at = malloc(sizeof *m->literal_at);
    assert_non_null(m->ops);
    for (size_t at = 0; at < m->new_file.size; at++) {
        const bool copies = origins[at] != RD_UNKNOWN;
        rd_op *const op = m->count > 0 ? &m->ops[m->count - 1] : NULL;
        const bool continues = op && (copies ? op->kind == RD_COPY && op->basis_offset + op->length == origins[at]
                                             : op->kind == RD_LITERAL);
        if (continues)
            op->length++;
        else
            m->ops[m->count++] = (rd_op){.kind = copies ? RD_COPY : RD_LITERAL,
                                         .target_offset = at,
                                         .length = 1,
                                         .basis_offset = copies ? origins[at] : 0};
    }
    plain_normalise(m);
    plain_encode(m, NULL);
    if (last != BARE)
        seal(m, first == KNOWING ? KNOWING : SEALED);
    free(origins);
}

static chain chain_new(random_source *r, size_t count, size_t ops, size_t longest, sealing first, sealing last) {
    chain c = {.count = count};
    rd_memory basis = bytes_random(r, random_below(r, 3 * longest), 256);
    assert_true(count <= CHAIN_MAX);
    for (size_t i = 0; i < count; i++) {
        plain_delta *const d = &c.deltas[i];
        *d = plain_random_over(r, basis, random_below(r, ops), longest);
        plain_encode(d, random_below(r, 2) == 0 ? r : NULL);
        const sealing between = (sealing)random_below(r, SEALINGS);
        const sealing only = last == BARE ? BARE : first == KNOWING ? KNOWING : SEALED;
        seal(d, count == 1 ? only : i + 1 == count ? last : i == 0 ? first : between);
        basis = bytes_copy(d->new_file.data, d->new_file.size);
    }
    rd_memory_free(&basis);
    find_merged(&c, first, last);
    return c;
}

static void chain_free(chain *c) {
    for (size_t i = 0; i < c->count; i++)
        plain_free(&c->deltas[i]);
    plain_free(&c->merged);
}

/* How a delta is given. */
typedef enum giving { OF_MEMORY, IN_ORDER, COMPRESSED, GIVINGS } giving;

typedef struct given {
    rd_source sources[CHAIN_MAX];
    in_order readers[CHAIN_MAX];
    rd_memory frames[CHAIN_MAX];
} given;

static void give(given *g, const chain *c, random_source *r, int how) {
    memset(g, 0, sizeof *g);
    for (size_t i = 0; i < c->count; i++) {
        giving this_one = how < GIVINGS ? (giving)how : (giving)random_below(r, GIVINGS);
        if (this_one == COMPRESSED && rd_compression_max() == 0)
            this_one = IN_ORDER;
        g->readers[i] = (in_order){.bytes = &c->deltas[i].bytes};
        if (this_one == COMPRESSED)
            g->frames[i] = plain_compressed(&c->deltas[i].bytes);
        g->sources[i] = this_one == OF_MEMORY  ? bytes_source(&c->deltas[i].bytes)
                        : this_one == IN_ORDER ? in_order_source(&g->readers[i])
                                               : bytes_source(&g->frames[i]);
    }
}

static void take_back(given *g, const chain *c) {
    for (size_t i = 0; i < c->count; i++)
        rd_memory_free(&g->frames[i]);
}

static void merged_is_what_the_bytes_say(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t run = 0; run < 300; run++) {
        const size_t longest = run % 50 == 0 ? 100000 : run % 3 == 0 ? 2000 : 30;
        const sealing first = (sealing)(run % SEALINGS);
        const sealing last = (sealing)(run / SEALINGS % SEALINGS);
        chain c = chain_new(&r, 1 + random_below(&r, run % 20 == 0 ? CHAIN_MAX : 4), 40, longest, first, last);
        const bool knows = c.merged.stats.has_basis_digest;
        for (int how = 0; how <= GIVINGS; how++) {
            given g;
            rd_memory made = {0};
            rd_stats stats = {.size = sizeof stats};
            rd_error error = {.result = RD_OK};
            const rd_sink sink = rd_sink_memory(&made);
            const rd_source basis = bytes_source(&c.deltas[0].basis);
            give(&g, &c, &r, how);
            check_equal(rd_delta_merge(g.sources, c.count, run % 2 ? &basis : NULL, &sink,
                                       &(rd_options){OPTIONS, .stats = &stats, .error = &error}),
                        RD_OK, "run %zu way %d: %s", run, how, error.reason ? error.reason : "");
            check_memory(made, c.merged.bytes, "run %zu way %d", run, how);
            check_op_stats(stats, c.merged.stats, "run %zu way %d", run, how);
            check_equal(stats.has_basis_digest, knows, "run %zu", run);
            check_equal(stats.basis_size, c.merged.stats.basis_size, "run %zu", run);
            check_equal(stats.out_bytes, made.size, "run %zu", run);
            check_equal(rd_stats_delta_size(&stats), made.size, "run %zu", run);
            check_equal(stats.delta_index, 0, "run %zu", run);
            rd_memory patch = patched(&c.deltas[0].basis, &made);
            check_memory(patch, c.merged.new_file, "run %zu", run);
            rd_memory_free(&patch);
            rd_memory_free(&made);
            take_back(&g, &c);
        }
        chain_free(&c);
    }
}

/* Literals much longer than what is read at once, of which two ranges are needed that lie far apart, or overlap. */
static void parts_of_long_literals_are_found(void **state) {
    (void)state;
    random_source r = random_from(2);
    for (size_t run = 0; run < 12; run++) {
        chain c = chain_new(&r, 3, 8, 400000, SEALED, SEALED);
        for (int how = 0; how < GIVINGS; how++) {
            given g;
            rd_memory made = {0};
            const rd_sink sink = rd_sink_memory(&made);
            give(&g, &c, &r, how);
            assert_int_equal(rd_delta_merge(g.sources, c.count, NULL, &sink, NULL), RD_OK);
            check_memory(made, c.merged.bytes, "run %zu way %d", run, how);
            rd_memory_free(&made);
            take_back(&g, &c);
        }
        chain_free(&c);
    }
}

/* ---- Ops by hand ------------------------------------------------------------------------------------------------- */

/* A delta of these copies and no bytes of its own. */
static rd_memory delta_of_copies(const rd_op *copies, size_t count) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    rd_delta_writer *writer = NULL;
    assert_int_equal(rd_delta_writer_new(&writer, &sink, NULL, NULL), RD_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rd_delta_writer_copy(writer, copies[i].basis_offset, copies[i].length), RD_OK);
    assert_int_equal(rd_delta_writer_finish(writer, NULL), RD_OK);
    rd_delta_writer_free(writer);
    return made;
}

static void check_copies(const rd_op *first, size_t first_count, const rd_op *second, size_t second_count,
                         const rd_op *expected, size_t expected_count) {
    rd_memory deltas[2] = {delta_of_copies(first, first_count), delta_of_copies(second, second_count)};
    rd_memory right = delta_of_copies(expected, expected_count);
    const rd_source sources[2] = {bytes_source(&deltas[0]), bytes_source(&deltas[1])};
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    assert_int_equal(rd_delta_merge(sources, 2, NULL, &sink, NULL), RD_OK);
    check_memory(made, right, "copies");
    rd_memory_free(&made);
    rd_memory_free(&right);
    rd_memory_free(&deltas[0]);
    rd_memory_free(&deltas[1]);
}

#define COPY(offset, size)                                                                                             \
    { .kind = RD_COPY, .basis_offset = (offset), .length = (size) }

static void files_of_any_length_are_merged(void **state) {
    (void)state;
    const uint64_t large = (uint64_t)1 << 61;
    const rd_op first[] = {COPY(5, large), COPY(large, large), COPY(0, 100)};
    const rd_op second[] = {COPY(large - 10, 20), COPY(2 * large + 7, 1), COPY(1, large), COPY(0, 2)};
    const rd_op expected[] = {COPY(large - 5, 10), COPY(large, 10), COPY(7, 1),
                              COPY(6, large - 1),  COPY(large, 1),  COPY(5, 2)};
    check_copies(first, ITEMS(first), second, ITEMS(second), expected, ITEMS(expected));
}

/* What one delta takes apart and the next puts together again is one copy, also by way of a third. */
static void pieces_that_meet_again_are_one_copy(void **state) {
    (void)state;
    const rd_op apart[] = {COPY(100, 50), COPY(0, 100)};
    const rd_op together[] = {COPY(50, 100), COPY(0, 50)};
    const rd_op whole[] = {COPY(0, 150)};
    check_copies(apart, 2, together, 2, whole, 1);
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

static outcome merge(const rd_source *sources, size_t count, rd_options options) {
    outcome o = {.stats.size = sizeof(rd_stats)};
    const rd_sink sink = rd_sink_callback(count_written, &o.written);
    options.size = sizeof options;
    options.error = &o.error;
    options.stats = &o.stats;
    o.result = rd_delta_merge(sources, count, NULL, &sink, &options);
    return o;
}

static void check_failure(const outcome *o, rd_result result, uint32_t index, const char *name) {
    check_equal(o->result, result, "%s: %s", name, o->error.reason ? o->error.reason : "no failure");
    check_equal(o->error.role, RD_ROLE_DELTA, "%s", name);
    check_equal(o->stats.delta_index, index, "%s", name);
    check_equal(o->written, 0, "%s", name);
}

static void broken_delta_is_named(void **state) {
    (void)state;
    random_source r = random_from(3);
    for (uint32_t at = 0; at < 4; at++) {
        chain c = chain_new(&r, 4, 30, 500, KNOWING, SEALED);
        rd_memory *const bytes = &c.deltas[at].bytes;
        const size_t size = bytes->size;
        for (int how = 0; how < 2; how++) { /* compressed, the frame would be right */
            given g;
            outcome o;
            bytes->size = size - 5;
            give(&g, &c, &r, how);
            o = merge(g.sources, 4, (rd_options){0});
            check_failure(&o, RD_E_TRUNCATED, at, "cut");
            bytes->size = size;
            bytes->data[0] ^= 1;
            give(&g, &c, &r, how);
            o = merge(g.sources, 4, (rd_options){0});
            check_failure(&o, RD_E_MAGIC, at, "magic");
            check_equal(o.error.offset, 0, "magic");
            bytes->data[0] ^= 1;
            const uint8_t opcode = bytes->data[4];
            bytes->data[4] = 0x60;
            give(&g, &c, &r, how);
            o = merge(g.sources, 4, (rd_options){0});
            check_failure(&o, RD_E_CORRUPT, at, "opcode");
            check_equal(o.error.offset, 4, "opcode");
            bytes->data[4] = opcode;
        }
        chain_free(&c);
    }
}

static void no_delta_is_refused(void **state) {
    (void)state;
    rd_memory nothing = {0};
    const rd_source source = bytes_source(&nothing);
    outcome o = merge(&source, 0, (rd_options){0});
    check_failure(&o, RD_E_PARAMETER, 0, "none");
    o = merge(&source, 1, (rd_options){0});
    check_failure(&o, RD_E_TRUNCATED, 0, "an empty one");
}

/* Three deltas of which the first two have changed places, or one is missing: told by what the trailers know. */
static void deltas_that_do_not_fit_are_named(void **state) {
    (void)state;
    random_source r = random_from(4);
    rd_memory files[4];
    rd_memory deltas[3];
    files[0] = bytes_random(&r, 5000, 256);
    for (size_t i = 0; i < 3; i++) {
        /* The same length, so that only the digest tells. */
        files[i + 1] = bytes_copy(files[i].data, files[i].size);
        files[i + 1].data[1000 * i + 500] ^= 1;
        const rd_source old_file = bytes_source(&files[i]);
        const rd_source new_file = bytes_source(&files[i + 1]);
        deltas[i] = (rd_memory){0};
        const rd_sink sink = rd_sink_memory(&deltas[i]);
        assert_int_equal(rd_diff_make(&old_file, &new_file, &sink, NULL), RD_OK);
    }
    const rd_source right[] = {bytes_source(&deltas[0]), bytes_source(&deltas[1]), bytes_source(&deltas[2])};
    const rd_source turned[] = {right[1], right[0], right[2]};
    const rd_source lacking[] = {right[0], right[2]};
    outcome o = merge(right, 3, (rd_options){0});
    assert_int_equal(o.result, RD_OK);
    o = merge(turned, 3, (rd_options){0});
    check_failure(&o, RD_E_MISMATCH, 2, "turned");
    assert_string_equal(o.error.reason,
                        "it does not fit the delta before it: its basis is not the file that one makes");
    check_equal(o.error.offset, deltas[2].size - RD_TRAILER_BASIS_LEN, "turned");
    o = merge(lacking, 2, (rd_options){0});
    check_failure(&o, RD_E_MISMATCH, 1, "lacking");
    o = merge(turned, 3, (rd_options){.verify = RD_VERIFY_NEVER});
    assert_int_equal(o.result, RD_OK); /* nobody looks at trailers */
    for (size_t i = 0; i < 3; i++)
        rd_memory_free(&deltas[i]);
    for (size_t i = 0; i < 4; i++)
        rd_memory_free(&files[i]);
}

static void lengths_that_do_not_fit_are_told(void **state) {
    (void)state;
    random_source r = random_from(5);
    chain c = chain_new(&r, 2, 30, 500, SEALED, KNOWING);
    /* A delta that makes one byte more: the second one's basis is shorter than that. */
    rd_memory bytes = {0};
    plain_append(&bytes, c.deltas[0].bytes.data, 4);
    plain_append(&bytes, "\1x", 2);
    plain_append(&bytes, c.deltas[0].bytes.data + 4, c.deltas[0].bytes.size - RD_TRAILER_LEN - 4);
    const rd_source sources[] = {bytes_source(&bytes), bytes_source(&c.deltas[1].bytes)};
    outcome o = merge(sources, 2, (rd_options){0});
    check_failure(&o, RD_E_MISMATCH, 1, "longer");
    assert_string_equal(
        o.error.reason,
        "it does not fit the delta before it: its basis has another length than the file that one makes");
    rd_memory_free(&bytes);
    chain_free(&c);
}

/* Without trailers, a copy from beyond the end tells; the error has the place of the command in its delta. */
static void copy_from_beyond_the_file_between_is_told(void **state) {
    (void)state;
    const rd_op first[] = {COPY(7, 1000)};
    const rd_op second[] = {COPY(0, 10), COPY(500, 501), COPY(2, 5)};
    const rd_op fits[] = {COPY(0, 10), COPY(500, 500), COPY(2, 5)};
    rd_memory deltas[3] = {delta_of_copies(first, 1), delta_of_copies(second, 3), delta_of_copies(fits, 3)};
    for (int i = 1; i < 3; i++) {
        const rd_source sources[] = {bytes_source(&deltas[0]), bytes_source(&deltas[i])};
        outcome o = merge(sources, 2, (rd_options){0});
        if (i == 1) {
            check_failure(&o, RD_E_MISMATCH, 1, "beyond");
            assert_string_equal(
                o.error.reason,
                "it does not fit the delta before it: it copies from beyond the end of the file that one makes");
            assert_int_equal(o.error.offset, 4 + 3); /* behind the first copy */
        } else {
            assert_int_equal(o.result, RD_OK);
        }
    }
    for (size_t i = 0; i < 3; i++)
        rd_memory_free(&deltas[i]);
}

static void basis_of_another_length_is_told(void **state) {
    (void)state;
    random_source r = random_from(6);
    chain c = chain_new(&r, 2, 30, 500, KNOWING, SEALED);
    rd_memory other = bytes_random(&r, c.deltas[0].basis.size + 1, 256);
    const rd_source sources[] = {bytes_source(&c.deltas[0].bytes), bytes_source(&c.deltas[1].bytes)};
    const rd_source basis = bytes_source(&other);
    rd_error error = {.result = RD_OK};
    uint64_t written = 0;
    const rd_sink sink = rd_sink_callback(count_written, &written);
    assert_int_equal(rd_delta_merge(sources, 2, &basis, &sink, &(rd_options){OPTIONS, .error = &error}), RD_E_MISMATCH);
    assert_int_equal(error.role, RD_ROLE_BASIS);
    assert_true(written == 0);
    rd_memory_free(&other);
    chain_free(&c);
}

static void trailer_is_asked_for_of_the_last_delta(void **state) {
    (void)state;
    random_source r = random_from(7);
    for (int last = 0; last < 2; last++) {
        chain c = chain_new(&r, 3, 30, 500, BARE, last ? SEALED : BARE);
        given g;
        give(&g, &c, &r, OF_MEMORY);
        outcome o = merge(g.sources, 3, (rd_options){.verify = RD_VERIFY_ALWAYS});
        if (last)
            assert_int_equal(o.result, RD_OK);
        else
            check_failure(&o, RD_E_UNVERIFIED, 2, "no trailer");
        o = merge(g.sources, 3, (rd_options){.verify = RD_VERIFY_NEVER});
        assert_int_equal(o.result, RD_OK);
        assert_false(o.stats.has_digest);
        assert_int_equal(o.written, c.merged.bytes.size - (last ? RD_TRAILER_LEN : 0));
        chain_free(&c);
    }
}

static void output_has_a_limit(void **state) {
    (void)state;
    random_source r = random_from(8);
    chain c = chain_new(&r, 3, 40, 5000, SEALED, SEALED);
    given g;
    give(&g, &c, &r, OF_MEMORY);
    const size_t size = c.merged.bytes.size;
    outcome o = merge(g.sources, 3, (rd_options){.limits.output = size});
    assert_int_equal(o.result, RD_OK);
    o = merge(g.sources, 3, (rd_options){.limits.output = size - 1});
    assert_int_equal(o.result, RD_E_LIMIT);
    assert_int_equal(o.error.role, RD_ROLE_OUTPUT);
    assert_true(o.written < size);
    chain_free(&c);
}

/* Each delta makes its file of twice its basis, less a byte between: the pieces double. */
static outcome merge_doubling(size_t count, uint64_t memory) {
    rd_source *const sources = malloc(count * sizeof *sources);
    rd_memory *const deltas = malloc(count * sizeof *deltas);
    uint64_t size = 1000;
    assert_true(sources && deltas);
    for (size_t i = 0; i < count; i++) {
        const rd_op ops[] = {COPY(0, size), COPY(1, size - 1)};
        deltas[i] = delta_of_copies(ops, 2);
        sources[i] = bytes_source(&deltas[i]);
        size = 2 * size - 1;
    }
    const outcome o = merge(sources, count, (rd_options){.limits.memory = memory});
    for (size_t i = 0; i < count; i++)
        rd_memory_free(&deltas[i]);
    free(deltas);
    free(sources);
    return o;
}

static void chains_that_multiply_have_a_limit(void **state) {
    (void)state;
    outcome o = merge_doubling(10, 0);
    assert_int_equal(o.result, RD_OK);
    assert_int_equal(o.stats.copy_commands, 1024);
    for (uint64_t memory = 1; memory <= 10000000; memory *= 10) {
        o = merge_doubling(40, memory);
        check_failure(&o, RD_E_LIMIT, o.stats.delta_index, "doubling");
    }
    assert_true(o.stats.delta_index > 20 && o.stats.delta_index < 30); /* after 2^15 to 2^17 pieces */
    if (SANITIZED)                                                     /* that takes a GiB */
        return;
    o = merge_doubling(40, 0);
    check_failure(&o, RD_E_LIMIT, o.stats.delta_index, "doubling, by default");
    assert_true(o.stats.delta_index > 10 && o.stats.delta_index < 20);
}

enum { WORK_MEMORY = 10000000, WORK_MAX = 600 };

static outcome merge_deltas_of_copies(rd_memory *deltas, size_t count, uint64_t memory) {
    rd_source sources[WORK_MAX];
    assert_true(count <= WORK_MAX);
    for (size_t i = 0; i < count; i++)
        sources[i] = bytes_source(&deltas[i]);
    const outcome o = merge(sources, count, (rd_options){.limits.memory = memory});
    for (size_t i = 0; i < count; i++)
        rd_memory_free(&deltas[i]);
    return o;
}

/* First the halves of the file are exchanged, time and again, and then it is doubled, to 2^15 pieces of two halves. */
static outcome merge_exchanges(size_t exchanges) {
    rd_memory deltas[WORK_MAX];
    const rd_op exchange[] = {COPY(512, 512), COPY(0, 512)};
    size_t count = 0;
    while (count < exchanges)
        deltas[count++] = delta_of_copies(exchange, 2);
    for (uint64_t size = 1024; size < (uint64_t)1024 << 15; size *= 2) {
        const rd_op twice[] = {COPY(0, size), COPY(0, size)};
        deltas[count++] = delta_of_copies(twice, 2);
    }
    return merge_deltas_of_copies(deltas, count, WORK_MEMORY);
}

/* What fits into the memory must not be met by ever more deltas of a few bytes. */
static void work_has_a_limit(void **state) {
    (void)state;
    outcome o = merge_exchanges(5);
    assert_int_equal(o.result, RD_OK);
    assert_int_equal(o.stats.copy_commands, (1 << 15) + 1); /* a second half, then a first one with the next second */
    o = merge_exchanges(40);
    check_failure(&o, RD_E_LIMIT, o.stats.delta_index, "exchanges");
    assert_true(o.stats.delta_index > 20);
    assert_string_equal(
        o.error.reason,
        "the deltas make very many commands of few, which takes more work than the memory limit allows");
}

/* Each delta turns round three parts of the file: there are more and more pieces, but none is used twice. */
static void long_chains_are_no_excess(void **state) {
    (void)state;
    enum { SIZE = 1 << 30, MEMORY = 1000000 };
    random_source r = random_from(23);
    rd_memory deltas[WORK_MAX];
    for (size_t i = 0; i < WORK_MAX; i++) {
        const uint64_t first = 1 + random_below(&r, SIZE / 2);
        const uint64_t second = first + 1 + random_below(&r, SIZE / 3);
        const rd_op turned[] = {COPY(second, SIZE - second), COPY(first, second - first), COPY(0, first)};
        deltas[i] = delta_of_copies(turned, 3);
    }
    const outcome o = merge_deltas_of_copies(deltas, WORK_MAX, MEMORY);
    check_equal(o.result, RD_OK, "%s", o.error.reason ? o.error.reason : "");
    check_equal(o.stats.copy_bytes, SIZE, "turned");
    /* Half of them, on the average, are met by each delta: as work, that would be too much. */
    assert_true(o.stats.copy_commands * WORK_MAX / 2 > MEMORY / 16);
}

/* Literals that have to be kept count, those that can be read again do not. */
static void literals_that_are_kept_have_a_limit(void **state) {
    (void)state;
    rd_memory new_file = bytes_random(&(random_source){9}, 3000000, 256);
    rd_memory delta = delta_of(NULL, &new_file, NULL);
    const rd_source source = bytes_source(&delta);
    in_order reader = {.bytes = &delta};
    rd_source pipe = in_order_source(&reader);
    outcome o = merge(&source, 1, (rd_options){.limits.memory = 1000000});
    assert_int_equal(o.result, RD_OK);
    o = merge(&pipe, 1, (rd_options){.limits.memory = 1000000});
    check_failure(&o, RD_E_LIMIT, 0, "a pipe");
    reader.next = 0;
    o = merge(&pipe, 1, (rd_options){.limits.memory = 3100000});
    assert_int_equal(o.result, RD_OK);
    rd_memory_free(&delta);
    rd_memory_free(&new_file);
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

static void progress_counts_the_deltas_and_cancels(void **state) {
    (void)state;
    random_source r = random_from(10);
    chain c = chain_new(&r, 3, 40, 300000, SEALED, SEALED);
    given g;
    progress p = {.most = UINT64_MAX};
    uint64_t sum = 0;
    give(&g, &c, &r, OF_MEMORY);
    for (size_t i = 0; i < 3; i++)
        sum += c.deltas[i].bytes.size;
    outcome o = merge(g.sources, 3, (rd_options){.progress = watch_progress, .progress_context = &p});
    assert_int_equal(o.result, RD_OK);
    assert_true(p.total == sum && p.done == sum && o.stats.in_bytes == sum);
    for (uint64_t calls = p.calls; calls-- > 0;) {
        progress q = {.most = calls};
        o = merge(g.sources, 3, (rd_options){.progress = watch_progress, .progress_context = &q});
        check_equal(o.result, RD_E_CANCELLED, "after %d calls", (int)calls);
    }
    chain_free(&c);
}

/* A delta that is shorter when its literals are read. */
typedef struct shrinking {
    const rd_memory *bytes;
    uint64_t size;
    bool ended; /* its end was read */
} shrinking;

static rd_result shrinking_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    shrinking *const s = context;
    const uint64_t end = s->ended ? s->size : s->bytes->size;
    *got = offset >= end ? 0 : size < end - offset ? size : (size_t)(end - offset);
    if (*got > 0)
        memcpy(data, s->bytes->data + offset, *got);
    s->ended = s->ended || offset + *got == s->bytes->size;
    return RD_OK;
}

static void delta_that_becomes_shorter_is_told(void **state) {
    (void)state;
    rd_memory new_file = bytes_random(&(random_source){11}, 300000, 256);
    rd_memory delta = delta_of(NULL, &new_file, NULL);
    shrinking s = {.bytes = &delta, .size = 200000};
    const rd_op all[] = {COPY(0, 300000)};
    rd_memory after = delta_of_copies(all, 1);
    const rd_source sources[] = {rd_source_callback(shrinking_read, &s, RD_UNKNOWN, RD_SEEKABLE), bytes_source(&after)};
    const outcome o = merge(sources, 2, (rd_options){0});
    assert_int_equal(o.result, RD_E_TRUNCATED);
    assert_int_equal(o.error.role, RD_ROLE_DELTA);
    assert_int_equal(o.stats.delta_index, 0);
    rd_memory_free(&after);
    rd_memory_free(&delta);
    rd_memory_free(&new_file);
}

static void output_is_compressed(void **state) {
    (void)state;
    if (rd_compression_max() == 0)
        skip();
    random_source r = random_from(12);
    chain c = chain_new(&r, 3, 40, 5000, KNOWING, SEALED);
    given g;
    rd_memory made = {0};
    rd_memory plain = {0};
    rd_filter *filter = NULL;
    const rd_sink sink = rd_sink_memory(&made);
    uint8_t chunk[1000];
    size_t got = 1;
    give(&g, &c, &r, OF_MEMORY);
    assert_int_equal(rd_delta_merge(g.sources, 3, NULL, &sink, &(rd_options){OPTIONS, .compression = 3}), RD_OK);
    const rd_source frame = bytes_source(&made);
    assert_int_equal(rd_filter_decompress_new(&filter, &frame, NULL), RD_OK);
    const rd_source source = rd_filter_source(filter);
    for (uint64_t at = 0; got > 0; at += got) {
        assert_int_equal(rd_source_read(&source, at, chunk, sizeof chunk, &got, NULL), RD_OK);
        plain_append(&plain, chunk, got);
    }
    check_memory(plain, c.merged.bytes, "compressed");
    rd_filter_free(filter);
    rd_memory_free(&plain);
    rd_memory_free(&made);
    chain_free(&c);
}

/* ---- Dense deltas ------------------------------------------------------------------------------------------------ */

enum { FILES = 6 };

/* Files of which each is made of the one before, and deltas between them: dense ones, or plain ones of the same ops. */
typedef struct dense_chain {
    rd_memory files[FILES];
    rd_memory plain[FILES - 1]; /* what the dense ones expand to */
    rd_memory dense[FILES - 1];
} dense_chain;

static rd_memory expanded(const rd_memory *basis, const rd_memory *dense) {
    rd_memory made = {0};
    const rd_source from = bytes_source(basis);
    const rd_source delta = bytes_source(dense);
    const rd_sink sink = rd_sink_memory(&made);
    assert_int_equal(rd_delta_expand(&from, &delta, &sink, NULL), RD_OK);
    return made;
}

static dense_chain dense_chain_new(uint64_t seed) {
    dense_chain c;
    random_source r = random_from(seed);
    c.files[0] = bytes_random(&r, 20000, 256);
    for (size_t i = 1; i < FILES; i++) {
        c.files[i] = bytes_edited(&r, &c.files[i - 1], 18000 + random_below(&r, 9000), 256);
        dense_scatter(&r, &c.files[i], 300);
        c.dense[i - 1] = dense_of(&c.files[i - 1], &c.files[i]);
        c.plain[i - 1] = expanded(&c.files[i - 1], &c.dense[i - 1]);
    }
    return c;
}

static void dense_chain_free(dense_chain *c) {
    for (size_t i = 0; i < FILES; i++)
        rd_memory_free(&c->files[i]);
    for (size_t i = 0; i < FILES - 1; i++) {
        rd_memory_free(&c->plain[i]);
        rd_memory_free(&c->dense[i]);
    }
}

/* Whichever of them are dense: bit i of `which` says that delta i is. Pipes can be the first, and those that are plain.
 */
static void dense_deltas_are_merged_like_plain_ones(void **state) {
    (void)state;
    dense_chain c = dense_chain_new(20);
    const rd_source basis = bytes_source(&c.files[0]);
    rd_memory due = {0};
    rd_source sources[FILES - 1];
    const rd_sink due_sink = rd_sink_memory(&due);
    for (size_t i = 0; i < FILES - 1; i++)
        sources[i] = bytes_source(&c.plain[i]);
    assert_int_equal(rd_delta_merge(sources, FILES - 1, NULL, &due_sink, NULL), RD_OK);
    rd_memory last = patched(&c.files[0], &due);
    check_memory(last, c.files[FILES - 1], "plain");
    rd_memory_free(&last);
    for (unsigned which = 0; which < 1u << (FILES - 1); which++) {
        for (int pipes = 0; pipes < 2; pipes++) {
            in_order readers[FILES - 1];
            rd_memory made = {0};
            progress p = {.most = UINT64_MAX};
            rd_error error = {.result = RD_OK};
            const rd_sink sink = rd_sink_memory(&made);
            for (size_t i = 0; i < FILES - 1; i++) {
                const bool dense = which >> i & 1;
                const rd_memory *const bytes = dense ? &c.dense[i] : &c.plain[i];
                readers[i] = (in_order){.bytes = bytes};
                sources[i] = pipes && (i == 0 || !dense) ? in_order_source(&readers[i]) : bytes_source(bytes);
            }
            check_equal(rd_delta_merge(sources, FILES - 1, &basis, &sink,
                                       &(rd_options){OPTIONS, .error = &error, .progress = watch_progress,
                                                     .progress_context = &p}),
                        RD_OK, "dense %x pipes %d: %s", which, pipes, error.reason);
            check_memory(made, due, "dense %x pipes %d", which, pipes);
            check_true(p.done <= p.total, "dense %x pipes %d", which, pipes);
            rd_memory_free(&made);
        }
    }
    rd_memory_free(&due);
    dense_chain_free(&c);
}

static void dense_deltas_that_cannot_be_merged_are_named(void **state) {
    (void)state;
    dense_chain c = dense_chain_new(21);
    const rd_source basis = bytes_source(&c.files[0]);
    rd_source sources[3] = {bytes_source(&c.plain[0]), bytes_source(&c.dense[1]), bytes_source(&c.plain[2])};
    outcome o = merge(sources, 3, (rd_options){0});
    check_failure(&o, RD_E_PARAMETER, 1, "no basis");
    assert_string_equal(o.error.reason, "it is dense, so the first basis is needed to merge it");
    const rd_sink sink = rd_sink_callback(count_written, &o.written);
    rd_options options = {OPTIONS, .error = &o.error, .stats = &o.stats};
    in_order second = {.bytes = &c.dense[1]};
    sources[1] = in_order_source(&second);
    o.result = rd_delta_merge(sources, 3, &basis, &sink, &options);
    check_failure(&o, RD_E_PARAMETER, 1, "a pipe");
    assert_string_equal(o.error.reason, "it is dense and not the first delta, so it is not merged from a pipe");
    sources[1] = bytes_source(&c.dense[1]);
    sources[0] = bytes_source(&c.dense[2]); /* whose basis is another file */
    o.result = rd_delta_merge(sources, 3, &basis, &sink, &options);
    assert_int_equal(o.result, RD_E_MISMATCH);
    assert_int_equal(o.stats.delta_index, 0);
    assert_int_equal(o.error.role, RD_ROLE_BASIS);
    sources[0] = bytes_source(&c.plain[0]);
    sources[1] = bytes_source(&c.dense[3]);
    o.result = rd_delta_merge(sources, 3, &basis, &sink, &options);
    check_failure(&o, RD_E_MISMATCH, 1, "does not fit");
    sources[1] = bytes_source(&c.dense[1]);
    sources[2] = bytes_source(&c.dense[2]);
    options.limits.memory = 3000;
    o.result = rd_delta_merge(sources, 3, &basis, &sink, &options);
    check_failure(&o, RD_E_LIMIT, o.stats.delta_index, "memory");
    options.limits.memory = 0;
    for (uint64_t calls = 0; calls < 3; calls++) {
        progress p = {.most = calls};
        options.progress = watch_progress;
        options.progress_context = &p;
        assert_int_equal(rd_delta_merge(sources, 3, &basis, &sink, &options), RD_E_CANCELLED);
    }
    c.dense[1].size -= 10;
    sources[1] = bytes_source(&c.dense[1]);
    options.progress = NULL;
    o.result = rd_delta_merge(sources, 3, &basis, &sink, &options);
    check_failure(&o, RD_E_TRUNCATED, 1, "cut");
    in_order reader = {.bytes = &c.files[0]};
    const rd_source pipe = in_order_source(&reader);
    assert_int_equal(rd_delta_merge(sources, 1, &pipe, &sink, &options), RD_E_IO);
    assert_int_equal(o.error.role, RD_ROLE_BASIS);
    c.dense[1].size += 10;
    dense_chain_free(&c);
}

/* The first basis is the wrong one, so the file that the first delta makes of it is, too; that delta knows better. */
static void a_wrong_basis_is_blamed_and_no_delta(void **state) {
    (void)state;
    dense_chain c = dense_chain_new(22);
    rd_memory other = bytes_copy(c.files[0].data, c.files[0].size);
    for (size_t i = 0; i < other.size; i++)
        other.data[i] ^= 1;
    const rd_source sources[] = {bytes_source(&c.plain[0]), bytes_source(&c.plain[1]), bytes_source(&c.dense[2])};
    const rd_source second[] = {sources[0], bytes_source(&c.dense[1])};
    for (size_t count = 2; count <= 3; count++) {
        for (size_t cut = 0; cut < 2; cut++) {
            outcome o = {.stats.size = sizeof(rd_stats)};
            const rd_sink sink = rd_sink_callback(count_written, &o.written);
            const rd_source basis = rd_source_memory(other.data, other.size - cut * 10000);
            const rd_options options = {OPTIONS, .error = &o.error, .stats = &o.stats};
            o.result = rd_delta_merge(count == 2 ? second : sources, count, &basis, &sink, &options);
            check_equal(o.result, RD_E_MISMATCH, "%zu cut %zu", count, cut);
            check_equal(o.error.role, RD_ROLE_BASIS, "%zu cut %zu: %s", count, cut, o.error.reason);
            check_equal(o.stats.delta_index, 0, "%zu cut %zu", count, cut);
            check_equal(o.written, 0, "%zu cut %zu", count, cut);
            assert_string_equal(o.error.reason, cut ? "this is not the basis of the delta: its length differs"
                                                    : "this is not the basis of the delta: its contents differ");
        }
    }
    rd_memory_free(&other);
    dense_chain_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_is_what_the_bytes_say),
        cmocka_unit_test(parts_of_long_literals_are_found),
        cmocka_unit_test(files_of_any_length_are_merged),
        cmocka_unit_test(pieces_that_meet_again_are_one_copy),
        cmocka_unit_test(broken_delta_is_named),
        cmocka_unit_test(no_delta_is_refused),
        cmocka_unit_test(deltas_that_do_not_fit_are_named),
        cmocka_unit_test(lengths_that_do_not_fit_are_told),
        cmocka_unit_test(copy_from_beyond_the_file_between_is_told),
        cmocka_unit_test(basis_of_another_length_is_told),
        cmocka_unit_test(trailer_is_asked_for_of_the_last_delta),
        cmocka_unit_test(output_has_a_limit),
        cmocka_unit_test(chains_that_multiply_have_a_limit),
        cmocka_unit_test(work_has_a_limit),
        cmocka_unit_test(long_chains_are_no_excess),
        cmocka_unit_test(literals_that_are_kept_have_a_limit),
        cmocka_unit_test(progress_counts_the_deltas_and_cancels),
        cmocka_unit_test(delta_that_becomes_shorter_is_told),
        cmocka_unit_test(output_is_compressed),
        cmocka_unit_test(dense_deltas_are_merged_like_plain_ones),
        cmocka_unit_test(dense_deltas_that_cannot_be_merged_are_named),
        cmocka_unit_test(a_wrong_basis_is_blamed_and_no_delta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

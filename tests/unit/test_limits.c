/*
 * Limits: each operation and each stream at a limit, one below it and one above it. What is refused is refused for the
 * limit's reason, and has neither written more than the limit nor anything wrong.
 *
 * And without any: fields of four bytes at their extremes in an address space of 256 MiB, where to believe one of them
 * would end in RD_E_MEMORY.
 */
#include "support.h"

#if !defined(_WIN32)
#include <sys/resource.h>
#endif

/*
 * How an operation gets its input: from memory, in order, or by a stream; each with a number of threads or a chunk
 * size.
 */
typedef enum way { OF_MEMORY, IN_ORDER, BY_STREAM, WAYS } way;

enum { VARIANTS = 3 };

typedef struct outcome {
    rd_result result;
    rd_error error;
    rd_stats stats;
    rd_memory made;
    rd_signature *signature; /* if one was loaded */
} outcome;

static void outcome_free(outcome *o) {
    rd_memory_free(&o->made);
    rd_signature_free(o->signature);
}

static rd_source source_of(const rd_memory *bytes, way by, in_order *r) {
    *r = (in_order){.bytes = bytes};
    return by == IN_ORDER ? in_order_source(r) : bytes_source(bytes);
}

/* Feeds a stream, in chunks that depend on the variant, and frees it. */
static outcome fed(rd_stream *stream, const rd_memory *input, int variant) {
    static const size_t portions[VARIANTS] = {1 << 20, 997, 100000};
    static const size_t rooms[VARIANTS] = {1 << 20, 61, 5000};
    static uint8_t room[1 << 20];
    outcome o = {.result = RD_MORE, .stats.size = sizeof(rd_stats)};
    const rd_sink sink = rd_sink_memory(&o.made);
    for (size_t at = 0; o.result == RD_MORE;) {
        const size_t size = portions[variant] < input->size - at ? portions[variant] : input->size - at;
        rd_in in = {.data = size > 0 ? input->data + at : NULL, .size = size};
        rd_out out = {.data = room, .size = rooms[variant]};
        o.result = rd_stream_step(stream, &in, &out, at + size == input->size);
        at += in.pos;
        assert_int_equal(sink.write(sink.context, room, out.pos), RD_OK);
    }
    if (o.result == RD_OK)
        (void)rd_stream_take_signature(stream, &o.signature);
    o.error = *rd_stream_error(stream);
    o.stats = stats_of(stream);
    assert_int_equal(o.stats.out_bytes, o.made.size);
    rd_stream_free(stream);
    return o;
}

/* ---- The operations ---------------------------------------------------------------------------------------------- */

typedef struct work {
    rd_params params;
    rd_verify verify;
    const rd_memory *basis;
    const rd_signature *signature;
    const rd_memory *input; /* the basis of a signature, a signature, the new file of a delta, or a delta */
} work;

typedef outcome work_fn(const work *w, rd_limits limits, way by, int variant);

static rd_options options_of(const work *w, rd_limits limits, outcome *o, int variant) {
    return (rd_options){OPTIONS,
                        .params = w->params,
                        .stats = &o->stats,
                        .error = &o->error,
                        .threads = 1 + (unsigned)variant,
                        .verify = w->verify,
                        .limits = limits};
}

static outcome make_signature(const work *w, rd_limits limits, way by, int variant) {
    outcome o = {.result = RD_OK, .stats.size = sizeof(rd_stats)};
    rd_options options = options_of(w, limits, &o, variant);
    rd_stream *stream = NULL;
    if (by == BY_STREAM) {
        assert_int_equal(rd_signature_stream_new(&stream, &options), RD_OK);
        return fed(stream, w->input, variant);
    }
    in_order r;
    const rd_source basis = source_of(w->input, by, &r);
    const rd_sink sink = rd_sink_memory(&o.made);
    o.result = rd_signature_make(&basis, &sink, &options);
    return o;
}

static outcome load_signature(const work *w, rd_limits limits, way by, int variant) {
    outcome o = {.result = RD_OK, .stats.size = sizeof(rd_stats)};
    rd_options options = options_of(w, limits, &o, variant);
    rd_stream *stream = NULL;
    if (by == BY_STREAM) {
        assert_int_equal(rd_loadsig_stream_new(&stream, &options), RD_OK);
        return fed(stream, w->input, variant);
    }
    in_order r;
    const rd_source bytes = source_of(w->input, by, &r);
    o.result = rd_signature_load(&o.signature, &bytes, &options);
    return o;
}

static outcome make_delta(const work *w, rd_limits limits, way by, int variant) {
    outcome o = {.result = RD_OK, .stats.size = sizeof(rd_stats)};
    rd_options options = options_of(w, limits, &o, variant);
    rd_stream *stream = NULL;
    if (by == BY_STREAM) {
        assert_int_equal(rd_delta_stream_new(&stream, w->signature, &options), RD_OK);
        return fed(stream, w->input, variant);
    }
    in_order r;
    const rd_source new_file = source_of(w->input, by, &r);
    const rd_sink sink = rd_sink_memory(&o.made);
    o.result = rd_delta_make(w->signature, &new_file, &sink, &options);
    return o;
}

static outcome patch(const work *w, rd_limits limits, way by, int variant) {
    outcome o = {.result = RD_OK, .stats.size = sizeof(rd_stats)};
    rd_options options = options_of(w, limits, &o, variant);
    const rd_source basis = bytes_source(w->basis);
    rd_stream *stream = NULL;
    if (by == BY_STREAM) {
        assert_int_equal(rd_patch_stream_new(&stream, &basis, &options), RD_OK);
        return fed(stream, w->input, variant);
    }
    in_order r;
    const rd_source delta = source_of(w->input, by, &r);
    const rd_sink sink = rd_sink_memory(&o.made);
    o.result = rd_patch_apply(&basis, &delta, &sink, &options);
    return o;
}

/* ---- Checks ------------------------------------------------------------------------------------------------------ */

static void check_refusal(const outcome *o, rd_role role, uint64_t offset, const char *name) {
    check_equal(o->result, RD_E_LIMIT, "%s", name);
    check_equal(o->error.result, RD_E_LIMIT, "%s", name);
    check_equal(o->error.role, role, "%s", name);
    check_equal(o->error.offset, offset, "%s", name);
    check_true(strstr(o->error.reason, "allowed") != NULL, "%s: %s", name, o->error.reason);
    check_true(o->signature == NULL, "%s", name);
}

/* The output is the start of `whole`, and no more than `most` bytes of it. */
static void check_begin(const rd_memory *made, const rd_memory *whole, uint64_t most, const char *name) {
    check_true(made->size <= most && made->size <= whole->size, "%s: %zu bytes", name, made->size);
    check_bytes(made->data, made->size, whole->data, made->size, "%s", name);
}

/* The operation makes `whole` if the limit of its output lets it. */
static void check_output_limits(work_fn *run, const work *w, const char *name) {
    outcome unlimited = run(w, (rd_limits){0}, OF_MEMORY, 0);
    assert_int_equal(unlimited.result, RD_OK);
    const uint64_t size = unlimited.made.size;
    const uint64_t limits[] = {1, size / 2 + 1, size - 1, size, size + 1, UINT64_MAX};
    for (size_t i = 0; i < ITEMS(limits); i++) {
        for (way by = 0; by < WAYS; by++) {
            for (int variant = 0; variant < VARIANTS; variant++) {
                outcome o = run(w, (rd_limits){.output = limits[i]}, by, variant);
                if (limits[i] >= size) {
                    check_equal(o.result, RD_OK, "%s, way %d", name, by);
                    check_memory(o.made, unlimited.made, "%s, way %d", name, by);
                } else {
                    check_refusal(&o, RD_ROLE_OUTPUT, limits[i], name);
                    check_begin(&o.made, &unlimited.made, limits[i], name);
                }
                outcome_free(&o);
            }
        }
    }
    outcome_free(&unlimited);
}

/* ---- Output ------------------------------------------------------------------------------------------------------ */

static void output_of_a_signature_is_limited(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 1000, 700000};
    static const uint32_t block_lens[] = {100, 2048, 600000}; /* the last are signed one by one */
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        for (size_t k = 0; k < ITEMS(block_lens); k++) {
            rd_memory basis = bytes_random(&(random_source){i}, sizes[i], 256);
            const work w = {.params = {.block_len = block_lens[k], .strong_len = 8}, .input = &basis};
            check_output_limits(make_signature, &w, "signature");
            rd_memory_free(&basis);
        }
    }
}

static void output_of_a_delta_is_limited(void **state) {
    (void)state;
    static const uint32_t block_lens[] = {10, 64, 2048, 300000}; /* the first and the last in one window */
    random_source r = random_from(1);
    rd_memory basis = bytes_random(&r, 400000, 256);
    rd_memory new_file = bytes_edited(&r, &basis, 500000, 256);
    for (rd_verify verify = RD_VERIFY_DEFAULT; verify <= RD_VERIFY_NEVER; verify++) {
        const work literals = {.verify = verify, .input = &new_file};
        check_output_limits(make_delta, &literals, "delta without a basis");
        for (size_t k = 0; k < ITEMS(block_lens); k++) {
            rd_signature *const signature =
                loaded_signature_of(&basis, (rd_params){.block_len = block_lens[k], .strong_len = 8});
            const work w = {.verify = verify, .signature = signature, .input = &new_file};
            check_output_limits(make_delta, &w, "delta");
            rd_signature_free(signature);
        }
    }
    rd_memory_free(&new_file);
    rd_memory_free(&basis);
}

/* ---- Output of a patch ------------------------------------------------------------------------------------------- */

typedef struct command {
    uint64_t at;     /* in the delta */
    uint64_t target; /* in the new file */
    uint64_t length;
} command;

typedef struct commands {
    command list[1000];
    size_t count;
    uint64_t next; /* in the delta */
} commands;

static uint64_t width(uint64_t value) {
    return value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
}

static bool note_command(void *context, const rd_op *op) {
    commands *const c = context;
    const bool copy = op->kind == RD_COPY;
    assert_true(c->count < ITEMS(c->list));
    c->list[c->count++] = (command){.at = c->next, .target = op->target_offset, .length = op->length};
    c->next += 1 + (copy ? width(op->basis_offset) + width(op->length)
                         : (op->length > 64 ? width(op->length) : 0) + op->length);
    return true;
}

static commands commands_of(const rd_memory *delta) {
    commands c = {.next = 4};
    const rd_source source = bytes_source(delta);
    assert_int_equal(rd_delta_each_op(&source, note_command, &c, NULL), RD_OK);
    assert_int_equal(c.next + 1 + TRAILER, delta->size);
    return c;
}

/* Some 20 literals and copies. */
static rd_memory patchwork(random_source *r, const rd_memory *basis, size_t size) {
    rd_memory made = bytes_random(r, size, 256);
    for (size_t at = random_below(r, size / 20); at < size; at += random_below(r, size / 20)) {
        const size_t from = random_below(r, basis->size);
        const size_t most = size - at < basis->size - from ? size - at : basis->size - from;
        const size_t length = 1 + random_below(r, most < size / 10 ? most : size / 10);
        memcpy(made.data + at, basis->data + from, length);
        at += length;
    }
    return made;
}

/* A patch with this limit ends before the first command that passes it, or makes the whole new file. */
static void check_patch_limit(const work *w, const commands *c, const rd_memory *new_file, uint64_t limit) {
    size_t first = 0;
    while (first < c->count && c->list[first].target + c->list[first].length <= limit)
        first++;
    for (way by = 0; by < WAYS; by++) {
        for (int variant = 0; variant < VARIANTS; variant++) {
            outcome o = patch(w, (rd_limits){.output = limit}, by, variant);
            if (first == c->count) {
                check_equal(o.result, RD_OK, "limit %ju, way %d", (uintmax_t)limit, by);
                check_memory(o.made, *new_file, "limit %ju, way %d", (uintmax_t)limit, by);
            } else {
                const command *const refused = &c->list[first];
                check_refusal(&o, RD_ROLE_DELTA, refused->at, "patch");
                check_begin(&o.made, new_file, refused->target, "patch");
                check_equal(o.stats.copy_bytes + o.stats.literal_bytes, refused->target, "counted");
                if (by == BY_STREAM)
                    check_equal(o.made.size, refused->target, "all before the command");
            }
            outcome_free(&o);
        }
    }
}

static void patch_ends_before_the_command_that_passes_the_limit(void **state) {
    (void)state;
    static const rd_verify verifies[] = {RD_VERIFY_DEFAULT, RD_VERIFY_NEVER, RD_VERIFY_ALWAYS};
    random_source r = random_from(2);
    rd_memory basis = bytes_random(&r, 1500000, 256);
    rd_memory new_file = patchwork(&r, &basis, 2500000);
    rd_signature *const signature = loaded_signature_of(&basis, (rd_params){.block_len = 2000, .strong_len = 8});
    rd_memory delta = delta_of(signature, &new_file, NULL);
    const commands c = commands_of(&delta);
    assert_true(c.count > 20);
    for (size_t i = 0; i < c.count; i += 1 + c.count / 12) {
        const work w = {.verify = verifies[i % ITEMS(verifies)], .basis = &basis, .input = &delta};
        const uint64_t end = c.list[i].target + c.list[i].length;
        check_patch_limit(&w, &c, &new_file, end - 1);
        check_patch_limit(&w, &c, &new_file, end);
        check_patch_limit(&w, &c, &new_file, end + 1);
    }
    for (int more = -1; more <= 1; more++)
        check_patch_limit(&(work){.basis = &basis, .input = &delta}, &c, &new_file,
                          (uint64_t)((int64_t)new_file.size + more));
    rd_memory_free(&delta);
    rd_signature_free(signature);
    rd_memory_free(&new_file);
    rd_memory_free(&basis);
}

/* A few bytes that claim to make a huge file. */
static void bomb_is_refused_before_it_makes_anything(void **state) {
    (void)state;
    static const uint8_t copies[] = {0x72, 0x73, 0x02, 0x36, 0x45, 0, 100, 0x46, 0, 0x03, 0xe8, 0x46, 0, 0x03, 0xe8, 0};
    static const uint8_t literal[] = {0x72, 0x73, 0x02, 0x36, 1,    'x',  0x44, 0x3f,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'y'};
    rd_memory basis = bytes_random(&(random_source){3}, 1000, 256);
    rd_memory bomb = bytes_copy(copies, sizeof copies);
    rd_memory long_literal = bytes_copy(literal, sizeof literal);
    for (way by = 0; by < WAYS; by++) {
        outcome o = patch(&(work){.basis = &basis, .input = &bomb}, (rd_limits){.output = 1099}, by, 0);
        check_refusal(&o, RD_ROLE_DELTA, 7, "copies");
        check_begin(&o.made, &basis, 100, "copies");
        outcome_free(&o);
        o = patch(&(work){.basis = &basis, .input = &bomb}, (rd_limits){.output = 1100}, by, 0);
        check_refusal(&o, RD_ROLE_DELTA, 11, "copies");
        outcome_free(&o);
        o = patch(&(work){.basis = &basis, .input = &bomb}, (rd_limits){.output = 2100}, by, 0);
        check_equal(o.result, RD_OK, "copies");
        check_equal(o.made.size, 2100, "copies");
        outcome_free(&o);
        o = patch(&(work){.basis = &basis, .input = &long_literal}, (rd_limits){.output = 100}, by, 0);
        check_refusal(&o, RD_ROLE_DELTA, 6, "a literal");
        outcome_free(&o);
    }
    rd_memory_free(&long_literal);
    rd_memory_free(&bomb);
    rd_memory_free(&basis);
}

/* ---- Blocks and memory of a signature ---------------------------------------------------------------------------- */

enum { HEADER = 12, WEAK = 4, BLOCK_MEMORY = 16 };

/* The signature is loaded if it may have `most` blocks. */
static void check_load(const rd_memory *bytes, uint64_t count, uint32_t strong_len, rd_limits limits, uint64_t most) {
    for (way by = 0; by < WAYS; by++) {
        for (int variant = 0; variant < VARIANTS; variant++) {
            outcome o = load_signature(&(work){.input = bytes}, limits, by, variant);
            if (count <= most) {
                check_equal(o.result, RD_OK, "%ju of %ju blocks", (uintmax_t)count, (uintmax_t)most);
                check_equal(rd_signature_count(o.signature), count, "way %d", by);
            } else {
                check_refusal(&o, RD_ROLE_SIGNATURE, HEADER + most * (WEAK + strong_len), "signature");
                check_equal(strstr(o.error.reason, "blocks") != NULL, limits.blocks > 0 && limits.blocks == most, "%s",
                            o.error.reason);
            }
            outcome_free(&o);
        }
    }
}

static void blocks_of_a_signature_are_limited(void **state) {
    (void)state;
    static const uint64_t counts[] = {0, 1, 2, 63, 64, 65, 128, 129, 5000};
    for (size_t i = 0; i < ITEMS(counts); i++) {
        const uint64_t count = counts[i];
        const uint32_t strong_len = 1 + (uint32_t)i * 3;
        rd_memory basis = bytes_random(&(random_source){i}, (size_t)count * 7, 256);
        rd_memory bytes = signature_of(&basis, (rd_params){.block_len = 7, .strong_len = (int32_t)strong_len});
        for (uint64_t limit = count > 1 ? count - 1 : 1; limit <= count + 1; limit++)
            check_load(&bytes, count, strong_len, (rd_limits){.blocks = limit}, limit);
        check_load(&bytes, count, strong_len, (rd_limits){.blocks = 1}, 1);
        check_load(&bytes, count, strong_len, (rd_limits){.blocks = UINT64_MAX, .output = 1}, UINT64_MAX);
        rd_memory_free(&bytes);
        rd_memory_free(&basis);
    }
}

static void memory_of_a_signature_is_limited(void **state) {
    (void)state;
    static const uint64_t counts[] = {0, 1, 2, 64, 65, 5000};
    for (size_t i = 0; i < ITEMS(counts); i++) {
        const uint64_t count = counts[i];
        const uint32_t strong_len = 32 - (uint32_t)i * 5;
        const uint64_t block = strong_len + BLOCK_MEMORY;
        rd_memory basis = bytes_random(&(random_source){i}, (size_t)count * 7, 256);
        rd_memory bytes = signature_of(&basis, (rd_params){.block_len = 7, .strong_len = (int32_t)strong_len});
        for (uint64_t limit = count > 0 ? count * block - 1 : 1; limit <= count * block + 1; limit++)
            check_load(&bytes, count, strong_len, (rd_limits){.memory = limit}, limit / block);
        check_load(&bytes, count, strong_len, (rd_limits){.memory = 1}, 0);
        check_load(&bytes, count, strong_len, (rd_limits){.memory = UINT64_MAX}, UINT64_MAX);
        check_load(&bytes, count, strong_len, (rd_limits){.memory = count * block + 1, .blocks = count + 1}, count);
        rd_memory_free(&bytes);
        rd_memory_free(&basis);
    }
}

/* ---- Memory of a delta ------------------------------------------------------------------------------------------- */

/* The delta is made if it may have `needed` bytes, and is then the same as without a limit. */
static void check_delta_memory(const work *w, uint64_t needed, const char *name) {
    outcome unlimited = make_delta(w, (rd_limits){0}, OF_MEMORY, 0);
    const uint64_t limits[] = {1, needed - 1, needed, needed + 1, UINT64_MAX};
    for (size_t i = 0; i < ITEMS(limits); i++) {
        for (way by = 0; by < WAYS; by++) {
            for (int variant = 0; variant < VARIANTS; variant++) {
                outcome o = make_delta(w, (rd_limits){.memory = limits[i]}, by, variant);
                if (limits[i] >= needed) {
                    check_equal(o.result, RD_OK, "%s, way %d", name, by);
                    check_memory(o.made, unlimited.made, "%s, way %d", name, by);
                } else {
                    check_refusal(&o, RD_ROLE_SIGNATURE, RD_UNKNOWN, name);
                    check_begin(&o.made, &unlimited.made, unlimited.made.size, name);
                }
                outcome_free(&o);
            }
        }
    }
    outcome_free(&unlimited);
}

static void memory_of_a_delta_is_limited(void **state) {
    (void)state;
    static const uint32_t block_lens[] = {10, 64, 1000, 200000, 300000, 600000};
    static const size_t sizes[] = {1, 999, 1000, 1001, 1300000};
    random_source r = random_from(4);
    rd_memory basis = bytes_random(&r, 700000, 256);
    for (size_t k = 0; k < ITEMS(block_lens); k++) {
        rd_signature *const signature =
            loaded_signature_of(&basis, (rd_params){.block_len = block_lens[k], .strong_len = 5});
        const uint64_t sums = rd_signature_count(signature) * (5 + BLOCK_MEMORY);
        for (size_t i = 0; i < ITEMS(sizes); i++) {
            rd_memory new_file = bytes_edited(&r, &basis, sizes[i], 256);
            const uint64_t window = sizes[i] < block_lens[k] ? sizes[i] : block_lens[k];
            check_delta_memory(&(work){.signature = signature, .input = &new_file}, sums + 2 * window, "delta");
            rd_memory_free(&new_file);
        }
        rd_signature_free(signature);
    }
    rd_memory_free(&basis);
}

/* Without a block there is nothing to look for, however long the blocks are said to be. */
static void delta_without_a_basis_needs_no_memory(void **state) {
    (void)state;
    rd_memory nothing = {0};
    rd_memory new_file = bytes_random(&(random_source){5}, 100000, 256);
    rd_signature *const empty = loaded_signature_of(&nothing, (rd_params){.block_len = RD_BLOCK_LEN_MAX});
    const rd_signature *const signatures[] = {NULL, empty};
    for (size_t i = 0; i < ITEMS(signatures); i++) {
        for (way by = 0; by < WAYS; by++) {
            const work w = {.signature = signatures[i], .input = &new_file};
            outcome o = make_delta(&w, (rd_limits){.memory = 1}, by, 1);
            check_equal(o.result, RD_OK, "signature %zu, way %d", i, by);
            rd_memory made = patched(&nothing, &o.made);
            check_memory(made, new_file, "signature %zu, way %d", i, by);
            rd_memory_free(&made);
            outcome_free(&o);
        }
    }
    rd_signature_free(empty);
    rd_memory_free(&new_file);
}

/* ---- Who has no limits ------------------------------------------------------------------------------------------- */

static bool go_on(void *context, const rd_op *op) {
    (void)context, (void)op;
    return true;
}

/* What writes nothing has nothing to limit, and options that end before the limits have none. */
static void limits_that_do_not_apply_are_ignored(void **state) {
    (void)state;
    const rd_limits least = {.output = 1, .memory = 1, .blocks = 1};
    rd_memory file = bytes_random(&(random_source){6}, 100000, 256);
    rd_memory delta = delta_of(NULL, &file, NULL);
    const rd_source source = bytes_source(&delta);
    const rd_source bytes = bytes_source(&file);
    rd_options options = {OPTIONS, .limits = least};
    assert_int_equal(rd_delta_each_op(&source, go_on, NULL, &options), RD_OK);
    assert_int_equal(rd_delta_verify(&source, &bytes, &options), RD_OK);

    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    options.size = offsetof(rd_options, limits);
    assert_int_equal(rd_patch_apply(&bytes, &source, &sink, &options), RD_OK);
    check_memory(made, file, "options of a version without limits");
    rd_memory_free(&made);
    rd_memory_free(&delta);
    rd_memory_free(&file);
}

/* ---- Fields at their extremes ------------------------------------------------------------------------------------ */

static const uint32_t extremes[] = {0,      1,      2,      12,      0x7f,       0x80,       0xff,       0x100,
                                    0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
static const uint32_t signature_magics[] = {0x72730136, 0x72730137, 0x72730146, 0x72730147};

/* For the whole process, from here on. A sanitizer, or valgrind, needs more for itself. */
static int limit_address_space(void **state) {
    (void)state;
#if !defined(_WIN32)
    const struct rlimit space = {.rlim_cur = 256 << 20, .rlim_max = 256 << 20};
    if (!getenv("REDELTA_SANITIZED"))
        return setrlimit(RLIMIT_AS, &space);
#endif
    return 0;
}

static void put(rd_memory *to, const void *data, size_t size) {
    const rd_sink sink = rd_sink_memory(to);
    assert_int_equal(rd_sink_write(&sink, data, size, NULL), RD_OK);
}

static void put_u32(rd_memory *to, uint32_t value) {
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    put(to, bytes, sizeof bytes);
}

/* Every way ends so, and with RD_OK makes `made`. */
static void check_ways(work_fn *run, const work *w, rd_result expected, const rd_memory *made, const char *name) {
    for (way by = 0; by < WAYS; by++) {
        for (int variant = 0; variant < VARIANTS; variant++) {
            outcome o = run(w, (rd_limits){0}, by, variant);
            check_equal(o.result, expected, "%s, way %d", name, by);
            check_true(o.result == RD_OK || (o.error.result == expected && o.error.reason[0] != '\0'), "%s", name);
            if (o.result == RD_OK)
                check_memory(o.made, *made, "%s, way %d", name, by);
            outcome_free(&o);
        }
    }
}

static rd_result judge_header(uint32_t magic, uint32_t block_len, uint32_t strong_len) {
    const uint32_t strong_max = magic == signature_magics[0] || magic == signature_magics[2] ? 16 : 32;
    bool known = false;
    for (size_t i = 0; i < ITEMS(signature_magics); i++)
        known = known || magic == signature_magics[i];
    if (!known)
        return RD_E_MAGIC;
    return block_len - 1 < RD_BLOCK_LEN_MAX && strong_len - 1 < strong_max ? RD_OK : RD_E_CORRUPT;
}

/* A signature of blocks that all have this weak sum is loaded, and serves a delta; or it is refused for its header. */
static void check_signature(uint32_t magic, uint32_t block_len, uint32_t strong_len, uint32_t weak, size_t count) {
    const rd_result expected = judge_header(magic, block_len, strong_len);
    const uint32_t fields[] = {magic, block_len, strong_len};
    random_source r = random_from(7);
    rd_memory nothing = {0};
    rd_memory bytes = {0};
    rd_memory new_file = bytes_random(&r, 700, 256);
    for (size_t i = 0; i < ITEMS(fields); i++)
        put_u32(&bytes, fields[i]);
    for (size_t i = 0; i < count; i++) {
        uint8_t strong[RD_STRONG_LEN_MAX];
        random_fill(&r, strong, sizeof strong, 256);
        put_u32(&bytes, weak);
        put(&bytes, strong, strong_len < sizeof strong ? strong_len : sizeof strong);
    }
    check_ways(load_signature, &(work){.input = &bytes}, expected, &nothing, "signature");
    if (expected == RD_OK) {
        rd_signature *const signature = loaded(&bytes);
        rd_memory literals = delta_of(NULL, &new_file, NULL);
        assert_int_equal(rd_signature_count(signature), count);
        check_ways(make_delta, &(work){.signature = signature, .input = &new_file}, RD_OK, &literals, "delta");
        rd_memory_free(&literals);
        rd_signature_free(signature);
    }
    rd_memory_free(&new_file);
    rd_memory_free(&bytes);
}

/* Strong sums of a byte would match by chance. */
static void fields_of_a_signature_at_their_extremes(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(extremes); i++) {
        const uint32_t value = extremes[i];
        for (size_t count = 0; count <= 100; count += count == 0 ? 1 : 99) {
            check_signature(value, 40, 16, 5, count);
            for (size_t k = 0; k < ITEMS(signature_magics); k++) {
                check_signature(signature_magics[k], value, 16, 5, count);
                check_signature(signature_magics[k], 40, value, 5, value < 8 ? 0 : count);
                check_signature(signature_magics[k], 40, 16, value, count);
            }
        }
    }
}

enum { LITERAL_N4 = 0x43, COPY_N1_N4 = 0x47, COPY_N4_N1 = 0x4d, COPY_N4_N4 = 0x4f, LITERAL_MOST = 70000 };

static const uint8_t delta_magic[] = {0x72, 0x73, 0x02, 0x36};

/* The delta of one command of these parts patches `basis` with this result, to `made`. */
static void check_command(const rd_memory *basis, uint8_t opcode, const rd_memory *operands, rd_result expected,
                          rd_memory made) {
    rd_memory delta = {0};
    put(&delta, delta_magic, sizeof delta_magic);
    put(&delta, &opcode, 1);
    put(&delta, operands->data, operands->size);
    put(&delta, "", 1);
    check_ways(patch, &(work){.basis = basis, .input = &delta}, expected, &made, "patch");
    rd_memory_free(&delta);
}

static void check_literal(const rd_memory *basis, uint32_t length) {
    rd_memory operands = {0};
    rd_memory data = bytes_random(&(random_source){8}, length < LITERAL_MOST ? length : LITERAL_MOST, 256);
    put_u32(&operands, length);
    put(&operands, data.data, data.size);
    const rd_result most = length > LITERAL_MOST ? RD_E_TRUNCATED : RD_OK;
    check_command(basis, LITERAL_N4, &operands, length == 0 ? RD_E_CORRUPT : most, data);
    rd_memory_free(&data);
    rd_memory_free(&operands);
}

/* Numbers below 256 take a byte, if `opcode` says so. */
static void check_copy(const rd_memory *basis, uint8_t opcode, uint32_t offset, uint32_t length) {
    rd_memory operands = {0};
    const uint64_t end = (uint64_t)offset + length;
    if (opcode == COPY_N1_N4)
        put(&operands, &(uint8_t){(uint8_t)offset}, 1);
    else
        put_u32(&operands, offset);
    if (opcode == COPY_N4_N1)
        put(&operands, &(uint8_t){(uint8_t)length}, 1);
    else
        put_u32(&operands, length);
    const rd_result expected = length == 0 ? RD_E_CORRUPT : end > basis->size ? RD_E_MISMATCH : RD_OK;
    const rd_memory made = {.data = expected == RD_OK ? basis->data + offset : NULL, .size = length};
    check_command(basis, opcode, &operands, expected, made);
    rd_memory_free(&operands);
}

static void check_delta_magic(const rd_memory *basis, uint32_t magic) {
    rd_memory delta = {0};
    put_u32(&delta, magic);
    put(&delta, "", 1);
    check_ways(patch, &(work){.basis = basis, .input = &delta}, RD_E_MAGIC, NULL, "patch");
    rd_memory_free(&delta);
}

static void fields_of_a_delta_at_their_extremes(void **state) {
    (void)state;
    rd_memory basis = bytes_random(&(random_source){9}, 700, 256);
    for (size_t i = 0; i < ITEMS(extremes); i++) {
        check_delta_magic(&basis, extremes[i]);
        check_literal(&basis, extremes[i]);
        check_copy(&basis, COPY_N4_N1, extremes[i], 5);
        check_copy(&basis, COPY_N1_N4, 3, extremes[i]);
        check_copy(&basis, COPY_N4_N4, extremes[i], extremes[i]);
    }
    rd_memory_free(&basis);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_of_a_signature_is_limited),
        cmocka_unit_test(output_of_a_delta_is_limited),
        cmocka_unit_test(patch_ends_before_the_command_that_passes_the_limit),
        cmocka_unit_test(bomb_is_refused_before_it_makes_anything),
        cmocka_unit_test(blocks_of_a_signature_are_limited),
        cmocka_unit_test(memory_of_a_signature_is_limited),
        cmocka_unit_test(memory_of_a_delta_is_limited),
        cmocka_unit_test(delta_without_a_basis_needs_no_memory),
        cmocka_unit_test(limits_that_do_not_apply_are_ignored),
        cmocka_unit_test_setup(fields_of_a_signature_at_their_extremes, limit_address_space),
        cmocka_unit_test_setup(fields_of_a_delta_at_their_extremes, limit_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

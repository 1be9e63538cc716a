/*
 * A context changes nothing: any operations through one, after each other, nested or interleaved, give what they give
 * without. And it keeps what it is for: its threads.
 *
 * The linker leads calls of pthread_create here (--wrap), which counts them.
 */
#define _GNU_SOURCE
#include "chunks.h"

#include "base/context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Threads that are counted ------------------------------------------------------------------------------------ */

typedef void *thread_main(void *argument);

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *start, void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *start, void *argument);

static atomic_uint threads_started;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *start, void *argument) {
    atomic_fetch_add(&threads_started, 1);
    return __real_pthread_create(thread, attributes, start, argument);
}

/* ---- Operations, each a function of a seed ----------------------------------------------------------------------- */

/* What all of them work on. */
typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
    rd_memory compressed_signature; /* these two are not compressed in a build without zstd */
    rd_memory compressed_delta;
    rd_signature *loaded;
} material;

typedef struct outcome {
    rd_result result;
    rd_error error;
    rd_stats stats;
    rd_memory bytes;
} outcome;

/* How an operation is disturbed. */
typedef struct disturbance {
    uint64_t cancel_at; /* bytes of progress */
    uint64_t sink_room; /* bytes that the sink takes */
    rd_memory *bytes;
    void (*nested)(void *context); /* called while the operation runs, or NULL */
    void *nested_context;
    unsigned nested_calls;
} disturbance;

static void run_nested(disturbance *d) {
    if (d->nested && ++d->nested_calls <= 2)
        d->nested(d->nested_context);
}

static bool progress(void *context, uint64_t done, uint64_t total) {
    disturbance *const d = context;
    (void)total;
    run_nested(d);
    return done < d->cancel_at;
}

static rd_result take(void *context, const void *data, size_t size) {
    disturbance *const d = context;
    run_nested(d);
    if (size > d->sink_room - d->bytes->size) {
        errno = ENOSPC;
        return RD_E_IO;
    }
    const rd_sink sink = rd_sink_memory(d->bytes);
    return rd_sink_write(&sink, data, size, NULL);
}

/* The first `size` bytes, perhaps one of them changed; to be freed. */
static rd_memory spoilt(const rd_memory *bytes, random_source *r) {
    const size_t how = random_below(r, 6);
    rd_memory made = bytes_copy(bytes->data, how == 0 ? random_below(r, bytes->size) : bytes->size);
    if (how == 1)
        made.data[random_below(r, made.size)] ^= (uint8_t)(1u << random_below(r, 8));
    return made;
}

/* To the end, in steps of random sizes. */
static rd_result drive(rd_stream *stream, const rd_memory *bytes, const rd_sink *sink, random_source *r) {
    uint8_t room[70000]; /* not static: others may run in between */
    rd_in in = {.data = bytes->data};
    rd_result result = RD_MORE;
    while (result == RD_MORE) {
        const size_t more = 1 + random_below(r, 100000);
        if (in.pos == in.size)
            in.size += more < bytes->size - in.size ? more : bytes->size - in.size;
        rd_out out = {.data = room, .size = 1 + random_below(r, sizeof room)};
        result = rd_stream_step(stream, &in, &out, in.size == bytes->size);
        const rd_result written = rd_sink_write(sink, room, out.pos, NULL);
        if (written != RD_OK)
            return written;
    }
    return result;
}

enum { HANG_SECONDS = 600 };

/* What an operation works on. Its members refer to each other: it stays where it is. */
typedef struct inputs {
    const material *material;
    const rd_sink *sink;
    const rd_options *options;
    random_source *r;
    outcome *outcome;
    rd_memory delta;
    rd_memory signature;
    rd_memory new_file;
    chunks sequential;           /* of one of these, ... */
    const rd_signature *against; /* NULL: of literals alone, a delta is so long that its frame may be given up */
    rd_source from_basis;
    rd_source from_delta; /* ... which is the source of it then */
    rd_source from_signature;
    rd_source from_new_file;
} inputs;

static rd_result write_signature(const inputs *in, rd_result result, rd_signature *signature) {
    if (signature)
        result = rd_signature_write(signature, in->sink, NULL);
    rd_signature_free(signature);
    return result;
}

static rd_result run_stream(const inputs *in, rd_result result, rd_stream *stream, const rd_memory *bytes) {
    if (stream) {
        result = drive(stream, bytes, in->sink, in->r);
        in->outcome->error = *rd_stream_error(stream);
        (void)rd_stream_stats(stream, &in->outcome->stats);
    }
    rd_stream_free(stream);
    return result;
}

static rd_result make_signature(const inputs *in) {
    return rd_signature_make(&in->from_basis, in->sink, in->options);
}

static rd_result load_signature(const inputs *in) {
    rd_signature *signature = NULL;
    const rd_result result = rd_signature_load(&signature, &in->from_signature, in->options);
    return write_signature(in, result, signature);
}

static rd_result build_signature(const inputs *in) {
    rd_signature *signature = NULL;
    const rd_result result = rd_signature_build(&signature, &in->from_basis, in->options);
    return write_signature(in, result, signature);
}

static rd_result join_signature(const inputs *in) {
    rd_signature *signature = NULL;
    rd_signature *parts[2] = {NULL};
    rd_params params = in->options->params;
    (void)rd_params_resolve(&params, in->from_basis.size);
    const uint64_t middle = params.block_len * (rd_block_count(&params, in->from_basis.size) / 2);
    rd_result result = rd_signature_build_part(&parts[0], &in->from_basis, 0, middle, in->options);
    if (result == RD_OK)
        result = rd_signature_build_part(&parts[1], &in->from_basis, middle, RD_UNKNOWN, in->options);
    if (result == RD_OK)
        result = rd_signature_join(&signature, (const rd_signature *const *)parts, 2, in->options);
    rd_signature_free(parts[0]);
    rd_signature_free(parts[1]);
    return write_signature(in, result, signature);
}

static rd_result make_delta(const inputs *in) {
    return rd_delta_make(in->against, &in->from_new_file, in->sink, in->options);
}

static rd_result apply_patch(const inputs *in) {
    return rd_patch_apply(&in->from_basis, &in->from_delta, in->sink, in->options);
}

static rd_result make_digest(const inputs *in) {
    uint8_t digest[RD_DIGEST_LEN];
    const rd_result result = rd_digest(&in->from_new_file, digest, in->options);
    return result == RD_OK ? rd_sink_write(in->sink, digest, sizeof digest, NULL) : result;
}

static rd_result verify_delta(const inputs *in) {
    const rd_source file = bytes_source(&in->material->new_file);
    return rd_delta_verify(&in->from_delta, &file, in->options);
}

/* Writes an op and the first of its bytes. */
static rd_result write_op(const inputs *in, rd_ops *ops, const rd_op *op) {
    uint8_t data[1000];
    size_t got = 0;
    rd_result result = rd_ops_read(ops, data, sizeof data, &got);
    if (result == RD_OK)
        result =
            rd_sink_write(in->sink, (uint64_t[]){op->kind, op->target_offset, op->length, op->basis_offset}, 32, NULL);
    return result == RD_OK ? rd_sink_write(in->sink, data, got, NULL) : result;
}

static rd_result read_ops(const inputs *in) {
    rd_ops *ops = NULL;
    rd_op op;
    rd_result result = rd_ops_open(&ops, &in->from_delta, in->options);
    while (result == RD_OK && (result = rd_ops_next(ops, &op)) == RD_MORE)
        result = write_op(in, ops, &op);
    if (ops)
        in->outcome->error = *rd_ops_error(ops);
    rd_ops_close(ops);
    return result;
}

static rd_result write_delta(const inputs *in) {
    rd_delta_writer *writer = NULL;
    rd_result result = rd_delta_writer_new(&writer, in->sink, &in->from_basis, in->options);
    for (size_t i = 0; i < 20 && result == RD_OK; i++)
        result = i % 2 == 0 ? rd_delta_writer_copy(writer, 1000 * i, random_below(in->r, 200000))
                            : rd_delta_writer_literal(writer, in->material->new_file.data, random_below(in->r, 100000));
    if (result == RD_OK)
        result = rd_delta_writer_finish(writer, NULL);
    if (writer)
        in->outcome->error = *rd_delta_writer_error(writer);
    rd_delta_writer_free(writer);
    return result;
}

static rd_result stream_signature(const inputs *in) {
    rd_stream *stream = NULL;
    const rd_result result = rd_signature_stream_new(&stream, in->options);
    return run_stream(in, result, stream, &in->material->basis);
}

static rd_result stream_delta(const inputs *in) {
    rd_stream *stream = NULL;
    const rd_result result = rd_delta_stream_new(&stream, in->against, in->options);
    return run_stream(in, result, stream, &in->new_file);
}

static rd_result stream_patch(const inputs *in) {
    rd_stream *stream = NULL;
    const rd_result result = rd_patch_stream_new(&stream, &in->from_basis, in->options);
    return run_stream(in, result, stream, &in->delta);
}

static rd_result stream_loaded_signature(const inputs *in) {
    rd_stream *stream = NULL;
    const rd_result result = rd_loadsig_stream_new(&stream, in->options);
    return run_stream(in, result, stream, &in->signature);
}

/* A patch of what is decompressed on the way. */
static rd_result patch_decompressed(const inputs *in) {
    rd_filter *filter = NULL;
    rd_result result = rd_filter_decompress_new(&filter, &in->from_delta, in->options);
    if (result == RD_OK) {
        const rd_source plain = rd_filter_source(filter);
        result = rd_patch_apply(&in->from_basis, &plain, in->sink, in->options);
    }
    rd_filter_free(filter);
    return result;
}

static rd_result patch_peeked(const inputs *in) {
    rd_filter *filter = NULL;
    rd_kind kind = RD_KIND_OTHER;
    bool is_compressed = false;
    rd_result result = rd_filter_peek_new(&filter, &in->from_delta, 300000, in->options);
    if (result == RD_OK) {
        const rd_source peeked = rd_filter_source(filter);
        result = rd_source_identify(&peeked, &kind, &is_compressed, in->options);
        if (result == RD_OK)
            result = rd_sink_write(in->sink, &kind, sizeof kind, NULL);
        if (result == RD_OK)
            result = rd_patch_apply(&in->from_basis, &peeked, in->sink, in->options);
    }
    rd_filter_free(filter);
    return result;
}

/* Each with what it may read from a pipe. */
static const struct {
    rd_result (*run)(const inputs *in);
    enum { PIPED_DELTA, PIPED_SIGNATURE, PIPED_NEW_FILE } piped;
} all_operations[] = {
    {make_signature, PIPED_DELTA},
    {load_signature, PIPED_SIGNATURE},
    {build_signature, PIPED_DELTA},
    {make_delta, PIPED_NEW_FILE},
    {apply_patch, PIPED_DELTA},
    {make_digest, PIPED_NEW_FILE},
    {verify_delta, PIPED_DELTA},
    {read_ops, PIPED_DELTA},
    {write_delta, PIPED_DELTA},
    {stream_signature, PIPED_DELTA},
    {stream_delta, PIPED_DELTA},
    {stream_patch, PIPED_DELTA},
    {stream_loaded_signature, PIPED_DELTA},
    {patch_decompressed, PIPED_DELTA},
    {patch_peeked, PIPED_DELTA},
    {join_signature, PIPED_DELTA},
};

/* Operation `which` over sources that `r` chooses. Everything but the context is the same for the same numbers. */
static rd_result run_operation(const material *m, size_t which, const rd_sink *sink, const rd_options *options,
                               random_source *r, outcome *o) {
    inputs in = {.material = m, .sink = sink, .options = options, .r = r, .outcome = o};
    const bool compressed = random_below(r, 2) == 0;
    in.delta = spoilt(compressed ? &m->compressed_delta : &m->delta, r);
    in.signature = spoilt(compressed ? &m->compressed_signature : &m->signature, r);
    in.new_file = (rd_memory){.data = m->new_file.data, .size = random_below(r, m->new_file.size)};
    const rd_memory *const piped[] = {&in.delta, &in.signature, &in.new_file};
    in.sequential = chunks_of(piped[all_operations[which].piped], 200000, true);
    const bool pipe = random_below(r, 3) == 0;
    in.against = random_below(r, 2) == 0 ? NULL : m->loaded;
    in.from_basis = bytes_source(&m->basis);
    in.from_delta = pipe ? chunks_source(&in.sequential) : bytes_source(&in.delta);
    in.from_signature = pipe ? chunks_source(&in.sequential) : bytes_source(&in.signature);
    in.from_new_file = pipe ? chunks_source(&in.sequential) : bytes_source(&in.new_file);
    const rd_result result = all_operations[which].run(&in);
    rd_memory_free(&in.delta);
    rd_memory_free(&in.signature);
    return result;
}

/* The operation of a seed, through the context or without. */
static outcome run(const material *m, uint64_t seed, rd_context *context, void (*nested)(void *),
                   void *nested_context) {
    random_source r = random_from(seed);
    outcome o = {.stats.size = sizeof o.stats, .error.reason = ""};
    disturbance d = {.cancel_at = UINT64_MAX,
                     .sink_room = UINT64_MAX,
                     .bytes = &o.bytes,
                     .nested = nested,
                     .nested_context = nested_context};
    rd_options options = {OPTIONS,
                          .params = {.block_len = 200 + (uint32_t)random_below(&r, 3000)},
                          .progress = progress,
                          .progress_context = &d,
                          .error = &o.error,
                          .stats = &o.stats,
                          .threads = 1 + (unsigned)random_below(&r, 5),
                          .context = context};
    if (random_below(&r, 20) == 0)
        options.params.block_len = 400000;
    if (rd_compression_max() > 0 && random_below(&r, 3) == 0)
        options.compression = 1 + (int)random_below(&r, 4);
    switch (random_below(&r, 8)) {
    case 0: d.cancel_at = random_below(&r, m->new_file.size); break;
    case 1: d.sink_room = random_below(&r, m->new_file.size); break;
    case 2: options.limits.output = 1 + random_below(&r, m->new_file.size); break;
    case 3: options.limits.memory = 1 + random_below(&r, 1000000); break;
    case 4: options.limits.blocks = 1 + random_below(&r, 3000); break;
    default: break;
    }
    const rd_sink sink = rd_sink_callback(take, &d);
    o.result = run_operation(m, random_below(&r, ITEMS(all_operations)), &sink, &options, &r, &o);
    return o;
}

static void check_same(const outcome *actual, const outcome *expected, uint64_t seed) {
    const unsigned long long n = seed;
    check_equal(actual->result, expected->result, "seed %llu: %s, %s", n, actual->error.reason, expected->error.reason);
    check_equal(actual->error.result, expected->error.result, "seed %llu", n);
    if (actual->error.result != RD_OK) {
        check_equal(actual->error.role, expected->error.role, "seed %llu", n);
        check_equal(actual->error.offset, expected->error.offset, "seed %llu", n);
        check_equal(actual->error.system_error, expected->error.system_error, "seed %llu", n);
        check_equal(strcmp(actual->error.reason, expected->error.reason), 0, "seed %llu: %s", n, actual->error.reason);
    }
    if (actual->result != RD_OK)
        return;
    check_memory(actual->bytes, expected->bytes, "seed %llu", n);
    check_equal(actual->stats.in_bytes, expected->stats.in_bytes, "seed %llu", n);
    check_equal(actual->stats.out_bytes, expected->stats.out_bytes, "seed %llu", n);
    check_equal(actual->stats.blocks, expected->stats.blocks, "seed %llu", n);
    check_equal(actual->stats.copy_bytes, expected->stats.copy_bytes, "seed %llu", n);
    check_equal(actual->stats.literal_bytes, expected->stats.literal_bytes, "seed %llu", n);
    check_equal(actual->stats.identical, expected->stats.identical, "seed %llu", n);
    check_equal(actual->stats.has_digest, expected->stats.has_digest, "seed %llu", n);
}

static void run_both(const material *m, uint64_t seed, rd_context *context, unsigned results[16]) {
    outcome expected = run(m, seed, NULL, NULL, NULL);
    outcome actual = run(m, seed, context, NULL, NULL);
    check_same(&actual, &expected, seed);
    if (results)
        results[expected.result]++;
    rd_memory_free(&actual.bytes);
    rd_memory_free(&expected.bytes);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static int set_up(void **state) {
    material *const m = calloc(1, sizeof *m);
    random_source r = random_from(1);
    assert_non_null(m);
    m->basis = bytes_random(&r, 1500000, 256);
    m->new_file = bytes_edited(&r, &m->basis, 1700000, 256);
    m->signature = signature_of(&m->basis, (rd_params){.block_len = 1000});
    m->loaded = loaded(&m->signature);
    m->delta = delta_of(m->loaded, &m->new_file, NULL);
    const rd_source basis = bytes_source(&m->basis);
    const rd_source new_file = bytes_source(&m->new_file);
    const rd_sink signature = rd_sink_memory(&m->compressed_signature);
    const rd_sink delta = rd_sink_memory(&m->compressed_delta);
    const rd_options options = {OPTIONS, .params = {.block_len = 1000},
                                .compression = rd_compression_max() > 0 ? 1 : 0};
    assert_int_equal(rd_signature_make(&basis, &signature, &options), RD_OK);
    assert_int_equal(rd_delta_make(m->loaded, &new_file, &delta, &options), RD_OK);
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
    rd_memory_free(&m->compressed_signature);
    rd_memory_free(&m->compressed_delta);
    free(m);
    return 0;
}

static void operations_after_each_other_give_the_same(void **state) {
    const material *const m = *state;
    unsigned results[16] = {0};
    uint64_t seed = 1000;
    for (int contexts = 0; contexts < 4; contexts++) {
        rd_context *context = NULL;
        assert_int_equal(rd_context_new(&context), RD_OK);
        for (int i = 0; i < 100; i++)
            run_both(m, seed++, context, results);
        rd_context_free(context);
    }
    /* The seeds lead to every kind of end that is meant. */
    static const rd_result ends[] = {RD_OK, RD_E_IO, RD_E_LIMIT, RD_E_CANCELLED, RD_E_TRUNCATED, RD_E_MISMATCH};
    for (size_t i = 0; i < ITEMS(ends); i++)
        check_true(results[ends[i]] > 0, "%s", rd_result_name(ends[i]));
}

typedef struct nesting {
    const material *material;
    rd_context *context;
    uint64_t seed;
    unsigned ran;
} nesting;

static void nested_operation(void *context) {
    nesting *const n = context;
    run_both(n->material, n->seed++, n->context, NULL);
    n->ran++;
}

/* The callbacks of an operation start others through the same context, which has its threads at work. */
static void operations_inside_each_other_give_the_same(void **state) {
    const material *const m = *state;
    rd_context *context = NULL;
    assert_int_equal(rd_context_new(&context), RD_OK);
    nesting n = {.material = m, .context = context, .seed = 50000};
    for (uint64_t seed = 5000; seed < 5060; seed++) {
        outcome expected = run(m, seed, NULL, NULL, NULL);
        outcome actual = run(m, seed, context, nested_operation, &n);
        check_same(&actual, &expected, seed);
        rd_memory_free(&actual.bytes);
        rd_memory_free(&expected.bytes);
    }
    assert_true(n.ran > 50);
    rd_context_free(context);
}

/* ---- Interleaved streams ----------------------------------------------------------------------------------------- */

enum { STREAMS = 8 };

typedef struct lane {
    rd_stream *stream;
    rd_memory input;
    const rd_memory *expected; /* what it is to make, or NULL: a signature */
    rd_memory made;
    rd_in in;
} lane;

static lane lane_new(const material *m, rd_context *context, random_source *r) {
    lane l = {.stream = NULL};
    const rd_source basis = bytes_source(&m->basis);
    const bool compressed = random_below(r, 2) == 0;
    rd_options options = {OPTIONS, .params = {.block_len = 1000}, .context = context};
    switch (random_below(r, 4)) {
    case 0:
        options.compression = compressed && rd_compression_max() > 0 ? 1 : 0;
        assert_int_equal(rd_signature_stream_new(&l.stream, &options), RD_OK);
        l.input = bytes_copy(m->basis.data, m->basis.size);
        l.expected = compressed ? &m->compressed_signature : &m->signature;
        break;
    case 1:
        options.compression = compressed && rd_compression_max() > 0 ? 1 : 0;
        assert_int_equal(rd_delta_stream_new(&l.stream, m->loaded, &options), RD_OK);
        l.input = bytes_copy(m->new_file.data, m->new_file.size);
        l.expected = compressed ? &m->compressed_delta : &m->delta;
        break;
    case 2: {
        const rd_memory *const delta = compressed ? &m->compressed_delta : &m->delta;
        assert_int_equal(rd_patch_stream_new(&l.stream, &basis, &options), RD_OK);
        l.input = bytes_copy(delta->data, delta->size);
        l.expected = &m->new_file;
        break;
    }
    default: {
        const rd_memory *const signature = compressed ? &m->compressed_signature : &m->signature;
        assert_int_equal(rd_loadsig_stream_new(&l.stream, &options), RD_OK);
        l.input = bytes_copy(signature->data, signature->size);
        break;
    }
    }
    l.in.data = l.input.data;
    return l;
}

/* One step. True: it is done, and was right. */
static bool lane_step(const material *m, lane *l, random_source *r) {
    static uint8_t room[60000];
    rd_out out = {.data = room, .size = 1 + random_below(r, sizeof room)};
    if (l->in.pos == l->in.size) {
        const size_t more = random_below(r, 60000);
        l->in.size += more < l->input.size - l->in.size ? more : l->input.size - l->in.size;
    }
    const rd_result result = rd_stream_step(l->stream, &l->in, &out, l->in.size == l->input.size);
    const rd_sink sink = rd_sink_memory(&l->made);
    assert_int_equal(rd_sink_write(&sink, room, out.pos, NULL), RD_OK);
    if (result == RD_MORE)
        return false;
    check_equal(result, RD_OK, "%s", rd_stream_error(l->stream)->reason);
    if (!l->expected) {
        rd_signature *signature = NULL;
        assert_int_equal(rd_stream_take_signature(l->stream, &signature), RD_OK);
        assert_int_equal(rd_signature_write(signature, &sink, NULL), RD_OK);
        rd_signature_free(signature);
        check_memory(l->made, m->signature, "a signature");
    } else {
        check_memory(l->made, *l->expected, "what a stream made");
    }
    return true;
}

static void lane_free(lane *l) {
    rd_stream_free(l->stream);
    rd_memory_free(&l->input);
    rd_memory_free(&l->made);
    *l = (lane){.stream = NULL};
}

/* Streams at any stage, some never finished, with whole operations in between. */
static void streams_between_each_other_give_the_same(void **state) {
    const material *const m = *state;
    random_source r = random_from(7);
    rd_context *context = NULL;
    lane lanes[STREAMS] = {{.stream = NULL}};
    uint64_t seed = 9000;
    unsigned done = 0;
    assert_int_equal(rd_context_new(&context), RD_OK);
    while (done < 40) {
        lane *const l = &lanes[random_below(&r, STREAMS)];
        if (!l->stream)
            *l = lane_new(m, context, &r);
        else if (random_below(&r, 300) == 0)
            lane_free(l); /* it is given up */
        else if (lane_step(m, l, &r)) {
            lane_free(l);
            done++;
        }
        if (random_below(&r, 200) == 0)
            run_both(m, seed++, context, NULL);
    }
    for (size_t i = 0; i < STREAMS; i++)
        lane_free(&lanes[i]);
    rd_context_free(context);
}

/* ---- What is kept ------------------------------------------------------------------------------------------------ */

/* A basis whose size nobody knows: for what is known to be small, no threads are started. */
static unsigned threads_for(const material *m, unsigned most, int operations, rd_context *context) {
    const unsigned before = atomic_load(&threads_started);
    for (int i = 0; i < operations; i++) {
        in_order r = {.bytes = &m->basis};
        const rd_source basis = in_order_source(&r);
        rd_memory made = {0};
        const rd_sink sink = rd_sink_memory(&made);
        const rd_options options = {OPTIONS, .params = {.block_len = 1000}, .threads = 1 + (unsigned)i % most,
                                    .context = context};
        assert_int_equal(rd_signature_make(&basis, &sink, &options), RD_OK);
        check_memory(made, m->signature, "%d", i);
        rd_memory_free(&made);
    }
    return atomic_load(&threads_started) - before;
}

/* What is nested into one operation, and counts. */
typedef struct counting {
    const material *material;
    rd_context *context;
    unsigned started;
    unsigned ran;
} counting;

static void count_nested(void *context) {
    counting *const c = context;
    c->started += threads_for(c->material, 4, 4, c->context);
    c->ran++;
}

/* While the threads of a context are at work, what a callback starts has none. */
static void nested_operations_start_no_threads(void **state) {
    const material *const m = *state;
    rd_context *context = NULL;
    assert_int_equal(rd_context_new(&context), RD_OK);
    rd_memory made = {0};
    counting c = {.material = m, .context = context};
    disturbance d = {
        .cancel_at = UINT64_MAX, .sink_room = UINT64_MAX, .bytes = &made, .nested = count_nested, .nested_context = &c};
    in_order r = {.bytes = &m->basis};
    const rd_source basis = in_order_source(&r);
    const rd_sink sink = rd_sink_callback(take, &d);
    const rd_options options = {
        OPTIONS,           .params = {.block_len = 1000}, .progress = progress, .progress_context = &d, .threads = 3,
        .context = context};
    assert_int_equal(rd_signature_make(&basis, &sink, &options), RD_OK);
    check_memory(made, m->signature, "the signature around them");
    assert_int_equal(c.ran, 2);
    assert_int_equal(c.started, 0);
    rd_memory_free(&made);
    rd_context_free(context);
}

static void threads_are_used_again(void **state) {
    const material *const m = *state;
    rd_context *context = NULL;
    assert_int_equal(rd_context_new(&context), RD_OK);
    const unsigned first = threads_for(m, 4, 100, context);
    check_true(first >= 1 && first <= 3, "%u threads", first);
    const unsigned again = threads_for(m, 4, 100, context);
    check_true(first + again <= 3, "%u and %u threads", first, again);
    const unsigned without = threads_for(m, 4, 100, NULL);
    check_true(without >= 50, "%u threads", without);
    rd_context_free(context);
    rd_context_free(NULL);
}

/*
 * For what is known to be small, no threads are started, however many may be; for what is large, some are, and the
 * results are the same.
 */
static void small_files_start_no_threads(void **state) {
    enum { MIB = 1 << 20, KINDS = 3 };
    static const size_t sizes[] = {10000, MIB, 2 * MIB - 1, 2 * MIB, 5 * MIB};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        random_source r = random_from(i);
        rd_memory basis = bytes_random(&r, sizes[i], 256);
        rd_memory new_file = bytes_copy(basis.data, basis.size);
        new_file.data[sizes[i] / 2] ^= 1;
        rd_signature *const signature = loaded_signature_of(&basis, (rd_params){.block_len = 1000, .strong_len = 8});
        rd_memory delta = delta_of(signature, &new_file, NULL);
        const rd_source sources[] = {bytes_source(&basis), bytes_source(&new_file), bytes_source(&delta)};
        const rd_options options = {OPTIONS, .params = {.block_len = 1000}, .threads = 4};
        rd_memory made[KINDS] = {{0}};
        for (int kind = 0; kind < KINDS; kind++) {
            const unsigned before = atomic_load(&threads_started);
            const rd_sink sink = rd_sink_memory(&made[kind]);
            assert_int_equal(kind == 0   ? rd_signature_make(&sources[0], &sink, &options)
                             : kind == 1 ? rd_patch_apply(&sources[0], &sources[2], &sink, &options)
                                         : rd_delta_verify(&sources[2], &sources[1], &options),
                             RD_OK);
            const unsigned started = atomic_load(&threads_started) - before;
            check_equal(started > 0, sizes[i] >= 2 * MIB, "%u threads for %zu bytes, kind %d", started, sizes[i], kind);
            check_true(started <= 3, "%u threads for %zu bytes, kind %d", started, sizes[i], kind);
        }
        check_memory(made[1], new_file, "%zu bytes", sizes[i]);
        for (int kind = 0; kind < KINDS; kind++)
            rd_memory_free(&made[kind]);
        rd_signature_free(signature);
        rd_memory_free(&delta);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

/* A frame may ask for a window of 128 MiB, whatever is in it. The context must not have that much for good. */
static void large_states_are_not_kept(void **state) {
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x29, 0x00, 0x00, 'r', 's', 0x02, '6', 0x00};
    rd_context *context = NULL;
    (void)state;
    if (rd_compression_max() == 0)
        skip();
    assert_int_equal(rd_context_new(&context), RD_OK);
    const rd_options options = {OPTIONS, .context = context};
    for (uint8_t exponent = 0; exponent <= 17; exponent++) {
        rd_memory delta = bytes_copy(frame, sizeof frame);
        delta.data[5] = (uint8_t)(exponent << 3);
        const rd_source source = bytes_source(&delta);
        rd_ops *ops = NULL;
        rd_op op;
        assert_int_equal(rd_ops_open(&ops, &source, &options), RD_OK);
        check_equal(rd_ops_next(ops, &op), RD_OK, "%s", rd_ops_error(ops)->reason);
        rd_ops_close(ops);
        check_equal(context->states[RD__KEPT_DECOMPRESSOR] != NULL, exponent < 16, "a window of 2^%d", 10 + exponent);
        rd_memory_free(&delta);
    }
    rd_context_free(context);
}

/* ---- Threads within a step --------------------------------------------------------------------------------------- */

/* A signature stream of short blocks, which have its threads sign some KiB at a time. */
static rd_stream *stream_with_threads(rd_context *context) {
    rd_stream *stream = NULL;
    const rd_options options = {OPTIONS, .threads = 4, .params = {.block_len = 16}, .context = context};
    assert_int_equal(rd_signature_stream_new(&stream, &options), RD_OK);
    return stream;
}

static void a_signature_stream_uses_the_threads_of_its_context(void **state) {
    const material *const m = *state;
    rd_memory expected = signature_of(&m->basis, (rd_params){.block_len = 16});
    rd_context *context = NULL;
    assert_int_equal(rd_context_new(&context), RD_OK);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        rd_memory made = {0};
        const rd_sink sink = rd_sink_memory(&made);
        const unsigned before = atomic_load(&threads_started);
        rd_stream *const stream = stream_with_threads(context);
        assert_int_equal(drive(stream, &m->basis, &sink, &(random_source){seed}), RD_OK);
        check_memory(made, expected, "seed %llu", (unsigned long long)seed);
        assert_true(seed > 1 || atomic_load(&threads_started) > before);
        rd_stream_free(stream);
        rd_memory_free(&made);
    }
    rd_context_free(context);
    rd_memory_free(&expected);
}

static void a_stream_with_threads_is_freed_anywhere(void **state) {
    const material *const m = *state;
    static uint8_t room[300000];
    for (size_t size = 1; size < 100000; size += 7919) {
        rd_context *context = NULL;
        assert_int_equal(rd_context_new(&context), RD_OK);
        rd_stream *const stream = stream_with_threads(context);
        rd_in in = {.data = m->basis.data, .size = size};
        rd_out out = {.data = room, .size = size % 2 ? sizeof room : 100};
        assert_int_equal(rd_stream_step(stream, &in, &out, false), RD_MORE);
        rd_stream_free(stream);
        rd_context_free(context);
    }
}

/*
 * A child process has the context, but not its threads. ThreadSanitizer allows no threads there, and QEMU's emulation
 * of a process fails if a child of one with threads starts some.
 */
static void a_child_process_uses_the_context(void **state) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    (void)state;
    skip();
#endif
#endif
    if (getenv("REDELTA_EMULATED"))
        skip();
    const material *const m = *state;
    rd_context *context = NULL;
    assert_int_equal(rd_context_new(&context), RD_OK);
    rd_memory made[3] = {{0}};
    rd_options options = {OPTIONS, .threads = 4, .params = {.block_len = 16}, .context = context,
                          .compression = rd_compression_max() > 0 ? 1 : 0};
    for (int i = 0; i < 3; i++) { /* a parent, its child, and the child of that */
        in_order r = {.bytes = &m->basis};
        const rd_source basis = in_order_source(&r);
        const rd_sink sink = rd_sink_memory(&made[i]);
        assert_int_equal(rd_signature_make(&basis, &sink, &options), RD_OK);
        check_memory(made[i], made[0], "%d", i);
        if (i > 0)
            rd_memory_free(&made[i]);
        (void)fflush(NULL);
        const pid_t child = i < 2 ? fork() : -1;
        if (child == 0) {
            (void)alarm(HANG_SECONDS);
            continue;
        }
        int status = 0;
        if (child > 0) {
            assert_int_equal(waitpid(child, &status, 0), child);
            check_equal(status, 0, "of the child of %d", i);
        }
        rd_context_free(context);
        if (i > 0)
            _exit(0);
        break;
    }
    rd_memory_free(&made[0]);
}

/* The parent and its child both finish the stream that the parent has begun. */
static void a_child_process_finishes_a_stream(void **state) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    (void)state;
    skip();
#endif
#endif
    if (getenv("REDELTA_EMULATED"))
        skip();
    const material *const m = *state;
    static uint8_t room[6000000];
    rd_memory expected = signature_of(&m->basis, (rd_params){.block_len = 16});
    rd_context *context = NULL;
    assert_true(expected.size < sizeof room);
    assert_int_equal(rd_context_new(&context), RD_OK);
    rd_stream *const stream = stream_with_threads(context);
    rd_in in = {.data = m->basis.data, .size = m->basis.size / 2};
    rd_out out = {.data = room, .size = sizeof room};
    assert_int_equal(rd_stream_step(stream, &in, &out, false), RD_MORE);
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        (void)alarm(HANG_SECONDS);
    in.size = m->basis.size;
    const rd_result result = rd_stream_step(stream, &in, &out, true);
    const bool right = result == RD_OK && out.pos == expected.size && memcmp(room, expected.data, out.pos) == 0;
    rd_stream_free(stream);
    rd_context_free(context);
    rd_memory_free(&expected);
    if (child == 0)
        _exit(right ? 0 : 1);
    int status = 0;
    assert_true(right);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_after_each_other_give_the_same),
        cmocka_unit_test(operations_inside_each_other_give_the_same),
        cmocka_unit_test(streams_between_each_other_give_the_same),
        cmocka_unit_test(nested_operations_start_no_threads),
        cmocka_unit_test(threads_are_used_again),
        cmocka_unit_test(small_files_start_no_threads),
        cmocka_unit_test(large_states_are_not_kept),
        cmocka_unit_test(a_signature_stream_uses_the_threads_of_its_context),
        cmocka_unit_test(a_stream_with_threads_is_freed_anywhere),
        cmocka_unit_test(a_child_process_uses_the_context),
        cmocka_unit_test(a_child_process_finishes_a_stream),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

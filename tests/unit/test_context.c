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

enum { OPERATIONS = 16 };

/* Operation `which` over sources that `r` chooses. Everything but the context is the same for the same numbers. */
static rd_result run_operation(const material *m, size_t which, const rd_sink *sink, const rd_options *options,
                               random_source *r, outcome *o) {
    const bool compressed = random_below(r, 2) == 0;
    rd_memory delta = spoilt(compressed ? &m->compressed_delta : &m->delta, r);
    rd_memory signature_bytes = spoilt(compressed ? &m->compressed_signature : &m->signature, r);
    const rd_memory new_bytes = {.data = m->new_file.data, .size = random_below(r, m->new_file.size)};
    chunks sequential = chunks_of(which == 3 || which == 5 ? &new_bytes
                                  : which == 1             ? &signature_bytes
                                                           : &delta,
                                  200000, true);
    const bool pipe = random_below(r, 3) == 0;
    /* Of literals alone, a delta is so long that its frame may be given up in the middle. */
    const rd_signature *const against = random_below(r, 2) == 0 ? NULL : m->loaded;
    const rd_source piped = chunks_source(&sequential);
    const rd_source basis = bytes_source(&m->basis);
    const rd_source new_file = pipe ? piped : bytes_source(&new_bytes);
    const rd_source delta_source = pipe ? piped : bytes_source(&delta);
    const rd_source signature_source = pipe ? piped : bytes_source(&signature_bytes);
    uint8_t digest[RD_DIGEST_LEN];
    rd_signature *signature = NULL;
    rd_signature *parts[2] = {NULL};
    rd_stream *stream = NULL;
    rd_filter *filter = NULL;
    rd_ops *ops = NULL;
    rd_delta_writer *writer = NULL;
    rd_kind kind = RD_KIND_OTHER;
    rd_op op;
    rd_result result = RD_OK;
    switch (which) {
    case 0: result = rd_signature_make(&basis, sink, options); break;
    case 1: result = rd_signature_load(&signature, &signature_source, options); break;
    case 2: result = rd_signature_build(&signature, &basis, options); break;
    case 3: result = rd_delta_make(against, &new_file, sink, options); break;
    case 4: result = rd_patch_apply(&basis, &delta_source, sink, options); break;
    case 5:
        result = rd_digest(&new_file, digest, options);
        if (result == RD_OK)
            result = rd_sink_write(sink, digest, sizeof digest, NULL);
        break;
    case 6: {
        const rd_source file = bytes_source(&m->new_file);
        result = rd_delta_verify(&delta_source, &file, options);
        break;
    }
    case 7:
        result = rd_ops_open(&ops, &delta_source, options);
        while (result == RD_OK && (result = rd_ops_next(ops, &op)) == RD_MORE) {
            uint8_t data[1000];
            size_t got = 0;
            result = rd_ops_read(ops, data, sizeof data, &got);
            if (result == RD_OK)
                result =
                    rd_sink_write(sink, (uint64_t[]){op.kind, op.target_offset, op.length, op.basis_offset}, 32, NULL);
            if (result == RD_OK)
                result = rd_sink_write(sink, data, got, NULL);
            if (result == RD_OK)
                continue;
            break;
        }
        if (ops)
            o->error = *rd_ops_error(ops);
        break;
    case 8:
        result = rd_delta_writer_new(&writer, sink, &basis, options);
        for (size_t i = 0; i < 20 && result == RD_OK; i++)
            result = i % 2 == 0 ? rd_delta_writer_copy(writer, 1000 * i, random_below(r, 200000))
                                : rd_delta_writer_literal(writer, m->new_file.data, random_below(r, 100000));
        if (result == RD_OK)
            result = rd_delta_writer_finish(writer, NULL);
        if (writer)
            o->error = *rd_delta_writer_error(writer);
        break;
    case 9: result = rd_signature_stream_new(&stream, options); break;
    case 10: result = rd_delta_stream_new(&stream, against, options); break;
    case 11: result = rd_patch_stream_new(&stream, &basis, options); break;
    case 12: result = rd_loadsig_stream_new(&stream, options); break;
    case 13: /* a patch of what is decompressed on the way */
        result = rd_filter_decompress_new(&filter, &delta_source, options);
        if (result == RD_OK) {
            const rd_source plain = rd_filter_source(filter);
            result = rd_patch_apply(&basis, &plain, sink, options);
        }
        break;
    case 14: {
        result = rd_filter_peek_new(&filter, &delta_source, 300000, options);
        bool is_compressed = false;
        if (result == RD_OK) {
            const rd_source peeked = rd_filter_source(filter);
            result = rd_source_identify(&peeked, &kind, &is_compressed, options);
            if (result == RD_OK)
                result = rd_sink_write(sink, &kind, sizeof kind, NULL);
            if (result == RD_OK)
                result = rd_patch_apply(&basis, &peeked, sink, options);
        }
        break;
    }
    default: {
        rd_params params = options->params;
        (void)rd_params_resolve(&params, basis.size);
        const uint64_t middle = params.block_len * (rd_block_count(&params, basis.size) / 2);
        result = rd_signature_build_part(&parts[0], &basis, 0, middle, options);
        if (result == RD_OK)
            result = rd_signature_build_part(&parts[1], &basis, middle, RD_UNKNOWN, options);
        if (result == RD_OK)
            result = rd_signature_join(&signature, (const rd_signature *const *)parts, 2, options);
        break;
    }
    }
    if (signature)
        result = rd_signature_write(signature, sink, NULL);
    if (stream) {
        result = drive(stream,
                       which == 9    ? &m->basis
                       : which == 10 ? &new_bytes
                       : which == 11 ? &delta
                                     : &signature_bytes,
                       sink, r);
        o->error = *rd_stream_error(stream);
        (void)rd_stream_stats(stream, &o->stats);
    }
    rd_stream_free(stream);
    rd_filter_free(filter);
    rd_ops_close(ops);
    rd_delta_writer_free(writer);
    rd_signature_free(signature);
    rd_signature_free(parts[0]);
    rd_signature_free(parts[1]);
    rd_memory_free(&delta);
    rd_memory_free(&signature_bytes);
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
    o.result = run_operation(m, random_below(&r, OPERATIONS), &sink, &options, &r, &o);
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
            (void)alarm(60);
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
        (void)alarm(60);
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

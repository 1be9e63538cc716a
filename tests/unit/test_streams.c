/*
 * Streams give the bytes of the whole operations, whatever the chunks. Every stream is driven here by one loop, which
 * also checks at each step what the header promises about a step: RD_MORE comes only when the input is used up or the
 * output is full, so that a caller who provides either never spins.
 */
#include "support.h"

#include "stream/stream.h"

enum { ANY = 0, WHOLE = 1 << 30, OUT_MAX = 200000 };

static const size_t portions[] = {1, 2, 3, 7, 64, 4095, 65536, WHOLE, ANY};

/* The chunks with which a stream is driven; ANY: of random sizes. */
typedef struct pace {
    size_t in;
    size_t out;
    bool late_end; /* the end is reported in a step of its own */
    random_source random;
} pace;

static size_t portion(pace *p, size_t size, size_t limit) {
    const size_t wanted = size == ANY ? 1 + random_below(&p->random, 1000) : size;
    return wanted < limit ? wanted : limit;
}

/* The end of a buffer: a read or write past it leaves the allocation. */
static uint8_t *tail(const rd_memory *buffer, size_t size) {
    return buffer->size > 0 ? buffer->data + (buffer->size - size) : NULL;
}

static rd_memory buffer_new(size_t size) {
    return (rd_memory){.data = bytes_new(size), .size = size, .capacity = size};
}

/* Hands the tails of two buffers to a step, and checks what every step promises. */
static rd_result step_checked(rd_stream *stream, rd_in *in, rd_out *out, bool end, rd_memory *made) {
    const rd_result result = rd_stream_step(stream, in, out, end);
    const rd_sink sink = rd_sink_memory(made);
    assert_true(in->pos <= in->size && out->pos <= out->size);
    if (result == RD_MORE)
        assert_true(in->pos == in->size || out->pos == out->size);
    if (out->pos > 0)
        assert_int_equal(sink.write(sink.context, out->data, out->pos), RD_OK);
    return result;
}

/* One step with buffers of exactly these sizes. Appends the output to *made; *used is the input that was taken. */
static rd_result step_once(rd_stream *stream, const uint8_t *data, size_t in_size, size_t out_size, bool end,
                           size_t *used, rd_memory *made) {
    rd_memory in_buffer = bytes_copy(data, in_size);
    rd_memory out_buffer = buffer_new(out_size);
    rd_in in = {.data = in_buffer.data, .size = in_size};
    rd_out out = {.data = out_buffer.data, .size = out_size};
    const rd_result result = step_checked(stream, &in, &out, end, made);
    *used = in.pos;
    rd_memory_free(&out_buffer);
    rd_memory_free(&in_buffer);
    return result;
}

/* Drives the stream over `size` bytes. Returns its last result, with the input used in *used. */
static rd_result drive(rd_stream *stream, const uint8_t *data, size_t size, pace *p, size_t *used, rd_memory *made) {
    rd_memory in_buffer = buffer_new(size);
    rd_memory out_buffer = buffer_new(OUT_MAX);
    rd_result result = RD_MORE;
    size_t at = 0;
    bool end = false;
    while (result == RD_MORE) {
        const size_t in_size = end ? size - at : portion(p, p->in, size - at);
        const size_t out_size = portion(p, p->out, OUT_MAX);
        rd_in in = {.data = tail(&in_buffer, in_size), .size = in_size};
        rd_out out = {.data = tail(&out_buffer, out_size), .size = out_size};
        if (in_size > 0)
            memcpy(tail(&in_buffer, in_size), data + at, in_size);
        end = end || (at + in_size == size && (!p->late_end || in_size == 0));
        result = step_checked(stream, &in, &out, end, made);
        at += in.pos;
    }
    *used = at;
    rd_memory_free(&out_buffer);
    rd_memory_free(&in_buffer);
    return result;
}

static rd_result drive_all(rd_stream *stream, const rd_memory *in, pace *p, rd_memory *made) {
    size_t used = 0;
    return drive(stream, in->data, in->size, p, &used, made);
}

/* ---- The same bytes for any chunks ------------------------------------------------------------------------------- */

typedef struct sample {
    rd_params params;
    rd_memory basis;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
    rd_signature *loaded;
    rd_stats delta_stats;
} sample;

static rd_params random_params(random_source *r, size_t size) {
    rd_params p = {.weak = random_below(r, 2) ? RD_ROLLSUM : RD_RABINKARP,
                   .strong = random_below(r, 2) ? RD_MD4 : RD_BLAKE2,
                   .block_len = 1 + (uint32_t)random_below(r, 1 + size / 4)};
    p.block_len = random_below(r, 8) == 0 ? 1 + (uint32_t)random_below(r, 40) : p.block_len;
    p.strong_len = random_below(r, 2) ? 12 : RD_STRONG_LEN_FULL;
    return p;
}

static sample sample_new(uint64_t seed, size_t size) {
    random_source r = random_from(seed);
    sample s = {.params = random_params(&r, size), .basis = bytes_random(&r, size, seed % 3 ? 256 : 2)};
    s.new_file = bytes_edited(&r, &s.basis, size + random_below(&r, 1 + size / 4), 256);
    s.signature = signature_of(&s.basis, s.params);
    s.loaded = loaded(&s.signature);
    s.delta = delta_of(s.loaded, &s.new_file, &s.delta_stats);
    return s;
}

static void sample_free(sample *s) {
    rd_memory_free(&s->basis);
    rd_memory_free(&s->new_file);
    rd_memory_free(&s->signature);
    rd_memory_free(&s->delta);
    rd_signature_free(s->loaded);
}

static void check_signature_stream(const sample *s, pace p) {
    rd_stream *stream = NULL;
    rd_memory made = {0};
    assert_int_equal(rd_signature_stream_new(&stream, &(rd_options){OPTIONS, .params = s->params}), RD_OK);
    check_equal(drive_all(stream, &s->basis, &p, &made), RD_OK, "in %zu out %zu", p.in, p.out);
    check_memory(made, s->signature, "in %zu out %zu", p.in, p.out);
    check_equal(stats_of(stream).in_bytes, s->basis.size, "in %zu out %zu", p.in, p.out);
    check_equal(stats_of(stream).out_bytes, s->signature.size, "in %zu out %zu", p.in, p.out);
    check_equal(stats_of(stream).blocks, rd_signature_count(s->loaded), "in %zu out %zu", p.in, p.out);
    rd_stream_free(stream);
    rd_memory_free(&made);
}

static void check_loadsig_stream(const sample *s, pace p) {
    rd_stream *stream = NULL;
    rd_signature *taken = NULL;
    rd_memory made = {0};
    assert_int_equal(rd_loadsig_stream_new(&stream, NULL), RD_OK);
    check_equal(drive_all(stream, &s->signature, &p, &made), RD_OK, "in %zu out %zu", p.in, p.out);
    assert_int_equal(made.size, 0);
    assert_int_equal(rd_stream_take_signature(stream, &taken), RD_OK);
    check_equal(stats_of(stream).blocks, rd_signature_count(taken), "in %zu out %zu", p.in, p.out);
    rd_stream_free(stream);
    made = delta_of(taken, &s->new_file, NULL);
    check_memory(made, s->delta, "in %zu out %zu", p.in, p.out);
    rd_signature_free(taken);
    rd_memory_free(&made);
}

/* A delta is its magic, commands, the literals' bytes, and END. */
static void check_command_bytes(const rd_stats *stats, size_t delta_size, const pace *p) {
    const uint64_t commands = stats->literal_command_bytes + stats->copy_command_bytes;
    check_equal(4 + commands + stats->literal_bytes + 1 + TRAILER, delta_size, "in %zu out %zu", p->in, p->out);
    assert_true(stats->copy_command_bytes >= 3 * stats->copy_commands);
    assert_true(stats->literal_command_bytes >= stats->literal_commands);
}

static void check_delta_stream(const sample *s, pace p) {
    rd_stream *stream = NULL;
    rd_memory made = {0};
    assert_int_equal(rd_delta_stream_new(&stream, s->loaded, NULL), RD_OK);
    check_equal(drive_all(stream, &s->new_file, &p, &made), RD_OK, "in %zu out %zu", p.in, p.out);
    check_memory(made, s->delta, "in %zu out %zu", p.in, p.out);
    const rd_stats stats = stats_of(stream);
    check_equal(stats.in_bytes, s->new_file.size, "in %zu out %zu", p.in, p.out);
    check_equal(stats.out_bytes, s->delta.size, "in %zu out %zu", p.in, p.out);
    check_equal(stats.literal_bytes, s->delta_stats.literal_bytes, "in %zu out %zu", p.in, p.out);
    check_equal(stats.copy_commands, s->delta_stats.copy_commands, "in %zu out %zu", p.in, p.out);
    check_equal(stats.false_matches, s->delta_stats.false_matches, "in %zu out %zu", p.in, p.out);
    check_command_bytes(&stats, s->delta.size, &p);
    rd_stream_free(stream);
    rd_memory_free(&made);
}

static void check_patch_stream(const sample *s, pace p) {
    rd_stream *stream = NULL;
    rd_memory made = {0};
    const rd_source basis = bytes_source(&s->basis);
    assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
    check_equal(drive_all(stream, &s->delta, &p, &made), RD_OK, "in %zu out %zu", p.in, p.out);
    check_memory(made, s->new_file, "in %zu out %zu", p.in, p.out);
    check_equal(stats_of(stream).literal_bytes, s->delta_stats.literal_bytes, "in %zu out %zu", p.in, p.out);
    check_equal(stats_of(stream).copy_bytes, s->delta_stats.copy_bytes, "in %zu out %zu", p.in, p.out);
    const rd_stats stats = stats_of(stream);
    check_command_bytes(&stats, s->delta.size, &p);
    rd_stream_free(stream);
    rd_memory_free(&made);
}

static void for_all_portions(void (*check)(const sample *, pace)) {
    static const size_t sizes[] = {0, 1, 2, 63, 500, 3000, 20000, 100000};
    for (size_t n = 0; n < ITEMS(sizes); n++) {
        sample s = sample_new(n + 1, sizes[n]);
        for (size_t i = 0; i < ITEMS(portions) * ITEMS(portions); i++) {
            pace p = {.in = portions[i / ITEMS(portions)], .out = portions[i % ITEMS(portions)], .late_end = i % 2};
            p.random = random_from(i);
            /* A byte in and a byte out at each step shows no more of long data than of short data. */
            if (sizes[n] < 20000 || p.in + p.out > 64 || p.in == ANY || p.out == ANY)
                check(&s, p);
        }
        sample_free(&s);
    }
}

static void signature_stream_gives_the_whole_operations_bytes(void **state) {
    (void)state;
    for_all_portions(check_signature_stream);
}

static void loadsig_stream_loads_what_the_whole_operation_loads(void **state) {
    (void)state;
    for_all_portions(check_loadsig_stream);
}

static void delta_stream_gives_the_whole_operations_bytes(void **state) {
    (void)state;
    for_all_portions(check_delta_stream);
}

static void patch_stream_gives_the_new_file(void **state) {
    (void)state;
    for_all_portions(check_patch_stream);
}

static void random_samples_in_random_portions_give_the_same_bytes(void **state) {
    (void)state;
    for (uint64_t seed = 100; seed < 300; seed++) {
        random_source r = random_from(seed);
        sample s = sample_new(seed, random_below(&r, seed % 10 ? 3000 : 100000));
        pace p = {.in = ANY, .out = ANY, .late_end = seed % 2, .random = r};
        check_signature_stream(&s, p);
        check_loadsig_stream(&s, p);
        check_delta_stream(&s, p);
        check_patch_stream(&s, p);
        sample_free(&s);
    }
}

static void delta_stream_without_a_signature_gives_literals(void **state) {
    (void)state;
    random_source r = random_from(5);
    rd_memory new_file = bytes_random(&r, 200000, 256);
    rd_memory nothing = {0};
    rd_memory expected = delta_of(NULL, &new_file, NULL);
    rd_memory restored = patched(&nothing, &expected);
    for (size_t i = 0; i < ITEMS(portions); i++) {
        rd_stream *stream = NULL;
        rd_memory made = {0};
        pace p = {.in = portions[i], .out = portions[ITEMS(portions) - 1 - i], .random = r};
        assert_int_equal(rd_delta_stream_new(&stream, NULL, NULL), RD_OK);
        assert_int_equal(drive_all(stream, &new_file, &p, &made), RD_OK);
        check_memory(made, expected, "portion %zu", portions[i]);
        assert_int_equal(stats_of(stream).literal_bytes, new_file.size);
        assert_int_equal(stats_of(stream).copy_commands, 0);
        rd_stream_free(stream);
        rd_memory_free(&made);
    }
    check_memory(restored, new_file, "patched from nothing");
    rd_memory_free(&restored);
    rd_memory_free(&expected);
    rd_memory_free(&new_file);
}

/* ---- Parameters -------------------------------------------------------------------------------------------------- */

static void signature_stream_takes_the_parameters_of_an_unknown_size(void **state) {
    (void)state;
    static const uint8_t least[12] = {0x72, 0x73, 0x01, 0x36, 0, 0, 8, 0, 0, 0, 0, 12};
    static const uint8_t defaults[12] = {0x72, 0x73, 0x01, 0x47, 0, 0, 8, 0, 0, 0, 0, 32};
    const rd_options options = {OPTIONS,
                                .params = {.weak = RD_ROLLSUM, .strong = RD_MD4, .strong_len = RD_STRONG_LEN_LEAST}};
    for (int i = 0; i < 2; i++) {
        rd_stream *stream = NULL;
        rd_memory made = {0};
        pace p = {.in = WHOLE, .out = WHOLE};
        size_t used = 0;
        assert_int_equal(rd_signature_stream_new(&stream, i ? &options : NULL), RD_OK);
        assert_int_equal(drive(stream, NULL, 0, &p, &used, &made), RD_OK);
        check_bytes(made.data, made.size, i ? least : defaults, 12u, "params %d", i);
        rd_stream_free(stream);
        rd_memory_free(&made);
    }
}

/* Eight blocks of the second length have 2^32 bytes, which is 0 where sizes have 32 bits. */
static void signature_stream_takes_blocks_of_any_length(void **state) {
    (void)state;
    static const uint32_t block_lens[] = {1, 0x20000000, 0x40000000, RD_BLOCK_LEN_MAX};
    const rd_memory basis = {.data = (uint8_t[]){1, 2, 3, 4, 5}, .size = 5};
    for (size_t i = 0; i < ITEMS(block_lens); i++) {
        const rd_params params = {.block_len = block_lens[i]};
        rd_memory expected = signature_of(&basis, params);
        rd_stream *stream = NULL;
        rd_memory made = {0};
        pace p = {.in = WHOLE, .out = WHOLE};
        size_t used = 0;
        assert_int_equal(rd_signature_stream_new(&stream, &(rd_options){OPTIONS, .params = params}), RD_OK);
        assert_int_equal(drive(stream, basis.data, basis.size, &p, &used, &made), RD_OK);
        check_bytes(made.data, made.size, expected.data, expected.size, "blocks of %u bytes", (unsigned)block_lens[i]);
        rd_stream_free(stream);
        rd_memory_free(&made);
        rd_memory_free(&expected);
    }
}

static void signature_stream_refuses_parameters_out_of_range(void **state) {
    (void)state;
    const rd_params bad[] = {{.block_len = RD_BLOCK_LEN_MAX + 1},
                             {.strong_len = 33},
                             {.strong = RD_MD4, .strong_len = 17},
                             {.strong_len = -2}};
    for (size_t i = 0; i < ITEMS(bad); i++) {
        rd_stream *stream = (rd_stream *)&stream;
        check_equal(rd_signature_stream_new(&stream, &(rd_options){OPTIONS, .params = bad[i]}), RD_E_PARAMETER,
                    "params %zu", i);
        assert_null(stream);
    }
}

static rd_result read_nothing(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    (void)context, (void)offset, (void)data, (void)size;
    *got = 0;
    return RD_OK;
}

static void patch_stream_refuses_a_basis_that_cannot_seek(void **state) {
    (void)state;
    rd_stream *stream = (rd_stream *)&stream;
    const rd_source basis = rd_source_callback(read_nothing, NULL, RD_UNKNOWN, false);
    assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_E_PARAMETER);
    assert_null(stream);
}

/* ---- A basis that is not there yet ------------------------------------------------------------------------------- */

/* A basis that comes in small chunks, and in between has to be waited for. */
typedef struct slow_basis {
    const rd_memory *bytes;
    random_source random;
    size_t waits;    /* answers of RD_MORE in all ... */
    bool waited;     /* ... and whether the last answer was one */
    rd_result fails; /* the answer after some waits, if not RD_OK */
} slow_basis;

static rd_result read_slowly(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    slow_basis *const b = context;
    b->waited = random_below(&b->random, 2) == 0;
    if (b->waited) {
        b->waits++;
        *got = size; /* means nothing here */
        return RD_MORE;
    }
    if (b->fails != RD_OK && b->waits > 5)
        return b->fails;
    *got = 1 + random_below(&b->random, size < 40 ? size : 40);
    *got = offset + *got > b->bytes->size ? (size_t)(b->bytes->size - offset) : *got;
    memcpy(data, b->bytes->data + offset, *got);
    return RD_OK;
}

/* Steps with room for `out_size` until the stream is neither blocked by it nor by the basis. */
static rd_result drive_slowly(rd_stream *stream, slow_basis *basis, const rd_memory *delta, size_t out_size,
                              rd_memory *made) {
    const rd_sink sink = rd_sink_memory(made);
    rd_memory room = buffer_new(out_size);
    rd_in in = {.data = delta->data, .size = delta->size};
    rd_result result = RD_MORE;
    while (result == RD_MORE) {
        rd_out out = {.data = room.data, .size = room.size};
        basis->waited = false;
        result = rd_stream_step(stream, &in, &out, true);
        assert_true(result != RD_MORE || basis->waited || out.pos == out.size);
        if (out.pos > 0)
            assert_int_equal(sink.write(sink.context, out.data, out.pos), RD_OK);
    }
    rd_memory_free(&room);
    return result;
}

static void patch_stream_asks_again_when_the_basis_had_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 50; seed < 90; seed++) {
        sample s = sample_new(seed, 3000);
        slow_basis slow = {.bytes = &s.basis, .random = random_from(seed)};
        const rd_source basis = rd_source_callback(read_slowly, &slow, RD_UNKNOWN, true);
        rd_stream *stream = NULL;
        rd_memory made = {0};
        assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
        const size_t room = (size_t)(1 + seed * seed % 300);
        check_equal(drive_slowly(stream, &slow, &s.delta, room, &made), RD_OK, "seed %d", (int)seed);
        check_memory(made, s.new_file, "seed %d", (int)seed);
        assert_true(slow.waits > 0 || s.delta_stats.copy_commands == 0);
        rd_stream_free(stream);
        rd_memory_free(&made);
        sample_free(&s);
    }
}

static void patch_stream_gives_what_came_before_a_failure_of_the_basis(void **state) {
    (void)state;
    rd_memory bytes = bytes_random(&(random_source){1}, 1000, 256);
    static const uint8_t commands[] = {0x72, 0x73, 0x02, 0x36, 0x46, 0, 0x03, 0xe8, 0};
    rd_memory delta = bytes_copy(commands, sizeof commands);
    slow_basis slow = {.bytes = &bytes, .random = random_from(2), .fails = RD_E_IO};
    const rd_source basis = rd_source_callback(read_slowly, &slow, RD_UNKNOWN, true);
    rd_stream *stream = NULL;
    rd_memory made = {0};
    assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
    assert_int_equal(drive_slowly(stream, &slow, &delta, 1000, &made), RD_E_IO);
    assert_int_equal(rd_stream_error(stream)->role, RD_ROLE_BASIS);
    assert_true(made.size > 0 && made.size < bytes.size);
    check_bytes(made.data, made.size, bytes.data, made.size, "what came before");
    rd_stream_free(stream);
    rd_memory_free(&made);
    rd_memory_free(&delta);
    rd_memory_free(&bytes);
}

/* ---- The life of a stream ---------------------------------------------------------------------------------------- */

static void assert_stream_is_over(rd_stream *stream) {
    uint8_t byte = 0;
    rd_in in = {.data = &byte, .size = 1};
    rd_out out = {.data = &byte, .size = 1};
    assert_int_equal(rd_stream_step(stream, &in, &out, true), RD_E_STATE);
    assert_int_equal(in.pos, 0);
    assert_int_equal(out.pos, 0);
}

static void finished_stream_allows_no_step(void **state) {
    (void)state;
    sample s = sample_new(8, 1000);
    const rd_source basis = bytes_source(&s.basis);
    const rd_memory *const inputs[] = {&s.basis, &s.signature, &s.new_file, &s.delta};
    rd_stream *streams[4] = {NULL, NULL, NULL, NULL};
    assert_int_equal(rd_signature_stream_new(&streams[0], &(rd_options){OPTIONS, .params = s.params}), RD_OK);
    assert_int_equal(rd_loadsig_stream_new(&streams[1], NULL), RD_OK);
    assert_int_equal(rd_delta_stream_new(&streams[2], s.loaded, NULL), RD_OK);
    assert_int_equal(rd_patch_stream_new(&streams[3], &basis, NULL), RD_OK);
    for (size_t i = 0; i < ITEMS(streams); i++) {
        pace p = {.in = WHOLE, .out = WHOLE};
        rd_memory made = {0};
        assert_int_equal(drive_all(streams[i], inputs[i], &p, &made), RD_OK);
        assert_stream_is_over(streams[i]);
        rd_stream_free(streams[i]);
        rd_memory_free(&made);
    }
    sample_free(&s);
}

static void failed_stream_allows_no_step_and_keeps_its_error(void **state) {
    (void)state;
    const uint8_t bytes[16] = "not a file of us";
    const rd_source basis = rd_source_memory(bytes, sizeof bytes);
    rd_stream *streams[2] = {NULL, NULL};
    assert_int_equal(rd_loadsig_stream_new(&streams[0], NULL), RD_OK);
    assert_int_equal(rd_patch_stream_new(&streams[1], &basis, NULL), RD_OK);
    for (size_t i = 0; i < ITEMS(streams); i++) {
        pace p = {.in = 3, .out = 3};
        rd_memory made = {0};
        size_t used = 0;
        assert_int_equal(drive(streams[i], bytes, sizeof bytes, &p, &used, &made), RD_E_MAGIC);
        assert_stream_is_over(streams[i]);
        const rd_error *const error = rd_stream_error(streams[i]);
        assert_int_equal(error->result, RD_E_MAGIC);
        assert_int_equal(error->role, i == 0 ? RD_ROLE_SIGNATURE : RD_ROLE_DELTA);
        assert_int_equal(error->offset, 0);
        assert_non_null(error->reason);
        rd_stream_free(streams[i]);
        rd_memory_free(&made);
    }
}

static void signature_is_taken_once_and_only_when_it_is_loaded(void **state) {
    (void)state;
    sample s = sample_new(9, 1000);
    rd_stream *stream = NULL;
    rd_signature *taken = NULL;
    rd_memory made = {0};
    size_t used = 0;
    assert_int_equal(rd_loadsig_stream_new(&stream, NULL), RD_OK);
    assert_int_equal(rd_stream_take_signature(stream, &taken), RD_E_STATE);
    assert_int_equal(step_once(stream, s.signature.data, s.signature.size, 0, false, &used, &made), RD_MORE);
    assert_int_equal(rd_stream_take_signature(stream, &taken), RD_E_STATE);
    assert_null(taken);
    assert_int_equal(step_once(stream, NULL, 0, 0, true, &used, &made), RD_OK);
    assert_int_equal(rd_stream_take_signature(stream, &taken), RD_OK);
    assert_non_null(taken);
    rd_signature_free(taken);
    assert_int_equal(rd_stream_take_signature(stream, &taken), RD_E_STATE);
    assert_null(taken);
    rd_stream_free(stream);
    sample_free(&s);
}

static void signature_is_not_taken_from_other_streams(void **state) {
    (void)state;
    rd_stream *stream = NULL;
    rd_signature *taken = NULL;
    rd_memory made = {0};
    pace p = {.in = WHOLE, .out = WHOLE};
    size_t used = 0;
    assert_int_equal(rd_delta_stream_new(&stream, NULL, NULL), RD_OK);
    assert_int_equal(drive(stream, NULL, 0, &p, &used, &made), RD_OK);
    assert_int_equal(rd_stream_take_signature(stream, &taken), RD_E_STATE);
    assert_null(taken);
    rd_stream_free(stream);
    rd_memory_free(&made);
}

static void loaded_signature_that_nobody_takes_is_freed_with_the_stream(void **state) {
    (void)state;
    sample s = sample_new(10, 1000);
    rd_stream *stream = NULL;
    rd_memory made = {0};
    pace p = {.in = WHOLE, .out = WHOLE};
    assert_int_equal(rd_loadsig_stream_new(&stream, NULL), RD_OK);
    assert_int_equal(drive_all(stream, &s.signature, &p, &made), RD_OK);
    rd_stream_free(stream); /* a leak shows under AddressSanitizer */
    rd_stream_free(NULL);
    sample_free(&s);
}

static void stream_abandoned_anywhere_is_freed_whole(void **state) {
    (void)state;
    sample s = sample_new(10, 3000);
    for (size_t cut = 0; cut < s.new_file.size; cut += 97) {
        rd_stream *stream = NULL;
        rd_memory made = {0};
        size_t used = 0;
        assert_int_equal(rd_delta_stream_new(&stream, s.loaded, NULL), RD_OK);
        assert_int_equal(step_once(stream, s.new_file.data, cut, cut, false, &used, &made), RD_MORE);
        rd_stream_free(stream);
        rd_memory_free(&made);
    }
    sample_free(&s);
}

static void buffers_with_an_impossible_position_are_refused_without_harm(void **state) {
    (void)state;
    rd_stream *stream = NULL;
    uint8_t bytes[64] = {0};
    assert_int_equal(rd_delta_stream_new(&stream, NULL, NULL), RD_OK);
    rd_in in = {.data = bytes, .size = 1, .pos = 2};
    rd_out out = {.data = bytes, .size = sizeof bytes};
    assert_int_equal(rd_stream_step(stream, &in, &out, true), RD_E_PARAMETER);
    in.pos = 1;
    out.pos = sizeof bytes + 1;
    assert_int_equal(rd_stream_step(stream, &in, &out, true), RD_E_PARAMETER);
    out.pos = 0;
    assert_int_equal(rd_stream_step(stream, &in, &out, true), RD_OK);
    assert_int_equal(out.pos, 4 + 1 + TRAILER);
    rd_stream_free(stream);
}

static void step_with_nothing_to_do_changes_nothing(void **state) {
    (void)state;
    sample s = sample_new(7, 1000);
    rd_stream *stream = NULL;
    rd_memory made = {0};
    size_t used = 0;
    assert_int_equal(rd_signature_stream_new(&stream, &(rd_options){OPTIONS, .params = s.params}), RD_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(step_once(stream, NULL, 0, 0, false, &used, &made), RD_MORE);
    assert_int_equal(step_once(stream, s.basis.data, s.basis.size, 0, false, &used, &made), RD_MORE);
    assert_int_equal(made.size, 0);
    pace p = {.in = WHOLE, .out = WHOLE};
    assert_int_equal(drive(stream, s.basis.data + used, s.basis.size - used, &p, &used, &made), RD_OK);
    check_memory(made, s.signature, "after idle steps");
    rd_stream_free(stream);
    rd_memory_free(&made);
    sample_free(&s);
}

/* ---- Input that is not what it should be ------------------------------------------------------------------------- */

/* Gives the first `size` bytes to the stream, in chunks, and returns its result, which must match its error. */
static rd_result fed_with(rd_stream *stream, const rd_memory *bytes, size_t size, size_t in, rd_memory *made) {
    pace p = {.in = in, .out = 5, .late_end = size % 2};
    size_t used = 0;
    const rd_result result = drive(stream, bytes->data, size, &p, &used, made);
    if (result != RD_OK)
        assert_int_equal(rd_stream_error(stream)->result, result);
    return result;
}

static void signature_cut_anywhere_inside_a_field_is_truncated(void **state) {
    (void)state;
    random_source r = random_from(4);
    rd_memory basis = bytes_random(&r, 350, 256);
    rd_memory signature = signature_of(&basis, (rd_params){.block_len = 100, .strong_len = 9});
    assert_int_equal(signature.size, 12 + 4 * 13);
    for (size_t cut = 0; cut <= signature.size; cut++) {
        const bool complete = cut >= 12 && (cut - 12) % 13 == 0;
        rd_stream *stream = NULL;
        rd_memory made = {0};
        assert_int_equal(rd_loadsig_stream_new(&stream, NULL), RD_OK);
        check_equal(fed_with(stream, &signature, cut, 1 + cut % 7, &made), complete ? RD_OK : RD_E_TRUNCATED, "cut %zu",
                    cut);
        if (!complete) {
            check_equal(rd_stream_error(stream)->offset, cut, "cut %zu", cut);
            assert_int_equal(rd_stream_error(stream)->role, RD_ROLE_SIGNATURE);
        }
        rd_stream_free(stream);
    }
    rd_memory_free(&signature);
    rd_memory_free(&basis);
}

static void lenient_loading_drops_less_than_a_weak_sum_at_the_end(void **state) {
    (void)state;
    random_source r = random_from(4);
    rd_memory basis = bytes_random(&r, 350, 256);
    rd_memory signature = signature_of(&basis, (rd_params){.block_len = 100, .strong_len = 9});
    for (size_t cut = 0; cut <= signature.size; cut++) {
        const bool loads = cut >= 12 && (cut - 12) % 13 < 4;
        rd_stream *stream = NULL;
        rd_signature *taken = NULL;
        rd_memory made = {0};
        const uint64_t expected = cut % 2 ? cut : RD_UNKNOWN;
        assert_int_equal(rd__loadsig_stream_new_lenient(&stream, expected, cut % 2 ? 3 : 1), RD_OK);
        check_equal(fed_with(stream, &signature, cut, 1 + cut % 7, &made), loads ? RD_OK : RD_E_TRUNCATED, "cut %zu",
                    cut);
        check_equal(stats_of(stream).blocks, cut < 12 ? 0 : (cut - 12) / 13, "cut %zu", cut);
        if (loads) {
            assert_int_equal(rd_stream_take_signature(stream, &taken), RD_OK);
            check_equal(rd_signature_count(taken), (cut - 12) / 13, "cut %zu", cut);
        }
        rd_signature_free(taken);
        rd_stream_free(stream);
    }
    rd_memory_free(&signature);
    rd_memory_free(&basis);
}

static void delta_cut_anywhere_is_truncated_after_a_right_beginning(void **state) {
    (void)state;
    sample s = sample_new(40, 900);
    const rd_source basis = bytes_source(&s.basis);
    assert_true(s.delta_stats.copy_commands > 0 && s.delta_stats.literal_commands > 0);
    for (size_t cut = 0; cut < s.delta.size; cut++) {
        rd_stream *stream = NULL;
        rd_memory made = {0};
        /* Cut off in front of its trailer, a delta is a whole one without. */
        const rd_result expected = cut == s.delta.size - TRAILER ? RD_E_UNVERIFIED : RD_E_TRUNCATED;
        assert_int_equal(rd_patch_stream_new(&stream, &basis, &(rd_options){OPTIONS, .verify = RD_VERIFY_ALWAYS}),
                         RD_OK);
        check_equal(fed_with(stream, &s.delta, cut, 1 + cut % 7, &made), expected, "cut %zu", cut);
        check_equal(rd_stream_error(stream)->offset, cut, "cut %zu", cut);
        assert_int_equal(rd_stream_error(stream)->role, RD_ROLE_DELTA);
        assert_true(made.size <= s.new_file.size);
        check_bytes(made.data, made.size, s.new_file.data, made.size, "cut %zu", cut);
        rd_stream_free(stream);
        rd_memory_free(&made);
    }
    sample_free(&s);
}

static void file_of_the_wrong_kind_is_named_even_if_it_is_short(void **state) {
    (void)state;
    sample s = sample_new(41, 900);
    const rd_source basis = bytes_source(&s.basis);
    for (size_t cut = 4; cut < 20; cut++) {
        rd_stream *stream = NULL;
        rd_memory made = {0};
        assert_int_equal(rd_loadsig_stream_new(&stream, NULL), RD_OK);
        check_equal(fed_with(stream, &s.delta, cut, 1, &made), RD_E_MAGIC, "cut %zu", cut);
        assert_string_equal(rd_stream_error(stream)->reason, "this is a delta, not a signature");
        rd_stream_free(stream);
        assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
        check_equal(fed_with(stream, &s.signature, cut, 1, &made), RD_E_MAGIC, "cut %zu", cut);
        assert_string_equal(rd_stream_error(stream)->reason, "this is a signature, not a delta");
        assert_int_equal(rd_stream_error(stream)->offset, 0);
        rd_stream_free(stream);
    }
    sample_free(&s);
}

static void any_wrong_magic_byte_is_refused(void **state) {
    (void)state;
    sample s = sample_new(42, 900);
    const rd_source basis = bytes_source(&s.basis);
    for (size_t i = 0; i < 4; i++) {
        rd_stream *stream = NULL;
        rd_memory made = {0};
        s.delta.data[i] ^= 0x80;
        s.signature.data[i] ^= 0x80;
        assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
        check_equal(fed_with(stream, &s.delta, s.delta.size, 3, &made), RD_E_MAGIC, "byte %zu", i);
        rd_stream_free(stream);
        assert_int_equal(rd_loadsig_stream_new(&stream, NULL), RD_OK);
        check_equal(fed_with(stream, &s.signature, s.signature.size, 3, &made), RD_E_MAGIC, "byte %zu", i);
        rd_stream_free(stream);
        s.delta.data[i] ^= 0x80;
        s.signature.data[i] ^= 0x80;
    }
    sample_free(&s);
}

static void corrupt_command_is_refused_at_its_offset(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x72, 0x73, 0x02, 0x36, 3, 'a', 'b', 'c', 0x45, 0, 2, 0x55, 0};
    const uint8_t basis_bytes[2] = {'x', 'y'};
    const rd_source basis = rd_source_memory(basis_bytes, 2);
    rd_memory delta = bytes_copy(bytes, sizeof bytes);
    for (size_t in = 1; in <= sizeof bytes; in++) {
        rd_stream *stream = NULL;
        rd_memory made = {0};
        assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
        check_equal(fed_with(stream, &delta, delta.size, in, &made), RD_E_CORRUPT, "portion %zu", in);
        check_equal(rd_stream_error(stream)->offset, 11, "portion %zu", in);
        check_bytes(made.data, made.size, (const uint8_t *)"abcxy", 5u, "portion %zu", in);
        rd_stream_free(stream);
        rd_memory_free(&made);
    }
    rd_memory_free(&delta);
}

static void bytes_after_the_end_stay_in_the_input(void **state) {
    (void)state;
    sample s = sample_new(43, 500);
    const rd_source basis = bytes_source(&s.basis);
    rd_memory longer = bytes_random(&(random_source){1}, s.delta.size + 50, 256);
    memcpy(longer.data, s.delta.data, s.delta.size);
    for (size_t i = 0; i < ITEMS(portions); i++) {
        rd_stream *stream = NULL;
        rd_memory made = {0};
        pace p = {.in = portions[i], .out = 64, .random = random_from(i)};
        size_t used = 0;
        assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
        assert_int_equal(drive(stream, longer.data, longer.size, &p, &used, &made), RD_OK);
        check_equal(used, s.delta.size, "portion %zu", portions[i]);
        check_memory(made, s.new_file, "portion %zu", portions[i]);
        rd_stream_free(stream);
        rd_memory_free(&made);
    }
    rd_memory_free(&longer);
    sample_free(&s);
}

static void basis_that_is_too_short_is_named_with_the_offset(void **state) {
    (void)state;
    static const uint8_t commands[] = {0x72, 0x73, 0x02, 0x36, 0x45, 10, 90, 0};
    rd_memory delta = bytes_copy(commands, sizeof commands);
    rd_memory bytes = bytes_random(&(random_source){1}, 100, 256);
    for (size_t size = 0; size <= bytes.size; size++) {
        rd_memory cut = bytes_copy(bytes.data, size);
        const rd_source basis = bytes_source(&cut);
        rd_stream *stream = NULL;
        rd_memory made = {0};
        assert_int_equal(rd_patch_stream_new(&stream, &basis, NULL), RD_OK);
        check_equal(fed_with(stream, &delta, delta.size, 3, &made), size < 100 ? RD_E_MISMATCH : RD_OK, "basis %zu",
                    size);
        if (size < 100) {
            assert_int_equal(rd_stream_error(stream)->role, RD_ROLE_BASIS);
            check_equal(rd_stream_error(stream)->offset, size < 10 ? 10 : size, "basis %zu", size);
        }
        rd_stream_free(stream);
        rd_memory_free(&made);
        rd_memory_free(&cut);
    }
    rd_memory_free(&bytes);
    rd_memory_free(&delta);
}

static void header_that_promises_much_takes_no_memory(void **state) {
    (void)state;
    /* Block length 2^31 - 1: were it believed, the test would need 2 GiB. */
    static const uint8_t header[12] = {0x72, 0x73, 0x01, 0x47, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 32};
    rd_memory bytes = bytes_copy(header, sizeof header);
    rd_memory new_file = bytes_random(&(random_source){1}, 5000, 256);
    rd_signature *const signature = loaded(&bytes);
    rd_memory delta = delta_of(signature, &new_file, NULL);
    rd_memory expected = delta_of(NULL, &new_file, NULL);
    check_memory(delta, expected, "the same as from an empty basis");
    rd_signature_free(signature);
    rd_memory_free(&expected);
    rd_memory_free(&delta);
    rd_memory_free(&new_file);
    rd_memory_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signature_stream_gives_the_whole_operations_bytes),
        cmocka_unit_test(loadsig_stream_loads_what_the_whole_operation_loads),
        cmocka_unit_test(delta_stream_gives_the_whole_operations_bytes),
        cmocka_unit_test(patch_stream_gives_the_new_file),
        cmocka_unit_test(random_samples_in_random_portions_give_the_same_bytes),
        cmocka_unit_test(delta_stream_without_a_signature_gives_literals),
        cmocka_unit_test(signature_stream_takes_the_parameters_of_an_unknown_size),
        cmocka_unit_test(signature_stream_takes_blocks_of_any_length),
        cmocka_unit_test(signature_stream_refuses_parameters_out_of_range),
        cmocka_unit_test(patch_stream_refuses_a_basis_that_cannot_seek),
        cmocka_unit_test(patch_stream_asks_again_when_the_basis_had_nothing),
        cmocka_unit_test(patch_stream_gives_what_came_before_a_failure_of_the_basis),
        cmocka_unit_test(finished_stream_allows_no_step),
        cmocka_unit_test(failed_stream_allows_no_step_and_keeps_its_error),
        cmocka_unit_test(signature_is_taken_once_and_only_when_it_is_loaded),
        cmocka_unit_test(signature_is_not_taken_from_other_streams),
        cmocka_unit_test(loaded_signature_that_nobody_takes_is_freed_with_the_stream),
        cmocka_unit_test(stream_abandoned_anywhere_is_freed_whole),
        cmocka_unit_test(buffers_with_an_impossible_position_are_refused_without_harm),
        cmocka_unit_test(step_with_nothing_to_do_changes_nothing),
        cmocka_unit_test(signature_cut_anywhere_inside_a_field_is_truncated),
        cmocka_unit_test(lenient_loading_drops_less_than_a_weak_sum_at_the_end),
        cmocka_unit_test(delta_cut_anywhere_is_truncated_after_a_right_beginning),
        cmocka_unit_test(file_of_the_wrong_kind_is_named_even_if_it_is_short),
        cmocka_unit_test(any_wrong_magic_byte_is_refused),
        cmocka_unit_test(corrupt_command_is_refused_at_its_offset),
        cmocka_unit_test(bytes_after_the_end_stay_in_the_input),
        cmocka_unit_test(basis_that_is_too_short_is_named_with_the_offset),
        cmocka_unit_test(header_that_promises_much_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

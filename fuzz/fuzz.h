/*
 * What the fuzz targets share. A target is a function of some bytes, LLVMFuzzerTestOneInput, that must return for any
 * of them; libFuzzer searches for bytes for which it does not, and replay.c runs the inputs that were kept.
 *
 * A target makes files and choices from its bytes. Choices are taken from the end and files from the front, so that
 * changing a choice moves no file; once the bytes are used up, choices are 0. The files are handed to the library in
 * allocations of exactly their size, so that a sanitizer sees every read beyond the end.
 */
#ifndef RD_FUZZ_FUZZ_H
#define RD_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redelta.h"

enum { FUZZ_FILE_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- Checks ------------------------------------------------------------------------------------------------------ */

static inline void fuzz_require_(bool condition, const char *text, const char *file, int line) {
    if (condition)
        return;
    (void)fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, text);
    abort();
}

#define fuzz_require(condition) fuzz_require_((condition), #condition, __FILE__, __LINE__)

static inline bool fuzz_same_bytes(const void *a, size_t a_size, const void *b, size_t b_size) {
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static inline bool fuzz_same(const rd_memory *a, const rd_memory *b) {
    return fuzz_same_bytes(a->data, a->size, b->data, b->size);
}

/* What the header promises about a failure. */
static inline void fuzz_require_error(rd_result result, const rd_error *error) {
    fuzz_require(result >= RD_E_IO && result <= RD_E_UNVERIFIED && result != RD_E_MEMORY && result != RD_E_STATE);
    fuzz_require(error->result == result && error->reason && error->role <= RD_ROLE_OUTPUT);
}

/* ---- Choices ----------------------------------------------------------------------------------------------------- */

typedef struct fuzz_input {
    const uint8_t *data;
    size_t size;
} fuzz_input;

/* The last byte. */
static inline uint8_t fuzz_byte(fuzz_input *in) {
    return in->size > 0 ? in->data[--in->size] : 0;
}

/* A number of `bytes` bytes, the most significant of them last in the input. */
static inline uint32_t fuzz_number(fuzz_input *in, size_t bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | fuzz_byte(in);
    return value;
}

static inline size_t fuzz_least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The first bytes, as many as there are up to `size`. */
static inline fuzz_input fuzz_take(fuzz_input *in, size_t size) {
    const fuzz_input taken = {.data = in->data, .size = fuzz_least(size, in->size)};
    if (taken.size > 0)
        in->data += taken.size;
    in->size -= taken.size;
    return taken;
}

/* The first bytes; a choice says how many. */
static inline fuzz_input fuzz_part(fuzz_input *in) {
    const size_t size = fuzz_number(in, 2);
    return fuzz_take(in, size);
}

/* Parameters of a signature. Some are out of range. */
static inline rd_params fuzz_params(fuzz_input *in) {
    const uint8_t kinds = fuzz_byte(in);
    rd_params params = {.weak = kinds & 1 ? RD_ROLLSUM : RD_RABINKARP, .strong = kinds & 2 ? RD_MD4 : RD_BLAKE2};
    params.block_len = fuzz_number(in, kinds & 4 ? 4 : kinds & 8 ? 2 : 1);
    params.strong_len = fuzz_byte(in) % 35 - 1;
    return params;
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static inline void *fuzz_alloc(size_t size) {
    void *const made = malloc(size > 0 ? size : 1);
    fuzz_require(made != NULL);
    return made;
}

/* To be freed. A copy of no bytes is the end of an allocation. */
static inline rd_memory fuzz_copy(const void *data, size_t size) {
    rd_memory made = {.size = size, .capacity = size};
    if (size > 0) {
        made.data = fuzz_alloc(size);
        memcpy(made.data, data, size);
    }
    return made;
}

static inline rd_memory fuzz_file(fuzz_input part) {
    return fuzz_copy(part.data, fuzz_least(part.size, FUZZ_FILE_MAX));
}

static inline void fuzz_append(rd_memory *memory, const void *data, size_t size) {
    const rd_sink sink = rd_sink_memory(memory);
    if (size > 0)
        fuzz_require(sink.write(sink.context, data, size) == RD_OK);
}

static inline rd_source fuzz_source(const rd_memory *memory) {
    return rd_source_memory(memory->data, memory->size);
}

/* ---- Files that have much in common ------------------------------------------------------------------------------ */

/* An old file: some bytes, repeated, so that few bytes make many blocks. */
static inline rd_memory fuzz_old_file(fuzz_input *in) {
    const unsigned times = 1 + fuzz_byte(in) % 32;
    const fuzz_input part = fuzz_part(in);
    rd_memory made = {0};
    for (unsigned i = 0; i < times && made.size + part.size <= FUZZ_FILE_MAX; i++)
        fuzz_append(&made, part.data, part.size);
    rd_memory exact = fuzz_copy(made.data, made.size);
    rd_memory_free(&made);
    return exact;
}

/* A new file: what is left of the input is a script that copies from the old one and adds bytes. */
static inline rd_memory fuzz_new_file(fuzz_input *in, const rd_memory *old_file) {
    rd_memory made = {0};
    while (in->size > 0 && made.size < FUZZ_FILE_MAX) {
        const uint8_t code = *fuzz_take(in, 1).data;
        if (code >= 0x80) {
            const fuzz_input bytes = fuzz_take(in, code - 0x7fu);
            fuzz_append(&made, bytes.data, bytes.size);
        } else if (old_file->size > 0) {
            const fuzz_input place = fuzz_take(in, 4);
            const uint8_t *const p = place.data;
            const size_t from = place.size == 4 ? ((size_t)p[0] << 8 | p[1]) % old_file->size : 0;
            const size_t length = place.size == 4 ? (size_t)p[2] << 8 | p[3] : code;
            fuzz_append(&made, old_file->data + from, fuzz_least(length, old_file->size - from));
        }
    }
    rd_memory exact = fuzz_copy(made.data, fuzz_least(made.size, FUZZ_FILE_MAX));
    rd_memory_free(&made);
    return exact;
}

/* ---- Portions ---------------------------------------------------------------------------------------------------- */

/* The sizes of the chunks in which something is read or written, repeated. */
typedef struct fuzz_pace {
    uint8_t codes[16];
    size_t count;
    size_t at;
    size_t steps;
} fuzz_pace;

enum { FUZZ_PORTION_MAX = 16 * 4096, FUZZ_SMALL_STEPS = 2000, FUZZ_ENOUGH = 4096 };

static inline fuzz_pace fuzz_pace_from(fuzz_input *in) {
    fuzz_pace pace = {.count = 1u + fuzz_byte(in) % 16};
    for (size_t i = 0; i < pace.count; i++)
        pace.codes[i] = fuzz_byte(in);
    return pace;
}

/* The next size, which may be 0. After many steps none is small, to keep the run of a target short. */
static inline size_t fuzz_portion(fuzz_pace *pace) {
    const size_t code = pace->codes[pace->at++ % pace->count];
    const size_t size = code < 0x80 ? code : code < 0xf0 ? (code - 0x7f) * 67 : (code - 0xef) * 4096;
    return ++pace->steps > FUZZ_SMALL_STEPS && size < FUZZ_ENOUGH ? FUZZ_ENOUGH : size;
}

/* ---- Sources in chunks ------------------------------------------------------------------------------------------- */

/* A source that gives the bytes of memory in chunks: as a pipe does, or by offset. */
typedef struct fuzz_reader {
    const rd_memory *bytes;
    fuzz_pace pace;
    bool in_order;
    bool may_wait; /* a chunk of 0 bytes is reported as RD_MORE, once per offset */
    bool waited;
    uint64_t next; /* the position of a source that is read in order */
} fuzz_reader;

static inline rd_result fuzz_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    fuzz_reader *const r = context;
    const size_t portion = fuzz_portion(&r->pace);
    fuzz_require(!r->in_order || offset == r->next);
    if (portion == 0 && r->may_wait && !r->waited) {
        r->waited = true;
        return RD_MORE;
    }
    r->waited = false;
    const size_t left = offset < r->bytes->size ? r->bytes->size - (size_t)offset : 0;
    const size_t wanted = fuzz_least(portion > 0 ? portion : 1, size);
    *got = fuzz_least(wanted, left);
    if (*got > 0)
        memcpy(data, r->bytes->data + offset, *got);
    r->next = offset + *got;
    return RD_OK;
}

static inline rd_source fuzz_reader_source(fuzz_reader *reader) {
    return rd_source_callback(fuzz_read, reader, RD_UNKNOWN, !reader->in_order);
}

/* ---- Streams ----------------------------------------------------------------------------------------------------- */

/* The state of a program that drives a stream. The chunks lie at the ends of the buffers. */
typedef struct fuzz_driver {
    rd_memory in_buffer;
    uint8_t *out_buffer;
    fuzz_pace *pace;
    size_t used; /* of the input */
    bool idle;   /* nothing moved in the last step: the next one gets something of both */
    bool end;
    const fuzz_reader *basis; /* of a patch, that may have nothing to give; else NULL */
    bool late_end;            /* the end is reported in a step of its own */
} fuzz_driver;

static inline size_t fuzz_next_size(fuzz_driver *d, size_t limit) {
    size_t size = fuzz_portion(d->pace);
    if (size == 0 && d->idle)
        size = 1;
    return fuzz_least(size, limit);
}

/* One step, and checks of what the header promises about every step. */
static inline rd_result fuzz_step(fuzz_driver *d, rd_stream *stream, const rd_memory *input, rd_memory *made) {
    const size_t left = input->size - d->used;
    const size_t in_size = d->end ? left : fuzz_next_size(d, left);
    const size_t out_size = fuzz_next_size(d, FUZZ_PORTION_MAX);
    rd_in in = {.size = in_size};
    rd_out out = {.size = out_size};
    if (in_size > 0)
        in.data = memcpy(d->in_buffer.data + (d->in_buffer.size - in_size), input->data + d->used, in_size);
    if (out_size > 0)
        out.data = d->out_buffer + (FUZZ_PORTION_MAX - out_size);
    d->end = d->end || (in_size == left && (!d->late_end || left == 0));
    const rd_result result = rd_stream_step(stream, &in, &out, d->end);
    fuzz_require(in.pos <= in.size && out.pos <= out.size);
    fuzz_append(made, out.data, out.pos);
    d->idle = in.pos == 0 && out.pos == 0;
    d->used += in.pos;
    const bool waiting = d->basis && d->basis->waited;
    return result == RD_MORE && !waiting && in.pos < in.size && out.pos < out.size ? RD_E_STATE : result;
}

/*
 * Drives a patch stream to its end; RD_E_STATE if it breaks a promise. Appends its output to *made; *used is how much
 * of the input it took.
 */
static inline rd_result fuzz_drive_patch(rd_stream *stream, const rd_memory *input, const fuzz_reader *basis,
                                         fuzz_pace *pace, rd_memory *made, size_t *used) {
    fuzz_driver d = {.in_buffer = fuzz_copy(input->data, input->size), .pace = pace, .basis = basis};
    d.out_buffer = fuzz_alloc(FUZZ_PORTION_MAX);
    d.late_end = pace->codes[0] & 1;
    rd_result result = RD_MORE;
    while (result == RD_MORE)
        result = fuzz_step(&d, stream, input, made);
    *used = d.used;
    free(d.out_buffer);
    rd_memory_free(&d.in_buffer);
    return result;
}

/* Like fuzz_drive_patch, for the other kinds. */
static inline rd_result fuzz_drive(rd_stream *stream, const rd_memory *input, fuzz_pace *pace, rd_memory *made) {
    size_t used = 0;
    return fuzz_drive_patch(stream, input, NULL, pace, made, &used);
}

/* ---- Options ----------------------------------------------------------------------------------------------------- */

/* The first initializers of every rd_options. Compression has a target of its own: frames. */
#define FUZZ_OPTIONS(error_) .size = sizeof(rd_options), .error = (error_), .compression = RD_COMPRESSION_NEVER

/* What a stream has done so far. */
static inline rd_stats fuzz_stats(const rd_stream *stream) {
    rd_stats stats = {.size = sizeof stats};
    fuzz_require(rd_stream_stats(stream, &stats) == RD_OK);
    return stats;
}

#endif

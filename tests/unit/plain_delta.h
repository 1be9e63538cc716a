/*
 * Deltas by a second encoder, which knows no code of the library: random ops over a random basis, the new file that
 * they make, and their bytes as docs/formats.md describes them. Two forms:
 *   - any: widths may be wider than necessary, copies that continue each other stand apart, literals have any length;
 *   - normal: what the delta writer makes of the same ops.
 */
#ifndef RD_TESTS_PLAIN_DELTA_H
#define RD_TESTS_PLAIN_DELTA_H

#include "support.h"

typedef struct plain_delta {
    rd_memory basis;
    rd_memory new_file;
    rd_op *ops;
    size_t count;
    rd_memory bytes;      /* of the delta, without a trailer until plain_delta_seal */
    uint64_t *literal_at; /* of each op: where in `bytes` its literal lies, or RD_UNKNOWN */
    rd_stats stats;       /* by the same count */
} plain_delta;

static inline void plain_append(rd_memory *memory, const void *data, size_t size) {
    const rd_sink sink = rd_sink_memory(memory);
    assert_int_equal(rd_sink_write(&sink, data, size, NULL), RD_OK);
}

static inline void plain_append_number(rd_memory *memory, unsigned code, uint64_t value) {
    for (unsigned i = 1u << code; i-- > 0;) {
        const uint8_t byte = (uint8_t)(value >> 8 * i);
        plain_append(memory, &byte, 1);
    }
}

/* The least code of a width that holds the value; with `random`, that or a greater one. */
static inline unsigned plain_code(uint64_t value, random_source *random) {
    unsigned code = 0;
    while (code < 3 && value >> 8 * (1u << code) != 0)
        code++;
    return random ? code + (unsigned)random_below(random, 4 - code) : code;
}

static inline void plain_append_op(plain_delta *d, size_t i, random_source *random) {
    const rd_op *const op = &d->ops[i];
    const size_t start = d->bytes.size;
    const unsigned length_code = plain_code(op->length, random);
    d->literal_at[i] = RD_UNKNOWN;
    if (op->kind == RD_COPY) {
        const unsigned offset_code = plain_code(op->basis_offset, random);
        const uint8_t command = (uint8_t)(0x45 + 4 * offset_code + length_code);
        plain_append(&d->bytes, &command, 1);
        plain_append_number(&d->bytes, offset_code, op->basis_offset);
        plain_append_number(&d->bytes, length_code, op->length);
        d->stats.copy_commands++;
        d->stats.copy_bytes += op->length;
        d->stats.copy_command_bytes += d->bytes.size - start;
        return;
    }
    const bool in_command = op->length <= 64 && (!random || random_below(random, 2) == 0);
    const uint8_t command = (uint8_t)(in_command ? op->length : 0x41 + length_code);
    plain_append(&d->bytes, &command, 1);
    if (!in_command)
        plain_append_number(&d->bytes, length_code, op->length);
    d->stats.literal_commands++;
    d->stats.literal_bytes += op->length;
    d->stats.literal_command_bytes += d->bytes.size - start;
    d->literal_at[i] = d->bytes.size;
    plain_append(&d->bytes, d->new_file.data + op->target_offset, (size_t)op->length);
}

/* Makes the bytes of the ops. With `random`, widths are chosen by it, else they are the narrowest. */
static inline void plain_encode(plain_delta *d, random_source *random) {
    static const uint8_t magic[] = {0x72, 0x73, 0x02, 0x36};
    static const uint8_t end = 0;
    d->bytes.size = 0;
    d->stats = (rd_stats){.size = sizeof(rd_stats)};
    plain_append(&d->bytes, magic, sizeof magic);
    for (size_t i = 0; i < d->count; i++)
        plain_append_op(d, i, random);
    plain_append(&d->bytes, &end, 1);
}

/* Appends the trailer, with the digest of the new file. */
static inline void plain_seal(plain_delta *d) {
    static const uint8_t magic[] = {0x72, 0x73, 0x02, 0x56, 0, 0, 0, 48};
    static const uint8_t kind[8] = {2};
    const rd_source source = bytes_source(&d->new_file);
    assert_int_equal(rd_digest(&source, d->stats.digest, NULL), RD_OK);
    d->stats.has_digest = true;
    plain_append(&d->bytes, magic, sizeof magic);
    plain_append_number(&d->bytes, 3, d->new_file.size);
    plain_append(&d->bytes, kind, sizeof kind);
    plain_append(&d->bytes, d->stats.digest, sizeof d->stats.digest);
}

/* Appends the trailer that knows the basis, too. */
static inline void plain_seal_with_basis(plain_delta *d) {
    const size_t trailer = d->bytes.size;
    const rd_source source = bytes_source(&d->basis);
    plain_seal(d);
    assert_int_equal(rd_digest(&source, d->stats.basis_digest, NULL), RD_OK);
    d->stats.basis_size = d->basis.size;
    d->stats.has_basis_digest = true;
    d->bytes.data[trailer + 7] = 88;
    plain_append_number(&d->bytes, 3, d->basis.size);
    plain_append(&d->bytes, d->stats.basis_digest, sizeof d->stats.basis_digest);
}

/*
 * Random ops over a basis, which becomes the delta's, each of at most `longest` bytes, and the new file that they make.
 * No bytes yet: plain_encode.
 */
static inline plain_delta plain_random_over(random_source *r, rd_memory basis, size_t count, size_t longest) {
    plain_delta d = {.basis = basis, .count = count};
    const size_t basis_size = basis.size;
    uint64_t reached = 0;
    d.ops = malloc((count + 1) * sizeof *d.ops);
    d.literal_at = malloc((count + 1) * sizeof *d.literal_at);
    assert_true(d.ops && d.literal_at);
    for (size_t i = 0; i < count; i++) {
        const size_t wanted = 1 + random_below(r, random_below(r, 3) == 0 ? longest : longest / 16 + 1);
        rd_op op = {.kind = RD_LITERAL, .target_offset = d.new_file.size, .length = wanted};
        if (basis_size > 0 && random_below(r, 2) == 0) {
            const bool continues = reached < basis_size && random_below(r, 2) == 0;
            op.kind = RD_COPY;
            op.basis_offset = continues ? reached : random_below(r, basis_size);
            op.length = wanted < basis_size - op.basis_offset ? wanted : basis_size - op.basis_offset;
            reached = op.basis_offset + op.length;
            plain_append(&d.new_file, d.basis.data + op.basis_offset, (size_t)op.length);
        } else {
            rd_memory literal = bytes_random(r, wanted, 256);
            plain_append(&d.new_file, literal.data, literal.size);
            rd_memory_free(&literal);
        }
        d.ops[i] = op;
    }
    return d;
}

/* The same over a random basis. */
static inline plain_delta plain_random(random_source *r, size_t basis_size, size_t count, size_t longest) {
    return plain_random_over(r, bytes_random(r, basis_size, 256), count, longest);
}

/* The ops as the delta writer is to make them: copies joined, literals gathered and cut at 65,535 bytes. */
static inline void plain_normalise(plain_delta *d) {
    enum { LITERAL_MAX = 65535 };
    rd_op *const ops = malloc((d->count + d->new_file.size / LITERAL_MAX + 1) * sizeof *ops);
    size_t count = 0;
    assert_non_null(ops);
    for (size_t i = 0; i < d->count; i++) {
        rd_op op = d->ops[i];
        rd_op *const last = count > 0 ? &ops[count - 1] : NULL;
        if (op.kind == RD_COPY && last && last->kind == RD_COPY && last->basis_offset + last->length == op.basis_offset)
            last->length += op.length;
        else if (op.kind == RD_COPY)
            ops[count++] = op;
        while (op.kind == RD_LITERAL && op.length > 0) {
            if (count == 0 || ops[count - 1].kind != RD_LITERAL || ops[count - 1].length == LITERAL_MAX)
                ops[count++] = (rd_op){.kind = RD_LITERAL, .target_offset = op.target_offset};
            const uint64_t room = LITERAL_MAX - ops[count - 1].length;
            const uint64_t taken = op.length < room ? op.length : room;
            ops[count - 1].length += taken;
            op.target_offset += taken;
            op.length -= taken;
        }
    }
    free(d->ops);
    free(d->literal_at);
    d->ops = ops;
    d->count = count;
    d->literal_at = malloc((count + 1) * sizeof *d->literal_at);
    assert_non_null(d->literal_at);
}

static inline void plain_free(plain_delta *d) {
    rd_memory_free(&d->basis);
    rd_memory_free(&d->new_file);
    rd_memory_free(&d->bytes);
    free(d->ops);
    free(d->literal_at);
}

/* The bytes, compressed as one frame; to be freed. */
static inline rd_memory plain_compressed(const rd_memory *bytes) {
    rd_memory made = {0};
    rd_filter *filter = NULL;
    const rd_sink out = rd_sink_memory(&made);
    assert_int_equal(rd_filter_compress_new(&filter, &out, NULL), RD_OK);
    const rd_sink sink = rd_filter_sink(filter);
    assert_int_equal(rd_sink_write(&sink, bytes->data, bytes->size, NULL), RD_OK);
    assert_int_equal(rd_filter_finish(filter), RD_OK);
    rd_filter_free(filter);
    return made;
}

/* What two sets of statistics about a delta's ops have in common. */
#define check_op_stats(actual, expected, ...)                                                                          \
    do {                                                                                                               \
        check_equal((actual).literal_commands, (expected).literal_commands, __VA_ARGS__);                              \
        check_equal((actual).literal_bytes, (expected).literal_bytes, __VA_ARGS__);                                    \
        check_equal((actual).literal_command_bytes, (expected).literal_command_bytes, __VA_ARGS__);                    \
        check_equal((actual).copy_commands, (expected).copy_commands, __VA_ARGS__);                                    \
        check_equal((actual).copy_bytes, (expected).copy_bytes, __VA_ARGS__);                                          \
        check_equal((actual).copy_command_bytes, (expected).copy_command_bytes, __VA_ARGS__);                          \
        check_equal((actual).has_digest, (expected).has_digest, __VA_ARGS__);                                          \
        check_bytes((actual).digest, sizeof(actual).digest, (expected).digest, sizeof(expected).digest, __VA_ARGS__);  \
    } while (0)

#endif

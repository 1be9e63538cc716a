/*
 * The delta format against bytes written by hand: the emitter, and the op reader with deltas that arrive in any chunks,
 * are cut anywhere, and do everything that the format forbids.
 */
#include "support.h"

#include "format/emitter.h"
#include "format/op_reader.h"

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

typedef struct encoding {
    rd_op op;
    size_t size;
    uint8_t bytes[RD__COMMAND_MAX];
} encoding;

#define LITERAL_OF(n)                                                                                                  \
    { .kind = RD_LITERAL, .length = (n) }
#define COPY_OF(at, n)                                                                                                 \
    { .kind = RD_COPY, .length = (n), .basis_offset = (at) }

static const encoding encodings[] = {
    {LITERAL_OF(1), 1, {0x01}},
    {LITERAL_OF(2), 1, {0x02}},
    {LITERAL_OF(0x40), 1, {0x40}},
    {LITERAL_OF(0x41), 2, {0x41, 0x41}},
    {LITERAL_OF(0xff), 2, {0x41, 0xff}},
    {LITERAL_OF(0x100), 3, {0x42, 0x01, 0x00}},
    {LITERAL_OF(0xffff), 3, {0x42, 0xff, 0xff}},
    {LITERAL_OF(0x10000), 5, {0x43, 0x00, 0x01, 0x00, 0x00}},
    {LITERAL_OF(0xffffffff), 5, {0x43, 0xff, 0xff, 0xff, 0xff}},
    {LITERAL_OF(0x100000000), 9, {0x44, 0, 0, 0, 1, 0, 0, 0, 0}},
    {LITERAL_OF(INT64_MAX), 9, {0x44, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    {COPY_OF(0, 1), 3, {0x45, 0x00, 0x01}},
    {COPY_OF(0xff, 0xff), 3, {0x45, 0xff, 0xff}},
    {COPY_OF(0, 0x100), 4, {0x46, 0x00, 0x01, 0x00}},
    {COPY_OF(0xff, 0xffff), 4, {0x46, 0xff, 0xff, 0xff}},
    {COPY_OF(1, 0x10000), 6, {0x47, 0x01, 0x00, 0x01, 0x00, 0x00}},
    {COPY_OF(1, 0xffffffff), 6, {0x47, 0x01, 0xff, 0xff, 0xff, 0xff}},
    {COPY_OF(2, 0x100000000), 10, {0x48, 0x02, 0, 0, 0, 1, 0, 0, 0, 0}},
    {COPY_OF(0x100, 1), 4, {0x49, 0x01, 0x00, 0x01}},
    {COPY_OF(0xffff, 0x100), 5, {0x4a, 0xff, 0xff, 0x01, 0x00}},
    {COPY_OF(0x1234, 0x10000), 7, {0x4b, 0x12, 0x34, 0x00, 0x01, 0x00, 0x00}},
    {COPY_OF(0x1234, 0x123456789a), 11, {0x4c, 0x12, 0x34, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a}},
    {COPY_OF(0x10000, 1), 6, {0x4d, 0x00, 0x01, 0x00, 0x00, 0x01}},
    {COPY_OF(0xffffffff, 0xabcd), 7, {0x4e, 0xff, 0xff, 0xff, 0xff, 0xab, 0xcd}},
    {COPY_OF(0x12345678, 0x9abcdef0), 9, {0x4f, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0}},
    {COPY_OF(0x12345678, 0x100000000), 13, {0x50, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1, 0, 0, 0, 0}},
    {COPY_OF(0x100000000, 1), 10, {0x51, 0, 0, 0, 1, 0, 0, 0, 0, 1}},
    {COPY_OF(0x123456789abcdef0, 0x100), 11, {0x52, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x01, 0x00}},
    {COPY_OF(0x100000000, 0x10000), 13, {0x53, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0}},
    {COPY_OF(0x100000001, 0x100000002), 17, {0x54, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2}},
    {COPY_OF(INT64_MAX - 1, 1), 10, {0x51, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 1}},
};

static void each_op_is_encoded_in_the_narrowest_widths(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(encodings); i++) {
        uint8_t bytes[RD__EMIT_MAX];
        rd_stats stats = {.size = sizeof stats};
        rd__emitter emitter = {.stats = &stats};
        const size_t size = rd__emit_op(&emitter, &encodings[i].op, bytes);
        check_bytes(bytes, size, encodings[i].bytes, encodings[i].size, "encoding %zu", i);
        check_equal(emitter.target, encodings[i].op.length, "encoding %zu", i);
        check_equal(stats.literal_command_bytes + stats.copy_command_bytes, encodings[i].size, "encoding %zu", i);
        check_equal(stats.literal_bytes + stats.copy_bytes, encodings[i].op.length, "encoding %zu", i);
    }
}

static void magic_and_end_are_those_of_the_format(void **state) {
    (void)state;
    static const uint8_t magic[4] = {0x72, 0x73, 0x02, 0x36};
    rd__emitter emitter = {.target = 77};
    uint8_t bytes[RD__EMIT_MAX];
    const uint8_t digest[32] = {1, 2, 3};
    const size_t size = rd__emit_magic(bytes);
    check_bytes(bytes, size, magic, 4u, "magic");
    const rd__basis_id basis = {.size = 0x1234, .digest = {9, 8, 7}};
    assert_int_equal(rd__emit_end(&emitter, NULL, NULL, bytes), 1);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(rd__emit_end(&emitter, NULL, &basis, bytes), 1);
    assert_int_equal(rd__emit_end(&emitter, digest, NULL, bytes), 57);
    assert_memory_equal(bytes, "\0\x72\x73\x02\x56\0\0\0\x30\0\0\0\0\0\0\0\x4d\2\0\0\0\0\0\0\0\1\2\3", 28);
    assert_int_equal(rd__emit_end(&emitter, digest, &basis, bytes), 97);
    assert_memory_equal(bytes, "\0\x72\x73\x02\x56\0\0\0\x58\0\0\0\0\0\0\0\x4d\2\0\0\0\0\0\0\0\1\2\3", 28);
    assert_memory_equal(bytes + 57, "\0\0\0\0\0\0\x12\x34\x09\x08\x07", 12);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static rd_stats counted;

/* A reader that has read the magic. */
static rd__op_reader reader_started(void) {
    return (rd__op_reader){.stats = &counted, .state = RD__READ_COMMAND, .taken = 4};
}

/* Reads one op that arrives in two chunks, cut at `cut`; *used is what was taken in all. */
static rd_result read_cut(rd__op_reader *reader, const uint8_t *bytes, size_t size, size_t cut, rd_op *op, size_t *used,
                          rd_error *error) {
    rd_memory first = bytes_copy(bytes, cut);
    rd_memory second = bytes_copy(bytes + cut, size - cut);
    rd_in in = {.data = first.data, .size = first.size};
    rd_result result = rd__op_reader_next(reader, &in, false, op, error);
    *used = in.pos;
    if (result == RD_MORE && op->length == 0) {
        assert_int_equal(in.pos, cut);
        in = (rd_in){.data = second.data, .size = second.size};
        result = rd__op_reader_next(reader, &in, false, op, error);
        *used += in.pos;
    }
    rd_memory_free(&second);
    rd_memory_free(&first);
    return result;
}

static void each_command_is_decoded_wherever_it_is_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(encodings); i++) {
        const encoding *const e = &encodings[i];
        uint8_t bytes[RD__COMMAND_MAX + 3] = {0};
        memcpy(bytes, e->bytes, e->size);
        for (size_t cut = 0; cut <= sizeof bytes; cut++) {
            rd__op_reader reader = reader_started();
            rd_op op;
            rd_error error;
            size_t used = 0;
            counted = (rd_stats){.size = sizeof counted};
            check_equal(read_cut(&reader, bytes, sizeof bytes, cut, &op, &used, &error), RD_MORE,
                        "encoding %zu cut %zu", i, cut);
            check_equal(used, e->size, "encoding %zu cut %zu", i, cut);
            check_equal(counted.literal_command_bytes + counted.copy_command_bytes, e->size, "encoding %zu cut %zu", i,
                        cut);
            check_equal(op.kind, e->op.kind, "encoding %zu cut %zu", i, cut);
            check_equal(op.length, e->op.length, "encoding %zu cut %zu", i, cut);
            check_equal(op.basis_offset, e->op.basis_offset, "encoding %zu cut %zu", i, cut);
            check_equal(op.target_offset, 0, "encoding %zu cut %zu", i, cut);
            check_equal(reader.target, op.length, "encoding %zu cut %zu", i, cut);
            check_equal(reader.taken, 4 + e->size, "encoding %zu cut %zu", i, cut);
            check_equal(reader.literal_left, op.kind == RD_LITERAL ? op.length : 0, "encoding %zu cut %zu", i, cut);
        }
    }
}

static void command_short_of_a_byte_needs_more_and_is_truncated_at_the_end(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(encodings); i++) {
        for (size_t size = 0; size < encodings[i].size; size++) {
            rd__op_reader reader = reader_started();
            rd_memory bytes = bytes_copy(encodings[i].bytes, size);
            rd_in in = {.data = bytes.data, .size = size};
            rd_op op;
            rd_error error;
            check_equal(rd__op_reader_next(&reader, &in, false, &op, &error), RD_MORE, "encoding %zu size %zu", i,
                        size);
            check_equal(op.length, 0, "encoding %zu size %zu", i, size);
            check_equal(in.pos, size, "encoding %zu size %zu", i, size);
            check_equal(reader.target, 0, "encoding %zu size %zu", i, size);
            check_equal(rd__op_reader_next(&reader, &in, true, &op, &error), RD_E_TRUNCATED, "encoding %zu size %zu", i,
                        size);
            check_equal(error.offset, 4 + size, "encoding %zu size %zu", i, size);
            check_equal(error.role, RD_ROLE_DELTA, "encoding %zu size %zu", i, size);
            rd_memory_free(&bytes);
        }
    }
}

static void wide_encodings_of_small_numbers_are_decoded(void **state) {
    (void)state;
    static const encoding wide[] = {
        {LITERAL_OF(1), 2, {0x41, 1}},
        {LITERAL_OF(1), 3, {0x42, 0, 1}},
        {LITERAL_OF(1), 5, {0x43, 0, 0, 0, 1}},
        {LITERAL_OF(1), 9, {0x44, 0, 0, 0, 0, 0, 0, 0, 1}},
        {COPY_OF(3, 5), 17, {0x54, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 5}},
    };
    for (size_t i = 0; i < ITEMS(wide); i++) {
        rd__op_reader reader = reader_started();
        rd_in in = {.data = wide[i].bytes, .size = wide[i].size};
        rd_op op;
        rd_error error;
        check_equal(rd__op_reader_next(&reader, &in, false, &op, &error), RD_MORE, "wide %zu", i);
        check_equal(in.pos, wide[i].size, "wide %zu", i);
        check_equal(op.length, wide[i].op.length, "wide %zu", i);
        check_equal(op.basis_offset, wide[i].op.basis_offset, "wide %zu", i);
    }
}

/* How the bytes of literals are taken: some of them, all, or none, so that the reader skips them. */
typedef enum taking { TAKE_SOME, TAKE_ALL, TAKE_NONE, TAKINGS } taking;

/* A whole delta: targets and offsets add up over its commands, literals lie where they should, END ends it. */
static void targets_and_offsets_add_up(void **state) {
    (void)state;
    static const uint8_t delta[] = {0x72, 0x73, 0x02, 0x36, 2, 'a', 'b', 0x45, 9, 7, 0x41, 1, 'c', 0, 0x55};
    static const uint64_t targets[] = {0, 2, 9};
    static const char *const literals[] = {"ab", "", "c"};
    for (size_t chunk = 1; chunk <= sizeof delta; chunk++) {
        for (taking how = TAKE_SOME; how < TAKINGS; how++) {
            rd__op_reader reader = {.stats = &counted, .verify = RD_VERIFY_NEVER};
            rd_in in = {.data = delta, .size = 0};
            rd_op op = {.length = 0};
            rd_error error;
            size_t count = 0;
            for (;;) {
                const rd_result result = rd__op_reader_next(&reader, &in, false, &op, &error);
                if (result == RD_OK)
                    break;
                assert_int_equal(result, RD_MORE);
                if (op.length > 0) {
                    check_equal(op.target_offset, targets[count], "chunk %zu op %zu", chunk, count);
                    const uint8_t *at = NULL;
                    const size_t most = how == TAKE_SOME ? 1 : how == TAKE_ALL ? 100 : 0;
                    const size_t taken = rd__op_reader_literal(&reader, &in, most, &at);
                    assert_true(taken == 0 || memcmp(at, literals[count], taken) == 0);
                    count++;
                } else {
                    check_equal(in.pos, in.size, "chunk %zu", chunk);
                    in.size += chunk < sizeof delta - in.size ? chunk : sizeof delta - in.size;
                }
            }
            check_equal(count, 3, "chunk %zu", chunk);
            check_equal(in.pos, sizeof delta - 1, "chunk %zu", chunk);
            check_equal(reader.taken, sizeof delta - 1, "chunk %zu", chunk);
            check_equal(reader.target, 10, "chunk %zu", chunk);
        }
    }
}

static void literal_cut_short_is_truncated(void **state) {
    (void)state;
    static const uint8_t delta[] = {0x72, 0x73, 0x02, 0x36, 5, 'a', 'b'};
    for (int skipped = 0; skipped < 2; skipped++) {
        rd__op_reader reader = {.stats = &counted};
        rd_in in = {.data = delta, .size = sizeof delta};
        rd_op op;
        rd_error error;
        assert_int_equal(rd__op_reader_next(&reader, &in, true, &op, &error), RD_MORE);
        assert_int_equal(op.length, 5);
        if (skipped) {
            in.pos = in.size;
            rd__op_reader_skipped(&reader, 2);
        }
        assert_int_equal(rd__op_reader_next(&reader, &in, true, &op, &error), RD_E_TRUNCATED);
        assert_int_equal(error.offset, sizeof delta);
    }
}

static void limit_is_kept_at_the_command_that_would_pass_it(void **state) {
    (void)state;
    static const uint8_t delta[] = {0x45, 0, 10, 0x45, 0, 1};
    for (uint64_t limit = 9; limit <= 11; limit++) {
        rd__op_reader reader = reader_started();
        rd_in in = {.data = delta, .size = sizeof delta};
        rd_op op;
        rd_error error = {.result = RD_OK};
        reader.limit = limit;
        rd_result result = rd__op_reader_next(&reader, &in, false, &op, &error);
        assert_int_equal(result, limit < 10 ? RD_E_LIMIT : RD_MORE);
        if (result == RD_MORE)
            result = rd__op_reader_next(&reader, &in, false, &op, &error);
        assert_int_equal(result, limit < 11 ? RD_E_LIMIT : RD_MORE);
        assert_int_equal(error.offset, limit < 10 ? 4 : limit < 11 ? 7 : 0);
    }
}

/* ---- Refusals ---------------------------------------------------------------------------------------------------- */

/* The command is refused as corrupt, at the offset where it starts, wherever it is cut. */
static void check_corrupt(rd__op_reader started, const uint8_t *bytes, size_t size) {
    for (size_t cut = 0; cut <= size; cut++) {
        rd__op_reader reader = started;
        rd_op op;
        rd_error error = {.result = RD_OK};
        size_t used = 0;
        check_equal(read_cut(&reader, bytes, size, cut, &op, &used, &error), RD_E_CORRUPT, "0x%02x cut %zu", bytes[0],
                    cut);
        check_equal(error.result, RD_E_CORRUPT, "0x%02x cut %zu", bytes[0], cut);
        check_equal(error.role, RD_ROLE_DELTA, "0x%02x cut %zu", bytes[0], cut);
        check_equal(error.offset, started.taken, "0x%02x cut %zu", bytes[0], cut);
        assert_non_null(error.reason);
    }
}

static void every_reserved_opcode_is_corrupt(void **state) {
    (void)state;
    for (unsigned opcode = 0x55; opcode <= 0xff; opcode++) {
        const uint8_t byte = (uint8_t)opcode;
        rd__op_reader reader = reader_started();
        reader.taken = 1000 + opcode;
        check_corrupt(reader, &byte, 1);
    }
}

static void every_command_of_length_0_is_corrupt(void **state) {
    (void)state;
    for (unsigned opcode = 0x41; opcode < 0x55; opcode++) {
        const size_t length_width = (size_t)1 << (opcode < 0x45 ? opcode - 0x41 : (opcode - 0x45) % 4);
        const size_t offset_width = opcode < 0x45 ? 0 : (size_t)1 << (opcode - 0x45) / 4;
        uint8_t bytes[RD__COMMAND_MAX] = {(uint8_t)opcode};
        check_corrupt(reader_started(), bytes, 1 + length_width + offset_width);
    }
}

static void top_bit_of_a_length_or_an_offset_is_corrupt(void **state) {
    (void)state;
    static const uint8_t literal[] = {0x44, 0x80, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t all_ones[] = {0x44, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t copy_length[] = {0x48, 0, 0x80, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t copy_offset[] = {0x51, 0x80, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t copy_both[] = {0x54, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0};
    check_corrupt(reader_started(), literal, sizeof literal);
    check_corrupt(reader_started(), all_ones, sizeof all_ones);
    check_corrupt(reader_started(), copy_length, sizeof copy_length);
    check_corrupt(reader_started(), copy_offset, sizeof copy_offset);
    check_corrupt(reader_started(), copy_both, sizeof copy_both);
}

static void copy_that_ends_beyond_2_to_the_63_is_corrupt(void **state) {
    (void)state;
    static const uint8_t one_too_many[] = {0x51, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t halves[] = {0x54, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0};
    check_corrupt(reader_started(), one_too_many, sizeof one_too_many);
    check_corrupt(reader_started(), halves, sizeof halves);
}

static void new_file_longer_than_2_to_the_63_is_corrupt(void **state) {
    (void)state;
    static const uint8_t one[] = {0x45, 0, 1};
    rd__op_reader full = reader_started();
    rd__op_reader almost = reader_started();
    rd_in in = {.data = one, .size = sizeof one};
    rd_op op;
    rd_error error;
    full.target = INT64_MAX;
    almost.target = INT64_MAX - 1;
    check_corrupt(full, one, sizeof one);
    assert_int_equal(rd__op_reader_next(&almost, &in, false, &op, &error), RD_MORE);
    assert_true(op.target_offset == INT64_MAX - 1 && op.length == 1);
}

static void other_magic_is_refused_wherever_it_is_cut(void **state) {
    (void)state;
    static const uint8_t magics[][4] = {
        {0x72, 0x73, 0x01, 0x47}, {0x36, 0x02, 0x73, 0x72}, {0, 0, 0, 0}, {0x72, 0x73, 0x02, 0x37}};
    for (size_t i = 0; i < ITEMS(magics); i++) {
        for (size_t cut = 0; cut <= 4; cut++) {
            rd__op_reader reader = {.stats = &counted};
            rd_op op;
            rd_error error;
            size_t used = 0;
            check_equal(read_cut(&reader, magics[i], 4, cut, &op, &used, &error), RD_E_MAGIC, "magic %zu cut %zu", i,
                        cut);
            check_equal(error.offset, 0, "magic %zu cut %zu", i, cut);
            check_equal(error.role, RD_ROLE_DELTA, "magic %zu cut %zu", i, cut);
        }
    }
}

/* ---- After END --------------------------------------------------------------------------------------------------- */

enum { MORE_MAX = 60, BASIS_MORE = RD_TRAILER_BASIS_LEN - RD_TRAILER_LEN };

/*
 * A delta of one literal of 3 bytes and a trailer with `more` bytes after the digest of the new file: from 40 bytes on
 * it knows the basis. Returns its size.
 */
static size_t make_delta(uint8_t *delta, uint8_t more) {
    static const uint8_t start[] = {0x72, 0x73, 0x02, 0x36, 3, 'a', 'b', 'c', 0};
    static const uint8_t trailer[24] = {0x72, 0x73, 0x02, 0x56, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 3, 2};
    memcpy(delta, start, sizeof start);
    memcpy(delta + sizeof start, trailer, sizeof trailer);
    delta[sizeof start + 7] = (uint8_t)(48 + more);
    for (uint8_t i = 0; i < 32 + more; i++)
        delta[sizeof start + sizeof trailer + i] = (uint8_t)(i + 1);
    return sizeof start + RD_TRAILER_LEN + more;
}

/* Reads a delta in chunks. */
static rd_result read_all(rd__op_reader *reader, const uint8_t *delta, size_t size, size_t chunk, rd_error *error) {
    rd_in in = {.data = delta, .size = 0};
    rd_result result = RD_MORE;
    while (result == RD_MORE) {
        rd_op op;
        result = rd__op_reader_next(reader, &in, in.size == size, &op, error);
        if (result == RD_MORE && op.length == 0)
            in.size += chunk < size - in.size ? chunk : size - in.size;
    }
    return result;
}

static void trailer_in_any_chunks_comes_back(void **state) {
    (void)state;
    uint8_t delta[200];
    for (uint8_t more = 0; more <= MORE_MAX; more++) {
        const size_t size = make_delta(delta, more);
        for (size_t chunk = 1; chunk <= size; chunk++) {
            rd__op_reader reader = {.stats = &counted, .verify = RD_VERIFY_ALWAYS, .whole = true};
            rd_error error;
            check_equal(read_all(&reader, delta, size, chunk, &error), RD_OK, "more %d chunk %zu", more, chunk);
            check_equal(reader.taken, size, "more %d chunk %zu", more, chunk);
            assert_true(reader.has_trailer);
            for (uint8_t i = 0; i < 32; i++)
                assert_int_equal(rd__op_reader_digest(&reader)[i], i + 1);
            rd__basis_id basis;
            check_equal(rd__op_reader_basis(&reader, &basis), more >= BASIS_MORE, "more %d chunk %zu", more, chunk);
            if (more < BASIS_MORE)
                continue;
            assert_true(basis.size == 0x2122232425262728);
            for (uint8_t i = 0; i < 32; i++)
                assert_int_equal(basis.digest[i], i + 41);
        }
    }
}

static void delta_cut_in_its_trailer_is_truncated_there(void **state) {
    (void)state;
    uint8_t delta[200];
    for (uint8_t more = 5; more <= MORE_MAX; more = (uint8_t)(more + 35)) {
        const size_t size = make_delta(delta, more);
        for (size_t cut = 0; cut < size; cut++) {
            rd__op_reader reader = {.stats = &counted, .whole = true};
            rd__basis_id basis;
            rd_error error = {.result = RD_OK};
            check_equal(read_all(&reader, delta, cut, 3, &error), cut == 9 ? RD_OK : RD_E_TRUNCATED, "cut %zu", cut);
            check_true(cut == 9 || (error.offset == cut && error.role == RD_ROLE_DELTA), "cut %zu", cut);
            assert_false(reader.has_trailer);
            assert_false(rd__op_reader_basis(&reader, &basis));
        }
    }
}

/* What a change of each byte means, except in the digest, where only the result shows it. */
static rd_result expected_of(size_t at, uint8_t value) {
    if (at < 4 || (at >= 17 && at < 24))
        return RD_E_CORRUPT;
    if (at < 7)
        return RD_E_TRUNCATED; /* longer than what follows */
    if (at == 7)
        return value < 48 ? RD_E_CORRUPT : RD_E_TRUNCATED;
    if (at < 16)
        return RD_E_MISMATCH; /* the length of the new file */
    return at == 16 ? RD_E_UNVERIFIED : RD_OK;
}

static void every_changed_byte_of_a_trailer_is_reported_or_is_digest(void **state) {
    (void)state;
    uint8_t delta[200];
    for (size_t at = 0; at < RD_TRAILER_LEN; at++) {
        for (unsigned value = 0; value < 256; value++) {
            const size_t size = make_delta(delta, 0);
            const size_t start = size - RD_TRAILER_LEN;
            if (delta[start + at] == value)
                continue;
            delta[start + at] = (uint8_t)value;
            for (size_t chunk = 1; chunk <= size; chunk += size - 1) {
                rd__op_reader reader = {.stats = &counted, .whole = true};
                rd_error error = {.result = RD_OK};
                const rd_result result = read_all(&reader, delta, size, chunk, &error);
                check_equal(result, expected_of(at, (uint8_t)value), "byte %zu is %u", at, value);
                if (result == RD_E_CORRUPT || result == RD_E_UNVERIFIED)
                    check_true(error.offset <= start + at && error.offset + 8 > start + at, "byte %zu is %u", at,
                               value);
            }
        }
    }
}

/* The part of the trailer that is about the basis: its length is at most 2^63 - 1; the rest says nothing by itself. */
static void every_changed_byte_of_a_basis_is_read_or_impossible(void **state) {
    (void)state;
    uint8_t delta[200];
    for (size_t at = 0; at < BASIS_MORE; at++) {
        for (unsigned value = 0; value < 256; value++) {
            const size_t size = make_delta(delta, BASIS_MORE);
            const size_t start = size - BASIS_MORE;
            delta[start + at] = (uint8_t)value;
            rd__op_reader reader = {.stats = &counted, .whole = true};
            rd__basis_id basis;
            rd_error error = {.result = RD_OK};
            const rd_result result = read_all(&reader, delta, size, 1 + at, &error);
            const bool possible = at > 0 || value < 128;
            check_equal(result, possible ? RD_OK : RD_E_CORRUPT, "byte %zu is %u", at, value);
            check_true(possible || error.offset == start, "byte %zu is %u", at, value);
            if (!possible)
                continue;
            assert_true(rd__op_reader_basis(&reader, &basis));
            const uint8_t read = at < 8 ? (uint8_t)(basis.size >> (56 - 8 * at)) : basis.digest[at - 8];
            check_equal(read, value, "byte %zu", at);
        }
    }
}

/* One copy of the bytes 5 .. 8 of the basis, and the length of that. */
static void copies_from_beyond_the_basis_of_the_trailer_are_told(void **state) {
    (void)state;
    static const uint8_t start[] = {0x72, 0x73, 0x02, 0x36, 0x45, 5, 3, 0};
    static const uint8_t trailer[24] = {0x72, 0x73, 0x02, 0x56, 0, 0, 0, 88, 0, 0, 0, 0, 0, 0, 0, 3, 2};
    for (uint8_t length = 0; length < 20; length++) {
        uint8_t delta[sizeof start + RD_TRAILER_BASIS_LEN] = {0};
        memcpy(delta, start, sizeof start);
        memcpy(delta + sizeof start, trailer, sizeof trailer);
        delta[sizeof start + RD_TRAILER_LEN + 7] = length;
        rd__op_reader reader = {.stats = &counted, .whole = true};
        rd_error error = {.result = RD_OK};
        const rd_result result = read_all(&reader, delta, sizeof delta, 7, &error);
        check_equal(result, length < 8 ? RD_E_MISMATCH : RD_OK, "length %d", length);
        check_true(result == RD_OK || error.role == RD_ROLE_DELTA, "length %d", length);
    }
}

static void what_follows_a_delta_is_refused_or_left(void **state) {
    (void)state;
    uint8_t delta[200];
    for (int whole = 0; whole < 2; whole++) {
        const size_t size = make_delta(delta, 0);
        rd__op_reader reader = {.stats = &counted, .whole = whole};
        rd_in in = {.data = delta, .size = size + 1};
        rd_op op;
        rd_error error;
        delta[size] = 0x77;
        assert_int_equal(rd__op_reader_next(&reader, &in, true, &op, &error), RD_MORE);
        const rd_result result = rd__op_reader_next(&reader, &in, true, &op, &error);
        assert_int_equal(result, whole ? RD_E_CORRUPT : RD_OK);
        assert_int_equal(in.pos, size);
        if (whole)
            assert_int_equal(error.offset, size);
    }
}

static void missing_trailer_is_an_error_only_if_it_is_required(void **state) {
    (void)state;
    uint8_t delta[200];
    (void)make_delta(delta, 0);
    for (rd_verify verify = RD_VERIFY_DEFAULT; verify <= RD_VERIFY_ALWAYS; verify++) {
        rd__op_reader reader = {.stats = &counted, .verify = verify, .whole = true};
        rd_error error;
        assert_int_equal(read_all(&reader, delta, 9, 100, &error),
                         verify == RD_VERIFY_ALWAYS ? RD_E_UNVERIFIED : RD_OK);
        assert_false(reader.has_trailer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_op_is_encoded_in_the_narrowest_widths),
        cmocka_unit_test(magic_and_end_are_those_of_the_format),
        cmocka_unit_test(each_command_is_decoded_wherever_it_is_cut),
        cmocka_unit_test(command_short_of_a_byte_needs_more_and_is_truncated_at_the_end),
        cmocka_unit_test(wide_encodings_of_small_numbers_are_decoded),
        cmocka_unit_test(targets_and_offsets_add_up),
        cmocka_unit_test(literal_cut_short_is_truncated),
        cmocka_unit_test(limit_is_kept_at_the_command_that_would_pass_it),
        cmocka_unit_test(every_reserved_opcode_is_corrupt),
        cmocka_unit_test(every_command_of_length_0_is_corrupt),
        cmocka_unit_test(top_bit_of_a_length_or_an_offset_is_corrupt),
        cmocka_unit_test(copy_that_ends_beyond_2_to_the_63_is_corrupt),
        cmocka_unit_test(new_file_longer_than_2_to_the_63_is_corrupt),
        cmocka_unit_test(other_magic_is_refused_wherever_it_is_cut),
        cmocka_unit_test(trailer_in_any_chunks_comes_back),
        cmocka_unit_test(delta_cut_in_its_trailer_is_truncated_there),
        cmocka_unit_test(every_changed_byte_of_a_trailer_is_reported_or_is_digest),
        cmocka_unit_test(every_changed_byte_of_a_basis_is_read_or_impossible),
        cmocka_unit_test(copies_from_beyond_the_basis_of_the_trailer_are_told),
        cmocka_unit_test(what_follows_a_delta_is_refused_or_left),
        cmocka_unit_test(missing_trailer_is_an_error_only_if_it_is_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

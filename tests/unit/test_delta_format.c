/*
 * The delta format against bytes written by hand, and the decoder against deltas that arrive in any two pieces and
 * against everything that the format forbids.
 */
#include "support.h"

#include "format/delta.h"

/* ---- Encoding ---------------------------------------------------------------------------------------------------- */

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
        uint8_t command[RD__COMMAND_MAX];
        const size_t size = rd__delta_put_op(command, &encodings[i].op);
        check_bytes(command, size, encodings[i].bytes, encodings[i].size, "encoding %zu", i);
        check_equal(rd__delta_op_size(&encodings[i].op), encodings[i].size, "encoding %zu", i);
    }
}

static void magic_and_end_are_those_of_the_format(void **state) {
    (void)state;
    static const uint8_t magic[4] = {0x72, 0x73, 0x02, 0x36};
    uint8_t command[RD__COMMAND_MAX];
    const size_t size = rd__delta_put_magic(command);
    check_bytes(command, size, magic, 4u, "magic");
    assert_int_equal(rd__delta_put_end(command), 1);
    assert_int_equal(command[0], 0);
}

/* ---- Decoding ---------------------------------------------------------------------------------------------------- */

/* A decoder that has read the magic. */
static rd__delta_decoder decoder_begun(void) {
    return (rd__delta_decoder){.begun = true, .offset = 4};
}

/* Decodes one command that arrives in two pieces, cut at `cut`; *used is what it took in all. */
static rd_result decode_cut(rd__delta_decoder *decoder, const uint8_t *bytes, size_t size, size_t cut, rd_op *op,
                            size_t *used, rd_error *error) {
    rd_memory first = bytes_copy(bytes, cut);
    rd_memory second = bytes_copy(bytes + cut, size - cut);
    size_t more = 0;
    rd_result result = rd__delta_decode(decoder, first.data, first.size, used, op, error);
    if (result == RD_MORE) {
        assert_int_equal(*used, cut);
        result = rd__delta_decode(decoder, second.data, second.size, &more, op, error);
    }
    *used += more;
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
            rd__delta_decoder decoder = decoder_begun();
            rd_op op;
            rd_error error;
            size_t used = 0;
            const rd_result result = decode_cut(&decoder, bytes, sizeof bytes, cut, &op, &used, &error);
            check_equal(result, RD_OK, "encoding %zu cut %zu", i, cut);
            check_equal(used, e->size, "encoding %zu cut %zu", i, cut);
            check_equal(decoder.command_size, e->size, "encoding %zu cut %zu", i, cut);
            check_equal(op.kind, e->op.kind, "encoding %zu cut %zu", i, cut);
            check_equal(op.length, e->op.length, "encoding %zu cut %zu", i, cut);
            check_equal(op.basis_offset, e->op.basis_offset, "encoding %zu cut %zu", i, cut);
            check_equal(op.target_offset, 0, "encoding %zu cut %zu", i, cut);
            check_equal(decoder.target, op.length, "encoding %zu cut %zu", i, cut);
            check_equal(decoder.offset, 4 + e->size + (op.kind == RD_LITERAL ? op.length : 0), "encoding %zu cut %zu",
                        i, cut);
            assert_false(decoder.ended);
        }
    }
}

static void command_short_of_a_byte_needs_more(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(encodings); i++) {
        for (size_t size = 0; size < encodings[i].size; size++) {
            rd__delta_decoder decoder = decoder_begun();
            rd_memory bytes = bytes_copy(encodings[i].bytes, size);
            rd_op op;
            rd_error error;
            size_t used = 0;
            check_equal(rd__delta_decode(&decoder, bytes.data, size, &used, &op, &error), RD_MORE,
                        "encoding %zu size %zu", i, size);
            check_equal(used, size, "encoding %zu size %zu", i, size);
            check_equal(decoder.target, 0, "encoding %zu size %zu", i, size);
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
        rd__delta_decoder decoder = decoder_begun();
        rd_op op;
        rd_error error;
        size_t used = 0;
        check_equal(rd__delta_decode(&decoder, wide[i].bytes, wide[i].size, &used, &op, &error), RD_OK, "wide %zu", i);
        check_equal(used, wide[i].size, "wide %zu", i);
        check_equal(op.length, wide[i].op.length, "wide %zu", i);
        check_equal(op.basis_offset, wide[i].op.basis_offset, "wide %zu", i);
    }
}

/* A whole delta: targets and offsets add up over its commands, and nothing after END is taken. */
static void targets_and_offsets_add_up(void **state) {
    (void)state;
    static const uint8_t delta[] = {0x72, 0x73, 0x02, 0x36, 2, 'a', 'b', 0x45, 9, 7, 0x41, 1, 'c', 0, 0x55};
    static const uint64_t targets[] = {0, 2, 9};
    static const uint64_t offsets[] = {7, 10, 13};
    for (size_t portion = 1; portion <= sizeof delta; portion++) {
        rd__delta_decoder decoder = {.filled = 0};
        size_t at = 0;
        size_t count = 0;
        while (!decoder.ended) {
            rd_op op = {.length = 0};
            rd_error error;
            size_t used = 0;
            const size_t size = portion < sizeof delta - at ? portion : sizeof delta - at;
            const rd_result result = rd__delta_decode(&decoder, delta + at, size, &used, &op, &error);
            at += used;
            if (result == RD_OK && !decoder.ended) {
                check_equal(op.target_offset, targets[count], "portion %zu op %zu", portion, count);
                at += op.kind == RD_LITERAL ? (size_t)op.length : 0;
                check_equal(decoder.offset, offsets[count], "portion %zu op %zu", portion, count);
                count++;
            }
            assert_true(result == RD_OK || (result == RD_MORE && used == size));
        }
        check_equal(count, 3, "portion %zu", portion);
        check_equal(at, sizeof delta - 1, "portion %zu", portion);
        check_equal(decoder.offset, sizeof delta - 1, "portion %zu", portion);
    }
}

/* ---- Refusals ---------------------------------------------------------------------------------------------------- */

/* The command is refused as corrupt, at the offset where it begins, wherever it is cut. */
static void check_corrupt(rd__delta_decoder begun, const uint8_t *bytes, size_t size) {
    for (size_t cut = 0; cut <= size; cut++) {
        rd__delta_decoder decoder = begun;
        rd_op op;
        rd_error error = {.result = RD_OK};
        size_t used = 0;
        check_equal(decode_cut(&decoder, bytes, size, cut, &op, &used, &error), RD_E_CORRUPT, "0x%02x cut %zu",
                    bytes[0], cut);
        check_equal(error.result, RD_E_CORRUPT, "0x%02x cut %zu", bytes[0], cut);
        check_equal(error.role, RD_ROLE_DELTA, "0x%02x cut %zu", bytes[0], cut);
        check_equal(error.offset, begun.offset, "0x%02x cut %zu", bytes[0], cut);
        assert_non_null(error.reason);
    }
}

static void every_reserved_opcode_is_corrupt(void **state) {
    (void)state;
    for (unsigned opcode = 0x55; opcode <= 0xff; opcode++) {
        const uint8_t byte = (uint8_t)opcode;
        rd__delta_decoder decoder = decoder_begun();
        decoder.offset = 1000 + opcode;
        check_corrupt(decoder, &byte, 1);
    }
}

static void every_command_of_length_0_is_corrupt(void **state) {
    (void)state;
    for (unsigned opcode = 0x41; opcode < 0x55; opcode++) {
        const size_t length_width = (size_t)1 << (opcode < 0x45 ? opcode - 0x41 : (opcode - 0x45) % 4);
        const size_t offset_width = opcode < 0x45 ? 0 : (size_t)1 << (opcode - 0x45) / 4;
        uint8_t bytes[RD__COMMAND_MAX] = {(uint8_t)opcode};
        check_corrupt(decoder_begun(), bytes, 1 + length_width + offset_width);
    }
}

static void top_bit_of_a_length_or_an_offset_is_corrupt(void **state) {
    (void)state;
    static const uint8_t literal[] = {0x44, 0x80, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t all_ones[] = {0x44, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t copy_length[] = {0x48, 0, 0x80, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t copy_offset[] = {0x51, 0x80, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t copy_both[] = {0x54, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0};
    check_corrupt(decoder_begun(), literal, sizeof literal);
    check_corrupt(decoder_begun(), all_ones, sizeof all_ones);
    check_corrupt(decoder_begun(), copy_length, sizeof copy_length);
    check_corrupt(decoder_begun(), copy_offset, sizeof copy_offset);
    check_corrupt(decoder_begun(), copy_both, sizeof copy_both);
}

static void copy_that_ends_beyond_2_to_the_63_is_corrupt(void **state) {
    (void)state;
    static const uint8_t one_too_many[] = {0x51, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t halves[] = {0x54, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0};
    check_corrupt(decoder_begun(), one_too_many, sizeof one_too_many);
    check_corrupt(decoder_begun(), halves, sizeof halves);
}

static void new_file_longer_than_2_to_the_63_is_corrupt(void **state) {
    (void)state;
    static const uint8_t one[] = {0x45, 0, 1};
    rd__delta_decoder full = decoder_begun();
    rd__delta_decoder almost = decoder_begun();
    rd_op op;
    rd_error error;
    size_t used = 0;
    full.target = INT64_MAX;
    almost.target = INT64_MAX - 1;
    check_corrupt(full, one, sizeof one);
    assert_int_equal(rd__delta_decode(&almost, one, sizeof one, &used, &op, &error), RD_OK);
    assert_true(op.target_offset == INT64_MAX - 1 && op.length == 1);
}

static void other_magic_is_refused_wherever_it_is_cut(void **state) {
    (void)state;
    static const uint8_t magics[][4] = {
        {0x72, 0x73, 0x01, 0x47}, {0x36, 0x02, 0x73, 0x72}, {0, 0, 0, 0}, {0x72, 0x73, 0x02, 0x37}};
    for (size_t i = 0; i < ITEMS(magics); i++) {
        for (size_t cut = 0; cut <= 4; cut++) {
            rd__delta_decoder decoder = {.filled = 0};
            rd_op op;
            rd_error error;
            size_t used = 0;
            check_equal(decode_cut(&decoder, magics[i], 4, cut, &op, &used, &error), RD_E_MAGIC, "magic %zu cut %zu", i,
                        cut);
            check_equal(error.offset, 0, "magic %zu cut %zu", i, cut);
            check_equal(error.role, RD_ROLE_DELTA, "magic %zu cut %zu", i, cut);
        }
    }
}

static void truncation_is_told_with_the_size(void **state) {
    (void)state;
    rd_error error;
    assert_int_equal(rd__delta_truncated(12345, &error), RD_E_TRUNCATED);
    assert_int_equal(error.result, RD_E_TRUNCATED);
    assert_int_equal(error.role, RD_ROLE_DELTA);
    assert_int_equal(error.offset, 12345);
    assert_non_null(error.reason);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_op_is_encoded_in_the_narrowest_widths),
        cmocka_unit_test(magic_and_end_are_those_of_the_format),
        cmocka_unit_test(each_command_is_decoded_wherever_it_is_cut),
        cmocka_unit_test(command_short_of_a_byte_needs_more),
        cmocka_unit_test(wide_encodings_of_small_numbers_are_decoded),
        cmocka_unit_test(targets_and_offsets_add_up),
        cmocka_unit_test(every_reserved_opcode_is_corrupt),
        cmocka_unit_test(every_command_of_length_0_is_corrupt),
        cmocka_unit_test(top_bit_of_a_length_or_an_offset_is_corrupt),
        cmocka_unit_test(copy_that_ends_beyond_2_to_the_63_is_corrupt),
        cmocka_unit_test(new_file_longer_than_2_to_the_63_is_corrupt),
        cmocka_unit_test(other_magic_is_refused_wherever_it_is_cut),
        cmocka_unit_test(truncation_is_told_with_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

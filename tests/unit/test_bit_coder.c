/*
 * Bits and the coder of answers: what was put comes back, in few bytes if it was likely, and what is cut short or too
 * long is no harm. The bytes of one short example were worked out by hand from docs/formats.md.
 */
#include "support.h"

#include "format/bit_coder.h"
#include "format/bits.h"

enum { CONTEXTS = 3 };

/* How likely yes is, of 256, in each context. */
typedef struct likelihood {
    unsigned yes[CONTEXTS];
} likelihood;

static void models_even(rd__bit_model models[CONTEXTS]) {
    for (size_t i = 0; i < CONTEXTS; i++)
        models[i] = RD__BIT_MODEL_EVEN;
}

static bool *answers_random(random_source *r, size_t count, const likelihood *likely) {
    bool *const answers = malloc(count > 0 ? count * sizeof *answers : 1);
    assert_non_null(answers);
    for (size_t i = 0; i < count; i++)
        answers[i] = random_below(r, 256) < likely->yes[i % CONTEXTS];
    return answers;
}

static rd__growing encoded(const bool *answers, size_t count) {
    rd__growing out = {0};
    rd__bit_encoder encoder;
    rd__bit_model models[CONTEXTS];
    models_even(models);
    rd__growing_put(&out, "before", 6);
    rd__bit_encoder_init(&encoder, &out);
    for (size_t i = 0; i < count; i++)
        rd__bit_encode(&encoder, &models[i % CONTEXTS], answers[i]);
    rd__bit_encoder_finish(&encoder);
    assert_false(out.failed);
    assert_true(out.size >= 6 && memcmp(out.data, "before", 6) == 0);
    memmove(out.data, out.data + 6, out.size - 6);
    out.size -= 6;
    return out;
}

/* Decodes an allocation of exactly `size` bytes; the number of answers that are as they were. */
static size_t decoded(const uint8_t *data, size_t size, const bool *answers, size_t count, bool *at_end) {
    rd_memory exact = bytes_copy(data, size);
    rd__bit_decoder decoder;
    rd__bit_model models[CONTEXTS];
    size_t same = 0;
    models_even(models);
    rd__bit_decoder_init(&decoder, exact.data, size > 0 ? exact.data + size : exact.data);
    for (size_t i = 0; i < count; i++)
        same += rd__bit_decode(&decoder, &models[i % CONTEXTS]) == answers[i];
    *at_end = rd__bit_decoder_at_end(&decoder);
    rd_memory_free(&exact);
    return same;
}

static const likelihood likelihoods[] = {{{0, 0, 0}},   {{256, 256, 256}}, {{128, 128, 128}}, {{1, 1, 1}},
                                         {{255, 0, 3}}, {{64, 250, 17}},   {{256, 0, 256}}};

static void answers_come_back(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t k = 0; k < ITEMS(likelihoods); k++) {
        for (size_t count = 0; count < 20000; count = count < 70 ? count + 1 : count * 3) {
            bool at_end = false;
            bool *const answers = answers_random(&r, count, &likelihoods[k]);
            rd__growing bytes = encoded(answers, count);
            check_equal(decoded(bytes.data, bytes.size, answers, count, &at_end), count, "%zu, %zu answers", k, count);
            check_true(at_end, "%zu, %zu answers", k, count);
            check_true(bytes.size == 0 || bytes.data[bytes.size - 1] != 0, "%zu, %zu answers", k, count);
            rd__growing_free(&bytes);
            free(answers);
        }
    }
}

static void likely_answers_take_few_bytes(void **state) {
    (void)state;
    random_source r = random_from(2);
    static const size_t most[] = {0, 24, 1300, 140};
    for (size_t k = 0; k < ITEMS(most); k++) {
        bool *const answers = answers_random(&r, 10000, &likelihoods[k]);
        rd__growing bytes = encoded(answers, 10000);
        check_true(bytes.size <= most[k], "%zu: %zu bytes", k, bytes.size);
        rd__growing_free(&bytes);
        free(answers);
    }
}

/* A carry through many bytes 0xff: unlikely answers at the very end of the range. */
static void carries_run_through(void **state) {
    (void)state;
    random_source r = random_from(3);
    for (size_t round = 0; round < 300; round++) {
        bool at_end = false;
        const size_t count = 40 + random_below(&r, 200);
        bool *const answers = answers_random(&r, count, &likelihoods[1]);
        for (size_t i = 0; i < 1 + round % 5; i++)
            answers[count - 1 - random_below(&r, 30)] = false;
        rd__growing bytes = encoded(answers, count);
        check_equal(decoded(bytes.data, bytes.size, answers, count, &at_end), count, "round %zu", round);
        check_true(at_end, "round %zu", round);
        rd__growing_free(&bytes);
        free(answers);
    }
}

/* Reading zeros beyond the end, one decodes something; what comes before the cut is as it was. */
static void truncated_answers_do_no_harm(void **state) {
    (void)state;
    random_source r = random_from(4);
    bool *const answers = answers_random(&r, 3000, &likelihoods[5]);
    rd__growing bytes = encoded(answers, 3000);
    for (size_t size = 0; size < bytes.size; size++) {
        bool at_end = false;
        const size_t same = decoded(bytes.data, size, answers, 3000, &at_end);
        check_true(at_end && same < 3000, "cut to %zu bytes", size);
        size_t enough = 0; /* answers that the bytes decide, all but the last four of them */
        rd__growing first = {0};
        while (size > 8 && (enough == 0 || first.size + 4 < size) && enough < 2900) {
            rd__growing_free(&first);
            first = encoded(answers, enough += 97);
        }
        if (size > 8 && first.size + 4 < size)
            check_equal(decoded(bytes.data, size, answers, enough, &at_end), enough, "cut to %zu bytes", size);
        rd__growing_free(&first);
    }
    rd__growing_free(&bytes);
    free(answers);
}

static void bytes_too_many_are_noticed(void **state) {
    (void)state;
    random_source r = random_from(5);
    bool *const answers = answers_random(&r, 500, &likelihoods[2]);
    rd__growing bytes = encoded(answers, 500);
    bool at_end = true;
    for (size_t i = 0; i < 5; i++)
        rd__growing_put_byte(&bytes, 1);
    (void)decoded(bytes.data, bytes.size, answers, 500, &at_end);
    assert_false(at_end);
    rd__growing_free(&bytes);
    free(answers);
}

/* An even model halves the range 2^32 - 1, in steps of 2^-15: yes adds 0xffff8000 / 2 = 0x7fffc000 to 0. */
static void first_bytes_are_those_of_the_format(void **state) {
    (void)state;
    static const bool yes[] = {true};
    static const bool no[] = {false};
    rd__growing bytes = encoded(yes, 1);
    assert_int_equal(bytes.size, 1);
    assert_int_equal(bytes.data[0], 0x80); /* the least number of few bits in 0x7fffc000 .. 0xfffffffe */
    rd__growing_free(&bytes);
    bytes = encoded(no, 1);
    assert_int_equal(bytes.size, 0);
    rd__growing_free(&bytes);
}

static void bits_come_back(void **state) {
    (void)state;
    random_source r = random_from(6);
    for (unsigned round = 0; round < 500; round++) {
        rd__growing bytes = {0};
        rd__bit_writer writer = {.out = &bytes};
        uint64_t values[100];
        unsigned widths[100];
        size_t total = 0;
        const size_t count = 1 + random_below(&r, ITEMS(values));
        for (size_t i = 0; i < count; i++) {
            widths[i] = (unsigned)random_below(&r, 57);
            values[i] = random_u64(&r);
            total += widths[i];
            rd__bits_put(&writer, values[i], widths[i]);
        }
        rd__bits_finish(&writer);
        check_equal(bytes.size, (total + 7) / 8, "round %u", round);
        rd_memory exact = bytes_copy(bytes.data, bytes.size);
        rd__bit_reader reader = {.data = exact.data, .end = exact.size > 0 ? exact.data + exact.size : exact.data};
        for (size_t i = 0; i < count; i++)
            check_equal(rd__bits_get(&reader, widths[i]), values[i] & (((uint64_t)1 << widths[i]) - 1), "round %u: %zu",
                        round, i);
        check_true(rd__bits_at_end(&reader), "round %u", round);
        (void)rd__bits_get(&reader, 8);
        check_true(reader.failed && !rd__bits_at_end(&reader), "round %u", round);
        rd_memory_free(&exact);
        rd__growing_free(&bytes);
    }
}

static void bits_start_at_the_lowest(void **state) {
    (void)state;
    rd__growing bytes = {0};
    rd__bit_writer writer = {.out = &bytes};
    static const uint8_t expected[] = {0x75, 0x3c, 0x02}; /* 0b101, then 0b01110, then 0x23c in ten bits */
    rd__bits_put(&writer, 5, 3);
    rd__bits_put(&writer, 14, 5);
    rd__bits_put(&writer, 0xfe3c, 10);
    rd__bits_finish(&writer);
    check_bytes(bytes.data, bytes.size, expected, sizeof expected, "bits");
    rd__growing_free(&bytes);
}

static void bits_left_over_are_noticed(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x1f, 0x00};
    rd__bit_reader reader = {.data = bytes, .end = bytes + 1};
    assert_int_equal(rd__bits_get(&reader, 4), 15);
    assert_false(rd__bits_at_end(&reader)); /* the rest of the byte is not zeros */
    reader = (rd__bit_reader){.data = bytes, .end = bytes + 2};
    assert_int_equal(rd__bits_get(&reader, 5), 31);
    assert_false(rd__bits_at_end(&reader)); /* a byte too many */
    assert_int_equal(rd__bits_get(&reader, 4), 0);
    assert_true(rd__bits_at_end(&reader));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(likely_answers_take_few_bytes),
        cmocka_unit_test(carries_run_through),
        cmocka_unit_test(truncated_answers_do_no_harm),
        cmocka_unit_test(bytes_too_many_are_noticed),
        cmocka_unit_test(first_bytes_are_those_of_the_format),
        cmocka_unit_test(bits_come_back),
        cmocka_unit_test(bits_start_at_the_lowest),
        cmocka_unit_test(bits_left_over_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

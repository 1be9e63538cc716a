/*
 * The ladders of both sides, over a file of random leaves, with random rounds and random answers: they stay in step,
 * every sum is that of the leaves, and no more is known than what was found. Some of what is found is wrong on purpose.
 */
#include "support.h"

#include "engine/ladder.h"

enum { LEAF = 32, LEAVES = 2000, PARTS_MAX = 64 };

/* Both sides, and the file: the sum of each of its leaves. */
typedef struct both {
    random_source r;
    uint32_t size;
    uint64_t leaves[LEAVES];
    rd__ladder sender;
    rd__ladder receiver;
    rd__growing body;
    rd__growing answer;
} both;

static uint64_t true_sum(const both *b, const rd__stretch *s) {
    uint64_t sum = 0;
    for (uint32_t i = s->start / LEAF; i < (s->start + s->length + LEAF - 1) / LEAF; i++)
        sum ^= b->leaves[i];
    return sum;
}

/* Blocks of a size, of which the receiver has the lowest bits, and has found some. */
static void both_begin(both *b, uint64_t seed, uint32_t size, unsigned block_log2, unsigned bits,
                       unsigned found_of_eight) {
    *b = (both){.r = random_from(seed), .size = size};
    for (size_t i = 0; i < LEAVES; i++)
        b->leaves[i] = random_u64(&b->r);
    rd__ladder_init(&b->sender, false);
    rd__ladder_init(&b->receiver, true);
    for (uint32_t at = 0; at < b->size; at += (uint32_t)1 << block_log2) {
        const uint32_t left = b->size - at;
        rd__stretch s = {.start = at, .length = left < (uint32_t)1 << block_log2 ? left : (uint32_t)1 << block_log2};
        s.bits = (uint8_t)bits;
        s.sum = true_sum(b, &s);
        const bool found = random_below(&b->r, 8) < found_of_eight;
        s.state = found ? RD__STRETCH_FRESH : RD__STRETCH_UNKNOWN;
        assert_true(rd__ladder_add(&b->sender, s));
        s.place = s.start;
        s.sum = found ? s.sum : rd__sum_bits(s.sum, bits);
        assert_true(rd__ladder_add(&b->receiver, s));
    }
}

static void both_free(both *b) {
    rd__ladder_free(&b->sender);
    rd__ladder_free(&b->receiver);
    rd__growing_free(&b->body);
    rd__growing_free(&b->answer);
}

/*
 * The partitions are the same, but for known stretches, which the sender joins wherever they were found. The sums are
 * right: the sender's all of them, the receiver's in the bits that it has.
 */
static void both_check(const both *b, const char *when) {
    size_t k = 0;
    for (size_t i = 0; i < b->sender.count; i++) {
        const rd__stretch *const s = &b->sender.stretches[i];
        const rd__stretch *const t = &b->receiver.stretches[k];
        check_true(k < b->receiver.count && s->state == t->state && s->start == t->start, "%s: stretch %zu", when, i);
        check_true(s->length > 0 && (i == 0 || s[-1].start + s[-1].length == s->start), "%s: stretch %zu", when, i);
        if (s->state == RD__STRETCH_KNOWN) {
            uint32_t joined = 0;
            while (k < b->receiver.count && joined < s->length) {
                check_equal(b->receiver.stretches[k].state, RD__STRETCH_KNOWN, "%s: stretch %zu", when, i);
                joined += b->receiver.stretches[k++].length;
            }
            check_equal(joined, s->length, "%s: stretch %zu", when, i);
            continue;
        }
        k++;
        check_true(s->length == t->length && s->flags == t->flags, "%s: stretch %zu", when, i);
        if (s->state == RD__STRETCH_UNKNOWN) {
            check_equal(s->bits, t->bits, "%s: stretch %zu", when, i);
            check_equal(t->bits > 0 ? rd__sum_bits(t->sum, t->bits) : 0,
                        t->bits > 0 ? rd__sum_bits(true_sum(b, s), t->bits) : 0, "%s: stretch %zu", when, i);
        }
        if (s->state != RD__STRETCH_UNKNOWN || s->bits > 0)
            check_equal(s->sum, true_sum(b, s), "%s: stretch %zu of %u bytes", when, i, s->length);
    }
    check_equal(k, b->receiver.count, "%s", when);
    check_equal(rd__ladder_known(&b->sender), rd__ladder_known(&b->receiver), "%s", when);
    check_equal(rd__ladder_is_settled(&b->sender), rd__ladder_is_settled(&b->receiver), "%s", when);
}

/* Everything between the two sides in a round. Of the tested, `found` of 16 are found, of these `wrong` of 16 wrongly.
 */
static void both_round(both *b, const rd__round *round, unsigned found, unsigned wrong) {
    uint8_t header[RD__ROUND_HEADER_LEN];
    rd__round read;
    rd__growing_clear(&b->body);
    rd__growing_clear(&b->answer);
    rd__round_put(&b->body, round);
    memcpy(header, b->body.data, sizeof header);
    assert_true(rd__round_get(header, &read));
    rd__growing_clear(&b->body);

    rd__bit_writer writer = {.out = &b->body};
    rd__ladder_put_checks(&b->sender, round, &writer);
    check_equal(rd__ladder_bound(&b->sender, round), rd__ladder_bound(&b->receiver, round), "bounds");
    const size_t bound = rd__ladder_bound(&b->sender, round);
    assert_true(rd__ladder_begin(&b->sender, round));
    assert_true(b->sender.count <= bound || round->kind != RD__ROUND_SPLIT);
    for (size_t i = 0; i < b->sender.count; i++) {
        rd__stretch *const s = &b->sender.stretches[i];
        if (!(s->flags & RD__STRETCH_TESTED))
            continue;
        if (round->kind == RD__ROUND_SPLIT)
            s->sum = true_sum(b, s);
        else /* in place of a rolling sum */
            rd__bits_put(&writer, s->start, round->bits);
    }
    if (round->kind == RD__ROUND_SPLIT)
        rd__ladder_put_sums(&b->sender, round, &writer);
    rd__bits_finish(&writer);

    rd_memory exact = bytes_copy(b->body.data, b->body.size);
    rd__bit_reader reader = {.data = exact.data, .end = exact.size > 0 ? exact.data + exact.size : exact.data};
    rd__ladder_get_checks(&b->receiver, &read, &reader);
    assert_true(rd__ladder_begin(&b->receiver, &read));
    if (round->kind == RD__ROUND_SPLIT)
        rd__ladder_get_sums(&b->receiver, &read, &reader);
    for (size_t i = 0; i < b->receiver.count; i++) {
        rd__stretch *const s = &b->receiver.stretches[i];
        if (!(s->flags & RD__STRETCH_TESTED))
            continue;
        if (round->kind != RD__ROUND_SPLIT)
            check_equal(rd__bits_get(&reader, round->bits), rd__sum_bits(s->start, round->bits), "rolling %zu", i);
        else
            check_equal(s->sum, rd__sum_bits(true_sum(b, s), round->bits), "sum %zu, of %u", i, s->length);
        if (random_below(&b->r, 16) >= found)
            continue;
        const bool misleads = random_below(&b->r, 16) < wrong;
        s->flags |= RD__STRETCH_FOUND;
        s->place = s->start + (random_below(&b->r, 2) ? 1000 : 0);
        s->sum = misleads ? (random_u64(&b->r) << s->bits) | rd__sum_bits(true_sum(b, s), s->bits) : true_sum(b, s);
    }
    check_true(rd__bits_at_end(&reader), "the body is read");
    rd_memory_free(&exact);

    rd__ladder_put_answers(&b->receiver, &read, &b->answer);
    exact = bytes_copy(b->answer.data, b->answer.size);
    check_true(rd__ladder_get_answers(&b->sender, round, exact.data, exact.size), "answers");
    rd_memory_free(&exact);
    rd__ladder_end(&b->sender, round);
    rd__ladder_end(&b->receiver, &read);
}

static unsigned between(random_source *r, unsigned least, unsigned most) {
    return least + (unsigned)random_below(r, most - least + 1);
}

static void both_sides_stay_in_step(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        char when[64];
        both b;
        random_source r = random_from(seed + 1000);
        const uint32_t size = (uint32_t)(1 + random_below(&r, LEAVES * LEAF));
        both_begin(&b, seed, size, between(&r, 8, 14), between(&r, 1, RD__SUM_BITS_MAX), (unsigned)random_below(&r, 9));
        both_check(&b, "at the beginning");
        for (unsigned n = 0; n < 12; n++) {
            const rd__round_kind kind = (rd__round_kind)random_below(&r, 4);
            const bool closes = kind == RD__ROUND_CLOSE;
            const rd__round round = {.kind = kind,
                                     .edges = random_below(&r, 2) == 1,
                                     .final = random_below(&r, 3) == 0,
                                     .size_log2 = closes ? 0 : between(&r, 5, 13),
                                     .bits = closes                    ? 0
                                             : kind == RD__ROUND_SPLIT ? between(&r, 1, RD__SUM_BITS_MAX)
                                                                       : between(&r, RD__ROLLING_BITS_MIN, 32),
                                     .group_log2 = between(&r, 0, RD__GROUP_LOG2_MAX),
                                     .check_bits = between(&r, 1, RD__CHECK_BITS_MAX),
                                     .sample_log2 = between(&r, 0, 3)};
            both_round(&b, &round, (unsigned)random_below(&r, 17), (unsigned)random_below(&r, 9));
            (void)snprintf(when, sizeof when, "seed %u, round %u of kind %u", (unsigned)seed, n, (unsigned)kind);
            both_check(&b, when);
        }
        const rd__round last = {.final = true, .group_log2 = 1, .check_bits = 24};
        both_round(&b, &last, 0, 0);
        check_true(rd__ladder_is_settled(&b.sender), "seed %u", (unsigned)seed);
        both_check(&b, "at the end");
        both_free(&b);
    }
}

/* ---- What a round makes of a ladder ------------------------------------------------------------------------------ */

/* A ladder of these states, k for known and - for unknown, each of `length` bytes, the last one 5 bytes shorter. */
static rd__ladder ladder_of(const char *states, uint32_t length, uint8_t bits) {
    rd__ladder ladder;
    rd__ladder_init(&ladder, true);
    for (uint32_t i = 0; states[i]; i++) {
        const rd__stretch s = {.start = i * length,
                               .length = states[i + 1] ? length : length - 5,
                               .state = states[i] == 'k' ? RD__STRETCH_KNOWN : RD__STRETCH_UNKNOWN,
                               .bits = bits,
                               .place = i * length};
        assert_true(rd__ladder_add(&ladder, s));
    }
    return ladder;
}

/* Its stretches as text: k for known, t for tested, d for tested and derived, m for derived only, - for neither. */
static void check_ladder(rd__ladder *ladder, const char *expected) {
    char text[512] = "";
    for (size_t i = 0; i < ladder->count; i++) {
        const rd__stretch *const s = &ladder->stretches[i];
        const bool tested = s->flags & RD__STRETCH_TESTED;
        const bool derived = s->flags & RD__STRETCH_DERIVED;
        const char kind = s->state == RD__STRETCH_KNOWN ? 'k'
                          : tested && derived           ? 'd'
                          : tested                      ? 't'
                          : derived                     ? 'm'
                                                        : '-';
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%c%u", i > 0 ? " " : "", kind, s->length);
    }
    assert_string_equal(text, expected);
    rd__ladder_free(ladder);
}

static void check_split(const char *states, uint32_t length, uint8_t had, const rd__round *round,
                        const char *expected) {
    rd__ladder ladder = ladder_of(states, length, had);
    assert_true(rd__ladder_begin(&ladder, round));
    check_ladder(&ladder, expected);
}

static void splitting_cuts_all_or_the_edges(void **state) {
    (void)state;
    const rd__round whole = {.kind = RD__ROUND_SPLIT, .size_log2 = 6, .bits = 8};
    const rd__round edges = {.kind = RD__ROUND_SPLIT, .size_log2 = 6, .bits = 8, .edges = true};
    check_split("-", 256, 8, &whole, "t64 t64 t64 d59");
    check_split("-", 256, 7, &whole, "t64 t64 t64 t59"); /* too few bits to derive from */
    check_split("k-k", 128, 9, &whole, "k128 t64 d64 k123");
    check_split("-k", 64, 8, &whole, "-64 k59"); /* short enough */
    check_split("kk-kk", 64, 8, &edges, "k128 -64 k123");
    check_split("-", 256, 8, &edges, "-251"); /* nothing known beside it */
    check_split("k-k", 512, 8, &edges, "k512 t64 m384 t64 k507");
    check_split("k-", 512, 8, &edges, "k512 t64 m443");
    check_split("-k", 512, 8, &edges, "m448 t64 k507");
    check_split("-k", 512, 7, &edges, "-448 t64 k507");
    check_split("k-", 128, 8, &edges, "k128 t64 d59"); /* no more than two children: both */
    check_split("--k", 512, 8, &edges, "-512 m448 t64 k507");
}

static void searches_look_for_whole_stretches(void **state) {
    (void)state;
    const rd__round all = {.kind = RD__ROUND_GLOBAL, .size_log2 = 6, .bits = 20};
    const rd__round some = {.kind = RD__ROUND_LOCAL, .size_log2 = 6, .bits = 20, .sample_log2 = 1};
    check_split("-k--", 64, 8, &all, "t64 k64 t64 -59");
    check_split("-k-----", 64, 8, &some, "t64 k64 -64 t64 -64 t64 -59");
    check_split("-k--", 64, 0, &all, "-64 k64 -64 -59"); /* without a sum, nothing could be told */
}

static void known_stretches_join_if_their_places_do(void **state) {
    (void)state;
    const rd__round round = {.kind = RD__ROUND_SPLIT, .size_log2 = 12, .bits = 8};
    rd__ladder ladder = ladder_of("kkkk", 64, 8);
    ladder.stretches[2].place += 1;
    assert_true(rd__ladder_bound(&ladder, &round) == 1); /* as the sender would count */
    assert_true(rd__ladder_begin(&ladder, &round));
    check_ladder(&ladder, "k128 k64 k59");
    ladder = ladder_of("kkkk", 64, 8);
    ladder.stretches[2].place += 1;
    ladder.finds = false;
    assert_true(rd__ladder_begin(&ladder, &round));
    check_ladder(&ladder, "k251");
}

/* A group of four in which one is wrong: suspects, then three of them are known; or, in a final round, none is. */
static void groups_that_fail_are_looked_into(void **state) {
    (void)state;
    for (int final = 0; final < 2; final++) {
        const rd__round round = {.final = final == 1, .group_log2 = 2, .check_bits = 20};
        both b;
        both_begin(&b, 77, LEAVES * LEAF, 12, 16, 8); /* all are fresh */
        b.receiver.stretches[1].sum ^= (uint64_t)3 << 60 | 1 << 25;
        both_round(&b, &round, 0, 0);
        for (size_t i = 0; i < 4; i++)
            check_equal(b.sender.stretches[i].state, final ? RD__STRETCH_UNKNOWN : RD__STRETCH_SUSPECT, "%zu", i);
        check_equal(b.sender.stretches[4].state, RD__STRETCH_KNOWN, "the next group");
        if (final) {
            check_equal(b.receiver.stretches[1].bits, 0, "what is bad is of no use");
            both_free(&b);
            continue;
        }
        both_round(&b, &round, 0, 0);
        for (size_t i = 0; i < 4; i++)
            check_equal(b.receiver.stretches[i].state, i == 1 ? RD__STRETCH_UNKNOWN : RD__STRETCH_KNOWN, "%zu", i);
        check_equal(b.receiver.stretches[1].bits, 0, "what is bad is of no use");
        both_free(&b);
    }
}

static void headers_have_limits(void **state) {
    (void)state;
    static const struct {
        uint8_t header[RD__ROUND_HEADER_LEN];
        bool good;
    } cases[] = {
        {{0, 0, 0, 0, 1, 0}, true},    {{0, 5, 0, 0, 1, 0}, false},    {{0, 0, 1, 0, 1, 0}, false},
        {{8, 0, 0, 8, 24, 16}, true},  {{8, 0, 0, 9, 24, 0}, false},   {{8, 0, 0, 0, 25, 0}, false},
        {{8, 0, 0, 0, 0, 0}, false},   {{8, 0, 0, 0, 1, 17}, false},   {{16, 0, 0, 0, 1, 0}, false},
        {{1, 5, 1, 0, 1, 0}, true},    {{1, 4, 1, 0, 1, 0}, false},    {{1, 25, 24, 0, 1, 0}, true},
        {{1, 26, 24, 0, 1, 0}, false}, {{5, 25, 25, 0, 1, 0}, false},  {{1, 6, 0, 0, 1, 0}, false},
        {{2, 6, 11, 0, 1, 0}, true},   {{2, 6, 10, 0, 1, 0}, false},   {{3, 6, 32, 0, 1, 0}, true},
        {{3, 6, 33, 0, 1, 0}, false},  {{3, 255, 32, 0, 1, 0}, false}, {{255, 6, 32, 0, 1, 0}, false},
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        rd__round round;
        rd__growing bytes = {0};
        check_equal(rd__round_get(cases[i].header, &round), cases[i].good, "header %zu", i);
        rd__round_put(&bytes, &round);
        if (cases[i].good)
            check_bytes(bytes.data, bytes.size, cases[i].header, sizeof cases[i].header, "header %zu", i);
        rd__growing_free(&bytes);
    }
}

static void answers_too_many_are_refused(void **state) {
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const rd__round round = {.kind = RD__ROUND_SPLIT, .size_log2 = 5, .bits = 4};
    rd__ladder ladder = ladder_of("-", 64, 8);
    assert_true(rd__ladder_begin(&ladder, &round));
    assert_false(rd__ladder_get_answers(&ladder, &round, bytes, sizeof bytes));
    assert_true(rd__ladder_get_answers(&ladder, &round, NULL, 0)); /* no, to all */
    rd__ladder_free(&ladder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_stay_in_step),           cmocka_unit_test(splitting_cuts_all_or_the_edges),
        cmocka_unit_test(searches_look_for_whole_stretches), cmocka_unit_test(known_stretches_join_if_their_places_do),
        cmocka_unit_test(groups_that_fail_are_looked_into),  cmocka_unit_test(headers_have_limits),
        cmocka_unit_test(answers_too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

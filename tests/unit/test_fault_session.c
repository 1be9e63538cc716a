/*
 * Sessions over connections that break and lie, with files that cannot be read and written, and without memory.
 *
 * Whatever happens, a receiver that is done has the right file, both sides end, and at least one of them knows why.
 * What one does at every byte of a short conversation is done at some bytes of long ones, unless REDELTA_THOROUGH is 1.
 */
#include "chunks.h"
#include "failing_memory.h"
#include "talk.h"

/* ---- Pairs ------------------------------------------------------------------------------------------------------- */

typedef struct pair {
    const char *name;
    bool is_short;
    bool has_old;
    rd_memory old_file;
    rd_memory new_file;
} pair;

enum { EMPTY, MISSING, IDENTICAL, SHORT, UNRELATED, NOISE, TEXT, PAIRS };

static pair pairs[PAIRS];

/* Some memory, of at least a byte. */
static rd_memory memory_of(size_t size) {
    rd_memory made = {.data = malloc(size), .size = size, .capacity = size};
    if (!made.data)
        abort();
    return made;
}

/* The same bytes with `count` small insertions, deletions and replacements. */
static rd_memory edited(random_source *r, const rd_memory *old_file, size_t count, unsigned alphabet) {
    rd_memory made = memory_of(old_file->size + 64 * count);
    random_fill(r, made.data, made.size, alphabet);
    size_t size = 0;
    size_t from = 0;
    for (size_t i = 0; i <= count; i++) {
        const size_t until =
            i < count ? from + random_below(r, 2 * (old_file->size - from) / (count - i + 1) + 1) : old_file->size;
        const size_t kept = until < old_file->size ? until - from : old_file->size - from;
        memcpy(made.data + size, old_file->data + from, kept);
        size += kept;
        from += kept;
        const size_t edit = i < count ? 1 + random_below(r, 40) : 0;
        size += random_below(r, 3) > 0 ? edit : 0; /* random bytes are there already */
        const size_t left = old_file->size - from;
        from += random_below(r, 3) > 0 ? (edit < left ? edit : left) : 0;
    }
    made.size = size;
    return made;
}

static pair pair_of(const char *name, size_t size, size_t edits, unsigned alphabet) {
    random_source r = random_from(size + edits + alphabet);
    pair made = {.name = name, .is_short = size < 10000, .has_old = true};
    if (size == 0)
        return made;
    made.old_file = memory_of(size);
    random_fill(&r, made.old_file.data, size, alphabet);
    made.new_file = edits > 0 ? edited(&r, &made.old_file, edits, alphabet) : memory_of(size);
    if (edits == 0)
        memcpy(made.new_file.data, made.old_file.data, size);
    return made;
}

static int make_pairs(void **state) {
    (void)state;
    random_source r = random_from(1);
    pairs[EMPTY] = pair_of("empty", 0, 0, 256);
    pairs[MISSING] = pair_of("missing", 0, 0, 256);
    pairs[MISSING].has_old = false;
    pairs[MISSING].new_file = memory_of(1000);
    random_fill(&r, pairs[MISSING].new_file.data, 1000, 256);
    pairs[IDENTICAL] = pair_of("identical", 3000, 0, 256);
    pairs[SHORT] = pair_of("short", 3000, 3, 256);
    pairs[UNRELATED] = pair_of("unrelated", 2000, 0, 256);
    random_fill(&r, pairs[UNRELATED].new_file.data, pairs[UNRELATED].new_file.size, 256);
    pairs[NOISE] = pair_of("noise", 400000, 150, 256);
    pairs[TEXT] = pair_of("text", 500000, 250, 7);
    return 0;
}

static int free_pairs(void **state) {
    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        rd_memory_free(&pairs[i].old_file);
        rd_memory_free(&pairs[i].new_file);
    }
    return 0;
}

/* ---- Talks ------------------------------------------------------------------------------------------------------- */

/* What a talk is about: files that are not those of the pair, options, an output that is written in order only. */
typedef struct talk_about {
    const rd_source *old_file;
    const rd_source *new_file;
    bool in_order;
    size_t write_fails;
    rd_options options;
} talk_about;

static talk_about about_plain(void) {
    return (talk_about){.write_fails = nowhere, .options = {OPTIONS, .threads = 1}};
}

/* Makes both sides. Of a failure the side that has none has no session. */
static void talk_begin(talk *t, const pair *p, const talk_about *about) {
    const rd_source old_file = about->old_file ? *about->old_file : bytes_source(&p->old_file);
    const rd_source new_file = about->new_file ? *about->new_file : bytes_source(&p->new_file);
    *t = (talk){.output = {.fails = about->write_fails}};
    const rd_sink sink = about->in_order ? rd_sink_callback(talk_write, &t->output)
                                         : rd_sink_callback_at(talk_write, talk_write_at, &t->output);
    rd_session **const sender = &t->sides[SENDER].session;
    rd_session **const receiver = &t->sides[RECEIVER].session;
    t->sides[SENDER].result = rd_session_sender_new(sender, &new_file, NULL, &about->options);
    t->sides[RECEIVER].result =
        rd_session_receiver_new(receiver, p->has_old ? &old_file : NULL, &sink, &about->options);
    for (unsigned side = SENDER; side < SIDES; side++) {
        talk_side *const s = &t->sides[side];
        assert_true((s->result == RD_OK) == (s->session != NULL));
        s->ended = s->closed = s->result != RD_OK;
        if (s->result == RD_OK)
            s->result = RD_MORE;
    }
}

static void talk_about_it(talk *t, const pair *p, const talk_plan *plan, const talk_about *about) {
    talk_begin(t, p, about);
    talk_run(t, plan);
}

/* A receiver that is done has the right file. */
static void check_file(const talk *t, const pair *p, const char *what, size_t at) {
    if (t->sides[RECEIVER].result == RD_OK)
        check_true(talk_made_is(t, p->has_old ? &p->old_file : NULL, &p->new_file), "%s, %s at %zu: a wrong file",
                   p->name, what, at);
}

/* ... and unless both sides are done, at least one failed, which `expected` was to be the first to do. */
static void check_failure(const talk *t, const pair *p, unsigned failing, rd_result expected, const char *what,
                          size_t at) {
    const rd_result result = t->sides[failing].result;
    const rd_result other = t->sides[1 - failing].result;
    check_file(t, p, what, at);
    check_true(result == expected || (result == RD_OK && other == RD_OK), "%s, %s at %zu: %d, the other side %d",
               p->name, what, at, (int)result, (int)other);
    if (result == RD_OK)
        return;
    check_true(other == RD_E_PEER || other == RD_E_TRUNCATED || other == RD_OK, "%s, %s at %zu: the other side %d",
               p->name, what, at, (int)other);
    if (other == RD_E_PEER)
        check_true(*rd_session_message(t->sides[1 - failing].session) != '\0', "%s, %s at %zu: no message", p->name,
                   what, at);
}

static size_t stride_of(const pair *p, size_t size, size_t talks) {
    const char *const thorough = getenv("REDELTA_THOROUGH");
    return p->is_short || (thorough && *thorough == '1') ? 1 : 1 + size / talks;
}

/* Of a talk without faults: how many bytes each side says. */
static void measure(const pair *p, size_t said[SIDES], size_t steps[SIDES]) {
    const talk_plan plan = talk_plan_plain();
    const talk_about about = about_plain();
    talk t;
    talk_about_it(&t, p, &plan, &about);
    for (unsigned side = SENDER; side < SIDES; side++) {
        check_equal(t.sides[side].result, RD_OK, "%s", p->name);
        said[side] = t.sides[side].said;
        if (steps)
            steps[side] = t.sides[side].steps;
    }
    talk_free(&t);
}

/* ---- Without faults ---------------------------------------------------------------------------------------------- */

static void chunks_may_have_any_size(void **state) {
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {1, 1 << 20}, {1 << 20, 1}, {7, 13}, {1000, 900}, {1 << 20, 1 << 20}};
    for (size_t i = 0; i < PAIRS; i++)
        for (size_t k = 0; k < ITEMS(sizes); k++) {
            const pair *const p = &pairs[i];
            const talk_about about = about_plain();
            talk_plan plan = talk_plan_plain();
            plan.in_most = sizes[k][0];
            plan.out_most = sizes[k][1];
            plan.exact = true;
            talk t;
            talk_about_it(&t, p, &plan, &about);
            const rd_session_state sender = talk_state(&t, SENDER);
            const rd_session_state receiver = talk_state(&t, RECEIVER);
            for (unsigned side = SENDER; side < SIDES; side++)
                check_equal(t.sides[side].result, RD_OK, "%s, chunks of %zu, side %u", p->name, plan.in_most, side);
            check_file(&t, p, "chunks", plan.in_most);
            check_equal(sender.sent, t.sides[SENDER].said, "%s", p->name);
            check_equal(receiver.received, sender.sent, "%s", p->name);
            check_equal(sender.received, receiver.sent, "%s", p->name);
            check_true(receiver.identical == (i == EMPTY || i == IDENTICAL), "%s", p->name);
            check_true(p->is_short || sender.rounds > 3, "%s: %llu rounds", p->name, (unsigned long long)sender.rounds);
            check_true(p->is_short || sender.sent + receiver.sent < p->new_file.size / 4, "%s: %llu and %llu bytes",
                       p->name, (unsigned long long)sender.sent, (unsigned long long)receiver.sent);
            talk_free(&t);
        }
}

/* ---- Broken and lying connections -------------------------------------------------------------------------------- */

/* The connection breaks: whoever waits for more is told that. */
static void check_cut(const talk *t, const pair *p, unsigned side, size_t at) {
    check_file(t, p, side == SENDER ? "what the sender says cut" : "what the receiver says cut", at);
    for (unsigned each = SENDER; each < SIDES; each++) {
        const rd_result result = t->sides[each].result;
        check_true(result == RD_E_TRUNCATED || result == RD_OK, "%s, cut at %zu of side %u: side %u gives %d", p->name,
                   at, side, each, (int)result);
        if (t->sides[1 - each].dropped > 0)
            check_equal(result, RD_E_TRUNCATED, "%s, cut at %zu of side %u: side %u", p->name, at, side, each);
    }
}

static void a_connection_that_breaks_is_told(void **state) {
    (void)state;
    const talk_about about = about_plain();
    for (size_t i = 0; i < PAIRS; i++) {
        const pair *const p = &pairs[i];
        size_t said[SIDES];
        measure(p, said, NULL);
        for (unsigned side = SENDER; side < SIDES; side++)
            for (size_t at = 0; at < said[side]; at += stride_of(p, said[side], 60)) {
                talk_plan plan = talk_plan_plain();
                plan.cut[side] = at;
                talk t;
                talk_about_it(&t, p, &plan, &about);
                check_cut(&t, p, side, at);
                talk_free(&t);
            }
    }
}

/* Not even what is made of lies is a wrong file. A lie that costs only bytes is none. */
static void a_connection_that_lies_makes_no_wrong_file(void **state) {
    (void)state;
    const talk_about about = about_plain();
    for (size_t i = 0; i < PAIRS; i++) {
        const pair *const p = &pairs[i];
        size_t said[SIDES];
        measure(p, said, NULL);
        for (unsigned side = SENDER; side < SIDES; side++)
            for (size_t at = 0; at < said[side]; at += stride_of(p, said[side], 60))
                for (unsigned bit = p->is_short ? 0 : at % 8; bit < 8; bit += p->is_short ? 3 : 8) {
                    talk_plan plan = talk_plan_plain();
                    plan.change[side] = at;
                    plan.with = (uint8_t)(1u << bit);
                    talk t;
                    talk_about_it(&t, p, &plan, &about);
                    check_file(&t, p, "a bit changed", at);
                    talk_free(&t);
                }
    }
}

/* ---- Files that fail --------------------------------------------------------------------------------------------- */

static void a_file_that_cannot_be_read_is_told_to_both_sides(void **state) {
    (void)state;
    const talk_plan plan = talk_plan_plain();
    for (size_t i = SHORT; i < PAIRS; i++)
        for (unsigned side = SENDER; side < SIDES; side++) {
            const pair *const p = &pairs[i];
            const rd_memory *const bytes = side == SENDER ? &p->new_file : &p->old_file;
            for (size_t at = 0; at < bytes->size; at += 1 + bytes->size / 20) {
                chunks failing = chunks_of(bytes, 50000, false);
                failing.fails = true;
                failing.fails_at = at;
                failing.failure = RD_E_IO;
                failing.error_number = EIO;
                const rd_source source = chunks_source(&failing);
                talk_about about = about_plain();
                *(side == SENDER ? &about.new_file : &about.old_file) = &source;
                talk t;
                talk_about_it(&t, p, &plan, &about);
                check_failure(&t, p, side, RD_E_IO, "unreadable", at);
                check_true(side == RECEIVER || t.sides[SENDER].result == RD_E_IO, "%s at %zu", p->name, at);
                talk_free(&t);
            }
        }
}

static void a_file_that_cannot_be_written_is_told_to_both_sides(void **state) {
    (void)state;
    const talk_plan plan = talk_plan_plain();
    for (size_t i = MISSING; i < PAIRS; i++) {
        const pair *const p = &pairs[i];
        bool failed = i != IDENTICAL;
        for (size_t at = 0; failed; at++) {
            talk_about about = about_plain();
            about.write_fails = at;
            talk t;
            talk_about_it(&t, p, &plan, &about);
            check_failure(&t, p, RECEIVER, RD_E_IO, "unwritable", at);
            failed = t.sides[RECEIVER].result != RD_OK;
            check_true(failed || at > 0, "%s: it is written", p->name);
            talk_free(&t);
        }
    }
}

static void an_output_may_be_written_in_order_only(void **state) {
    (void)state;
    const talk_plan plan = talk_plan_plain();
    talk_about about = about_plain();
    about.in_order = true;
    for (size_t i = 0; i < PAIRS; i++) {
        talk t;
        talk_about_it(&t, &pairs[i], &plan, &about);
        check_failure(&t, &pairs[i], RECEIVER, RD_E_MISMATCH, "in order", 0);
        talk_free(&t);
    }
}

/* A source whose bytes are others after so many of them were read. */
typedef struct moody {
    const rd_memory *bytes;
    size_t patience;
} moody;

static rd_result moody_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    moody *const m = context;
    const size_t left = offset < m->bytes->size ? m->bytes->size - (size_t)offset : 0;
    *got = size < left ? size : left;
    if (*got > 0)
        memcpy(data, m->bytes->data + offset, *got);
    for (size_t i = 0; i < *got && m->patience == 0; i++)
        ((uint8_t *)data)[i] ^= 1;
    m->patience = m->patience > *got ? m->patience - *got : 0;
    return RD_OK;
}

static void a_file_that_changes_meanwhile_makes_no_wrong_file(void **state) {
    (void)state;
    const talk_plan plan = talk_plan_plain();
    for (size_t i = SHORT; i < PAIRS; i++)
        for (unsigned side = SENDER; side < SIDES; side++) {
            const pair *const p = &pairs[i];
            const rd_memory *const bytes = side == SENDER ? &p->new_file : &p->old_file;
            for (size_t patience = bytes->size; patience < 6 * bytes->size; patience += 1 + bytes->size / 3) {
                moody changing = {.bytes = bytes, .patience = patience};
                const rd_source source = rd_source_callback(moody_read, &changing, bytes->size, RD_SEEKABLE);
                talk_about about = about_plain();
                *(side == SENDER ? &about.new_file : &about.old_file) = &source;
                talk t;
                talk_about_it(&t, p, &plan, &about);
                check_file(&t, p, "changed", patience);
                talk_free(&t);
            }
        }
}

/* ---- Cancellation and memory ------------------------------------------------------------------------------------- */

static void either_side_may_cancel_at_any_step(void **state) {
    (void)state;
    const talk_about about = about_plain();
    for (size_t i = 0; i < PAIRS; i++) {
        const pair *const p = &pairs[i];
        for (unsigned side = SENDER; side < SIDES; side++) {
            size_t said[SIDES];
            size_t steps[SIDES];
            measure(p, said, steps);
            for (size_t at = 0; at < steps[side]; at++) {
                talk_plan plan = talk_plan_plain();
                plan.cancel[side] = at;
                talk t;
                talk_about_it(&t, p, &plan, &about);
                check_failure(&t, p, side, RD_E_CANCELLED, "cancelled", at);
                check_true(at > 0 || t.sides[side].result == RD_E_CANCELLED, "%s", p->name);
                talk_free(&t);
            }
        }
    }
}

/* Both sides in one process: either may be the one that lacks memory. */
static void no_memory_is_told(const pair *p, bool for_good) {
    const talk_plan plan = talk_plan_plain();
    const talk_about about = about_plain();
    for (size_t first = 0;; first++) {
        talk t;
        faults_begin(first, for_good);
        talk_about_it(&t, p, &plan, &about);
        const size_t failed = faults_end();
        const rd_result sender = t.sides[SENDER].result;
        const rd_result receiver = t.sides[RECEIVER].result;
        check_file(&t, p, "without memory", first);
        check_true((sender == RD_E_MEMORY || receiver == RD_E_MEMORY) == (failed > 0),
                   "%s, allocation %zu: %zu failed, the sender %d, the receiver %d", p->name, first, failed,
                   (int)sender, (int)receiver);
        talk_free(&t);
        if (failed == 0)
            return;
    }
}

static void without_memory_both_sides_end(void **state) {
    (void)state;
    static const size_t chosen[] = {MISSING, IDENTICAL, SHORT, NOISE};
    for (size_t i = 0; i < ITEMS(chosen); i++) {
        no_memory_is_told(&pairs[chosen[i]], false);
        no_memory_is_told(&pairs[chosen[i]], true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_may_have_any_size),
        cmocka_unit_test(a_connection_that_breaks_is_told),
        cmocka_unit_test(a_connection_that_lies_makes_no_wrong_file),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told_to_both_sides),
        cmocka_unit_test(a_file_that_cannot_be_written_is_told_to_both_sides),
        cmocka_unit_test(an_output_may_be_written_in_order_only),
        cmocka_unit_test(a_file_that_changes_meanwhile_makes_no_wrong_file),
        cmocka_unit_test(either_side_may_cancel_at_any_step),
        cmocka_unit_test(without_memory_both_sides_end),
    };
    return cmocka_run_group_tests_name("session faults", tests, make_pairs, free_pairs);
}

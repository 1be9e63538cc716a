/*
 * Searches of many stretches at once against a naive search: what is reported has the sums that were sought, at the
 * first place of all; and what is not found is nowhere, as far as a few tries can tell.
 */
#include "support.h"

#include "engine/search.h"
#include "hash/rabinkarp.h"

#include <stdlib.h>

enum { SIZE = 20000 };

static const rd__stretch_keys keys = {
    {0x0123456789abcdefu, 0xfedcba9876543210u, 0x9e3779b97f4a7c15u, 0x2545f4914f6cdd1du, 0x1111111122222222u, 7}};
static const uint32_t key = 0x9e3779b1u;

static uint32_t rolling_of(const uint8_t *data, size_t length, unsigned bits) {
    uint32_t sum = 1;
    for (size_t i = 0; i < length; i++)
        sum = sum * RD__RABINKARP_MULTIPLIER + data[i];
    return (uint32_t)((uint64_t)(sum * key) >> (32 - bits) << (32 - bits));
}

static uint64_t low_bits(uint64_t value, unsigned bits) {
    return value & (((uint64_t)1 << bits) - 1);
}

/* Stretches of the new file that are sought. */
typedef struct hunt {
    const rd_memory *old_file;
    const rd_memory *new_file;
    uint32_t length;
    unsigned rolling_bits;
    unsigned bits;
    rd__wanted *wanted;
    size_t count;
} hunt;

static void hunt_begin(hunt *h) {
    h->count = h->new_file->size / h->length;
    h->wanted = calloc(h->count, sizeof *h->wanted);
    assert_non_null(h->wanted);
    for (size_t i = 0; i < h->count; i++) {
        const uint8_t *const data = h->new_file->data + i * h->length;
        h->wanted[i] =
            (rd__wanted){.rolling = rolling_of(data, h->length, h->rolling_bits),
                         .bits = h->bits,
                         .known = low_bits(rd__stretch_sum(&keys, data, h->length, i * h->length / RD__LEAF), h->bits),
                         .offset = i * h->length,
                         .place = RD__NOWHERE,
                         .stretch = (uint32_t)i};
    }
}

/* In portions of so many bytes, which overlap, as segments of a file do; noted in order, whoever was first. */
static void hunt_search(const hunt *h, size_t portion) {
    rd__search search;
    assert_true(rd__search_init(&search, h->wanted, h->count, h->length, h->rolling_bits, key, &keys));
    for (size_t at = 0; at < h->old_file->size; at += portion) {
        rd__search_room room;
        const size_t left = h->old_file->size - at;
        const size_t size = left < portion + h->length - 1 ? left : portion + h->length - 1;
        rd_memory exact = bytes_copy(h->old_file->data + at, size);
        assert_true(rd__search_room_init(&room, &search));
        rd__search_portion(&search, exact.data, size, at, &room);
        assert_false(room.failed);
        for (size_t i = 1; i < room.hit_count; i++)
            assert_true(room.hits[i - 1].place <= room.hits[i].place);
        rd__search_note(&search, &room);
        rd__search_room_free(&room);
        rd_memory_free(&exact);
    }
    size_t next = 0;
    uint64_t place = 0;
    for (const rd__wanted *w = NULL; (w = rd__search_again(&search, &next, &place)) != NULL;) {
        check_equal(w->place, RD__NOWHERE, "again");
        assert_true(place + h->length <= h->old_file->size);
        check_equal(rolling_of(h->old_file->data + place, h->length, h->rolling_bits), w->rolling, "again");
    }
    rd__search_free(&search);
}

/* Does this place have what is wanted? */
static bool is_at(const hunt *h, const rd__wanted *w, uint64_t place, uint64_t *sum) {
    const uint8_t *const data = h->old_file->data + place;
    *sum = rd__stretch_sum(&keys, data, h->length, w->offset / RD__LEAF);
    return rolling_of(data, h->length, h->rolling_bits) == w->rolling && low_bits(*sum, w->bits) == w->known;
}

/* The first place of each, looked for at every offset; with enough bits, it is where the search found it. */
static void hunt_check(const hunt *h, bool exactly, const char *name) {
    for (size_t i = 0; i < h->count; i++) {
        const rd__wanted *const w = &h->wanted[i];
        uint64_t sum = 0;
        if (w->place != RD__NOWHERE) {
            check_true(w->place + h->length <= h->old_file->size && is_at(h, w, w->place, &sum), "%s: %zu", name, i);
            check_equal(w->sum, sum, "%s: %zu", name, i);
        }
        uint64_t first = RD__NOWHERE;
        for (uint64_t at = 0; exactly && at + h->length <= h->old_file->size && first == RD__NOWHERE; at++)
            first = is_at(h, w, at, &sum) ? at : first;
        if (exactly)
            check_equal(w->place, first, "%s: %zu at %llu", name, i, (unsigned long long)w->offset);
    }
}

static void search_finds_what_a_naive_one_does(void **state) {
    (void)state;
    random_source r = random_from(1);
    static const uint32_t lengths[] = {32, 64, 256, 2048};
    for (size_t n = 0; n < ITEMS(lengths); n++) {
        rd_memory old_file = bytes_random(&r, SIZE, 256);
        rd_memory new_file = bytes_edited(&r, &old_file, SIZE, 256);
        static const size_t portions[] = {SIZE, 4096, 777};
        for (size_t p = 0; p < ITEMS(portions); p++) {
            hunt h = {
                .old_file = &old_file, .new_file = &new_file, .length = lengths[n], .rolling_bits = 32, .bits = 24};
            hunt_begin(&h);
            hunt_search(&h, portions[p]);
            hunt_check(&h, p == 0, "random bytes");
            free(h.wanted);
        }
        rd_memory_free(&old_file);
        rd_memory_free(&new_file);
    }
}

/* With few bits, many places agree by chance; each that is reported does agree. */
static void few_bits_mislead_only_by_chance(void **state) {
    (void)state;
    random_source r = random_from(2);
    for (unsigned rolling_bits = 11; rolling_bits <= 32; rolling_bits += 7) {
        for (unsigned bits = 1; bits <= 16; bits += 5) {
            rd_memory old_file = bytes_random(&r, SIZE, 256);
            rd_memory new_file = bytes_edited(&r, &old_file, SIZE, 256);
            hunt h = {.old_file = &old_file,
                      .new_file = &new_file,
                      .length = 128,
                      .rolling_bits = rolling_bits,
                      .bits = bits};
            hunt_begin(&h);
            hunt_search(&h, 6000);
            hunt_check(&h, false, "few bits");
            free(h.wanted);
            rd_memory_free(&old_file);
            rd_memory_free(&new_file);
        }
    }
}

/* Thousands of equal stretches: the work is bounded, the first few are found, and the others are named afterwards. */
static void equal_stretches_are_tried_a_few_times(void **state) {
    (void)state;
    rd_memory old_file = {.data = calloc(SIZE, 1), .size = SIZE, .capacity = SIZE};
    rd_memory new_file = {.data = calloc(SIZE, 1), .size = SIZE, .capacity = SIZE};
    hunt h = {.old_file = &old_file, .new_file = &new_file, .length = 32, .rolling_bits = 32, .bits = 24};
    rd__search search;
    rd__search_room room;
    assert_true(old_file.data && new_file.data);
    hunt_begin(&h);
    assert_true(rd__search_init(&search, h.wanted, h.count, h.length, h.rolling_bits, key, &keys));
    assert_true(rd__search_room_init(&room, &search));
    rd__search_portion(&search, old_file.data, old_file.size, 0, &room);
    rd__search_note(&search, &room);
    size_t tries = 0;
    size_t found = 0;
    for (size_t i = 0; i < h.count; i++) {
        tries += room.tries[i];
        found += h.wanted[i].place != RD__NOWHERE;
    }
    assert_true(found >= 1 && tries <= h.count * RD__SEARCH_TRIES);
    size_t again = 0;
    size_t next = 0;
    uint64_t place = 0;
    while (rd__search_again(&search, &next, &place)) {
        assert_true(place + h.length <= SIZE);
        again++;
    }
    check_equal(found + again, h.count, "each is found or named");
    rd__search_room_free(&room);
    rd__search_free(&search);
    free(h.wanted);
    rd_memory_free(&old_file);
    rd_memory_free(&new_file);
}

/* Rolling sums that agree nearly everywhere, and stretches that are long: no more is summed than the portion allows. */
static void what_is_summed_is_bounded(void **state) {
    (void)state;
    random_source r = random_from(5);
    rd_memory old_file = bytes_random(&r, 8192, 256);
    rd_memory new_file = bytes_random(&r, 1024 * 1024, 256);
    hunt h = {.old_file = &old_file, .new_file = &new_file, .length = 1024, .rolling_bits = 11, .bits = 24};
    rd__search search;
    rd__search_room room;
    hunt_begin(&h);
    assert_true(rd__search_init(&search, h.wanted, h.count, h.length, h.rolling_bits, key, &keys));
    assert_true(rd__search_room_init(&room, &search));
    rd__search_portion(&search, old_file.data, old_file.size, 0, &room);
    size_t tries = 0;
    for (size_t i = 0; i < h.count; i++)
        tries += room.tries[i];
    check_equal(tries * h.length, (uint64_t)RD__SEARCH_EFFORT * old_file.size, "%zu tries", tries);
    rd__search_room_free(&room);
    rd__search_free(&search);
    free(h.wanted);
    rd_memory_free(&old_file);
    rd_memory_free(&new_file);
}

static void nothing_fits_into_less(void **state) {
    (void)state;
    random_source r = random_from(3);
    rd_memory file = bytes_random(&r, 256, 256);
    rd_memory shorter = bytes_copy(file.data, 255);
    hunt h = {.old_file = &shorter, .new_file = &file, .length = 256, .rolling_bits = 20, .bits = 20};
    hunt_begin(&h);
    hunt_search(&h, 255);
    assert_true(h.count == 1 && h.wanted[0].place == RD__NOWHERE);
    h.old_file = &file;
    hunt_search(&h, 256);
    assert_true(h.wanted[0].place == 0);
    free(h.wanted);
    rd_memory_free(&file);
    rd_memory_free(&shorter);
}

/* The sum of two neighbouring stretches is the exclusive or of theirs; leaves that change places change it. */
static void sums_of_stretches_join(void **state) {
    (void)state;
    random_source r = random_from(4);
    rd_memory file = bytes_random(&r, 1000, 256);
    const uint64_t whole = rd__stretch_sum(&keys, file.data, file.size, 9);
    for (size_t cut = 0; cut < file.size; cut += RD__LEAF)
        check_equal(rd__stretch_sum(&keys, file.data, cut, 9) ^
                        rd__stretch_sum(&keys, file.data + cut, file.size - cut, 9 + cut / RD__LEAF),
                    whole, "cut at %zu", cut);
    uint8_t leaf[RD__LEAF];
    memcpy(leaf, file.data, RD__LEAF);
    memcpy(file.data, file.data + RD__LEAF, RD__LEAF);
    memcpy(file.data + RD__LEAF, leaf, RD__LEAF);
    assert_true(rd__stretch_sum(&keys, file.data, file.size, 9) != whole);
    assert_true(rd__stretch_sum(&keys, (const uint8_t *)"\0", 1, 9) !=
                rd__stretch_sum(&keys, (const uint8_t *)"\0\0", 2, 9));
    rd_memory_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_finds_what_a_naive_one_does),
        cmocka_unit_test(few_bits_mislead_only_by_chance),
        cmocka_unit_test(equal_stretches_are_tried_a_few_times),
        cmocka_unit_test(nothing_fits_into_less),
        cmocka_unit_test(sums_of_stretches_join),
        cmocka_unit_test(what_is_summed_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

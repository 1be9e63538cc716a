/*
 * Random damage to real signatures and deltas: bytes changed, removed, inserted, repeated, the end cut off. Both
 * libraries must give the same result for it, with the same statistics, and the same bytes where there is no failure.
 */
#include "differential.h"
#include "report.h"
#include "samples.h"
#include "wholefile.h"

enum { CASES = 6000, SIGNATURE_HEADER = 12 };

static rd_memory without(const rd_memory *bytes, size_t at, size_t size) {
    rd_memory made = {0};
    append(&made, bytes->data, at);
    append(&made, bytes->data + at + size, bytes->size - at - size);
    return made;
}

static rd_memory with(const rd_memory *bytes, size_t at, const void *more, size_t size) {
    rd_memory made = {0};
    append(&made, bytes->data, at);
    append(&made, more, size);
    append(&made, bytes->data + at, bytes->size - at);
    return made;
}

/* Replaces *bytes, which must not be empty, by a damaged copy. Its first `spared` bytes stay. */
static void damage(random_source *r, rd_memory *bytes, size_t spared) {
    uint8_t noise[20];
    if (bytes->size <= spared)
        return;
    const size_t at = spared + random_below(r, bytes->size - spared);
    const size_t size = random_below(r, bytes->size - at < sizeof noise ? bytes->size - at : sizeof noise);
    rd_memory made = {0};
    random_fill(r, noise, sizeof noise, random_below(r, 2) ? 256 : 3);
    switch (random_below(r, 8)) {
    case 0: made = without(bytes, at, bytes->size - at); break;
    case 1: made = without(bytes, at, size); break;
    case 2: made = with(bytes, at, noise, size); break;
    case 3: made = with(bytes, at, bytes->data + at, size); break;
    default:
        made = bytes_copy(bytes->data, bytes->size);
        made.data[at] = noise[0];
        break;
    }
    rd_memory_free(bytes);
    *bytes = made;
}

static rd_memory damaged(random_source *r, const rd_memory *bytes, size_t spared) {
    rd_memory made = bytes_copy(bytes->data, bytes->size);
    for (size_t times = 1 + random_below(r, 4); times > 0; times--)
        damage(r, &made, spared);
    return made;
}

/* ---- Signatures -------------------------------------------------------------------------------------------------- */

static void compare_loads(random_source *r, const rd_memory *bytes) {
    outcome o[2];
    for (int i = 0; i < 2; i++) {
        rs_signature_t *loaded = NULL;
        pace p = pace_random(r, bytes->size);
        o[i] = drive_load(both[i], bytes, &p, &loaded);
        if (loaded)
            both[i]->free_sumset(loaded);
        outcome_free(&o[i]);
    }
    report_numbers("load by job", o[0].result, o[1].result);
    report_texts("load by job", stats_text(&o[0].stats), stats_text(&o[1].stats));
}

static void compare_file_loads(random_source *r, const rd_memory *bytes) {
    file_outcome o[2];
    const file_kind kind = file_kind_random(r);
    for (int i = 0; i < 2; i++) {
        rs_signature_t *loaded = NULL;
        o[i] = file_load(both[i], bytes, kind, &loaded);
        if (loaded)
            both[i]->free_sumset(loaded);
        file_outcome_free(&o[i]);
    }
    report_numbers("load by file", o[0].result, o[1].result);
    report_texts("load by file", stats_text(&o[0].stats), stats_text(&o[1].stats));
}

/* ---- Deltas ------------------------------------------------------------------------------------------------------ */

static uint64_t number_at(const rd_memory *delta, size_t at, size_t width) {
    uint64_t number = 0;
    for (size_t i = 0; i < width && at + i < delta->size; i++)
        number = number << 8 | delta->data[at + i];
    return number;
}

/*
 * Whether some COPY ends beyond 2^63 - 1. Stock seeks its start and returns the result of that; ours returns corrupt.
 */
static bool ends_nowhere(const rd_memory *delta) {
    for (size_t at = 4; at < delta->size && delta->data[at] > 0 && delta->data[at] < 0x55;) {
        const unsigned command = delta->data[at++];
        if (command <= 0x40) {
            at += command;
        } else if (command <= 0x44) {
            const size_t width = (size_t)1 << (command - 0x41);
            const uint64_t size = number_at(delta, at, width);
            if (size > delta->size)
                return false;
            at += width + size;
        } else {
            const size_t offset_width = (size_t)1 << ((command - 0x45) / 4);
            const size_t size_width = (size_t)1 << ((command - 0x45) % 4);
            if (number_at(delta, at, offset_width) + number_at(delta, at + offset_width, size_width) > INT64_MAX)
                return true;
            at += offset_width + size_width;
        }
    }
    return false;
}

static void compare_patch_results(const char *what, const rd_memory *delta, rs_result stock_result,
                                  rs_result our_result) {
    if (our_result != RS_CORRUPT || !ends_nowhere(delta))
        report_numbers(what, stock_result, our_result);
}

static void compare_patches(random_source *r, const rd_memory *basis, const rd_memory *delta) {
    outcome o[2];
    for (int i = 0; i < 2; i++) {
        pace p = pace_random(r, delta->size + basis->size);
        o[i] = drive_patch(both[i], basis, delta, &p);
    }
    compare_patch_results("patch by job", delta, o[0].result, o[1].result);
    if (o[0].result == RS_DONE) {
        report_bytes("patch by job", &o[0].out, &o[1].out);
        report_texts("patch by job", stats_text(&o[0].stats), stats_text(&o[1].stats));
    }
    for (int i = 0; i < 2; i++)
        outcome_free(&o[i]);
}

static void compare_file_patches(random_source *r, const rd_memory *basis, const rd_memory *delta) {
    file_outcome o[2];
    const file_kind kind = file_kind_random(r);
    for (int i = 0; i < 2; i++)
        o[i] = file_patch(both[i], basis, delta, 0, kind, FILE_PLAIN);
    compare_patch_results("patch by file", delta, o[0].result, o[1].result);
    if (o[0].result == RS_DONE) {
        for (int i = 0; i < 2; i++)
            o[i].stats.in_bytes = 0; /* also counts the bytes read after END */
        report_bytes("patch by file", &o[0].out, &o[1].out);
        report_texts("patch by file", stats_text(&o[0].stats), stats_text(&o[1].stats));
    }
    for (int i = 0; i < 2; i++)
        file_outcome_free(&o[i]);
}

/* ---- A case ------------------------------------------------------------------------------------------------------ */

static void run_case(uint64_t seed, size_t number) {
    random_source r = random_from(seed + number * 0x2c1b3c6d + 1);
    sample s = sample_random(&r);
    pace p = pace_whole();
    rs_signature_t *loaded = NULL;
    report_case("damage %zu of seed %llu", number, (unsigned long long)seed);
    outcome signature = drive_signature(&stock, &s.old, s.params, &p);
    outcome load = drive_load(&stock, &signature.out, &p, &loaded);
    outcome delta = drive_delta(&stock, loaded, &s.new_file, &p);
    rd_memory bad_signature = damaged(&r, &signature.out, random_below(&r, 2) ? SIGNATURE_HEADER : 0);
    rd_memory bad_delta = damaged(&r, &delta.out, random_below(&r, 4) ? 4 : 0);
    compare_loads(&r, &bad_signature);
    compare_file_loads(&r, &bad_signature);
    compare_patches(&r, &s.old, &bad_delta);
    compare_file_patches(&r, &s.old, &bad_delta);
    rd_memory_free(&bad_signature);
    rd_memory_free(&bad_delta);
    stock.free_sumset(loaded);
    outcome_free(&signature);
    outcome_free(&load);
    outcome_free(&delta);
    sample_free(&s);
}

void test_damage(void **state) {
    const uint64_t seed = sample_seed();
    const char *const only = getenv("REDELTA_CASE");
    (void)state;
    report_start();
    if (only)
        run_case(seed, strtoul(only, NULL, 10));
    for (size_t i = 0; !only && i < sample_count(CASES); i++)
        run_case(seed, i);
    report_end();
}

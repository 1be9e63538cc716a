/*
 * Untrusted deltas, merged. Applied one after the other, by a second decoder, they make some file or fail; the merged
 * delta must make the same file of the first basis, and must not come to be if a delta is broken or copies from beyond
 * the file that the one before makes. The bytes do not depend on how the deltas are read, nor on whether they are
 * merged at once or in two steps.
 *
 * Input: the basis, two deltas, a third; or, if a choice says so, three scripts that make a file of the one before, and
 * the deltas are those of rd_diff_make.
 */
#include "reference.h"

enum { DELTAS = 3, MEMORY_MAX = 4 * 1024 * 1024, OUTPUT_MAX = 1024 * 1024 };

typedef struct merge_case {
    rd_memory basis;
    rd_memory deltas[DELTAS];
    fuzz_pace pace;
    rd_verify verify;
} merge_case;

/* Merges deltas `first` to `last`; in order, or from memory. */
static rd_result merge(const merge_case *c, const rd_memory *deltas, size_t count, bool in_order, rd_memory *made) {
    rd_error error;
    fuzz_reader readers[DELTAS];
    rd_source sources[DELTAS];
    const rd_sink sink = rd_sink_memory(made);
    rd_stats stats = {.size = sizeof stats};
    for (size_t i = 0; i < count; i++) {
        readers[i] = (fuzz_reader){.bytes = &deltas[i], .pace = c->pace, .in_order = in_order};
        sources[i] = in_order ? fuzz_reader_source(&readers[i]) : fuzz_source(&deltas[i]);
    }
    const rd_result result = rd_delta_merge(sources, count, NULL, &sink,
                                            &(rd_options){FUZZ_OPTIONS(&error), .stats = &stats, .verify = c->verify,
                                                          .limits = {.memory = MEMORY_MAX, .output = OUTPUT_MAX}});
    fuzz_require(stats.delta_index < count && stats.out_bytes == made->size);
    if (result != RD_OK)
        fuzz_require_error(result, &error);
    else
        fuzz_require(rd_stats_delta_size(&stats) == made->size);
    return result;
}

/* What all the deltas make of the basis, one after the other. FUZZ_BROKEN: one cannot be applied to any basis. */
static fuzz_verdict apply_all(const merge_case *c, rd_memory *made, bool *fits) {
    rd_memory file = fuzz_copy(c->basis.data, c->basis.size);
    fuzz_verdict verdict = FUZZ_DONE;
    *fits = true;
    for (size_t i = 0; i < DELTAS && verdict == FUZZ_DONE; i++) {
        fuzz_reference r = fuzz_reference_patch(&file, &c->deltas[i]);
        verdict = r.verdict;
        *fits = *fits && !(i > 0 && verdict == FUZZ_BASIS_ENDED) && verdict != FUZZ_BROKEN;
        rd_memory_free(&file);
        file = fuzz_copy(r.made.data, r.made.size);
        rd_memory_free(&r.made);
    }
    *made = file;
    return verdict;
}

static void check_merged(const merge_case *c, rd_result result, const rd_memory *merged) {
    rd_memory expected = {0};
    bool fits = true;
    const fuzz_verdict verdict = apply_all(c, &expected, &fits);
    if (!fits)
        fuzz_require(result != RD_OK);
    if (verdict == FUZZ_DONE && c->verify == RD_VERIFY_NEVER)
        fuzz_require(result == RD_OK || result == RD_E_LIMIT);
    if (verdict == FUZZ_DONE && result == RD_OK) {
        fuzz_reference r = fuzz_reference_patch(&c->basis, merged);
        fuzz_require(r.verdict == FUZZ_DONE && fuzz_same(&r.made, &expected));
        rd_memory_free(&r.made);
    }
    rd_memory_free(&expected);
}

static void check_merge(const merge_case *c) {
    rd_memory merged = {0};
    rd_memory again = {0};
    const rd_result result = merge(c, c->deltas, DELTAS, false, &merged);
    const rd_result piped = merge(c, c->deltas, DELTAS, true, &again);
    fuzz_require(piped == result || piped == RD_E_LIMIT); /* literals of pipes take memory */
    fuzz_require(piped != RD_OK || fuzz_same(&merged, &again));
    check_merged(c, result, &merged);

    /* Two steps: from left to right, and from right to left. */
    for (size_t step = 0; step < 2 && result == RD_OK; step++) {
        rd_memory both = {0};
        rd_memory all = {0};
        if (merge(c, c->deltas + step, 2, false, &both) == RD_OK) {
            const rd_memory left[] = {both, c->deltas[2]};
            const rd_memory right[] = {c->deltas[0], both};
            const rd_result result_of_both = merge(c, step == 0 ? left : right, 2, false, &all);
            fuzz_require(result_of_both == RD_E_LIMIT || (result_of_both == RD_OK && fuzz_same(&all, &merged)));
        }
        rd_memory_free(&all);
        rd_memory_free(&both);
    }
    rd_memory_free(&again);
    rd_memory_free(&merged);
}

/* The delta of a file that a script makes of the one before. */
static rd_memory scripted_delta(fuzz_input *script, rd_memory *file) {
    rd_memory delta = {0};
    rd_memory next = fuzz_new_file(script, file);
    const rd_source old_file = fuzz_source(file);
    const rd_source new_file = fuzz_source(&next);
    const rd_sink sink = rd_sink_memory(&delta);
    fuzz_require(rd_diff_make(&old_file, &new_file, &sink, NULL) == RD_OK);
    rd_memory_free(file);
    *file = next;
    return delta;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    merge_case c = {.verify = fuzz_byte(&in) % 3};
    const bool scripted = fuzz_byte(&in) & 1;
    c.pace = fuzz_pace_from(&in);
    c.basis = fuzz_file(fuzz_part(&in));
    rd_memory file = fuzz_copy(c.basis.data, c.basis.size);
    for (size_t i = 0; i < DELTAS; i++) {
        fuzz_input part = i + 1 < DELTAS ? fuzz_part(&in) : in;
        c.deltas[i] = scripted ? scripted_delta(&part, &file) : fuzz_file(part);
    }
    bool dense = false; /* the second decoder knows none */
    for (size_t i = 0; i < DELTAS; i++)
        dense = dense || rd_identify(c.deltas[i].data, c.deltas[i].size) == RD_KIND_DENSE;
    if (!dense)
        check_merge(&c);
    for (size_t i = 0; i < DELTAS; i++)
        rd_memory_free(&c.deltas[i]);
    rd_memory_free(&file);
    rd_memory_free(&c.basis);
    return 0;
}

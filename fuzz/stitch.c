/*
 * The delta of a large file is made from segments that are scanned separately and stitched. Here they are as short as
 * the budget allows, so that a small file has many: the copies must be those of one scanner over the whole file. The
 * fuzzer chooses the length of the segments and which of them were not scanned before.
 *
 * Input: the old file, a script that makes the new one.
 */
#include "operations.h"

#include "engine/stitcher.h"

#define COPIES_REQUIRE fuzz_require
#include "../tests/unit/copies.h"

static copies stitch(const rd_signature *signature, const rd_memory *new_file, uint64_t size, uint32_t skipped) {
    copies list = copies_new(new_file->size);
    rd__parse parse = {.copies = NULL};
    rd__stitcher stitcher;
    rd_op copy;
    bool last = false;
    rd__stitcher_init(&stitcher, signature, rd__kernels_best());
    for (uint64_t from = 0; !last; from += size) {
        rd_memory bytes;
        parse.view = segment_view(new_file, from, size, signature->params.block_len, &bytes);
        parse.stop = parse.view.last ? UINT64_MAX : from + size;
        const bool skip = skipped >> from / size % 32 & 1;
        fuzz_require(rd__parse_scan(&parse, 1, signature, rd__kernels_best()));
        rd__stitcher_begin(&stitcher, skip ? NULL : &parse);
        while (rd__stitcher_next(&stitcher, &parse.view, parse.stop, &copy))
            copies_add(&list, &copy);
        last = parse.view.last;
        rd_memory_free(&bytes);
    }
    list.end = stitcher.scanner.at;
    rd__parse_free(&parse);
    return list;
}

static void check_same(const copies *actual, const copies *expected) {
    fuzz_require(actual->count == expected->count && actual->end == expected->end);
    for (size_t i = 0; i < expected->count; i++) {
        fuzz_require(actual->ops[i].target_offset == expected->ops[i].target_offset);
        fuzz_require(actual->ops[i].length == expected->ops[i].length);
        fuzz_require(actual->ops[i].basis_offset == expected->ops[i].basis_offset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    fuzz_files f = {.params = {0}};
    const uint64_t windows = 1 + fuzz_byte(&in) % 3;
    const uint32_t skipped = fuzz_byte(&in) & 1 ? fuzz_number(&in, 4) : 0;
    if (!fuzz_files_from(&f, &in))
        return 0;
    rd_memory bytes = fuzz_signature_of(&f, 1);
    rd_signature *const signature = fuzz_loaded(&bytes, 2);
    if (rd_signature_count(signature) > 0) { /* else there are no segments */
        copies expected = copies_of_one_scan(signature, &f.new_file);
        copies actual = stitch(signature, &f.new_file, windows * rd__scanner_budget_window(signature), skipped);
        check_same(&actual, &expected);
        free(actual.ops);
        free(expected.ops);
    }
    rd_signature_free(signature);
    rd_memory_free(&bytes);
    fuzz_files_free(&f);
    return 0;
}

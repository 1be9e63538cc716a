/*
 * The copies that scanners find, and the segments of a new file that they find them in: for who compares parses. The
 * includer says with what it checks: COPIES_REQUIRE(condition).
 */
#ifndef RD_TESTS_COPIES_H
#define RD_TESTS_COPIES_H

#include <stdlib.h>
#include <string.h>

#include "engine/scanner.h"

typedef struct copies {
    rd_op *ops;
    size_t count;
    uint64_t end; /* where the scanner stood at last */
} copies;

/* Room for as many as a file of so many bytes can have. */
static inline copies copies_new(size_t size) {
    const copies made = {.ops = calloc(size + 1, sizeof *made.ops)};
    COPIES_REQUIRE(made.ops != NULL);
    return made;
}

/* Joins a copy to the last one if it continues it, so that it does not matter how many blocks were found at once. */
static inline void copies_add(copies *list, const rd_op *copy) {
    rd_op *const last = list->count > 0 ? &list->ops[list->count - 1] : NULL;
    COPIES_REQUIRE(copy->length > 0);
    COPIES_REQUIRE(!last || last->target_offset + last->length <= copy->target_offset);
    if (last && last->target_offset + last->length == copy->target_offset &&
        last->basis_offset + last->length == copy->basis_offset)
        last->length += copy->length;
    else
        list->ops[list->count++] = *copy;
}

static inline copies copies_of_one_scan(const rd_signature *signature, const rd_memory *new_file) {
    const rd__view view = {.data = new_file->data, .size = new_file->size, .last = true};
    copies list = copies_new(new_file->size);
    rd__scanner scanner;
    rd_op copy;
    rd__scanner_init(&scanner, signature, rd__kernels_best());
    while (rd__scanner_next(&scanner, &view, UINT64_MAX, &copy))
        copies_add(&list, &copy);
    list.end = scanner.at;
    return list;
}

/* The segment's bytes, with as much of what follows as a window may need, in an allocation of exactly that size. */
static inline rd__view segment_view(const rd_memory *new_file, uint64_t from, uint64_t size, uint64_t overlap,
                                    rd_memory *bytes) {
    const uint64_t left = new_file->size - from;
    const size_t held = (size_t)(left < size + overlap ? left : size + overlap);
    *bytes = (rd_memory){.size = held, .capacity = held};
    if (held > 0) {
        bytes->data = malloc(held);
        COPIES_REQUIRE(bytes->data != NULL);
        memcpy(bytes->data, new_file->data + from, held);
    }
    return (rd__view){.data = bytes->data, .size = held, .offset = from, .last = left <= size + overlap};
}

#endif

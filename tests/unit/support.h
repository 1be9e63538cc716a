/*
 * What the unit tests share: random data that is the same in every run, checks that say in which case they failed, and
 * the whole operations over memory in one call each.
 *
 * Data handed to the library lies in allocations of exactly its size, so that a sanitizer sees every byte read too
 * many.
 */
#ifndef RD_TESTS_SUPPORT_H
#define RD_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redelta.h"

#define ITEMS(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Random data: splitmix64 ------------------------------------------------------------------------------------- */

typedef struct random_source {
    uint64_t state;
} random_source;

static inline random_source random_from(uint64_t seed) {
    return (random_source){.state = seed * 0x2545f4914f6cdd1du + 1};
}

static inline uint64_t random_u64(random_source *r) {
    uint64_t x = r->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Less than `limit`, which is at least 1. */
static inline size_t random_below(random_source *r, size_t limit) {
    return (size_t)(random_u64(r) % limit);
}

/* Bytes less than `alphabet`, 1 .. 256. */
static inline void random_fill(random_source *r, uint8_t *data, size_t size, unsigned alphabet) {
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)random_below(r, alphabet);
}

/* ---- Checks ------------------------------------------------------------------------------------------------------ */

#if defined(__MINGW_PRINTF_FORMAT) /* Windows has two sets of formats; this is that of stdio.h */
#define SUPPORT_FORMAT(at, first) __attribute__((format(__MINGW_PRINTF_FORMAT, at, first)))
#elif defined(__GNUC__)
#define SUPPORT_FORMAT(at, first) __attribute__((format(printf, at, first)))
#else
#define SUPPORT_FORMAT(at, first)
#endif

SUPPORT_FORMAT(5, 6)
static inline void support_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *format,
                                 ...) {
    if (actual == expected)
        return;
    char name[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    print_error("case %s: %llu (0x%llx), not %llu (0x%llx)\n", name, (unsigned long long)actual,
                (unsigned long long)actual, (unsigned long long)expected, (unsigned long long)expected);
    _fail(file, line);
}

/* Two integers are equal; the rest, as for printf, names the case. */
#define check_equal(actual, expected, ...)                                                                             \
    support_equal((uint64_t)(actual), (uint64_t)(expected), __FILE__, __LINE__, __VA_ARGS__)
#define check_true(condition, ...) check_equal((condition) ? 1 : 0, 1, __VA_ARGS__)

/* The first place where two byte strings differ, or `size`. */
static inline size_t support_first_difference(const uint8_t *a, const uint8_t *b, size_t size) {
    size_t at = 0;
    if (size == 0 || memcmp(a, b, size) == 0)
        return size;
    while (a[at] == b[at])
        at++;
    return at;
}

/* Two byte strings are equal; the rest names the case. */
#define check_bytes(actual, actual_size, expected, expected_size, ...)                                                 \
    do {                                                                                                               \
        const size_t expected_size_ = (expected_size);                                                                 \
        check_equal(actual_size, expected_size_, __VA_ARGS__);                                                         \
        check_equal(support_first_difference((actual), (expected), expected_size_), expected_size_, __VA_ARGS__);      \
    } while (0)

#define check_memory(actual, expected, ...)                                                                            \
    check_bytes((actual).data, (actual).size, (expected).data, (expected).size, __VA_ARGS__)

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

/* An allocation of exactly `size` bytes (of none for 0), to be freed. */
static inline uint8_t *bytes_new(size_t size) {
    uint8_t *const bytes = malloc(size);
    assert_true(bytes || size == 0);
    return bytes;
}

static inline rd_memory bytes_copy(const void *data, size_t size) {
    rd_memory copy = {.data = bytes_new(size), .size = size, .capacity = size};
    if (size > 0)
        memcpy(copy.data, data, size);
    return copy;
}

static inline rd_memory bytes_random(random_source *r, size_t size, unsigned alphabet) {
    rd_memory made = {.data = bytes_new(size), .size = size, .capacity = size};
    random_fill(r, made.data, size, alphabet);
    return made;
}

/* A new version of `old`: ranges of it in some order, with some bytes changed and some new ones between them. */
static inline rd_memory bytes_edited(random_source *r, const rd_memory *old, size_t size, unsigned alphabet) {
    rd_memory made = bytes_random(r, size, alphabet);
    size_t at = 0;
    while (at < size && old->size > 0) {
        const size_t from = random_below(r, 4) == 0 ? random_below(r, old->size) : at % old->size;
        size_t length = 1 + random_below(r, 1 + size / 3);
        length = length < size - at ? length : size - at;
        length = length < old->size - from ? length : old->size - from;
        if (random_below(r, 5) > 0)
            memcpy(made.data + at, old->data + from, length);
        else
            length = 1 + length / 8;
        at += length;
    }
    return made;
}

static inline rd_source bytes_source(const rd_memory *bytes) {
    return rd_source_memory(bytes->data, bytes->size);
}

/* Bytes that come in order, as from a pipe: who reads them in another one fails. */
typedef struct in_order {
    const rd_memory *bytes;
    uint64_t next;
} in_order;

static inline rd_result in_order_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    in_order *const r = context;
    assert_int_equal(offset, r->next);
    *got = size < r->bytes->size - r->next ? size : (size_t)(r->bytes->size - r->next);
    if (*got > 0)
        memcpy(data, r->bytes->data + r->next, *got);
    r->next += *got;
    return RD_OK;
}

static inline rd_source in_order_source(in_order *r) {
    return rd_source_callback(in_order_read, r, RD_UNKNOWN, false);
}

/* The bytes that follow the END of a delta, unless it is made without them. */
enum { TRAILER = RD_TRAILER_LEN };

/* The first initializer of every rd_options. */
#define OPTIONS .size = sizeof(rd_options)

/* What a stream did so far. */
static inline rd_stats stats_of(const rd_stream *stream) {
    rd_stats stats = {.size = sizeof stats};
    assert_int_equal(rd_stream_stats(stream, &stats), RD_OK);
    return stats;
}

/* ---- Whole operations over memory, which succeed; the results are to be freed ------------------------------------ */

static inline rd_memory signature_of(const rd_memory *basis, rd_params params) {
    rd_memory made = {0};
    const rd_source source = bytes_source(basis);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {.size = sizeof options, .params = params};
    assert_int_equal(rd_signature_make(&source, &sink, &options), RD_OK);
    return made;
}

static inline rd_signature *loaded(const rd_memory *bytes) {
    rd_signature *signature = NULL;
    const rd_source source = bytes_source(bytes);
    assert_int_equal(rd_signature_load(&signature, &source, NULL), RD_OK);
    assert_non_null(signature);
    return signature;
}

static inline rd_signature *loaded_signature_of(const rd_memory *basis, rd_params params) {
    rd_memory bytes = signature_of(basis, params);
    rd_signature *const signature = loaded(&bytes);
    rd_memory_free(&bytes);
    return signature;
}

static inline rd_memory delta_of(const rd_signature *signature, const rd_memory *new_file, rd_stats *stats) {
    rd_memory made = {0};
    const rd_source source = bytes_source(new_file);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_options options = {.size = sizeof options, .stats = stats};
    if (stats)
        stats->size = sizeof *stats;
    assert_int_equal(rd_delta_make(signature, &source, &sink, &options), RD_OK);
    return made;
}

static inline rd_memory patched(const rd_memory *basis, const rd_memory *delta) {
    rd_memory made = {0};
    const rd_source source = bytes_source(basis);
    const rd_source commands = bytes_source(delta);
    const rd_sink sink = rd_sink_memory(&made);
    assert_int_equal(rd_patch_apply(&source, &commands, &sink, NULL), RD_OK);
    return made;
}

#endif

/*
 * The speed of each kernel, in every variant that this machine can run. bench/kernels makes tables of what is printed:
 * kernel and case, variant, GB/s; and first, in the place of a variant, the size of what the C library reads and
 * copies.
 *
 * The variant "gather" is AVX-512 with gathers. Speeds are in GB of input a second: hashed bytes, or searched
 * positions. Each is the best of several rounds, because a disturbance can only slow a round down. The data is random,
 * and a case works on the same data over and over, which fits a second-level cache of 1 MiB: only 64 messages of 32 KiB
 * do not.
 *
 * The speeds to compare with are measured in the same run with the C library's own loops, which are optimised for the
 * machine: memchr for a byte that does not occur reads everything and writes nothing, memcpy copies (bytes are counted
 * once). Both over half a MiB, which stays in cache, and over 64 MiB, which does not.
 */
#define _POSIX_C_SOURCE 200809L
#include "hash/kernels.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "hash/digest.h"
#include "hash/filter.h"
#include "hash/sums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ROUNDS = 7,
    ROUND_NS = 10 * 1000 * 1000, /* at least */
    BLOCK_LEN = 2048,
    LONG_LEN = 32768,
    MESSAGES_MAX = 64,
    DATA_SIZE = MESSAGES_MAX * LONG_LEN,
    CACHED_SIZE = 512 * 1024,
    UNCACHED_SIZE = 64 * 1024 * 1024,
    SEEK_SIZE = CACHED_SIZE - BLOCK_LEN,
    FILTERS = 3,
    ROWS_MAX = 256
};

/* What a case works on. Its kernel is in `kernels`; what it does not use is 0. */
typedef struct bench_case {
    const rd__kernels *kernels;
    uint8_t *data;
    uint8_t *out;
    size_t length; /* of a message, or of all data */
    size_t count;  /* of messages */
    int kind;      /* rd_weak or rd_strong */
    rd__filter filter;
} bench_case;

/* Does the work of a case once. */
typedef void bench_fn(const bench_case *c);

typedef struct row {
    char name[64];
    const char *variant;
    double speed; /* in GB/s */
} row;

typedef struct table {
    row rows[ROWS_MAX];
    size_t count;
} table;

/* Results that nothing else uses go here, so that the compiler must compute them. */
static volatile uint32_t unused;

/* ---- Measuring --------------------------------------------------------------------------------------------------- */

static uint64_t now_ns(void) {
    struct timespec time = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The nanoseconds that the work takes, averaged over a round. */
static double round_ns(bench_fn *work, const bench_case *c) {
    const uint64_t start = now_ns();
    uint64_t passed = 0;
    uint64_t times = 0;
    for (; passed < ROUND_NS; passed = now_ns() - start) {
        work(c);
        times++;
    }
    return (double)passed / (double)times;
}

/* GB/s in the best round, for work on `bytes` of input. */
static double best_speed(bench_fn *work, const bench_case *c, size_t bytes) {
    double best = round_ns(work, c);
    for (int i = 1; i < ROUNDS; i++) {
        const double ns = round_ns(work, c);
        best = ns < best ? ns : best;
    }
    return (double)bytes / best;
}

/* ---- The work ---------------------------------------------------------------------------------------------------- */

static void hash_strong(const bench_case *c) {
    c->kernels->strong_many[c->kind](c->data, c->length, c->count, c->out);
}

static void hash_file(const bench_case *c) {
    rd__digest digest;
    rd__digest_init(&digest, 0);
    rd__digest_add(&digest, c->kernels, c->data, c->length);
    rd__digest_final(&digest, c->out);
}

static void sum_weak(const bench_case *c) {
    const uint32_t seed = rd__weak_seed((rd_weak)c->kind);
    for (size_t at = 0; at < c->length; at += BLOCK_LEN)
        unused = c->kernels->weak_update[c->kind](seed, c->data + at, BLOCK_LEN);
}

static void seek_hits(const bench_case *c) {
    rd__hit hits[RD__SEEK_MAX];
    uint32_t sum = c->kernels->weak_update[c->kind](rd__weak_seed((rd_weak)c->kind), c->data, BLOCK_LEN);
    size_t count = 0;
    for (size_t at = 0; at < c->length; at += RD__SEEK_MAX) {
        const size_t end = rd__min_size(at + RD__SEEK_MAX, c->length);
        count += c->kernels->seek[c->kind](&c->filter, BLOCK_LEN, &sum, c->data, at, end, hits);
    }
    unused = (uint32_t)count;
}

/* No byte of the data is 1. */
static void read_all(const bench_case *c) {
    unused = memchr(c->data, 1, c->length) != NULL;
}

static void copy_all(const bench_case *c) {
    memcpy(c->out, c->data, c->length);
}

/* ---- What to work on --------------------------------------------------------------------------------------------- */

/* Xorshift (Marsaglia 2003), the same bytes in every run. */
static uint32_t next_random(void) {
    static uint32_t state = 2463534242;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void *need_memory(size_t size) {
    void *const memory = rd__alloc_zeroed(size, 1);
    if (!memory) {
        (void)fputs("kernels: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return memory;
}

static uint8_t *random_data(void) {
    uint8_t *const data = need_memory(DATA_SIZE);
    for (size_t i = 0; i < DATA_SIZE; i++)
        data[i] = (uint8_t)(next_random() >> 24);
    return data;
}

/*
 * A filter of 2^words_log2 words with one random member for every three words: about 1 position in 450 passes, as with
 * a signature's filter while that fits the cache.
 */
static rd__filter make_filter(uint32_t words_log2) {
    const size_t count = (size_t)1 << words_log2;
    uint32_t *const words = need_memory(count * sizeof *words);
    const rd__filter filter = {.words = words, .key = next_random() | 1, .shift = 32 - words_log2};
    for (size_t i = 0; i < count / 3; i++) {
        const uint32_t member = next_random();
        rd__filter_add(&filter, words, rd__filter_hash(&filter, member));
    }
    return filter;
}

/* ---- The cases --------------------------------------------------------------------------------------------------- */

static const char *const weak_names[] = {[RD_RABINKARP] = "RabinKarp", [RD_ROLLSUM] = "rollsum"};
static const char *const strong_names[] = {[RD_BLAKE2] = "BLAKE2b", [RD_MD4] = "MD4"};

/* Adds a row, which the caller names. */
static row *measure(table *t, bench_fn *work, const bench_case *c, size_t bytes) {
    if (t->count == ROWS_MAX)
        abort();
    row *const added = &t->rows[t->count++];
    const bool gathers = (c->kernels->needs & RD__CPU_GATHER) != 0;
    *added = (row){.variant = gathers ? "gather" : c->kernels->name, .speed = best_speed(work, c, bytes)};
    return added;
}

static void measure_strong(table *t, bench_case c) {
    static const size_t lengths[] = {BLOCK_LEN, LONG_LEN};
    static const size_t counts[] = {1, 4, 8, MESSAGES_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
            c.length = lengths[i];
            c.count = counts[j];
            row *const added = measure(t, hash_strong, &c, c.length * c.count);
            (void)snprintf(added->name, sizeof added->name, "%s, %2zu of %5zu bytes", strong_names[c.kind], c.count,
                           c.length);
        }
    }
}

static void measure_digest(table *t, bench_case c) {
    static const size_t sizes[] = {1024, 4096, 16384, 65536, CACHED_SIZE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        c.length = sizes[i];
        row *const added = measure(t, hash_file, &c, c.length);
        (void)snprintf(added->name, sizeof added->name, "BLAKE3, a file of %6zu bytes", c.length);
    }
}

static void measure_weak(table *t, bench_case c) {
    c.length = CACHED_SIZE;
    row *const added = measure(t, sum_weak, &c, c.length);
    (void)snprintf(added->name, sizeof added->name, "%s, blocks of %d bytes", weak_names[c.kind], BLOCK_LEN);
}

static void measure_seek(table *t, bench_case c, const rd__filter filters[FILTERS]) {
    c.length = SEEK_SIZE;
    for (size_t i = 0; i < FILTERS; i++) {
        c.filter = filters[i];
        row *const added = measure(t, seek_hits, &c, c.length);
        (void)snprintf(added->name, sizeof added->name, "%s, seek, filter of %4u KiB", weak_names[c.kind],
                       4u << (32 - c.filter.shift) >> 10);
    }
}

static void measure_kernels(table *t, const bench_case *base, const rd__filter filters[FILTERS]) {
    measure_digest(t, *base);
    for (int kind = 0; kind < 2; kind++) {
        bench_case c = *base;
        c.kind = kind;
        measure_strong(t, c);
        measure_weak(t, c);
        measure_seek(t, c, filters);
    }
}

/* ---- The report -------------------------------------------------------------------------------------------------- */

static void print_ceilings(void) {
    const bench_case uncached = {
        .data = need_memory(UNCACHED_SIZE), .out = need_memory(UNCACHED_SIZE), .length = UNCACHED_SIZE};
    bench_case cached = uncached;
    cached.length = CACHED_SIZE;
    /* Pages that were never written to are all the same page of zeros. */
    memset(uncached.data, 2, UNCACHED_SIZE);
    memset(uncached.out, 2, UNCACHED_SIZE);
    (void)printf("read\t512 KiB\t%.6g\n", best_speed(read_all, &cached, CACHED_SIZE));
    (void)printf("read\t64 MiB\t%.6g\n", best_speed(read_all, &uncached, UNCACHED_SIZE));
    cached.length /= 2; /* two buffers share the cache */
    (void)printf("copy\t512 KiB\t%.6g\n", best_speed(copy_all, &cached, cached.length));
    (void)printf("copy\t64 MiB\t%.6g\n", best_speed(copy_all, &uncached, UNCACHED_SIZE));
    free(uncached.data);
    free(uncached.out);
}

int main(void) {
    static const uint32_t words_log2[FILTERS] = {13, 16, 20}; /* 32 KiB, 256 KiB, 4 MiB */
    static table t;
    rd__filter filters[FILTERS];
    size_t count = 0;
    const rd__kernels *const *const all = rd__kernels_all(&count);
    bench_case c = {.data = random_data(), .out = need_memory((size_t)MESSAGES_MAX * RD_STRONG_LEN_MAX)};
    for (size_t i = 0; i < FILTERS; i++)
        filters[i] = make_filter(words_log2[i]);
    print_ceilings();
    for (size_t i = 0; i < count; i++) {
        c.kernels = all[i];
        if (rd__kernels_usable(c.kernels))
            measure_kernels(&t, &c, filters);
    }
    for (const row *r = t.rows; r < t.rows + t.count; r++)
        (void)printf("%s\t%s\t%.6g\n", r->name, r->variant, r->speed);
    return EXIT_SUCCESS;
}

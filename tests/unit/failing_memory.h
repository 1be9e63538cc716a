/*
 * An allocator that fails on demand. The linker redirects calls of malloc, calloc and realloc here (--wrap), but not
 * those inside the C library. One file of a program includes this.
 */
#ifndef RD_TESTS_FAILING_MEMORY_H
#define RD_TESTS_FAILING_MEMORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* Workers allocate too, so the counts are atomic. */
static struct {
    atomic_bool armed;
    bool for_good;
    size_t first; /* the allocation that fails */
    atomic_size_t calls;
    atomic_size_t failed;
} faults;

static inline bool must_fail(void) {
    if (!atomic_load(&faults.armed))
        return false;
    const size_t call = atomic_fetch_add(&faults.calls, 1);
    if (call < faults.first || (call > faults.first && !faults.for_good))
        return false;
    atomic_fetch_add(&faults.failed, 1);
    return true;
}

void *__wrap_malloc(size_t size) {
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return must_fail() ? NULL : __real_realloc(old, size);
}

/* From now on the allocation `first` fails, `for_good` all after it too. */
static inline void faults_begin(size_t first, bool for_good) {
    faults.for_good = for_good;
    faults.first = first;
    atomic_store(&faults.calls, 0);
    atomic_store(&faults.failed, 0);
    atomic_store(&faults.armed, true);
}

/* How many failed. Now none does. */
static inline size_t faults_end(void) {
    atomic_store(&faults.armed, false);
    return atomic_load(&faults.failed);
}

#endif

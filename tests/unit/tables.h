/* The tables of kernels that this machine can run. A test of kernels goes through all of them; a new one is found here.
 */
#ifndef RD_TESTS_TABLES_H
#define RD_TESTS_TABLES_H

#include "hash/kernels.h"

static inline size_t table_count(void) {
    size_t all = 0;
    size_t usable = 0;
    const rd__kernels *const *const tables = rd__kernels_all(&all);
    for (size_t i = 0; i < all; i++)
        usable += rd__kernels_usable(tables[i]) ? 1 : 0;
    return usable;
}

/* Table `at`, less than the count; the last one is the portable one. */
static inline const rd__kernels *table_at(size_t at) {
    size_t all = 0;
    const rd__kernels *const *tables = rd__kernels_all(&all);
    while (!rd__kernels_usable(*tables) || at-- > 0)
        tables++;
    return *tables;
}

#endif

/*
 * The tables of kernels that the other tests go through: each kind of machine has those that are made for it, so that
 * no test of its instructions passes by running the portable functions alone.
 */
#include "support.h"

#include "tables.h"

static bool has_table(const char *name) {
    for (size_t i = 0; i < table_count(); i++) {
        if (strcmp(table_at(i)->name, name) == 0)
            return true;
    }
    return false;
}

static void tables_of_the_machine_are_there(void **state) {
    (void)state;
    for (size_t i = 0; i < table_count(); i++)
        print_message("kernels tested: %s\n", table_at(i)->name);
    check_true(has_table("portable"), "portable");
#if defined(__x86_64__)
    check_equal(has_table("sse41"), __builtin_cpu_supports("sse4.1") != 0, "sse41");
    check_equal(has_table("avx2"), __builtin_cpu_supports("avx2") != 0, "avx2");
    check_equal(has_table("avx512"), __builtin_cpu_supports("avx512bw") != 0, "avx512");
#elif defined(__aarch64__) && defined(__ARM_NEON) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    check_true(has_table("neon"), "neon");
#else
    check_equal(table_count(), 1, "tables");
#endif
}

static void best_table_is_the_first(void **state) {
    (void)state;
    assert_ptr_equal(rd__kernels_best(), table_at(0));
}

static void name_is_that_of_the_best_table(void **state) {
    (void)state;
    assert_string_equal(rd_kernels_name(), table_at(0)->name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_of_the_machine_are_there),
        cmocka_unit_test(best_table_is_the_first),
        cmocka_unit_test(name_is_that_of_the_best_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

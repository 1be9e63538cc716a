/*
 * Stock librsync and the library that replaces it, in one process, with the same input: the bytes, the results and the
 * statistics must agree. What may differ is noted where it is compared.
 *
 * The environment: REDELTA_STOCK_LIBRSYNC and REDELTA_LIBRSYNC name the two libraries; REDELTA_SEED, REDELTA_CASES (a
 * percentage) and REDELTA_CASE choose random cases; REDELTA_DIFFERENCES is the number of differences that a test
 * prints; REDELTA_TEST is a pattern of the names of the tests to run.
 */
#include "differential.h"
#include "library.h"
#include "support.h"

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_cases),
        cmocka_unit_test(test_all_portions),
        cmocka_unit_test(test_rhythm),
        cmocka_unit_test(test_large_files),
        cmocka_unit_test(test_broken_signatures),
        cmocka_unit_test(test_broken_deltas),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_odd_calls),
        cmocka_unit_test(test_functions),
    };
    libraries_load();
    if (getenv("REDELTA_TEST"))
        cmocka_set_test_filter(getenv("REDELTA_TEST"));
    return cmocka_run_group_tests_name("differential", tests, NULL, NULL);
}

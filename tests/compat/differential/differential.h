/*
 * The tests of the differential program: each compares stock librsync with the library that replaces it.
 */
#ifndef RD_TESTS_DIFFERENTIAL_H
#define RD_TESTS_DIFFERENTIAL_H

void test_random_cases(void **state);      /* random_cases.c */
void test_all_portions(void **state);      /* all_portions.c */
void test_rhythm(void **state);            /* rhythm.c */
void test_large_files(void **state);       /* large_files.c */
void test_broken_signatures(void **state); /* broken.c */
void test_broken_deltas(void **state);
void test_damage(void **state);    /* damage.c */
void test_odd_calls(void **state); /* odd_calls.c */
void test_functions(void **state); /* functions.c */

#endif

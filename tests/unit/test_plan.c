/*
 * What a sender means to ask, for files of all sizes: sizes that get smaller, with each of the searches among them.
 */
#include "support.h"

#include "session/plan.h"

static bool plan_searches(const rd__plan *plan, unsigned size_log2) {
    for (size_t i = 0; i < plan->count; i++)
        if (plan->steps[i].searches && plan->steps[i].size_log2 == size_log2)
            return true;
    return false;
}

static void every_plan_has_its_searches(void **state) {
    (void)state;
    for (unsigned log2 = 20; log2 < 45; log2++) {
        for (unsigned part = 0; part < 4; part++) {
            const uint64_t size = ((uint64_t)4 + part) << (log2 - 2);
            rd__plan plan;
            rd__plan_make(&plan, size, size, 0, 0);
            check_true(plan.count > 0 && plan.count <= RD__PLAN_STEPS && !plan.quick, "2^%u, part %u", log2, part);
            check_true(plan_searches(&plan, 12) && plan_searches(&plan, 9), "2^%u, part %u", log2, part);
            for (size_t i = 0; i < plan.count; i++)
                check_true(plan.steps[i].size_log2 < plan.top_log2, "2^%u, part %u, step %zu", log2, part, i);
        }
    }
}

/* A lane that found little near the expected places searches everywhere, if all lanes together lack enough. */
static void few_bytes_are_not_searched_for_everywhere(void **state) {
    (void)state;
    const uint64_t size = (uint64_t)1 << 30;
    rd__plan plan;
    rd__plan_make(&plan, size, size, 0, 0);
    plan.searched = 100;
    for (unsigned log2 = 10; log2 < 30; log2++) {
        rd__climb climb;
        rd__climb_begin(&climb, &plan, (uint32_t)1 << RD__LANE_LOG2);
        climb.parked = RD__PARKED_POOR;
        rd__climb_unpark(&climb, &plan, (uint64_t)1 << log2);
        check_equal(climb.goes_global, log2 >= 19, "2^%u bytes", log2);
        check_equal(climb.again, log2 >= 19, "2^%u bytes", log2);
        check_equal(climb.parked, RD__PARKED_NOT, "2^%u bytes", log2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_plan_has_its_searches),
                                       cmocka_unit_test(few_bytes_are_not_searched_for_everywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

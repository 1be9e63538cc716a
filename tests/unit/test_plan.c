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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_plan_has_its_searches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

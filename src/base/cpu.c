/*
 * See cpu.h. The compiler's run-time library knows how to ask the processor, and asks once.
 *
 * In a build for tests (RD_CPU_MASK), the environment variable REDELTA_CPU names the best instruction set that may be
 * used: portable, sse41, avx2, avx512 (without gathers) or neon. A test that asks for one that does not exist must not
 * pass by running another, so an unknown name aborts the process. Builds for users do not look at the environment.
 */
#include "base/cpu.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__x86_64__)
/*
 * No flag says whether gathers are fast. They are on Intel's processors since Sapphire Rapids, all of which have
 * AVX512-FP16; its predecessors gather slowly, because of how they protect themselves against "Downfall"
 * (CVE-2022-40982), and so do AMD's up to Zen 4.
 */
static bool cpu_gathers_fast(void) {
    enum { LEAF = 7, FP16 = 1 << 23 };
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __builtin_cpu_is("intel") && __get_cpuid_count(LEAF, 0, &a, &b, &c, &d) && (d & FP16);
}
#endif

static uint32_t cpu_machine_features(void) {
    uint32_t features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.1"))
        features |= RD__CPU_SSE41;
    const bool bmi2 = __builtin_cpu_supports("bmi2");
    if (bmi2 && __builtin_cpu_supports("avx2"))
        features |= RD__CPU_AVX2;
    if (bmi2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        features |= RD__CPU_AVX512;
    if (cpu_gathers_fast())
        features |= RD__CPU_GATHER;
#elif defined(__AARCH64EL__)
    features |= RD__CPU_NEON;
#endif
    return features;
}

#if defined(RD_CPU_MASK)
static uint32_t cpu_allowed_features(void) {
    static const struct {
        const char *name;
        uint32_t features;
    } levels[] = {
        {"portable", 0},
        {"sse41", RD__CPU_SSE41},
        {"avx2", RD__CPU_SSE41 | RD__CPU_AVX2},
        {"avx512", RD__CPU_SSE41 | RD__CPU_AVX2 | RD__CPU_AVX512},
        {"neon", RD__CPU_NEON},
    };
    const char *const name = getenv("REDELTA_CPU");
    if (!name)
        return UINT32_MAX;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(name, levels[i].name) == 0)
            return levels[i].features;
    }
    abort();
}
#else
static uint32_t cpu_allowed_features(void) {
    return UINT32_MAX;
}
#endif

uint32_t rd__cpu_features(void) {
    return cpu_machine_features() & cpu_allowed_features();
}

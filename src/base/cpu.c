/*
 * See cpu.h. The compiler's own run-time library knows how to ask, and asks once.
 *
 * In a build for tests (RD_CPU_MASK), the environment variable REDELTA_CPU names the best instruction set that may be
 * used: portable, avx2 or avx512. A test that asks for one that does not exist must not pass by running another, so an
 * unknown name ends the process there. Builds for users do not look at the environment.
 */
#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>

static uint32_t machine_features(void) {
    uint32_t features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2"))
        features |= RD__CPU_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        features |= RD__CPU_AVX512;
#endif
    return features;
}

#if defined(RD_CPU_MASK)
static uint32_t allowed_features(void) {
    const char *const name = getenv("REDELTA_CPU");
    if (!name || strcmp(name, "avx512") == 0)
        return RD__CPU_AVX2 | RD__CPU_AVX512;
    if (strcmp(name, "avx2") == 0)
        return RD__CPU_AVX2;
    if (strcmp(name, "portable") != 0)
        abort();
    return 0;
}
#else
static uint32_t allowed_features(void) {
    return UINT32_MAX;
}
#endif

uint32_t rd__cpu_features(void) {
    return machine_features() & allowed_features();
}

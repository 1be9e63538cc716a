/* See random.h. The kernel's generator where there is one; otherwise values that differ from process to process. */
#define _GNU_SOURCE
#define _CRT_RAND_S /* for rand_s of Windows */
#include "base/random.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#if defined(__linux__)
#include <sys/random.h>
static bool random_of_kernel(uint32_t *value) {
    return getrandom(value, sizeof *value, GRND_NONBLOCK) == (ssize_t)sizeof *value;
}
#elif defined(_WIN32)
static bool random_of_kernel(uint32_t *value) {
    unsigned made = 0;
    const bool done = rand_s(&made) == 0;
    *value = made;
    return done;
}
#else
static bool random_of_kernel(uint32_t *value) {
    (void)value;
    return false;
}
#endif

/* Clock and address-space layout, mixed by the finaliser of splitmix64 (Steele, Lea, Flood 2014). */
static uint32_t random_of_process(void) {
    const int here = 0;
    uint64_t x = (uint64_t)time(NULL) ^ (uint64_t)clock() << 32 ^ (uint64_t)(uintptr_t)&here;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(x >> 32);
}

uint32_t rd__random_u32(void) {
    uint32_t value = 0;
    return random_of_kernel(&value) ? value : random_of_process();
}

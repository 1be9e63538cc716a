/* The instruction sets that the processor has. */
#ifndef RD_BASE_CPU_H
#define RD_BASE_CPU_H

#include <stdint.h>

/* Instruction sets, as bits. A set bit also means that the operating system saves the registers. */
enum {
    RD__CPU_AVX2 = 1,   /* and BMI2, which came with it */
    RD__CPU_AVX512 = 2, /* F, BW, DQ and VL, and BMI2 */
    RD__CPU_NEON = 4,   /* of little-endian AArch64, all of which have it */
    RD__CPU_SSE41 = 8,  /* and SSSE3, which is older */
    RD__CPU_GATHER = 16 /* sixteen words are gathered in less time than they are loaded one by one */
};

/* The instruction sets of this machine, without those that the environment takes away. */
uint32_t rd__cpu_features(void);

#endif

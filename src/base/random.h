/* A key that whoever made the input could not know. */
#ifndef RD_BASE_RANDOM_H
#define RD_BASE_RANDOM_H

#include <stdint.h>

/*
 * 32 random bits. They decide where things lie in memory, never what is written: an attacker who cannot guess them
 * cannot aim at one place, and output stays deterministic.
 */
uint32_t rd__random_u32(void);

#endif

/* Random bits that the author of an input cannot know. */
#ifndef RD_BASE_RANDOM_H
#define RD_BASE_RANDOM_H

#include <stdint.h>

/*
 * 32 random bits. They decide where things lie in memory, never what is written: output stays deterministic, and an
 * attacker who cannot guess them cannot aim at one place.
 */
uint32_t rd__random_u32(void);

#endif

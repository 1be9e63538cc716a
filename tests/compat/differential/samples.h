/*
 * Random pairs of an old and a new file, and random parameters of a signature: small ones mostly, and sizes around the
 * edges of blocks.
 */
#ifndef RD_TESTS_SAMPLES_H
#define RD_TESTS_SAMPLES_H

#include "drive.h"

typedef struct sample {
    sig_params params;
    rd_memory old;
    rd_memory new_file;
    unsigned alphabet; /* how many different bytes there may be in the files */
} sample;

#define SAMPLE_MAGICS 4
extern const rs_magic_number sample_magics[SAMPLE_MAGICS];

sample sample_random(random_source *r);
void sample_free(sample *s);

/* The seed of all random cases: REDELTA_SEED in the environment, or a constant. */
uint64_t sample_seed(void);
/* How many of `usual` cases to run: REDELTA_CASES in the environment is a percentage. */
size_t sample_count(size_t usual);
/* Whether number `number` of many equal cases is among those to run, by the same percentage. */
bool sample_chosen(size_t number);

#endif

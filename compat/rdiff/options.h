/*
 * options.h: the command line of rdiff, in one struct.
 */
#ifndef REDELTA_RDIFF_OPTIONS_H
#define REDELTA_RDIFF_OPTIONS_H

#include <stdbool.h>

/* In the order in which a prefix is looked up. */
typedef enum rdiff_verb { VERB_SIGNATURE, VERB_DELTA, VERB_PATCH, VERB_COUNT } rdiff_verb;

typedef struct rdiff_options {
    rdiff_verb verb;
    bool force;
    bool statistics;
    const char *hash; /* names, not checked yet: only a signature needs them */
    const char *rollsum;
    int block_size;
    int sum_size;
    int input_size; /* of buffers that redelta does not have; checked, not used */
    int output_size;
    char **operands; /* those after the verb */
    int operand_count;
} rdiff_options;

/* "signature", "delta" or "patch". */
const char *verb_name(rdiff_verb verb);

/* The file name that is operand `index`, from 0; NULL if it is missing or "-". */
const char *options_file(const rdiff_options *options, int index);

/*
 * Fills *options. Returns true if there is work to do. If not, because the command line is wrong or asked for a text, a
 * message or the text has been printed and *status is the exit status. Operands are moved to the front of argv.
 */
bool options_parse(rdiff_options *options, int argc, char **argv, int *status);

#endif

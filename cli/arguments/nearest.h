/*
 * nearest.h: which word of several was meant by one that is none of them.
 */
#ifndef REDELTA_CLI_NEAREST_H
#define REDELTA_CLI_NEAREST_H

#include <stddef.h>

typedef struct nearest {
    const char *word;
    const char *best; /* NULL: none of those tried is near */
    size_t distance;  /* only what is nearer than this is better */
} nearest;

nearest nearest_to(const char *word);

/* Of candidates that are equally near the first tried stays. */
void nearest_try(nearest *search, const char *candidate);

#endif

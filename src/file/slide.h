/*
 * A view that slides over a file: for one scanner that reads some of it from its start to its end, at hand in memory
 * are a few blocks.
 */
#ifndef RD_FILE_SLIDE_H
#define RD_FILE_SLIDE_H

#include "engine/scanner.h"
#include "io/source.h"

typedef struct rd__slide {
    const rd_source *source; /* the new file */
    rd__operation *operation;
    size_t block_len;
    uint8_t *data;
    size_t capacity;
    rd__view view; /* of the data */
} rd__slide;

/*
 * The source's size is known. rd__slide_close must follow in any case. Errors: RD_E_MEMORY; RD_E_LIMIT if the
 * signature, which may be NULL, and two of its blocks take more memory than is allowed.
 */
rd_result rd__slide_open(rd__slide *slide, const rd_source *source, const rd_signature *signature,
                         rd__operation *operation);

/*
 * Moves the view to `at`, before the end of the file: there it has a whole block, and more, or ends with the file.
 * Errors: those of reading; RD_E_CHANGED if the file is shorter than the source's size.
 */
rd_result rd__slide_to(rd__slide *slide, uint64_t at);

/* `stop`, or an earlier one: at the positions of the view before it there is a whole block, or the file ends. */
uint64_t rd__slide_stop(const rd__slide *slide, uint64_t stop);

void rd__slide_close(rd__slide *slide);

#endif

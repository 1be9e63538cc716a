/* The basis of a patch, as the engine reads it: exactly the bytes that a copy names, or a failure that says why not. */
#ifndef RD_IO_BASIS_H
#define RD_IO_BASIS_H

#include "io/source.h"

typedef struct rd__basis {
    const rd_source *source;
    rd__job *job;
} rd__basis;

/* An rd__basis_fn over an rd__basis. Errors: those of the source; RD_E_TRUNCATED if the basis ends before. */
rd_result rd__basis_read(void *context, uint64_t offset, uint8_t *data, size_t size, size_t *got);

#endif

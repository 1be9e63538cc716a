/*
 * Runs what may crash, hang or use up memory in a child process, and reports the outcome as text.
 */
#ifndef RD_TESTS_GUARD_H
#define RD_TESTS_GUARD_H

#include <stddef.h>

#include "drive.h"

/* A text that grows by printing, and is truncated at the end of its buffer. */
typedef struct transcript {
    char text[4096];
    size_t size;
} transcript;

SUPPORT_FORMAT(2, 3)
void transcript_add(transcript *t, const char *format, ...);

/* The number of bytes and a sum of them. */
void transcript_bytes(transcript *t, const rd_memory *bytes);

typedef void guarded_fn(const library *lib, void *context, transcript *t);

/*
 * Calls `run` in a child. *t is the transcript that it wrote, with "killed by SIGNAL" or "exited with N" at the end if
 * it did not return. A child has some seconds, and if `memory` is not 0 and no sanitizer needs more, that many bytes of
 * address space.
 */
void guarded(guarded_fn *run, const library *lib, void *context, size_t memory, transcript *t);

#endif

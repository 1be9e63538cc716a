/*
 * partial.h: what arrived of a new file before the connection broke (--partial). It lies beside the destination, as
 * .NAME.redelta-partial, and the next run takes it for a second part of the old file. It need not be anything that ever
 * was: the old file is only where bytes are looked for.
 */
#ifndef REDELTA_CLI_PARTIAL_H
#define REDELTA_CLI_PARTIAL_H

#include "cli/base/files.h"

typedef struct remote_partial {
    char *name; /* NULL: there can be none */
    int fd;     /* of the one that was there, or -1 */
    rd_source parts[2];
} remote_partial;

/* Finds out whether there is one for the destination `name`. *failure says why the memory did not suffice. */
rd_result partial_open(remote_partial *partial, const char *name, cli_failure *failure);
void partial_close(remote_partial *partial);

/* Is there one for the destination `name`, which this run was not asked to use? */
bool partial_is_left(const char *name);
/* What to say then, with what to do about it behind a semicolon. */
extern const char partial_left_text[];

/* The old file and after it the partial one, if there is one; *partial must outlive that. */
rd_source partial_source(remote_partial *partial, const rd_source *old);

/* Writes the two as one file: they may be all of the new one. */
rd_result partial_assemble(remote_partial *partial, const rd_sink *to, cli_failure *failure);

/* Keeps the first `size` bytes of the open file, unless what was kept before is longer. */
void partial_keep(const remote_partial *partial, int fd, uint64_t size);

/* Removes it. */
void partial_remove(const remote_partial *partial);

#endif

/*
 * The whole-file functions of either library over every kind of FILE that a program may have: a plain file at its
 * start, after a seek, after reading or writing through its buffer, memory, and a pipe. The outcome includes the
 * position of each FILE afterwards.
 */
#ifndef RD_TESTS_WHOLEFILE_H
#define RD_TESTS_WHOLEFILE_H

#include "drive.h"

typedef enum file_kind {
    FILE_PLAIN,   /* at its start */
    FILE_SOUGHT,  /* after a seek, with other bytes before */
    FILE_STARTED, /* the same, but after reading or writing those bytes, so that its buffer is in use */
    FILE_MEMORY,  /* fmemopen, open_memstream */
    FILE_PIPE,
    FILE_KINDS
} file_kind;

const char *file_kind_text(file_kind kind);
file_kind file_kind_random(random_source *r);

typedef struct file_outcome {
    rs_result result;
    rs_stats_t stats;
    rd_memory out;
    /*
     * Of each input: how far it is past its start, its end-of-file indicator, and the byte it gives next; -1 for what
     * is not known. The output's position shows in `out`, which is read after one more byte was written.
     */
    long in_position[2];
    int in_eof[2];
    int in_next[2];
} file_outcome;

file_outcome file_signature(const library *lib, const rd_memory *old, sig_params params, file_kind in, file_kind out);
file_outcome file_load(const library *lib, const rd_memory *bytes, file_kind in, rs_signature_t **signature);
file_outcome file_delta(const library *lib, rs_signature_t *signature, const rd_memory *new_file, file_kind in,
                        file_kind out);
/* `expected`: the size of the new file, or more. */
file_outcome file_patch(const library *lib, const rd_memory *basis, const rd_memory *delta, size_t expected,
                        file_kind in, file_kind out);
void file_outcome_free(file_outcome *o);

/* A plain file without a name that holds these bytes, at its start. */
FILE *file_of(const rd_memory *bytes);

#endif

/*
 * Runs a job of either library over bytes in memory, the way a program would, and reports the outcome. The pace is how
 * the program feeds the job: chunks in and out, when the end is signalled, rs_job_iter by hand or rs_job_drive.
 */
#ifndef RD_TESTS_DRIVE_H
#define RD_TESTS_DRIVE_H

#include <stdbool.h>

#include "library.h"
#include "support.h"

/* Not a result of the library: the job asked to be called again without ever making progress. */
#define RESULT_STALLED ((rs_result)999)

enum { PORTION_ANY = 0, PORTION_MAX = 1 << 20 };
#define PORTION_COUNT 5
extern const size_t portions[PORTION_COUNT];

typedef enum end_style {
    END_WITH_LAST, /* eof_in comes with the last bytes */
    END_AFTER,     /* eof_in comes with an empty input */
    END_NEVER      /* eof_in is never set */
} end_style;

typedef struct pace {
    size_t in; /* or PORTION_ANY: of random sizes */
    size_t out;
    size_t refill; /* more input is added when no more than this is left */
    end_style end;
    bool driven; /* by rs_job_drive */
    random_source random;
} pace;

/* In one chunk, with the end. */
pace pace_whole(void);
/* A random pace; chunks are such that `size` bytes take no more than some thousand calls. END_NEVER is not drawn. */
pace pace_random(random_source *r, size_t size);
const char *pace_text(const pace *p);

typedef struct outcome {
    rs_result result;
    rs_stats_t stats;
    rd_memory out;
    size_t left;  /* bytes of the input that were not taken */
    size_t quiet; /* by rs_job_iter: the longest run of calls without output */
} outcome;

/* Runs the job to its end and frees it. */
outcome drive_job(const library *lib, rs_job_t *job, const rd_memory *in, pace *p);
void outcome_free(outcome *o);

/* ---- The four jobs ----------------------------------------------------------------------------------------------- */

typedef struct sig_params {
    rs_magic_number magic;
    size_t block_len;
    size_t strong_len;
} sig_params;

outcome drive_signature(const library *lib, const rd_memory *old, sig_params params, pace *p);
/* Loads and indexes. *signature is what the library left there, to be freed in any case. */
outcome drive_load(const library *lib, const rd_memory *bytes, pace *p, rs_signature_t **signature);
outcome drive_delta(const library *lib, rs_signature_t *signature, const rd_memory *new_file, pace *p);
outcome drive_patch(const library *lib, const rd_memory *basis, const rd_memory *delta, pace *p);

/* A copy callback over the rd_memory that `context` points to; RS_INPUT_ENDED at its end. */
rs_result copy_from_memory(void *context, rs_long_t offset, size_t *size, void **data);

/* All fields as text, of the times only whether they were set; valid until the function is called a fourth time. */
const char *stats_text(const rs_stats_t *stats);

/* Appends to *made. */
void append(rd_memory *made, const void *data, size_t size);

#endif

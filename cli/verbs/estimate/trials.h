/*
 * trials.h: what would be sent at each block length, and which one is best.
 */
#ifndef REDELTA_CLI_TRIALS_H
#define REDELTA_CLI_TRIALS_H

#include "cli/verbs/job.h"
#include "cli/verbs/looks.h"

enum { TRIALS_MAX = 16 };

/* One block length, tried. */
typedef struct cli_trial {
    uint32_t block_len;
    uint64_t signature_bytes;
    uint64_t delta_bytes;
    uint64_t compressed_bytes; /* of the delta; RD_UNKNOWN: this command cannot compress */
    uint64_t literal_bytes;
} cli_trial;

/* The forms in which a diff can be. */
typedef enum cli_diff_form { DIFF_PLAIN, DIFF_COMPRESSED, DIFF_DENSE, DIFF_FORMS } cli_diff_form;

/* What diff gives, and how long it takes. */
typedef struct cli_diff {
    cli_diff_form form;
    uint64_t bytes;
    double seconds;
} cli_diff;

/* What one of the files is. */
typedef struct cli_subject {
    const char *name;
    uint64_t size;
    uint64_t holes; /* bytes of it */
    cli_looks looks;
    unsigned samples; /* taken evenly from all over the file */
    unsigned random;  /* of those, look random */
} cli_subject;

typedef struct cli_estimate {
    cli_subject old;
    cli_subject new;
    rd_params params;         /* for all trials, except the block length: */
    uint32_t usual_block_len; /* what a signature of the old file gets if nothing is asked for */
    bool identical;
    cli_trial trials[TRIALS_MAX]; /* by block length */
    int trial_count;
    cli_diff diffs[DIFF_FORMS];
    int diff_count;
    uint64_t sample_bytes; /* of the new file, from which these were extended; 0: they are measured */
} cli_estimate;

/*
 * The options of a trial. Figures of a file that changes are still figures, so the trials go on, and only the exit
 * status and a warning tell: trial_note_changed is called after each.
 */
rd_options trial_options(cli_job *job, rd_stats *stats);
void trial_note_changed(cli_job *job, const rd_stats *stats);

/* Tries the usual block length, and others as long as they are better. The rest of *estimate is filled before. */
rd_result trials_run(cli_job *job, cli_estimate *estimate);

/* What is sent in all: the signature one way and the delta the other; uncompressed, and with the delta compressed. */
uint64_t trial_total(const cli_trial *trial);
uint64_t trial_compressed_total(const cli_trial *trial);

typedef uint64_t trial_cost(const cli_trial *trial);

/* The trial to recommend: that of the usual length, unless another costs less by more than a hundredth of it. */
const cli_trial *estimate_best(const cli_estimate *estimate, trial_cost *cost);

/* Whether the trials know of compressed deltas. */
bool estimate_compresses(const cli_estimate *estimate);

/* Whether no block length helps because the new file looks compressed or encrypted. */
bool estimate_is_hopeless(const cli_estimate *estimate);

#endif

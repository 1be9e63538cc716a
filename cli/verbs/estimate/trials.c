/*
 * trials.c: see trials.h. For each block length a signature is built in memory, and a delta whose bytes are only
 * counted. The usual length comes first, then two on each side of it, a factor of 2 apart, and more in a direction as
 * long as the outermost is the best, unless the first shows that no other is worth a trial.
 */
#include "cli/verbs/estimate/trials.h"

#include <string.h>

#include "cli/report/numbers.h"

enum {
    BLOCK_LEN_LEAST = 64, /* shorter blocks have sums nearly as long as themselves */
    STEPS_AT_FIRST = 2    /* on each side */
};

/* ---- One trial -------------------------------------------------------------------------------------------------- */

rd_options trial_options(cli_job *job, rd_stats *stats) {
    rd_options options = job_options(job, stats);
    options.changed = RD_CHANGED_ACCEPT;
    return options;
}

void trial_note_changed(cli_job *job, const rd_stats *stats) {
    job_note_changed(job, stats);
    job->suspect = job->changed != RD_ROLE_NONE && job->request->changed != RD_CHANGED_ACCEPT;
}

static rd_result trial_sign(cli_job *job, rd_signature **signature, cli_trial *trial) {
    rd_stats stats = {0};
    const rd_options options = trial_options(job, &stats);
    progress_step(&job->progress, "signature");
    const rd_result result = rd_signature_build(signature, &job->inputs[0].source, &options);
    trial_note_changed(job, &stats);
    if (result != RD_OK)
        return result;
    rd_params params;
    rd_signature_params(*signature, &params);
    trial->signature_bytes = rd_signature_size(&params, rd_signature_count(*signature));
    return RD_OK;
}

/* One delta shows both sizes: that of the plain one follows from its commands. */
static rd_result trial_delta(cli_job *job, const rd_signature *signature, cli_estimate *estimate, cli_trial *trial) {
    rd_stats stats = {0};
    rd_options options = trial_options(job, &stats);
    options.compression = rd_compression_max() > 0 ? RD_COMPRESSION_DEFAULT : 0;
    const rd_sink sink = job_null_sink();
    progress_step(&job->progress, "delta");
    const rd_result result = rd_delta_make(signature, &job->inputs[1].source, &sink, &options);
    trial_note_changed(job, &stats);
    trial->delta_bytes = rd_stats_delta_size(&stats);
    trial->compressed_bytes = options.compression > 0 ? stats.out_bytes : RD_UNKNOWN;
    trial->literal_bytes = stats.literal_bytes;
    estimate->identical = estimate->identical || stats.identical;
    return result;
}

static rd_result trial_run(cli_job *job, cli_estimate *estimate, cli_trial *trial) {
    rd_signature *signature = NULL;
    job->params = estimate->params;
    job->params.block_len = trial->block_len;
    if (job->request->verbose) {
        progress_clear(&job->progress);
        (void)fprintf(stderr, "redelta: estimate: blocks of %s bytes\n", grouped(trial->block_len).text);
    }
    rd_result result = trial_sign(job, &signature, trial);
    if (result == RD_OK)
        result = trial_delta(job, signature, estimate, trial);
    rd_signature_free(signature);
    return result;
}

/* ---- All trials ------------------------------------------------------------------------------------------------- */

uint64_t trial_total(const cli_trial *trial) {
    return trial->signature_bytes + trial->delta_bytes;
}

uint64_t trial_compressed_total(const cli_trial *trial) {
    return trial->signature_bytes + trial->compressed_bytes;
}

static const cli_trial *trials_cheapest(const cli_estimate *estimate, trial_cost *cost) {
    const cli_trial *best = &estimate->trials[0];
    for (int i = 1; i < estimate->trial_count; i++)
        if (cost(&estimate->trials[i]) < cost(best))
            best = &estimate->trials[i];
    return best;
}

const cli_trial *estimate_best(const cli_estimate *estimate, trial_cost *cost) {
    const cli_trial *const best = trials_cheapest(estimate, cost);
    for (int i = 0; i < estimate->trial_count; i++) {
        const cli_trial *const trial = &estimate->trials[i];
        if (trial->block_len == estimate->usual_block_len && cost(trial) - cost(best) <= cost(trial) / 100)
            return trial;
    }
    return best;
}

static rd_result trials_add(cli_job *job, cli_estimate *estimate, int at, uint32_t block_len) {
    cli_trial *const trials = estimate->trials;
    memmove(trials + at + 1, trials + at, (size_t)(estimate->trial_count - at) * sizeof *trials);
    trials[at] = (cli_trial){.block_len = block_len};
    estimate->trial_count++;
    return trial_run(job, estimate, &trials[at]);
}

static rd_result trials_add_shorter(cli_job *job, cli_estimate *estimate) {
    return trials_add(job, estimate, 0, estimate->trials[0].block_len / 2);
}

static rd_result trials_add_longer(cli_job *job, cli_estimate *estimate) {
    const int last = estimate->trial_count;
    return trials_add(job, estimate, last, estimate->trials[last - 1].block_len * 2);
}

static bool trials_can_be_shorter(const cli_estimate *estimate) {
    return estimate->trial_count < TRIALS_MAX && estimate->trials[0].block_len / 2 >= BLOCK_LEN_LEAST;
}

/* A block longer than the old file is no different from one just as long. */
static bool trials_can_be_longer(const cli_estimate *estimate) {
    const uint32_t longest = estimate->trials[estimate->trial_count - 1].block_len;
    return estimate->trial_count < TRIALS_MAX && longest < estimate->old.size && longest <= RD_BLOCK_LEN_MAX / 2;
}

/* If nothing is copied, longer blocks are not found either, though their signature is smaller. */
static bool trials_longest_copies(const cli_estimate *estimate) {
    return estimate->trials[estimate->trial_count - 1].literal_bytes < estimate->new.size;
}

/* Whether it is the outermost, in view of either cost. */
static bool trials_is_best(const cli_estimate *estimate, const cli_trial *trial) {
    return trials_cheapest(estimate, trial_total) == trial ||
           (trial->compressed_bytes != RD_UNKNOWN && trials_cheapest(estimate, trial_compressed_total) == trial);
}

/* Every length would show the same. */
static bool trials_are_futile(const cli_estimate *estimate) {
    return estimate->identical || estimate->new.size == 0;
}

rd_result trials_run(cli_job *job, cli_estimate *estimate) {
    rd_result result = trials_add(job, estimate, 0, estimate->usual_block_len);
    if (result != RD_OK || trials_are_futile(estimate))
        return result;
    for (int i = 0; i < STEPS_AT_FIRST && result == RD_OK && trials_can_be_shorter(estimate); i++)
        result = trials_add_shorter(job, estimate);
    for (int i = 0; i < STEPS_AT_FIRST && result == RD_OK && trials_can_be_longer(estimate); i++)
        result = trials_add_longer(job, estimate);
    while (result == RD_OK && trials_can_be_shorter(estimate) && trials_is_best(estimate, &estimate->trials[0]))
        result = trials_add_shorter(job, estimate);
    while (result == RD_OK && trials_can_be_longer(estimate) && trials_longest_copies(estimate) &&
           trials_is_best(estimate, &estimate->trials[estimate->trial_count - 1]))
        result = trials_add_longer(job, estimate);
    return result;
}

bool estimate_compresses(const cli_estimate *estimate) {
    return estimate->trials[0].compressed_bytes != RD_UNKNOWN;
}

/* ---- What they show --------------------------------------------------------------------------------------------- */

/* Nine of ten samples are random, and nine of ten bytes are sent whatever the block length. */
bool estimate_is_hopeless(const cli_estimate *estimate) {
    const cli_subject *const new = &estimate->new;
    uint64_t literal = UINT64_MAX;
    for (int i = 0; i < estimate->trial_count; i++)
        if (estimate->trials[i].literal_bytes < literal)
            literal = estimate->trials[i].literal_bytes;
    return new->samples > 0 && new->random >= new->samples - new->samples / 10 && literal >= new->size - new->size / 10;
}

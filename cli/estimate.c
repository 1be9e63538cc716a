/*
 * estimate.c: the verb estimate. For each block length it makes a signature in memory and a delta whose bytes are only
 * counted. It begins with the usual length and two on each side of it, a factor of 2 apart, and goes on outwards while
 * the best one is the outermost.
 */
#define _POSIX_C_SOURCE 200809L

#include "estimate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"
#include "peek.h"
#include "system.h"

enum {
    BLOCK_LEN_LEAST = 64, /* shorter blocks have sums nearly as long as themselves */
    STEPS_AT_FIRST = 2,   /* on each side */
    SAMPLES_MAX = 256
};

/* ---- One trial -------------------------------------------------------------------------------------------------- */

static rd_result discard_bytes(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

static rd_result make_signature(cli_job *job, rd_memory *bytes, rd_signature **signature) {
    progress_step(&job->progress, "signature");
    const rd_options library = job_options(job, NULL);
    const rd_sink sink = rd_sink_memory(bytes);
    const rd_result result = rd_signature_make(&job->inputs[0].source, &sink, &library);
    if (result != RD_OK)
        return result;
    const rd_source source = rd_source_memory(bytes->data, bytes->size);
    return rd_signature_load(signature, &source, &library);
}

/* A delta of nothing is all overhead. */
static rd_result measure_overhead(cli_job *job, cli_estimate *estimate) {
    rd_stats stats = {.size = sizeof stats};
    rd_options library = job_options(job, &stats);
    library.progress = NULL;
    const rd_source nothing = rd_source_memory(NULL, 0);
    const rd_sink sink = rd_sink_callback(discard_bytes, NULL);
    const rd_result result = rd_delta_make(NULL, &nothing, &sink, &library);
    estimate->delta_overhead = stats.out_bytes;
    return result;
}

/* One delta tells both sizes: that of the plain one follows from its commands. */
static rd_result make_delta(cli_job *job, const rd_signature *signature, cli_estimate *estimate, cli_trial *trial) {
    rd_stats stats = {.size = sizeof stats};
    rd_options library = job_options(job, &stats);
    library.compression = rd_compression_max() > 0 ? RD_COMPRESSION_DEFAULT : 0;
    const rd_sink sink = rd_sink_callback(discard_bytes, NULL);
    progress_step(&job->progress, "delta");
    const rd_result result = rd_delta_make(signature, &job->inputs[1].source, &sink, &library);
    trial->delta_bytes =
        estimate->delta_overhead + stats.literal_command_bytes + stats.literal_bytes + stats.copy_command_bytes;
    trial->compressed_bytes = library.compression > 0 ? stats.out_bytes : RD_UNKNOWN;
    trial->literal_bytes = stats.literal_bytes;
    if (stats.literal_commands == 0 && stats.copy_commands <= 1 && stats.in_bytes == estimate->old.size)
        estimate->identical = true;
    return result;
}

static rd_result try(cli_job *job, cli_estimate *estimate, cli_trial *trial) {
    rd_memory bytes = {0};
    rd_signature *signature = NULL;
    job->summary.params = estimate->params;
    job->summary.params.block_len = trial->block_len;
    if (job->options->verbose) {
        progress_clear(&job->progress);
        stats_announce_trial(trial->block_len);
    }
    rd_result result = make_signature(job, &bytes, &signature);
    trial->signature_bytes = bytes.size;
    rd_memory_free(&bytes);
    if (result == RD_OK)
        result = make_delta(job, signature, estimate, trial);
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

static const cli_trial *cheapest(const cli_estimate *estimate, trial_cost *cost) {
    const cli_trial *best = &estimate->trials[0];
    for (int i = 1; i < estimate->trial_count; i++)
        if (cost(&estimate->trials[i]) < cost(best))
            best = &estimate->trials[i];
    return best;
}

const cli_trial *estimate_best(const cli_estimate *estimate, trial_cost *cost) {
    const cli_trial *const best = cheapest(estimate, cost);
    for (int i = 0; i < estimate->trial_count; i++) {
        const cli_trial *const trial = &estimate->trials[i];
        if (trial->block_len == estimate->usual_block_len && cost(trial) - cost(best) <= cost(trial) / 100)
            return trial;
    }
    return best;
}

static rd_result add_trial(cli_job *job, cli_estimate *estimate, int at, uint32_t block_len) {
    cli_trial *const trials = estimate->trials;
    memmove(trials + at + 1, trials + at, (size_t)(estimate->trial_count - at) * sizeof *trials);
    trials[at] = (cli_trial){.block_len = block_len};
    estimate->trial_count++;
    return try(job, estimate, &trials[at]);
}

static rd_result add_shorter(cli_job *job, cli_estimate *estimate) {
    return add_trial(job, estimate, 0, estimate->trials[0].block_len / 2);
}

static rd_result add_longer(cli_job *job, cli_estimate *estimate) {
    const int last = estimate->trial_count;
    return add_trial(job, estimate, last, estimate->trials[last - 1].block_len * 2);
}

static bool can_be_shorter(const cli_estimate *estimate) {
    return estimate->trial_count < TRIALS_MAX && estimate->trials[0].block_len / 2 >= BLOCK_LEN_LEAST;
}

/* A block longer than the old file is no other than one just as long. */
static bool can_be_longer(const cli_estimate *estimate) {
    const uint32_t longest = estimate->trials[estimate->trial_count - 1].block_len;
    return estimate->trial_count < TRIALS_MAX && longest < estimate->old.size && longest <= RD_BLOCK_LEN_MAX / 2;
}

/* Whether it is the outermost, in view of either cost. */
static bool is_best(const cli_estimate *estimate, const cli_trial *trial) {
    return cheapest(estimate, trial_total) == trial ||
           (trial->compressed_bytes != RD_UNKNOWN && cheapest(estimate, trial_compressed_total) == trial);
}

static rd_result try_all(cli_job *job, cli_estimate *estimate) {
    rd_result result = add_trial(job, estimate, 0, estimate->usual_block_len);
    for (int i = 0; i < STEPS_AT_FIRST && result == RD_OK && can_be_shorter(estimate); i++)
        result = add_shorter(job, estimate);
    for (int i = 0; i < STEPS_AT_FIRST && result == RD_OK && can_be_longer(estimate); i++)
        result = add_longer(job, estimate);
    while (result == RD_OK && can_be_shorter(estimate) && is_best(estimate, &estimate->trials[0]))
        result = add_shorter(job, estimate);
    while (result == RD_OK && can_be_longer(estimate) &&
           is_best(estimate, &estimate->trials[estimate->trial_count - 1]))
        result = add_longer(job, estimate);
    return result;
}

bool estimate_compresses(const cli_estimate *estimate) {
    return estimate->trials[0].compressed_bytes != RD_UNKNOWN;
}

/* ---- What the files are ----------------------------------------------------------------------------------------- */

/* True: the sample was read whole. What cannot be read is left to the trials, which say so. */
static bool read_sample(const cli_input *input, uint64_t offset, uint8_t *sample) {
    size_t filled = 0;
    while (filled < LOOKS_SAMPLE) {
        const ssize_t got =
            system_read_at(input->fd, input->source.origin + offset + filled, sample + filled, LOOKS_SAMPLE - filled);
        if (got <= 0)
            return false;
        filled += (size_t)got;
    }
    return true;
}

static void take_samples(cli_subject *subject, const cli_input *input) {
    uint8_t sample[LOOKS_SAMPLE];
    const uint64_t room = subject->size / LOOKS_SAMPLE;
    const uint64_t count = room < SAMPLES_MAX ? room : SAMPLES_MAX;
    for (uint64_t i = 0; i < count; i++) {
        if (!read_sample(input, subject->size / count * i, sample))
            return;
        subject->samples++;
        subject->random += looks_random(sample);
    }
}

static rd_result examine(cli_job *job, int input, cli_subject *subject) {
    static cli_peek peek;
    cli_input *const file = &job->inputs[input];
    if (!file->source.seekable || file->source.size == RD_UNKNOWN)
        return failure_refusal(&job->failure, file->role, "is read several times, so it cannot be a pipe or a device",
                               "name a file");
    const rd_result result = peek_open(&peek, file, &job->failure);
    if (result != RD_OK)
        return result;
    *subject = (cli_subject){.name = file->name, .size = file->source.size};
    subject->looks = looks_of(peek.begin, peek.size);
    take_samples(subject, file);
    return RD_OK;
}

/* Nine of ten samples are random, and nine of ten bytes travel whatever the block length. */
bool estimate_is_hopeless(const cli_estimate *estimate) {
    const cli_subject *const new = &estimate->new;
    uint64_t literal = UINT64_MAX;
    for (int i = 0; i < estimate->trial_count; i++)
        if (estimate->trials[i].literal_bytes < literal)
            literal = estimate->trials[i].literal_bytes;
    return new->samples > 0 && new->random >= new->samples - new->samples / 10 && literal >= new->size - new->size / 10;
}

/* ---- The verb --------------------------------------------------------------------------------------------------- */

rd_result work_estimate(cli_job *job) {
    cli_estimate *const estimate = job->estimate = calloc(1, sizeof *estimate);
    if (estimate == NULL)
        return job->failure.error.result = RD_E_MEMORY;
    estimate->params = job->options->params;
    rd_result result = examine(job, 0, &estimate->old);
    if (result == RD_OK)
        result = examine(job, 1, &estimate->new);
    if (result != RD_OK)
        return result;
    rd_params usual = estimate->params;
    if (rd_params_resolve(&usual, estimate->old.size) != RD_OK)
        return failure_refusal(&job->failure, RD_ROLE_NONE, "a size is out of range", "see 'redelta estimate --help'");
    estimate->usual_block_len = usual.block_len;
    if (job->options->verbose)
        stats_announce_files(VERB_ESTIMATE, "old file", estimate->old.size, "new file", estimate->new.size);
    result = measure_overhead(job, estimate);
    if (result == RD_OK)
        result = try_all(job, estimate);
    if (result != RD_OK)
        return result;
    job->summary.identical = estimate->identical;
    job->summary.stats.in_bytes = (estimate->old.size + estimate->new.size) * (uint64_t)estimate->trial_count;
    if (!job_prints(job))
        return RD_OK;
    progress_clear(&job->progress);
    estimate_print(stdout, estimate);
    return output_check_printed(&job->failure);
}

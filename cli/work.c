/*
 * work.c: what the verbs do with files that are open: calls of the library.
 */
#include "work.h"

bool job_prints(const cli_job *job) {
    return !job->options->json || job->options->json_file != NULL;
}

rd_options job_options(cli_job *job, rd_stats *stats) {
    if (stats != NULL)
        stats->size = sizeof *stats;
    return (rd_options){
        .size = sizeof(rd_options),
        .params = job->summary.params,
        .progress = progress_tell,
        .progress_context = &job->progress,
        .stats = stats,
        .error = &job->failure.error,
        .threads = job->options->threads,
        .verify = job->options->verify,
        .limits = job->options->limits,
        .compression = job->options->compression,
    };
}

/* The parameters are settled here and not in the library, so that --verbose tells what is used. */
rd_result work_signature(cli_job *job) {
    const rd_source *basis = &job->inputs[0].source;
    job->summary.params = job->options->params;
    job->summary.compressed = job->options->compression > 0;
    if (rd_params_resolve(&job->summary.params, basis->size) != RD_OK)
        return failure_refusal(&job->failure, RD_ROLE_NONE, "a size is out of range", "see 'redelta signature --help'");
    if (job->options->verbose)
        stats_announce_signature(&job->summary.params, basis->size);
    const rd_options library = job_options(job, &job->summary.stats);
    return rd_signature_make(basis, &job->output.sink, &library);
}

bool work_is_basis(const rd_stats *stats, const rd_params *params, uint64_t blocks) {
    const uint64_t length = stats->copy_bytes;
    const uint64_t needed = length / params->block_len + (length % params->block_len != 0);
    return stats->literal_bytes == 0 && stats->copy_commands <= 1 && needed == blocks;
}

rd_result work_delta(cli_job *job) {
    rd_signature *signature;
    rd_stats load_stats = {0};
    progress_step(&job->progress, "signature");
    const rd_options load_options = job_options(job, &load_stats);
    const rd_result loaded = rd_signature_load(&signature, &job->inputs[0].source, &load_options);
    if (loaded != RD_OK)
        return loaded;
    cli_summary *summary = &job->summary;
    rd_signature_params(signature, &summary->params);
    summary->signature_bytes = load_stats.in_bytes;
    summary->signature_blocks = rd_signature_count(signature);
    summary->compressed = job->options->compression > 0;
    progress_clear(&job->progress);
    if (job->options->verbose)
        stats_announce_delta(&summary->params, summary->signature_blocks, job->inputs[1].source.size);
    const rd_options library = job_options(job, &summary->stats);
    progress_step(&job->progress, "delta");
    const rd_result result = rd_delta_make(signature, &job->inputs[1].source, &job->output.sink, &library);
    rd_signature_free(signature);
    summary->identical = work_is_basis(&summary->stats, &summary->params, summary->signature_blocks);
    return result;
}

rd_result work_patch(cli_job *job) {
    if (job->options->verbose)
        stats_announce_files(VERB_PATCH, "basis", job->inputs[0].source.size, "delta", job->inputs[1].source.size);
    const rd_options library = job_options(job, &job->summary.stats);
    const rd_result result =
        rd_patch_apply(&job->inputs[0].source, &job->inputs[1].source, &job->output.sink, &library);
    const rd_stats *stats = &job->summary.stats;
    job->summary.identical =
        stats->literal_bytes == 0 && stats->copy_commands <= 1 && stats->copy_bytes == job->inputs[0].source.size;
    return result;
}

rd_result work_verify(cli_job *job) {
    if (job->options->verbose)
        stats_announce_files(VERB_VERIFY, "delta", job->inputs[0].source.size, "file", job->inputs[1].source.size);
    const rd_options library = job_options(job, &job->summary.stats);
    return rd_delta_verify(&job->inputs[0].source, &job->inputs[1].source, &library);
}

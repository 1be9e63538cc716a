/*
 * job.c: see job.h.
 */
#include "cli/verbs/job.h"

#include "cli/report/numbers.h"
#include "cli/report/records.h"
#include "cli/report/table.h"

bool job_prints(const cli_job *job) {
    return !job->request->json || job->request->json_file != NULL;
}

rd_options job_options(cli_job *job, rd_stats *stats) {
    if (stats != NULL)
        stats->size = sizeof *stats;
    return (rd_options){
        .size = sizeof(rd_options),
        .params = job->params,
        .progress = progress_show,
        .progress_context = &job->progress,
        .stats = stats,
        .error = &job->failure.error,
        .threads = job->request->threads,
        .verify = job->request->verify,
        .sparse = job->request->sparse,
        .limits = job->request->limits,
        .compression = job->request->compression,
        .form = job->request->form,
        .changed = job->request->changed,
    };
}

rd_result job_keep_changed(cli_job *job, rd_result result) {
    if (result != RD_E_CHANGED)
        return result;
    job->suspect = true;
    return RD_OK;
}

void job_note_changed(cli_job *job, const rd_stats *stats) {
    if (stats->changed != RD_ROLE_NONE)
        job->changed = stats->changed;
}

static rd_result job_discard(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

rd_sink job_null_sink(void) {
    return rd_sink_callback(job_discard, NULL);
}

rd_result job_settle_params(cli_job *job, uint64_t size) {
    job->params = job->request->params;
    if (rd_params_resolve(&job->params, size) == RD_OK)
        return RD_OK;
    return failure_refusal(&job->failure, RD_ROLE_NONE, "a size is out of range", NULL);
}

void job_announce(const cli_job *job, const char *one, const char *other) {
    (void)fprintf(stderr, "redelta: %s: %s of %s bytes, %s of %s bytes\n", job->progress.verb, one,
                  size_or_unknown(job->inputs[0].source.size).text, other,
                  size_or_unknown(job->inputs[1].source.size).text);
}

/* ---- Figures ---------------------------------------------------------------------------------------------------- */

void job_print_commands(const rd_stats *stats) {
    const uint64_t whole = stats->copy_bytes + stats->literal_bytes;
    table_counted(stderr, "copied", stats->copy_bytes, whole, stats->copy_commands, "command");
    table_counted(stderr, "literal", stats->literal_bytes, whole, stats->literal_commands, "command");
}

/* Whether what was made has a form before compression. */
static bool job_has_plain(const cli_job *job) {
    return job->request->compression > 0 && job->request->form == RD_FORM_PLAIN;
}

void job_print_delta(const cli_job *job, uint64_t whole) {
    const rd_stats *const stats = &job->stats;
    table_share(stderr, "delta", stats->out_bytes, whole, "new file");
    if (job_has_plain(job))
        table_share(stderr, "uncompressed", rd_stats_delta_size(stats), whole, "new file");
}

void job_print_holes(const rd_stats *stats) {
    if (stats->hole_bytes > 0)
        table_share(stderr, "holes", stats->hole_bytes, stats->out_bytes, "new file");
}

void job_put_uncompressed(json_writer *record, const cli_job *job, uint64_t size) {
    json_number(record, "uncompressed", job_has_plain(job) ? size : RD_UNKNOWN);
}

void job_put_blocks(json_writer *record, const cli_job *job, uint64_t count) {
    json_object(record, "blocks");
    json_number(record, "count", count);
    json_number(record, "length", job->params.block_len);
    json_end(record);
    record_sums(record, &job->params);
}

static void job_put_kind(json_writer *record, const char *kind, uint64_t bytes, uint64_t commands) {
    json_object(record, kind);
    json_number(record, "bytes", bytes);
    json_number(record, "commands", commands);
    json_end(record);
}

void job_put_commands(json_writer *record, const cli_job *job, uint64_t whole, uint64_t sent) {
    const rd_stats *const stats = &job->stats;
    job_put_kind(record, "copied", stats->copy_bytes, stats->copy_commands);
    job_put_kind(record, "literal", stats->literal_bytes, stats->literal_commands);
    if (whole > 0)
        json_real(record, "saved", 1.0 - (double)sent / (double)whole);
    else
        json_null(record, "saved");
    json_bool(record, "identical", job->identical);
}

const char *job_sync_outcome(const cli_job *job) {
    const bool dry = job->request->dry_run;
    if (job->identical)
        return "unchanged";
    if (job->created)
        return dry ? "would be created" : "created";
    return dry ? "would be updated" : "updated";
}

/*
 * result.c: see result.h, and docs/json.md for what each part means.
 */
#include "result.h"

#include <stdio.h>

#include "estimate.h"
#include "inspect.h"
#include "numbers.h"
#include "records.h"

static void put_file(json_writer *record, const char *role, const char *name, uint64_t size) {
    json_object(record, role);
    json_bytes(record, "name", name);
    json_number(record, "size", size);
    json_end(record);
}

/* How long what was made is without compression; null if it is not compressed. */
static void put_uncompressed(json_writer *record, const cli_summary *summary, uint64_t size) {
    json_number(record, "uncompressed", summary->compressed ? size : RD_UNKNOWN);
}

static void put_blocks(json_writer *record, uint64_t count, const rd_params *params) {
    json_object(record, "blocks");
    json_number(record, "count", count);
    json_number(record, "length", params->block_len);
    json_end(record);
    result_put_sums(record, params);
}

void result_put_sums(json_writer *record, const rd_params *params) {
    json_object(record, "sums");
    json_text(record, "weak", weak_name(params));
    json_text(record, "strong", strong_name(params));
    json_number(record, "strong_length", (uint64_t)params->strong_len);
    json_end(record);
}

static void put_commands(json_writer *record, const char *kind, uint64_t bytes, uint64_t commands) {
    json_object(record, kind);
    json_number(record, "bytes", bytes);
    json_number(record, "commands", commands);
    json_end(record);
}

/* What the commands of a delta are, and what it saves of `whole` bytes if `sent` bytes travel instead. */
static void put_delta(json_writer *record, const cli_summary *summary, uint64_t whole, uint64_t sent) {
    const rd_stats *stats = &summary->stats;
    put_commands(record, "copied", stats->copy_bytes, stats->copy_commands);
    put_commands(record, "literal", stats->literal_bytes, stats->literal_commands);
    if (whole > 0)
        json_real(record, "saved", 1.0 - (double)sent / (double)whole);
    else
        json_null(record, "saved");
    json_bool(record, "identical", summary->identical);
}

void result_put_digest(json_writer *record, const rd_stats *stats) {
    char text[2 * RD_DIGEST_LEN + 1];
    for (size_t i = 0; i < RD_DIGEST_LEN; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", stats->digest[i]);
    json_text(record, "digest", stats->has_digest ? text : NULL);
}

static void put_signature(json_writer *record, const cli_job *job) {
    const rd_stats *stats = &job->summary.stats;
    json_object(record, "files");
    put_file(record, "basis", job->options->inputs[0], stats->in_bytes);
    put_file(record, "signature", job->options->output, stats->out_bytes);
    json_end(record);
    put_uncompressed(record, &job->summary, summary_plain_signature(&job->summary));
    put_blocks(record, stats->blocks, &job->summary.params);
    record_time(record, job->summary.seconds, stats->in_bytes);
}

static void put_delta_made(json_writer *record, const cli_job *job) {
    const rd_stats *stats = &job->summary.stats;
    json_object(record, "files");
    put_file(record, "signature", job->options->inputs[0], job->summary.signature_bytes);
    put_file(record, "new", job->options->inputs[1], stats->in_bytes);
    put_file(record, "delta", job->options->output, stats->out_bytes);
    json_end(record);
    put_uncompressed(record, &job->summary, summary_plain_delta(&job->summary));
    put_blocks(record, job->summary.signature_blocks, &job->summary.params);
    put_delta(record, &job->summary, stats->in_bytes, stats->out_bytes);
    json_number(record, "false_matches", stats->false_matches);
    result_put_digest(record, stats);
    record_time(record, job->summary.seconds, stats->in_bytes);
}

static void put_patch(json_writer *record, const cli_job *job) {
    const rd_stats *stats = &job->summary.stats;
    json_object(record, "files");
    put_file(record, "basis", job->options->inputs[0], job->inputs[0].source.size);
    put_file(record, "delta", job->options->inputs[1], stats->in_bytes);
    put_file(record, "new", job->options->output, stats->out_bytes);
    json_end(record);
    put_delta(record, &job->summary, stats->out_bytes, stats->in_bytes);
    json_bool(record, "verified", stats->has_digest);
    result_put_digest(record, stats);
    record_time(record, job->summary.seconds, stats->out_bytes);
}

static void put_verify(json_writer *record, const cli_job *job) {
    const rd_stats *stats = &job->summary.stats;
    json_object(record, "files");
    put_file(record, "delta", job->options->inputs[0], job->inputs[0].source.size);
    put_file(record, "new", job->options->inputs[1], stats->in_bytes);
    json_end(record);
    json_bool(record, "verified", stats->has_digest);
    result_put_digest(record, stats);
    record_time(record, job->summary.seconds, stats->in_bytes);
}

static void put_sync(json_writer *record, const cli_job *job) {
    const cli_summary *summary = &job->summary;
    const uint64_t delta_bytes = summary->stats.in_bytes;
    json_object(record, "files");
    put_file(record, "old", job->options->inputs[0], job->inputs[0].source.size);
    put_file(record, "new", job->options->inputs[1], summary->stats.out_bytes);
    json_end(record);
    put_blocks(record, summary->signature_blocks, &summary->params);
    put_delta(record, summary, summary->stats.out_bytes, summary->signature_bytes + delta_bytes);
    json_number(record, "signature_bytes", summary->signature_bytes);
    json_number(record, "delta_bytes", delta_bytes);
    json_bool(record, "created", summary->created);
    result_put_digest(record, &summary->stats);
    record_time(record, summary->seconds, summary->stats.out_bytes);
}

static void put_inspected(json_writer *record, const cli_job *job) {
    json_object(record, "files");
    put_file(record, "inspected", job->options->inputs[0], job->summary.stats.in_bytes);
    if (job->options->makes_output)
        put_file(record, "page", job->options->output, job->summary.stats.out_bytes);
    json_end(record);
    if (!job->options->ops) {
        json_object(record, "inspected");
        inspection_put(record, job->inspection);
        json_end(record);
    }
    record_time(record, job->summary.seconds, job->summary.stats.in_bytes);
}

static void put_estimated(json_writer *record, const cli_job *job) {
    json_object(record, "files");
    put_file(record, "basis", job->options->inputs[0], job->inputs[0].source.size);
    put_file(record, "new", job->options->inputs[1], job->inputs[1].source.size);
    json_end(record);
    json_object(record, "estimated");
    estimate_put(record, job->estimate);
    json_end(record);
    record_time(record, job->summary.seconds, job->inputs[0].source.size + job->inputs[1].source.size);
}

void result_send(const cli_job *job, int status) {
    json_writer *const record = record_start("result");
    json_text(record, "verb", verb_name(job->options->verb));
    json_number(record, "status", (uint64_t)status);
    switch (job->options->verb) {
    case VERB_SIGNATURE: put_signature(record, job); break;
    case VERB_DELTA: put_delta_made(record, job); break;
    case VERB_PATCH: put_patch(record, job); break;
    case VERB_VERIFY: put_verify(record, job); break;
    case VERB_SYNC: put_sync(record, job); break;
    case VERB_INSPECT: put_inspected(record, job); break;
    case VERB_ESTIMATE: put_estimated(record, job); break;
    default: break;
    }
    record_end(record);
}

/*
 * result.c: see result.h, and docs/json.md for what each part means.
 */
#include "result.h"

#include <stdio.h>

#include "json.h"
#include "numbers.h"

static void put_file(cli_record *files, const char *role, const char *name, uint64_t size) {
    cli_record *file = record_part();
    record_put_name(file, "name", name);
    record_put_number(file, "size", size);
    record_put(files, role, file);
}

/* How long what was made is without compression; null if it is not compressed. */
static void put_uncompressed(cli_record *record, const cli_summary *summary, uint64_t size) {
    if (summary->compressed)
        record_put_number(record, "uncompressed", size);
    else
        record_put_text(record, "uncompressed", NULL);
}

static void put_blocks(cli_record *record, uint64_t count, const rd_params *params) {
    cli_record *blocks = record_part();
    cli_record *sums = record_part();
    record_put_number(blocks, "count", count);
    record_put_number(blocks, "length", params->block_len);
    record_put(record, "blocks", blocks);
    record_put_text(sums, "weak", weak_name(params));
    record_put_text(sums, "strong", strong_name(params));
    record_put_number(sums, "strong_length", (uint64_t)params->strong_len);
    record_put(record, "sums", sums);
}

static void put_commands(cli_record *record, const char *kind, uint64_t bytes, uint64_t commands) {
    cli_record *part = record_part();
    record_put_number(part, "bytes", bytes);
    record_put_number(part, "commands", commands);
    record_put(record, kind, part);
}

/* What the commands of a delta are, and what it spares of `whole` bytes if `sent` bytes travel instead. */
static void put_delta(cli_record *record, const cli_summary *summary, uint64_t whole, uint64_t sent) {
    const rd_stats *stats = &summary->stats;
    put_commands(record, "copied", stats->copy_bytes, stats->copy_commands);
    put_commands(record, "literal", stats->literal_bytes, stats->literal_commands);
    if (whole > 0)
        record_put_real(record, "saved", 1.0 - (double)sent / (double)whole);
    else
        record_put_text(record, "saved", NULL);
    record_put_flag(record, "identical", summary->identical);
}

void result_put_digest(cli_record *record, const rd_stats *stats) {
    char text[2 * RD_DIGEST_LEN + 1];
    for (size_t i = 0; i < RD_DIGEST_LEN; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", stats->digest[i]);
    record_put_text(record, "digest", stats->has_digest ? text : NULL);
}

static void put_signature(cli_record *record, cli_record *files, const cli_job *job) {
    const rd_stats *stats = &job->summary.stats;
    put_file(files, "basis", job->options->inputs[0], stats->in_bytes);
    put_file(files, "signature", job->options->output, stats->out_bytes);
    put_uncompressed(record, &job->summary, summary_plain_signature(&job->summary));
    put_blocks(record, stats->blocks, &job->summary.params);
    record_put_time(record, job->summary.seconds, stats->in_bytes);
}

static void put_delta_made(cli_record *record, cli_record *files, const cli_job *job) {
    const rd_stats *stats = &job->summary.stats;
    put_file(files, "signature", job->options->inputs[0], job->summary.signature_bytes);
    put_file(files, "new", job->options->inputs[1], stats->in_bytes);
    put_file(files, "delta", job->options->output, stats->out_bytes);
    put_uncompressed(record, &job->summary, summary_plain_delta(&job->summary));
    put_blocks(record, job->summary.signature_blocks, &job->summary.params);
    put_delta(record, &job->summary, stats->in_bytes, stats->out_bytes);
    record_put_number(record, "false_matches", stats->false_matches);
    result_put_digest(record, stats);
    record_put_time(record, job->summary.seconds, stats->in_bytes);
}

static void put_patch(cli_record *record, cli_record *files, const cli_job *job) {
    const rd_stats *stats = &job->summary.stats;
    put_file(files, "basis", job->options->inputs[0], job->inputs[0].source.size);
    put_file(files, "delta", job->options->inputs[1], stats->in_bytes);
    put_file(files, "new", job->options->output, stats->out_bytes);
    put_delta(record, &job->summary, stats->out_bytes, stats->in_bytes);
    record_put_flag(record, "verified", stats->has_digest);
    result_put_digest(record, stats);
    record_put_time(record, job->summary.seconds, stats->out_bytes);
}

static void put_verify(cli_record *record, cli_record *files, const cli_job *job) {
    const rd_stats *stats = &job->summary.stats;
    put_file(files, "delta", job->options->inputs[0], job->inputs[0].source.size);
    put_file(files, "new", job->options->inputs[1], stats->in_bytes);
    record_put_flag(record, "verified", stats->has_digest);
    result_put_digest(record, stats);
    record_put_time(record, job->summary.seconds, stats->in_bytes);
}

static void put_sync(cli_record *record, cli_record *files, const cli_job *job) {
    const cli_summary *summary = &job->summary;
    const uint64_t delta_bytes = summary->stats.in_bytes;
    put_file(files, "old", job->options->inputs[0], job->inputs[0].source.size);
    put_file(files, "new", job->options->inputs[1], summary->stats.out_bytes);
    put_blocks(record, summary->signature_blocks, &summary->params);
    put_delta(record, summary, summary->stats.out_bytes, summary->signature_bytes + delta_bytes);
    record_put_number(record, "signature_bytes", summary->signature_bytes);
    record_put_number(record, "delta_bytes", delta_bytes);
    record_put_flag(record, "created", summary->created);
    result_put_digest(record, &summary->stats);
    record_put_time(record, summary->seconds, summary->stats.out_bytes);
}

static void put_inspected(cli_record *record, cli_record *files, const cli_job *job) {
    put_file(files, "inspected", job->options->inputs[0], job->summary.stats.in_bytes);
    if (job->options->makes_output)
        put_file(files, "page", job->options->output, job->summary.stats.out_bytes);
    if (job->details != NULL)
        record_put(record, "inspected", job->details);
    record_put_time(record, job->summary.seconds, job->summary.stats.in_bytes);
}

static void put_estimated(cli_record *record, cli_record *files, const cli_job *job) {
    put_file(files, "basis", job->options->inputs[0], job->inputs[0].source.size);
    put_file(files, "new", job->options->inputs[1], job->inputs[1].source.size);
    record_put(record, "estimated", job->details);
    record_put_time(record, job->summary.seconds, job->inputs[0].source.size + job->inputs[1].source.size);
}

void result_send(cli_job *job, int status) {
    cli_record *record = record_new("result");
    cli_record *files = record_part();
    record_put_text(record, "verb", verb_name(job->options->verb));
    record_put_number(record, "status", (uint64_t)status);
    switch (job->options->verb) {
    case VERB_SIGNATURE: put_signature(record, files, job); break;
    case VERB_DELTA: put_delta_made(record, files, job); break;
    case VERB_PATCH: put_patch(record, files, job); break;
    case VERB_VERIFY: put_verify(record, files, job); break;
    case VERB_SYNC: put_sync(record, files, job); break;
    case VERB_INSPECT: put_inspected(record, files, job); break;
    case VERB_ESTIMATE: put_estimated(record, files, job); break;
    default: break;
    }
    job->details = NULL;
    record_put(record, "files", files);
    record_send(record);
}

/*
 * stats.c: figures for people. A table of labels on the left and exact numbers of bytes on the right, digits in groups
 * of three; shares are of the file that would have to travel if there were no delta.
 */
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>

#include "numbers.h"

/* ---- Without compression ---------------------------------------------------------------------------------------- */

uint64_t summary_plain_signature(const cli_summary *summary) {
    const uint64_t header = 12;
    const uint64_t weak_length = 4;
    return header + summary->stats.blocks * (weak_length + (uint64_t)summary->params.strong_len);
}

uint64_t summary_plain_delta(const cli_summary *summary) {
    const rd_stats *stats = &summary->stats;
    const uint64_t magic_and_end = 5;
    const uint64_t trailer = stats->has_digest ? 56 : 0;
    return magic_and_end + stats->literal_command_bytes + stats->literal_bytes + stats->copy_command_bytes + trailer;
}

/* ---- At the start ----------------------------------------------------------------------------------------------- */

void stats_announce_signature(const rd_params *params, uint64_t basis_size) {
    (void)fprintf(stderr,
                  "redelta: signature: basis of %s bytes; blocks of %s bytes, sums %s and %s of %" PRId32 " bytes\n",
                  size_or_unknown(basis_size).text, grouped(params->block_len).text, weak_name(params),
                  strong_name(params), params->strong_len);
}

void stats_announce_delta(const rd_params *params, uint64_t blocks, uint64_t new_size) {
    (void)fprintf(stderr, "redelta: delta: signature of %s blocks of %s bytes, sums %s and %s of %" PRId32 " bytes\n",
                  grouped(blocks).text, grouped(params->block_len).text, weak_name(params), strong_name(params),
                  params->strong_len);
    (void)fprintf(stderr, "redelta: delta: new file of %s bytes\n", size_or_unknown(new_size).text);
}

void stats_announce_files(cli_verb verb, const char *one, uint64_t one_size, const char *other, uint64_t other_size) {
    (void)fprintf(stderr, "redelta: %s: %s of %s bytes, %s of %s bytes\n", verb_name(verb), one,
                  size_or_unknown(one_size).text, other, size_or_unknown(other_size).text);
}

void stats_announce_inspect(uint64_t size) {
    (void)fprintf(stderr, "redelta: inspect: file of %s bytes\n", size_or_unknown(size).text);
}

void stats_announce_trial(uint32_t block_len) {
    (void)fprintf(stderr, "redelta: estimate: blocks of %s bytes\n", grouped(block_len).text);
}

/* ---- At the end ------------------------------------------------------------------------------------------------- */

static void put_size(const char *label, uint64_t bytes) {
    (void)fprintf(stderr, "%-14s %20s bytes\n", label, grouped(bytes).text);
}

static void put_share(const char *label, uint64_t bytes, uint64_t whole, const char *of) {
    (void)fprintf(stderr, "%-14s %20s bytes  (%.2f %% of the %s)\n", label, grouped(bytes).text, percent(bytes, whole),
                  of);
}

static void put_commands(const char *label, uint64_t bytes, uint64_t whole, uint64_t commands) {
    (void)fprintf(stderr, "%-14s %20s bytes  (%.2f %%) in %s command%s\n", label, grouped(bytes).text,
                  percent(bytes, whole), grouped(commands).text, commands == 1 ? "" : "s");
}

static void put_blocks(uint64_t blocks, const rd_params *params) {
    (void)fprintf(stderr, "%-14s %20s of %s bytes\n", "blocks", grouped(blocks).text, grouped(params->block_len).text);
    (void)fprintf(stderr, "%-14s %20s and %s of %" PRId32 " bytes\n", "sums", weak_name(params), strong_name(params),
                  params->strong_len);
}

static void put_time(double seconds, uint64_t bytes) {
    (void)fprintf(stderr, "%-14s %20.3f seconds", "time", seconds);
    if (seconds > 0.0)
        (void)fprintf(stderr, ", %.1f MB/s", (double)bytes / seconds / 1e6);
    (void)fputc('\n', stderr);
}

static void print_signature(const cli_summary *summary) {
    const rd_stats *stats = &summary->stats;
    put_size("basis", stats->in_bytes);
    put_share("signature", stats->out_bytes, stats->in_bytes, "basis");
    if (summary->compressed)
        put_share("uncompressed", summary_plain_signature(summary), stats->in_bytes, "basis");
    put_blocks(stats->blocks, &summary->params);
    put_time(summary->seconds, stats->in_bytes);
}

static void print_copied_and_literal(const rd_stats *stats) {
    const uint64_t whole = stats->copy_bytes + stats->literal_bytes;
    put_commands("copied", stats->copy_bytes, whole, stats->copy_commands);
    put_commands("literal", stats->literal_bytes, whole, stats->literal_commands);
}

static void print_delta(const cli_summary *summary) {
    const rd_stats *stats = &summary->stats;
    put_size("signature", summary->signature_bytes);
    put_blocks(summary->signature_blocks, &summary->params);
    put_size("new file", stats->in_bytes);
    put_share("delta", stats->out_bytes, stats->in_bytes, "new file");
    if (summary->compressed)
        put_share("uncompressed", summary_plain_delta(summary), stats->in_bytes, "new file");
    print_copied_and_literal(stats);
    (void)fprintf(stderr, "%-14s %20s\n", "false matches", grouped(stats->false_matches).text);
    put_time(summary->seconds, stats->in_bytes);
}

static void print_patch(const cli_summary *summary) {
    const rd_stats *stats = &summary->stats;
    put_share("delta", stats->in_bytes, stats->out_bytes, "new file");
    put_size("new file", stats->out_bytes);
    print_copied_and_literal(stats);
    put_time(summary->seconds, stats->out_bytes);
}

static void print_read(const char *label, const cli_summary *summary) {
    put_size(label, summary->stats.in_bytes);
    put_time(summary->seconds, summary->stats.in_bytes);
}

static void print_sync(const cli_summary *summary) {
    put_size("signature", summary->signature_bytes);
    put_blocks(summary->signature_blocks, &summary->params);
    print_patch(summary);
}

void stats_print(cli_verb verb, const cli_summary *summary) {
    switch (verb) {
    case VERB_SIGNATURE: print_signature(summary); break;
    case VERB_DELTA: print_delta(summary); break;
    case VERB_PATCH: print_patch(summary); break;
    case VERB_VERIFY: print_read("verified file", summary); break;
    case VERB_SYNC: print_sync(summary); break;
    case VERB_INSPECT: print_read("inspected file", summary); break;
    case VERB_ESTIMATE: print_read("read", summary); break;
    default: break;
    }
}

/*
 * stats.c: figures for people. A table of labels on the left and exact numbers of bytes on the right, digits in groups
 * of three; shares are of the file that would have to travel if there were no delta.
 */
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>

enum { NUMBER_MAX = 32 };

typedef struct number {
    char text[NUMBER_MAX];
} number;

/* 1234567 as "1,234,567". The last group is written first, so the text is built from its end. */
static number grouped(uint64_t value) {
    number result = {{0}};
    char reversed[NUMBER_MAX];
    size_t length = 0;
    for (size_t digits = 0; digits == 0 || value != 0; value /= 10, digits++) {
        if (digits != 0 && digits % 3 == 0)
            reversed[length++] = ',';
        reversed[length++] = (char)('0' + value % 10);
    }
    for (size_t i = 0; i < length; i++)
        result.text[i] = reversed[length - 1 - i];
    return result;
}

static number size_or_unknown(uint64_t size) {
    return size == RD_UNKNOWN ? (number){"unknown"} : grouped(size);
}

const char *stats_weak_name(const rd_params *params) {
    return params->weak == RD_ROLLSUM ? "rollsum" : "rabinkarp";
}

const char *stats_strong_name(const rd_params *params) {
    return params->strong == RD_MD4 ? "md4" : "blake2";
}

static double percent(uint64_t part, uint64_t whole) {
    return whole != 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

/* ---- At the start ----------------------------------------------------------------------------------------------- */

void stats_announce_signature(const rd_params *params, uint64_t basis_size) {
    (void)fprintf(stderr,
                  "redelta: signature: basis of %s bytes; blocks of %s bytes, sums %s and %s of %" PRId32 " bytes\n",
                  size_or_unknown(basis_size).text, grouped(params->block_len).text, stats_weak_name(params),
                  stats_strong_name(params), params->strong_len);
}

void stats_announce_delta(const rd_params *params, uint64_t blocks, uint64_t new_size) {
    (void)fprintf(stderr, "redelta: delta: signature of %s blocks of %s bytes, sums %s and %s of %" PRId32 " bytes\n",
                  grouped(blocks).text, grouped(params->block_len).text, stats_weak_name(params),
                  stats_strong_name(params), params->strong_len);
    (void)fprintf(stderr, "redelta: delta: new file of %s bytes\n", size_or_unknown(new_size).text);
}

void stats_announce_patch(uint64_t basis_size, uint64_t delta_size) {
    (void)fprintf(stderr, "redelta: patch: basis of %s bytes, delta of %s bytes\n", size_or_unknown(basis_size).text,
                  size_or_unknown(delta_size).text);
}

void stats_announce_verify(uint64_t delta_size, uint64_t file_size) {
    (void)fprintf(stderr, "redelta: verify: delta of %s bytes, file of %s bytes\n", size_or_unknown(delta_size).text,
                  size_or_unknown(file_size).text);
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
    (void)fprintf(stderr, "%-14s %20s and %s of %" PRId32 " bytes\n", "sums", stats_weak_name(params),
                  stats_strong_name(params), params->strong_len);
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

static void print_verify(const cli_summary *summary) {
    put_size("verified file", summary->stats.in_bytes);
    put_time(summary->seconds, summary->stats.in_bytes);
}

void stats_print(cli_verb verb, const cli_summary *summary) {
    switch (verb) {
    case VERB_SIGNATURE: print_signature(summary); break;
    case VERB_DELTA: print_delta(summary); break;
    case VERB_PATCH: print_patch(summary); break;
    case VERB_VERIFY: print_verify(summary); break;
    default: break;
    }
}

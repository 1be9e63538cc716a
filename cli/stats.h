/*
 * stats.h: what an operation does and did, in figures for people, on standard error.
 */
#ifndef REDELTA_CLI_STATS_H
#define REDELTA_CLI_STATS_H

#include "options.h"

/* Everything that can be told about an operation that is done. */
typedef struct cli_summary {
    rd_params params;         /* of the signature made or loaded */
    uint64_t signature_bytes; /* of the signature loaded for a delta */
    uint64_t signature_blocks;
    rd_stats stats;
    bool compressed; /* what was made */
    bool identical;  /* the new file is the basis */
    bool created;    /* of sync: there was no old file */
    double seconds;
} cli_summary;

/* How long what was made is without compression: a signature, and a delta. */
uint64_t summary_plain_signature(const cli_summary *summary);
uint64_t summary_plain_delta(const cli_summary *summary);

/* --verbose: a line at the start, about the signature that is made or was loaded, or about the files; and each trial.
 */
void stats_announce_signature(const rd_params *params, uint64_t basis_size);
void stats_announce_delta(const rd_params *params, uint64_t blocks, uint64_t new_size);
void stats_announce_files(cli_verb verb, const char *one, uint64_t one_size, const char *other, uint64_t other_size);
void stats_announce_inspect(uint64_t size);
void stats_announce_trial(uint32_t block_len);

/* --stats: a table at the end. */
void stats_print(cli_verb verb, const cli_summary *summary);

#endif

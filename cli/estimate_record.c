/*
 * estimate_record.c: an estimate for programs. docs/json.md says what each part means.
 */
#include "estimate.h"

static void put_subject(cli_record *record, const char *key, const cli_subject *subject) {
    cli_record *const part = record_part();
    record_put_text(part, "looks_like", subject->looks.what);
    record_put_number(part, "samples", subject->samples);
    record_put_number(part, "random_samples", subject->random);
    record_put(record, key, part);
}

static void put_trial(cli_record *record, const cli_trial *trial) {
    cli_record *const part = record_part();
    record_put_number(part, "block_length", trial->block_len);
    record_put_number(part, "signature", trial->signature_bytes);
    record_put_number(part, "delta", trial->delta_bytes);
    record_put_number(part, "delta_compressed", trial->compressed_bytes);
    record_put_number(part, "literal", trial->literal_bytes);
    record_append(record, "trials", part);
}

cli_record *estimate_record(const cli_estimate *estimate) {
    cli_record *const record = record_part();
    const bool compresses = estimate_compresses(estimate);
    put_subject(record, "old", &estimate->old);
    put_subject(record, "new", &estimate->new);
    record_put_number(record, "usual_block_length", estimate->usual_block_len);
    record_put_number(record, "best_block_length", estimate_best(estimate, trial_total)->block_len);
    record_put_number(record, "best_block_length_compressed",
                      compresses ? estimate_best(estimate, trial_compressed_total)->block_len : RD_UNKNOWN);
    record_put_flag(record, "identical", estimate->identical);
    record_put_flag(record, "hopeless", estimate_is_hopeless(estimate));
    for (int i = 0; i < estimate->trial_count; i++)
        put_trial(record, &estimate->trials[i]);
    return record;
}

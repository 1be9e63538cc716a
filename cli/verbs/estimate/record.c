/*
 * record.c: see record.h, and docs/json.md for what each member means.
 */
#include "cli/verbs/estimate/record.h"

#include "cli/verbs/estimate/diffs.h"

static void estimate_put_subject(json_writer *json, const char *key, const cli_subject *subject) {
    json_object(json, key);
    json_text(json, "looks_like", subject->looks.what);
    json_number(json, "holes", subject->holes);
    json_number(json, "samples", subject->samples);
    json_number(json, "random_samples", subject->random);
    json_end(json);
}

static void estimate_put_trial(json_writer *json, const cli_trial *trial) {
    json_object(json, NULL);
    json_number(json, "block_length", trial->block_len);
    json_number(json, "signature", trial->signature_bytes);
    json_number(json, "delta", trial->delta_bytes);
    json_number(json, "delta_compressed", trial->compressed_bytes);
    json_number(json, "literal", trial->literal_bytes);
    json_end(json);
}

static void estimate_put_diffs(json_writer *json, const cli_estimate *estimate) {
    json_array(json, "diffs");
    for (int i = 0; i < estimate->diff_count; i++) {
        const cli_diff *const diff = &estimate->diffs[i];
        json_object(json, NULL);
        json_text(json, "form", diff_form_name(diff->form));
        json_number(json, "delta", diff->bytes);
        json_real(json, "seconds", diff->seconds);
        json_end(json);
    }
    json_end(json);
    json_number(json, "diffs_sample", estimate->sample_bytes > 0 ? estimate->sample_bytes : RD_UNKNOWN);
}

void estimate_put(json_writer *json, const cli_estimate *estimate) {
    const bool compresses = estimate_compresses(estimate);
    estimate_put_subject(json, "old", &estimate->old);
    estimate_put_subject(json, "new", &estimate->new);
    json_number(json, "usual_block_length", estimate->usual_block_len);
    json_number(json, "best_block_length", estimate_best(estimate, trial_total)->block_len);
    json_number(json, "best_block_length_compressed",
                compresses ? estimate_best(estimate, trial_compressed_total)->block_len : RD_UNKNOWN);
    json_bool(json, "identical", estimate->identical);
    json_bool(json, "hopeless", estimate_is_hopeless(estimate));
    estimate_put_diffs(json, estimate);
    json_array(json, "trials");
    for (int i = 0; i < estimate->trial_count; i++)
        estimate_put_trial(json, &estimate->trials[i]);
    json_end(json);
}

/*
 * text.c: an estimate for people: a row for each block length, and the advice.
 */
#include "cli/verbs/estimate/text.h"

#include <inttypes.h>

#include "cli/report/numbers.h"
#include "cli/verbs/estimate/diffs.h"

static void estimate_print_subject(FILE *out, const char *label, const cli_subject *subject) {
    (void)fprintf(out, "%-10s", label);
    failure_put_name(out, subject->name);
    (void)fprintf(out, ": %s bytes, %s", grouped(subject->size).text, subject->looks.what);
    if (subject->random * 10 > subject->samples)
        (void)fprintf(out, "; %.0f %% of it looks compressed or encrypted", percent(subject->random, subject->samples));
    if (subject->holes > 0)
        (void)fprintf(out, "; %s bytes of it are holes", grouped(subject->holes).text);
    (void)fputc('\n', out);
}

/* ---- The table -------------------------------------------------------------------------------------------------- */

/* The share of the new file that is sent, in a column. An empty file has none. */
static void estimate_print_share(FILE *out, uint64_t sent, uint64_t whole) {
    if (whole > 0)
        (void)fprintf(out, " %7.2f %%", percent(sent, whole));
    else
        (void)fprintf(out, " %9s", "-");
}

static void estimate_print_table(FILE *out, const cli_estimate *estimate) {
    const uint64_t whole = estimate->new.size;
    const bool compresses = estimate_compresses(estimate);
    (void)fprintf(out, "\n%12s  %14s %14s %9s", "block length", "signature", "delta", "total");
    if (compresses)
        (void)fprintf(out, " %14s %9s", "delta -z", "total");
    (void)fputc('\n', out);
    for (int i = 0; i < estimate->trial_count; i++) {
        const cli_trial *const trial = &estimate->trials[i];
        (void)fprintf(out, "%12s%c %14s %14s", grouped(trial->block_len).text,
                      trial->block_len == estimate->usual_block_len ? '*' : ' ', grouped(trial->signature_bytes).text,
                      grouped(trial->delta_bytes).text);
        estimate_print_share(out, trial_total(trial), whole);
        if (compresses) {
            (void)fprintf(out, " %14s", grouped(trial->compressed_bytes).text);
            estimate_print_share(out, trial_compressed_total(trial), whole);
        }
        (void)fputc('\n', out);
    }
}

/* What diff gives, which needs both files, and no signature. */
static void estimate_print_diffs(FILE *out, const cli_estimate *estimate) {
    (void)fputs("\nWith both files at hand, ", out);
    if (estimate->sample_bytes == 0)
        (void)fputs("measured:\n", out);
    else
        (void)fprintf(out, "estimated from a sample of %s bytes:\n", grouped(estimate->sample_bytes).text);
    (void)fprintf(out, "%-12s  %29s %9s %14s\n", "", "delta", "total", "seconds");
    for (int i = 0; i < estimate->diff_count; i++) {
        const cli_diff *const diff = &estimate->diffs[i];
        (void)fprintf(out, "%-12s  %29s", diff_form_command(diff->form), grouped(diff->bytes).text);
        estimate_print_share(out, diff->bytes, estimate->new.size);
        (void)fprintf(out, " %14.2f\n", diff->seconds);
    }
}

/* ---- The advice ------------------------------------------------------------------------------------------------- */

static const cli_trial *estimate_usual_trial(const cli_estimate *estimate) {
    const cli_trial *trial = estimate->trials;
    while (trial->block_len != estimate->usual_block_len)
        trial++;
    return trial;
}

/* *reason is the one printed last, or NULL: it is not printed twice. */
static void estimate_print_advice(FILE *out, const cli_estimate *estimate, const char *when, trial_cost *cost,
                                  const char **reason) {
    static const char usual_suffices[] = "no other saves more than a hundredth of what is sent.\n";
    static const char shorter[] = "there are many small changes, so shorter blocks save more of the delta than\n"
                                  "their sums add to the signature.\n";
    static const char longer[] = "there are few changes, so longer blocks save more of the signature than they\n"
                                 "add to the delta.\n";
    const cli_trial *const best = estimate_best(estimate, cost);
    const cli_trial *const usual = estimate_usual_trial(estimate);
    const char *const why = best == usual ? usual_suffices : best->block_len < usual->block_len ? shorter : longer;
    (void)fprintf(out, "Recommended%s: --block-size %" PRIu32 ", ", when, best->block_len);
    if (best == usual)
        (void)fputs("the default (*)", out);
    else
        (void)fprintf(out, "which saves %.1f %% over the default (*)", percent(cost(usual) - cost(best), cost(usual)));
    if (why == *reason)
        (void)fputs(",\nfor the same reason.\n", out);
    else
        (void)fprintf(out, "%s\n%s", best == usual ? ";" : ":", why);
    *reason = why;
}

/* The sums can be shorter: what that saves is known without another trial. */
static void estimate_print_sum_size(FILE *out, const cli_estimate *estimate) {
    const cli_trial *const best =
        estimate_best(estimate, estimate_compresses(estimate) ? trial_compressed_total : trial_total);
    rd_params full = estimate->params;
    rd_params least = estimate->params;
    full.block_len = least.block_len = best->block_len;
    least.strong_len = RD_STRONG_LEN_LEAST;
    if (rd_params_resolve(&full, estimate->old.size) != RD_OK || rd_params_resolve(&least, estimate->old.size) != RD_OK)
        return;
    const uint64_t blocks = rd_block_count(&full, estimate->old.size);
    if (blocks > 0 && full.strong_len > least.strong_len)
        (void)fprintf(out,
                      "With --sum-size -1 as well, the signature is %s bytes smaller: its sums then\n"
                      "protect against chance, but not against forgery.\n",
                      grouped(rd_signature_size(&full, blocks) - rd_signature_size(&least, blocks)).text);
}

static void estimate_print_hopeless(FILE *out, const cli_estimate *estimate) {
    const char *const remedy = estimate->new.looks.remedy;
    (void)fprintf(out,
                  "No block length helps: the new file is %s, and its bytes look random;\n"
                  "in such a file a small change alters nearly everything after it. What to do:\n%s.\n",
                  estimate->new.looks.what, remedy != NULL ? remedy : looks_remedy_for_random());
}

/* Nothing that can be chosen is smaller than the new file. */
static bool estimate_saves_nothing(const cli_estimate *estimate) {
    const uint64_t whole = estimate->new.size;
    return trial_total(estimate_best(estimate, trial_total)) >= whole &&
           (!estimate_compresses(estimate) ||
            trial_compressed_total(estimate_best(estimate, trial_compressed_total)) >= whole);
}

static void estimate_print_conclusion(FILE *out, const cli_estimate *estimate) {
    (void)fputc('\n', out);
    if (estimate->identical) {
        (void)fputs("The files are identical: nothing needs to be sent but the signature.\n", out);
        return;
    }
    if (estimate_is_hopeless(estimate)) {
        estimate_print_hopeless(out, estimate);
        return;
    }
    if (estimate->new.size == 0) {
        (void)fputs("The new file is empty: there is nothing to send.\n", out);
        return;
    }
    if (estimate_saves_nothing(estimate)) {
        (void)fputs("Send the new file as it is: signature and delta together are no smaller.\n", out);
        return;
    }
    const char *reason = NULL;
    estimate_print_advice(out, estimate, "", trial_total, &reason);
    if (estimate_compresses(estimate))
        estimate_print_advice(out, estimate, " with delta -z", trial_compressed_total, &reason);
    estimate_print_sum_size(out, estimate);
}

void estimate_print(FILE *out, const cli_estimate *estimate) {
    estimate_print_subject(out, "old file", &estimate->old);
    estimate_print_subject(out, "new file", &estimate->new);
    estimate_print_table(out, estimate);
    estimate_print_diffs(out, estimate);
    estimate_print_conclusion(out, estimate);
}

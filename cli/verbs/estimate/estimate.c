/*
 * estimate.c: the verb estimate: what the files are, and what would be sent at several block lengths.
 */
#include <stdlib.h>

#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/estimate/diffs.h"
#include "cli/verbs/estimate/record.h"
#include "cli/verbs/estimate/text.h"
#include "cli/verbs/verbs.h"

enum { SAMPLES_MAX = 256 };

static const char estimate_help[] =
    "Usage: redelta estimate [OPTION]... OLDFILE NEWFILE\n"
    "\n"
    "Show how much would be sent to make NEWFILE from OLDFILE, by block length:\n"
    "the signature, the delta, and the delta compressed; and recommend a length,\n"
    "with the reason. Also report when no length helps because the files look\n"
    "compressed or encrypted; and what diff gives, with both files at hand, and in\n"
    "which time.\n"
    "\n"
    "  -S, --sum-size SIZE    bytes of each strong sum; 0 (default): all of them;\n"
    "                         -1: the shortest that makes accidental collisions\n"
    "                         unlikely\n"
    "  -H, --hash NAME        strong sum: blake2 (default) or md4 (insecure)\n"
    "  -R, --rollsum NAME     weak sum: rabinkarp (default) or rollsum\n"
    "                         (for librsync before 2.2)\n"
    "      --exit-code        exit with status 5, not 0, if the files are identical\n" HELP_COMMON "\n"
    "Nothing is written. One signature and one delta are made per length, usually\n"
    "five to eight, so both files are read as often: they must not be pipes. Only\n"
    "one length is tried if the files are identical or NEWFILE is empty. What diff\n"
    "gives is estimated from a sample if the files have more than 4 GiB together.\n"
    "\n"
    "Example:\n"
    "  redelta estimate old.tar new.tar\n";

/* ---- What the files are ----------------------------------------------------------------------------------------- */

/* What cannot be read is left to the trials, which report it. */
static void estimate_take_samples(cli_subject *subject, const cli_input *input) {
    uint8_t sample[LOOKS_SAMPLE];
    const uint64_t room = subject->size / LOOKS_SAMPLE;
    const uint64_t count = room < SAMPLES_MAX ? room : SAMPLES_MAX;
    for (uint64_t i = 0; i < count; i++) {
        size_t got = 0;
        (void)rd_source_read(&input->source, subject->size / count * i, sample, LOOKS_SAMPLE, &got, NULL);
        if (got < LOOKS_SAMPLE)
            return;
        subject->samples++;
        subject->random += looks_random(sample);
    }
}

/* A file of /proc says that its size is 0, and one of /sys that it is a page, whatever is in them. */
static bool estimate_has_its_size(const rd_source *source, size_t got) {
    return got == (source->size < LOOKS_START ? source->size : LOOKS_START);
}

static rd_result estimate_examine(cli_job *job, int input, cli_subject *subject) {
    static uint8_t start[LOOKS_START];
    size_t got = 0;
    cli_input *const file = &job->inputs[input];
    if (!file->source.seekable || file->source.size == RD_UNKNOWN)
        return failure_refusal(&job->failure, file->role,
                               "is read several times, so it cannot be a pipe or without an end", "name a file");
    const rd_result result = rd_source_read(&file->source, 0, start, sizeof start, &got, &job->failure.error);
    if (result != RD_OK) {
        job->failure.error.role = file->role;
        return result;
    }
    if (!estimate_has_its_size(&file->source, got))
        return failure_refusal(&job->failure, file->role, "its content is not as long as its size says",
                               "copy it to a file first");
    *subject = (cli_subject){.name = file->name, .size = file->source.size, .holes = rd_source_holes(&file->source)};
    subject->looks = looks_of(start, got);
    estimate_take_samples(subject, file);
    return RD_OK;
}

/* ---- The verb --------------------------------------------------------------------------------------------------- */

static rd_result estimate_work(cli_job *job) {
    cli_estimate *const estimate = job->found = calloc(1, sizeof *estimate);
    if (estimate == NULL)
        return job->failure.error.result = RD_E_MEMORY;
    rd_result result = estimate_examine(job, 0, &estimate->old);
    if (result == RD_OK)
        result = estimate_examine(job, 1, &estimate->new);
    if (result == RD_OK)
        result = job_settle_params(job, estimate->old.size);
    if (result != RD_OK)
        return result;
    estimate->params = job->request->params;
    estimate->usual_block_len = job->params.block_len;
    if (job->request->verbose)
        job_announce(job, "old file", "new file");
    result = trials_run(job, estimate);
    if (result == RD_OK)
        result = diffs_run(job, estimate);
    job->identical = estimate->identical;
    job->stats.in_bytes =
        (estimate->old.size + estimate->new.size) * (uint64_t)estimate->trial_count + diffs_read(estimate);
    if (result != RD_OK || !job_prints(job))
        return result;
    progress_clear(&job->progress);
    estimate_print(stdout, estimate);
    return output_check_printed(&job->failure);
}

static void estimate_print_stats(const cli_job *job) {
    table_size(stderr, "read", job->stats.in_bytes);
    table_time(stderr, job->seconds, job->stats.in_bytes);
}

static void estimate_put_result(json_writer *record, const cli_job *job) {
    const uint64_t old_size = job->inputs[0].source.size;
    const uint64_t new_size = job->inputs[1].source.size;
    json_object(record, "files");
    record_file(record, "basis", job->request->inputs[0], old_size);
    record_file(record, "new", job->request->inputs[1], new_size);
    json_end(record);
    json_object(record, "estimated");
    estimate_put(record, job->found);
    json_end(record);
    record_time(record, job->seconds, old_size + new_size);
}

static void estimate_release(cli_job *job) {
    free(job->found);
}

const cli_verb verb_estimate = {
    .name = "estimate",
    .operands = "OLDFILE NEWFILE",
    .summary = "compare block sizes and recommend one",
    .help = estimate_help,
    .options = OPTION_BIT(SUM_SIZE) | OPTION_BIT(HASH) | OPTION_BIT(ROLLSUM) | OPTION_BIT(EXIT_CODE),
    .inputs = 2,
    .outputs = 0,
    .least = 2,
    .missing = "an old and a new file",
    .roles = {RD_ROLE_BASIS, RD_ROLE_NEW},
    .work = estimate_work,
    .print_stats = estimate_print_stats,
    .put_result = estimate_put_result,
    .release = estimate_release,
};

/*
 * diffs.c: see diffs.h. A diff of small files is made, and measured. Of large ones only a sample of the new file is
 * looked up in the old one: segments from all over it, long enough that what is cut at their ends does not count. The
 * bytes of the delta grow with the new file, and so does the time, but for that of the index, which is the same for any
 * sample: two samples tell the one from the other.
 */
#include "cli/verbs/estimate/diffs.h"

#include "cli/base/clock.h"
#include "cli/report/numbers.h"

#define SAMPLE_SEGMENT ((uint64_t)512 << 10)
#define SAMPLE_SIZE (512 * SAMPLE_SEGMENT)
#define SAMPLE_PART (SAMPLE_SIZE / 4)

/* Both files together: one diff takes no longer than one trial of a block length. */
#define MEASURED_MAX ((uint64_t)4 << 30)

const char *diff_form_name(cli_diff_form form) {
    static const char *const names[DIFF_FORMS] = {"plain", "compressed", "dense"};
    return names[form];
}

const char *diff_form_command(cli_diff_form form) {
    static const char *const commands[DIFF_FORMS] = {"diff", "diff -z", "diff --dense"};
    return commands[form];
}

/* Where a segment starts: by the golden ratio, so that they are spread evenly, but not in step with the file. */
static uint64_t sample_place(const rd_source *new_file, uint64_t segment) {
    const uint64_t share = segment * UINT64_C(0x9e3779b97f4a7c15) >> 44; /* of 2^20 */
    return (new_file->size - SAMPLE_SEGMENT) / ((uint64_t)1 << 20) * share;
}

/* An rd_read_fn of the segments, one after the other. Any thread may call it. */
static rd_result sample_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    const rd_source *const new_file = context;
    const uint64_t within = offset % SAMPLE_SEGMENT;
    const uint64_t most = SAMPLE_SEGMENT - within;
    return rd_source_read(new_file, sample_place(new_file, offset / SAMPLE_SEGMENT) + within, data,
                          size < most ? size : (size_t)most, got, NULL);
}

/* Makes one from `new_file`, and measures it. */
static rd_result diff_try(cli_job *job, cli_diff_form form, const rd_source *new_file, cli_diff *diff) {
    rd_stats stats = {0};
    rd_options options = trial_options(job, &stats);
    const rd_sink sink = job_null_sink();
    options.compression = form == DIFF_COMPRESSED ? RD_COMPRESSION_DEFAULT : 0;
    options.form = form == DIFF_DENSE ? RD_FORM_DENSE : RD_FORM_PLAIN;
    progress_step(&job->progress, "diff");
    const double start = clock_now();
    const rd_result result = rd_diff_make(&job->inputs[0].source, new_file, &sink, &options);
    *diff = (cli_diff){form, stats.out_bytes, clock_now() - start};
    trial_note_changed(job, &stats);
    return result;
}

/* For all of the new file, from the figures of a sample; what does not grow with it takes `fixed` seconds. */
static void diff_extend(cli_diff *diff, double fixed, double times) {
    const double growing = diff->seconds > fixed ? diff->seconds - fixed : 0.0;
    diff->bytes = (uint64_t)((double)diff->bytes * times);
    diff->seconds = fixed + growing * times;
}

static rd_result diffs_try_sample(cli_job *job, cli_estimate *estimate, int forms) {
    rd_source new_file = job->inputs[1].source;
    const rd_source whole = rd_source_callback(sample_read, &new_file, SAMPLE_SIZE, RD_SEEKABLE | RD_CONCURRENT);
    const rd_source first = rd_source_range(&whole, 0, SAMPLE_PART);
    cli_diff least;
    rd_result result = RD_OK;
    for (int form = 0; form < forms && result == RD_OK; form++)
        result = diff_try(job, (cli_diff_form)form, &whole, &estimate->diffs[estimate->diff_count++]);
    if (result == RD_OK)
        result = diff_try(job, DIFF_PLAIN, &first, &least);
    if (result != RD_OK)
        return result;
    const uint64_t small = SAMPLE_PART;
    const double part = (double)small / (double)(SAMPLE_SIZE - small);
    const double more = estimate->diffs[0].seconds - least.seconds;
    const double fixed = least.seconds - (more > 0.0 ? more * part : 0.0);
    for (int i = 0; i < estimate->diff_count; i++)
        diff_extend(&estimate->diffs[i], fixed > 0.0 ? fixed : 0.0, (double)estimate->new.size / (double)SAMPLE_SIZE);
    estimate->sample_bytes = SAMPLE_SIZE;
    return RD_OK;
}

rd_result diffs_run(cli_job *job, cli_estimate *estimate) {
    const int forms = rd_compression_max() > 0 ? DIFF_FORMS : DIFF_PLAIN + 1;
    rd_result result = RD_OK;
    estimate->sample_bytes = 0;
    if (job->request->verbose) {
        progress_clear(&job->progress);
        (void)fprintf(stderr, "redelta: estimate: both files at hand\n");
    }
    if (estimate->old.size + estimate->new.size > MEASURED_MAX && estimate->new.size > SAMPLE_SIZE)
        return diffs_try_sample(job, estimate, forms);
    for (int form = 0; form < forms && result == RD_OK; form++)
        result = diff_try(job, (cli_diff_form)form, &job->inputs[1].source, &estimate->diffs[estimate->diff_count++]);
    return result;
}

uint64_t diffs_read(const cli_estimate *estimate) {
    const uint64_t runs = (uint64_t)estimate->diff_count;
    if (estimate->sample_bytes == 0)
        return runs * (estimate->old.size + estimate->new.size);
    return (runs + 1) * estimate->old.size + runs * SAMPLE_SIZE + SAMPLE_PART;
}

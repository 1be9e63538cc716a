/*
 * verbs.c: the course that all verbs have: open the inputs, open the output, work, and give the output its name; some
 * make no output. The order is on purpose. A missing input is told before anything is created, and an output that
 * cannot be written is told before the long work. What differs is the roles of the inputs and the work itself, which a
 * table holds.
 */
#include "verbs.h"

#include <stdlib.h>

#include "clock.h"
#include "estimate.h"
#include "inspect.h"
#include "interrupt.h"
#include "records.h"
#include "report.h"
#include "result.h"
#include "sync.h"
#include "work.h"

typedef rd_result work_fn(cli_job *job);

typedef struct cli_recipe {
    work_fn *work;
    work_fn *check; /* before anything is opened; or NULL */
    work_fn *tell;  /* on standard output, what was done; or NULL */
    rd_role roles[INPUTS_MAX];
    rd_replace replace; /* if the user lets an output be replaced */
    bool in_place;      /* the output replaces the first input, unless they are identical */
} cli_recipe;

/* A signature and a delta can be made again; what a patch replaces often is the only copy of the basis. */
static const cli_recipe recipes[VERBS] = {
    [VERB_SIGNATURE] = {.work = work_signature, .roles = {RD_ROLE_BASIS}, .replace = RD_REPLACE_FAST},
    [VERB_DELTA] = {.work = work_delta, .roles = {RD_ROLE_SIGNATURE, RD_ROLE_NEW}, .replace = RD_REPLACE_FAST},
    [VERB_PATCH] = {.work = work_patch, .roles = {RD_ROLE_BASIS, RD_ROLE_DELTA}, .replace = RD_REPLACE_SAFELY},
    [VERB_VERIFY] = {.work = work_verify, .roles = {RD_ROLE_DELTA, RD_ROLE_NEW}},
    [VERB_SYNC] = {.work = sync_work,
                   .check = sync_check,
                   .tell = sync_tell,
                   .roles = {RD_ROLE_BASIS, RD_ROLE_NEW},
                   .replace = RD_REPLACE_SAFELY,
                   .in_place = true},
    [VERB_INSPECT] = {.work = work_inspect, .roles = {RD_ROLE_DELTA}, .replace = RD_REPLACE_FAST},
    [VERB_ESTIMATE] = {.work = work_estimate, .roles = {RD_ROLE_BASIS, RD_ROLE_NEW}},
};

/* ---- Their common course ---------------------------------------------------------------------------------------- */

static const cli_recipe *recipe_of(const cli_job *job) {
    return &recipes[job->options->verb];
}

static const char *output_of(const cli_job *job) {
    return recipe_of(job)->in_place ? job->options->inputs[0] : job->options->output;
}

static void name_inputs(cli_job *job) {
    for (int i = 0; i < job->options->input_count; i++)
        input_name(&job->inputs[i], job->options->inputs[i], recipe_of(job)->roles[i]);
}

static rd_result check(cli_job *job) {
    return recipe_of(job)->check != NULL ? recipe_of(job)->check(job) : RD_OK;
}

static rd_result open_inputs(cli_job *job) {
    rd_result result = RD_OK;
    for (int i = 0; i < job->options->input_count && result == RD_OK; i++) {
        cli_input *input = &job->inputs[i];
        if (i == 0 && job->summary.created)
            input->source = rd_source_memory("", 0);
        else
            result = input_open(input, job->options->inputs[i], input->role, &job->failure);
    }
    return result;
}

static bool has_output(const cli_job *job) {
    return job->options->makes_output || recipe_of(job)->in_place;
}

static rd_result open_output(cli_job *job) {
    if (!has_output(job))
        return RD_OK;
    const bool may_replace = job->options->force || recipe_of(job)->in_place;
    const rd_replace replace = may_replace ? recipe_of(job)->replace : RD_REPLACE_NEVER;
    const rd_result result = output_open(&job->output, output_of(job), replace, &job->failure);
    if (result != RD_OK)
        return result;
    for (int i = 0; i < job->options->input_count; i++) {
        const rd_result apart = output_check_apart(&job->output, &job->inputs[i], &job->failure);
        if (apart != RD_OK)
            return apart;
    }
    return RD_OK;
}

static void close_inputs(cli_job *job) {
    for (int i = 0; i < job->options->input_count; i++)
        input_close(&job->inputs[i]);
}

static rd_result work_and_commit(cli_job *job) {
    rd_result result = recipe_of(job)->work(job);
    if (result == RD_OK && interrupt_caught())
        result = RD_E_CANCELLED;
    if (!has_output(job))
        return result;
    if (result == RD_OK && !(recipe_of(job)->in_place && job->summary.identical)) {
        close_inputs(job); /* one of them may be what is replaced: some systems replace no open file */
        return output_commit(&job->output, &job->failure);
    }
    output_discard(&job->output);
    return result;
}

static rd_result run(cli_job *job) {
    progress_begin(&job->progress, job->options);
    name_inputs(job);
    rd_result result = check(job);
    if (result == RD_OK)
        result = open_inputs(job);
    if (result == RD_OK)
        result = open_output(job);
    if (result == RD_OK)
        result = work_and_commit(job);
    close_inputs(job);
    progress_clear(&job->progress);
    job->summary.seconds = clock_now() - job->progress.begin;
    return result;
}

/* ---- Telling ---------------------------------------------------------------------------------------------------- */

/* What is not about one file, as too little memory, is told of the first input. */
static const char *name_of(const cli_job *job, rd_role role) {
    if (role == RD_ROLE_OUTPUT)
        return output_name(output_of(job));
    for (int i = 0; i < job->options->input_count; i++)
        if (job->inputs[i].role == role)
            return job->inputs[i].name;
    return job->inputs[0].name;
}

/* Whatever fails after a signal that asked for the end: it is the signal that ended the work. */
static void blame_signal(cli_failure *failure, rd_role role) {
    if (interrupt_caught())
        *failure = (cli_failure){
            .error = {
                .result = RD_E_CANCELLED, .role = role, .offset = RD_UNKNOWN, .reason = "interrupted by a signal"}};
}

static void tell_failure(cli_job *job) {
    blame_signal(&job->failure, has_output(job) ? RD_ROLE_OUTPUT : RD_ROLE_NONE);
    if (job->failure.error.result == RD_E_MISMATCH && job->options->verb == VERB_PATCH && !job->options->output)
        job->failure.advice = "do not use what was written; give the right basis, or make the delta again";
    report_failure(job->options->verb, name_of(job, job->failure.error.role), &job->failure);
}

/* What was done is done, but the user was not told of it. */
static int fail_to_tell(const cli_job *job) {
    report_failure(job->options->verb, output_name(NULL), &job->failure);
    return report_status(job->failure.error.result);
}

/* Tells the user of a failure, or what was done. */
static int tell(cli_job *job, rd_result result) {
    const cli_options *options = job->options;
    if (result != RD_OK) {
        tell_failure(job);
        return report_status(result);
    }
    const int status = options->exit_code && job->summary.identical ? STATUS_IDENTICAL : STATUS_DONE;
    const bool may_speak = !options->quiet && !(options->json && options->json_file == NULL);
    if (recipe_of(job)->tell != NULL && may_speak && recipe_of(job)->tell(job) != RD_OK)
        return fail_to_tell(job);
    if (options->stats)
        stats_print(options->verb, &job->summary);
    if (records_are_open())
        result_send(job, status);
    return status;
}

/* Records must not be written into a file that the verb reads or writes. */
static bool check_json_apart(const cli_options *options) {
    const char *names[INPUTS_MAX + 1] = {options->output};
    for (int i = 0; i < options->input_count; i++)
        names[i + 1] = options->inputs[i];
    for (int i = 0; i <= options->input_count; i++) {
        if (names[i] == NULL || !records_is_file(names[i]))
            continue;
        records_abandon();
        report_usage(options->verb, "--json names '%.*s', which is also read or written", REPORT_WORD_MAX, names[i]);
        return false;
    }
    return true;
}

static int fail_json(const cli_options *options, const cli_failure *failure) {
    report_failure(options->verb, output_name(options->json_file), failure);
    return report_status(failure->error.result);
}

int verb_run(const cli_options *options) {
    cli_job job = {.options = options, .failure.error.offset = RD_UNKNOWN};
    cli_failure failure = {0};
    if (options->json && records_open(options->json_file, &failure) != RD_OK) {
        blame_signal(&failure, RD_ROLE_OUTPUT);
        return fail_json(options, &failure);
    }
    if (options->json && !check_json_apart(options))
        return STATUS_USAGE;
    const int status = tell(&job, run(&job));
    inspection_free(job.inspection);
    free(job.estimate);
    if (records_close(&failure) == RD_OK)
        return status;
    const int json_status = fail_json(options, &failure);
    return status == STATUS_DONE || status == STATUS_IDENTICAL ? json_status : status;
}

/*
 * run.c: what all verbs have in common: open the inputs, open the output, work, and give the output its name; some make
 * no output. The order matters. A missing input is reported before anything is created, and an output that cannot be
 * written is reported before the long work.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "cli/verbs/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/base/clock.h"
#include "cli/base/interrupt.h"
#include "cli/base/system.h"
#include "cli/report/records.h"
#include "cli/report/report.h"
#include "cli/verbs/verb.h"

/* ---- The operation ---------------------------------------------------------------------------------------------- */

static const char *run_output_of(const cli_request *request) {
    return request->verb->in_place ? request->inputs[request->verb->replaced] : request->output;
}

static bool run_has_output(const cli_request *request) {
    return request->makes_output || (request->verb->in_place && !request->dry_run);
}

static rd_result run_open_inputs(cli_job *job) {
    rd_result result = RD_OK;
    for (unsigned i = 0; i < job->request->input_count && result == RD_OK; i++) {
        cli_input *const input = &job->inputs[i];
        job->blamed = input;
        if (i == job->request->verb->replaced && job->created)
            input->source = rd_source_memory("", 0);
        else
            result = input_open(input, job->request->inputs[i], input->role, &job->failure);
    }
    if (result == RD_OK)
        job->blamed = NULL;
    return result;
}

/* Whether the output has the name of the input that it may replace. */
static bool run_is_onto_input(const cli_request *request) {
    const char *const name = request->inputs[request->verb->replaced];
    return request->verb->in_place || (name != NULL && request->output != NULL && strcmp(name, request->output) == 0);
}

/*
 * What is replaced in the place of an input must be what was read, and at the commit still be it: others may change it
 * meanwhile.
 */
static rd_result run_guard_destination(cli_job *job) {
    const cli_request *const request = job->request;
    const unsigned replaced = request->verb->replaced;
    const cli_input *const input = &job->inputs[replaced];
    rd_destination *const destination = job->output.destination;
    rd_error *const error = &job->failure.error;
    const bool onto_input = run_is_onto_input(request);
    if (job->output.direct)
        return RD_OK;
    rd_result result = RD_OK;
    if (onto_input && !job->created)
        result = input_check_name(input, request->inputs[replaced], &job->failure);
    if (result == RD_OK && onto_input)
        result = rd_destination_guard(destination, NULL, error);
    if (result == RD_OK && input->role == RD_ROLE_BASIS && !job->created)
        result = rd_destination_guard(destination, &input->source, error);
    return result;
}

/* Of the two inputs of a verb that takes --times, that which is not replaced. */
static const cli_input *run_newer(const cli_job *job) {
    return &job->inputs[1 - job->request->verb->replaced];
}

static rd_result run_prepare_destination(cli_job *job) {
    const cli_request *const request = job->request;
    rd_destination *const destination = job->output.destination;
    rd_result result = run_guard_destination(job);
    for (unsigned i = 0; i < request->input_count && result == RD_OK && request->backup != NULL; i++)
        result = output_check_backup(run_output_of(request), request->backup, &job->inputs[i], &job->failure);
    if (result == RD_OK && request->backup != NULL)
        result = rd_destination_backup(destination, request->backup, &job->failure.error);
    if (result == RD_OK && request->times)
        result = input_give_time(run_newer(job), destination, &job->failure);
    return result;
}

static rd_replace run_replace(const cli_job *job) {
    const cli_request *const request = job->request;
    /* What is missing and has appeared since is somebody else's; but a link to nothing may be there. */
    const bool may_replace =
        request->force || (request->verb->in_place && (!job->created || system_is_link(run_output_of(request))));
    const rd_replace replace = may_replace ? request->verb->replace : RD_REPLACE_NEVER;
    return request->follow ? replace | RD_REPLACE_FOLLOW : replace;
}

static rd_result run_open_output(cli_job *job) {
    const cli_request *const request = job->request;
    rd_result result = output_open(&job->output, run_output_of(request), run_replace(job), &job->failure);
    if (result == RD_E_EXISTS && request->verb->in_place)
        return failure_changed(&job->failure);
    if (result == RD_OK && job->output.destination != NULL)
        result = run_prepare_destination(job);
    for (unsigned i = 0; i < request->input_count && result == RD_OK; i++)
        result = output_check_apart(&job->output, &job->inputs[i], &job->failure);
    return result;
}

static void run_close_inputs(cli_job *job) {
    for (unsigned i = 0; i < job->request->input_count; i++)
        input_close(&job->inputs[i]);
}

static rd_result run_work_and_commit(cli_job *job) {
    const cli_verb *const verb = job->request->verb;
    rd_result result = verb->work(job);
    if (result == RD_OK && interrupt_caught())
        result = RD_E_CANCELLED;
    if (!run_has_output(job->request))
        return result;
    if (result == RD_OK && !(verb->in_place && job->identical)) {
        run_close_inputs(job); /* one of them may be what is replaced: some systems replace no open file */
        return output_commit(&job->output, &job->failure);
    }
    if (result == RD_OK && job->request->times && !system_copy_time(run_newer(job)->fd, job->inputs[verb->replaced].fd))
        result = failure_system(&job->failure, RD_ROLE_OUTPUT, "cannot get the time");
    output_discard(&job->output);
    return result;
}

static rd_result run_steps(cli_job *job) {
    rd_result result = run_open_inputs(job);
    if (result == RD_OK && run_has_output(job->request)) {
        result = run_open_output(job);
        if (result != RD_OK)
            output_discard(&job->output);
    }
    return result == RD_OK ? run_work_and_commit(job) : result;
}

static rd_result run_operation(cli_job *job) {
    const cli_request *const request = job->request;
    progress_start(&job->progress, request->verb->name, request->progress, request->json, !job_prints(job));
    rd_result result = request->verb->check != NULL ? request->verb->check(job) : RD_OK;
    if (result == RD_OK)
        result = request->verb->whole != NULL ? request->verb->whole(job) : run_steps(job);
    run_close_inputs(job);
    progress_clear(&job->progress);
    job->seconds = clock_now() - job->progress.start;
    return result;
}

/* ---- Its report ------------------------------------------------------------------------------------------------- */

/* The name of the file with that role. What is not about one file, as too little memory, is about the first input, or
 * the one that is replaced. */
static const char *run_name_of(const cli_job *job, rd_role role) {
    if (role == RD_ROLE_OUTPUT)
        return output_name(run_output_of(job->request));
    if (job->blamed != NULL && job->blamed->role == role)
        return job->blamed->name;
    for (unsigned i = 0; i < job->request->input_count; i++)
        if (job->inputs[i].role == role)
            return job->inputs[i].name;
    return job->inputs[job->request->verb->replaced].name;
}

/* Whatever fails after a signal that asked the process to end: it is the signal that ended the work. */
static void run_blame_signal(cli_failure *failure, rd_role role) {
    if (interrupt_caught())
        *failure = (cli_failure){
            .error = {
                .result = RD_E_CANCELLED, .role = role, .offset = RD_UNKNOWN, .reason = "interrupted by a signal"}};
}

/*
 * The library reads frames whose window is at most 128 MiB, or --max-memory if that is less. The failure does not say
 * which of the two a frame exceeds; raising a limit that is already larger would change nothing.
 */
static const char *run_advice_on_window(const cli_job *job) {
    const rd_error *const error = &job->failure.error;
    const uint64_t memory = job->request->limits.memory;
    const uint64_t window_max = (uint64_t)128 << 20;
    if (error->result != RD_E_LIMIT || !report_is_about_zstd(error) || report_is_beyond_zstd(error) || memory == 0 ||
        memory >= window_max)
        return NULL;
    return "raise --max-memory, or decompress it first";
}

/* A level of -z that was given as a word of its own is an operand, and there is no such file. */
static const char *run_advice_on_level(const cli_job *job) {
    static char advice[64];
    const rd_error *const error = &job->failure.error;
    const char *const level = job->request->detached_level;
    if (level == NULL || error->system_error != ENOENT || run_name_of(job, error->role) != level)
        return NULL;
    (void)snprintf(advice, sizeof advice, "-z takes its level without a space: -z%s", level);
    return advice;
}

/* Some outputs are written to as the work goes on, and what is there when it fails is not the new file. */
static const char *run_advice_on_direct(const cli_job *job) {
    const rd_error *const error = &job->failure.error;
    if (!job->output.written || (job->output.start < 0 && job->stats.out_bytes == 0))
        return NULL;
    if (error->result == RD_E_MISMATCH)
        return "do not use what was written to it; give the right basis, or make the delta again";
    if (error->result == RD_E_CHANGED)
        return "do not use what was written to it; run it again";
    return run_output_of(job->request) != NULL || error->result == RD_E_CANCELLED ? "do not use what was written to it"
                                                                                  : NULL;
}

/*
 * What is to be replaced changed while it was read, or since: it is all the same to whoever changed it. The status is
 * that of a result that is not what it should be, not that of an input that may be torn.
 */
static rd_result run_judge_change(cli_job *job, rd_result result) {
    const rd_role role = job->failure.error.role;
    const bool replaced = role == RD_ROLE_OUTPUT || (role == RD_ROLE_BASIS && run_is_onto_input(job->request));
    if (result != RD_E_CHANGED || !replaced || job->request->verb->whole != NULL) /* which has judged itself */
        return result;
    const char *const reason = job->failure.error.reason; /* the library's may say more */
    (void)failure_changed(&job->failure);
    if (role == RD_ROLE_OUTPUT)
        job->failure.error.reason = reason;
    return RD_E_MISMATCH;
}

static int run_report_failure(cli_job *job, rd_result result) {
    const cli_verb *const verb = job->request->verb;
    result = run_judge_change(job, result);
    run_blame_signal(&job->failure, run_has_output(job->request) ? RD_ROLE_OUTPUT : RD_ROLE_NONE);
    if (job->failure.advice == NULL)
        job->failure.advice = run_advice_on_direct(job);
    if (job->failure.advice == NULL && verb->advice != NULL)
        job->failure.advice = verb->advice(job);
    if (job->failure.advice == NULL)
        job->failure.advice = run_advice_on_window(job);
    if (job->failure.advice == NULL)
        job->failure.advice = run_advice_on_level(job);
    if (!job->told)
        report_failure(verb->name, run_name_of(job, job->failure.error.role), &job->failure);
    return job->failure.connection ? report_status_of(&job->failure) : report_status(result);
}

static void run_report_changed(const cli_job *job) {
    static const char reason[] = "changed while it was being read";
    const char *const verb = job->request->verb->name;
    const char *const name = run_name_of(job, job->changed);
    if (job->suspect) {
        report_warning(verb, name, reason, "run it again, or use --accept-changed");
    } else if (job->changed != RD_ROLE_NONE && job->request->verbose) {
        (void)fprintf(stderr, "redelta: %s: ", verb);
        failure_put_name(stderr, name);
        (void)fprintf(stderr, ": %s\n", reason);
    }
}

/* Whether files that changed are identical is not known. */
static int run_status_of_success(const cli_job *job) {
    if (job->suspect)
        return STATUS_CHANGED;
    return job->request->exit_code && job->identical ? STATUS_IDENTICAL : STATUS_DONE;
}

/* What was done is done, though the user does not see what is said of it. NULL: no file was written, as one that has a
 * name. */
static const char *run_done(const cli_job *job) {
    const cli_request *const request = job->request;
    if (!run_has_output(request) || run_output_of(request) == NULL)
        return NULL;
    if (!request->verb->in_place)
        return "the output was written";
    if (job->identical)
        return "the file was identical, and is left as it is";
    return job->created ? "the file was created" : "the file was replaced";
}

static int run_fail_print(cli_job *job) {
    const cli_request *const request = job->request;
    job->failure.advice = run_done(job);
    report_failure(request->verb->name, output_name(NULL), &job->failure);
    return report_status(job->failure.error.result);
}

static int run_report_success(cli_job *job) {
    const cli_request *const request = job->request;
    const cli_verb *const verb = request->verb;
    const int status = run_status_of_success(job);
    run_report_changed(job);
    unsigned notes = request->quiet ? 0 : job->output.notes;
    for (unsigned note = output_next_note(&notes); note != 0; note = output_next_note(&notes))
        report_warning(verb->name, output_name(run_output_of(request)), rd_note_message(note), NULL);
    if (verb->print != NULL && !request->quiet && job_prints(job) && verb->print(job) != RD_OK)
        return run_fail_print(job);
    if (request->stats)
        verb->print_stats(job);
    if (records_are_open()) {
        json_writer *const record = record_start("result");
        json_text(record, "verb", verb->name);
        json_number(record, "status", (uint64_t)status);
        json_bool(record, "changed", job->changed != RD_ROLE_NONE);
        verb->put_result(record, job);
        record_end(record);
    }
    return status;
}

/* ---- Its records ------------------------------------------------------------------------------------------------ */

/* Records must not be written into a file that the verb reads or writes. */
static bool run_check_records_apart(const cli_request *request) {
    const char *name = request->output != NULL && records_is_file(request->output) ? request->output : NULL;
    for (unsigned i = 0; i < request->input_count && name == NULL; i++)
        if (request->inputs[i] != NULL && records_is_file(request->inputs[i]))
            name = request->inputs[i];
    if (name == NULL)
        return true;
    records_abandon();
    report_usage(request->verb->name, "--json cannot write to '%.*s', which is an input or the output",
                 report_width(name), name);
    return false;
}

static int run_fail_records(const cli_request *request, cli_failure *failure, const char *done) {
    failure->advice = done;
    report_failure(request->verb->name, output_name(request->json_file), failure);
    return report_status(failure->error.result);
}

/* With the inputs named, but not open: messages need that. */
static rd_result run_make_job(cli_job *job, const cli_request *request) {
    const cli_verb *const verb = request->verb;
    *job = (cli_job){.request = request, .failure.error.offset = RD_UNKNOWN};
    job->inputs = calloc(request->input_count + 1, sizeof *job->inputs);
    if (job->inputs == NULL)
        return job->failure.error.result = RD_E_MEMORY;
    input_name(&job->inputs[request->input_count], NULL, RD_ROLE_NONE); /* of a verb without inputs */
    for (unsigned i = 0; i < request->input_count; i++) {
        const bool is_basis = request->has_basis && i == request->input_count - 1;
        input_name(&job->inputs[i], request->inputs[i], verb->roles[verb->many ? is_basis : i]);
    }
    return RD_OK;
}

/* *done: what was done if all went well, or NULL. */
static int run_job(cli_job *job, const char **done) {
    const cli_request *const request = job->request;
    const rd_result result = run_operation(job);
    job_note_changed(job, &job->stats);
    const int status = result == RD_OK ? run_report_success(job) : run_report_failure(job, result);
    *done = result == RD_OK ? run_done(job) : NULL;
    if (request->verb->release != NULL)
        request->verb->release(job);
    return status;
}

int run_verb(const cli_request *request) {
    cli_job job;
    cli_failure failure = {0};
    const char *done = NULL;
    if (request->json && records_open(request->json_file, &failure) != RD_OK) {
        run_blame_signal(&failure, RD_ROLE_OUTPUT);
        return run_fail_records(request, &failure, NULL);
    }
    if (request->json && !run_check_records_apart(request))
        return STATUS_USAGE;
    const rd_result result = run_make_job(&job, request);
    if (result != RD_OK)
        report_failure(request->verb->name, NULL, &job.failure);
    const int status = result == RD_OK ? run_job(&job, &done) : report_status(result);
    free(job.inputs);
    if (records_close(&failure) == RD_OK)
        return status;
    const int records_status = run_fail_records(request, &failure, done);
    return status == STATUS_DONE || status == STATUS_IDENTICAL ? records_status : status;
}

/*
 * sync_remote.c: the verb sync where one of the files is on another machine: what cli/remote/client.c does, as a verb,
 * with its figures for people and for programs.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/remote/client.h"
#include "cli/report/numbers.h"
#include "cli/report/records.h"
#include "cli/report/report.h"
#include "cli/report/table.h"
#include "cli/verbs/sync_options.h"
#include "cli/verbs/verbs.h"

enum { SOURCE = 0, DESTINATION = 1 };

/* ---- The work --------------------------------------------------------------------------------------------------- */

static rd_result remote_check(cli_job *job) {
    const char *const *const names = job->request->inputs;
    if (names[DESTINATION] == NULL)
        return failure_refusal(&job->failure, RD_ROLE_BASIS, "cannot be replaced", "name a file");
    if (names[SOURCE] != NULL && place_is_elsewhere(names[SOURCE]) && place_is_elsewhere(names[DESTINATION]))
        return failure_refusal(&job->failure, RD_ROLE_BASIS, "is on another machine, and so is the source",
                               "run it on one of them, or prefix a local name with ./");
    return RD_OK;
}

static client_order remote_order(const cli_job *job) {
    const cli_request *const request = job->request;
    const bool push = place_is_elsewhere(request->inputs[DESTINATION]);
    client_order order = {
        .local = request->inputs[push ? SOURCE : DESTINATION],
        .remote = request->inputs[push ? DESTINATION : SOURCE],
        .shell = request->shell,
        .program = request->program,
        .rate = request->rate,
        .threads = request->threads,
        .wishes = {.push = push,
                   .dry_run = request->dry_run,
                   .times = request->times,
                   .follow = request->follow,
                   .partial = request->partial,
                   .accept_changed = request->changed == RD_CHANGED_ACCEPT,
                   .backup = request->backup != NULL,
                   .sparse = request->sparse,
                   .compression = request->compression,
                   .max_output = request->limits.output,
                   .max_rounds = request->max_rounds},
    };
    if (request->backup != NULL)
        memcpy(order.wishes.suffix, request->backup, strlen(request->backup) + 1);
    return order;
}

static bool remote_show(void *context, const rd_session_state *state, uint64_t travelled) {
    cli_job *const job = context;
    const progress_exchange exchange = {.known = state->known, .travelled = travelled};
    return progress_show_exchange(&job->progress, state->done, state->new_size > 0 ? state->new_size : RD_UNKNOWN,
                                  &exchange);
}

static rd_result remote_whole(cli_job *job) {
    const cli_request *const request = job->request;
    client_report *const report = calloc(1, sizeof *report);
    job->found = report;
    if (report == NULL)
        return job->failure.error.result = RD_E_MEMORY;
    if (request->backup != NULL && strlen(request->backup) > MESSAGE_SUFFIX_MAX)
        return failure_refusal(&job->failure, RD_ROLE_BASIS, "cannot get a backup of so long a name",
                               "choose a shorter suffix");
    const client_order order = remote_order(job);
    if (request->verbose) {
        (void)fprintf(stderr, "redelta: sync: running ");
        failure_put_name(stderr, order.shell);
        (void)fprintf(stderr, ", and there ");
        failure_put_name(stderr, order.program);
        (void)fprintf(stderr, " serve --stdio\n");
    }
    progress_step(&job->progress, "sync");
    const rd_result result = client_run(report, &order, remote_show, job);
    job->failure = report->failure;
    job->identical = result == RD_OK && report->identical;
    job->created = report->created;
    job->output.notes = report->notes;
    progress_clear(&job->progress);
    if (result == RD_OK && report->text[0] != '\0' && !request->quiet)
        report_warning("sync", request->inputs[DESTINATION], report->text,
                       report->advice[0] != '\0' ? report->advice : NULL);
    return result;
}

static void remote_release(cli_job *job) {
    free(job->found);
}

/* ---- The report ------------------------------------------------------------------------------------------------- */

static rd_result remote_print(cli_job *job) {
    const client_report *const report = job->found;
    const uint64_t new_size = report->session.new_size;
    const uint64_t travelled = report->sent + report->received;
    failure_put_name(stdout, job->request->inputs[DESTINATION]);
    (void)printf(": %s, %s bytes; %s travelled (%.2f %%): sent %s, received %s\n", job_sync_outcome(job),
                 grouped(new_size).text, grouped(travelled).text, percent(travelled, new_size),
                 grouped(report->sent).text, grouped(report->received).text);
    return output_check_printed(&job->failure);
}

static const char *remote_advice(const cli_job *job) {
    const client_report *const report = job->found;
    const rd_result result = job->failure.error.result;
    if (report == NULL || result != RD_E_CANCELLED)
        return NULL;
    const remote_wishes wishes = remote_order(job).wishes;
    return client_replacement_is_unknown(report, &wishes) ? client_unknown_text : NULL;
}

/* The side that has the new file may not have heard it. */
static uint64_t remote_old_size(const cli_job *job) {
    const rd_session_state *const state = &((const client_report *)job->found)->session;
    if (job->created || state->old_size > 0)
        return state->old_size;
    return job->identical ? state->new_size : RD_UNKNOWN;
}

static void remote_print_stats(const cli_job *job) {
    const client_report *const report = job->found;
    const rd_session_state *const state = &report->session;
    if (remote_old_size(job) != RD_UNKNOWN)
        table_size(stderr, "old file", remote_old_size(job));
    table_size(stderr, "new file", state->new_size);
    table_share(stderr, "sent", report->sent, state->new_size, "new file");
    table_share(stderr, "received", report->received, state->new_size, "new file");
    table_share(stderr, "known", state->known, state->new_size, "new file");
    table_share(stderr, "literal", state->literal, state->new_size, "new file");
    table_size(stderr, "repaired", state->repaired);
    table_number(stderr, "round trips", state->rounds);
    table_time(stderr, job->seconds, state->new_size);
}

static void remote_put_result(json_writer *record, const cli_job *job) {
    const client_report *const report = job->found;
    const rd_session_state *const state = &report->session;
    rd_stats stats = {.size = sizeof stats, .has_digest = state->has_digest};
    memcpy(stats.digest, state->digest, sizeof stats.digest);
    json_object(record, "files");
    record_file(record, "old", job->request->inputs[DESTINATION], remote_old_size(job));
    record_file(record, "new", job->request->inputs[SOURCE], state->new_size);
    json_end(record);
    json_object(record, "connection");
    json_number(record, "sent", report->sent);
    json_number(record, "received", report->received);
    json_number(record, "rounds", state->rounds);
    json_end(record);
    json_number(record, "known", state->known);
    json_number(record, "literal_bytes", state->literal);
    json_number(record, "repaired", state->repaired);
    if (state->new_size > 0)
        json_real(record, "saved", 1.0 - (double)(report->sent + report->received) / (double)state->new_size);
    else
        json_null(record, "saved");
    json_bool(record, "identical", job->identical);
    json_bool(record, "created", job->created);
    json_bool(record, "dry_run", job->request->dry_run);
    record_notes(record, job->output.notes);
    record_digest(record, &stats);
    record_time(record, job->seconds, state->new_size);
}

const cli_verb verb_sync_remote = {
    .name = "sync",
    .options = SYNC_OPTIONS_BOTH | SYNC_OPTIONS_ONLY_REMOTE,
    .only = "a file on another machine",
    .inputs = 2,
    .outputs = 0,
    .roles = {RD_ROLE_NEW, RD_ROLE_BASIS},
    .replaced = DESTINATION,
    .in_place = true,
    .check = remote_check,
    .whole = remote_whole,
    .print = remote_print,
    .print_stats = remote_print_stats,
    .put_result = remote_put_result,
    .release = remote_release,
    .advice = remote_advice,
};

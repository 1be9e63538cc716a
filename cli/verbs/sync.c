/*
 * sync.c: the verb sync, the three steps as one. The signature of the old file is built in memory. Then a patch asks
 * for its delta, and a stream makes the next bytes of it from what it reads of the new file. So neither
 * signature nor delta is ever a file, memory does not grow with the files but for the signature, and the patch is the
 * library's, with its verification and its threads. If the old file changes meanwhile, the digest differs, and if the
 * new one does, the library tells: nothing is replaced.
 *
 * Files of one length are compared first, which costs little where they differ early: equal ones need not be written.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/base/interrupt.h"
#include "cli/base/system.h"
#include "cli/remote/place.h"
#include "cli/report/numbers.h"
#include "cli/report/records.h"
#include "cli/report/table.h"
#include "cli/verbs/common_help.h"
#include "cli/verbs/sync_options.h"
#include "cli/verbs/verbs.h"

static const char sync_help[] = "Usage: redelta sync [OPTION]... SOURCE DESTINATION\n"
                                "\n"
                                "Make the file DESTINATION identical to SOURCE, sending as little as possible.\n"
                                "Either may be [USER@]HOST:PATH, on a machine to which ssh leads and which has\n"
                                "redelta; for local files, show what would have been sent. DESTINATION is\n"
                                "replaced only once its new contents are complete and verified, and keeps all\n"
                                "else; if missing, it is created, and if identical, left alone.\n"
                                "\n"
                                "  -n, --dry-run          change nothing, only show what would be sent\n"
                                "  -z, --compress[=LEVEL] compress what is sent, by LEVEL\n"
                                "      --backup[=SUFFIX]  keep the old file, with SUFFIX (default ~) added\n"
                                "  -t, --times            give DESTINATION the modification time of SOURCE\n"
                                "      --follow           if DESTINATION is a symbolic link, replace its target\n"
                                "      --max-output SIZE  fail if SOURCE has more than SIZE bytes\n"
                                "      --exit-code        exit with status 5, not 0, if they were identical\n"
                                "      --sparse WHEN      make holes of zeros: auto (default), always or never\n"
                                "  -b, --block-size SIZE  local files: bytes per block; 0 (default): fitting\n"
                                "      --rsh COMMAND      what leads to HOST; default: $REDELTA_RSH, or ssh\n"
                                "      --remote-program COMMAND  the other redelta; default: redelta\n"
                                "      --partial          if the connection breaks, keep what came, to go on\n"
                                "      --limit-rate RATE  let RATE bytes per second travel at most\n"
                                "      --max-rounds N     take at most N round trips; below 4: all\n" HELP_COMMON "\n"
                                "Examples:\n"
                                "  redelta sync disk.img backup/disk.img\n"
                                "  redelta sync -t disk.img me@host:backup/disk.img\n";

enum { NEW = 0, OLD = 1 };

/* ---- Before ----------------------------------------------------------------------------------------------------- */

/* Whether both are files that can be had. A missing old file is as an empty one. */
static rd_result sync_check(cli_job *job) {
    struct stat status;
    const char *const old = job->request->inputs[OLD];
    if (old == NULL)
        return failure_refusal(&job->failure, RD_ROLE_BASIS, "cannot be replaced", "name a file");
    const bool found = system_stat(old, &status) == 0;
    if (found && S_ISDIR(status.st_mode))
        return failure_directory(&job->failure, RD_ROLE_BASIS);
    if (found && !S_ISREG(status.st_mode))
        return failure_refusal(&job->failure, RD_ROLE_BASIS, "is not a regular file, so it cannot be replaced",
                               "name a file");
    job->created = !found && errno == ENOENT;
    return RD_OK;
}

/* ---- Files that are equal --------------------------------------------------------------------------------------- */

/* Whether they are equal, if that can be found out beforehand: both have a size, so they can be read twice. */
static rd_result sync_compare(cli_job *job, bool *equal) {
    const rd_source *const old = &job->inputs[OLD].source;
    const rd_source *const new_file = &job->inputs[NEW].source;
    const rd_options options = job_options(job, NULL);
    *equal = false;
    if (job->created || old->size != new_file->size || old->size == RD_UNKNOWN)
        return RD_OK;
    progress_step(&job->progress, "compare");
    return rd_compare(old, new_file, equal, &options);
}

/* The new file has more bytes than --max-output allows. */
static rd_result sync_fail_limit(cli_job *job) {
    job->failure.error = (rd_error){
        .result = RD_E_LIMIT, .role = RD_ROLE_NEW, .offset = RD_UNKNOWN, .reason = "is larger than the output may be"};
    return RD_E_LIMIT;
}

/* As far as the new file may be read: it may have no end. */
static bool sync_show_read(void *context, uint64_t done, uint64_t total) {
    cli_job *const job = context;
    const uint64_t most = job->request->limits.output;
    return (most == 0 || done <= most) && progress_show(&job->progress, done, total);
}

/* Makes the delta of the whole new file. Its figures become those of a patch. */
static rd_result sync_make_delta(cli_job *job, const rd_signature *signature, const rd_sink *sink) {
    rd_stats *const stats = &job->stats;
    rd_options options = job_options(job, stats);
    options.limits.output = 0; /* a limit on the new file */
    options.progress = sync_show_read;
    options.progress_context = job;
    progress_step(&job->progress, "delta");
    rd_result result = rd_delta_make(signature, &job->inputs[NEW].source, sink, &options);
    const uint64_t new_size = stats->in_bytes;
    stats->in_bytes = stats->out_bytes;
    stats->out_bytes = new_size;
    const uint64_t most = job->request->limits.output;
    const bool too_long = most > 0 && new_size > most;
    return too_long && (result == RD_OK || (result == RD_E_CANCELLED && !interrupt_caught())) ? sync_fail_limit(job)
                                                                                              : result;
}

/* Only to find out how long the delta is. */
static rd_result sync_count(cli_job *job, const rd_signature *signature) {
    const rd_sink sink = job_null_sink();
    return sync_make_delta(job, signature, &sink);
}

/* ---- The signature ---------------------------------------------------------------------------------------------- */

static rd_result sync_sign(cli_job *job, rd_signature **signature) {
    const rd_source *const old = &job->inputs[OLD].source;
    rd_result result = job_settle_params(job, old->size);
    if (result != RD_OK)
        return result;
    progress_step(&job->progress, "signature");
    const rd_options options = job_options(job, NULL);
    result = rd_signature_build(signature, old, &options);
    if (result != RD_OK)
        return result;
    job->signature_blocks = rd_signature_count(*signature);
    job->signature_bytes = rd_signature_size(&job->params, job->signature_blocks);
    return RD_OK;
}

/* ---- Delta and patch -------------------------------------------------------------------------------------------- */

/* What is written counts to the size of the new file, which the patch cannot know. */
static bool sync_show_written(void *context, uint64_t done, uint64_t total) {
    cli_job *const job = context;
    (void)total;
    return progress_show(&job->progress, done, job->inputs[NEW].source.size);
}

/* Patches the old file with this delta. */
static rd_result sync_patch(cli_job *job, const rd_source *delta) {
    rd_error *const error = &job->failure.error;
    rd_options options = job_options(job, &job->stats);
    options.progress = sync_show_written;
    options.progress_context = job;
    options.verify = RD_VERIFY_ALWAYS;
    progress_step(&job->progress, "update");
    const rd_result result = rd_patch_apply(&job->inputs[OLD].source, delta, &job->output.sink, &options);
    if (result == RD_E_LIMIT && error->role == RD_ROLE_DELTA && options.limits.output > 0)
        return sync_fail_limit(job);
    if (result == RD_E_MISMATCH) { /* the old file is no longer the one that was signed */
        error->result = RD_E_CHANGED;
        error->reason = "changed while it was being read";
        return RD_E_CHANGED;
    }
    return result;
}

/*
 * A new file that consists of holes for the most part: a stream would have to read them all. So its delta becomes a
 * file, which nobody else sees.
 */
static rd_result sync_update_by_file(cli_job *job, const rd_signature *signature) {
    FILE *const file = tmpfile();
    if (file == NULL)
        return failure_system(&job->failure, RD_ROLE_DELTA, "cannot be made in the directory for temporary files");
    const rd_sink sink = rd_sink_fd(fileno(file));
    rd_result result = sync_make_delta(job, signature, &sink);
    if (result == RD_OK) {
        const rd_source delta = rd_source_fd_at(fileno(file), 0);
        result = sync_patch(job, &delta);
    }
    (void)fclose(file);
    return result;
}

/* Patches the old file with the delta that a stream makes of the new one, as the patch asks for it. */
static rd_result sync_update(cli_job *job, const rd_signature *signature) {
    const rd_source *const new_file = &job->inputs[NEW].source;
    rd_error *const error = &job->failure.error;
    rd_options reading = job_options(job, NULL);
    rd_stream *stream = NULL;
    rd_filter *delta = NULL;
    if (new_file->size != RD_UNKNOWN && rd_source_holes(new_file) > new_file->size / 2)
        return sync_update_by_file(job, signature);
    reading.progress = interrupt_progress; /* a signal ends a read that waits */
    rd_result result = rd_delta_stream_new(
        &stream, signature,
        &(rd_options){.size = sizeof(rd_options), .compression = job->request->compression, .error = error});
    if (result == RD_OK)
        result = rd_filter_stream_new(&delta, stream, new_file, &reading);
    if (result == RD_OK) {
        const rd_source source = rd_filter_source(delta);
        result = sync_patch(job, &source);
    }
    rd_filter_free(delta);
    rd_stream_free(stream);
    return result;
}

/* ---- The verb --------------------------------------------------------------------------------------------------- */

static rd_result sync_work(cli_job *job) {
    rd_signature *signature = NULL;
    bool equal = false;
    if (job->request->verbose)
        job_announce(job, "new file", "old file");
    rd_result result = sync_compare(job, &equal);
    if (result == RD_OK)
        result = sync_sign(job, &signature);
    if (result == RD_OK)
        result = equal || job->request->dry_run ? sync_count(job, signature) : sync_update(job, signature);
    rd_signature_free(signature);
    job->identical = result == RD_OK && (equal || (!job->created && job->stats.identical));
    return result;
}

static rd_result sync_print(cli_job *job) {
    const uint64_t new_size = job->stats.out_bytes;
    const uint64_t sent = job->signature_bytes + job->stats.in_bytes;
    failure_put_name(stdout, job->request->inputs[OLD]);
    (void)printf(": %s, %s bytes; %s would have been sent (%.2f %%): signature %s, delta %s\n", job_sync_outcome(job),
                 grouped(new_size).text, grouped(sent).text, percent(sent, new_size),
                 grouped(job->signature_bytes).text, grouped(job->stats.in_bytes).text);
    return output_check_printed(&job->failure);
}

static void sync_print_stats(const cli_job *job) {
    const rd_stats *const stats = &job->stats;
    table_size(stderr, "signature", job->signature_bytes);
    table_blocks(stderr, job->signature_blocks, &job->params);
    table_sums(stderr, &job->params);
    table_share(stderr, "delta", stats->in_bytes, stats->out_bytes, "new file");
    table_size(stderr, "new file", stats->out_bytes);
    job_print_holes(stats);
    job_print_commands(stats);
    table_time(stderr, job->seconds, stats->out_bytes);
}

static void sync_put_result(json_writer *record, const cli_job *job) {
    const uint64_t new_size = job->stats.out_bytes;
    const uint64_t delta_bytes = job->stats.in_bytes;
    json_object(record, "files");
    record_file(record, "old", job->request->inputs[OLD], job->inputs[OLD].source.size);
    record_file(record, "new", job->request->inputs[NEW], new_size);
    json_end(record);
    job_put_blocks(record, job, job->signature_blocks);
    job_put_commands(record, job, new_size, job->signature_bytes + delta_bytes);
    json_number(record, "signature_bytes", job->signature_bytes);
    json_number(record, "delta_bytes", delta_bytes);
    json_number(record, "holes", job->stats.hole_bytes);
    json_bool(record, "created", job->created);
    json_bool(record, "dry_run", job->request->dry_run);
    record_notes(record, job->output.notes);
    record_digest(record, &job->stats);
    record_time(record, job->seconds, new_size);
}

/* The memory that it needs grows with the blocks of the signature. */
static const char *sync_advice(const cli_job *job) {
    return job->failure.error.result == RD_E_MEMORY ? "free some memory, or use a larger block size" : NULL;
}

/* ---- Its two ways ----------------------------------------------------------------------------------------------- */

static const cli_verb *sync_choose(const cli_request *request) {
    for (int i = NEW; i <= OLD; i++)
        if (request->inputs[i] != NULL && place_is_elsewhere(request->inputs[i]))
            return &verb_sync_remote;
    return &verb_sync_local;
}

const cli_verb verb_sync = {
    .name = "sync",
    .operands = "SOURCE DESTINATION",
    .summary = "bring a file up to date, also over ssh",
    .help = sync_help,
    .options = SYNC_OPTIONS_BOTH | SYNC_OPTIONS_ONLY_LOCAL | SYNC_OPTIONS_ONLY_REMOTE,
    .inputs = 2,
    .outputs = 0,
    .least = 2,
    .missing = "a source and a destination",
    .choose = sync_choose,
};

const cli_verb verb_sync_local = {
    .name = "sync",
    .options = SYNC_OPTIONS_BOTH | SYNC_OPTIONS_ONLY_LOCAL,
    .only = "two local files",
    .inputs = 2,
    .outputs = 0,
    .roles = {RD_ROLE_NEW, RD_ROLE_BASIS},
    .replaced = OLD,
    .replace = RD_REPLACE_SAFELY,
    .in_place = true,
    .check = sync_check,
    .work = sync_work,
    .print = sync_print,
    .print_stats = sync_print_stats,
    .put_result = sync_put_result,
    .advice = sync_advice,
};

/*
 * sync.c: see sync.h. The old file is signed into a loaded signature. Then a patch asks for its delta, and each time a
 * stream makes the next of it from what it reads of the new file. So neither signature nor delta is ever a file, memory
 * does not grow with the files but for the loaded signature, and the patch is the library's, with its verification and
 * its threads. If the old file changes meanwhile, the digest tells, and nothing is replaced.
 *
 * Files of one length are compared first, which costs little where they differ early: equal ones need not be written.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interrupt.h"
#include "location.h"
#include "numbers.h"
#include "system.h"

enum { OLD = 0, NEW = 1, CHUNK = 256 * 1024 };

/* ---- Before ----------------------------------------------------------------------------------------------------- */

static rd_result check_place(cli_job *job, int which) {
    const char *name = job->options->inputs[which];
    if (name == NULL || location_parse(name).host == NULL)
        return RD_OK;
    return failure_refusal(&job->failure, job->inputs[which].role, "is on another machine, which sync cannot reach yet",
                           "use signature, delta and patch through ssh; for a local file put ./ before its name");
}

rd_result sync_check(cli_job *job) {
    struct stat status;
    const char *old = job->options->inputs[OLD];
    for (int i = OLD; i <= NEW; i++) {
        const rd_result result = check_place(job, i);
        if (result != RD_OK)
            return result;
    }
    if (old == NULL)
        return failure_refusal(&job->failure, RD_ROLE_BASIS, "cannot be replaced", "name the old file");
    const bool found = system_stat(old, &status) == 0;
    if (found && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return failure_refusal(&job->failure, RD_ROLE_BASIS, "is not a regular file, and cannot be replaced",
                               "name a file");
    job->summary.created = !found && errno == ENOENT;
    return RD_OK;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

/* Fills data[0 .. size) as far as the input goes; *got is less only at its end. */
static rd_result read_all(cli_job *job, int which, uint8_t *data, size_t size, size_t *got) {
    *got = 0;
    while (*got < size) {
        const ssize_t n = read(job->inputs[which].fd, data + *got, (unsigned)(size - *got));
        if (n == 0)
            break;
        if (n > 0)
            *got += (size_t)n;
        else if (errno != EINTR)
            return failure_system(&job->failure, job->inputs[which].role, "cannot be read");
        else if (interrupt_caught())
            return RD_E_CANCELLED;
    }
    return RD_OK;
}

/* Both from where they stand; *equal tells. */
static rd_result compare_from_here(cli_job *job, uint8_t *buffers, uint64_t size, bool *equal) {
    size_t got[2] = {CHUNK, CHUNK};
    uint64_t done = 0;
    *equal = true;
    while (*equal && got[OLD] == CHUNK) {
        for (int i = OLD; i <= NEW; i++) {
            const rd_result result = read_all(job, i, buffers + (size_t)i * CHUNK, CHUNK, &got[i]);
            if (result != RD_OK)
                return result;
        }
        *equal = got[OLD] == got[NEW] && memcmp(buffers, buffers + CHUNK, got[OLD]) == 0;
        done += got[OLD];
        if (!progress_tell(&job->progress, done, size))
            return RD_E_CANCELLED;
    }
    return RD_OK;
}

/* Whether they are equal, if that can be told beforehand. Their positions are those from which they are to be read. */
static rd_result compare(cli_job *job, bool *equal) {
    const rd_source *old = &job->inputs[OLD].source;
    const rd_source *new_file = &job->inputs[NEW].source;
    *equal = false;
    if (job->summary.created || old->size != new_file->size || old->size == RD_UNKNOWN)
        return RD_OK;
    uint8_t *buffers = malloc(2 * (size_t)CHUNK);
    if (buffers == NULL)
        return job->failure.error.result = RD_E_MEMORY;
    progress_step(&job->progress, "compare");
    rd_result result = compare_from_here(job, buffers, old->size, equal);
    if (result == RD_OK && lseek(job->inputs[NEW].fd, (off_t)new_file->origin, SEEK_SET) == -1)
        result = failure_system(&job->failure, RD_ROLE_NEW, "cannot be read");
    free(buffers);
    return result;
}

/* ---- The signature ---------------------------------------------------------------------------------------------- */

/* A rd_write_fn that loads what it gets. */
static rd_result load_some(void *context, const void *data, size_t size) {
    rd_in in = {.data = data, .size = size};
    rd_out out = {0};
    const rd_result result = rd_stream_step(context, &in, &out, false);
    return result == RD_MORE ? RD_OK : result;
}

static rd_result finish_loading(rd_stream *loader, rd_signature **signature, rd_error *error) {
    rd_in in = {0};
    rd_out out = {0};
    const rd_result result = rd_stream_step(loader, &in, &out, true);
    if (result == RD_OK)
        return rd_stream_take_signature(loader, signature);
    *error = *rd_stream_error(loader);
    return result;
}

static rd_result sign(cli_job *job, rd_signature **signature) {
    cli_summary *summary = &job->summary;
    const rd_source *old = &job->inputs[OLD].source;
    rd_stream *loader;
    rd_stats stats = {0};
    summary->params = job->options->params;
    if (rd_params_resolve(&summary->params, old->size) != RD_OK)
        return failure_refusal(&job->failure, RD_ROLE_NONE, "a size is out of range", "see 'redelta sync --help'");
    progress_step(&job->progress, "signature");
    const rd_options options = job_options(job, &stats);
    if (rd_loadsig_stream_new(&loader, &options) != RD_OK)
        return job->failure.error.result = RD_E_MEMORY;
    const rd_sink sink = rd_sink_callback(load_some, loader);
    rd_result result = rd_signature_make(old, &sink, &options);
    if (result == RD_OK)
        result = finish_loading(loader, signature, &job->failure.error);
    rd_stream_free(loader);
    summary->signature_bytes = stats.out_bytes;
    summary->signature_blocks = stats.blocks;
    return result;
}

/* ---- Delta and patch -------------------------------------------------------------------------------------------- */

/* The delta, made as it is asked for. */
typedef struct delta_maker {
    cli_job *job;
    rd_stream *stream;
    uint8_t *chunk; /* of the new file */
    rd_in in;
    bool ended; /* the new file */
    bool done;  /* the delta */
    bool failed;
} delta_maker;

static rd_result read_chunk(delta_maker *maker) {
    size_t got = 0;
    const rd_result result = read_all(maker->job, NEW, maker->chunk, CHUNK, &got);
    maker->in = (rd_in){.data = maker->chunk, .size = got};
    maker->ended = got < CHUNK;
    return result;
}

static rd_result make_some(delta_maker *maker, rd_out *out) {
    rd_result result = RD_OK;
    if (maker->in.pos == maker->in.size && !maker->ended)
        result = read_chunk(maker);
    if (result != RD_OK)
        return result;
    result = rd_stream_step(maker->stream, &maker->in, out, maker->ended);
    maker->done = result == RD_OK;
    if (result == RD_OK || result == RD_MORE)
        return RD_OK;
    maker->job->failure.error = *rd_stream_error(maker->stream);
    return result;
}

/* A rd_read_fn that gives the delta. */
static rd_result read_delta(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    delta_maker *const maker = context;
    rd_out out = {.data = data, .size = size};
    rd_result result = RD_OK;
    (void)offset;
    while (result == RD_OK && out.pos == 0 && !maker->done)
        result = make_some(maker, &out);
    maker->failed = result != RD_OK;
    *got = out.pos;
    return result;
}

/* What is written counts to the size of the new file, which the patch cannot know. */
static bool tell_written(void *context, uint64_t done, uint64_t total) {
    cli_job *const job = context;
    (void)total;
    return progress_tell(&job->progress, done, job->inputs[NEW].source.size);
}

static rd_result patch(cli_job *job, delta_maker *maker) {
    const rd_source delta = rd_source_callback(read_delta, maker, RD_UNKNOWN, false);
    rd_error error = {0};
    rd_options options = job_options(job, &job->summary.stats);
    options.progress = tell_written;
    options.progress_context = job;
    options.error = &error;
    options.verify = RD_VERIFY_ALWAYS;
    progress_step(&job->progress, "update");
    const rd_result result = rd_patch_apply(&job->inputs[OLD].source, &delta, &job->output.sink, &options);
    if (maker->failed)
        return result;
    job->failure.error = error;
    if (result == RD_E_MISMATCH) {
        job->failure.error.reason = "it was changed while it was being read";
        job->failure.advice = "nothing was replaced; run it again";
    }
    return result;
}

static rd_result update(cli_job *job, const rd_signature *signature) {
    delta_maker maker = {.job = job, .chunk = malloc(CHUNK)};
    rd_result result = maker.chunk != NULL ? rd_delta_stream_new(&maker.stream, signature, NULL) : RD_E_MEMORY;
    if (result == RD_OK)
        result = patch(job, &maker);
    else
        job->failure.error.result = result;
    rd_stream_free(maker.stream);
    free(maker.chunk);
    return result;
}

/* ---- Files that are equal already ------------------------------------------------------------------------------- */

static rd_result drop(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

/* Only to say how long the delta is. Its figures become those of a patch. */
static rd_result count(cli_job *job, const rd_signature *signature) {
    const rd_sink sink = rd_sink_callback(drop, NULL);
    rd_stats *stats = &job->summary.stats;
    const rd_options options = job_options(job, stats);
    progress_step(&job->progress, "delta");
    const rd_result result = rd_delta_make(signature, &job->inputs[NEW].source, &sink, &options);
    const uint64_t new_size = stats->in_bytes;
    stats->in_bytes = stats->out_bytes;
    stats->out_bytes = new_size;
    return result;
}

/* ---- The whole -------------------------------------------------------------------------------------------------- */

rd_result sync_work(cli_job *job) {
    rd_signature *signature = NULL;
    bool equal = false;
    if (job->options->verbose)
        stats_announce_files(VERB_SYNC, "old file", job->inputs[OLD].source.size, "new file",
                             job->inputs[NEW].source.size);
    rd_result result = compare(job, &equal);
    if (result == RD_OK)
        result = sign(job, &signature);
    if (result == RD_OK)
        result = equal ? count(job, signature) : update(job, signature);
    rd_signature_free(signature);
    cli_summary *summary = &job->summary;
    if (result == RD_OK)
        summary->identical =
            equal || (!summary->created && work_is_basis(&summary->stats, &summary->params, summary->signature_blocks));
    return result;
}

rd_result sync_tell(cli_job *job) {
    const cli_summary *summary = &job->summary;
    const uint64_t sent = summary->signature_bytes + summary->stats.in_bytes;
    failure_put_name(stdout, job->options->inputs[OLD]);
    (void)printf(": %s, %s bytes; %s would have travelled (%.2f %%): signature %s, delta %s\n",
                 summary->identical ? "unchanged"
                 : summary->created ? "created"
                                    : "updated",
                 grouped(summary->stats.out_bytes).text, grouped(sent).text, percent(sent, summary->stats.out_bytes),
                 grouped(summary->signature_bytes).text, grouped(summary->stats.in_bytes).text);
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return RD_OK;
    return failure_system(&job->failure, RD_ROLE_OUTPUT, "cannot be written");
}

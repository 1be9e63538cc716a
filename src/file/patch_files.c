/*
 * Many new files, each of a basis and a delta in memory, in one call. A file gets its name when it is made, under a
 * name that nothing has: who calls flushes them all at once, and then has them replace others. So nothing is flushed
 * here, and there is no temporary name that a killed process could leave behind without the caller knowing it.
 *
 * Small files are made in batches by all threads, each by the operation for one file, with a context of its slot. What
 * is not small, or turns out not to be (a few bytes of a delta can make a file of any size), is left to the calling
 * thread, which has all threads work on it, tells progress, and can be cancelled.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "base/memory.h"
#include "base/result.h"
#include "base/system.h"
#include "file/file_record.h"
#include "file/openat.h"
#include "file/patch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
    SMALL_SIZE = 1024 * 1024,      /* of a delta and of a basis, at most */
    SMALL_OUTPUT = 8 * SMALL_SIZE, /* and of what they make */
    BATCH = 8,                     /* files */
    SLOTS_PER_THREAD = 2
};

#define SECOND INT64_C(1000000000)

typedef struct patches_run {
    rd__operation *operation;
    int basis_directory;
    int output_directory;
    const rd_patch_item *items;
    size_t count;
    unsigned what;
    rd_file_record *records;
    size_t next; /* the first item that was not fetched */
} patches_run;

typedef struct patches_slot {
    size_t first; /* item */
    size_t count;
    bool large[BATCH];   /* left to the calling thread */
    rd_context *context; /* for the thread that works on the slot */
    uint64_t made;       /* bytes */
    bool failed;         /* out of memory */
} patches_slot;

/* An item in work. */
typedef struct patches_item {
    const rd_patch_item *item;
    rd_file_record *record;
    int basis; /* descriptors; -1: none */
    int output;
    uint32_t basis_mode;
} patches_item;

/* ---- One item ---------------------------------------------------------------------------------------------------- */

/* Opens the basis. False: the record has failed. */
static bool patches_open_basis(const patches_run *run, patches_item *it, bool *is_small) {
    rd__file_state state = {0};
    it->output = -1;
    it->basis = -1;
    if (it->item->basis) {
        it->basis =
            rd__record_open(it->record, RD_ROLE_BASIS, run->basis_directory, it->item->basis, run->what, &state);
        if (it->basis < 0)
            return false;
    }
    it->basis_mode = it->record->mode;
    *is_small = state.size <= SMALL_SIZE && it->item->delta_size <= SMALL_SIZE;
    return true;
}

/* The permissions that the output shall have; without a basis, those that the umask leaves. */
static bool patches_mode(const patches_item *it, mode_t *mode) {
    const bool is_known = it->item->mode != RD_MODE_OF_BASIS || it->basis >= 0;
    *mode = it->item->mode != RD_MODE_OF_BASIS ? (mode_t)it->item->mode : (mode_t)(it->basis_mode & 0777);
    if (!is_known)
        *mode = 0666;
    return is_known;
}

/* Creates the output. False: the record has failed. */
static bool patches_create(const patches_run *run, patches_item *it) {
    mode_t mode = 0;
    (void)patches_mode(it, &mode);
    it->output = rd__openat(rd__record_directory(run->output_directory), it->item->output,
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (it->output >= 0)
        return true;
    if (errno == EEXIST)
        rd__record_fail(it->record, RD_ROLE_OUTPUT, RD_E_EXISTS, 0);
    else
        rd__record_fail(it->record, RD_ROLE_OUTPUT, RD_E_IO, errno);
    return false;
}

/* Sets the time of the last modification. False, with errno: it cannot be set. */
static bool patches_set_time(int fd, int64_t time) {
    const int64_t nanoseconds = (time % SECOND + SECOND) % SECOND;
    const int64_t seconds = time / SECOND - (time % SECOND < 0);
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = (time_t)seconds, .tv_nsec = (long)nanoseconds}};
    return futimens(fd, times) == 0;
}

/* Gives the complete output its mode and its time, and notes what it is. False: the record has failed. */
static bool patches_complete(const patches_item *it) {
    rd_file_record *const record = it->record;
    rd__file_state state;
    mode_t mode = 0;
    bool good = rd__record_note(record, RD_ROLE_OUTPUT, it->output, &state);
    if (!good)
        return false;
    const bool sets_mode = patches_mode(it, &mode) && (record->mode & 07777) != (uint32_t)mode;
    const bool sets_time = it->item->mtime_ns != RD_TIME_NOW;
    good = (!sets_mode || fchmod(it->output, mode) == 0) &&
           (!sets_time || patches_set_time(it->output, it->item->mtime_ns));
    if (!good)
        rd__record_fail(record, RD_ROLE_OUTPUT, RD_E_IO, errno);
    else if (sets_mode || sets_time)
        good = rd__record_note(record, RD_ROLE_OUTPUT, it->output, &state);
    return good;
}

/* Closes the files. An output that failed goes. */
static void patches_close(const patches_run *run, const patches_item *it) {
    if (it->basis >= 0)
        close(it->basis);
    if (it->output < 0)
        return;
    /* Some file systems tell only now that they could not write. */
    if (close(it->output) != 0 && errno != EINTR && it->record->result == RD_OK)
        rd__record_fail(it->record, RD_ROLE_OUTPUT, RD_E_IO, errno);
    if (it->record->result != RD_OK)
        (void)unlinkat(rd__record_directory(run->output_directory), it->item->output, 0);
}

static rd_source patches_basis(const patches_item *it) {
    return it->basis >= 0 ? rd_source_fd_at(it->basis, 0) : rd_source_memory("", 0);
}

/* The new file is written: notes what the operation says of it. */
static void patches_note(const patches_item *it, const rd_stats *stats) {
    if (!patches_complete(it))
        return;
    it->record->changed = stats->changed != RD_ROLE_NONE;
    it->record->has_digest = stats->has_digest;
    if (stats->has_digest)
        memcpy(it->record->digest, stats->digest, sizeof it->record->digest);
}

/* What the record has of the basis is not about the output. */
static void patches_forget_basis(rd_file_record *record) {
    *record = (rd_file_record){.result = record->result, .role = record->role, .system_error = record->system_error};
}

/* ---- Small files ------------------------------------------------------------------------------------------------- */

/* True: it is not small after all, and nothing is left of it. */
static bool patches_make_small(const patches_run *run, patches_slot *slot, patches_item *it) {
    const uint64_t limit = run->operation->options.limits.output;
    rd_stats stats = {.size = sizeof stats};
    rd_error error = {0};
    rd_options options = run->operation->options;
    options.size = sizeof options;
    options.limits.output = limit > 0 ? rd__min_u64(limit, SMALL_OUTPUT) : (uint64_t)SMALL_OUTPUT;
    options.progress = NULL;
    options.stats = &stats;
    options.error = &error;
    options.threads = 1;
    options.context = slot->context;
    const rd_source basis = patches_basis(it);
    const rd_source delta = rd_source_memory(it->item->delta, it->item->delta_size);
    const rd_sink out = rd_sink_fd(it->output);
    const rd_result result = rd_patch_apply(&basis, &delta, &out, &options);
    if (result == RD_OK)
        patches_note(it, &stats);
    else
        rd__record_fail_with(it->record, &error);
    if (result == RD_E_MEMORY)
        slot->failed = true;
    if (result == RD_OK)
        slot->made += stats.out_bytes;
    return result == RD_E_LIMIT && options.limits.output != limit;
}

static void patches_work(const void *context, void *slot) {
    const patches_run *const run = context;
    patches_slot *const s = slot;
    for (size_t i = 0; i < s->count && !s->failed; i++) {
        patches_item it = {.item = &run->items[s->first + i], .record = &run->records[s->first + i]};
        bool is_small = false;
        if (!patches_open_basis(run, &it, &is_small))
            continue;
        patches_forget_basis(it.record);
        s->large[i] = !is_small;
        if (is_small && patches_create(run, &it))
            s->large[i] = patches_make_small(run, s, &it);
        patches_close(run, &it);
    }
}

/* ---- Files that are not small ------------------------------------------------------------------------------------ */

typedef struct patches_large {
    rd__operation *whole;
    bool cancelled;
} patches_large;

/* Progress within a file: as many items are done as before it. */
static bool patches_large_progress(void *context, uint64_t done, uint64_t total) {
    patches_large *const large = context;
    (void)done, (void)total;
    large->cancelled = rd__operation_progress(large->whole, large->whole->done) != RD_OK;
    return !large->cancelled;
}

static rd_result patches_make_large(patches_run *run, patches_item *it) {
    rd__operation *const whole = run->operation;
    patches_large large = {.whole = whole};
    rd_stats stats = {.size = sizeof stats};
    rd_options options = whole->options;
    options.size = sizeof options;
    options.progress = patches_large_progress;
    options.progress_context = &large;
    options.stats = &stats;
    options.error = &whole->error;
    const rd_source basis = patches_basis(it);
    const rd_source delta = rd_source_memory(it->item->delta, it->item->delta_size);
    const rd_sink out = rd_sink_fd(it->output);
    rd__operation part;
    uint64_t reached;
    rd_result result = rd__operation_start_part(&part, whole, &options, RD_UNKNOWN);
    if (result == RD_OK)
        result = rd__patch_within(&part, &basis, &delta, &out, &reached);
    result = rd__operation_end(&part, result);
    if (result == RD_OK) {
        patches_note(it, &stats);
        whole->stats.out_bytes += stats.out_bytes;
        return RD_OK;
    }
    rd__record_fail_with(it->record, &whole->error);
    return large.cancelled || result == RD_E_MEMORY ? result : RD_OK;
}

static rd_result patches_work_on_large(patches_run *run, size_t number) {
    patches_item it = {.item = &run->items[number], .record = &run->records[number]};
    bool is_small = false;
    rd_result result = RD_OK;
    *it.record = (rd_file_record){0};
    if (!patches_open_basis(run, &it, &is_small))
        return RD_OK;
    patches_forget_basis(it.record);
    if (patches_create(run, &it))
        result = patches_make_large(run, &it);
    patches_close(run, &it);
    return result;
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static bool patches_fetch(void *context, void *slot) {
    patches_run *const run = context;
    patches_slot *const s = slot;
    if (run->next == run->count)
        return false;
    s->first = run->next;
    s->count = rd__min_size(BATCH, run->count - run->next);
    s->made = 0;
    memset(s->large, 0, sizeof s->large);
    run->next += s->count;
    return true;
}

static rd_result patches_finish(void *context, void *slot) {
    patches_run *const run = context;
    const patches_slot *const s = slot;
    rd__operation *const operation = run->operation;
    if (s->failed)
        return rd__fail_memory(&operation->error);
    for (size_t i = 0; i < s->count; i++) {
        const rd_result result = s->large[i] ? patches_work_on_large(run, s->first + i) : RD_OK;
        if (result != RD_OK)
            return result;
        operation->stats.in_bytes += run->items[s->first + i].delta_size;
    }
    operation->stats.out_bytes += s->made;
    return rd__operation_progress(operation, s->first + s->count);
}

/* The call has failed: what was made goes. An item that nobody came to has no output. */
static void patches_remove_all(const patches_run *run) {
    for (size_t i = 0; i < run->next; i++) {
        if (run->records[i].result == RD_OK && run->records[i].inode != 0)
            (void)unlinkat(rd__record_directory(run->output_directory), run->items[i].output, 0);
    }
}

static rd_result patches_run_batches(patches_run *run) {
    rd__operation *const operation = run->operation;
    const unsigned threads = rd__operation_threads(operation);
    const size_t batches = run->count / BATCH + 1;
    const size_t slot_count = rd__min_size((size_t)threads * SLOTS_PER_THREAD, batches);
    patches_slot *const all = rd__alloc_zeroed(slot_count, sizeof *all);
    void **const slots = rd__alloc_array(slot_count, sizeof *slots);
    bool complete = all && slots;
    for (size_t i = 0; complete && i < slot_count; i++) {
        slots[i] = &all[i];
        complete = rd_context_new(&all[i].context) == RD_OK;
    }
    const rd__pipeline pipeline = {.fetch = patches_fetch,
                                   .work = patches_work,
                                   .finish = patches_finish,
                                   .context = run,
                                   .slots = slots,
                                   .slot_count = slot_count,
                                   .threads = (unsigned)rd__min_u64(threads, batches),
                                   .pool = &operation->context->pool,
                                   .owner = operation->owner};
    const rd_result result =
        complete ? rd__pipeline_run(&pipeline, &operation->error) : rd__fail_memory(&operation->error);
    for (size_t i = 0; all && i < slot_count; i++)
        rd_context_free(all[i].context);
    free((void *)slots);
    free(all);
    return result;
}

static rd_result patches_check(const patches_run *run) {
    rd_error *const error = &run->operation->error;
    if (run->what & ~(unsigned)RD_FOLLOW_LINKS)
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_NONE, RD_UNKNOWN, "invalid value of `what`");
    for (size_t i = 0; i < run->count; i++) {
        if (run->items[i].mode > 0777 && run->items[i].mode != RD_MODE_OF_BASIS)
            return rd__fail(error, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN, "the mode is more than permissions");
    }
    return RD_OK;
}

rd_result rd_patch_files(int basis_directory, int output_directory, const rd_patch_item *items, size_t count,
                         unsigned what, rd_file_record *records, const rd_options *options) {
    rd__operation operation;
    patches_run run = {.operation = &operation,
                       .basis_directory = basis_directory,
                       .output_directory = output_directory,
                       .items = items,
                       .count = count,
                       .what = what,
                       .records = records};
    rd_result result = rd__operation_start(&operation, options, count);
    if (result == RD_OK)
        result = patches_check(&run);
    if (count > 0)
        memset(records, 0, count * sizeof *records);
    if (result == RD_OK) {
        result = patches_run_batches(&run);
        if (result != RD_OK)
            patches_remove_all(&run);
    }
    return rd__operation_end(&operation, result);
}

/* See watch.h. */
#define _GNU_SOURCE
#include "io/watch.h"

#include "base/memory.h"
#include "base/result.h"
#include "io/filter.h"

#include <time.h>

/*
 * No clock of files has longer ticks. A file whose time is further ahead has it from another clock, or from before this
 * one was set back: waiting for that time would take long, and another writer would not get it.
 */
#define TICK_MAX ((uint64_t)20 * 1000 * 1000)

/* The bytes of a file of this size that belong to the source. */
static uint64_t watch_size_of(const rd_source *source, uint64_t file_size) {
    const uint64_t end = source->end > 0 ? rd__min_u64(source->end, file_size) : file_size;
    return end > source->origin ? end - source->origin : 0;
}

bool rd__watch_is_racy(const rd__file_state *state, uint64_t now) {
    return state->changed >= now && state->changed - now < TICK_MAX;
}

void rd__watch_pause(void) {
    static const struct timespec pause = {.tv_nsec = 1000000};
    (void)nanosleep(&pause, NULL);
}

rd__watch rd__watch_begin(const rd_source *source, rd_role role) {
    while (source->read == rd__filter_read) {
        const rd_filter *const filter = source->context;
        role = filter->role != RD_ROLE_NONE ? filter->role : role;
        source = &filter->source;
    }
    rd__watch watch = {.fd = source->read ? -1 : source->fd, .role = role};
    for (int pauses = 0; watch.fd >= 0; pauses++) {
        const uint64_t now = rd__file_clock();
        watch.failure = rd__file_state_of(watch.fd, &watch.before);
        if (watch.failure == 0 && !watch.before.regular)
            watch.fd = -1;
        if (watch.fd < 0 || watch.failure != 0 || pauses == RD__WATCH_PAUSES_MAX ||
            !rd__watch_is_racy(&watch.before, now))
            break;
        rd__watch_pause();
    }
    watch.resized = watch.fd >= 0 && watch.failure == 0 && source->size != RD_UNKNOWN &&
                    watch_size_of(source, watch.before.size) != source->size;
    return watch;
}

/* Only ctime differs, and so does what has no place but in the file's inode: that is what set it. */
static bool watch_is_metadata(const rd__file_state *before, const rd__file_state *now) {
    return before->links != now->links || before->mode != now->mode || before->user != now->user ||
           before->group != now->group;
}

bool rd__watch_differs(const rd__file_state *before, const rd__file_state *now) {
    if (before->size != now->size || before->written != now->written)
        return true;
    return before->changed != now->changed && !watch_is_metadata(before, now);
}

/* *failure becomes errno if the file cannot be examined. */
static bool watch_compare(const rd__watch *watch, rd__operation *operation, int *failure) {
    rd__file_state now;
    *failure = watch->failure;
    if (watch->fd < 0)
        return false;
    if (*failure == 0)
        *failure = rd__file_state_of(watch->fd, &now);
    const bool changed = *failure == 0 && (watch->resized || rd__watch_differs(&watch->before, &now));
    if (changed && operation->stats.changed == RD_ROLE_NONE)
        operation->stats.changed = watch->role;
    return changed;
}

bool rd__watch_changed(const rd__watch *watch, rd__operation *operation) {
    int failure;
    return watch_compare(watch, operation, &failure) || failure != 0;
}

/* Could the operation have failed because the file changed? */
static bool watch_explains(const rd__watch *watch, const rd_error *error) {
    switch (error->result) {
    case RD_E_MISMATCH: return true;
    case RD_E_MAGIC:
    case RD_E_TRUNCATED:
    case RD_E_CORRUPT: return error->role == watch->role;
    default: return false;
    }
}

rd_result rd__watch_end(const rd__watch *watch, rd__operation *operation, rd_result result) {
    int failure;
    const bool changed = watch_compare(watch, operation, &failure);
    if (operation->options.changed == RD_CHANGED_ACCEPT)
        return result;
    if (changed && (result == RD_OK || watch_explains(watch, &operation->error)))
        return rd__fail(&operation->error, RD_E_CHANGED, watch->role, RD_UNKNOWN, "changed while it was being read");
    if (failure != 0 && result == RD_OK)
        return rd__fail_system(&operation->error, watch->role, failure, "cannot be examined");
    return result;
}

/*
 * side.c: see side.h. The destination is that of the library, which replaces a file as a whole or not at all, and only
 * what it was at the opening.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "cli/remote/side.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/base/interrupt.h"
#include "cli/base/system.h"

/* ---- The input -------------------------------------------------------------------------------------------------- */

/* Where names come from outside, no link is followed. */
static rd_result side_refuse_link(remote_side *side, rd_role role) {
    return failure_refusal(&side->failure, role, "is a symbolic link, which is not followed there",
                           "name the file that it leads to");
}

/* Opens the file that is there. Nothing is waited for, neither the writer of a pipe nor a terminal. */
static rd_result side_open_input(remote_side *side) {
    cli_input *const input = &side->input;
    struct stat status;
    if (side->name == NULL)
        return input_open(input, NULL, input->role, &side->failure);
    input->fd = open(side->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (side->beneath ? O_NOFOLLOW : 0));
    if (input->fd == -1 && errno == ELOOP && side->beneath)
        return side_refuse_link(side, input->role);
    if (input->fd == -1)
        return failure_system(&side->failure, input->role, "cannot be opened");
    if (fstat(input->fd, &status) != 0)
        return failure_system(&side->failure, input->role, "cannot be examined");
    if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return failure_system(&side->failure, input->role, "cannot be read");
    }
    input->source = rd_source_fd(input->fd);
    return RD_OK;
}

/* ---- The sender ------------------------------------------------------------------------------------------------- */

static rd_session_file side_file_info(const remote_side *side) {
    struct stat status;
    rd_session_file file = {.size = side->input.source.size};
    if (fstat(side->input.fd, &status) != 0 || !S_ISREG(status.st_mode))
        return file;
    file.seconds = (int64_t)status.st_mtime;
    file.nanoseconds = system_nanoseconds(&status);
    file.mode = status.st_mode & 0777;
    file.has_time = file.has_mode = true;
    return file;
}

static rd_options side_options(remote_side *side) {
    const remote_wishes *const wishes = side->wishes;
    return (rd_options){
        .size = sizeof(rd_options),
        .threads = side->threads,
        .sparse = wishes->sparse,
        .compression = wishes->compression,
        .max_rounds = wishes->max_rounds,
        .limits.output = wishes->max_output,
        .changed = wishes->accept_changed ? RD_CHANGED_ACCEPT : RD_CHANGED_FAIL,
        .progress = interrupt_progress, /* a step may read a whole file */
        .error = &side->failure.error,
    };
}

static rd_result side_open_sender(remote_side *side) {
    input_name(&side->input, side->name, RD_ROLE_NEW);
    rd_result result = side_open_input(side);
    if (result != RD_OK)
        return result;
    if (!side->input.source.seekable || side->input.source.size == RD_UNKNOWN)
        return failure_refusal(&side->failure, RD_ROLE_NEW, "is no file of a known size, so it cannot be sent",
                               "name a file, or write it to one first");
    const rd_session_file file = side_file_info(side);
    const rd_options options = side_options(side);
    if (side->wishes->times && !file.has_time)
        return failure_refusal(&side->failure, RD_ROLE_NEW, "is no file, so it has no time to give to the output",
                               "name a file, or leave out --times");
    return rd_session_sender_new(&side->session, &side->input.source, &file, &options);
}

/* ---- The receiver ----------------------------------------------------------------------------------------------- */

/* Only a file can be replaced, or nothing. */
static rd_result side_look(remote_side *side) {
    struct stat status;
    const bool found = (side->beneath ? lstat(side->name, &status) : stat(side->name, &status)) == 0;
    if (!found && errno != ENOENT)
        return failure_system(&side->failure, RD_ROLE_BASIS, "cannot be examined");
    if (found && S_ISLNK(status.st_mode))
        return side_refuse_link(side, RD_ROLE_BASIS);
    if (found && S_ISDIR(status.st_mode))
        return failure_directory(&side->failure, RD_ROLE_BASIS);
    if (found && !S_ISREG(status.st_mode))
        return failure_refusal(&side->failure, RD_ROLE_BASIS, "is not a regular file, so it cannot be replaced",
                               "name a file");
    side->created = !found;
    return RD_OK;
}

static rd_result side_discard(void *context, const void *data, size_t size) {
    (void)context, (void)data, (void)size;
    return RD_OK;
}

static rd_result side_discard_at(void *context, uint64_t offset, const void *data, size_t size) {
    (void)context, (void)offset, (void)data, (void)size;
    return RD_OK;
}

/* What is replaced must be what was opened, and at the end still be it. */
static rd_result side_guard(remote_side *side) {
    cli_failure *const failure = &side->failure;
    rd_destination *const destination = side->output.destination;
    rd_result result = side->created ? RD_OK : input_check_name(&side->input, side->name, failure);
    if (result == RD_OK)
        result = rd_destination_guard(destination, side->created ? NULL : &side->input.source, &failure->error);
    if (result == RD_OK && side->wishes->backup)
        result = rd_destination_backup(destination, side->wishes->suffix, &failure->error);
    return result;
}

static rd_result side_open_output(remote_side *side) {
    cli_output *const output = &side->output;
    /* What is missing and has appeared since is somebody else's; but a link to nothing may be there. */
    const bool fresh = side->created && (side->beneath || !system_is_link(side->name));
    const rd_replace replace = fresh ? RD_REPLACE_NEVER : RD_REPLACE_SAFELY;
    if (side->wishes->dry_run) {
        output->sink = rd_sink_callback_at(side_discard, side_discard_at, NULL);
        return RD_OK;
    }
    const rd_result result =
        output_open(output, side->name, side->wishes->follow ? replace | RD_REPLACE_FOLLOW : replace, &side->failure);
    if (result == RD_E_EXISTS || (result == RD_OK && output->direct))
        return failure_changed(&side->failure);
    return result == RD_OK ? side_guard(side) : result;
}

static rd_result side_open_receiver(remote_side *side) {
    input_name(&side->input, side->name, RD_ROLE_BASIS);
    side->partial.fd = -1;
    rd_result result = side_look(side);
    if (result == RD_OK && side->created)
        side->input.source = rd_source_memory("", 0);
    else if (result == RD_OK)
        result = side_open_input(side);
    if (result == RD_OK && side->wishes->partial)
        result = partial_open(&side->partial, side->name, &side->failure);
    else if (result == RD_OK)
        side->left = partial_is_left(side->name);
    if (result == RD_OK)
        result = side_open_output(side);
    if (result != RD_OK)
        return result;
    const rd_source old = partial_source(&side->partial, &side->input.source);
    const rd_options options = side_options(side);
    const bool none = side->created && side->partial.fd == -1;
    return rd_session_receiver_new(&side->session, none ? NULL : &old, &side->output.sink, &options);
}

rd_result side_open(remote_side *side) {
    side->partial.fd = side->input.fd = -1;
    side->failure.error.offset = RD_UNKNOWN;
    const rd_result result = side->receives ? side_open_receiver(side) : side_open_sender(side);
    return result != RD_OK && side->failure.error.result == RD_OK ? side->failure.error.result = result : result;
}

/* ---- The end ---------------------------------------------------------------------------------------------------- */

rd_session_state side_state(const remote_side *side) {
    rd_session_state state = {.size = sizeof state};
    if (side->session != NULL)
        (void)rd_session_get_state(side->session, &state);
    return state;
}

bool side_is_identical(const remote_side *side) {
    return side_state(side).identical && side->partial.fd == -1;
}

/* The mode that the source's file gives to a new one: as cp does, without what the umask takes. */
static void side_give_mode(int fd, const rd_session_file *file) {
    const mode_t mask = umask(0);
    (void)umask(mask);
    if (file->has_mode && fd != -1)
        (void)fchmod(fd, (mode_t)file->mode & ~mask);
}

/* A destination that is identical already may still get the time. */
static rd_result side_leave(remote_side *side, const rd_session_file *file) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = (time_t)file->seconds, .tv_nsec = (long)file->nanoseconds}};
    output_discard(&side->output);
    if (side->wishes->dry_run || !side->wishes->times || !file->has_time || side->created)
        return RD_OK;
    return futimens(side->input.fd, times) == 0 ? RD_OK
                                                : failure_system(&side->failure, RD_ROLE_OUTPUT, "cannot get the time");
}

/*
 * A file system without unnamed files gives the new file its default mode along with its name, so the mode is set
 * once more after that.
 */
static rd_result side_commit(remote_side *side, const rd_session_file *file) {
    const int fd = side->created ? dup(side->output.sink.fd) : -1;
    side_give_mode(fd, file);
    if (side->wishes->times && file->has_time)
        rd_destination_set_time(side->output.destination, file->seconds, file->nanoseconds);
    input_close(&side->input); /* some systems replace no open file */
    const rd_result result = output_commit(&side->output, &side->failure);
    side->output.destination = NULL;
    if (result == RD_OK)
        side_give_mode(fd, file);
    if (fd != -1)
        (void)close(fd);
    return result;
}

static rd_result side_complete(remote_side *side) {
    rd_session_file file = {0};
    (void)rd_session_file_info(side->session, &file);
    if (!side->receives)
        return RD_OK;
    if (side_is_identical(side))
        return side_leave(side, &file);
    if (side->wishes->dry_run)
        return RD_OK;
    if (side_state(side).identical && partial_assemble(&side->partial, &side->output.sink, &side->failure) != RD_OK)
        return side->failure.error.result;
    return side_commit(side, &file);
}

/*
 * Whoever changed what was to be replaced does not care whether it was before or after it was read. A file that became
 * shorter was changed; only a connection that breaks has no role.
 */
static rd_result side_judge(remote_side *side, rd_result result) {
    rd_error *const error = &side->failure.error;
    const rd_role role = error->role;
    if (result == RD_E_TRUNCATED && role == side->input.role) {
        *error = (rd_error){
            .result = RD_E_CHANGED, .role = role, .offset = RD_UNKNOWN, .reason = "changed while it was being read"};
        result = RD_E_CHANGED;
    }
    if (result != RD_E_CHANGED || (role != RD_ROLE_BASIS && role != RD_ROLE_OUTPUT))
        return result;
    return failure_changed(&side->failure);
}

rd_result side_finish(remote_side *side, rd_result result) {
    if (result == RD_OK && interrupt_caught()) {
        result = RD_E_CANCELLED;
        side->failure.error = (rd_error){
            .result = result, .role = RD_ROLE_OUTPUT, .offset = RD_UNKNOWN, .reason = "interrupted by a signal"};
    } else if (result == RD_OK) {
        result = side_complete(side);
    } else if (rd_session_error(side->session)->result == result) {
        side->failure.error = *rd_session_error(side->session);
    } else {
        side->failure.error = (rd_error){.result = result, .offset = RD_UNKNOWN};
    }
    if (result == RD_OK && side->receives && !side->wishes->dry_run)
        partial_remove(&side->partial);
    if (result != RD_OK && side->output.destination != NULL && side->wishes->partial)
        partial_keep(&side->partial, side->output.sink.fd, side_state(side).done);
    output_discard(&side->output);
    return side_judge(side, result);
}

void side_close(remote_side *side) {
    rd_session_free(side->session);
    side->session = NULL;
    input_close(&side->input);
    output_discard(&side->output);
    partial_close(&side->partial);
}

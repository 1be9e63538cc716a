/*
 * files.c: the files of an operation. An input is a descriptor, whatever kind of file it is; an output with a name is
 * the library's destination, which appears as a whole or not at all; standard output is written as it comes.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "cli/base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/base/interrupt.h"
#include "cli/base/system.h"

static const char files_standard_input[] = "standard input";
static const char files_standard_output[] = "standard output";

bool files_is_standard(const char *name) {
    return name == files_standard_input || name == files_standard_output;
}

void files_reserve_standard(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* Opened the wrong way round, so that using it fails as using a closed one does. open takes the lowest free. */
        if (!system_is_open(fd))
            (void)open(SYSTEM_NULL, fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

/* ---- Inputs ----------------------------------------------------------------------------------------------------- */

/* Opening a named pipe waits for its writer; a signal that asks for the end stops that. */
static int input_wait_for(const char *name) {
    int fd;
    do
        fd = system_open(name);
    while (fd == -1 && errno == EINTR && !interrupt_caught());
    return fd;
}

void input_name(cli_input *input, const char *name, rd_role role) {
    *input = (cli_input){.name = name != NULL ? name : files_standard_input, .role = role, .fd = -1};
}

rd_result input_open(cli_input *input, const char *name, rd_role role, cli_failure *failure) {
    input_name(input, name, role);
    input->fd = name != NULL ? input_wait_for(name) : STDIN_FILENO;
    if (input->fd == -1)
        return failure_system(failure, role, "cannot be opened");
    input->source = rd_source_fd(input->fd);
    struct stat status;
    if (fstat(input->fd, &status) != 0)
        return failure_system(failure, role, "cannot be examined");
    if (!S_ISDIR(status.st_mode))
        return RD_OK;
    errno = EISDIR;
    return failure_system(failure, role, "cannot be read");
}

void input_close(cli_input *input) {
    if (input->fd != -1)
        (void)close(input->fd);
    input->fd = -1;
}

rd_result input_check_name(const cli_input *input, const char *name, cli_failure *failure) {
    const int fd = system_open_at_once(name);
    if (fd == -1 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return failure_system(failure, input->role, "cannot be opened");
    errno = 0;
    const bool same = fd != -1 && system_same_file(input->fd, fd);
    const int system_error = errno;
    if (fd != -1)
        (void)close(fd);
    errno = system_error;
    if (fd != -1 && !same && errno != 0)
        return failure_system(failure, input->role, "cannot be examined");
    return same ? RD_OK : failure_changed(failure);
}

rd_result input_give_time(const cli_input *input, rd_destination *destination, cli_failure *failure) {
    struct stat status;
    if (fstat(input->fd, &status) != 0)
        return failure_system(failure, input->role, "cannot be examined");
    if (!S_ISREG(status.st_mode))
        return failure_refusal(failure, input->role, "is no file, so it has no time to give to the output",
                               "name a file, or leave out --times");
    rd_destination_set_time(destination, status.st_mtime, system_nanoseconds(&status));
    return RD_OK;
}

rd_result input_read_some(const cli_input *input, void *data, size_t size, size_t *got, cli_failure *failure) {
    ssize_t n;
    do
        n = system_read(input->fd, data, size);
    while (n == -1 && errno == EINTR && !interrupt_caught());
    *got = n > 0 ? (size_t)n : 0;
    if (n >= 0)
        return RD_OK;
    if (errno != EINTR)
        return failure_system(failure, input->role, "cannot be read");
    failure->error = (rd_error){
        .result = RD_E_CANCELLED, .role = input->role, .offset = RD_UNKNOWN, .reason = "interrupted by a signal"};
    return RD_E_CANCELLED;
}

rd_result input_read(const cli_input *input, void *data, size_t size, size_t *got, cli_failure *failure) {
    rd_result result = RD_OK;
    *got = 0;
    for (size_t n = 1; result == RD_OK && n > 0 && *got < size; *got += n)
        result = input_read_some(input, (uint8_t *)data + *got, size - *got, &n, failure);
    return result;
}

/* ---- The output ------------------------------------------------------------------------------------------------- */

const char *output_name(const char *name) {
    return name != NULL ? name : files_standard_output;
}

static rd_result output_open_destination(cli_output *output, const char *name, rd_replace replace,
                                         cli_failure *failure) {
    struct stat status;
    const bool exists = system_stat(name, &status) == 0;
    if (exists && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return failure_system(failure, RD_ROLE_OUTPUT, "cannot be written");
    }
    const rd_result result = rd_destination_open(&output->destination, name, replace, &failure->error);
    if (result == RD_OK) {
        output->sink = rd_destination_sink(output->destination);
        output->direct = rd_destination_is_direct(output->destination);
        output->start = lseek(output->sink.fd, 0, SEEK_CUR);
        rd_destination_notes(output->destination, &output->notes);
    } else if (result == RD_E_EXISTS && exists && !S_ISREG(status.st_mode))
        failure->advice = "use -f to write to it";
    return result;
}

rd_result output_open(cli_output *output, const char *name, rd_replace replace, cli_failure *failure) {
    output->destination = NULL;
    if (name != NULL)
        return output_open_destination(output, name, replace, failure);
    if (replace == RD_REPLACE_NEVER && isatty(STDOUT_FILENO))
        return failure_refusal(failure, RD_ROLE_OUTPUT, "refusing to write binary data to a terminal",
                               "name a file, or use -f");
    output->sink = rd_sink_fd(STDOUT_FILENO);
    output->direct = true;
    output->start = lseek(STDOUT_FILENO, 0, SEEK_CUR);
    return RD_OK;
}

rd_result output_commit(cli_output *output, cli_failure *failure) {
    if (output->destination != NULL)
        return rd_destination_commit(output->destination, &failure->error);
    /* Some file systems report only now that there was no room. */
    if (close(STDOUT_FILENO) != 0 && errno != EINTR)
        return failure_system(failure, RD_ROLE_OUTPUT, "cannot be completed");
    return RD_OK;
}

void output_discard(cli_output *output) {
    output->written = output->direct && (output->start < 0 || lseek(output->sink.fd, 0, SEEK_CUR) != output->start);
    rd_destination_discard(output->destination);
    output->destination = NULL;
}

rd_result output_check_backup(const char *name, const char *suffix, const cli_input *input, cli_failure *failure) {
    const size_t size = strlen(name) + strlen(suffix) + 1;
    char *const backup = malloc(size);
    if (backup == NULL)
        return failure->error.result = RD_E_MEMORY;
    (void)snprintf(backup, size, "%s%s", name, suffix);
    const int fd = system_open_at_once(backup);
    const bool same = fd != -1 && system_same_file(input->fd, fd);
    if (fd != -1)
        (void)close(fd);
    free(backup);
    return same ? failure_refusal(failure, input->role, "would be replaced by the backup", "choose another suffix")
                : RD_OK;
}

unsigned output_next_note(unsigned *notes) {
    const unsigned note = *notes & ~(*notes - 1); /* the lowest bit */
    *notes &= ~note;
    return note;
}

rd_result output_check_printed(cli_failure *failure) {
    if (ferror(stdout) == 0 && fflush(stdout) == 0)
        return RD_OK;
    return failure_system(failure, RD_ROLE_OUTPUT, "cannot be written");
}

rd_result output_check_apart(const cli_output *output, const cli_input *input, cli_failure *failure) {
    if (!system_same_file(input->fd, output->sink.fd))
        return RD_OK;
    const char *const reason =
        input->role == RD_ROLE_BASIS   ? "is also the basis, and would be overwritten as that is read"
        : input->role == RD_ROLE_DELTA ? "is also the delta, and would be overwritten as that is read"
                                       : "is also an input, and would be overwritten as that is read";
    return failure_refusal(failure, RD_ROLE_OUTPUT, reason, "name another output");
}

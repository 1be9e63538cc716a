/*
 * files.h: the files of an operation, from the names that the user gave to sources and sinks of the library.
 */
#ifndef REDELTA_CLI_FILES_H
#define REDELTA_CLI_FILES_H

#include "cli/base/failure.h"

typedef struct cli_input {
    const char *name; /* for people */
    rd_role role;
    int fd;
    rd_source source;
} cli_input;

typedef struct cli_output {
    rd_destination *destination; /* NULL for standard output */
    rd_sink sink;
    bool direct;    /* what is written stays, even if the work fails */
    int64_t start;  /* the position of its descriptor at the opening, -1 if that has none */
    bool written;   /* it is direct, was discarded, and something had been written */
    unsigned notes; /* RD_NOTE_* of the commit */
} cli_output;

/* Puts something into each of the descriptors 0, 1 and 2 that is closed, so that no file of ours gets that number. */
void files_reserve_standard(void);

/* What messages need before the input is open: NULL is standard input. */
void input_name(cli_input *input, const char *name, rd_role role);

/* Opens `name`, or for NULL takes standard input. A directory is refused. Either way, call input_close afterwards. */
rd_result input_open(cli_input *input, const char *name, rd_role role, cli_failure *failure);
void input_close(cli_input *input);

/* RD_E_MISMATCH if the file of that name is no longer the one that is open. */
rd_result input_check_name(const cli_input *input, const char *name, cli_failure *failure);

/* Gives the destination the time of the input's last modification. Only a file has one. */
rd_result input_give_time(const cli_input *input, rd_destination *destination, cli_failure *failure);

/*
 * Read from where the descriptor is: some bytes, *got is 0 only at the end; or `size` bytes, *got is less only at the
 * end. RD_E_CANCELLED: a signal asked the process to end.
 */
rd_result input_read_some(const cli_input *input, void *data, size_t size, size_t *got, cli_failure *failure);
rd_result input_read(const cli_input *input, void *data, size_t size, size_t *got, cli_failure *failure);

/* The name that `name` has in messages: NULL is standard output. */
const char *output_name(const char *name);

/* Whether a name in a message stands for a standard stream: no file has it. */
bool files_is_standard(const char *name);

/*
 * Opens `name`, or for NULL takes standard output. With RD_REPLACE_NEVER, an existing file or a terminal is refused.
 * Call output_commit or output_discard afterwards.
 */
rd_result output_open(cli_output *output, const char *name, rd_replace replace, cli_failure *failure);
rd_result output_commit(cli_output *output, cli_failure *failure);
void output_discard(cli_output *output);

/* Takes the next of a commit's notes out of *notes. 0: there is none left. */
unsigned output_next_note(unsigned *notes);

/* The backup of the output, its name with the suffix, must not be an input: that would be replaced by it. */
rd_result output_check_backup(const char *name, const char *suffix, const cli_input *input, cli_failure *failure);

/* Whether all that was printed on standard output, which is text, arrived. */
rd_result output_check_printed(cli_failure *failure);

/* A file or a device that is written to directly must not be read as well: what is still to be read would be lost. */
rd_result output_check_apart(const cli_output *output, const cli_input *input, cli_failure *failure);

#endif

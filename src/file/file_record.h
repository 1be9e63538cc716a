/*
 * One file of many: how it is opened by its path, so that whatever the path is, opening it neither waits nor follows
 * what it should not, and what is noted of it in its record.
 */
#ifndef RD_FILE_FILE_RECORD_H
#define RD_FILE_FILE_RECORD_H

#include "base/file_state.h"
#include "base/operation.h"

/* Notes the failure: of the library, or of the system if `system_error` is not 0. */
void rd__record_fail(rd_file_record *record, rd_role role, rd_result result, int system_error);

/* Notes what an operation that failed says. */
void rd__record_fail_with(rd_file_record *record, const rd_error *error);

/* Notes size, times, owner and so on of the open file. False: they cannot be had, and the record has failed. */
bool rd__record_note(rd_file_record *record, rd_role role, int fd, rd__file_state *state);

/*
 * Opens the regular file `path`, relative to `directory`, for reading, and notes what it is. A file that was written to
 * just now is waited for, as in rd__watch_begin. `what` says whether links are followed. Returns the descriptor, or -1:
 * the record has failed, and has what is known of the file.
 */
int rd__record_open(rd_file_record *record, rd_role role, int directory, const char *path, unsigned what,
                    rd__file_state *state);

/* The directory as the system calls it. */
int rd__record_directory(int directory);

#endif

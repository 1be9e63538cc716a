/*
 * records.c: see records.h. Records are flushed one by one, so that their reader is up to date. One that cannot be
 * written must not stop the work: that is reported at the end.
 */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64

#include "cli/report/records.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "cli/base/files.h"
#include "cli/base/system.h"

static struct {
    FILE *file;          /* NULL: no records are wanted */
    const char *created; /* the name of the file, if it was not there before */
    bool truncate;       /* the file still has its old contents */
    bool broken;         /* a part of the present record was not written, so the rest is not either */
    int error;           /* errno of the first failure, or 0 */
    json_writer json;
} records;

rd_result records_open(const char *name, cli_failure *failure) {
    struct stat status;
    records.created = name != NULL && system_stat(name, &status) != 0 ? name : NULL;
    const int fd = name != NULL ? system_create(name) : dup(STDOUT_FILENO);
    records.file = fd != -1 ? fdopen(fd, "wb") : NULL;
    if (fd != -1 && records.file == NULL) { /* standard output is closed: see files_reserve_standard */
        (void)close(fd);
        errno = EBADF;
    }
    records.truncate = name != NULL;
    return records.file != NULL ? RD_OK : failure_system(failure, RD_ROLE_OUTPUT, "cannot be written");
}

bool records_are_open(void) {
    return records.file != NULL;
}

bool records_is_file(const char *name) {
    struct stat status;
    if (records.file == NULL || system_stat(name, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    const int fd = system_open(name);
    const bool same = fd != -1 && system_same_file(fd, fileno(records.file));
    if (fd != -1)
        (void)close(fd);
    return same;
}

void records_abandon(void) {
    (void)fclose(records.file);
    records.file = NULL;
    if (records.created != NULL)
        (void)system_remove(records.created);
}

/* Notes errno if `succeeded` is false. */
static void records_note(bool succeeded) {
    if (!succeeded && records.error == 0)
        records.error = errno;
    records.broken = records.broken || !succeeded;
}

rd_result records_close(cli_failure *failure) {
    if (records.file == NULL)
        return RD_OK;
    records_note(fclose(records.file) == 0);
    records.file = NULL;
    errno = records.error;
    return records.error == 0 ? RD_OK : failure_system(failure, RD_ROLE_OUTPUT, "cannot be written");
}

/* ---- One record ------------------------------------------------------------------------------------------------- */

static void records_write(void *unused, const char *text, size_t size) {
    (void)unused;
    if (!records.broken)
        records_note(fwrite(text, 1, size, records.file) == size);
}

json_writer *record_start(const char *type) {
    assert(records.file != NULL);
    records.broken = false;
    if (records.truncate) /* what is no regular file cannot be truncated, and need not be */
        records_note(ftruncate(fileno(records.file), 0) == 0 || errno == EINVAL);
    records.truncate = false;
    records.json = json_new(records_write, NULL);
    json_object(&records.json, NULL);
    json_text(&records.json, "type", type);
    return &records.json;
}

void record_end(json_writer *record) {
    json_end(record);
    assert(record->depth == 0);
    records_write(NULL, "\n", 1);
    if (!records.broken)
        records_note(fflush(records.file) == 0);
}

/* ---- Members that several records have -------------------------------------------------------------------------- */

void record_file(json_writer *record, const char *key, const char *name, uint64_t size) {
    json_object(record, key);
    json_bytes(record, "name", name);
    json_number(record, "size", size);
    json_end(record);
}

void record_sums(json_writer *record, const rd_params *params) {
    json_object(record, "sums");
    json_text(record, "weak", rd_weak_name(params->weak));
    json_text(record, "strong", rd_strong_name(params->strong));
    json_number(record, "strong_length", (uint64_t)params->strong_len);
    json_end(record);
}

/* A digest in hexadecimal digits, or null for NULL. */
static void record_hexadecimal(json_writer *record, const char *key, const uint8_t *digest) {
    char text[2 * RD_DIGEST_LEN + 1];
    for (size_t i = 0; digest != NULL && i < RD_DIGEST_LEN; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    json_text(record, key, digest != NULL ? text : NULL);
}

void record_digest(json_writer *record, const rd_stats *stats) {
    record_hexadecimal(record, "digest", stats->has_digest ? stats->digest : NULL);
}

void record_basis(json_writer *record, const rd_stats *stats) {
    const bool known = stats->has_basis_digest;
    json_number(record, "basis_size", known ? stats->basis_size : RD_UNKNOWN);
    record_hexadecimal(record, "basis_digest", known ? stats->basis_digest : NULL);
}

void record_notes(json_writer *record, unsigned notes) {
    json_array(record, "notes");
    for (unsigned note = output_next_note(&notes); note != 0; note = output_next_note(&notes))
        json_text(record, NULL, rd_note_name(note));
    json_end(record);
}

void record_time(json_writer *record, double seconds, uint64_t bytes) {
    json_real(record, "seconds", seconds);
    if (seconds > 0.0)
        json_real(record, "bytes_per_second", (double)bytes / seconds);
    else
        json_null(record, "bytes_per_second");
}

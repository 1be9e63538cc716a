/*
 * A library that is stock librsync except for the one fault that REDELTA_FAULT in the environment names. It shows that
 * the differential program detects such a fault; a comparison that cannot fail proves nothing.
 *
 * It defines the functions that can be faulty; all others are found in stock librsync, which it needs.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <librsync.h>

const char rs_librsync_version[] = "faulty";

static bool fault(const char *name) {
    const char *const wanted = getenv("REDELTA_FAULT");
    return wanted && strcmp(wanted, name) == 0;
}

/* Fills *function, a pointer to a function, with stock's of that name. */
static void find(const char *name, void *function) {
    static void *handle;
    if (!handle)
        handle = dlopen(getenv("REDELTA_STOCK_LIBRSYNC"), RTLD_NOW | RTLD_LOCAL);
    void *const address = handle ? dlsym(handle, name) : NULL;
    if (!address)
        abort();
    memcpy(function, &address, sizeof address);
}

/* The kind of a job shows only in its statistics. */
static bool is(rs_job_t *job, const char *op) {
    const rs_stats_t *(*statistics)(rs_job_t *);
    find("rs_job_statistics", &statistics);
    return strcmp(statistics(job)->op, op) == 0;
}

static void miscount(rs_job_t *job) {
    rs_stats_t *(*statistics)(rs_job_t *);
    find("rs_job_statistics", &statistics);
    statistics(job)->sig_blocks++;
}

/* Keeps the output of every other call until the next one, as long as the input has not ended. */
static rs_result hold_back(rs_job_t *job, rs_buffers_t *buffers, rs_result (*iterate)(rs_job_t *, rs_buffers_t *)) {
    static char held[1 << 20];
    static size_t held_size;
    rs_buffers_t quiet = *buffers;
    if (held_size == 0 && !buffers->eof_in && buffers->avail_out <= sizeof held) {
        quiet.next_out = held;
        const rs_result result = iterate(job, &quiet);
        held_size = buffers->avail_out - quiet.avail_out;
        buffers->next_in = quiet.next_in;
        buffers->avail_in = quiet.avail_in;
        return result;
    }
    memcpy(buffers->next_out, held, held_size);
    buffers->next_out += held_size;
    buffers->avail_out -= held_size;
    held_size = 0;
    return iterate(job, buffers);
}

rs_result rs_job_iter(rs_job_t *job, rs_buffers_t *buffers) {
    rs_result (*iterate)(rs_job_t *, rs_buffers_t *);
    const rs_buffers_t before = *buffers;
    find("rs_job_iter", &iterate);
    if (fault("stall") && buffers->eof_in && buffers->avail_in == 0)
        return RS_BLOCKED;
    if (fault("silence") && is(job, "signature"))
        return hold_back(job, buffers, iterate);
    const rs_result result = iterate(job, buffers);
    if (fault("signature byte") && is(job, "signature") && result == RS_DONE && buffers->next_out > before.next_out)
        buffers->next_out[-1] ^= 1;
    if (fault("patch byte") && is(job, "patch") && buffers->next_out > before.next_out + 64)
        buffers->next_out[-1] ^= 1;
    if (fault("statistics") && result == RS_DONE && is(job, "loadsig"))
        miscount(job);
    if (fault("truncation") && result == RS_INPUT_ENDED)
        return RS_CORRUPT;
    if (fault("corruption") && result == RS_CORRUPT && is(job, "patch"))
        return RS_INTERNAL_ERROR;
    return result;
}

/* Finds no copies. */
rs_job_t *rs_delta_begin(rs_signature_t *signature) {
    rs_job_t *(*begin)(rs_signature_t *);
    find("rs_delta_begin", &begin);
    return begin(fault("copies") ? NULL : signature);
}

/* Leaves its input at another position. */
rs_result rs_sig_file(FILE *old_file, FILE *sig_file, size_t block_len, size_t strong_len, rs_magic_number magic,
                      rs_stats_t *stats) {
    rs_result (*make)(FILE *, FILE *, size_t, size_t, rs_magic_number, rs_stats_t *);
    find("rs_sig_file", &make);
    const rs_result result = make(old_file, sig_file, block_len, strong_len, magic, stats);
    if (fault("position"))
        (void)fseek(old_file, 0, SEEK_SET);
    return result;
}

void rs_hexify(char *to_buf, void const *from_buf, int from_len) {
    void (*hexify)(char *, void const *, int);
    find("rs_hexify", &hexify);
    hexify(to_buf, from_buf, from_len);
    if (fault("hexify") && from_len > 0)
        *to_buf = 'x';
}

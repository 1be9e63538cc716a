/*
 * Two libraries under one test: stock librsync and the one that replaces it, each loaded on its own and represented by
 * a table of its functions. A test calls both through their tables and compares.
 */
#ifndef RD_TESTS_LIBRARY_H
#define RD_TESTS_LIBRARY_H

#include <librsync.h>

/* Every function of the interface: X(name, result, parameters). */
#define LIBRARY_FUNCTIONS(X)                                                                                           \
    X(base64, void, (unsigned char const *, int, char *))                                                              \
    X(build_hash_table, rs_result, (rs_signature_t *))                                                                 \
    X(delta_begin, rs_job_t *, (rs_signature_t *))                                                                     \
    X(delta_file, rs_result, (rs_signature_t *, FILE *, FILE *, rs_stats_t *))                                         \
    X(file_close, int, (FILE *))                                                                                       \
    X(file_copy_cb, rs_result, (void *, rs_long_t, size_t *, void **))                                                 \
    X(file_open, FILE *, (char const *, char const *, int))                                                            \
    X(file_size, rs_long_t, (FILE *))                                                                                  \
    X(format_stats, char *, (rs_stats_t const *, char *, size_t))                                                      \
    X(free_sumset, void, (rs_signature_t *))                                                                           \
    X(hexify, void, (char *, void const *, int))                                                                       \
    X(job_drive, rs_result, (rs_job_t *, rs_buffers_t *, rs_driven_cb *, void *, rs_driven_cb *, void *))              \
    X(job_free, rs_result, (rs_job_t *))                                                                               \
    X(job_iter, rs_result, (rs_job_t *, rs_buffers_t *))                                                               \
    X(job_statistics, const rs_stats_t *, (rs_job_t *))                                                                \
    X(loadsig_begin, rs_job_t *, (rs_signature_t **))                                                                  \
    X(loadsig_file, rs_result, (FILE *, rs_signature_t **, rs_stats_t *))                                              \
    X(log_stats, int, (rs_stats_t const *))                                                                            \
    X(mdfour, void, (unsigned char *, void const *, size_t))                                                           \
    X(mdfour_begin, void, (rs_mdfour_t *))                                                                             \
    X(mdfour_result, void, (rs_mdfour_t *, unsigned char *))                                                           \
    X(mdfour_update, void, (rs_mdfour_t *, void const *, size_t))                                                      \
    X(patch_begin, rs_job_t *, (rs_copy_cb *, void *))                                                                 \
    X(patch_file, rs_result, (FILE *, FILE *, FILE *, rs_stats_t *))                                                   \
    X(sig_args, rs_result, (rs_long_t, rs_magic_number *, size_t *, size_t *))                                         \
    X(sig_begin, rs_job_t *, (size_t, size_t, rs_magic_number))                                                        \
    X(sig_file, rs_result, (FILE *, FILE *, size_t, size_t, rs_magic_number, rs_stats_t *))                            \
    X(signature_log_stats, void, (rs_signature_t const *))                                                             \
    X(strerror, char const *, (rs_result))                                                                             \
    X(sumset_dump, void, (rs_signature_t const *))                                                                     \
    X(supports_trace, int, (void))                                                                                     \
    X(trace_set_level, void, (rs_loglevel))                                                                            \
    X(trace_stderr, void, (rs_loglevel, char const *))                                                                 \
    X(trace_to, void, (rs_trace_fn_t *))                                                                               \
    X(unbase64, size_t, (char *))

typedef struct library {
    const char *name; /* "stock" or "ours" */
#define LIBRARY_FIELD(function, result, parameters) result(*function) parameters;
    LIBRARY_FUNCTIONS(LIBRARY_FIELD)
#undef LIBRARY_FIELD
    int *inbuflen;
    int *outbuflen;
    const int *md4_sum_length;
    const int *blake2_sum_length;
    const char *version;
} library;

extern library stock; /* the oracle */
extern library ours;  /* the library under test */

/* Both, for loops. */
extern library *const both[2];

/*
 * Loads the libraries that REDELTA_STOCK_LIBRSYNC and REDELTA_LIBRSYNC in the environment name, and keeps them from
 * logging. Ends the program if it cannot, or if both are the same file.
 */
void libraries_load(void);

#endif

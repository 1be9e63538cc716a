/*
 * librsync.h: the interface of librsync 2, as redelta provides it.
 *
 * A program built against librsync's own header runs with this library, and one built against this header runs with
 * librsync: types, values and functions are the same. The comments describe redelta; where librsync does worse (it may
 * end the process, overflow, or loop), that is not repeated.
 *
 * Signatures, deltas and patches are made by jobs, which take and give bytes in chunks of any size (rs_sig_begin and so
 * on, with rs_job_iter or rs_job_drive), or from file to file (rs_sig_file and so on). One job may be used by one
 * thread at a time; a loaded signature may serve any number of delta jobs in any threads. For new programs that need
 * not run with librsync, redelta.h is the better interface.
 */
#ifndef _RSYNC_H
#define _RSYNC_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "librsync_export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "librsync " and the version of librsync that this library takes the place of. */
LIBRSYNC_EXPORT extern char const rs_librsync_version[];

typedef uint8_t rs_byte_t;
typedef intmax_t rs_long_t;

/* The first four bytes of a file, big-endian: what it is, and with which sums. */
typedef enum {
    RS_DELTA_MAGIC = 0x72730236,        /* a delta */
    RS_MD4_SIG_MAGIC = 0x72730136,      /* a signature: rollsum, MD4. No protection against forgery */
    RS_BLAKE2_SIG_MAGIC = 0x72730137,   /* rollsum, BLAKE2b */
    RS_RK_MD4_SIG_MAGIC = 0x72730146,   /* RabinKarp, MD4. No protection either */
    RS_RK_BLAKE2_SIG_MAGIC = 0x72730147 /* RabinKarp, BLAKE2b: the recommended one */
} rs_magic_number;

/* ---- Messages -----------------------------------------------------------------------------------------------------
 */

/* How severe a message is, with syslog's numbers. */
typedef enum {
    RS_LOG_EMERG = 0,
    RS_LOG_ALERT = 1,
    RS_LOG_CRIT = 2,
    RS_LOG_ERR = 3,
    RS_LOG_WARNING = 4,
    RS_LOG_NOTICE = 5,
    RS_LOG_INFO = 6,
    RS_LOG_DEBUG = 7
} rs_loglevel;

/* Takes a message of one line, which ends in a newline. The callee may change its bytes, but not keep them. */
typedef void rs_trace_fn_t(rs_loglevel level, char const *msg);

/*
 * Drops messages less severe than `level` from now on; RS_LOG_INFO by default. For the whole process, from any thread.
 */
LIBRSYNC_EXPORT void rs_trace_set_level(rs_loglevel level);
/* Sends messages to a function, rs_trace_stderr by default; NULL: nowhere. For the whole process, from any thread. */
LIBRSYNC_EXPORT void rs_trace_to(rs_trace_fn_t *);
/* Writes the message to standard error. */
LIBRSYNC_EXPORT void rs_trace_stderr(rs_loglevel level, char const *msg);
/* Are there messages of level RS_LOG_DEBUG? 0: no. */
LIBRSYNC_EXPORT int rs_supports_trace(void);

/* ---- Text ---------------------------------------------------------------------------------------------------------
 */

/* Writes `from_len` bytes as hexadecimal digits to `to_buf`, of 2 * from_len + 1 bytes, with a terminating zero. */
LIBRSYNC_EXPORT void rs_hexify(char *to_buf, void const *from_buf, int from_len);
/*
 * Decodes base64 in place, up to the first character that is not of its alphabet. Returns the number of bytes, of which
 * the last may be incomplete; there is no terminating zero.
 */
LIBRSYNC_EXPORT size_t rs_unbase64(char *s);
/* Writes `n` bytes as base64 to `out`, of 4 * n / 3 + 2 bytes, without padding, with a terminating zero. */
LIBRSYNC_EXPORT void rs_base64(unsigned char const *buf, int n, char *out);

/* ---- Results ------------------------------------------------------------------------------------------------------
 */

typedef enum rs_result {
    RS_DONE = 0,
    RS_BLOCKED = 1,          /* more input, or more room for output, is needed */
    RS_RUNNING = 2,          /* never given to a program */
    RS_TEST_SKIPPED = 77,    /* never given to a program */
    RS_IO_ERROR = 100,       /* reading or writing failed */
    RS_SYNTAX_ERROR = 101,   /* of a command line; for programs */
    RS_MEM_ERROR = 102,      /* out of memory */
    RS_INPUT_ENDED = 103,    /* the input, or the basis, ends too early */
    RS_BAD_MAGIC = 104,      /* not a file of the expected kind */
    RS_UNIMPLEMENTED = 105,  /* beyond what this library can do */
    RS_CORRUPT = 106,        /* the input is not valid */
    RS_INTERNAL_ERROR = 107, /* a job made no progress, or was used against the rules */
    RS_PARAM_ERROR = 108     /* an argument is out of range */
} rs_result;

/* A short description for people. A static string, also for numbers that are no result. */
LIBRSYNC_EXPORT char const *rs_strerror(rs_result r);

/* ---- Statistics ---------------------------------------------------------------------------------------------------
 */

/* What a job did so far. Numbers that do not apply to it are 0. */
typedef struct rs_stats {
    char const *op;         /* "signature", "loadsig", "delta" or "patch" */
    int lit_cmds;           /* literal commands of the delta, */
    rs_long_t lit_bytes;    /* the bytes that they carry, */
    rs_long_t lit_cmdbytes; /* and those that they take themselves */
    rs_long_t copy_cmds;    /* the same for copy commands */
    rs_long_t copy_bytes;
    rs_long_t copy_cmdbytes;
    rs_long_t sig_cmds; /* always 0 */
    rs_long_t sig_bytes;
    int false_matches;    /* blocks whose weak sum was found and whose strong sum was not */
    rs_long_t sig_blocks; /* in the signature made or loaded */
    size_t block_len;     /* of the signature made or loaded */
    rs_long_t in_bytes;   /* read and ... */
    rs_long_t out_bytes;  /* ... written by the functions for files; 0 for jobs that a program iterates */
    time_t start;
    time_t end; /* 0 until the job has ended */
} rs_stats_t;

/* Writes the statistics as one line without newline, cut to `size` bytes with the terminating zero. Returns `buf`. */
LIBRSYNC_EXPORT char *rs_format_stats(rs_stats_t const *stats, char *buf, size_t size);
/* Sends that line as a message of level RS_LOG_INFO. Returns 0. */
LIBRSYNC_EXPORT int rs_log_stats(rs_stats_t const *stats);

/* ---- Sums ---------------------------------------------------------------------------------------------------------
 */

LIBRSYNC_EXPORT extern const int RS_MD4_SUM_LENGTH, RS_BLAKE2_SUM_LENGTH;

#define RS_MAX_STRONG_SUM_LENGTH 32

typedef uint32_t rs_weak_sum_t;
typedef unsigned char rs_strong_sum_t[RS_MAX_STRONG_SUM_LENGTH];

/* MD4 in chunks: begin, update any number of times, result. The state takes at most 96 bytes. */
typedef struct rs_mdfour rs_mdfour_t;

LIBRSYNC_EXPORT void rs_mdfour(unsigned char *out, void const *in, size_t);
LIBRSYNC_EXPORT void rs_mdfour_begin(rs_mdfour_t *md);
LIBRSYNC_EXPORT void rs_mdfour_update(rs_mdfour_t *md, void const *in_void, size_t n);
LIBRSYNC_EXPORT void rs_mdfour_result(rs_mdfour_t *md, unsigned char *out);

/* ---- Signatures in memory -----------------------------------------------------------------------------------------
 */

typedef struct rs_signature rs_signature_t;

/* Sends what deltas against the signature cost as a message of level RS_LOG_INFO. */
LIBRSYNC_EXPORT void rs_signature_log_stats(rs_signature_t const *sig);
/* Frees a signature, loaded or not; NULL is allowed. Delta jobs that use it may still be running. */
LIBRSYNC_EXPORT void rs_free_sumset(rs_signature_t *);
/* Sends all sums as messages of level RS_LOG_INFO. */
LIBRSYNC_EXPORT void rs_sumset_dump(rs_signature_t const *);

/* ---- Jobs ---------------------------------------------------------------------------------------------------------
 */

/* What a job may read and write. Every function that gets one moves the pointers and lowers the numbers. */
struct rs_buffers_s {
    char *next_in;   /* input, */
    size_t avail_in; /* of so many bytes; what is left must be given again */
    int eof_in;      /* not 0: nothing follows that input. Once set, it stays set */
    char *next_out;  /* room for output, */
    size_t avail_out;
};

typedef struct rs_buffers_s rs_buffers_t;

/* The block length, and the least strong sum length, where the size of the basis is not known. */
#define RS_DEFAULT_BLOCK_LEN 2048
#define RS_DEFAULT_MIN_STRONG_LEN 12

typedef struct rs_job rs_job_t;

/*
 * Continues a job as far as the buffers allow. RS_DONE: it is finished. RS_BLOCKED: call again, with more input if it
 * was used up, with more room if the output is full; at the end of the input with eof_in set. Anything else is a
 * failure, which later calls return again: RS_INTERNAL_ERROR if there were both input and room and the job, blocked or
 * done, could use neither; RS_PARAM_ERROR for a NULL argument; those of the kind of job, see below; RS_MEM_ERROR.
 */
LIBRSYNC_EXPORT rs_result rs_job_iter(rs_job_t *job, rs_buffers_t *buffers);

/* Fills or empties buffers for rs_job_drive. Anything but RS_DONE ends the drive with that result. */
typedef rs_result rs_driven_cb(rs_job_t *job, rs_buffers_t *buf, void *opaque);

/*
 * Iterates a job to its end. Before each iteration in_cb may add input or set eof_in; once that is set, it is not
 * called again. After each, including the last, out_cb takes the output and makes room. Either may be NULL. *buf need
 * not hold what a callback sets: the first drive of a job starts with nothing, so that next_out is NULL in the first
 * out_cb, and a drive after RS_BLOCKED (returned by a callback, or for lack of one) continues with what there was.
 */
LIBRSYNC_EXPORT rs_result rs_job_drive(rs_job_t *job, rs_buffers_t *buf, rs_driven_cb in_cb, void *in_opaque,
                                       rs_driven_cb out_cb, void *out_opaque);

/* What the job did so far; current after each iteration, valid until the job is freed. */
LIBRSYNC_EXPORT const rs_stats_t *rs_job_statistics(rs_job_t *job);
/* Frees a job in any state; NULL is allowed. Returns RS_DONE. A signature that it loaded stays. */
LIBRSYNC_EXPORT rs_result rs_job_free(rs_job_t *);

/*
 * Replaces what is open by what is recommended for a basis of `old_fsize` bytes (negative: not known): a magic of 0, a
 * block length of 0, a strong sum length of 0 (the whole sum) or (size_t)-1 (the shortest that is safe against chance).
 * RS_BAD_MAGIC; RS_PARAM_ERROR for a block length above 2^31 - 1 or a strong sum length above that of the sum.
 */
LIBRSYNC_EXPORT rs_result rs_sig_args(rs_long_t old_fsize, rs_magic_number *magic, size_t *block_len,
                                      size_t *strong_len);

/*
 * Each _begin gives a job for rs_job_free, or NULL if there is no memory for it. Errors in the arguments are reported
 * by the first iteration.
 */

/* Basis in, signature out. Arguments and errors as for rs_sig_args, with a basis of unknown size. */
LIBRSYNC_EXPORT rs_job_t *rs_sig_begin(size_t block_len, size_t strong_len, rs_magic_number sig_magic);
/*
 * New file in, delta out. A signature that is NULL, or that was not loaded to its end, is that of an empty basis: the
 * delta is one of literals.
 */
LIBRSYNC_EXPORT rs_job_t *rs_delta_begin(rs_signature_t *);
/*
 * Signature in, nothing out. *sumset is set at once and is for rs_free_sumset, whether the job succeeds or not; NULL if
 * there is no memory. RS_BAD_MAGIC, RS_INPUT_ENDED, RS_CORRUPT; RS_PARAM_ERROR for strong sums longer than the magic's.
 */
LIBRSYNC_EXPORT rs_job_t *rs_loadsig_begin(rs_signature_t **sumset);
/* For programs that also run with librsync: there it must follow loading. Here it does nothing. */
LIBRSYNC_EXPORT rs_result rs_build_hash_table(rs_signature_t *sums);

/*
 * Reads up to *len bytes of the basis at `pos` into *buf, or sets *buf to where they stay until the next call; *len is
 * the number read, which may be less. RS_DONE with a length of 0: the basis ends here, and the patch fails with
 * RS_INPUT_ENDED. RS_BLOCKED: nothing now, the job is blocked and its next iteration asks again. Any other result ends
 * the job with that result.
 */
typedef rs_result rs_copy_cb(void *opaque, rs_long_t pos, size_t *len, void **buf);

/*
 * Delta in, new file out. The job is done at the delta's end, and leaves what follows it in the input. RS_BAD_MAGIC,
 * RS_INPUT_ENDED, RS_CORRUPT, RS_PARAM_ERROR if the callback reports more bytes than it was asked for.
 */
LIBRSYNC_EXPORT rs_job_t *rs_patch_begin(rs_copy_cb *copy_cb, void *copy_arg);

/* ---- Files --------------------------------------------------------------------------------------------------------
 */

#ifndef RSYNC_NO_STDIO_INTERFACE

/*
 * Opens a file like fopen; NULL or "-" is standard input or, for a mode with "w", standard output. With "w" and without
 * `force`, a file that exists, or a symbolic link, is refused. A failure ends the process: a message, and status 100
 * (RS_IO_ERROR). A program that wants to go on calls fopen.
 */
LIBRSYNC_EXPORT FILE *rs_file_open(char const *filename, char const *mode, int force);
/* Closes a file; standard streams stay open. The result of fclose, or of fflush for standard output. */
LIBRSYNC_EXPORT int rs_file_close(FILE *file);
/* The size of a regular file, -1 for anything else. */
LIBRSYNC_EXPORT rs_long_t rs_file_size(FILE *file);
/* An rs_copy_cb whose `arg` is a FILE * that can be positioned. RS_INPUT_ENDED at its end, RS_IO_ERROR. */
LIBRSYNC_EXPORT rs_result rs_file_copy_cb(void *arg, rs_long_t pos, size_t *len, void **buf);

/* Librsync's buffer sizes. Programs may set them; here they change nothing. */
LIBRSYNC_EXPORT extern int rs_inbuflen, rs_outbuflen;

/*
 * The four jobs from file to file, from the files' present positions on (the basis of a patch: from its start). A file
 * that is read is left after the last byte read, one that is written after the last byte written, all of them handed to
 * the system: a full disk is an RS_IO_ERROR. Reading and writing the same regular file is an RS_PARAM_ERROR, and
 * nothing is written. stats, if not NULL, is filled once the job has started. The other errors are those of the jobs.
 */

/* As rs_sig_begin, with the size of old_file as that of the basis. */
LIBRSYNC_EXPORT rs_result rs_sig_file(FILE *old_file, FILE *sig_file, size_t block_len, size_t strong_len,
                                      rs_magic_number sig_magic, rs_stats_t *stats);
/* As rs_loadsig_begin: *sumset is for rs_free_sumset also after a failure, unless it is NULL. */
LIBRSYNC_EXPORT rs_result rs_loadsig_file(FILE *sig_file, rs_signature_t **sumset, rs_stats_t *stats);
/* As rs_delta_begin. */
LIBRSYNC_EXPORT rs_result rs_delta_file(rs_signature_t *, FILE *new_file, FILE *delta_file, rs_stats_t *);
/* As rs_patch_begin. After a failure new_file may hold an incomplete new file. */
LIBRSYNC_EXPORT rs_result rs_patch_file(FILE *basis_file, FILE *delta_file, FILE *new_file, rs_stats_t *);

#endif

#ifdef __cplusplus
}
#endif

#endif

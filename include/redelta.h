/*
 * redelta.h: the rsync remote-delta algorithm as a library.
 *
 * The machine with the old version of a file, the basis, makes a small signature of it. The machine with the new
 * version makes a delta against that signature. Patching the basis with the delta gives the new version. Signatures and
 * deltas have librsync's formats, byte for byte.
 *
 *     rd_signature_make(&basis, &signature_sink, NULL);           on the old side
 *     rd_signature_load(&signature, &signature_source, NULL);     on the new side
 *     rd_delta_make(signature, &new_file, &delta_sink, NULL);
 *     rd_patch_apply(&basis, &delta, &new_file_sink, NULL);       on the old side again
 *
 * What holds for every function here:
 *   - The library prints nothing, never exits, and has no global state that changes. Any thread may call any function;
 *     an object may be used by one thread at a time, except an rd_signature, which is immutable and may be shared.
 *   - Output bytes depend only on the input bytes and the parameters, not on buffer sizes, threads or the processor.
 *   - Input is never trusted: claims of a file are checked before they are used, and memory grows with what was read.
 *   - Sizes and offsets are in bytes. Every pointer to options may be NULL: all defaults.
 *   - Comments give, in this order: what a function does, its parameters, the memory it takes, its errors. Errors that
 * any operation may have are not repeated: RD_E_IO, and any result of the caller's own functions, from reading or
 * writing; RD_E_MEMORY; RD_E_CANCELLED; RD_E_LIMIT as set by the options; RD_E_CHANGED unless the options accept it;
 * RD_E_PARAMETER for options out of range.
 *   - A program that was compiled with another version of this header runs with any library of the same SONAME:
 * rd_options and rd_stats carry their size, and all other structures are fixed for good.
 */
#ifndef REDELTA_H
#define REDELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define RD_API
#else
#define RD_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ---------------------------------------------------------------------------------------------------- */

#define RD_VERSION_MAJOR 0
#define RD_VERSION_MINOR 1
#define RD_VERSION_PATCH 0

/* The version of the library that is running, as "0.1.0". A static string. */
RD_API const char *rd_version(void);

/* The version of the libzstd that is used, as "1.5.4". NULL: the library was built without. A static string. */
RD_API const char *rd_zstd_version(void);

/*
 * The set of instructions that the inner loops use on this machine, the best that it has: "avx512", "avx2", "sse41",
 * "neon", or "portable" for plain C. A static string. Results do not depend on it.
 */
RD_API const char *rd_kernels_name(void);

/* ---- Results ---------------------------------------------------------------------------------------------------- */

/* X(name, number, message): the one list from which the enum, the names and the messages come. */
#define RD_RESULT_MAP(X)                                                                                               \
    X(OK, 0, "done")                                                                                                   \
    X(MORE, 1, "more input, or more room for output, is needed")                                                       \
    X(E_IO, 2, "input or output failed")                                                                               \
    X(E_MEMORY, 3, "out of memory")                                                                                    \
    X(E_PARAMETER, 4, "a parameter is out of range")                                                                   \
    X(E_MAGIC, 5, "not a file of the expected kind")                                                                   \
    X(E_TRUNCATED, 6, "the input ends too early")                                                                      \
    X(E_CORRUPT, 7, "the input is corrupt")                                                                            \
    X(E_LIMIT, 8, "this is more than can be handled, or than is allowed")                                              \
    X(E_EXISTS, 9, "the output exists")                                                                                \
    X(E_CANCELLED, 10, "cancelled")                                                                                    \
    X(E_STATE, 11, "this call is not allowed now")                                                                     \
    X(E_MISMATCH, 12, "the result is not the new file")                                                                \
    X(E_UNVERIFIED, 13, "the result cannot be verified")                                                               \
    X(E_CHANGED, 14, "a file changed while it was read")                                                               \
    X(E_PEER, 15, "the other side failed")

typedef enum rd_result {
#define RD_RESULT_ENUM(name, number, message) RD_##name = (number),
    RD_RESULT_MAP(RD_RESULT_ENUM)
#undef RD_RESULT_ENUM
} rd_result;

/* The name of a result, such as "RD_E_CORRUPT", and a message for people. Static strings; never NULL. */
RD_API const char *rd_result_name(rd_result result);
RD_API const char *rd_result_message(rd_result result);

/* A size or an offset that is not known. */
#define RD_UNKNOWN UINT64_MAX

/* The files of an operation. */
typedef enum rd_role {
    RD_ROLE_NONE,
    RD_ROLE_BASIS,
    RD_ROLE_SIGNATURE,
    RD_ROLE_NEW,
    RD_ROLE_DELTA,
    RD_ROLE_OUTPUT
} rd_role;

/* What went wrong. A function that fails fills the one that its options or arguments point to. Fixed for good. */
typedef struct rd_error {
    rd_result result;
    rd_role role;       /* the file that it is about */
    int system_error;   /* errno, or 0 */
    uint64_t offset;    /* the byte of that file (of a compressed one: see rd_options), or RD_UNKNOWN */
    const char *reason; /* what is wrong, a static string without a full stop; never NULL after a failure */
} rd_error;

/* ---- Parameters ------------------------------------------------------------------------------------------------- */

/* The weak (rolling) and strong sums of a signature. The zeros are the defaults. */
typedef enum rd_weak { RD_RABINKARP = 0, RD_ROLLSUM = 1 } rd_weak;
typedef enum rd_strong { RD_BLAKE2 = 0, RD_MD4 = 1 } rd_strong;

#define RD_BLOCK_LEN_MAX 0x7fffffffu
#define RD_STRONG_LEN_MAX 32 /* of any strong sum: 32 for BLAKE2b-256, 16 for MD4 */

/* Values to ask for instead of a length. */
#define RD_BLOCK_LEN_AUTO 0u     /* recommended for the size of the basis */
#define RD_STRONG_LEN_FULL 0     /* the whole strong sum */
#define RD_STRONG_LEN_LEAST (-1) /* the shortest that protects against chance, for the size of the basis */

/* The parameters of a signature. Fixed for good. */
typedef struct rd_params {
    rd_weak weak;
    rd_strong strong;
    uint32_t block_len; /* 1 .. RD_BLOCK_LEN_MAX */
    int32_t strong_len; /* 1 .. the strong sum's length */
} rd_params;

/*
 * Replaces AUTO, FULL and LEAST in *params by the lengths recommended for a basis of `basis_size` bytes, or RD_UNKNOWN,
 * by librsync's rules. Errors: RD_E_PARAMETER if a value is out of range, with *params unchanged.
 */
RD_API rd_result rd_params_resolve(rd_params *params, uint64_t basis_size);

/* The names of the sums: "rabinkarp" or "rollsum", "blake2" or "md4". Static strings; "?" for any other value. */
RD_API const char *rd_weak_name(rd_weak weak);
RD_API const char *rd_strong_name(rd_strong strong);

/* ---- The formats in numbers (docs/formats.md) ------------------------------------------------------------------- */

#define RD_SIGNATURE_HEADER_LEN 12
#define RD_WEAK_LEN 4 /* of a weak sum, before the strong sum of its block */
#define RD_DELTA_MAGIC_LEN 4
#define RD_DELTA_END_LEN 1
#define RD_TRAILER_LEN 56       /* of a delta against a signature */
#define RD_TRAILER_BASIS_LEN 96 /* of one that knows its basis: with the length and the digest of that */
#define RD_DIGEST_LEN 32        /* of a whole file: BLAKE3, as b3sum prints it */

/* The number of blocks of a basis of `basis_size` bytes. The block length of *params must be at least 1. */
RD_API uint64_t rd_block_count(const rd_params *params, uint64_t basis_size);
/* The size of a signature of `blocks` blocks, uncompressed. The strong sum length of *params must be at least 1. */
RD_API uint64_t rd_signature_size(const rd_params *params, uint64_t blocks);

/* ---- Sources and sinks ------------------------------------------------------------------------------------------ */

/*
 * Reads up to `size` bytes at `offset` into `data`; *got is the number of bytes read, 0 only at the end. A source that
 * is not seekable is read strictly in order. Returns RD_OK, or a failure, which ends the operation and becomes its
 * result with the present errno. The basis of a patch stream may also return RD_MORE: nothing now, ask again in the
 * next step.
 */
typedef rd_result rd_read_fn(void *context, uint64_t offset, void *data, size_t size, size_t *got);

/* Writes all of the `size` bytes at `data`. Returns RD_OK or a failure, like an rd_read_fn. */
typedef rd_result rd_write_fn(void *context, const void *data, size_t size);

/* Like rd_write_fn, but writes at `offset` of the output. */
typedef rd_result rd_write_at_fn(void *context, uint64_t offset, const void *data, size_t size);

/*
 * Where an operation reads from: a value that one of the functions below makes. It may be copied, but not changed.
 * Fixed for good.
 */
typedef struct rd_source {
    rd_read_fn *read;
    void *context;
    const void *memory;
    int fd;
    int failure;     /* errno, if the file cannot be examined: reading then fails */
    uint64_t origin; /* the offset of byte 0 in the file */
    uint64_t end;    /* of a range: where it ends in the file; 0 otherwise */
    uint64_t size;   /* or RD_UNKNOWN */
    bool seekable;   /* can be read in any order */
    bool concurrent; /* can be read by several threads at once */
    void *reserved[2];
} rd_source;

/* What a read function of the caller's allows: flags of rd_source_callback. */
enum {
    RD_SEEKABLE = 1,  /* reading at any offset, in any order */
    RD_CONCURRENT = 2 /* calls by several threads of the library at once */
};

/*
 * The open file `fd`, from its present position on. A file or a device is read by offset, and its position does not
 * change; what is in a hole of a file is not read. The size of a file is known, and on Linux that of a block device;
 * anything else (a pipe, a terminal, a socket) is read in order and cannot be the basis of a patch. If `fd` cannot be
 * examined, reading from the source fails with RD_E_IO. The caller closes it.
 */
RD_API rd_source rd_source_fd(int fd);
/* Like rd_source_fd, but from byte `origin` on. Reading fails with RD_E_IO if `fd` has no positions. */
RD_API rd_source rd_source_fd_at(int fd, uint64_t origin);
/* The `size` bytes at `data`, which must not change while the source is used. */
RD_API rd_source rd_source_memory(const void *data, uint64_t size);
/*
 * The bytes that `read` gives. `size` is what is expected, or RD_UNKNOWN. `flags`: 0, RD_SEEKABLE, or RD_SEEKABLE |
 * RD_CONCURRENT. Without RD_CONCURRENT only the thread that calls the library calls `read`; with it, bytes beyond a
 * `size` that is neither 0 nor RD_UNKNOWN may be left out.
 */
RD_API rd_source rd_source_callback(rd_read_fn *read, void *context, uint64_t size, unsigned flags);
/*
 * The `length` bytes of a source from `offset` on, or fewer if it ends before; RD_UNKNOWN: all the rest. Of a source
 * that is not seekable only the first bytes can be a range: reading from another one fails with RD_E_IO.
 */
RD_API rd_source rd_source_range(const rd_source *source, uint64_t offset, uint64_t length);
/*
 * Reads `size` bytes at `offset`; *got is the number of bytes read, less than `size` only if the source ends. A source
 * that is not seekable must be read in order. `error` may be NULL. Errors: RD_E_IO, and results of the caller's
 * function.
 */
RD_API rd_result rd_source_read(const rd_source *source, uint64_t offset, void *data, size_t size, size_t *got,
                                rd_error *error);
/*
 * How many bytes of the source lie in holes, which take no room on the disk and are not read: 0 if the source is not a
 * file, or if the system does not tell.
 */
RD_API uint64_t rd_source_holes(const rd_source *source);

/* Where an operation writes to: a value like an rd_source. Fixed for good. */
typedef struct rd_sink {
    rd_write_fn *write;
    rd_write_at_fn *write_at; /* or NULL */
    void *context;
    int fd;
    void *reserved[2];
} rd_sink;

/* The open file `fd`, from its present position on. The caller closes it. */
RD_API rd_sink rd_sink_fd(int fd);
/* The caller's functions: for writing in order, and in the second form also at any offset. */
RD_API rd_sink rd_sink_callback(rd_write_fn *write, void *context);
RD_API rd_sink rd_sink_callback_at(rd_write_fn *write, rd_write_at_fn *write_at, void *context);

/* Whether the sink writes to the very file or block device, by whatever name, that the source reads. */
RD_API bool rd_sink_overwrites(const rd_sink *sink, const rd_source *source);

/* Memory that grows. Start with {0}; the bytes are data[0 .. size); free it by rd_memory_free. Fixed for good. */
typedef struct rd_memory {
    uint8_t *data;
    size_t size;
    size_t capacity;
} rd_memory;

/* Appends to the end of *memory, which must outlive the sink. */
RD_API rd_sink rd_sink_memory(rd_memory *memory);
RD_API void rd_memory_free(rd_memory *memory);

/*
 * Writes to a sink: in order, or at `offset` of the file, the memory, or the output of the caller's function, which
 * does not move the place for the next bytes in order (of memory, that is always its end). `error` may be NULL. Errors:
 * RD_E_IO, RD_E_MEMORY, results of the caller's function; of rd_sink_write_at also RD_E_STATE if the sink can only be
 * written in order.
 */
RD_API rd_result rd_sink_write(const rd_sink *sink, const void *data, size_t size, rd_error *error);
RD_API rd_result rd_sink_write_at(const rd_sink *sink, uint64_t offset, const void *data, size_t size, rd_error *error);

/* ---- Context ---------------------------------------------------------------------------------------------------- */

/*
 * What operations keep for the next one: threads, buffers, states of zstd. Without a context each operation makes its
 * own and frees them. Results do not depend on the context. One thread at a time may use it. Memory that is kept: at
 * most 64 MiB of buffers, and as much for each of compressing and decompressing; usually some MiB per thread.
 * A child process of fork may use and free the context of its parent, and starts its own threads, unless an operation
 * was under way.
 */
typedef struct rd_context rd_context;

/* Makes a context. Errors: RD_E_MEMORY, with *context NULL. */
RD_API rd_result rd_context_new(rd_context **context);
/* Ends the threads and frees the context. The objects that use it must have been freed before. NULL is allowed. */
RD_API void rd_context_free(rd_context *context);

/* ---- Whole operations ------------------------------------------------------------------------------------------- */

/*
 * What an operation did. Set `size` to sizeof(rd_stats) before the library gets a pointer to it: it fills that many
 * bytes, and a smaller size than this version's is RD_E_PARAMETER. Fields are 0 if they do not apply to the operation
 * or if the library does not know them.
 */
typedef struct rd_stats {
    size_t size;
    uint64_t in_bytes;         /* read from the basis, the signature, the new file or the delta */
    uint64_t out_bytes;        /* written */
    uint64_t blocks;           /* in the signature */
    uint64_t literal_commands; /* in the delta */
    uint64_t literal_bytes;
    uint64_t literal_command_bytes; /* of the commands themselves, in the delta */
    uint64_t copy_commands;
    uint64_t copy_bytes;
    uint64_t copy_command_bytes;
    uint64_t false_matches;        /* windows with a known weak sum but no known strong sum; may vary with threads */
    uint8_t digest[RD_DIGEST_LEN]; /* of the new file, as in the delta's trailer; of a patch, once it is verified */
    bool has_digest;
    bool identical;      /* the new file is the basis: the delta is one copy of all of it, or their digests are equal */
    rd_role changed;     /* a file that changed while it was read (see rd_changed), or RD_ROLE_NONE */
    uint64_t hole_bytes; /* of out_bytes: those of holes that were made, and not written */
    /* Of the delta's basis, as in its trailer; given along with `digest`. */
    uint8_t basis_digest[RD_DIGEST_LEN];
    uint64_t basis_size;
    bool has_basis_digest;
    uint32_t delta_index; /* of rd_delta_merge: the delta that an error, or `changed`, is about, by its place; of a
                             join of parts: the part */
} rd_stats;

/* The size of the delta that these statistics are about, uncompressed. */
RD_API uint64_t rd_stats_delta_size(const rd_stats *stats);

/*
 * Called from time to time with the number of bytes done and their total, or RD_UNKNOWN. A patch counts bytes written;
 * other operations count bytes of the input that they read from start to end (rd_delta_verify: of both). If it returns
 * false, the operation ends with RD_E_CANCELLED. Only the thread that called the operation calls it.
 */
typedef bool rd_progress_fn(void *context, uint64_t done, uint64_t total);

/*
 * Whether a delta gets a trailer, with which a patch can verify that its result is the new file, and whether the patch
 * does. Readers of librsync ignore the trailer.
 */
typedef enum rd_verify {
    RD_VERIFY_DEFAULT = 0, /* a delta gets one; a patch is verified if its delta has one */
    RD_VERIFY_NEVER = 1,   /* as in librsync: no trailer is written, and what follows a delta's END is ignored */
    RD_VERIFY_ALWAYS = 2   /* a delta gets one; a delta without one is RD_E_UNVERIFIED */
} rd_verify;

/*
 * Which zeros of the new file a patch makes holes of, ranges that take no room on the disk: runs of whole blocks, if it
 * writes to a regular file, except one opened with O_APPEND, or to a block device. Holes of the basis are not read.
 */
typedef enum rd_sparse {
    RD_SPARSE_AUTO = 0,   /* all, if the basis has holes, or the file that is replaced or written over; else none */
    RD_SPARSE_ALWAYS = 1, /* all */
    RD_SPARSE_NEVER = 2   /* none: every byte is written */
} rd_sparse;

/*
 * Limits for files that are not trusted; 0: no limit. An operation that would exceed one fails with RD_E_LIMIT before
 * it writes, or allocates, beyond it. Fixed for good.
 */
typedef struct rd_limits {
    /* Bytes written. A patch fails at the command of its delta that would exceed it, before it executes it. */
    uint64_t output;
    /*
     * Memory that grows with the input: the strong sum length and 16 bytes per block of a signature; for a delta, also
     * two blocks, or twice the new file if that is shorter; for a merge, ops and literals that are kept, and for a
     * reverse those of its delta (0: 1 GiB); for a dense delta that is read, a frame of it. Of a diff, and of the diff
     * that a reverse is, it is the size of the index: less makes the delta larger, and nothing fails (0: 256 MiB).
     * Buffers of a fixed size, some MiB per thread, are not counted. The window of a compressed file may take as much
     * again.
     */
    uint64_t memory;
    uint64_t blocks; /* of a signature that is loaded or built */
} rd_limits;

/*
 * A signature or a delta may be compressed: it then is one or more zstd frames (RFC 8878), which `zstd -d` turns into
 * librsync's form. Functions that read a signature or a delta recognise such a file and decompress it, in order, with a
 * window of at most 128 MiB. Broken frames are RD_E_TRUNCATED or RD_E_CORRUPT with the offset in the compressed file;
 * other errors have the offset in the decompressed bytes. Limits protect against files that become huge.
 *
 * The compressed bytes depend only on the level, the plain bytes and the version of libzstd. Memory for compressing,
 * per thread: about 25 MiB at level 3, 250 MiB at level 19.
 */
#define RD_COMPRESSION_DEFAULT 3  /* a level that costs little time */
#define RD_COMPRESSION_NEVER (-1) /* as in librsync: input is not decompressed either */

/* The highest level; the lowest is 1. 0: the library was built without zstd. */
RD_API int rd_compression_max(void);

/*
 * What to do if a file changes while it is read: what was read of it may then be no version that it ever had. Whole
 * operations and rd_ops compare the size, mtime and ctime of the regular files of their sources, also beneath ranges
 * and filters, between the time when they begin and when they end; the first size is that of the source, when it was
 * made. A file that was written to just before is first waited for, at most 50 ms and usually no more than 4, because
 * its times could not show another write. A change of its links, mode or owner is none, and it is not the name that
 * counts, but the open file. Not noticed are writes through a mapping until the system sets mtime, writes of another
 * machine that this one does not know of yet, and a write within the precision of the file system's times (2 s on FAT)
 * that leaves the size. Renaming the file or setting its times counts as a change.
 */
typedef enum rd_changed {
    /*
     * The operation writes all of its output, and ends with RD_E_CHANGED and the role of the file. So it does if it
     * fails in a way that the change explains. A patch that is verified succeeds: its result is the new file. A
     * signature that would be in memory is not returned.
     */
    RD_CHANGED_FAIL = 0,
    /*
     * Only the statistics tell. But a patch that is verified ends with RD_E_CHANGED if the file system shares blocks of
     * a basis that changed: these may have changed after they were verified.
     */
    RD_CHANGED_ACCEPT = 1
} rd_changed;

/* What a delta is written as, where both files are at hand. */
typedef enum rd_form {
    RD_FORM_PLAIN = 0, /* librsync's form, which any librsync reads */
    RD_FORM_DENSE = 1  /* a smaller one, for updates that are made once and applied often: see rd_delta_expand */
} rd_form;

/* Set `size` to sizeof(rd_options), and the rest to 0 for the defaults. Later versions add fields at the end. */
typedef struct rd_options {
    size_t size;
    rd_params params; /* of the signature to make, also AUTO, FULL and LEAST; other operations ignore it */
    rd_progress_fn *progress;
    void *progress_context;
    rd_stats *stats;  /* if not NULL: filled, also on failure */
    rd_error *error;  /* if not NULL: filled on failure */
    unsigned threads; /* that work at once, at most, and never more than 256; 0: one per usable processor */
    rd_verify verify;
    rd_limits limits;
    int compression;     /* level of the signature or delta to make; 0: not compressed */
    rd_context *context; /* or NULL */
    rd_sparse sparse;    /* of a patch */
    rd_changed changed;  /* what if a file changes while it is read */
    rd_form form;        /* of the delta that rd_diff_make makes */
    unsigned max_rounds; /* round trips of a session, as far as they can be foreseen; 0: 20, less for small files */
} rd_options;

/* A signature in memory: a table of block sums, which can be searched. */
typedef struct rd_signature rd_signature;

/* Writes the signature of `basis` to `out`. Memory: constant per thread. Errors: as any operation. */
RD_API rd_result rd_signature_make(const rd_source *basis, const rd_sink *out, const rd_options *options);

/*
 * Reads a signature into memory; *signature is NULL after a failure. Memory: the strong sum length and 16 bytes per
 * block. Errors: RD_E_MAGIC, RD_E_TRUNCATED, RD_E_CORRUPT; RD_E_LIMIT beyond 2^32 - 2 blocks.
 */
RD_API rd_result rd_signature_load(rd_signature **signature, const rd_source *in, const rd_options *options);

/*
 * Makes the signature of `basis` in memory: the same as rd_signature_make and rd_signature_load, without the bytes in
 * between. *signature is NULL after a failure. Memory: as rd_signature_load, and constant per thread. Errors:
 * RD_E_LIMIT beyond 2^32 - 2 blocks.
 */
RD_API rd_result rd_signature_build(rd_signature **signature, const rd_source *basis, const rd_options *options);

/* Writes a signature in memory to `out`: the bytes of rd_signature_make. Memory: constant. Errors: as any operation. */
RD_API rd_result rd_signature_write(const rd_signature *signature, const rd_sink *out, const rd_options *options);

/*
 * A part of a signature, which threads or machines may make separately: that of the `length` bytes of `basis` from
 * `offset` on, both whole blocks, except that the last part ends with the basis (RD_UNKNOWN: all the rest). AUTO and
 * LEAST mean the lengths for the whole basis. A part knows where its first block lies. It can be written, loaded again
 * by rd_signature_load_part with the same offset, and joined, but a delta needs a joined signature. Memory: the strong
 * sum length and 4 bytes per block, and constant per thread. Errors: RD_E_PARAMETER if it does not consist of whole
 * blocks; those of rd_signature_build and _load.
 */
RD_API rd_result rd_signature_build_part(rd_signature **part, const rd_source *basis, uint64_t offset, uint64_t length,
                                         const rd_options *options);
RD_API rd_result rd_signature_load_part(rd_signature **part, const rd_source *in, uint64_t offset,
                                        const rd_options *options);

/*
 * Joins `count` parts, at least 1, which follow each other without a gap. The parts stay as they are. The signature is
 * that of the bytes from the first part's offset on; copies of a delta against it have offsets in the whole basis.
 * Memory: as rd_signature_load. Errors: RD_E_PARAMETER if the parts do not fit each other; RD_E_LIMIT beyond 2^32 - 2
 * blocks.
 */
RD_API rd_result rd_signature_join(rd_signature **signature, const rd_signature *const *parts, size_t count,
                                   const rd_options *options);

/*
 * Writes to `out` the delta that makes `new_file` from the basis of `signature`; NULL is the signature of an empty
 * basis, and the delta then has literals only. Memory: constant per thread, in addition to the signature. Errors:
 * RD_E_STATE if the signature is a part that was not joined.
 */
RD_API rd_result rd_delta_make(const rd_signature *signature, const rd_source *new_file, const rd_sink *out,
                               const rd_options *options);

/*
 * Writes to `out` a delta that makes `new_file` from `old_file`, when both are at hand: no signature, and copies of any
 * length from any offset, so it is much smaller than one against a signature. It is a delta like any other. The old
 * file must be seekable, and its size known; the new one may be a pipe. `limits.memory` bounds the index of the old
 * file (default: 256 MiB); what it has no room for makes the delta larger. With `compression`, copies are chosen that
 * serve it. A dense delta (`form`) always has both digests, `compression` is its level, by default 19, and the
 * statistics of its commands are those of what rd_delta_expand makes of it. Progress counts the bytes of the old file,
 * then those of the new one. Memory: the index, at most 5 bytes for each byte of the old file; 30 MiB per thread; with
 * compression, more; for a dense delta 150 MiB more. Errors: as any operation.
 */
RD_API rd_result rd_diff_make(const rd_source *old_file, const rd_source *new_file, const rd_sink *out,
                              const rd_options *options);

/*
 * Writes to `out` the delta that makes the last file of the first basis, of `count` deltas, at least 1: the first makes
 * a file of the basis, each other one makes a file of the file that the one before makes. None of the files is needed,
 * and each delta is read once, from the last to the first, in one pass for all; they may be compressed, or come from
 * pipes. The trailer is that of the last delta, if it has one, and has the basis of the first, if that knows it.
 * `basis` may be NULL. It is needed for the literals of dense deltas, of which all but the first must be seekable;
 * their expanded form is then kept in memory.
 *
 * Memory: some 64 bytes for each op of the result, as it is between two deltas, and the literals that are needed of
 * deltas that are compressed or not seekable; `limits.memory` bounds both together (0: 1 GiB), since deltas that are
 * not trusted can make many ops of few. It bounds the time as well: ops of the result, beyond two for each op of the
 * deltas so far, are counted between any two deltas, and all together may be one for each 16 bytes of `limits.memory`.
 * So a few KB of deltas can take some seconds by default. `limits.output` is noticed when the result is
 * written. Progress and the statistics' `in_bytes` count the bytes of the deltas; of a dense one after the first, and
 * of those before it, the bytes of what they were expanded to and merged into, which is read instead of them.
 *
 * Errors: RD_E_MAGIC, RD_E_TRUNCATED, RD_E_CORRUPT: a delta is broken; RD_E_MISMATCH: a delta was altered, or two that
 * follow each other do not fit; RD_E_PARAMETER: a dense delta, without the basis, or that is neither the first one nor
 * seekable; RD_E_UNVERIFIED: the options ask for a trailer, and the last delta has none. The statistics say which
 * delta, of two that do not fit the later one (`delta_index`).
 */
RD_API rd_result rd_delta_merge(const rd_source *deltas, size_t count, const rd_source *basis, const rd_sink *out,
                                const rd_options *options);

/*
 * Writes to `out` the dense `delta` in librsync's form, with its trailer. A dense delta is a smaller one, made for and
 * with its basis, which must be at hand, seekable, and unchanged: another one is refused before anything is written.
 * Whatever reads a delta from a source reads a dense one as well; librsync, and streams, do not. Without the basis
 * (rd_ops, rd_delta_each_op, rd_delta_verify) all is known of it but the bytes of literals. The statistics are those of
 * what is written; with `compression`, it is compressed. Memory: up to 80 MiB for a frame of the delta
 * (limits.memory bounds it further). Errors: as any operation; RD_E_MAGIC if it is not a dense delta; RD_E_MISMATCH
 * (role RD_ROLE_BASIS) if the basis is another one.
 */
RD_API rd_result rd_delta_expand(const rd_source *basis, const rd_source *delta, const rd_sink *out,
                                 const rd_options *options);

/*
 * Writes to `out` the delta that makes `basis` of the file that `delta` makes of it, without that file: it is the one
 * that rd_diff_make makes of the two. The basis must be seekable; it is read at any offset through the delta, so a pipe
 * or a compressed delta has to be kept in memory. Options are those of rd_diff_make. Progress counts the bytes of the
 * delta, of the file that it makes, and of the basis.
 *
 * Memory: that of rd_diff_make; and 16 bytes for each op of the delta, and the literals of one that is compressed or
 * not seekable, which `limits.memory` bounds once more (0: 1 GiB). Errors: those of rd_patch_apply, and of
 * rd_diff_make; RD_E_MISMATCH is only told in the end, unless the lengths tell, so what was written before a failure
 * must not be used.
 */
RD_API rd_result rd_delta_reverse(const rd_source *basis, const rd_source *delta, const rd_sink *out,
                                  const rd_options *options);

/*
 * Writes to `out` the new file that `delta` makes from `basis`, which must be seekable. `out` must not be the file or
 * the block device of either (RD_E_PARAMETER, before anything is written; so it is with all operations): replace a
 * basis by a destination. Memory: constant per thread.
 * Errors: RD_E_MAGIC, RD_E_TRUNCATED, RD_E_CORRUPT: the delta is broken; RD_E_MISMATCH: this is not the basis of the
 * delta, or the delta was altered; if the delta knows its basis, the error has the role of the one that is wrong, and a
 * basis of another length is told before anything is written, unless the delta is compressed or comes from a pipe;
 * RD_E_UNVERIFIED: the delta has no trailer, and the options ask for one, or none that this version understands. What
 * was written before a failure is not the new file.
 */
RD_API rd_result rd_patch_apply(const rd_source *basis, const rd_source *delta, const rd_sink *out,
                                const rd_options *options);

/*
 * Checks that `file` is what `delta` makes, by the delta's trailer, without the basis. Memory: constant per thread.
 * Errors: RD_E_MISMATCH: it is not; RD_E_UNVERIFIED: the delta has no trailer; RD_E_MAGIC, RD_E_TRUNCATED,
 * RD_E_CORRUPT: the delta is broken.
 */
RD_API rd_result rd_delta_verify(const rd_source *delta, const rd_source *file, const rd_options *options);

/*
 * Computes the digest of `source`, as in the trailer of a delta that makes it. Memory: constant per thread. Errors: as
 * any operation.
 */
RD_API rd_result rd_digest(const rd_source *source, uint8_t digest[RD_DIGEST_LEN], const rd_options *options);

/*
 * Parts of the work on a file, which threads or machines may do separately: of a range each, and a part is a record in
 * bytes (docs/formats.md). Whoever makes a part decides what is in it: a record that was damaged is told, one that lies
 * is not. What a record says. Fixed for good.
 */
typedef struct rd_part {
    uint64_t offset; /* of its range */
    uint64_t length;
    bool last; /* the file ends with the range */
} rd_part;

/*
 * Writes to `out` a part of the digest of `source`, which must be seekable: that of its `length` bytes from `offset`
 * on, both multiples of 1024, except that the last part ends with the file (RD_UNKNOWN: all the rest). The record has
 * 32 bytes for each one bit, about, of the numbers of its first and last KiB: it is shortest for offsets that are
 * multiples of a large power of two, and has at most 3.5 KB. Progress counts the bytes of the range. Memory: constant
 * per thread. Errors: RD_E_PARAMETER if the range is not one of those, or the source is not seekable.
 */
RD_API rd_result rd_digest_part_make(const rd_source *source, uint64_t offset, uint64_t length, const rd_sink *out,
                                     const rd_options *options);
/* Reads a part of a digest, and checks it. Errors: RD_E_MAGIC, RD_E_TRUNCATED, RD_E_CORRUPT: it is none, or damaged;
 * RD_E_PARAMETER: it is of a later version. */
RD_API rd_result rd_digest_part_inspect(const rd_source *record, rd_part *part, const rd_options *options);
/*
 * Joins the `count` parts of the digest of a file to what rd_digest makes of it. They must follow each other from the
 * start of the file to its end, where there may be some without bytes. Memory: constant. Errors: those of
 * rd_digest_part_inspect; RD_E_PARAMETER if the parts do not fit each other, or one is missing; the statistics say
 * which (`delta_index`).
 */
RD_API rd_result rd_digest_join(const rd_source *records, size_t count, uint8_t digest[RD_DIGEST_LEN],
                                const rd_options *options);

/*
 * The ranges of which a delta against this signature (or NULL) can be made in parts start and end at multiples of this
 * number of bytes: 32 blocks, or a little more. An object store's parts of some MiB are, with the recommended block
 * length, not; so choose the ranges by it.
 */
RD_API uint64_t rd_delta_part_grid(const rd_signature *signature);
/*
 * Writes to `out` a part of the delta of `new_file` against `signature` (NULL: of an empty basis): what is found of the
 * basis in the `length` bytes from `offset` on (RD_UNKNOWN: all the rest), both multiples of rd_delta_part_grid, except
 * that the last part ends with the file. The new file must be seekable, and its size known. A part is no delta: it has
 * no literals, but a sum of them, and some bytes for each copy; unless `verify` is RD_VERIFY_NEVER also the digest of
 * the range. Progress counts the bytes of the range; with blocks of more than 256 KiB or less than 64 bytes, they are
 * parsed by one thread, and read and counted twice for the digest. Memory: constant per thread. Errors: RD_E_PARAMETER
 * if the range is not one of those, or the new file not seekable; RD_E_STATE as of rd_delta_make.
 */
RD_API rd_result rd_delta_part_make(const rd_signature *signature, const rd_source *new_file, uint64_t offset,
                                    uint64_t length, const rd_sink *out, const rd_options *options);
/* Reads a part of a delta, and checks it as far as that is possible alone. Memory: 32 bytes for each copy, which
 * `limits.memory` bounds. Errors: as of rd_digest_part_inspect. */
RD_API rd_result rd_delta_part_inspect(const rd_source *record, rd_part *part, const rd_options *options);
/*
 * Joins the `count` parts of the delta of `new_file` to the very bytes that rd_delta_make makes of it, with its trailer
 * unless `verify` is RD_VERIFY_NEVER. They must be made with this signature, and follow each other from the start of
 * the file to its end. Of the new file, the literals are read, and a little at the seams.
 *
 * A new file that is not what a part was made of is RD_E_CHANGED if that shows: by its length; by its times, if it is
 * the same file on the same system as for the part (unless `changed` accepts that); else by the bytes that are literal,
 * which are then read twice. Not noticed is a change of bytes that were copied: the delta then makes what they were.
 * The copies of a part are not checked against the new file, only that both files have room for them; a part that lies,
 * or has been damaged in a way that its check does not show, makes a delta that fails to be verified in a patch, unless
 * its digest lies, too.
 *
 * Memory: the signature; 32 bytes for each copy of the largest part, which `limits.memory` bounds; two blocks, and a
 * MiB. Errors: those of rd_delta_part_inspect; RD_E_PARAMETER if the parts do not fit each other or the signature, or
 * one is missing; RD_E_UNVERIFIED if one has no digest; the statistics say which (`delta_index`).
 */
RD_API rd_result rd_delta_join(const rd_signature *signature, const rd_source *records, size_t count,
                               const rd_source *new_file, const rd_sink *out, const rd_options *options);

/*
 * Sets *equal: whether two sources have the same bytes. What is a hole in both is not read. In errors, the first is the
 * basis, and the second the new file. Memory: 512 KiB. Errors: as any operation.
 */
RD_API rd_result rd_compare(const rd_source *one, const rd_source *other, bool *equal, const rd_options *options);

#if !defined(_WIN32)
/* ---- Many files in one call, on POSIX systems -------------------------------------------------------------------- */

/*
 * What is known of one file of many. 128 bytes without padding, each field at a multiple of its size, so that an array
 * of them can be read as columns. Fixed for good.
 */
typedef struct rd_file_record {
    uint64_t size;        /* bytes that were read of it, or made */
    int64_t mtime_ns;     /* in nanoseconds since 1970 */
    int64_t ctime_ns;     /* likewise */
    uint64_t device;      /* these two say which file it is */
    uint64_t inode;       /* ... */
    uint64_t blocks;      /* in its signature */
    uint64_t offset;      /* of its signature, among all; 0 if it has none */
    uint64_t length;      /* of its signature, in bytes; 0 if it has none */
    uint32_t mode;        /* type and permissions, as in st_mode */
    uint32_t uid;         /* its owner */
    uint32_t gid;         /* its group */
    uint32_t block_len;   /* of its signature; 0 if it has none */
    uint32_t strong_len;  /* likewise */
    int32_t result;       /* an rd_result; RD_OK: it is done */
    int32_t system_error; /* errno, or 0 */
    uint8_t role;         /* an rd_role: what the result is about */
    bool has_digest;      /* ... */
    bool changed;         /* it changed while it was read */
    uint8_t reserved;     /* 0 */
    uint8_t digest[RD_DIGEST_LEN];
} rd_file_record;

/* What is wanted of many files, and how their paths are to be taken: any of these together. */
enum {
    RD_WANT_SIGNATURE = 1,
    RD_WANT_DIGEST = 2,
    RD_FOLLOW_LINKS = 16 /* a path that is a symbolic link is followed; else it is no regular file */
};

/* Instead of an open directory: the current one of the process. */
#define RD_CURRENT_DIRECTORY (-1)

/*
 * Makes the signatures and the digests of `count` files, each of which is read once. The paths that do not start with a
 * slash are relative to the open directory `directory`. `records` has room for `count` records: record i is about path
 * i, whatever order the threads work in. The signatures are appended to *signatures one after the other, in the order
 * of the paths; each is that of rd_signature_make. `signatures` may be NULL if none are wanted.
 *
 * A file that fails fails only its own record: RD_E_IO with errno; RD_E_CHANGED, as of any operation; RD_E_PARAMETER:
 * it is not a regular file, and `mode`, which is then known, says what it is. Such a file is not read, and a pipe
 * without a writer is not waited for. Of a file that cannot be opened, the record has what the system tells without.
 *
 * Of the options it uses `params` (AUTO and LEAST are the lengths for the size of each file), `threads`, `context`,
 * `changed`, `limits.output` (of all signatures), `error`, `stats` (sums over all files), and `progress`, which counts
 * files. Memory: the signatures; for each thread 64 KiB, up to some MiB if files are larger than that. Errors, after
 * which the records say nothing and *signatures has what it had before: RD_E_PARAMETER if nothing is wanted, or there
 * is no place for it; those of any operation that are not about one file.
 */
RD_API rd_result rd_sign_files(int directory, const char *const *paths, size_t count, unsigned what,
                               rd_file_record *records, rd_memory *signatures, const rd_options *options);

/* The mode of an output: the permissions of the basis, or those that the umask leaves if there is none. */
#define RD_MODE_OF_BASIS UINT32_MAX
/* The mtime of an output: when it is made. */
#define RD_TIME_NOW INT64_MIN

/* One of many patches. Fixed for good. */
typedef struct rd_patch_item {
    const char *basis;  /* a path, or NULL: no bytes */
    const char *output; /* a path at which nothing may be */
    const void *delta;
    size_t delta_size;
    int64_t mtime_ns;  /* that the output gets, or RD_TIME_NOW */
    uint32_t mode;     /* the permissions that the output gets, at most 0777, or RD_MODE_OF_BASIS */
    uint32_t reserved; /* 0 */
} rd_patch_item;

/*
 * Makes `count` new files, each of a basis and a delta in memory, verified as rd_patch_apply verifies. Bases that do
 * not start with a slash are relative to the open directory `basis_directory`, outputs to `output_directory`. Nothing
 * is flushed to the disk: flush the file system once (syncfs, sync) before the new files replace others. `what` is 0 or
 * RD_FOLLOW_LINKS, which is about the bases. Record i is about item i, and gets what the new file is: size, times,
 * device, inode, mode, owner, and the digest if it was verified.
 *
 * An item that fails fails only its own record, and leaves no output: RD_E_EXISTS; RD_E_PARAMETER if the basis is not a
 * regular file; RD_E_IO; those of rd_patch_apply. `role` says which of the files it is about.
 *
 * Of the options it uses `verify`, `limits` (`output` is that of each file), `sparse`, `changed`, `threads`, `context`,
 * `error`, `stats` (only `in_bytes`, of the deltas, and `out_bytes`), and `progress`, which counts items. Memory:
 * constant per thread. Errors, after which the outputs that were made are removed: those of any operation that are not
 * about one item.
 */
RD_API rd_result rd_patch_files(int basis_directory, int output_directory, const rd_patch_item *items, size_t count,
                                unsigned what, rd_file_record *records, const rd_options *options);
#endif

/* ---- Destinations: files that are replaced as a whole or not at all ---------------------------------------------- */

/*
 * A file that is being written and does not have its name yet. The old file of that name, if there is one, stays as it
 * is until the commit, and for good if the commit fails or never comes, even if the process is killed. What a killed
 * process leaves in the directory (mostly nothing, else files `.redelta-...`, one of them perhaps the old file, if the
 * new one has its name) is removed by the next rd_destination_open of the same name and by the next rd_directory_open,
 * if files can be locked there. Other hard links to the old file keep it.
 */
typedef struct rd_destination rd_destination;

/* What to do if the name exists. */
typedef enum rd_replace {
    RD_REPLACE_NEVER = 0,  /* RD_E_EXISTS */
    RD_REPLACE_SAFELY = 1, /* replace it, once the new bytes are on the disk: not even a power cut loses both */
    RD_REPLACE_FAST = 2,   /* replace it: for what can be made again, since a power cut soon afterwards may lose both */
    RD_REPLACE_FOLLOW = 16 /* may be added: a symbolic link is followed, and what it leads to is replaced or created */
} rd_replace;

/*
 * Opens `path` for writing. A symbolic link to a file, or to nothing, is replaced itself, unless it is to be followed.
 * Some outputs have nothing that could be replaced as a whole, and are written to directly: a pipe, a character device
 * and a descriptor of this process (`/dev/stdout`, `/dev/fd/N`), whatever `replace` says; a block device, unless it is
 * RD_REPLACE_NEVER. An operation that writes directly to a file that it also reads fails: see rd_patch_apply. *error
 * may be NULL. On failure *destination is NULL.
 *
 * Where no file can be created in the directory, but an old one in it may be written to, the new file is made in
 * $TMPDIR, or /tmp, and written over the old one in the end (RD_NOTE_IN_PLACE).
 *
 * Errors: RD_E_EXISTS; RD_E_IO if the directory or the file cannot be opened, or `path` is a directory or a socket;
 * RD_E_PARAMETER if `replace` is none of the above; RD_E_MEMORY.
 */
RD_API rd_result rd_destination_open(rd_destination **destination, const char *path, rd_replace replace,
                                     rd_error *error);
/* Where to write; valid until commit or discard. */
RD_API rd_sink rd_destination_sink(rd_destination *destination);

/* Whether it is written to directly: what was written stays, even if the work fails. */
RD_API bool rd_destination_is_direct(const rd_destination *destination);

/*
 * Makes the commit fail with RD_E_CHANGED if what has the name then is not what had it at the opening: another file,
 * none, one where there was none, or the same with other bytes (by size and times). Then nothing is replaced. `basis`:
 * only if the file that had the name is the basis; and the bytes that the source counts must be all that it has, else
 * RD_E_CHANGED at once. NULL: in any case. A destination that is written to directly has no guard. `error` may be
 * NULL.
 */
RD_API rd_result rd_destination_guard(rd_destination *destination, const rd_source *basis, rd_error *error);
/*
 * Keeps an old file that is replaced, under its name with `suffix` added. A file of that name is replaced. *error may
 * be NULL. Errors: RD_E_PARAMETER if the suffix is empty or contains a slash; RD_E_MEMORY.
 */
RD_API rd_result rd_destination_backup(rd_destination *destination, const char *suffix, rd_error *error);
/* Sets the time of the last modification that the file gets, in seconds since 1970 and nanoseconds. */
RD_API void rd_destination_set_time(rd_destination *destination, int64_t seconds, uint32_t nanoseconds);

/* What a commit did less well than it should, since the system or the file system refuses. */
enum {
    RD_NOTE_OWNER = 1,       /* owner or group are others than before; the mode gives nobody more than he had */
    RD_NOTE_MODE = 2,        /* the mode is another; it grants less */
    RD_NOTE_ACCESS_LIST = 4, /* the access list is lost; the mode gives nobody more than he had */
    RD_NOTE_ATTRIBUTES = 8,  /* extended attributes are lost */
    RD_NOTE_TIME = 16,       /* the time could not be set */
    RD_NOTE_IN_PLACE = 32,   /* the new bytes were written over the old ones, which is not atomic */
    RD_NOTE_NAME = 64        /* the name was taken in two steps, which is not atomic */
};

/* The name of a note, such as "access_list", and a message for people about the file. Static strings; never NULL. */
RD_API const char *rd_note_name(unsigned note);
RD_API const char *rd_note_message(unsigned note);

/* Sets *notes, which must live until the commit returns, to the RD_NOTE_* of this destination as they become known. */
RD_API void rd_destination_notes(rd_destination *destination, unsigned *notes);

/*
 * Gives what was written its name. A file that replaces another one gets what that has at this moment: owner and group
 * as far as allowed, mode, access list, extended attributes; but not set-user-ID, set-group-ID and file capabilities,
 * which were granted to other bytes. Frees the destination, whatever the result; after a failure nothing is left of it.
 * Errors: RD_E_EXISTS, RD_E_IO; RD_E_CHANGED, see rd_destination_guard. RD_E_IO in the middle of writing over a file
 * says so, and leaves the new file beside it if it can.
 */
RD_API rd_result rd_destination_commit(rd_destination *destination, rd_error *error);
/* Frees the destination and leaves the name as it was. NULL is allowed. */
RD_API void rd_destination_discard(rd_destination *destination);

/*
 * A directory for many destinations: it is opened and cleaned up once, and they share the wait for the disk. Files that
 * replace others safely are queued by their commits. A batch of them (about a hundred files, or 64 MiB) is flushed to
 * the disk together before each takes its name; until then each name has its old file. A batch holds a descriptor for
 * each file, and disk space for both versions.
 *
 * A directory and its destinations belong to one thread at a time, but for writing to the sinks.
 */
typedef struct rd_directory rd_directory;

/*
 * Opens the directory `path`, and removes what killed processes left in it; for that it reads the whole directory. On
 * failure *directory is NULL. *error may be NULL. Errors: RD_E_IO, RD_E_MEMORY.
 */
RD_API rd_result rd_directory_open(rd_directory **directory, const char *path, rd_error *error);
/*
 * Like rd_destination_open(), but opens `name` in the directory. Its commit may only queue it, and then returns RD_OK;
 * a failure after that is returned by rd_directory_flush or _close. Names are taken in the order of the commits, if a
 * name comes more than once.
 *
 * Errors: also RD_E_PARAMETER if `name` contains a slash, or has the form of those that are cleaned up.
 */
RD_API rd_result rd_destination_open_at(rd_destination **destination, rd_directory *directory, const char *name,
                                        rd_replace replace, rd_error *error);
/*
 * Gives every queued file its name, and flushes these names to the disk. If a file fails, its name keeps the old file,
 * and the others take their names nevertheless. Each call returns the failure of one file, with its name in *name,
 * which is valid until the next call with this directory; call it until it returns RD_OK, with *name NULL. `name` and
 * `error` may be NULL. Errors: RD_E_IO.
 */
RD_API rd_result rd_directory_flush(rd_directory *directory, const char **name, rd_error *error);
/*
 * Like rd_directory_flush(), but also frees the directory, whatever the result. Its destinations must have been
 * committed or discarded. Errors: RD_E_IO.
 */
RD_API rd_result rd_directory_close(rd_directory *directory, rd_error *error);
/* Frees the directory like rd_directory_close(), but queued files are discarded. NULL is allowed. */
RD_API void rd_directory_discard(rd_directory *directory);

/* ---- Streams: any amount in, any amount out --------------------------------------------------------------------- */

/* What a stream may take. Fixed for good. */
typedef struct rd_in {
    const void *data;
    size_t size;
    size_t pos; /* moved past what was taken */
} rd_in;

/* Where a stream may write. Fixed for good. */
typedef struct rd_out {
    void *data;
    size_t size;
    size_t pos; /* moved past what was written */
} rd_out;

/*
 * A stream takes the bytes of one file in chunks of any size and gives the bytes of another one, the same as those of
 * the whole operation. Of the options, streams use `params`, `verify`, `limits`, `compression` and `context`; `error`
 * is filled only if the stream cannot be made. With a context, a signature stream gathers up to 4 MiB and has `threads`
 * sign them, within rd_stream_step; otherwise all work is that of the calling thread.
 */
typedef struct rd_stream rd_stream;

/*
 * Each makes a stream, to be freed by rd_stream_free. Errors: RD_E_MEMORY; RD_E_PARAMETER; RD_E_STATE if the signature
 * is a part that was not joined; *stream is then NULL.
 *
 * A signature stream takes the basis. Since it does not know the size, AUTO and LEAST mean the lengths for RD_UNKNOWN.
 */
RD_API rd_result rd_signature_stream_new(rd_stream **stream, const rd_options *options);
/* Like rd_signature_stream_new, but takes a signature and gives no bytes: see rd_stream_take_signature. Errors: as
 * above. */
RD_API rd_result rd_loadsig_stream_new(rd_stream **stream, const rd_options *options);
/* Like rd_signature_stream_new, but takes the new file and gives the delta. The signature may be NULL, as for
 * rd_delta_make, and must outlive the last step. Errors: as above. */
RD_API rd_result rd_delta_stream_new(rd_stream **stream, const rd_signature *signature, const rd_options *options);
/* Like rd_signature_stream_new, but takes the delta and gives the new file. The basis must be seekable; the source is
 * copied, and what it refers to must outlive the last step. Errors: as above; RD_E_IO if it cannot be examined. */
RD_API rd_result rd_patch_stream_new(rd_stream **stream, const rd_source *basis, const rd_options *options);

/*
 * Takes what it can from `in` and writes what it can to `out`. `end`: nothing follows the bytes in `in`; once true it
 * must stay true. Returns
 *   - RD_MORE: call again, with more input if `in` is used up, with more room if `out` is full. If neither, the basis
 * of a patch had nothing to give yet.
 *   - RD_OK: done. A patch is done at the end of the trailer (with RD_VERIFY_NEVER: at END) and leaves what follows in
 *     `in`. A compressed delta must be all there is, and is done with `end` (with RD_VERIFY_NEVER: somewhere after
 * END).
 *   - anything else: an error as of the whole operation; what was written to `out` before is good. RD_E_STATE: the
 *     stream had ended before. RD_E_PARAMETER: `pos` is larger than `size`, and the stream has not ended.
 * After RD_OK or an error only rd_stream_free, _stats, _error and _take_signature may be called.
 */
RD_API rd_result rd_stream_step(rd_stream *stream, rd_in *in, rd_out *out, bool end);
/* Passes the loaded signature to the caller, once. Errors: RD_E_STATE before the stream is done, and for other streams.
 */
RD_API rd_result rd_stream_take_signature(rd_stream *stream, rd_signature **signature);
/* Fills *stats, whose `size` must be set, with what the stream did so far. Errors: RD_E_PARAMETER if it is too small.
 */
RD_API rd_result rd_stream_stats(const rd_stream *stream, rd_stats *stats);
/* Why the stream failed. Valid until it is freed. */
RD_API const rd_error *rd_stream_error(const rd_stream *stream);
/* Frees the stream. NULL is allowed. */
RD_API void rd_stream_free(rd_stream *stream);

/* ---- Sessions: a file brought up to date over a connection ------------------------------------------------------- */

/*
 * Two sessions, a sender with the new file and a receiver with the old one, talk over any two-way connection, and the
 * receiver writes the new file. They narrow down in several rounds what the old file has of the new one, with short
 * keyed hashes, and then the rest is sent, compressed. What is written is verified by its digest; a hash that misleads
 * costs bytes, never a wrong file. The protocol is in docs/formats.md.
 *
 * A session does no I/O but on its files: the caller carries the bytes. Of the options, sessions use `limits.output`,
 * `compression` (of what the sender sends: a level, 0 for one that fits the amount, RD_COMPRESSION_NEVER), `threads`,
 * `context`, `sparse`, `changed`, `progress`, which may cancel long work in a step, and `max_rounds`; `error` is filled
 * only if the session cannot be made.
 */
typedef struct rd_session rd_session;

/* What a sender tells of its file besides its bytes. Fixed for good. */
typedef struct rd_session_file {
    uint64_t size;
    int64_t seconds;      /* when it was last modified, since 1970, if `has_time` */
    uint32_t nanoseconds; /* less than 10^9 */
    uint32_t mode;        /* its nine permission bits, if `has_mode` */
    bool has_time;
    bool has_mode;
} rd_session_file;

/* How far a session is. Set `size` to sizeof(rd_session_state), as for rd_stats; later versions add fields. */
typedef struct rd_session_state {
    size_t size;
    uint64_t sent;     /* bytes that the session has given for the other side */
    uint64_t received; /* bytes that it took from there */
    uint64_t old_size; /* of the receiver's file; 0 until it is known */
    uint64_t new_size; /* of the sender's file; 0 until it is known */
    uint64_t known;    /* bytes of the new file that are found in the old one so far, as far as one knows */
    uint64_t literal;  /* bytes of the new file that were sent, before compression */
    uint64_t done;     /* bytes of the new file that are complete: written by the receiver, sent by the sender */
    uint64_t rounds;   /* round trips of the part of the file that took the most, those of the session included */
    uint64_t repaired; /* bytes sent once more, because hashes had misled */
    bool identical;    /* both files are equal: nothing was written */
    bool has_digest;
    uint8_t digest[RD_DIGEST_LEN]; /* of the new file */
} rd_session_state;

/*
 * Makes the session of the side that has the new file, which must be seekable, and its size known; *file may be NULL,
 * and its size is ignored. The source is copied; what it refers to must outlive the session. Memory: mostly less
 * than 100 MB, and what compression takes; another side that means ill can make it several hundred. Errors:
 * RD_E_MEMORY, RD_E_PARAMETER, RD_E_IO, with *session NULL.
 */
RD_API rd_result rd_session_sender_new(rd_session **session, const rd_source *new_file, const rd_session_file *file,
                                       const rd_options *options);
/*
 * Makes the session of the side that has the old file, which must be seekable, and its size known; NULL: there is none.
 * The new file is written to `out`, which should be writable at any offset: otherwise hashes that mislead are
 * RD_E_MISMATCH instead of being repaired. Memory and errors: as above.
 */
RD_API rd_result rd_session_receiver_new(rd_session **session, const rd_source *old_file, const rd_sink *out,
                                         const rd_options *options);
/*
 * Takes what it can from `in`, which comes from the other side, works, and writes what it can to `out`, for the other
 * side. `end`: the connection is closed, and nothing follows the bytes in `in`. Returns
 *   - RD_MORE: call again when there is more input, or more room for output if `out` is full. A session that returns
 *     with `out` not full and `in` used up has nothing to do until something comes; but the first call for a sender,
 *     if it is without input, returns before it reads its file. The next one may be made at once, to read it while the
 *     other side begins.
 *   - RD_OK: done, with nothing left to be sent. Of the receiver: the new file is written and verified, or it is
 *     identical to the old one. Of the sender: the receiver has said so.
 *   - anything else: an error. Call it again until `out` stays empty, to tell the other side; each call returns the
 * same error. RD_E_TRUNCATED: the connection ended too early. RD_E_CORRUPT, RD_E_MAGIC: what came is not the protocol,
 * or breaks its rules. RD_E_PEER: the other side has told of an error: see rd_session_message. RD_E_CHANGED: a file
 *     changed. RD_E_MISMATCH: the result is wrong, even though all of it was sent.
 * The sink's bytes are the new file only after RD_OK.
 */
RD_API rd_result rd_session_step(rd_session *session, rd_in *in, rd_out *out, bool end);
/*
 * Makes the session fail with RD_E_CANCELLED, so that the next steps tell the other side. Any state.
 */
RD_API void rd_session_cancel(rd_session *session);
/* What the sender told of the file. RD_MORE: nothing came yet. */
RD_API rd_result rd_session_file_info(const rd_session *session, rd_session_file *file);
/* Fills *state, whose `size` must be set. Errors: RD_E_PARAMETER if it is too small. */
RD_API rd_result rd_session_get_state(const rd_session *session, rd_session_state *state);
/* Why the session failed. Valid until it is freed. */
RD_API const rd_error *rd_session_error(const rd_session *session);
/* After RD_E_PEER: what the other side said, as text in UTF-8 without control characters. Otherwise "". */
RD_API const char *rd_session_message(const rd_session *session);
/* Frees the session. NULL is allowed. */
RD_API void rd_session_free(rd_session *session);

/* ---- Filters: sources and sinks made of others ------------------------------------------------------------------- */

/*
 * A filter gives a source or a sink that reads from, or writes to, another one. That one is copied; what it refers to
 * must outlive the filter. Of the options, filters use `limits`, `compression`, `threads`, `context`, and `progress`,
 * which counts what goes through the filter and may cancel a read that waits. An operation that fails beneath a filter
 * reports the error as if there were no filter; `options.error` is filled only if the filter cannot be made.
 */
typedef struct rd_filter rd_filter;

/*
 * A source whose first `size` bytes can be read again, from its start: to look at a pipe, by rd_source_identify say,
 * before reading it (for which 256 KiB are enough, unless many empty zstd frames come first). What comes after them can
 * be read once: RD_E_STATE. A seekable source is read as it is. Memory: `size`. Errors, of all these: RD_E_MEMORY,
 * RD_E_PARAMETER, with *filter NULL.
 */
RD_API rd_result rd_filter_peek_new(rd_filter **filter, const rd_source *source, size_t size,
                                    const rd_options *options);
/* A source of the decompressed bytes of `source`, or of its bytes if it is not compressed. Errors: as above. */
RD_API rd_result rd_filter_decompress_new(rd_filter **filter, const rd_source *source, const rd_options *options);
/* A sink that writes to `sink` one zstd frame, at the level of the options or RD_COMPRESSION_DEFAULT. Errors: as above.
 */
RD_API rd_result rd_filter_compress_new(rd_filter **filter, const rd_sink *sink, const rd_options *options);
/* A source of what `stream`, which must be new and outlive the filter, makes of `source`. Errors: as above; RD_E_STATE.
 */
RD_API rd_result rd_filter_stream_new(rd_filter **filter, rd_stream *stream, const rd_source *source,
                                      const rd_options *options);

/*
 * A source of the new file that `delta` makes of `basis`, without making it: seekable, of known size, and as concurrent
 * as both are. Both must be seekable, but a delta may also come from a pipe: it is read once here, and of one that is
 * compressed or from a pipe, the literals are kept. A delta may be dense. What is read is as good as basis and delta:
 * it is verified by rd_delta_verify of this source, as long as neither changes, which rd_filter_finish tells, at any
 * time. `verify` and `limits` are as for rd_patch_apply, but `limits.memory` bounds what the filter takes (0: 1 GiB):
 * 16 bytes for each op, and literals that are kept. Reading fails with RD_E_TRUNCATED if the delta copies from beyond
 * the end of the basis. Errors: those of rd_patch_apply but for its result, with *filter NULL.
 */
RD_API rd_result rd_filter_patched_new(rd_filter **filter, const rd_source *basis, const rd_source *delta,
                                       const rd_options *options);

/*
 * The source or the sink of a filter, valid until the filter is freed. Except for rd_filter_peek_new and
 * rd_filter_patched_new, the source can only be read in order (RD_E_STATE otherwise). Using a source or a sink that the
 * filter does not have fails with RD_E_IO.
 */
RD_API rd_source rd_filter_source(rd_filter *filter);
RD_API rd_sink rd_filter_sink(rd_filter *filter);
/* After the last write: completes the output of the filter. Of rd_filter_patched_new, at any time: RD_E_CHANGED if
 * basis or delta changed since the filter was made. Errors: as any operation. */
RD_API rd_result rd_filter_finish(rd_filter *filter);
/* Why reading, writing or finishing failed. Valid until the filter is freed. */
RD_API const rd_error *rd_filter_error(const rd_filter *filter);
/* Frees the filter. NULL is allowed. */
RD_API void rd_filter_free(rd_filter *filter);

/* ---- Inspection ------------------------------------------------------------------------------------------------- */

typedef enum rd_kind {
    RD_KIND_OTHER,
    RD_KIND_SIGNATURE,
    RD_KIND_DELTA, /* librsync's form */
    RD_KIND_COMPRESSED,
    RD_KIND_DENSE /* a dense delta: see rd_delta_expand */
} rd_kind;

/* What a file is that starts with these bytes, of which four are enough. */
RD_API rd_kind rd_identify(const void *data, size_t size);

/*
 * What `source` is, by its first bytes, or by the first decompressed bytes if it is compressed; *compressed, unless it
 * is NULL, says which. A source that is not seekable is then partly read. Errors: RD_E_TRUNCATED, RD_E_CORRUPT of the
 * compression.
 */
RD_API rd_result rd_source_identify(const rd_source *source, rd_kind *kind, bool *compressed,
                                    const rd_options *options);

/* The parameters of a signature, and the number of its blocks. */
RD_API void rd_signature_params(const rd_signature *signature, rd_params *params);
RD_API uint64_t rd_signature_count(const rd_signature *signature);
/* The offset of its first block in the basis: 0, unless it is a part. */
RD_API uint64_t rd_signature_origin(const rd_signature *signature);
/* The number of blocks whose sums no block before them has. RD_UNKNOWN for a part that was not joined. */
RD_API uint64_t rd_signature_distinct(const rd_signature *signature);
/*
 * The sums of block `block`, less than the count. The strong sum has strong_len bytes, valid as long as the signature;
 * the strong sums of the next blocks follow it.
 */
RD_API uint32_t rd_signature_weak(const rd_signature *signature, uint64_t block);
RD_API const uint8_t *rd_signature_strong(const rd_signature *signature, uint64_t block);
/* The weak sums of all blocks, in their order, valid as long as the signature. NULL if there is no block. */
RD_API const uint32_t *rd_signature_weak_sums(const rd_signature *signature);
/* Frees the signature. NULL is allowed. */
RD_API void rd_signature_free(rd_signature *signature);

typedef enum rd_op_kind { RD_LITERAL, RD_COPY } rd_op_kind;

/* A command of a delta: bytes of the new file, either new (a literal) or from the basis (a copy). Fixed for good. */
typedef struct rd_op {
    rd_op_kind kind;
    uint64_t target_offset; /* in the new file */
    uint64_t length;        /* at least 1 */
    uint64_t basis_offset;  /* 0 for a literal */
} rd_op;

/* Called with each op of a delta, in order. Returns false to cancel. */
typedef bool rd_op_fn(void *context, const rd_op *op);

/*
 * Calls `each` for every op of `delta`, and checks the delta. The statistics get the digest of its trailer. Memory:
 * constant. Errors: RD_E_MAGIC, RD_E_TRUNCATED, RD_E_CORRUPT; RD_E_MISMATCH if its trailer is about a file of another
 * length; RD_E_UNVERIFIED as rd_patch_apply.
 */
RD_API rd_result rd_delta_each_op(const rd_source *delta, rd_op_fn *each, void *context, const rd_options *options);

/*
 * The ops of a delta, one at a time, with the bytes of its literals. What the caller does not read of a literal is
 * skipped, without reading it if the source is seekable.
 */
typedef struct rd_ops rd_ops;

/*
 * Opens a delta. The source is copied; what it refers to must outlive *ops. Of the options it uses `verify`,
 * `limits.memory`, `compression`, `progress` and `context`; `error` is filled only if it cannot be opened. Memory: 1
 * MiB. Errors: RD_E_MEMORY, RD_E_PARAMETER, with *ops NULL.
 */
RD_API rd_result rd_ops_open(rd_ops **ops, const rd_source *delta, const rd_options *options);
/*
 * Returns RD_MORE with the next op in *op, or RD_OK after the last one, if the delta is in order to its end. Errors:
 * those of rd_delta_each_op; RD_E_STATE if it had ended before. After RD_OK or an error only rd_ops_stats, _error and
 * _close may be called.
 */
RD_API rd_result rd_ops_next(rd_ops *ops, rd_op *op);
/*
 * Reads the next bytes of the last op, a literal; *got is less than `size` only at its end, or with an error. Errors:
 * RD_E_TRUNCATED; RD_E_STATE as rd_ops_next, and of a dense delta, whose literals cannot be read without its basis:
 * that ends *ops as any error does, so expand the delta first, or do not read.
 */
RD_API rd_result rd_ops_read(rd_ops *ops, void *data, size_t size, size_t *got);
/* The offset in the delta of the literal's next byte. RD_UNKNOWN: there is none, or the delta is compressed or dense.
 */
RD_API uint64_t rd_ops_literal_offset(const rd_ops *ops);
/* What was read so far, with the trailer's digest at the end. Errors: as rd_stream_stats. */
RD_API rd_result rd_ops_stats(const rd_ops *ops, rd_stats *stats);
/* Why it failed. Valid until it is closed. */
RD_API const rd_error *rd_ops_error(const rd_ops *ops);
/* Frees it. NULL is allowed. */
RD_API void rd_ops_close(rd_ops *ops);

/* ---- Writing a delta -------------------------------------------------------------------------------------------- */

/*
 * Makes a delta from copies and literals, which the caller gives in the order of the new file. Copies that continue
 * each other are joined, and literals are gathered and cut at 65,535 bytes, so the delta does not depend on the chunks
 * in which they are given.
 */
typedef struct rd_delta_writer rd_delta_writer;

/*
 * Starts a delta, which goes to `out`. With a basis, which must be seekable, the writer computes the digest for the
 * trailer; it reads what is copied. With NULL the caller may give the digest at the end. Of the options it uses
 * `verify`, `compression`, `limits.output`, `threads` and `context`; `error` is filled only if it cannot be made.
 * Source and sink are copied; what they refer to must outlive the writer. Memory: under 1 MiB, and what compression
 * takes. Errors: as any operation, with *writer NULL.
 */
RD_API rd_result rd_delta_writer_new(rd_delta_writer **writer, const rd_sink *out, const rd_source *basis,
                                     const rd_options *options);
/*
 * Adds a copy of `length` bytes of the basis from `offset` on, or `size` new bytes. Either may be 0. Errors:
 * RD_E_TRUNCATED if the basis ends before; RD_E_PARAMETER at 2^63 bytes or more; RD_E_STATE after the end or an error.
 * After an error only rd_delta_writer_stats, _error and _free may be called.
 */
RD_API rd_result rd_delta_writer_copy(rd_delta_writer *writer, uint64_t offset, uint64_t length);
RD_API rd_result rd_delta_writer_literal(rd_delta_writer *writer, const void *data, size_t size);
/*
 * Says which basis the delta is for, by its size and its digest (rd_digest), which are not checked: they are written
 * into the trailer, so that a patch can tell a wrong basis. The size is checked by rd_delta_writer_finish, against the
 * copies. Errors: RD_E_PARAMETER at 2^63 bytes or more; RD_E_STATE after the end or an error.
 */
RD_API rd_result rd_delta_writer_set_basis(rd_delta_writer *writer, uint64_t size, const uint8_t digest[RD_DIGEST_LEN]);
/*
 * Ends the delta, with a trailer if there is a digest: `digest`, RD_DIGEST_LEN bytes as of rd_digest, which is not
 * checked, or the writer's own. There is no trailer with RD_VERIFY_NEVER. Errors: RD_E_UNVERIFIED if there is no
 * digest, with RD_VERIFY_ALWAYS; RD_E_PARAMETER if the basis of rd_delta_writer_set_basis is too short for the copies;
 * RD_E_STATE after the end or an error.
 */
RD_API rd_result rd_delta_writer_finish(rd_delta_writer *writer, const uint8_t *digest);
/* The ops so far. Errors: as rd_stream_stats. */
RD_API rd_result rd_delta_writer_stats(const rd_delta_writer *writer, rd_stats *stats);
/* Why it failed. Valid until it is freed. */
RD_API const rd_error *rd_delta_writer_error(const rd_delta_writer *writer);
/* Frees the writer. What was written to the sink stays. NULL is allowed. */
RD_API void rd_delta_writer_free(rd_delta_writer *writer);

#ifdef __cplusplus
}
#endif

#endif

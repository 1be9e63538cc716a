/*
 * redelta.h: the rsync remote-delta algorithm as a library.
 *
 * Whoever has the old version of a file (the basis) makes a small signature of it. Whoever has the new version makes a
 * delta against that signature. The basis patched with the delta is the new version. Signatures and deltas are those of
 * librsync, byte for byte.
 *
 *     rd_signature_make(&basis, &signature_sink, NULL);           on the old side
 *     rd_signature_load(&signature, &signature_source, NULL);     on the new side
 *     rd_delta_make(signature, &new_file, &delta_sink, NULL);
 *     rd_patch_apply(&basis, &delta, &new_file_sink, NULL);       on the old side again
 *
 * What holds for every function here:
 *   - The library prints nothing, never exits, and has no global state that changes. A function may be called from any
 *     thread; one object may be used by one thread at a time, except a loaded rd_signature, which is immutable and may
 *     serve any number of threads at once.
 *   - Output bytes depend on the input bytes and the parameters alone, not on buffer sizes, threads or the processor.
 *   - Input is never trusted: what a file claims is checked before it is used, and memory grows with what was read.
 *   - Sizes are in bytes. Every options pointer may be NULL: all defaults.
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
    X(E_UNVERIFIED, 13, "the result cannot be verified")

typedef enum rd_result {
#define RD_RESULT_ENUM(name, number, message) RD_##name = (number),
    RD_RESULT_MAP(RD_RESULT_ENUM)
#undef RD_RESULT_ENUM
} rd_result;

/* The result's name, as "RD_E_CORRUPT", and a sentence for people. Static strings, also for a value not in the list. */
RD_API const char *rd_result_name(rd_result result);
RD_API const char *rd_result_message(rd_result result);

/* A size or an offset that is not known. */
#define RD_UNKNOWN UINT64_MAX

/* Which of the files of an operation is meant. */
typedef enum rd_role {
    RD_ROLE_NONE,
    RD_ROLE_BASIS,
    RD_ROLE_SIGNATURE,
    RD_ROLE_NEW,
    RD_ROLE_DELTA,
    RD_ROLE_OUTPUT
} rd_role;

/* What went wrong, in full. Filled by a function that fails when its options (or arguments) point to one. */
typedef struct rd_error {
    rd_result result;
    rd_role role;       /* in which file */
    int system_error;   /* errno, or 0 */
    uint64_t offset;    /* at which byte of that file (of a compressed one: see below), or RD_UNKNOWN */
    const char *reason; /* a static string that says what is wrong, without a full stop; never NULL after a failure */
} rd_error;

/* ---- Parameters ------------------------------------------------------------------------------------------------- */

/* The weak (rolling) and strong sums of a signature. The zeros are the defaults. */
typedef enum rd_weak { RD_RABINKARP = 0, RD_ROLLSUM = 1 } rd_weak;
typedef enum rd_strong { RD_BLAKE2 = 0, RD_MD4 = 1 } rd_strong;

#define RD_BLOCK_LEN_MAX 0x7fffffffu
#define RD_STRONG_LEN_MAX 32 /* of any strong sum: 32 for BLAKE2b-256, 16 for MD4 */

/* Ask for these where a length is due. */
#define RD_BLOCK_LEN_AUTO 0u     /* recommended for the size of the basis */
#define RD_STRONG_LEN_FULL 0     /* the whole strong sum */
#define RD_STRONG_LEN_LEAST (-1) /* the shortest that is safe against chance for the size of the basis */

typedef struct rd_params {
    rd_weak weak;
    rd_strong strong;
    uint32_t block_len; /* 1 .. RD_BLOCK_LEN_MAX */
    int32_t strong_len; /* 1 .. the strong sum's length */
} rd_params;

/*
 * Replaces the AUTO, FULL and LEAST values of *params by those recommended for a basis of `basis_size` bytes (or
 * RD_UNKNOWN), by librsync's rules. RD_E_PARAMETER, with *params unchanged, if a value is out of range.
 */
RD_API rd_result rd_params_resolve(rd_params *params, uint64_t basis_size);

/* ---- Sources and sinks ------------------------------------------------------------------------------------------ */

/*
 * Reads up to `size` bytes at `offset` into `data`; *got is the number read, 0 only at the end. A source made with
 * `seekable` false is read strictly in order. Returns RD_OK, or a failure that ends the operation (errno is kept). The
 * basis of a patch stream may also answer RD_MORE: nothing now, ask again in the next step.
 */
typedef rd_result rd_read_fn(void *context, uint64_t offset, void *data, size_t size, size_t *got);

/* Takes all of the `size` bytes at `data`. Returns RD_OK, or a failure that ends the operation (errno is kept). */
typedef rd_result rd_write_fn(void *context, const void *data, size_t size);

/* Where an operation reads from: a value to be made by one of the functions below and not to be changed. */
typedef struct rd_source {
    rd_read_fn *read;
    void *context;
    const void *memory;
    int fd;
    uint64_t origin; /* of byte 0, in the file */
    uint64_t size;   /* or RD_UNKNOWN */
    bool seekable;
    int failure; /* errno: the file cannot be examined, and whoever reads from it fails */
} rd_source;

/*
 * The open file `fd` from its present position on. A file or a device that has positions is read by offset, and its
 * position stays; anything else (a pipe, a terminal, a socket) is read in order and cannot be the basis of a patch. If
 * it cannot be examined, whatever reads from it fails with RD_E_IO. The caller closes it.
 */
RD_API rd_source rd_source_fd(int fd);
/* Like rd_source_fd(), but from byte `origin` on, wherever its position is. What has no positions cannot be read so. */
RD_API rd_source rd_source_fd_at(int fd, uint64_t origin);
/* The `size` bytes at `data`, which must stay as they are while the source is in use. */
RD_API rd_source rd_source_memory(const void *data, uint64_t size);
/* Whatever `read` gives. `size` may be RD_UNKNOWN; it then never limits what is read. */
RD_API rd_source rd_source_callback(rd_read_fn *read, void *context, uint64_t size, bool seekable);

/* Where an operation writes to, in order. A value like rd_source. */
typedef struct rd_sink {
    rd_write_fn *write;
    void *context;
    int fd;
} rd_sink;

/* The open file `fd` at its present position. The caller closes it. */
RD_API rd_sink rd_sink_fd(int fd);
RD_API rd_sink rd_sink_callback(rd_write_fn *write, void *context);

/* Memory that grows. Start with {0}; the result is data[0 .. size); release it with rd_memory_free. */
typedef struct rd_memory {
    uint8_t *data;
    size_t size;
    size_t capacity;
} rd_memory;

/* Appends to *memory, which must outlive the sink. */
RD_API rd_sink rd_sink_memory(rd_memory *memory);
RD_API void rd_memory_free(rd_memory *memory);

/* Writes to any sink: what the caller puts there itself. *error may be NULL. */
RD_API rd_result rd_sink_write(const rd_sink *sink, const void *data, size_t size, rd_error *error);

/* ---- Whole operations ------------------------------------------------------------------------------------------- */

#define RD_DIGEST_LEN 32 /* of a whole file: the root of a tree of BLAKE2b sums */

/* What an operation did. Fields that do not apply to it are 0. */
typedef struct rd_stats {
    uint64_t in_bytes;         /* read from the basis, the signature, the new file or the delta */
    uint64_t out_bytes;        /* written */
    uint64_t blocks;           /* in the signature */
    uint64_t literal_commands; /* in the delta */
    uint64_t literal_bytes;
    uint64_t literal_command_bytes; /* of the commands themselves, in the delta */
    uint64_t copy_commands;
    uint64_t copy_bytes;
    uint64_t copy_command_bytes;
    uint64_t false_matches;        /* weak sum found, strong sum not: work for nothing. May differ with the threads */
    uint8_t digest[RD_DIGEST_LEN]; /* of the new file, as in the delta's trailer; of a patch: once it was verified */
    bool has_digest;
} rd_stats;

/*
 * Called now and then with the bytes done and their total (or RD_UNKNOWN): those read of what is gone through from
 * begin to end (to verify: of the delta and the file), those written of a patch. Return false to cancel: the operation
 * then ends with RD_E_CANCELLED. Like all functions of the caller's, it is called by the thread that called the
 * operation.
 */
typedef bool rd_progress_fn(void *context, uint64_t done, uint64_t total);

/*
 * Whether a delta carries a trailer, by which a patch can tell that its result is the new file, and whether that is
 * done. Readers of librsync's do not see it.
 */
typedef enum rd_verify {
    RD_VERIFY_DEFAULT = 0, /* a delta gets one; a patch is verified if its delta has one */
    RD_VERIFY_NEVER = 1,   /* as librsync: no trailer is written, and what follows a delta's END is not looked at */
    RD_VERIFY_ALWAYS = 2   /* and a delta without one is RD_E_UNVERIFIED */
} rd_verify;

/*
 * How much an operation may make or take, for files from strangers; 0: no limit. What would pass a limit fails with
 * RD_E_LIMIT instead: nothing beyond it is written, no memory beyond it is asked for.
 */
typedef struct rd_limits {
    /* Bytes written. A patch fails at the command of its delta that would pass it, before anything of that is made. */
    uint64_t output;
    /*
     * Memory that grows with what is read: strong length + 16 bytes for each block of a signature; for a delta, two
     * blocks (or twice the new file, if that is shorter) beside its signature. On top of that come buffers of a fixed
     * size, some MiB for each thread. Apart from that, the window of a compressed file may take as much.
     */
    uint64_t memory;
    uint64_t blocks; /* of a signature that is loaded */
} rd_limits;

/*
 * A signature or a delta may be compressed: as a whole one or more frames of zstd (RFC 8878), from which `zstd -d`
 * makes librsync's form. Whatever reads one recognises that and decompresses it, in order, with at most 128 MiB for a
 * window of zstd's. Frames that are broken are RD_E_TRUNCATED or RD_E_CORRUPT with the offset in the compressed file;
 * other errors have the offset in what comes out of it. Against files that become huge, see rd_limits.
 *
 * The compressed bytes depend on the level and the plain bytes alone, but they are those of the libzstd at hand. To
 * make them takes some memory for each thread: at level 3 some 25 MiB, at 19 some 250 MiB.
 */
#define RD_COMPRESSION_DEFAULT 3  /* a level that costs little time */
#define RD_COMPRESSION_NEVER (-1) /* as librsync: also what is read is taken as it is */

/* The highest level, the lowest being 1. 0: the library was built without zstd, and no level can be had. */
RD_API int rd_compression_max(void);

/* Set `size` to sizeof(rd_options) and the rest to 0 for the defaults. */
typedef struct rd_options {
    size_t size;
    rd_params params; /* of the signature to make; AUTO, FULL and LEAST may be used. Other operations ignore it */
    rd_progress_fn *progress;
    void *progress_context;
    rd_stats *stats;  /* if not NULL: filled, also on failure */
    rd_error *error;  /* if not NULL: filled on failure */
    unsigned threads; /* at most so many work at once; 0: one for each processor that the process may use */
    rd_verify verify;
    rd_limits limits;
    int compression; /* the level of the signature or delta to make; 0: it is not compressed */
} rd_options;

typedef struct rd_signature rd_signature;

/* Writes the signature of `basis` to `out`. Memory: constant for a number of threads. */
RD_API rd_result rd_signature_make(const rd_source *basis, const rd_sink *out, const rd_options *options);

/*
 * Reads a signature and indexes it; *signature is for rd_signature_free. On failure *signature is NULL. Memory: strong
 * length + 16 bytes a block.
 */
RD_API rd_result rd_signature_load(rd_signature **signature, const rd_source *in, const rd_options *options);

/*
 * Writes to `out` the delta that makes `new_file` from the basis of `signature`. A NULL signature is that of an empty
 * basis: the delta is one of literals. Memory: constant for a number of threads, beside the signature.
 */
RD_API rd_result rd_delta_make(const rd_signature *signature, const rd_source *new_file, const rd_sink *out,
                               const rd_options *options);

/* Writes to `out` the new file that `delta` makes of `basis`, which must be seekable. Memory: constant. */
RD_API rd_result rd_patch_apply(const rd_source *basis, const rd_source *delta, const rd_sink *out,
                                const rd_options *options);

/*
 * Is `file` what `delta` makes? Its trailer tells, without a basis. RD_E_MISMATCH: it is not. RD_E_UNVERIFIED: the
 * delta has no trailer. Memory: constant for a number of threads.
 */
RD_API rd_result rd_delta_verify(const rd_source *delta, const rd_source *file, const rd_options *options);

/* ---- Destinations: files that are replaced as a whole or not at all ---------------------------------------------- */

/*
 * A file being written that does not have its name yet. The name's old file, if there is one, stays as it is until
 * rd_destination_commit, and for good if the commit fails or never comes, even if the process is killed. What a killed
 * process leaves in the directory (nothing, or on some file systems a file `.redelta-...`) is removed by the next
 * rd_destination_open of the same name, if files can be locked there. Other hard links to the old file keep it.
 */
typedef struct rd_destination rd_destination;

/* What to do if the name exists. */
typedef enum rd_replace {
    RD_REPLACE_NEVER = 0,  /* RD_E_EXISTS */
    RD_REPLACE_SAFELY = 1, /* replace it, once the new bytes are on the disk: not even a power cut loses both */
    RD_REPLACE_FAST = 2    /* replace it: for what can be made again */
} rd_replace;

/*
 * Opens `path` for writing. A symbolic link to a file, or to nothing, is replaced itself, never followed. A pipe or a
 * character device keeps nothing that could be lost, and is written to directly, whatever `replace` says; a block
 * device, unless it is RD_REPLACE_NEVER. *error may be NULL.
 */
RD_API rd_result rd_destination_open(rd_destination **destination, const char *path, rd_replace replace,
                                     rd_error *error);
/* Where to write; valid until commit or discard. */
RD_API rd_sink rd_destination_sink(rd_destination *destination);
/*
 * Gives what was written its name, and the mode of the file that it replaces. Frees the destination, whatever the
 * result; after a failure nothing is left of it.
 */
RD_API rd_result rd_destination_commit(rd_destination *destination, rd_error *error);
/* Frees the destination and leaves the name as it was. NULL is allowed. */
RD_API void rd_destination_discard(rd_destination *destination);

/* ---- Streams: any amount in, any amount out --------------------------------------------------------------------- */

typedef struct rd_in {
    const void *data;
    size_t size;
    size_t pos; /* moved past what was taken */
} rd_in;

typedef struct rd_out {
    void *data;
    size_t size;
    size_t pos; /* moved past what was written */
} rd_out;

typedef struct rd_stream rd_stream;

/*
 * A stream takes the bytes of one file in pieces of any size and gives those of another: the same bytes as the whole
 * operation, whatever the pieces. Each _new gives RD_OK and a stream for rd_stream_free, or RD_E_MEMORY or
 * RD_E_PARAMETER and NULL. Of the options, streams use `params`, `verify`, `limits` and `compression`.
 *
 * A signature stream takes the basis. It does not know how long that is: AUTO and LEAST mean what they do for
 * RD_UNKNOWN.
 */
RD_API rd_result rd_signature_stream_new(rd_stream **stream, const rd_options *options);
/* Takes a signature and gives no bytes, but rd_stream_take_signature. */
RD_API rd_result rd_loadsig_stream_new(rd_stream **stream, const rd_options *options);
/* Takes the new file and gives the delta. The signature may be NULL as above, and must outlive the last step. */
RD_API rd_result rd_delta_stream_new(rd_stream **stream, const rd_signature *signature, const rd_options *options);
/* Takes the delta and gives the new file. The source is copied; what it refers to must outlive the last step. */
RD_API rd_result rd_patch_stream_new(rd_stream **stream, const rd_source *basis, const rd_options *options);

/*
 * Takes what it can from `in` and writes what it can to `out`. `end` says that nothing follows what is in `in`; once
 * true it must stay so. RD_OK: the work is done (a patch at the end of the delta's trailer, or, with
 * RD_VERIFY_NEVER, at its END; it leaves what follows in `in`. A compressed delta must be all there is, and is done
 * when `end` is told, or, with RD_VERIFY_NEVER, somewhere behind what makes its END).
 * RD_MORE: call again, with more input if `in` was used up, with more room if `out` is full (if neither, the basis of a
 * patch had nothing to give yet). Anything else is a failure; what was written to `out` before it is good. After that,
 * and after RD_OK, only rd_stream_free, _stats, _error and _take_signature may be called.
 */
RD_API rd_result rd_stream_step(rd_stream *stream, rd_in *in, rd_out *out, bool end);
/* Gives the loaded signature to the caller, once. RD_E_STATE before the stream is done, and for other streams. */
RD_API rd_result rd_stream_take_signature(rd_stream *stream, rd_signature **signature);
/* What the stream did so far, and why it failed. Valid until it is freed. */
RD_API const rd_stats *rd_stream_stats(const rd_stream *stream);
RD_API const rd_error *rd_stream_error(const rd_stream *stream);
/* Frees the stream. NULL is allowed. */
RD_API void rd_stream_free(rd_stream *stream);

/* ---- Inspection ------------------------------------------------------------------------------------------------- */

typedef enum rd_kind { RD_KIND_OTHER, RD_KIND_SIGNATURE, RD_KIND_DELTA, RD_KIND_COMPRESSED } rd_kind;

/*
 * What a file that begins with these bytes is; four are enough. RD_KIND_COMPRESSED: what is in the frames is not looked
 * at, but by rd_source_identify.
 */
RD_API rd_kind rd_identify(const void *data, size_t size);

/*
 * What `source` is, by its first bytes; if they are compressed, by those that come out, and *compressed (may be NULL)
 * becomes true. A source that is not seekable has then been read in part. Errors: those of reading and decompressing.
 */
RD_API rd_result rd_source_identify(const rd_source *source, rd_kind *kind, bool *compressed,
                                    const rd_options *options);

RD_API void rd_signature_params(const rd_signature *signature, rd_params *params);
RD_API uint64_t rd_signature_count(const rd_signature *signature);
/* How many of its blocks have sums that no block before them has. */
RD_API uint64_t rd_signature_distinct(const rd_signature *signature);
/* The sums of block `block`, which must be less than the count. strong: strong_len bytes, valid with the signature. */
RD_API uint32_t rd_signature_weak(const rd_signature *signature, uint64_t block);
RD_API const uint8_t *rd_signature_strong(const rd_signature *signature, uint64_t block);
/* Frees the signature. NULL is allowed. */
RD_API void rd_signature_free(rd_signature *signature);

typedef enum rd_op_kind { RD_LITERAL, RD_COPY } rd_op_kind;

/* One command of a delta: so many bytes of the new file, either new (literal) or from the basis (copy). */
typedef struct rd_op {
    rd_op_kind kind;
    uint64_t target_offset;
    uint64_t length;       /* at least 1 */
    uint64_t basis_offset; /* 0 for a literal */
} rd_op;

/* Called with each op of a delta in order. Return false to cancel. */
typedef bool rd_op_fn(void *context, const rd_op *op);

/*
 * Calls `each` for every op of `delta`, and checks the delta on the way: RD_E_MISMATCH if its trailer is about a file
 * of another length. The statistics get the trailer's digest, unless RD_VERIFY_NEVER.
 */
RD_API rd_result rd_delta_each_op(const rd_source *delta, rd_op_fn *each, void *context, const rd_options *options);

#ifdef __cplusplus
}
#endif

#endif

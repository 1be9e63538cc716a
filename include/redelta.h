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

/* The sums' names: "rabinkarp" and "rollsum", "blake2" and "md4". Static strings; "?" for a value not in the enum. */
RD_API const char *rd_weak_name(rd_weak weak);
RD_API const char *rd_strong_name(rd_strong strong);

/* ---- The formats in numbers (docs/formats.md) ------------------------------------------------------------------- */

#define RD_SIGNATURE_HEADER_LEN 12
#define RD_WEAK_LEN 4 /* of a weak sum, before the strong sum of its block */
#define RD_DELTA_MAGIC_LEN 4
#define RD_DELTA_END_LEN 1
#define RD_TRAILER_LEN 56 /* that this version writes */
#define RD_DIGEST_LEN 32  /* of a whole file: the root of a tree of BLAKE2b sums */

/* How many blocks a basis of `basis_size` bytes has. The block length of *params must be set: at least 1. */
RD_API uint64_t rd_block_count(const rd_params *params, uint64_t basis_size);
/* The bytes of a signature of `blocks` blocks, uncompressed. The strong sum length of *params must be set. */
RD_API uint64_t rd_signature_size(const rd_params *params, uint64_t blocks);

/* ---- Sources and sinks ------------------------------------------------------------------------------------------ */

/*
 * Reads up to `size` bytes at `offset` into `data`; *got is the number read, 0 only at the end. A source made with
 * `seekable` false is read strictly in order. Returns RD_OK, or a failure that ends the operation (errno is kept). The
 * basis of a patch stream may also answer RD_MORE: nothing now, ask again in the next step.
 */
typedef rd_result rd_read_fn(void *context, uint64_t offset, void *data, size_t size, size_t *got);

/* Takes all of the `size` bytes at `data`. Returns RD_OK, or a failure that ends the operation (errno is kept). */
typedef rd_result rd_write_fn(void *context, const void *data, size_t size);

/* Like rd_write_fn, but puts the bytes at `offset` of the output. */
typedef rd_result rd_write_at_fn(void *context, uint64_t offset, const void *data, size_t size);

/*
 * Where an operation reads from: a value to be made by one of the functions below and not to be changed. It may be
 * copied. Its layout is fixed for good.
 */
typedef struct rd_source {
    rd_read_fn *read;
    void *context;
    const void *memory;
    int fd;
    int failure;     /* errno: the file cannot be examined, and whatever reads from it fails */
    uint64_t origin; /* of byte 0, in the file */
    uint64_t end;    /* of a range, in the file; 0: there is none */
    uint64_t size;   /* or RD_UNKNOWN */
    bool seekable;   /* it can be read in any order */
    bool concurrent; /* and by several threads at once */
    void *reserved[2];
} rd_source;

/* What a read function of the caller's can do; flags of rd_source_callback. */
enum {
    RD_SEEKABLE = 1,  /* read at any offset, in any order */
    RD_CONCURRENT = 2 /* and be called by several threads at once, which are not the caller's */
};

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
/*
 * What `read` gives. `size` may be RD_UNKNOWN; it then never limits what is read. `flags`: RD_SEEKABLE, or that and
 * RD_CONCURRENT, or 0. Without RD_CONCURRENT the function is called only by the thread that calls the library.
 */
RD_API rd_source rd_source_callback(rd_read_fn *read, void *context, uint64_t size, unsigned flags);
/* The `length` bytes of a seekable source from `offset` on, or as many as there are; RD_UNKNOWN: up to its end. */
RD_API rd_source rd_source_range(const rd_source *source, uint64_t offset, uint64_t length);
/*
 * Reads from any source at `offset` until `size` bytes are there or the source ends; *got is their number. One that is
 * not seekable must be read in order. *error may be NULL. Errors: RD_E_IO, and those of the caller's function.
 */
RD_API rd_result rd_source_read(const rd_source *source, uint64_t offset, void *data, size_t size, size_t *got,
                                rd_error *error);

/* Where an operation writes to. A value like rd_source, fixed for good. */
typedef struct rd_sink {
    rd_write_fn *write;
    rd_write_at_fn *write_at; /* or NULL */
    void *context;
    int fd;
    void *reserved[2];
} rd_sink;

/* The open file `fd` at its present position. The caller closes it. */
RD_API rd_sink rd_sink_fd(int fd);
/* What the caller's functions take: in order, and for the second form also at any offset. */
RD_API rd_sink rd_sink_callback(rd_write_fn *write, void *context);
RD_API rd_sink rd_sink_callback_at(rd_write_fn *write, rd_write_at_fn *write_at, void *context);

/* Memory that grows. Start with {0}; the result is data[0 .. size); release it with rd_memory_free. */
typedef struct rd_memory {
    uint8_t *data;
    size_t size;
    size_t capacity;
} rd_memory;

/* Appends to *memory, which must outlive the sink. */
RD_API rd_sink rd_sink_memory(rd_memory *memory);
RD_API void rd_memory_free(rd_memory *memory);

/*
 * Writes to any sink: in order, or at `offset` of the file, the memory or whatever the caller's function writes to,
 * without moving the place where the next bytes in order go. *error may be NULL. Errors: RD_E_IO, RD_E_MEMORY, those of
 * the caller's function; RD_E_STATE: the sink can only be written in order.
 */
RD_API rd_result rd_sink_write(const rd_sink *sink, const void *data, size_t size, rd_error *error);
RD_API rd_result rd_sink_write_at(const rd_sink *sink, uint64_t offset, const void *data, size_t size, rd_error *error);

/* ---- Context ---------------------------------------------------------------------------------------------------- */

/*
 * What operations keep for the next one: threads, buffers, states of zstd. Without a context every operation makes its
 * own and frees it, which for small files takes longer than the work. One thread at a time may use a context, for one
 * operation after the other or for streams; results do not depend on it. It takes some MiB for each thread.
 */
typedef struct rd_context rd_context;

/* Errors: RD_E_MEMORY, with *context NULL. */
RD_API rd_result rd_context_new(rd_context **context);
/* Ends its threads and frees all it kept. All streams and objects that use it must be freed before. NULL is allowed. */
RD_API void rd_context_free(rd_context *context);

/* ---- Whole operations ------------------------------------------------------------------------------------------- */

/*
 * What an operation did. Set `size` to sizeof(rd_stats) before a pointer to it is given to the library, which fills as
 * many bytes; less than this version's size is RD_E_PARAMETER. Fields that do not apply to the operation are 0, and so
 * are those that the running library does not know.
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
    uint64_t false_matches;        /* weak sum found, strong sum not: work for nothing. May differ with the threads */
    uint8_t digest[RD_DIGEST_LEN]; /* of the new file, as in the delta's trailer; of a patch: once it was verified */
    bool has_digest;
    bool identical; /* the delta, made or applied, is one copy of the whole basis: the new file is the basis */
} rd_stats;

/* The bytes of the delta that these statistics are about, uncompressed. */
RD_API uint64_t rd_stats_delta_size(const rd_stats *stats);

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
    int compression;     /* the level of the signature or delta to make; 0: it is not compressed */
    rd_context *context; /* or NULL */
} rd_options;

typedef struct rd_signature rd_signature;

/* Writes the signature of `basis` to `out`. Memory: constant for a number of threads. */
RD_API rd_result rd_signature_make(const rd_source *basis, const rd_sink *out, const rd_options *options);

/*
 * Reads a signature and indexes it; *signature is for rd_signature_free. On failure *signature is NULL. Memory: strong
 * length + 16 bytes a block.
 */
RD_API rd_result rd_signature_load(rd_signature **signature, const rd_source *in, const rd_options *options);

/* Writes a signature in memory to `out`, with the bytes that rd_signature_make gives. Errors: those of writing. */
RD_API rd_result rd_signature_write(const rd_signature *signature, const rd_sink *out, const rd_options *options);

/*
 * Makes a signature of `basis` in memory, as rd_signature_make and rd_signature_load do, but without the bytes between.
 * On failure *signature is NULL. Errors: those of reading, RD_E_PARAMETER, RD_E_LIMIT, RD_E_MEMORY. Memory: strong
 * length + 16 bytes a block, and a constant for a number of threads.
 */
RD_API rd_result rd_signature_build(rd_signature **signature, const rd_source *basis, const rd_options *options);

/*
 * The same in parts, which threads or machines may make apart: of the `length` bytes of `basis` from `offset` on. Both
 * must be whole blocks, but for the last part, which reaches to the end of the basis (RD_UNKNOWN: all the rest). The
 * parameters that are not set are those for the whole basis. A part knows where its first block lies; it can be
 * written, loaded again (rd_signature_load_part, at the same offset) and joined, but no delta can be made with it.
 * Errors: as above; RD_E_PARAMETER: it does not consist of whole blocks.
 */
RD_API rd_result rd_signature_build_part(rd_signature **part, const rd_source *basis, uint64_t offset, uint64_t length,
                                         const rd_options *options);
RD_API rd_result rd_signature_load_part(rd_signature **part, const rd_source *in, uint64_t offset,
                                        const rd_options *options);
/*
 * Joins `count` parts, at least 1, in the order of their offsets and without gaps, to a signature like any other; the
 * parts stay as they are. Copies of a delta against it are of the basis that the parts are of, also if the first part
 * does not start at 0. Errors: RD_E_PARAMETER: the parts do not fit each other; RD_E_LIMIT, RD_E_MEMORY.
 */
RD_API rd_result rd_signature_join(rd_signature **signature, const rd_signature *const *parts, size_t count,
                                   const rd_options *options);

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

/*
 * The digest of all of `source`, as in the trailer of a delta that makes it. Errors: those of reading. Memory: constant
 * for a number of threads.
 */
RD_API rd_result rd_digest(const rd_source *source, uint8_t digest[RD_DIGEST_LEN], const rd_options *options);

/* ---- Destinations: files that are replaced as a whole or not at all ---------------------------------------------- */

/*
 * A file that is being written and does not have its name yet. The old file of that name, if there is one, stays as it
 * is until the commit, and for good if the commit fails or never comes, even if the process is killed. What a killed
 * process leaves in the directory (nothing, or on some file systems files `.redelta-...`) is removed by the next
 * rd_destination_open of the same name and by the next rd_directory_open, if files can be locked there. Other hard
 * links to the old file keep it.
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
 * character device has nothing that could be lost, and is written to directly, whatever `replace` says; a block
 * device, unless it is RD_REPLACE_NEVER. *error may be NULL. On failure *destination is NULL.
 *
 * Errors: RD_E_EXISTS; RD_E_IO if the directory or the file cannot be opened, or `path` is a directory; RD_E_PARAMETER
 * if `replace` is none of the above; RD_E_MEMORY.
 */
RD_API rd_result rd_destination_open(rd_destination **destination, const char *path, rd_replace replace,
                                     rd_error *error);
/* Where to write; valid until commit or discard. */
RD_API rd_sink rd_destination_sink(rd_destination *destination);
/*
 * Gives what was written its name, and the mode of the file that it replaces. Frees the destination, whatever the
 * result; after a failure nothing is left of it. Errors: RD_E_EXISTS, RD_E_IO.
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
 * committed or discarded.
 */
RD_API rd_result rd_directory_close(rd_directory *directory, rd_error *error);
/* Frees the directory like rd_directory_close(), but queued files are discarded. NULL is allowed. */
RD_API void rd_directory_discard(rd_directory *directory);

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
/* Fills *stats, whose `size` is set, with what the stream did so far. Errors: RD_E_PARAMETER, if that is too small. */
RD_API rd_result rd_stream_stats(const rd_stream *stream, rd_stats *stats);
/* Why the stream failed. Valid until it is freed. */
RD_API const rd_error *rd_stream_error(const rd_stream *stream);
/* Frees the stream. NULL is allowed. */
RD_API void rd_stream_free(rd_stream *stream);

/* ---- Filters: sources and sinks made of others ------------------------------------------------------------------- */

/*
 * A filter gives a source or a sink that reads from, or writes to, another one on the way. That and what it refers to
 * must stay as long as the filter; it is copied itself. Of the options, filters use `limits`, `compression`, `threads`
 * and `context`. An operation that fails beneath a filter reports the error as if there were none. One thread at a
 * time.
 *
 * Each _new gives RD_OK and a filter for rd_filter_free; or RD_E_MEMORY or RD_E_PARAMETER, and NULL.
 */
typedef struct rd_filter rd_filter;

/*
 * A source whose first `size` bytes may be read again, from its start: to look at a pipe (rd_source_identify, say)
 * before it is read. As many bytes are kept in memory. A seekable source is read as it is.
 */
RD_API rd_result rd_filter_peek_new(rd_filter **filter, const rd_source *source, size_t size,
                                    const rd_options *options);
/* A source of what comes out of the zstd frames in `source`, or of what is in it if there are none. */
RD_API rd_result rd_filter_decompress_new(rd_filter **filter, const rd_source *source, const rd_options *options);
/* A sink whose bytes go to `sink` as one frame of zstd, at the level of the options or RD_COMPRESSION_DEFAULT. */
RD_API rd_result rd_filter_compress_new(rd_filter **filter, const rd_sink *sink, const rd_options *options);
/*
 * A source of what `stream` makes of `source`. The stream must be new, and stay; its statistics are still to be had
 * from it.
 */
RD_API rd_result rd_filter_stream_new(rd_filter **filter, rd_stream *stream, const rd_source *source,
                                      const rd_options *options);

/*
 * The source or the sink of a filter, valid as long as it. A source is read in order, but for what is said above. What
 * a filter does not have fails with RD_E_IO when it is used.
 */
RD_API rd_source rd_filter_source(rd_filter *filter);
RD_API rd_sink rd_filter_sink(rd_filter *filter);
/* After the last write: completes what the filter writes. Errors: those of writing and compressing. */
RD_API rd_result rd_filter_finish(rd_filter *filter);
/* Why reading, writing or finishing failed. Valid as long as the filter. */
RD_API const rd_error *rd_filter_error(const rd_filter *filter);
/* NULL is allowed. */
RD_API void rd_filter_free(rd_filter *filter);

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
/* Where in the basis its first block lies: 0, unless it is that of a part. */
RD_API uint64_t rd_signature_origin(const rd_signature *signature);
/* How many of its blocks have sums that no block before them has. RD_UNKNOWN for a part that was not joined. */
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

/*
 * The same, but the caller asks for one op after the other, and may read the bytes of literals. What it does not read
 * of a literal is passed over, without being read where the source allows.
 */
typedef struct rd_ops rd_ops;

/* Opens a delta; the source is copied, what it refers to must stay. Errors: RD_E_MEMORY, RD_E_PARAMETER; *ops is NULL.
 */
RD_API rd_result rd_ops_open(rd_ops **ops, const rd_source *delta, const rd_options *options);
/*
 * RD_MORE: *op is the next op. RD_OK: there are no more, and the delta was checked to its end. Anything else is a
 * failure, as of rd_delta_each_op; after that and after RD_OK only rd_ops_stats, _error and _close may be called.
 */
RD_API rd_result rd_ops_next(rd_ops *ops, rd_op *op);
/*
 * Reads the next bytes of the literal that rd_ops_next gave, at most `size`; *got is 0 once there are no more. Errors:
 * those of reading; RD_E_TRUNCATED.
 */
RD_API rd_result rd_ops_read(rd_ops *ops, void *data, size_t size, size_t *got);
/* Where in the delta the next byte of the literal lies. RD_UNKNOWN: there is none, or the delta is compressed. */
RD_API uint64_t rd_ops_literal_offset(const rd_ops *ops);
/* As of a stream: what was read so far, with the trailer's digest at the end; and why it failed. */
RD_API rd_result rd_ops_stats(const rd_ops *ops, rd_stats *stats);
RD_API const rd_error *rd_ops_error(const rd_ops *ops);
/* NULL is allowed. */
RD_API void rd_ops_close(rd_ops *ops);

/* ---- Writing a delta -------------------------------------------------------------------------------------------- */

/*
 * Makes a delta of copies and literals that the caller gives, in the order of the new file. Copies that continue each
 * other become one, and literals are gathered and cut at 65,535 bytes, so the delta does not depend on the amounts in
 * which they are given.
 */
typedef struct rd_delta_writer rd_delta_writer;

/*
 * The delta goes to `out`. With a basis, which must be seekable, the writer makes the digest for the trailer itself,
 * for which it reads what is copied; with NULL the caller may give one. Of the options it uses `verify`, `compression`,
 * `limits.output`, `threads` and `context`. Source and sink are copied, what they refer to must stay. Errors:
 * RD_E_MEMORY, RD_E_PARAMETER, those of writing; *writer is NULL.
 */
RD_API rd_result rd_delta_writer_new(rd_delta_writer **writer, const rd_sink *out, const rd_source *basis,
                                     const rd_options *options);
/*
 * Adds a copy of `length` bytes of the basis from `offset` on, or `size` new bytes; 0 of either are none. Errors: those
 * of writing and of reading the basis; RD_E_TRUNCATED: the basis ends before; RD_E_PARAMETER: 2^63 bytes are passed.
 * After a failure only rd_delta_writer_stats, _error and _free may be called.
 */
RD_API rd_result rd_delta_writer_copy(rd_delta_writer *writer, uint64_t offset, uint64_t length);
RD_API rd_result rd_delta_writer_literal(rd_delta_writer *writer, const void *data, size_t size);
/*
 * Ends the delta. A trailer follows with `digest`, RD_DIGEST_LEN bytes as rd_digest makes of the new file, or with the
 * writer's own; without either, or with RD_VERIFY_NEVER, there is none. Errors: those of writing; RD_E_UNVERIFIED: with
 * RD_VERIFY_ALWAYS, there is no digest.
 */
RD_API rd_result rd_delta_writer_finish(rd_delta_writer *writer, const uint8_t *digest);
/* As of a stream: the ops so far; and why it failed. */
RD_API rd_result rd_delta_writer_stats(const rd_delta_writer *writer, rd_stats *stats);
RD_API const rd_error *rd_delta_writer_error(const rd_delta_writer *writer);
/* What was written to the sink stays. NULL is allowed. */
RD_API void rd_delta_writer_free(rd_delta_writer *writer);

#ifdef __cplusplus
}
#endif

#endif

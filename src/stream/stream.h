/*
 * What all streams share: an operation, a state, and the bytes that an engine has made and the caller has no room for
 * yet. Each kind of stream is one step function over an engine.
 */
#ifndef RD_STREAM_STREAM_H
#define RD_STREAM_STREAM_H

#include "base/operation.h"

enum { RD__PENDING_MAX = 112 };

/* One turn: takes from `in`, writes to `out` or rd__stream_pend. RD_OK: finished. RD_MORE: nothing more can be done. */
typedef rd_result rd__step_fn(rd_stream *stream, rd_in *in, rd_out *out, bool end);
/* Frees what the kind holds, without the stream itself. */
typedef void rd__close_fn(rd_stream *stream);

/* The head of every stream; the kinds put their own fields after it. */
struct rd_stream {
    rd__step_fn *step;
    rd__close_fn *close;
    rd__operation operation;
    rd_role takes;          /* the file that it takes */
    rd_result state;        /* RD_MORE while it runs, then how it ended */
    const uint8_t *pending; /* made and not given yet: in `small`, or the kind's own */
    size_t pending_size;
    uint64_t made;    /* bytes that were pending so far */
    rd_stream *inner; /* whose bytes this one compresses or decompresses, or NULL. The close function frees it */
    uint8_t small[RD__PENDING_MAX];
};

/* A zeroed stream of `size` bytes, its head set. Errors: RD_E_MEMORY, RD_E_PARAMETER, with *stream NULL. */
rd_result rd__stream_new(rd_stream **stream, size_t size, rd_role takes, const rd_options *options, rd__step_fn *step,
                         rd__close_fn *close);

/*
 * The end of every function that makes a stream: after a failure, gives the error of *stream to the caller, frees the
 * stream and sets *stream to NULL. Returns `result`.
 */
rd_result rd__stream_made(rd_stream **stream, rd_result result);

/*
 * Puts a stream around *stream that compresses what it gives, or one that decompresses what it takes, if the options
 * ask for that. Errors: RD_E_PARAMETER, RD_E_MEMORY, for rd__stream_made.
 */
rd_result rd__stream_compress(rd_stream **stream, const rd_options *options);
rd_result rd__stream_decompress(rd_stream **stream, const rd_options *options);

/*
 * Like rd_loadsig_stream_new, but a rest of the signature that is shorter than a weak sum is no error, as in librsync.
 * `expected` is the size of the whole signature, or RD_UNKNOWN; `threads`, at least 1, index it.
 */
rd_result rd__loadsig_stream_new_lenient(rd_stream **stream, uint64_t expected, unsigned threads);

/*
 * Like rd_signature_stream_new and rd_delta_stream_new, but prompt, as librsync's jobs are: a step gives all that the
 * whole blocks taken so far make, however few, instead of gathering blocks to fill the kernels' lanes. A literal is
 * given in commands of 32 KiB, and without a basis at every step. Blocks of a delta that continue a copy, by their weak
 * sums, are gathered, for they make no output until the copy ends. After the first MiB, a step of a signature stream
 * that completes blocks gives sums, but may leave those of up to 16 blocks for later. Without compression.
 */
rd_result rd__signature_stream_new_prompt(rd_stream **stream, const rd_options *options);
rd_result rd__delta_stream_new_prompt(rd_stream **stream, const rd_signature *signature, const rd_options *options);

/*
 * Makes bytes pending, before all that the caller gets next. They must stay until they are given, and those before them
 * must have been; stream->small is a place for a few.
 */
void rd__stream_pend(rd_stream *stream, const uint8_t *data, size_t size);

/* Gives pending bytes. False: some are left, for `out` is full, or the limit forbids: rd_stream_step reports it. */
bool rd__stream_flush(rd_stream *stream, rd_out *out);

#endif

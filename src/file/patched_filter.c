/*
 * The public form of patched_source.h: a filter whose source is the file that a delta makes of a basis, at any offset,
 * for any number of threads. It reads in the operation of whoever reads from it, not in the filter's own.
 */
#include "base/result.h"
#include "file/patched_source.h"
#include "io/filter.h"
#include "io/source.h"
#include "io/watch.h"

static const uint64_t memory_default = (uint64_t)1 << 30;

typedef struct patched_filter {
    rd_filter head;
    rd_source basis;
    rd_source delta;
    rd__watch basis_watch;
    rd__watch delta_watch;
    rd__patched patched;
} patched_filter;

static rd_source patched_filter_source(rd_filter *filter) {
    return rd__patched_source(&((patched_filter *)filter)->patched);
}

/* Did basis and delta stay as they were when the filter was made? */
static rd_result patched_filter_finish(rd_filter *filter) {
    patched_filter *const f = (patched_filter *)filter;
    const rd_result result = rd__watch_end(&f->basis_watch, &filter->operation, RD_OK);
    return rd__watch_end(&f->delta_watch, &filter->operation, result);
}

static void patched_filter_close(rd_filter *filter) {
    rd__patched_close(&((patched_filter *)filter)->patched);
}

static const rd__filter_kind patched_kind = {.size = sizeof(patched_filter),
                                             .source = patched_filter_source,
                                             .finish = patched_filter_finish,
                                             .close = patched_filter_close};

static rd_result patched_filter_open(patched_filter *f) {
    rd__operation *const operation = &f->head.operation;
    const rd_limits *const limits = &operation->options.limits;
    rd__basis_id id;
    rd_result result = rd__source_check_seekable(&f->basis, RD_ROLE_BASIS, RD_E_IO, &operation->error);
    if (result == RD_OK)
        result = rd__patched_open(&f->patched, &f->basis, &f->delta, operation,
                                  limits->memory > 0 ? limits->memory : memory_default);
    if (result == RD_OK && rd__op_reader_basis(&f->patched.reader, &id))
        result = rd__basis_check_size(&f->basis, operation, id.size);
    if (result != RD_OK)
        return result;
    if (limits->output > 0 && f->patched.reader.target > limits->output)
        return rd__fail(&operation->error, RD_E_LIMIT, RD_ROLE_DELTA, RD_UNKNOWN,
                        "the delta makes a larger file than is allowed");
    return RD_OK;
}

rd_result rd_filter_patched_new(rd_filter **filter, const rd_source *basis, const rd_source *delta,
                                const rd_options *options) {
    const rd_result made = rd__filter_new(filter, &patched_kind, options);
    if (made != RD_OK)
        return made;
    patched_filter *const f = (patched_filter *)*filter;
    rd__operation *const operation = &f->head.operation;
    f->basis = *basis;
    f->delta = *delta;
    f->basis_watch = rd__watch_begin(basis, RD_ROLE_BASIS);
    f->delta_watch = rd__watch_begin(delta, RD_ROLE_DELTA);
    rd_result result = patched_filter_open(f);
    result = rd__watch_end(&f->basis_watch, operation, result);
    result = rd__watch_end(&f->delta_watch, operation, result);
    return rd__filter_made(filter, result);
}

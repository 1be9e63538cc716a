/*
 * The whole operations over memory, in one call each, and the files and parameters shared by the targets that start
 * from two files.
 */
#ifndef RD_FUZZ_OPERATIONS_H
#define RD_FUZZ_OPERATIONS_H

#include "fuzz.h"

typedef struct fuzz_files {
    rd_params params; /* resolved for the old file */
    rd_memory old_file;
    rd_memory new_file;
} fuzz_files;

/* False: the parameters are out of range, and a signature refuses them, too. There is nothing to be freed. */
static inline bool fuzz_files_from(fuzz_files *f, fuzz_input *in) {
    rd_memory made = {0};
    f->params = fuzz_params(in);
    const rd_source nothing = fuzz_source(&made);
    const rd_sink sink = rd_sink_memory(&made);
    const rd_params asked = f->params;
    f->old_file = fuzz_old_file(in);
    if (rd_params_resolve(&f->params, f->old_file.size) == RD_OK) {
        f->new_file = fuzz_new_file(in, &f->old_file);
        return true;
    }
    fuzz_require(rd_signature_make(&nothing, &sink, &(rd_options){FUZZ_OPTIONS(NULL), .params = asked}) ==
                 RD_E_PARAMETER);
    fuzz_require(made.size == 0);
    rd_memory_free(&f->old_file);
    return false;
}

static inline void fuzz_files_free(fuzz_files *f) {
    rd_memory_free(&f->old_file);
    rd_memory_free(&f->new_file);
}

/* Are the strong sums so short that a wrong block may pass for the right one by chance? */
static inline bool fuzz_may_collide(const fuzz_files *f) {
    return f->params.strong_len < 8;
}

static inline rd_memory fuzz_signature_of(const fuzz_files *f, unsigned threads) {
    rd_memory made = {0};
    const rd_source source = fuzz_source(&f->old_file);
    const rd_sink sink = rd_sink_memory(&made);
    fuzz_require(
        rd_signature_make(&source, &sink, &(rd_options){FUZZ_OPTIONS(NULL), .params = f->params, .threads = threads}) ==
        RD_OK);
    return made;
}

static inline rd_signature *fuzz_loaded(const rd_memory *bytes, unsigned threads) {
    rd_signature *signature = NULL;
    const rd_source source = fuzz_source(bytes);
    fuzz_require(rd_signature_load(&signature, &source, &(rd_options){FUZZ_OPTIONS(NULL), .threads = threads}) ==
                 RD_OK);
    return signature;
}

static inline rd_memory fuzz_delta_of(const rd_signature *signature, const rd_memory *new_file, rd_verify verify,
                                      unsigned threads) {
    rd_memory made = {0};
    const rd_source source = fuzz_source(new_file);
    const rd_sink sink = rd_sink_memory(&made);
    fuzz_require(rd_delta_make(signature, &source, &sink,
                               &(rd_options){FUZZ_OPTIONS(NULL), .verify = verify, .threads = threads}) == RD_OK);
    return made;
}

static inline rd_result fuzz_patch(const rd_memory *basis, const rd_memory *delta, rd_memory *made, rd_verify verify,
                                   unsigned threads) {
    const rd_source source = fuzz_source(basis);
    const rd_source commands = fuzz_source(delta);
    const rd_sink sink = rd_sink_memory(made);
    return rd_patch_apply(&source, &commands, &sink,
                          &(rd_options){FUZZ_OPTIONS(NULL), .verify = verify, .threads = threads});
}

#endif

/* Is a file what a delta makes? The trailer of the delta answers that without a basis. */
#include "base/result.h"
#include "engine/verifier.h"
#include "file/operation.h"
#include "file/pieces.h"
#include "file/walk_delta.h"
#include "hash/digest.h"

#include <string.h>

/* A piece comes with a byte of the next one, to tell that there is one: the last leaf of a file is hashed as such. */
enum { PIECE_LEAVES = 16, PIECE_SIZE = PIECE_LEAVES * RD__LEAF_LEN, OVERLAP = 1 };

typedef struct slot {
    rd__piece piece;
    uint8_t leaves[(PIECE_LEAVES + 1) * RD__BLAKE2B_LEN];
    size_t leaf_count;
} slot;

typedef struct checker {
    const rd__kernels *kernels;
    rd__digest digest;
    uint64_t size; /* of the file */
} checker;

static void work(const void *context, void *s) {
    const checker *const c = context;
    slot *const it = s;
    const rd__piece *const p = &it->piece;
    it->leaf_count = rd__digest_leaves(c->kernels, p->data, p->last ? p->got : (size_t)PIECE_SIZE,
                                       p->offset / RD__LEAF_LEN, p->last, it->leaves);
}

static rd_result finish(void *context, void *s) {
    checker *const c = context;
    const slot *const it = s;
    rd__digest_add(&c->digest, it->leaves, it->leaf_count);
    if (it->piece.last)
        c->size = it->piece.offset + it->piece.got;
    return RD_OK;
}

static void release(void *s) {
    (void)s;
}

static rd_result compare(const rd__trailer *trailer, const rd_source *file, rd__operation *operation) {
    static const rd__piece_work piece_work = {
        .slot_size = sizeof(slot), .work = work, .finish = finish, .release = release};
    rd__job *const job = &operation->job;
    rd__pieces pieces = {.source = file, .job = job, .role = RD_ROLE_NEW, .size = PIECE_SIZE, .overlap = OVERLAP};
    checker c = {.kernels = rd__kernels_best()};
    uint8_t digest[RD__BLAKE2B_LEN];
    rd__digest_init(&c.digest);
    const rd_result result = rd__pieces_run(&pieces, &piece_work, &c, rd__operation_threads(operation));
    if (result != RD_OK)
        return result;
    rd__digest_final(&c.digest, digest);
    if (c.size != trailer->new_size)
        return rd__fail(&job->error, RD_E_MISMATCH, RD_ROLE_NEW, RD_UNKNOWN,
                        "this is not the file that the delta makes: its length is another");
    if (memcmp(digest, trailer->digest, sizeof digest) != 0)
        return rd__fail(&job->error, RD_E_MISMATCH, RD_ROLE_NEW, RD_UNKNOWN,
                        "this is not the file that the delta makes: its contents are others");
    rd__job_set_digest(job, digest);
    return RD_OK;
}

static bool go_on(void *context, const rd_op *op) {
    (void)context, (void)op;
    return true;
}

static rd_result verify(rd__operation *operation, const rd_source *delta, const rd_source *file) {
    rd__job *const job = &operation->job;
    rd__job walked = *job;
    rd__trailer_reader reader = {0};
    rd_result result = rd__walk_delta(delta, go_on, NULL, &walked, &reader);
    if (result != RD_OK) {
        job->error = walked.error;
        return result;
    }
    if (reader.taken == 0)
        return rd__fail(&job->error, RD_E_UNVERIFIED, RD_ROLE_DELTA, reader.origin,
                        "the delta has no trailer to verify a file by");
    job->before = walked.done;
    const rd__trailer trailer = rd__trailer_get(&reader);
    result = rd__judge_size(&trailer, walked.stats.literal_bytes + walked.stats.copy_bytes, &job->error);
    return result == RD_OK ? compare(&trailer, file, operation) : result;
}

rd_result rd_delta_verify(const rd_source *delta, const rd_source *file, const rd_options *options) {
    rd__operation operation;
    const bool known = delta->size != RD_UNKNOWN && file->size != RD_UNKNOWN;
    rd__operation_begin(&operation, options, known ? delta->size + file->size : RD_UNKNOWN);
    return rd__operation_end(&operation, verify(&operation, delta, file));
}

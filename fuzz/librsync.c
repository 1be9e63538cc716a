/*
 * The replacement for librsync, as used by programs that pass it untrusted data: the jobs that load a signature and
 * apply a delta, on any bytes, in chunks that the fuzzer chooses, with a copy callback that gives less than it was
 * asked for, its own memory, nothing yet, or a failure. Signature and delta jobs follow for what could be loaded.
 *
 * Input: the basis or the new file, the delta or the signature.
 */
#include "reference.h"

#include "librsync.h"

/* Chunks in, chunks out, in buffers of their own. */
typedef struct driver {
    fuzz_pace *pace;
    const bool *blocked; /* the copy callback had nothing to give; or NULL */
    size_t used;
    bool idle;
    bool end;
} driver;

static size_t next_size(driver *d, size_t limit) {
    const size_t size = fuzz_portion(d->pace);
    return fuzz_least(size == 0 && d->idle ? 1 : size, limit);
}

static rs_result iterate(driver *d, rs_job_t *job, const rd_memory *input, rd_memory *made) {
    const size_t left = input->size - d->used;
    const size_t in_size = d->end ? left : next_size(d, left);
    const size_t out_size = next_size(d, FUZZ_PORTION_MAX);
    rd_memory in = fuzz_copy(in_size > 0 ? input->data + d->used : NULL, in_size);
    char *const out = fuzz_alloc(out_size);
    d->end = in_size == left;
    rs_buffers_t buffers = {.next_in = (char *)in.data, .avail_in = in_size, .eof_in = d->end};
    buffers.next_out = out;
    buffers.avail_out = out_size;
    const rs_result result = rs_job_iter(job, &buffers);
    fuzz_require(buffers.avail_in <= in_size && buffers.avail_out <= out_size);
    fuzz_require(in_size == 0 || buffers.next_in == (char *)in.data + (in_size - buffers.avail_in));
    fuzz_require(buffers.next_out == out + (out_size - buffers.avail_out));
    fuzz_append(made, out, out_size - buffers.avail_out);
    d->idle = buffers.avail_in == in_size && buffers.avail_out == out_size;
    d->used += in_size - buffers.avail_in;
    free(out);
    rd_memory_free(&in);
    /* The job has input and room, and uses neither: like librsync, it reports that, and can continue. */
    const bool waits = d->blocked && *d->blocked && d->idle && result == RS_INTERNAL_ERROR;
    return waits ? RS_BLOCKED : result;
}

/* The job's last result. Frees the job. */
static rs_result drive(rs_job_t *job, const rd_memory *input, driver d, rd_memory *made) {
    rs_result result = RS_BLOCKED;
    fuzz_require(job != NULL);
    while (result == RS_BLOCKED)
        result = iterate(&d, job, input, made);
    fuzz_require(result != RS_MEM_ERROR && result != RS_RUNNING && rs_strerror(result) != NULL);
    char line[500];
    (void)rs_format_stats(rs_job_statistics(job), line, sizeof line);
    fuzz_require(rs_job_free(job) == RS_DONE);
    return result;
}

/* ---- Patches ----------------------------------------------------------------------------------------------------- */

typedef struct basis {
    rd_memory bytes;
    fuzz_pace pace;
    uint8_t *own; /* the bytes given last, unless they were put into the library's memory */
    uint8_t mood; /* bits: give memory of its own; lie once about the length; fail */
    bool blocked;
    bool lied;
} basis;

enum { OWN = 1, LIE = 2, FAIL = 4 };

/* Not RS_BLOCKED, which has its own meaning. */
static const rs_result failures[] = {RS_IO_ERROR, RS_INPUT_ENDED, RS_CORRUPT, RS_RUNNING};

static rs_result copy(void *context, rs_long_t at, size_t *length, void **to) {
    basis *const b = context;
    const size_t portion = fuzz_portion(&b->pace);
    fuzz_require(at >= 0 && *length > 0);
    if (portion == 0 && !b->blocked) {
        b->blocked = true;
        return RS_BLOCKED;
    }
    b->blocked = false;
    if (portion == 1 && b->mood & FAIL)
        return failures[b->mood >> 4 & 3];
    const size_t left = (uint64_t)at < b->bytes.size ? b->bytes.size - (size_t)at : 0;
    const size_t given = fuzz_least(fuzz_least(portion > 0 ? portion : 1, *length), left);
    if (portion == 2 && b->mood & LIE) {
        b->lied = true;
        ++*length;
        return RS_DONE;
    }
    free(b->own);
    b->own = NULL;
    if (b->mood & OWN)
        *to = b->own = fuzz_alloc(given);
    if (given > 0)
        memcpy(*to, b->bytes.data + at, given);
    *length = given;
    return RS_DONE;
}

static void patch(basis *b, const rd_memory *delta, driver d) {
    rd_memory made = {0};
    d.blocked = &b->blocked;
    fuzz_reference expected = fuzz_reference_patch(&b->bytes, delta);
    if (expected.verdict != FUZZ_TOO_LARGE) {
        const rs_result result = drive(rs_patch_begin(copy, b), delta, d, &made);
        fuzz_require(result != RS_DONE || (expected.verdict == FUZZ_DONE && fuzz_same(&made, &expected.made)));
        fuzz_require(!b->lied || result == RS_PARAM_ERROR);
        if (!(b->mood & (LIE | FAIL)) && expected.verdict == FUZZ_DONE)
            fuzz_require(result == RS_DONE);
        if (!(b->mood & (LIE | FAIL)) && expected.verdict == FUZZ_BASIS_ENDED)
            fuzz_require(result == RS_INPUT_ENDED);
    }
    rd_memory_free(&expected.made);
    rd_memory_free(&made);
    free(b->own);
    b->own = NULL;
}

/* ---- Signatures and deltas --------------------------------------------------------------------------------------- */

static rs_result load_and_diff(const rd_memory *bytes, const rd_memory *new_file, driver d) {
    rd_memory made = {0};
    rs_signature_t *signature = NULL;
    const rs_result result = drive(rs_loadsig_begin(&signature), bytes, d, &made);
    fuzz_require(signature != NULL && made.size == 0);
    fuzz_require(rs_build_hash_table(signature) == RS_DONE);
    rs_sumset_dump(signature);
    rs_job_t *const job = rs_delta_begin(signature);
    rs_signature_log_stats(signature);
    rs_free_sumset(signature);
    fuzz_require(drive(job, new_file, d, &made) == RS_DONE);
    rd_memory nothing = {0};
    fuzz_reference r = fuzz_reference_patch(&nothing, &made);
    fuzz_require(r.end <= made.size && (result == RS_DONE || (r.verdict == FUZZ_DONE && fuzz_same(&r.made, new_file))));
    rd_memory_free(&r.made);
    rd_memory_free(&made);
    return result;
}

/* A signature of any arguments, which is then loaded, if they were in range. */
static void sign(const rd_memory *old_file, fuzz_input *in, driver d) {
    static const rs_magic_number magics[] = {
        0, RS_MD4_SIG_MAGIC, RS_BLAKE2_SIG_MAGIC, RS_RK_MD4_SIG_MAGIC, RS_RK_BLAKE2_SIG_MAGIC, RS_DELTA_MAGIC};
    rs_magic_number magic = magics[fuzz_byte(in) % 6];
    const uint8_t wide = fuzz_byte(in);
    size_t block_len = fuzz_number(in, wide & 1 ? 4 : 2);
    size_t strong_len = (size_t)fuzz_byte(in) % 40 - 1;
    rd_memory made = {0};
    const rs_result result = drive(rs_sig_begin(block_len, strong_len, magic), old_file, d, &made);
    fuzz_require(result == rs_sig_args(-1, &magic, &block_len, &strong_len));
    if (result == RS_DONE)
        fuzz_require(load_and_diff(&made, old_file, d) == RS_DONE);
    rd_memory_free(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    const uint8_t kind = fuzz_byte(&in) % 3;
    fuzz_pace pace = fuzz_pace_from(&in);
    const driver d = {.pace = &pace};
    basis b = {.mood = fuzz_byte(&in), .pace = pace};
    b.bytes = fuzz_file(fuzz_part(&in));
    rs_trace_to(NULL);
    if (kind == 2) {
        sign(&b.bytes, &in, d);
    } else {
        rd_memory hostile = fuzz_file(in);
        if (kind == 0)
            patch(&b, &hostile, d);
        else
            (void)load_and_diff(&hostile, &b.bytes, d);
        rd_memory_free(&hostile);
    }
    rd_memory_free(&b.bytes);
    return 0;
}

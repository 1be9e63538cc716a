/*
 * Every allocation of the library that replaces librsync fails once, as in tests/unit/test_fault_memory.c: each
 * scenario that lacks one ends in RS_MEM_ERROR, or a job is not made, and under AddressSanitizer nothing leaks. All
 * functions that allocate are called; the buffers of a FILE are the C library's, and do not count.
 */
#define _GNU_SOURCE
#include "failing_memory.h"
#include "rs_support.h"

typedef struct material {
    rd_memory basis;
    rd_memory new_file;
    rd_memory signature;
    rd_memory delta;
    rs_signature_t *loaded;
    FILE *basis_file;
    FILE *new_stream; /* the same as new_file */
    FILE *signature_file;
    FILE *delta_file;
    FILE *out;
} material;

typedef rs_result scenario(material *m);

/* ---- Jobs -------------------------------------------------------------------------------------------------------- */

/* Passes input in chunks and drops the output: only the job allocates here. Frees the job. */
static rs_result iterate(rs_job_t *job, const rd_memory *in) {
    static char room[3000];
    rs_buffers_t buffers = {.next_in = (char *)in->data};
    const char *const end = (const char *)in->data + in->size;
    rs_result result = RS_BLOCKED;
    if (!job)
        return RS_MEM_ERROR;
    while (result == RS_BLOCKED) {
        const size_t left = (size_t)(end - buffers.next_in);
        buffers.avail_in = left < 70000 ? left : 70000;
        buffers.eof_in = buffers.avail_in == left;
        buffers.next_out = room;
        buffers.avail_out = sizeof room;
        result = rs_job_iter(job, &buffers);
    }
    assert_non_null(rs_job_statistics(job));
    assert_int_equal(rs_job_free(job), RS_DONE);
    return result;
}

static rs_result iterate_signature(material *m) {
    return iterate(rs_sig_begin(1000, 0, RS_RK_BLAKE2_SIG_MAGIC), &m->basis);
}

/* The signature is for the caller, also after a failure. */
static rs_result iterate_loading(material *m) {
    rs_signature_t *signature = (rs_signature_t *)&signature;
    rs_job_t *const job = rs_loadsig_begin(&signature);
    assert_true(job || !signature);
    rs_result result = iterate(job, &m->signature);
    if (result == RS_DONE)
        result = rs_build_hash_table(signature);
    rs_free_sumset(signature);
    return result;
}

static rs_result iterate_delta(material *m) {
    return iterate(rs_delta_begin(m->loaded), &m->new_file);
}

static rs_result iterate_delta_of_literals(material *m) {
    return iterate(rs_delta_begin(NULL), &m->new_file);
}

static rs_result iterate_patch(material *m) {
    return iterate(rs_patch_begin(copy_from_memory, &m->basis), &m->delta);
}

/* ---- A job that is driven ---------------------------------------------------------------------------------------- */

static rs_result give_all(rs_job_t *job, rs_buffers_t *buffers, void *opaque) {
    const rd_memory *const in = opaque;
    (void)job;
    if (!buffers->next_in) {
        buffers->next_in = (char *)in->data;
        buffers->avail_in = in->size;
    }
    buffers->eof_in = 1;
    return RS_DONE;
}

static rs_result drop_all(rs_job_t *job, rs_buffers_t *buffers, void *opaque) {
    static char room[3000];
    (void)job, (void)opaque;
    buffers->next_out = room;
    buffers->avail_out = sizeof room;
    return RS_DONE;
}

static rs_result drive_delta(material *m) {
    rs_buffers_t buffers = {0};
    rs_job_t *const job = rs_delta_begin(m->loaded);
    if (!job)
        return RS_MEM_ERROR;
    const rs_result result = rs_job_drive(job, &buffers, give_all, &m->new_file, drop_all, NULL);
    rs_job_free(job);
    return result;
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static rs_result file_signature(material *m) {
    return rs_sig_file(m->basis_file, m->out, 1000, 0, RS_RK_BLAKE2_SIG_MAGIC, NULL);
}

static rs_result file_loading(material *m) {
    rs_stats_t stats;
    rs_signature_t *signature = NULL;
    const rs_result result = rs_loadsig_file(m->signature_file, &signature, &stats);
    rs_free_sumset(signature);
    return result;
}

static rs_result file_delta(material *m) {
    rs_stats_t stats;
    return rs_delta_file(m->loaded, m->new_stream, m->out, &stats);
}

static rs_result file_patch(material *m) {
    return rs_patch_file(m->basis_file, m->delta_file, m->out, NULL);
}

/* ---- Running them ------------------------------------------------------------------------------------------------ */

static void say_nothing(rs_loglevel level, const char *message) {
    (void)level, (void)message;
}

static int set_up(void **state) {
    material *const m = calloc(1, sizeof *m);
    random_source r = random_from(1);
    assert_non_null(m);
    rs_trace_to(say_nothing);
    m->basis = bytes_random(&r, 1200000, 256);
    m->new_file = bytes_edited(&r, &m->basis, 1500000, 256);
    m->signature = rs_signature_of(&m->basis, 100, 0, RS_RK_BLAKE2_SIG_MAGIC);
    m->loaded = rs_loaded(&m->signature);
    m->delta = rs_delta_of(m->loaded, &m->new_file);
    m->basis_file = file_of(&m->basis);
    m->new_stream = file_of(&m->new_file);
    m->signature_file = file_of(&m->signature);
    m->delta_file = file_of(&m->delta);
    m->out = tmpfile();
    assert_non_null(m->out);
    *state = m;
    return 0;
}

static int tear_down(void **state) {
    material *const m = *state;
    FILE *const files[] = {m->basis_file, m->new_stream, m->signature_file, m->delta_file, m->out};
    for (size_t i = 0; i < ITEMS(files); i++)
        assert_int_equal(fclose(files[i]), 0);
    rs_free_sumset(m->loaded);
    bytes_free(&m->basis);
    bytes_free(&m->new_file);
    bytes_free(&m->signature);
    bytes_free(&m->delta);
    free(m);
    return 0;
}

static void rewind_all(const material *m) {
    rewind(m->basis_file);
    rewind(m->new_stream);
    rewind(m->signature_file);
    rewind(m->delta_file);
    rewind(m->out);
}

/*
 * Runs the scenario with a fault at each allocation in turn, until none is left. It must make at least `least`
 * allocations.
 */
static void fail_each(material *m, scenario *run, size_t least, bool for_good) {
    size_t n = 0;
    for (;; n++) {
        rewind_all(m);
        faults_begin(n, for_good);
        const rs_result result = run(m);
        if (faults_end() == 0) {
            check_equal(result, RS_DONE, "after %zu allocations", n);
            break;
        }
        check_equal(result, RS_MEM_ERROR, "allocation %zu", n);
    }
    check_true(n >= least, "%zu allocations", n);
}

#define SCENARIO(name, least)                                                                                          \
    static void name##_survives_every_failed_allocation(void **state) {                                                \
        fail_each(*state, name, least, false);                                                                         \
        fail_each(*state, name, least, true);                                                                          \
    }

SCENARIO(iterate_signature, 2)
SCENARIO(iterate_loading, 10)
SCENARIO(iterate_delta, 3)
SCENARIO(iterate_delta_of_literals, 3)
SCENARIO(iterate_patch, 2)
SCENARIO(drive_delta, 3)
SCENARIO(file_signature, 3)
SCENARIO(file_loading, 10)
SCENARIO(file_delta, 2)
SCENARIO(file_patch, 2)

#define TEST(name) cmocka_unit_test(name##_survives_every_failed_allocation)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(iterate_signature), TEST(iterate_loading), TEST(iterate_delta),  TEST(iterate_delta_of_literals),
        TEST(iterate_patch),     TEST(drive_delta),     TEST(file_signature), TEST(file_loading),
        TEST(file_delta),        TEST(file_patch),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/*
 * Driving of jobs. The input is passed in buffers that move and are overwritten after use, and the output is the end of
 * an allocation: a library that keeps pointers or writes too much is detected.
 *
 * A job must make progress. Blocked with input and room available and nothing moved, or blocked after the end of the
 * input with room and no output, is reported as RESULT_STALLED; programs spin on either.
 */
#include "drive.h"

#include "report.h"

const size_t portions[PORTION_COUNT] = {1, 7, 4095, 65536, PORTION_MAX};

pace pace_whole(void) {
    return (pace){.in = PORTION_MAX, .out = PORTION_MAX, .end = END_WITH_LAST};
}

static size_t portion_random(random_source *r, size_t size) {
    size_t portion = PORTION_ANY;
    if (random_below(r, 3) > 0)
        portion = portions[random_below(r, PORTION_COUNT)];
    return size > 4000 && portion != PORTION_ANY && portion < 4095 ? 4095 : portion;
}

pace pace_random(random_source *r, size_t size) {
    static const size_t refills[] = {0, 16, 5000};
    return (pace){.in = portion_random(r, size),
                  .out = portion_random(r, size),
                  .refill = refills[random_below(r, ITEMS(refills))],
                  .end = random_below(r, 2) ? END_WITH_LAST : END_AFTER,
                  .driven = random_below(r, 4) == 0,
                  .random = random_from(random_u64(r))};
}

const char *pace_text(const pace *p) {
    static const char *const ends[] = {"eof with the last", "eof after", "no eof"};
    static char text[2][160];
    static int turn;
    turn = !turn;
    (void)snprintf(text[turn], sizeof text[turn], "%s in %zu out %zu refill %zu %s", p->driven ? "drive" : "iter",
                   p->in, p->out, p->refill, ends[p->end]);
    return text[turn];
}

void append(rd_memory *made, const void *data, size_t size) {
    const rd_sink sink = rd_sink_memory(made);
    if (size > 0)
        assert_int_equal(sink.write(sink.context, data, size), RD_OK);
}

/* ---- A program that feeds a job ---------------------------------------------------------------------------------- */

typedef struct feeder {
    const rd_memory *in;
    size_t at; /* bytes of `in` that were passed */
    pace *pace;
    uint8_t *places[2]; /* for the input, in turns */
    size_t capacity;    /* of each */
    unsigned turn;
    uint8_t *room; /* for the output */
    size_t room_size;
    uint8_t *given; /* start of the output room that was passed last */
    rs_buffers_t buffers;
    rd_memory *made;
    size_t quiet;      /* calls since the last output ... */
    size_t quiet_most; /* ... and the most there were */
} feeder;

static size_t portion(pace *p, size_t wanted) {
    static const size_t limits[] = {10, 100, 3000, 70000};
    if (wanted != PORTION_ANY)
        return wanted;
    return 1 + random_below(&p->random, limits[random_below(&p->random, ITEMS(limits))]);
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static feeder feeder_new(const rd_memory *in, pace *p, rd_memory *made) {
    feeder f = {.in = in, .pace = p, .made = made};
    f.capacity = p->refill + smaller(p->in ? p->in : 70000, in->size) + 1;
    f.room_size = p->out ? p->out : 70000;
    f.places[0] = bytes_new(f.capacity);
    f.places[1] = bytes_new(f.capacity);
    f.room = bytes_new(f.room_size);
    return f;
}

static void feeder_free(feeder *f) {
    free(f->places[0]);
    free(f->places[1]);
    free(f->room);
}

/* Adds input after what is left, in another buffer, if no more than the pace's `refill` is left. */
static void fill(feeder *f) {
    const size_t left = f->buffers.avail_in;
    const size_t rest = f->in->size - f->at;
    if (left <= f->pace->refill && rest > 0) {
        const size_t more = smaller(portion(f->pace, f->pace->in), rest);
        uint8_t *const place = f->places[f->turn];
        f->turn = !f->turn;
        if (left > 0)
            memcpy(place, f->buffers.next_in, left);
        memcpy(place + left, f->in->data + f->at, more);
        memset(f->places[f->turn], 0xee, smaller(f->capacity, 4096));
        f->at += more;
        f->buffers.next_in = (char *)place;
        f->buffers.avail_in = left + more;
        f->buffers.eof_in = f->at == f->in->size && f->pace->end == END_WITH_LAST;
    } else if (rest == 0 && left == 0) {
        f->buffers.eof_in = f->pace->end != END_NEVER;
    }
}

static void make_room(feeder *f) {
    const size_t size = portion(f->pace, f->pace->out);
    f->given = f->room + (f->room_size - size);
    f->buffers.next_out = (char *)f->given;
    f->buffers.avail_out = size;
}

static void take_output(feeder *f) {
    append(f->made, f->given, (size_t)((uint8_t *)f->buffers.next_out - f->given));
    f->given = (uint8_t *)f->buffers.next_out;
}

/* One rs_job_iter, and whether it made progress. */
static rs_result iterate(const library *lib, rs_job_t *job, feeder *f) {
    const rs_buffers_t before = f->buffers;
    const rs_result result = lib->job_iter(job, &f->buffers);
    const bool silent = f->buffers.avail_out == before.avail_out;
    const bool moved = !silent || f->buffers.avail_in != before.avail_in;
    const bool all_in = before.eof_in && before.avail_in == 0;
    take_output(f);
    f->quiet = silent ? f->quiet + 1 : 0;
    if (f->quiet_most < f->quiet)
        f->quiet_most = f->quiet;
    if (result == RS_BLOCKED && before.avail_out > 0) {
        if ((!moved && before.avail_in > 0) || (silent && all_in))
            return RESULT_STALLED;
    }
    return result;
}

static rs_result by_iter(const library *lib, rs_job_t *job, feeder *f) {
    rs_result result = RS_BLOCKED;
    while (result == RS_BLOCKED) {
        const bool told = f->at == f->in->size;
        fill(f);
        make_room(f);
        const size_t made = f->made->size;
        result = iterate(lib, job, f);
        if (told && f->pace->end == END_NEVER && f->made->size == made && f->buffers.avail_in == 0)
            break;
    }
    return result;
}

static rs_result fill_callback(rs_job_t *job, rs_buffers_t *buffers, void *context) {
    feeder *const f = context;
    (void)job;
    f->buffers = *buffers;
    fill(f);
    *buffers = f->buffers;
    return RS_DONE;
}

static rs_result drain_callback(rs_job_t *job, rs_buffers_t *buffers, void *context) {
    feeder *const f = context;
    (void)job;
    f->buffers = *buffers;
    if (f->given)
        take_output(f);
    make_room(f);
    *buffers = f->buffers;
    return RS_DONE;
}

static rs_result by_drive(const library *lib, rs_job_t *job, feeder *f) {
    rs_buffers_t buffers = {0};
    const rs_result result = lib->job_drive(job, &buffers, fill_callback, f, drain_callback, f);
    f->buffers = buffers;
    if (f->given)
        take_output(f);
    return result;
}

/* librsync counts bytes in its whole-file functions only. A library that counts those of every job must count right. */
static void check_counts(const library *lib, outcome *o, size_t used) {
    rs_stats_t *const s = &o->stats;
    if (s->in_bytes == 0 && s->out_bytes == 0)
        return;
    if (s->in_bytes != (rs_long_t)used || s->out_bytes != (rs_long_t)o->out.size)
        report_difference("%s: %zu bytes in and %zu out, but the statistics %s", lib->name, used, o->out.size,
                          stats_text(s));
    s->in_bytes = 0;
    s->out_bytes = 0;
}

outcome drive_job(const library *lib, rs_job_t *job, const rd_memory *in, pace *p) {
    outcome o = {.result = RS_MEM_ERROR};
    if (!job)
        return o;
    feeder f = feeder_new(in, p, &o.out);
    o.result = p->driven ? by_drive(lib, job, &f) : by_iter(lib, job, &f);
    o.left = in->size - f.at + f.buffers.avail_in;
    o.quiet = f.quiet_most;
    const rs_stats_t *const stats = lib->job_statistics(job);
    assert_non_null(stats);
    o.stats = *stats;
    check_counts(lib, &o, in->size - o.left);
    assert_int_equal(lib->job_free(job), RS_DONE);
    feeder_free(&f);
    return o;
}

void outcome_free(outcome *o) {
    rd_memory_free(&o->out);
}

/* ---- The four jobs ----------------------------------------------------------------------------------------------- */

outcome drive_signature(const library *lib, const rd_memory *old, sig_params params, pace *p) {
    return drive_job(lib, lib->sig_begin(params.block_len, params.strong_len, params.magic), old, p);
}

outcome drive_load(const library *lib, const rd_memory *bytes, pace *p, rs_signature_t **signature) {
    *signature = NULL;
    outcome o = drive_job(lib, lib->loadsig_begin(signature), bytes, p);
    if (o.result == RS_DONE)
        o.result = lib->build_hash_table(*signature);
    return o;
}

outcome drive_delta(const library *lib, rs_signature_t *signature, const rd_memory *new_file, pace *p) {
    return drive_job(lib, lib->delta_begin(signature), new_file, p);
}

rs_result copy_from_memory(void *context, rs_long_t offset, size_t *size, void **data) {
    const rd_memory *const basis = context;
    if (offset < 0 || (uintmax_t)offset >= basis->size)
        return RS_INPUT_ENDED;
    *size = smaller(*size, basis->size - (size_t)offset);
    memcpy(*data, basis->data + offset, *size);
    return RS_DONE;
}

outcome drive_patch(const library *lib, const rd_memory *basis, const rd_memory *delta, pace *p) {
    rd_memory copy = *basis;
    return drive_job(lib, lib->patch_begin(copy_from_memory, &copy), delta, p);
}

const char *stats_text(const rs_stats_t *stats) {
    static char text[4][400];
    static unsigned turn;
    char *const place = text[turn++ % 4];
    (void)snprintf(
        place, sizeof text[0],
        "%s lit %d %jd %jd copy %jd %jd %jd sig %jd %jd false %d blocks %jd of %zu in %jd out %jd times %d %d",
        stats->op ? stats->op : "(none)", stats->lit_cmds, stats->lit_bytes, stats->lit_cmdbytes, stats->copy_cmds,
        stats->copy_bytes, stats->copy_cmdbytes, stats->sig_cmds, stats->sig_bytes, stats->false_matches,
        stats->sig_blocks, stats->block_len, stats->in_bytes, stats->out_bytes, stats->start > 0,
        stats->end >= stats->start);
    return place;
}

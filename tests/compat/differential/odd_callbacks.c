/*
 * Odd calls: what callbacks of rs_job_drive and of a patch may return.
 */
#include "odd_calls.h"

/* ---- rs_job_drive ------------------------------------------------------------------------------------------------ */

typedef struct drive_case {
    const char *name;
    rs_result in_result;  /* of the input callback in its call number `in_call`, else RS_DONE */
    rs_result out_result; /* the same of the output callback */
    int in_call;
    int out_call;
    bool no_in; /* no such callback */
    bool no_out;
    bool filled; /* the buffers are not empty at the start; rs_job_drive clears them */
} drive_case;

typedef struct driver {
    const drive_case *c;
    const rd_memory *in;
    size_t at;
    int in_calls;
    int out_calls;
    char room[64];
    rd_memory made;
} driver;

static rs_result in_callback(rs_job_t *job, rs_buffers_t *b, void *context) {
    driver *const d = context;
    (void)job;
    if (++d->in_calls == d->c->in_call)
        return d->c->in_result;
    if (b->avail_in == 0) {
        const size_t rest = d->in->size - d->at;
        b->next_in = (char *)d->in->data + d->at;
        b->avail_in = rest < 50 ? rest : 50;
        d->at += b->avail_in;
        b->eof_in = rest == 0;
    }
    return RS_DONE;
}

static rs_result out_callback(rs_job_t *job, rs_buffers_t *b, void *context) {
    driver *const d = context;
    (void)job;
    if (++d->out_calls == d->c->out_call)
        return d->c->out_result;
    if (b->next_out)
        append(&d->made, d->room, (size_t)(b->next_out - d->room));
    b->next_out = d->room;
    b->avail_out = sizeof d->room;
    return RS_DONE;
}

static guarded_fn drive_odd;
static void drive_odd(const library *lib, void *context, transcript *t) {
    static char room[10000];
    odd_setting s = odd_setting_new();
    driver d = {.c = context, .in = &s.old};
    rs_job_t *const job = lib->sig_begin(ODD_BLOCK_LEN, 8, RS_MD4_SIG_MAGIC);
    rs_buffers_t b = {0};
    if (d.c->filled)
        b = (rs_buffers_t){.next_in = room, .avail_in = 70, .eof_in = 1, .next_out = room, .avail_out = sizeof room};
    const rs_result result =
        lib->job_drive(job, &b, d.c->no_in ? NULL : in_callback, &d, d.c->no_out ? NULL : out_callback, &d);
    transcript_add(t, "%d ", result);
    if (result == RS_DONE)
        transcript_bytes(t, &d.made);
    transcript_add(t, " free %d", lib->job_free(job));
}

void odd_drives(void) {
    static const drive_case cases[] = {
        {"usual callbacks", RS_DONE, RS_DONE, 0, 0, false, false, false},
        {"buffers that are not empty", RS_DONE, RS_DONE, 0, 0, false, false, true},
        {"input fails at once", RS_IO_ERROR, RS_DONE, 1, 0, false, false, false},
        {"input fails later", RS_IO_ERROR, RS_DONE, 3, 0, false, false, false},
        {"input fails with a code of its own", (rs_result)200, RS_DONE, 2, 0, false, false, false},
        {"input says it ended", RS_INPUT_ENDED, RS_DONE, 2, 0, false, false, false},
        {"input is blocked", RS_BLOCKED, RS_DONE, 2, 0, false, false, false},
        {"input is blocked at once", RS_BLOCKED, RS_DONE, 1, 0, false, false, false},
        {"input gives nothing once", RS_DONE, RS_DONE, 2, 0, false, false, false},
        {"output fails at once", RS_DONE, RS_IO_ERROR, 0, 1, false, false, false},
        {"output fails later", RS_DONE, RS_IO_ERROR, 0, 2, false, false, false},
        {"output fails with a code of its own", RS_DONE, (rs_result)200, 0, 2, false, false, false},
        {"output is blocked", RS_DONE, RS_BLOCKED, 0, 2, false, false, false},
        {"output is blocked at once", RS_DONE, RS_BLOCKED, 0, 1, false, false, false},
        {"output takes nothing once", RS_DONE, RS_DONE, 0, 2, false, false, false},
        {"both are blocked", RS_BLOCKED, RS_BLOCKED, 2, 2, false, false, false},
    };
    static const drive_case lacking[] = {
        /* stock calls its job for ever */
        {"no input callback", RS_DONE, RS_DONE, 0, 0, true, false, false},
        {"no output callback", RS_DONE, RS_DONE, 0, 0, false, true, false},
        {"no callbacks", RS_DONE, RS_DONE, 0, 0, true, true, false},
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        drive_case c = cases[i];
        odd_compare(c.name, drive_odd, &c);
    }
    for (size_t i = 0; i < ITEMS(lacking); i++) {
        drive_case c = lacking[i];
        odd_expect(c.name, drive_odd, &c, NULL);
    }
}

/* ---- Copy callbacks ---------------------------------------------------------------------------------------------- */

typedef enum copy_way {
    COPY_USUAL,
    COPY_SHORT,      /* a byte at a time */
    COPY_OWN_BUFFER, /* *buf points into the basis */
    COPY_NOTHING,    /* RS_DONE with length 0 */
    COPY_NOTHING_AT_END,
    COPY_TOO_MUCH, /* a length of more than was asked for */
    COPY_RESULT    /* a result, in call number `call` */
} copy_way;

typedef struct copy_case {
    const char *name;
    copy_way way;
    rs_result result;
    int call;
    const char *expected; /* of ours, where stock hangs or aborts; "" if any is right */
} copy_case;

typedef struct copier {
    const copy_case *c;
    rd_memory *basis;
    int calls;
    size_t longest;
} copier;

static rs_result copy_odd(void *context, rs_long_t offset, size_t *size, void **data) {
    copier *const k = context;
    k->calls++;
    k->longest = *size > k->longest ? *size : k->longest;
    switch (k->c->way) {
    case COPY_SHORT: *size = 1; break;
    case COPY_OWN_BUFFER: *data = k->basis->data + offset; return RS_DONE;
    case COPY_NOTHING: *size = 0; return RS_DONE;
    case COPY_NOTHING_AT_END:
        if ((uintmax_t)offset >= k->basis->size) {
            *size = 0;
            return RS_DONE;
        }
        break;
    case COPY_TOO_MUCH: *size += 1; return RS_DONE;
    case COPY_RESULT:
        if (k->calls == k->c->call)
            return k->c->result;
        break;
    case COPY_USUAL: break;
    }
    return copy_from_memory(k->basis, offset, size, data);
}

/* Two copies; with COPY_NOTHING_AT_END the second one goes past the end of the basis. */
static rd_memory two_copies(copy_way way) {
    static const uint8_t bytes[] = {0x72, 0x73, 0x02, 0x36, 0x45, 10, 100, 0x45, 150, 100, 0x02, 'a', 'b', 0x00};
    rd_memory delta = bytes_copy(bytes, sizeof bytes);
    if (way == COPY_NOTHING_AT_END)
        delta.data[8] = 200;
    return delta;
}

static guarded_fn patch_odd;
static void patch_odd(const library *lib, void *context, transcript *t) {
    static char room[1000];
    odd_setting s = odd_setting_new();
    copier k = {.c = context, .basis = &s.old};
    rd_memory delta = two_copies(k.c->way);
    rs_job_t *const job = lib->patch_begin(copy_odd, &k);
    rs_buffers_t b = {
        .next_in = (char *)delta.data, .avail_in = delta.size, .eof_in = 1, .next_out = room, .avail_out = sizeof room};
    for (int i = 0; i < 3; i++) {
        const rs_result result = lib->job_iter(job, &b);
        transcript_add(t, "%d ", result);
        if (result != RS_BLOCKED)
            break;
    }
    if (b.avail_out < sizeof room && strncmp(t->text, "0", 1) == 0) {
        rd_memory made = bytes_copy(room, sizeof room - b.avail_out);
        transcript_bytes(t, &made);
    }
    transcript_add(t, "; free %d", lib->job_free(job));
}

void odd_patches(void) {
    static const copy_case cases[] = {
        {"copy as usual", COPY_USUAL, RS_DONE, 0, NULL},
        {"copy by bytes", COPY_SHORT, RS_DONE, 0, NULL},
        {"copy from a buffer of its own", COPY_OWN_BUFFER, RS_DONE, 0, NULL},
        {"copy gives nothing", COPY_NOTHING, RS_DONE, 0, "103 ; free 0"},
        {"copy gives nothing at the end", COPY_NOTHING_AT_END, RS_DONE, 0, "103 ; free 0"},
        {"copy gives too much", COPY_TOO_MUCH, RS_DONE, 0, ""},
        {"copy fails", COPY_RESULT, RS_IO_ERROR, 1, NULL},
        {"copy fails later", COPY_RESULT, RS_IO_ERROR, 2, NULL},
        {"copy ends", COPY_RESULT, RS_INPUT_ENDED, 2, NULL},
        {"copy is blocked", COPY_RESULT, RS_BLOCKED, 1, NULL},
        {"copy is blocked later", COPY_RESULT, RS_BLOCKED, 2, NULL},
        {"copy is running", COPY_RESULT, RS_RUNNING, 1, ""}, /* stock takes this for success */
        {"copy fails with a code of its own", COPY_RESULT, (rs_result)200, 1, NULL},
        {"copy fails with a negative code", COPY_RESULT, (rs_result)-5, 1, NULL},
        {"copy lacks memory", COPY_RESULT, RS_MEM_ERROR, 1, NULL},
    };
    for (size_t i = 0; i < ITEMS(cases); i++) {
        copy_case c = cases[i];
        if (c.expected)
            odd_expect(c.name, patch_odd, &c, *c.expected ? c.expected : NULL);
        else
            odd_compare(c.name, patch_odd, &c);
    }
}

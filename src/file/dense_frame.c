/* See dense_frame.h. */
#include "file/dense_frame.h"

#include "base/memory.h"
#include "base/result.h"
#include "compress/column.h"
#include "engine/op_joiner.h"
#include "format/dense_walk.h"
#include "io/source.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIAL_LEVEL = 3,
    BOTH_MAX = 256 * 1024,   /* literals that are coded with their prefix and without; of more, the former is smaller */
    PAGES = 4 * 1024 * 1024, /* bytes of the old file that stay in memory for each trial */
    CHUNK = 16 * 1024
};

/* ---- Columns ----------------------------------------------------------------------------------------------------- */

/* The columns of a frame, before they are coded. */
typedef struct frame_columns {
    rd__growing bytes[RD__DENSE_COLUMNS];
    rd__growing prefix; /* of the literals */
    size_t covers;
    bool fits; /* a frame may have them */
} frame_columns;

/* Making them. */
typedef struct frame_builder {
    rd__dense_bytes bytes;
    frame_columns *columns;
    rd__dense_places places;
    uint64_t same;     /* bytes of covers since the last difference */
    rd__dense_map map; /* if addresses are looked for */
    uint8_t new_bytes[CHUNK];
    uint8_t old_bytes[CHUNK];
} frame_builder;

static void columns_put(frame_columns *columns, rd__dense_column column, uint64_t number) {
    rd__numbers_put(&columns->bytes[column], &columns->bytes[column + 1], number);
}

static void columns_free(frame_columns *columns) {
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++)
        rd__growing_free(&columns->bytes[i]);
    rd__growing_free(&columns->prefix);
}

/* Was there memory for all of them? */
static bool columns_are_complete(const frame_columns *columns) {
    bool failed = columns->prefix.failed;
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++)
        failed = failed || columns->bytes[i].failed;
    return !failed;
}

static void columns_check_limits(frame_columns *columns) {
    columns->fits = columns->covers <= RD__DENSE_COVERS_MAX &&
                    columns->bytes[RD__DENSE_DIFFERENCES].size <= RD__DENSE_DIFFERENCES_MAX &&
                    columns->bytes[RD__DENSE_LITERALS].size <= RD__DENSE_LITERALS_MAX;
}

static void builder_put_difference(frame_builder *b, uint8_t value) {
    columns_put(b->columns, RD__DENSE_SKIPS, b->same);
    rd__growing_put_byte(&b->columns->bytes[RD__DENSE_DIFFERENCES], value);
    b->same = 0;
}

/*
 * A byte of the cover differs, and the cover has a word from there on: if it is an address whose new value follows from
 * the covers, notes that. False: a failure of reading.
 */
static bool builder_try_address(frame_builder *b, const rd_op *cover, uint64_t target, bool *found) {
    const uint64_t offset = cover->basis_offset + (target - cover->target_offset);
    uint8_t old_word[RD__DENSE_WORD];
    uint8_t new_word[RD__DENSE_WORD];
    uint8_t made[RD__DENSE_WORD];
    if (!rd__pages_read(b->bytes.pages, offset, old_word, sizeof old_word) ||
        !rd__dense_read_new(&b->bytes, target, new_word, sizeof new_word))
        return false;
    for (unsigned kind = 0; !*found && kind < RD__DENSE_ADDRESS_KINDS; kind++) {
        rd__dense_map_word(&b->map, kind, old_word, offset, target, made);
        *found = memcmp(made, new_word, sizeof made) == 0;
        if (*found) {
            builder_put_difference(b, 0);
            rd__growing_put_byte(&b->columns->bytes[RD__DENSE_ADDRESSES], (uint8_t)kind);
        }
    }
    return true;
}

/* Notes where `size` bytes of a cover differ, from `target` on. *used becomes their number, or more for an address. */
static bool builder_compare(frame_builder *b, const rd_op *cover, uint64_t target, size_t size, size_t *used) {
    const uint64_t end = cover->target_offset + cover->length;
    size_t i = 0;
    while (i < size) {
        bool found = false;
        if (b->new_bytes[i] == b->old_bytes[i]) {
            b->same++;
            i++;
            continue;
        }
        if (b->map.count > 0 && end - (target + i) >= RD__DENSE_WORD &&
            !builder_try_address(b, cover, target + i, &found))
            return false;
        if (!found)
            builder_put_difference(b, (uint8_t)(b->new_bytes[i] - b->old_bytes[i]));
        i += found ? RD__DENSE_WORD : 1;
    }
    *used = i;
    return true;
}

/* Compares the bytes of a cover, but those of copies on its diagonal, which are the same. */
static bool builder_add_cover(frame_builder *b, const rd_op *cover) {
    const uint64_t end = cover->target_offset + cover->length;
    uint64_t at = cover->target_offset;
    while (at < end) {
        const rd_op *const op = rd__dense_op_at(&b->bytes, at);
        const uint64_t left = rd__min_u64(end, op->target_offset + op->length) - at;
        const bool same =
            op->kind == RD_COPY && op->basis_offset - op->target_offset == cover->basis_offset - cover->target_offset;
        if (same) {
            b->same += left;
            at += left;
            continue;
        }
        size_t size = (size_t)rd__min_u64(left, CHUNK);
        if (!rd__dense_read_new(&b->bytes, at, b->new_bytes, size) ||
            !rd__pages_read(b->bytes.pages, cover->basis_offset + (at - cover->target_offset), b->old_bytes, size) ||
            !builder_compare(b, cover, at, size, &size))
            return false;
        at += size;
    }
    return true;
}

/* Notes where the covers lie, so that addresses can be found. */
static bool builder_make_map(frame_builder *b, const rd_op *covers, size_t count) {
    if (!rd__dense_map_init(&b->map, count, b->bytes.pages->source->size))
        return false;
    for (size_t i = 0; i < count; i++)
        rd__dense_map_add(&b->map, covers[i].basis_offset, covers[i].target_offset);
    rd__dense_map_sort(&b->map);
    return true;
}

/* Adds the literals of a gap, and its neighbourhood. */
static bool builder_add_gap(frame_builder *b, uint64_t target, const rd__dense_gap *gap) {
    rd__growing *const literals = &b->columns->bytes[RD__DENSE_LITERALS];
    rd__growing *const prefix = &b->columns->prefix;
    rd__dense_range ranges[2];
    if (gap->length == 0)
        return true;
    if (gap->length > RD__DENSE_LITERALS_MAX - literals->size) {
        b->columns->fits = false;
        return true;
    }
    uint8_t *const to = rd__growing_add(literals, (size_t)gap->length);
    if (!to || !rd__dense_read_new(&b->bytes, target, to, (size_t)gap->length))
        return false;
    const size_t count = rd__dense_neighbours(gap, b->bytes.pages->source->size, prefix->size, ranges);
    for (size_t i = 0; i < count; i++) {
        uint8_t *const more = rd__growing_add(prefix, ranges[i].size);
        if (!more || !rd__pages_read(b->bytes.pages, ranges[i].offset, more, ranges[i].size))
            return false;
    }
    return true;
}

/* Makes the columns of the covers. False: as rd__dense_covers_make. What does not fit may be incomplete. */
static bool builder_run(frame_builder *b, const rd_op *covers, size_t count) {
    const rd__dense_ops *const input = &b->bytes.input;
    const rd_op *const last = &input->ops[input->count - 1];
    uint64_t target = input->ops[0].target_offset;
    rd__dense_gap gap = {.end = RD_UNKNOWN};
    b->columns->covers = count;
    b->columns->fits = true;
    rd__dense_places_init(&b->places);
    for (size_t i = 0; i <= count && b->columns->fits; i++) {
        const rd_op *const cover = i < count ? &covers[i] : NULL;
        const uint64_t stop = cover ? cover->target_offset : last->target_offset + last->length;
        gap.length = stop - target;
        gap.start = cover ? cover->basis_offset : RD_UNKNOWN;
        if (!builder_add_gap(b, target, &gap))
            return false;
        if (!cover)
            break;
        columns_put(b->columns, RD__DENSE_LENGTHS, cover->length - 1);
        columns_put(b->columns, RD__DENSE_GAPS, gap.length);
        columns_put(b->columns, RD__DENSE_PLACES,
                    rd__dense_places_find(&b->places, cover->basis_offset - cover->target_offset));
        if (!builder_add_cover(b, cover))
            return false;
        target = stop + cover->length;
        gap.end = cover->basis_offset + cover->length;
    }
    if (b->columns->fits)
        columns_check_limits(b->columns);
    return true;
}

/* ---- Coding ------------------------------------------------------------------------------------------------------ */

/* A column, coded in the way that takes the fewest bytes. */
typedef struct frame_coded {
    rd__dense_stored stored;
    rd__growing bytes;
} frame_coded;

/* Codes a column if that makes it smaller than what is there so far. */
static rd_result coded_try(frame_coded *coded, const frame_columns *columns, size_t column, rd__dense_coding coding,
                           int level, rd_error *error) {
    const rd__growing *const plain = &columns->bytes[column];
    const bool prefixed = coding == RD__DENSE_ZSTD_PREFIX;
    const rd__column_bytes prefix = {.data = columns->prefix.data, .size = prefixed ? columns->prefix.size : 0};
    rd__growing made = {0};
    const rd_result result =
        rd__column_encode((rd__column_bytes){.data = plain->data, .size = plain->size}, prefix, level, &made, error);
    /* The number of stored bytes is stored, too. */
    if (result != RD_OK || made.size + 3 >= coded->stored.stored) {
        rd__growing_free(&made);
        return result;
    }
    rd__growing_free(&coded->bytes);
    coded->bytes = made;
    coded->stored.coding = coding;
    coded->stored.data = made.data;
    coded->stored.stored = made.size;
    return RD_OK;
}

static rd_result coded_make(frame_coded *coded, const frame_columns *columns, size_t column, bool with_prefix,
                            int level, rd_error *error) {
    const rd__growing *const plain = &columns->bytes[column];
    rd_result result = RD_OK;
    coded->stored =
        (rd__dense_stored){.coding = RD__DENSE_STORED, .size = plain->size, .data = plain->data, .stored = plain->size};
    if (plain->size == 0)
        return RD_OK;
    const bool prefixed = column == RD__DENSE_LITERALS && columns->prefix.size > 0 && with_prefix;
    if (prefixed)
        result = coded_try(coded, columns, column, RD__DENSE_ZSTD_PREFIX, level, error);
    if (prefixed && plain->size > BOTH_MAX)
        return result;
    return result == RD_OK ? coded_try(coded, columns, column, RD__DENSE_ZSTD, level, error) : result;
}

/* ---- Trials ------------------------------------------------------------------------------------------------------ */

typedef struct frame_trial {
    const rd__dense_style *style;
    frame_columns columns;
    size_t size; /* of all columns, coded by little effort */
    rd_result result;
    rd_error error;
} frame_trial;

typedef struct frame_run {
    rd__operation *operation;
    const rd_source *old_file;
    const rd__dense_ops *ops;
    int level;
    size_t fetched;    /* trials, then columns */
    frame_trial *best; /* of the trials that are done; then the one whose columns are coded */
    frame_trial trials[RD__DENSE_STYLES];
    frame_coded coded[RD__DENSE_COLUMNS];
} frame_run;

/* Makes the columns of the trial's style. */
static rd_result trial_build(const frame_run *run, frame_trial *trial, rd__pages *pages) {
    rd__growing covers = {0};
    frame_builder *const b = rd__alloc_zeroed(1, sizeof *b);
    bool made = b != NULL;
    if (made) {
        b->bytes = (rd__dense_bytes){.input = *run->ops, .pages = pages};
        b->columns = &trial->columns;
        made = rd__dense_covers_make(&b->bytes, trial->style, &covers);
        const rd_op *const list = (const rd_op *)(const void *)covers.data;
        const size_t count = covers.size / sizeof *list;
        made = made && (!trial->style->addresses || builder_make_map(b, list, count)) && builder_run(b, list, count) &&
               columns_are_complete(&trial->columns);
        rd__dense_map_free(&b->map);
    }
    rd__growing_free(&covers);
    free(b);
    if (!made && pages->result != RD_OK) {
        trial->error = pages->error;
        return pages->result;
    }
    return made ? RD_OK : rd__fail_memory(&trial->error);
}

/* The prefix helps all styles by about as much, and takes long. */
static rd_result trial_measure(frame_trial *trial) {
    rd_result result = RD_OK;
    trial->size = 0;
    for (size_t i = 0; result == RD_OK && i < RD__DENSE_COLUMNS; i++) {
        frame_coded coded = {0};
        result = coded_make(&coded, &trial->columns, i, false, TRIAL_LEVEL, &trial->error);
        trial->size += coded.stored.stored;
        rd__growing_free(&coded.bytes);
    }
    return result;
}

static bool trial_fetch(void *context, void *slot) {
    frame_run *const run = context;
    if (run->fetched == RD__DENSE_STYLES)
        return false;
    ((frame_trial *)slot)->style = &rd__dense_styles[run->fetched++];
    return true;
}

static void trial_work(const void *context, void *slot) {
    const frame_run *const run = context;
    frame_trial *const trial = slot;
    rd__pages pages;
    if (!rd__pages_init(&pages, run->old_file, RD_ROLE_BASIS, PAGES)) {
        trial->result = rd__fail_memory(&trial->error);
        return;
    }
    trial->result = trial_build(run, trial, &pages);
    if (trial->result == RD_OK && trial->columns.fits)
        trial->result = trial_measure(trial);
    rd__pages_free(&pages);
}

static rd_result trial_finish(void *context, void *slot) {
    frame_run *const run = context;
    frame_trial *const trial = slot;
    if (trial->result != RD_OK) {
        run->operation->error = trial->error;
        return trial->result;
    }
    if (!trial->columns.fits || (run->best && run->best->size <= trial->size)) {
        columns_free(&trial->columns);
        return RD_OK;
    }
    if (run->best)
        columns_free(&run->best->columns);
    run->best = trial;
    return RD_OK;
}

/* ---- The frame --------------------------------------------------------------------------------------------------- */

typedef struct frame_task {
    size_t column;
    rd_result result;
    rd_error error;
    frame_coded *coded;
} frame_task;

/* The literals first: they take longest. */
static bool task_fetch(void *context, void *slot) {
    frame_run *const run = context;
    frame_task *const task = slot;
    if (run->fetched == RD__DENSE_COLUMNS)
        return false;
    task->column = RD__DENSE_COLUMNS - 1 - run->fetched++;
    task->coded = &run->coded[task->column];
    return true;
}

static void task_work(const void *context, void *slot) {
    const frame_run *const run = context;
    frame_task *const task = slot;
    task->result = coded_make(task->coded, &run->best->columns, task->column, true, run->level, &task->error);
}

static rd_result task_finish(void *context, void *slot) {
    frame_run *const run = context;
    const frame_task *const task = slot;
    if (task->result != RD_OK)
        run->operation->error = task->error;
    return task->result;
}

/* The pool may be matching: its threads then do this first. */
static rd_result frame_run_pipeline(frame_run *run, rd__pipeline *pipeline, void **slots, size_t slot_count,
                                    bool any_thread) {
    pipeline->context = run;
    pipeline->slots = slots;
    pipeline->slot_count = slot_count;
    pipeline->threads = any_thread ? rd__operation_threads(run->operation) : 1;
    pipeline->pool = &run->operation->context->pool;
    pipeline->owner = run->operation->owner;
    run->fetched = 0;
    return rd__pipeline_run(pipeline, &run->operation->error);
}

static rd_result frame_code(frame_run *run) {
    frame_task tasks[RD__DENSE_COLUMNS] = {0};
    void *slots[RD__DENSE_COLUMNS];
    rd__pipeline pipeline = {.fetch = task_fetch, .work = task_work, .finish = task_finish};
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++)
        slots[i] = &tasks[i];
    return frame_run_pipeline(run, &pipeline, slots, RD__DENSE_COLUMNS, true);
}

static rd_result frame_try(frame_run *run) {
    void *slots[RD__DENSE_STYLES];
    rd__pipeline pipeline = {.fetch = trial_fetch, .work = trial_work, .finish = trial_finish};
    for (size_t i = 0; i < RD__DENSE_STYLES; i++)
        slots[i] = &run->trials[i];
    return frame_run_pipeline(run, &pipeline, slots, RD__DENSE_STYLES, rd__source_is_concurrent(run->old_file));
}

static uint64_t frame_target(const rd__dense_ops *ops) {
    const rd_op *const last = &ops->ops[ops->count - 1];
    return last->target_offset + last->length - ops->ops[0].target_offset;
}

static void counter_put(rd__dense_counter *counter, rd_op op) {
    uint8_t ignored[RD__EMIT_MAX];
    op.target_offset = counter->emitter.target;
    (void)rd__emit_op(&counter->emitter, &op, ignored);
}

void rd__dense_counter_end(rd__dense_counter *counter) {
    while (counter->literal > 0) {
        const uint64_t length = rd__min_u64(counter->literal, RD__LITERAL_MAX);
        counter_put(counter, (rd_op){.kind = RD_LITERAL, .length = length});
        counter->literal -= length;
    }
}

/* Walks over the frame as its readers do. */
static void frame_count(const frame_run *run, const rd__dense_frame *frame, rd__dense_counter *counter) {
    rd__dense_columns columns;
    rd__dense_walk walk;
    rd__dense_piece piece;
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++) {
        columns.data[i] = run->best->columns.bytes[i].data;
        columns.size[i] = run->best->columns.bytes[i].size;
    }
    rd__dense_walk_init(&walk, frame, &columns, run->old_file->size, run->ops->ops[0].target_offset);
    while (rd__dense_walk_next(&walk, &piece) == RD_MORE) {
        if (piece.kind != RD__DENSE_SAME || piece.length < RD__DENSE_COPY_MIN) {
            counter->literal += piece.length;
            continue;
        }
        rd__dense_counter_end(counter);
        counter_put(counter, (rd_op){.kind = RD_COPY, .length = piece.length, .basis_offset = piece.offset});
    }
}

static rd_result frame_put(const frame_run *run, const uint8_t *before, rd__dense_counter *counter, rd__growing *out) {
    rd__dense_frame frame = {.covers = run->best->columns.covers,
                             .differences = run->best->columns.bytes[RD__DENSE_DIFFERENCES].size,
                             .target = frame_target(run->ops)};
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++)
        frame.columns[i] = run->coded[i].stored;
    rd__dense_frame_put(out, before, &frame);
    frame_count(run, &frame, counter);
    return out->failed ? rd__fail_memory(&run->operation->error) : RD_OK;
}

rd_result rd__dense_frame_make(rd__operation *operation, const rd_source *old_file, const rd__dense_ops *ops, int level,
                               const uint8_t *before, rd__dense_counter *counter, rd__growing *out) {
    frame_run *const run = rd__alloc_zeroed(1, sizeof *run);
    if (!run)
        return rd__fail_memory(&operation->error);
    run->operation = operation;
    run->old_file = old_file;
    run->ops = ops;
    run->level = level;
    rd_result result = frame_try(run);
    assert(result != RD_OK || run->best); /* the first style fits */
    if (result == RD_OK)
        result = frame_code(run);
    if (result == RD_OK)
        result = frame_put(run, before, counter, out);
    for (size_t i = 0; i < RD__DENSE_STYLES; i++)
        columns_free(&run->trials[i].columns);
    for (size_t i = 0; i < RD__DENSE_COLUMNS; i++)
        rd__growing_free(&run->coded[i].bytes);
    free(run);
    return result;
}

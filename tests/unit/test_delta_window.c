/*
 * The ops of a delta against a parse by definition: walk over the new file, compare the bytes of each block of the
 * basis with those there, take the first block that is equal or, better, the one that continues the copy just before,
 * and continue after it; where none is equal, one byte is literal. It knows nothing of sums, windows or indexes.
 *
 * The strong sums are long here, so equal sums mean equal bytes. The definition has no budget of failures either; the
 * few cases that reach it are passed over (test_budget.c is about them), and counted to be few.
 */
#include "support.h"

#include "engine/delta_window.h"
#include "format/emitter.h"
#include "tables.h"

enum { FAILURES_WITHIN_BUDGET = 255, FULL = 20000 };

typedef struct op_list {
    rd_op *ops;
    size_t count;
} op_list;

static op_list op_list_new(size_t capacity) {
    op_list list = {.ops = calloc(capacity, sizeof *list.ops)};
    assert_non_null(list.ops);
    return list;
}

/* ---- The parse by definition ------------------------------------------------------------------------------------- */

static void append_literal_byte(op_list *list, uint64_t at) {
    rd_op *const last = list->count > 0 ? &list->ops[list->count - 1] : NULL;
    if (last && last->kind == RD_LITERAL && last->length < 65535)
        last->length++;
    else
        list->ops[list->count++] = (rd_op){.kind = RD_LITERAL, .target_offset = at, .length = 1};
}

static void append_copy(op_list *list, uint64_t at, uint64_t length, uint64_t basis_offset) {
    rd_op *const last = list->count > 0 ? &list->ops[list->count - 1] : NULL;
    if (last && last->kind == RD_COPY && last->basis_offset + last->length == basis_offset)
        last->length += length;
    else
        list->ops[list->count++] =
            (rd_op){.kind = RD_COPY, .target_offset = at, .length = length, .basis_offset = basis_offset};
}

/* Is block `block` of the basis what stands at the new file's byte `at`? A short block only as the new file's end. */
static bool stands_at(const rd_memory *basis, size_t block_len, size_t block, const rd_memory *new_file, size_t at) {
    const size_t begin = block * block_len;
    const size_t left = basis->size - begin;
    const size_t length = left < block_len ? left : block_len;
    if (begin >= basis->size || length > new_file->size - at)
        return false;
    if (length < block_len && length != new_file->size - at)
        return false;
    return memcmp(basis->data + begin, new_file->data + at, length) == 0;
}

static op_list parse_by_definition(const rd_memory *basis, size_t block_len, const rd_memory *new_file) {
    op_list list = op_list_new(new_file->size + 1);
    const size_t blocks = (basis->size + block_len - 1) / block_len;
    size_t next = blocks;
    for (size_t at = 0; at < new_file->size;) {
        size_t block = next;
        if (!stands_at(basis, block_len, block, new_file, at))
            for (block = 0; block < blocks && !stands_at(basis, block_len, block, new_file, at);)
                block++;
        if (block >= blocks) {
            append_literal_byte(&list, at++);
            next = blocks;
            continue;
        }
        const size_t left = basis->size - block * block_len;
        const size_t length = left < block_len ? left : block_len;
        append_copy(&list, at, length, block * block_len);
        at += length;
        next = block + 1;
    }
    return list;
}

/* ---- The window's ops -------------------------------------------------------------------------------------------- */

/* Takes what the window has. Checks that literals are at hand with their bytes. */
static void take_ops(rd__delta_window *window, const rd_memory *new_file, op_list *list, rd__emitter *emitter) {
    rd_op op;
    const uint8_t *literal = NULL;
    uint8_t command[RD__EMIT_MAX];
    while (rd__delta_window_next(window, &op, &literal)) {
        if (op.kind == RD_LITERAL)
            assert_memory_equal(literal, new_file->data + op.target_offset, (size_t)op.length);
        list->ops[list->count++] = op;
        (void)rd__emit_op(emitter, &op, command);
    }
}

static op_list ops_with(const rd__kernels *table, const rd_signature *signature, const rd_memory *new_file,
                        size_t portion, rd_stats *stats) {
    rd__delta_window window;
    op_list list = op_list_new(new_file->size + 1);
    *stats = (rd_stats){.size = sizeof *stats};
    rd__emitter emitter = {.stats = stats};
    rd__delta_window_init(&window, signature, table);
    for (size_t at = 0; at < new_file->size;) {
        size_t room = 0;
        const size_t size = portion < new_file->size - at ? portion : new_file->size - at;
        uint8_t *const place = rd__delta_window_room(&window, size, &room);
        assert_non_null(place);
        assert_true(room >= size);
        memcpy(place, new_file->data + at, size);
        rd__delta_window_add(&window, size);
        take_ops(&window, new_file, &list, &emitter);
        at += size;
    }
    rd__delta_window_end(&window);
    take_ops(&window, new_file, &list, &emitter);
    stats->false_matches = window.scanner.false_matches;
    rd__delta_window_free(&window);
    return list;
}

static op_list ops_in_portions(const rd_signature *signature, const rd_memory *new_file, size_t portion,
                               rd_stats *stats) {
    return ops_with(rd__kernels_best(), signature, new_file, portion, stats);
}

static void check_same_ops(const op_list *actual, const op_list *expected, uint64_t seed) {
    for (size_t i = 0; i < actual->count && i < expected->count; i++) {
        const rd_op a = actual->ops[i];
        const rd_op e = expected->ops[i];
        check_equal(a.kind, e.kind, "seed %llu op %zu kind", (unsigned long long)seed, i);
        check_equal(a.target_offset, e.target_offset, "seed %llu op %zu target", (unsigned long long)seed, i);
        check_equal(a.length, e.length, "seed %llu op %zu length", (unsigned long long)seed, i);
        check_equal(a.basis_offset, e.basis_offset, "seed %llu op %zu basis", (unsigned long long)seed, i);
    }
    check_equal(actual->count, expected->count, "seed %llu count", (unsigned long long)seed);
}

/* What holds of every delta: ops tile the new file, literals are bounded, copies that continue each other are one. */
static void check_form(const op_list *list, const rd_memory *basis, const rd_memory *new_file) {
    uint64_t at = 0;
    for (size_t i = 0; i < list->count; i++) {
        const rd_op *const op = &list->ops[i];
        const rd_op *const before = i > 0 ? op - 1 : NULL;
        check_equal(op->target_offset, at, "op %zu", i);
        check_true(op->length > 0, "op %zu", i);
        if (op->kind == RD_LITERAL) {
            check_true(op->length <= 65535, "op %zu", i);
            if (before && before->kind == RD_LITERAL)
                check_equal(before->length, 65535, "op %zu: only full literals are followed by literals", i);
        } else {
            check_bytes(new_file->data + at, (size_t)op->length, basis->data + op->basis_offset, (size_t)op->length,
                        "op %zu", i);
            if (before && before->kind == RD_COPY)
                check_true(before->basis_offset + before->length != op->basis_offset, "op %zu: not joined", i);
        }
        at += op->length;
    }
    check_equal(at, new_file->size, "all of the new file");
}

static uint64_t width(uint64_t value) {
    return value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
}

/* Of the command of an op, by the format. */
static uint64_t command_bytes(const rd_op *op) {
    if (op->kind == RD_COPY)
        return 1 + width(op->basis_offset) + width(op->length);
    return op->length <= 64 ? 1 : 1 + width(op->length);
}

static void check_stats(const rd_stats *stats, const op_list *list) {
    rd_stats expected = {.size = sizeof(rd_stats), .false_matches = stats->false_matches};
    for (size_t i = 0; i < list->count; i++) {
        const bool literal = list->ops[i].kind == RD_LITERAL;
        *(literal ? &expected.literal_commands : &expected.copy_commands) += 1;
        *(literal ? &expected.literal_bytes : &expected.copy_bytes) += list->ops[i].length;
        *(literal ? &expected.literal_command_bytes : &expected.copy_command_bytes) += command_bytes(&list->ops[i]);
    }
    assert_memory_equal(stats, &expected, sizeof expected);
}

/* ---- Tests ------------------------------------------------------------------------------------------------------- */

static rd_params params_of(uint64_t seed, uint32_t block_len) {
    return (rd_params){.weak = seed % 2 ? RD_ROLLSUM : RD_RABINKARP,
                       .strong = seed / 2 % 2 ? RD_MD4 : RD_BLAKE2,
                       .block_len = block_len,
                       .strong_len = 16};
}

/* Compares one random case; returns whether it was within the budget of failures, and so compared. */
static bool compare_random_case(uint64_t seed) {
    static const unsigned alphabets[] = {1, 2, 3, 256};
    random_source r = random_from(seed);
    const unsigned alphabet = alphabets[random_below(&r, ITEMS(alphabets))];
    const uint32_t block_len = 1 + (uint32_t)random_below(&r, random_below(&r, 2) ? 64 : 8);
    rd_memory basis = bytes_random(&r, random_below(&r, 400), alphabet);
    rd_memory new_file = bytes_edited(&r, &basis, random_below(&r, 800), alphabet);
    rd_signature *const signature = loaded_signature_of(&basis, params_of(seed, block_len));
    rd_stats stats = {.size = sizeof(rd_stats)};
    const rd__kernels *const table = table_at((size_t)(seed % table_count()));
    op_list actual = ops_with(table, signature, &new_file, 1 + random_below(&r, new_file.size + 1), &stats);
    op_list expected = parse_by_definition(&basis, block_len, &new_file);
    const bool compared = stats.false_matches <= FAILURES_WITHIN_BUDGET;
    if (compared)
        check_same_ops(&actual, &expected, seed);
    check_form(&actual, &basis, &new_file);
    check_stats(&stats, &actual);
    free(expected.ops);
    free(actual.ops);
    rd_signature_free(signature);
    rd_memory_free(&new_file);
    rd_memory_free(&basis);
    return compared;
}

static void ops_are_those_of_the_greedy_parse(void **state) {
    (void)state;
    size_t compared = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++)
        compared += compare_random_case(seed) ? 1 : 0;
    check_true(compared >= 2900, "%zu of 3000 compared", compared);
}

static void ops_do_not_depend_on_portions_or_on_the_processor(void **state) {
    (void)state;
    static const size_t portions[] = {1, 2, 5, 63, 64, 65, 1000, 65536, 300000};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        random_source r = random_from(seed);
        rd_memory basis = bytes_random(&r, 30000, seed % 4 ? 256 : 2);
        rd_memory new_file = bytes_edited(&r, &basis, 200000, 256);
        rd_signature *const signature =
            loaded_signature_of(&basis, params_of(seed, 1 + (uint32_t)random_below(&r, 700)));
        rd_stats expected_stats = {.size = sizeof(rd_stats)};
        op_list expected = ops_in_portions(signature, &new_file, new_file.size, &expected_stats);
        check_form(&expected, &basis, &new_file);
        for (size_t i = 0; i < ITEMS(portions); i++) {
            rd_stats stats = {.size = sizeof(rd_stats)};
            op_list actual = ops_with(table_at(i % table_count()), signature, &new_file, portions[i], &stats);
            check_same_ops(&actual, &expected, seed);
            assert_memory_equal(&stats, &expected_stats, sizeof stats);
            free(actual.ops);
        }
        free(expected.ops);
        rd_signature_free(signature);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

/* The ops of a prompt window, which is scanned after each portion, or, if *waited is given, when it may not wait. */
static op_list prompt_ops(const rd_signature *signature, const rd_memory *new_file, size_t portion, size_t *waited) {
    rd__delta_window window;
    op_list list = op_list_new(new_file->size + 1);
    rd__emitter emitter = {.stats = &(rd_stats){.size = sizeof(rd_stats)}};
    rd__delta_window_init(&window, signature, rd__kernels_best());
    rd__delta_window_set_prompt(&window);
    for (size_t at = 0; at < new_file->size;) {
        size_t room = 0;
        const size_t size = portion < new_file->size - at ? portion : new_file->size - at;
        memcpy(rd__delta_window_room(&window, size, &room), new_file->data + at, size);
        rd__delta_window_add(&window, size);
        if (waited && rd__delta_window_may_wait(&window))
            (*waited)++;
        else
            take_ops(&window, new_file, &list, &emitter);
        at += size;
    }
    rd__delta_window_end(&window);
    take_ops(&window, new_file, &list, &emitter);
    rd__delta_window_free(&window);
    return list;
}

/* Changes a block without its rollsum: a byte more and one less, and their mirror image. */
static void falsify(uint8_t *block, size_t block_len) {
    for (size_t i = 0; i + 4 <= block_len; i++) {
        if (block[i] == 255 || block[i + 1] == 0 || block[i + 2] == 0 || block[i + 3] == 255)
            continue;
        block[i]++;
        block[i + 1]--;
        block[i + 2]--;
        block[i + 3]++;
        return;
    }
}

/* Runs of blocks of the basis: true ones, false ones that seem to continue a run, and ones after a few other bytes. */
static rd_memory runs_of_blocks(random_source *r, const rd_memory *basis, size_t block_len) {
    const size_t blocks = basis->size / block_len;
    rd_memory made = {.data = bytes_new(FULL + 7 * block_len)};
    size_t block = 0;
    while (made.size < FULL) {
        const size_t count = 1 + random_below(r, 6);
        const bool is_false = random_below(r, 2) == 0;
        for (size_t i = block; i < block + count && i < blocks; i++) {
            memcpy(made.data + made.size, basis->data + i * block_len, block_len);
            if (is_false)
                falsify(made.data + made.size, block_len);
            made.size += block_len;
        }
        if (random_below(r, 3) == 0) {
            const size_t others = random_below(r, block_len);
            memcpy(made.data + made.size, basis->data + 1, others);
            made.size += others;
        }
        if (!is_false || random_below(r, 2) == 0)
            block = block + count < blocks ? block + count : random_below(r, blocks);
    }
    return made;
}

static void prompt_window_that_waits_gives_the_same_ops(void **state) {
    (void)state;
    static const size_t portions[] = {7, 64, 300, 1000};
    size_t waited = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        random_source r = random_from(seed);
        const uint32_t block_len = 4 + (uint32_t)random_below(&r, 200);
        rd_memory basis = bytes_random(&r, FULL, seed % 4 ? 256 : 2);
        rd_memory new_file = runs_of_blocks(&r, &basis, block_len);
        rd_signature *const signature =
            loaded_signature_of(&basis, (rd_params){.weak = RD_ROLLSUM, .block_len = block_len});
        for (size_t i = 0; i < ITEMS(portions); i++) {
            op_list expected = prompt_ops(signature, &new_file, portions[i], NULL);
            op_list actual = prompt_ops(signature, &new_file, portions[i], &waited);
            check_same_ops(&actual, &expected, seed);
            free(actual.ops);
            free(expected.ops);
        }
        rd_signature_free(signature);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
    check_true(waited > 10000, "it waited only %zu times", waited);
}

/* Joins a copy to the last one if it continues it, so that runs of blocks count the same however they were found. */
static void join_copy(op_list *list, const rd_op *copy) {
    rd_op *const last = list->count > 0 ? &list->ops[list->count - 1] : NULL;
    if (last && last->target_offset + last->length == copy->target_offset &&
        last->basis_offset + last->length == copy->basis_offset)
        last->length += copy->length;
    else
        list->ops[list->count++] = *copy;
}

/* The copies that the scanner finds in the whole new file, when it has to stop at random positions on the way. */
static op_list copies_with_stops(const rd_signature *signature, const rd_memory *new_file, random_source *r,
                                 size_t stride) {
    const rd__view view = {.data = new_file->data, .size = new_file->size, .last = true};
    rd__scanner scanner;
    op_list list = op_list_new(new_file->size + 1);
    rd__scanner_init(&scanner, signature, rd__kernels_best());
    while (scanner.at < new_file->size) {
        /* The end of the file, less than a block, is decided as a whole. */
        const bool whole = stride == 0 || new_file->size - scanner.at < signature->params.block_len;
        const uint64_t stop = whole ? UINT64_MAX : scanner.at + 1 + random_below(r, stride);
        rd_op copy;
        while (rd__scanner_next(&scanner, &view, stop, &copy)) {
            check_true(copy.target_offset < stop, "decided before the stop");
            join_copy(&list, &copy);
        }
        const uint64_t reached = scanner.at + (whole ? 0 : signature->params.block_len - 1);
        check_true(reached >= stop || reached >= new_file->size, "the stop is reached");
    }
    return list;
}

static void stops_do_not_change_the_copies(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        random_source r = random_from(seed);
        const uint32_t block_len = 1 + (uint32_t)random_below(&r, 100);
        rd_memory basis = bytes_random(&r, 5000, seed % 3 ? 256 : 2);
        rd_memory new_file = bytes_edited(&r, &basis, 10000, 256);
        rd_signature *const signature = loaded_signature_of(&basis, params_of(seed, block_len));
        op_list expected = copies_with_stops(signature, &new_file, &r, 0);
        op_list actual = copies_with_stops(signature, &new_file, &r, 1 + random_below(&r, 600));
        check_same_ops(&actual, &expected, seed);
        free(actual.ops);
        free(expected.ops);
        rd_signature_free(signature);
        rd_memory_free(&new_file);
        rd_memory_free(&basis);
    }
}

/* The ops of a new file, from a basis with blocks of `block_len`; both are text. */
static op_list ops_of_text(const char *basis_text, uint32_t block_len, const char *new_text) {
    rd_stats stats = {.size = sizeof(rd_stats)};
    rd_memory basis = bytes_copy(basis_text, strlen(basis_text));
    rd_memory new_file = bytes_copy(new_text, strlen(new_text));
    rd_signature *const signature = loaded_signature_of(&basis, (rd_params){.block_len = block_len});
    op_list list = ops_in_portions(signature, &new_file, 3, &stats);
    rd_signature_free(signature);
    rd_memory_free(&new_file);
    rd_memory_free(&basis);
    return list;
}

static void check_op(const op_list *list, size_t i, rd_op_kind kind, uint64_t length, uint64_t basis_offset) {
    assert_true(i < list->count);
    check_equal(list->ops[i].kind, kind, "op %zu", i);
    check_equal(list->ops[i].length, length, "op %zu", i);
    check_equal(list->ops[i].basis_offset, basis_offset, "op %zu", i);
}

static void unchanged_file_is_one_copy(void **state) {
    (void)state;
    op_list list = ops_of_text("the quick brown fox", 4, "the quick brown fox");
    assert_int_equal(list.count, 1);
    check_op(&list, 0, RD_COPY, 19, 0);
    free(list.ops);
}

static void empty_new_file_has_no_ops(void **state) {
    (void)state;
    op_list list = ops_of_text("the quick brown fox", 4, "");
    assert_int_equal(list.count, 0);
    free(list.ops);
}

static void empty_basis_gives_one_literal(void **state) {
    (void)state;
    op_list list = ops_of_text("", 4, "the quick brown fox");
    assert_int_equal(list.count, 1);
    check_op(&list, 0, RD_LITERAL, 19, 0);
    free(list.ops);
}

static void short_last_block_matches_only_at_the_end(void **state) {
    (void)state;
    op_list list = ops_of_text("aaaabbbbxyz", 4, "xyzaaaaxyzbbbbxyz");
    assert_int_equal(list.count, 4);
    check_op(&list, 0, RD_LITERAL, 3, 0);
    check_op(&list, 1, RD_COPY, 4, 0);
    check_op(&list, 2, RD_LITERAL, 3, 0);
    check_op(&list, 3, RD_COPY, 7, 4);
    free(list.ops);
}

static void short_last_block_matches_behind_literals(void **state) {
    (void)state;
    op_list list = ops_of_text("aaaaxyz", 4, "12xyz");
    assert_int_equal(list.count, 2);
    check_op(&list, 0, RD_LITERAL, 2, 0);
    check_op(&list, 1, RD_COPY, 3, 4);
    free(list.ops);
}

static void first_of_equal_blocks_is_taken(void **state) {
    (void)state;
    op_list list = ops_of_text("1111aaaa2222aaaa3333", 4, "__aaaa__");
    assert_int_equal(list.count, 3);
    check_op(&list, 1, RD_COPY, 4, 4);
    free(list.ops);
}

static void equal_block_that_continues_the_last_copy_is_taken(void **state) {
    (void)state;
    op_list list = ops_of_text("1111aaaa2222aaaa3333", 4, "2222aaaa3333");
    assert_int_equal(list.count, 1);
    check_op(&list, 0, RD_COPY, 12, 8);
    free(list.ops);
}

static void nothing_continues_a_copy_across_a_literal(void **state) {
    (void)state;
    op_list list = ops_of_text("aaaa1111aaaa2222", 4, "aaaa1111_aaaa");
    assert_int_equal(list.count, 3);
    check_op(&list, 0, RD_COPY, 8, 0);
    check_op(&list, 2, RD_COPY, 4, 0);
    free(list.ops);
}

static void long_run_of_one_block_is_copied_from_its_repetitions(void **state) {
    (void)state;
    op_list list = ops_of_text("aaaaaaaaaaaaaaaa", 4, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_int_equal(list.count, 2);
    check_op(&list, 0, RD_COPY, 16, 0);
    check_op(&list, 1, RD_COPY, 16, 0);
    free(list.ops);
}

static void long_literals_are_cut_at_65535(void **state) {
    (void)state;
    static const size_t sizes[] = {65534, 65535, 65536, 131070, 131071, 200000};
    for (size_t i = 0; i < ITEMS(sizes); i++) {
        rd_stats stats = {.size = sizeof(rd_stats)};
        rd_memory new_file = bytes_random(&(random_source){i}, sizes[i], 256);
        op_list list = ops_in_portions(NULL, &new_file, 10000, &stats);
        check_equal(list.count, (sizes[i] + 65534) / 65535, "size %zu", sizes[i]);
        check_form(&list, NULL, &new_file);
        free(list.ops);
        rd_memory_free(&new_file);
    }
}

/* A copy that is held back while the window moves on far beyond its first byte. */
static void copy_longer_than_the_window_is_one_op(void **state) {
    (void)state;
    rd_stats stats = {.size = sizeof(rd_stats)};
    rd_memory basis = bytes_random(&(random_source){1}, 3000000, 256);
    rd_signature *const signature = loaded_signature_of(&basis, (rd_params){.block_len = 1000});
    op_list list = ops_in_portions(signature, &basis, 50000, &stats);
    assert_int_equal(list.count, 1);
    check_op(&list, 0, RD_COPY, basis.size, 0);
    free(list.ops);
    rd_signature_free(signature);
    rd_memory_free(&basis);
}

/* Feeds `total` random bytes in chunks; returns the largest window that was held. */
static size_t largest_window(const rd_signature *signature, size_t total, size_t portion) {
    rd__delta_window window;
    random_source r = random_from(3);
    rd_op op;
    const uint8_t *literal = NULL;
    size_t largest = 0;
    rd__delta_window_init(&window, signature, rd__kernels_best());
    for (size_t at = 0; at < total; at += portion) {
        size_t room = 0;
        uint8_t *const place = rd__delta_window_room(&window, portion, &room);
        assert_non_null(place);
        random_fill(&r, place, portion, 256);
        rd__delta_window_add(&window, portion);
        while (rd__delta_window_next(&window, &op, &literal))
            continue;
        largest = window.capacity > largest ? window.capacity : largest;
    }
    rd__delta_window_free(&window);
    return largest;
}

static void window_is_bounded_by_a_few_blocks_and_literals(void **state) {
    (void)state;
    static const uint32_t block_lens[] = {3, 1000, 100000};
    static const size_t portions[] = {1000, 65536};
    rd_memory basis = bytes_random(&(random_source){1}, 300000, 256);
    for (size_t b = 0; b < ITEMS(block_lens); b++) {
        rd_signature *const signature = loaded_signature_of(&basis, (rd_params){.block_len = block_lens[b]});
        for (size_t p = 0; p < ITEMS(portions); p++) {
            const size_t largest = largest_window(signature, 1500000, portions[p]);
            check_true(largest <= 4 * ((size_t)block_lens[b] + 65535 + portions[p]), "block %u portion %zu: %zu",
                       block_lens[b], portions[p], largest);
        }
        rd_signature_free(signature);
    }
    rd_memory_free(&basis);
}

static void window_of_a_claimed_huge_block_is_bounded_by_what_arrived(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x72, 0x73, 0x01, 0x47, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1, 1, 2, 3, 4, 5};
    rd_memory file = bytes_copy(bytes, sizeof bytes);
    rd_signature *const signature = loaded(&file);
    assert_int_equal(rd_signature_count(signature), 1);
    const size_t totals[] = {1000, 100000, 1000000};
    for (size_t i = 0; i < ITEMS(totals); i++) {
        const size_t largest = largest_window(signature, totals[i], 1000);
        check_true(largest <= 65536 + 4 * totals[i], "after %zu: %zu", totals[i], largest);
    }
    rd_signature_free(signature);
    rd_memory_free(&file);
}

/* A window in the state that it has after `skipped` bytes of the new file. */
static void skip_to(rd__delta_window *window, uint64_t skipped) {
    window->view.offset = skipped;
    window->scanner.at = skipped;
    window->joiner.emitted = skipped;
}

static void positions_beyond_4_gib_are_exact(void **state) {
    (void)state;
    const uint64_t skipped = ((uint64_t)1 << 32) - 50;
    rd__delta_window window;
    rd_op op;
    const uint8_t *literal = NULL;
    size_t room = 0;
    rd_memory basis = bytes_random(&(random_source){1}, 100, 256);
    rd_signature *const signature = loaded_signature_of(&basis, (rd_params){.block_len = 10});
    rd__delta_window_init(&window, signature, rd__kernels_best());
    skip_to(&window, skipped);
    uint8_t *const place = rd__delta_window_room(&window, 107, &room);
    assert_non_null(place);
    memset(place, 'x', 7);
    memcpy(place + 7, basis.data, 100);
    rd__delta_window_add(&window, 107);
    rd__delta_window_end(&window);
    assert_true(rd__delta_window_next(&window, &op, &literal));
    assert_true(op.kind == RD_LITERAL && op.target_offset == skipped && op.length == 7);
    assert_true(rd__delta_window_next(&window, &op, &literal));
    assert_true(op.kind == RD_COPY && op.target_offset == skipped + 7 && op.length == 100 && op.basis_offset == 0);
    assert_false(rd__delta_window_next(&window, &op, &literal));
    rd__delta_window_free(&window);
    rd_signature_free(signature);
    rd_memory_free(&basis);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ops_are_those_of_the_greedy_parse),
        cmocka_unit_test(ops_do_not_depend_on_portions_or_on_the_processor),
        cmocka_unit_test(prompt_window_that_waits_gives_the_same_ops),
        cmocka_unit_test(stops_do_not_change_the_copies),
        cmocka_unit_test(unchanged_file_is_one_copy),
        cmocka_unit_test(empty_new_file_has_no_ops),
        cmocka_unit_test(empty_basis_gives_one_literal),
        cmocka_unit_test(short_last_block_matches_only_at_the_end),
        cmocka_unit_test(short_last_block_matches_behind_literals),
        cmocka_unit_test(first_of_equal_blocks_is_taken),
        cmocka_unit_test(equal_block_that_continues_the_last_copy_is_taken),
        cmocka_unit_test(nothing_continues_a_copy_across_a_literal),
        cmocka_unit_test(long_run_of_one_block_is_copied_from_its_repetitions),
        cmocka_unit_test(long_literals_are_cut_at_65535),
        cmocka_unit_test(copy_longer_than_the_window_is_one_op),
        cmocka_unit_test(window_is_bounded_by_a_few_blocks_and_literals),
        cmocka_unit_test(window_of_a_claimed_huge_block_is_bounded_by_what_arrived),
        cmocka_unit_test(positions_beyond_4_gib_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

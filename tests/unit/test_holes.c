/*
 * Files with holes: signatures, deltas and digests are those of the same bytes without holes, and what is in a hole is
 * not read. The oracle is the same operation on a source that has no holes and is read in order.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "support.h"

#include "io/holes.h"
#include "session/outline.h"

#include <fcntl.h>
#include <unistd.h>

enum { PAGE = 4096, MIB = 1 << 20 };

/* ---- Files ------------------------------------------------------------------------------------------------------- */

/* The bytes as a file that has holes where pages of zeros are, if the file system knows holes. To be closed. */
static int sparse_file(const rd_memory *bytes) {
    static const uint8_t zeros[PAGE];
    FILE *const file = tmpfile();
    assert_non_null(file);
    const int fd = dup(fileno(file));
    assert_true(fd >= 0);
    (void)fclose(file);
    assert_int_equal(ftruncate(fd, (off_t)bytes->size), 0);
    for (size_t at = 0; at < bytes->size; at += PAGE) {
        const size_t size = bytes->size - at < PAGE ? bytes->size - at : PAGE;
        if (memcmp(bytes->data + at, zeros, size) != 0)
            assert_int_equal(pwrite(fd, bytes->data + at, size, (off_t)at), (ssize_t)size);
    }
    return fd;
}

/* Zeros with some pieces of data. */
static rd_memory holey_bytes(random_source *r, size_t size) {
    static const size_t lengths[] = {1, 5000, 70000, 600000};
    rd_memory made = {.data = calloc(1, size), .size = size, .capacity = size};
    assert_non_null(made.data);
    for (size_t pieces = random_below(r, 5); pieces > 0; pieces--) {
        const size_t at = random_below(r, size);
        const size_t wanted = 1 + random_below(r, lengths[random_below(r, ITEMS(lengths))]);
        random_fill(r, made.data + at, wanted < size - at ? wanted : size - at, 256);
    }
    return made;
}

/* A new version: longer or shorter, with pieces moved, new ones, and others gone. */
static rd_memory holey_edited(random_source *r, const rd_memory *old, size_t size) {
    rd_memory made = holey_bytes(r, size);
    for (size_t moves = 1 + random_below(r, 3); moves > 0; moves--) {
        const size_t from = random_below(r, 3) == 0 ? random_below(r, old->size) : 0;
        const size_t to = random_below(r, 2) == 0 ? from : random_below(r, size);
        if (to < size && old->size > from) {
            const size_t most = old->size - from < size - to ? old->size - from : size - to;
            memcpy(made.data + to, old->data + from, 1 + random_below(r, most));
        }
    }
    return made;
}

/* Bytes that the process has read by system calls. */
static uint64_t bytes_read(void) {
    unsigned long long count = 0;
    FILE *const io = fopen("/proc/self/io", "r");
    if (!io)
        skip();
    assert_int_equal(fscanf(io, "rchar: %llu", &count), 1);
    (void)fclose(io);
    return count;
}

/* ---- The same bytes ---------------------------------------------------------------------------------------------- */

static rd_memory signature_from(const rd_source *source, const rd_options *options) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    assert_int_equal(rd_signature_make(source, &sink, options), RD_OK);
    return made;
}

static rd_memory delta_from(const rd_signature *signature, const rd_source *source, const rd_options *options) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    assert_int_equal(rd_delta_make(signature, source, &sink, options), RD_OK);
    return made;
}

static rd_memory diff_from(const rd_source *old_file, const rd_source *new_file, const rd_options *options) {
    rd_memory made = {0};
    const rd_sink sink = rd_sink_memory(&made);
    assert_int_equal(rd_diff_make(old_file, new_file, &sink, options), RD_OK);
    return made;
}

static void check_pair(random_source *r, const rd_memory *old, const rd_memory *new_file, rd_params params) {
    const int old_fd = sparse_file(old);
    const int new_fd = sparse_file(new_file);
    const rd_source old_holey = rd_source_fd_at(old_fd, 0);
    const rd_source new_holey = rd_source_fd_at(new_fd, 0);
    in_order old_in_order = {.bytes = old};
    in_order new_in_order = {.bytes = new_file};
    const rd_source old_dense = in_order_source(&old_in_order);
    const rd_source new_dense = in_order_source(&new_in_order);
    const unsigned threads = 1 + (unsigned)random_below(r, 4);
    rd_stats stats[2] = {{.size = sizeof *stats}, {.size = sizeof *stats}};
    const rd_verify verify = random_below(r, 4) == 0 ? RD_VERIFY_NEVER : RD_VERIFY_DEFAULT;
    const rd_options holey = {OPTIONS, .params = params, .threads = threads, .verify = verify, .stats = &stats[0]};
    const rd_options dense = {OPTIONS, .params = params, .threads = 1, .verify = verify, .stats = &stats[1]};

    rd_memory bytes = signature_from(&old_holey, &holey);
    rd_memory expected = signature_from(&old_dense, &dense);
    check_memory(bytes, expected, "signature, %zu bytes, block %u, %u threads", old->size, params.block_len, threads);
    check_equal(stats[0].blocks, stats[1].blocks, "blocks of %u", params.block_len);
    check_equal(stats[0].in_bytes, old->size, "blocks of %u", params.block_len);

    rd_signature *const signature = loaded(&expected);
    rd_memory delta = delta_from(signature, &new_holey, &holey);
    rd_memory expected_delta = delta_from(signature, &new_dense, &dense);
    check_memory(delta, expected_delta, "delta, %zu and %zu bytes, block %u, %u threads", old->size, new_file->size,
                 params.block_len, threads);
    check_equal(stats[0].in_bytes, new_file->size, "blocks of %u", params.block_len);
    check_equal(stats[0].false_matches, stats[1].false_matches, "blocks of %u", params.block_len);
    rd_memory back = patched(old, &delta);
    check_memory(back, *new_file, "blocks of %u", params.block_len);

    rd_memory diff = diff_from(&old_holey, &new_holey, &holey);
    const rd_source old_bytes = bytes_source(old);
    in_order again = {.bytes = new_file};
    const rd_source new_again = in_order_source(&again);
    rd_memory expected_diff = diff_from(&old_bytes, &new_again, &dense);
    check_memory(diff, expected_diff, "diff, %zu and %zu bytes, %u threads", old->size, new_file->size, threads);

    rd_memory *const made[] = {&bytes, &expected, &delta, &expected_delta, &back, &diff, &expected_diff};
    for (size_t i = 0; i < ITEMS(made); i++)
        rd_memory_free(made[i]);
    rd_signature_free(signature);
    close(old_fd);
    close(new_fd);
}

static const uint32_t block_lengths[] = {64,     1000,   2048,   65536,   100000, 262144,
                                         262145, 524288, 524289, 1048576, 3000000};

static void outputs_are_those_of_a_file_without_holes(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < ITEMS(block_lengths); i++) {
            const size_t size = 1 + random_below(&r, i % 2 == 0 ? 30 * MIB : 10 * MIB);
            const size_t longer = random_below(&r, 3) == 0 ? random_below(&r, MIB) : 0;
            const rd_params params = {.block_len = block_lengths[i],
                                      .weak = random_below(&r, 2) == 0 ? RD_RABINKARP : RD_ROLLSUM,
                                      .strong = random_below(&r, 2) == 0 ? RD_BLAKE2 : RD_MD4,
                                      .strong_len = 16};
            rd_memory old = holey_bytes(&r, size);
            rd_memory new_file = holey_edited(&r, &old, size + longer);
            check_pair(&r, &old, &new_file, params);
            rd_memory_free(&old);
            rd_memory_free(&new_file);
        }
    }
}

/* Then a hole becomes literals, a segment at a time. */
static void a_basis_without_zeros_has_nothing_to_copy_them_from(void **state) {
    (void)state;
    random_source r = random_from(2);
    for (size_t i = 0; i < ITEMS(block_lengths); i++) {
        rd_memory old = bytes_random(&r, 1 + random_below(&r, 2 * MIB), 256);
        rd_memory new_file = holey_edited(&r, &old, 5 * MIB);
        check_pair(&r, &old, &new_file, (rd_params){.block_len = block_lengths[i]});
        rd_memory_free(&old);
        rd_memory_free(&new_file);
    }
}

/*
 * The new file starts with so few bytes of data that the first windows have data and zeros; the basis has blocks with
 * the rollsum of these windows, which differ from them in four bytes. So the budget is used up for as long as a block,
 * in which zeros are not copied although the basis has them. With blocks longer than a chunk, the window ends there.
 */
static void a_used_up_budget_is_used_up_in_a_hole(void **state) {
    (void)state;
    enum { DATA = 60, COLLISIONS = 12 };
    static const uint32_t lengths[] = {2048, 262144, 262145, 3000000};
    random_source r = random_from(3);
    for (size_t i = 0; i < ITEMS(lengths); i++) {
        const size_t block_len = lengths[i];
        const size_t old_blocks = COLLISIONS + 1;
        rd_memory old = {.data = calloc(old_blocks, block_len), .size = old_blocks * block_len};
        rd_memory new_file = {.data = calloc(8, block_len), .size = 8 * block_len};
        rd_stats stats = {.size = sizeof stats};
        assert_true(old.data && new_file.data);
        memset(new_file.data, 0x55, DATA);
        for (size_t j = 0; j < COLLISIONS; j++) {
            uint8_t *const block = old.data + j * block_len;
            memset(block, 0x55, DATA - j);
            block[0] = block[3] = 0x56;
            block[1] = block[2] = 0x54;
        }
        check_pair(&r, &old, &new_file, (rd_params){.block_len = lengths[i], .weak = RD_ROLLSUM});
        rd_signature *const signature =
            loaded_signature_of(&old, (rd_params){.block_len = lengths[i], .weak = RD_ROLLSUM});
        rd_memory delta = delta_of(signature, &new_file, &stats);
        check_true(stats.false_matches >= 8, "block %u", lengths[i]);
        rd_signature_free(signature);
        rd_memory_free(&delta);
        rd_memory_free(&old);
        rd_memory_free(&new_file);
    }
}

/* Sums that all threads make of long blocks are only hints: for data that moved, and for data that did not. */
static void hints_do_not_change_a_delta(void **state) {
    (void)state;
    random_source r = random_from(4);
    for (int round = 0; round < 6; round++) {
        rd_memory old = bytes_random(&r, 12 * MIB + random_below(&r, MIB), 256);
        rd_memory new_file = bytes_edited(&r, &old, 12 * MIB, 256);
        if (round % 2 == 0)
            memcpy(new_file.data, old.data, random_below(&r, 12 * MIB));
        check_pair(&r, &old, &new_file, (rd_params){.block_len = 262145 + (uint32_t)random_below(&r, 600000)});
        rd_memory_free(&old);
        rd_memory_free(&new_file);
    }
}

/* ---- Nothing is read --------------------------------------------------------------------------------------------- */

static void holes_are_not_read(void **state) {
    (void)state;
    static const uint32_t lengths[] = {2048, 200000, 1048576};
    static const off_t places[] = {12345, 300 * (off_t)MIB + 77, 1023 * (off_t)MIB};
    const off_t size = 1024 * (off_t)MIB;
    const rd_memory one_page = {.data = calloc(1, PAGE), .size = PAGE};
    const int fd = sparse_file(&one_page);
    assert_int_equal(ftruncate(fd, size), 0);
    for (size_t i = 0; i < ITEMS(places); i++)
        assert_int_equal(pwrite(fd, "data", 4, places[i]), 4);
    const rd_source source = rd_source_fd_at(fd, 0);
    if (rd_source_holes(&source) == 0) {
        close(fd);
        skip(); /* the file system knows no holes */
    }
    for (size_t i = 0; i < ITEMS(lengths); i++) {
        const rd_options options = {OPTIONS, .params = {.block_len = lengths[i]}, .threads = 2};
        const uint64_t before = bytes_read();
        rd_memory bytes = signature_from(&source, &options);
        const uint64_t signed_at = bytes_read();
        rd_signature *const signature = loaded(&bytes);
        rd_memory delta = delta_from(signature, &source, &options);
        const uint64_t made_at = bytes_read();
        uint8_t digest[RD_DIGEST_LEN];
        assert_int_equal(rd_digest(&source, digest, &options), RD_OK);
        const uint64_t digested_at = bytes_read();
        /* The data takes at most two pages of up to 64 KiB each, of which a delta reads some twice. */
        check_true(signed_at - before <= 6 * 65536, "signature, block %u: %llu bytes", lengths[i],
                   (unsigned long long)(signed_at - before));
        check_true(made_at - signed_at <= 12 * 65536, "delta, block %u: %llu bytes", lengths[i],
                   (unsigned long long)(made_at - signed_at));
        check_true(digested_at - made_at <= 6 * 65536, "digest: %llu bytes",
                   (unsigned long long)(digested_at - made_at));
        rd_signature_free(signature);
        rd_memory_free(&bytes);
        rd_memory_free(&delta);
    }
    free(one_page.data);
    close(fd);
}

/* Files that are equal, that differ in a byte anywhere, also in a hole of one of them, and in their lengths. */
static void files_with_holes_are_compared(void **state) {
    (void)state;
    random_source r = random_from(11);
    for (int run = 0; run < 200; run++) {
        const size_t size = 1 + random_below(&r, 3 * MIB);
        rd_memory old = holey_bytes(&r, size);
        const int fd = sparse_file(&old);
        const int difference = (int)random_below(&r, 3);
        const bool equal = difference == 0;
        if (difference == 1)
            old.data[random_below(&r, size)] ^= 1;
        else if (difference == 2)
            old.size--;
        const int other = sparse_file(&old);
        const rd_source one = rd_source_fd_at(fd, 0);
        const rd_source sources[] = {rd_source_fd_at(other, 0), rd_source_memory(old.data, old.size)};
        for (size_t i = 0; i < ITEMS(sources); i++) {
            bool found = !equal;
            check_equal(rd_compare(&one, &sources[i], &found, NULL), RD_OK, "run %d", run);
            check_equal(found, equal, "run %d", run);
            found = !equal;
            check_equal(rd_compare(&sources[i], &one, &found, NULL), RD_OK, "run %d", run);
            check_equal(found, equal, "run %d", run);
        }
        close(fd);
        close(other);
        rd_memory_free(&old);
    }
}

/* A comparison that read the holes would take minutes. */
static void holes_of_a_tebibyte_are_not_compared(void **state) {
    (void)state;
    const int one = sparse_file(&(rd_memory){0});
    const int other = sparse_file(&(rd_memory){0});
    const off_t size = (off_t)1 << 40;
    bool equal = false;
    if (ftruncate(one, size) != 0 || ftruncate(other, size) != 0)
        skip();
    const rd_source sources[] = {rd_source_fd_at(one, 0), rd_source_fd_at(other, 0)};
    const uint64_t before = bytes_read();
    assert_int_equal(rd_compare(&sources[0], &sources[1], &equal, NULL), RD_OK);
    assert_true(equal);
    assert_true(bytes_read() - before < MIB);
    assert_int_equal(pwrite(other, "x", 1, size / 3), 1);
    assert_int_equal(rd_compare(&sources[0], &sources[1], &equal, NULL), RD_OK);
    assert_false(equal);
    close(one);
    close(other);
}

static void the_position_of_the_file_stays(void **state) {
    (void)state;
    rd_memory bytes = {.data = calloc(1, 20 * MIB), .size = 20 * MIB};
    memset(bytes.data + 10 * MIB, 1, MIB);
    const int fd = sparse_file(&bytes);
    assert_int_equal(lseek(fd, 5 * MIB + 3, SEEK_SET), 5 * MIB + 3);
    const rd_source rest = rd_source_fd(fd);
    const rd_memory expected_bytes = {.data = bytes.data + 5 * MIB + 3, .size = bytes.size - (5 * MIB + 3)};
    const rd_options options = {OPTIONS, .params = {.block_len = 5000}};
    rd_memory signature = signature_from(&rest, &options);
    rd_memory expected = signature_of(&expected_bytes, options.params);
    check_memory(signature, expected, "the rest of a file");
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 5 * MIB + 3);
    rd_memory_free(&signature);
    rd_memory_free(&expected);
    rd_memory_free(&bytes);
    close(fd);
}

/* ---- How many there are ------------------------------------------------------------------------------------------ */

static void bytes_in_holes_are_counted(void **state) {
    (void)state;
    rd_memory bytes = {.data = calloc(1, 8 * MIB + 5), .size = 8 * MIB + 5};
    memset(bytes.data + MIB, 1, MIB);
    memset(bytes.data + 3 * MIB, 1, 5 * MIB + 5);
    const int fd = sparse_file(&bytes);
    const rd_source whole = rd_source_fd_at(fd, 0);
    if (rd_source_holes(&whole) == 0) {
        close(fd);
        rd_memory_free(&bytes);
        skip();
    }
    assert_int_equal(rd_source_holes(&whole), 2 * MIB);
    const rd_source part = rd_source_range(&whole, MIB / 2, 2 * MIB);
    assert_int_equal(rd_source_holes(&part), MIB);
    const rd_source data = rd_source_range(&whole, 3 * MIB, MIB);
    assert_int_equal(rd_source_holes(&data), 0);
    const rd_source memory = bytes_source(&bytes);
    assert_int_equal(rd_source_holes(&memory), 0);
    close(fd);
    rd_memory_free(&bytes);
}

/* What a file has lost is no hole. */
static void a_file_that_became_shorter_ends_there(void **state) {
    (void)state;
    rd_memory bytes = {.data = calloc(1, 4 * MIB), .size = 4 * MIB};
    const int fd = sparse_file(&bytes);
    const rd_source source = rd_source_fd_at(fd, 0);
    rd__holes holes = rd__holes_open(&source);
    rd__operation operation = rd__operation_none();
    uint8_t *const data = bytes_new(4 * MIB);
    size_t got = 0;
    assert_int_equal(ftruncate(fd, MIB), 0);
    assert_int_equal(rd__holes_read(&holes, &source, &operation, RD_ROLE_NEW, 0, data, 4 * MIB, &got), RD_OK);
    assert_int_equal(got, MIB);
    rd__holes_close(&holes);
    free(data);
    close(fd);
    rd_memory_free(&bytes);
}

/* Refuses after the first report. */
static bool stop_soon(void *context, uint64_t done, uint64_t total) {
    (void)total;
    uint64_t *const reached = context;
    *reached = done;
    return false;
}

/* Its zeros are hashed for the digest, in pieces between which a caller is asked, also with one thread. */
static void hashing_a_hole_can_be_cancelled(void **state) {
    (void)state;
    static const uint32_t block_lens[] = {2048, 262144, 524288};
    const uint64_t size = (uint64_t)1 << 40;
    FILE *const file = tmpfile();
    assert_non_null(file);
    if (ftruncate(fileno(file), (off_t)size) != 0) {
        (void)fclose(file);
        skip();
    }
    const rd_source new_file = rd_source_fd_at(fileno(file), 0);
    const rd_memory zeros = {.data = calloc(1, 4 * MIB), .size = 4 * MIB};
    const rd_source basis = rd_source_memory(zeros.data, zeros.size);
    for (size_t i = 0; i < 2 * ITEMS(block_lens); i++) {
        uint64_t reached = 0;
        rd_error error;
        rd_signature *signature = NULL;
        rd_memory delta = {0};
        const rd_sink sink = rd_sink_memory(&delta);
        const rd_options of_signature = {.size = sizeof of_signature, .params = {.block_len = block_lens[i / 2]}};
        const rd_options options = {.size = sizeof options,
                                    .threads = 1 + (unsigned)(i % 2),
                                    .progress = stop_soon,
                                    .progress_context = &reached,
                                    .error = &error};
        assert_int_equal(rd_signature_build(&signature, &basis, &of_signature), RD_OK);
        assert_int_equal(rd_delta_make(signature, &new_file, &sink, &options), RD_E_CANCELLED);
        check_true(reached <= (uint64_t)1 << 30, "block length %u", (unsigned)block_lens[i / 2]);
        rd_signature_free(signature);
        rd_memory_free(&delta);
    }
    free(zeros.data);
    (void)fclose(file);
}

static rd__outline outline_of(const rd_source *source, unsigned threads, uint8_t digest[RD_DIGEST_LEN]) {
    const rd_options options = {.size = sizeof options, .threads = threads};
    rd__operation operation;
    rd__outline outline;
    uint64_t size = 0;
    assert_int_equal(rd__operation_start(&operation, &options, source->size), RD_OK);
    assert_int_equal(rd__outline_make(&outline, source, &operation, RD_ROLE_NEW, digest, &size), RD_OK);
    assert_int_equal(rd__operation_end(&operation, RD_OK), RD_OK);
    assert_int_equal(size, source->size);
    return outline;
}

/* A hole has parts, too, all of them different, since the chunks of a digest have numbers. */
static void outlines_are_those_of_a_file_without_holes(void **state) {
    (void)state;
    random_source r = random_from(20261127);
    for (unsigned round = 0; round < 12; round++) {
        rd_memory bytes = holey_bytes(&r, MIB / 4 + 1 + random_below(&r, 8 * MIB));
        const int fd = sparse_file(&bytes);
        uint8_t digest[RD_DIGEST_LEN];
        uint8_t expected_digest[RD_DIGEST_LEN];
        const rd_source sparse = rd_source_fd_at(fd, 0);
        const rd_source dense = rd_source_memory(bytes.data, bytes.size);
        rd__outline made = outline_of(&sparse, 1 + round % 3, digest);
        rd__outline expected = outline_of(&dense, 1, expected_digest);
        assert_int_equal(made.part_count, expected.part_count);
        assert_memory_equal(made.parts, expected.parts, made.part_count * sizeof *made.parts);
        assert_memory_equal(digest, expected_digest, sizeof digest);
        for (size_t i = 1; i < made.part_count; i++)
            check_true(made.parts[i] != made.parts[i - 1], "parts %zu and %zu are the same", i - 1, i);
        rd__outline_free(&made);
        rd__outline_free(&expected);
        (void)close(fd);
        rd_memory_free(&bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_those_of_a_file_without_holes),
        cmocka_unit_test(outlines_are_those_of_a_file_without_holes),
        cmocka_unit_test(a_basis_without_zeros_has_nothing_to_copy_them_from),
        cmocka_unit_test(a_used_up_budget_is_used_up_in_a_hole),
        cmocka_unit_test(hints_do_not_change_a_delta),
        cmocka_unit_test(holes_are_not_read),
        cmocka_unit_test(files_with_holes_are_compared),
        cmocka_unit_test(holes_of_a_tebibyte_are_not_compared),
        cmocka_unit_test(the_position_of_the_file_stays),
        cmocka_unit_test(bytes_in_holes_are_counted),
        cmocka_unit_test(a_file_that_became_shorter_ends_there),
        cmocka_unit_test(hashing_a_hole_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

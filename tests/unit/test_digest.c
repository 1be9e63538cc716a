/* The digest of a file against digests from elsewhere, and its other forms against the one that is checked so. */
#include "support.h"

#include "base/bytes.h"
#include "hash/digest.h"
#include "known_digests.h"
#include "tables.h"

static rd_memory sample(size_t size) {
    rd_memory file = {.data = bytes_new(size), .size = size};
    for (size_t i = 0; i < size; i++)
        file.data[i] = (uint8_t)(i % 251);
    return file;
}

static void check_sum(const uint8_t sum[RD__BLAKE3_LEN], const char *expected, const char *kernels, size_t size) {
    char text[2 * RD__BLAKE3_LEN + 1];
    for (size_t i = 0; i < RD__BLAKE3_LEN; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", sum[i]);
    check_equal(strcmp(text, expected), 0, "%s, size %zu: %s", kernels, size, text);
}

static void digest_whole(const rd__kernels *kernels, const rd_memory *file, uint8_t *sum) {
    rd__digest digest;
    rd__digest_init(&digest, 0);
    rd__digest_add(&digest, kernels, file->data, file->size);
    rd__digest_final(&digest, sum);
}

static void known_digests_are_met(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(known_digests); i++) {
        rd_memory file = sample(known_digests[i].size);
        for (size_t t = 0; t < table_count(); t++) {
            uint8_t sum[RD__BLAKE3_LEN];
            digest_whole(table_at(t), &file, sum);
            check_sum(sum, known_digests[i].digest, table_at(t)->name, file.size);
        }
        rd_memory_free(&file);
    }
}

static void chunks_far_into_a_file_have_their_known_sums(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(known_nodes); i++) {
        rd_memory bytes = sample(known_nodes[i].count * RD__BLAKE3_CHUNK);
        for (size_t t = 0; t < table_count(); t++) {
            const rd__blake3_nodes chunks = rd__blake3_chunks(bytes.data, RD__BLAKE3_CHUNK, known_nodes[i].start);
            uint8_t *const sums = bytes_new(known_nodes[i].count * RD__BLAKE3_LEN);
            table_at(t)->blake3_many(&chunks, known_nodes[i].count, sums);
            for (size_t count = known_nodes[i].count / 2; count > 0; count /= 2) {
                const rd__blake3_nodes parents = rd__blake3_parents(sums);
                table_at(t)->blake3_many(&parents, count, sums);
            }
            check_sum(sums, known_nodes[i].sum, table_at(t)->name, bytes.size);
            free(sums);
        }
        rd_memory_free(&bytes);
    }
}

/* For any number of nodes, so for any number of idle lanes; and none is written beyond them. */
static void all_kernels_make_the_same_sums(void **state) {
    (void)state;
    enum { MOST = 70 };
    random_source r = random_from(4);
    rd_memory file = bytes_random(&r, (size_t)MOST * RD__BLAKE3_CHUNK, 256);
    uint8_t expected[(MOST + 1) * RD__BLAKE3_LEN];
    uint8_t sums[(MOST + 1) * RD__BLAKE3_LEN];
    for (size_t count = 0; count <= MOST; count++) {
        const uint64_t number = ((uint64_t)1 << random_below(&r, 54)) - random_below(&r, 20);
        const rd__blake3_nodes nodes[] = {
            rd__blake3_chunks(file.data, RD__BLAKE3_CHUNK, number),
            rd__blake3_chunks(file.data, 0, number),
            rd__blake3_parents(file.data),
        };
        for (size_t i = 0; i < ITEMS(nodes); i++) {
            memset(expected, 0xaa, sizeof expected);
            rd__blake3_many_portable(&nodes[i], count, expected);
            for (size_t t = 0; t < table_count(); t++) {
                memset(sums, 0xaa, sizeof sums);
                table_at(t)->blake3_many(&nodes[i], count, sums);
                check_bytes(sums, sizeof sums, expected, sizeof expected, "%s, %zu nodes of kind %zu",
                            table_at(t)->name, count, i);
            }
        }
    }
    rd_memory_free(&file);
}

/* Of any length each, in one call; and none is written beyond them. */
static void all_kernels_make_the_same_sums_of_chunks_of_any_length(void **state) {
    (void)state;
    enum { MOST = 40, RUNS = 300 };
    random_source r = random_from(9);
    uint8_t expected[(MOST + 1) * RD__BLAKE3_LEN];
    uint8_t sums[(MOST + 1) * RD__BLAKE3_LEN];
    for (int run = 0; run < RUNS; run++) {
        const size_t count = random_below(&r, MOST + 1);
        rd_memory bytes[MOST];
        rd__blake3_message messages[MOST];
        for (size_t i = 0; i < count; i++) {
            const size_t size = run % 2 == 0
                                    ? random_below(&r, RD__BLAKE3_CHUNK + 1)
                                    : random_below(&r, RD__BLAKE3_CHUNK / RD__BLAKE3_BLOCK + 1) * RD__BLAKE3_BLOCK;
            bytes[i] = bytes_random(&r, size, 256);
            messages[i] = (rd__blake3_message){.data = bytes[i].data,
                                               .size = size,
                                               .number = random_u64(&r) >> random_below(&r, 64),
                                               .alone = random_below(&r, 3) == 0};
        }
        memset(expected, 0xaa, sizeof expected);
        rd__blake3_each_portable(messages, count, expected);
        for (size_t t = 0; t < table_count(); t++) {
            memset(sums, 0xaa, sizeof sums);
            table_at(t)->blake3_each(messages, count, sums);
            check_bytes(sums, sizeof sums, expected, sizeof expected, "%s, run %d, %zu messages", table_at(t)->name,
                        run, count);
        }
        for (size_t i = 0; i < count; i++)
            rd_memory_free(&bytes[i]);
    }
}

/* Small files together, in any order, have the digests that are known of each. */
static void files_that_share_lanes_have_their_known_digests(void **state) {
    (void)state;
    enum { MOST = 100, RUNS = 60 };
    random_source r = random_from(10);
    size_t small = 0; /* the known sizes grow */
    while (known_digests[small].size <= RD__DIGEST_SMALL)
        small++;
    assert_true(small > 20);
    for (int run = 0; run < RUNS; run++) {
        const size_t count = random_below(&r, MOST + 1);
        rd_memory bytes[MOST];
        rd__digest_file files[MOST];
        size_t known[MOST];
        uint8_t sums[MOST][RD__BLAKE3_LEN];
        for (size_t i = 0; i < count; i++) {
            known[i] = run == 0 ? small - 1 : random_below(&r, small);
            bytes[i] = sample(known_digests[known[i]].size);
            files[i] = (rd__digest_file){.data = bytes[i].data, .size = bytes[i].size, .digest = sums[i]};
        }
        for (size_t t = 0; t < table_count(); t++) {
            memset(sums, 0, sizeof sums);
            rd__digest_files(table_at(t), files, count);
            for (size_t i = 0; i < count; i++)
                check_sum(sums[i], known_digests[known[i]].digest, table_at(t)->name, bytes[i].size);
        }
        for (size_t i = 0; i < count; i++)
            rd_memory_free(&bytes[i]);
    }
}

/* The range of a file from one position to another, which bytes of several calls, or zeros, make. */
static void digest_range(random_source *r, const rd_memory *file, size_t from, size_t to, rd__digest *range) {
    const rd__kernels *const kernels = table_at(random_below(r, table_count()));
    const size_t chunks = (to - from) / RD__BLAKE3_CHUNK;
    const size_t first = random_below(r, 2) == 0 ? 0 : random_below(r, chunks + 1) * RD__BLAKE3_CHUNK;
    const size_t second = to - from - first;
    rd__digest_init(range, from / RD__BLAKE3_CHUNK);
    rd__digest_add(range, kernels, file->data + from, first);
    if (rd__is_zeros(file->data + from + first, second))
        rd__digest_add_zeros(range, kernels, second);
    else
        rd__digest_add(range, kernels, file->data + from + first, second);
}

enum { RANGES_MAX = 12 };

/* Cuts a file into ranges, and joins neighbours in any order until there is one. */
static void digest_in_ranges(random_source *r, const rd_memory *file, uint8_t *sum) {
    rd__digest ranges[RANGES_MAX];
    size_t count = 0;
    for (size_t at = 0; count == 0 || at < file->size;) {
        const size_t left = (file->size - at) / RD__BLAKE3_CHUNK;
        const bool last = count == RANGES_MAX - 1 || left == 0 || random_below(r, 5) == 0;
        const size_t end = last ? file->size : at + random_below(r, left + 1) * RD__BLAKE3_CHUNK;
        digest_range(r, file, at, end, &ranges[count++]);
        at = end;
        if (last)
            break;
    }
    while (count > 1) {
        const size_t left = random_below(r, count - 1);
        rd__digest_join(&ranges[left], &ranges[left + 1]);
        count--;
        memmove(&ranges[left + 1], &ranges[left + 2], (count - left - 1) * sizeof *ranges);
    }
    rd__digest_final(&ranges[0], sum);
}

/* A file with runs of zeros, some of them at its start or end. */
static rd_memory file_with_zeros(random_source *r, size_t most) {
    const size_t chunks = random_below(r, most + 1);
    const size_t rest = random_below(r, 3) == 0 ? 0 : random_below(r, RD__BLAKE3_CHUNK);
    rd_memory file = bytes_random(r, chunks * RD__BLAKE3_CHUNK + rest, 256);
    for (size_t runs = random_below(r, 4); runs > 0; runs--) {
        const size_t start = random_below(r, file.size + 1);
        memset(file.data + start, 0, random_below(r, file.size - start + 1));
    }
    return file;
}

static void ranges_can_be_joined_in_any_order(void **state) {
    (void)state;
    random_source r = random_from(1);
    for (int run = 0; run < 600; run++) {
        rd_memory file = file_with_zeros(&r, run % 3 == 0 ? 5 : run % 3 == 1 ? 40 : 1100);
        uint8_t whole[RD__BLAKE3_LEN];
        uint8_t sum[RD__BLAKE3_LEN];
        digest_whole(table_at(table_count() - 1), &file, whole);
        digest_in_ranges(&r, &file, sum);
        check_bytes(sum, sizeof sum, whole, sizeof whole, "run %d, %zu bytes", run, file.size);
        rd_memory_free(&file);
    }
}

/* What one thread has hashed of the next chunks, if it is whole chunks. */
static size_t join_next(rd__digester *digester, const rd_memory *file, size_t at, size_t size) {
    rd__digest range;
    const size_t whole = size / RD__BLAKE3_CHUNK * RD__BLAKE3_CHUNK;
    rd__digest_init(&range, at / RD__BLAKE3_CHUNK);
    rd__digest_add(&range, digester->kernels, file->data + at, whole);
    rd__digester_join(digester, &range);
    return whole;
}

static void portions_zeros_and_ranges_give_the_same_digest(void **state) {
    (void)state;
    static const size_t portions[] = {1, 64, 1000, 1024, 5000, 65536, 200000};
    random_source r = random_from(2);
    for (int run = 0; run < 400; run++) {
        rd_memory file = file_with_zeros(&r, run % 2 == 0 ? 10 : 600);
        const size_t most = file.size < 20000 ? portions[random_below(&r, ITEMS(portions))] : 200000;
        uint8_t whole[RD__BLAKE3_LEN];
        uint8_t sum[RD__BLAKE3_LEN];
        rd__digester digester;
        digest_whole(table_at(table_count() - 1), &file, whole);
        assert_true(rd__digester_init(&digester, table_at((size_t)run % table_count())));
        for (size_t at = 0; at < file.size;) {
            const size_t wanted = random_below(&r, most + 1);
            size_t size = wanted < file.size - at ? wanted : file.size - at;
            if (random_below(&r, 4) == 0 && at % RD__BLAKE3_CHUNK == 0)
                size = join_next(&digester, &file, at, size);
            else if (rd__is_zeros(file.data + at, size))
                rd__digester_take_zeros(&digester, size);
            else
                rd__digester_take(&digester, file.data + at, size);
            at += size;
        }
        assert_int_equal(digester.size, file.size);
        rd__digester_final(&digester, sum);
        rd__digester_free(&digester);
        check_bytes(sum, sizeof sum, whole, sizeof whole, "run %d, %zu bytes in portions of %zu", run, file.size, most);
        rd_memory_free(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests_are_met),
        cmocka_unit_test(chunks_far_into_a_file_have_their_known_sums),
        cmocka_unit_test(all_kernels_make_the_same_sums),
        cmocka_unit_test(all_kernels_make_the_same_sums_of_chunks_of_any_length),
        cmocka_unit_test(files_that_share_lanes_have_their_known_digests),
        cmocka_unit_test(ranges_can_be_joined_in_any_order),
        cmocka_unit_test(portions_zeros_and_ranges_give_the_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

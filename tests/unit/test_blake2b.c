/*
 * BLAKE2b-256 against digests from elsewhere. The table is what Python 3's hashlib gives:
 *
 *     for n in (0, 1, 63, ...): print(n, hashlib.blake2b(bytes(i % 251 for i in range(n)), digest_size=32).hexdigest())
 *
 * The rest holds the other forms, pieces and many at once, against the one that the table checks. Every table of
 * kernels that this machine can run is tested.
 */
#include "support.h"

#include "hash/blake2b.h"
#include "tables.h"

static const struct {
    size_t size;
    const char *digest;
} known[] = {
    {0, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
    {1, "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314"},
    {63, "29e41a64fbdd2fd27612228623c0702222bf367451e7324287f181cb3dcf7237"},
    {64, "10d8e6d534b00939843fe9dcc4dae48cdf008f6b8b2b82b156f5404d874887f5"},
    {127, "f2fe67ff342e21b8f45e8f2e0bcd1d9243245d50ee6c78042e9c491388791c72"},
    {128, "c3582f71ebb2be66fa5dd750f80baae97554f3b015663c8be377cfcb2488c1d1"},
    {129, "f7f3c46ba2564ff4c4c162da1f5b605f9f1c4aa6a20652a9f9a337c1a2f5b9c9"},
    {255, "d9ef0fc521b4266d16df662bec231bc2ec3989e7adeaf63169c295dc239dbbea"},
    {256, "582f782226018ec33076bd8d1c42413530ac7e1126260ffc0f306ba3befc3f24"},
    {257, "227e15ed64ee8e93eb7bc53828f76eed974f2c4ab1408c3d08f212b7f8d69904"},
    {1000, "b372d0608f720c8c3dd41e9c8eecb10143b41abe520b616607e754bf79c08331"},
    {4096, "11c294a11dc67e3ddb25f8c06cca2721e58d2a044243abea6c7063fd17d589e5"},
};

static void digest_of(const uint8_t *data, size_t size, uint8_t digest[RD__BLAKE2B_LEN]) {
    rd__blake2b state;
    rd__blake2b_init(&state, RD__BLAKE2B_ALONE);
    rd__blake2b_update(&state, data, size);
    rd__blake2b_final(&state, digest);
}

static void check_hex(const uint8_t *digest, const char *hex, size_t size) {
    char text[2 * RD__BLAKE2B_LEN + 1];
    for (size_t i = 0; i < RD__BLAKE2B_LEN; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    check_equal(strcmp(text, hex), 0, "size %zu: %s", size, text);
}

static void known_digests_are_met(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(known); i++) {
        rd_memory message = {.data = bytes_new(known[i].size), .size = known[i].size};
        uint8_t digest[RD__BLAKE2B_LEN];
        for (size_t j = 0; j < message.size; j++)
            message.data[j] = (uint8_t)(j % 251);
        digest_of(message.data, message.size, digest);
        check_hex(digest, known[i].digest, message.size);
        for (size_t t = 0; t < table_count(); t++) {
            table_at(t)->strong_many[RD_BLAKE2](message.data, message.size, 1, digest);
            check_hex(digest, known[i].digest, message.size);
        }
        rd_memory_free(&message);
    }
}

static void pieces_of_any_size_give_the_same_digest(void **state) {
    (void)state;
    for (size_t size = 0; size <= 400; size++) {
        rd_memory message = bytes_random(&(random_source){size}, size, 256);
        uint8_t whole[RD__BLAKE2B_LEN];
        digest_of(message.data, size, whole);
        for (size_t piece = 1; piece <= 260; piece++) {
            rd__blake2b state_;
            uint8_t digest[RD__BLAKE2B_LEN];
            rd__blake2b_init(&state_, RD__BLAKE2B_ALONE);
            for (size_t at = 0; at < size; at += piece)
                rd__blake2b_update(&state_, message.data + at, piece < size - at ? piece : size - at);
            rd__blake2b_update(&state_, message.data, 0);
            rd__blake2b_final(&state_, digest);
            check_bytes(digest, sizeof digest, whole, sizeof whole, "size %zu in pieces of %zu", size, piece);
        }
        rd_memory_free(&message);
    }
}

static void pieces_of_random_sizes_give_the_same_digest(void **state) {
    (void)state;
    random_source r = random_from(2);
    for (int run = 0; run < 500; run++) {
        rd_memory message = bytes_random(&r, random_below(&r, 5000), 256);
        rd__blake2b state_;
        uint8_t whole[RD__BLAKE2B_LEN];
        uint8_t digest[RD__BLAKE2B_LEN];
        digest_of(message.data, message.size, whole);
        rd__blake2b_init(&state_, RD__BLAKE2B_ALONE);
        for (size_t at = 0; at < message.size;) {
            const size_t wanted = random_below(&r, 400);
            const size_t piece = wanted < message.size - at ? wanted : message.size - at;
            rd__blake2b_update(&state_, message.data + at, piece);
            at += piece;
        }
        rd__blake2b_final(&state_, digest);
        check_bytes(digest, sizeof digest, whole, sizeof whole, "run %d size %zu", run, message.size);
        rd_memory_free(&message);
    }
}

/* The digests of `count` messages, which lie `shift` bytes into an allocation that ends with them. */
static void check_many(const rd__kernels *table, size_t length, size_t count, size_t shift) {
    rd_memory data = bytes_random(&(random_source){length}, shift + length * count, 256);
    uint8_t *const digests = bytes_new(count * RD__BLAKE2B_LEN);
    table->strong_many[RD_BLAKE2](data.data + shift, length, count, digests);
    for (size_t i = 0; i < count; i++) {
        uint8_t digest[RD__BLAKE2B_LEN];
        digest_of(data.data + shift + i * length, length, digest);
        check_bytes(digests + i * RD__BLAKE2B_LEN, sizeof digest, digest, sizeof digest,
                    "%s: %zu of %zu bytes, %zu in, at %zu", table->name, count, length, shift, i);
    }
    free(digests);
    rd_memory_free(&data);
}

static void many_at_once_are_the_same_as_one_by_one(void **state) {
    (void)state;
    for (size_t t = 0; t < table_count(); t++) {
        for (size_t length = 0; length <= 300; length++) {
            for (size_t count = 0; count <= 17; count++)
                check_many(table_at(t), length, count, 1 + (length + count) % 31);
        }
        check_many(table_at(t), 2048, 40, 1);
        check_many(table_at(t), 65536, 9, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests_are_met),
        cmocka_unit_test(pieces_of_any_size_give_the_same_digest),
        cmocka_unit_test(pieces_of_random_sizes_give_the_same_digest),
        cmocka_unit_test(many_at_once_are_the_same_as_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

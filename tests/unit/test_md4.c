/*
 * MD4 against the vectors of RFC 1320, appendix A.5. The rest holds the other forms, pieces and many at once, against
 * the one that the vectors check. Every table of kernels that this
 * machine can run is tested.
 */
#include "support.h"

#include "hash/md4.h"
#include "tables.h"

static const struct {
    const char *message;
    const char *digest;
} known[] = {
    {"", "31d6cfe0d16ae931b73c59d7e0c089c0"},
    {"a", "bde52cb31de33e46245e05fbdbd6fb24"},
    {"abc", "a448017aaf21d8525fc10ae87aa6729d"},
    {"message digest", "d9130a8164549fe818874806e1c7014b"},
    {"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "e33b4ddc9c38f2199c3e7b164fcc0536"},
};

static void digest_of(const uint8_t *data, size_t size, uint8_t digest[RD__MD4_LEN]) {
    rd__md4 state;
    rd__md4_init(&state);
    rd__md4_update(&state, data, size);
    rd__md4_final(&state, digest);
}

static void check_hex(const uint8_t *digest, const char *hex, size_t size) {
    char text[2 * RD__MD4_LEN + 1];
    for (size_t i = 0; i < RD__MD4_LEN; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    check_equal(strcmp(text, hex), 0, "size %zu: %s", size, text);
}

static void vectors_of_rfc_1320_are_met(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(known); i++) {
        rd_memory message = bytes_copy(known[i].message, strlen(known[i].message));
        uint8_t digest[RD__MD4_LEN];
        digest_of(message.data, message.size, digest);
        check_hex(digest, known[i].digest, message.size);
        for (size_t t = 0; t < table_count(); t++) {
            table_at(t)->strong_many[RD_MD4](message.data, message.size, 1, digest);
            check_hex(digest, known[i].digest, message.size);
        }
        rd_memory_free(&message);
    }
}

static void pieces_of_any_size_give_the_same_digest(void **state) {
    (void)state;
    for (size_t size = 0; size <= 300; size++) {
        rd_memory message = bytes_random(&(random_source){size}, size, 256);
        uint8_t whole[RD__MD4_LEN];
        digest_of(message.data, size, whole);
        for (size_t piece = 1; piece <= 140; piece++) {
            rd__md4 state_;
            uint8_t digest[RD__MD4_LEN];
            rd__md4_init(&state_);
            for (size_t at = 0; at < size; at += piece)
                rd__md4_update(&state_, message.data + at, piece < size - at ? piece : size - at);
            rd__md4_update(&state_, message.data, 0);
            rd__md4_final(&state_, digest);
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
        rd__md4 state_;
        uint8_t whole[RD__MD4_LEN];
        uint8_t digest[RD__MD4_LEN];
        digest_of(message.data, message.size, whole);
        rd__md4_init(&state_);
        for (size_t at = 0; at < message.size;) {
            const size_t wanted = random_below(&r, 400);
            const size_t piece = wanted < message.size - at ? wanted : message.size - at;
            rd__md4_update(&state_, message.data + at, piece);
            at += piece;
        }
        rd__md4_final(&state_, digest);
        check_bytes(digest, sizeof digest, whole, sizeof whole, "run %d size %zu", run, message.size);
        rd_memory_free(&message);
    }
}

/* The digests of `count` messages, which lie `shift` bytes into an allocation that ends with them. */
static void check_many(const rd__kernels *table, size_t length, size_t count, size_t shift) {
    rd_memory data = bytes_random(&(random_source){length}, shift + length * count, 256);
    uint8_t *const digests = bytes_new(count * RD__MD4_LEN);
    table->strong_many[RD_MD4](data.data + shift, length, count, digests);
    for (size_t i = 0; i < count; i++) {
        uint8_t digest[RD__MD4_LEN];
        digest_of(data.data + shift + i * length, length, digest);
        check_bytes(digests + i * RD__MD4_LEN, sizeof digest, digest, sizeof digest,
                    "%s: %zu of %zu bytes, %zu in, at %zu", table->name, count, length, shift, i);
    }
    free(digests);
    rd_memory_free(&data);
}

static void many_at_once_are_the_same_as_one_by_one(void **state) {
    (void)state;
    for (size_t t = 0; t < table_count(); t++) {
        for (size_t length = 0; length <= 200; length++) {
            for (size_t count = 0; count <= 17; count++)
                check_many(table_at(t), length, count, 1 + (length + count) % 31);
        }
        check_many(table_at(t), 2048, 40, 1);
        check_many(table_at(t), 65536, 9, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_1320_are_met),
        cmocka_unit_test(pieces_of_any_size_give_the_same_digest),
        cmocka_unit_test(pieces_of_random_sizes_give_the_same_digest),
        cmocka_unit_test(many_at_once_are_the_same_as_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

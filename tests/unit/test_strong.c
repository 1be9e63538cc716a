/*
 * The strong sums: MD4 against the vectors of RFC 1320, appendix A.5; BLAKE2b-256 against what Python 3's hashlib
 * gives:
 *
 *     for n in (0, 1, 63, ...): print(n, hashlib.blake2b(bytes(i % 251 for i in range(n)), digest_size=32).hexdigest())
 *
 * The rest compares the other forms of both, in chunks and many at once, with the one that these check. Every table of
 * kernels that this machine can run is tested.
 */
#include "support.h"

#include "hash/blake2b.h"
#include "hash/md4.h"
#include "tables.h"

typedef union strong_state {
    rd__md4 md4;
    rd__blake2b blake2b;
} strong_state;

/* A strong sum, as its users see it. */
typedef struct strong_hash {
    const char *name;
    rd_strong kind;
    size_t length; /* of a sum */
    void (*init)(strong_state *state);
    void (*update)(strong_state *state, const uint8_t *data, size_t size);
    void (*final)(strong_state *state, uint8_t *digest);
} strong_hash;

static void md4_init(strong_state *state) {
    rd__md4_init(&state->md4);
}

static void md4_update(strong_state *state, const uint8_t *data, size_t size) {
    rd__md4_update(&state->md4, data, size);
}

static void md4_final(strong_state *state, uint8_t *digest) {
    rd__md4_final(&state->md4, digest);
}

static void blake2b_init(strong_state *state) {
    rd__blake2b_init(&state->blake2b);
}

static void blake2b_update(strong_state *state, const uint8_t *data, size_t size) {
    rd__blake2b_update(&state->blake2b, data, size);
}

static void blake2b_final(strong_state *state, uint8_t *digest) {
    rd__blake2b_final(&state->blake2b, digest);
}

static const strong_hash md4 = {"MD4", RD_MD4, RD__MD4_LEN, md4_init, md4_update, md4_final};
static const strong_hash blake2b = {"BLAKE2b", RD_BLAKE2, RD__BLAKE2B_LEN, blake2b_init, blake2b_update, blake2b_final};
static const strong_hash *const hashes[] = {&md4, &blake2b};

enum { DIGEST_MAX = RD__BLAKE2B_LEN };

static void digest_of(const strong_hash *hash, const uint8_t *data, size_t size, uint8_t *digest) {
    strong_state state;
    hash->init(&state);
    hash->update(&state, data, size);
    hash->final(&state, digest);
}

/* ---- Known digests ----------------------------------------------------------------------------------------------- */

static void check_hex(const strong_hash *hash, const uint8_t *digest, const char *hex, size_t size) {
    char text[2 * DIGEST_MAX + 1];
    for (size_t i = 0; i < hash->length; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    check_equal(strcmp(text, hex), 0, "%s, size %zu: %s", hash->name, size, text);
}

/* In chunks, and with every table of kernels. */
static void check_known(const strong_hash *hash, const rd_memory *message, const char *hex) {
    uint8_t digest[DIGEST_MAX];
    digest_of(hash, message->data, message->size, digest);
    check_hex(hash, digest, hex, message->size);
    for (size_t t = 0; t < table_count(); t++) {
        table_at(t)->strong_many[hash->kind](message->data, message->size, 1, digest);
        check_hex(hash, digest, hex, message->size);
    }
}

static const struct {
    const char *message;
    const char *digest;
} of_rfc_1320[] = {
    {"", "31d6cfe0d16ae931b73c59d7e0c089c0"},
    {"a", "bde52cb31de33e46245e05fbdbd6fb24"},
    {"abc", "a448017aaf21d8525fc10ae87aa6729d"},
    {"message digest", "d9130a8164549fe818874806e1c7014b"},
    {"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "043f8582f241db351ce627e153e7f0e4"},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "e33b4ddc9c38f2199c3e7b164fcc0536"},
};

static void vectors_of_rfc_1320_are_met(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(of_rfc_1320); i++) {
        rd_memory message = bytes_copy(of_rfc_1320[i].message, strlen(of_rfc_1320[i].message));
        check_known(&md4, &message, of_rfc_1320[i].digest);
        rd_memory_free(&message);
    }
}

static const struct {
    size_t size;
    const char *digest;
} of_hashlib[] = {
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

static void digests_of_hashlib_are_met(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(of_hashlib); i++) {
        rd_memory message = {.data = bytes_new(of_hashlib[i].size), .size = of_hashlib[i].size};
        for (size_t j = 0; j < message.size; j++)
            message.data[j] = (uint8_t)(j % 251);
        check_known(&blake2b, &message, of_hashlib[i].digest);
        rd_memory_free(&message);
    }
}

/* ---- Other forms ------------------------------------------------------------------------------------------------- */

/* The digest of a message in chunks of one size, and an empty chunk. */
static void check_pieces(const strong_hash *hash, const rd_memory *message, size_t piece, const uint8_t *whole) {
    strong_state state;
    uint8_t digest[DIGEST_MAX];
    hash->init(&state);
    for (size_t at = 0; at < message->size; at += piece)
        hash->update(&state, message->data + at, piece < message->size - at ? piece : message->size - at);
    hash->update(&state, message->data, 0);
    hash->final(&state, digest);
    check_bytes(digest, hash->length, whole, hash->length, "%s, size %zu in pieces of %zu", hash->name, message->size,
                piece);
}

/* Up to some more than three blocks of the hash. */
static void pieces_of_any_size_give_the_same_digest(void **state) {
    (void)state;
    for (size_t h = 0; h < ITEMS(hashes); h++) {
        for (size_t size = 0; size <= 400; size++) {
            rd_memory message = bytes_random(&(random_source){size}, size, 256);
            uint8_t whole[DIGEST_MAX];
            digest_of(hashes[h], message.data, size, whole);
            for (size_t piece = 1; piece <= 260; piece++)
                check_pieces(hashes[h], &message, piece, whole);
            rd_memory_free(&message);
        }
    }
}

static void check_random_pieces(const strong_hash *hash, random_source *r) {
    rd_memory message = bytes_random(r, random_below(r, 5000), 256);
    strong_state state;
    uint8_t whole[DIGEST_MAX];
    uint8_t digest[DIGEST_MAX];
    digest_of(hash, message.data, message.size, whole);
    hash->init(&state);
    for (size_t at = 0; at < message.size;) {
        const size_t wanted = random_below(r, 400);
        const size_t piece = wanted < message.size - at ? wanted : message.size - at;
        hash->update(&state, message.data + at, piece);
        at += piece;
    }
    hash->final(&state, digest);
    check_bytes(digest, hash->length, whole, hash->length, "%s, size %zu", hash->name, message.size);
    rd_memory_free(&message);
}

static void pieces_of_random_sizes_give_the_same_digest(void **state) {
    (void)state;
    random_source r = random_from(2);
    for (size_t h = 0; h < ITEMS(hashes); h++) {
        for (int run = 0; run < 500; run++)
            check_random_pieces(hashes[h], &r);
    }
}

/* The digests of `count` messages, which lie `shift` bytes into an allocation that ends with them. */
static void check_many(const strong_hash *hash, const rd__kernels *table, size_t length, size_t count, size_t shift) {
    rd_memory data = bytes_random(&(random_source){length}, shift + length * count, 256);
    uint8_t *const digests = bytes_new(count * hash->length);
    table->strong_many[hash->kind](data.data + shift, length, count, digests);
    for (size_t i = 0; i < count; i++) {
        uint8_t digest[DIGEST_MAX];
        digest_of(hash, data.data + shift + i * length, length, digest);
        check_bytes(digests + i * hash->length, hash->length, digest, hash->length,
                    "%s, %s: %zu of %zu bytes, %zu in, at %zu", hash->name, table->name, count, length, shift, i);
    }
    free(digests);
    rd_memory_free(&data);
}

static void check_all_counts(const strong_hash *hash, const rd__kernels *table) {
    for (size_t length = 0; length <= 300; length++) {
        for (size_t count = 0; count <= 17; count++)
            check_many(hash, table, length, count, 1 + (length + count) % 31);
    }
    check_many(hash, table, 2048, 40, 1);
    check_many(hash, table, 65536, 9, 1);
}

static void many_at_once_are_the_same_as_one_by_one(void **state) {
    (void)state;
    for (size_t h = 0; h < ITEMS(hashes); h++) {
        for (size_t t = 0; t < table_count(); t++)
            check_all_counts(hashes[h], table_at(t));
    }
}

/* Of any length each, in one call; and none is written beyond them. */
static void check_each(const strong_hash *hash, const rd__kernels *table, size_t count, random_source *r) {
    enum { MOST = 20 };
    rd_memory bytes[MOST];
    rd__message messages[MOST];
    uint8_t digests[(MOST + 1) * DIGEST_MAX];
    assert_true(count <= MOST);
    const bool in_blocks = random_below(r, 2) == 0;
    for (size_t i = 0; i < count; i++) {
        bytes[i] = bytes_random(r, in_blocks ? 128 * random_below(r, 6) : random_below(r, 600), 256);
        messages[i] = (rd__message){.data = bytes[i].data, .size = bytes[i].size};
    }
    memset(digests, 0xaa, sizeof digests);
    table->strong_each[hash->kind](messages, count, digests);
    for (size_t i = 0; i < count; i++) {
        uint8_t digest[DIGEST_MAX];
        digest_of(hash, bytes[i].data, bytes[i].size, digest);
        check_bytes(digests + i * hash->length, hash->length, digest, hash->length, "%s, %s: %zu of %zu, %zu bytes",
                    hash->name, table->name, i, count, bytes[i].size);
        rd_memory_free(&bytes[i]);
    }
    for (size_t i = count * hash->length; i < sizeof digests; i++)
        check_equal(digests[i], 0xaa, "%s, %s: %zu messages", hash->name, table->name, count);
}

static void each_of_any_length_is_the_same_as_one_by_one(void **state) {
    (void)state;
    random_source r = random_from(11);
    for (size_t h = 0; h < ITEMS(hashes); h++) {
        for (size_t t = 0; t < table_count(); t++) {
            for (size_t run = 0; run < 400; run++)
                check_each(hashes[h], table_at(t), run % 21, &r);
        }
    }
}

/* Messages that are taken chunk by chunk, all at once, and the rest of each alone. */
static void check_advance(const strong_hash *hash, const rd__kernels *table, size_t count, random_source *r) {
    enum { CHUNK = 1024, TAIL_MAX = 200 };
    const uint8_t *at[17];
    const size_t length = CHUNK * random_below(r, 4) + 128 * random_below(r, 8);
    const size_t tail = 1 + random_below(r, TAIL_MAX);
    rd_memory data = bytes_random(r, count * (length + tail), 256);
    rd__strong sums[17];
    assert_true(count <= ITEMS(sums));
    for (size_t i = 0; i < count; i++)
        rd__strong_init(&sums[i], hash->kind);
    /* Some are a chunk ahead, by themselves. */
    for (size_t i = 0; i < count; i++) {
        at[i] = data.data + i * (length + tail);
        if (length > CHUNK && random_below(r, 2) == 0) {
            table->strong_advance[hash->kind](&sums[i], &at[i], CHUNK, 1);
            at[i] += CHUNK;
        }
    }
    const size_t shared = length > CHUNK ? length - CHUNK : length;
    table->strong_advance[hash->kind](sums, at, shared, count);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *const message = data.data + i * (length + tail);
        uint8_t sum[DIGEST_MAX];
        uint8_t digest[DIGEST_MAX];
        rd__strong_update(&sums[i], at[i] + shared, (size_t)(message + length + tail - (at[i] + shared)));
        rd__strong_final(&sums[i], sum);
        digest_of(hash, message, length + tail, digest);
        check_bytes(sum, hash->length, digest, hash->length, "%s, %s: %zu of %zu and %zu bytes, at %zu", hash->name,
                    table->name, count, length, tail, i);
    }
    rd_memory_free(&data);
}

static void long_messages_side_by_side_are_the_same_as_one_by_one(void **state) {
    (void)state;
    random_source r = random_from(3);
    for (size_t h = 0; h < ITEMS(hashes); h++) {
        for (size_t t = 0; t < table_count(); t++) {
            for (size_t run = 0; run < 200; run++)
                check_advance(hashes[h], table_at(t), run % 18, &r);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_1320_are_met),
        cmocka_unit_test(digests_of_hashlib_are_met),
        cmocka_unit_test(pieces_of_any_size_give_the_same_digest),
        cmocka_unit_test(pieces_of_random_sizes_give_the_same_digest),
        cmocka_unit_test(many_at_once_are_the_same_as_one_by_one),
        cmocka_unit_test(each_of_any_length_is_the_same_as_one_by_one),
        cmocka_unit_test(long_messages_side_by_side_are_the_same_as_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

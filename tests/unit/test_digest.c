/*
 * The digest of a new file against digests from elsewhere. The table is what Python 3's hashlib gives:
 *
 *     p = dict(digest_size=32, fanout=0, depth=2, leaf_size=65536, inner_size=32)
 *     root = hashlib.blake2b(node_depth=1, last_node=True, **p)
 *     for i, leaf in enumerate(leaves):
 *         root.update(hashlib.blake2b(leaf, node_offset=i, last_node=i == len(leaves) - 1, **p).digest())
 *
 * with the leaves of bytes(i % 251 for i in range(n)). The rest holds the other forms against the one that it checks.
 */
#include "support.h"

#include "hash/digest.h"
#include "tables.h"

static const struct {
    size_t size;
    const char *digest;
} known[] = {
    {0, "85cc758ea88c484ffe3539c993affd1ac2457962cdac89e98e30be34a98e6e63"},
    {1, "b5cb7291e5c5fe5defcd7fa9dbba0e165df6c46216a7cc493242682fe630ed65"},
    {127, "1f3673c828939c8c425d44b27cc5bca21eec102fa899f7ec070a64f028fdd88c"},
    {65535, "faf0a0a565925eacad2767c399df2b5ef0dbf2ed287431b75c185844eb3479d3"},
    {65536, "37022970fe3cee01eb83a3a2686b9f9c3b3d3a1e3348bf0edf490b0b3fc2156d"},
    {65537, "6785be60d726614d270dc2d0804874888f291dd77becd086b49d1280ed6e098f"},
    {131072, "7b19c099b9c429b1f78c58fe7f479799aa31c88f37c42e0b32f0db57ca88949f"},
    {131073, "6d8bc135303ccce9bac9e56611f84d6c98d0bd1dbd8058616be4b0c5a790e88e"},
    {524288, "0d384cdd02138abb3db40dbce5a06ced00a9f20e1cc45762971bdd54ff4b49b8"},
    {524289, "1e3df9cb32e5bd155bc5bdc4cc8af821f6605e8a99b3a7045a4060d0cee84398"},
    {589824, "b194ee6aa5e884217356d798bb96c6a714cb79df92232a18182d6b403848c59d"},
    {1114117, "5cd3ce6b7e4d5417500ff05f8f289a0505767472be5afe1a51222b5adcfb29d1"},
};

/* The digest by way of rd__digest_leaves, in pieces of `leaves` leaves. */
static void digest_in_pieces(const rd__kernels *kernels, const rd_memory *file, size_t leaves, uint8_t *sum) {
    const size_t piece = leaves * RD__LEAF_LEN;
    uint8_t *const digests = bytes_new((leaves + 1) * RD__BLAKE2B_LEN);
    rd__digest digest;
    rd__digest_init(&digest);
    for (size_t at = 0;; at += piece) {
        const bool ends = file->size - at <= piece;
        const size_t size = ends ? file->size - at : piece;
        rd__digest_add(&digest, digests,
                       rd__digest_leaves(kernels, file->data + at, size, at / RD__LEAF_LEN, ends, digests));
        if (ends)
            break;
    }
    rd__digest_final(&digest, sum);
    free(digests);
}

static void digest_in_portions(const rd__kernels *kernels, const rd_memory *file, random_source *r, size_t most,
                               uint8_t *sum) {
    rd__digester digester;
    assert_true(rd__digester_init(&digester, kernels));
    for (size_t at = 0; at < file->size;) {
        const size_t wanted = random_below(r, most + 1);
        const size_t size = wanted < file->size - at ? wanted : file->size - at;
        rd__digester_take(&digester, file->data + at, size);
        at += size;
    }
    assert_int_equal(digester.size, file->size);
    rd__digester_final(&digester, sum);
    rd__digester_free(&digester);
}

static void known_digests_are_met(void **state) {
    (void)state;
    for (size_t i = 0; i < ITEMS(known); i++) {
        rd_memory file = {.data = bytes_new(known[i].size), .size = known[i].size};
        for (size_t j = 0; j < file.size; j++)
            file.data[j] = (uint8_t)(j % 251);
        for (size_t t = 0; t < table_count(); t++) {
            uint8_t sum[RD__BLAKE2B_LEN];
            char text[2 * RD__BLAKE2B_LEN + 1];
            digest_in_pieces(table_at(t), &file, 64, sum);
            for (size_t j = 0; j < sizeof sum; j++)
                (void)snprintf(text + 2 * j, 3, "%02x", sum[j]);
            check_equal(strcmp(text, known[i].digest), 0, "%s, size %zu: %s", table_at(t)->name, file.size, text);
        }
        rd_memory_free(&file);
    }
}

static void pieces_and_portions_give_the_same_digest(void **state) {
    (void)state;
    static const size_t pieces[] = {1, 2, 3, 8, 9, 16};
    static const size_t portions[] = {1000, 65536, 65537, 1000000};
    random_source r = random_from(1);
    for (int run = 0; run < 30; run++) {
        const size_t edge = random_below(&r, 20) * RD__LEAF_LEN;
        rd_memory file = bytes_random(&r, edge + (run % 3 == 0 ? 0 : random_below(&r, RD__LEAF_LEN)), 256);
        const rd__kernels *const kernels = table_at((size_t)run % table_count());
        uint8_t whole[RD__BLAKE2B_LEN];
        uint8_t sum[RD__BLAKE2B_LEN];
        digest_in_pieces(table_at(table_count() - 1), &file, 64, whole);
        for (size_t i = 0; i < ITEMS(pieces); i++) {
            digest_in_pieces(kernels, &file, pieces[i], sum);
            check_bytes(sum, sizeof sum, whole, sizeof whole, "%zu bytes, pieces of %zu", file.size, pieces[i]);
        }
        for (size_t i = 0; i < ITEMS(portions); i++) {
            digest_in_portions(kernels, &file, &r, portions[i], sum);
            check_bytes(sum, sizeof sum, whole, sizeof whole, "%zu bytes, portions %zu", file.size, portions[i]);
        }
        rd_memory_free(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests_are_met),
        cmocka_unit_test(pieces_and_portions_give_the_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Digests of new files, made by Python 3's hashlib:
 *
 *     p = dict(digest_size=32, fanout=0, depth=2, leaf_size=65536, inner_size=32)
 *     root = hashlib.blake2b(node_depth=1, last_node=True, **p)
 *     for i, leaf in enumerate(leaves):
 *         root.update(hashlib.blake2b(leaf, node_offset=i, last_node=i == len(leaves) - 1, **p).digest())
 *
 * with the leaves of bytes(i % 251 for i in range(n)).
 */
#ifndef RD_TESTS_KNOWN_DIGESTS_H
#define RD_TESTS_KNOWN_DIGESTS_H

#include <stddef.h>

static const struct {
    size_t size;
    const char *digest;
} known_digests[] = {
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

#endif

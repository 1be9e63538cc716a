/*
 * Digests of new files, made by Python 3's hashlib:
 *
 *     p = dict(digest_size=32, fanout=0, depth=2, leaf_size=65536, inner_size=32)
 *     root = hashlib.blake2b(node_depth=1, last_node=True, **p)
 *     for i, leaf in enumerate(leaves):
 *         root.update(hashlib.blake2b(leaf, last_node=i == len(leaves) - 1, **p).digest())
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
    {65537, "c78be9e468e406dcfe2e16c9563b7fad2831cd6821e730c735a2ce5b9b2e293a"},
    {131072, "d2e4ee137ed2a507c269f3d0d8b07cbbb3a9638064cfe9910a1ea97a0926f530"},
    {131073, "567ad446060487dd7eb63aad37243d7e99fb7e073b06e5f07365a5757c4b0c33"},
    {524288, "e94e2fe4b23b461a7c43280b5168a08f22e7751086bb2ac61aee300b2bd4eb7b"},
    {524289, "bd08799cf84b17a61d854b23f09abc1ee3c9bc48654e2512e1f7ab69beaab355"},
    {589824, "61d0e601bdf6019dbfd336d0fb6b22069cb152efd3317d4f8baeee3f24579b45"},
    {1114117, "90826cf12f56251b39bc98ff5330d065a4eb2b679bd32afe9a18e4ac8a5ad61f"},
};

#endif

/*
 * Digests of new files, made by Python 3's hashlib:
 *
 *     p = dict(digest_size=32, fanout=0, depth=3, leaf_size=65536, inner_size=32)
 *     def node(data, depth, last): return hashlib.blake2b(data, node_depth=depth, last_node=last, **p).digest()
 *     sums = [node(leaf, 0, i == len(leaves) - 1) for i, leaf in enumerate(leaves)]
 *     branches = [sums[i:i + 256] for i in range(0, len(sums), 256)]
 *     sums = [node(b"".join(b), 1, i == len(branches) - 1) for i, b in enumerate(branches)]
 *     digest = node(b"".join(sums), 2, True)
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
    {0, "759a410ae4ecbc9b9b759b4cb262195d9f5c4a9ac69863c2dac2c0f0b7795734"},
    {1, "3fce6b0e659d587d605b0f22c2bfc350c6e61041a4be7a2ca8b8f84a5c6f28b9"},
    {127, "be4ddadcdf609aa857883deb3fe5fff391fd91f6e0540f8b5b83c57596fd8a72"},
    {65535, "0c2329c2e2eedb6de3f71cdfec1c3d215c2c48c38de81876c966b8c40c6b5aec"},
    {65536, "2b2e9a1335f71fae50c2374c602dd33a6de8057ad0781d7aab41cb3199c378de"},
    {65537, "4e8aa6b9cccc9287ee3074ddeaaa6c81319be1cd9f3952c7f489f8d6e5dee8db"},
    {131072, "86c6766fbb46ed40ac72341fb3249662228c0125ee2df9382faa650dff9f493c"},
    {131073, "5cc00ea43f72bb02ba10f73add8600775e12da6bec1763939995dc90ecc791ce"},
    {524288, "1676b0dfeead5f865c755b40dc59e8d42ca870160d8301094ca488b504221e01"},
    {524289, "8d618bb4aa689890de0a75cdfb5d1864461d772b21c0038421d2ac6d93316f06"},
    {589824, "e5d8040887b6bb1694e23dc8a11275aec544f13d370b5214750c145b20a2d32e"},
    {1114117, "c86f7ae2336c7cb0f7a1a3b7e35b539ff20371e4f747aad0489e20d53f05921b"},
    {16777216, "986c3f94960910f3ba74826108136775213ec2c951ed8cf9a18b1a4a462aca5c"},
    {16777217, "31754176c93fa833c45c757cac286fdff2b04001055670056859500e31f5c03c"},
};

#endif

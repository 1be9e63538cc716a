/*
 * Facts about BLAKE3, of the bytes i % 251 for i from 0, the input of the test vectors that its authors publish.
 *
 * The digests are those that b3sum 1.2.0 prints. The sums of whole ranges of chunks that are not at the start of a file
 * were made by the crate blake3 1.8: hazmat::HasherExt::set_input_offset, and finalize_non_root.
 */
#ifndef RD_TESTS_KNOWN_DIGESTS_H
#define RD_TESTS_KNOWN_DIGESTS_H

#include <stddef.h>
#include <stdint.h>

static const struct {
    size_t size;
    const char *digest;
} known_digests[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
    {2, "7b7015bb92cf0b318037702a6cdd81dee41224f734684c2c122cd6359cb1ee63"},
    {3, "e1be4d7a8ab5560aa4199eea339849ba8e293d55ca0a81006726d184519e647f"},
    {63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b"},
    {64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
    {65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee"},
    {127, "d81293fda863f008c09e92fc382a81f5a0b4a1251cba1634016a0f86a6bd640d"},
    {128, "f17e570564b26578c33bb7f44643f539624b05df1a76c81f30acd548c44b45ef"},
    {129, "683aaae9f3c5ba37eaaf072aed0f9e30bac0865137bae68b1fde4ca2aebdcb12"},
    {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
    {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
    {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
    {3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"},
    {3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
    {4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"},
    {4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995"},
    {5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833"},
    {5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"},
    {8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"},
    {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
    {16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"},
    {16385, "1dabe216be2578830263b049de1639f39f05a4da616b9b78c7a5e4e41662fd1f"},
    {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
    {65535, "de7d0f4c044c56f56e0c5f7ab247be9491c4520e8688f0f0d25406f46fdfbd03"},
    {65536, "68d647e619a930e7b1082f74f334b0c65a315725569bdc123f0ee11881717bfe"},
    {65537, "7c99f9840a73dfcb6e5bfe4ff6d1558acab7e015640790c26411818bdbe17eca"},
    {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
    {262143, "4fbb10c248894f1b56ec8298555b96e597147150a061b1cf1af19f16dbc0557b"},
    {262144, "d57dc906e20d3fd326ffaa85535500486f46a0979f5a323f028dcabfd381fd4a"},
    {262145, "531c319935cf78f34869faebd865e5748266b1799039103bfb851a680d9ed30c"},
    {1048576, "74cb441fd087764ca9c3694da742ebe30cbeb3060a17009ca81825c7a8d10343"},
    {1048577, "2f053cd7472cf0cd2f9adaf45c1180255b91b9a865404a63671a0ee5f792ed33"},
    {1114117, "88f2660d0d4de2cb31dad8d19272968da37c6d49f03e0ae1f894de5b6d349933"},
    {16777216, "869b1292c8bed5bdb2e0075e0c50ccf8b24b33a0f81071c86206bd8fdb269579"},
    {16777217, "3a734b24df8a7d6c13f0a980f06b74c9ffe3ea327dd5a23a3a108533c18684ff"},
};

/* The node over `count` chunks, a power of two, from chunk `start` on, a multiple of it. */
static const struct {
    uint64_t start;
    size_t count;
    const char *sum;
} known_nodes[] = {
    {0xfffffff0u, 16, "d7fc7f1a0eaab9107d16ddfac1dcfc33bbf2133912810e661f91dd9833f38801"},
    {0xffffffffu, 1, "f591d6ad7d26e6ea7ca43fd710aba0759f70359dc28d96ba72e43cd8ac493ff2"},
    {0x100000000u, 32, "28f1b99d4e37de5285ad3d902dbe8a96ea882c6f7686a7742155217c12d16dbe"},
    {0xffffffc0u, 64, "91c7dec869c32b9d8ffc15e87e6d9d0bc34352025def08da65cc585f92a63118"},
    {0x20000000000040u, 64, "35c7bcbbb5cc1fa7b7dee40bf2ea37bd5c8e2e5d1f85135770a0af002dd332e5"},
};

#endif

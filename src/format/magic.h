/* The first four bytes of each kind of file, and of the trailer of a delta and the parts of it, big-endian. */
#ifndef RD_FORMAT_MAGIC_H
#define RD_FORMAT_MAGIC_H

enum {
    RD__MAGIC_ROLLSUM_MD4 = 0x72730136,
    RD__MAGIC_ROLLSUM_BLAKE2 = 0x72730137,
    RD__MAGIC_RABINKARP_MD4 = 0x72730146,
    RD__MAGIC_RABINKARP_BLAKE2 = 0x72730147,
    RD__MAGIC_DELTA = 0x72730236,
    RD__MAGIC_DENSE = 0x72730336,
    RD__MAGIC_TRAILER = 0x72730256,
    RD__MAGIC_DIGEST_PART = 0x72730444,
    RD__MAGIC_DELTA_PART = 0x72730450,
    RD__MAGIC_LEN = 4
};

#endif

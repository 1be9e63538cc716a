/* See signature.h. Pure functions over memory. */
#include "format/signature.h"

#include "base/bytes.h"
#include "base/result.h"
#include "format/identify.h"
#include "format/magic.h"
#include "hash/sums.h"

static const uint32_t magics[2][2] = {
    [RD_RABINKARP] = {[RD_BLAKE2] = RD__MAGIC_RABINKARP_BLAKE2, [RD_MD4] = RD__MAGIC_RABINKARP_MD4},
    [RD_ROLLSUM] = {[RD_BLAKE2] = RD__MAGIC_ROLLSUM_BLAKE2, [RD_MD4] = RD__MAGIC_ROLLSUM_MD4},
};

size_t rd__entry_size(const rd_params *params) {
    return RD_WEAK_LEN + (size_t)params->strong_len;
}

uint64_t rd_block_count(const rd_params *params, uint64_t basis_size) {
    return basis_size / params->block_len + (basis_size % params->block_len > 0);
}

uint64_t rd_signature_size(const rd_params *params, uint64_t blocks) {
    return RD_SIGNATURE_HEADER_LEN + blocks * rd__entry_size(params);
}

void rd__signature_put_header(uint8_t header[RD_SIGNATURE_HEADER_LEN], const rd_params *params) {
    rd__store_be32(header, magics[params->weak][params->strong]);
    rd__store_be32(header + 4, params->block_len);
    rd__store_be32(header + 8, (uint32_t)params->strong_len);
}

rd_result rd__signature_get_header(const uint8_t header[RD_SIGNATURE_HEADER_LEN], rd_params *params, rd_error *error) {
    const rd_result result = rd__expect_kind(RD_KIND_SIGNATURE, header, RD_ROLE_SIGNATURE, error);
    if (result != RD_OK)
        return result;
    const uint32_t magic = rd__load_be32(header);
    const uint32_t block_len = rd__load_be32(header + 4);
    const uint32_t strong_len = rd__load_be32(header + 8);
    const rd_weak weak =
        magic == magics[RD_RABINKARP][RD_BLAKE2] || magic == magics[RD_RABINKARP][RD_MD4] ? RD_RABINKARP : RD_ROLLSUM;
    const rd_strong strong = magic == magics[weak][RD_BLAKE2] ? RD_BLAKE2 : RD_MD4;
    if (block_len == 0 || block_len > RD_BLOCK_LEN_MAX)
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_SIGNATURE, 4, "the block length is out of range");
    if (strong_len == 0 || strong_len > rd__strong_size(strong))
        return rd__fail(error, RD_E_CORRUPT, RD_ROLE_SIGNATURE, 8, "the strong sum length is out of range");
    *params = (rd_params){.weak = weak, .strong = strong, .block_len = block_len, .strong_len = (int32_t)strong_len};
    return RD_OK;
}

void rd__signature_put_entries(uint8_t *entries, const rd_params *params, const uint32_t *weak, const uint8_t *strong,
                               size_t count) {
    const size_t strong_len = (size_t)params->strong_len;
    for (size_t i = 0; i < count; i++) {
        rd__store_be32(entries, weak[i]);
        memcpy(entries + RD_WEAK_LEN, strong + i * strong_len, strong_len);
        entries += RD_WEAK_LEN + strong_len;
    }
}

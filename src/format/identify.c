/* See identify.h. */
#include "format/identify.h"

#include "base/bytes.h"
#include "base/result.h"
#include "format/frame.h"
#include "format/magic.h"

rd_kind rd_identify(const void *data, size_t size) {
    if (size < RD__MAGIC_LEN)
        return RD_KIND_OTHER;
    switch (rd__load_be32(data)) {
    case RD__MAGIC_ROLLSUM_MD4:
    case RD__MAGIC_ROLLSUM_BLAKE2:
    case RD__MAGIC_RABINKARP_MD4:
    case RD__MAGIC_RABINKARP_BLAKE2: return RD_KIND_SIGNATURE;
    case RD__MAGIC_DELTA: return RD_KIND_DELTA;
    case RD__MAGIC_DENSE: return RD_KIND_DENSE;
    default: return rd__frame_begins(data, size) ? RD_KIND_COMPRESSED : RD_KIND_OTHER;
    }
}

rd_result rd__expect_kind(rd_kind due, const uint8_t *magic, rd_role role, rd_error *error) {
    const rd_kind found = rd_identify(magic, RD__MAGIC_LEN);
    const char *reason = due == RD_KIND_SIGNATURE ? "this is not a signature" : "this is not a delta";
    const bool is_delta = found == RD_KIND_DELTA || found == RD_KIND_DENSE;
    if (found == due)
        return RD_OK;
    if (is_delta && due == RD_KIND_SIGNATURE)
        reason = "this is a delta, not a signature";
    if (found == RD_KIND_DENSE && due == RD_KIND_DELTA)
        reason = "this is a dense delta, which is not read as a stream: patch with it as a whole file, or expand it";
    if (found == RD_KIND_SIGNATURE)
        reason = "this is a signature, not a delta";
    if (found == RD_KIND_COMPRESSED)
        reason = "this is compressed";
    return rd__fail(error, RD_E_MAGIC, role, 0, reason);
}

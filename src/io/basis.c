/* See basis.h. */
#include "io/basis.h"

#include "base/result.h"

rd_result rd__basis_read(void *context, uint64_t offset, uint8_t *data, size_t size, size_t *got) {
    const rd__basis *const basis = context;
    const rd_result result = rd__source_read(basis->source, basis->job, RD_ROLE_BASIS, offset, data, size, got);
    if (result != RD_OK || *got == size)
        return result;
    return rd__fail(&basis->job->error, RD_E_TRUNCATED, RD_ROLE_BASIS, offset + *got,
                    "the basis ends before what the delta copies from it");
}

/* Looking at a signature in memory, and releasing it. */
#include "engine/signature.h"

#include <stdlib.h>

void rd_signature_params(const rd_signature *signature, rd_params *params) {
    *params = signature->params;
}

uint64_t rd_signature_count(const rd_signature *signature) {
    return signature->sums.count;
}

uint64_t rd_signature_distinct(const rd_signature *signature) {
    return rd__index_count(&signature->index);
}

uint32_t rd_signature_weak(const rd_signature *signature, uint64_t block) {
    return signature->sums.weak[block];
}

const uint8_t *rd_signature_strong(const rd_signature *signature, uint64_t block) {
    return rd__sums_strong(&signature->sums, block);
}

void rd_signature_free(rd_signature *signature) {
    if (!signature)
        return;
    rd__index_free(&signature->index);
    free(signature->sums.weak);
    free(signature->sums.strong);
    free(signature);
}

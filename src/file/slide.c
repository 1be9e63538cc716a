/* See slide.h. */
#include "file/slide.h"

#include "base/memory.h"
#include "base/result.h"
#include "engine/delta_window.h"

#include <string.h>

enum {
    AHEAD = 128 * 1024
}; /* bytes after a block, at least: few, for most seams of parts take no more than some KiB */

rd_result rd__slide_open(rd__slide *slide, const rd_source *source, const rd_signature *signature,
                         rd__operation *operation) {
    const size_t block_len = signature ? signature->params.block_len : 1;
    const size_t ahead = block_len < AHEAD ? AHEAD : block_len;
    *slide = (rd__slide){.source = source, .operation = operation, .block_len = block_len};
    if (!rd__delta_window_allowed(signature, source->size, &operation->options.limits))
        return rd__fail(&operation->error, RD_E_LIMIT, RD_ROLE_SIGNATURE, RD_UNKNOWN,
                        "the signature and two of its blocks need more memory than is allowed");
    slide->capacity = (size_t)rd__min_u64(block_len + ahead, source->size);
    slide->data = rd__context_take(operation->context, slide->capacity, 1);
    return slide->data ? RD_OK : rd__fail_memory(&operation->error);
}

rd_result rd__slide_to(rd__slide *slide, uint64_t at) {
    rd__view *const view = &slide->view;
    const uint64_t end = view->offset + view->size;
    const size_t kept = at >= view->offset && at < end ? (size_t)(end - at) : 0;
    const uint64_t left = slide->source->size - at - kept;
    size_t got = 0;
    if (kept > 0)
        memmove(slide->data, slide->data + (at - view->offset), kept);
    const size_t size = (size_t)rd__min_u64(slide->capacity - kept, left);
    const rd_result result =
        rd__source_read(slide->source, slide->operation, RD_ROLE_NEW, at + kept, slide->data + kept, size, &got);
    if (result != RD_OK)
        return result;
    if (got < size)
        return rd__fail(&slide->operation->error, RD_E_CHANGED, RD_ROLE_NEW, RD_UNKNOWN,
                        "changed while it was being read");
    *view = (rd__view){.data = slide->data, .size = kept + got, .offset = at, .last = size == left};
    return RD_OK;
}

uint64_t rd__slide_stop(const rd__slide *slide, uint64_t stop) {
    const rd__view *const view = &slide->view;
    return view->last ? stop : rd__min_u64(stop, view->offset + view->size - slide->block_len + 1);
}

void rd__slide_close(rd__slide *slide) {
    rd__context_give(slide->operation->context, slide->data);
    slide->data = NULL;
}

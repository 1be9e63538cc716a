/* See parse.h. */
#include "engine/parse.h"

#include "base/memory.h"
#include "engine/op_joiner.h"
#include "hash/sums.h"

#include <assert.h>
#include <stdlib.h>

enum {
    PARSE_CAPACITY_MIN = 64,
    PARSE_TAIL = RD__BLAKE2B_BLOCK /* at most, what of a block is hashed after that by which all lanes advance */
};

static bool parse_append(rd__parse *parse, const rd_op *copy) {
    if (parse->count > 0 && rd__copies_join(&parse->copies[parse->count - 1], copy))
        return true;
    if (parse->count == parse->capacity) {
        const size_t capacity = parse->capacity < PARSE_CAPACITY_MIN ? PARSE_CAPACITY_MIN : 2 * parse->capacity;
        rd_op *const copies = rd__resize_array(parse->copies, capacity, sizeof *copies);
        if (!copies)
            return false;
        parse->copies = copies;
        parse->capacity = capacity;
    }
    parse->copies[parse->count++] = *copy;
    return true;
}

/* Parses until a candidate needs its strong sum. *step becomes RD__STEP_END at the end. False: out of memory. */
static bool parse_advance(rd__parse *parse, rd__step *step) {
    rd_op copy;
    *step = RD__STEP_COPY;
    while (*step == RD__STEP_COPY) {
        *step = rd__scanner_step(&parse->end, &parse->view, parse->stop, &copy);
        if (*step == RD__STEP_COPY && !parse_append(parse, &copy))
            return false;
    }
    return true;
}

/* Decides the candidates of these parses, 1 .. RD__PARSES_MAX. False: out of memory. */
static bool parse_decide(rd__parse *const *parses, size_t count) {
    const rd__kernels *const kernels = parses[0]->end.kernels;
    const rd_params *const params = &parses[0]->end.signature->params;
    const size_t body = ((size_t)params->block_len - 1) / PARSE_TAIL * PARSE_TAIL;
    const uint8_t *data[RD__PARSES_MAX] = {NULL};
    rd__strong sums[RD__PARSES_MAX];
    for (size_t i = 0; i < count; i++) {
        data[i] = parses[i]->end.candidate.data;
        rd__strong_init(&sums[i], params->strong);
    }
    kernels->strong_advance[params->strong](sums, data, body, count);
    for (size_t i = 0; i < count; i++) {
        uint8_t strong[RD_STRONG_LEN_MAX];
        rd_op copy;
        rd__strong_update(&sums[i], data[i] + body, params->block_len - body);
        rd__strong_final(&sums[i], strong);
        if (rd__scanner_decide(&parses[i]->end, strong, &copy) && !parse_append(parses[i], &copy))
            return false;
    }
    return true;
}

bool rd__parse_scan(rd__parse *parses, size_t count, const rd_signature *signature, const rd__kernels *kernels) {
    rd__parse *going[RD__PARSES_MAX];
    assert(count <= RD__PARSES_MAX);
    for (size_t i = 0; i < count; i++) {
        parses[i].count = 0;
        rd__scanner_init(&parses[i].end, signature, kernels);
        parses[i].end.at = parses[i].view.offset;
        going[i] = &parses[i];
    }
    while (count > 0) {
        size_t waiting = 0;
        for (size_t i = 0; i < count; i++) {
            rd__step step;
            if (!parse_advance(going[i], &step))
                return false;
            if (step == RD__STEP_CANDIDATE)
                going[waiting++] = going[i];
        }
        if (waiting > 0 && !parse_decide(going, waiting))
            return false;
        count = waiting;
    }
    return true;
}

void rd__parse_free(rd__parse *parse) {
    free(parse->copies);
    *parse = (rd__parse){0};
}

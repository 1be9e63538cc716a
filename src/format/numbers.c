/* See numbers.h. Pure functions over memory. */
#include "format/numbers.h"

enum { GROUP = 7, MORE = 0x80, LAST_GROUP_AT = 63 };

void rd__number_put(rd__growing *bytes, uint64_t value) {
    for (; value >= MORE; value >>= GROUP)
        rd__growing_put_byte(bytes, (uint8_t)(value | MORE));
    rd__growing_put_byte(bytes, (uint8_t)value);
}

bool rd__number_get(const uint8_t **from, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; *from < end && shift <= LAST_GROUP_AT; shift += GROUP) {
        const uint8_t byte = *(*from)++;
        if (shift == LAST_GROUP_AT && byte > 1)
            return false;
        *value |= (uint64_t)(byte & (MORE - 1)) << shift;
        if (byte < MORE)
            return true;
    }
    return false;
}

void rd__numbers_put(rd__growing *heads, rd__growing *tails, uint64_t value) {
    if (value < MORE) {
        rd__growing_put_byte(heads, (uint8_t)value);
        return;
    }
    rd__growing_put_byte(heads, (uint8_t)(value | MORE));
    rd__number_put(tails, value >> GROUP);
}

bool rd__numbers_next(rd__numbers *numbers, uint64_t *value) {
    uint64_t rest = 0;
    if (numbers->heads == numbers->heads_end)
        return false;
    const uint8_t head = *numbers->heads++;
    *value = head;
    if (head < MORE)
        return true;
    if (!rd__number_get(&numbers->tails, numbers->tails_end, &rest) || rest >> (64 - GROUP) != 0)
        return false;
    *value = rest << GROUP | (head & (MORE - 1));
    return true;
}

/* See session.h. */
#include "format/session.h"

#include "base/memory.h"
#include "format/numbers.h"

#include <string.h>

static const uint8_t hello_magic[4] = {'R', 'D', 'S', 'E'};

enum {
    FILE_HAS_TIME = 1,
    FILE_HAS_MODE = 2,
    FILE_IS_LAST = 4,
    FILE_HAS_HOLES = 8,
    FILE_FLAGS = 15,
    MODE_MAX = 0777,
    BILLION = 1000000000
};

void rd__frame_put(rd__growing *out, rd__frame_header header) {
    rd__growing_put_byte(out, (uint8_t)(header.type | (header.more ? RD__FRAME_MORE : 0)));
    rd__number_put(out, header.lane);
    rd__number_put(out, header.size);
}

void rd__message_put(rd__growing *out, rd__message_type type, uint64_t lane, const uint8_t *data, size_t size) {
    do {
        const size_t now = rd__min_size(size, RD__FRAME_PAYLOAD_MAX);
        rd__frame_put(
            out, (rd__frame_header){.type = (uint8_t)type, .more = now < size, .lane = lane, .size = (uint32_t)now});
        if (now > 0) { /* of nothing, there may be no address */
            rd__growing_put(out, data, now);
            data += now;
        }
        size -= now;
    } while (size > 0);
}

/* A number that may not be complete. */
static rd_result frame_number(const uint8_t **from, const uint8_t *end, uint64_t *value) {
    const uint8_t *last = *from;
    while (last < end && *last >= 0x80)
        last++;
    if (last == end && end - *from <= RD__NUMBER_TAIL_MAX)
        return RD_MORE;
    return rd__number_get(from, end, value) ? RD_OK : RD_E_CORRUPT;
}

rd_result rd__frame_get(const uint8_t **from, const uint8_t *end, rd__frame_header *header, const char **reason) {
    const uint8_t *at = *from;
    uint64_t size = 0;
    if (at == end)
        return RD_MORE;
    header->more = (*at & RD__FRAME_MORE) != 0;
    header->type = (uint8_t)(*at++ & ~RD__FRAME_MORE);
    *reason = "an unknown message";
    if (header->type < RD__MESSAGE_HELLO || header->type > RD__MESSAGE_FAILURE)
        return RD_E_CORRUPT;
    rd_result result = frame_number(&at, end, &header->lane);
    if (result == RD_OK)
        result = frame_number(&at, end, &size);
    *reason = "a broken or too long frame";
    if (result == RD_OK && size > RD__FRAME_PAYLOAD_MAX)
        result = RD_E_CORRUPT;
    if (result != RD_OK)
        return result;
    header->size = (uint32_t)size;
    *from = at;
    return RD_OK;
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

void rd__hello_put(rd__growing *out, const rd__hello *hello) {
    rd__growing_put(out, hello_magic, sizeof hello_magic);
    rd__number_put(out, hello->version);
    rd__number_put(out, hello->features);
    rd__growing_put_byte(out, hello->receives);
    rd__number_put(out, hello->lanes);
    rd__growing_put(out, hello->random, sizeof hello->random);
}

rd_result rd__hello_get(const uint8_t *data, size_t size, rd__hello *hello, const char **reason) {
    const uint8_t *at = data + sizeof hello_magic;
    const uint8_t *const end = data + size;
    *reason = "not a session of redelta";
    if (size < sizeof hello_magic || memcmp(data, hello_magic, sizeof hello_magic) != 0)
        return RD_E_MAGIC;
    *reason = "a broken greeting";
    if (!rd__number_get(&at, end, &hello->version))
        return RD_E_CORRUPT;
    if (hello->version != RD__SESSION_VERSION)
        return RD_OK;
    if (!rd__number_get(&at, end, &hello->features) || at == end || *at > 1)
        return RD_E_CORRUPT;
    hello->receives = *at++ == 1;
    if (!rd__number_get(&at, end, &hello->lanes) || hello->lanes > RD__LANES_MAX ||
        (hello->receives && hello->lanes == 0) || (size_t)(end - at) != sizeof hello->random)
        return RD_E_CORRUPT;
    memcpy(hello->random, at, sizeof hello->random);
    return RD_OK;
}

void rd__file_record_put(rd__growing *out, const rd__file_record *record) {
    const rd_session_file *const file = &record->file;
    rd__growing_put_byte(out, (uint8_t)((file->has_time ? FILE_HAS_TIME : 0) | (file->has_mode ? FILE_HAS_MODE : 0) |
                                        (record->last ? FILE_IS_LAST : 0) | (record->holes ? FILE_HAS_HOLES : 0)));
    rd__number_put(out, file->size);
    if (file->has_time) {
        rd__number_put(out, rd__zigzag((uint64_t)file->seconds));
        rd__number_put(out, file->nanoseconds);
    }
    if (file->has_mode)
        rd__number_put(out, file->mode);
}

bool rd__file_record_get(const uint8_t *data, size_t size, rd__file_record *record) {
    const uint8_t *at = data;
    const uint8_t *const end = data + size;
    rd_session_file *const file = &record->file;
    uint64_t seconds = 0;
    uint64_t nanoseconds = 0;
    uint64_t mode = 0;
    if (at == end || (*at & ~FILE_FLAGS) != 0)
        return false;
    *file = (rd_session_file){.has_time = (*at & FILE_HAS_TIME) != 0, .has_mode = (*at & FILE_HAS_MODE) != 0};
    record->holes = (*at & FILE_HAS_HOLES) != 0;
    record->last = (*at++ & FILE_IS_LAST) != 0;
    if (!rd__number_get(&at, end, &file->size) || file->size > (uint64_t)1 << RD__SESSION_FILE_LOG2)
        return false;
    if (file->has_time && (!rd__number_get(&at, end, &seconds) || !rd__number_get(&at, end, &nanoseconds)))
        return false;
    if (file->has_mode && !rd__number_get(&at, end, &mode))
        return false;
    file->seconds = (int64_t)rd__unzigzag(seconds);
    file->nanoseconds = (uint32_t)nanoseconds;
    file->mode = (uint32_t)mode;
    return at == end && nanoseconds < BILLION && mode <= MODE_MAX;
}

/* ---- Failures ---------------------------------------------------------------------------------------------------- */

void rd__failure_put(rd__growing *out, rd_result result, const char *text) {
    rd__growing_put_byte(out, (uint8_t)result);
    rd__growing_put(out, text, rd__min_size(strlen(text), RD__FAILURE_TEXT_MAX));
}

/* The length of the character of UTF-8 that starts here, or 0 if it is none, or for control. */
static size_t failure_character(const uint8_t *at, size_t left) {
    static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000}; /* with so many bytes; below 0xa0 is control */
    const uint8_t first = at[0];
    if (first >= 0x20 && first < 0x7f)
        return 1;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (length == 0 || length > left || first >= 0xf8)
        return 0;
    uint32_t code = first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    const bool is_surrogate = code >= 0xd800 && code < 0xe000;
    const bool moves_text = code == 0x61c || code == 0xfeff || (code >= 0x200b && code < 0x2010) ||
                            (code >= 0x2028 && code < 0x202f) || (code >= 0x2060 && code < 0x2070);
    return code < least[length] || code > 0x10ffff || is_surrogate || moves_text ? 0 : length;
}

bool rd__failure_get(const uint8_t *data, size_t size, rd_result *result, char text[RD__FAILURE_TEXT_MAX + 1]) {
    size_t made = 0;
    if (size < 1 || size > RD__FAILURE_TEXT_MAX + 1 || data[0] < RD_E_IO || data[0] > RD_E_PEER)
        return false;
    *result = (rd_result)data[0];
    for (size_t at = 1; at < size;) {
        const size_t length = failure_character(data + at, size - at);
        if (length == 0)
            text[made++] = '?';
        else
            memcpy(text + made, data + at, length);
        made += length;
        at += length > 0 ? length : 1;
    }
    text[made] = '\0';
    return true;
}

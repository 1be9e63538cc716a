/*
 * message.c: see message.h. All numbers are big-endian.
 */
#include "cli/remote/message.h"

#include <string.h>

#include "cli/base/utf8.h"

static const uint8_t message_magic[3] = {'r', 'd', 'c'};

/* The flags of a request, and those of an answer. Others are of later versions: refused. */
enum {
    FLAG_PUSH = 1,
    FLAG_DRY_RUN = 2,
    FLAG_TIMES = 4,
    FLAG_FOLLOW = 8,
    FLAG_PARTIAL = 16,
    FLAG_ACCEPT_CHANGED = 32,
    FLAG_BACKUP = 64,
    FLAGS_OF_REQUEST = 127
};
enum { FLAG_CREATED = 1, FLAG_IDENTICAL = 2, FLAGS_OF_ANSWER = 3 };

enum {
    REQUEST_FIXED = 14, /* flags, sparse, compression, rounds, the limit of the output, length of the suffix */
    ANSWER_FIXED = 4    /* result, flags, notes */
};

static void message_put_number(uint8_t *data, size_t size, uint64_t number) {
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(number >> 8 * (size - 1 - i));
}

static uint64_t message_get_number(const uint8_t *data, size_t size) {
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | data[i];
    return number;
}

/* Writes the header of a message whose rest has so many bytes, and returns the length of both. */
static size_t message_put_header(uint8_t *data, message_kind kind, size_t rest) {
    memcpy(data, message_magic, sizeof message_magic);
    data[3] = CONNECTION_VERSION;
    data[4] = (uint8_t)kind;
    message_put_number(data + 5, 2, rest);
    return MESSAGE_HEADER + rest;
}

rd_result message_get_header(message_header *header, const uint8_t *data, size_t size) {
    const size_t known = size < sizeof message_magic ? size : sizeof message_magic;
    if (memcmp(data, message_magic, known) != 0)
        return RD_E_MAGIC;
    if (size < MESSAGE_HEADER)
        return RD_MORE;
    *header = (message_header){.version = data[3], .kind = data[4], .length = (size_t)message_get_number(data + 5, 2)};
    return header->length <= MESSAGE_MAX - MESSAGE_HEADER ? RD_OK : RD_E_CORRUPT;
}

/* ---- Requests --------------------------------------------------------------------------------------------------- */

size_t message_put_request(uint8_t *data, const remote_wishes *wishes) {
    const size_t suffix = wishes->backup ? strlen(wishes->suffix) : 0;
    const size_t path = strlen(wishes->path);
    uint8_t *const rest = data + MESSAGE_HEADER;
    const int flags = (wishes->push ? FLAG_PUSH : 0) | (wishes->dry_run ? FLAG_DRY_RUN : 0) |
                      (wishes->times ? FLAG_TIMES : 0) | (wishes->follow ? FLAG_FOLLOW : 0) |
                      (wishes->partial ? FLAG_PARTIAL : 0) | (wishes->accept_changed ? FLAG_ACCEPT_CHANGED : 0) |
                      (wishes->backup ? FLAG_BACKUP : 0);
    message_put_number(rest, 2, (uint64_t)flags);
    rest[2] = (uint8_t)wishes->sparse;
    rest[3] = (uint8_t)(wishes->compression - RD_COMPRESSION_NEVER);
    rest[4] = (uint8_t)wishes->max_rounds;
    message_put_number(rest + 5, 8, wishes->max_output);
    rest[13] = (uint8_t)suffix;
    memcpy(rest + REQUEST_FIXED, wishes->suffix, suffix);
    memcpy(rest + REQUEST_FIXED + suffix, wishes->path, path);
    return message_put_header(data, MESSAGE_REQUEST, REQUEST_FIXED + suffix + path);
}

/* Copies `size` bytes, none of which may be 0, as a string. */
static bool message_take_string(char *string, const uint8_t *data, size_t size) {
    memcpy(string, data, size);
    string[size] = '\0';
    return memchr(data, 0, size) == NULL;
}

static bool message_is_suffix(const char *suffix) {
    return suffix[0] != '\0' && strpbrk(suffix, "/\\") == NULL;
}

rd_result message_get_request(remote_wishes *wishes, const uint8_t *data, size_t size) {
    if (size <= REQUEST_FIXED)
        return RD_E_CORRUPT;
    const uint64_t flags = message_get_number(data, 2);
    const size_t suffix = data[13];
    if ((flags & ~(uint64_t)FLAGS_OF_REQUEST) != 0 || data[2] > RD_SPARSE_NEVER || size - REQUEST_FIXED <= suffix ||
        size - REQUEST_FIXED - suffix > MESSAGE_PATH_MAX)
        return RD_E_CORRUPT;
    *wishes = (remote_wishes){
        .push = (flags & FLAG_PUSH) != 0,
        .dry_run = (flags & FLAG_DRY_RUN) != 0,
        .times = (flags & FLAG_TIMES) != 0,
        .follow = (flags & FLAG_FOLLOW) != 0,
        .partial = (flags & FLAG_PARTIAL) != 0,
        .accept_changed = (flags & FLAG_ACCEPT_CHANGED) != 0,
        .backup = (flags & FLAG_BACKUP) != 0,
        .sparse = (rd_sparse)data[2],
        .compression = data[3] + RD_COMPRESSION_NEVER,
        .max_rounds = data[4],
        .max_output = message_get_number(data + 5, 8),
    };
    const bool whole = message_take_string(wishes->suffix, data + REQUEST_FIXED, suffix) &&
                       message_take_string(wishes->path, data + REQUEST_FIXED + suffix, size - REQUEST_FIXED - suffix);
    if (!whole || wishes->backup != (suffix > 0) || (suffix > 0 && !message_is_suffix(wishes->suffix)))
        return RD_E_CORRUPT;
    return RD_OK;
}

/* ---- Answers ---------------------------------------------------------------------------------------------------- */

size_t message_put_answer(uint8_t *data, message_kind kind, const remote_answer *answer) {
    const size_t text = utf8_cut(answer->text, MESSAGE_TEXT_MAX);
    uint8_t *const rest = data + MESSAGE_HEADER;
    rest[0] = (uint8_t)answer->result;
    rest[1] = (uint8_t)((answer->created ? FLAG_CREATED : 0) | (answer->identical ? FLAG_IDENTICAL : 0));
    message_put_number(rest + 2, 2, answer->notes);
    memcpy(rest + ANSWER_FIXED, answer->text, text);
    return message_put_header(data, kind, ANSWER_FIXED + text);
}

/* Copies a text, with a question mark for each byte that could mislead who reads it. */
static bool message_take_text(char *text, const uint8_t *data, size_t size) {
    if (!message_take_string(text, data, size))
        return false;
    for (size_t i = 0, step; i < size; i += step) {
        const size_t length = utf8_length(text + i);
        step = length > 0 ? length : 1;
        if (length == 0 || utf8_misleads(text + i, length))
            memset(text + i, '?', step);
    }
    return true;
}

rd_result message_get_answer(remote_answer *answer, const uint8_t *data, size_t size) {
    if (size < ANSWER_FIXED || size - ANSWER_FIXED > MESSAGE_TEXT_MAX || (data[1] & ~FLAGS_OF_ANSWER) != 0)
        return RD_E_CORRUPT;
    *answer = (remote_answer){
        .result = data[0] <= RD_E_PEER ? (rd_result)data[0] : RD_E_IO, /* a later version may know more */
        .created = (data[1] & FLAG_CREATED) != 0,
        .identical = (data[1] & FLAG_IDENTICAL) != 0,
        .notes = (unsigned)message_get_number(data + 2, 2),
    };
    return message_take_text(answer->text, data + ANSWER_FIXED, size - ANSWER_FIXED) && answer->result != RD_MORE
               ? RD_OK
               : RD_E_CORRUPT;
}

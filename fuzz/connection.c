/*
 * connection.c: the messages around a session, as the other side may send them. What is accepted is, encoded again, the
 * same message; a text that is shown has no characters that mislead.
 */
#include "fuzz.h"

#include "cli/base/utf8.h"
#include "cli/remote/message.h"

static void check_request(const uint8_t *data, size_t size) {
    static uint8_t again[MESSAGE_MAX];
    remote_wishes wishes;
    if (message_get_request(&wishes, data, size) != RD_OK)
        return;
    fuzz_require(wishes.path[0] != '\0' && strlen(wishes.path) <= MESSAGE_PATH_MAX);
    fuzz_require(wishes.backup == (wishes.suffix[0] != '\0') && strchr(wishes.suffix, '/') == NULL);
    fuzz_require(message_put_request(again, &wishes) == MESSAGE_HEADER + size);
    fuzz_require(memcmp(again + MESSAGE_HEADER, data, size) == 0);
}

static void check_answer(const uint8_t *data, size_t size) {
    static uint8_t again[MESSAGE_MAX];
    remote_answer answer;
    remote_answer second;
    if (message_get_answer(&answer, data, size) != RD_OK)
        return;
    fuzz_require(rd_result_name(answer.result)[0] == 'R');
    for (size_t at = 0; answer.text[at] != '\0';) {
        const size_t length = utf8_length(answer.text + at);
        fuzz_require(length > 0 && !utf8_misleads(answer.text + at, length));
        at += length;
    }
    const size_t made = message_put_answer(again, MESSAGE_STATUS, &answer);
    fuzz_require(made == MESSAGE_HEADER + size);
    fuzz_require(message_get_answer(&second, again + MESSAGE_HEADER, size) == RD_OK);
    fuzz_require(strcmp(answer.text, second.text) == 0 && answer.result == second.result &&
                 answer.notes == second.notes && answer.created == second.created &&
                 answer.identical == second.identical);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    message_header header;
    const rd_result result = message_get_header(&header, data, size);
    fuzz_require(result == RD_OK || result == RD_MORE || result == RD_E_MAGIC || result == RD_E_CORRUPT);
    fuzz_require(result != RD_MORE || size < MESSAGE_HEADER);
    if (result != RD_OK || size - MESSAGE_HEADER < header.length)
        return 0;
    fuzz_require(header.length <= MESSAGE_MAX - MESSAGE_HEADER);
    check_request(data + MESSAGE_HEADER, header.length);
    check_answer(data + MESSAGE_HEADER, header.length);
    return 0;
}

/* The end: the digest judges what was written. What sums have misled to comes once more. */
#include "session/receiver.h"

#include "base/bytes.h"
#include "base/result.h"
#include "format/numbers.h"

static rd_result receiver_done(receiver *r) {
    rd_session *const head = &r->head;
    const rd_result result = rd__watch_end(&head->watch, &head->operation, RD_OK);
    head->figures.has_digest = true;
    head->figures.done = r->size;
    memcpy(head->figures.digest, head->digest, sizeof head->figures.digest);
    head->finished = true;
    r->phase = RECEIVER_DONE;
    (void)result; /* the new file is right, whatever became of the old one */
    return rd__session_send(head, RD__MESSAGE_DONE, 0, NULL, 0);
}

/* Asks for what is wrong: first with the sums of all leaves, then, without any, for all of the file. */
static rd_result receiver_ask_repair(receiver *r) {
    rd_session *const head = &r->head;
    rd__growing body = {0};
    if (r->repairs == 2)
        return rd__fail(&head->operation.error, RD_E_MISMATCH, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "it is not what the other side has announced");
    for (size_t i = 0; r->repairs == 0 && i < rd__session_output_leaves(&r->output); i++) {
        rd__output_node node;
        uint8_t *const to = rd__growing_add(&body, sizeof(uint64_t));
        rd__session_output_node(&r->output, i, node);
        if (to)
            rd__store_le64(to, rd__stretch_sum(&head->keys.stretch, node, sizeof node, i));
    }
    r->repairs++;
    r->next_leaf = 0;
    r->phase = RECEIVER_REPAIR;
    head->figures.rounds++;
    const rd_result result = body.failed ? rd__fail_memory(&head->operation.error)
                                         : rd__session_send(head, RD__MESSAGE_LEAVES, 0, body.data, body.size);
    rd__growing_free(&body);
    return result;
}

static rd_result receiver_judge(receiver *r, const uint8_t *digest) {
    return memcmp(digest, r->head.digest, RD_DIGEST_LEN) == 0 ? receiver_done(r) : receiver_ask_repair(r);
}

rd_result rd__receiver_finish_file(receiver *r) {
    uint8_t digest[RD_DIGEST_LEN];
    const rd_result result = rd__session_output_finish(&r->output, digest);
    r->phase = RECEIVER_WRITTEN;
    return result == RD_OK ? receiver_judge(r, digest) : result;
}

/* A leaf anew; at the end an empty message. */
rd_result rd__receiver_take_repair(receiver *r, const uint8_t *data, size_t size, bool more) {
    rd_error *const error = &r->head.operation.error;
    uint8_t digest[RD_DIGEST_LEN];
    rd__growing *const gathered = &r->prefix;
    if (r->phase != RECEIVER_REPAIR)
        return rd__session_refuse(&r->head, "a repair that nobody asked for");
    if (!r->seen_leaf)
        rd__growing_clear(gathered);
    r->seen_leaf = more;
    if (size > 2 * (size_t)r->output.leaf_size + RD__FRAME_PAYLOAD_MAX - gathered->size)
        return rd__session_refuse(&r->head, "a leaf that is too long");
    rd__growing_put(gathered, data, size);
    if (gathered->failed)
        return rd__fail_memory(error);
    if (more)
        return RD_OK;
    if (gathered->size == 0) {
        rd__session_output_digest(&r->output, digest);
        return receiver_judge(r, digest);
    }
    const uint8_t *at = gathered->data;
    const uint8_t *const end = at + gathered->size;
    const bool compressed = *at == 1;
    uint64_t leaf = 0;
    if (*at++ > 1 || !rd__number_get(&at, end, &leaf) || leaf < r->next_leaf ||
        leaf >= rd__session_output_leaves(&r->output))
        return rd__session_refuse(&r->head, "a broken leaf, or one that came before");
    r->next_leaf = leaf + 1;
    const uint64_t offset = leaf * r->output.leaf_size;
    const size_t length = (size_t)rd__min_u64(r->output.leaf_size, r->size - offset);
    uint8_t *const made = rd__alloc_buffer(length, 1);
    rd_in in = {.data = at, .size = (size_t)(end - at)};
    rd_out out = {.data = made, .size = length};
    rd_result result = made ? rd__literals_open(&r->decoder, compressed, NULL, 0, error) : rd__fail_memory(error);
    if (result == RD_OK)
        result = rd__literals_decode(&r->decoder, &in, &out);
    if (result == RD_E_MEMORY)
        result = rd__fail_memory(error);
    else if (result != RD_OK || out.pos < length)
        result = rd__session_refuse(&r->head, "a broken leaf");
    if (result == RD_OK)
        result = rd__session_output_repair(&r->output, (size_t)leaf, made, length);
    r->head.figures.repaired += length;
    rd__free_buffer(made);
    return result;
}

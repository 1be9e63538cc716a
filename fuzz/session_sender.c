/*
 * The sender of a session, whose receiver says anything. It must neither crash nor hang, nor use more memory than it
 * says; what it sends does not depend on the sizes in which it is asked to.
 *
 * Input: choices (the script, the old file's size, forced bits, options, a kind, a pace). Of kind 0, what follows is
 * the other side's bytes; of others, messages (fuzz_put_frames), after a greeting and GO with that size of the old
 * file.
 */
#include "session.h"

static void put_hello(rd__growing *out) {
    rd__growing body = {0};
    rd__hello hello = {.version = RD__SESSION_VERSION, .features = RD__FEATURE_ZSTD, .receives = true, .lanes = 3};
    memset(hello.random, 7, sizeof hello.random);
    rd__hello_put(&body, &hello);
    rd__message_put(out, RD__MESSAGE_HELLO, 0, body.data, body.size);
    rd__growing_free(&body);
}

typedef struct conversation {
    fuzz_pair pair;
    unsigned bits;
    rd_options options;
    fuzz_pace pace;
    rd__growing beginning;
    fuzz_input messages;
} conversation;

static rd_result run(const conversation *c, rd_memory *made) {
    fuzz_input messages = c->messages;
    fuzz_party party = fuzz_party_of(fuzz_sender(&c->pair.new_file, &c->options, c->bits), &c->pace);
    fuzz_party_run(&party, &c->beginning, &messages, made);
    (void)fuzz_party_check(&party);
    fuzz_party_free(&party);
    return party.result;
}

static void check_with_receiver(conversation *c) {
    rd_memory written = {0};
    const bool honest = c->messages.size < 3;
    const rd_sink sink = rd_sink_memory(&written);
    fuzz_party sender = fuzz_party_of(fuzz_sender(&c->pair.new_file, &c->options, c->bits), &c->pace);
    fuzz_party receiver = fuzz_party_of(fuzz_receiver(&c->pair.old_file, &sink, &c->options), &c->pace);
    fuzz_converse(&receiver, &sender, &c->messages);
    const rd_session_state state = fuzz_party_check(&sender);
    (void)fuzz_party_check(&receiver);
    fuzz_require(!honest || sender.result == RD_OK);
    fuzz_require(!honest || fuzz_same(state.identical ? &c->pair.old_file : &written, &c->pair.new_file));
    fuzz_party_free(&sender);
    fuzz_party_free(&receiver);
    rd_memory_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    conversation c = {.pair = fuzz_pair_from(&in)};
    c.bits = fuzz_byte(&in) % 33;
    c.options = fuzz_session_options(fuzz_byte(&in));
    const uint8_t kind = fuzz_byte(&in) % 3;
    const bool frames = kind == 1;
    c.pace = fuzz_pace_from(&in);
    c.messages = in;
    rd_memory one = {0};
    rd_memory other = {0};
    if (kind == 2) {
        check_with_receiver(&c);
        fuzz_pair_free(&c.pair);
        return 0;
    }
    if (frames)
        put_hello(&c.beginning);
    const rd_result result = run(&c, &one);
    if (frames) { /* otherwise, it matters when what comes too early has come */
        c.pace = (fuzz_pace){.codes = {0xff}, .count = 1};
        c.options.threads = 3 - c.options.threads;
        fuzz_require(run(&c, &other) == result);
        fuzz_require(result != RD_OK || fuzz_same(&one, &other));
    }
    rd_memory_free(&one);
    rd_memory_free(&other);
    rd__growing_free(&c.beginning);
    fuzz_pair_free(&c.pair);
    return 0;
}

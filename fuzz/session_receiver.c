/*
 * The receiver of a session, whose sender says anything, or what a sender says, changed here and there. It must neither
 * crash nor hang, nor use more memory than it says; and if it says that it has the new file, it has the one that was
 * announced.
 *
 * Input: choices (the script, the old file's size, forced bits, options, a kind, a pace). Of kind 0, what follows is
 * the other side's bytes. Of kind 1, a real sender is on the other side, and the bytes are edits of what it sends: each
 * two bytes for how far it is from the one before, and one that is added to a byte, or, if it is 0, leaves a byte out.
 * Of others, it is messages (fuzz_put_frames) after a greeting and a record of the new file.
 */
#include "session.h"

#include "hash/digest.h"
#include "hash/kernels.h"

static void digest_of(const rd_memory *file, uint8_t digest[RD_DIGEST_LEN]) {
    rd__digest made;
    rd__digest_init(&made, 0);
    rd__digest_add(&made, rd__kernels_best(), file->data, file->size);
    rd__digest_final(&made, digest);
}

static void put_beginning(rd__growing *out, const rd_memory *new_file, uint64_t size) {
    rd__growing body = {0};
    rd__hello hello = {.version = RD__SESSION_VERSION, .features = RD__FEATURE_ZSTD};
    rd__file_record record = {.file.size = size, .last = true};
    uint8_t digest[RD_DIGEST_LEN];
    memset(hello.random, 7, sizeof hello.random);
    digest_of(new_file, digest);
    rd__hello_put(&body, &hello);
    rd__message_put(out, RD__MESSAGE_HELLO, 0, body.data, body.size);
    rd__growing_clear(&body);
    rd__file_record_put(&body, &record);
    rd__message_put(out, RD__MESSAGE_FILE, 0, body.data, body.size);
    rd__message_put(out, RD__MESSAGE_DIGEST, 0, digest, sizeof digest);
    rd__growing_free(&body);
}

/* What a receiver that has ended has written. */
static void check_result(const fuzz_party *party, const fuzz_pair *pair, const rd_memory *written) {
    uint8_t digest[RD_DIGEST_LEN];
    const rd_session_state state = fuzz_party_check(party);
    if (party->result != RD_OK)
        return;
    digest_of(state.identical ? &pair->old_file : written, digest);
    fuzz_require(state.has_digest && memcmp(state.digest, digest, sizeof digest) == 0);
    fuzz_require(memcmp(party->session->digest, digest, sizeof digest) == 0);
    fuzz_require(state.new_size == (state.identical ? pair->old_file.size : written->size));
    fuzz_require(!state.identical || written->size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {.data = data, .size = size};
    fuzz_pair pair = fuzz_pair_from(&in);
    const unsigned bits = fuzz_byte(&in) % 33;
    const rd_options options = fuzz_session_options(fuzz_byte(&in));
    const uint8_t kind = fuzz_byte(&in);
    const fuzz_pace pace = fuzz_pace_from(&in);
    rd_memory written = {0};
    rd_sink sink = rd_sink_memory(&written);
    rd__growing beginning = {0};
    rd_memory answers = {0};
    fuzz_party party = fuzz_party_of(fuzz_receiver(&pair.old_file, &sink, &options), &pace);
    if (kind == 1) {
        const bool honest = in.size < 3;
        fuzz_party sender = fuzz_party_of(fuzz_sender(&pair.new_file, &options, bits), &pace);
        fuzz_converse(&sender, &party, &in);
        (void)fuzz_party_check(&sender);
        fuzz_party_free(&sender);
        fuzz_require(!honest || party.result == RD_OK);
    } else {
        if (kind > 0)
            put_beginning(&beginning, &pair.new_file,
                          kind % 4 == 2 ? pair.new_file.size : (uint64_t)kind << (kind % 64));
        fuzz_party_run(&party, &beginning, &in, &answers);
    }
    check_result(&party, &pair, &written);
    fuzz_party_free(&party);
    rd__growing_free(&beginning);
    rd_memory_free(&answers);
    rd_memory_free(&written);
    fuzz_pair_free(&pair);
    return 0;
}

/*
 * The functions other than the jobs, on random arguments: text forms, MD4, statistics as text, names of results,
 * recommended parameters, constants, and the log.
 */
#include "differential.h"
#include "library.h"
#include "report.h"
#include "samples.h"

enum { TRIES = 3000 };

static void compare_memory(const char *what, const uint8_t *expected, const uint8_t *actual, size_t size) {
    const size_t at = support_first_difference(expected, actual, size);
    if (at != size)
        report_difference("%s: byte %zu of %zu differs", what, at, size);
}

/* Buffers are compared as a whole, including the bytes after the result. */
static void texts(random_source *r) {
    uint8_t in[80];
    char out[2][400];
    const size_t size = random_below(r, sizeof in);
    random_fill(r, in, size, 256);
    report_case("text of %zu bytes", size);
    memset(out, 'x', sizeof out);
    for (int i = 0; i < 2; i++)
        both[i]->hexify(out[i], in, (int)size);
    compare_memory("rs_hexify", (uint8_t *)out[0], (uint8_t *)out[1], sizeof out[0]);
    memset(out, 'x', sizeof out);
    for (int i = 0; i < 2; i++)
        both[i]->base64(in, (int)size, out[i]);
    compare_memory("rs_base64", (uint8_t *)out[0], (uint8_t *)out[1], sizeof out[0]);
}

/* The output of rs_base64, and any text: with characters that are not of base64, padding anywhere, the end anywhere. */
static void back_from_base64(random_source *r) {
    static const char alphabet[] = "ABCxyz019+/==-_ \n.";
    uint8_t in[60];
    char text[2][100] = {{0}, {0}};
    size_t sizes[2];
    const size_t size = random_below(r, sizeof in);
    random_fill(r, in, size, 256);
    if (random_below(r, 2))
        stock.base64(in, (int)size, text[0]);
    else
        for (size_t i = 0; i < size; i++)
            text[0][i] = (char)(random_below(r, 10) ? alphabet[random_below(r, sizeof alphabet - 1)] : in[i]);
    memcpy(text[1], text[0], sizeof text[0]);
    report_case("rs_unbase64 of '%.90s'", text[0]);
    for (int i = 0; i < 2; i++)
        sizes[i] = both[i]->unbase64(text[i]);
    report_numbers("size", (intmax_t)sizes[0], (intmax_t)sizes[1]);
    if (sizes[0] == sizes[1] && sizes[0] <= sizeof text[0])
        compare_memory("bytes", (uint8_t *)text[0], (uint8_t *)text[1], sizes[0]);
}

/* rs_mdfour_t is opaque and no function allocates one; programs give it enough room. */
static void mdfour(random_source *r) {
    _Alignas(16) static uint8_t states[2][1024];
    uint8_t out[2][16];
    const size_t size = random_below(r, 300);
    rd_memory in = bytes_random(r, size, 256);
    report_case("rs_mdfour of %zu bytes", size);
    for (int i = 0; i < 2; i++)
        both[i]->mdfour(out[i], in.data, size);
    compare_memory("in one call", out[0], out[1], sizeof out[0]);
    for (int i = 0; i < 2; i++)
        both[i]->mdfour_begin((rs_mdfour_t *)states[i]);
    for (size_t at = 0, step = 0; at < size || step == 0; at += step) {
        step = random_below(r, size - at + 1);
        for (int i = 0; i < 2; i++)
            both[i]->mdfour_update((rs_mdfour_t *)states[i], in.data ? in.data + at : states[i], step);
        if (step == 0 && random_below(r, 4) == 0)
            break;
    }
    for (int i = 0; i < 2; i++)
        both[i]->mdfour_result((rs_mdfour_t *)states[i], out[i]);
    compare_memory("in pieces", out[0], out[1], sizeof out[0]);
    rd_memory_free(&in);
}

/* ---- Statistics -------------------------------------------------------------------------------------------------- */

static rs_long_t count_random(random_source *r) {
    return random_below(r, 3) ? 0 : (rs_long_t)(random_u64(r) >> (20 + random_below(r, 44)));
}

static rs_stats_t stats_random(random_source *r) {
    static const char *const ops[] = {"signature", "loadsig", "delta", "patch", "something else"};
    rs_stats_t s = {.op = ops[random_below(r, ITEMS(ops))],
                    .lit_cmds = (int)(count_random(r) & 0xffffff),
                    .lit_bytes = count_random(r),
                    .lit_cmdbytes = count_random(r),
                    .copy_cmds = count_random(r),
                    .copy_bytes = count_random(r),
                    .copy_cmdbytes = count_random(r),
                    .sig_cmds = count_random(r),
                    .sig_bytes = count_random(r),
                    .false_matches = (int)(count_random(r) & 0xffff),
                    .sig_blocks = count_random(r),
                    .block_len = random_below(r, 100000),
                    .in_bytes = count_random(r),
                    .out_bytes = count_random(r),
                    .start = 1700000000};
    s.end = s.start + (time_t)random_below(r, 3) * (time_t)random_below(r, 1000);
    return s;
}

static void stats_texts(random_source *r) {
    char text[2][1000];
    const rs_stats_t s = stats_random(r);
    const size_t size = random_below(r, 4) ? sizeof text[0] : 1 + random_below(r, 120);
    report_case("rs_format_stats into %zu bytes", size);
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 2; i++) {
        if (both[i]->format_stats(&s, text[i], size) != text[i])
            report_difference("%s does not return its buffer", both[i]->name);
    }
    report_texts("text", text[0], text[1]);
}

/* ---- Results and parameters -------------------------------------------------------------------------------------- */

static void results(void) {
    report_case("rs_strerror");
    for (int code = -300; code < 700; code++) {
        const char *const texts_of_code[] = {stock.strerror((rs_result)code), ours.strerror((rs_result)code)};
        if (strcmp(texts_of_code[0], texts_of_code[1]) != 0)
            report_difference("%d: stock %s, ours %s", code, texts_of_code[0], texts_of_code[1]);
    }
}

static size_t length_random(random_source *r) {
    static const size_t lengths[] = {0, 1, 8, 12, 16, 17, 20, 32, 33, 256, 2048, (size_t)-1, (size_t)-2, 1u << 30};
    return random_below(r, 3) ? lengths[random_below(r, ITEMS(lengths))]
                              : (size_t)(random_u64(r) >> random_below(r, 63));
}

/*
 * Stock takes a block length of any size, and makes signatures of it that cannot be loaded; ours refuses those above
 * RD_BLOCK_LEN_MAX.
 */
static void parameters(random_source *r) {
    static const unsigned magics[] = {0,          0x72730136, 0x72730137, 0x72730146, 0x72730147,
                                      0x72730147, 0x72730236, 0x72730138, 1,          0xffffffff};
    const rs_long_t size = random_below(r, 8) ? (rs_long_t)(random_u64(r) >> (10 + random_below(r, 54))) : -1;
    const unsigned magic = magics[random_below(r, ITEMS(magics))];
    const size_t block_len = random_below(r, 2) ? 0 : length_random(r);
    const size_t strong_len = random_below(r, 2) ? (size_t)-1 : length_random(r);
    rs_magic_number magics_out[2];
    size_t block_lens[2] = {block_len, block_len};
    size_t strong_lens[2] = {strong_len, strong_len};
    rs_result made[2];
    report_case("rs_sig_args(%jd, %x, %zu, %zu)", size, magic, block_len, strong_len);
    for (int i = 0; i < 2; i++) {
        magics_out[i] = (rs_magic_number)magic;
        made[i] = both[i]->sig_args(size, &magics_out[i], &block_lens[i], &strong_lens[i]);
    }
    if (block_len > RD_BLOCK_LEN_MAX && made[1] == RS_PARAM_ERROR)
        return;
    report_numbers("result", made[0], made[1]);
    if (made[0] == RS_DONE) {
        report_numbers("magic", magics_out[0], magics_out[1]);
        report_numbers("block length", (intmax_t)block_lens[0], (intmax_t)block_lens[1]);
        report_numbers("strong length", (intmax_t)strong_lens[0], (intmax_t)strong_lens[1]);
    }
}

static void constants(void) {
    report_case("constants");
    report_numbers("RS_MD4_SUM_LENGTH", *stock.md4_sum_length, *ours.md4_sum_length);
    report_numbers("RS_BLAKE2_SUM_LENGTH", *stock.blake2_sum_length, *ours.blake2_sum_length);
    report_numbers("rs_inbuflen", *stock.inbuflen, *ours.inbuflen);
    report_numbers("rs_outbuflen", *stock.outbuflen, *ours.outbuflen);
}

/* ---- The log ----------------------------------------------------------------------------------------------------- */

static char logged[4000];

static void note_message(rs_loglevel level, char const *message) {
    const size_t size = strlen(logged);
    (void)snprintf(logged + size, sizeof logged - size, "<%d>%s", (int)level, message);
}

/* What one library logs as statistics. */
static void stats_logs(random_source *r) {
    const rs_stats_t s = stats_random(r);
    char first[sizeof logged];
    report_case("rs_log_stats");
    for (int i = 0; i < 2; i++) {
        logged[0] = '\0';
        both[i]->trace_to(note_message);
        both[i]->trace_set_level(RS_LOG_INFO);
        (void)both[i]->log_stats(&s);
        both[i]->trace_set_level(RS_LOG_ERR);
        (void)both[i]->log_stats(&s);
        if (i == 0)
            memcpy(first, logged, sizeof first);
    }
    report_texts("log", first, logged);
}

void test_functions(void **state) {
    random_source r = random_from(sample_seed());
    (void)state;
    report_start();
    constants();
    results();
    for (size_t i = 0; i < sample_count(TRIES); i++) {
        texts(&r);
        back_from_base64(&r);
        mdfour(&r);
        stats_texts(&r);
        parameters(&r);
    }
    stats_logs(&r);
    report_end();
}

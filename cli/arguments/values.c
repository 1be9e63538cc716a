/*
 * values.c: see values.h.
 */
#include "cli/arguments/values.h"

#include <inttypes.h>
#include <string.h>

#include "cli/arguments/nearest.h"
#include "cli/report/report.h"

/* More are not a mistake worth having: each takes some megabytes. */
enum { THREADS_MAX = 256 };

typedef struct value_range {
    const char *what;
    uint64_t least;
    uint64_t most;
    const char *when; /* `most` depends on it: "" or " with ..." */
} value_range;

/* ---- Sizes ------------------------------------------------------------------------------------------------------ */

static int value_shift(char suffix) {
    switch (suffix) {
    case 'k':
    case 'K': return 10;
    case 'm':
    case 'M': return 20;
    case 'g':
    case 'G': return 30;
    default: return 0;
    }
}

/* Digits, then perhaps one of K, M, G. A number too large for 64 bits becomes UINT64_MAX, which is out of any range. */
static bool value_parse(const char *text, uint64_t *size) {
    uint64_t number = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        const uint64_t digit = (uint64_t)(*p - '0');
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    const int shift = value_shift(*p);
    if (p == text || p[shift != 0] != '\0')
        return false;
    *size = number > UINT64_MAX >> shift ? UINT64_MAX : number << shift;
    return true;
}

static bool value_in_range(const char *verb, const char *text, const value_range *range, uint64_t *size) {
    if (!value_parse(text, size)) {
        report_usage(verb, "%s '%.*s' is not a number, perhaps with K, M or G after it", range->what, REPORT_WORD_MAX,
                     text);
        return false;
    }
    if (*size < range->least || *size > range->most) {
        report_usage(verb, "%s '%.*s' is out of range: %" PRIu64 " to %" PRIu64 "%s", range->what, REPORT_WORD_MAX,
                     text, range->least, range->most, range->when);
        return false;
    }
    return true;
}

bool value_threads(const char *verb, const cli_words *words, unsigned *threads) {
    const char *const text = words_value(words, OPTION_THREADS);
    static const value_range range = {"number of threads", 0, THREADS_MAX, ""};
    uint64_t number = 0;
    if (text != NULL && !value_in_range(verb, text, &range, &number))
        return false;
    *threads = (unsigned)number;
    return true;
}

/* To the library 0 is no limit; who computes one does not mean that. */
static bool value_limit(const char *verb, const char *what, const char *text, uint64_t *limit) {
    const value_range range = {what, 1, INT64_MAX, ""};
    return text == NULL || value_in_range(verb, text, &range, limit);
}

bool value_limits(const char *verb, const cli_words *words, rd_limits *limits) {
    return value_limit(verb, "largest output", words_value(words, OPTION_MAX_OUTPUT), &limits->output) &&
           value_limit(verb, "amount of memory", words_value(words, OPTION_MAX_MEMORY), &limits->memory) &&
           value_limit(verb, "number of blocks", words_value(words, OPTION_MAX_BLOCKS), &limits->blocks);
}

/* ---- Parameters of a signature ---------------------------------------------------------------------------------- */

static bool value_block_size(const char *verb, const char *text, rd_params *params) {
    static const value_range range = {"block size", 0, RD_BLOCK_LEN_MAX, ""};
    uint64_t size = RD_BLOCK_LEN_AUTO;
    if (text != NULL && !value_in_range(verb, text, &range, &size))
        return false;
    params->block_len = (uint32_t)size;
    return true;
}

static bool value_sum_size(const char *verb, const char *text, rd_params *params) {
    const bool md4 = params->strong == RD_MD4;
    const value_range range = {"sum size", 0, md4 ? 16 : RD_STRONG_LEN_MAX, md4 ? " with md4" : " with blake2"};
    uint64_t size = RD_STRONG_LEN_FULL;
    if (text != NULL && strcmp(text, "-1") == 0) {
        params->strong_len = RD_STRONG_LEN_LEAST;
        return true;
    }
    if (text != NULL && !value_in_range(verb, text, &range, &size))
        return false;
    params->strong_len = (int32_t)size;
    return true;
}

static void value_report_choice(const char *verb, const char *what, const char *text, const char *const names[2]) {
    nearest search = nearest_to(text);
    nearest_try(&search, names[0]);
    nearest_try(&search, names[1]);
    report_usage(verb, "unknown %s '%.*s': it may be %s or %s%s%s%s", what, REPORT_WORD_MAX, text, names[0], names[1],
                 search.best != NULL ? "; do you mean " : "", search.best != NULL ? search.best : "",
                 search.best != NULL ? "?" : "");
}

/* *choice becomes 0 or 1, by the name given. */
static bool value_choice(const char *verb, const char *what, const char *text, const char *const names[2],
                         int *choice) {
    *choice = text != NULL && strcmp(text, names[1]) == 0;
    if (text == NULL || strcmp(text, names[*choice]) == 0)
        return true;
    value_report_choice(verb, what, text, names);
    return false;
}

bool value_params(const char *verb, const cli_words *words, rd_params *params) {
    static const char *const hashes[] = {[RD_BLAKE2] = "blake2", [RD_MD4] = "md4"};
    static const char *const rollsums[] = {[RD_RABINKARP] = "rabinkarp", [RD_ROLLSUM] = "rollsum"};
    int strong;
    int weak;
    if (!value_choice(verb, "hash", words_value(words, OPTION_HASH), hashes, &strong) ||
        !value_choice(verb, "rollsum", words_value(words, OPTION_ROLLSUM), rollsums, &weak))
        return false;
    params->strong = (rd_strong)strong;
    params->weak = (rd_weak)weak;
    return value_block_size(verb, words_value(words, OPTION_BLOCK_SIZE), params) &&
           value_sum_size(verb, words_value(words, OPTION_SUM_SIZE), params);
}

/* ---- Compression ------------------------------------------------------------------------------------------------ */

/* The value may be missing; the option may be, too. */
bool value_compression(const char *verb, const cli_words *words, int *level) {
    const uint64_t most = (uint64_t)rd_compression_max();
    const char *text = words_value(words, OPTION_COMPRESS);
    uint64_t number = RD_COMPRESSION_DEFAULT;
    if (!words_given(words, OPTION_COMPRESS))
        return true;
    if (most == 0) {
        report_usage(verb, "nothing can be compressed: this redelta was built without zstd");
        return false;
    }
    if (text != NULL && (!value_parse(text, &number) || number > most)) {
        report_usage(verb, "compression level '%.*s' is not a number from 1 to %" PRIu64, REPORT_WORD_MAX, text, most);
        return false;
    }
    *level = (int)number;
    return true;
}

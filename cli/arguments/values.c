/*
 * values.c: see values.h.
 */
#include "cli/arguments/values.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments/nearest.h"
#include "cli/arguments/options.h"
#include "cli/report/report.h"

/* More help nobody, and each takes some megabytes. */
enum { THREADS_MAX = 256 };

/* Of an option that chooses one of some names. */
enum { CHOICES_MAX = 3 };

typedef struct value_range {
    const char *what;
    uint64_t least;
    uint64_t most;
    const char *note; /* follows the range in a message, or "" */
    const char *also; /* what else is valid, before the range: "-1 or "; or "" */
} value_range;

static const char value_units[] = ", with or without K, M or G";

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

/* The bytes of the unit, as GNU's commands have them: K and KiB are 1024, KB is 1000, and none is 1. */
static bool value_unit(const char *text, uint64_t *bytes) {
    const int shift = value_shift(text[0]);
    const char *const rest = text + (shift > 0);
    uint64_t power = 1;
    for (int i = 0; i < shift; i += 10)
        power *= 1000;
    *bytes = shift > 0 && strcmp(rest, "B") == 0 ? power : (uint64_t)1 << shift;
    return rest[0] == '\0' || (shift > 0 && (strcmp(rest, "B") == 0 || strcmp(rest, "iB") == 0));
}

/* Digits, then perhaps a unit. A number too large for 64 bits becomes UINT64_MAX, which is out of any range. */
static bool value_parse(const char *text, uint64_t *size) {
    uint64_t number = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        const uint64_t digit = (uint64_t)(*p - '0');
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    uint64_t unit;
    if (p == text || !value_unit(p, &unit))
        return false;
    *size = number > UINT64_MAX / unit ? UINT64_MAX : number * unit;
    return true;
}

/* A number with a unit like "kb", whose small b may mean bits. */
static bool value_is_ambiguous(const char *text) {
    const char *const unit = text + strspn(text, "0123456789");
    if (unit == text || value_shift(unit[0]) == 0)
        return false;
    const char *const b = unit + 1 + (unit[1] == 'i' || unit[1] == 'I');
    return (b[0] == 'b' || b[0] == 'B') && b[1] == '\0';
}

static bool value_in_range(const char *verb, const char *text, const value_range *range, uint64_t *value) {
    if (value_parse(text, value) && *value >= range->least && *value <= range->most)
        return true;
    uint64_t ignored;
    if (!value_parse(text, &ignored) && value_is_ambiguous(text))
        report_usage(verb, "%s '%.*s' is ambiguous: K and KiB are 1024 bytes, KB is 1000", range->what,
                     report_width(text), text);
    else
        report_usage(verb, "%s '%.*s' is not %sa whole number from %" PRIu64 " to %" PRIu64 "%s", range->what,
                     report_width(text), text, range->also, range->least, range->most, range->note);
    return false;
}

bool value_threads(const char *verb, const cli_words *words, unsigned *threads) {
    static const value_range range = {"number of threads", 0, THREADS_MAX, "", ""};
    const char *const text = words_value(words, OPTION_THREADS);
    uint64_t number = 0;
    if (text != NULL && !value_in_range(verb, text, &range, &number))
        return false;
    *threads = (unsigned)number;
    return true;
}

/* To the library 0 is no limit; a script that computes one does not mean that. */
static bool value_limit(const char *verb, const char *what, const char *note, const char *text, uint64_t *limit) {
    const value_range range = {what, 1, INT64_MAX, note, ""};
    return text == NULL || value_in_range(verb, text, &range, limit);
}

bool value_limits(const char *verb, const cli_words *words, rd_limits *limits) {
    return value_limit(verb, "largest output", value_units, words_value(words, OPTION_MAX_OUTPUT), &limits->output) &&
           value_limit(verb, "amount of memory", value_units, words_value(words, OPTION_MAX_MEMORY), &limits->memory) &&
           value_limit(verb, "number of blocks", "", words_value(words, OPTION_MAX_BLOCKS), &limits->blocks);
}

/* ---- Other machines --------------------------------------------------------------------------------------------- */

/* The words of a command that are given, or its default. */
static bool value_command(const char *verb, const cli_words *words, cli_option option, const char *fallback,
                          const char **command) {
    const char *const text = words_value(words, option);
    *command = text != NULL ? text : fallback;
    if (text == NULL || text[strspn(text, " ")] != '\0')
        return true;
    report_usage(verb, "option '--%s' needs a value", options[option].name);
    return false;
}

bool value_remote(const char *verb, const cli_words *words, cli_request *request) {
    static const value_range rates = {"rate", 1, INT64_MAX, ", with or without K, M or G", ""};
    static const value_range rounds = {"number of rounds", 1, 255, "", ""};
    const char *const shell = getenv("REDELTA_RSH");
    const char *const rate = words_value(words, OPTION_LIMIT_RATE);
    const char *const most = words_value(words, OPTION_MAX_ROUNDS);
    uint64_t number = 0;
    if (rate != NULL && !value_in_range(verb, rate, &rates, &request->rate))
        return false;
    if (most != NULL && !value_in_range(verb, most, &rounds, &number))
        return false;
    request->max_rounds = (unsigned)number;
    request->root = words_value(words, OPTION_ROOT);
    if (request->root != NULL && request->root[0] == '\0') {
        report_usage(verb, "option '--root' needs a value");
        return false;
    }
    return value_command(verb, words, OPTION_RSH, shell != NULL && shell[0] != '\0' ? shell : "ssh", &request->shell) &&
           value_command(verb, words, OPTION_REMOTE_PROGRAM, "redelta", &request->program);
}

/* ---- Suffixes --------------------------------------------------------------------------------------------------- */

/* The value may be missing; the option may be, too. */
bool value_backup(const char *verb, const cli_words *words, const char **suffix) {
    const char *const text = words_value(words, OPTION_BACKUP);
    *suffix = text != NULL || !words_given(words, OPTION_BACKUP) ? text : "~";
    if (text == NULL || (text[0] != '\0' && strpbrk(text, "/\\") == NULL))
        return true;
    report_usage(verb, "suffix '%.*s' of backups is empty or contains a slash", report_width(text), text);
    return false;
}

/* ---- Parameters of a signature ---------------------------------------------------------------------------------- */

static bool value_block_size(const char *verb, const char *text, rd_params *params) {
    static const value_range range = {"block size", 0, RD_BLOCK_LEN_MAX, value_units, ""};
    uint64_t size = RD_BLOCK_LEN_AUTO;
    if (text != NULL && !value_in_range(verb, text, &range, &size))
        return false;
    params->block_len = (uint32_t)size;
    return true;
}

static bool value_sum_size(const char *verb, const char *text, rd_params *params) {
    rd_params whole = {.strong = params->strong, .strong_len = RD_STRONG_LEN_FULL};
    char note[32];
    (void)rd_params_resolve(&whole, RD_UNKNOWN);
    (void)snprintf(note, sizeof note, " (for %s)", rd_strong_name(params->strong));
    const value_range range = {"sum size", 0, (uint64_t)whole.strong_len, note, "-1 or "};
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

/* The names of the values of an enum, in its order, the default first. */
typedef struct value_names {
    const char *what;
    int count;
    const char *names[CHOICES_MAX];
} value_names;

static void value_report_choice(const char *verb, const value_names *choices, const char *text) {
    char list[64] = "";
    nearest search = nearest_to(text);
    for (int i = 0; i < choices->count; i++) {
        const char *const separator = i == choices->count - 1 ? " or " : i > 0 ? ", " : "";
        const size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, "%s%s", separator, choices->names[i]);
        nearest_try(&search, choices->names[i]);
    }
    if (search.best != NULL)
        report_usage(verb, "unknown %s '%.*s' (did you mean %s?)", choices->what, report_width(text), text,
                     search.best);
    else
        report_usage(verb, "unknown %s '%.*s': choose %s", choices->what, report_width(text), text, list);
}

/* *choice becomes the value of the enum that has the name given, or 0. */
static bool value_choice(const char *verb, const value_names *choices, const char *text, int *choice) {
    *choice = 0;
    while (text != NULL && *choice < choices->count && strcmp(text, choices->names[*choice]) != 0)
        (*choice)++;
    if (*choice < choices->count)
        return true;
    value_report_choice(verb, choices, text);
    return false;
}

bool value_params(const char *verb, const cli_words *words, rd_params *params) {
    const value_names hashes = {"hash", 2, {rd_strong_name(RD_BLAKE2), rd_strong_name(RD_MD4)}};
    const value_names rollsums = {"rollsum", 2, {rd_weak_name(RD_RABINKARP), rd_weak_name(RD_ROLLSUM)}};
    int strong;
    int weak;
    if (!value_choice(verb, &hashes, words_value(words, OPTION_HASH), &strong) ||
        !value_choice(verb, &rollsums, words_value(words, OPTION_ROLLSUM), &weak))
        return false;
    params->strong = (rd_strong)strong;
    params->weak = (rd_weak)weak;
    return value_block_size(verb, words_value(words, OPTION_BLOCK_SIZE), params) &&
           value_sum_size(verb, words_value(words, OPTION_SUM_SIZE), params);
}

/* ---- Holes ------------------------------------------------------------------------------------------------------ */

bool value_sparse(const char *verb, const cli_words *words, rd_sparse *sparse) {
    static const value_names choices = {"value of --sparse", 3, {"auto", "always", "never"}};
    int choice;
    if (!value_choice(verb, &choices, words_value(words, OPTION_SPARSE), &choice))
        return false;
    *sparse = (rd_sparse)choice;
    return true;
}

/* ---- Compression ------------------------------------------------------------------------------------------------ */

static bool value_is_level(const char *text) {
    uint64_t number;
    return value_parse(text, &number) && number >= 1 && number <= (uint64_t)rd_compression_max();
}

const char *value_detached_level(const cli_words *words) {
    const char *const text = words->after_compress;
    return text != NULL && value_is_level(text) ? text : NULL;
}

/* The value may be missing; the option may be, too. */
bool value_compression(const char *verb, const cli_words *words, int *level) {
    const uint64_t most = (uint64_t)rd_compression_max();
    const char *text = words_value(words, OPTION_COMPRESS);
    uint64_t number = RD_COMPRESSION_DEFAULT;
    if (!words_given(words, OPTION_COMPRESS))
        return true;
    if (most == 0) {
        report_usage(verb, "cannot compress: this redelta was built without zstd");
        return false;
    }
    if (text != NULL && (!value_parse(text, &number) || number > most)) {
        report_usage(verb, "compression level '%.*s' is not a whole number from 1 to %" PRIu64, report_width(text),
                     text, most);
        return false;
    }
    *level = (int)number;
    return true;
}

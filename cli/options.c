/*
 * options.c: the command line, from argv to one struct.
 *
 * Options and operands may stand in any order, also before the verb. So the words are first only sorted (words.c), and
 * get their meaning here when all of them, and the verb, are known: then every message can name the verb, and an option
 * can be checked against the verb or another option.
 */
#include "options.h"

#include <inttypes.h>
#include <string.h>

#include "nearest.h"
#include "records.h"
#include "report.h"
#include "words.h"

/* More are not a mistake worth having: each takes some megabytes. */
enum { THREADS_MAX = 256 };

/* Room for the names of all verbs in a sentence. */
enum { LIST_MAX = 160 };

typedef struct size_range {
    const char *what;
    uint64_t least;
    uint64_t most;
    const char *when; /* `most` depends on it: "" or " with ..." */
} size_range;

/* ---- Sizes ------------------------------------------------------------------------------------------------------ */

static int suffix_shift(char suffix) {
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
static bool parse_size(const char *text, uint64_t *size) {
    uint64_t number = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        const uint64_t digit = (uint64_t)(*p - '0');
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    const int shift = suffix_shift(*p);
    if (p == text || p[shift != 0] != '\0')
        return false;
    *size = number > UINT64_MAX >> shift ? UINT64_MAX : number << shift;
    return true;
}

static bool read_size(cli_verb verb, const char *text, const size_range *range, uint64_t *size) {
    if (!parse_size(text, size)) {
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

static bool read_threads(cli_verb verb, const char *text, unsigned *threads) {
    static const size_range range = {"number of threads", 0, THREADS_MAX, ""};
    uint64_t number = 0;
    if (text != NULL && !read_size(verb, text, &range, &number))
        return false;
    *threads = (unsigned)number;
    return true;
}

/* To the library 0 is no limit; who computes one does not mean that. */
static bool read_limit(cli_verb verb, const char *what, const char *text, uint64_t *limit) {
    const size_range range = {what, 1, INT64_MAX, ""};
    return text == NULL || read_size(verb, text, &range, limit);
}

static bool read_limits(cli_verb verb, const cli_words *words, rd_limits *limits) {
    return read_limit(verb, "largest output", words_value(words, OPTION_MAX_OUTPUT), &limits->output) &&
           read_limit(verb, "amount of memory", words_value(words, OPTION_MAX_MEMORY), &limits->memory) &&
           read_limit(verb, "number of blocks", words_value(words, OPTION_MAX_BLOCKS), &limits->blocks);
}

/* ---- Parameters of a signature ---------------------------------------------------------------------------------- */

static bool read_block_size(cli_verb verb, const char *text, rd_params *params) {
    static const size_range range = {"block size", 0, RD_BLOCK_LEN_MAX, ""};
    uint64_t size = RD_BLOCK_LEN_AUTO;
    if (text != NULL && !read_size(verb, text, &range, &size))
        return false;
    params->block_len = (uint32_t)size;
    return true;
}

static bool read_sum_size(cli_verb verb, const char *text, rd_params *params) {
    const bool md4 = params->strong == RD_MD4;
    const size_range range = {"sum size", 0, md4 ? 16 : RD_STRONG_LEN_MAX, md4 ? " with md4" : " with blake2"};
    uint64_t size = RD_STRONG_LEN_FULL;
    if (text != NULL && strcmp(text, "-1") == 0) {
        params->strong_len = RD_STRONG_LEN_LEAST;
        return true;
    }
    if (text != NULL && !read_size(verb, text, &range, &size))
        return false;
    params->strong_len = (int32_t)size;
    return true;
}

static void tell_bad_choice(cli_verb verb, const char *what, const char *text, const char *const names[2]) {
    nearest search = nearest_to(text);
    nearest_try(&search, names[0]);
    nearest_try(&search, names[1]);
    report_usage(verb, "unknown %s '%.*s': it may be %s or %s%s%s%s", what, REPORT_WORD_MAX, text, names[0], names[1],
                 search.best != NULL ? "; do you mean " : "", search.best != NULL ? search.best : "",
                 search.best != NULL ? "?" : "");
}

/* *choice becomes 0 or 1, by the name given. */
static bool read_choice(cli_verb verb, const char *what, const char *text, const char *const names[2], int *choice) {
    *choice = text != NULL && strcmp(text, names[1]) == 0;
    if (text == NULL || strcmp(text, names[*choice]) == 0)
        return true;
    tell_bad_choice(verb, what, text, names);
    return false;
}

static bool read_params(cli_verb verb, const cli_words *words, rd_params *params) {
    static const char *const hashes[] = {[RD_BLAKE2] = "blake2", [RD_MD4] = "md4"};
    static const char *const rollsums[] = {[RD_RABINKARP] = "rabinkarp", [RD_ROLLSUM] = "rollsum"};
    int strong;
    int weak;
    if (!read_choice(verb, "hash", words_value(words, OPTION_HASH), hashes, &strong) ||
        !read_choice(verb, "rollsum", words_value(words, OPTION_ROLLSUM), rollsums, &weak))
        return false;
    params->strong = (rd_strong)strong;
    params->weak = (rd_weak)weak;
    return read_block_size(verb, words_value(words, OPTION_BLOCK_SIZE), params) &&
           read_sum_size(verb, words_value(words, OPTION_SUM_SIZE), params);
}

/* ---- Compression ------------------------------------------------------------------------------------------------ */

/* The value may be missing; the option may be, too. */
static bool read_compression(cli_verb verb, const cli_words *words, int *level) {
    const uint64_t most = (uint64_t)rd_compression_max();
    const char *text = words_value(words, OPTION_COMPRESS);
    uint64_t number = RD_COMPRESSION_DEFAULT;
    if (!words_given(words, OPTION_COMPRESS))
        return true;
    if (most == 0) {
        report_usage(verb, "nothing can be compressed: this redelta was built without zstd");
        return false;
    }
    if (text != NULL && (!parse_size(text, &number) || number > most)) {
        report_usage(verb, "compression level '%.*s' is not a number from 1 to %" PRIu64, REPORT_WORD_MAX, text, most);
        return false;
    }
    *level = (int)number;
    return true;
}

/* ---- Switches, verb and operands -------------------------------------------------------------------------------- */

static rd_verify verify_of(const cli_words *words) {
    switch (words_later(words, OPTION_NO_VERIFY, OPTION_ALWAYS_VERIFY)) {
    case OPTION_NO_VERIFY: return RD_VERIFY_NEVER;
    case OPTION_ALWAYS_VERIFY: return RD_VERIFY_ALWAYS;
    default: return RD_VERIFY_DEFAULT;
    }
}

static cli_progress_wish progress_of(const cli_words *words) {
    if (words_given(words, OPTION_QUIET))
        return PROGRESS_NEVER;
    switch (words_later(words, OPTION_PROGRESS, OPTION_NO_PROGRESS)) {
    case OPTION_PROGRESS: return PROGRESS_ALWAYS;
    case OPTION_NO_PROGRESS: return PROGRESS_NEVER;
    default: return PROGRESS_AUTO;
    }
}

static void read_switches(cli_options *result, const cli_words *words) {
    result->quiet = words_given(words, OPTION_QUIET);
    result->stats = words_given(words, OPTION_STATS) && !result->quiet;
    result->verbose = words_given(words, OPTION_VERBOSE) && !result->quiet;
    result->force = words_given(words, OPTION_FORCE);
    result->exit_code = words_given(words, OPTION_EXIT_CODE);
    result->progress = progress_of(words);
    result->ops = words_given(words, OPTION_OPS);
    result->verify = verify_of(words);
}

/* What an option says to a verb that it is not for would be ignored, so it is refused. */
static bool check_options(cli_verb verb, const cli_words *words) {
    for (cli_option o = 0; o < OPTIONS; o++) {
        const cli_option_info *info = option_info(o);
        if (!words_given(words, o) || (info->verbs & VERB_BIT(verb)) != 0)
            continue;
        char list[LIST_MAX];
        verbs_list(list, sizeof list, info->verbs, "and");
        report_usage(verb, "option '--%s' is for %s only", info->name, list);
        return false;
    }
    return true;
}

static bool is_standard(const char *word, const char *device) {
    return word == NULL || strcmp(word, "-") == 0 || strcmp(word, device) == 0;
}

static bool read_operands(cli_options *result, const cli_words *words) {
    const cli_verb_info *info = verb_info(result->verb);
    const int most = info->inputs + info->outputs;
    if (words->operand_count < info->least) {
        report_usage(result->verb, "%s must be named", info->first);
        return false;
    }
    if (words->operand_count > most) {
        report_usage(result->verb, "'%.*s' is one file too many", REPORT_WORD_MAX, words->operands[most]);
        return false;
    }
    int standard = 0;
    result->input_count = info->inputs;
    for (int i = 0; i < info->inputs; i++) {
        result->inputs[i] = is_standard(words->operands[i], "/dev/stdin") ? NULL : words->operands[i];
        standard += result->inputs[i] == NULL;
    }
    const char *output = info->outputs > 0 ? words->operands[info->inputs] : words_value(words, OPTION_HTML);
    result->makes_output = info->outputs > 0 || words_given(words, OPTION_HTML);
    result->output = is_standard(output, "/dev/stdout") ? NULL : output;
    if (standard > 1) {
        report_usage(result->verb, "only one input can be standard input, and here both are");
        return false;
    }
    return true;
}

/* As an unset variable of a shell makes it. */
static bool check_names(const cli_options *result) {
    const char *const names[] = {result->inputs[0], result->inputs[1], result->output};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] == NULL || names[i][0] != '\0')
            continue;
        report_usage(result->verb, "the name of a file is empty");
        return false;
    }
    return true;
}

static bool check_inspection(const cli_options *result) {
    if (!result->ops || !result->makes_output)
        return true;
    report_usage(result->verb, "--ops lists commands and --html writes a page: choose one");
    return false;
}

/* Records go to standard output, or to a file. Neither may be what the verb writes to. */
static bool read_json(cli_options *result, const cli_words *words) {
    const char *file = words_value(words, OPTION_JSON);
    result->json = words_given(words, OPTION_JSON);
    result->json_file = is_standard(file, "/dev/stdout") ? NULL : file;
    if (!result->json)
        return true;
    if (file != NULL && file[0] == '\0')
        report_usage(result->verb, "option '--json' needs a value, or no '='");
    else if (result->json_file != NULL || result->output != NULL || !result->makes_output)
        return true;
    else
        report_usage(result->verb, "--json writes to standard output, and so would the output: name a file for either");
    return false;
}

/* Whether a word asks for records on standard output. It is known before the words are sorted: that may fail. */
static bool asks_for_records(int argc, char **argv) {
    bool asks = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strncmp(argv[i], "--json", strlen("--json")) == 0)
            asks = strcmp(argv[i], "--json") == 0;
    return asks;
}

/* Other commands have verbs for these options, the only ones that need none. */
static bool is_verb_elsewhere(const char *word) {
    return strcmp(word, option_info(OPTION_HELP)->name) == 0 || strcmp(word, option_info(OPTION_VERSION)->name) == 0;
}

static void tell_bad_verb(const char *word) {
    char list[LIST_MAX];
    const char *meant = verb_nearest(word);
    verbs_list(list, sizeof list, ~0u, "or");
    if (is_verb_elsewhere(word))
        report_usage(VERB_NONE, "unknown verb '%s': do you mean --%s?", word, word);
    else if (meant != NULL)
        report_usage(VERB_NONE, "unknown verb '%.*s': do you mean %s?", REPORT_WORD_MAX, word, meant);
    else
        report_usage(VERB_NONE, "unknown verb '%.*s': it may be %s", REPORT_WORD_MAX, word, list);
}

static bool read_verb(cli_options *result, const cli_words *words) {
    if (words->verb == NULL) {
        if (result->help || result->version)
            return true;
        char list[LIST_MAX];
        verbs_list(list, sizeof list, ~0u, "or");
        report_usage(VERB_NONE, "the verb is missing: %s", list);
        return false;
    }
    result->verb = verb_find(words->verb);
    if (result->verb == VERB_NONE)
        tell_bad_verb(words->verb);
    return result->verb != VERB_NONE;
}

static bool read_words(cli_options *result, int argc, char **argv) {
    cli_words words;
    if (!words_sort(&words, argc, argv))
        return false;
    result->help = words_given(&words, OPTION_HELP);
    result->version = words_given(&words, OPTION_VERSION);
    if (!read_verb(result, &words))
        return false;
    if (result->help)
        return true;
    if (result->version)
        return read_json(result, &words);
    read_switches(result, &words);
    return check_options(result->verb, &words) && read_params(result->verb, &words, &result->params) &&
           read_limits(result->verb, &words, &result->limits) &&
           read_compression(result->verb, &words, &result->compression) &&
           read_threads(result->verb, words_value(&words, OPTION_THREADS), &result->threads) &&
           read_operands(result, &words) && check_names(result) && check_inspection(result) &&
           read_json(result, &words);
}

bool options_parse(cli_options *result, int argc, char **argv) {
    cli_failure ignored; /* a wrong command line is told on standard error in any case */
    *result = (cli_options){0};
    if (asks_for_records(argc, argv))
        (void)records_open(NULL, &ignored);
    const bool right = read_words(result, argc, argv);
    (void)records_close(&ignored);
    return right;
}

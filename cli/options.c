/*
 * options.c: the command line, from argv to one struct.
 *
 * Options and operands may stand in any order, also before the verb. So the words are first only sorted into a struct
 * of texts, and get their meaning when all of them, and the verb, are known: then every message can name the verb, and
 * an option can be checked against the verb or another option. getopt is asked to hand out operands in order (the "-"
 * that opens the list of letters), because its other way, sorting argv, gives in to POSIXLY_CORRECT.
 */
#include "options.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "report.h"

/* All inputs, the output, and the first that is too many: it is named in the message. */
enum { OPERANDS_MAX = INPUTS_MAX + 2 };

/* More are not a mistake worth having: each takes some megabytes. */
enum { THREADS_MAX = 256 };

typedef struct verb_info {
    const char *name;
    int inputs;  /* the operands are this many inputs, then the output, if there is one */
    int outputs; /* 0 or 1 */
    int least;   /* operands that must be given */
    const char *first;
} verb_info;

/* No two begin with the same letter: any prefix of at least one letter is unique. */
static const verb_info verbs[] = {
    [VERB_NONE] = {NULL, 0, 0, 0, NULL},
    [VERB_SIGNATURE] = {"signature", 1, 1, 0, "a basis"},
    [VERB_DELTA] = {"delta", 2, 1, 1, "a signature"},
    [VERB_PATCH] = {"patch", 2, 1, 1, "a basis"},
    [VERB_VERIFY] = {"verify", 2, 0, 1, "a delta"},
};

/* Options without a letter. */
enum { OPTION_NO_VERIFY = 256, OPTION_ALWAYS_VERIFY, OPTION_MAX_OUTPUT, OPTION_MAX_MEMORY, OPTION_MAX_BLOCKS };

static const struct option long_options[] = {
    {"block-size", required_argument, NULL, 'b'},
    {"sum-size", required_argument, NULL, 'S'},
    {"hash", required_argument, NULL, 'H'},
    {"rollsum", required_argument, NULL, 'R'},
    {"threads", required_argument, NULL, 'T'},
    {"force", no_argument, NULL, 'f'},
    {"stats", no_argument, NULL, 's'},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"no-verify", no_argument, NULL, OPTION_NO_VERIFY},
    {"always-verify", no_argument, NULL, OPTION_ALWAYS_VERIFY},
    {"max-output", required_argument, NULL, OPTION_MAX_OUTPUT},
    {"max-memory", required_argument, NULL, OPTION_MAX_MEMORY},
    {"max-blocks", required_argument, NULL, OPTION_MAX_BLOCKS},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The words of the command line that still need a meaning. NULL: not given. */
typedef struct words {
    const char *block_size;
    const char *sum_size;
    const char *hash;
    const char *rollsum;
    const char *threads;
    const char *max_output;
    const char *max_memory;
    const char *max_blocks;
    const char *verb;
    const char *operands[OPERANDS_MAX];
    int operand_count; /* if there are more than OPERANDS_MAX, those are not counted */
} words;

typedef struct size_range {
    const char *what;
    uint64_t most;
    const char *when; /* `most` depends on it: "" or " with ..." */
} size_range;

const char *verb_name(cli_verb verb) {
    return verbs[verb].name;
}

static cli_verb verb_find(const char *word) {
    for (cli_verb v = VERB_SIGNATURE; v <= VERB_VERIFY; v++)
        if (word[0] != '\0' && strncmp(word, verbs[v].name, strlen(word)) == 0)
            return v;
    return VERB_NONE;
}

/* ---- Sorting the words ------------------------------------------------------------------------------------------ */

static void take_operand(words *given, const char *word) {
    if (given->verb == NULL)
        given->verb = word;
    else if (given->operand_count < OPERANDS_MAX)
        given->operands[given->operand_count++] = word;
}

static const char *long_name(int letter) {
    for (const struct option *o = long_options; o->name != NULL; o++)
        if (o->val == letter)
            return o->name;
    return NULL;
}

/* getopt said '?' of the option `word`; `letter` is what it made of it, 0 for an unknown long option. */
static void tell_bad_option(cli_verb verb, const char *word, int letter) {
    if (letter == 0)
        report_usage(verb, "option '%.*s' is unknown or short for several", REPORT_WORD_MAX, word);
    else if (long_name(letter) != NULL)
        report_usage(verb, "option '--%s' takes no value", long_name(letter));
    else
        report_usage(verb, "unknown option '-%c'", letter);
}

/* Options that take a value, and operands (letter 1). */
static bool take_value(words *given, int letter, const char *value) {
    switch (letter) {
    case 'b': given->block_size = value; return true;
    case 'S': given->sum_size = value; return true;
    case 'H': given->hash = value; return true;
    case 'R': given->rollsum = value; return true;
    case 'T': given->threads = value; return true;
    case OPTION_MAX_OUTPUT: given->max_output = value; return true;
    case OPTION_MAX_MEMORY: given->max_memory = value; return true;
    case OPTION_MAX_BLOCKS: given->max_blocks = value; return true;
    case 1: take_operand(given, value); return true;
    default: return false;
    }
}

static bool take_switch(cli_options *result, int letter) {
    switch (letter) {
    case 'f': result->force = true; return true;
    case 's': result->stats = true; return true;
    case 'v': result->verbose = true; return true;
    case 'q': result->quiet = true; return true;
    case 'V': result->version = true; return true;
    case 'h': result->help = true; return true;
    case OPTION_NO_VERIFY: result->verify = RD_VERIFY_NEVER; return true;
    case OPTION_ALWAYS_VERIFY: result->verify = RD_VERIFY_ALWAYS; return true;
    default: return false;
    }
}

static bool sort_words(cli_options *result, words *given, int argc, char **argv) {
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, "-:b:S:H:R:T:fsvqVh", long_options, NULL)) != -1;) {
        if (take_value(given, letter, optarg) || take_switch(result, letter))
            continue;
        const cli_verb verb = given->verb != NULL ? verb_find(given->verb) : VERB_NONE;
        if (letter == ':')
            report_usage(verb, "option '--%s' needs a value", long_name(optopt));
        else
            tell_bad_option(verb, argv[optind - 1], optopt);
        return false;
    }
    for (int i = optind; i < argc; i++)
        take_operand(given, argv[i]);
    return true;
}

/* ---- Their meaning ---------------------------------------------------------------------------------------------- */

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
    if (*size > range->most) {
        report_usage(verb, "%s '%.*s' is out of range: 0 to %" PRIu64 "%s", range->what, REPORT_WORD_MAX, text,
                     range->most, range->when);
        return false;
    }
    return true;
}

static bool read_block_size(cli_verb verb, const char *text, rd_params *params) {
    static const size_range range = {"block size", RD_BLOCK_LEN_MAX, ""};
    uint64_t size = RD_BLOCK_LEN_AUTO;
    if (text != NULL && !read_size(verb, text, &range, &size))
        return false;
    params->block_len = (uint32_t)size;
    return true;
}

static bool read_sum_size(cli_verb verb, const char *text, rd_params *params) {
    const bool md4 = params->strong == RD_MD4;
    const size_range range = {"sum size", md4 ? 16 : RD_STRONG_LEN_MAX, md4 ? " with md4" : " with blake2"};
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

static bool read_threads(cli_verb verb, const char *text, unsigned *threads) {
    static const size_range range = {"number of threads", THREADS_MAX, ""};
    uint64_t number = 0;
    if (text != NULL && !read_size(verb, text, &range, &number))
        return false;
    *threads = (unsigned)number;
    return true;
}

static bool read_limit(cli_verb verb, const char *what, const char *text, uint64_t *limit) {
    const size_range range = {what, INT64_MAX, ""};
    return text == NULL || read_size(verb, text, &range, limit);
}

static bool read_limits(cli_verb verb, const words *given, rd_limits *limits) {
    return read_limit(verb, "largest output", given->max_output, &limits->output) &&
           read_limit(verb, "amount of memory", given->max_memory, &limits->memory) &&
           read_limit(verb, "number of blocks", given->max_blocks, &limits->blocks);
}

/* *choice becomes 0 or 1, by the name given. */
static bool read_choice(cli_verb verb, const char *what, const char *text, const char *const names[2], int *choice) {
    *choice = text != NULL && strcmp(text, names[1]) == 0;
    if (text == NULL || strcmp(text, names[*choice]) == 0)
        return true;
    report_usage(verb, "unknown %s '%.*s': it may be %s or %s", what, REPORT_WORD_MAX, text, names[0], names[1]);
    return false;
}

static bool read_params(cli_verb verb, const words *given, rd_params *params) {
    static const char *const hashes[] = {[RD_BLAKE2] = "blake2", [RD_MD4] = "md4"};
    static const char *const rollsums[] = {[RD_RABINKARP] = "rabinkarp", [RD_ROLLSUM] = "rollsum"};
    int strong;
    int weak;
    if (!read_choice(verb, "hash", given->hash, hashes, &strong) ||
        !read_choice(verb, "rollsum", given->rollsum, rollsums, &weak))
        return false;
    params->strong = (rd_strong)strong;
    params->weak = (rd_weak)weak;
    return read_block_size(verb, given->block_size, params) && read_sum_size(verb, given->sum_size, params);
}

/* Delta and patch learn these from their inputs: an option would be ignored, so it is refused. */
static bool refuse_params(cli_verb verb, const words *given) {
    const char *name = given->block_size != NULL ? "block-size"
                       : given->sum_size != NULL ? "sum-size"
                       : given->hash != NULL     ? "hash"
                       : given->rollsum != NULL  ? "rollsum"
                                                 : NULL;
    if (name != NULL)
        report_usage(verb, "option '--%s' is for signature only", name);
    return name == NULL;
}

/* Of a signature there is nothing to verify, and verify does nothing else. */
static bool check_verify(cli_verb verb, rd_verify verify) {
    const char *const name = verify == RD_VERIFY_NEVER ? "no-verify" : "always-verify";
    if (verify == RD_VERIFY_DEFAULT || verb == VERB_PATCH || (verb == VERB_DELTA && verify == RD_VERIFY_NEVER))
        return true;
    report_usage(verb, "option '--%s' is for %s only", name, verify == RD_VERIFY_NEVER ? "delta and patch" : "patch");
    return false;
}

/* Only a delta needs memory for what others made, and to verify makes no output. */
static bool refuse_limits(cli_verb verb, const words *given) {
    const char *const name = given->max_memory != NULL ? "max-memory" : "max-blocks";
    if (verb != VERB_DELTA && (given->max_memory != NULL || given->max_blocks != NULL))
        report_usage(verb, "option '--%s' is for delta only", name);
    else if (verb == VERB_VERIFY && given->max_output != NULL)
        report_usage(verb, "option '--max-output' is for signature, delta and patch only");
    else
        return true;
    return false;
}

static bool check_force(cli_verb verb, bool force) {
    if (verb != VERB_VERIFY || !force)
        return true;
    report_usage(verb, "option '--force' is for signature, delta and patch only");
    return false;
}

static bool is_standard(const char *word, const char *device) {
    return word == NULL || strcmp(word, "-") == 0 || strcmp(word, device) == 0;
}

static bool read_operands(cli_options *result, const words *given) {
    const verb_info *info = &verbs[result->verb];
    const int most = info->inputs + info->outputs;
    if (given->operand_count < info->least) {
        report_usage(result->verb, "%s must be named", info->first);
        return false;
    }
    if (given->operand_count > most) {
        report_usage(result->verb, "'%.*s' is one file too many", REPORT_WORD_MAX, given->operands[most]);
        return false;
    }
    int standard = 0;
    result->input_count = info->inputs;
    for (int i = 0; i < info->inputs; i++) {
        result->inputs[i] = is_standard(given->operands[i], "/dev/stdin") ? NULL : given->operands[i];
        standard += result->inputs[i] == NULL;
    }
    const char *output = info->outputs > 0 ? given->operands[info->inputs] : NULL;
    result->output = is_standard(output, "/dev/stdout") ? NULL : output;
    if (standard > 1) {
        report_usage(result->verb, "only one input can be standard input, and here both are");
        return false;
    }
    return true;
}

static bool read_verb(cli_options *result, const words *given) {
    if (given->verb == NULL) {
        if (result->help || result->version)
            return true;
        report_usage(VERB_NONE, "the verb is missing: signature, delta, patch or verify");
        return false;
    }
    result->verb = verb_find(given->verb);
    if (result->verb == VERB_NONE) {
        report_usage(VERB_NONE, "unknown verb '%.*s': it may be signature, delta, patch or verify", REPORT_WORD_MAX,
                     given->verb);
    }
    return result->verb != VERB_NONE;
}

bool options_parse(cli_options *result, int argc, char **argv) {
    words given = {0};
    *result = (cli_options){0};
    if (!sort_words(result, &given, argc, argv) || !read_verb(result, &given))
        return false;
    if (result->help || result->version)
        return true;
    if (result->quiet) {
        result->stats = false;
        result->verbose = false;
    }
    const bool params_fit = result->verb == VERB_SIGNATURE ? read_params(result->verb, &given, &result->params)
                                                           : refuse_params(result->verb, &given);
    return params_fit && check_verify(result->verb, result->verify) && check_force(result->verb, result->force) &&
           refuse_limits(result->verb, &given) && read_limits(result->verb, &given, &result->limits) &&
           read_threads(result->verb, given.threads, &result->threads) && read_operands(result, &given);
}

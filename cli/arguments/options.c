/*
 * options.c: see options.h.
 */
#include "cli/arguments/options.h"

#include <string.h>

#include "cli/arguments/nearest.h"
#include "cli/verbs/verb.h"

const cli_option_info options[OPTIONS] = {
    [OPTION_BLOCK_SIZE] = {"block-size", 'b', VALUE_NEEDED},
    [OPTION_SUM_SIZE] = {"sum-size", 'S', VALUE_NEEDED},
    [OPTION_HASH] = {"hash", 'H', VALUE_NEEDED},
    [OPTION_ROLLSUM] = {"rollsum", 'R', VALUE_NEEDED},
    [OPTION_COMPRESS] = {"compress", 'z', VALUE_OPTIONAL},
    [OPTION_DENSE] = {"dense", 0, VALUE_NONE},
    [OPTION_THREADS] = {"threads", 'T', VALUE_NEEDED},
    [OPTION_FORCE] = {"force", 'f', VALUE_NONE},
    [OPTION_OUTPUT] = {"output", 'o', VALUE_NEEDED},
    [OPTION_BASIS] = {"basis", 0, VALUE_NEEDED},
    [OPTION_STATS] = {"stats", 's', VALUE_NONE},
    [OPTION_VERBOSE] = {"verbose", 'v', VALUE_NONE},
    [OPTION_QUIET] = {"quiet", 'q', VALUE_NONE},
    [OPTION_PROGRESS] = {"progress", 0, VALUE_NONE},
    [OPTION_NO_PROGRESS] = {"no-progress", 0, VALUE_NONE},
    [OPTION_JSON] = {"json", 0, VALUE_OPTIONAL},
    [OPTION_EXIT_CODE] = {"exit-code", 0, VALUE_NONE},
    [OPTION_DRY_RUN] = {"dry-run", 'n', VALUE_NONE},
    [OPTION_BACKUP] = {"backup", 0, VALUE_OPTIONAL},
    [OPTION_TIMES] = {"times", 't', VALUE_NONE},
    [OPTION_FOLLOW] = {"follow", 0, VALUE_NONE},
    [OPTION_SPARSE] = {"sparse", 0, VALUE_NEEDED},
    [OPTION_ACCEPT_CHANGED] = {"accept-changed", 0, VALUE_NONE},
    [OPTION_NO_VERIFY] = {"no-verify", 0, VALUE_NONE},
    [OPTION_ALWAYS_VERIFY] = {"always-verify", 0, VALUE_NONE},
    [OPTION_MAX_OUTPUT] = {"max-output", 0, VALUE_NEEDED},
    [OPTION_MAX_MEMORY] = {"max-memory", 0, VALUE_NEEDED},
    [OPTION_MAX_BLOCKS] = {"max-blocks", 0, VALUE_NEEDED},
    [OPTION_OPS] = {"ops", 0, VALUE_NONE},
    [OPTION_HTML] = {"html", 0, VALUE_NEEDED},
    [OPTION_RSH] = {"rsh", 0, VALUE_NEEDED},
    [OPTION_REMOTE_PROGRAM] = {"remote-program", 0, VALUE_NEEDED},
    [OPTION_LIMIT_RATE] = {"limit-rate", 0, VALUE_NEEDED},
    [OPTION_MAX_ROUNDS] = {"max-rounds", 0, VALUE_NEEDED},
    [OPTION_PARTIAL] = {"partial", 0, VALUE_NONE},
    [OPTION_STDIO] = {"stdio", 0, VALUE_NONE},
    [OPTION_ROOT] = {"root", 0, VALUE_NEEDED},
    [OPTION_READ_ONLY] = {"read-only", 0, VALUE_NONE},
    [OPTION_VERSION] = {"version", 'V', VALUE_NONE},
    [OPTION_HELP] = {"help", 'h', VALUE_NONE},
};

/* Every verb takes these; those that are plain, only the latter. */
static const uint64_t options_common =
    OPTION_BIT(THREADS) | OPTION_BIT(STATS) | OPTION_BIT(VERBOSE) | OPTION_BIT(QUIET) | OPTION_BIT(PROGRESS) |
    OPTION_BIT(NO_PROGRESS) | OPTION_BIT(JSON) | OPTION_BIT(ACCEPT_CHANGED) | OPTION_BIT(VERSION) | OPTION_BIT(HELP);

static const uint64_t options_plain = OPTION_BIT(THREADS) | OPTION_BIT(VERSION) | OPTION_BIT(HELP);

bool option_is_for(cli_option option, const cli_verb *verb) {
    return verb == NULL ||
           ((verb->options | (verb->plain ? options_plain : options_common)) & UINT64_C(1) << option) != 0;
}

cli_option option_of_letter(int letter) {
    cli_option o = 0;
    while (o < OPTIONS && (options[o].letter == 0 || options[o].letter != letter))
        o++;
    return o;
}

int option_count(const char *name, size_t length) {
    int count = 0;
    for (cli_option o = 0; o < OPTIONS; o++)
        count += strncmp(options[o].name, name, length) == 0;
    return count;
}

const char *option_nearest(const cli_verb *verb, const char *word) {
    nearest search = nearest_to(word);
    for (cli_option o = 0; o < OPTIONS; o++)
        if (option_is_for(o, verb))
            nearest_try(&search, options[o].name);
    return search.best;
}

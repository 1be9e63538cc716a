/*
 * catalogue.c: see catalogue.h.
 */
#include "catalogue.h"

#include <stdio.h>
#include <string.h>

#include "nearest.h"

/* In the order in which a user meets them; where two begin with the same letters, these mean the first. */
static const cli_verb_info verbs[VERBS] = {
    [VERB_SIGNATURE] = {"signature", 1, 1, 0, "a basis"},
    [VERB_DELTA] = {"delta", 2, 1, 1, "a signature"},
    [VERB_PATCH] = {"patch", 2, 1, 1, "a basis"},
    [VERB_VERIFY] = {"verify", 2, 0, 1, "a delta"},
    [VERB_SYNC] = {"sync", 2, 0, 2, "both an old and a new file"},
    [VERB_INSPECT] = {"inspect", 1, 0, 0, "a signature or a delta"},
    [VERB_ESTIMATE] = {"estimate", 2, 0, 2, "the old file and the new one"},
};

enum {
    SIGNATURE = VERB_BIT(VERB_SIGNATURE),
    DELTA = VERB_BIT(VERB_DELTA),
    PATCH = VERB_BIT(VERB_PATCH),
    VERIFY = VERB_BIT(VERB_VERIFY),
    SYNC = VERB_BIT(VERB_SYNC),
    INSPECT = VERB_BIT(VERB_INSPECT),
    ESTIMATE = VERB_BIT(VERB_ESTIMATE),
    EVERY = VERB_BIT(VERBS) - 1
};

static const cli_option_info options[OPTIONS] = {
    [OPTION_BLOCK_SIZE] = {"block-size", 'b', VALUE_NEEDED, SIGNATURE | SYNC},
    [OPTION_SUM_SIZE] = {"sum-size", 'S', VALUE_NEEDED, SIGNATURE | ESTIMATE},
    [OPTION_HASH] = {"hash", 'H', VALUE_NEEDED, SIGNATURE | ESTIMATE},
    [OPTION_ROLLSUM] = {"rollsum", 'R', VALUE_NEEDED, SIGNATURE | ESTIMATE},
    [OPTION_COMPRESS] = {"compress", 'z', VALUE_OPTIONAL, SIGNATURE | DELTA},
    [OPTION_THREADS] = {"threads", 'T', VALUE_NEEDED, EVERY},
    [OPTION_FORCE] = {"force", 'f', VALUE_NONE, SIGNATURE | DELTA | PATCH | INSPECT},
    [OPTION_STATS] = {"stats", 's', VALUE_NONE, EVERY},
    [OPTION_VERBOSE] = {"verbose", 'v', VALUE_NONE, EVERY},
    [OPTION_QUIET] = {"quiet", 'q', VALUE_NONE, EVERY},
    [OPTION_PROGRESS] = {"progress", 0, VALUE_NONE, EVERY},
    [OPTION_NO_PROGRESS] = {"no-progress", 0, VALUE_NONE, EVERY},
    [OPTION_JSON] = {"json", 0, VALUE_OPTIONAL, EVERY},
    [OPTION_EXIT_CODE] = {"exit-code", 0, VALUE_NONE, DELTA | SYNC | ESTIMATE},
    [OPTION_NO_VERIFY] = {"no-verify", 0, VALUE_NONE, DELTA | PATCH},
    [OPTION_ALWAYS_VERIFY] = {"always-verify", 0, VALUE_NONE, PATCH},
    [OPTION_MAX_OUTPUT] = {"max-output", 0, VALUE_NEEDED, SIGNATURE | DELTA | PATCH},
    [OPTION_MAX_MEMORY] = {"max-memory", 0, VALUE_NEEDED, DELTA | PATCH | VERIFY | INSPECT},
    [OPTION_MAX_BLOCKS] = {"max-blocks", 0, VALUE_NEEDED, DELTA | INSPECT},
    [OPTION_OPS] = {"ops", 0, VALUE_NONE, INSPECT},
    [OPTION_HTML] = {"html", 0, VALUE_NEEDED, INSPECT},
    [OPTION_VERSION] = {"version", 'V', VALUE_NONE, EVERY},
    [OPTION_HELP] = {"help", 'h', VALUE_NONE, EVERY},
};

/* ---- Verbs ------------------------------------------------------------------------------------------------------ */

const cli_verb_info *verb_info(cli_verb verb) {
    return &verbs[verb];
}

const char *verb_name(cli_verb verb) {
    return verbs[verb].name;
}

cli_verb verb_find(const char *word) {
    for (cli_verb v = VERB_NONE + 1; v < VERBS; v++)
        if (word[0] != '\0' && strncmp(word, verbs[v].name, strlen(word)) == 0)
            return v;
    return VERB_NONE;
}

static int verbs_count(unsigned set) {
    int count = 0;
    for (cli_verb v = VERB_NONE + 1; v < VERBS; v++)
        count += (set & VERB_BIT(v)) != 0;
    return count;
}

void verbs_list(char *text, size_t size, unsigned set, const char *last) {
    int left = verbs_count(set);
    size_t used = 0;
    text[0] = '\0';
    for (cli_verb v = VERB_NONE + 1; v < VERBS && used < size; v++) {
        if ((set & VERB_BIT(v)) == 0)
            continue;
        left--;
        used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", verbs[v].name, left > 1 ? ", " : "",
                                 left == 1 ? " " : "", left == 1 ? last : "");
        if (left == 1 && used < size)
            used += (size_t)snprintf(text + used, size - used, " ");
    }
}

const char *verb_nearest(const char *word) {
    nearest search = nearest_to(word);
    for (cli_verb v = VERB_NONE + 1; v < VERBS; v++)
        nearest_try(&search, verbs[v].name);
    return search.best;
}

/* ---- Options ---------------------------------------------------------------------------------------------------- */

const cli_option_info *option_info(cli_option option) {
    return &options[option];
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

const char *option_nearest(cli_verb verb, const char *word) {
    nearest search = nearest_to(word);
    for (cli_option o = 0; o < OPTIONS; o++)
        if (verb == VERB_NONE || (options[o].verbs & VERB_BIT(verb)) != 0)
            nearest_try(&search, options[o].name);
    return search.best;
}

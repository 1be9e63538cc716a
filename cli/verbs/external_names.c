/*
 * external_names.c: see external.h. What is the same on all systems.
 */
#include "cli/verbs/external.h"

#include <string.h>

const cli_external externals[EXTERNALS] = {
    {"dataset", "pip install 'redelta[dataset]'"},
    {"push", "pip install 'redelta[s3]', or [azure]"},
    {"pull", "pip install 'redelta[s3]', or [azure]"},
};

enum { NAME_MAX_LEN = 40 };

const cli_external *external_known(const char *word) {
    for (int e = 0; e < EXTERNALS; e++)
        if (strcmp(word, externals[e].name) == 0)
            return &externals[e];
    return NULL;
}

static bool external_is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool external_is_name(const char *word) {
    const size_t length = strlen(word);
    for (size_t i = 0; i < length; i++) {
        const bool inside = (word[i] >= '0' && word[i] <= '9') || word[i] == '-';
        if (!external_is_letter(word[i]) && (i == 0 || !inside))
            return false;
    }
    return length > 0 && length <= NAME_MAX_LEN;
}

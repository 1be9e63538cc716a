/*
 * location.c: see location.h.
 */
#include "location.h"

#include <string.h>

#if defined(_WIN32)
enum { HOST_MIN = 2 };
static const char separators[] = ":/\\";
#else
enum { HOST_MIN = 1 };
static const char separators[] = ":/";
#endif

cli_location location_parse(const char *word) {
    const size_t length = strcspn(word, separators);
    if (word[length] != ':' || length < HOST_MIN)
        return (cli_location){NULL, 0, word};
    return (cli_location){word, length, word + length + 1};
}

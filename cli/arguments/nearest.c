/*
 * nearest.c: words are near if few typing errors lie between them: a letter too many, one missing, one wrong, or
 * two in the wrong order (Damerau 1964; the restricted form, in which no letter is part of two errors). One is allowed
 * for every three letters. Whether letters are capital does not matter.
 */
#include "cli/arguments/nearest.h"

#include <string.h>

/* Longer words are no typing errors. */
enum { WORD_MAX = 32 };

static size_t nearest_least(size_t a, size_t b) {
    return a < b ? a : b;
}

static int nearest_fold(char letter) {
    return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter;
}

/* rows[i % 3][j] is the distance between the first i letters of `a` and the first j of `b`. */
static size_t nearest_distance(const char *a, const char *b) {
    size_t rows[3][WORD_MAX + 1];
    const size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= strlen(a); i++) {
        size_t *const row = rows[i % 3];
        const size_t *const above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            const int x = nearest_fold(a[i - 1]);
            const int y = nearest_fold(b[j - 1]);
            row[j] = nearest_least(above[j - 1] + (x != y), 1 + nearest_least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && x == nearest_fold(b[j - 2]) && y == nearest_fold(a[i - 2]))
                row[j] = nearest_least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[strlen(a) % 3][width];
}

nearest nearest_to(const char *word) {
    return (nearest){.word = word, .distance = (strlen(word) + 2) / 3 + 1};
}

void nearest_try(nearest *search, const char *candidate) {
    if (strlen(search->word) > WORD_MAX || strlen(candidate) > WORD_MAX)
        return;
    const size_t distance = nearest_distance(search->word, candidate);
    if (distance < search->distance && distance < strlen(search->word)) {
        search->distance = distance;
        search->best = candidate;
    }
}

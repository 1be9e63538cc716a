/*
 * external_windows.c: see external.h. A process cannot be replaced here: the program is started and waited for, and
 * Ctrl-C, which goes to both, is left to it.
 */
#define _FILE_OFFSET_BITS 64
#include <stdlib.h>

#if defined(_WIN32)
#include "cli/verbs/external.h"

#include <process.h>
#include <signal.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

enum { SEPARATOR = L';' };

/* Only a name with a drive, or of another machine, leads to the same place from everywhere. */
static bool external_is_absolute(const wchar_t *directory, size_t length) {
    return length > 2 && ((directory[1] == L':' && (directory[2] == L'\\' || directory[2] == L'/')) ||
                          (directory[0] == L'\\' && directory[1] == L'\\'));
}

static bool external_try(const wchar_t *directory, size_t length, const char *word, char *path) {
    wchar_t wide[EXTERNAL_PATH_MAX];
    if (!external_is_absolute(directory, length) || length + strlen(word) + 16 > EXTERNAL_PATH_MAX)
        return false;
    (void)swprintf(wide, EXTERNAL_PATH_MAX, L"%.*ls\\redelta-%hs.exe", (int)length, directory, word);
    const DWORD attributes = GetFileAttributesW(wide);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0 &&
           WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, EXTERNAL_PATH_MAX, NULL, NULL) > 0;
}

static bool external_try_beside(const char *word, char *path) {
    wchar_t own[EXTERNAL_PATH_MAX];
    const DWORD length = GetModuleFileNameW(NULL, own, EXTERNAL_PATH_MAX);
    const wchar_t *const slash = length > 0 && length < EXTERNAL_PATH_MAX ? wcsrchr(own, L'\\') : NULL;
    return slash != NULL && external_try(own, (size_t)(slash - own), word, path);
}

bool external_find(const char *word, char *path) {
    const wchar_t *directory = _wgetenv(L"PATH");
    if (external_try_beside(word, path))
        return true;
    while (directory != NULL) {
        const wchar_t *const end = wcschr(directory, SEPARATOR);
        if (external_try(directory, end != NULL ? (size_t)(end - directory) : wcslen(directory), word, path))
            return true;
        directory = end != NULL ? end + 1 : NULL;
    }
    return false;
}

/*
 * A word as the started program will read it again (CommandLineToArgvW): in quotes, with a backslash before each quote,
 * and twice as many backslashes where they stand before one. NULL: no memory.
 */
static wchar_t *external_quote(const char *word) {
    const int size = MultiByteToWideChar(CP_UTF8, 0, word, -1, NULL, 0);
    wchar_t *const wide = malloc((size_t)size * sizeof *wide);
    wchar_t *const made = malloc(((size_t)size * 2 + 3) * sizeof *made);
    if (wide != NULL && made != NULL) {
        size_t used = 0;
        size_t backslashes = 0;
        (void)MultiByteToWideChar(CP_UTF8, 0, word, -1, wide, size);
        made[used++] = L'"';
        for (const wchar_t *at = wide;; at++) {
            for (; (*at == L'"' || *at == L'\0') && backslashes > 0; backslashes--)
                made[used++] = L'\\';
            backslashes = *at == L'\\' ? backslashes + 1 : 0;
            if (*at == L'\0')
                break;
            if (*at == L'"')
                made[used++] = L'\\';
            made[used++] = *at;
        }
        made[used++] = L'"';
        made[used] = L'\0';
    }
    free(wide);
    return made;
}

int external_run(const char *path, char **words) {
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    wchar_t **const quoted = calloc(count + 1, sizeof *quoted);
    wchar_t *const wide = malloc(EXTERNAL_PATH_MAX * sizeof *wide);
    bool good =
        quoted != NULL && wide != NULL && MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, EXTERNAL_PATH_MAX) > 0;
    for (size_t i = 0; good && i < count; i++) {
        quoted[i] = external_quote(words[i]);
        good = quoted[i] != NULL;
    }
    (void)signal(SIGINT, SIG_IGN);
    const intptr_t status = good ? _wspawnv(_P_WAIT, wide, (const wchar_t *const *)quoted) : -1;
    for (size_t i = 0; quoted != NULL && i < count; i++)
        free(quoted[i]);
    free(quoted);
    free(wide);
    return (int)status;
}

#endif

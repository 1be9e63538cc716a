/*
 * Destinations on Windows: see destination.c for what they promise. The bytes go to a file with a name of its own in
 * the destination's directory, which one call moves to the destination's name. Names are UTF-8.
 *
 * Until it is whole, the file is marked for deletion: it goes when the process ends, however that ends. Only a process
 * that is killed between its last two calls (the mark is lifted, the name is taken), or where the file system knows no
 * such mark, leaves it behind. For that case the names come from the destination's, as in temporary.h: `.redelta-`, a
 * hash of it, and the number of a place. A file that somebody has open cannot be deleted, so that the next run just
 * tries to delete what is there.
 *
 * What Windows does not do: a file that is open elsewhere cannot be replaced; and a new file has the rights that its
 * directory gives it, not those of what it replaces.
 */
#include "base/result.h"

#if defined(_WIN32)
#include "base/memory.h"
#include "base/random.h"
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

enum { PLACES = 8, TEMPORARY_NAME_MAX = 40 };

struct rd_destination {
    int fd;             /* -1: none */
    wchar_t *path;      /* in full: the current directory may change */
    wchar_t *temporary; /* the file's own path; NULL: there is none */
    rd_replace replace;
    bool existed;
    bool marked; /* for deletion */
};

static rd_result fail(rd_error *error, int system_error, const char *reason) {
    return rd__fail_system(error, RD_ROLE_OUTPUT, system_error, reason);
}

static rd_result fail_exists(rd_error *error) {
    return rd__fail(error, RD_E_EXISTS, RD_ROLE_OUTPUT, RD_UNKNOWN, "the file exists");
}

/* Frees the destination and removes what is left of the file. Another run that took its name since has that open. */
static void release(rd_destination *d) {
    if (d->fd >= 0)
        (void)_close(d->fd);
    if (d->temporary)
        (void)DeleteFileW(d->temporary);
    free(d->temporary);
    free(d->path);
    free(d);
}

/* The UTF-8 path in UTF-16, as it was given; NULL, with errno, if there is none. To be freed. */
static wchar_t *widened(const char *path) {
    const int size = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);
    wchar_t *const wide = size > 1 ? rd__alloc_array((uint64_t)size, sizeof *wide) : NULL;
    errno = size > 1 ? ENOMEM : ENOENT;
    if (wide)
        (void)MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, size);
    return wide;
}

static rd_result set_path(rd_destination *d, const char *path, rd_error *error) {
    wchar_t *const wide = widened(path);
    if (!wide)
        return errno == ENOMEM ? rd__fail_memory(error) : fail(error, errno, "cannot write");
    const DWORD size = GetFullPathNameW(wide, 0, NULL, NULL);
    d->path = rd__alloc_array((uint64_t)size + 1, sizeof *d->path);
    const DWORD length = d->path ? GetFullPathNameW(wide, size, d->path, NULL) : 0;
    free(wide);
    if (!d->path)
        return rd__fail_memory(error);
    return length > 0 && length < size ? RD_OK : fail(error, rd__system_errno(), "cannot write");
}

/* Looks at what bears the name. */
static rd_result look(rd_destination *d, rd_error *error) {
    const DWORD attributes = GetFileAttributesW(d->path);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return GetLastError() == ERROR_FILE_NOT_FOUND ? RD_OK
                                                      : fail(error, rd__system_errno(), "cannot look up the output");
    if (attributes & FILE_ATTRIBUTE_DIRECTORY)
        return fail(error, EISDIR, "cannot write");
    d->existed = true;
    return d->replace == RD_REPLACE_NEVER ? fail_exists(error) : RD_OK;
}

/* ---- The file until it has its name ------------------------------------------------------------------------------ */

/* The number of characters up to the name in its directory. */
static size_t directory_length(const wchar_t *path) {
    size_t length = 0;
    for (size_t i = 0; path[i] != L'\0'; i++) {
        if (path[i] == L'/' || path[i] == L'\\' || path[i] == L':')
            length = i + 1;
    }
    return length;
}

/* FNV-1a: two destinations with one hash share the places, which does no harm. */
static uint64_t hash_name(const wchar_t *name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name != L'\0'; name++)
        hash = (hash ^ *name) * 0x100000001b3u;
    return hash;
}

/* Sets the name to try: those of the places first, then random ones. */
static void set_name(const rd_destination *d, int attempt) {
    const size_t length = directory_length(d->path);
    wchar_t *const name = d->temporary + length;
    const uint64_t family = hash_name(d->path + length);
    if (attempt < PLACES)
        (void)swprintf(name, TEMPORARY_NAME_MAX, L".redelta-%08x%08x-%d", (unsigned)(family >> 32), (unsigned)family,
                       attempt);
    else
        (void)swprintf(name, TEMPORARY_NAME_MAX, L".redelta-%08x%08x", rd__random_u32(), rd__random_u32());
}

/* Removes what runs that were killed left of this destination. What others have open is not theirs to lose. */
static void sweep(const rd_destination *d) {
    for (int place = 0; place < PLACES; place++) {
        set_name(d, place);
        (void)DeleteFileW(d->temporary);
    }
}

/* Nobody may delete the file while it is open, nor write to it. The error is that of the last name tried. */
static HANDLE create_file(const rd_destination *d) {
    HANDLE file = INVALID_HANDLE_VALUE;
    for (int attempt = 0; attempt <= PLACES && file == INVALID_HANDLE_VALUE; attempt++) {
        set_name(d, attempt);
        file = CreateFileW(d->temporary, GENERIC_READ | GENERIC_WRITE | DELETE, FILE_SHARE_READ, NULL, CREATE_NEW,
                           FILE_ATTRIBUTE_NORMAL, NULL);
    }
    return file;
}

/* Whether the file is deleted once nobody has it open any more. */
static bool mark(HANDLE file, bool deleted) {
    FILE_DISPOSITION_INFO info = {.DeleteFile = deleted};
    return SetFileInformationByHandle(file, FileDispositionInfo, &info, sizeof info);
}

static rd_result open_file(rd_destination *d, rd_error *error) {
    const HANDLE file = create_file(d);
    if (file == INVALID_HANDLE_VALUE)
        return fail(error, rd__system_errno(), "cannot create a file in the directory of the output");
    d->marked = mark(file, true);
    d->fd = _open_osfhandle((intptr_t)file, _O_RDWR | _O_BINARY | _O_NOINHERIT);
    if (d->fd >= 0)
        return RD_OK;
    (void)CloseHandle(file);
    return fail(error, errno, "cannot open");
}

/* ---- The destination --------------------------------------------------------------------------------------------- */

static rd_result open_destination(rd_destination *d, const char *path, rd_error *error) {
    rd_result result = set_path(d, path, error);
    if (result != RD_OK)
        return result;
    d->temporary = rd__alloc_array((uint64_t)directory_length(d->path) + TEMPORARY_NAME_MAX, sizeof *d->temporary);
    if (!d->temporary)
        return rd__fail_memory(error);
    wmemcpy(d->temporary, d->path, directory_length(d->path));
    sweep(d);
    result = look(d, error);
    return result == RD_OK ? open_file(d, error) : result;
}

rd_result rd_destination_open(rd_destination **destination, const char *path, rd_replace replace, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    *destination = NULL;
    rd_destination *const d = rd__alloc_zeroed(1, sizeof *d);
    if (!d)
        return rd__fail_memory(e);
    d->fd = -1;
    d->replace = replace;
    const rd_result result = open_destination(d, path, e);
    if (result != RD_OK) {
        release(d);
        return result;
    }
    *destination = d;
    return RD_OK;
}

rd_sink rd_destination_sink(rd_destination *destination) {
    return rd_sink_fd(destination->fd);
}

void rd_destination_discard(rd_destination *destination) {
    if (destination)
        release(destination);
}

/* Moves the open file to the destination's name. By its handle, since a file that nobody has open is swept away. */
static bool take_name(rd_destination *d, HANDLE file) {
    const size_t size = wcslen(d->path) * sizeof *d->path;
    const size_t whole = sizeof(FILE_RENAME_INFO) + size;
    FILE_RENAME_INFO *const info = rd__alloc_zeroed(whole, 1);
    if (!info) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return false;
    }
    info->ReplaceIfExists = d->replace != RD_REPLACE_NEVER;
    info->FileNameLength = (DWORD)size;
    memcpy(info->FileName, d->path, size);
    const bool taken = SetFileInformationByHandle(file, FileRenameInfo, info, (DWORD)whole);
    const DWORD system_error = GetLastError();
    free(info);
    SetLastError(system_error);
    return taken;
}

static rd_result commit(rd_destination *d, rd_error *error) {
    const bool durable = d->existed && d->replace == RD_REPLACE_SAFELY;
    const HANDLE file = (HANDLE)_get_osfhandle(d->fd);
    if (durable && !FlushFileBuffers(file))
        return fail(error, rd__system_errno(), "cannot write the output to the disk");
    if ((d->marked && !mark(file, false)) || !take_name(d, file)) {
        const int system_error = rd__system_errno();
        return d->replace == RD_REPLACE_NEVER && system_error == EEXIST
                   ? fail_exists(error)
                   : fail(error, system_error, "cannot give the output its name");
    }
    free(d->temporary);
    d->temporary = NULL;
    if (durable)
        (void)FlushFileBuffers(file); /* makes the name durable; either one is whole */
    return RD_OK;
}

rd_result rd_destination_commit(rd_destination *destination, rd_error *error) {
    rd_error ignored;
    const rd_result result = commit(destination, error ? error : &ignored);
    release(destination);
    return result;
}
#endif

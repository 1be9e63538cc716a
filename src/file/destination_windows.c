/*
 * Destinations on Windows: see destination.c for what they promise. The bytes go to a file with a name of its own in
 * the destination's directory, which one call moves to the destination's name. Names are UTF-8.
 *
 * Until it is whole, the file is marked for deletion: it goes when the process ends, however that ends. A process that
 * is killed between its last two calls (the mark is removed, the name is taken), or where the file system knows no such
 * mark, leaves the file. For that case the names derive from the destination's, as in temporary.h: `.redelta-`, a hash
 * of it, and the number of a place. A file that somebody has open cannot be deleted, so the next run simply tries to
 * delete what is there.
 *
 * An open directory is its path, swept once. Nothing is queued in it: there is no call that flushes many files.
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

enum { FAMILY_DIGITS = 16, PLACES = 8, TEMPORARY_NAME_MAX = 40 };

struct rd_destination {
    int fd;             /* -1: none */
    wchar_t *path;      /* in full: the current directory may change */
    wchar_t *temporary; /* the file's own path; NULL: there is none */
    rd_replace replace;
    bool existed;
    bool marked; /* for deletion */
    bool guarded;
    BY_HANDLE_FILE_INFORMATION old; /* of the old file, if it existed */
    wchar_t *backup;                /* the path that the old file gets; NULL: none */
    bool has_time;
    FILETIME time;
    unsigned *notes_out;
};

struct rd_directory {
    wchar_t *path; /* in full, with a backslash at its end */
};

static rd_result windows_fail(rd_error *error, int system_error, const char *reason) {
    return rd__fail_system(error, RD_ROLE_OUTPUT, system_error, reason);
}

static rd_result windows_fail_exists(rd_error *error) {
    return rd__fail(error, RD_E_EXISTS, RD_ROLE_OUTPUT, RD_UNKNOWN, "the file exists");
}

static rd_result windows_fail_changed(rd_error *error) {
    return rd__fail(error, RD_E_CHANGED, RD_ROLE_OUTPUT, RD_UNKNOWN,
                    "was changed by another program meanwhile, so it was not replaced");
}

/* Frees the destination and removes what is left of the file. Another run that took its name since has that open. */
static void windows_release(rd_destination *d) {
    if (d->fd >= 0)
        (void)_close(d->fd);
    if (d->temporary)
        (void)DeleteFileW(d->temporary);
    free(d->temporary);
    free(d->backup);
    free(d->path);
    free(d);
}

/* The UTF-8 path in UTF-16, as it was given; NULL, with errno, if there is none. To be freed. */
static wchar_t *windows_widened(const char *path) {
    const int size = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);
    wchar_t *const wide = size > 1 ? rd__alloc_array((uint64_t)size, sizeof *wide) : NULL;
    errno = size > 1 ? ENOMEM : ENOENT;
    if (wide)
        (void)MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, size);
    return wide;
}

/* Sets *full to the path in full, since the current directory may change. To be freed. */
static rd_result windows_full_path(wchar_t **full, const wchar_t *path, rd_error *error) {
    const DWORD size = GetFullPathNameW(path, 0, NULL, NULL);
    *full = rd__alloc_array((uint64_t)size + 1, sizeof **full);
    if (!*full)
        return rd__fail_memory(error);
    const DWORD length = GetFullPathNameW(path, size, *full, NULL);
    return length > 0 && length < size ? RD_OK : windows_fail(error, rd__system_errno(), "cannot write");
}

/* Sets *full to that of a UTF-8 path; NULL after a failure, or to be freed. */
static rd_result windows_full_path_of(wchar_t **full, const char *path, rd_error *error) {
    wchar_t *const wide = windows_widened(path);
    if (!wide)
        return errno == ENOMEM ? rd__fail_memory(error) : windows_fail(error, errno, "cannot write");
    const rd_result result = windows_full_path(full, wide, error);
    free(wide);
    return result;
}

/* Identity, size and times of a file. False: there is none, or nothing is told of it. */
static bool windows_inform(const wchar_t *path, BY_HANDLE_FILE_INFORMATION *information) {
    const HANDLE file =
        CreateFileW(path, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                    OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    const bool told = file != INVALID_HANDLE_VALUE && GetFileInformationByHandle(file, information);
    if (file != INVALID_HANDLE_VALUE)
        (void)CloseHandle(file);
    return told;
}

/* Examines what has the name. */
static rd_result windows_examine(rd_destination *d, rd_error *error) {
    const DWORD attributes = GetFileAttributesW(d->path);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return GetLastError() == ERROR_FILE_NOT_FOUND
                   ? RD_OK
                   : windows_fail(error, rd__system_errno(), "cannot look up the output");
    if (attributes & FILE_ATTRIBUTE_DIRECTORY)
        return windows_fail(error, EISDIR, "cannot write");
    d->existed = true;
    (void)windows_inform(d->path, &d->old);
    return d->replace == RD_REPLACE_NEVER ? windows_fail_exists(error) : RD_OK;
}

/* ---- The file until it has its name ------------------------------------------------------------------------------ */

/* The number of characters up to the name in its directory. */
static size_t windows_directory_length(const wchar_t *path) {
    size_t length = 0;
    for (size_t i = 0; path[i] != L'\0'; i++) {
        if (path[i] == L'/' || path[i] == L'\\' || path[i] == L':')
            length = i + 1;
    }
    return length;
}

/* FNV-1a. Two destinations with the same hash share the places, which does no harm. */
static uint64_t windows_hash_name(const wchar_t *name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name != L'\0'; name++)
        hash = (hash ^ *name) * 0x100000001b3u;
    return hash;
}

/* Sets the name to try: the places first, then random names. */
static void windows_set_name(const rd_destination *d, int attempt) {
    const size_t length = windows_directory_length(d->path);
    wchar_t *const name = d->temporary + length;
    const uint64_t family = windows_hash_name(d->path + length);
    if (attempt < PLACES)
        (void)swprintf(name, TEMPORARY_NAME_MAX, L".redelta-%08x%08x-%d", (unsigned)(family >> 32), (unsigned)family,
                       attempt);
    else
        (void)swprintf(name, TEMPORARY_NAME_MAX, L".redelta-%08x%08x", rd__random_u32(), rd__random_u32());
}

/* Removes what killed processes left of this destination. What somebody has open cannot be deleted. */
static void windows_sweep(const rd_destination *d) {
    for (int place = 0; place < PLACES; place++) {
        windows_set_name(d, place);
        (void)DeleteFileW(d->temporary);
    }
}

/* Whether a name has the form of those that are swept: no file that is to stay may bear it. */
static bool windows_is_place(const wchar_t *name) {
    static const wchar_t prefix[] = L".redelta-";
    const size_t length = sizeof prefix / sizeof prefix[0] - 1;
    if (wcsncmp(name, prefix, length) != 0 || wcsspn(name + length, L"0123456789abcdef") != FAMILY_DIGITS)
        return false;
    const wchar_t *const place = name + length + FAMILY_DIGITS;
    return place[0] == L'-' && place[1] >= L'0' && place[1] < L'0' + PLACES && place[2] == L'\0';
}

/* Nobody may delete the file while it is open, nor write to it. The error is that of the last name tried. */
static HANDLE windows_create_file(const rd_destination *d) {
    HANDLE file = INVALID_HANDLE_VALUE;
    for (int attempt = 0; attempt <= PLACES && file == INVALID_HANDLE_VALUE; attempt++) {
        windows_set_name(d, attempt);
        file = CreateFileW(d->temporary, GENERIC_READ | GENERIC_WRITE | DELETE, FILE_SHARE_READ, NULL, CREATE_NEW,
                           FILE_ATTRIBUTE_NORMAL, NULL);
    }
    return file;
}

/* Whether the file is deleted once nobody has it open any more. */
static bool windows_mark(HANDLE file, bool deleted) {
    FILE_DISPOSITION_INFO info = {.DeleteFile = deleted};
    return SetFileInformationByHandle(file, FileDispositionInfo, &info, sizeof info);
}

static rd_result windows_open_file(rd_destination *d, rd_error *error) {
    const HANDLE file = windows_create_file(d);
    if (file == INVALID_HANDLE_VALUE)
        return windows_fail(error, rd__system_errno(), "cannot create a file in the directory of the output");
    d->marked = windows_mark(file, true);
    d->fd = _open_osfhandle((intptr_t)file, _O_RDWR | _O_BINARY | _O_NOINHERIT);
    if (d->fd >= 0)
        return RD_OK;
    (void)CloseHandle(file);
    return windows_fail(error, errno, "cannot open");
}

/* ---- The destination --------------------------------------------------------------------------------------------- */

/* A destination without a path. NULL: *error says why not. */
static rd_destination *windows_new(rd_replace replace, rd_error *error) {
    /* There is nothing to follow: a name that leads elsewhere is opened by that. */
    const rd_replace plain = (unsigned)replace & ~(unsigned)RD_REPLACE_FOLLOW;
    switch (plain) {
    case RD_REPLACE_NEVER:
    case RD_REPLACE_SAFELY:
    case RD_REPLACE_FAST: break;
    default:
        (void)rd__fail(error, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN, "`replace` is not one of enum rd_replace");
        return NULL;
    }
    rd_destination *const d = rd__alloc_zeroed(1, sizeof *d);
    if (d)
        *d = (rd_destination){.fd = -1, .replace = plain};
    else
        (void)rd__fail_memory(error);
    return d;
}

/* Opens what is to be written: d->path is set. */
static rd_result windows_start(rd_destination *d, bool swept, rd_error *error) {
    const size_t length = windows_directory_length(d->path);
    d->temporary = rd__alloc_array((uint64_t)length + TEMPORARY_NAME_MAX, sizeof *d->temporary);
    if (!d->temporary)
        return rd__fail_memory(error);
    wmemcpy(d->temporary, d->path, length);
    windows_set_name(d, PLACES);
    if (!swept)
        windows_sweep(d);
    const rd_result result = windows_examine(d, error);
    return result == RD_OK ? windows_open_file(d, error) : result;
}

rd_result rd_destination_open(rd_destination **destination, const char *path, rd_replace replace, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    *destination = NULL;
    rd_destination *const d = windows_new(replace, e);
    if (!d)
        return e->result;
    rd_result result = windows_full_path_of(&d->path, path, e);
    if (result == RD_OK)
        result = windows_start(d, false, e);
    if (result != RD_OK) {
        windows_release(d);
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
        windows_release(destination);
}

bool rd_destination_is_direct(const rd_destination *destination) {
    (void)destination;
    return false;
}

void rd_destination_notes(rd_destination *destination, unsigned *notes) {
    destination->notes_out = notes;
    *notes = 0;
}

void rd_destination_set_time(rd_destination *destination, int64_t seconds, uint32_t nanoseconds) {
    const uint64_t since_1601 = (uint64_t)(seconds + 11644473600) * 10000000 + nanoseconds / 100;
    destination->has_time = true;
    destination->time = (FILETIME){.dwLowDateTime = (DWORD)since_1601, .dwHighDateTime = (DWORD)(since_1601 >> 32)};
}

rd_result rd_destination_guard(rd_destination *destination, const rd_source *basis, rd_error *error) {
    rd_destination *const d = destination;
    rd_error ignored;
    BY_HANDLE_FILE_INFORMATION read;
    const bool known =
        basis && !basis->read && basis->fd >= 0 && GetFileInformationByHandle((HANDLE)_get_osfhandle(basis->fd), &read);
    const bool named = known && d->existed && read.dwVolumeSerialNumber == d->old.dwVolumeSerialNumber &&
                       read.nFileIndexHigh == d->old.nFileIndexHigh && read.nFileIndexLow == d->old.nFileIndexLow;
    if (basis && !named)
        return RD_OK;
    d->guarded = true;
    const uint64_t size = (uint64_t)d->old.nFileSizeHigh << 32 | d->old.nFileSizeLow;
    if (named && basis->size != RD_UNKNOWN && basis->origin == 0 && basis->end == 0 && basis->size != size)
        return windows_fail_changed(error ? error : &ignored);
    return RD_OK;
}

rd_result rd_destination_backup(rd_destination *destination, const char *suffix, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    rd_destination *const d = destination;
    if (suffix[0] == '\0' || strpbrk(suffix, "/\\:"))
        return rd__fail(e, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "the suffix of the backup is empty or contains a slash");
    wchar_t *const wide = windows_widened(suffix);
    const size_t length = wcslen(d->path);
    free(d->backup);
    d->backup = wide ? rd__alloc_array((uint64_t)length + wcslen(wide) + 1, sizeof *wide) : NULL;
    if (d->backup) {
        wmemcpy(d->backup, d->path, length);
        wcscpy(d->backup + length, wide);
    }
    free(wide);
    return d->backup ? RD_OK : rd__fail_memory(e);
}

/* Moves the open file to the destination's name. By its handle, since a file that nobody has open is swept away. */
static bool windows_take_name(rd_destination *d, HANDLE file) {
    const size_t size = wcslen(d->path) * sizeof *d->path;
    const size_t whole = sizeof(FILE_RENAME_INFO) + size;
    FILE_RENAME_INFO *const info = rd__alloc_zeroed(whole, 1);
    if (!info) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return false;
    }
    info->ReplaceIfExists = d->replace != RD_REPLACE_NEVER && (d->existed || !d->guarded);
    info->FileNameLength = (DWORD)size;
    memcpy(info->FileName, d->path, size);
    const bool taken = SetFileInformationByHandle(file, FileRenameInfo, info, (DWORD)whole);
    const DWORD system_error = GetLastError();
    free(info);
    SetLastError(system_error);
    return taken;
}

/* Is what has the name still what had it at the opening? */
static bool windows_is_unchanged(const rd_destination *d) {
    BY_HANDLE_FILE_INFORMATION now;
    const BY_HANDLE_FILE_INFORMATION *const then = &d->old;
    if (!windows_inform(d->path, &now))
        return !d->existed;
    return d->existed && now.dwVolumeSerialNumber == then->dwVolumeSerialNumber &&
           now.nFileIndexHigh == then->nFileIndexHigh && now.nFileIndexLow == then->nFileIndexLow &&
           now.nFileSizeHigh == then->nFileSizeHigh && now.nFileSizeLow == then->nFileSizeLow &&
           CompareFileTime(&now.ftLastWriteTime, &then->ftLastWriteTime) == 0;
}

/* Time, guard and backup: what comes before the name is taken. A copy is the backup, so that the name is never free. */
static rd_result windows_prepare(rd_destination *d, HANDLE file, rd_error *error) {
    if (d->has_time && !SetFileTime(file, NULL, NULL, &d->time) && d->notes_out)
        *d->notes_out |= RD_NOTE_TIME;
    if (d->guarded && !windows_is_unchanged(d))
        return windows_fail_changed(error);
    if (d->backup && d->existed && !CopyFileW(d->path, d->backup, FALSE))
        return windows_fail(error, rd__system_errno(), "cannot keep the old file as a backup");
    return RD_OK;
}

static rd_result windows_commit(rd_destination *d, rd_error *error) {
    const bool durable = d->existed && d->replace == RD_REPLACE_SAFELY;
    const HANDLE file = (HANDLE)_get_osfhandle(d->fd);
    const rd_result result = windows_prepare(d, file, error);
    if (result != RD_OK)
        return result;
    if (durable && !FlushFileBuffers(file))
        return windows_fail(error, rd__system_errno(), "cannot write the output to the disk");
    if ((d->marked && !windows_mark(file, false)) || !windows_take_name(d, file)) {
        const int system_error = rd__system_errno();
        if (d->guarded && system_error == EEXIST)
            return windows_fail_changed(error);
        return d->replace == RD_REPLACE_NEVER && system_error == EEXIST
                   ? windows_fail_exists(error)
                   : windows_fail(error, system_error, "cannot give the output its name");
    }
    free(d->temporary);
    d->temporary = NULL;
    if (durable)
        (void)FlushFileBuffers(file); /* makes the name durable; either one is whole */
    return RD_OK;
}

rd_result rd_destination_commit(rd_destination *destination, rd_error *error) {
    rd_error ignored;
    const rd_result result = windows_commit(destination, error ? error : &ignored);
    windows_release(destination);
    return result;
}
/* ---- The directory ----------------------------------------------------------------------------------------------- */

/* Removes what killed processes left in the directory. */
static void windows_sweep_directory(const rd_directory *directory) {
    const size_t length = wcslen(directory->path);
    wchar_t *const path = rd__alloc_array((uint64_t)length + MAX_PATH, sizeof *path);
    if (!path)
        return;
    wmemcpy(path, directory->path, length);
    wcscpy(path + length, L".redelta-*");
    WIN32_FIND_DATAW entry;
    const HANDLE search = FindFirstFileW(path, &entry);
    for (bool found = search != INVALID_HANDLE_VALUE; found; found = FindNextFileW(search, &entry)) {
        if (!windows_is_place(entry.cFileName))
            continue;
        wcscpy(path + length, entry.cFileName);
        (void)DeleteFileW(path);
    }
    if (search != INVALID_HANDLE_VALUE)
        (void)FindClose(search);
    free(path);
}

/* Sets the directory's path; with a backslash at its end, if it has none. */
static rd_result windows_set_directory(rd_directory *directory, const char *path, rd_error *error) {
    wchar_t *full = NULL;
    const rd_result result = windows_full_path_of(&full, path, error);
    const size_t length = result == RD_OK ? wcslen(full) : 0;
    directory->path = result == RD_OK ? rd__alloc_array((uint64_t)length + 2, sizeof *full) : NULL;
    if (directory->path) {
        wmemcpy(directory->path, full, length + 1);
        if (windows_directory_length(full) < length)
            wcscpy(directory->path + length, L"\\");
    }
    free(full);
    if (result != RD_OK)
        return result;
    if (!directory->path)
        return rd__fail_memory(error);
    const DWORD attributes = GetFileAttributesW(directory->path);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return windows_fail(error, rd__system_errno(), "cannot open the directory for the output");
    return attributes & FILE_ATTRIBUTE_DIRECTORY
               ? RD_OK
               : windows_fail(error, ENOTDIR, "cannot open the directory for the output");
}

rd_result rd_directory_open(rd_directory **directory, const char *path, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    *directory = NULL;
    rd_directory *const opened = rd__alloc_zeroed(1, sizeof *opened);
    if (!opened)
        return rd__fail_memory(e);
    const rd_result result = windows_set_directory(opened, path, e);
    if (result != RD_OK) {
        rd_directory_discard(opened);
        return result;
    }
    windows_sweep_directory(opened);
    *directory = opened;
    return RD_OK;
}

/* Sets d->path to that of the name in the directory. */
static rd_result windows_set_path_at(rd_destination *d, const rd_directory *directory, const char *name,
                                     rd_error *error) {
    wchar_t *const wide = windows_widened(name);
    if (!wide) /* "" is the directory itself */
        return errno == ENOMEM ? rd__fail_memory(error) : windows_fail(error, *name ? errno : EISDIR, "cannot write");
    const size_t length = wcslen(directory->path);
    const bool reserved = windows_is_place(wide);
    wchar_t *const path = reserved ? NULL : rd__alloc_array((uint64_t)length + wcslen(wide) + 1, sizeof *path);
    if (path) {
        wmemcpy(path, directory->path, length);
        wcscpy(path + length, wide);
    }
    free(wide);
    if (reserved)
        return rd__fail(error, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "names of this form are reserved for files that are being written");
    const rd_result result = path ? windows_full_path(&d->path, path, error) : rd__fail_memory(error);
    free(path);
    return result;
}

rd_result rd_destination_open_at(rd_destination **destination, rd_directory *directory, const char *name,
                                 rd_replace replace, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    *destination = NULL;
    if (strpbrk(name, "/\\:"))
        return rd__fail(e, RD_E_PARAMETER, RD_ROLE_OUTPUT, RD_UNKNOWN, "the name in the directory contains a slash");
    rd_destination *const d = windows_new(replace, e);
    if (!d)
        return e->result;
    rd_result result = windows_set_path_at(d, directory, name, e);
    if (result == RD_OK)
        result = windows_start(d, true, e);
    if (result != RD_OK) {
        windows_release(d);
        return result;
    }
    *destination = d;
    return RD_OK;
}

rd_result rd_directory_flush(rd_directory *directory, const char **name, rd_error *error) {
    (void)directory, (void)error;
    if (name)
        *name = NULL;
    return RD_OK;
}

rd_result rd_directory_close(rd_directory *directory, rd_error *error) {
    (void)error;
    rd_directory_discard(directory);
    return RD_OK;
}

void rd_directory_discard(rd_directory *directory) {
    if (!directory)
        return;
    free(directory->path);
    free(directory);
}
#endif

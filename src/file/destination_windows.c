/*
 * Destinations on Windows: see destination.c for what they promise. The bytes go to a file with a name of its own in
 * the destination's directory, which one call moves to the destination's name. Names are UTF-8.
 *
 * What Windows does not do: a file that is open elsewhere cannot be replaced; a new file has the rights that its
 * directory gives it, not those of what it replaces; and a process that is killed leaves the file with the name of its
 * own behind.
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
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

enum { TEMPORARY_NAME_MAX = 32 };

struct rd_destination {
    int fd;
    wchar_t *path;
    wchar_t *temporary; /* the file's own path; NULL once it has none */
    rd_replace replace;
    bool existed;
};

static rd_result fail(rd_error *error, int system_error, const char *reason) {
    return rd__fail_system(error, RD_ROLE_OUTPUT, system_error, reason);
}

static rd_result fail_exists(rd_error *error) {
    return rd__fail(error, RD_E_EXISTS, RD_ROLE_OUTPUT, RD_UNKNOWN, "the file exists");
}

/* Frees the destination and what is left of the file. */
static void release(rd_destination *d) {
    if (d->fd >= 0)
        (void)_close(d->fd);
    if (d->temporary)
        (void)DeleteFileW(d->temporary);
    free(d->temporary);
    free(d->path);
    free(d);
}

static rd_result set_path(rd_destination *d, const char *path, rd_error *error) {
    const int size = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, NULL, 0);
    if (size <= 1)
        return fail(error, ENOENT, "cannot write");
    d->path = rd__alloc_array((uint64_t)size, sizeof *d->path);
    if (!d->path)
        return rd__fail_memory(error);
    (void)MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, d->path, size);
    return RD_OK;
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

/* The number of characters up to the name in its directory. */
static size_t directory_length(const wchar_t *path) {
    size_t length = 0;
    for (size_t i = 0; path[i] != L'\0'; i++) {
        if (path[i] == L'/' || path[i] == L'\\' || path[i] == L':')
            length = i + 1;
    }
    return length;
}

static rd_result open_file(rd_destination *d, rd_error *error) {
    const size_t length = directory_length(d->path);
    wchar_t *const name = rd__alloc_array((uint64_t)length + TEMPORARY_NAME_MAX, sizeof *name);
    if (!name)
        return rd__fail_memory(error);
    wmemcpy(name, d->path, length);
    (void)swprintf(name + length, TEMPORARY_NAME_MAX, L".redelta-%08x%08x", rd__random_u32(), rd__random_u32());
    const HANDLE handle =
        CreateFileW(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (handle == INVALID_HANDLE_VALUE) {
        free(name);
        return fail(error, rd__system_errno(), "cannot create a file in the directory of the output");
    }
    d->temporary = name;
    d->fd = _open_osfhandle((intptr_t)handle, _O_RDWR | _O_BINARY | _O_NOINHERIT);
    if (d->fd >= 0)
        return RD_OK;
    (void)CloseHandle(handle);
    return fail(error, errno, "cannot open");
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
    rd_result result = set_path(d, path, e);
    if (result == RD_OK)
        result = look(d, e);
    if (result == RD_OK)
        result = open_file(d, e);
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

static bool take_name(rd_destination *d) {
    const DWORD replace = d->replace == RD_REPLACE_NEVER ? 0 : MOVEFILE_REPLACE_EXISTING;
    const DWORD durable = d->replace == RD_REPLACE_SAFELY ? MOVEFILE_WRITE_THROUGH : 0;
    if (!MoveFileExW(d->temporary, d->path, replace | durable))
        return false;
    free(d->temporary);
    d->temporary = NULL;
    return true;
}

static rd_result commit(rd_destination *d, rd_error *error) {
    const bool durable = d->existed && d->replace == RD_REPLACE_SAFELY;
    const int fd = d->fd;
    if (durable && !FlushFileBuffers((HANDLE)_get_osfhandle(fd)))
        return fail(error, rd__system_errno(), "cannot write the output to the disk");
    d->fd = -1;
    if (_close(fd) != 0)
        return fail(error, errno, "cannot close");
    if (take_name(d))
        return RD_OK;
    const int system_error = rd__system_errno();
    return d->replace == RD_REPLACE_NEVER && system_error == EEXIST
               ? fail_exists(error)
               : fail(error, system_error, "cannot give the output its name");
}

rd_result rd_destination_commit(rd_destination *destination, rd_error *error) {
    rd_error ignored;
    const rd_result result = commit(destination, error ? error : &ignored);
    release(destination);
    return result;
}
#endif

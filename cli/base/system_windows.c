/*
 * system_windows.c: see system.h.
 */
#define _FILE_OFFSET_BITS 64
#include <stdlib.h>

#if defined(_WIN32)
#include "cli/base/system.h"

#include <io.h>
#include <limits.h>
#include <windows.h>

#include <shellapi.h>

/* NULL if there is no memory. */
static char *system_utf8(const wchar_t *text) {
    const int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *const made = malloc((size_t)size);
    if (made != NULL)
        (void)WideCharToMultiByte(CP_UTF8, 0, text, -1, made, size, NULL, NULL);
    return made;
}

static wchar_t *system_wide(const char *text) {
    const int size = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
    wchar_t *const made = malloc((size_t)size * sizeof *made);
    if (made != NULL)
        (void)MultiByteToWideChar(CP_UTF8, 0, text, -1, made, size);
    return made;
}

char **system_arguments(char **arguments) {
    int count = 0;
    wchar_t **const wide = CommandLineToArgvW(GetCommandLineW(), &count);
    if (wide == NULL)
        return arguments;
    for (int i = 0; i < count && arguments[i] != NULL; i++) {
        char *const made = system_utf8(wide[i]);
        if (made != NULL)
            arguments[i] = made;
    }
    (void)LocalFree(wide);
    return arguments;
}

/* A descriptor of the file, or -1; `access` is GENERIC_READ or GENERIC_WRITE. */
static int system_open_as(const char *name, DWORD access, DWORD creation, int flags) {
    wchar_t *const wide = system_wide(name);
    if (wide == NULL) {
        errno = ENOMEM;
        return -1;
    }
    const HANDLE handle = CreateFileW(wide, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                                      creation, FILE_ATTRIBUTE_NORMAL, NULL);
    const DWORD error = GetLastError();
    free(wide);
    if (handle != INVALID_HANDLE_VALUE)
        return _open_osfhandle((intptr_t)handle, flags | _O_BINARY | _O_NOINHERIT);
    errno = error == ERROR_ACCESS_DENIED || error == ERROR_SHARING_VIOLATION ? EACCES : ENOENT;
    return -1;
}

int system_open(const char *name) {
    return system_open_as(name, GENERIC_READ, OPEN_EXISTING, _O_RDONLY);
}

int system_create(const char *name) {
    return system_open_as(name, GENERIC_WRITE, OPEN_ALWAYS, _O_WRONLY);
}

int system_remove(const char *name) {
    wchar_t *const wide = system_wide(name);
    const int result = wide != NULL && DeleteFileW(wide) ? 0 : -1;
    free(wide);
    return result;
}

int system_stat(const char *name, struct stat *status) {
    wchar_t *const wide = system_wide(name);
    struct _stat64 found = {0};
    const int result = wide != NULL ? _wstat64(wide, &found) : -1;
    free(wide);
    *status = (struct stat){.st_mode = found.st_mode, .st_size = found.st_size};
    return result;
}

int system_open_at_once(const char *name) {
    return system_open(name);
}

bool system_is_open(int fd) {
    return _get_osfhandle(fd) >= 0;
}

bool system_same_file(int one, int other) {
    const HANDLE file = (HANDLE)_get_osfhandle(other);
    BY_HANDLE_FILE_INFORMATION a;
    BY_HANDLE_FILE_INFORMATION b;
    return GetFileType(file) == FILE_TYPE_DISK && GetFileInformationByHandle((HANDLE)_get_osfhandle(one), &a) &&
           GetFileInformationByHandle(file, &b) && a.dwVolumeSerialNumber == b.dwVolumeSerialNumber &&
           a.nFileIndexHigh == b.nFileIndexHigh && a.nFileIndexLow == b.nFileIndexLow;
}

uint32_t system_nanoseconds(const struct stat *status) {
    (void)status;
    return 0;
}

bool system_is_link(const char *name) {
    (void)name;
    return false;
}

bool system_copy_time(int from, int to) {
    FILETIME time;
    return GetFileTime((HANDLE)_get_osfhandle(from), NULL, NULL, &time) &&
           SetFileTime((HANDLE)_get_osfhandle(to), NULL, NULL, &time);
}

int system_terminal_width(int fd) {
    CONSOLE_SCREEN_BUFFER_INFO info;
    const HANDLE console = (HANDLE)_get_osfhandle(fd);
    return GetConsoleScreenBufferInfo(console, &info) ? info.srWindow.Right - info.srWindow.Left + 1 : 80;
}

bool system_in_foreground(int fd) {
    (void)fd;
    return true;
}

ssize_t system_read(int fd, void *data, size_t size) {
    return _read(fd, data, size < INT_MAX ? (unsigned)size : INT_MAX);
}
#endif

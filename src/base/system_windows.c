/*
 * See system.h. The calls use the descriptor's handle, which bypasses the C library's text mode. What Windows reports
 * as an error is an end of file here: a pipe whose writer is gone, a file read at its end.
 */
#include <stddef.h>

#if defined(_WIN32)
#include "base/system.h"

#include <errno.h>
#include <io.h>
#include <stdbool.h>
#include <windows.h>
#include <winioctl.h>

static HANDLE system_handle(int fd) {
    return (HANDLE)_get_osfhandle(fd);
}

int rd__system_errno(void) {
    switch (GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME: return ENOENT;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION: return EACCES;
    case ERROR_WRITE_PROTECT: return EROFS;
    case ERROR_INVALID_HANDLE: return EBADF;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS: return EEXIST;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL: return ENOSPC;
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA: return EPIPE;
    case ERROR_FILENAME_EXCED_RANGE: return ENAMETOOLONG;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY: return ENOMEM;
    default: return EIO;
    }
}

static ssize_t system_read_result(BOOL done, DWORD count) {
    if (done)
        return (ssize_t)count;
    const DWORD error = GetLastError();
    if (error == ERROR_HANDLE_EOF || error == ERROR_BROKEN_PIPE)
        return 0;
    errno = rd__system_errno();
    return -1;
}

ssize_t rd__system_read_at(int fd, void *data, size_t size, int64_t offset) {
    OVERLAPPED place = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD count = 0;
    const BOOL done = ReadFile(system_handle(fd), data, (DWORD)size, &count, &place);
    return system_read_result(done, count);
}

ssize_t rd__system_read(int fd, void *data, size_t size) {
    DWORD count = 0;
    const BOOL done = ReadFile(system_handle(fd), data, (DWORD)size, &count, NULL);
    return system_read_result(done, count);
}

ssize_t rd__system_write(int fd, const void *data, size_t size) {
    DWORD count = 0;
    if (WriteFile(system_handle(fd), data, (DWORD)size, &count, NULL))
        return (ssize_t)count;
    errno = rd__system_errno();
    return -1;
}

ssize_t rd__system_write_at(int fd, const void *data, size_t size, int64_t offset) {
    OVERLAPPED place = {.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD count = 0;
    if (WriteFile(system_handle(fd), data, (DWORD)size, &count, &place))
        return (ssize_t)count;
    errno = rd__system_errno();
    return -1;
}

int64_t rd__system_position(int fd) {
    const HANDLE handle = system_handle(fd);
    const LARGE_INTEGER nothing = {.QuadPart = 0};
    LARGE_INTEGER position;
    /* A pipe has a position, too, but it means nothing. */
    const bool has_one = GetFileType(handle) == FILE_TYPE_DISK;
    if (has_one && SetFilePointerEx(handle, nothing, &position, FILE_CURRENT))
        return position.QuadPart;
    errno = has_one ? rd__system_errno() : ESPIPE;
    return -1;
}

int64_t rd__system_seek(int fd, int64_t position) {
    const LARGE_INTEGER wanted = {.QuadPart = position};
    LARGE_INTEGER reached;
    if (SetFilePointerEx(system_handle(fd), wanted, &reached, FILE_BEGIN))
        return reached.QuadPart;
    errno = rd__system_errno();
    return -1;
}

int rd__system_extend(int fd, int64_t size) {
    const int64_t position = rd__system_position(fd);
    if (position < 0 || rd__system_seek(fd, size) < 0)
        return -1;
    const bool extended = SetEndOfFile(system_handle(fd));
    errno = rd__system_errno();
    return extended && rd__system_seek(fd, position) >= 0 ? 0 : -1;
}

bool rd__system_allow_holes(int fd) {
    DWORD count = 0;
    return DeviceIoControl(system_handle(fd), FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &count, NULL);
}
#endif

/*
 * See file_state.h. A file's time of writing may be noted only when its writer flushes or closes it. Of what else can
 * change, the number of links and the attributes show.
 */
#include <stddef.h>

#if defined(_WIN32)
#include "base/file_state.h"

#include "base/system.h"

#include <errno.h>
#include <io.h>
#include <windows.h>

/* From units of 100 ns. */
static uint64_t file_time(uint64_t time) {
    return time * 100u;
}

int rd__file_state_of(int fd, rd__file_state *state) {
    const HANDLE handle = (HANDLE)_get_osfhandle(fd);
    FILE_BASIC_INFO basic;
    FILE_STANDARD_INFO standard;
    *state = (rd__file_state){0};
    if (handle == INVALID_HANDLE_VALUE)
        return EBADF;
    if (GetFileType(handle) != FILE_TYPE_DISK)
        return 0;
    if (!GetFileInformationByHandleEx(handle, FileBasicInfo, &basic, sizeof basic) ||
        !GetFileInformationByHandleEx(handle, FileStandardInfo, &standard, sizeof standard))
        return rd__system_errno();
    *state = (rd__file_state){.regular = !standard.Directory,
                              .size = (uint64_t)standard.EndOfFile.QuadPart,
                              .written = file_time((uint64_t)basic.LastWriteTime.QuadPart),
                              .changed = file_time((uint64_t)basic.ChangeTime.QuadPart),
                              .links = standard.NumberOfLinks,
                              .mode = basic.FileAttributes};
    return 0;
}

uint64_t rd__file_clock(void) {
    FILETIME now;
    GetSystemTimeAsFileTime(&now);
    return file_time((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime);
}
#endif

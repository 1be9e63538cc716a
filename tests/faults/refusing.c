/*
 * A file system that lacks something: a view of another folder in which some calls are refused.
 *
 *   refusing FOLDER MOUNTPOINT [WORD...]
 *
 * It serves the mount point until that is unmounted or the process gets a signal that ends it, and says `ready` when it
 * begins. Only root can run it. A word is one of
 *   CALL=ERRNO      the call fails so, always; ERRNO is a name, as EPERM
 *   CALL=ERRNO@N    the call fails so from the Nth one on, counted from 0
 *   room=BYTES      regular files take no more bytes in all; what `write` is refused with, or ENOSPC, says so
 *   mode=OCTAL      all regular files appear with this mode, as where the file system keeps none
 *   log=FILE        FILE gets a line for each refusal: the name of the call
 * The calls are those of the table below. rename_flags is a rename with flags, rename one without. Unnamed files
 * (O_TMPFILE) do not exist here, whatever the words say, and copy_file_range=EOPNOTSUPP goes unseen: the kernel copies
 * by itself then.
 *
 * Nothing is cached, so the view follows changes of the folder. The kernel checks permissions (default_permissions) and
 * access lists. Requests are served one at a time, so a lock that must wait is refused instead.
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 314
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- What is refused --------------------------------------------------------------------------------------------- */

typedef enum call {
    CALL_OPEN,
    CALL_CREATE,
    CALL_READ,
    CALL_WRITE,
    CALL_FLUSH,
    CALL_FSYNC,
    CALL_LINK,
    CALL_UNLINK,
    CALL_RENAME,
    CALL_RENAME_FLAGS,
    CALL_CHMOD,
    CALL_CHOWN,
    CALL_TRUNCATE,
    CALL_UTIMENS,
    CALL_SETXATTR,
    CALL_GETXATTR,
    CALL_LISTXATTR,
    CALL_REMOVEXATTR,
    CALL_FALLOCATE,
    CALL_LSEEK,
    CALL_COPY_FILE_RANGE,
    CALL_FLOCK,
    CALL_STATFS,
    CALL_SYMLINK,
    CALL_MKDIR,
    CALL_COUNT
} call;

typedef struct refusal {
    const char *name;
    int code; /* 0: not refused */
    long from;
    long calls;
} refusal;

static refusal refusals[CALL_COUNT] = {
    [CALL_OPEN] = {.name = "open"},
    [CALL_CREATE] = {.name = "create"},
    [CALL_READ] = {.name = "read"},
    [CALL_WRITE] = {.name = "write"},
    [CALL_FLUSH] = {.name = "flush"},
    [CALL_FSYNC] = {.name = "fsync"},
    [CALL_LINK] = {.name = "link"},
    [CALL_UNLINK] = {.name = "unlink"},
    [CALL_RENAME] = {.name = "rename"},
    [CALL_RENAME_FLAGS] = {.name = "rename_flags"},
    [CALL_CHMOD] = {.name = "chmod"},
    [CALL_CHOWN] = {.name = "chown"},
    [CALL_TRUNCATE] = {.name = "truncate"},
    [CALL_UTIMENS] = {.name = "utimens"},
    [CALL_SETXATTR] = {.name = "setxattr"},
    [CALL_GETXATTR] = {.name = "getxattr"},
    [CALL_LISTXATTR] = {.name = "listxattr"},
    [CALL_REMOVEXATTR] = {.name = "removexattr"},
    [CALL_FALLOCATE] = {.name = "fallocate"},
    [CALL_LSEEK] = {.name = "lseek"},
    [CALL_COPY_FILE_RANGE] = {.name = "copy_file_range"},
    [CALL_FLOCK] = {.name = "flock"},
    [CALL_STATFS] = {.name = "statfs"},
    [CALL_SYMLINK] = {.name = "symlink"},
    [CALL_MKDIR] = {.name = "mkdir"},
};

static const struct {
    const char *name;
    int code;
} errnos[] = {
    {"EACCES", EACCES},       {"EBADF", EBADF},   {"EBUSY", EBUSY},     {"EDQUOT", EDQUOT}, {"EEXIST", EEXIST},
    {"EFBIG", EFBIG},         {"EINTR", EINTR},   {"EINVAL", EINVAL},   {"EIO", EIO},       {"EMLINK", EMLINK},
    {"ENOLCK", ENOLCK},       {"ENOSPC", ENOSPC}, {"ENOSYS", ENOSYS},   {"ENOTTY", ENOTTY}, {"EOPNOTSUPP", EOPNOTSUPP},
    {"EOVERFLOW", EOVERFLOW}, {"EPERM", EPERM},   {"EROFS", EROFS},     {"ESTALE", ESTALE}, {"ETXTBSY", ETXTBSY},
    {"EXDEV", EXDEV},         {"E2BIG", E2BIG},   {"ENODATA", ENODATA}, {"ERANGE", ERANGE},
};

static long room = -1;      /* bytes that regular files still take, -1: any number */
static int shown_mode = -1; /* -1: as it is in the folder */
static int log_fd = -1;

static void put_log(const char *name) {
    if (log_fd >= 0)
        (void)dprintf(log_fd, "%s\n", name);
}

/* The errno with which this call is refused; 0: it is not. */
static int refused(call which) {
    refusal *const r = &refusals[which];
    if (r->code == 0 || r->calls++ < r->from)
        return 0;
    put_log(r->name);
    return r->code;
}

/* The test is wrong, and must not pass for lack of a refusal. */
static void reject(const char *word) {
    (void)fprintf(stderr, "refusing: %s is not understood\n", word);
    exit(2);
}

static int read_errno(const char *word, const char *name, size_t length) {
    for (size_t i = 0; i < sizeof errnos / sizeof *errnos; i++)
        if (strlen(errnos[i].name) == length && memcmp(errnos[i].name, name, length) == 0)
            return errnos[i].code;
    reject(word);
    return 0;
}

static void read_word(const char *word) {
    const char *const value = strchr(word, '=') ? strchr(word, '=') + 1 : "";
    const size_t length = strcspn(word, "=");
    if (strncmp(word, "room=", 5) == 0) {
        room = strtol(value, NULL, 10);
        return;
    }
    if (strncmp(word, "mode=", 5) == 0) {
        shown_mode = (int)strtol(value, NULL, 8);
        return;
    }
    if (strncmp(word, "log=", 4) == 0) {
        log_fd = open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        return;
    }
    for (int i = 0; i < CALL_COUNT; i++)
        if (strlen(refusals[i].name) == length && memcmp(refusals[i].name, word, length) == 0) {
            const size_t end = strcspn(value, "@");
            refusals[i].code = read_errno(word, value, end);
            refusals[i].from = value[end] == '@' ? strtol(value + end + 1, NULL, 10) : 0;
            return;
        }
    reject(word);
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

/* A file that the kernel knows, held by a handle (O_PATH). Its address is the number by which the kernel names it. */
typedef struct node {
    struct node *next;
    dev_t device;
    ino_t inode;
    uint64_t lookups;
    int fd;
} node;

static node root;

static node *node_of(fuse_ino_t number) {
    return number == FUSE_ROOT_ID ? &root : (node *)(uintptr_t)number; /* NOLINT(performance-no-int-to-ptr) */
}

typedef struct proc_name {
    char text[32];
} proc_name;

/* A path that leads to the open file. */
static proc_name name_of(int fd) {
    proc_name name;
    (void)snprintf(name.text, sizeof name.text, "/proc/self/fd/%d", fd);
    return name;
}

static int get_status(int fd, struct stat *status) {
    if (fstatat(fd, "", status, AT_EMPTY_PATH) != 0)
        return errno;
    if (shown_mode >= 0 && S_ISREG(status->st_mode))
        status->st_mode = S_IFREG | (mode_t)shown_mode;
    return 0;
}

/* Looks a name up for the kernel, which then knows the node once more. Returns an errno. */
static int find(const node *parent, const char *name, struct fuse_entry_param *entry) {
    *entry = (struct fuse_entry_param){0};
    const int fd = openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    const int code = fd < 0 ? errno : get_status(fd, &entry->attr);
    if (code != 0) {
        if (fd >= 0)
            close(fd);
        return code;
    }
    node *n = root.next;
    while (n && (n->device != entry->attr.st_dev || n->inode != entry->attr.st_ino))
        n = n->next;
    if (n) {
        close(fd);
    } else {
        n = calloc(1, sizeof *n);
        if (!n)
            abort();
        *n = (node){.next = root.next, .device = entry->attr.st_dev, .inode = entry->attr.st_ino, .fd = fd};
        root.next = n;
    }
    n->lookups++;
    entry->ino = (uintptr_t)n;
    return 0;
}

static void forget(node *n, uint64_t lookups) {
    if (n == &root || (n->lookups -= lookups) > 0)
        return;
    node *before = &root;
    while (before->next != n)
        before = before->next;
    before->next = n->next;
    close(n->fd);
    free(n);
}

static void reply_entry(fuse_req_t req, const node *parent, const char *name, int code) {
    struct fuse_entry_param entry;
    if (code == 0)
        code = find(parent, name, &entry);
    if (code != 0)
        fuse_reply_err(req, code);
    else
        fuse_reply_entry(req, &entry);
}

/* Gives what the request has created, and this process therefore owns, to the user who asked. Returns an errno. */
static int give(fuse_req_t req, const node *parent, const char *name) {
    const struct fuse_ctx *const user = fuse_req_ctx(req);
    struct stat folder;
    if (fstatat(parent->fd, "", &folder, AT_EMPTY_PATH) != 0)
        return errno;
    const gid_t group = folder.st_mode & S_ISGID ? (gid_t)-1 : user->gid;
    return fchownat(parent->fd, name, user->uid, group, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

/* ---- Requests about names ---------------------------------------------------------------------------------------- */

static void on_init(void *data, struct fuse_conn_info *connection) {
    (void)data;
    connection->want |= connection->capable & (FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK | FUSE_CAP_FLOCK_LOCKS);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name) {
    reply_entry(req, node_of(parent), name, 0);
}

static void on_forget(fuse_req_t req, fuse_ino_t number, uint64_t lookups) {
    forget(node_of(number), lookups);
    fuse_reply_none(req);
}

static void on_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *file) {
    const node *const folder = node_of(parent);
    struct fuse_entry_param entry;
    int code = refused(CALL_CREATE);
    if (code != 0) {
        fuse_reply_err(req, code);
        return;
    }
    umask(fuse_req_ctx(req)->umask); /* which the file system ignores if the folder has a default access list */
    const int fd = openat(folder->fd, name, (file->flags & ~O_NOFOLLOW) | O_CREAT | O_CLOEXEC, mode);
    code = fd < 0 ? errno : give(req, folder, name);
    if (code == 0)
        code = find(folder, name, &entry);
    if (code != 0) {
        if (fd >= 0)
            close(fd);
        fuse_reply_err(req, code);
        return;
    }
    file->fh = (uint64_t)fd;
    fuse_reply_create(req, &entry, file);
}

static void on_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device) {
    const node *const folder = node_of(parent);
    int code = refused(CALL_CREATE);
    umask(fuse_req_ctx(req)->umask);
    if (code == 0)
        code = mknodat(folder->fd, name, mode, device) == 0 ? give(req, folder, name) : errno;
    reply_entry(req, folder, name, code);
}

static void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode) {
    const node *const folder = node_of(parent);
    int code = refused(CALL_MKDIR);
    umask(fuse_req_ctx(req)->umask);
    if (code == 0)
        code = mkdirat(folder->fd, name, mode) == 0 ? give(req, folder, name) : errno;
    reply_entry(req, folder, name, code);
}

static void on_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name) {
    const node *const folder = node_of(parent);
    int code = refused(CALL_SYMLINK);
    if (code == 0)
        code = symlinkat(target, folder->fd, name) == 0 ? give(req, folder, name) : errno;
    reply_entry(req, folder, name, code);
}

static void on_readlink(fuse_req_t req, fuse_ino_t number) {
    char target[PATH_MAX];
    const ssize_t length = readlinkat(node_of(number)->fd, "", target, sizeof target - 1);
    if (length < 0) {
        fuse_reply_err(req, errno);
        return;
    }
    target[length] = '\0';
    fuse_reply_readlink(req, target);
}

static void on_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t parent, const char *name) {
    const node *const folder = node_of(parent);
    const proc_name source = name_of(node_of(number)->fd);
    int code = refused(CALL_LINK);
    if (code == 0 && linkat(AT_FDCWD, source.text, folder->fd, name, AT_SYMLINK_FOLLOW) != 0)
        code = errno;
    reply_entry(req, folder, name, code);
}

static void on_unlink(fuse_req_t req, fuse_ino_t parent, const char *name) {
    const int code = refused(CALL_UNLINK);
    fuse_reply_err(req, code != 0 ? code : unlinkat(node_of(parent)->fd, name, 0) == 0 ? 0 : errno);
}

static void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name) {
    fuse_reply_err(req, unlinkat(node_of(parent)->fd, name, AT_REMOVEDIR) == 0 ? 0 : errno);
}

static void on_rename(fuse_req_t req, fuse_ino_t from, const char *old, fuse_ino_t to, const char *new,
                      unsigned flags) {
    int code = refused(flags != 0 ? CALL_RENAME_FLAGS : CALL_RENAME);
    if (code == 0 && renameat2(node_of(from)->fd, old, node_of(to)->fd, new, flags) != 0)
        code = errno;
    fuse_reply_err(req, code);
}

static void on_opendir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file) {
    const int fd = openat(node_of(number)->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *const entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        fuse_reply_err(req, errno);
        return;
    }
    file->fh = (uintptr_t)entries;
    fuse_reply_open(req, file);
}

static void on_readdir(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *file) {
    DIR *const entries = (DIR *)(uintptr_t)file->fh; /* NOLINT(performance-no-int-to-ptr) */
    char *const buffer = malloc(size);
    size_t used = 0;
    (void)number;
    if (!buffer)
        abort();
    seekdir(entries, offset);
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        const struct stat status = {.st_ino = entry->d_ino, .st_mode = (mode_t)entry->d_type << 12};
        const size_t taken =
            fuse_add_direntry(req, buffer + used, size - used, entry->d_name, &status, telldir(entries));
        if (taken > size - used)
            break;
        used += taken;
    }
    fuse_reply_buf(req, buffer, used);
    free(buffer);
}

static void on_releasedir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file) {
    (void)number;
    closedir((DIR *)(uintptr_t)file->fh); /* NOLINT(performance-no-int-to-ptr) */
    fuse_reply_err(req, 0);
}

static void on_statfs(fuse_req_t req, fuse_ino_t number) {
    struct statvfs status;
    const int code = refused(CALL_STATFS);
    if (code != 0 || fstatvfs(node_of(number)->fd, &status) != 0)
        fuse_reply_err(req, code != 0 ? code : errno);
    else
        fuse_reply_statfs(req, &status);
}

/* ---- Requests about what a file is ------------------------------------------------------------------------------- */

static void reply_status(fuse_req_t req, const node *n, int code) {
    struct stat status;
    if (code == 0)
        code = get_status(n->fd, &status);
    if (code != 0)
        fuse_reply_err(req, code);
    else
        fuse_reply_attr(req, &status, 0);
}

static void on_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file) {
    (void)file;
    reply_status(req, node_of(number), 0);
}

static int set_owner(int fd, const struct stat *wanted, int what) {
    const uid_t user = what & FUSE_SET_ATTR_UID ? wanted->st_uid : (uid_t)-1;
    const gid_t group = what & FUSE_SET_ATTR_GID ? wanted->st_gid : (gid_t)-1;
    return fchownat(fd, "", user, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

static int set_times(const char *name, const struct stat *wanted, int what) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    if (what & FUSE_SET_ATTR_ATIME)
        times[0] = wanted->st_atim;
    if (what & FUSE_SET_ATTR_MTIME)
        times[1] = wanted->st_mtim;
    if (what & FUSE_SET_ATTR_ATIME_NOW)
        times[0].tv_nsec = UTIME_NOW;
    if (what & FUSE_SET_ATTR_MTIME_NOW)
        times[1].tv_nsec = UTIME_NOW;
    return utimensat(AT_FDCWD, name, times, 0);
}

static void on_setattr(fuse_req_t req, fuse_ino_t number, struct stat *wanted, int what, struct fuse_file_info *file) {
    const node *const n = node_of(number);
    const proc_name name = name_of(n->fd);
    int code = 0;
    (void)file;
    if (what & FUSE_SET_ATTR_MODE && (code = refused(CALL_CHMOD)) == 0)
        code = chmod(name.text, wanted->st_mode & 07777) == 0 ? 0 : errno;
    if (code == 0 && what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) && (code = refused(CALL_CHOWN)) == 0)
        code = set_owner(n->fd, wanted, what) == 0 ? 0 : errno;
    if (code == 0 && what & FUSE_SET_ATTR_SIZE && (code = refused(CALL_TRUNCATE)) == 0)
        code = truncate(name.text, wanted->st_size) == 0 ? 0 : errno;
    if (code == 0 && what & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME) && (code = refused(CALL_UTIMENS)) == 0)
        code = set_times(name.text, wanted, what) == 0 ? 0 : errno;
    reply_status(req, n, code);
}

static void on_setxattr(fuse_req_t req, fuse_ino_t number, const char *name, const char *value, size_t size,
                        int flags) {
    const proc_name path = name_of(node_of(number)->fd);
    const int code = refused(CALL_SETXATTR);
    fuse_reply_err(req, code != 0 ? code : setxattr(path.text, name, value, size, flags) == 0 ? 0 : errno);
}

static void on_removexattr(fuse_req_t req, fuse_ino_t number, const char *name) {
    const proc_name path = name_of(node_of(number)->fd);
    const int code = refused(CALL_REMOVEXATTR);
    fuse_reply_err(req, code != 0 ? code : removexattr(path.text, name) == 0 ? 0 : errno);
}

/* Replies with an attribute, or with the list of them if `name` is NULL; or with its size if that is asked for. */
static void reply_attribute(fuse_req_t req, fuse_ino_t number, const char *name, size_t size, int code) {
    const proc_name path = name_of(node_of(number)->fd);
    char *const value = malloc(size + 1);
    if (!value)
        abort();
    const ssize_t length = code != 0 ? -1
                           : name    ? getxattr(path.text, name, value, size)
                                     : listxattr(path.text, value, size);
    if (length < 0)
        fuse_reply_err(req, code != 0 ? code : errno);
    else if (size == 0)
        fuse_reply_xattr(req, (size_t)length);
    else
        fuse_reply_buf(req, value, (size_t)length);
    free(value);
}

static void on_getxattr(fuse_req_t req, fuse_ino_t number, const char *name, size_t size) {
    reply_attribute(req, number, name, size, refused(CALL_GETXATTR));
}

static void on_listxattr(fuse_req_t req, fuse_ino_t number, size_t size) {
    reply_attribute(req, number, NULL, size, refused(CALL_LISTXATTR));
}

/* ---- Requests about content -------------------------------------------------------------------------------------- */

static void on_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file) {
    const proc_name path = name_of(node_of(number)->fd);
    const int code = refused(CALL_OPEN);
    const int fd = code != 0 ? -1 : open(path.text, (file->flags & ~(O_NOFOLLOW | O_CREAT | O_EXCL)) | O_CLOEXEC);
    if (fd < 0) {
        fuse_reply_err(req, code != 0 ? code : errno);
        return;
    }
    file->fh = (uint64_t)fd;
    fuse_reply_open(req, file);
}

static void on_release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file) {
    (void)number;
    close((int)file->fh);
    fuse_reply_err(req, 0);
}

static void on_flush(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file) {
    (void)number;
    (void)file;
    fuse_reply_err(req, refused(CALL_FLUSH));
}

static void on_fsync(fuse_req_t req, fuse_ino_t number, int data_only, struct fuse_file_info *file) {
    const int code = refused(CALL_FSYNC);
    (void)number;
    (void)data_only;
    fuse_reply_err(req, code != 0 ? code : fsync((int)file->fh) == 0 ? 0 : errno);
}

static void on_read(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *file) {
    char *const data = malloc(size + 1);
    const int code = refused(CALL_READ);
    (void)number;
    if (!data)
        abort();
    const ssize_t got = code != 0 ? -1 : pread((int)file->fh, data, size, offset);
    if (got < 0)
        fuse_reply_err(req, code != 0 ? code : errno);
    else
        fuse_reply_buf(req, data, (size_t)got);
    free(data);
}

/* How many of `size` bytes there is room for, which are subtracted from it; 0 with *code set if there is none. */
static size_t take_room(size_t size, int *code) {
    if (room < 0) {
        *code = refused(CALL_WRITE);
        return *code == 0 ? size : 0;
    }
    const size_t taken = (size_t)room < size ? (size_t)room : size;
    room -= (long)taken;
    if (taken == 0 && size > 0) {
        *code = refusals[CALL_WRITE].code != 0 ? refusals[CALL_WRITE].code : ENOSPC;
        put_log("write");
    }
    return taken;
}

static void on_write(fuse_req_t req, fuse_ino_t number, const char *data, size_t size, off_t offset,
                     struct fuse_file_info *file) {
    int code = 0;
    (void)number;
    const size_t taken = take_room(size, &code);
    const ssize_t put = code != 0 ? -1 : pwrite((int)file->fh, data, taken, offset);
    if (put < 0)
        fuse_reply_err(req, code != 0 ? code : errno);
    else
        fuse_reply_write(req, (size_t)put);
}

static void on_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t offset, off_t length,
                         struct fuse_file_info *file) {
    const int code = refused(CALL_FALLOCATE);
    (void)number;
    fuse_reply_err(req, code != 0 ? code : fallocate((int)file->fh, mode, offset, length) == 0 ? 0 : errno);
}

static void on_lseek(fuse_req_t req, fuse_ino_t number, off_t offset, int whence, struct fuse_file_info *file) {
    const int code = refused(CALL_LSEEK);
    (void)number;
    const off_t found = code != 0 ? -1 : lseek((int)file->fh, offset, whence);
    if (found < 0)
        fuse_reply_err(req, code != 0 ? code : errno);
    else
        fuse_reply_lseek(req, found);
}

static void on_copy(fuse_req_t req, fuse_ino_t in, off_t from, struct fuse_file_info *source, fuse_ino_t out, off_t to,
                    struct fuse_file_info *target, size_t size, int flags) {
    int code = refused(CALL_COPY_FILE_RANGE);
    (void)in;
    (void)out;
    const size_t taken = code != 0 ? 0 : take_room(size, &code);
    const ssize_t copied =
        code != 0 ? -1 : copy_file_range((int)source->fh, &from, (int)target->fh, &to, taken, (unsigned)flags);
    if (copied < 0)
        fuse_reply_err(req, code != 0 ? code : errno);
    else
        fuse_reply_write(req, (size_t)copied);
}

static void on_flock(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file, int operation) {
    const int code = refused(CALL_FLOCK);
    (void)number;
    fuse_reply_err(req, code != 0 ? code : flock((int)file->fh, operation | LOCK_NB) == 0 ? 0 : errno);
}

static const struct fuse_lowlevel_ops operations = {
    .init = on_init,
    .lookup = on_lookup,
    .forget = on_forget,
    .getattr = on_getattr,
    .setattr = on_setattr,
    .readlink = on_readlink,
    .mknod = on_mknod,
    .mkdir = on_mkdir,
    .unlink = on_unlink,
    .rmdir = on_rmdir,
    .symlink = on_symlink,
    .rename = on_rename,
    .link = on_link,
    .open = on_open,
    .read = on_read,
    .write = on_write,
    .flush = on_flush,
    .release = on_release,
    .fsync = on_fsync,
    .opendir = on_opendir,
    .readdir = on_readdir,
    .releasedir = on_releasedir,
    .statfs = on_statfs,
    .setxattr = on_setxattr,
    .getxattr = on_getxattr,
    .listxattr = on_listxattr,
    .removexattr = on_removexattr,
    .create = on_create,
    .flock = on_flock,
    .fallocate = on_fallocate,
    .copy_file_range = on_copy,
    .lseek = on_lseek,
};

/* ---- Service ----------------------------------------------------------------------------------------------------- */

static int serve(const char *mount_point) {
    char program[] = "refusing";
    char option[] = "-o";
    char value[] = "allow_other,default_permissions,fsname=refusing";
    char *words[] = {program, option, value, NULL};
    struct fuse_args arguments = FUSE_ARGS_INIT(3, words);
    struct fuse_session *const session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    if (!session || fuse_set_signal_handlers(session) != 0 || fuse_session_mount(session, mount_point) != 0)
        return 1;
    (void)puts("ready");
    (void)fflush(stdout);
    const int status = fuse_session_loop(session);
    fuse_session_unmount(session);
    fuse_remove_signal_handlers(session);
    fuse_session_destroy(session);
    fuse_opt_free_args(&arguments);
    return status < 0 ? 1 : 0;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        (void)fputs("usage: refusing FOLDER MOUNTPOINT [WORD...]\n", stderr);
        return 2;
    }
    for (int i = 3; i < argc; i++)
        read_word(argv[i]);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* nothing else would end it with a test that was killed */
    root.fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root.fd < 0) {
        perror(argv[1]);
        return 1;
    }
    return serve(argv[2]);
}

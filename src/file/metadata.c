/*
 * See metadata.h.
 *
 * The order matters: the owner first, since changing it may take rights away; then the attributes, while the mode still
 * lets this process set them; then the access list; and the mode last, which an access list changes.
 *
 * An access list (POSIX.1e, as in setfacl) shows in the mode as its mask, so the group bits of the mode say nothing
 * about the group. Where the list cannot be set, each class of the mode gets only what all whom it would then decide
 * about had before.
 *
 * Extended attributes are read by a handle that needs no right to read the file, through /proc, which only Linux has.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "file/metadata.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "file/openat.h"
#include "redelta.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <stdio.h>
#include <sys/xattr.h>
#endif

/* The permissions of the three classes of a mode: those of the owner, the group, and others. */
typedef struct metadata_classes {
    mode_t user;
    mode_t group;
    mode_t other;
} metadata_classes;

typedef struct metadata_old {
    const struct stat *status;
    bool owner_kept;
    bool group_kept;
    gid_t group;              /* of the new file */
    metadata_classes granted; /* what the new file is to grant */
} metadata_old;

/* ---- Owner and mode ---------------------------------------------------------------------------------------------- */

static void metadata_set_owner(metadata_old *old, int to) {
    struct stat now = {0};
    const uid_t user = old->status->st_uid;
    const gid_t group = old->status->st_gid;
    if (fchown(to, user, group) != 0 && fchown(to, (uid_t)-1, group) != 0)
        errno = 0; /* judged by what the file has then */
    const bool known = fstat(to, &now) == 0;
    old->owner_kept = known && now.st_uid == user;
    old->group_kept = known && now.st_gid == group;
}

/*
 * Who was the owner or in the group, and no longer is, belongs to another class now, which must not grant more than he
 * had.
 */
static void metadata_narrow(metadata_old *old) {
    metadata_classes *const granted = &old->granted;
    if (!old->group_kept) {
        granted->other &= granted->group;
        granted->group = granted->other;
    }
    if (!old->owner_kept) {
        granted->group &= granted->user;
        granted->other &= granted->user;
    }
}

bool rd__metadata_set_mode(int fd, mode_t mode, unsigned *notes) {
    struct stat now;
    if (fchmod(fd, mode) == 0)
        return true;
    const int system_error = errno;
    const bool refused = errno == EPERM || errno == EACCES || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
    const bool known = refused && fstat(fd, &now) == 0;
    errno = system_error;
    if (!known || (now.st_mode & 07777 & ~mode) != 0)
        return false;
    if ((now.st_mode & 0777) != (mode & 0777))
        *notes |= RD_NOTE_MODE;
    return true;
}

#if defined(__linux__)
/* ---- The access list --------------------------------------------------------------------------------------------- */

#define ACCESS_LIST "system.posix_acl_access"

/* Its form: a version of four bytes, then entries of eight: tag, permissions, and an identifier, in little endian. */
enum {
    LIST_HEADER = 4,
    LIST_ENTRY = 8,
    TAG_USER_OWNER = 1,
    TAG_USER = 2,
    TAG_GROUP_OWNER = 4,
    TAG_GROUP = 8,
    TAG_MASK = 16,
    TAG_OTHER = 32
};

/* Whether a call that failed says that there is no such attribute, or are none at all. */
static bool metadata_has_none(void) {
    return errno == ENODATA || errno == ENOTSUP || errno == ENOSYS;
}

static mode_t *metadata_class_of(metadata_classes *classes, unsigned tag) {
    switch (tag) {
    case TAG_USER_OWNER: return &classes->user;
    case TAG_GROUP_OWNER: return &classes->group;
    case TAG_OTHER: return &classes->other;
    default: return NULL;
    }
}

/*
 * Reads the classes of a list, whose group bits are not those of the mode. *least is what its other entries grant at
 * least, *named what it grants to any group that it names at least: who is in the group that the new file gets may have
 * been in one of those.
 */
static void metadata_read_list(metadata_old *old, mode_t *least, mode_t *named, const uint8_t *list, size_t size) {
    metadata_classes *const classes = &old->granted;
    mode_t mask = 07;
    *least = *named = 07;
    for (size_t at = LIST_HEADER; at + LIST_ENTRY <= size; at += LIST_ENTRY) {
        const unsigned tag = rd__load_le16(list + at);
        const mode_t permissions = rd__load_le16(list + at + 2);
        mode_t *const class = metadata_class_of(classes, tag);
        if (class)
            *class = permissions & 07;
        else if (tag == TAG_MASK)
            mask = permissions;
        else
            *least &= permissions;
        if (tag == TAG_GROUP)
            *named &= permissions;
    }
    classes->group &= mask;
    *least &= mask;
}

static void metadata_write_list(uint8_t *list, size_t size, metadata_classes *classes) {
    for (size_t at = LIST_HEADER; at + LIST_ENTRY <= size; at += LIST_ENTRY) {
        const mode_t *const class = metadata_class_of(classes, rd__load_le16(list + at));
        if (class)
            rd__store_le16(list + at + 2, (uint16_t) * class);
    }
}

/* Removes the list that the new file has from its directory. */
static void metadata_remove_list(metadata_old *old, int to, unsigned *notes) {
    if (fremovexattr(to, ACCESS_LIST) == 0 || metadata_has_none())
        return;
    *notes |= RD_NOTE_ACCESS_LIST;
    old->granted.group = 0; /* the mask of the list that stays */
}

/*
 * Carries the list over, if there is one; a new file may have one from its directory, which the old one had not. True:
 * the list is there, and its mask is what the group bits of the mode show.
 */
static bool metadata_carry_list(metadata_old *old, int to, uint8_t *list, size_t size, unsigned *notes) {
    mode_t least = 07;
    mode_t named = 07;
    if (size >= LIST_HEADER) {
        metadata_read_list(old, &least, &named, list, size);
        metadata_narrow(old);
        if (!old->group_kept)
            old->granted.group &= named;
        if (!old->owner_kept || !old->group_kept)
            metadata_write_list(list, size, &old->granted);
        if (fsetxattr(to, ACCESS_LIST, list, size, 0) == 0)
            return true;
        *notes |= RD_NOTE_ACCESS_LIST;
        old->granted.group &= least;
        old->granted.other &= least;
    } else {
        metadata_narrow(old);
    }
    metadata_remove_list(old, to, notes);
    return false;
}

/* ---- Extended attributes ----------------------------------------------------------------------------------------- */

enum { XATTR_MAX = 64 * 1024 }; /* bytes of all names, and of a value: the most that Linux allows */

/* The old file: by a path that leads to a handle without rights, or, without /proc, open for reading. */
typedef struct metadata_file {
    int fd;
    bool by_path;
    char path[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
    uint8_t *room; /* XATTR_MAX bytes for the names and as many for each of two values; NULL until it is needed */
} metadata_file;

/* By a path if possible: closing a file that was opened for reading releases this process's record locks on it. */
static bool metadata_open(metadata_file *file, int directory, const char *name) {
    file->room = NULL;
    file->fd = rd__openat(directory, name, O_PATH | O_NOFOLLOW, 0);
    if (file->fd < 0)
        return false;
    (void)snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
    file->by_path = access(file->path, F_OK) == 0;
    if (file->by_path)
        return true;
    close(file->fd);
    file->fd = rd__openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    return file->fd >= 0;
}

static void metadata_close(const metadata_file *file) {
    free(file->room);
    close(file->fd);
}

/* False, with errno: out of memory. */
static bool metadata_make_room(metadata_file *file) {
    if (!file->room)
        file->room = rd__alloc_array(3, XATTR_MAX);
    errno = ENOMEM;
    return file->room != NULL;
}

static ssize_t metadata_get(const metadata_file *file, const char *name, void *value, size_t size) {
    return file->by_path ? getxattr(file->path, name, value, size) : fgetxattr(file->fd, name, value, size);
}

static ssize_t metadata_list(const metadata_file *file, char *names, size_t size) {
    return file->by_path ? listxattr(file->path, names, size) : flistxattr(file->fd, names, size);
}

static bool metadata_stays_behind(const char *name) {
    static const char *const names[] = {"security.capability",  "security.ima",           "security.evm", ACCESS_LIST,
                                        "trusted.SGI_ACL_FILE", "trusted.SGI_ACL_DEFAULT"}; /* XFS: the lists again */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* One attribute. What is there already, as a label that every file gets, needs no right. */
static bool metadata_carry_attribute(const metadata_file *from, const char *name, int to) {
    uint8_t *const value = from->room + XATTR_MAX;
    uint8_t *const present = value + XATTR_MAX;
    const ssize_t size = metadata_get(from, name, value, XATTR_MAX);
    if (size < 0)
        return errno == ENODATA; /* removed meanwhile */
    if (fgetxattr(to, name, present, XATTR_MAX) == size && memcmp(value, present, (size_t)size) == 0)
        return true;
    return fsetxattr(to, name, value, (size_t)size, 0) == 0;
}

/* False: out of memory. */
static bool metadata_carry_attributes(metadata_file *from, int to, unsigned *notes) {
    ssize_t size = metadata_list(from, NULL, 0);
    if (size > 0 && !metadata_make_room(from))
        return false;
    char *const names = (char *)from->room;
    if (size > 0)
        size = metadata_list(from, names, XATTR_MAX);
    bool complete = size >= 0 || metadata_has_none();
    if (size > 0)
        (void)fchmod(to, S_IRUSR | S_IWUSR); /* whatever the umask left: attributes are set by who may write */
    for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) {
        if (!metadata_stays_behind(names + at) && !metadata_carry_attribute(from, names + at, to))
            complete = false;
    }
    if (!complete)
        *notes |= RD_NOTE_ATTRIBUTES;
    return true;
}

/* Reads the access list into the room; *size is 0 if there is none, and less if that could not be found out. */
static bool metadata_read_access(metadata_file *from, ssize_t *size) {
    *size = metadata_get(from, ACCESS_LIST, NULL, 0);
    if (*size > 0 && !metadata_make_room(from))
        return false;
    if (*size > 0)
        *size = metadata_get(from, ACCESS_LIST, from->room, XATTR_MAX);
    if (*size < 0 && metadata_has_none())
        *size = 0;
    return true;
}

/*
 * Carries over what the mode does not say; *has_list as metadata_carry_list returns it. False, with errno: out of
 * memory, or of descriptors.
 */
static bool metadata_carry_extended(metadata_old *old, int directory, const char *name, int to, bool *has_list,
                                    unsigned *notes) {
    metadata_file from;
    ssize_t size = -1;
    bool enough = true;
    if (metadata_open(&from, directory, name)) {
        enough = metadata_carry_attributes(&from, to, notes) && metadata_read_access(&from, &size);
        if (enough && size >= 0)
            *has_list = metadata_carry_list(old, to, from.room, (size_t)size, notes);
        metadata_close(&from);
        errno = ENOMEM;
    } else {
        enough = errno == ENOENT || errno == EACCES || errno == EPERM || errno == ELOOP;
        *notes |= RD_NOTE_ATTRIBUTES;
    }
    if (enough && size < 0) {
        /* The group bits may be the mask of a list that nobody could read. */
        *notes |= RD_NOTE_ACCESS_LIST;
        metadata_narrow(old);
        old->granted.group &= old->granted.other;
        metadata_remove_list(old, to, notes);
    }
    return enough;
}
#else
static bool metadata_carry_extended(metadata_old *old, int directory, const char *name, int to, bool *has_list,
                                    unsigned *notes) {
    (void)directory, (void)name, (void)to, (void)has_list, (void)notes;
    metadata_narrow(old);
    return true;
}
#endif

/* ---- All of it --------------------------------------------------------------------------------------------------- */

bool rd__metadata_carry(int directory, const char *name, const struct stat *status, int to, unsigned *notes) {
    const mode_t mode = status->st_mode;
    metadata_old old = {.status = status,
                        .granted = {.user = mode >> 6 & 07, .group = mode >> 3 & 07, .other = mode & 07}};
    bool has_list = false;
    metadata_set_owner(&old, to);
    if (!old.owner_kept || !old.group_kept)
        *notes |= RD_NOTE_OWNER;
    if (!metadata_carry_extended(&old, directory, name, to, &has_list, notes))
        return false;
    const mode_t group = has_list ? mode >> 3 & 07 : old.granted.group;
    return rd__metadata_set_mode(to, (mode & S_ISVTX) | old.granted.user << 6 | group << 3 | old.granted.other, notes);
}

/*
 * How a file that is whole takes the destination's name (destination.c has the rest).
 *
 * A name that must be free is taken by a link, which fails if it is not. An old file is replaced by a rename, which is
 * atomic. Where the old file must be the one that was there at the opening, or is to be kept under another name, the
 * two change places (RENAME_EXCHANGE): then what was taken out is examined, and put back if it is not what it should
 * be. So there is no moment in which somebody else's change could be lost. Where the system cannot do the one or the
 * other, the next best way is taken, and noted; nothing is tried that could lose the old file without the new one being
 * whole somewhere.
 *
 * On ext4, a large file that need not be safe from a power cut changes places with the old one as well, which is then
 * removed: when a file is renamed over another, ext4 allocates all of its blocks within the call. Writing 600 MB and
 * replacing a file by a rename takes 2.7 times as long as by an exchange.
 *
 * Before a file is replaced safely, the new bytes are flushed to the disk: a power cut must not leave the name without
 * the old bytes and without the new. A name that was free has no old bytes to lose, so it is not flushed, which could
 * take longer than the whole patch; cp and tar do not flush either. Files that must be flushed share the wait if they
 * are written in an open directory (directory.c).
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include "base/result.h"
#include "base/system.h"
#include "file/destination.h"
#include "file/metadata.h"
#include "file/openat.h"
#include "file/overwrite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Smaller files are renamed: they gain little, and where a rename begins to write them, they are soon on the disk. */
enum { EXCHANGED_MIN = 1024 * 1024 };

/* ---- Everything but the name ------------------------------------------------------------------------------------- */

/*
 * The mode of a new file here, which depends on the process's umask and the directory's default access list. The only
 * way to find out without changing anything for other threads is to create one.
 */
static mode_t commit_new_file_mode(const rd_destination *d) {
    rd__temporary probe = rd__temporary_of(d->directory, d->name);
    struct stat status = {.st_mode = S_IRUSR | S_IWUSR};
    const int fd = rd__temporary_create(&probe, RD__NEW_FILE_MODE);
    if (fd >= 0) {
        (void)fstat(fd, &status);
        rd__temporary_remove(&probe);
        close(fd);
    }
    return status.st_mode & 07777;
}

/*
 * Is it still what was there at the opening? Its time of change also tells of changes of its mode or owner, which are
 * no reason to fail: the new file gets those of this moment. `renamed`: since then it was renamed, which sets that
 * time.
 */
static bool commit_is_unchanged(const rd_destination *d, const struct stat *now, bool renamed) {
    const struct stat *const then = &d->old;
    const bool same = then->st_dev == now->st_dev && then->st_ino == now->st_ino && then->st_size == now->st_size &&
                      then->st_mtim.tv_sec == now->st_mtim.tv_sec && then->st_mtim.tv_nsec == now->st_mtim.tv_nsec;
    const bool touched = then->st_ctim.tv_sec != now->st_ctim.tv_sec || then->st_ctim.tv_nsec != now->st_ctim.tv_nsec;
    const bool explained = renamed || then->st_mode != now->st_mode || then->st_uid != now->st_uid ||
                           then->st_gid != now->st_gid || then->st_nlink != now->st_nlink;
    return same && (!touched || explained);
}

/* Looks up what has the name. RD_E_CHANGED: it is guarded, and no longer what it was. */
static rd_result commit_look(const rd_destination *d, bool *exists, struct stat *now, rd_error *error) {
    *exists = fstatat(d->directory, d->name, now, AT_SYMLINK_NOFOLLOW) == 0;
    if (!*exists && errno != ENOENT)
        return rd__destination_fail(error, "cannot look up the output");
    const bool changed = *exists != d->existed || (*exists && !commit_is_unchanged(d, now, false));
    return d->guarded && changed ? rd__destination_fail_changed(error) : RD_OK;
}

static void commit_set_time(rd_destination *d, int fd) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, d->time};
    if (d->has_time && futimens(fd, times) != 0)
        d->notes |= RD_NOTE_TIME;
}

/*
 * What the file that replaces a symbolic link may grant: no more than that to which the link led, which may be the
 * basis. Its group is another's, and its group bits may be the mask of an access list.
 */
static mode_t commit_mode_of_target(const rd_destination *d) {
    struct stat target;
    if (fstatat(d->directory, d->name, &target, 0) != 0 || !S_ISREG(target.st_mode))
        return 0777;
    const mode_t other = target.st_mode & 07;
    return (target.st_mode & 0700) | (target.st_mode & 070 & other << 3) | other;
}

/* Of an old file that has gone meanwhile, what is known of it still counts. */
static bool commit_set_metadata(rd_destination *d, bool exists, const struct stat *now) {
    const struct stat *const old = exists ? now : d->existed ? &d->old : NULL;
    bool good = true;
    if (old && S_ISREG(old->st_mode) && d->replace != RD_REPLACE_NEVER)
        good = d->elsewhere || rd__metadata_carry(d->directory, d->name, old, d->fd, &d->notes);
    else if (old && S_ISLNK(old->st_mode))
        good = rd__metadata_set_mode(d->fd, commit_new_file_mode(d) & commit_mode_of_target(d), &d->notes);
    else if (d->temporary.name[0] != '\0')
        good = rd__metadata_set_mode(d->fd, commit_new_file_mode(d), &d->notes);
    if (good)
        commit_set_time(d, d->fd);
    return good;
}

static rd_result commit_carry(rd_destination *d, bool exists, const struct stat *now, rd_error *error) {
    d->seen = *now;
    if (commit_set_metadata(d, exists, now))
        return RD_OK;
    return errno == ENOMEM ? rd__fail_memory(error) : rd__destination_fail(error, "cannot set the mode of the output");
}

/* Everything that can fail comes before the name is taken: a failure leaves the old file. */
rd_result rd__destination_complete(rd_destination *d, rd_error *error) {
    struct stat now = {0};
    bool exists = false;
    rd_result result = commit_look(d, &exists, &now, error);
    if (result != RD_OK)
        return result;
    result = commit_carry(d, exists, &now, error);
    if (result != RD_OK)
        return result;
    /* Some file systems report only at a close that there was no room, and any handle will do for that. */
    const int other = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
    if (other < 0 || (close(other) != 0 && errno != EINTR))
        return rd__destination_fail(error, "cannot close");
    return RD_OK;
}

bool rd__destination_flush(int fd) {
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP;
}

void rd__destination_flush_names(int directory) {
    const int fd = rd__openat(directory, ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return;
    (void)rd__destination_flush(fd);
    close(fd);
}

/* ---- A name that must be free ------------------------------------------------------------------------------------ */

/* Whether a call failed since the file system has no such thing. */
static bool commit_is_unknown(void) {
    return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM;
}

/* Where there are neither links nor renames that refuse to replace: an empty file takes the name, then ours does. */
static bool commit_move_over_own(rd_destination *d) {
    const int own = rd__openat(d->directory, d->name, O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (own < 0)
        return false;
    close(own);
    if (renameat(d->directory, d->temporary.name, d->directory, d->name) == 0) {
        d->temporary.name[0] = '\0';
        d->notes |= RD_NOTE_NAME;
        return true;
    }
    const int system_error = errno;
    (void)unlinkat(d->directory, d->name, 0);
    errno = system_error;
    return false;
}

static bool commit_move_if_free(rd_destination *d) {
#if defined(RENAME_NOREPLACE)
    if (renameat2(d->directory, d->temporary.name, d->directory, d->name, RENAME_NOREPLACE) == 0) {
        d->temporary.name[0] = '\0';
        return true;
    }
    if (errno == EEXIST)
        return false;
#endif
    /* The temporary name is removed when the destination is closed. */
    if (linkat(d->directory, d->temporary.name, d->directory, d->name, 0) == 0)
        return true;
    return commit_is_unknown() && commit_move_over_own(d);
}

static bool commit_link_if_free(rd_destination *d) {
    return d->temporary.name[0] != '\0' ? commit_move_if_free(d) : rd__link_open_file(d->fd, d->directory, d->name);
}

static rd_result commit_take_free_name(rd_destination *d, rd_error *error) {
    const bool named = d->temporary.name[0] != '\0';
    bool taken = commit_link_if_free(d);
    if (!taken && !named && errno != EEXIST)
        taken = rd__temporary_link(&d->temporary, d->fd, d->locked) && commit_move_if_free(d);
    if (taken)
        return RD_OK;
    if (errno != EEXIST)
        return rd__destination_fail(error, "cannot give the output its name");
    return d->guarded ? rd__destination_fail_changed(error) : rd__destination_fail_exists(error);
}

/* ---- An old file ------------------------------------------------------------------------------------------------- */

static bool commit_rename(const rd_destination *d, const char *from, const char *to) {
    return renameat(d->directory, from, d->directory, to) == 0;
}

/* Exchanges the temporary name's file and the destination's. */
static bool commit_exchange(const rd_destination *d) {
#if defined(RENAME_EXCHANGE)
    return renameat2(d->directory, d->temporary.name, d->directory, d->name, RENAME_EXCHANGE) == 0;
#else
    (void)d;
    errno = ENOSYS;
    return false;
#endif
}

/* Are these the same file? */
static bool commit_is_same(const struct stat *one, const struct stat *other) {
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/*
 * Locks the old file if it is better exchanged than renamed over, although nobody wants to see it again; -1: it is not,
 * or cannot be locked. While it has the temporary name, the lock keeps other runs from removing that name and using it
 * themselves; if this process is killed then, the next run removes the file. What somebody else gives the name in this
 * very moment goes as it would by a rename.
 */
static int commit_hold_old(const rd_destination *d) {
    struct stat made;
    struct stat held;
    if (d->replace != RD_REPLACE_FAST || !S_ISREG(d->seen.st_mode) || !rd__temporary_is_place(d->temporary.name) ||
        fstat(d->fd, &made) != 0 || made.st_size < EXCHANGED_MIN || !rd__system_is_on_ext4(d->fd))
        return -1;
    const int fd = rd__openat(d->directory, d->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd >= 0 && fstat(fd, &held) == 0 && commit_is_same(&held, &d->seen) && rd__temporary_lock(fd))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/*
 * Gives the name back what was taken out. If meanwhile somebody put a third file there, that is what the name gets, and
 * what was taken out would be gone by now, had we not been. What cannot be settled stays, under a name that is not
 * swept.
 */
static void commit_put_back(rd_destination *d, const struct stat *taken_out, const struct stat *made, rd_error *error) {
    enum { TRIES = 8 };
    struct stat own;
    struct stat out;
    for (int i = 0; i < TRIES && fstat(d->fd, &own) == 0; i++) {
        if (!commit_exchange(d) || fstatat(d->directory, d->temporary.name, &out, AT_SYMLINK_NOFOLLOW) != 0)
            break;
        const bool written = own.st_size != made->st_size || own.st_mtim.tv_sec != made->st_mtim.tv_sec ||
                             own.st_mtim.tv_nsec != made->st_mtim.tv_nsec;
        if (commit_is_same(&out, &own) && written) /* to ours, while it had the name */
            break;
        if (commit_is_same(&out, &own) || (i > 0 && commit_is_same(&out, taken_out)))
            return; /* that is removed when the destination is closed */
    }
    /* If even that fails, the next run may sweep it, which only a third program's change at this moment can suffer. */
    (void)rd__temporary_keep(&d->temporary);
    d->temporary.name[0] = '\0';
    error->reason = "was changed by another program meanwhile; what it wrote last is beside it, named .redelta-*";
}

/*
 * After the exchange: the old file has the temporary name, and goes, or becomes the backup. `made` is the state of the
 * new one before.
 */
static rd_result commit_replace_by_exchange(rd_destination *d, const struct stat *made, rd_error *error) {
    struct stat taken_out = {0};
    rd_result result = RD_OK;
    const bool known = fstatat(d->directory, d->temporary.name, &taken_out, AT_SYMLINK_NOFOLLOW) == 0;
    const bool same_access = taken_out.st_mode == d->seen.st_mode && taken_out.st_uid == d->seen.st_uid &&
                             taken_out.st_gid == d->seen.st_gid;
    if (!known)
        result = rd__destination_fail(error, "cannot look up the old file");
    else if (d->guarded && (!commit_is_unchanged(d, &taken_out, true) || !same_access))
        result = rd__destination_fail_changed(error);
    else if (S_ISDIR(taken_out.st_mode)) {
        errno = EISDIR;
        result = rd__destination_fail(error, "cannot give the output its name");
    } else if (d->backup && !commit_rename(d, d->temporary.name, d->backup))
        result = rd__destination_fail(error, "cannot keep the old file as a backup");
    if (result != RD_OK) {
        commit_put_back(d, &taken_out, made, error);
        return result;
    }
    /* Also after a rename, which leaves the name if the backup was a link to the old file already. */
    rd__temporary_leave(&d->temporary);
    return RD_OK;
}

/* Where nothing can be exchanged: the backup is a link to the old file, or gets its name. */
static bool commit_make_backup(rd_destination *d) {
    rd__temporary link = rd__temporary_of(d->directory, d->backup);
    struct stat here;
    if (geteuid() != 0 && fstat(d->directory, &here) == 0 && (here.st_mode & S_ISVTX) && here.st_uid != geteuid() &&
        d->seen.st_uid != geteuid()) { /* a link that is made here could be neither renamed nor removed */
        errno = EPERM;
        return false;
    }
    if (rd__temporary_link_name(&link, d->name)) {
        const bool made = commit_rename(d, link.name, d->backup);
        const int system_error = errno;
        rd__temporary_remove(&link); /* it stays if the backup was a link to the same file already */
        errno = system_error;
        return made;
    }
    if (!commit_is_unknown() || !commit_rename(d, d->name, d->backup))
        return false;
    d->notes |= RD_NOTE_NAME;
    return true;
}

/* Whether a rename failed since the old file stays: it is a mount point, or another user's in a sticky directory. */
static bool commit_stays(void) {
    return errno == EBUSY || errno == EPERM || errno == EACCES;
}

static rd_result commit_replace_by_rename(rd_destination *d, bool *stays, rd_error *error) {
    if (d->backup && d->existed && !commit_make_backup(d) && errno != ENOENT)
        return rd__destination_fail(error, "cannot keep the old file as a backup");
    if (!commit_rename(d, d->temporary.name, d->name)) {
        *stays = commit_stays();
        return rd__destination_fail(error, "cannot give the output its name");
    }
    d->temporary.name[0] = '\0';
    return RD_OK;
}

/*
 * Writes the new bytes over the old file, open as `old`, which keeps all else. If that fails in the middle, the new
 * file stays as well, under a name that is not taken for a leftover.
 */
static rd_result commit_overwrite_open(rd_destination *d, int old, rd_error *error) {
    struct stat now;
    struct stat opened;
    bool exists = false;
    bool touched = false;
    rd_result result = commit_look(d, &exists, &now, error);
    if (result != RD_OK)
        return result;
    if (!exists || fstat(old, &opened) != 0 || !commit_is_same(&opened, &now))
        return rd__destination_fail_changed(error);
    if (d->is_basis)
        return rd__destination_fail_own_basis(error);
    if (d->backup)
        return rd__fail(error, RD_E_IO, RD_ROLE_OUTPUT, RD_UNKNOWN,
                        "cannot be replaced, only written over, and a backup cannot be made here");
    if (!d->elsewhere && !rd__temporary_keep(&d->temporary))
        return rd__destination_fail(error,
                                    "cannot be replaced, and the new file cannot be kept while it is written over");
    result = rd__overwrite(old, d->fd, &touched, error);
    if (result == RD_OK) {
        /* Everything else is as it was. */
        d->notes = RD_NOTE_IN_PLACE;
        commit_set_time(d, old);
        rd__temporary_remove(&d->temporary);
    } else if (touched) {
        error->reason = d->temporary.name[0] != '\0'
                            ? "was overwritten in part; the whole new file is beside it, named .redelta-*"
                            : "was overwritten in part";
        d->temporary.name[0] = '\0';
    }
    return result;
}

/* The same. `result` and *error say why it cannot be replaced, and stay if it cannot be written to either. */
static rd_result commit_overwrite(rd_destination *d, rd_result result, rd_error *error) {
    const int old = rd__openat(d->directory, d->name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (old < 0)
        return result != RD_OK ? result : rd__destination_fail(error, "cannot open");
    result = commit_overwrite_open(d, old, error);
    close(old);
    return result;
}

/*
 * Looks at the old file for the last time: since its metadata were carried over, a disk may have been waited for.
 * Others may have changed these, too, and theirs count.
 */
static rd_result commit_look_again(rd_destination *d, rd_error *error) {
    struct stat now = {0};
    bool exists = false;
    const rd_result result = commit_look(d, &exists, &now, error);
    const struct timespec *const then = &d->seen.st_ctim;
    if (result != RD_OK || !exists ||
        (now.st_ino == d->seen.st_ino && now.st_ctim.tv_sec == then->tv_sec && now.st_ctim.tv_nsec == then->tv_nsec))
        return result;
    return commit_carry(d, exists, &now, error);
}

/* By an exchange, or where there is none, by a rename. */
static rd_result commit_replace_in_one_step(rd_destination *d, bool *stays, rd_error *error) {
    struct stat made = {0};
    (void)fstat(d->fd, &made);
    if (commit_exchange(d))
        return commit_replace_by_exchange(d, &made, error);
    if (errno == ENOENT && d->guarded)
        return rd__destination_fail_changed(error);
    return commit_replace_by_rename(d, stays, error);
}

/* Gives it the name that something has. *stays: it failed since the old file can only be written over. */
static rd_result commit_replace(rd_destination *d, bool *stays, rd_error *error) {
    const rd_result result = commit_look_again(d, error);
    if (result != RD_OK)
        return result;
    if (d->temporary.name[0] == '\0' && !rd__temporary_link(&d->temporary, d->fd, d->locked))
        return rd__destination_fail(error, "cannot give the output its name");
    if ((d->guarded || d->backup) && d->existed) {
        /* While the old file has the name, nobody may sweep it away. */
        if (!rd__temporary_keep(&d->temporary))
            return rd__destination_fail(error, "cannot give the output its name");
        return commit_replace_in_one_step(d, stays, error);
    }
    const int held = commit_hold_old(d);
    if (held < 0)
        return commit_replace_by_rename(d, stays, error);
    const rd_result replaced = commit_replace_in_one_step(d, stays, error);
    close(held);
    return replaced;
}

rd_result rd__destination_take_name(rd_destination *d, rd_error *error) {
    assert(d->fd >= 0 && !d->direct);
    if (d->elsewhere)
        return commit_overwrite(d, RD_OK, error);
    if (d->replace == RD_REPLACE_NEVER || (d->guarded && !d->existed))
        return commit_take_free_name(d, error);
    if (!d->existed) {
        if (commit_link_if_free(d))
            return RD_OK;
        /* A file that appeared meanwhile has bytes to lose, too. */
        if (errno == EEXIST && d->replace == RD_REPLACE_SAFELY && !rd__destination_flush(d->fd))
            return rd__destination_fail(error, "cannot write the output to the disk");
    }
    bool stays = false;
    const rd_result result = commit_replace(d, &stays, error);
    return stays && d->existed && S_ISREG(d->old.st_mode) ? commit_overwrite(d, result, error) : result;
}

/* ---- The commit -------------------------------------------------------------------------------------------------- */

/* A device or a pipe has its name. All that can still fail is closing it. */
static rd_result commit_direct(rd_destination *d, rd_error *error) {
    const int fd = d->fd;
    d->fd = -1;
    return close(fd) == 0 || errno == EINTR ? RD_OK : rd__destination_fail(error, "cannot close");
}

/* Flushes a complete file if `durable`, and gives it its name. */
static rd_result commit_finish(rd_destination *d, bool durable, rd_error *error) {
    if (durable && !rd__destination_flush(d->fd))
        return rd__destination_fail(error, "cannot write the output to the disk");
    const rd_result result = rd__destination_take_name(d, error);
    if (durable && result == RD_OK)
        rd__destination_flush_names(d->directory);
    return result;
}

rd_result rd_destination_commit(rd_destination *destination, rd_error *error) {
    rd_error ignored;
    rd_error *const e = error ? error : &ignored;
    rd_destination *const d = destination;
    const bool durable = d->existed && d->replace == RD_REPLACE_SAFELY;
    rd_result result = d->direct ? commit_direct(d, e) : rd__destination_complete(d, e);
    if (!d->direct && rd__destination_may_retry(d, result, e))
        result = rd__destination_complete(d, e);
    if (!d->direct && result == RD_OK) {
        if (d->batch && durable) {
            if (d->notes_out)
                *d->notes_out = d->notes;
            d->notes_out = NULL;
            rd__directory_queue(d->batch, d);
            return RD_OK;
        }
        /* Names are taken in the order of the commits. */
        if (d->batch && rd__directory_has_queued(d->batch, d->name))
            rd__directory_finish_batch(d->batch);
        result = commit_finish(d, durable, e);
    }
    if (d->notes_out)
        *d->notes_out = d->notes;
    rd__destination_free(d);
    return result;
}

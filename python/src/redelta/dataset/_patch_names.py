"""The second phase of a patch: what was made gets its names, and what the new version has not goes.

    1. files and links that are deleted, or that a directory replaces, go
    2. directories that are deleted, or that a file replaces, go, the deepest first
    3. directories and links are made, and new files get their names, over the old ones
    4. directories get their modes and times, the deepest first

Each step can be done again, whatever of it was done, and by two workers at once: what has gone is gone, what has its
name has left the area. A name that has something else than in the first phase is left alone, as a failure of its
row.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO

import redelta
from redelta._errors import RedeltaError
from redelta.dataset._beneath import Beneath, Seen
from redelta.dataset._failures import DatasetCorruptError, Failure, FailureKind, failure_of
from redelta.dataset._journal import Made, flush
from redelta.dataset._manifest import Shard
from redelta.dataset._patch_files import PatchJob
from redelta.dataset._patch_rows import FILES_MADE, Row, deepest_first
from redelta.dataset._schema import DELETE, DIRECTORY, FILE, LINK

TEMPORARY = b".redelta-link"


class ChangedError(OSError):
    """Something else has the name now."""

    def __init__(self) -> None:
        super().__init__(errno.EBUSY, "was changed while the patch was under way, and is left as it is")


class BackupError(OSError):
    """The backup has something else under the name."""

    def __init__(self) -> None:
        super().__init__(errno.EEXIST, "has another backup, of an earlier patch, and is left as it is")


@dataclass
class Naming:
    """The rows of a shard while they get their names. `kept` is the directory of backups, if there is one."""

    job: PatchJob
    made: Made
    beneath: Beneath
    kept: Beneath | None
    failures: list[Failure]

    def each(self, rows: Iterable[Row], act: Callable[[Naming, Row], None]) -> None:
        """Does something with every row that has not failed. The first failure of a row is the one that counts."""
        failed = {each.path for each in self.failures}
        for row in rows:
            if row.path in failed:
                continue
            try:
                act(self, row)
            except (ChangedError, BackupError) as error:
                kind: FailureKind = "changed" if isinstance(error, ChangedError) else "error"
                self.failures.append(Failure(row.path, kind, str(error.strerror)))
            except (OSError, RedeltaError) as error:
                self.failures.append(failure_of(row.path, error))

    def check_unchanged(self, row: Row, now: Seen) -> None:
        """Raises ChangedError if a name has something else than it had."""
        before = self.made.seen.get(row.number)
        if before is None or not before.is_same(now):
            raise ChangedError


def made_of(job: PatchJob, shard: Shard) -> Made:
    """What the first phase has made of a shard."""
    made = job.area.made(shard.stem)
    if made is None:
        raise DatasetCorruptError(
            f"{job.area}: what was made of {shard.stem} is gone: remove the directory and patch again"
        )
    return made


def over_rows(
    job: PatchJob, shard: Shard, act: Callable[[Naming, Row], None], choose: Callable[[list[Row]], Iterable[Row]]
) -> tuple[Failure, ...]:
    """Does something with some rows of a shard. Returns their failures in this phase."""
    made = made_of(job, shard)
    with contextlib.ExitStack() as opened:
        beneath = opened.enter_context(Beneath(job.area.root))
        kept = None
        if job.backup is not None:
            os.makedirs(job.backup, exist_ok=True)
            kept = opened.enter_context(Beneath(job.backup))
        naming = Naming(job, made, beneath, kept, list(made.failures))
        naming.each(choose(job.rows(shard, kept=True)), act)
    return tuple(naming.failures[len(made.failures) :])


# ---- 1 and 2: what goes ---------------------------------------------------------------------------------------------


def remove_files(job: PatchJob, shard: Shard) -> tuple[Failure, ...]:
    """Step 1 of a shard."""
    return over_rows(job, shard, remove_file, lambda rows: [each for each in rows if each.removes in (FILE, LINK)])


def remove_file(naming: Naming, row: Row) -> None:
    """A file or link goes; into the backup, if there is one."""
    now = naming.beneath.look(row.path)
    if now is None or now.kind == DIRECTORY:  # it has gone already, and its successor may be there
        return
    if now.kind == row.kind and row.op != DELETE:
        return
    naming.check_unchanged(row, now)
    keep_backup(naming, row, now)
    fd, name = naming.beneath.parent(row.path)
    os.unlink(name, dir_fd=fd)


def remove_directories(job: PatchJob, shard: Shard) -> tuple[Failure, ...]:
    """Step 2 of a shard."""
    return over_rows(
        job, shard, remove_directory, lambda rows: deepest_first([each for each in rows if each.removes == DIRECTORY])
    )


def remove_directory(naming: Naming, row: Row) -> None:
    """A directory goes, if it is empty by now."""
    now = naming.beneath.look(row.path)
    if now is None or now.kind != DIRECTORY:
        return
    naming.check_unchanged(row, now)
    fd, name = naming.beneath.parent(row.path)
    os.rmdir(name, dir_fd=fd)


def keep_backup(naming: Naming, row: Row, now: Seen) -> None:
    """Keeps what has the name below the directory of backups, whose links are not followed, since an earlier patch may
    have put them there. What an interrupted run has kept stays. Raises BackupError if something else was kept."""
    if naming.kept is None:
        return
    before = naming.kept.look(row.path)
    if before is not None:
        if not is_kept(naming, naming.kept, row, before, now):
            raise BackupError
        return
    fd, name = naming.beneath.parent(row.path)
    there, _ = naming.kept.parent(row.path, make=True)
    if now.kind == LINK:
        with contextlib.suppress(FileExistsError):
            os.symlink(os.readlink(name, dir_fd=fd), name, dir_fd=there)
        return
    try:
        os.link(name, name, src_dir_fd=fd, dst_dir_fd=there, follow_symlinks=False)
    except FileExistsError:  # another worker was first
        return
    except OSError:  # on another file system, or on one without links
        copy_backup(naming, row, name, there)


def is_kept(naming: Naming, kept: Beneath, row: Row, before: Seen, now: Seen) -> bool:
    """Is what the backup has what has the name now? A copy is the same if it has the same size, time and content."""
    if before == now:
        return True
    if before.kind != now.kind:
        return False
    if now.kind == LINK:
        (fd, name), (there, _) = naming.beneath.parent(row.path), kept.parent(row.path)
        return os.readlink(name, dir_fd=fd) == os.readlink(name, dir_fd=there)
    if (before.size, before.mtime_ns) != (now.size, now.mtime_ns):
        return False
    with (
        open(naming.beneath.open_file(row.path), "rb", buffering=0) as one,
        open(kept.open_file(row.path), "rb", buffering=0) as other,
    ):
        return redelta.digest(one, threads=1) == redelta.digest(other, threads=1)


def copy_backup(naming: Naming, row: Row, name: bytes, there: int) -> None:
    """Copies a file into the backup, whole or not at all. It is on the disk before anything takes its name: what is
    flushed at the end is only the file system of the root."""
    private = private_name()
    with open(naming.beneath.open_file(row.path), "rb") as old:
        status = os.fstat(old.fileno())
        with new_file(private, there) as new:
            shutil.copyfileobj(old, new, 1 << 20)
            finish_copy(new, status.st_mode, status.st_mtime_ns)
        put_private(private, name, there)
    os.fsync(there)


# ---- 3: what comes --------------------------------------------------------------------------------------------------


def give_names(job: PatchJob, shard: Shard) -> tuple[Failure, ...]:
    """Step 3 of a shard. What it has done is flushed to the disk by the driver, once for all shards."""
    return over_rows(job, shard, give_name, lambda rows: [each for each in rows if each.op != DELETE])


def give_name(naming: Naming, row: Row) -> None:
    """A row of the new version."""
    if row.kind == DIRECTORY:
        make_directory(naming, row)
    elif row.kind == LINK:
        make_link(naming, row)
    elif row.op in FILES_MADE:
        put_file(naming, row)
    else:
        set_status(naming, row)


def make_directory(naming: Naming, row: Row) -> None:
    """A directory; a mode of its own comes last."""
    fd, name = naming.beneath.parent(row.path, make=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=fd)
    now = naming.beneath.look(row.path)
    if now is None or now.kind != DIRECTORY:
        raise ChangedError


def make_link(naming: Naming, row: Row) -> None:
    """A symbolic link, in the place of another one or of a file."""
    fd, name = naming.beneath.parent(row.path, make=True)
    now = naming.beneath.look(row.path)
    assert row.link is not None
    if now is not None:
        if now.kind == LINK and os.readlink(name, dir_fd=fd) == row.link:
            set_times(name, fd, row)
            return
        naming.check_unchanged(row, now)
    private = private_name()
    os.symlink(row.link, private, dir_fd=fd)
    try:
        set_times(private, fd, row)
    except BaseException:
        os.unlink(private, dir_fd=fd)
        raise
    put_private(private, name, fd)


def put_file(naming: Naming, row: Row) -> None:
    """A new file gets its name. If it has left the area, it has its name already."""
    made = naming.job.area.inner(naming.made.directory, str(row.number))
    if not os.path.lexists(made):
        return
    now = naming.beneath.look(row.path)
    try:
        if now is not None:
            naming.check_unchanged(row, now)
        elif naming.made.seen.get(row.number) is not None and row.removes is None:
            raise ChangedError
    except ChangedError:
        if os.path.lexists(made):
            raise
        return  # another worker has just done it
    if now is not None:
        keep_backup(naming, row, now)
    fd, name = naming.beneath.parent(row.path, make=True)
    try:
        os.rename(made, name, dst_dir_fd=fd)
    except FileNotFoundError:  # another worker was first
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        put_across(made, name, fd)


def put_across(made: bytes, name: bytes, fd: int) -> None:
    """Gives a new file its name where another file system is mounted below the root: a copy of it."""
    private = private_name()
    with open(made, "rb") as old, new_file(private, fd) as new:
        shutil.copyfileobj(old, new, 1 << 20)
        status = os.fstat(old.fileno())
        finish_copy(new, status.st_mode, status.st_mtime_ns)
    put_private(private, name, fd)
    os.unlink(made)


def private_name() -> bytes:
    """For a file or a link that is not complete."""
    return TEMPORARY + b"-" + os.urandom(8).hex().encode()


@contextlib.contextmanager
def new_file(private: bytes, fd: int) -> Iterator[IO[bytes]]:
    """A new file of a directory, which nobody else can read; it goes if the block ends with an exception."""
    there = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=fd)
    try:
        with open(there, "wb") as new:
            yield new
    except BaseException:
        os.unlink(private, dir_fd=fd)
        raise


def finish_copy(new: IO[bytes], mode: int, mtime_ns: int) -> None:
    """Gives a copy the mode and the time of its file, on the disk."""
    new.flush()
    os.fchmod(new.fileno(), mode & 0o777)
    os.utime(new.fileno(), ns=(mtime_ns, mtime_ns))
    os.fsync(new.fileno())


def put_private(private: bytes, name: bytes, fd: int) -> None:
    """Gives a complete file or link its name."""
    try:
        os.rename(private, name, src_dir_fd=fd, dst_dir_fd=fd)
    except BaseException:
        os.unlink(private, dir_fd=fd)
        raise


def set_status(naming: Naming, row: Row) -> None:
    """A file that stays gets the mode and the time of the new version, if these are others. One of another size is
    not the one that should stay, and its time must go on telling so."""
    fd, name = naming.beneath.parent(row.path)
    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
    if Seen.of(status).kind != FILE or status.st_size != row.size:
        raise ChangedError
    if row.mode is not None and status.st_mode & 0o777 != row.mode & 0o777:
        set_mode(name, fd, row.mode & 0o777)
    if row.mtime_ns is not None and status.st_mtime_ns != row.mtime_ns:
        set_times(name, fd, row)


def set_mode(name: bytes, fd: int, mode: int) -> None:
    """The permissions, but not those of what a link leads to, if one has just taken the name."""
    if not hasattr(os, "O_PATH"):
        os.chmod(name, mode, dir_fd=fd)
        return
    opened = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        os.chmod(f"/proc/self/fd/{opened}", mode)
    finally:
        os.close(opened)


def set_times(name: bytes, fd: int, row: Row) -> None:
    """The time of the last modification."""
    if row.mtime_ns is not None:
        os.utime(name, ns=(row.mtime_ns, row.mtime_ns), dir_fd=fd, follow_symlinks=False)


# ---- 4: directories -------------------------------------------------------------------------------------------------


def finish_directories(job: PatchJob, shard: Shard) -> tuple[Failure, ...]:
    """Step 4 of a shard."""
    return over_rows(
        job,
        shard,
        finish_directory,
        lambda rows: deepest_first([each for each in rows if each.kind == DIRECTORY and each.op != DELETE]),
    )


def finish_directory(naming: Naming, row: Row) -> None:
    """A directory gets its mode and its time, which the names in it have changed."""
    fd, name = naming.beneath.parent(row.path)
    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
    if Seen.of(status).kind != DIRECTORY:
        raise ChangedError
    if row.mode is not None and status.st_mode & 0o777 != row.mode & 0o777:
        set_mode(name, fd, row.mode & 0o777)
    set_times(name, fd, row)


def flush_root(job: PatchJob) -> None:
    """All names, and the files of mounts below the root excepted, are on the disk."""
    flush(job.area.root)

"""The area of a patch that is under way: `.redelta-patch` in the root, on whose file system new files are made.

    lock                 held by the driver, so that a root has one patch at a time
    journal.json         which delta it is of, and whether files are being made or are getting their names
    STEM.json            what was made of a shard: in which directory, and what had the names before
    STEM.failed          there may be failures among it
    STEM-RANDOM/NUMBER   the new file of that row

All of it is written so that it can be read after the power was cut: `STEM.json` after the files that it tells of, and
after `STEM.failed`; the journal after every `STEM.json`. Until the journal says `names`, no name in the root has
changed, and the area can be thrown away; from then on, every step can be repeated, whatever of it was done. A worker
that was thought lost may still be at work on a shard: it has a directory of its own, and the first `STEM.json` that is
written counts.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from redelta import _core
from redelta.dataset._beneath import Seen
from redelta.dataset._failures import DatasetCorruptError, DatasetError, Failure
from redelta.dataset._schema import VERSION

NAME = b".redelta-patch"
KIND = "dataset patch"
SHARD_KIND = "dataset patch shard"
DIRECTORY = re.compile(r"shard-[0-9a-f]{32}-[0-9a-f]{16}")
Phase = Literal["files", "names"]


@dataclass(frozen=True)
class Made:
    """What was made of a shard: `directory` in the area has the new files, `seen` what had the name of each row
    before."""

    directory: str
    seen: dict[int, Seen | None] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    files: int = 0
    bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """The file."""
        seen = {str(row): each and [each.kind, each.size, each.mtime_ns, each.inode] for row, each in self.seen.items()}
        failures = [[os.fsdecode(each.path), each.kind, each.text] for each in self.failures]
        head = {"redelta": SHARD_KIND, "version": VERSION, "directory": self.directory}
        return {**head, "files": self.files, "bytes": self.bytes, "seen": seen, "failures": failures}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> Made:
        """Reads what `to_json` gives. Raises KeyError, TypeError or ValueError for anything else."""
        if told["redelta"] != SHARD_KIND or told["version"] != VERSION or not DIRECTORY.fullmatch(told["directory"]):
            raise ValueError("not the record of a shard")
        seen = {int(row): None if each is None else Seen(*each) for row, each in told["seen"].items()}
        failures = tuple(Failure(os.fsencode(path), kind, text) for path, kind, text in told["failures"])
        return cls(told["directory"], seen, failures, told["files"], told["bytes"])


@dataclass(frozen=True)
class Area:
    """The area of a root. It can be sent to workers."""

    root: bytes

    @property
    def path(self) -> bytes:
        """Its directory."""
        return self.root + b"/" + NAME

    def inner(self, *names: str) -> bytes:
        """A path in it."""
        return b"/".join([self.path, *map(os.fsencode, names)])

    # ---- The journal, by the driver ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def open(self, delta: str) -> Iterator[Phase]:
        """Opens the area for the delta with this digest, and says which phase an earlier run of it has reached.
        Raises DatasetError if another patch is under way, or was ended in the middle of giving names."""
        lock = self._lock()
        try:
            yield self._enter(delta)
        finally:
            os.close(lock)

    def _make(self) -> None:
        """Makes its directory. An OSError is about the root."""
        try:
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            error.filename = os.fsdecode(self.root)
            raise

    def _lock(self) -> int:
        """The lock, held. It is removed with the area by the patch that had it: whoever has opened it before and gets
        it then has that of a file which is no more, and which the next one does not find."""
        import fcntl

        while True:
            self._make()
            if os.path.islink(self.path):
                raise DatasetError(f"{self!s} is a link, and would have the patch made elsewhere: remove it")
            try:
                lock = os.open(self.inner("lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:  # the area has just been removed
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held, named = os.fstat(lock), os.stat(self.inner("lock"))
                if (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino):
                    return lock
            except FileNotFoundError:
                pass
            except BlockingIOError as error:
                os.close(lock)
                raise DatasetError(
                    f"{os.fsdecode(self.root)}: another patch of this root is under way; wait for it to end"
                ) from error
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)

    def _enter(self, delta: str) -> Phase:
        found = self._read("journal.json", KIND)
        if found is not None and found.get("delta") == delta:
            if found.get("phase") == "names":
                return "names"
            self._forget_failed()
            return "files"
        if found is not None and found.get("phase") == "names":
            raise DatasetError(
                f"{os.fsdecode(self.root)}: another patch was interrupted while files got their names; run that one "
                f"again first: its delta has the digest {found.get('delta')}"
            )
        self.clear()
        self.set_phase(delta, "files")
        return "files"

    def _forget_failed(self) -> None:
        """Has shards with failures made anew: since the earlier run, what was wrong may have been put right. Their
        directories stay until the end, since a worker of that run may still be at work."""
        with os.scandir(self.path) as entries:
            stems = [each.name.removesuffix(b".failed") for each in entries if each.name.endswith(b".failed")]
        for stem in stems:
            for suffix in (b".json", b".failed"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path + b"/" + stem + suffix)
        flush_names(self.path)

    def set_phase(self, delta: str, phase: Phase) -> None:
        """Writes the journal, on to the disk."""
        self._write("journal.json", {"redelta": KIND, "version": VERSION, "delta": delta, "phase": phase}, replace=True)

    def clear(self) -> None:
        """Removes all but the lock, the journal first: what it promises could not be kept without the rest."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.inner("journal.json"))
        flush_names(self.path)
        with os.scandir(self.path) as entries:
            names = [each.name for each in entries if each.name != b"lock"]
        for name in names:
            path = self.path + b"/" + name
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

    def remove(self) -> None:
        """Removes the area."""
        self.clear()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.inner("lock"))
        with contextlib.suppress(
            OSError
        ):  # what a worker that was thought lost has just made is removed by the next patch
            os.rmdir(self.path)

    # ---- Shards, by the workers --------------------------------------------------------------------------------------

    def new_directory(self, stem: str) -> str:
        """A directory for the files of a shard, which no other worker uses."""
        name = f"{stem}-{secrets.token_hex(8)}"
        os.mkdir(self.inner(name), 0o700)
        return name

    def made(self, stem: str) -> Made | None:
        """What was made of a shard, if that is complete. Raises DatasetCorruptError if it cannot be read."""
        told = self._read(f"{stem}.json", SHARD_KIND)
        if told is None:
            return None
        try:
            return Made.of_json(told)
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetCorruptError(f"{os.fsdecode(self.inner(stem))}.json is damaged: remove {self!s}") from error

    def put_made(self, stem: str, made: Made) -> Made:
        """Writes it, after what it tells of is on the disk. Returns what counts: that of another worker if that was
        first."""
        flush(self.inner(made.directory))
        if made.failures:
            os.close(os.open(self.inner(f"{stem}.failed"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if not self._write(f"{stem}.json", made.to_json(), replace=False):
            shutil.rmtree(self.inner(made.directory), ignore_errors=True)
            return self.made(stem) or made
        return made

    # ---- Files -------------------------------------------------------------------------------------------------------

    def _read(self, name: str, kind: str) -> dict[str, Any] | None:
        try:
            with open(self.inner(name), "rb") as file:
                told = json.load(file)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise DatasetCorruptError(f"{os.fsdecode(self.inner(name))} is damaged: remove {self!s}") from error
        if not isinstance(told, dict) or told.get("redelta") != kind or told.get("version") != VERSION:
            raise DatasetCorruptError(f"{os.fsdecode(self.inner(name))} is of another version: remove {self!s}")
        return told

    def _write(self, name: str, told: dict[str, Any], *, replace: bool) -> bool:
        """A file that is there as a whole or not at all. False: it is there already, and not to be replaced."""
        private = self.inner(f"new-{secrets.token_hex(8)}")
        with open(private, "xb") as file:
            file.write(json.dumps(told, separators=(",", ":")).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            if replace or not self._has_linked(private, self.inner(name)):
                os.replace(private, self.inner(name))
        except FileExistsError:
            return False
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(private)
        flush_names(self.path)
        return True

    @staticmethod
    def _has_linked(private: bytes, name: bytes) -> bool:
        """Gives a file its name, which must be free: raises FileExistsError. False: there are no links on this file
        system, and the name was free a moment ago."""
        try:
            os.link(private, name)
        except FileExistsError:
            raise
        except OSError:
            if os.path.lexists(name):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
            return False
        return True

    def __str__(self) -> str:
        return os.fsdecode(self.path)


def flush(path: bytes) -> None:
    """Writes to the disk what the file system of a directory has not written yet."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _core.syncfs(fd)
    finally:
        os.close(fd)


def flush_names(path: bytes) -> None:
    """Writes the names in a directory to the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

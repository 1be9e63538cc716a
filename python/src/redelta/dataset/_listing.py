"""What is below a root, in the order of the paths' bytes.

A directory's entries are sorted before any of them is given, and its subdirectories are listed when their turn comes.
So the memory is that of the names in one directory and in those above it, whatever there is in all. The order is that
of whole paths, in which `a.b` comes before `a/b`, although `a` comes before `a.b`: a directory therefore stands twice
among its parent's entries, as itself and, with a slash, as its contents.

A file is not opened, a symbolic link not followed. Sockets, devices and pipes are left out, and so are names that
begin with `.redelta-`: files that are being written, here or by the library, and the areas of patches. What vanishes
between being named and being asked for is left out, too; the row of a directory that cannot be read says so.
"""

from __future__ import annotations

import errno
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Any, Final, TypeAlias

from redelta.dataset._failures import failure_of
from redelta.dataset._places import PRIVATE, Place
from redelta.dataset._schema import DIRECTORY, FILE, LINK, LISTED

OURS = PRIVATE.encode()

Listed: TypeAlias = tuple[
    bytes, str, int, int | None, int | None, int | None, int | None, str | None, str | None, int | None, int | None,
    int | None, bytes | None, str | None, str | None,
]  # fmt: skip
"""What a listing tells of a path: the columns of `LISTED`, in their order. A plain tuple, since there are as many as
paths: the garbage collector has no further work with those that contain no containers."""

PATH: Final = 0
KIND: Final = 1
SIZE: Final = 2
FAILURE: Final = 13
NOTHING: tuple[Any, ...] = (None,) * 10


def listing(root: Place) -> Iterator[Listed]:
    """The files, directories and symbolic links below a root, sorted. Raises OSError if the root itself cannot be
    read."""
    return iter(walk_of(root, first_entries(root)))


def first_entries(root: Place) -> list[Any]:
    """The entries of a root, to walk. Raises OSError if it cannot be read, or is not there."""
    if root.path is not None:
        return entries_of(root.path, b"")
    if not root.exists():
        raise FileNotFoundError(errno.ENOENT, "there is no such bucket, or nothing in it has this prefix", root.url)
    return [(b"",)]


def walk_of(root: Place, entries: Iterable[Any]) -> Walk:
    """A walk over entries of a root."""
    if root.path is not None:
        return DirectoryWalk(root.path, entries)
    from redelta.dataset._listing_objects import objects_walk

    return objects_walk(root, entries)


class Walk(ABC):
    """Gives the rows of entries and of all that is below them, depth first, by a stack of the entries that are still to
    come in each directory. An entry is a row, or a tuple of one path, which ends with a slash: the contents of a
    directory. A walk can be left at any row: `rest` gives the entries that another one goes on with."""

    def __init__(self, entries: Iterable[Any]) -> None:
        self._stack: list[Iterator[Any]] = [iter(entries)]

    def __iter__(self) -> Iterator[Listed]:
        while self._stack:
            entry = next(self._stack[-1], None)
            if entry is None:
                self._stack.pop()
            elif len(entry) < len(LISTED):
                self._stack.append(iter(self.contents(entry)))
            else:
                yield from self.row(entry)

    def rest(self) -> list[Any]:
        """What is still to come, in order. The walk is over then."""
        found = [self.plain(entry) for entries in reversed(self._stack) for entry in entries]
        self._stack.clear()
        return [entry for entries in found for entry in entries]

    @abstractmethod
    def contents(self, entry: Any) -> Iterable[Any]:
        """The entries in a directory."""

    def row(self, entry: Listed) -> Iterator[Listed]:
        """What is given for a row: itself, unless it turns out to be another one, or none."""
        yield entry

    def plain(self, entry: Any) -> list[Any]:
        """An entry without what only this walk knows of it."""
        return [entry]


# ---- A directory ----------------------------------------------------------------------------------------------------


class DirectoryWalk(Walk):
    """In a file system. A subdirectory is read when its own row is due, which says if that fails, and kept until its
    contents are: only names that continue its own come in between."""

    def __init__(self, root: bytes, entries: Iterable[Any]) -> None:
        super().__init__(entries)
        self._root = root
        self._contents: dict[bytes, list[Any]] = {}

    def row(self, entry: Listed) -> Iterator[Listed]:
        """Reads a directory."""
        path = entry[PATH]
        if entry[KIND] != DIRECTORY or entry[FAILURE] is not None:
            yield entry
            return
        try:
            self._contents[path + b"/"] = entries_of(self._root, path + b"/")
        except FileNotFoundError:
            return
        except OSError as error:
            self._contents[path + b"/"] = []
            failed = failure_of(path, error)
            entry = (*entry[:FAILURE], failed.kind, failed.text)
        yield entry

    def contents(self, entry: Any) -> Iterable[Any]:
        """What was read before, unless the row was in another walk, which has told if it cannot be read."""
        found = self._contents.pop(entry[PATH], None)
        if found is None:
            with suppress(OSError):
                found = entries_of(self._root, entry[PATH])
        return found or ()

    def plain(self, entry: Any) -> list[Any]:
        """With what was read before."""
        found = self._contents.pop(entry[PATH], None) if len(entry) == 1 else None
        if found is None:
            return [entry]
        return [each for inner in found for each in self.plain(inner)]


def entries_of(root: bytes, prefix: bytes) -> list[Any]:
    """The entries of one directory in order. A tuple of one path, which ends with a slash, stands for the contents of a
    subdirectory."""
    found: list[Any] = []
    with os.scandir(root + b"/" + prefix) as entries:
        for each in entries:
            if each.name.startswith(OURS):
                continue
            path = prefix + each.name
            try:
                listed = listed_entry(path, each)
            except FileNotFoundError:
                continue
            except OSError as error:
                failed = failure_of(path, error)
                kind = DIRECTORY if each.is_dir(follow_symlinks=False) else FILE
                listed = (path, kind, 0, *NOTHING, failed.kind, failed.text)
            if listed is not None:
                found.append(listed)
                if listed[KIND] == DIRECTORY:
                    found.append((path + b"/",))
    found.sort(key=itemgetter(PATH))
    return found


def listed_entry(path: bytes, entry: os.DirEntry[bytes]) -> Any:
    """An entry of a directory; None if it is neither a file nor a directory nor a link."""
    status = entry.stat(follow_symlinks=False)
    mode = status.st_mode
    link = None
    if stat.S_ISREG(mode):
        kind, size = FILE, status.st_size
    elif stat.S_ISDIR(mode):
        kind, size = DIRECTORY, 0
    elif stat.S_ISLNK(mode):
        kind, size, link = LINK, 0, os.readlink(entry.path)
    else:
        return None
    return (
        path, kind, size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev, None, None,
        mode & 0o7777, status.st_uid, status.st_gid, link, None, None,
    )  # fmt: skip

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

import os
import stat
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final, TypeAlias

from redelta.dataset._failures import failure_of
from redelta.dataset._places import PRIVATE, Place
from redelta.dataset._schema import DIRECTORY, FILE, LINK

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
    if root.path is not None:
        return list_directory(root.path)
    from redelta.dataset._listing_objects import list_objects

    return list_objects(root)


# ---- A directory ----------------------------------------------------------------------------------------------------


def list_directory(root: bytes) -> Iterator[Listed]:
    """Depth first, by a stack of the entries that are still to come in each directory. A subdirectory is read when its
    own row is due, which says if that fails, and kept until its contents are: only names that continue its own come in
    between."""
    stack = [iter(entries_of(root, b""))]
    contents: dict[bytes, list[Any]] = {}
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif len(entry) == 1:
            stack.append(iter(contents.pop(entry[PATH], ())))
        elif entry[KIND] == DIRECTORY and entry[FAILURE] is None:
            try:
                contents[entry[PATH] + b"/"] = entries_of(root, entry[PATH] + b"/")
                yield entry
            except FileNotFoundError:
                continue
            except OSError as error:
                failed = failure_of(entry[PATH], error)
                yield (*entry[:FAILURE], failed.kind, failed.text)
        else:
            yield entry


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

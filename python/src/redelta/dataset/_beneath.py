"""Names below a root, without following a link on the way.

A patch gives names to files in a tree that others may change meanwhile, by a delta that a stranger may have made. So
a path is never given to the system as a whole: each directory on the way is opened from the one before, and a
symbolic link in its place is an error. The directory that was used last stays open, since the next path mostly lies
in it, too.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import Self

from redelta.dataset._schema import DIRECTORY, FILE, LINK

DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OTHER = "other"
"""The kind of what is neither a file nor a directory nor a link."""


@dataclass(frozen=True)
class Seen:
    """What has a name: enough to notice whether it is still the same."""

    kind: str
    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Seen:
        """By what the system tells."""
        mode = status.st_mode
        kind = (
            FILE if stat.S_ISREG(mode) else DIRECTORY if stat.S_ISDIR(mode) else LINK if stat.S_ISLNK(mode) else OTHER
        )
        return cls(kind, status.st_size if kind == FILE else 0, status.st_mtime_ns, status.st_ino)

    def is_same(self, other: Seen | None) -> bool:
        """Is it still that? Directories are the same as long as they are the same directory."""
        return other == self or (
            other is not None and self.kind == other.kind == DIRECTORY and self.inode == other.inode
        )


class Beneath:
    """The names below a root. To be closed; for one thread at a time."""

    def __init__(self, root: bytes) -> None:
        self.root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._parent = b""
        self._fd = self.root

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._forget()
        os.close(self.root)

    def _forget(self) -> None:
        if self._fd != self.root:
            os.close(self._fd)
        self._parent, self._fd = b"", self.root

    def parent(self, path: bytes, *, make: bool = False) -> tuple[int, bytes]:
        """The directory that a path lies in, open until the next call, and the name in it. With `make`, directories
        that are missing on the way are made. Raises OSError: NotADirectoryError for a file or a link on the way."""
        head, _, name = path.rpartition(b"/")
        if head != self._parent:
            opened = self._open(head, make)
            self._forget()
            self._parent, self._fd = head, opened
        return self._fd, name

    def _open(self, head: bytes, make: bool) -> int:
        fd = self.root
        for part in head.split(b"/") if head else ():
            try:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=fd)
                following = os.open(part, DIRECTORY_FLAGS, dir_fd=fd)
            finally:
                if fd != self.root:
                    os.close(fd)
            fd = following
        return fd

    def look(self, path: bytes) -> Seen | None:
        """What has a name; None: nothing."""
        try:
            fd, name = self.parent(path)
            return Seen.of(os.stat(name, dir_fd=fd, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open_file(self, path: bytes) -> int:
        """Opens a plain file to read; the caller closes it. Raises OSError."""
        fd, name = self.parent(path)
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise FileNotFoundError(2, "it is no plain file any more")
        return opened

"""The new version, as what is sent of it and what its checksum is made of: read at any offset, from several threads.

A new version that is a local file may change while it is pushed. Its size and times are compared at the end, before
anything is replaced, as the library does for its own reads.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol, Self

from redelta._errors import FileChangedError, RedeltaError, TruncatedError
from redelta._files import is_path
from redelta._range import FileRange
from redelta._types import Source

CHUNK = 8 << 20


class Content(Protocol):
    """Bytes that can be read at any offset."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        ...

    def check(self) -> None:
        """Raises if they are no longer what they were."""
        ...


class NewFile:
    """A source: a path, a range of a file or bytes as they are; anything else is copied to a temporary file first, for
    it is needed at any offset, and more than once."""

    def __init__(self, source: Source) -> None:
        self._lock = threading.Lock()
        self._start = 0
        self.name: str | None = None
        with ExitStack() as stack:
            self._file: Any
            given: Any = source
            if isinstance(given, FileRange) or is_path(given):
                path = given.path if isinstance(given, FileRange) else given
                self._file = stack.enter_context(open(path, "rb", buffering=0))
                self.name = os.fspath(path)
                self.source: Source = given
            elif hasattr(given, "read"):
                self._file = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(given, self._file, CHUNK)
                self._file.flush()
                self.source = self._file
            else:
                self._file = io.BytesIO(given)
                self.source = given
            self.size = self._file.seek(0, os.SEEK_END)
            if isinstance(given, FileRange):
                self._start = min(given.start, self.size)
                stop = self.size if given.stop is None else min(given.stop, self.size)
                self.size = max(0, stop - self._start)
            self._state = self._look()
            self._close = stack.pop_all()

    def _look(self) -> tuple[int, ...]:
        if self.name is None:
            return ()
        seen = os.fstat(self._file.fileno())
        return seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises TruncatedError if the file has become shorter."""
        with self._lock:
            self._file.seek(self._start + offset)
            data: bytes = self._file.read(length)
            while len(data) < length:
                more = self._file.read(length - len(data))
                if not more:
                    raise TruncatedError(f"the new file became shorter than {offset + length} bytes; do it again")
                data += more
        return data

    def rewound(self) -> Source:
        """The source, to be read from its start."""
        if self.name is None and hasattr(self.source, "seek"):
            self.source.seek(0)
        return self.source

    def check(self) -> None:
        """Raises FileChangedError if the file changed since it was opened."""
        if self._look() != self._state:
            raise FileChangedError(f"{self.name!r}: changed while it was being read; do it again")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close.close()


def chunks(content: Content, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The bytes in order."""
    end = content.size if stop is None else stop
    while start < end:
        data = content.read(start, min(CHUNK, end - start))
        yield data
        start += len(data)


class Reader:
    """A content as a reader, from its start to its end."""

    def __init__(self, content: Content) -> None:
        self._chunks = chunks(content)
        self._kept = b""

    def read(self, length: int, /) -> bytes:
        """Up to so many bytes; none only at the end."""
        if not self._kept:
            self._kept = next(self._chunks, b"")
        data, self._kept = self._kept[:length], self._kept[length:]
        return data


class Section(io.RawIOBase):
    """A stretch of a content as a file, which HTTP clients send without holding it in memory. Some of them lose the
    exception of a read, so it is kept here."""

    failure: RedeltaError | None = None

    def __init__(self, content: Content, offset: int, length: int) -> None:
        self._content = content
        self._offset = offset
        self._length = length
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is: a request may be repeated."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of files."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """As of files."""
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to so many bytes."""
        left = max(0, self._length - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        try:
            data = self._content.read(self._offset + self._at, wanted) if wanted else b""
        except RedeltaError as error:
            self.failure = error
            raise
        self._at += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        """As of files; awscrt reads so."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def __len__(self) -> int:
        return self._length

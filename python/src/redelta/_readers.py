"""The three steps as file objects to read from, which make their contents from other files on demand, in constant
memory.

They are `io.BufferedIOBase`s, and can be used wherever a file that is open for reading can: by `shutil.copyfileobj`,
`tarfile` and HTTP clients, for instance.

They do not use the library's filter of a stream (rd_filter_stream_new): it is over once its source has failed, while
these go on when a file object raises once, as `io`'s own do.
"""

from __future__ import annotations

import io
import operator
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from redelta import _core
from redelta._core import VERIFY_NEVER
from redelta._errors import CorruptError, RedeltaError
from redelta._files import Input, checked, is_buffer, is_path
from redelta._params import (
    compression_level,
    delta_verify,
    output_limit,
    patch_verify,
    signature_params,
)
from redelta._range import FileRange, RangeReader
from redelta._signature import Signature, loaded
from redelta._stats import Stats
from redelta._types import Basis, Buffer, Compression, Hash, PatchVerify, Source, StrongLength

CHUNK = 256 * 1024
LINES = 8 * 1024
"""Bytes to make at once when looking for the end of a line."""


class _Feed:
    """A source to read in chunks. It closes what it opened, and with `closefd` also what it was given."""

    def __init__(self, source: Source, closefd: bool) -> None:
        file: Any = source
        if is_path(source):
            file = open(file, "rb", buffering=0)  # noqa: SIM115
        elif isinstance(file, FileRange):
            file = RangeReader(file)
        elif not hasattr(source, "read") and is_buffer(source):
            file = io.BytesIO(file)
        elif not callable(getattr(source, "read", None)):
            raise TypeError(f"a path, bytes or a reader is needed, not {type(source).__name__}")
        self._file = file
        self._closes = closefd or file is not source

    def read(self, size: int) -> Buffer:
        data: Buffer = checked(self._file.read(size))
        return data

    def close(self) -> None:
        if self._closes and hasattr(self._file, "close"):
            self._file.close()


class _StreamReader(io.BufferedIOBase):
    """A file object over a push stream. Threads wait for each other; a source that reads from the file object that it
    is the source of is refused."""

    def __init__(self, stream: _core.Stream, source: Source, closefd: bool) -> None:
        self._stream = stream
        self._pending = memoryview(b"")
        self._ended = False
        self._over = False
        self._done = False
        self._kept = b""  # made, but not yet asked for; from `_at` on
        self._at = 0
        self._lock = threading.Lock()
        self._owner = 0
        self._feed = _Feed(source, closefd)

    def _fill(self, size: int) -> None:
        """Reads more, if everything that was read has been used."""
        if not self._pending and not self._ended:
            self._pending = memoryview(self._feed.read(size)).cast("B")
            self._ended = not self._pending

    def _make(self, most: int) -> bytes:
        """The next bytes of the stream, at most `most`; none only at the end."""
        while not self._done:
            if not self._over:
                self._fill(CHUNK)
                made, taken, self._over = self._stream.step(self._pending, last=self._ended, most=most)
                self._pending = self._pending[taken:]
                if made:
                    return made
            if self._over:
                self._finish()
                self._done = True
        return b""

    def _take(self, end: int) -> bytes:
        """The bytes that are kept, up to `end`."""
        start, self._at = self._at, min(end, len(self._kept))
        return self._kept[start : self._at]

    def _some(self, left: int) -> bytes:
        """Some bytes, at most `left` if that is positive."""
        most = left if left > 0 else CHUNK
        return self._take(self._at + most) if self._at < len(self._kept) else self._make(most)

    def _some_of_line(self, left: int) -> bytes:
        """The same, but not beyond the end of a line."""
        if self._at == len(self._kept):
            self._kept, self._at = self._make(LINES), 0
        limit = self._at + left if left > 0 else len(self._kept)
        return self._take(self._kept.find(b"\n", self._at, limit) + 1 or limit)

    def _finish(self) -> None:
        """The stream is done."""

    def _gather(self, size: int | None, some: Callable[[int], bytes], enough: Callable[[bytes], bool]) -> bytes:
        """Collects `size` bytes, or all that are left, until a chunk is enough. If the source raises, those that were
        collected are kept for the next call."""
        self._refuse_re_entrance()
        left = -1 if size is None else max(operator.index(size), -1)
        parts: list[bytes] = []
        with self._lock:
            if self.closed:
                raise ValueError("I/O operation on closed file")
            self._owner = threading.get_ident()
            try:
                while left != 0 and (part := some(left)):
                    parts.append(part)
                    left = left - len(part) if left > 0 else left
                    if enough(part):
                        break
            except BaseException:
                self._kept, self._at = b"".join(parts) + self._kept[self._at :], 0
                raise
            finally:
                self._owner = 0
        return b"".join(parts)

    def _refuse_re_entrance(self) -> None:
        if self._owner == threading.get_ident():
            raise RedeltaError("it is in use: what it reads from may not call it")

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads `size` bytes, or all that are left if these are fewer or no size is given."""
        return self._gather(size, self._some, lambda part: False)

    def read1(self, size: int = -1, /) -> bytes:
        """Reads some bytes, at most `size`; none only at the end."""
        return self._gather(size, self._some, lambda part: True)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Reads a line, or `size` bytes of it if it is longer. Some bytes after it are made as well."""
        return self._gather(size, self._some_of_line, lambda part: part.endswith(b"\n"))

    def close(self) -> None:
        """Closes the file object, and the files that it opened itself, or with `closefd` all that it reads from."""
        if not hasattr(self, "_feed"):  # it could not be made
            super().close()
            return
        self._refuse_re_entrance()
        with self._lock:
            self._owner = threading.get_ident()
            try:
                if not self.closed:
                    self._close_sources()
                super().close()
            finally:
                self._owner = 0

    def _close_sources(self) -> None:
        self._feed.close()

    @property
    def stats(self) -> Stats:
        """What has been done so far."""
        return Stats._of(self._stream.stats())


class SignatureReader(_StreamReader):
    """A file that reads as the signature of `basis`. The parameters are those of `signature`, but `block_len` is 2048
    unless it is given. With `closefd`, closing it closes `basis`.

    >>> import io, redelta
    >>> with redelta.SignatureReader(io.BytesIO(bytes(10000)), block_len=1000) as file:
    ...     file.read() == redelta.signature(bytes(10000), block_len=1000)
    True
    """

    def __init__(
        self,
        basis: Source,
        *,
        block_len: int | None = None,
        strong_len: StrongLength = None,
        hash: Hash = "rk-blake2",
        compress: Compression = None,
        closefd: bool = False,
    ) -> None:
        params = signature_params(block_len, strong_len, hash)
        super().__init__(_core.signature_stream(**params, compression=compression_level(compress)), basis, closefd)


class DeltaReader(_StreamReader):
    """A file that reads as the delta of `new` against `signature`. `verify` is that of `delta`. With `closefd`, closing
    it closes `new`.

    >>> import io, redelta
    >>> with redelta.DeltaReader(redelta.signature(b"old"), io.BytesIO(b"new")) as file:
    ...     redelta.patch(b"old", file)
    b'new'
    """

    def __init__(
        self,
        signature: Signature | Source,
        new: Source,
        *,
        verify: bool = True,
        compress: Compression = None,
        closefd: bool = False,
    ) -> None:
        level = compression_level(compress)
        table = loaded(signature)._table
        stream = _core.delta_stream(table, verify=delta_verify(verify), compression=level)
        super().__init__(stream, new, closefd)


class PatchReader(_StreamReader):
    """A file that reads as the new file that `delta` makes of `basis`. Its contents are valid only when the end has
    been read, because the digest of the new file comes last: if it is wrong, the last `read` raises VerifyError.
    `max_output` and `verify` are those of `patch`. With `closefd`, closing it closes `basis` and `delta`.

    >>> import redelta
    >>> delta = redelta.delta(redelta.signature(b"old"), b"first\\nsecond\\n")
    >>> with redelta.PatchReader(b"old", delta) as file:
    ...     list(file)
    [b'first\\n', b'second\\n']
    """

    def __init__(
        self,
        basis: Basis,
        delta: Source,
        *,
        max_output: int | None = None,
        verify: PatchVerify = "auto",
        closefd: bool = False,
    ) -> None:
        limit = output_limit(max_output)
        how = patch_verify(verify)
        self._strict = how != VERIFY_NEVER
        self._basis_file: Any = basis if closefd else None
        self._basis = Input(basis, basis=True)
        try:
            stream = _core.patch_stream(self._basis.native, output_max=limit, verify=how)
            super().__init__(stream, delta, closefd)
        except BaseException:
            self._basis.close()
            raise

    def _finish(self) -> None:
        if not self._strict:
            return
        self._fill(1)
        if self._pending:
            raise CorruptError("the delta continues after its end; make or fetch the delta again", role="delta")

    def _close_sources(self) -> None:
        with ExitStack() as stack:
            stack.callback(super()._close_sources)
            if hasattr(self._basis_file, "close"):
                stack.callback(self._basis_file.close)
            stack.callback(self._basis.close)
            stack.callback(self._stream.close)

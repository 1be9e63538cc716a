"""Parts of the work on a file, which threads, processes or machines do separately, and what joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self

from redelta import _core
from redelta._context import Context
from redelta._errors import warn_of_change
from redelta._files import Files, in_main_thread, read_all
from redelta._params import change_number, file_offset, native_context, thread_number
from redelta._types import Basis, Changed, Progress, Source


class _Part:
    """What both kinds of parts have in common: a record in bytes, and the range that it is of."""

    __slots__ = ("_last", "_length", "_offset", "_record")

    _record: bytes
    _offset: int
    _length: int
    _last: bool
    _inspect: Callable[..., tuple[int, int, bool]]

    def __init__(self, *_: object) -> None:
        raise TypeError(f"use {type(self).__name__}.load or {type(self).__name__}.build")

    @classmethod
    def _of(cls, record: bytes) -> Self:
        self = cls.__new__(cls)
        self._record = record
        self._offset, self._length, self._last = cls._inspect(record, main=in_main_thread(), names={})
        return self

    @classmethod
    def load(cls, source: Source) -> Self:
        """The part whose bytes these are. Raises BadMagicError, TruncatedError or CorruptError if they are not valid,
        ParameterError if a later version has made them, OSError, and the exceptions of the reader."""
        return cls._of(read_all(source))

    @property
    def offset(self) -> int:
        """Where its range starts in the file, in bytes."""
        return self._offset

    @property
    def length(self) -> int:
        """The length of its range, in bytes."""
        return self._length

    @property
    def last(self) -> bool:
        """Does the file end with it?"""
        return self._last

    def __bytes__(self) -> bytes:
        return self._record

    def __reduce__(self) -> tuple[Callable[[bytes], Self], tuple[bytes]]:
        return (type(self).load, (self._record,))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Part) or type(self) is not type(other):
            return NotImplemented
        return self._record == other._record

    def __hash__(self) -> int:
        return hash(self._record)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(offset={self.offset}, length={self.length}, last={self.last})"


def records_of(parts: Iterable[object], kind: type[_Part]) -> tuple[bytes, ...]:
    """The records of parts, which must be of this kind."""
    records = []
    for part in parts:
        if not isinstance(part, kind):
            raise TypeError(f"a {kind.__name__} is needed, not {type(part).__name__}")
        records.append(part._record)
    return tuple(records)


def numbered(count: int) -> tuple[dict[str, str], ...]:
    """The names for an error about one of the parts."""
    return tuple({"number": f"part {place} of {count}"} for place in range(1, count + 1))


class DigestPart(_Part):
    """What is needed of a range of a file for the digest of all of it: threads, processes or machines can make the
    parts of one separately. It is a record of a few hundred bytes, does not change, and can be pickled.

    >>> import redelta
    >>> file = bytes(range(256)) * 100
    >>> parts = [redelta.DigestPart.build(file, at, 8192) for at in range(0, len(file), 8192)]
    >>> redelta.DigestPart.join(parts) == redelta.digest(file)
    True
    """

    __slots__ = ()

    _inspect = _core.inspect_digest_part

    @classmethod
    def build(
        cls,
        source: Basis,
        offset: int,
        length: int | None = None,
        *,
        threads: int | None = None,
        progress: Progress | None = None,
        context: Context | None = None,
        changed: Changed = "error",
    ) -> DigestPart:
        """The part of the `length` bytes of `source` from byte `offset` on; None: up to its end. Both must be multiples
        of 1024, but for the last part, which may reach beyond the end. A record is shortest if they are multiples of a
        large power of two. The other parameters are those of `digest`, and `changed` is about the whole file. Memory:
        constant for a number of threads.

        Raises ParameterError, FileChangedError, OSError, and the exceptions of the reader and of `progress`."""
        start = file_offset("offset", offset)
        size = None if length is None else file_offset("length", length)
        most = thread_number(threads)
        kept = native_context(context)
        change = change_number(changed)
        with Files() as files:
            record, numbers = _core.make_digest_part(
                files.read_basis(source, role="new file").native,
                start,
                size,
                threads=most,
                main=in_main_thread(),
                progress=progress,
                names=files.names,
                context=kept,
                changed=change,
            )
        warn_of_change(changed, numbers[-1], files.names)
        return cls._of(record)

    @staticmethod
    def join(parts: Iterable[DigestPart]) -> bytes:
        """The digest of the file, 32 bytes, as `digest` gives it. The parts must be in the order of their `offset`,
        without gaps, and reach to the end of the file. Raises ParameterError if they do not."""
        records = records_of(parts, DigestPart)
        return _core.join_digest(records, main=in_main_thread(), names=numbered(len(records)))

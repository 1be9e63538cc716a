"""Parts of the work on a file, which threads, processes or machines do separately, and what joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self

from redelta import _core
from redelta._context import Context
from redelta._errors import warn_of_change
from redelta._files import Files, check_destination, in_main_thread, read_all
from redelta._params import (
    change_number,
    compression_level,
    delta_verify,
    file_offset,
    native_context,
    thread_number,
)
from redelta._signature import Signature, loaded
from redelta._stats import Stats
from redelta._types import Basis, Changed, Compression, Destination, Names, Numbers, Progress, Source


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


def numbered(count: int, names: Names | None = None) -> tuple[Names, ...]:
    """The names for an error about one of the parts, and what else there is."""
    others = names or {}
    return tuple({**others, "number": f"part {place} of {count}"} for place in range(1, count + 1))


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
        without gaps, and reach to the end of the file, where there may be some without bytes. Raises ParameterError if
        they do not."""
        records = records_of(parts, DigestPart)
        return _core.join_digest(records, main=in_main_thread(), names=numbered(len(records)))


class DeltaPart(_Part):
    """What is found of the basis in a range of the new file: a part of a delta, of which threads, processes or machines
    can make one each. `joined_delta` and `write_joined_delta` make the delta of them, the very bytes that `delta` makes
    of the whole file.

    It is a record of some bytes for each copy, has none of the new bytes, does not change, and can be pickled.

    >>> import redelta
    >>> basis = bytes(range(256)) * 1000
    >>> new = basis[:100_000] + b"new" + basis[100_000:]
    >>> signature = redelta.Signature.build(basis, block_len=512)
    >>> size = 4 * redelta.DeltaPart.grid(signature)
    >>> parts = [redelta.DeltaPart.build(signature, new, at, size) for at in range(0, len(new), size)]
    >>> redelta.joined_delta(signature, parts, new) == redelta.delta(signature, new)
    True
    """

    __slots__ = ()

    _inspect = _core.inspect_delta_part

    @staticmethod
    def grid(signature: Signature | Source) -> int:
        """Ranges start and end at multiples of this number of bytes: 32 blocks, or a little more."""
        return _core.delta_part_grid(loaded(signature)._table)

    @classmethod
    def build(
        cls,
        signature: Signature | Source,
        new: Basis,
        offset: int,
        length: int | None = None,
        *,
        verify: bool = True,
        threads: int | None = None,
        progress: Progress | None = None,
        context: Context | None = None,
        changed: Changed = "error",
    ) -> DeltaPart:
        """The part of the `length` bytes of `new` from byte `offset` on; None: up to its end. Both must be multiples of
        `grid`, but for the last part, which may reach beyond the end. With `verify` it has the digest of the range,
        which a delta that is verified needs. The other parameters are those of `delta`, and `changed` is about the
        whole file. Of the bytes after the range, so many are read as a block has. Memory: constant for a number of
        threads, in addition to the signature.

        Raises ParameterError, FileChangedError, OSError, and the exceptions of the readers and of `progress`."""
        start = file_offset("offset", offset)
        size = None if length is None else file_offset("length", length)
        most = thread_number(threads)
        kept = native_context(context)
        change = change_number(changed)
        table = loaded(signature, threads=threads, context=context, changed=changed)._table
        with Files() as files:
            record, numbers = _core.make_delta_part(
                table,
                files.read_basis(new, role="new file", sized=True).native,
                start,
                size,
                verify=delta_verify(verify),
                threads=most,
                main=in_main_thread(),
                progress=progress,
                names=files.names,
                context=kept,
                changed=change,
            )
        warn_of_change(changed, numbers[-1], files.names)
        return cls._of(record)


def _joined(
    signature: Signature | Source,
    parts: Iterable[DeltaPart],
    new: Basis,
    destination: Destination | None,
    verify: bool,
    compress: Compression,
    threads: int | None,
    progress: Progress | None,
    context: Context | None,
    changed: Changed,
) -> tuple[bytes | None, Numbers]:
    level = compression_level(compress)
    kept = native_context(context)
    change = change_number(changed)
    records = records_of(parts, DeltaPart)
    table = loaded(signature, threads=threads, context=context, changed=changed)._table
    with Files() as files:
        opened = files.read_basis(new, role="new file", sized=True)
        to = files.write(destination)
        made, stats = _core.join_delta(
            table,
            records,
            opened.native,
            to,
            verify=delta_verify(verify),
            compression=level,
            threads=thread_number(threads),
            main=in_main_thread(),
            progress=progress,
            names=numbered(len(records), files.names),
            context=kept,
            changed=change,
        )
    warn_of_change(changed, stats[-1], files.names)
    return made, stats


def joined_delta(
    signature: Signature | Source,
    parts: Iterable[DeltaPart],
    new: Basis,
    *,
    verify: bool = True,
    compress: Compression = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> bytes:
    """The delta of which these are the parts: the very bytes that `delta` makes of `signature` and `new`. The parts
    must be in the order of their `offset`, without gaps, and reach to the end of `new`, which must be at hand, and
    seekable: the new bytes are read from it, and a little where parts meet.

    If `new` is not what a part was made of, FileChangedError is raised as far as that shows: by its size; by its times,
    if it is the same file on the same machine; else by the bytes that are not copied, which are then read twice. A
    change of bytes that are copied does not show; the delta then makes what they were when the part was made. Whether
    the copies of a part are true is not checked: a wrong one makes a delta that does not pass a verified patch.

    The other parameters are those of `delta`. Memory: the signature, and 32 bytes for each copy of the largest part.

    Raises ParameterError if the parts do not fit each other or the signature, or one is missing; VerifyError if one was
    made with `verify=False`; FileChangedError, OSError, and the exceptions of the readers and of `progress`."""
    made, _ = _joined(signature, parts, new, None, verify, compress, threads, progress, context, changed)
    return made or b""


def write_joined_delta(
    signature: Signature | Source,
    parts: Iterable[DeltaPart],
    new: Basis,
    dest: Destination,
    *,
    verify: bool = True,
    compress: Compression = None,
    threads: int | None = None,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> Stats:
    """Like `joined_delta`, but writes to `dest`. A path gets its file when it is complete, or not at all."""
    check_destination(dest)
    return Stats._of(_joined(signature, parts, new, dest, verify, compress, threads, progress, context, changed)[1])

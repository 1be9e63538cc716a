"""What a file is, and what is in it."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from typing import Literal as Only

from redelta import _core
from redelta._errors import BadMagicError
from redelta._files import Files, in_main_thread
from redelta._signature import Signature
from redelta._stats import Stats
from redelta._types import Hash, Progress, Reading, Source

MAGIC_LEN = 4
KIND_SIGNATURE, KIND_DELTA = 1, 2
FIRST_BLOCK = 256 * 1024
"""More than the first block of a zstd frame takes."""
NUMBERS = struct.Struct("=QQQ")
NO_BASIS = (1 << 64) - 1


class Copy(NamedTuple):
    """A command of a delta: `length` bytes of the new file, at `target`, are those of the basis at `basis`."""

    target: int
    """Where they are in the new file, in bytes."""
    length: int
    """How many bytes, at least 1."""
    basis: int
    """Where they are in the basis, in bytes."""


class Literal(NamedTuple):
    """A command of a delta: `length` bytes of the new file, at `target`, are new, and come with the delta."""

    target: int
    """Where they are in the new file, in bytes."""
    length: int
    """How many bytes, at least 1."""


@dataclass(frozen=True)
class SignatureInfo:
    """What a signature says of itself, and the signature."""

    hash: Hash
    """The weak and the strong sum."""
    block_len: int
    """The length of a block, in bytes. The last one may be shorter."""
    strong_len: int
    """The length of a strong sum, in bytes."""
    blocks: int
    """How many there are."""
    signature: Signature = field(repr=False)
    """The sums themselves; deltas can be made against it."""
    compressed: bool
    """By zstd."""
    kind: Only["signature"] = "signature"
    """Tells a signature from a delta."""


@dataclass(frozen=True)
class DeltaInfo:
    """What a delta makes, and by which commands."""

    size: int
    """The size of the new file, in bytes."""
    basis_size: int
    """How long a basis must be at least, in bytes."""
    stats: Stats
    """The commands, in sums."""
    _numbers: bytes = field(repr=False)
    compressed: bool
    """By zstd."""
    kind: Only["delta"] = "delta"
    """Tells a delta from a signature."""

    @property
    def ops(self) -> Iterator[Copy | Literal]:
        """An iterator over the commands, from the first one on."""
        for target, length, basis in NUMBERS.iter_unpack(self._numbers):
            yield Literal(target, length) if basis == NO_BASIS else Copy(target, length, basis)


class _Peeked:
    """A callable source whose first bytes are looked at before they are read."""

    def __init__(self, read: Any) -> None:
        self._read = read
        self.start = b""

    def look(self, size: int) -> bytes:
        """The first bytes, as many as there are up to the size."""
        while len(self.start) < size:
            with memoryview(self._read(0, size - len(self.start))) as more:
                if not more:
                    break
                self.start += more.cast("B")
        return self.start[:size]

    def __call__(self, offset: int, size: int) -> Any:
        if not self.start:
            return self._read(offset, size)
        given, self.start = self.start[:size], self.start[size:]
        return given


def _peeked(native: Reading) -> Reading:
    """What the source is read from, by which its first bytes can be looked at if they cannot be read twice."""
    if isinstance(native, int):
        fd = native
        try:
            os.lseek(fd, 0, os.SEEK_CUR)
        except OSError:  # a pipe
            return _Peeked(lambda offset, size: os.read(fd, size))
    return _Peeked(native) if callable(native) else native


def _kind(native: Reading) -> tuple[int, bool]:
    """What the source is, and whether it is compressed."""
    main = in_main_thread()
    kind, compressed = _core.identify(native.look(MAGIC_LEN) if isinstance(native, _Peeked) else native, main=main)
    if compressed and isinstance(native, _Peeked):
        kind, compressed = _core.identify(native.look(FIRST_BLOCK), main=main)
    return (KIND_DELTA if kind < 0 else kind), compressed  # whoever reads it as a delta is told what is wrong


def inspect(source: Source, *, progress: Progress | None = None) -> SignatureInfo | DeltaInfo:
    """What the source is: a signature or a delta, its parameters, and what is in it. All of it is read and checked; of
    a delta, 24 bytes a command are kept. Raises BadMagicError if it is neither, TruncatedError, CorruptError, OSError,
    and what the reader or `progress` raises.

    >>> import redelta
    >>> basis = bytes(range(256)) * 40
    >>> delta = redelta.inspect(redelta.delta(redelta.signature(basis), b"new" + basis))
    >>> delta.kind, delta.size
    ('delta', 10243)
    >>> for op in delta.ops:
    ...     print(op)
    Literal(target=0, length=3)
    Copy(target=3, length=10240, basis=0)
    """
    with Files() as files:
        opened = files.read("delta", source)
        if opened.name is not None:
            files.names["signature"] = opened.name
        native = _peeked(opened.native)
        kind, compressed = _kind(native)
        if kind == KIND_DELTA:
            made, numbers = _core.list_ops(native, main=in_main_thread(), progress=progress, names=files.names)
            opened.used = numbers[0]
            return _delta_info(made, Stats(*numbers), compressed)
        if kind == KIND_SIGNATURE:
            table, numbers = _core.load_signature(
                native,
                blocks_max=0,
                memory_max=0,
                threads=0,
                main=in_main_thread(),
                progress=progress,
                names=files.names,
            )
            opened.used = numbers[0]
            signature = Signature._of(table)
            params = signature.hash, signature.block_len, signature.strong_len, len(signature)
            return SignatureInfo(*params, signature, compressed)
    raise BadMagicError("this is neither a signature nor a delta")


def _delta_info(numbers: bytes, stats: Stats, compressed: bool) -> DeltaInfo:
    size = basis_size = 0
    for target, length, basis in NUMBERS.iter_unpack(numbers):
        size = target + length
        if basis != NO_BASIS:
            basis_size = max(basis_size, basis + length)
    return DeltaInfo(size, basis_size, stats, numbers, compressed)

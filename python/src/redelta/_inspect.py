"""What a file is, and what is in it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as Only
from typing import NamedTuple

from redelta import _core
from redelta._context import Context
from redelta._errors import BadMagicError, warn_of_change
from redelta._files import Files, in_main_thread
from redelta._params import change_number, native_context
from redelta._signature import Signature
from redelta._stats import Stats
from redelta._types import Changed, Hash, Progress, Source

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


class OpTable(NamedTuple):
    """The commands of a delta, from the first one on, in columns that are as long as there are commands."""

    kind: memoryview
    """1 for a `Copy`, 0 for a `Literal`: numbers of 8 bits (format "B")."""
    target: memoryview
    """Where its bytes are in the new file: numbers of 64 bits with a sign (format "q"), as the next ones."""
    length: memoryview
    """How many bytes, at least 1."""
    basis: memoryview
    """Where they are in the basis; -1 for a `Literal`."""


@dataclass(frozen=True)
class SignatureInfo:
    """The parameters of a signature, and the signature."""

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
    """Whether it is compressed by zstd."""
    kind: Only["signature"] = "signature"
    """Tells a signature from a delta."""


@dataclass(frozen=True)
class DeltaInfo:
    """What a delta makes, and its commands."""

    size: int
    """The size of the new file, in bytes."""
    basis_least: int
    """The least size of a basis that has all that is copied, in bytes."""
    basis_size: int | None
    """The size of the basis, in bytes, as in the delta; None if the delta does not know it."""
    stats: Stats
    """The commands, in total."""
    _numbers: bytes = field(repr=False)
    compressed: bool
    """Whether it is compressed by zstd."""
    dense: bool = False
    """Whether it is a dense delta. The statistics then are those of librsync's form."""
    kind: Only["delta"] = "delta"
    """Tells a delta from a signature."""

    @property
    def table(self) -> OpTable:
        """The commands as columns of numbers, which numpy and arrow take, without a loop in Python. They are made at
        each use: 25 bytes for each command."""
        kind, *numbers = _core.split_ops(self._numbers)
        target, length, basis = (memoryview(column).cast("q") for column in numbers)
        return OpTable(memoryview(kind), target, length, basis)

    @property
    def ops(self) -> Iterator[Copy | Literal]:
        """An iterator over the commands, from the first one on."""
        for target, length, basis in NUMBERS.iter_unpack(self._numbers):
            yield Literal(target, length) if basis == NO_BASIS else Copy(target, length, basis)


def inspect(
    source: Source,
    *,
    progress: Progress | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> SignatureInfo | DeltaInfo:
    """What the source is: a signature or a delta, its parameters, and what is in it. All of it is read and checked.
    Memory: that of the signature, or 24 bytes for each command of a delta; to read it in constant memory, and the bytes
    of its literals, use `open_delta`. Raises BadMagicError if it is neither, TruncatedError, CorruptError,
    FileChangedError (`changed` is that of `signature`), OSError, and the exceptions of the reader and of `progress`.

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
    kept = native_context(context)
    change = change_number(changed)
    with Files() as files:
        opened = files.read("delta", source)
        if opened.name is not None:
            files.names["signature"] = opened.name
        kind, compressed, found, basis_least, numbers = _core.inspect(
            opened.native,
            main=in_main_thread(),
            progress=progress,
            names=files.names,
            context=kept,
            changed=change,
        )
        if kind not in (_core.KIND_DELTA, _core.KIND_DENSE, _core.KIND_SIGNATURE):
            raise BadMagicError("this is neither a signature nor a delta")
        opened.used = numbers[0]
    warn_of_change(changed, numbers[-1], files.names)
    if isinstance(found, bytes):
        stats = Stats._of(numbers)
        size = stats.literal_bytes + stats.copy_bytes
        return DeltaInfo(size, basis_least, stats.basis_size, stats, found, compressed, dense=kind == _core.KIND_DENSE)
    signature = Signature._of(found)
    params = signature.hash, signature.block_len, signature.strong_len, len(signature)
    return SignatureInfo(*params, signature, compressed)

"""Signatures in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, overload

from redelta import _core
from redelta._context import Context
from redelta._errors import warn_of_change
from redelta._files import Files, check_destination, in_main_thread
from redelta._params import (
    block_limit,
    change_number,
    compression_level,
    file_offset,
    hash_name,
    memory_limit,
    native_context,
    signature_params,
    thread_number,
)
from redelta._stats import Stats
from redelta._types import Basis, Changed, Compression, Destination, Hash, Progress, Source, StrongLength


class _Sums(Sequence[tuple[int, bytes]]):
    """What a signature and a part of one have in common."""

    __slots__ = ("__weakref__", "_table")

    _table: _core.Table

    def __init__(self, *_: object) -> None:
        raise TypeError(f"use {type(self).__name__}.load or {type(self).__name__}.build")

    @classmethod
    def _of(cls, table: _core.Table) -> Self:
        self = cls.__new__(cls)
        self._table = table
        return self

    @property
    def hash(self) -> Hash:
        """The weak and the strong sum."""
        weak, strong, _, _ = self._table.params()
        return hash_name(weak, strong)

    @property
    def block_len(self) -> int:
        """The length of a block, in bytes. The last one may be shorter."""
        return self._table.params()[2]

    @property
    def strong_len(self) -> int:
        """The length of a strong sum, in bytes."""
        return self._table.params()[3]

    @property
    def origin(self) -> int:
        """Where in the basis the first block lies, in bytes: 0, unless it was made of parts that start later."""
        return self._table.origin()

    @property
    def weak(self) -> memoryview:
        """The weak sums of the blocks, as numbers of 32 bits: `memoryview`s of format "I", which numpy and arrow take.
        They are those of the table itself, without a copy, and keep it in memory."""
        return memoryview(self._table.weak())

    @property
    def strong(self) -> memoryview:
        """The strong sums of the blocks: `len(self)` rows of `strong_len` bytes. Otherwise as `weak`."""
        return memoryview(self._table.strong())

    def save(
        self,
        dest: Destination,
        *,
        compress: Compression = None,
        threads: int | None = None,
        context: Context | None = None,
        flush: bool = False,
    ) -> Stats:
        """Writes the bytes of the file to `dest`, compressed if `compress` is a level of zstd or True. A path gets
        its file when it is complete, or not at all. `flush` is that of `write_signature`. Memory: constant. Raises
        ParameterError, OSError, and the exceptions of the writer."""
        check_destination(dest)
        return Stats._of(self._write(dest, compress, threads, context, flush)[1])

    def _write(
        self,
        dest: Destination | None,
        compress: Compression,
        threads: int | None,
        context: Context | None,
        flush: bool,
    ) -> tuple[bytes | None, Any]:
        level = compression_level(compress)
        most = thread_number(threads)
        kept = native_context(context)
        with Files() as files:
            return _core.write_signature(
                self._table,
                files.write(dest),
                compression=level,
                threads=most,
                main=in_main_thread(),
                names=files.names,
                context=kept,
                flush=flush,
            )

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, block: int) -> tuple[int, bytes]: ...
    @overload
    def __getitem__(self, block: slice) -> list[tuple[int, bytes]]: ...
    def __getitem__(self, block: int | slice) -> tuple[int, bytes] | list[tuple[int, bytes]]:
        if isinstance(block, slice):
            return [self._table[each] for each in range(*block.indices(len(self)))]
        return self._table[block]

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return iter(self._table)

    def __bytes__(self) -> bytes:
        return self._write(None, None, None, None, False)[0] or b""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Sums) or type(self) is not type(other):
            return NotImplemented
        return self._table is other._table or (self.origin == other.origin and bytes(self) == bytes(other))

    def __hash__(self) -> int:
        return hash((self._table.params(), len(self), self.origin))


class SignaturePart(_Sums):
    """The sums of some consecutive blocks of a basis: a part of its signature. Threads, processes or machines can make
    the parts of one separately. `Signature.join` makes a signature of parts; no delta can be made against one.

    Like a signature it does not change, is a `Sequence` of sums, and can be pickled. Its file does not say where its
    first block lies: keep `origin` with it.

    >>> import redelta
    >>> basis = bytes(range(256)) * 100
    >>> parts = [redelta.SignaturePart.build(basis, at, 10_000, block_len=1000) for at in (0, 10_000, 20_000)]
    >>> bytes(redelta.Signature.join(parts)) == redelta.signature(basis, block_len=1000)
    True
    """

    __slots__ = ()

    @classmethod
    def build(
        cls,
        basis: Basis,
        offset: int,
        length: int | None = None,
        *,
        block_len: int | None = None,
        strong_len: StrongLength = None,
        hash: Hash = "rk-blake2",
        max_memory: int | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
        context: Context | None = None,
        changed: Changed = "error",
    ) -> SignaturePart:
        """The part of the `length` bytes of `basis` from byte `offset` on; None: up to its end. Both must be whole
        blocks, but for the last part, which may reach beyond the end. The parameters are those of `signature`, and must
        be the same for all parts; those that are not given are chosen by the size of the whole basis. `changed` is that
        of `signature`, about the whole file.

        Memory: 16 bytes and a strong sum for each block, which `max_memory` limits. Raises ParameterError, LimitError,
        FileChangedError, OSError, and the exceptions of the reader and of `progress`."""
        params = signature_params(block_len, strong_len, hash)
        start = file_offset("offset", offset)
        size = None if length is None else file_offset("length", length)
        limit = memory_limit(max_memory)
        most = thread_number(threads)
        kept = native_context(context)
        change = change_number(changed)
        with Files() as files:
            table, numbers = _core.build_part(
                files.read_basis(basis).native,
                start,
                size,
                **params,
                memory_max=limit,
                threads=most,
                main=in_main_thread(),
                progress=progress,
                names=files.names,
                context=kept,
                changed=change,
            )
        warn_of_change(changed, numbers[-1], files.names)
        return cls._of(table)

    @classmethod
    def load(
        cls,
        source: Source,
        offset: int,
        *,
        max_blocks: int | None = None,
        max_memory: int | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
        context: Context | None = None,
        changed: Changed = "error",
    ) -> SignaturePart:
        """Reads a part that was saved: `offset` is its `origin`. Everything else is as in `Signature.load`."""
        start = file_offset("offset", offset)
        kept = native_context(context)
        change = change_number(changed)
        with Files() as files:
            opened = files.read("signature", source)
            table, numbers = _core.load_part(
                opened.native,
                start,
                blocks_max=block_limit(max_blocks),
                memory_max=memory_limit(max_memory),
                threads=thread_number(threads),
                main=in_main_thread(),
                progress=progress,
                names=files.names,
                context=kept,
                changed=change,
            )
            opened.used = numbers[0]
        warn_of_change(changed, numbers[-1], files.names)
        return cls._of(table)

    def __reduce__(self) -> tuple[Callable[[Source, int], SignaturePart], tuple[bytes, int]]:
        return (type(self).load, (bytes(self), self.origin))

    def __repr__(self) -> str:
        return (
            f"SignaturePart(hash={self.hash!r}, block_len={self.block_len}, strong_len={self.strong_len}, "
            f"blocks={len(self)}, origin={self.origin})"
        )


class Signature(_Sums):
    """The signature of a basis, in memory and indexed: what a delta is made against.

    It does not change, and any number of threads may use it at once. It is a `Sequence` of the sums of the basis's
    blocks, each as `(weak, strong)`, a slice of it a list of them; `weak` and `strong` are all of them as arrays.
    `bytes()` of it are those of its file. It can be pickled.

    >>> import redelta
    >>> signature = redelta.Signature.load(redelta.signature(bytes(5000), block_len=2048, strong_len=8))
    >>> signature
    Signature(hash='rk-blake2', block_len=2048, strong_len=8, blocks=3)
    >>> signature[0] == signature[1] != signature[2]
    True
    """

    __slots__ = ()

    @classmethod
    def load(
        cls,
        source: Source,
        *,
        max_blocks: int | None = None,
        max_memory: int | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
        context: Context | None = None,
        changed: Changed = "error",
    ) -> Signature:
        """Reads a signature, as made by `signature` or by librsync. It takes 16 bytes of memory and a strong sum for
        each block; a compressed one can have many more than its size suggests, and `max_blocks` limits their number.
        A delta takes two blocks, or twice the new file if that is shorter, and a block can have 2 GiB: `max_memory`
        limits the bytes of both together, here and for each delta that is made with what was loaded here.
        `threads`, `progress`, `context` and `changed` are those of `signature`. Raises BadMagicError, TruncatedError or
        CorruptError if it is not valid, LimitError, FileChangedError, OSError, and the exceptions of the reader and of
        `progress`."""
        kept = native_context(context)
        change = change_number(changed)
        with Files() as files:
            opened = files.read("signature", source)
            table, numbers = _core.load_signature(
                opened.native,
                blocks_max=block_limit(max_blocks),
                memory_max=memory_limit(max_memory),
                threads=thread_number(threads),
                main=in_main_thread(),
                progress=progress,
                names=files.names,
                context=kept,
                changed=change,
            )
            opened.used = numbers[0]
        warn_of_change(changed, numbers[-1], files.names)
        return cls._of(table)

    @classmethod
    def build(
        cls,
        basis: Source,
        *,
        block_len: int | None = None,
        strong_len: StrongLength = None,
        hash: Hash = "rk-blake2",
        max_memory: int | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
        context: Context | None = None,
        changed: Changed = "error",
    ) -> Signature:
        """Makes the signature of `basis` in memory: `signature` and `load` in one, without the bytes between. The
        parameters are those of `signature`; `max_memory` is that of `load`. Raises ParameterError, LimitError,
        FileChangedError, OSError, and the exceptions of the reader and of `progress`.

        >>> import redelta
        >>> bytes(redelta.Signature.build(bytes(5000))) == redelta.signature(bytes(5000))
        True
        """
        params = signature_params(block_len, strong_len, hash)
        limit = memory_limit(max_memory)
        most = thread_number(threads)
        kept = native_context(context)
        change = change_number(changed)
        with Files() as files:
            opened = files.read("basis", basis)
            table, numbers = _core.build_signature(
                opened.native,
                **params,
                memory_max=limit,
                threads=most,
                main=in_main_thread(),
                progress=progress,
                names=files.names,
                context=kept,
                changed=change,
            )
            opened.used = numbers[0]
        warn_of_change(changed, numbers[-1], files.names)
        return cls._of(table)

    @classmethod
    def join(
        cls,
        parts: Iterable[SignaturePart],
        *,
        max_memory: int | None = None,
        threads: int | None = None,
        context: Context | None = None,
    ) -> Signature:
        """Makes a signature of parts, which stay as they are: at least one, in the order of their `origin`, without
        gaps, all with the same parameters. If the first one does not start at 0, neither does the signature; deltas
        against it nevertheless copy from the whole basis. Memory: as of `load`. Raises ParameterError if the parts do
        not fit each other, and LimitError."""
        tables = []
        for part in parts:
            if not isinstance(part, SignaturePart):
                raise TypeError(f"a SignaturePart is needed, not {type(part).__name__}")
            tables.append(part._table)
        table, _ = _core.join_parts(
            tuple(tables),
            memory_max=memory_limit(max_memory),
            threads=thread_number(threads),
            main=in_main_thread(),
            context=native_context(context),
        )
        return cls._of(table)

    @classmethod
    def _unpickle(cls, data: bytes, origin: int) -> Signature:
        return cls.load(data) if origin == 0 else cls.join([SignaturePart.load(data, origin)])

    def __reduce__(self) -> tuple[Callable[[bytes, int], Signature], tuple[bytes, int]]:
        return (type(self)._unpickle, (bytes(self), self.origin))

    def __repr__(self) -> str:
        origin = f", origin={self.origin}" if self.origin else ""
        return (
            f"Signature(hash={self.hash!r}, block_len={self.block_len}, strong_len={self.strong_len}, "
            f"blocks={len(self)}{origin})"
        )


def loaded(
    signature: Signature | Source,
    *,
    threads: int | None = None,
    context: Context | None = None,
    changed: Changed = "error",
) -> Signature:
    """The signature itself, or what is loaded from the source."""
    if isinstance(signature, Signature):
        return signature
    if isinstance(signature, SignaturePart):
        raise TypeError("a Signature is needed, not a part of one: join the parts (see Signature.join)")
    return Signature.load(signature, threads=threads, context=context, changed=changed)

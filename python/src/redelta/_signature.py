"""Loaded signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from redelta import _core
from redelta._files import Files, in_main_thread
from redelta._params import block_limit, hash_name, memory_limit, thread_number
from redelta._types import Hash, Progress, Source


class Signature:
    """The signature of a basis, loaded and indexed: what a delta is made against.

    It does not change, and any number of threads may use it at once. It is a sequence of the sums of the basis's
    blocks, each as `(weak, strong)`; `bytes()` of it are those of its file. It can be pickled.

    >>> import redelta
    >>> signature = redelta.Signature.load(redelta.signature(bytes(5000), block_len=2048, strong_len=8))
    >>> signature
    Signature(hash='rk-blake2', block_len=2048, strong_len=8, blocks=3)
    >>> signature[0] == signature[1] != signature[2]
    True
    """

    __slots__ = ("__weakref__", "_table")

    _table: _core.Table

    def __init__(self, *_: object) -> None:
        raise TypeError("use Signature.load")

    @classmethod
    def load(
        cls,
        source: Source,
        *,
        max_blocks: int | None = None,
        max_memory: int | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Signature:
        """Reads a signature, as made by `signature` or by librsync. It takes 16 bytes of memory and a strong sum for
        each block; one that is compressed can have many more than its length tells, and `max_blocks` limits them.
        A delta takes two blocks, or twice the new file if that is shorter, and a block can have 2 GiB: `max_memory`
        limits the bytes of both together, here and for each delta that is made with what was loaded here.
        `threads` and `progress` are those of `signature`. Raises BadMagicError, TruncatedError or CorruptError if it is
        none, LimitError, OSError, and what the reader or `progress` raises."""
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
            )
            opened.used = numbers[0]
        return cls._of(table)

    @classmethod
    def _of(cls, table: _core.Table) -> Signature:
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

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, block: int) -> tuple[int, bytes]:
        return self._table[block]

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return iter(self._table)

    def __bytes__(self) -> bytes:
        return self._table.encode()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Signature):
            return NotImplemented
        return self._table is other._table or bytes(self) == bytes(other)

    def __hash__(self) -> int:
        return hash((self._table.params(), len(self)))

    def __reduce__(self) -> tuple[Callable[[Source], Signature], tuple[bytes]]:
        return (type(self).load, (bytes(self),))

    def __repr__(self) -> str:
        return (
            f"Signature(hash={self.hash!r}, block_len={self.block_len}, strong_len={self.strong_len}, "
            f"blocks={len(self)})"
        )


def loaded(signature: Signature | Source, *, threads: int | None = None) -> Signature:
    """The signature itself, or what is loaded from the source."""
    return signature if isinstance(signature, Signature) else Signature.load(signature, threads=threads)

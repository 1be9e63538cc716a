"""What all stores have in common, as the operations need it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import redelta
from redelta._types import Progress
from redelta.store._limits import Limits
from redelta.store._plan import Plan
from redelta.store._prices import cost
from redelta.store._sources import Content

WORKERS = 8
"""Requests under way at once."""
CHUNK = 8 << 20
"""Bytes that are read by one request, where all of an object is."""

Advance: TypeAlias = Callable[[int], None]


@dataclass(frozen=True)
class Object:
    """An object, as it is now."""

    size: int
    """In bytes."""
    etag: str
    """The version, as the store names it."""
    version: str | None = None
    """The number of the version in a bucket that keeps them."""
    checksum: str | None = None
    """CRC64NVME, if the store has it."""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """What a new version keeps besides the content."""


@dataclass(frozen=True)
class Proof:
    """How a new version is proved to be right before it replaces the old one."""

    how: str
    """ "checksum", "blocks", "read" or "no"."""
    digest: str | None = None
    """Of the new version, for "read"."""


class Meter:
    """Counts what goes to a store and what comes from it, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.writes = self.reads = self.free = self.sent = self.received = 0

    def count(self, *, writes: int = 0, reads: int = 0, free: int = 0, sent: int = 0, received: int = 0) -> None:
        """Adds these."""
        with self._lock:
            self.writes += writes
            self.reads += reads
            self.free += free
            self.sent += sent
            self.received += received

    def numbers(self, store: str) -> dict[str, Any]:
        """As the fields of a result."""
        return {
            "bytes_sent": self.sent,
            "bytes_received": self.received,
            "requests": self.writes + self.reads + self.free,
            "cost": cost(store, self.writes, self.reads, self.received),
        }


class Tally:
    """Tells a progress function how far an operation is: only ever from the thread that called the operation."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self.advance(0)

    def advance(self, length: int) -> None:
        """So many bytes more are done."""
        self._done += length
        if self._progress is not None:
            self._progress(self._done, self._total)


class Backend(ABC):
    """A store, and an object in it. Keys name objects in its bucket; the object's own is `key`."""

    limits: Limits
    url: str
    key: str

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.meter = Meter()

    @abstractmethod
    def url_of(self, key: str) -> str:
        """The URL of another object in the same bucket."""

    @abstractmethod
    def stat(self) -> Object:
        """The object as it is now. Raises FileNotFoundError."""

    @abstractmethod
    def read(self, start: int, stop: int, etag: str) -> bytes:
        """A range of the object, which must be that version. Raises ObjectChangedError."""

    @abstractmethod
    def get(self, key: str, most: int) -> bytes | None:
        """All of an object, or its first `most` + 1 bytes if it has more; None if there is none."""

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Makes or replaces a small object."""

    @abstractmethod
    def replace(self, plan: Plan, content: Content, old: Object | None, proof: Proof, advance: Advance) -> Object:
        """Makes the new version, which takes the place of the old one at the end, or not at all. Without an old one,
        there must be none at the end."""

    def proofs(self) -> str:
        """How this store proves a new version of which all bytes are at hand."""
        return "read"

    def own_signature(self) -> redelta.Signature | None:
        """The signature of the object, where it is quickly made."""
        return None

    def clean(self, older_than: float) -> tuple[int, int, int]:
        """Removes what pushes that are over have left: objects, uploads; and how many were kept."""
        return 0, 0, 0

    def sidecar(self, suffix: str) -> str:
        """The key of what lies beside the object."""
        return self.key + suffix

    def close(self) -> None:  # noqa: B027 most have nothing to end
        """Ends connections."""

    def in_order(self, ranges: Sequence[tuple[int, int]], etag: str) -> Generator[bytes]:
        """The bytes of ranges (start, stop), one after the other; some are fetched ahead, as many as there are
        workers."""
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="redelta-store")
        todo = iter(ranges)
        waiting: list[Future[bytes]] = []
        try:
            while True:
                while len(waiting) < self.workers and (span := next(todo, None)) is not None:
                    waiting.append(pool.submit(self.read, span[0], span[1], etag))
                if not waiting:
                    return
                yield waiting.pop(0).result()
        finally:
            pool.shutdown(cancel_futures=True)

    def whole(self, old: Object) -> Generator[bytes]:
        """All bytes of the object, in order."""
        spans = [(start, min(start + CHUNK, old.size)) for start in range(0, old.size, CHUNK)]
        return self.in_order(spans, old.etag)

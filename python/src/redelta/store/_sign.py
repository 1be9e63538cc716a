"""Signatures of objects, which lie beside them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from queue import SimpleQueue
from typing import Literal as Only

import redelta
from redelta._errors import LimitError
from redelta._types import Progress, Source, StrongLength
from redelta.store import _sidecar
from redelta.store._backend import WORKERS, Backend, Object, Tally
from redelta.store._errors import SignatureMissingError, StaleSignatureError
from redelta.store._limits import Limits
from redelta.store._open import Options, Url, open_store
from redelta.store._results import Signed
from redelta.store._sidecar import SUFFIX, Sidecar

AHEAD = 4
"""Chunks that the digest may be behind the signature."""


class Digester:
    """The digest of chunks that come in order, made by a thread of its own beside what else is made of them."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._kept = b""
        self._made = b""
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._made = redelta.digest(self)
        except BaseException as error:  # raised by `finish`; until then, nobody must wait for room
            self._error = error
            while self.read(1 << 30):
                continue

    def read(self, length: int, /) -> bytes:
        """For the digest."""
        if not self._kept:
            self._kept = self._queue.get()
            self._room.release()
        data, self._kept = self._kept[:length], self._kept[length:]
        return data

    def update(self, chunk: bytes) -> None:
        """Takes a chunk."""
        if chunk:
            self._room.acquire()
            self._queue.put(chunk)

    def finish(self) -> str:
        """The digest, as `b3sum` prints it. It must be called, also after an error."""
        self._queue.put(b"")
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._made.hex()


def made_of(
    chunks: Iterable[bytes], size: int, block_len: int | None, strong_len: StrongLength, tally: Tally
) -> tuple[bytes, str, int, StrongLength]:
    """The signature, the digest, and the two lengths."""
    signer, block, strong = _sidecar.signer(size, block_len, strong_len)
    digester = Digester()
    made: list[bytes] = []
    try:
        for chunk in chunks:
            digester.update(chunk)
            made.append(signer.update(chunk))
            tally.advance(len(chunk))
    finally:
        digest = digester.finish()
    return b"".join([*made, signer.finish()]), digest, block, strong


def sidecar_of(store: Backend, old: Object) -> Sidecar | None:
    """The signature beside an object; None if there is none. Raises StaleSignatureError if it is of another version,
    LimitError if it is longer than one of this object could be."""
    most = _sidecar.size_max(old.size)
    data = store.get(store.sidecar(SUFFIX), most)
    if data is None:
        return None
    if len(data) > most:
        raise LimitError(f"{store.url_of(store.sidecar(SUFFIX))!r} is longer than a signature of that object can be")
    found = _sidecar.unpack(data, store.url_of(store.sidecar(SUFFIX)))
    if found.etag != old.etag or found.size != old.size:
        raise stale(store.url)
    return found


def stale(url: str) -> StaleSignatureError:
    """The signature beside an object is of another version."""
    return StaleSignatureError(
        f"{url!r} was replaced after its signature was made: sign it again with redelta.store.sign", url=url
    )


def missing(url: str) -> SignatureMissingError:
    """There is no signature beside an object."""
    return SignatureMissingError(
        f"{url!r} has no signature beside it ({SUFFIX}): make one with redelta.store.sign", url=url
    )


def sign(
    url: Url,
    dest: redelta.Destination | None = None,
    *,
    block_len: int | None = None,
    strong_len: StrongLength = "least",
    limits: Limits | str | None = None,
    storage_options: Options = None,
    workers: int = WORKERS,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Signed:
    """Makes the signature of an object and puts it beside it, as URL.sig.zst, or into `dest`, a local path or a writer.
    `push` and `pull` find it there. It says which version of the object it is of, and has the digest of that version.

    The object is read once, by ranges, `workers` of them at a time, all of the same version: if it is replaced
    meanwhile, ObjectChangedError is raised. Memory: 8 MiB for each worker, and the signature.

    `block_len` is that of `redelta.signature`, in bytes, but by default half of what is usual there, since a signature
    that is fetched each time should be fine enough for many changes. `strong_len` is by default "least": enough against
    chance, and a third of the bytes. Use None where others choose the content of the objects: then a signature cannot
    be misled on purpose.

    `storage_options` are those of fsspec's file system for such URLs, `limits` those of `push`. With `dry_run`, nothing
    is read but the object's size, and the result says what it would take. `progress` gets the bytes that were read, and
    their total.

    Raises FileNotFoundError, PermissionError, ObjectChangedError, UnavailableError, MissingExtraError, StoreError.

    >>> import pathlib, redelta, tempfile
    >>> from redelta import store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "file")
    ...     _ = file.write_bytes(bytes(100_000))
    ...     made = store.sign(file)
    ...     redelta.inspect(made.signature).blocks
    98
    """
    store = open_store(url, storage_options, limits, workers)
    try:
        old = store.stat()
        return signed(store, old, dest, block_len, strong_len, dry_run, progress)
    finally:
        store.close()


def signed(
    store: Backend,
    old: Object,
    dest: redelta.Destination | None,
    block_len: int | None,
    strong_len: StrongLength,
    dry_run: bool,
    progress: Progress | None,
) -> Signed:
    """What `sign` does, once the object is known."""
    key = store.sidecar(SUFFIX)
    where = store.url_of(key) if dest is None else str(dest)
    block = _sidecar.block_length(old.size) if block_len is None else block_len
    strong = _sidecar.strong_length(strong_len, old.size, block)
    length = 32 if strong is None or strong == "least" else strong
    if dry_run:
        predicted = _sidecar.predicted(old.size, block, length)
        count = -(-old.size // (8 << 20))
        store.meter.count(reads=count, received=old.size, writes=dest is None, sent=predicted if dest is None else 0)
        data, digest = bytes(predicted), ""
    else:
        tally = Tally(progress, old.size)
        made, digest, block, strong = made_of(store.whole(old), old.size, block_len, strong_len, tally)
        data = _sidecar.pack(made, size=old.size, etag=old.etag, version=old.version, digest=digest)
        if store.stat().etag != old.etag:
            raise stale(store.url)
        deliver(store, key, data, dest)
    return Signed(
        url=store.url,
        store=store.limits.name,
        size=old.size,
        signature=where,
        signature_bytes=len(data),
        block_len=block,
        strong_len=length,
        etag=old.etag,
        digest=digest,
        dry_run=dry_run,
        **store.meter.numbers(store.limits.name),
    )


def deliver(store: Backend, key: str, data: bytes, dest: redelta.Destination | None) -> None:
    """Puts a signature where it belongs."""
    if dest is None:
        store.put(key, data)
    elif hasattr(dest, "write"):
        dest.write(data)
    else:
        redelta.write_patch(b"", redelta.delta(redelta.signature(b""), data), dest)


def given_sidecar(signature: redelta.Signature | Source) -> Sidecar | None:
    """A signature that was given, if it says what it is of."""
    if isinstance(signature, redelta.Signature):
        return None
    data: bytes | None = None
    if isinstance(signature, bytes | bytearray | memoryview):
        data = bytes(signature)
    elif not hasattr(signature, "read"):
        with open(signature, "rb") as file:  # type: ignore[arg-type]
            data = file.read()
    if data is None or len(data) < 8 or _sidecar.HEAD.unpack_from(data)[0] != _sidecar.MAGIC:
        return None
    return _sidecar.unpack(data, "signature")


Renew = Only["auto"] | bool
"""Whether the signature beside an object is renewed. "auto": if there was one."""

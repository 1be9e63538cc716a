"""A delta applied to an object, within its store.

The bytes of the new version are not at hand here: those that the delta copies are in the store. So its checksum is not
known before, and there are two proofs. A delta that knows its basis (of `redelta.diff`) and a signature beside the
object with the same digest of the same version prove by construction that the copies are right. Otherwise the new
version is put together under a staging name, read back, and compared with the digest in the delta."""

from __future__ import annotations

import tempfile
import threading
from bisect import bisect_right
from contextlib import ExitStack
from typing import Self

import redelta
from redelta._errors import ParameterError, VerifyError
from redelta._inspect import Copy, Literal
from redelta._types import Progress, Source
from redelta.store._backend import WORKERS, Backend, Object, Proof, Tally
from redelta.store._basis import check_fits
from redelta.store._errors import StaleSignatureError
from redelta.store._limits import Limits
from redelta.store._open import Options, Url, open_store
from redelta.store._plan import Mode, Plan, plan
from redelta.store._push import Known, Push, Verify
from redelta.store._results import Pushed
from redelta.store._sign import sidecar_of
from redelta.store._sources import Reader
from redelta.store._staging import DAY

FETCHED = 1 << 20
"""What is fetched of a copy at a time, in bytes, if less is asked for."""
KEPT = 8 << 20


class Patched:
    """The new version as a content: its new bytes are in a temporary file, the others in the store."""

    def __init__(self, store: Backend, old: Object, delta: Source) -> None:
        self._store, self._old = store, old
        self.ops: list[Copy | Literal] = []
        self._places: list[int] = []
        self._lock = threading.Lock()
        self._kept = threading.local()
        self.size = self.literal = 0
        with ExitStack() as stack:
            self._file = stack.enter_context(tempfile.TemporaryFile())
            with redelta.open_delta(delta) as opened:
                for op in opened:
                    self._add(op)
                self.stats = opened.stats
            self._file.flush()
            self._close = stack.pop_all()

    def _add(self, op: Copy | redelta.OpenLiteral) -> None:
        self._places.append(self.literal)
        self.size = op.target + op.length
        if isinstance(op, Copy):
            self.ops.append(op)
            return
        self.ops.append(Literal(op.target, op.length))
        self.literal += op.length
        while data := op.read(1 << 20):
            self._file.write(data)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        parts: list[bytes] = []
        place = bisect_right(self.ops, offset, key=lambda op: op.target) - 1
        while length:
            op = self.ops[place]
            within = offset - op.target
            taken = min(length, op.length - within)
            if isinstance(op, Copy):
                parts.append(self._old_bytes(op, within, taken))
            else:
                parts.append(self._new_bytes(self._places[place] + within, taken))
            offset, length, place = offset + taken, length - taken, place + 1
        return b"".join(parts)

    def _old_bytes(self, op: Copy, within: int, length: int) -> bytes:
        """Bytes of a copy. Who sends a part reads it in small pieces, and twice: so more of the copy is fetched at a
        time, and the last `KEPT` bytes are kept, for each thread."""
        spans: list[tuple[int, bytes]] = self._kept.__dict__.setdefault("spans", [])
        at, stop = op.basis + within, op.basis + within + length
        parts: list[bytes] = []
        while at < stop:
            start, data = next((each for each in spans if each[0] <= at < each[0] + len(each[1])), (at, b""))
            if not data:
                end = max(min(at + FETCHED, op.basis + op.length), stop)
                data = self._store.read(at, end, self._old.etag)
                spans.append((at, data))
                while len(spans) > 1 and sum(len(each[1]) for each in spans) > KEPT:
                    del spans[0]
            parts.append(data[at - start : stop - start])
            at += len(parts[-1])
        return b"".join(parts)

    def _new_bytes(self, at: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(at)
            return self._file.read(length)

    def check(self) -> None:
        """It cannot change."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close.close()


def proof_of(store: Backend, known: Known, stats: redelta.Stats, verify: Verify) -> Proof:
    """How the new version is proved."""
    digest = None if stats.digest is None else stats.digest.hex()
    if verify not in ("auto", "read", True, False):
        raise ParameterError(f'verify must be "auto", "read", True or False, not {verify!r}: a checksum is not known')
    if verify is False or store.proofs() == "no":
        return Proof("no")
    if known.sidecar is not None and stats.basis_digest is not None:
        if stats.basis_digest.hex() != known.sidecar.digest:
            raise VerifyError(f"{store.url!r} is not the basis of the delta; give the delta of this object")
        if verify != "read":
            return Proof("basis")
    if digest is None:
        raise VerifyError("the delta has no digest of the new version; make it with verify=True, or do not verify")
    return Proof("read", digest)


def looked_at(store: Backend, old: Object) -> Known:
    """The object and the signature beside it."""
    try:
        sidecar = sidecar_of(store, old)
    except StaleSignatureError:
        sidecar = None
    note = "the signature beside the object is of the old version now: sign it again" if sidecar else ""
    return Known(old, sidecar, note=note)


def passes_here(store: Backend, made: Plan) -> bool:
    """Whether all bytes of the new version are sent from here."""
    return made.single or made.copied == 0 or not store.limits.copies or store.limits.name == "local"


def check_digest(store: Backend, content: Patched) -> None:
    """Compares the new version with the digest in the delta, before it is sent from here."""
    if content.stats.digest is not None and redelta.digest(Reader(content)) != content.stats.digest:
        raise VerifyError(f"{store.url!r} is not the basis of the delta; give the delta of this object")


def patch(
    url: Url,
    delta: Source,
    *,
    mode: Mode = "auto",
    verify: Verify = "auto",
    limits: Limits | str | None = None,
    stale_after: float = DAY,
    storage_options: Options = None,
    workers: int = WORKERS,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Pushed:
    """Applies `delta` to the object at `url`: what it copies is copied within the store, and its new bytes are sent.
    All that is not the content stays, and the object is replaced in one step, if it is still the one that was there at
    the start, as of `push`.

    `verify` says how the new version is proved before it replaces the old one. "auto": by the basis, if the delta knows
    it (one of `redelta.diff` does) and the signature beside the object, of this very version, has its digest; otherwise
    the new version is put together under a staging name, read back, and compared with the digest in the delta. "read":
    always so; False: not at all.

    The signature beside the object is then that of another version: `sign` makes it anew, which reads the object.
    `push` does that by itself, since it has the new version at hand.

    All else is as of `push`. Memory: 200 bytes for each command of the delta, and 8 MiB for each worker; disk: its new
    bytes.

    Raises what `push` does, VerifyError if the object is not the basis of the delta, TruncatedError, BadMagicError and
    CorruptError.

    >>> import pathlib, redelta, tempfile
    >>> from redelta import store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "file")
    ...     _ = file.write_bytes(b"the old version")
    ...     _ = store.patch(file, redelta.diff(file, b"the new version"))
    ...     file.read_bytes()
    b'the new version'
    """
    store = open_store(url, storage_options, limits, workers)
    try:
        old = store.stat()
        known = looked_at(store, old)
        with Patched(store, old, delta) as content:
            least = max((op.basis + op.length for op in content.ops if isinstance(op, Copy)), default=0)
            check_fits(old, store.url, content.stats.basis_size, least)
            made = plan(content.ops, content.size, store.limits, mode=mode)
            proof = proof_of(store, known, content.stats, verify)
            if passes_here(store, made) and verify is not False:
                check_digest(store, content)
                proof = Proof("digest")
            if not dry_run:
                store.clean(stale_after)
            digest = content.stats.digest.hex() if content.stats.digest else ""
            pushed = Push(store, known, content, made, proof, content.literal, digest, False)
            return pushed.predicted() if dry_run else pushed.done(Tally(progress, content.size))
    finally:
        store.close()

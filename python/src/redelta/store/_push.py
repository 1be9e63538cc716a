"""A new version of an object, by the bytes that are new."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from typing import Literal as Only

import redelta
from redelta._errors import ParameterError, TruncatedError
from redelta._inspect import Copy, DeltaInfo, Literal
from redelta._types import Progress, Source
from redelta.store import _sidecar
from redelta.store._backend import WORKERS, Backend, Object, Proof, Tally
from redelta.store._errors import NoBucketError, StaleSignatureError
from redelta.store._limits import Limits
from redelta.store._open import Options, Url, open_store
from redelta.store._plan import Mode, Plan, plan
from redelta.store._results import Pushed
from redelta.store._sidecar import SUFFIX, Sidecar
from redelta.store._sign import Renew, given_sidecar, made_of, sidecar_of
from redelta.store._sources import Content, NewFile, chunks
from redelta.store._staging import DAY

Verify = Only["auto", "checksum", "read"] | bool
"""How a new version is proved to be right before it replaces the old one. "checksum": by the store; "read": read back;
"auto" and True: by the store if it can, otherwise read back; False: not at all."""

NOT_RENEWED = "the new file changed once it was in place: the signature was not made anew, sign the object"


@dataclass
class Known:
    """What is known of the old object."""

    old: Object | None
    sidecar: Sidecar | None = None
    beside: bool = False
    signature: redelta.Signature | Source | None = None
    note: str = ""


def look(store: Backend, signature: redelta.Signature | Source | None, read: bool) -> Known:
    """The object and its signature."""
    try:
        known = Known(store.stat())
    except NoBucketError:
        raise
    except FileNotFoundError:
        known = Known(None)
    old = known.old
    if old is None:
        return known
    known.signature = store.own_signature()
    if known.signature is not None:
        return known
    if signature is not None:
        known.signature = signature
        known.sidecar = given_sidecar(signature)
        if known.sidecar is not None and (known.sidecar.etag, known.sidecar.size) != (old.etag, old.size):
            raise StaleSignatureError(
                f"{store.url!r} was replaced after the signature that was given was made: sign it again", url=store.url
            )
        return known
    try:
        known.sidecar = sidecar_of(store, old)
        known.beside = known.sidecar is not None
        known.note = "" if known.beside else "there is no signature beside the object"
    except StaleSignatureError:
        known.beside = True
        known.note = "the signature beside the object was of another version"
    if known.sidecar is not None:
        known.signature = _sidecar.load(known.sidecar, store.url)
    elif read and store.limits.copies:
        made, digest, _, _ = made_of(store.whole(old), old.size, None, "least", Tally(None, old.size))
        data = _sidecar.pack(made, size=old.size, etag=old.etag, version=old.version, digest=digest)
        known.sidecar, known.signature, known.note = _sidecar.unpack(data, store.url), data, "the object was read"
    return known


def ops_against(known: Known, new: NewFile) -> tuple[list[Copy | Literal], int, bytes]:
    """The ops that make the new version, its new bytes, and its digest."""
    with tempfile.TemporaryFile() as file:
        basis = redelta.signature(b"") if known.signature is None else known.signature
        stats = redelta.write_delta(basis, new.rewound(), file)
        file.seek(0)
        info = redelta.inspect(file)
    assert isinstance(info, DeltaInfo)
    return list(info.ops), stats.literal_bytes, info.stats.digest or b""


def proof_of(store: Backend, made: Plan, verify: Verify, digest: str) -> Proof:
    """How the new version is proved. What is sent is proved by its own checksum; only copies need more."""
    if verify not in ("auto", "checksum", "read", True, False):
        raise ParameterError(f'verify must be "auto", "checksum", "read", True or False, not {verify!r}')
    best = store.proofs()
    if verify == "checksum" and best == "read":
        raise ParameterError(f"{store.limits.name} has no checksum of whole objects: use verify='read'")
    if verify is False or best in ("no", "digest"):
        return Proof("no" if best != "digest" else best)
    if made.single or (made.copied == 0 and best == "read"):
        return Proof("checksum" if best == "checksum" else "blocks")
    return Proof("read" if verify == "read" else best, digest)


def push(
    new: Source,
    url: Url,
    *,
    signature: redelta.Signature | Source | None = None,
    read: bool = False,
    mode: Mode = "auto",
    verify: Verify = "auto",
    renew: Renew = "auto",
    limits: Limits | str | None = None,
    stale_after: float = DAY,
    storage_options: Options = None,
    workers: int = WORKERS,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Pushed:
    """Makes `new` the object at `url`. What the old object has of it is copied within the store, and only what is new
    is sent. What the object has besides its content stays: metadata, content type, tags, encryption, storage class.

    What the old object has is known by its signature: the one beside it (see `sign`), or `signature`, as of
    `redelta.signature`. Without one, all is sent, unless `read` is True: then the object is read first. With a
    `signature` that is not of this object nothing goes wrong: the new version is proved before it is there.

    `mode` says how the object is put together: "exact", "parts", "whole", or "auto", whatever costs least. `limits` are
    those of the store, or its name ("s3", "r2"), if they cannot be told by the URL.

    The old object is replaced in one step, or not at all, and only if it is still the one that was there at the start:
    otherwise ObjectChangedError is raised. `verify` says how the new version is proved before. A push that is
    interrupted removes what it has put into the store, and the next push or `clean` what one that was killed has left:
    at once if it was one of this machine, otherwise once it is `stale_after` seconds old.

    `renew` says whether the signature beside the object is made anew: by default if there was one.

    A path instead of a URL is a file, which is patched. Stores that copy no ranges (Google) and all that only fsspec
    knows get the whole file, as the result says.

    At most `workers` requests are under way at once. With `dry_run`, the object and its signature are looked at, and
    the result says what the push would take. `progress` gets the bytes of the new version that are in place, and their
    total. Memory: the signature, 200 bytes for each command of the delta, and 8 MiB for each worker.

    Raises FileNotFoundError (no bucket), PermissionError, ObjectChangedError, StaleSignatureError, UnavailableError,
    VerifyError, FileChangedError, LimitError, ParameterError, MissingExtraError, StoreError.

    >>> import pathlib, tempfile
    >>> from redelta import store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store.push(b"a new file", pathlib.Path(folder, "file")).size
    10
    """
    store = open_store(url, storage_options, limits, workers)
    try:
        with NewFile(new) as content:
            known = look(store, signature, read)
            if not dry_run:
                store.clean(stale_after)
            ops, literal, digest = ops_against(known, content)
            content.check()
            made = plan(ops, content.size, store.limits, mode=mode if known.old else "whole")
            proof = proof_of(store, made, verify, digest.hex())
            pushed = Push(store, known, content, made, proof, literal, digest.hex(), renew)
            return pushed.predicted() if dry_run else pushed.done(Tally(progress, content.size))
    finally:
        store.close()


@dataclass
class Push:
    """A push whose plan is made."""

    store: Backend
    known: Known
    content: Content
    plan: Plan
    proof: Proof
    literal: int
    digest: str
    renew: Renew

    def renews(self) -> bool:
        """Whether the signature beside the object is made anew."""
        return self.known.beside if self.renew == "auto" else bool(self.renew)

    def is_same(self) -> bool:
        """Whether the object is what it shall become."""
        sidecar = self.known.sidecar
        return sidecar is not None and sidecar.digest == self.digest

    def done(self, tally: Tally) -> Pushed:
        """Does it."""
        if self.is_same():
            assert self.known.old is not None
            tally.advance(self.content.size)
            return self.result(self.known.old.etag, None, mode="same", uploaded=0, copied=0, parts=0, stages=0)
        made = self.store.replace(self.plan, self.content, self.known.old, self.proof, tally.advance)
        if not self.renews():
            return self.result(made.etag, None)
        renewed = renewed_beside(self.store, made, self.content, self.digest)
        result = self.result(made.etag, renewed)
        return result if renewed is not None else replace(result, note=NOT_RENEWED)

    def predicted(self) -> Pushed:
        """What it would take."""
        meter, etag = self.store.meter, self.known.old.etag if self.known.old else ""
        if self.is_same():
            return self.result(etag, None, dry=True, mode="same", uploaded=0, copied=0, parts=0, stages=0)
        sweeps = 2 if self.store.limits.part_least > 1 else 0
        marks = int(self.store.limits.part_least > 1 and not self.plan.stages and not self.plan.single)
        meter.count(writes=self.plan.requests + sweeps + marks, free=marks, sent=self.plan.uploaded)
        if self.proof.how == "read":
            count = -(-self.plan.size // (8 << 20))
            meter.count(reads=count, received=self.plan.size, writes=2 + len(self.plan.parts))
        key = None
        if self.renews():
            key = self.store.url_of(self.store.sidecar(SUFFIX))
            block = _sidecar.block_length(self.content.size)
            strong = _sidecar.strong_length("least", self.content.size, block)
            assert isinstance(strong, int)
            meter.count(writes=1, sent=_sidecar.predicted(self.content.size, block, strong))
        return self.result(etag, key, dry=True)

    def result(self, etag: str, renewed: str | None, *, dry: bool = False, **other: Any) -> Pushed:
        """In numbers."""
        mode = "local" if self.store.limits.name == "local" else self.plan.mode
        note = self.known.note
        if not self.store.limits.copies:
            note = "this store copies no ranges: everything was sent"
        elif mode == "whole" and note:
            note += ": everything was sent"
        fields: dict[str, Any] = {
            "mode": mode,
            "uploaded": self.plan.uploaded,
            "copied": self.plan.copied,
            "parts": len(self.plan.parts),
            "stages": len(self.plan.stages),
            **other,
        }
        return Pushed(
            url=self.store.url,
            store=self.store.limits.name,
            size=self.content.size,
            literal_bytes=self.literal,
            verified=self.proof.how,
            etag=etag,
            digest=self.digest or None,
            signature=renewed,
            dry_run=dry,
            note=note,
            **fields,
            **self.store.meter.numbers(self.store.limits.name),
        )


def renewed_beside(store: Backend, made: Object, content: Content, pushed: str) -> str | None:
    """Makes the signature of the new version and puts it beside it; returns its URL. None: the new file is no longer
    the one with the digest `pushed`: its signature would be none of the object, and have the next push do nothing."""
    data_of: Iterable[bytes] = chunks(content)
    try:
        signature, digest, _, _ = made_of(data_of, content.size, None, "least", Tally(None, content.size))
    except TruncatedError:
        return None
    if digest != pushed:
        return None
    data = _sidecar.pack(signature, size=content.size, etag=made.etag, version=made.version, digest=digest)
    store.put(store.sidecar(SUFFIX), data)
    return store.url_of(store.sidecar(SUFFIX))

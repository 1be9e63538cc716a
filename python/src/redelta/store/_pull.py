"""An object as a local file, by the ranges that an old file here has not.

The signature beside the object says what it consists of. A delta of the *old file* against that signature says which
blocks of the object the old file has, and where: turned round, which ranges of the object must be fetched. So nothing
but range reads is needed of the store.

The new file is made by a patch of the old one, whose delta is written while the ranges come. So it is verified by the
digest that lies with the signature, and takes the place of the destination in one step.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator
from contextlib import closing
from typing import Any, NamedTuple

import redelta
from redelta._errors import VerifyError
from redelta._inspect import Copy, DeltaInfo
from redelta._types import Basis, Destination, Progress
from redelta.store._backend import WORKERS, Backend, Object, Tally
from redelta.store._errors import StaleSignatureError
from redelta.store._limits import Limits
from redelta.store._open import Options, Url, open_store
from redelta.store._ranges import Span, cut
from redelta.store._results import Pulled
from redelta.store._sidecar import Sidecar, load
from redelta.store._sign import missing, sidecar_of

NEAR = 16 << 10
"""What the old file has is fetched nevertheless if it is not longer than this and lies between ranges that are."""
NOWHERE = -1


class Stretch(NamedTuple):
    """A stretch of the new file: at `old` in the old file, or to be fetched if that is None."""

    start: int
    stop: int
    old: int | None


def found_in(signature: redelta.Signature, old: Basis, size: int) -> array[int]:
    """Where the old file has each block of the object; -1: nowhere. Of equal blocks, a delta names one: the others are
    told by their sums."""
    length = signature.block_len
    count = len(signature)
    where = array("q", [NOWHERE]) * count
    info = redelta.inspect(redelta.delta(signature, old, verify=False))
    assert isinstance(info, DeltaInfo)
    for op in info.ops:
        if isinstance(op, Copy):
            first = op.basis // length
            for number in range(-(-op.length // length)):
                where[first + number] = op.target + number * length
    whole = size // length
    if NOWHERE in where:
        known = {signature[n]: at for n, at in enumerate(where[:whole]) if at != NOWHERE}
        for number in range(whole):
            if where[number] == NOWHERE:
                where[number] = known.get(signature[number], NOWHERE)
    return where


def stretches(where: array[int], length: int, size: int) -> list[Stretch]:
    """The blocks as stretches, each as long as possible."""
    found: list[Stretch] = []
    for number, at in enumerate(where):
        start, stop = number * length, min((number + 1) * length, size)
        old = None if at == NOWHERE else at
        if found:
            last = found[-1]
            if (old is None and last.old is None) or (
                old is not None and last.old is not None and last.old + start - last.start == old
            ):
                found[-1] = last._replace(stop=stop)
                continue
        found.append(Stretch(start, stop, old))
    return found


def joined(found: list[Stretch]) -> list[Stretch]:
    """The same, without what the old file has but is not worth two requests."""
    made: list[Stretch] = []
    for place, each in enumerate(found):
        short = each.stop - each.start <= NEAR and 0 < place < len(found) - 1
        between = short and found[place - 1].old is None and found[place + 1].old is None
        old = None if between else each.old
        if made and old is None and made[-1].old is None:
            made[-1] = made[-1]._replace(stop=each.stop)
        else:
            made.append(Stretch(each.start, each.stop, old))
    return made


class DeltaStream:
    """The delta that makes the new file of the old one, as a reader: written while the ranges come."""

    def __init__(self, store: Backend, etag: str, made: list[Stretch], digest: str | None, tally: Tally) -> None:
        self._pending: list[bytes] = []
        self._steps = self._work(store, etag, made, digest, tally)
        self._kept = b""

    def write(self, data: bytes) -> None:
        """For the delta."""
        self._pending.append(bytes(data))

    def _work(
        self, store: Backend, etag: str, made: list[Stretch], digest: str | None, tally: Tally
    ) -> Generator[None]:
        wanted: list[Span] = cut((each.start, each.stop) for each in made if each.old is None)
        with (
            closing(store.in_order(wanted, etag)) as fetched,
            redelta.DeltaWriter(self, verify=False if digest is None else "auto") as writer,
        ):
            for each in made:
                if each.old is not None:
                    writer.copy(each.old, each.stop - each.start)
                    continue
                at = each.start
                while at < each.stop:
                    data = next(fetched)
                    writer.literal(data)
                    tally.advance(len(data))
                    at += len(data)
                    yield
            writer.finish(None if digest is None else bytes.fromhex(digest))

    def read(self, length: int, /) -> bytes:
        """Up to so many bytes of the delta; none only at the end."""
        while not self._kept:
            if self._pending:
                self._kept = b"".join(self._pending)
                self._pending.clear()
            elif next(self._steps, self) is self and not self._pending:
                return b""
        data, self._kept = self._kept[:length], self._kept[length:]
        return data

    def close(self) -> None:
        """Ends what is under way."""
        self._steps.close()


def pull(
    url: Url,
    old: Basis | None,
    dest: Destination,
    *,
    whole: bool = False,
    limits: Limits | str | None = None,
    storage_options: Options = None,
    workers: int = WORKERS,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Pulled:
    """Makes `dest` the object at `url`. What `old` has of it is taken from there, and only the rest is fetched. `old`
    is a path (perhaps that of `dest`), bytes, or a file object; None if there is no old file.

    The signature beside the object (see `sign`) says what it consists of. Without one, SignatureMissingError is raised;
    with `whole`, all of the object is fetched in that case, and if the signature is one of another version.

    All ranges are of one version of the object, or ObjectChangedError is raised. The new file is verified by the digest
    that lies with the signature; a path gets it when it is complete, or not at all.

    At most `workers` ranges are fetched at once. With `dry_run`, the signature is fetched and compared, and the result
    says what the rest would take. `progress` gets the bytes that were fetched, and their total. Memory: that of the
    signature and up to 200 bytes for each of its blocks, a delta of what the old file has besides, and 8 MiB for each
    worker.

    Raises FileNotFoundError, PermissionError, SignatureMissingError, StaleSignatureError, ObjectChangedError,
    VerifyError, UnavailableError, MissingExtraError, StoreError, and what `redelta.write_patch` raises.

    >>> import io, pathlib, tempfile
    >>> from redelta import store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "file")
    ...     _ = file.write_bytes(bytes(range(256)) * 1000)
    ...     _ = store.sign(file)
    ...     store.pull(file, bytes(range(256)) * 999, io.BytesIO()).fetched < 10_000
    True
    """
    opened = open_store(url, storage_options, limits, workers)
    try:
        now = opened.stat()
        before = opened.meter.received
        try:
            sidecar = sidecar_of(opened, now)
        except StaleSignatureError:
            if not whole:
                raise
            sidecar = None
        if sidecar is None and not whole and old is not None:
            raise missing(opened.url)
        signature_bytes = opened.meter.received - before
        made = [Stretch(0, now.size, None)] if now.size else []
        if sidecar is not None and old is not None:
            signature = load(sidecar, opened.url)
            made = joined(stretches(found_in(signature, old, now.size), signature.block_len, now.size))
        return Pull(opened, now, sidecar, made, signature_bytes).done(
            b"" if old is None else old, dest, dry_run, progress
        )
    finally:
        opened.close()


class Pull(NamedTuple):
    """A pull that knows what it has to fetch."""

    store: Backend
    now: Object
    sidecar: Sidecar | None
    made: list[Stretch]
    signature_bytes: int

    def done(self, old: Basis, dest: Destination, dry_run: bool, progress: Progress | None) -> Pulled:
        """Does it."""
        spans = [(each.start, each.stop) for each in self.made if each.old is None]
        fetched = sum(stop - start for start, stop in spans)
        digest = self.sidecar.digest if self.sidecar else None
        if dry_run:
            self.store.meter.count(reads=len(cut(spans)), received=fetched)
            return self.result(spans, fetched, digest, dry=True)
        stream = DeltaStream(self.store, self.now.etag, self.made, digest, Tally(progress, fetched))
        try:
            stats = redelta.write_patch(old, stream, dest, sparse="auto")
        except VerifyError as error:
            raise VerifyError(
                f"{self.store.url!r}: what was fetched and what the old file has do not make the object, so its "
                "signature is not one of it; sign it again, or pull it with whole=True and old=None"
            ) from error
        finally:
            stream.close()
        return self.result(spans, fetched, stats.digest.hex() if stats.digest else digest)

    def result(self, spans: list[Span], fetched: int, digest: str | None, *, dry: bool = False) -> Pulled:
        """In numbers."""
        numbers: dict[str, Any] = self.store.meter.numbers(self.store.limits.name)
        return Pulled(
            url=self.store.url,
            store=self.store.limits.name,
            size=self.now.size,
            mode="same" if not spans else "whole" if fetched == self.now.size else "ranges",
            fetched=fetched,
            ranges=len(spans),
            signature_bytes=self.signature_bytes,
            reused=self.now.size - fetched,
            etag=self.now.etag,
            digest=digest,
            dry_run=dry,
            **numbers,
        )

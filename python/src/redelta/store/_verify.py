"""Whether an object is what its signature says, or what a file is."""

from __future__ import annotations

import redelta
from redelta._errors import ParameterError, VerifyError
from redelta._types import Progress, Source
from redelta.store._backend import WORKERS, Backend, Object, Tally
from redelta.store._checksum import crc64nvme
from redelta.store._limits import Limits
from redelta.store._open import Options, Url, open_store
from redelta.store._results import Verified
from redelta.store._sign import Digester, missing, sidecar_of
from redelta.store._sources import NewFile, Reader, chunks


def verify(
    url: Url,
    file: Source | None = None,
    *,
    quick: bool = False,
    limits: Limits | str | None = None,
    storage_options: Options = None,
    workers: int = WORKERS,
    progress: Progress | None = None,
) -> Verified:
    """Compares the object at `url` with the signature beside it, or with `file` if that is given. VerifyError is raised
    if it is something else.

    All of the object is read, `workers` ranges at a time, and its digest compared. Less is read in two cases: with
    `quick`, only the name of the version is compared with that in the signature; and if there is a `file` and the store
    has a checksum (CRC64NVME) of the object, that is compared with the file's. `progress` gets the bytes that were
    read, and their total. Memory: 8 MiB for each worker.

    Raises VerifyError, SignatureMissingError, StaleSignatureError, ObjectChangedError, FileNotFoundError,
    PermissionError, UnavailableError, MissingExtraError, StoreError.

    >>> import pathlib, tempfile
    >>> from redelta import store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     object = pathlib.Path(folder, "file")
    ...     _ = object.write_bytes(b"some bytes")
    ...     _ = store.sign(object)
    ...     store.verify(object).how, store.verify(object, b"some bytes").how
    ('read', 'read')
    """
    if quick and file is not None:
        raise ParameterError("quick compares with the signature alone: leave out the file, or quick")
    store = open_store(url, storage_options, limits, workers)
    try:
        now = store.stat()
        if file is not None:
            with NewFile(file) as content:
                return against_file(store, now, content, progress)
        sidecar = sidecar_of(store, now)
        if sidecar is None:
            raise missing(store.url)
        if not quick:
            check(store, read_digest(store, now, progress), sidecar.digest, "signature beside it")
        return result(store, now, "etag" if quick else "read", sidecar.digest)
    finally:
        store.close()


def against_file(store: Backend, now: Object, content: NewFile, progress: Progress | None) -> Verified:
    """Compares the object with a file."""
    if now.size != content.size:
        raise VerifyError(f"{store.url!r} has {now.size} bytes, and the file {content.size}")
    if now.checksum is not None:
        check(store, now.checksum, crc64nvme(chunks(content), store.url), "file")
        return result(store, now, "checksum", None)
    digest = redelta.digest(Reader(content)).hex()
    check(store, read_digest(store, now, progress), digest, "file")
    return result(store, now, "read", digest)


def read_digest(store: Backend, now: Object, progress: Progress | None) -> str:
    """The digest of all of the object."""
    tally = Tally(progress, now.size)
    digester = Digester()
    try:
        for chunk in store.whole(now):
            digester.update(chunk)
            tally.advance(len(chunk))
    finally:
        digest = digester.finish()
    return digest


def check(store: Backend, found: str, wanted: str, what: str) -> None:
    """Raises if they are not the same."""
    if found != wanted:
        raise VerifyError(f"{store.url!r} is not what the {what} is: it has {found} instead of {wanted}")


def result(store: Backend, now: Object, how: str, digest: str | None) -> Verified:
    """In numbers."""
    name = store.limits.name
    return Verified(
        url=store.url, store=name, size=now.size, how=how, etag=now.etag, digest=digest, **store.meter.numbers(name)
    )

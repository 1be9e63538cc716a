"""An object as the basis of a patch that is made here: only what the delta copies is fetched."""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

import redelta
from redelta._errors import TruncatedError, VerifyError
from redelta._inspect import Copy, DeltaInfo
from redelta._types import Source
from redelta.store._backend import WORKERS, Backend, Object
from redelta.store._open import Options, Url, open_store
from redelta.store._ranges import coalesced, cut, union


def copies_of(info: redelta.SignatureInfo | DeltaInfo, old: Object, url: str) -> list[Copy]:
    """The copies of a delta, which must be in the object."""
    if not isinstance(info, DeltaInfo):
        raise redelta.BadMagicError("this is a signature, not a delta; give what redelta.delta made")
    check_fits(old, url, info.basis_size, info.basis_least)
    return [op for op in info.ops if isinstance(op, Copy)]


def check_fits(old: Object, url: str, size: int | None, least: int) -> None:
    """Raises if an object cannot be the basis of a delta, which knows its size, or only how far it copies."""
    if size is not None and size != old.size:
        raise VerifyError(f"{url!r} has {old.size} bytes, and the basis of the delta {size}; give that of this object")
    if least > old.size:
        raise TruncatedError(f"{url!r} has {old.size} bytes, and the delta copies up to byte {least}")


def fetched(store: Backend, old: Object, copies: list[Copy]) -> BinaryIO:
    """A temporary file with what is copied, where it is in the object, and holes elsewhere."""
    spans = cut(coalesced(union((op.basis, op.basis + op.length) for op in copies)))
    file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 the caller closes it
    try:
        file.truncate(old.size)
        for (start, _), data in zip(spans, store.in_order(spans, old.etag), strict=True):
            file.seek(start)
            file.write(data)
        file.flush()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def open_basis(url: Url, delta: Source, *, storage_options: Options = None, workers: int = WORKERS) -> BinaryIO:
    """The object at `url` as the basis of a patch with `delta`: an open temporary file that has what the delta copies,
    and holes elsewhere, so it is good for that delta alone. Close it when the patch is made.

    What is needed is known from the delta. It is fetched once, also what is copied several times, by ranges of one
    version of the object, `workers` of them at a time, with at most 4 % more to save requests. Disk: as much. Memory:
    24 bytes for each command of the delta, and 8 MiB for each worker. `delta` is a path, bytes, or a file object, which
    is read from its position, and set to that again if it can be.

    Raises FileNotFoundError, PermissionError, ObjectChangedError, VerifyError if the delta is one of an object of
    another size, TruncatedError, UnavailableError, MissingExtraError, StoreError.

    >>> import pathlib, redelta, tempfile
    >>> from redelta import store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "file")
    ...     _ = file.write_bytes(b"the old version")
    ...     delta = redelta.diff(file, b"the old versions")
    ...     with store.open_basis(file, delta) as basis:
    ...         redelta.patch(basis, delta)
    b'the old versions'
    """
    opened = open_store(url, storage_options, workers=workers)
    try:
        old = opened.stat()
        position = delta.tell() if hasattr(delta, "tell") else None
        info = redelta.inspect(delta)
        if position is not None and hasattr(delta, "seek"):
            delta.seek(position)
        return fetched(opened, old, copies_of(info, old, opened.url))
    finally:
        opened.close()

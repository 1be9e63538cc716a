"""Stores that only fsspec knows: objects are read by ranges, and a new version is sent as a whole.

fsspec has no conditions. So the version of an object is whatever its file system tells of it, and is compared before
and after: that leaves a moment in which somebody else's change is not noticed.
"""

from __future__ import annotations

from typing import Any

from redelta._errors import ParameterError
from redelta.store._backend import WORKERS, Advance, Backend, Object, Proof
from redelta.store._errors import StoreError, changed, imported, not_found
from redelta.store._limits import GOOGLE, OTHER
from redelta.store._open import scheme_of
from redelta.store._plan import Plan
from redelta.store._sources import Content, chunks

NAMES = (
    "ETag",
    "etag",
    "e_tag",
    "checksum",
    "md5Hash",
    "mtime",
    "created",
    "LastModified",
    "last_modified",
    "modified",
)


class FsspecStore(Backend):
    """An object of a file system of fsspec."""

    def __init__(self, url: str, options: dict[str, Any], workers: int = WORKERS) -> None:
        super().__init__(workers)
        self.url = url
        fsspec = imported("fsspec", "fsspec", url)
        try:
            self.fs, self.key = fsspec.core.url_to_fs(url, **options)
        except ImportError as error:
            raise StoreError(f"{url!r}: fsspec cannot open this: {error}", url=url) from error
        except (NotImplementedError, AttributeError, TypeError, ValueError) as error:
            said = str(error) or type(error).__name__
            raise ParameterError(f"{url!r}: fsspec cannot open this: {said}") from error
        self.limits = GOOGLE if scheme_of(url) in ("gs", "gcs") else OTHER

    def url_of(self, key: str) -> str:
        return str(self.fs.unstrip_protocol(key))

    def stat(self) -> Object:
        self.meter.count(reads=1)
        self.fs.invalidate_cache(self.key)
        try:
            info = self.fs.info(self.key)
        except FileNotFoundError as error:
            raise not_found(self.url) from error
        if info.get("type") == "directory" or info.get("size") is None:
            raise StoreError(f"{self.url!r} is no object whose size is known", url=self.url)
        tag = next((str(info[name]) for name in NAMES if info.get(name) is not None), "")
        return Object(int(info["size"]), f"{info['size']}-{tag}")

    def read(self, start: int, stop: int, etag: str) -> bytes:
        data: bytes = self.fs.cat_file(self.key, start=start, end=stop) if stop > start else b""
        self.meter.count(reads=1, received=len(data))
        if len(data) != stop - start:
            raise changed(self.url)
        return data

    def get(self, key: str, most: int) -> bytes | None:
        self.meter.count(reads=1)
        try:
            data: bytes = self.fs.cat_file(key, 0, most + 1)
        except FileNotFoundError:
            return None
        self.meter.count(received=len(data))
        return data

    def put(self, key: str, data: bytes) -> None:
        self.fs.pipe_file(key, data)
        self.meter.count(writes=1, sent=len(data))

    def _writer(self) -> Any:
        """The file of the new version. Raises ParameterError if this file system is only for reading."""
        try:
            return self.fs.open(self.key, "wb")
        except NotImplementedError as error:
            raise ParameterError(f"{self.url!r}: fsspec only reads what is behind such a URL") from error

    def proofs(self) -> str:
        return "no"

    def replace(self, plan: Plan, content: Content, old: Object | None, proof: Proof, advance: Advance) -> Object:
        try:
            now: Object | None = self.stat()
        except FileNotFoundError:
            now = None
        if (now and now.etag) != (old and old.etag):
            raise changed(self.url)
        with self.fs.transaction, self._writer() as file:
            for chunk in chunks(content):
                file.write(chunk)
                advance(len(chunk))
            content.check()
        self.meter.count(writes=1, sent=plan.size)
        made = self.stat()
        if made.size != plan.size:
            raise StoreError(
                f"{self.url!r} has {made.size} bytes after {plan.size} were sent; push it again", url=self.url
            )
        return made

"""What is below a URL, in the order of the paths' bytes, without holding all of it.

S3 gives its keys in that very order, a thousand a request, whatever directories there seem to be: so its pages are
taken one after the other. Of all else that fsspec knows, a directory is listed when its turn comes, as in a file
system; objects have no directories of their own, so none of them is a row. What fsspec keeps of listings is dropped,
since it would be all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any

from redelta._errors import ParameterError
from redelta.dataset._listing import OURS, PATH, Listed, Walk
from redelta.dataset._places import Place
from redelta.dataset._schema import FILE

PAGES = 4
"""After so many pages of a prefix, what is left of it may be another walk's."""
SPREAD = 8
"""Prefixes that a walk of S3 has at least before it lists one of them without regard to directories."""


def objects_walk(root: Place, entries: Iterable[Any]) -> Walk:
    """A walk over entries below a URL."""
    filesystem, base = root.filesystem()
    kind = S3Walk if is_s3(filesystem) else ObjectsWalk
    return kind(filesystem, base, entries)


def is_s3(filesystem: Any) -> bool:
    """Is it that of s3fs?"""
    protocols = filesystem.protocol
    return "s3" in ((protocols,) if isinstance(protocols, str) else protocols) and hasattr(filesystem, "call_s3")


class ObjectsWalk(Walk):
    """Directory by directory."""

    def __init__(self, filesystem: Any, base: str, entries: Iterable[Any]) -> None:
        super().__init__(entries)
        self.filesystem = filesystem
        self.base = base

    def contents(self, entry: Any) -> Iterable[Any]:
        """By one call of fsspec."""
        return entries_of(self.filesystem, self.base, entry[PATH])

    def row(self, entry: Listed) -> Iterator[Listed]:
        """Without objects of ours."""
        if not entry[PATH].startswith(OURS) and b"/" + OURS not in entry[PATH]:
            yield entry


class S3Walk(ObjectsWalk):
    """Prefix by prefix, in pages. While there are few prefixes, one is looked into as if it were a directory, so that
    there are more, which others can list; then all keys of a prefix are, whatever slashes they have. A tuple of two
    paths stands for the keys with a prefix that come after another one."""

    def __init__(self, filesystem: Any, base: str, entries: Iterable[Any]) -> None:
        held = list(entries)
        super().__init__(filesystem, base, held)
        self._spread = len(held) >= SPREAD

    def contents(self, entry: Any) -> Iterable[Any]:
        """Some pages of a prefix, and what is left of it."""
        prefix, after = entry[PATH], entry[-1] if len(entry) > 1 else b""
        bucket, _, inner = self.base.partition("/")
        key = f"{inner}/" if inner else ""
        asked: dict[str, str] = {"Bucket": bucket, "Prefix": key + prefix.decode()}
        if after:
            asked["StartAfter"] = key + after.decode()
        elif not self._spread:
            asked["Delimiter"] = "/"
        found: list[Any] = []
        for _ in range(PAGES):
            page = self.filesystem.call_s3("list_objects_v2", **asked)
            found += self.entries(page, len(key.encode()))
            after = page["Contents"][-1]["Key"].encode()[len(key.encode()) :] if page.get("Contents") else after
            if not page.get("IsTruncated"):
                return found
            asked.pop("StartAfter", None)
            asked["ContinuationToken"] = page["NextContinuationToken"]
        if "Delimiter" in asked:  # too many for one level: all keys of the prefix, then
            self._spread = True
            return [(prefix,)]
        return [*found, (prefix, after)]

    def entries(self, page: Any, start: int) -> list[Any]:
        """Those of a page, in order. Raises ParameterError for a kind of bucket that does not sort its keys."""
        found: list[Any] = []
        paths = [told["Key"].encode()[start:] for told in page.get("Contents", ())]
        if any(one >= other for one, other in pairwise(paths)):
            raise ParameterError(f"s3://{self.base}: this kind of bucket does not list its keys in order")
        for path, told in zip(paths, page.get("Contents", ()), strict=True):
            if path and not path.endswith(b"/"):
                found.append(row_of(path, {**told, "size": told["Size"]}))
        found += [(told["Prefix"].encode()[start:],) for told in page.get("CommonPrefixes", ())]
        found.sort(key=itemgetter(PATH))
        return found


def entries_of(filesystem: Any, base: str, prefix: bytes) -> list[Any]:
    """What one directory has, in order; a tuple of one path, which ends with a slash, stands for the contents of
    another one. Where an object has the name of the directory, some file systems tell of nothing but that: then all
    that is below it is looked up at once."""
    path = f"{base}/{prefix.decode()}".rstrip("/")
    filesystem.invalidate_cache()
    try:
        found = filesystem.ls(path, detail=True)
    except FileNotFoundError:
        found = []
    if any(each["name"].rstrip("/") == path and each["type"] == "file" for each in found):
        found = filesystem.find(path, detail=True).values()
    entries: list[Any] = []
    for told in found:
        name = str(told["name"])[len(base) + 1 :].encode()
        if not name.startswith(prefix) or name.rstrip(b"/") == prefix.rstrip(b"/"):
            continue
        if told["type"] == "directory":
            entries.append((name.rstrip(b"/") + b"/",))
        elif not name.endswith(b"/"):
            entries.append(row_of(name, told))
    entries.sort(key=itemgetter(PATH))
    return entries


def row_of(path: bytes, told: dict[str, Any]) -> Listed:
    """The row of an object by what the store tells of it."""
    etag = text_of(told, "ETag", "etag", "md5", "checksum")
    version = text_of(told, "VersionId", "version_id", "generation")
    size, modified = int(told.get("size") or 0), modified_ns(told)
    return (path, FILE, size, modified, None, None, None, etag, version, None, None, None, None, None, None)


def text_of(told: dict[str, Any], *names: str) -> str | None:
    """The first of these that a store tells."""
    return next((str(told[name]) for name in names if told.get(name) not in (None, "null")), None)


def modified_ns(told: dict[str, Any]) -> int | None:
    """When an object was last modified, as far as the store tells."""
    for name in ("LastModified", "last_modified", "mtime", "updated", "created"):
        value = told.get(name)
        if isinstance(value, datetime):
            return int(value.timestamp()) * 1_000_000_000 + value.microsecond * 1000
        if isinstance(value, int | float):
            return int(value * 1_000_000_000)
    return None

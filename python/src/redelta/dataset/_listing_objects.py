"""What is below a URL, in the order of the paths' bytes, without holding all of it.

S3 gives its keys in that very order, a thousand a request, whatever directories there seem to be: so its pages are
taken one after the other. Of all else that fsspec knows, a directory is listed when its turn comes, as in a file
system; objects have no directories of their own, so none of them is a row. What fsspec keeps of listings is dropped,
since it would be all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter
from typing import Any

from redelta._errors import ParameterError
from redelta.dataset._listing import OURS, PATH, Listed
from redelta.dataset._places import Place
from redelta.dataset._schema import FILE


def list_objects(root: Place) -> Iterator[Listed]:
    """The objects below a URL."""
    filesystem, base = root.filesystem()
    found = pages_of_s3(filesystem, base) if is_s3(filesystem) else walk(filesystem, base)
    return (each for each in found if not each[PATH].startswith(OURS) and b"/" + OURS not in each[PATH])


def is_s3(filesystem: Any) -> bool:
    """Is it that of s3fs?"""
    protocols = filesystem.protocol
    return "s3" in ((protocols,) if isinstance(protocols, str) else protocols) and hasattr(filesystem, "call_s3")


def pages_of_s3(filesystem: Any, base: str) -> Iterator[Listed]:
    """All keys with a prefix, page by page. Raises ParameterError for a kind of bucket that does not sort them."""
    bucket, _, inner = base.partition("/")
    prefix = f"{inner}/" if inner else ""
    more: dict[str, str] = {}
    last = b""
    while True:
        page = filesystem.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, **more)
        for told in page.get("Contents", ()):
            path = told["Key"][len(prefix) :].encode()
            if path <= last and last:
                raise ParameterError(f"s3://{base}: this kind of bucket does not list its keys in order")
            last = path
            if path and not path.endswith(b"/"):
                yield row_of(path, {**told, "size": told["Size"]})
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def walk(filesystem: Any, base: str) -> Iterator[Listed]:
    """Directory by directory, depth first."""
    stack = [iter(entries_of(filesystem, base, b""))]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif len(entry) == 1:
            stack.append(iter(entries_of(filesystem, base, entry[PATH])))
        else:
            yield entry


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

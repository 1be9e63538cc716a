"""What an operation on an object did, in numbers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Result:
    """What all results have in common. `as_json` gives the fields as a dict that `json.dumps` takes."""

    url: str
    """Of the object."""
    store: str
    """The name of the store, as in `Limits.name`."""
    size: int
    """Of the object, in bytes; of the new version if one was made."""
    bytes_sent: int = 0
    """To the store, without the headers of requests."""
    bytes_received: int = 0
    """From the store, without the headers of answers."""
    requests: int = 0
    """With those that were repeated."""
    cost: float | None = None
    """Of requests and received bytes by the price list, in US dollars; None if there is none."""
    dry_run: bool = False
    """Whether nothing was done: then the numbers are those that it would take, with those that finding out took."""

    def as_json(self) -> dict[str, object]:
        """The fields by name."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class Signed(Result):
    """What `sign` did."""

    signature: str
    """The URL of the signature."""
    signature_bytes: int
    """Its size."""
    block_len: int
    """The length of its blocks, in bytes."""
    strong_len: int
    """The length of its strong sums, in bytes."""
    etag: str
    """The version that it is of, as the store names it."""
    digest: str
    """Of the object, as `b3sum` prints it."""


@dataclass(frozen=True, kw_only=True)
class Pushed(Result):
    """What `push` or `patch` did."""

    mode: str
    """How the new version was put together: "exact", "parts", "whole"; "local" for a file; "same" if nothing had to be
    done."""
    literal_bytes: int
    """New bytes, as the delta has them."""
    uploaded: int
    """Bytes of the new version that were sent."""
    copied: int
    """Bytes that the store copied."""
    parts: int
    """How many parts the object was put together of."""
    stages: int
    """How many staging objects were needed."""
    verified: str
    """How it was proved that the object is the new version, before it replaced the old one: "checksum" (of the whole
    object, by the store), "blocks" (of each part, by the store), "read" (read back), "basis" (by the digest of the
    basis in the delta), "digest" (a local file), or "no"."""
    etag: str
    """The new version, as the store names it; of a dry run, the old one."""
    digest: str | None
    """Of the new version, as `b3sum` prints it."""
    signature: str | None
    """The URL of the signature that was renewed beside the object, or None."""
    note: str = ""
    """What else is to be known, for people."""


@dataclass(frozen=True, kw_only=True)
class Pulled(Result):
    """What `pull` did."""

    mode: str
    """ "ranges": only what the old file has not; "whole"; "same" if nothing had to be fetched."""
    fetched: int
    """Bytes of the object that were fetched."""
    ranges: int
    """In so many ranges."""
    signature_bytes: int
    """Fetched of the signature."""
    reused: int
    """Bytes of the old file that are in the new one."""
    etag: str
    """The version that was fetched, as the store names it."""
    digest: str | None
    """Of the new file, as `b3sum` prints it."""


@dataclass(frozen=True, kw_only=True)
class Verified(Result):
    """What `verify` found: the object is what its signature says."""

    how: str
    """ "read": all of it was read; "etag": only the name of its version was compared; "checksum": the store's checksum
    was compared with the file."""
    etag: str
    """The version, as the store names it."""
    digest: str | None
    """Of the object, as `b3sum` prints it, if known."""


@dataclass(frozen=True, kw_only=True)
class Cleaned(Result):
    """What `clean` removed."""

    objects: int
    """Staging objects."""
    uploads: int
    """Multipart uploads that were not completed."""
    kept: int
    """Staging objects and uploads that may be those of a push that still runs."""

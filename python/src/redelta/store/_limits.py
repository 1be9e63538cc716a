"""What the stores allow, as data: the planner knows a store by its numbers only.

They are the documented ones, of November 2026. A store that is like S3 but not listed is planned for as S3; what it
allows can be said with `dataclasses.replace(S3, ...)` and the parameter `limits`.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """What a store allows of the parts of which an object is put together. All lengths are in bytes."""

    name: str
    """Of the store."""
    part_least: int = 1
    """The least length of a part, but for the last one."""
    part_most: int = 5 * GIB
    """The greatest length of a part."""
    parts_most: int = 10_000
    """How many parts an object can have."""
    single_most: int = 5 * GIB
    """The greatest object that is stored by one request."""
    size_most: int = 10_000 * 5 * GIB
    """The greatest object."""
    copies: bool = True
    """Whether a range of an object can become a part without being sent."""
    staging: bool = False
    """Whether parts that are too short can be made part of a longer one in an object of their own."""
    equal_parts: bool = False
    """Whether all parts but the last one must have the same length."""
    checksum: bool = False
    """Whether the store compares a checksum of the whole object (CRC64NVME) before it replaces the old one."""
    conditional: bool = True
    """Whether the store replaces an object only if it is still the one that was read."""
    near: int = 0
    """Copies that are not longer than this are sent with the new bytes on both sides, where there are such: a request
    costs more than those bytes."""
    put_part: int = 16 * MIB
    """The usual length of an uploaded part of many; it grows with what is uploaded, as `parts_most` demands."""
    copy_part: int = 1 * GIB
    """The usual length of a copied part of many. A store copies parts at the same time."""


S3 = Limits("s3", part_least=5 * MIB, staging=True, checksum=True, near=256 * KIB)
"""Amazon S3. What is like it may have less: `dataclasses.replace(S3, checksum=False)` is for a store without checksums
of whole objects, `conditional=False` for one that has no conditions for what replaces an object."""

R2 = Limits(
    "r2",
    part_least=5 * MIB,
    part_most=5 * GIB - 5 * MIB,
    single_most=5 * GIB - 5 * MIB,
    size_most=5 * 1024 * GIB - 5 * GIB,
    equal_parts=True,
    near=256 * KIB,
)
"""Cloudflare R2."""

AZURE = Limits(
    "azure",
    part_most=4000 * MIB,
    parts_most=50_000,
    single_most=5000 * MIB,
    size_most=50_000 * 4000 * MIB,
    near=64 * KIB,
)
"""Block blobs of Azure."""

GOOGLE = Limits("google", copies=False, size_most=5 * 1024 * GIB, single_most=5 * 1024 * GIB)
"""Google Cloud Storage: it puts whole objects together, but copies no ranges."""

LOCAL = Limits("local", parts_most=1 << 62, part_most=1 << 62, single_most=1 << 62, size_most=1 << 62)
"""A file system: the new version is patched together, and replaces the old one at the end."""

OTHER = Limits("other", copies=False, size_most=1 << 62, single_most=1 << 62, conditional=False)
"""Whatever fsspec knows besides: the new version is sent."""

PROVIDERS: dict[str, Limits] = {each.name: each for each in (S3, R2, AZURE, GOOGLE, LOCAL, OTHER)}
"""The limits by the name of the store."""

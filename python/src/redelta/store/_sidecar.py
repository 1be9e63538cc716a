"""The signature of an object, beside it: KEY.sig.zst.

It must say which version of the object it is of, in one object, so that both are replaced in one step, and on every
store, also those without metadata. It is a zstd file that begins with a skippable frame, which has that as JSON, and
goes on with the compressed signature. Whatever reads zstd skips that frame: `zstd -d` gives librsync's file, and
redelta takes it as it is. docs/formats.md describes it ("Signatures beside objects").
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from typing import Any

import redelta
from redelta._errors import BadMagicError, CorruptError
from redelta._types import StrongLength

SUFFIX = ".sig.zst"
MAGIC = 0x184D2A5E
"""Of a skippable frame: zstd leaves 16 of them to others."""
HEAD = struct.Struct("<II")
MOST = 1 << 16
"""The greatest JSON, in bytes."""
VERSION = 1
KIND = "object signature"
STEP = 128
SMALL = 1024
LEAST = 16
"""The least length of blocks that is taken."""


@dataclass(frozen=True)
class Sidecar:
    """A signature, and what it is of."""

    size: int
    """Of the object, in bytes."""
    etag: str
    """The version, as the store names it."""
    version: str | None
    """The number of the version in a bucket that keeps them."""
    digest: str
    """Of the object, as `b3sum` prints it."""
    data: bytes
    """The whole file; `redelta.Signature.load` reads it."""


def pack(signature: bytes, *, size: int, etag: str, version: str | None, digest: str) -> bytes:
    """The file, of a signature that is compressed already."""
    fields = {"redelta": KIND, "version": VERSION, "size": size, "etag": etag, "digest": digest}
    if version:
        fields["object_version"] = version
    head = json.dumps(fields, separators=(",", ":")).encode()
    return HEAD.pack(MAGIC, len(head)) + head + signature


def unpack(data: bytes, name: str) -> Sidecar:
    """What the file says. Raises BadMagicError if it is something else, CorruptError if it is damaged. The signature
    itself is checked when it is loaded."""
    if len(data) < HEAD.size or HEAD.unpack_from(data)[0] != MAGIC:
        raise BadMagicError(f"{name!r} is not a signature of an object; make it with redelta.store.sign")
    length = HEAD.unpack_from(data)[1]
    try:
        if length > MOST or HEAD.size + length > len(data):
            raise ValueError("its head is cut")
        fields: Any = json.loads(data[HEAD.size : HEAD.size + length])
        if fields["redelta"] != KIND or fields["version"] != VERSION:
            raise BadMagicError(f"{name!r} is a signature of another version of redelta; make it again")
        digest = str(fields["digest"])
        if len(bytes.fromhex(digest)) != 32 or int(fields["size"]) < 0:
            raise ValueError("its digest or its size is not one")
        version = fields.get("object_version")
        return Sidecar(int(fields["size"]), str(fields["etag"]), version and str(version), digest, data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, BadMagicError):
            raise
        raise CorruptError(
            f"{name!r}: the signature is damaged ({error}); make it again with redelta.store.sign"
        ) from error


def load(sidecar: Sidecar, name: str) -> redelta.Signature:
    """The signature, whose blocks must be those of an object of that size. Raises CorruptError if they are not, and
    LimitError before a frame that claims far too many takes memory."""
    found = redelta.Signature.load(sidecar.data, max_blocks=sidecar.size // LEAST + 1)
    if len(found) != -(-sidecar.size // found.block_len):
        raise CorruptError(f"{name!r}: the signature is not one of {sidecar.size} bytes; make it again")
    return found


def block_length(size: int) -> int:
    """The length of the blocks of a signature beside an object: half of what it is elsewhere. A signature that is
    fetched each time pays for itself from some tens of changes on, and costs little more for fewer."""
    return max(SMALL, math.isqrt(size) // 2 // STEP * STEP)


def strong_length(strong_len: StrongLength, size: int, block_len: int) -> StrongLength:
    """The strong length for a size that is known, though the object comes as a stream: the least one is that of
    `redelta.signature`."""
    if strong_len != "least":
        return strong_len
    bits = (size + (1 << 24)).bit_length() - 1 + (size // block_len + 1).bit_length() - 1
    return 2 + (bits + 7) // 8


def predicted(size: int, block_len: int, strong_len: int) -> int:
    """About how long the file is: its head has about 200 bytes."""
    return 200 + 12 + -(-size // block_len) * (4 + strong_len)


def signer(size: int, block_len: int | None, strong_len: StrongLength) -> tuple[redelta.Signer, int, StrongLength]:
    """What makes the signature of an object that comes in order, and its two lengths."""
    block = block_length(size) if block_len is None else block_len
    strong = strong_length(strong_len, size, block)
    return redelta.Signer(block_len=block, strong_len=strong, compress=1), block, strong


def size_max(size: int) -> int:
    """How long the signature of an object of this size may be, in bytes: with blocks of 16 bytes, and a large head."""
    return (64 << 10) + (size // 16 + 1) * 36

"""CRC64NVME, the checksum of whole objects that S3 compares before an upload of many parts takes effect, and MD5, which
every store compares for what one request sends.

awscrt, which `redelta[s3]` brings, makes the first one at several GB/s.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from redelta.store._errors import imported


def crc64nvme(data: Iterable[bytes], url: str | None = None) -> str:
    """As S3 writes it: base64 of the eight bytes, the highest first."""
    checksums = imported("awscrt.checksums", "s3", url)
    value = 0
    for chunk in data:
        value = checksums.crc64nvme(chunk, value)
    return base64.b64encode(value.to_bytes(8, "big")).decode()


def md5(data: Iterable[bytes]) -> bytes:
    """The 16 bytes. It guards against accidents of transport, nothing else."""
    made = hashlib.md5(usedforsecurity=False)
    for chunk in data:
        made.update(chunk)
    return made.digest()


def base64_of(value: bytes) -> str:
    """As headers have it."""
    return base64.b64encode(value).decode()

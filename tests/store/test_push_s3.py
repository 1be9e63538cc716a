"""push to S3: moto behind a proxy that is as strict as S3."""

from __future__ import annotations

import random
from pathlib import Path

import redelta
from helpers.buckets import Bucket
from redelta import store

MIB = 1 << 20


def edited(old: bytes, edits: int, seed: int = 1) -> bytes:
    """With some bytes replaced, inserted and deleted at random places."""
    noise = random.Random(seed)
    new = bytearray(old)
    for place in sorted(noise.sample(range(len(old)), edits), reverse=True):
        new[place : place + noise.randrange(50)] = noise.randbytes(noise.randrange(1, 80))
    return bytes(new)


def test_five_edits_in_192_mib_send_the_new_bytes(bucket: Bucket, tmp_path: Path) -> None:
    noise = random.Random(1)
    old = b"".join(noise.randbytes(MIB) for _ in range(192))
    new = edited(old, 5)
    bucket.put("image", old)
    signature = redelta.signature(old, strong_len="least")
    file = tmp_path / "image"
    file.write_bytes(new)
    made = store.push(file, bucket.url("image"), signature=signature, storage_options=bucket.options)
    assert bucket.get("image") == new
    assert made.mode == "exact"
    assert made.verified == "checksum"
    assert made.requests == bucket.proxy.count() <= 40
    assert made.uploaded == made.bytes_sent == made.literal_bytes
    assert sum(each.sent for each in bucket.proxy.seen if each.kind in ("UploadPart", "PutObject")) == made.bytes_sent
    assert bucket.keys() == ["image"]
    assert bucket.uploads() == []

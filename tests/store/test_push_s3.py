"""push, sign, patch and verify on S3: moto behind a proxy that is as strict as S3."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.buckets import KIB, MIB, SMALL, SMALL_R2, Bucket, edited, noise, once, push, sign
from helpers.strict_proxy import Rules
from redelta import store
from redelta.store import _s3


def test_five_edits_in_192_mib_send_the_new_bytes(bucket: Bucket, tmp_path: Path) -> None:
    old = b"".join(noise(MIB, seed) for seed in range(192))
    new = edited(old, 5)
    bucket.put("image", old)
    file = tmp_path / "image"
    file.write_bytes(new)
    signature = redelta.signature(old, strong_len="least")
    made = store.push(file, bucket.url("image"), signature=signature, storage_options=bucket.options)
    assert bucket.get("image") == new
    assert (made.mode, made.verified) == ("exact", "checksum")
    assert made.requests == bucket.proxy.count() <= 40
    assert made.uploaded == made.bytes_sent == made.literal_bytes
    assert sum(each.sent for each in bucket.proxy.seen if each.kind in ("UploadPart", "PutObject")) == made.bytes_sent
    assert bucket.proxy.sent(heads=True) + bucket.proxy.received(heads=True) < 250_000  # all that was on the wire
    assert bucket.keys() == ["image"]
    assert bucket.uploads() == []


@pytest.mark.parametrize("mode", ["auto", "exact", "parts", "whole"])
@pytest.mark.parametrize("edits", [0, 1, 3, 40])
def test_every_mode_makes_the_new_version(small: Bucket, mode: str, edits: int) -> None:
    old = noise(3 * MIB)
    new = edited(old, edits)
    small.put("key", old)
    sign(small)
    made = push(small, new, mode=mode)
    assert small.get("key") == new
    assert small.keys() == ["key", "key.sig.zst"]
    assert small.uploads() == []
    if edits == 0:
        assert made.mode == "same"
    elif mode == "exact":
        assert made.uploaded < 40 * 2 * KIB + 64 * KIB + 40 * KIB
    assert made.digest == redelta.digest(new).hex()
    assert json.loads(json.dumps(made.as_json()))["size"] == len(new)


def test_versions_follow_each_other_with_the_signature_renewed(small: Bucket) -> None:
    old = noise(2 * MIB)
    small.put("key", old)
    sign(small)
    for seed in range(3):
        old = edited(old, 2, seed)
        made = push(small, old)
        assert made.mode == "exact"
        assert made.signature == small.url("key.sig.zst")
        assert store.verify(small.url("key"), storage_options=small.options).digest == made.digest
    assert small.get("key") == old


def test_what_the_object_has_besides_its_content_stays(small: Bucket) -> None:
    old = noise(MIB)
    kept = {
        "ContentType": "text/x-test; charset=utf-8",
        "CacheControl": "max-age=5",
        "ContentDisposition": "attachment",
        "ContentEncoding": "identity",
        "ContentLanguage": "eo",
        "Metadata": {"colour": "green", "number": "5"},
        "StorageClass": "STANDARD_IA",
        "ServerSideEncryption": "AES256",
    }
    small.put("key", old, Tagging="a=1&b=two%20words", Expires=datetime(2030, 1, 1, tzinfo=UTC), **kept)
    for new in (edited(old, 3), b"short"):
        push(small, new, signature=redelta.signature(old), mode="exact" if len(new) > 10 else "auto")
        found = small.head("key")
        assert {name: found.get(name) for name in kept} == kept
        assert found["ExpiresString"].startswith("Tue, 01 Jan 2030")
        tags = small.direct.get_object_tagging(Bucket=small.name, Key="key")["TagSet"]
        assert sorted((each["Key"], each["Value"]) for each in tags) == [("a", "1"), ("b", "two words")]
        old = new


def test_a_new_object(small: Bucket) -> None:
    for size in (0, 1, 100 * KIB, 3 * MIB):
        made = push(small, noise(size), f"new-{size}", renew=True)
        assert small.get(f"new-{size}") == noise(size)
        assert made.mode == "whole"
        assert store.verify(small.url(f"new-{size}"), storage_options=small.options).size == size
    with pytest.raises(FileNotFoundError):
        store.push(b"new", "s3://no-such-bucket/key", storage_options=small.options)


def test_without_a_signature_all_is_sent_or_the_object_is_read(small: Bucket) -> None:
    old = noise(2 * MIB)
    small.put("key", old)
    new = edited(old, 1)
    made = push(small, new, read=True)
    assert (made.mode, made.note) == ("exact", "the object was read")
    assert made.bytes_received == len(old)
    made = push(small, new := edited(new, 1, 2), mode="auto")
    assert made.mode == "whole"
    assert made.note == "there is no signature beside the object: everything was sent"
    assert small.get("key") == new


def test_a_signature_of_another_object_makes_no_wrong_version(small: Bucket) -> None:
    old, other = noise(2 * MIB), noise(2 * MIB, 2)
    small.put("key", old)
    with pytest.raises(redelta.VerifyError, match="the store found other bytes"):
        push(small, edited(other, 2), signature=redelta.signature(other))
    with pytest.raises(redelta.VerifyError, match="is not the new version"):
        push(small, edited(other, 2), signature=redelta.signature(other), verify="read")
    assert small.get("key") == old
    assert (small.keys(), small.uploads()) == (["key"], [])


def test_an_object_that_changed_since_its_signature_is_refused(small: Bucket) -> None:
    old = noise(MIB)
    small.put("key", old)
    sign(small, dest=(taken := io.BytesIO()))
    sign(small)
    small.put("key", noise(MIB, 5))
    with pytest.raises(store.StaleSignatureError, match="sign it again"):
        push(small, edited(old, 1), signature=taken.getvalue())
    with pytest.raises(store.StaleSignatureError, match=r"sign it again with redelta\.store\.sign"):
        store.verify(small.url("key"), storage_options=small.options)
    made = push(small, edited(old, 1), mode="auto")
    assert made.note == "the signature beside the object was of another version: everything was sent"
    assert store.verify(small.url("key"), storage_options=small.options).how == "read"


@pytest.mark.parametrize("kind", ["CreateUpload", "UploadPartCopy", "UploadPart", "CompleteUpload"])
def test_an_object_that_changes_while_it_is_pushed_is_refused(
    small: Bucket, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, other = noise(MIB), noise(MIB, 9)
    small.put("key", old)
    handler: Any = small.proxy.server.RequestHandlerClass
    decide = handler.decide
    replace_it = once(lambda: small.put("key", other))

    def meddle(self: Any, body: bytes) -> Any:
        if self.kind == kind:
            replace_it()
        return decide(self, body)

    monkeypatch.setattr(handler, "decide", meddle)
    with pytest.raises(store.ObjectChangedError, match="was replaced by somebody else"):
        push(small, edited(old, 2), signature=redelta.signature(old))
    assert small.get("key") == other
    assert (small.keys(), small.uploads()) == (["key"], [])


def test_an_object_that_somebody_else_makes_first_is_refused(small: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    handler: Any = small.proxy.server.RequestHandlerClass
    decide = handler.decide

    def meddle(self: Any, body: bytes) -> Any:
        if self.kind == "PutObject":
            small.put("key", b"theirs")
        return decide(self, body)

    monkeypatch.setattr(handler, "decide", meddle)
    with pytest.raises(store.ObjectChangedError):
        push(small, b"ours", mode="auto")
    assert small.get("key") == b"theirs"


def test_a_store_that_wants_parts_of_one_length(buckets: Callable[[Rules], Bucket]) -> None:
    bucket = buckets(Rules(least=64 * KIB, equal=True, checksum=False))
    old = noise(3 * MIB + 5)
    bucket.put("key", old)
    sign(bucket, limits="r2")
    new = edited(old[:MIB] + old[MIB + 1000 :], 1)
    made = push(bucket, new, limits=SMALL_R2)
    assert bucket.get("key") == new
    assert (made.mode, made.verified) == ("parts", "read")
    assert made.uploaded < MIB
    made = push(bucket, noise(3 * MIB, 7), limits=SMALL_R2)
    assert made.verified == "blocks"
    with pytest.raises(redelta.ParameterError, match="no checksum of whole objects"):
        push(bucket, new, limits=SMALL_R2, verify="checksum")
    assert bucket.keys() == ["key", "key.sig.zst"]


def test_a_dry_run_says_what_the_push_then_takes(small: Bucket) -> None:
    old = noise(3 * MIB)
    small.put("key", old)
    sign(small)
    new = edited(old, 4)
    said = push(small, new, dry_run=True)
    assert small.get("key") == old
    assert said.dry_run
    made = push(small, new)
    assert (said.uploaded, said.copied, said.parts, said.stages) == (
        made.uploaded,
        made.copied,
        made.parts,
        made.stages,
    )
    assert abs(said.requests - made.requests) <= 2
    assert abs(said.bytes_sent - made.bytes_sent) <= 64
    assert said.cost == pytest.approx(made.cost, rel=0.05)


def test_more_edits_than_parts(small: Bucket) -> None:
    old = noise(3 * MIB)
    new = edited(old, 12)
    small.put("key", old)
    made = push(small, new, signature=redelta.signature(old), limits=replace(SMALL, parts_most=12))
    assert small.get("key") == new
    assert made.mode == "exact"
    assert made.parts <= 12
    assert made.stages > 12
    assert (small.keys(), small.uploads()) == (["key"], [])


def test_a_store_that_lacks_something_says_what_to_do(buckets: Callable[[Rules], Bucket]) -> None:
    bucket = buckets(Rules(least=64 * KIB, checksum=False))
    bucket.put("key", old := noise(MIB))
    with pytest.raises(store.StoreError, match="checksum=False"):
        push(bucket, edited(old, 1), signature=redelta.signature(old))
    push(bucket, edited(old, 1), signature=redelta.signature(old), limits=replace(SMALL, checksum=False))
    assert bucket.get("key") == edited(old, 1)
    assert (bucket.keys(), bucket.uploads()) == (["key"], [])


def test_progress_is_told_and_can_end_it(small: Bucket) -> None:
    old = noise(2 * MIB)
    small.put("key", old)
    new = edited(old, 3)
    told: list[tuple[int, int | None]] = []
    push(small, new, signature=redelta.signature(old), progress=lambda *now: told.append(now))
    assert told[0] == (0, len(new))
    assert told[-1] == (len(new), len(new))
    assert told == sorted(told)

    def stop(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        push(small, edited(new, 3, 2), signature=redelta.signature(new), progress=stop)
    assert small.get("key") == new
    assert (small.keys(), small.uploads()) == (["key"], [])


def test_a_new_file_that_changes_is_refused(small: Bucket, tmp_path: Path) -> None:
    old = noise(2 * MIB)
    small.put("key", old)
    file = tmp_path / "file"
    file.write_bytes(edited(old, 3))

    def change(done: int, total: int | None) -> None:
        if done:
            file.write_bytes(b"something else")

    with pytest.raises((redelta.FileChangedError, redelta.TruncatedError)):
        push(small, file, signature=redelta.signature(old), progress=change)
    assert small.get("key") == old
    assert (small.keys(), small.uploads()) == (["key"], [])


def test_a_new_file_that_becomes_shorter_while_it_is_sent_is_told(
    small: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client of the store reads it then, and does not say why it could not."""
    file = tmp_path / "file"
    file.write_bytes(noise(300 * KIB))
    call = _s3.S3Store.call

    def shorten(self: Any, name: str, **parameters: Any) -> Any:
        if name == "put_object":
            os.truncate(file, 10)
        return call(self, name, **parameters)

    monkeypatch.setattr(_s3.S3Store, "call", shorten)
    with pytest.raises(redelta.TruncatedError, match="became shorter"):
        push(small, file, mode="whole", limits=replace(SMALL, put_part=MIB))
    assert small.keys() == []


def test_sources_of_all_kinds(small: Bucket, tmp_path: Path) -> None:
    new = noise(300 * KIB)
    (tmp_path / "file").write_bytes(new)
    with open(tmp_path / "file", "rb") as file:
        for number, source in enumerate([new, bytearray(new), tmp_path / "file", str(tmp_path / "file"), file]):
            push(small, source, f"key-{number}")
            assert small.get(f"key-{number}") == new


@pytest.mark.parametrize("mode", ["exact", "parts"])
def test_a_bucket_that_keeps_versions_keeps_no_staging_objects(small: Bucket, mode: str) -> None:
    small.direct.put_bucket_versioning(Bucket=small.name, VersioningConfiguration={"Status": "Enabled"})
    old = noise(2 * MIB)
    new = edited(old, 3)
    small.put("key", old)
    sign(small)
    push(small, new, mode=mode)
    found = small.direct.list_object_versions(Bucket=small.name)
    assert sorted(each["Key"] for each in found["Versions"]) == ["key", "key", "key.sig.zst", "key.sig.zst"]
    assert not found.get("DeleteMarkers")
    assert small.get("key") == new
    assert store.verify(small.url("key"), storage_options=small.options).digest == redelta.digest(new).hex()


# ---- patch -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edits", [1, 5])
def test_a_delta_is_applied_within_the_store(small: Bucket, edits: int) -> None:
    old = noise(2 * MIB)
    new = edited(old, edits)
    small.put("key", old)
    options = {"storage_options": small.options, "limits": SMALL, "mode": "exact"}
    delta = redelta.delta(redelta.signature(old), new)
    made = store.patch(small.url("key"), delta, **options)  # type: ignore[arg-type]
    assert (made.mode, made.verified) == ("exact", "read")
    assert small.get("key") == new
    sign(small)
    made = store.patch(small.url("key"), redelta.diff(new, old), **options)  # type: ignore[arg-type]
    assert made.verified == "basis"
    assert made.bytes_received < len(old) // 4
    assert small.get("key") == old
    assert small.keys() == ["key", "key.sig.zst"]


def test_a_delta_of_another_object_is_refused(small: Bucket) -> None:
    old, other = noise(2 * MIB), noise(2 * MIB, 2)
    small.put("key", old)
    sign(small)
    options = {"storage_options": small.options, "limits": SMALL}
    url = small.url("key")
    for mode in ("exact", "whole"):
        with pytest.raises(redelta.VerifyError, match="is not"):
            store.patch(url, redelta.delta(redelta.signature(other), edited(other, 1)), mode=mode, **options)  # type: ignore[arg-type]
        with pytest.raises(redelta.VerifyError, match="is not the basis"):
            store.patch(url, redelta.diff(other, edited(other, 1)), mode=mode, **options)  # type: ignore[arg-type]
    with pytest.raises(redelta.VerifyError, match="give that of this object"):
        store.patch(url, redelta.diff(old[:-1], b"new"), **options)  # type: ignore[arg-type]
    longer = redelta.delta(redelta.signature(old + old), edited(old + old, 1), verify=False)
    with pytest.raises(redelta.TruncatedError, match="copies up to"):
        store.patch(url, longer, **options)  # type: ignore[arg-type]
    with pytest.raises(redelta.VerifyError, match="no digest"):
        store.patch(url, redelta.delta(redelta.signature(old), edited(old, 1), verify=False), mode="exact", **options)  # type: ignore[arg-type]
    assert small.get("key") == old
    assert (small.keys(), small.uploads()) == (["key", "key.sig.zst"], [])


# ---- verify ----------------------------------------------------------------------------------------------------------


def test_verify(small: Bucket) -> None:
    old = noise(MIB)
    url, options = small.url("key"), {"storage_options": small.options, "limits": SMALL}
    with pytest.raises(FileNotFoundError):
        store.verify(url, **options)  # type: ignore[arg-type]
    push(small, old, renew=False)
    with pytest.raises(store.SignatureMissingError, match=r"make one with redelta\.store\.sign"):
        store.verify(url, **options)  # type: ignore[arg-type]
    sign(small)
    assert store.verify(url, **options).bytes_received > len(old)  # type: ignore[arg-type]
    assert store.verify(url, quick=True, **options).how == "etag"  # type: ignore[arg-type]
    small.proxy.reset()
    assert store.verify(url, old, **options).how == "checksum"  # type: ignore[arg-type]
    assert small.proxy.count() == 1
    for wrong in (old[:-1], old[:-1] + b"x"):
        with pytest.raises(redelta.VerifyError):
            store.verify(url, wrong, **options)  # type: ignore[arg-type]
    with pytest.raises(redelta.ParameterError, match="leave out"):
        store.verify(url, old, quick=True, **options)  # type: ignore[arg-type]

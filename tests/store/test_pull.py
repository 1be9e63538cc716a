"""pull and the basis of a patch here: ranges of an object, and how much of it is on the wire."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.buckets import MIB, Bucket, edited, noise, once, sign
from redelta import store
from redelta.store import _ranges, _sidecar


def pull(bucket: Bucket, old: Any, dest: Any, key: str = "key", **more: Any) -> store.Pulled:
    return store.pull(bucket.url(key), old, dest, storage_options=bucket.options, **more)


def test_a_hundred_edits_in_256_mib(bucket: Bucket, tmp_path: Path) -> None:
    file = tmp_path / "file"
    old = b"".join(noise(MIB, seed) for seed in range(256))
    file.write_bytes(old)
    new = edited(old, 100)
    del old
    bucket.put("key", new)
    signed = sign(bucket)
    bucket.proxy.reset()
    pulled = pull(bucket, file, file)
    assert file.read_bytes() == new
    assert pulled.digest == signed.digest == redelta.digest(new).hex()
    assert pulled.mode == "ranges"
    assert pulled.requests == bucket.proxy.count()
    wire = bucket.proxy.sent(heads=True) + bucket.proxy.received(heads=True)
    assert pulled.bytes_received == pulled.fetched + pulled.signature_bytes == bucket.proxy.received()
    assert wire <= len(new) * 0.0075


def test_only_what_the_old_file_has_not_is_fetched(small: Bucket, tmp_path: Path) -> None:
    base = noise(MIB)
    new = edited(base, 3)
    small.put("key", new)
    sign(small)
    file = tmp_path / "file"
    for old in (base, new, b"", base[5000:], bytes(MIB), base + base):
        file.write_bytes(old)
        dest = tmp_path / "new"
        pulled = pull(small, file, dest)
        assert dest.read_bytes() == new
        assert pulled.fetched + pulled.reused == len(new)
        assert pulled.mode == ("same" if old == new else "whole" if old in (b"", bytes(MIB)) else "ranges")
        if old in (base, base + base):
            assert pulled.fetched < 8192
    out = io.BytesIO()
    assert pull(small, base, out).fetched < 8192
    assert out.getvalue() == new
    assert pull(small, None, tmp_path / "fresh").mode == "whole"
    assert (tmp_path / "fresh").read_bytes() == new


def test_equal_blocks_are_found_wherever_they_are(small: Bucket) -> None:
    """A delta names one of several equal blocks: the others must not be fetched."""
    old = noise(8192) + bytes(64 * 1024) + noise(8192, 2)
    new = bytes(256 * 1024) + noise(8192) + bytes(256 * 1024) + noise(8192, 2) + bytes(100_000)
    small.put("key", new)
    sign(small, block_len=1024)
    out = io.BytesIO()
    pulled = pull(small, old, out)
    assert out.getvalue() == new
    assert pulled.fetched <= 1024


def test_empty_objects(small: Bucket, tmp_path: Path) -> None:
    small.put("key", b"")
    sign(small)
    pull(small, b"something", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b""


def test_what_is_refused(small: Bucket, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(old := noise(MIB))
    with pytest.raises(FileNotFoundError):
        pull(small, file, file)
    small.put("key", edited(old, 2))
    with pytest.raises(store.SignatureMissingError):
        pull(small, file, file)
    sign(small)
    small.put("key", edited(old, 3))
    with pytest.raises(store.StaleSignatureError):
        pull(small, file, file)
    small.put("key.sig.zst", b"something else")
    with pytest.raises(redelta.BadMagicError, match="not a signature of an object"):
        pull(small, file, file)
    small.put("key.sig.zst", b"\x5e\x2a\x4d\x18\x05\x00\x00\x00{}   ")
    with pytest.raises(redelta.CorruptError, match="damaged"):
        pull(small, file, file)
    assert file.read_bytes() == old
    small.direct.delete_object(Bucket=small.name, Key="key.sig.zst")
    assert pull(small, file, file, whole=True).mode == "whole"
    assert file.read_bytes() == edited(old, 3)


def test_a_signature_that_lies_makes_no_wrong_file(small: Bucket, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(old := noise(MIB))
    small.put("key", old)
    sign(small)
    lying = small.get("key.sig.zst").replace(redelta.digest(old).hex().encode(), b"0" * 64)
    small.put("key.sig.zst", lying)
    with pytest.raises(redelta.VerifyError, match="do not make the object"):
        pull(small, edited(old, 1), file)
    assert file.read_bytes() == old


def test_a_signature_of_another_size_is_refused(small: Bucket, tmp_path: Path) -> None:
    small.put("key", old := noise(MIB))
    fields = {"size": MIB, "etag": small.head("key")["ETag"], "version": None, "digest": "0" * 64}
    for size, error in (
        (MIB - 5000, redelta.CorruptError),
        (MIB + 5000, redelta.CorruptError),
        (0, redelta.CorruptError),
    ):
        signature = redelta.signature(bytes(size), block_len=1000, compress=1)
        small.put("key.sig.zst", _sidecar.pack(signature, **fields))
        with pytest.raises(error, match="is not one of 1048576 bytes"):
            pull(small, old, tmp_path / "file")
    many = redelta.signature(bytes(200_000), block_len=1, strong_len=1, compress=19)
    small.put("key.sig.zst", _sidecar.pack(many, **fields))
    with pytest.raises(redelta.LimitError):
        pull(small, old, tmp_path / "file")


def test_an_object_that_changes_while_it_is_pulled(
    small: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(old := noise(MIB))
    small.put("key", edited(old, 20))
    sign(small)
    handler: Any = small.proxy.server.RequestHandlerClass
    decide = handler.decide
    replace = once(lambda: small.put("key", b"something else"))

    def meddle(self: Any, body: bytes) -> Any:
        if self.kind == "GetObject" and "Range" in self.headers:
            replace()
        return decide(self, body)

    monkeypatch.setattr(handler, "decide", meddle)
    with pytest.raises(store.ObjectChangedError):
        pull(small, file, file)
    assert file.read_bytes() == old


def test_a_dry_run_and_progress(small: Bucket, tmp_path: Path) -> None:
    old = noise(MIB)
    small.put("key", edited(old, 5))
    sign(small)
    said = pull(small, old, tmp_path / "file", dry_run=True)
    assert not (tmp_path / "file").exists()
    told: list[tuple[int, int | None]] = []
    made = pull(small, old, tmp_path / "file", progress=lambda *now: told.append(now))
    assert (said.requests, said.bytes_received, said.cost) == (made.requests, made.bytes_received, made.cost)
    assert told[-1] == (made.fetched, made.fetched)


# ---- The basis of a patch here ---------------------------------------------------------------------------------------


def test_a_basis_is_fetched_where_the_delta_copies(small: Bucket) -> None:
    old = noise(64 * MIB)
    small.put("key", old)
    pieces = random.Random(3).sample(range(0, len(old) - 70_000, 70_000), 40)
    new = b"".join(old[at : at + 50_000] for at in pieces) + b"new" + old[pieces[0] : pieces[0] + 50_000]
    delta = redelta.delta(redelta.signature(old), new)
    info = redelta.inspect(delta)
    assert isinstance(info, redelta.DeltaInfo)
    needed = sum(
        stop - start
        for start, stop in _ranges.union(
            (op.basis, op.basis + op.length) for op in info.ops if isinstance(op, redelta.Copy)
        )
    )
    small.proxy.reset()
    with store.open_basis(small.url("key"), delta, storage_options=small.options) as basis:
        assert redelta.patch(basis, delta, verify=True) == new
    assert needed <= small.proxy.received() <= 1.05 * needed
    assert small.proxy.count("GetObject") <= 41


def test_the_delta_of_a_basis_can_be_a_file(small: Bucket, tmp_path: Path) -> None:
    old = noise(MIB)
    small.put("key", old)
    (tmp_path / "delta").write_bytes(redelta.diff(old, edited(old, 5)))
    with (
        open(tmp_path / "delta", "rb") as delta,
        store.open_basis(small.url("key"), delta, storage_options=small.options) as basis,
    ):
        assert redelta.patch(basis, delta) == edited(old, 5)
    with pytest.raises(redelta.BadMagicError):
        store.open_basis(small.url("key"), redelta.signature(old), storage_options=small.options)
    with pytest.raises(redelta.VerifyError, match="give that of this object"):
        store.open_basis(small.url("key"), redelta.diff(old[:-1], old), storage_options=small.options)


def test_ranges_are_joined_within_bounds() -> None:
    spans = [(0, 100), (101, 200), (210, 1000), (5000, 6000)]
    assert _ranges.coalesced(spans, waste=0.04, gap=20) == [(0, 1000), (5000, 6000)]
    assert _ranges.coalesced(spans, waste=0.001, gap=20) == [(0, 200), (210, 1000), (5000, 6000)]
    assert _ranges.coalesced(spans, waste=0, gap=20) == spans
    assert _ranges.union([(5, 9), (0, 6), (9, 10), (20, 20)]) == [(0, 10)]

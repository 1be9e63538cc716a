"""`compress=`: the plain form is what comes out of zstd, every way gives the same bytes, and everything reads them."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.samples import prose, random_edits
from helpers.tool import Tool
from redelta import _core, _errors

BASIS = prose(200_000, 1)
NEW = random_edits(BASIS, 50, 2)
PLAIN_SIGNATURE = redelta.signature(BASIS, block_len=500)
PLAIN_DELTA = redelta.delta(PLAIN_SIGNATURE, NEW)
PORTION = 7001


def unpacked(data: bytes) -> bytes:
    path = shutil.which("zstd")
    assert path is not None, "zstd is not installed (Debian package zstd)"
    return Tool(Path(path)).run("-dc", stdin=data).done()


def in_pieces(machine: redelta.Signer | redelta.DeltaEncoder | redelta.Patcher, data: bytes) -> bytes:
    parts = [machine.update(data[at : at + PORTION]) for at in range(0, len(data), PORTION)]
    return b"".join(parts) + machine.finish()


@pytest.mark.parametrize("level", [1, 3, 19, 22])
def test_zstd_makes_plain_what_is_compressed(level: int) -> None:
    signature = redelta.signature(BASIS, block_len=500, compress=level)
    delta = redelta.delta(signature, NEW, compress=level)
    assert unpacked(signature) == PLAIN_SIGNATURE
    assert unpacked(delta) == PLAIN_DELTA
    assert len(delta) < len(PLAIN_DELTA)
    assert redelta.patch(BASIS, delta, verify=True) == NEW


def test_every_way_gives_the_same_bytes(tmp_path: Path) -> None:
    signature = redelta.signature(BASIS, block_len=500, compress=3)
    loaded = redelta.Signature.load(signature)
    delta = redelta.delta(loaded, NEW, compress=True)
    assert in_pieces(redelta.Signer(block_len=500, compress=3), BASIS) == signature
    assert in_pieces(redelta.DeltaEncoder(loaded, compress=3), NEW) == delta
    assert redelta.SignatureReader(BASIS, block_len=500, compress=3).read() == signature
    assert redelta.DeltaReader(signature, NEW, compress=3).read() == delta
    stats = redelta.write_signature(BASIS, tmp_path / "signature", block_len=500, compress=3)
    assert (tmp_path / "signature").read_bytes() == signature
    assert stats.out_bytes == len(signature)
    redelta.write_delta(tmp_path / "signature", NEW, tmp_path / "delta", compress=3)
    assert (tmp_path / "delta").read_bytes() == delta


def test_everything_reads_what_is_compressed(tmp_path: Path) -> None:
    delta = redelta.delta(PLAIN_SIGNATURE, NEW, compress=3)
    with redelta.Patcher(BASIS) as patcher:
        assert in_pieces(patcher, delta) == NEW
    assert redelta.PatchReader(BASIS, delta).read() == NEW
    stats = redelta.write_patch(BASIS, io.BytesIO(delta), tmp_path / "new")
    assert (tmp_path / "new").read_bytes() == NEW
    assert stats.in_bytes == len(delta)
    assert bytes(redelta.Signature.load(redelta.signature(BASIS, block_len=500, compress=1))) == PLAIN_SIGNATURE


@pytest.mark.parametrize("source", [bytes, io.BytesIO], ids=["bytes", "reader"])
def test_inspect_tells_what_is_inside(source: Any) -> None:
    plain = redelta.inspect(PLAIN_DELTA)
    delta = redelta.inspect(source(redelta.delta(PLAIN_SIGNATURE, NEW, compress=3)))
    assert isinstance(plain, redelta.DeltaInfo)
    assert isinstance(delta, redelta.DeltaInfo)
    assert (plain.compressed, delta.compressed) == (False, True)
    assert list(delta.ops) == list(plain.ops)
    signature = redelta.inspect(source(redelta.signature(BASIS, block_len=500, compress=3)))
    assert isinstance(signature, redelta.SignatureInfo)
    assert signature.compressed
    assert bytes(signature.signature) == PLAIN_SIGNATURE


def test_damage_is_told() -> None:
    delta = redelta.delta(PLAIN_SIGNATURE, NEW, compress=3)
    with pytest.raises(redelta.TruncatedError):
        redelta.patch(BASIS, delta[:-1])
    with pytest.raises(redelta.CorruptError, match="checksum"):
        redelta.patch(BASIS, delta[:-1] + bytes([delta[-1] ^ 1]))
    with pytest.raises(redelta.TruncatedError):
        redelta.inspect(delta[:10])
    with pytest.raises(redelta.CorruptError):
        redelta.patch(BASIS, delta + b"more")


def test_a_short_signature_of_many_blocks_meets_the_limit() -> None:
    many = redelta.signature(bytes(50_000_000), block_len=100, compress=19)
    assert len(many) < 100_000
    assert len(redelta.Signature.load(many, max_blocks=500_000)) == 500_000
    with pytest.raises(redelta.LimitError, match="more blocks than are allowed"):
        redelta.Signature.load(many, max_blocks=499_999)
    with pytest.raises(redelta.ParameterError):
        redelta.Signature.load(many, max_blocks=0)


@pytest.mark.parametrize("wrong", [0, -1, 23, 1 << 70])
def test_levels_out_of_range_are_refused(wrong: int) -> None:
    with pytest.raises(redelta.ParameterError, match="compress must be from 1 to 22"):
        redelta.signature(BASIS, compress=wrong)
    with pytest.raises(redelta.ParameterError):
        redelta.DeltaEncoder(redelta.Signature.load(PLAIN_SIGNATURE), compress=wrong)


def test_without_compression_nothing_changes() -> None:
    for compress in (None, False):
        assert redelta.signature(BASIS, block_len=500, compress=compress) == PLAIN_SIGNATURE
        assert redelta.delta(PLAIN_SIGNATURE, NEW, compress=compress) == PLAIN_DELTA


# What the library says where it was built without zstd.
READING = "this is compressed, and redelta was built without zstd"
LIBRARY = Path(__file__).parents[2] / "src" / "compress" / "without.c"


def test_without_zstd_a_compressed_file_is_told_with_what_to_do() -> None:
    assert f'"{READING}"' in LIBRARY.read_text()
    for number, role in ((_core.ROLE_SIGNATURE, "signature"), (_core.ROLE_DELTA, "delta")):
        for names, where in (({}, role), ({role: "/tmp/file"}, "'/tmp/file'")):
            error = _errors.failure(_core.E_MAGIC, number, 0, 0, READING, names)
            assert isinstance(error, redelta.BadMagicError)
            advice = "make it plain with 'zstd -d', or use a redelta that was built with zstd"
            assert str(error) == f"{where}: {READING}, at byte 0; {advice}"


def test_without_zstd_a_level_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_core, "COMPRESSION_MAX", 0)
    with pytest.raises(redelta.ParameterError, match="built without zstd; leave out compress, or use a redelta"):
        redelta.signature(BASIS, compress=True)
    assert redelta.signature(BASIS, block_len=500, compress=False) == PLAIN_SIGNATURE


def test_a_frame_of_too_large_a_window_is_told_with_what_to_do() -> None:
    path = shutil.which("zstd")
    assert path is not None
    delta = Tool(Path(path)).run("-c", "--long=31", stdin=PLAIN_DELTA).done()
    with pytest.raises(redelta.LimitError, match=r"^delta: .*; make it plain with 'zstd -d --long=31'$"):
        redelta.patch(BASIS, delta)

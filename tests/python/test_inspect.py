"""inspect: what a file is and what is in it, as an independent reader sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

import redelta
from helpers import wire
from helpers.samples import edited_pairs, noise, random_edits
from helpers.sources import SEEKABLE, SOURCES, opened

BASIS = noise(50_000, 1)
NEW = random_edits(BASIS, 20, 2)
SIGNATURE = redelta.signature(BASIS, block_len=512, hash="rollsum-md4", strong_len=8)
DELTA = redelta.delta(SIGNATURE, NEW)


@given(edited_pairs())
def test_ops_are_those_of_the_delta(pair: tuple[bytes, bytes]) -> None:
    basis, new = pair
    data = redelta.delta(redelta.signature(basis, block_len=64), new)
    info = redelta.inspect(data)
    assert isinstance(info, redelta.DeltaInfo)
    target = 0
    for op, command in zip(info.ops, wire.read_delta(data).commands, strict=True):
        if isinstance(command, wire.Copy):
            assert op == redelta.Copy(target, command.length, command.offset)
        else:
            assert op == redelta.Literal(target, len(command.data))
        target += op.length
    assert (info.size, info.kind) == (len(new), "delta")
    copied = [op.basis + op.length for op in info.ops if isinstance(op, redelta.Copy)]
    assert (info.basis_least, info.basis_size) == (max(copied, default=0), None)
    known = redelta.inspect(redelta.diff(basis, new))
    assert isinstance(known, redelta.DeltaInfo)
    assert known.basis_least <= len(basis) == known.basis_size == known.stats.basis_size
    assert info.stats.literal_bytes + info.stats.copy_bytes == len(new)
    assert info.stats.digest == wire.digest_of(new)
    assert list(info.ops) == list(info.ops)
    assert next(info.ops, None) == next(iter(list(info.ops)), None)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_is_inspected(kind: str, tmp_path: Path) -> None:
    with opened(SOURCES[kind], DELTA, tmp_path) as source:
        info = redelta.inspect(source)
        assert isinstance(info, redelta.DeltaInfo)
        assert info.size == len(NEW)
    with opened(SOURCES[kind], SIGNATURE, tmp_path) as source:
        found = redelta.inspect(source)
        assert isinstance(found, redelta.SignatureInfo)
        assert (found.kind, found.hash, found.block_len, found.strong_len) == ("signature", "rollsum-md4", 512, 8)
        assert found.blocks == len(found.signature) == 98
        assert bytes(found.signature) == SIGNATURE


@pytest.mark.parametrize("kind", SOURCES)
def test_anything_else_is_told(kind: str, tmp_path: Path) -> None:
    for data in (b"", b"abc", b"rubbish" * 1000):
        with opened(SOURCES[kind], data, tmp_path) as source, pytest.raises(redelta.BadMagicError, match="neither"):
            redelta.inspect(source)


def test_a_delta_without_a_digest_has_none() -> None:
    info = redelta.inspect(redelta.delta(SIGNATURE, NEW, verify=False))
    assert isinstance(info, redelta.DeltaInfo)
    assert info.stats.digest is None


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "delta"
    path.write_bytes(DELTA[:-60])
    with pytest.raises(redelta.TruncatedError, match=f"'{path}'"):
        redelta.inspect(path)
    path.write_bytes(SIGNATURE[:-1])
    with pytest.raises(redelta.TruncatedError, match=f"'{path}'"):
        redelta.inspect(path)


@pytest.mark.parametrize("kind", SOURCES)
def test_frames_without_contents_may_come_first(kind: str, tmp_path: Path) -> None:
    """However many in what can be read twice, else a few."""
    twice = kind in SEEKABLE and "fake" not in kind
    empty = bytes.fromhex("502a4d18") + (10_000).to_bytes(4, "little") + bytes(10_000)
    frames = {
        "signature": redelta.signature(BASIS, block_len=1000, compress=True),
        "delta": redelta.delta(SIGNATURE, NEW, compress=True),
    }
    for what, frame in frames.items():
        with opened(SOURCES[kind], empty * (100 if twice else 1) + frame, tmp_path) as source:
            info = redelta.inspect(source)
        assert (info.kind, info.compressed) == (what, True)

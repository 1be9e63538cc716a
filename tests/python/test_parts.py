"""Signatures made in memory and of parts: the same as those made at once."""

from __future__ import annotations

import io
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.samples import noise, random_edits
from helpers.sources import SEEKABLE, SOURCES, Fake, opened

BASIS = noise(50_000, 1)
NEW = random_edits(BASIS, 20, 2)
SIGNATURE = redelta.signature(BASIS, block_len=512)
HASHES: list[redelta.Hash] = ["rk-blake2", "rk-md4", "rollsum-blake2", "rollsum-md4"]


def parts_of(basis: bytes, block_len: int, cuts: list[int]) -> list[redelta.SignaturePart]:
    """The parts between these blocks."""
    last = max(len(basis) - 1, 0) // block_len
    places = sorted({0, *(min(cut, last) for cut in cuts)})
    ends = [*places[1:], None]
    return [
        redelta.SignaturePart.build(
            basis,
            start * block_len,
            None if end is None else (end - start) * block_len,
            block_len=block_len,
        )
        for start, end in zip(places, ends, strict=True)
    ]


@given(st.binary(max_size=3000), st.integers(1, 700), st.lists(st.integers(0, 50), max_size=5))
def test_parts_join_to_the_signature(basis: bytes, block_len: int, cuts: list[int]) -> None:
    expected = redelta.Signature.load(redelta.signature(basis, block_len=block_len))
    parts = parts_of(basis, block_len, cuts)
    joined = redelta.Signature.join(parts)
    assert joined == expected
    assert tuple(joined) == tuple(sums for part in parts for sums in part)
    assert bytes(joined) == bytes(expected)
    assert hash(joined) == hash(expected)
    assert redelta.delta(joined, NEW[:1000] + basis) == redelta.delta(expected, NEW[:1000] + basis)
    again = redelta.Signature.join(redelta.SignaturePart.load(bytes(part), part.origin) for part in parts)
    assert again == joined


@pytest.mark.parametrize("hash", HASHES)
@pytest.mark.parametrize("strong_len", [None, "least", 7])
def test_one_is_built_as_it_is_made(hash: redelta.Hash, strong_len: redelta.StrongLength) -> None:
    for block_len in (None, 100):
        built = redelta.Signature.build(BASIS, block_len=block_len, strong_len=strong_len, hash=hash)
        made = redelta.signature(BASIS, block_len=block_len, strong_len=strong_len, hash=hash)
        assert bytes(built) == made
        assert built == redelta.Signature.load(made)
        assert redelta.delta(built, NEW) == redelta.delta(made, NEW)


@pytest.mark.parametrize(("short", "full"), [("rk-blake2", "rabinkarp-blake2"), ("rk-md4", "rabinkarp-md4")])
def test_sums_may_have_their_full_names(short: redelta.Hash, full: redelta.Hash) -> None:
    signature = redelta.Signature.build(BASIS, hash=full, strong_len=16)
    assert signature == redelta.Signature.build(BASIS, hash=short, strong_len=16)
    assert signature.hash == short


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_is_built_from(kind: str, tmp_path: Path) -> None:
    with opened(SOURCES[kind], BASIS, tmp_path) as source:
        assert bytes(redelta.Signature.build(source, block_len=512)) == SIGNATURE
    with opened(SOURCES[kind], SIGNATURE, tmp_path) as source:
        part = redelta.SignaturePart.load(source, 0)
        assert (len(part), part.origin) == (98, 0)


@pytest.mark.parametrize("kind", SEEKABLE)
def test_parts_are_built_from_what_can_seek(kind: str, tmp_path: Path) -> None:
    with opened(SEEKABLE[kind], BASIS, tmp_path) as source:
        last = redelta.SignaturePart.build(source, 512 * 60, block_len=512)
        first = redelta.SignaturePart.build(source, 0, 512 * 60, block_len=512)
    assert bytes(redelta.Signature.join([first, last])) == SIGNATURE
    with pytest.raises(TypeError, match="seek"):
        redelta.SignaturePart.build(Fake(BASIS), 0)  # type: ignore[arg-type]


def test_parameters_are_those_for_the_whole_basis() -> None:
    whole = redelta.Signature.build(BASIS)
    middle = whole.block_len * 100
    parts = [redelta.SignaturePart.build(BASIS, 0, middle), redelta.SignaturePart.build(BASIS, middle)]
    assert {part.block_len for part in parts} == {whole.block_len}
    assert redelta.Signature.join(parts) == whole


def test_threads_make_parts() -> None:
    basis = noise(2_000_000, 3)
    length = 2048 * 100
    with ThreadPoolExecutor() as pool:
        parts = pool.map(
            lambda at: redelta.SignaturePart.build(basis, at, length, block_len=2048), range(0, len(basis), length)
        )
        assert bytes(redelta.Signature.join(parts)) == redelta.signature(basis, block_len=2048)


def test_a_part_is_a_value() -> None:
    part = redelta.SignaturePart.build(BASIS, 1024, 2048, block_len=512, strong_len=9)
    assert repr(part) == "SignaturePart(hash='rk-blake2', block_len=512, strong_len=9, blocks=4, origin=1024)"
    assert pickle.loads(pickle.dumps(part)) == part
    assert hash(pickle.loads(pickle.dumps(part))) == hash(part)
    elsewhere = redelta.SignaturePart.load(bytes(part), 0)
    assert elsewhere != part
    assert elsewhere != redelta.Signature.load(bytes(part))
    assert tuple(elsewhere) == tuple(part)
    with pytest.raises(TypeError, match=r"use SignaturePart\.load or SignaturePart\.build"):
        redelta.SignaturePart()


def test_a_signature_may_start_later() -> None:
    """Its deltas copy from the whole basis."""
    signature = redelta.Signature.join([redelta.SignaturePart.build(BASIS, 512 * 20, block_len=512)])
    assert signature.origin == 512 * 20
    assert "origin=10240" in repr(signature)
    for it in (signature, pickle.loads(pickle.dumps(signature))):
        assert it == signature
        info = redelta.inspect(redelta.delta(it, BASIS))
        assert isinstance(info, redelta.DeltaInfo)
        assert list(info.ops) == [redelta.Literal(0, 512 * 20), redelta.Copy(512 * 20, len(BASIS) - 512 * 20, 512 * 20)]
        assert redelta.patch(BASIS, redelta.delta(it, NEW)) == NEW


def test_parts_that_do_not_fit_are_refused() -> None:
    first, second, third = parts_of(BASIS, 512, [10, 20])
    other = redelta.SignaturePart.build(BASIS, 512 * 10, block_len=512, strong_len=8)
    for parts in ([], [second, first], [first, third], [first, first], [first, other], [third, first]):
        with pytest.raises(redelta.ParameterError, match="part"):
            redelta.Signature.join(parts)
    with pytest.raises(TypeError, match="SignaturePart"):
        redelta.Signature.join([redelta.Signature.load(SIGNATURE)])  # type: ignore[list-item]
    for offset, length in ((1, None), (0, 100), (512 * 1000, None)):
        with pytest.raises(redelta.ParameterError, match="whole blocks"):
            redelta.SignaturePart.build(BASIS, offset, length, block_len=512)
    for offset, length in ((-1, None), (0, -1), (1 << 63, None)):
        with pytest.raises(redelta.ParameterError):
            redelta.SignaturePart.build(BASIS, offset, length, block_len=512)
    with pytest.raises(redelta.LimitError):
        redelta.Signature.join([first, second, third], max_memory=1000)
    with pytest.raises(redelta.LimitError):
        redelta.Signature.build(BASIS, block_len=512, max_memory=1000)
    with pytest.raises(redelta.LimitError):
        redelta.SignaturePart.build(BASIS, 0, block_len=512, max_memory=1000)


def test_no_delta_is_made_against_a_part() -> None:
    part = redelta.SignaturePart.build(BASIS, 0, block_len=512)
    with pytest.raises(TypeError, match="join the parts"):
        redelta.delta(part, NEW)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Signature is needed"):
        redelta.DeltaEncoder(part)  # type: ignore[arg-type]


def test_a_signature_is_saved(tmp_path: Path) -> None:
    signature = redelta.Signature.build(BASIS, block_len=512)
    memory = io.BytesIO()
    assert signature.save(memory).blocks == 98
    stats = signature.save(tmp_path / "plain")
    assert (stats.blocks, stats.out_bytes) == (98, len(SIGNATURE))
    assert memory.getvalue() == (tmp_path / "plain").read_bytes() == SIGNATURE
    signature.save(tmp_path / "packed", compress=9)
    assert redelta.inspect(tmp_path / "packed").compressed
    assert redelta.Signature.load(tmp_path / "packed") == signature
    with pytest.raises(TypeError, match="path or a writer"):
        signature.save(None)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="missing"):
        signature.save(tmp_path / "missing" / "file")

"""Signature: a sequence of sums that does not change."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from helpers.samples import noise
from helpers.wire import read_signature, signature_header

BASIS = noise(20_000, 1) + bytes(4000)  # some blocks are equal
DATA = redelta.signature(BASIS, block_len=100, strong_len=9)


@given(st.binary(max_size=3000), st.integers(1, 700), st.integers(1, 32))
def test_it_is_what_its_file_says(basis: bytes, block_len: int, strong_len: int) -> None:
    data = redelta.signature(basis, block_len=block_len, strong_len=strong_len)
    signature = redelta.Signature.load(data)
    expected = read_signature(data)
    assert tuple(signature) == expected.sums
    assert (signature.block_len, signature.strong_len) == (block_len, strong_len)
    assert len(signature) == len(expected.sums)
    assert bytes(signature) == data


@pytest.mark.parametrize("hash", ["rk-blake2", "rk-md4", "rollsum-blake2", "rollsum-md4"])
def test_it_names_its_sums(hash: redelta.Hash) -> None:
    signature = redelta.Signature.load(redelta.signature(BASIS, hash=hash))
    assert signature.hash == hash
    assert hash in repr(signature)
    assert bytes(signature) == redelta.signature(BASIS, hash=hash)


def test_it_is_a_sequence() -> None:
    signature = redelta.Signature.load(DATA)
    assert [signature[i] for i in range(len(signature))] == list(signature)
    assert signature[-1] == list(signature)[-1]
    for outside in (len(signature), -len(signature) - 1, 1 << 80):
        with pytest.raises(IndexError):
            signature[outside]


def test_it_is_a_value() -> None:
    signature = redelta.Signature.load(DATA)
    again = redelta.Signature.load(DATA)
    other = redelta.Signature.load(redelta.signature(BASIS, block_len=101, strong_len=9))
    assert signature == again
    assert hash(signature) == hash(again)
    assert signature != other
    assert signature != DATA
    with pytest.raises(AttributeError):
        signature.block_len = 7  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"Signature\.load"):
        redelta.Signature(DATA)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_pickled_and_copied(protocol: int) -> None:
    signature = redelta.Signature.load(DATA)
    for copied in (pickle.loads(pickle.dumps(signature, protocol)), copy.copy(signature), copy.deepcopy(signature)):
        assert copied == signature
        assert redelta.delta(copied, BASIS) == redelta.delta(signature, BASIS)


@pytest.mark.parametrize("size", range(1, 40))
def test_a_cut_signature_is_truncated(size: int) -> None:
    data = redelta.signature(bytes(20), block_len=10, strong_len=9)
    assert len(data) == 38
    if size in (12, 25, 38):
        assert len(redelta.Signature.load(data[:size])) == (size - 12) // 13
    elif size < 39:
        with pytest.raises(redelta.TruncatedError) as caught:
            redelta.Signature.load(data[:size])
        assert caught.value.role == "signature"
        assert isinstance(caught.value, EOFError)


def test_what_is_no_signature_is_told() -> None:
    delta = redelta.delta(DATA, BASIS)
    for data in (b"rubbish and more", delta, bytes(100)):
        with pytest.raises(redelta.BadMagicError, match=r"give what redelta\.signature made"):
            redelta.Signature.load(data)
    with pytest.raises(redelta.TruncatedError):
        redelta.Signature.load(b"")
    magic = read_signature(DATA).magic
    for header in (signature_header(magic, 0, 8), signature_header(magic, 1, 33), signature_header(magic, 1, 0)):
        with pytest.raises(redelta.CorruptError, match="make or fetch the signature again"):
            redelta.Signature.load(header)


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "signature"
    path.write_bytes(DATA[:-1])
    with pytest.raises(redelta.TruncatedError, match=f"'{path}'"):
        redelta.Signature.load(path)
    with pytest.raises(redelta.TruncatedError, match=f"'{path}'"):
        redelta.delta(path, b"")

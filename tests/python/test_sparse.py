"""Holes in what write_patch writes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.samples import noise
from helpers.sparse import BLOCK, Layout, blocks_of_data, has_holes, room

MIB = 1 << 20
LAYOUT = Layout(5 * MIB + 7, ((MIB, noise(BLOCK, 1)),))
CHOICES: dict[redelta.Sparse, bool] = {"auto": True, "always": True, "never": False}


@pytest.fixture
def basis(tmp_path: Path) -> Path:
    if not has_holes(tmp_path):
        pytest.skip("this file system has no holes, or larger ones")
    LAYOUT.write(tmp_path / "basis")
    return tmp_path / "basis"


@pytest.fixture
def delta(basis: Path) -> bytes:
    return redelta.delta(redelta.signature(basis), basis)


@pytest.mark.parametrize("sparse", list(CHOICES))
def test_a_path_gets_holes(basis: Path, delta: bytes, tmp_path: Path, sparse: redelta.Sparse) -> None:
    stats = redelta.write_patch(basis, delta, tmp_path / "out", sparse=sparse)
    assert (tmp_path / "out").read_bytes() == basis.read_bytes()
    assert (blocks_of_data(tmp_path / "out") == {256}) == CHOICES[sparse]
    assert stats.hole_bytes == (LAYOUT.size - BLOCK if CHOICES[sparse] else 0)


@pytest.mark.parametrize("buffering", [0, -1])
@pytest.mark.parametrize("sparse", list(CHOICES))
def test_an_open_file_gets_holes(
    basis: Path, delta: bytes, tmp_path: Path, sparse: redelta.Sparse, buffering: int
) -> None:
    """After what was written to it before; it is then at the end of what was written."""
    with open(tmp_path / "out", "wb", buffering=buffering) as file:
        file.write(b"before")
        redelta.write_patch(basis, delta, file, sparse=sparse)
        assert file.tell() == 6 + LAYOUT.size
        file.write(b"after")
    assert (tmp_path / "out").read_bytes() == b"before" + basis.read_bytes() + b"after"
    assert (room(tmp_path / "out") <= 5 * BLOCK) == CHOICES[sparse]


@pytest.mark.parametrize("sparse", list(CHOICES))
def test_other_writers_get_zeros(basis: Path, delta: bytes, sparse: redelta.Sparse) -> None:
    memory = io.BytesIO()
    parts: list[bytes] = []

    class Writer:
        def write(self, data: bytes) -> None:
            parts.append(bytes(data))

    for writer in (memory, Writer()):
        assert redelta.write_patch(basis, delta, writer, sparse=sparse).hole_bytes == 0
    assert memory.getvalue() == b"".join(parts) == basis.read_bytes() == redelta.patch(basis, delta)


def test_a_dense_basis_makes_a_dense_file(basis: Path, delta: bytes, tmp_path: Path) -> None:
    dense = basis.read_bytes()
    redelta.write_patch(dense, delta, tmp_path / "out")
    assert room(tmp_path / "out") >= LAYOUT.size
    redelta.write_patch(dense, delta, tmp_path / "out", sparse="always")
    assert room(tmp_path / "out") == BLOCK
    redelta.write_patch(dense, delta, tmp_path / "out")  # which replaces one with holes
    assert room(tmp_path / "out") == BLOCK


@pytest.mark.parametrize("sparse", ["sometimes", "", None, True, 0])
def test_other_values_are_refused(basis: Path, delta: bytes, tmp_path: Path, sparse: Any) -> None:
    with pytest.raises(redelta.ParameterError, match="sparse must be one of auto, always, never, not"):
        redelta.write_patch(basis, delta, tmp_path / "out", sparse=sparse)
    assert not (tmp_path / "out").exists()

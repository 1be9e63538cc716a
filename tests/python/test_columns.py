"""The sums of a signature and the commands of a delta as columns that numpy and arrow take."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Sequence

import numpy
import pyarrow
import pytest

import redelta
from helpers.samples import noise, random_edits

BASIS = noise(100_000, 1) + bytes(4000)
SIGNATURE = redelta.Signature.build(BASIS, block_len=100, strong_len=9)
DELTA = redelta.delta(SIGNATURE, random_edits(BASIS, 50, 2))


def test_a_signature_is_a_sequence() -> None:
    sums = list(SIGNATURE)
    assert isinstance(SIGNATURE, Sequence)
    assert SIGNATURE[2:7] == sums[2:7]
    assert SIGNATURE[-3:] == sums[-3:]
    assert SIGNATURE[::-7] == sums[::-7]
    assert SIGNATURE[5:2] == []
    assert list(reversed(SIGNATURE)) == sums[::-1]
    assert SIGNATURE.count(sums[-2]) == sums.count(sums[-2]) > 1
    assert SIGNATURE.index(sums[-2]) == sums.index(sums[-2])
    assert sums[3] in SIGNATURE
    assert (0, b"") not in SIGNATURE
    with pytest.raises(ValueError):  # noqa: PT011 (that of every sequence has no words)
        SIGNATURE.index((0, b""))
    with pytest.raises(TypeError):
        SIGNATURE["1"]  # type: ignore[call-overload]


def test_a_part_has_columns_as_well() -> None:
    part = redelta.SignaturePart.build(BASIS, 1000, 500, block_len=100, strong_len=9)
    assert part[:] == SIGNATURE[10:15]
    assert part.weak.tolist() == [weak for weak, _ in part]


def test_the_sums_are_columns() -> None:
    assert SIGNATURE.weak.tolist() == [weak for weak, _ in SIGNATURE]
    assert SIGNATURE.strong.shape == (len(SIGNATURE), 9)
    assert SIGNATURE.strong.tobytes() == b"".join(strong for _, strong in SIGNATURE)
    for column in (SIGNATURE.weak, SIGNATURE.strong):
        assert column.readonly
        assert column.c_contiguous


def test_numpy_and_arrow_take_them_without_a_copy() -> None:
    weak = numpy.frombuffer(SIGNATURE.weak, numpy.uint32)
    strong = numpy.asarray(SIGNATURE.strong)
    assert weak.tolist() == [weak for weak, _ in SIGNATURE]
    assert bytes(strong[7]) == SIGNATURE[7][1]
    for array in (weak, strong):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    again = numpy.frombuffer(SIGNATURE.weak, numpy.uint32)
    assert weak.__array_interface__["data"] == again.__array_interface__["data"]
    arrow = pyarrow.Array.from_buffers(pyarrow.binary(9), len(SIGNATURE), [None, pyarrow.py_buffer(SIGNATURE.strong)])
    assert arrow[-1].as_py() == SIGNATURE[-1][1]


def test_they_keep_what_they_show() -> None:
    signature = redelta.Signature.build(BASIS)
    weak, strong, sums = signature.weak, signature.strong, list(signature)
    del signature
    gc.collect()
    assert list(zip(weak.tolist(), map(bytes, numpy.asarray(strong)), strict=True)) == sums


def test_without_a_block_they_are_empty() -> None:
    signature = redelta.Signature.build(b"")
    assert (signature.weak.tolist(), signature.strong.shape) == ([], (0, 32))
    assert signature[:] == []
    assert numpy.asarray(signature.strong).shape == (0, 32)


def test_the_commands_are_columns() -> None:
    info = redelta.inspect(DELTA)
    assert isinstance(info, redelta.DeltaInfo)
    table = info.table
    ops = list(info.ops)
    assert len(ops) > 50
    assert table.kind.tolist() == [int(isinstance(op, redelta.Copy)) for op in ops]
    assert table.target.tolist() == [op.target for op in ops]
    assert table.length.tolist() == [op.length for op in ops]
    assert table.basis.tolist() == [op.basis if isinstance(op, redelta.Copy) else -1 for op in ops]
    assert info.size == sum(op.length for op in ops)
    assert info.basis_least == max(op.basis + op.length for op in ops if isinstance(op, redelta.Copy))
    assert pickle.loads(pickle.dumps(info)) == info


def test_the_table_is_that_of_numpy_and_arrow() -> None:
    info = redelta.inspect(DELTA)
    assert isinstance(info, redelta.DeltaInfo)
    columns = {name: numpy.frombuffer(column, column.format) for name, column in info.table._asdict().items()}
    copies = columns["kind"] == 1
    assert columns["length"][copies].sum() == info.stats.copy_bytes
    assert columns["length"][~copies].sum() == info.stats.literal_bytes
    arrow = pyarrow.Array.from_buffers(
        pyarrow.int64(), len(info.table.target), [None, pyarrow.py_buffer(info.table.target)]
    )
    assert arrow.to_pylist() == [op.target for op in info.ops]


def test_a_delta_without_commands_has_an_empty_table() -> None:
    info = redelta.inspect(redelta.delta(redelta.signature(b""), b""))
    assert isinstance(info, redelta.DeltaInfo)
    assert [column.tolist() for column in info.table] == [[], [], [], []]
    assert (info.size, info.basis_least) == (0, 0)

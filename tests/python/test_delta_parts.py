"""Parts of a delta: joined, they are the very bytes of the delta that is made at once."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

import redelta
from helpers.parts import CHECK, DeltaRecord, PartCopy, joined, nodes_of, read_delta_part, sealed
from helpers.samples import PAIRS, edited_pairs, equal_rollsums, noise, random_edits
from helpers.sources import SEEKABLE, opened
from helpers.wire import Copy, digest_of, greedy_commands, rabinkarp, read_delta

OLD = noise(200_000, 1)
NEW = random_edits(OLD, 40, 2)
BLOCK = 256
SIGNATURE = redelta.Signature.build(OLD, block_len=BLOCK)
GRID = redelta.DeltaPart.grid(SIGNATURE)

Part = redelta.DeltaPart


def cut(size: int, grid: int, places: list[int]) -> list[tuple[int, int | None]]:
    """Ranges up to the end, cut at these multiples of the grid."""
    starts = sorted({0, *(place * grid for place in places if place * grid < size)})
    return [(at, None if end is None else end - at) for at, end in zip(starts, [*starts[1:], None], strict=True)]


def parts_of(signature: redelta.Signature, new: Any, size: int, places: list[int], **options: Any) -> list[Part]:
    grid = Part.grid(signature)
    return [Part.build(signature, new, at, length, **options) for at, length in cut(size, grid, places)]


def check_joined(old: bytes, new: bytes, places: list[int], threads: int = 1, **params: Any) -> None:
    signature = redelta.Signature.build(old, **params)
    parts = parts_of(signature, new, len(new), places, threads=threads)
    assert redelta.joined_delta(signature, parts, new, threads=threads) == redelta.delta(signature, new)


# ---- The very bytes -------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    edited_pairs(max_size=12_000),
    st.sampled_from((1, 2, 3, 7, 16, 63, 64, 65, 127, 128, 129, 200)),
    st.lists(st.integers(0, 40), max_size=64),
    st.sampled_from((1, 2, 8)),
    st.sampled_from((None, 1, 2, 8)),
)
def test_parts_join_to_the_delta(
    pair: tuple[bytes, bytes], block_len: int, places: list[int], threads: int, strong_len: int | None
) -> None:
    check_joined(*pair, places, threads, block_len=block_len, strong_len=strong_len)


@pytest.mark.parametrize("block_len", [16, 64, 100, 128])
@pytest.mark.parametrize("pair", PAIRS)
def test_parts_of_the_samples_join(pair: str, block_len: int) -> None:
    old, new = PAIRS[pair](block_len)
    for places in ([1], list(range(64)), [2, 3, 5]):
        check_joined(old, new, places, block_len=block_len)
        check_joined(old, new, places, block_len=block_len, hash="rollsum-md4", strong_len=3)


def runs(chance: random.Random, block: int) -> bytes:
    """Equal blocks, zeros and noise, in runs that do not begin on any grid."""
    pieces: list[Callable[[], bytes]] = [
        lambda: bytes(chance.randrange(1, 60 * block)),
        lambda: b"\x01" * chance.randrange(1, 40 * block),
        lambda: noise(block, 7) * chance.randrange(1, 50),
        lambda: chance.randbytes(chance.randrange(1, 5 * block)),
        lambda: (noise(block, 8) + noise(block, 9)) * chance.randrange(1, 25),
    ]
    return b"".join(chance.choice(pieces)() for _ in range(chance.randrange(1, 9)))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1 << 30), st.sampled_from((64, 128, 150, 512)), st.integers(1, 64))
def test_parts_with_equal_blocks_join(seed: int, block_len: int, count: int) -> None:
    chance = random.Random(seed)
    old, new = runs(chance, block_len), runs(chance, block_len)
    windows = len(new) // (32 * max(block_len, 128))
    check_joined(old, new, [chance.randrange(windows + 1) for _ in range(count)], block_len=block_len)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1 << 30), st.lists(st.integers(0, 30), max_size=20))
def test_parts_in_which_strong_sums_fail_join(seed: int, places: list[int]) -> None:
    """Where the weak sums of all windows agree, and few strong sums do, a budget decides which windows match."""
    chance = random.Random(seed)
    block = chance.choice((100, 1000))
    blocks = equal_rollsums(block, 12, seed)
    stem = blocks[0]
    new = b""
    while len(new) < 30 * 32 * block and len(new) < 200_000:
        new += chance.choice((stem, chance.choice(blocks), chance.randbytes(chance.randrange(1, 50))))
        new += equal_rollsums(block, 3, seed + len(new))[1] * chance.choice((0, 1, 30))
    check_joined(b"".join(blocks[:6]), new, places, block_len=block, hash="rollsum-blake2", strong_len=8)


@pytest.mark.parametrize("block_len", [300_000, 1_000_000, 5_000_000])
def test_parts_of_long_blocks_join(block_len: int) -> None:
    """There are no segments of these; a part is at least 32 of them, unless it is the last."""
    old = noise(3 * block_len + 1, 3)
    new = old[: 2 * block_len] + b"inserted" + old[2 * block_len :]
    check_joined(old, new, [0, 1], 2, block_len=block_len)


def test_several_parts_of_long_blocks_join() -> None:
    block_len = 280_000
    grid = 32 * block_len
    old = noise(grid + 5, 4)
    new = b"before" + old + bytes(grid // 2) + old[: grid // 3] + old[-1000:]
    check_joined(old, new, [1, 2], 2, block_len=block_len)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_large_parts_join(threads: int) -> None:
    """With several segments in each part, and seams that are none of segments."""
    old = noise(6_000_000, 5)
    new = random_edits(old, 60, 6) + bytes(3_000_000) + old[1000:2_000_000]
    check_joined(old, new, [5, 17, 80, 90], threads, block_len=2048)
    check_joined(old, new, [3, 300, 400], threads, block_len=640)


def test_the_end_of_the_file_in_any_part() -> None:
    """A part that ends less than a block before the end of the file has the rest, too."""
    old = noise(5000, 7)
    for block_len in (64, 128, 200):
        grid = 32 * max(block_len, 128)
        for beyond in (0, 1, 2, 62, block_len - 1, block_len, block_len + 1, 1100):
            new = noise(grid - 900, 8) + old
            new = (new + new)[: grid + beyond - 1] + old[-1:]
            check_joined(old, new, [1], block_len=block_len)
            new = (new + new)[: grid + beyond - 5000 % block_len] + old[-(5000 % block_len) :]
            check_joined(old, new, [1, 2], block_len=block_len)


def test_parts_against_no_basis_join() -> None:
    signature = redelta.Signature.build(b"")
    parts = parts_of(signature, NEW, len(NEW), [1, 2])
    assert redelta.joined_delta(signature, parts, NEW) == redelta.delta(signature, NEW)
    part = Part.build(SIGNATURE, b"", 0)
    assert redelta.joined_delta(SIGNATURE, [part], b"") == redelta.delta(SIGNATURE, b"")


def test_parts_against_a_joined_signature_join() -> None:
    """Its first block is not the first of the basis."""
    half = BLOCK * 300
    signature = redelta.Signature.join([redelta.SignaturePart.build(OLD, half, block_len=BLOCK)])
    parts = parts_of(signature, NEW, len(NEW), [2, 5])
    made = redelta.joined_delta(signature, parts, NEW)
    assert made == redelta.delta(signature, NEW)
    assert redelta.patch(OLD, made) == NEW


@pytest.mark.parametrize("kind", [kind for kind in SEEKABLE if "fake" not in kind])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_parts_of_any_source(kind: str, threads: int, tmp_path: Path) -> None:
    parts = []
    for at, length in cut(len(NEW), GRID, [1, 7]):
        with opened(SEEKABLE[kind], NEW, tmp_path) as source:
            parts.append(Part.build(SIGNATURE, source, at, length, threads=threads))
    expected = redelta.delta(SIGNATURE, NEW)
    with opened(SEEKABLE[kind], NEW, tmp_path) as source:
        assert redelta.joined_delta(SIGNATURE, parts, source, threads=threads) == expected


def test_joined_deltas_are_written(tmp_path: Path) -> None:
    parts = parts_of(SIGNATURE, NEW, len(NEW), [1, 7])
    made = tmp_path / "delta"
    stats = redelta.write_joined_delta(SIGNATURE, parts, NEW, made)
    expected = io.BytesIO()
    assert stats.literal_bytes == redelta.write_delta(SIGNATURE, NEW, expected).literal_bytes
    assert stats.digest == digest_of(NEW)
    assert stats.blocks == len(SIGNATURE)
    assert made.read_bytes() == expected.getvalue()
    for options in ({"compress": 3}, {"verify": False}, {"verify": False, "compress": True}):
        again = io.BytesIO()
        redelta.write_joined_delta(SIGNATURE, parts, NEW, again, **options)
        assert again.getvalue() == redelta.delta(SIGNATURE, NEW, **options)
    with pytest.raises(TypeError):
        redelta.write_joined_delta(SIGNATURE, parts, NEW, None)  # type: ignore[arg-type]


def test_an_identical_file_is_one_copy() -> None:
    parts = parts_of(SIGNATURE, OLD, len(OLD), list(range(64)))
    made = io.BytesIO()
    stats = redelta.write_joined_delta(SIGNATURE, parts, OLD, made)
    assert stats.identical
    assert stats.copy_commands == 1


def build(arguments: tuple[bytes, Path, int, int]) -> Part:
    signature, new, offset, length = arguments
    return Part.build(signature, new, offset, length)


def test_processes_make_parts(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_bytes(NEW)
    tasks = [(bytes(SIGNATURE), new, at, 3 * GRID) for at in range(0, len(NEW), 3 * GRID)]
    with ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(build, tasks))
    assert redelta.joined_delta(SIGNATURE, parts, new) == redelta.delta(SIGNATURE, new)


# ---- The record -----------------------------------------------------------------------------------------------------


def expected_copies(record: DeltaRecord, old: bytes, new: bytes) -> list[PartCopy]:
    """The greedy parse of what follows the start of the range, cut where its positions end."""
    copies = []
    at = record.offset
    for command in greedy_commands(old, new[at:], record.block_len):
        if not isinstance(command, Copy):
            at += len(command.data)
            continue
        blocks = -(-command.length // record.block_len)
        fit = [i for i in range(blocks) if at + i * record.block_len < record.end]
        length = min(command.length, len(fit) * record.block_len)
        if length > 0:
            copies.append(PartCopy(at, length, command.offset))
        at += command.length
    return copies


@settings(deadline=None, max_examples=50)
@given(edited_pairs(max_size=9000), st.sampled_from((64, 100, 128)), st.lists(st.integers(0, 4), max_size=4))
def test_records_are_those_of_the_page_of_formats(pair: tuple[bytes, bytes], block_len: int, places: list[int]) -> None:
    old, new = pair
    signature = redelta.Signature.build(old, block_len=block_len)
    records = [read_delta_part(bytes(part)) for part in parts_of(signature, new, len(new), places)]
    for record in records:
        assert record.signature_header == bytes(signature)[:12]
        assert (record.blocks, record.origin) == (len(signature), 0)
        assert record.identity == blake3(bytes(signature)).digest()[:16]
        assert record.new_size == len(new)
        assert record.copies == expected_copies(record, old, new)
        assert record.literals == rabinkarp(b"".join(new[start:end] for start, end in record.gaps()))
        start, end = -(-record.offset // 1024), -(-(record.offset + record.length) // 1024)
        assert record.nodes is not None
        made = b"".join(node for node, _ in record.nodes.nodes) + record.nodes.alone
        assert made == nodes_of(new, start, end)
    assert joined([record.nodes for record in records if record.nodes]) == digest_of(new)


def test_parts_are_values(tmp_path: Path) -> None:
    one, two = parts_of(SIGNATURE, NEW, len(NEW), [4])
    assert (one.offset, one.length, one.last) == (0, 4 * GRID, False)
    assert (two.offset, two.length, two.last) == (4 * GRID, len(NEW) - 4 * GRID, True)
    assert Part.load(bytes(one)) == one == pickle.loads(pickle.dumps(one))
    assert len({one, two, Part.load(io.BytesIO(bytes(two)))}) == 2
    assert repr(one) == f"DeltaPart(offset=0, length={4 * GRID}, last=False)"
    assert one != redelta.DigestPart.build(NEW, 0, 4096)
    saved = tmp_path / "part"
    saved.write_bytes(bytes(two))
    assert Part.load(saved) == two
    with pytest.raises(TypeError, match=r"use DeltaPart\.load or DeltaPart\.build"):
        Part()


def test_a_part_of_a_file_knows_the_file(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_bytes(NEW)
    record = read_delta_part(bytes(Part.build(SIGNATURE, new, 0)))
    status = new.stat()
    assert record.state == (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    assert read_delta_part(bytes(Part.build(SIGNATURE, NEW, 0))).state is None
    ranged = redelta.FileRange(new, 0, len(NEW) - 1)
    assert read_delta_part(bytes(Part.build(SIGNATURE, ranged, 0))).state is None


# ---- What does not fit ----------------------------------------------------------------------------------------------


def test_ranges_that_are_none_are_refused(tmp_path: Path) -> None:
    for offset, length in ((1, None), (0, 1), (GRID, GRID + 1), (GRID - 1, GRID), (len(NEW) // GRID * GRID + GRID, 1)):
        with pytest.raises(redelta.ParameterError, match="grid"):
            Part.build(SIGNATURE, NEW, offset, length)
    with pytest.raises(redelta.ParameterError):
        Part.build(SIGNATURE, NEW, -1)
    with pytest.raises(TypeError):
        Part.build(SIGNATURE, NEW, 0.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="join the parts"):
        Part.build(redelta.SignaturePart.build(OLD, 0), NEW, 0)  # type: ignore[arg-type]


def test_parts_that_do_not_fit_are_refused() -> None:
    one, two, three = parts_of(SIGNATURE, NEW, len(NEW), [4, 9])
    other = redelta.Signature.build(OLD[:-1] + b"?", block_len=BLOCK)
    for parts, message in (
        ([two, three], "part 1 of 2: a part does not start where"),
        ([one, three], "part 2 of 2: a part does not start where"),
        ([one, one, two, three], "part 2 of 4: a part does not start where"),
        ([one, two, three, three], "part 4 of 4: a part does not start where"),
        ([one, two], "do not reach to the end"),
        ([], "do not reach to the end"),
        ([one, two, Part.build(other, NEW, 9 * GRID)], "part 3 of 3: the part was made with another signature"),
    ):
        with pytest.raises(redelta.ParameterError, match=message):
            redelta.joined_delta(SIGNATURE, parts, NEW)
    with pytest.raises(TypeError, match="a DeltaPart is needed, not bytes"):
        redelta.joined_delta(SIGNATURE, [bytes(one)], NEW)  # type: ignore[list-item]
    without = Part.build(SIGNATURE, NEW, 9 * GRID, verify=False)
    with pytest.raises(redelta.VerifyError, match="part 3 of 3: the part has no digest"):
        redelta.joined_delta(SIGNATURE, [one, two, without], NEW)
    made = redelta.joined_delta(SIGNATURE, [one, two, without], NEW, verify=False)
    assert made == redelta.delta(SIGNATURE, NEW, verify=False)


def test_a_new_file_that_changed_is_noticed(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_bytes(NEW)
    parts = parts_of(SIGNATURE, new, len(NEW), [4, 9])
    expected = redelta.delta(SIGNATURE, NEW)
    assert redelta.joined_delta(SIGNATURE, parts, new) == expected
    assert redelta.joined_delta(SIGNATURE, parts, NEW) == expected  # a copy of it
    literal = read_delta(expected).commands
    at = next(start for start, end in read_delta_part(bytes(parts[1])).gaps() if end > start)
    assert len(literal) > 1
    changed = NEW[:at] + bytes([NEW[at] ^ 1]) + NEW[at + 1 :]
    with pytest.raises(redelta.FileChangedError, match="changed since the part was made; make its parts again"):
        redelta.joined_delta(SIGNATURE, parts, changed)
    with pytest.raises(redelta.FileChangedError, match="its size is another one"):
        redelta.joined_delta(SIGNATURE, parts, NEW + b"x")
    os.utime(new, ns=(1, 1))
    with pytest.raises(redelta.FileChangedError, match="new"):
        redelta.joined_delta(SIGNATURE, parts, new)
    assert redelta.joined_delta(SIGNATURE, parts, new, changed="accept") == expected
    with pytest.warns(redelta.FileChangedWarning):
        assert redelta.joined_delta(SIGNATURE, parts, new, changed="warn") == expected
    new.write_bytes(changed)
    with pytest.raises(redelta.FileChangedError):
        redelta.joined_delta(SIGNATURE, parts, new, changed="accept")


def test_a_file_that_was_only_renamed_is_the_same(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.write_bytes(NEW)
    parts = parts_of(SIGNATURE, new, len(NEW), [4, 9])
    new.rename(tmp_path / "renamed")
    assert redelta.joined_delta(SIGNATURE, parts, tmp_path / "renamed") == redelta.delta(SIGNATURE, NEW)


PARTS = parts_of(SIGNATURE, NEW, len(NEW), [4, 9])
RECORD = bytes(PARTS[1])


@given(st.data())
def test_a_damaged_part_is_refused(data: st.DataObject) -> None:
    record = bytearray(RECORD)
    record[data.draw(st.integers(0, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(redelta.RedeltaError):
        Part.load(record)


def test_a_part_cut_short_or_continued_is_refused() -> None:
    for size in range(len(RECORD)):
        with pytest.raises(redelta.TruncatedError):
            Part.load(RECORD[:size])
    with pytest.raises(redelta.CorruptError, match="continues after its end"):
        Part.load(RECORD + b"x")
    with pytest.raises(redelta.BadMagicError, match="this is not a part of a delta"):
        Part.load(bytes(redelta.DigestPart.build(bytes(200_000), 1 << 16)))
    with pytest.raises(redelta.ParameterError, match="does not know"):
        Part.load(sealed(RECORD[:4] + b"\2" + RECORD[5:-CHECK]))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_part_that_lies_never_makes_a_delta_that_passes_for_right(data: st.DataObject) -> None:
    """Its check is right, and whatever it says is either refused or makes a delta that a patch refuses, unless it still
    makes the new file."""
    body = bytearray(RECORD[:-CHECK])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(24, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    one, _, three = PARTS
    try:
        made = redelta.joined_delta(SIGNATURE, [one, Part.load(sealed(bytes(body))), three], NEW)
    except redelta.RedeltaError:
        return
    with contextlib.suppress(redelta.RedeltaError):
        assert redelta.patch(OLD, made) == NEW

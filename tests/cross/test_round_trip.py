"""The command for another machine makes the same bytes as this machine's, and stock rdiff reads them.

REDELTA is the command built for the other machine, run by an emulator; REDELTA_NATIVE is this machine's. Output
depends on nothing but input and parameters, so signatures, deltas and patched files of the two must be equal, whatever
the byte order, the width of a pointer and the instruction set.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from helpers.samples import PAIRS, noise, prose, random_edits
from helpers.tool import Tool
from helpers.wire import Copy, Literal, encode_delta

PARAMETERS = {
    "recommended": [],
    "rabinkarp-blake2": ["-b", "700", "-S", "16"],
    "rabinkarp-md4": ["-H", "md4", "-b", "64", "-S", "-1"],
    "rollsum-blake2": ["-R", "rollsum", "-b", "511"],
    "rollsum-md4": ["-R", "rollsum", "-H", "md4", "-b", "2048", "-S", "8"],
}
MEGABYTES = noise(1_500_000, 70) + prose(800_000, 71) + bytes(500_000)
SAMPLES = {
    "megabytes": (MEGABYTES, random_edits(MEGABYTES, 50, 72)),
    **{name: PAIRS[name](700) for name in ("noise_edited", "sparse_zeros", "short_last_block_alone", "both_empty")},
}


@pytest.fixture(scope="session")
def native() -> Tool:
    """The command of this machine."""
    return Tool(Path(os.environ["REDELTA_NATIVE"]).resolve())


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_files_are_those_of_this_machine(
    redelta: Tool, native: Tool, rdiff: Tool, tmp_path: Path, parameters: str, sample: str
) -> None:
    options = PARAMETERS[parameters]
    basis, new, signature, delta = (tmp_path / name for name in ("basis", "new", "signature", "delta"))
    basis.write_bytes(SAMPLES[sample][0])
    new.write_bytes(SAMPLES[sample][1])

    redelta.run("signature", *options, basis, signature).done()
    assert signature.read_bytes() == native.run("signature", *options, basis).done()
    assert signature.read_bytes() == rdiff.run("signature", *options, basis).done()

    redelta.run("delta", signature, new, delta).done()
    assert delta.read_bytes() == native.run("delta", signature, new).done()
    assert rdiff.run("patch", basis, delta).done() == new.read_bytes()

    redelta.run("verify", delta, new).done()
    redelta.run("patch", basis, stdin=rdiff.run("delta", signature, new).done()).done()
    redelta.run("patch", "-f", basis, delta, basis).done()
    assert basis.read_bytes() == new.read_bytes()
    assert sorted(tmp_path.iterdir()) == sorted((basis, new, signature, delta)), "a file was left behind"


def test_standard_streams_carry_any_bytes(redelta: Tool, native: Tool, tmp_path: Path) -> None:
    """No byte is taken for the end of a line or of a file."""
    basis = tmp_path / "basis"
    basis.write_bytes(bytes(range(256)) * 300 + b"\r\n\x1a\n")
    new = b"\x1a\r\n" + basis.read_bytes()[7:] + b"\n\r\x1a"
    made = redelta.run("signature", stdin=basis.read_bytes()).done()
    assert made == native.run("signature", stdin=basis.read_bytes()).done()
    signature = tmp_path / "signature"
    signature.write_bytes(made)
    delta = redelta.run("delta", signature, stdin=new).done()
    assert delta == native.run("delta", signature, stdin=new).done()
    assert redelta.run("patch", basis, stdin=delta).done() == new


def test_wrong_basis_is_told_and_nothing_replaced(redelta: Tool, native: Tool, tmp_path: Path) -> None:
    basis, new, signature, delta = (tmp_path / name for name in ("basis", "new", "signature", "delta"))
    basis.write_bytes(noise(50_000, 73))
    new.write_bytes(noise(50_000, 73)[:30_000] + noise(9, 74))
    signature.write_bytes(native.run("signature", basis).done())
    delta.write_bytes(native.run("delta", signature, new).done())
    basis.write_bytes(noise(50_000, 75))
    assert redelta.run("patch", "-f", basis, delta, basis).status == 4
    assert basis.read_bytes() == noise(50_000, 75)
    assert redelta.run("verify", delta, basis).status == 4
    assert redelta.run("signature", basis, new).status == 1, "the output exists"
    assert redelta.run("delta", delta, new).status == 3
    assert sorted(tmp_path.iterdir()) == sorted((basis, new, signature, delta)), "a file was left behind"


@pytest.mark.parametrize("sparse", ["auto", "always", "never"])
def test_holes_change_no_byte(redelta: Tool, tmp_path: Path, sparse: str) -> None:
    basis, output = tmp_path / "basis", tmp_path / "output"
    old = noise(70_000, 75) + bytes(1 << 20) + b"x" + bytes(300_000)
    basis.write_bytes(old)
    new = old + bytes(100_000) + old
    delta = encode_delta([Copy(0, len(old)), Literal(bytes(100_000)), Copy(0, len(old))], new)
    record = json.loads(redelta.run("patch", "--json", f"--sparse={sparse}", basis, "-", output, stdin=delta).done())
    assert output.read_bytes() == new
    assert (record["holes"] > 2_000_000) == (sparse == "always")


def test_files_may_be_larger_than_an_offset_of_32_bits(redelta: Tool, tmp_path: Path) -> None:
    far = 3 << 30
    basis = tmp_path / "basis"
    with basis.open("wb") as stream:
        stream.seek(far)
        stream.write(b"far away")
    assert redelta.run("patch", basis, stdin=encode_delta([Copy(far, 8)])).done() == b"far away"

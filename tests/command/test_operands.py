"""Sources and destinations: names, standard input and output, pipes, redirected files.

The bytes of the output depend on the bytes of the input, never on how they arrive.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.files import Files, synchronised
from helpers.samples import noise
from helpers.tool import Tool, shell
from helpers.wire import apply_delta, blake2_signature, encode_trailer

BASIS = noise(50_000, 1)
NEW = BASIS[:20_000] + b"inserted" + BASIS[18_000:]


@pytest.fixture
def files(redelta: Tool, tmp_path: Path) -> Files:
    return synchronised(redelta, tmp_path, BASIS, NEW, "-b", "500")


@contextmanager
def fed_pipe(data: bytes, piece: int) -> Iterator[int]:
    """The read end of a pipe into which a thread writes `data` in chunks of `piece` bytes."""
    read_end, write_end = os.pipe()

    def feed() -> None:
        with os.fdopen(write_end, "wb", buffering=0) as file:
            for at in range(0, len(data), piece):
                try:
                    file.write(data[at : at + piece])
                except BrokenPipeError:
                    return

    writer = threading.Thread(target=feed)
    writer.start()
    try:
        yield read_end
    finally:
        os.close(read_end)
        writer.join()


def test_the_three_steps_by_name(redelta: Tool, files: Files) -> None:
    names = {name: files.folder / f"made-{name}" for name in ("signature", "delta", "new")}
    redelta.run("signature", "-b", "500", files.basis, names["signature"]).done()
    redelta.run("delta", names["signature"], files.new, names["delta"]).done()
    redelta.run("patch", files.basis, names["delta"], names["new"]).done()
    assert names["signature"].read_bytes() == files.signature.read_bytes()
    assert names["delta"].read_bytes() == files.delta.read_bytes()
    assert names["new"].read_bytes() == NEW


def test_signature_holds_the_sums_that_python_computes(redelta: Tool, files: Files) -> None:
    for weak, block_len, strong_len in (("rabinkarp", 500, 32), ("rollsum", 777, 20), ("rabinkarp", 60_000, 1)):
        words = ["-R", weak, "-b", str(block_len), "-S", str(strong_len)]
        made = redelta.run("signature", *words, files.basis).done()
        assert made == blake2_signature(BASIS, weak, block_len, strong_len)


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_every_input_may_be_a_pipe_that_drips(redelta: Tool, files: Files, piece: int) -> None:
    with fed_pipe(BASIS, max(piece, 3)) as pipe:
        assert redelta.run("signature", "-b", "500", stdin=pipe).done() == files.signature.read_bytes()
    with fed_pipe(files.signature.read_bytes(), piece) as pipe:
        assert redelta.run("delta", "-", files.new, stdin=pipe).done() == files.delta.read_bytes()
    with fed_pipe(NEW, max(piece, 3)) as pipe:
        assert redelta.run("delta", files.signature, stdin=pipe).done() == files.delta.read_bytes()
    with fed_pipe(files.delta.read_bytes(), piece) as pipe:
        assert redelta.run("patch", files.basis, stdin=pipe).done() == NEW


def test_a_pipe_may_be_given_by_name(redelta: Tool, files: Files) -> None:
    """As a shell's <(command) does."""
    with fed_pipe(files.signature.read_bytes(), 100) as pipe:
        made = redelta.run("delta", f"/dev/fd/{pipe}", files.new, pass_fds=[pipe]).done()
    assert made == files.delta.read_bytes()
    with fed_pipe(BASIS, 1000) as pipe:
        made = redelta.run("signature", "-b500", f"/dev/fd/{pipe}", pass_fds=[pipe]).done()
    assert made == files.signature.read_bytes()


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_has_two_names(redelta: Tool, files: Files, name: str) -> None:
    assert redelta.run("signature", "-b500", name, stdin=BASIS).done() == files.signature.read_bytes()
    assert redelta.run("patch", files.basis, name, stdin=files.delta.read_bytes()).done() == NEW


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output_has_two_names(redelta: Tool, files: Files, name: str) -> None:
    assert redelta.run("signature", "-b500", files.basis, name).done() == files.signature.read_bytes()
    assert redelta.run("delta", files.signature, files.new, name).done() == files.delta.read_bytes()
    assert redelta.run("patch", files.basis, files.delta, name).done() == NEW


def test_a_redirected_file_may_be_the_basis_of_a_patch(redelta: Tool, files: Files) -> None:
    with files.basis.open("rb") as redirected:
        assert redelta.run("patch", "-", files.delta, stdin=redirected).done() == NEW


@pytest.mark.parametrize("given", ["standard input", "a name"])
def test_a_pipe_as_the_basis_of_a_patch_is_refused_with_the_reason(redelta: Tool, files: Files, given: str) -> None:
    with fed_pipe(BASIS, 5000) as pipe:
        if given == "a name":
            result = redelta.run("patch", f"/dev/fd/{pipe}", files.delta, files.output, pass_fds=[pipe])
        else:
            result = redelta.run("patch", "-", files.delta, files.output, stdin=pipe)
    assert result.status in (1, 2)
    error = result.fails(result.status)
    assert error.verb == "patch"
    assert any(word in error.what + error.advice for word in ("seek", "pipe", "file"))
    assert not files.output.exists()


def test_input_begins_at_the_present_position_of_a_redirected_file(redelta: Tool, files: Files) -> None:
    with files.basis.open("rb", buffering=0) as redirected:
        redirected.seek(1234)
        made = redelta.run("signature", "-b", "500", stdin=redirected).done()
    assert made == blake2_signature(BASIS[1234:], "rabinkarp", 500, 32)
    prefixed = files.folder / "prefixed"
    prefixed.write_bytes(b"prefix" + BASIS)
    with prefixed.open("rb", buffering=0) as redirected:
        redirected.seek(6)
        assert redelta.run("patch", "-", files.delta, stdin=redirected).done() == NEW


def test_output_goes_to_the_present_position_of_standard_output(redelta: Tool, files: Files) -> None:
    files.output.write_bytes(b"kept:" + bytes(3))
    with files.output.open("r+b", buffering=0) as redirected:
        redirected.seek(5)
        redelta.run("patch", files.basis, files.delta, stdout=redirected).done()
    assert files.output.read_bytes() == b"kept:" + NEW
    result = shell('"$1" signature -b500 "$2" >> "$3"', redelta.path, files.basis, files.output)
    result.done()
    assert files.output.read_bytes() == b"kept:" + NEW + files.signature.read_bytes()


def test_what_follows_the_end_of_a_delta_is_ignored_if_nothing_is_to_be_verified(redelta: Tool, files: Files) -> None:
    """As every reader of librsync's does."""
    for following in (b"\x00", b"\xff", noise(100_000, 3)):
        delta = files.delta.read_bytes() + following
        assert redelta.run("patch", "--no-verify", files.basis, stdin=delta).done() == NEW


def test_empty_files_go_through_all_three_steps(redelta: Tool, files: Files) -> None:
    empty = files.folder / "empty"
    empty.touch()
    files.signature.write_bytes(redelta.run("signature", empty).done())
    assert len(files.signature.read_bytes()) == 12
    delta = redelta.run("delta", files.signature, empty).done()
    assert delta == bytes.fromhex("7273023600") + encode_trailer(b"")
    files.delta.write_bytes(delta)
    redelta.run("patch", empty, files.delta, files.output).done()
    assert files.output.read_bytes() == b""


def test_offsets_beyond_4_gib_are_copied_from(redelta: Tool, rdiff: Tool, files: Files) -> None:
    """A sparse basis whose short last block, the only one that matches, starts at 6 GiB."""
    start, tail = 6 << 30, noise(100, 4)
    with files.basis.open("wb") as file:
        file.seek(start)
        file.write(tail)
    sums = blake2_signature(tail, "rabinkarp", 1 << 30, 32)
    files.signature.write_bytes(sums[:12] + bytes(6 * 36) + sums[12:])
    delta = redelta.run("delta", files.signature, stdin=tail).done()
    commands = bytes.fromhex("72730236" + "51" + "0000000180000000" + "64" + "00")
    assert delta == commands + encode_trailer(tail)
    assert redelta.run("patch", files.basis, stdin=delta).done() == tail
    assert rdiff.run("patch", files.basis, stdin=delta).done() == tail


def test_the_same_input_gives_the_same_bytes_again(redelta: Tool, files: Files) -> None:
    for _ in range(3):
        assert redelta.run("delta", files.signature, files.new).done() == files.delta.read_bytes()
    assert apply_delta(BASIS, files.delta.read_bytes()) == NEW

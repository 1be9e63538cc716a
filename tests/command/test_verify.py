"""Verification: the trailer of a delta, patches verified with it, and the verb verify.

The trailer is compared with that of the package blake3. A patch must never succeed with another file, or fail after it
has changed its destination.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.files import Files, synchronised
from helpers.samples import equal_rollsums, noise, random_edits
from helpers.tool import ErrorLine, Tool, Words
from helpers.wire import (
    TRAILER_LENGTH,
    Command,
    Copy,
    Literal,
    apply_delta,
    blake2,
    encode_delta,
    encode_trailer,
    signature_header,
    verdict,
)

CHUNK = 1024
"""What BLAKE3 cuts a file into."""
PIECE = 1024 * CHUNK
"""The size of a segment: of a patch and of verify exactly, of a delta at least."""
SIZES = (0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7, PIECE - CHUNK, PIECE - 1, PIECE, PIECE + 1,
         PIECE + CHUNK, 2 * PIECE - 1, 2 * PIECE, 2 * PIECE + CHUNK + 1)  # fmt: skip
THREADS = ("1", "2", "3", "7")

BASIS = noise(90_000, 1)
NEW = BASIS[:30_000] + b"inserted" + BASIS[20_000:] + BASIS[5:4000]


@pytest.fixture
def files(redelta: Tool, tmp_path: Path) -> Files:
    return synchronised(redelta, tmp_path, BASIS, NEW, "-b", "500")


# ---- The trailer ----------------------------------------------------------------------------------------------------


def ways_to_delta(redelta: Tool, files: Files) -> Iterator[bytes]:
    """The delta, made with several numbers of threads of a file and of a pipe."""
    for threads in THREADS:
        yield redelta.run("delta", "-T", threads, files.signature, files.new).done()
    for threads in ("1", "3"):
        yield redelta.run("delta", "-T", threads, files.signature, stdin=files.new.read_bytes()).done()


@pytest.mark.parametrize("block_len", [1, 63, 64, 2048, CHUNK, CHUNK + 1, 262_144, 300_000])
def test_the_trailer_has_the_digest_of_blake3(redelta: Tool, rdiff: Tool, files: Files, block_len: int) -> None:
    """Also where chunks, segments of the new file and blocks end at the same byte, or one apart."""
    for size in SIZES[:8] if block_len == 1 else SIZES:
        new = noise(size, size)
        files.new.write_bytes(new)
        files.basis.write_bytes(random_edits(new, 3, size))
        words: Words = ("signature", "-b", str(block_len), "-S", "8", files.basis)
        files.signature.write_bytes(redelta.run(*words).done())
        bare = redelta.run("delta", "--no-verify", files.signature, files.new).done()
        expected = bare + encode_trailer(new)
        for made in ways_to_delta(redelta, files):
            assert made == expected, size
        assert rdiff.run("patch", files.basis, stdin=expected).done() == new


def test_what_is_told_of_a_file_is_what_b3sum_prints(redelta: Tool, files: Files) -> None:
    printed = subprocess.run(["b3sum", "--no-names", str(files.new)], capture_output=True, text=True, check=True).stdout
    made = json.loads(redelta.run("--json", "delta", "-f", files.signature, files.new, files.delta).done())
    assert made["digest"] == printed.strip()
    assert f"digest {printed.strip()}" in " ".join(redelta.run("inspect", files.delta).done().decode().split())


def test_the_trailer_of_a_file_of_equal_bytes(redelta: Tool, files: Files) -> None:
    """Every chunk is the same but for its number."""
    new = bytes(3 * PIECE + 5)
    files.new.write_bytes(new)
    for made in ways_to_delta(redelta, files):
        assert made[-TRAILER_LENGTH:] == encode_trailer(new)


def test_no_verify_gives_the_bytes_in_front_of_the_trailer(redelta: Tool, files: Files) -> None:
    bare = redelta.run("delta", "--no-verify", files.signature, files.new).done()
    assert bare + encode_trailer(NEW) == files.delta.read_bytes()
    assert apply_delta(BASIS, bare) == NEW
    assert redelta.run("delta", "--no-verify", files.signature, stdin=NEW).done() == bare


def test_stock_rdiff_applies_a_delta_with_a_trailer(rdiff: Tool, files: Files) -> None:
    rdiff.run("patch", files.basis, files.delta, files.output).done()
    assert files.output.read_bytes() == NEW
    assert rdiff.run("patch", files.basis, stdin=files.delta.read_bytes()).done() == NEW


def test_a_delta_of_stock_rdiff_is_applied_unless_it_must_be_verified(redelta: Tool, rdiff: Tool, files: Files) -> None:
    files.delta.write_bytes(rdiff.run("delta", files.signature, files.new).done())
    assert redelta.run("patch", files.basis, files.delta).done() == NEW
    error = redelta.run("patch", "--always-verify", files.basis, files.delta, files.output).fails(4)
    assert error.file == str(files.delta)
    assert files.outputs() == []


@pytest.mark.parametrize("options", [[], ["--always-verify"], ["--no-verify"]])
def test_a_verified_patch_gives_the_new_file_at_every_size(redelta: Tool, files: Files, options: list[str]) -> None:
    for size in SIZES:
        new = noise(size, size + 1)
        basis = random_edits(new, 4, size)
        files.basis.write_bytes(basis)
        files.signature.write_bytes(redelta.run("signature", "-b", "1000", files.basis).done())
        files.delta.write_bytes(redelta.run("delta", files.signature, stdin=new).done())
        for threads in THREADS:
            assert redelta.run("patch", "-T", threads, *options, files.basis, files.delta).done() == new
        assert redelta.run("patch", *options, files.basis, stdin=files.delta.read_bytes()).done() == new


def test_a_longer_trailer_of_a_later_version_is_understood(redelta: Tool, files: Files) -> None:
    """Its additions are skipped. A trailer that is too long to be found is reported."""
    bare = files.delta.read_bytes()[:-TRAILER_LENGTH]
    for basis, more in ((None, 1), (None, 39), (BASIS, 0), (BASIS, 100), (BASIS, 3000)):
        files.delta.write_bytes(bare + encode_trailer(NEW, basis=basis, more=noise(more, more)))
        assert redelta.run("patch", "--always-verify", files.basis, files.delta).done() == NEW
        redelta.run("verify", files.delta, files.new).done()
    files.delta.write_bytes(bare + encode_trailer(NEW, basis=BASIS, more=noise(10_000, 1)))
    assert redelta.run("patch", "--always-verify", files.basis, files.delta).done() == NEW
    assert redelta.run("patch", files.basis, stdin=files.delta.read_bytes()).done() == NEW
    assert "longer" in redelta.run("patch", files.basis, files.delta).fails(4).what


def test_a_trailer_that_knows_the_basis_says_which_file_is_wrong(redelta: Tool, rdiff: Tool, files: Files) -> None:
    bare = files.delta.read_bytes()[:-TRAILER_LENGTH]
    right = bare + encode_trailer(NEW, basis=BASIS)
    files.delta.write_bytes(right)
    assert redelta.run("patch", files.basis, files.delta).done() == NEW
    assert rdiff.run("patch", files.basis, files.delta).done() == NEW
    for basis, why in ((BASIS + b"x", "length differs"), (BASIS[:-1], "length differs"), (NEW, "length differs"),
                       (bytes(len(BASIS)), "contents differ")):  # fmt: skip
        files.basis.write_bytes(basis)
        error = redelta.run("patch", files.basis, files.delta, files.output).fails(4)
        assert error.file == str(files.basis)
        assert why in error.what
        error = redelta.run("patch", files.basis, "-", files.output, stdin=right).fails(4)
        assert error.file == str(files.basis)
        assert why in error.what or "too short" in error.what
        assert files.outputs() == []
    files.basis.write_bytes(BASIS)
    files.delta.write_bytes(bare + encode_trailer(NEW[::-1], basis=BASIS))
    error = redelta.run("patch", files.basis, files.delta, files.output).fails(4)
    assert error.file == str(files.delta)
    assert "from its basis, it makes another file" in error.what
    assert files.outputs() == []


def test_a_literal_that_looks_like_a_trailer_is_a_literal(redelta: Tool, files: Files) -> None:
    """In a delta without a trailer that ends in one and the END."""
    lookalike = b"x" * 300 + encode_trailer(b"", rest=49)
    files.delta.write_bytes(encode_delta([Literal(lookalike)]))
    assert redelta.run("patch", files.basis, files.delta).done() == lookalike
    assert redelta.run("patch", "--always-verify", files.basis, files.delta).fails(4).file == str(files.delta)


# ---- Patches that fail ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mishap:
    """A basis and a delta that do not belong together, and the expected report."""

    basis: bytes
    delta: bytes
    status: int
    culprit: str
    options: tuple[str, ...] = ()


def mishaps() -> dict[str, Mishap]:
    """By their cause."""
    commands: list[Command] = [Literal(b"0123456789" * 30), Copy(1000, 50_000), Literal(b"end"), Copy(0, 500)]
    new = apply_delta(BASIS, encode_delta(commands))
    delta = encode_delta(commands, new)
    bare = encode_delta(commands)
    literals = encode_delta([Literal(NEW)], NEW)
    other = BASIS[:20_000] + b"!" + BASIS[20_001:]
    return {
        "another basis": Mishap(noise(90_000, 2), delta, 4, "basis"),
        "one byte of the basis changed": Mishap(other, delta, 4, "basis"),
        "a basis that is too short": Mishap(BASIS[:50_000], delta, 4, "basis"),
        "an empty basis": Mishap(b"", delta, 4, "basis"),
        "a basis that is too short, and no trailer": Mishap(BASIS[:50_000], bare, 4, "basis"),
        "a literal altered": Mishap(BASIS, delta.replace(b"end", b"eND"), 4, "basis"),
        "a literal altered, without copies": Mishap(BASIS, literals.replace(b"inserted", b"INSERTED"), 4, "delta"),
        "a command lost": Mishap(BASIS, encode_delta(commands[:3]) + encode_trailer(new), 4, "delta"),
        "the trailer of another delta": Mishap(BASIS, bare + encode_trailer(NEW[: len(new)]), 4, "basis"),
        "another length in the trailer": Mishap(BASIS, bare + encode_trailer(new, size=len(new) + 1), 4, "delta"),
        "no trailer": Mishap(BASIS, bare, 4, "delta", ("--always-verify",)),
        "a digest of another kind": Mishap(BASIS, bare + encode_trailer(new, kind=1), 4, "delta"),
        "END lost": Mishap(BASIS, bare[:-1], 3, "delta"),
        "the trailer truncated": Mishap(BASIS, delta[:-1], 3, "delta"),
        "the trailer truncated in its length": Mishap(BASIS, delta[: 6 - TRAILER_LENGTH], 3, "delta"),
        "bytes behind the trailer": Mishap(BASIS, delta + b"\0", 3, "delta"),
        "two trailers": Mishap(BASIS, delta + encode_trailer(new), 3, "delta"),
        "bytes behind END": Mishap(BASIS, bare + b"\0", 3, "delta"),
        "a trailer that is too short": Mishap(BASIS, bare + encode_trailer(new, rest=47), 3, "delta"),
        "a trailer that is not zero": Mishap(BASIS, bare + encode_trailer(new, zero=bytes(6) + b"\1"), 3, "delta"),
        "a second delta behind the first": Mishap(BASIS, bare + bare, 3, "delta"),
    }


MISHAPS = pytest.mark.parametrize("mishap", [pytest.param(each, id=name) for name, each in mishaps().items()])


def prepared(files: Files, mishap: Mishap) -> Words:
    """Puts its files into place; the words of the patch, but for the output."""
    files.basis.write_bytes(mishap.basis)
    files.delta.write_bytes(mishap.delta)
    return ("patch", *mishap.options, files.basis, files.delta)


def assert_told(error: ErrorLine, files: Files, mishap: Mishap) -> None:
    """The faulty file is named, with a remedy."""
    assert error.file == str({"basis": files.basis, "delta": files.delta}[mishap.culprit]), error
    assert "basis" in error.what or "delta" in error.what or "trailer" in error.what, error
    assert "delta" in error.advice, error


@MISHAPS
def test_a_mishap_is_told_and_leaves_no_file(redelta: Tool, files: Files, mishap: Mishap) -> None:
    words = prepared(files, mishap)
    assert_told(redelta.run(*words, files.output).fails(mishap.status), files, mishap)
    assert files.outputs() == []


@MISHAPS
def test_a_mishap_leaves_the_destination_as_it_was(redelta: Tool, files: Files, mishap: Mishap) -> None:
    words = prepared(files, mishap)
    files.output.write_bytes(b"precious")
    files.output.chmod(0o640)
    before = files.output.stat()
    for threads in ("1", "3"):
        assert_told(redelta.run("-f", "-T", threads, *words, files.output).fails(mishap.status), files, mishap)
    after = files.output.stat()
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)
    assert files.output.read_bytes() == b"precious"
    assert files.outputs() == ["output"]


@MISHAPS
def test_a_mishap_leaves_the_basis_that_was_to_be_replaced(redelta: Tool, files: Files, mishap: Mishap) -> None:
    words = prepared(files, mishap)
    names = sorted(path.name for path in files.folder.iterdir())
    assert_told(redelta.run("-f", *words, files.basis).fails(mishap.status), files, mishap)
    assert files.basis.read_bytes() == mishap.basis
    assert sorted(path.name for path in files.folder.iterdir()) == names


@MISHAPS
def test_a_mishap_is_told_of_a_delta_that_comes_through_a_pipe(redelta: Tool, files: Files, mishap: Mishap) -> None:
    words = prepared(files, mishap)
    error = redelta.run(*words[:-1], "-", files.output, stdin=mishap.delta).fails(mishap.status)
    assert error.file == (str(files.basis) if mishap.culprit == "basis" else "standard input")
    assert files.outputs() == []


def test_of_standard_output_it_is_said_that_it_is_of_no_use(redelta: Tool, files: Files) -> None:
    """What was written there cannot be taken back."""
    files.basis.write_bytes(noise(90_000, 2))
    result = redelta.run("patch", files.basis, files.delta)
    error = result.fails(4)
    assert "written" in error.advice
    assert "replaced" not in error.advice


def test_a_copy_of_another_basis_that_has_the_same_bytes_is_good(redelta: Tool, files: Files) -> None:
    """It is the new file that is verified, not the basis."""
    unused = encode_delta([Copy(0, 10)], BASIS[:10])
    files.basis.write_bytes(BASIS[:10] + b"others")
    files.delta.write_bytes(unused)
    assert redelta.run("patch", "--always-verify", files.basis, files.delta).done() == BASIS[:10]


def test_a_collision_is_told(redelta: Tool, rdiff: Tool, files: Files) -> None:
    """Two blocks have the same sums, for stock too, which makes the wrong file without a message."""
    seen: dict[bytes, bytes] = {}
    for block in equal_rollsums(64, 600, 5):
        other = seen.setdefault(blake2(block)[:1], block)
        if other != block:
            break
    files.basis.write_bytes(other)
    files.new.write_bytes(block)
    files.signature.write_bytes(rdiff.run("signature", "-R", "rollsum", "-b", "64", "-S", "1", files.basis).done())
    files.delta.write_bytes(redelta.run("delta", files.signature, files.new).done())
    assert rdiff.run("delta", files.signature, files.new).done() == encode_delta([Copy(0, 64)])
    assert rdiff.run("patch", files.basis, files.delta).done() == other
    error = redelta.run("patch", "-f", files.basis, files.delta, files.basis).fails(4)
    assert error.file == str(files.basis)
    assert files.basis.read_bytes() == other


def test_no_verify_gives_the_wrong_file_without_a_word(redelta: Tool, files: Files) -> None:
    """As asked for."""
    other = noise(90_000, 2)
    files.basis.write_bytes(other)
    made = redelta.run("patch", "--no-verify", files.basis, files.delta).done()
    assert made == apply_delta(other, files.delta.read_bytes())


def test_no_flipped_bit_of_a_delta_goes_unnoticed(redelta: Tool, files: Files) -> None:
    delta = files.delta.read_bytes()
    chance = random.Random(3)
    tails = range(8 * (len(delta) - TRAILER_LENGTH - 30), 8 * len(delta))
    for bit in (*chance.sample(range(8 * len(delta)), 100), *chance.sample(tails, 200)):
        flipped = bytearray(delta)
        flipped[bit // 8] ^= 1 << bit % 8
        files.delta.write_bytes(flipped)
        right = verdict(BASIS, bytes(flipped))
        result = redelta.run("patch", "--always-verify", files.basis, files.delta, files.output)
        assert right.statuses, bit
        assert result.status in right.statuses, result.describe()
        result.fails(result.status)
        assert files.outputs() == []


def test_no_flipped_bit_of_the_basis_goes_unnoticed(redelta: Tool, files: Files) -> None:
    """Unless it is not copied."""
    chance = random.Random(4)
    for _ in range(100):
        bit = chance.randrange(8 * len(BASIS))
        flipped = bytearray(BASIS)
        flipped[bit // 8] ^= 1 << bit % 8
        files.basis.write_bytes(flipped)
        result = redelta.run("patch", files.basis, files.delta)
        if apply_delta(bytes(flipped), files.delta.read_bytes()) == NEW:
            assert result.done() == NEW
        else:
            assert result.fails(4).file == str(files.basis)


# ---- verify ---------------------------------------------------------------------------------------------------------


def test_verify_says_yes_in_silence(redelta: Tool, files: Files) -> None:
    result = redelta.run("verify", files.delta, files.new)
    assert (result.done(), result.err) == (b"", b"")
    assert redelta.run("verify", files.delta, "-", stdin=NEW).done() == b""
    assert redelta.run("verify", files.delta, stdin=NEW).done() == b""
    assert redelta.run("verify", "-", files.new, stdin=files.delta.read_bytes()).done() == b""


def test_verify_at_every_size(redelta: Tool, files: Files) -> None:
    for size in SIZES:
        new = noise(size, size + 2)
        files.new.write_bytes(new)
        files.delta.write_bytes(encode_delta([Literal(new)] if new else [], new))
        for threads in THREADS:
            redelta.run("verify", "-T", threads, files.delta, files.new).done()
        redelta.run("verify", files.delta, stdin=new).done()
        redelta.run("verify", files.delta, stdin=new + b"!").fails(4)
        files.new.write_bytes(new + b"!")
        redelta.run("verify", files.delta, files.new).fails(4)


@pytest.mark.parametrize(
    "wrong",
    [b"", NEW[:-1], NEW + b"\0", NEW[1:], BASIS, b"\0" * len(NEW), NEW[:50_000] + b"!" + NEW[50_001:]],
    ids=["empty", "shorter", "longer", "first_byte_lost", "basis", "zeros", "one_byte_changed"],
)
def test_verify_says_no(redelta: Tool, files: Files, wrong: bytes) -> None:
    files.new.write_bytes(wrong)
    for result, name in (
        (redelta.run("verify", files.delta, files.new), str(files.new)),
        (redelta.run("verify", files.delta, stdin=wrong), "standard input"),
    ):
        error = result.fails(4)
        assert (error.verb, error.file) == ("verify", name)
        assert "not the file" in error.what
        assert result.out == b""
    assert files.new.read_bytes() == wrong


def test_verify_needs_a_trailer(redelta: Tool, rdiff: Tool, files: Files) -> None:
    for delta in (
        redelta.run("delta", "--no-verify", files.signature, files.new).done(),
        rdiff.run("delta", files.signature, files.new).done(),
    ):
        files.delta.write_bytes(delta)
        error = redelta.run("verify", files.delta, files.new).fails(4)
        assert error.file == str(files.delta)
        assert "digest" in error.what
        assert "--no-verify" in error.advice


def test_verify_tells_a_delta_that_is_none(redelta: Tool, files: Files) -> None:
    good = files.delta.read_bytes()
    for bad in (b"", good[:-1], good[:20], good + b"!", signature_header(0x72730147, 2048, 32), b"text\n" * 100):
        files.delta.write_bytes(bad)
        error = redelta.run("verify", files.delta, files.new).fails(3)
        assert (error.verb, error.file) == ("verify", str(files.delta))


def test_verify_tells_a_delta_whose_commands_have_another_length(redelta: Tool, files: Files) -> None:
    files.delta.write_bytes(encode_delta([Literal(NEW[:60_000])]) + encode_trailer(NEW))
    error = redelta.run("verify", files.delta, files.new).fails(4)
    assert error.file == str(files.delta)
    assert error.advice == "make or fetch the delta again", "verify replaces nothing"


def test_verify_names_a_missing_file(redelta: Tool, files: Files) -> None:
    missing = files.folder / "missing"
    assert redelta.run("verify", missing, files.new).fails(1).file == str(missing)
    assert redelta.run("verify", files.delta, missing).fails(1).file == str(missing)
    assert redelta.run("verify", files.folder, files.new).fails(1).file == str(files.folder)


def test_verify_changes_no_file(redelta: Tool, files: Files) -> None:
    before = {path: path.read_bytes() for path in files.folder.iterdir() if path.is_file()}
    redelta.run("verify", files.delta, files.new).done()
    redelta.run("verify", files.delta, files.basis).fails(4)
    assert {path: path.read_bytes() for path in files.folder.iterdir() if path.is_file()} == before
    assert files.outputs() == []


def test_verify_tells_what_it_does_if_asked(redelta: Tool, files: Files) -> None:
    result = redelta.run("verify", "-s", files.delta, files.new)
    assert result.done() == b""
    assert f"{len(NEW)}" in result.err.decode().replace(",", "").replace(" ", "")
    assert redelta.run("verify", "-q", "-s", files.delta, files.new).err == b""


# ---- The command line -----------------------------------------------------------------------------------------------


def test_options_of_verification_belong_to_certain_verbs(redelta: Tool, files: Files) -> None:
    refused: list[Words] = [
        ["signature", "--no-verify", files.basis],
        ["signature", "--always-verify", files.basis],
        ["delta", "--always-verify", files.signature, files.new],
        ["verify", "--always-verify", files.delta, files.new],
        ["verify", "--no-verify", files.delta, files.new],
        ["verify", "--force", files.delta, files.new],
        ["patch", "--no-verify=yes", files.basis, files.delta],
    ]
    for words in refused:
        assert "option" in redelta.run(*words).refuses()


def test_the_last_option_of_verification_counts(redelta: Tool, files: Files) -> None:
    files.delta.write_bytes(files.delta.read_bytes()[:-TRAILER_LENGTH])
    patch: Words = ["patch", files.basis, files.delta]
    assert redelta.run("--always-verify", "--no-verify", *patch).done() == NEW
    redelta.run("--no-verify", "--always-verify", *patch).fails(4)


def test_verify_takes_a_delta_and_a_file(redelta: Tool, files: Files) -> None:
    redelta.run("verify").refuses()
    redelta.run("verify", "-", stdin=files.delta.read_bytes()).refuses()
    redelta.run("verify", "-", "-", stdin=b"").refuses()
    redelta.run("verify", files.delta, files.new, files.output).refuses()
    assert files.outputs() == []


@pytest.mark.parametrize("verb", ["v", "ve", "verif"])
def test_verify_may_be_shortened(redelta: Tool, files: Files, verb: str) -> None:
    redelta.run(verb, files.delta, files.new).done()
    redelta.run(verb, files.delta, files.basis).fails(4)


def test_an_interruption_is_told_of_what_is_read(redelta: Tool, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with redelta.start("verify", "--progress", "-", tmp_path / "file") as running:
        running.feed(encode_delta([Literal(bytes(1000))])[:100])
        assert running.process.stderr is not None
        running.process.stderr.read(1)  # of the progress: now it reads
        running.process.send_signal(signal.SIGTERM)
        running.end_input()
        assert b"\rredelta: verify: standard input: interrupted by a signal" in running.error_text()
        assert running.status() == -signal.SIGTERM

"""The verb reverse: its delta makes the old file from the new one, as the direct one does, without the new file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given

from helpers.files import Files
from helpers.samples import PAIRS, edited_pairs, noise, prose, random_edits
from helpers.sparse import Layout
from helpers.tool import Argument, Tool, Words, shell
from helpers.wire import Copy, Literal, apply_delta, digest_of, encode_delta, encode_trailer, read_delta

OLD = prose(200_000, 1)
NEW = random_edits(OLD, 25, 2)
CPUS = ("portable", "sse41", "avx2", "avx512")


@pytest.fixture
def files(redelta: Tool, tmp_path: Path) -> Files:
    """An old file, and the delta to the new one, which is not there."""
    made = Files(tmp_path)
    made.output.parent.mkdir()
    made.basis.write_bytes(OLD)
    made.delta.write_bytes(redelta.run("diff", made.basis, "-", stdin=NEW).done())
    return made


def reversed_of(redelta: Tool, files: Files, *options: Argument) -> bytes:
    return redelta.run("reverse", *options, files.basis, files.delta).done()


# ---- What it makes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
def test_the_new_file_becomes_the_old_one(redelta: Tool, rdiff: Tool, files: Files, name: str) -> None:
    old, new = PAIRS[name](200)
    files.basis.write_bytes(old)
    files.new.write_bytes(new)
    for made in (
        redelta.run("diff", files.basis, files.new).done(),
        redelta.run("delta", "-", files.new, stdin=redelta.run("signature", "-b64", files.basis).done()).done(),
    ):
        files.delta.write_bytes(made)
        back = reversed_of(redelta, files)
        assert apply_delta(new, back) == old
        assert back[read_delta(back).end :] == encode_trailer(old, basis=new)
        files.output.write_bytes(back)
        assert rdiff.run("patch", files.new, files.output).done() == old
        assert redelta.run("patch", "--always-verify", files.new, files.output).done() == old


@given(edited_pairs())
def test_any_delta_is_reversed_stocks_too(
    redelta: Tool, rdiff: Tool, tmp_path_factory: pytest.TempPathFactory, pair: tuple[bytes, bytes]
) -> None:
    old, new = pair
    folder = tmp_path_factory.mktemp("pair")
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    (folder / "signature").write_bytes(rdiff.run("signature", "-b", "50", folder / "old").done())
    delta = rdiff.run("delta", folder / "signature", folder / "new").done()
    back = redelta.run("reverse", folder / "old", "-", stdin=delta).done()
    assert apply_delta(new, back) == old


def test_it_is_the_direct_delta(redelta: Tool, files: Files) -> None:
    files.new.write_bytes(NEW)
    direct = redelta.run("diff", files.new, files.basis).done()
    assert len(reversed_of(redelta, files)) <= 1.1 * len(direct)


def test_twice_reversed_it_makes_the_new_file(redelta: Tool, files: Files) -> None:
    back = reversed_of(redelta, files)
    files.new.write_bytes(NEW)
    again = redelta.run("reverse", files.new, "-", stdin=back).done()
    assert apply_delta(OLD, again) == NEW


def test_it_may_be_compressed_and_take_what_is(redelta: Tool, files: Files) -> None:
    old = OLD + prose(50_000, 7)
    files.basis.write_bytes(old)
    files.delta.write_bytes(redelta.run("diff", "-z", files.basis, "-", stdin=NEW).done())
    plain, packed = reversed_of(redelta, files), reversed_of(redelta, files, "-z")
    assert apply_delta(NEW, plain) == old
    assert len(packed) < len(plain)
    files.new.write_bytes(NEW)
    assert redelta.run("patch", files.new, "-", stdin=packed).done() == old
    with files.delta.open("rb") as file:
        assert redelta.run("reverse", files.basis, "-", stdin=file).done() == plain
    assert redelta.run("reverse", files.basis, "-", stdin=files.delta.read_bytes()).done() == plain


def test_without_verification_there_is_no_trailer(redelta: Tool, files: Files) -> None:
    assert reversed_of(redelta, files) == reversed_of(redelta, files, "--no-verify") + encode_trailer(OLD, basis=NEW)


def test_the_bytes_do_not_depend_on_threads_or_kernels(
    redelta: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of files of several segments."""
    old = prose(9_000_000, 3)
    (tmp_path / "old").write_bytes(old)
    delta = redelta.run("diff", tmp_path / "old", "-", stdin=random_edits(old, 100, 4)).done()
    (tmp_path / "delta").write_bytes(delta)
    for options in ([], ["-z"]):
        words: Words = ["reverse", *options, tmp_path / "old", tmp_path / "delta"]
        expected = redelta.run("-T1", *words).done()
        for threads in ("2", "8"):
            assert redelta.run("-T", threads, *words).done() == expected
        for cpu in CPUS:
            monkeypatch.setenv("REDELTA_CPU", cpu)
            assert redelta.run(*words).done() == expected
        monkeypatch.delenv("REDELTA_CPU")


def test_files_with_holes_are_reversed(redelta: Tool, tmp_path: Path) -> None:
    data = noise(70_000, 1)
    for name, at in (("old", 1), ("new", 40)):
        Layout(200 << 20, ((at << 20, data), (150 << 20, data[:5000]))).write(tmp_path / name)
    redelta.run("diff", tmp_path / "old", tmp_path / "new", tmp_path / "delta").done()
    redelta.run("reverse", tmp_path / "old", tmp_path / "delta", tmp_path / "back").done()
    redelta.run("patch", tmp_path / "new", tmp_path / "back", tmp_path / "made").done()
    assert shell('cmp "$1" "$2"', tmp_path / "made", tmp_path / "old").done() == b""


# ---- What it says ---------------------------------------------------------------------------------------------------


def test_the_record_has_the_figures(redelta: Tool, files: Files) -> None:
    redelta.run("reverse", "--json=log", "basis", "delta", "out", cwd=files.folder).done()
    (record,) = [json.loads(line) for line in (files.folder / "log").read_text().splitlines()]
    size = (files.folder / "out").stat().st_size
    assert record["files"] == {
        "basis": {"name": "basis", "size": len(OLD)},
        "delta": {"name": "delta", "size": files.delta.stat().st_size},
        "reversed": {"name": "out", "size": size},
    }
    assert record["copied"]["bytes"] + record["literal"]["bytes"] == len(OLD)
    assert record["saved"] == pytest.approx(1 - size / len(OLD))
    assert (record["digest"], record["basis_digest"]) == (digest_of(OLD).hex(), digest_of(NEW).hex())
    assert record["basis_size"] == len(NEW)


def test_statistics_name_the_files(redelta: Tool, files: Files) -> None:
    result = redelta.run("reverse", "-s", "-v", files.basis, files.delta)
    words = result.err.decode().replace(",", "").split()
    for number in (len(OLD), files.delta.stat().st_size, len(result.done())):
        assert str(number) in words, result.describe()


# ---- What it refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [OLD + b"!", OLD[:-1], b"", OLD[:1000] + b"#" + OLD[1001:]])
def test_another_old_file_is_told(redelta: Tool, files: Files, wrong: bytes) -> None:
    files.basis.write_bytes(wrong)
    error = redelta.run("reverse", files.basis, files.delta, files.output).fails(4)
    assert error.file == str(files.basis)
    assert "basis" in error.what
    assert files.outputs() == []


def test_without_a_digest_copies_beyond_the_end_are_told(redelta: Tool, files: Files) -> None:
    files.basis.write_bytes(b"0123456789")
    files.delta.write_bytes(encode_delta([Copy(5, 6)]))
    error = redelta.run("reverse", files.basis, files.delta, files.output).fails(4)
    assert error.file == str(files.basis)
    assert files.outputs() == []


@pytest.mark.parametrize("cut", [0, 3, 20, -97, -50, -1])
def test_a_truncated_delta_is_told(redelta: Tool, files: Files, cut: int) -> None:
    files.delta.write_bytes(files.delta.read_bytes()[:cut])
    for words in ([files.delta], ["-"]):
        with files.delta.open("rb") as stdin:
            error = redelta.run("reverse", files.basis, *words, files.output, stdin=stdin).fails(3)
        assert error.file == (str(files.delta) if words[0] != "-" else "standard input")
        assert files.outputs() == []


def test_no_altered_byte_goes_unnoticed(redelta: Tool, files: Files) -> None:
    delta = files.delta.read_bytes()
    for at in [*range(0, 200, 7), *range(len(delta) - 120, len(delta), 3)]:
        altered = bytearray(delta)
        altered[at] ^= 0x40
        files.delta.write_bytes(altered)
        result = redelta.run("reverse", files.basis, files.delta, files.output)
        assert result.status in (3, 4), (at, result.describe())
        result.fails(result.status)
        assert files.outputs() == []


def test_what_is_no_delta_is_told(redelta: Tool, files: Files) -> None:
    for bad in (b"text\n" * 100, redelta.run("signature", files.basis).done()):
        files.delta.write_bytes(bad)
        assert redelta.run("reverse", files.basis, files.delta, files.output).fails(3).file == str(files.delta)
    files.delta.write_bytes(encode_delta([Literal(b"x")]))
    swapped = redelta.run("reverse", files.delta, files.basis, files.output).fails(3)
    assert swapped.file == str(files.basis)
    assert files.outputs() == []


def test_a_pipe_as_the_old_file_is_refused(redelta: Tool, files: Files) -> None:
    error = redelta.run("reverse", "-", files.delta, files.output, stdin=OLD).fails(1)
    assert (error.file, error.advice) == ("standard input", "give the basis as a file, not a pipe")
    assert files.outputs() == []


def test_missing_files_are_named(redelta: Tool, files: Files) -> None:
    missing = files.folder / "missing"
    assert redelta.run("reverse", missing, files.delta, files.output).fails(1).file == str(missing)
    assert redelta.run("reverse", files.basis, missing, files.output).fails(1).file == str(missing)
    assert "use -f" in redelta.run("reverse", files.basis, files.delta, files.delta).fails(1).advice
    assert files.outputs() == []


@pytest.mark.parametrize("culprit", ["basis", "delta"])
def test_an_output_that_is_an_input_is_refused(redelta: Tool, files: Files, culprit: str) -> None:
    """Where it cannot be replaced as a whole; where it can, it is."""
    victim = getattr(files, culprit)
    kept = victim.read_bytes()
    expected = reversed_of(redelta, files)
    result = shell('"$1" reverse "$2" "$3" 1<> "$4"', redelta.path, files.basis, files.delta, victim)
    assert "overwritten" in result.fails(2).what
    assert victim.read_bytes() == kept
    redelta.run("reverse", "-f", files.basis, files.delta, victim).done()
    assert victim.read_bytes() == expected


def test_limits_hold(redelta: Tool, files: Files) -> None:
    whole = reversed_of(redelta, files)
    error = redelta.run("reverse", "--max-output", "100", files.basis, files.delta, files.output).fails(3)
    assert "--max-output" in error.advice
    assert reversed_of(redelta, files, "--max-output", str(len(whole))) == whole
    error = redelta.run("reverse", "--max-memory", "10", files.basis, files.delta, files.output).fails(3)
    assert error.advice == "raise --max-memory"
    assert files.outputs() == []


@pytest.mark.parametrize("culprit", ["basis", "delta"])
def test_a_file_that_changes_is_told_and_nothing_written(redelta: Tool, files: Files, culprit: str) -> None:
    """The messages of the command go to the file that it reads."""
    victim = getattr(files, culprit)
    script = '"$1" reverse -v "$2" "$3" "$4" 2>> "$5"'
    result = shell(script, redelta.path, files.basis, files.delta, files.output, victim)
    assert result.status in (3, 4, 6)
    assert victim.read_bytes().splitlines()[-1].startswith(b"redelta: reverse: " + os.fsencode(victim) + b": ")
    assert files.outputs() == []


@pytest.mark.parametrize(
    "words",
    [["reverse"], ["reverse", "basis"], ["reverse", "basis", "delta", "out", "more"], ["reverse", "-", "-"],
     ["reverse", "", "delta"], ["reverse", "--exit-code", "basis", "delta"],
     ["reverse", "-o", "out", "basis", "delta"]],
)  # fmt: skip
def test_a_wrong_command_line_is_refused(redelta: Tool, files: Files, words: list[str]) -> None:
    redelta.run(*words, cwd=files.folder, stdin=b"").refuses()


@pytest.mark.parametrize("word", ["r", "rev"])
def test_it_may_be_shortened(redelta: Tool, files: Files, word: str) -> None:
    assert redelta.run(word, files.basis, files.delta).done() == reversed_of(redelta, files)

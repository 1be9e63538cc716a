"""Dense deltas: diff --dense makes them, patch applies them, and the verb expand makes librsync's form of them.

A dense delta with another old file, or that was cut or altered anywhere, is told before anything is written.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given

from helpers.files import Files
from helpers.samples import PAIRS, edited_pairs, noise, prose, random_edits
from helpers.sparse import Layout
from helpers.tool import WITHOUT, Tool, Words, shell
from helpers.wire import apply_delta, digest_of, encode_trailer, read_delta

pytestmark = pytest.mark.skipif("zstd" in WITHOUT, reason="a dense delta is coded by zstd")

OLD = prose(120_000, 1)
NEW = random_edits(OLD, 25, 2)
CPUS = ("portable", "sse41", "avx2", "avx512")


@pytest.fixture
def files(redelta: Tool, tmp_path: Path) -> Files:
    """Both files, and the dense delta."""
    made = Files(tmp_path)
    made.output.parent.mkdir()
    made.basis.write_bytes(OLD)
    made.new.write_bytes(NEW)
    made.delta.write_bytes(redelta.run("diff", "--dense", made.basis, made.new).done())
    return made


# ---- What it makes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("block", [100, 3000])
def test_expanded_it_makes_the_new_file_for_stock_too(
    redelta: Tool, rdiff: Tool, files: Files, name: str, block: int
) -> None:
    old, new = PAIRS[name](block)
    files.basis.write_bytes(old)
    files.new.write_bytes(new)
    files.delta.write_bytes(redelta.run("diff", "--dense", files.basis, files.new).done())
    plain = redelta.run("expand", files.basis, files.delta).done()
    files.output.write_bytes(plain)
    assert apply_delta(old, plain) == new
    assert plain[read_delta(plain).end :] == encode_trailer(new, basis=old)
    assert rdiff.run("patch", files.basis, files.output).done() == new
    assert redelta.run("patch", "--always-verify", files.basis, files.delta).done() == new
    redelta.run("verify", files.delta, files.new).done()


@given(edited_pairs())
def test_any_dense_delta_makes_the_new_file(
    redelta: Tool, tmp_path_factory: pytest.TempPathFactory, pair: tuple[bytes, bytes]
) -> None:
    old, new = pair
    folder = tmp_path_factory.mktemp("pair")
    (folder / "old").write_bytes(old)
    dense = redelta.run("diff", "--dense", folder / "old", "-", stdin=new).done()
    assert apply_delta(old, redelta.run("expand", folder / "old", "-", stdin=dense).done()) == new
    assert redelta.run("patch", folder / "old", "-", stdin=dense).done() == new


def test_it_is_smaller_than_any_other(redelta: Tool, files: Files) -> None:
    """Of a program: here, the command itself, with some of its bytes moved."""
    program = redelta.path.read_bytes()[:1_000_000]
    files.basis.write_bytes(program)
    files.new.write_bytes(random_edits(program, 200, 3))
    sizes = [len(redelta.run("diff", *how, files.basis, files.new).done()) for how in (["--dense"], ["-z19"], [])]
    assert sizes == sorted(sizes)


def test_expanded_and_compressed_it_is_that_compressed(redelta: Tool, files: Files) -> None:
    plain = redelta.run("expand", files.basis, files.delta).done()
    files.output.write_bytes(redelta.run("expand", "-z", files.basis, files.delta).done())
    assert redelta.run("inspect", "--ops", files.output).done() == redelta.run("inspect", "--ops", stdin=plain).done()
    assert redelta.run("patch", files.basis, files.output).done() == NEW


def test_the_level_of_its_compression_may_be_chosen(redelta: Tool, files: Files) -> None:
    new = NEW + prose(80_000, 9)
    files.new.write_bytes(new)
    made = [redelta.run("diff", "--dense", *how, files.basis, files.new).done() for how in ([], ["-z19"], ["-z1"])]
    assert made[0] == made[1]
    assert len(made[0]) < len(made[2])
    assert redelta.run("patch", files.basis, "-", stdin=made[2]).done() == new


def test_the_bytes_do_not_depend_on_threads_or_kernels(
    redelta: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of files of several segments."""
    old = prose(9_000_000, 3)
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(random_edits(old, 100, 4))
    words: Words = ["diff", "--dense", "-z3", tmp_path / "old", tmp_path / "new"]
    expected = redelta.run("-T1", *words).done()
    for threads in ("2", "8"):
        assert redelta.run("-T", threads, *words).done() == expected
    (tmp_path / "dense").write_bytes(expected)
    expand: Words = ["expand", tmp_path / "old", tmp_path / "dense"]
    plain = redelta.run("-T1", *expand).done()
    for cpu in CPUS:
        monkeypatch.setenv("REDELTA_CPU", cpu)
        assert redelta.run(*words).done() == expected
        assert redelta.run(*expand, "-T8").done() == plain


def test_files_with_holes_have_small_dense_deltas(redelta: Tool, tmp_path: Path) -> None:
    data = noise(70_000, 1)
    for name, at in (("old", 1), ("new", 40)):
        Layout(200 << 20, ((at << 20, data), (150 << 20, data[:5000]))).write(tmp_path / name)
    redelta.run("diff", "--dense", tmp_path / "old", tmp_path / "new", tmp_path / "dense").done()
    assert (tmp_path / "dense").stat().st_size < 5000
    redelta.run("patch", tmp_path / "old", tmp_path / "dense", tmp_path / "made").done()
    assert shell('cmp "$1" "$2"', tmp_path / "made", tmp_path / "new").done() == b""


# ---- What it says ---------------------------------------------------------------------------------------------------


def test_the_records_have_the_figures(redelta: Tool, files: Files) -> None:
    redelta.run("expand", "--json=log", "basis", "delta", "out", cwd=files.folder).done()
    (record,) = [json.loads(line) for line in (files.folder / "log").read_text().splitlines()]
    assert record["files"] == {
        "basis": {"name": "basis", "size": len(OLD)},
        "dense": {"name": "delta", "size": files.delta.stat().st_size},
        "delta": {"name": "out", "size": (files.folder / "out").stat().st_size},
    }
    assert record["copied"]["bytes"] + record["literal"]["bytes"] == len(NEW)
    assert (record["digest"], record["basis_digest"]) == (digest_of(NEW).hex(), digest_of(OLD).hex())
    for options, dense in ((["--dense"], True), (["--dense", "-z5"], True), (["-z"], False), ([], False)):
        redelta.run("diff", *options, "--json=log", "-f", "basis", "new", "out", cwd=files.folder).done()
        (record,) = [json.loads(line) for line in (files.folder / "log").read_text().splitlines()]
        assert (record["dense"], record["uncompressed"] is None) == (dense, options != ["-z"])
        assert (record["digest"], record["basis_digest"]) == (digest_of(NEW).hex(), digest_of(OLD).hex())


def test_statistics_name_both_deltas(redelta: Tool, files: Files) -> None:
    result = redelta.run("expand", "-s", "-v", files.basis, files.delta)
    words = result.err.decode().replace(",", "").split()
    for number in (len(OLD), len(NEW), files.delta.stat().st_size, len(result.done())):
        assert str(number) in words, result.describe()


# ---- What it refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [OLD + b"!", OLD[:-1], b"", OLD[:1000] + b"#" + OLD[1001:], NEW])
@pytest.mark.parametrize("verb", ["expand", "patch"])
def test_another_old_file_is_told_before_anything_is_written(
    redelta: Tool, files: Files, wrong: bytes, verb: str
) -> None:
    files.basis.write_bytes(wrong)
    for words in ([files.delta], ["-"]):
        with files.delta.open("rb") as stdin:
            error = redelta.run(verb, files.basis, *words, files.output, stdin=stdin).fails(4)
        assert error.file == str(files.basis)
        assert "basis" in error.what
        assert files.outputs() == []
        result = redelta.run(verb, files.basis, "-", stdin=files.delta.read_bytes())
        assert (result.status, result.out) == (4, b"")


@pytest.mark.parametrize("verb", ["expand", "patch"])
def test_a_dense_delta_that_is_cut_anywhere_is_told(redelta: Tool, files: Files, verb: str) -> None:
    dense = files.delta.read_bytes()
    for size in [*range(0, min(len(dense), 200), 3), *range(200, len(dense), 97), len(dense) - 1]:
        files.delta.write_bytes(dense[:size])
        error = redelta.run(verb, files.basis, files.delta, files.output).fails(3)
        assert error.file == str(files.delta)
        assert files.outputs() == []


@pytest.mark.parametrize("verb", ["expand", "patch"])
def test_a_dense_delta_that_is_altered_anywhere_is_told(redelta: Tool, files: Files, verb: str) -> None:
    """Or it still makes the new file. The lengths and digests of the files are at its start."""
    dense = files.delta.read_bytes()
    chance = random.Random(1)
    for at in [*range(100), *chance.sample(range(len(dense)), 150)]:
        altered = bytearray(dense)
        altered[at] ^= 1 << chance.randrange(8)
        files.delta.write_bytes(altered)
        result = redelta.run(verb, files.basis, files.delta, files.output)
        if result.status == 0 and verb == "expand":  # what it makes is verified by patch
            assert redelta.run("patch", files.basis, files.output).status in (0, 3, 4), at
            files.output.unlink()
        else:
            assert result.status in (3, 4), (at, result.describe())
            result.fails(result.status)
        assert files.outputs() == []


def test_what_is_no_dense_delta_is_told(redelta: Tool, files: Files) -> None:
    for bad in (b"text\n" * 100, b"", redelta.run("diff", files.basis, files.new).done(),
                redelta.run("diff", "-z", files.basis, files.new).done(),
                redelta.run("signature", files.basis).done()):  # fmt: skip
        files.delta.write_bytes(bad)
        error = redelta.run("expand", files.basis, files.delta, files.output).fails(3)
        assert error.file == str(files.delta)
        assert files.outputs() == []
    assert error.advice == "give a file made by 'redelta diff --dense'"


def test_rdiff_does_not_take_it_for_a_delta(rdiff: Tool, files: Files) -> None:
    assert rdiff.run("patch", files.basis, files.delta).status != 0


def test_a_pipe_as_the_old_file_is_refused(redelta: Tool, files: Files) -> None:
    error = redelta.run("expand", "-", files.delta, files.output, stdin=OLD).fails(1)
    assert (error.file, error.advice) == ("standard input", "give the basis as a file, not a pipe")
    assert files.outputs() == []


def test_missing_files_are_named(redelta: Tool, files: Files) -> None:
    missing = files.folder / "missing"
    assert redelta.run("expand", missing, files.delta, files.output).fails(1).file == str(missing)
    assert redelta.run("expand", files.basis, missing, files.output).fails(1).file == str(missing)
    assert "use -f" in redelta.run("expand", files.basis, files.delta, files.delta).fails(1).advice
    assert files.outputs() == []


@pytest.mark.parametrize("culprit", ["basis", "delta"])
def test_an_output_that_is_an_input_is_refused(redelta: Tool, files: Files, culprit: str) -> None:
    """Where it cannot be replaced as a whole; where it can, it is."""
    victim = getattr(files, culprit)
    kept = victim.read_bytes()
    expected = redelta.run("expand", files.basis, files.delta).done()
    result = shell('"$1" expand "$2" "$3" 1<> "$4"', redelta.path, files.basis, files.delta, victim)
    assert "overwritten" in result.fails(2).what
    assert victim.read_bytes() == kept
    redelta.run("expand", "-f", files.basis, files.delta, victim).done()
    assert victim.read_bytes() == expected


def test_limits_hold(redelta: Tool, files: Files) -> None:
    whole = redelta.run("expand", files.basis, files.delta).done()
    error = redelta.run("expand", "--max-output", "100", files.basis, files.delta, files.output).fails(3)
    assert "--max-output" in error.advice
    assert redelta.run("expand", "--max-output", str(len(whole)), files.basis, files.delta).done() == whole
    error = redelta.run("expand", "--max-memory", "1K", files.basis, files.delta, files.output).fails(3)
    assert "--max-memory" in error.advice
    error = redelta.run("patch", "--max-output", "1K", files.basis, files.delta, files.output).fails(3)
    assert "--max-output" in error.advice
    assert files.outputs() == []


@pytest.mark.parametrize("culprit", ["basis", "delta"])
def test_a_file_that_changes_is_told_and_nothing_written(redelta: Tool, files: Files, culprit: str) -> None:
    """The messages of the command go to the file that it reads."""
    victim = getattr(files, culprit)
    script = '"$1" expand -v "$2" "$3" "$4" 2>> "$5"'
    result = shell(script, redelta.path, files.basis, files.delta, files.output, victim)
    assert result.status in (3, 4, 6)
    assert victim.read_bytes().splitlines()[-1].startswith(b"redelta: expand: " + os.fsencode(victim) + b": ")
    assert files.outputs() == []


@pytest.mark.parametrize(
    "words",
    [["expand"], ["expand", "basis"], ["expand", "basis", "delta", "out", "more"], ["expand", "-", "-"],
     ["expand", "", "delta"], ["expand", "--dense", "basis", "delta"], ["expand", "--no-verify", "basis", "delta"],
     ["diff", "--dense", "--no-verify", "basis", "new"], ["delta", "--dense", "basis", "new"],
     ["merge", "--dense", "delta"]],
)  # fmt: skip
def test_a_wrong_command_line_is_refused(redelta: Tool, files: Files, words: list[str]) -> None:
    redelta.run(*words, cwd=files.folder, stdin=b"").refuses()


@pytest.mark.parametrize("word", ["ex", "exp"])
def test_it_may_be_shortened(redelta: Tool, files: Files, word: str) -> None:
    expected = redelta.run("expand", files.basis, files.delta).done()
    assert redelta.run(word, files.basis, files.delta).done() == expected

"""The verb diff: its delta makes the new file, for stock rdiff too, and depends on nothing but the files and options.

Bad input gets one line that says what is wrong, and no output.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from helpers.files import Files
from helpers.samples import PAIRS, edited_pairs, noise, prose, random_edits
from helpers.sparse import Layout
from helpers.tool import SANITIZED, Argument, Tool, Words, shell
from helpers.wire import apply_delta, digest_of, encode_trailer, read_delta, verdict

OLD = prose(300_000, 1)
NEW = random_edits(OLD, 30, 2)
CPUS = ("portable", "sse41", "avx2", "avx512")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An old and a new file, and a folder for outputs."""
    made = Files(tmp_path)
    made.output.parent.mkdir()
    made.basis.write_bytes(OLD)
    made.new.write_bytes(NEW)
    return made


def assert_makes(delta: bytes, old: bytes, new: bytes) -> None:
    """The delta makes the new file, and has the digests of both files."""
    assert apply_delta(old, delta) == new
    assert not verdict(old, delta).statuses
    assert delta[read_delta(delta).end :] == encode_trailer(new, basis=old)


def record(redelta: Tool, *words: Argument, cwd: Path) -> dict[str, Any]:
    """The record of a run that succeeds; the output is named `out`."""
    redelta.run("--json=log", *words, "out", "-f", cwd=cwd).done()
    found: dict[str, Any] = json.loads((cwd / "log").read_text().splitlines()[-1])
    return found


# ---- What it makes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("block", [100, 3000])
def test_the_new_file_is_what_stock_rdiff_makes(
    redelta: Tool, rdiff: Tool, files: Files, name: str, block: int
) -> None:
    old, new = PAIRS[name](block)
    files.basis.write_bytes(old)
    files.new.write_bytes(new)
    delta = redelta.run("diff", files.basis, files.new).done()
    files.delta.write_bytes(delta)
    assert_makes(delta, old, new)
    assert rdiff.run("patch", files.basis, files.delta).done() == new
    assert redelta.run("patch", "--always-verify", files.basis, files.delta).done() == new
    redelta.run("verify", files.delta, files.new).done()


@given(edited_pairs())
def test_any_new_file_is_made(
    redelta: Tool, tmp_path_factory: pytest.TempPathFactory, pair: tuple[bytes, bytes]
) -> None:
    old, new = pair
    folder = tmp_path_factory.mktemp("pair")
    (folder / "old").write_bytes(old)
    delta = redelta.run("diff", folder / "old", "-", stdin=new).done()
    assert_makes(delta, old, new)


def test_it_is_smaller_than_that_of_a_signature(redelta: Tool, files: Files) -> None:
    """Wherever the files have 64 bytes in common, they are found."""
    signature = redelta.run("signature", files.basis).done()
    with_signature = redelta.run("delta", "-", files.new, stdin=signature).done()
    delta = redelta.run("diff", files.basis, files.new).done()
    assert len(delta) < len(with_signature)
    inserted = OLD[:100_000] + b"inserted" + OLD[100_000:]
    commands = read_delta(redelta.run("diff", files.basis, "-", stdin=inserted).done()).commands
    assert len(commands) <= 4


def test_compressed_and_plain_make_the_same_file(redelta: Tool, files: Files) -> None:
    new = NEW + prose(50_000, 9)
    files.new.write_bytes(new)
    plain = redelta.run("diff", files.basis, files.new).done()
    for option in ("-z", "-z1", "--compress=19"):
        files.delta.write_bytes(redelta.run("diff", option, files.basis, files.new).done())
        assert files.delta.stat().st_size < len(plain)
        assert redelta.run("patch", files.basis, files.delta).done() == new


def test_without_verification_there_is_no_trailer(redelta: Tool, files: Files) -> None:
    plain = redelta.run("diff", files.basis, files.new).done()
    bare = redelta.run("diff", "--no-verify", files.basis, files.new).done()
    assert plain == bare + encode_trailer(NEW, basis=OLD)


@pytest.mark.parametrize("options", [[], ["-z"], ["--max-memory", "64K"]])
def test_the_bytes_do_not_depend_on_threads_or_kernels(
    redelta: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """Of files of several segments."""
    old = prose(9_000_000, 3)
    new = random_edits(old, 200, 4)
    (tmp_path / "old").write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    words: Words = ["diff", *options, tmp_path / "old", tmp_path / "new"]
    expected = redelta.run("-T1", *words).done()
    for threads in ("2", "8"):
        assert redelta.run("-T", threads, *words).done() == expected
    assert redelta.run("-T2", *words[:-1], "-", stdin=new).done() == expected
    for cpu in CPUS:
        monkeypatch.setenv("REDELTA_CPU", cpu)
        assert redelta.run(*words).done() == expected, cpu


def test_less_memory_makes_a_larger_delta_of_the_same_file(redelta: Tool, tmp_path: Path) -> None:
    old = noise(8_000_000, 5)
    pieces = [old[at : at + 200] for at in range(0, len(old), 1000)]
    (tmp_path / "old").write_bytes(old)
    sizes = []
    for memory in ("256M", "1M", "64K"):
        delta = redelta.run("diff", "--max-memory", memory, tmp_path / "old", "-", stdin=b"".join(pieces[::3])).done()
        assert apply_delta(old, delta) == b"".join(pieces[::3])
        sizes.append(len(delta))
    assert sizes[0] <= sizes[1] <= sizes[2]
    assert sizes[0] < sizes[2]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer reserves address space")
def test_memory_is_bounded_whatever_the_size(redelta: Tool, tmp_path: Path) -> None:
    """An index of all of the old file would be larger than the limit of the process."""
    old = noise(96 << 20, 6)
    (tmp_path / "old").write_bytes(old)
    words: Words = ["diff", "-T1", "--max-memory", "1M", tmp_path / "old", "-"]
    new = old[1000:2_000_000] + old[:1_000_000]
    delta = redelta.run(*words, stdin=new, memory=80 << 20).done()
    assert apply_delta(old, delta) == new
    assert len(delta) < 10_000


def test_holes_are_not_read_and_change_no_byte(redelta: Tool, tmp_path: Path) -> None:
    """Files of 1 GiB that are holes for the most part, and small ones of the same kind without."""
    data = noise(100_000, 7)
    for size, limit in ((3_000_000, 60), (1 << 30, 20)):
        Layout(size, ((0, data), (1_000_000, data[:50_000]))).write(tmp_path / "old")
        Layout(size + 5_000_000, ((700_000, data), (2_000_000, data[50_000:]))).write(tmp_path / "new")
        delta = redelta.run("diff", tmp_path / "old", tmp_path / "new", cpu=limit).done()
        (tmp_path / "delta").write_bytes(delta)
        assert len(delta) < 4000  # a copy of zeros is at most 4 MiB long
        redelta.run("patch", "-f", tmp_path / "old", tmp_path / "delta", tmp_path / "made").done()
        redelta.run("verify", tmp_path / "delta", tmp_path / "made").done()
        assert shell('cmp "$1" "$2"', tmp_path / "made", tmp_path / "new").done() == b""
    for name in ("old", "new"):
        Layout(3_000_000, ((0, data), (1_000_000, data[:50_000]))).write(tmp_path / name)
        (tmp_path / f"{name}-full").write_bytes((tmp_path / name).read_bytes())
    sparse = redelta.run("diff", tmp_path / "old", tmp_path / "new").done()
    assert redelta.run("diff", tmp_path / "old-full", tmp_path / "new-full").done() == sparse


# ---- Where it comes from and goes to --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_the_new_file_may_be_standard_input(redelta: Tool, files: Files, name: str) -> None:
    expected = redelta.run("diff", files.basis, files.new).done()
    assert redelta.run("diff", files.basis, name, stdin=NEW).done() == expected
    with files.new.open("rb") as redirected:
        assert redelta.run("diff", files.basis, name, stdin=redirected).done() == expected


def test_the_old_file_may_be_redirected(redelta: Tool, files: Files) -> None:
    with files.basis.open("rb") as redirected:
        made = redelta.run("diff", "-", files.new, stdin=redirected).done()
    assert made == redelta.run("diff", files.basis, files.new).done()


def test_the_output_may_replace_either_file(redelta: Tool, files: Files) -> None:
    expected = redelta.run("diff", files.basis, files.new).done()
    for name in (files.basis, files.new):
        kept = name.read_bytes()
        assert "use -f" in redelta.run("diff", files.basis, files.new, name).fails(1).advice
        assert name.read_bytes() == kept
        redelta.run("diff", "-f", files.basis, files.new, name).done()
        assert name.read_bytes() == expected
        name.write_bytes(kept)


def test_identical_files_are_told_if_asked(redelta: Tool, files: Files) -> None:
    for old in (OLD, b"", b"x"):
        files.basis.write_bytes(old)
        result = redelta.run("diff", "--exit-code", files.basis, files.basis)
        assert result.status == 5
        assert apply_delta(old, result.out) == old
        assert redelta.run("diff", files.basis, files.basis).done() == result.out
    files.basis.write_bytes(OLD)
    for new in (OLD + b"!", OLD[:-1], NEW, b""):
        assert redelta.run("diff", "--exit-code", files.basis, "-", stdin=new).status == 0


# ---- What it says ---------------------------------------------------------------------------------------------------


def test_the_record_has_the_figures(redelta: Tool, files: Files) -> None:
    found = record(redelta, "diff", "basis", "new", cwd=files.folder)
    delta = (files.folder / "out").read_bytes()
    assert found["verb"] == "diff"
    assert found["files"] == {
        "basis": {"name": "basis", "size": len(OLD)},
        "new": {"name": "new", "size": len(NEW)},
        "delta": {"name": "out", "size": len(delta)},
    }
    assert found["copied"]["bytes"] + found["literal"]["bytes"] == len(NEW)
    assert found["saved"] == pytest.approx(1 - len(delta) / len(NEW))
    assert (found["digest"], found["basis_digest"]) == (digest_of(NEW).hex(), digest_of(OLD).hex())
    assert (found["basis_size"], found["identical"], found["uncompressed"]) == (len(OLD), False, None)
    files.new.write_bytes(NEW + prose(50_000, 9))
    packed = record(redelta, "diff", "-z", "basis", "new", cwd=files.folder)
    assert packed["uncompressed"] > packed["files"]["delta"]["size"]
    bare = record(redelta, "diff", "--no-verify", "basis", "basis", cwd=files.folder)
    assert (bare["digest"], bare["basis_digest"], bare["basis_size"], bare["identical"]) == (None, None, None, True)


def test_statistics_name_both_files_and_the_delta(redelta: Tool, files: Files) -> None:
    result = redelta.run("diff", "-s", "-v", files.basis, files.new)
    text = result.err.decode().replace(",", "")
    for number in (len(OLD), len(NEW), len(result.done())):
        assert str(number) in text, result.describe()
    assert redelta.run("diff", "-s", "-v", "-q", files.basis, files.new).err == b""


def test_progress_is_that_of_both_files(redelta: Tool, files: Files) -> None:
    redelta.run("--json=log", "--progress", "diff", "basis", "new", "out", cwd=files.folder).done()
    steps = [json.loads(line) for line in (files.folder / "log").read_text().splitlines()][:-1]
    assert steps
    assert {(step["verb"], step["step"], step["total"]) for step in steps} == {("diff", "diff", len(OLD) + len(NEW))}


# ---- What it refuses ------------------------------------------------------------------------------------------------


def fill(write_end: int) -> None:
    """Less than a pipe holds."""
    with os.fdopen(write_end, "wb") as pipe:
        pipe.write(OLD[:1000])


@pytest.mark.parametrize("given", ["standard input", "a name"])
def test_a_pipe_as_the_old_file_is_refused_with_the_reason(redelta: Tool, files: Files, given: str) -> None:
    if given == "a name":
        read_end, write_end = os.pipe()
        writer = threading.Thread(target=fill, args=(write_end,))
        writer.start()
        result = redelta.run("diff", f"/dev/fd/{read_end}", files.new, files.output, pass_fds=[read_end])
        os.close(read_end)
        writer.join()
    else:
        result = redelta.run("diff", "-", files.new, files.output, stdin=OLD)
    error = result.fails(result.status)
    assert result.status in (1, 2)
    assert error.file == (given if given == "standard input" else f"/dev/fd/{read_end}")
    assert "pipe" in error.what + error.advice
    assert files.outputs() == []


def test_missing_files_are_named(redelta: Tool, files: Files) -> None:
    missing = files.folder / "missing"
    assert redelta.run("diff", missing, files.new, files.output).fails(1).file == str(missing)
    assert redelta.run("diff", files.basis, missing, files.output).fails(1).file == str(missing)
    assert redelta.run("diff", files.folder, files.new, files.output).fails(1).file == str(files.folder)
    assert redelta.run("diff", files.basis, files.new, missing / "out").fails(1).file == str(missing / "out")
    assert files.outputs() == []


@pytest.mark.parametrize("culprit", ["basis", "new"])
def test_an_output_that_is_an_input_is_refused(redelta: Tool, files: Files, culprit: str) -> None:
    """Where it cannot be replaced as a whole."""
    victim = getattr(files, culprit)
    kept = victim.read_bytes()
    result = shell('"$1" diff "$2" "$3" 1<> "$4"', redelta.path, files.basis, files.new, victim)
    error = result.fails(2)
    assert "overwritten" in error.what
    assert victim.read_bytes() == kept


@pytest.mark.parametrize("size", [1, 100, 1000])
def test_no_more_than_is_allowed_is_written(redelta: Tool, files: Files, size: int) -> None:
    error = redelta.run("diff", "--max-output", str(size), files.basis, files.new, files.output).fails(3)
    assert "--max-output" in error.advice
    assert files.outputs() == []
    whole = redelta.run("diff", files.basis, files.new).done()
    limit = str(len(whole))
    assert redelta.run("diff", "--max-output", limit, files.basis, files.new).done() == whole


def test_too_little_memory_for_any_index_is_told(redelta: Tool, files: Files) -> None:
    """Either it works with so little, or it says so."""
    result = redelta.run("diff", "--max-memory", "1", files.basis, files.new, files.output)
    if result.status == 0:
        assert apply_delta(OLD, files.output.read_bytes()) == NEW
    else:
        assert "--max-memory" in result.fails(3).advice
        assert files.outputs() == []


@pytest.mark.parametrize("culprit", ["basis", "new"])
def test_a_file_that_changes_is_told_and_the_delta_kept(redelta: Tool, files: Files, culprit: str) -> None:
    """As by delta. The messages of the command go to the file that it reads."""
    victim = getattr(files, culprit)
    shell('"$1" diff -v "$2" "$3" "$4" 2>> "$5"', redelta.path, files.basis, files.new, files.output, victim)
    last = victim.read_bytes().splitlines()[-1]
    assert last.startswith(b"redelta: diff: " + os.fsencode(victim) + b": warning: changed while it was being read;")
    assert files.outputs() == ["output"]
    files.output.unlink()
    script = '"$1" diff -v --accept-changed "$2" "$3" "$4" 2>> "$5"'
    assert shell(script, redelta.path, files.basis, files.new, files.output, victim).status == 0
    assert b"warning" not in victim.read_bytes().splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [["diff"], ["diff", "basis"], ["diff", "basis", "new", "out", "more"], ["diff", "-", "-"], ["diff", "", "new"],
     ["diff", "-b", "256", "basis", "new"], ["diff", "-n", "basis", "new"], ["diff", "-z", "3", "basis", "new", "out"],
     ["diff", "--always-verify", "basis", "new"], ["diff", "--max-memory", "0", "basis", "new"],
     ["diff", "-o", "out", "basis", "new"]],
)  # fmt: skip
def test_a_wrong_command_line_is_refused(redelta: Tool, files: Files, words: list[str]) -> None:
    redelta.run(*words, cwd=files.folder, stdin=b"").refuses()
    assert not (files.folder / "out").exists()


@pytest.mark.parametrize("word", ["di", "dif"])
def test_it_may_be_shortened(redelta: Tool, files: Files, word: str) -> None:
    assert redelta.run(word, files.basis, files.new).done() == redelta.run("diff", files.basis, files.new).done()

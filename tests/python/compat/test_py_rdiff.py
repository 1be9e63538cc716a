"""`py_rdiff`: its three functions, the session of its README, and what it prints."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

import py_rdiff
import py_rdiff.py_rdiff
from helpers.samples import PAIRS
from helpers.tool import Tool


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory of a test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_session_of_the_readme(folder: Path) -> None:
    (folder / "test.txt").write_text("asdqwezxcrfv")
    (folder / "test2.txt").write_text("qwerty qwerty qwerty")
    assert py_rdiff.rsync_sig("test.txt") == (True, "dd18bf3a8e0a2a3e53e2661c7fb53534.sig")
    made = py_rdiff.rsync_delta("dd18bf3a8e0a2a3e53e2661c7fb53534.sig", "test2.txt")
    assert made == (True, "dd18bf3a8e0a2a3e53e2661c7fb53534.delta")
    assert py_rdiff.rsync_patch("dd18bf3a8e0a2a3e53e2661c7fb53534.delta", "test.txt", "test3.txt") == (True, None)
    assert (folder / "test3.txt").read_text() == "qwerty qwerty qwerty"


@pytest.mark.parametrize("name", ["text_edited", "noise_edited", "empty_basis", "empty_new_file"])
def test_rdiff_understands_what_is_made(rdiff: Tool, folder: Path, name: str) -> None:
    old, new = PAIRS[name](2048)
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    _, signature = py_rdiff.rsync_sig("old")
    assert signature is not None
    _, delta = py_rdiff.rsync_delta(signature, "new")
    assert delta is not None
    options = ("-H", "md4", "-R", "rollsum", "-b", "2048", "-S", "8")
    assert (folder / signature).read_bytes() == rdiff.run("signature", *options, folder / "old").done()
    assert rdiff.run("patch", folder / "old", folder / delta).done() == new


def test_outputs_are_in_the_current_directory(folder: Path) -> None:
    (folder / "there").mkdir()
    (folder / "there" / "file").write_bytes(b"bytes")
    named = hashlib.md5(b"there/file").hexdigest()
    assert py_rdiff.rsync_sig("there/file") == (True, f"{named}.sig")
    (folder / f"{named}.sig").rename(folder / "there" / "a.b.sig")
    assert py_rdiff.rsync_delta("there/a.b.sig", "there/file") == (True, "a.delta")
    assert sorted(path.name for path in folder.iterdir()) == ["a.delta", "there"]


def test_the_new_file_may_be_the_basis(folder: Path) -> None:
    (folder / "old").write_bytes(b"old")
    (folder / "new").write_bytes(b"new")
    _, signature = py_rdiff.rsync_sig("old")
    _, delta = py_rdiff.rsync_delta(str(signature), "new")
    assert py_rdiff.rsync_patch(str(delta), "old", "old") == (True, None)
    assert (folder / "old").read_bytes() == b"new"


def test_a_missing_first_file_is_said_to_be(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "there").write_bytes(b"bytes")
    assert py_rdiff.rsync_sig("missing") == (False, None)
    assert py_rdiff.rsync_delta("missing", "there") == (False, None)
    assert py_rdiff.rsync_patch("missing", "there", "made") == (False, None)
    assert capsys.readouterr() == ("file not found\n" * 3, "")
    assert [path.name for path in folder.iterdir()] == ["there"]


def test_any_other_failure_prints_its_traceback(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "there").write_bytes(b"neither a signature nor a delta")
    _, signature = py_rdiff.rsync_sig("there")
    assert signature is not None
    bad_magic, not_found = "redelta.BadMagicError: ", "FileNotFoundError: "
    steps: list[tuple[Callable[..., object], tuple[str, ...], str]] = [
        (py_rdiff.rsync_delta, ("there", "there"), bad_magic),
        (py_rdiff.rsync_delta, (signature, "missing"), not_found),
        (py_rdiff.rsync_patch, ("there", "there", "made"), bad_magic),
        (py_rdiff.rsync_patch, ("there", "missing", "made"), not_found),
    ]
    for step, arguments, error in steps:
        assert step(*arguments) == (False, None)
        out, err = capsys.readouterr()
        assert out.startswith("Traceback (most recent call last):\n")
        assert f"\n{error}" in out
        assert err == ""
    assert sorted(path.name for path in folder.iterdir()) == sorted(["there", signature])


def test_it_is_importable_by_both_names() -> None:
    for name in ("rsync_sig", "rsync_delta", "rsync_patch"):
        assert getattr(py_rdiff, name) is getattr(py_rdiff.py_rdiff, name)

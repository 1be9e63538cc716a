"""`redelta push` and `redelta pull`: on files, and on a store of fsspec in this process's memory. The stores themselves
have tests of their own (tests/store)."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from helpers.programs import records_of, run_program
from helpers.samples import noise, random_edits

OLD = noise(600_000, 1)
NEW = random_edits(OLD, 5, 2)

Program = Callable[..., int]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Runs a program in this process, which alone sees what is in its memory."""
    objects = importlib.import_module("redelta._cli.objects")
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]

    def run(name: str, *words: str | Path) -> int:
        monkeypatch.setattr(sys, "argv", [f"redelta-{name}", *map(str, words)])
        status = getattr(objects, f"{name}_main")()
        assert isinstance(status, int)
        return status

    yield run
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
    fsspec.filesystem("memory").store.clear()


def test_push_makes_a_file_the_same(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(NEW)
    (tmp_path / "there").write_bytes(OLD)
    dry = run_program("push", tmp_path / "new", tmp_path / "there", "-n")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "bytes sent" in dry.stdout
    assert (tmp_path / "there").read_bytes() == OLD
    done = run_program("push", tmp_path / "new", f"file://{tmp_path}/there", "--stats")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"size{len(NEW):>31,} bytes" in done.stderr
    assert (tmp_path / "there").read_bytes() == NEW


def test_records_say_what_it_took(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(NEW)
    *_, result = records_of(run_program("push", "--json", tmp_path / "new", tmp_path / "there").stdout)
    assert (result["verb"], result["object"]["size"], result["object"]["dry_run"]) == ("push", len(NEW), False)
    *_, result = records_of(run_program("push", "--json", tmp_path / "new", tmp_path / "there", "-n").stdout)
    assert result["object"]["dry_run"] is True


def test_there_and_back_over_fsspec(here: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "new").write_bytes(NEW)
    (tmp_path / "file").write_bytes(OLD)
    assert here("push", tmp_path / "new", "memory://bucket/key", "--sign") == 0
    assert fsspec.filesystem("memory").cat("/bucket/key") == NEW
    assert here("pull", "memory://bucket/key", tmp_path / "file", "--json") == 0
    assert (tmp_path / "file").read_bytes() == NEW
    *_, result = records_of(capsys.readouterr().out)
    assert result["object"]["reused"] > len(NEW) // 2
    assert result["object"]["fetched"] < len(NEW) // 2
    assert here("pull", "memory://bucket/key", tmp_path / "third", f"--old={tmp_path / 'file'}") == 0
    assert (tmp_path / "third").read_bytes() == NEW
    assert here("pull", "memory://bucket/key", tmp_path / "fourth") == 0
    assert (tmp_path / "fourth").read_bytes() == NEW


def test_without_a_signature_pull_says_so_unless_all_may_be_fetched(
    here: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fsspec.filesystem("memory").pipe("/bucket/key", NEW)
    (tmp_path / "file").write_bytes(OLD)
    assert here("pull", "memory://bucket/key", tmp_path / "file") == 1
    assert "signature" in capsys.readouterr().err
    assert (tmp_path / "file").read_bytes() == OLD
    assert here("pull", "memory://bucket/key", tmp_path / "file", "--whole") == 0
    assert (tmp_path / "file").read_bytes() == NEW


@pytest.mark.parametrize("words", [("push", "missing", "there"), ("pull", "missing", "there")])
def test_what_is_not_there_is_told(tmp_path: Path, words: tuple[str, str, str]) -> None:
    done = run_program(words[0], *words[1:], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"redelta: {words[0]}: ")
    assert "missing: cannot be used: No such file or directory; check the name\n" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_fsspec_does_not_know_is_told(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(NEW)
    done = run_program("push", tmp_path / "new", "nonsense://bucket/key")
    assert done.returncode in (1, 2)
    assert "nonsense" in done.stderr
    assert done.stderr.count("\n") == 1

"""What goes wrong in a verb of the package is said as the command says it: in its words, with a place, and once."""

from __future__ import annotations

import functools
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import redelta
from helpers.programs import run_program
from helpers.samples import noise
from redelta import dataset, store
from redelta._cli._words import in_words_of_the_command
from redelta.store import _sign

PYTHON = re.compile(r"\bb'|redelta\.(?!sig|delta)\w|\w=(?!\w+,)|Error\b|None\b")
"""What belongs to Python, and not into a message of the command."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the directories `old` and `new`, and the datasets `sig` and `delta`."""
    for name, more in ("old", b""), ("new", b"more"):
        (tmp_path / name).mkdir()
        for number in range(5):
            (tmp_path / name / str(number)).write_bytes(noise(20_000, number) + more)
    with ThreadPoolExecutor(1) as threads:
        dataset.write_signature(tmp_path / "old", tmp_path / "sig", executor=threads)
        dataset.write_delta(tmp_path / "sig", tmp_path / "new", tmp_path / "delta", executor=threads)
    return tmp_path


def said(status: int, place: Path, program: str, *words: str, **variables: str) -> list[str]:
    """The lines on standard error of a program that fails, without what they begin with."""
    workers = ["--workers=1"] if program == "dataset" and words[0] != "diff" and "--scheduler" not in words else []
    done = run_program(program, *words, *workers, cwd=place, **variables)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    lines = done.stderr.splitlines()
    verb = f"redelta: {program} {words[0]}: " if program == "dataset" else f"redelta: {program}: "
    assert all(line.startswith(verb) for line in lines)
    assert not PYTHON.search(done.stderr), done.stderr
    return [line.removeprefix(verb) for line in lines]


def test_the_wrong_root_is_told_by_files(place: Path) -> None:
    *files, last = said(1, place, "dataset", "patch", "delta", "sig")
    assert [line.split(":")[0] for line in files[:5]] == ["0", "1", "2", "3", "4"]
    assert len(files) == 5
    assert last == "5 files failed; nothing was changed (--partial changes all others)"


def test_limits_are_options(place: Path) -> None:
    (line,) = said(3, place, "dataset", "patch", "--max-output=3", "delta", "old")
    assert re.fullmatch(r"the new files have \d+ bytes together, and 3 are allowed; raise --max-output if .*", line)
    (line,) = said(2, place, "dataset", "signature", "-S", "99", "old", "x")
    assert line.endswith("'99' is not a whole number from 1 to 32; try 'redelta dataset signature --help'")


@pytest.mark.parametrize(
    ("status", "words", "line"),
    [
        (1, ("patch", "delta", "nowhere"), "{}/nowhere: cannot be used: No such file or directory; check the name"),
        (1, ("signature", "nowhere/", "x"), "{}/nowhere: cannot be used: No such file or directory; check the name"),
        (1, ("patch", "old", "new"), "{}/old: no dataset is here: it has no manifest.json; check the name"),
        (
            2, ("patch", "sig", "old"),
            "{}/sig: it is a dataset signature, not a dataset delta; try 'redelta dataset patch --help'",
        ),
        (2, ("sync", "old", "old"), "{0}/old and {0}/old: one lies in the other; try 'redelta dataset sync --help'"),
    ],
)  # fmt: skip
def test_a_message_has_a_place_and_says_what_to_do(place: Path, status: int, words: tuple[str, ...], line: str) -> None:
    assert said(status, place, "dataset", *words) == [line.format(place)]


def test_a_damaged_dataset_is_told_with_its_directory(place: Path) -> None:
    (place / "delta/manifest.json").write_text("{")
    (line,) = said(3, place, "dataset", "patch", "delta", "old")
    assert line.startswith(f"{place}/delta: manifest.json: it is not JSON: ")
    assert line.endswith("; make or fetch the dataset again")


def test_a_url_that_fsspec_does_not_know_is_a_usage_error(place: Path) -> None:
    (line,) = said(2, place, "dataset", "signature", "nonsense://data", "x")
    assert line.startswith("nonsense://data: fsspec cannot open this: ")
    (line,) = said(2, place, "push", "old/1", "nonsense://data/1")
    assert line.startswith("'nonsense://data/1': fsspec cannot open this: ")


class Quiet(SimpleHTTPRequestHandler):
    """Serves the files of a directory."""

    def log_message(self, format: str, *words: object) -> None:
        """Nothing."""


def test_what_fsspec_only_reads_is_told(place: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=place)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/old/1"
        (line,) = said(2, place, "push", "new/1", url)
        server.shutdown()
    assert line == f"'{url}': fsspec only reads what is behind such a URL; try 'redelta push --help'"


@pytest.mark.parametrize("address", ["bla", "http://127.0.0.1:1"])
def test_an_address_that_is_none_is_a_usage_error(place: Path, address: str) -> None:
    (line,) = said(2, place, "dataset", "signature", "old", "x", "--scheduler", address)
    assert line.startswith(f"the address '{address}' of a scheduler is not like tcp://host:8786; try ")


def test_a_scheduler_that_does_not_answer_is_told(place: Path) -> None:
    quick = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    (line,) = said(7, place, "dataset", "signature", "old", "x", "--scheduler", "tcp://127.0.0.1:1", **quick)
    assert line == ("tcp://127.0.0.1:1: cannot be used: no scheduler answers; check that it runs, and its address")


def test_functions_of_python_are_verbs() -> None:
    with pytest.raises(redelta.BadMagicError) as caught:
        redelta.delta(b"no signature", b"")
    assert in_words_of_the_command(str(caught.value)).endswith("; give a file made by 'redelta signature'")
    for make in _sign.stale, _sign.missing:
        told = in_words_of_the_command(str(make("s3://bucket/key")))
        assert "; fetch all of it by --whole, or have a signature made by 'redelta push --sign'" in told
        assert "redelta.store" not in told
    with pytest.raises(redelta.ParameterError) as refused:
        store.push(b"", "/nowhere/file", limits="s4")
    assert in_words_of_the_command(str(refused.value)).startswith("unknown store 's4': choose s3")
    with pytest.raises(redelta.ParameterError) as refused:
        redelta.signature(b"", block_len=0)
    assert in_words_of_the_command(str(refused.value)).startswith("--block-size must be from 1 to ")


def test_python_gets_names_and_parameters(place: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(dataset.DatasetError, match=r"^5 files failed: '0': .*partial= changes") as failed:
            dataset.write_patch(place / "delta", place / "sig", executor=threads)
        assert failed.value.reason == "5 files failed; nothing was changed (partial= changes all others)"
        with pytest.raises(redelta.ParameterError, match=r"limits must be a redelta\.dataset\.Limits, not 3"):
            dataset.write_patch(place / "delta", place / "old", limits=3, executor=threads)  # type: ignore[arg-type]
        with pytest.raises(FileNotFoundError) as missing:
            dataset.write_signature(f"{place}/nowhere/", place / "x", executor=threads)
        assert missing.value.filename == f"{place}/nowhere"
    shutil.rmtree(place / "sig")
    with pytest.raises(redelta.ParameterError, match="no dataset is here"):
        dataset.verify(place / "sig", place / "old")

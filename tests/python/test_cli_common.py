"""What the verbs of the package have in common: the command line, messages, records, exit statuses, signals."""

from __future__ import annotations

import argparse
import errno
import importlib
import logging
import os
import pty
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.processes import children_of, open_files, wait_for
from helpers.programs import BIN, records_of, run_program
from helpers.tool import HANG_SECONDS, heed_signals
from redelta._cli import _arguments, _records, _run

PROGRAMS = ["dataset", "push", "pull"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a few files."""
    place = tmp_path / "data"
    place.mkdir()
    for number in range(5):
        (place / f"file{number}").write_bytes(bytes([number]) * 30_000)
    return place


@pytest.fixture
def signals() -> Iterator[None]:
    """Undoes what a program that runs in this process does to signals."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


# ---- The command line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("12", 12),
        ("4K", 4096),
        ("4KiB", 4096),
        ("4KB", 4000),
        ("2M", 2 << 20),
        ("1GB", 10**9),
        ("1T", 1 << 40),
    ],
)
def test_sizes_are_those_of_the_command(text: str, expected: int) -> None:
    assert _arguments.size(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "4kb", "4X", "K", "1 K", "99999999999999T"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        _arguments.size(text)


def test_options_whose_value_may_be_missing_take_no_other_word() -> None:
    split = _arguments.split
    assert split(["a", "--json", "b", "-z", "c"]) == ["a", "--json=-", "b", "--compress=", "c"]
    assert split(["--json=x", "-z9", "--compress", "--", "--json", "-z"]) == [
        "--json=x", "--compress=9", "--compress=", "--", "--json", "-z",
    ]  # fmt: skip


def test_storage_options_become_a_dict() -> None:
    parser = _arguments.Parser("redelta x")
    _arguments.add_storage_options(parser, storage="URL")
    words = ["key=text", "anon=true", "client_kwargs.endpoint_url=http://x=y", "client_kwargs.n=3", 'a.b.c=[1, "x"]']
    found = parser.parse_args([f"--storage-option={word}" for word in words])
    assert found.storage_options == {
        "key": "text",
        "anon": True,
        "client_kwargs": {"endpoint_url": "http://x=y", "n": 3},
        "a": {"b": {"c": [1, "x"]}},
    }


@pytest.mark.parametrize(
    ("program", "words", "message"),
    [
        ("dataset", [], "dataset: the verb is missing: choose signature, delta, patch, verify, diff, sync"),
        ("dataset", ["sing"], "dataset: unknown verb 'sing': choose"),
        ("dataset", ["signature", "x"], "dataset signature: the following arguments are required: DATASET"),
        ("dataset", ["signature", "a", "b", "c"], "dataset signature: unrecognized arguments: c"),
        ("dataset", ["signature", "a", "b", "--min-size=x"], "argument --min-size: size 'x' is not a whole number"),
        ("dataset", ["diff", "a", "b", "--workers", "0"], "dataset diff: unrecognized arguments: --workers 0"),
        ("dataset", ["verify", "a", "b", "--workers", "0"], "'0' is not a whole number from 1 on"),
        ("dataset", ["verify", "a", "b", "--workers=1", "--scheduler=x"], "not allowed with argument --workers"),
        ("dataset", ["delta", "a", "b", "c", "-z99"], "level '99' is not a whole number from 1 to 22"),
        ("dataset", ["patch", "a", "b", "--storage-option", "x"], "'x' is not KEY=VALUE"),
        ("push", [__file__, "s3://images"], "'s3://images' names no object: s3://BUCKET/KEY is needed"),
        ("push", [__file__, "s3://"], "'s3://' names no object: s3://BUCKET/KEY is needed"),
        ("push", [__file__, "az://images/a"], "needs --storage-option account_name=NAME, or connection_string=TEXT;"),
        ("pull", ["az://images", "a"], "'az://images' names no blob: az://CONTAINER/BLOB is needed"),
        ("push", [__file__, "s3://a/b", "--storage-option=secert=x"], "option 'secert': did you mean 'secret'? there"),
        ("dataset", ["sync", "a", "b", "--storage-option=a=1", "--storage-option=a.b=1"], "'a' has a value of its own"),
        ("push", ["x"], "push: the following arguments are required: URL"),
        ("push", ["x", "y", "--mode", "slow"], "argument --mode: invalid choice: 'slow'"),
        ("pull", [], "pull: the following arguments are required: URL, FILE"),
    ],
)
def test_a_wrong_command_line_is_one_line(program: str, words: list[str], message: str) -> None:
    done = run_program(program, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("redelta: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "; try 'redelta " in done.stderr
    (record,) = records_of(run_program(program, *words, "--json").stdout)
    assert (record["type"], record["status"]) == ("error", 2)
    assert message.partition(": ")[2] in f"x: {record['message']}" or message in record["message"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version_are_there(program: str) -> None:
    for words in (["--help"], ["-h"]):
        shown = run_program(program, *words)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert f"redelta {program}" in shown.stdout
        assert max(map(len, shown.stdout.splitlines())) <= 80
    assert run_program(program, "-V").stdout == f"redelta {redelta.__version__}\n"


def test_each_verb_of_dataset_has_help() -> None:
    for verb in ("signature", "delta", "patch", "verify", "diff", "sync"):
        shown = run_program("dataset", verb, "--help").stdout
        for option in ("--quiet", "--json", "--progress", "--stats"):
            assert option in shown
        assert ("--scheduler" in shown) == (verb != "diff")
        assert ("--dry-run" in shown) == (verb in ("patch", "sync"))
        assert verb in run_program("dataset", "--help").stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_command_runs_them(program: str) -> None:
    """The one of the wheel, which lies beside them; also as a module."""
    for start in ([BIN / "redelta"], [sys.executable, "-m", "redelta"]):
        command: list[str | Path] = [*start]
        for words in ([program, "--help"], ["help", program]):
            shown = subprocess.run([*command, *words], capture_output=True, text=True, check=True, cwd="/")
            assert shown.stdout == run_program(program, "--help").stdout
        failed = subprocess.run([*command, program, "--foo"], capture_output=True, text=True, check=False, cwd="/")
        assert failed.returncode == 2


# ---- What goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "result"),
    [
        (redelta.ParameterError("x"), 2, "RD_E_PARAMETER"),
        (redelta.CorruptError("x"), 3, "RD_E_CORRUPT"),
        (redelta.LimitError("x"), 3, "RD_E_LIMIT"),
        (redelta.VerifyError("x"), 4, "RD_E_MISMATCH"),
        (redelta.FileChangedError("x"), 6, "RD_E_CHANGED"),
        (redelta.PeerError("x"), 7, "RD_E_PEER"),
        (FileNotFoundError(errno.ENOENT, "No such file", "name"), 1, "RD_E_IO"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), 7, "RD_E_IO"),
        (OSError("Timed out"), 7, "RD_E_IO"),
        (MemoryError(), 1, "RD_E_MEMORY"),
        (ValueError("Protocol not known: foo"), 1, "RD_E_IO"),
        (ModuleNotFoundError("No module named 's3fs'", name="s3fs"), 2, "RD_E_PARAMETER"),
    ],
)
def test_an_exception_has_the_status_of_the_command(error: Exception, status: int, result: str) -> None:
    failure = _run.failure_of(error)
    assert (failure.status, failure.result) == (status, result)
    assert "\n" not in failure.line()


def test_exceptions_of_stores_and_datasets_have_theirs() -> None:
    store, dataset = importlib.import_module("redelta.store"), importlib.import_module("redelta.dataset")
    assert _run.failure_of(store.ObjectChangedError("x", url="s3://b/k")).status == 6
    assert _run.failure_of(store.UnavailableError("x")).status == 7
    assert _run.failure_of(store.MissingExtraError("x")).status == 2
    assert _run.failure_of(store.StoreError("x")).status == 1
    assert _run.failure_of(dataset.DatasetCorruptError("x")).status == 3
    assert _run.failure_of(dataset.DatasetError("x")).status == 1
    assert _run.failure_of(store.StoreError("is gone", url="s3://b/k")).line() == "s3://b/k: is gone"


@pytest.mark.parametrize(
    ("program", "words", "module", "extra"),
    [
        ("dataset", ["signature", ".", "x"], "pyarrow", "dataset"),
        ("dataset", ["verify", "--scheduler", "tcp://127.0.0.1:1", "a", "b"], "distributed", "dask"),
        ("dataset", ["signature", "memory://x", "y"], "fsspec", "fsspec"),
        ("push", ["file", "s3://bucket/key"], "boto3", "s3"),
    ],
)
def test_a_missing_package_is_one_line_that_says_what_to_install(
    tmp_path: Path, program: str, words: list[str], module: str, extra: str
) -> None:
    (tmp_path / module).mkdir()
    (tmp_path / module / "__init__.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{module}'\", name='{module}')\n"
    )
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "file").write_bytes(b"new")
    done = run_program(program, *words, cwd=tmp_path / "work", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"redelta[{extra}]" in done.stderr
    assert not (tmp_path / "work" / "x").exists()


def test_an_error_is_a_line_and_a_record_and_a_traceback_only_if_asked_for(root: Path, tmp_path: Path) -> None:
    words = ("signature", tmp_path / "missing", tmp_path / "out")
    done = run_program("dataset", *words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"redelta: dataset signature: {tmp_path}/missing")
    assert done.stderr.count("\n") == 1
    (record,) = records_of(run_program("dataset", *words, "--json").stdout)
    assert (record["type"], record["status"], record["system"]) == ("error", 1, "No such file or directory")
    assert record["name"].startswith(str(tmp_path / "missing"))
    assert "Traceback" in run_program("dataset", *words, REDELTA_DEBUG="1").stderr


def test_records_that_cannot_be_written_are_told(root: Path, tmp_path: Path) -> None:
    done = run_program("dataset", "signature", root, tmp_path / "out", "--json=/missing/records")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "/missing/records: cannot be written: No such file or directory" in done.stderr
    assert not (tmp_path / "out").exists()


def test_files_that_failed_are_told(
    root: Path, tmp_path: Path, signals: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exception is a real one; nothing makes a file unreadable for every user that may run this."""
    dataset = importlib.import_module("redelta.dataset")
    cli = importlib.import_module("redelta._cli.dataset")
    rows = [dataset.Failure(b"dir/\xff%d" % number, "unreadable", "Permission denied") for number in range(12)]

    def fail(*words: object, **options: object) -> None:
        raise dataset.DatasetError("12 files failed; all else is done", rows)

    monkeypatch.setattr(dataset, "write_signature", fail)
    for more, lines in ([], 10), (["-v"], 12):
        monkeypatch.setattr(sys, "argv", ["redelta-dataset", "signature", str(root), "out", "--json", *more])
        assert cli.main() == 1
        said = capsys.readouterr()
        told = [line for line in said.err.splitlines() if line.endswith(": Permission denied")]
        assert len(told) == lines
        assert told[0] == "redelta: dataset signature: dir/\\3770: Permission denied"
        assert said.err.endswith("redelta: dataset signature: 12 files failed; all else is done\n")
        *failures, error = records_of(said.out)
        assert [record["name_b64"] for record in failures][:1] == ["ZGlyL/8w"]
        assert (len(failures), error["type"], error["status"]) == (12, "error", 1)


@pytest.mark.parametrize("more", [[], ["-q"]])
def test_warnings_and_logs_are_lines(
    more: list[str], signals: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    objects, store = importlib.import_module("redelta._cli.objects"), importlib.import_module("redelta.store")

    def warn(*words: object, **options: object) -> None:
        warnings.warn("file: the owner\nwas not kept", RuntimeWarning, stacklevel=1)
        logging.getLogger("redelta.store").warning("a part was sent %d times", 2)
        logging.getLogger("redelta.store").info("all is well")
        raise OSError(errno.ENOSPC, "No space left on device", "file")

    monkeypatch.setattr(store, "push", warn)
    monkeypatch.setattr(sys, "argv", ["redelta-push", "new", "there", *more])
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert objects.push_main() == 1
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith("redelta: push: file: cannot be used: No space left on device; ")
    assert told[:-1] == (
        []
        if more
        else [
            "redelta: push: warning: file: the owner was not kept",
            "redelta: push: warning: a part was sent 2 times",
        ]
    )


# ---- Names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"plain name", "plain name"),
        ("h\u00e4".encode(), "h\u00e4"),
        (b"a\nb", "a\\nb"),
        (b"\x1b[1m\xff", "\\033[1m\\377"),
        ("a\u202eb".encode(), "a\\342\\200\\256b"),
        (b"", "''"),
    ],
)
def test_names_stay_in_a_line_and_do_not_fool(name: bytes, expected: str) -> None:
    assert _records.shown(name) == expected


# ---- Signals, pipes, progress ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the workers are found by /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_soon_and_in_one_line(tmp_path: Path, number: signal.Signals) -> None:
    """Files of holes take long to read, each by one of the workers. Ctrl-C goes to these, too. A worker that has not
    begun could say that the one who starts it is gone."""
    place = tmp_path / "data"
    place.mkdir()
    huge = {str(place / "one"), str(place / "two")}
    for name in huge:
        with open(name, "wb") as file:
            file.truncate(1 << 42)
    command: list[str | Path] = [
        BIN / "redelta-dataset",
        "signature",
        place,
        tmp_path / "out",
        "--workers=2",
        "--shard-files=1",
        "--large=8T",
        f"--json={tmp_path}/log",
    ]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, start_new_session=True, preexec_fn=heed_signals
    ) as process:

        def is_busy() -> bool:
            assert process.poll() is None
            workers = [worker for child in children_of(process.pid) for worker in children_of(child)]
            return huge <= {name for worker in workers for name in open_files(worker)}

        wait_for(is_busy)
        os.killpg(process.pid, number)
        said, told = process.communicate(timeout=HANG_SECONDS)
    assert (process.returncode, said) == (-number, b"")
    left = "interrupted by a signal; what is complete is kept: run it again to go on"
    assert told.decode() == f"redelta: dataset signature: {left}\n"
    (record,) = records_of((tmp_path / "log").read_bytes())
    assert (record["type"], record["result"]) == ("error", "RD_E_CANCELLED")
    assert left == f"{record['message']}; {record['advice']}"
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_closed_pipe_ends_it_quietly(root: Path, tmp_path: Path) -> None:
    for number in range(3000):
        (root / f"new{number:05}").touch()
    run_program("dataset", "signature", root, tmp_path / "one", "--workers=1").check_returncode()
    (tmp_path / "empty").mkdir()
    run_program("dataset", "signature", tmp_path / "empty", tmp_path / "two", "--workers=1").check_returncode()
    for more in ([], ["--json"]):
        command: list[str | Path] = [BIN / "redelta-dataset", "diff", tmp_path / "two", tmp_path / "one", *more]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == -signal.SIGPIPE


def test_progress_is_a_line_on_a_terminal_and_records_for_programs(root: Path, tmp_path: Path) -> None:
    words: list[Any] = ["signature", root, tmp_path / "out", "--workers=1", "--no-resume"]
    done = run_program("dataset", *words, "--progress", f"--json={tmp_path / 'records'}")
    assert done.stderr.startswith("\rsignature:")
    assert done.stderr.endswith("\r")
    *shown, result = records_of((tmp_path / "records").read_text())
    assert [record["type"] for record in shown] == ["progress"] * len(shown)
    assert shown[-1]["done"] == 5 * 30_000
    assert result["type"] == "result"
    for quiet in (["-q", "--progress"], ["--no-progress"], []):
        assert run_program("dataset", *words, *quiet).stderr == ""
    assert on_terminal([BIN / "redelta-dataset", *words, "--progress"]).startswith(b"\rsignature:")


def on_terminal(command: list[Any]) -> bytes:
    """What a program says on standard error, if that is a terminal."""
    leading, following = pty.openpty()
    with subprocess.Popen(command, stderr=following, stdout=subprocess.DEVNULL) as process:
        os.close(following)
        said = b""
        try:
            while data := os.read(leading, 65536):
                said += data
        except OSError:
            pass  # the other end is closed
    os.close(leading)
    assert process.returncode == 0
    return said

"""What the command reports to programs: records in lines of JSON, each valid under docs/json.schema.json.

Their figures are compared with those of the files themselves, of hashlib and of the independent reader of the formats.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from helpers.samples import noise
from helpers.tool import HANG_SECONDS, WITHOUT, Result, Tool, Words, heed_signals, shell
from helpers.wire import TRAILER_LENGTH, Copy, Literal, encode_delta

SCHEMA = Path(__file__).parents[2] / "docs" / "json.schema.json"
BASIS = noise(50_000, 1)
NEW = BASIS[:20_000] + b"inserted" + BASIS[20_000:]
SUCCESSES: dict[str, Words] = {
    "signature": ("signature", "basis", "out"),
    "delta": ("delta", "signature", "new", "out"),
    "patch": ("patch", "basis", "delta", "out"),
    "verify": ("verify", "delta", "new"),
    "sync": ("sync", "new", "old"),
    "inspect": ("inspect", "delta"),
    "inspect a signature": ("inspect", "signature"),
    "inspect to a page": ("inspect", "delta", "--html", "out"),
    "estimate": ("estimate", "basis", "new"),
}

Record = dict[str, Any]

success = pytest.mark.parametrize("words", SUCCESSES.values(), ids=SUCCESSES)


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def records_of(text: bytes) -> list[Record]:
    """The records in these lines, all valid."""
    assert text == b"" or text.endswith(b"\n")
    records = [json.loads(line) for line in text.decode("utf-8").splitlines()]
    for record in records:
        validator().validate(record)
    return records


def the_record(text: bytes) -> Record:
    (record,) = records_of(text)
    return record


@pytest.fixture
def place(redelta: Tool, tmp_path: Path) -> Path:
    """A folder with what every verb needs."""
    for name, data in {"basis": BASIS, "new": NEW, "old": BASIS}.items():
        (tmp_path / name).write_bytes(data)
    redelta.run("signature", "-b1000", "basis", "signature", cwd=tmp_path).done()
    redelta.run("delta", "signature", "new", "delta", cwd=tmp_path).done()
    return tmp_path


def run(redelta: Tool, place: Path, *words: str) -> Record:
    """The result of a run that succeeds with --json and prints nothing else."""
    result = redelta.run("--json", *words, cwd=place)
    record = the_record(result.done())
    assert result.err == b""
    assert (record["type"], record["verb"], record["status"]) == ("result", words[0], 0)
    return record


def named(name: str, size: int) -> Record:
    return {"name": name, "size": size}


# ---- Results --------------------------------------------------------------------------------------------------------


def test_result_of_a_signature(redelta: Tool, place: Path) -> None:
    record = run(redelta, place, "signature", "-b1000", "-S8", "-Hmd4", "-Rrollsum", "basis", "out")
    assert record["files"] == {"basis": named("basis", len(BASIS)), "signature": named("out", 12 + 50 * 12)}
    assert record["blocks"] == {"count": 50, "length": 1000}
    assert record["sums"] == {"weak": "rollsum", "strong": "md4", "strong_length": 8}


def test_result_of_a_delta(redelta: Tool, place: Path) -> None:
    record = run(redelta, place, "delta", "signature", "new", "out")
    delta = (place / "out").read_bytes()
    sizes = {name: named(name, (place / name).stat().st_size) for name in ("signature", "new")}
    assert record["files"] == sizes | {"delta": named("out", len(delta))}
    assert record["blocks"] == {"count": 50, "length": 1000}
    assert record["copied"] == {"bytes": 50_000, "commands": 2}
    assert record["literal"] == {"bytes": 8, "commands": 1}
    assert record["saved"] == pytest.approx(1 - len(delta) / len(NEW))
    assert record["digest"] == delta[-32:].hex()
    assert not record["identical"]


def test_result_of_what_is_compressed(redelta: Tool, place: Path) -> None:
    for words in (("signature", "-b1000", "basis"), ("delta", "signature", "new")):
        plain = redelta.run(*words, cwd=place).done()
        assert run(redelta, place, *words, "plain")["uncompressed"] is None
        record = run(redelta, place, *words, "packed", "-z")
        assert record["uncompressed"] == len(plain)
        assert record["files"][words[0]]["size"] == (place / "packed").stat().st_size != len(plain)
        for name in ("plain", "packed"):
            (place / name).unlink()


def test_result_of_a_patch_and_of_its_verification(redelta: Tool, place: Path) -> None:
    delta = (place / "delta").read_bytes()
    record = run(redelta, place, "patch", "basis", "delta", "out")
    assert record["files"] == {"basis": named("basis", len(BASIS)), "delta": named("delta", len(delta)),
                               "new": named("out", len(NEW))}  # fmt: skip
    assert record["copied"] == {"bytes": 50_000, "commands": 2}
    assert (record["verified"], record["identical"]) == (True, False)
    verified = run(redelta, place, "verify", "delta", "out")
    assert verified["files"] == {"delta": named("delta", len(delta)), "new": named("out", len(NEW))}
    assert verified["digest"] == record["digest"] == delta[-32:].hex()


def test_a_patch_without_a_trailer_is_not_verified(redelta: Tool, place: Path) -> None:
    (place / "bare").write_bytes((place / "delta").read_bytes()[:-TRAILER_LENGTH])
    record = run(redelta, place, "patch", "basis", "bare", "out")
    assert (record["verified"], record["digest"]) == (False, None)
    assert run(redelta, place, "delta", "--no-verify", "signature", "new", "bare2")["digest"] is None


def test_ops_come_before_the_result_of_inspect(redelta: Tool, place: Path) -> None:
    records = records_of(redelta.run("inspect", "--ops", "--json", "delta", cwd=place).done())
    assert [record["type"] for record in records[-2:]] == ["op", "result"]
    assert sum(record["length"] for record in records[:-1]) == len(NEW)


def test_result_of_sync(redelta: Tool, place: Path) -> None:
    delta = run(redelta, place, "delta", "signature", "new", "out")
    record = run(redelta, place, "sync", "-b1000", "new", "old")
    assert record["files"] == {"old": named("old", len(BASIS)), "new": named("new", len(NEW))}
    assert record["signature_bytes"] == (place / "signature").stat().st_size
    assert record["delta_bytes"] == (place / "out").stat().st_size
    assert (record["copied"], record["literal"]) == (delta["copied"], delta["literal"])
    assert record["saved"] == pytest.approx(1 - (record["signature_bytes"] + record["delta_bytes"]) / len(NEW))
    assert (record["created"], record["identical"]) == (False, False)
    assert run(redelta, place, "sync", "new", "old")["identical"]
    assert run(redelta, place, "sync", "new", "missing")["created"]


def test_empty_files_have_no_share_and_no_rate_of_nothing(redelta: Tool, place: Path) -> None:
    (place / "empty").write_bytes(b"")
    run(redelta, place, "signature", "empty", "empty-signature")
    record = run(redelta, place, "delta", "empty-signature", "empty", "empty-delta")
    assert record["saved"] is None
    assert record["identical"]
    assert run(redelta, place, "patch", "empty", "empty-delta", "out")["identical"]


def without_seconds(out: bytes) -> bytes:
    """What `estimate` measures is no part of it: the last column of its second table."""
    return re.sub(rb"(?m)^(diff.*?) +\d+\.\d+$", rb"\1", out)


@success
def test_results_go_into_a_file_and_change_nothing_else(redelta: Tool, place: Path, words: Words) -> None:
    plain = redelta.run(*words[:-1], words[-1] if words[-1] != "out" else "-", cwd=place)
    result = redelta.run("--json=log", *words[:-1], words[-1] if words[-1] != "out" else "-", cwd=place)
    assert result.status == plain.status == 0
    if words[0] != "sync":
        assert without_seconds(result.out) == without_seconds(plain.out)
    assert the_record((place / "log").read_bytes())["verb"] == words[0]


def test_what_the_file_held_is_replaced(redelta: Tool, place: Path) -> None:
    (place / "log").write_text("long" * 1000)
    redelta.run("--json=log", "verify", "delta", "new", cwd=place).done()
    the_record((place / "log").read_bytes())


def test_records_are_appended_to_standard_output(redelta: Tool, place: Path) -> None:
    log = place / "log"
    for _ in range(2):
        shell('"$1" --json verify "$2" "$3" >> "$4"', redelta.path, place / "delta", place / "new", log)
    assert len(records_of(log.read_bytes())) == 2


def test_standard_streams_have_no_name(redelta: Tool, place: Path) -> None:
    result = redelta.run("patch", "--json=log", "basis", cwd=place, stdin=(place / "delta").read_bytes())
    assert result.done() == NEW
    files = the_record((place / "log").read_bytes())["files"]
    assert files["delta"]["name"] is None
    assert files["new"] == {"name": None, "size": len(NEW)}


def test_the_example_of_the_documentation_is_valid() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```$", (SCHEMA.parent / "json.md").read_text(), re.MULTILINE | re.DOTALL)
    validator().validate(json.loads(example))


def test_version_says_what_was_built_in(redelta: Tool, tmp_path: Path) -> None:
    lines = redelta.run("--version").done().decode().splitlines()
    for words in (["--version", "--json"], ["--json", "-V"], ["inspect", "--json", "--version"]):
        record = the_record(redelta.run(*words).done())
        assert record["type"] == "version"
        assert lines[0] == f"redelta {record['version']}"
        assert (record["zstd"] is None) == ("zstd" in WITHOUT)
        assert f" zstd {record['zstd']};" in lines[1] or record["zstd"] is None
        assert f" {record['kernels']}." in lines[1]
    assert redelta.run("--version", "--json=log", cwd=tmp_path).done() == b""
    assert the_record((tmp_path / "log").read_bytes()) == record
    assert redelta.run("--version", "--json=no/log", cwd=tmp_path).status == 1
    with open("/dev/full", "wb") as full:
        assert redelta.run("--version", "--json", stdout=full).status == 1


# ---- Names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"plain", "plain"), ("ä €𝄞".encode(), "ä €𝄞"), (b'"\\\n\x1b', '"\\\n\x1b'), (b"\xff", "\ufffd"),
     (b"a\xffb\xe4\xf6", "a\ufffdb\ufffd\ufffd"), (b"\xed\xa0\x80", "\ufffd" * 3), (b"\xc0\xaf", "\ufffd" * 2),
     (b"\xf4\x90\x80\x80", "\ufffd" * 4), (b"\xe2\x82", "\ufffd" * 2), (b"x\xc3", "x\ufffd")],
)  # fmt: skip
def test_any_name_arrives(redelta: Tool, place: Path, name: bytes, shown: str) -> None:
    os.rename(place / "new", os.fsencode(place) + b"/" + name)
    file = the_record(redelta.run("--json", "verify", "delta", name, cwd=place).done())["files"]["new"]
    assert file["name"] == shown
    if "\ufffd" in shown:
        assert base64.b64decode(file["name_b64"], validate=True) == name
    else:
        assert "name_b64" not in file


# ---- Errors ---------------------------------------------------------------------------------------------------------


def fails(result: Result, status: int) -> Record:
    """The one record of a failure, which is also reported on standard error."""
    assert result.status == status, result.describe()
    record = the_record(result.out)
    assert (record["type"], record["status"]) == ("error", status)
    assert record["message"] in result.err.decode()
    assert result.err.decode().endswith(f"; {record['advice']}\n")
    return record


def test_a_missing_input(redelta: Tool, place: Path) -> None:
    record = fails(redelta.run("--json", "delta", "signature", "missing", "out", cwd=place), 1)
    assert (record["verb"], record["role"], record["name"]) == ("delta", "new", "missing")
    assert (record["result"], record["system"]) == ("RD_E_IO", "No such file or directory")
    assert record["offset"] is None


def test_a_corrupt_delta(redelta: Tool, place: Path) -> None:
    (place / "bad").write_bytes(encode_delta([Literal(b"abc"), Copy(0, 10)])[:-1] + b"\x85")
    record = fails(redelta.run("--json", "patch", "basis", "bad", "out", cwd=place), 3)
    assert (record["result"], record["role"]) == ("RD_E_CORRUPT", "delta")
    assert record["offset"] == (place / "bad").stat().st_size - 1
    assert not (place / "out").exists()


def test_another_file_and_an_existing_output(redelta: Tool, place: Path) -> None:
    assert fails(redelta.run("--json", "verify", "delta", "basis", cwd=place), 4)["result"] == "RD_E_MISMATCH"
    record = fails(redelta.run("--json", "signature", "basis", "new", cwd=place), 1)
    assert (record["result"], record["role"], record["name"]) == ("RD_E_EXISTS", "output", "new")


def test_standard_input_has_no_name_in_errors(redelta: Tool, place: Path) -> None:
    record = fails(redelta.run("--json", "patch", "basis", "-", "out", cwd=place, stdin=b"rs"), 3)
    assert (record["role"], record["name"]) == ("delta", None)


@pytest.mark.parametrize(
    "words",
    [["--json", "delta", "--bogus"], ["delta", "--bogus", "--json"], ["--json"], ["--json", "dleta"],
     ["--json", "signature", "-b", "x"], ["delta", "--json"], ["--json=log", "verify", "--json"]],
)  # fmt: skip
def test_a_wrong_command_line(redelta: Tool, place: Path, words: list[str]) -> None:
    record = fails(redelta.run(*words, cwd=place), 2)
    assert record["result"] == "RD_E_PARAMETER"
    assert not (place / "log").exists()


@pytest.mark.parametrize("words", [["--json=log", "--bogus", "verify"], ["verify", "--", "--json"]])
def test_a_wrong_command_line_leaves_the_file_and_standard_output_alone(
    redelta: Tool, place: Path, words: list[str]
) -> None:
    (place / "log").write_text("old")
    result = redelta.run(*words, cwd=place)
    assert result.status in (1, 2)
    assert result.out == b""
    assert (place / "log").read_text() == "old"


# ---- What cannot be -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["signature", "delta", "patch"])
def test_records_and_output_are_not_mixed(redelta: Tool, place: Path, verb: str) -> None:
    words = SUCCESSES[verb][:-1]
    for output in ([], ["-"], ["/dev/stdout"]):
        assert "standard output" in fails(redelta.run(*words, *output, "--json", cwd=place), 2)["message"]
    assert "needs a value" in redelta.run(*words, "out", "--json=", cwd=place).refuses()


@pytest.mark.parametrize("name", ["signature", "new", "./new", "out", "./out"])
@pytest.mark.parametrize("there", [True, False], ids=["replaced", "free"])
def test_a_file_of_the_operation_is_no_place_for_records(redelta: Tool, place: Path, name: str, there: bool) -> None:
    if there:
        (place / "out").write_text("old")
    before = {path: path.read_bytes() for path in place.iterdir()}
    redelta.run("delta", "-f", f"--json={name}", "signature", "new", "out", cwd=place).refuses()
    assert {path: path.read_bytes() for path in place.iterdir()} == before


def test_a_file_that_cannot_be_opened(redelta: Tool, place: Path) -> None:
    error = redelta.run("signature", "--json=no/log", "basis", "out", cwd=place).fails(1)
    assert error.file == "no/log"
    assert not (place / "out").exists()


def test_records_that_do_not_arrive_are_an_error(redelta: Tool, place: Path) -> None:
    with open("/dev/full", "wb") as full:
        result = redelta.run("verify", "--json", "delta", "new", cwd=place, stdout=full)
    assert result.fails(1).file == "standard output"
    error = redelta.run("verify", "--json=/dev/full", "delta", "new", cwd=place).fails(1)
    assert (error.file, error.advice) == ("/dev/full", "free some space or choose another place")
    for words in (["signature", "new", "fresh"], ["patch", "-f", "basis", "delta", "basis"]):
        error = redelta.run(words[0], "--json=/dev/full", *words[1:], cwd=place).fails(1)
        assert (error.file, error.advice) == ("/dev/full", "the output was written")
    assert (place / "basis").read_bytes() == (place / "new").read_bytes()
    assert (place / "fresh").stat().st_size > 0
    error = redelta.run("sync", "-n", "--json=/dev/full", "new", "none", cwd=place).fails(1)
    assert error.advice == "free some space or choose another place"


def full_pipe() -> tuple[int, int]:
    """A pipe to which nothing can be written before it is read from."""
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(sink, bytes(4096))
    os.set_blocking(sink, True)
    return source, sink


def test_a_signal_while_records_wait_finds_the_file_replaced(redelta: Tool, place: Path) -> None:
    """So the record does not claim that there was none."""
    source, sink = full_pipe()
    words = [str(redelta.path), "signature", "--json", "basis", "out"]
    with subprocess.Popen(words, cwd=place, stdout=sink, stderr=subprocess.PIPE, preexec_fn=heed_signals) as process:
        while not (place / "out").exists() and process.poll() is None:
            time.sleep(0.01)
        process.terminate()
        _, told = process.communicate(timeout=HANG_SECONDS)
    os.close(source)
    os.close(sink)
    assert process.returncode == -signal.SIGTERM
    assert told.startswith(b"redelta: signature: standard output: cannot be written: Interrupted system call; ")


# ---- Progress -------------------------------------------------------------------------------------------------------


@success
def test_progress_is_told_if_it_is_asked_for(redelta: Tool, place: Path, words: Words) -> None:
    *steps, last = records_of(redelta.run("--json", "--progress", *words, cwd=place).done())
    assert last["type"] == "result"
    assert steps
    assert all(record["type"] == "progress" and record["verb"] == words[0] for record in steps)
    assert all(record["done"] <= record["total"] for record in steps)


@pytest.mark.parametrize("option", ["-q", "--no-progress"])
def test_progress_is_not_told_if_it_is_not_wanted(redelta: Tool, place: Path, option: str) -> None:
    run(redelta, place, "verify", "--progress", option, "delta", "new")


def test_a_slow_pipe_has_progress_of_unknown_total(redelta: Tool, place: Path) -> None:
    words = [str(redelta.path), "--json", "signature", "-", str(place / "out")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(40):
            process.stdin.write(bytes(1 << 20))
            process.stdin.flush()
            if select.select([process.stdout], [], [], 0.1)[0]:
                break
        record = the_record(process.stdout.readline())
        process.stdin.close()
        the_rest = records_of(process.stdout.read())
    assert (record["type"], record["total"]) == ("progress", None)
    assert record["done"] > 0
    assert the_rest[-1]["type"] == "result"

"""The options about the file that `patch` and `sync` replace: backups, times, links that are followed, dry runs; and
outputs that are inputs, or no files. What a replaced file keeps is in tests/faults/test_replaced.py.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from helpers.samples import noise, prose, random_edits
from helpers.tool import HANG_SECONDS, Argument, Tool

OLD = prose(200_000, 1)
NEW = random_edits(OLD, 20, 2)
PATCH: list[Argument] = ["patch", "-f", "old", "delta", "old"]
SYNC: list[Argument] = ["sync", "-q", "new", "old"]
both = pytest.mark.parametrize("words", [PATCH, SYNC], ids=["patch", "sync"])


@pytest.fixture
def place(redelta: Tool, tmp_path: Path) -> Path:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    redelta.run("signature", "old", "signature", cwd=tmp_path).done()
    redelta.run("delta", "signature", "new", "delta", cwd=tmp_path).done()
    os.utime(tmp_path / "new", ns=(0, 1_234_567_890_123_456_789))
    os.utime(tmp_path / "delta", ns=(0, 1_111_111_111_000_000_001))
    return tmp_path


def state(place: Path) -> dict[str, tuple[int, bytes, int]]:
    """Mode, content and time of each file."""
    return {
        path.name: (path.lstat().st_mode, path.read_bytes(), path.lstat().st_mtime_ns)
        for path in place.iterdir()
        if path.is_file()
    }


# ---- Backups --------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("option", "name"), [("--backup", "old~"), ("--backup=.bak", "old.bak")])
def test_a_backup_is_the_old_file_itself(
    redelta: Tool, place: Path, words: list[Argument], option: str, name: str
) -> None:
    (place / name).write_bytes(b"an older one")
    before = (place / "old").stat()
    redelta.run(*words, option, cwd=place).done()
    after = (place / name).stat()
    assert (place / "old").read_bytes() == NEW
    assert (place / name).read_bytes() == OLD
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(state(place)) == 5


@both
def test_no_backup_is_made_if_nothing_is_replaced(redelta: Tool, place: Path, words: list[Argument]) -> None:
    if words is SYNC:
        (place / "new").write_bytes(OLD)
        redelta.run(*words, "--backup", cwd=place).done()
    else:
        (place / "delta").write_bytes(b"none")
        assert redelta.run(*words, "--backup", cwd=place).status == 3
    assert not (place / "old~").exists()


@both
@pytest.mark.parametrize("suffix", ["", "/x"])
def test_a_suffix_that_names_no_file_beside_it_is_refused(
    redelta: Tool, place: Path, words: list[Argument], suffix: str
) -> None:
    before = state(place)
    assert "of backups is empty or contains a slash" in redelta.run(*words, f"--backup={suffix}", cwd=place).refuses()
    assert state(place) == before


@pytest.mark.parametrize(
    ("words", "suffix"),
    [(["patch", "-f", "old", "old.d", "old"], ".d"), (["sync", "old~", "old"], "~"), (["sync", "old.n", "old"], ".n")],
)
def test_a_backup_that_would_replace_an_input_is_refused(
    redelta: Tool, place: Path, words: list[Argument], suffix: str
) -> None:
    (place / "old.d").hardlink_to(place / "delta")
    (place / "old~").hardlink_to(place / "new")
    (place / "old.n").symlink_to("new")
    before = state(place)
    assert "would be replaced by the backup" in redelta.run(*words, f"--backup={suffix}", cwd=place).refuses()
    assert state(place) == before


# ---- Times ----------------------------------------------------------------------------------------------------------


@both
def test_the_time_is_that_of_the_last_input(redelta: Tool, place: Path, words: list[Argument]) -> None:
    redelta.run(*words, "-t", cwd=place).done()
    assert (place / "old").read_bytes() == NEW
    assert (place / "old").stat().st_mtime_ns == (place / ("new" if words is SYNC else "delta")).stat().st_mtime_ns


def test_a_file_that_is_up_to_date_gets_the_time(redelta: Tool, place: Path) -> None:
    (place / "new").write_bytes(OLD)
    os.utime(place / "new", ns=(0, 1_234_567_890_123_456_789))
    redelta.run("sync", "-qn", "-t", "new", "old", cwd=place).done()
    assert (place / "old").stat().st_mtime_ns != (place / "new").stat().st_mtime_ns
    redelta.run("sync", "-q", "-t", "new", "old", cwd=place).done()
    assert (place / "old").stat().st_mtime_ns == (place / "new").stat().st_mtime_ns


@both
def test_a_pipe_has_no_time(redelta: Tool, place: Path, words: list[Argument]) -> None:
    before = state(place)
    source = "new" if words is SYNC else "delta"
    piped = ["-" if word == source else word for word in words]
    result = redelta.run(*piped, "--times", cwd=place, stdin=(place / source).read_bytes())
    assert "leave out --times" in result.refuses()
    assert state(place) == before


# ---- Links ----------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("follow", [False, True])
def test_a_link_is_replaced_or_followed(redelta: Tool, place: Path, words: list[Argument], follow: bool) -> None:
    target = place / "folder" / "target"
    target.parent.mkdir()
    (place / "old").rename(target)
    (place / "middle").symlink_to("folder/target")
    (place / "old").symlink_to("middle")
    redelta.run(*words, *(["--follow"] if follow else []), cwd=place).done()
    assert (place / "old").read_bytes() == NEW
    assert (place / "old").is_symlink() == follow
    assert target.read_bytes() == (NEW if follow else OLD)
    assert os.listdir(target.parent) == ["target"]


def test_a_link_to_nothing_is_replaced_by_what_is_created(redelta: Tool, place: Path) -> None:
    (place / "dangling").symlink_to("nowhere")
    redelta.run("sync", "-q", "new", "dangling", cwd=place).done()
    assert not (place / "dangling").is_symlink()
    assert (place / "dangling").read_bytes() == NEW
    assert not (place / "nowhere").exists()


@pytest.mark.parametrize(("mode", "least"), [(0o600, 0o600), (0o644, 0o644), (0o640, 0o600), (0o400, 0o400)])
def test_what_replaces_a_link_is_as_private_as_its_target(redelta: Tool, place: Path, mode: int, least: int) -> None:
    """The basis is read through the link."""
    (place / "old").chmod(mode)
    (place / "link").symlink_to("old")
    redelta.run("patch", "-f", "link", "delta", "link", cwd=place).done()
    assert not (place / "link").is_symlink()
    assert (place / "link").stat().st_mode & 0o777 == least
    assert (place / "link").read_bytes() == NEW


# ---- Dry runs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("missing", [False, True])
def test_a_dry_run_tells_what_the_run_does_and_changes_nothing(
    redelta: Tool, place: Path, compressed: bool, missing: bool
) -> None:
    if missing:
        (place / "old").unlink()
    before = state(place)
    words: list[Argument] = ["sync", *(["-z"] if compressed else []), "new", "old"]
    dry = redelta.run(*words, "-n", cwd=place).done().decode()
    record = json.loads(redelta.run(*words, "--dry-run", "--json", cwd=place).done())
    assert state(place) == before
    wet = redelta.run(*words, cwd=place).done().decode()
    assert (place / "old").read_bytes() == NEW
    assert dry == wet.replace(": created", ": would be created").replace(": updated", ": would be updated")
    assert record["dry_run"] is True
    assert record["created"] is missing
    assert f"delta {record['delta_bytes']:,}\n" in dry


def test_a_dry_run_of_equal_files_says_so(redelta: Tool, place: Path) -> None:
    (place / "new").write_bytes(OLD)
    assert b"unchanged" in redelta.run("sync", "-n", "new", "old", cwd=place).done()


def test_what_a_compressed_delta_takes_is_what_delta_makes(redelta: Tool, place: Path) -> None:
    redelta.run("delta", "-z9", "signature", "new", "compressed", cwd=place).done()
    record = json.loads(redelta.run("sync", "-z9", "--json", "new", "old", cwd=place).done())
    assert (place / "old").read_bytes() == NEW
    assert record["delta_bytes"] == (place / "compressed").stat().st_size


@pytest.mark.parametrize("dry", [False, True])
def test_a_limit_on_the_new_file(redelta: Tool, place: Path, dry: bool) -> None:
    before = state(place)
    dry_run: list[Argument] = ["-n"] if dry else []
    redelta.run("sync", "-n", f"--max-output={len(NEW)}", "new", "old", cwd=place).done()
    result = redelta.run("sync", *dry_run, f"--max-output={len(NEW) - 1}", "new", "old", cwd=place)
    assert result.status == 3, result.describe()
    assert state(place) == before


@pytest.mark.parametrize("dry", [False, True])
def test_a_new_file_without_end_is_read_to_the_limit(redelta: Tool, place: Path, dry: bool) -> None:
    before = state(place)
    dry_run: list[Argument] = ["-n"] if dry else []
    error = redelta.run("sync", *dry_run, "--max-output=10M", "/dev/zero", "old", cwd=place).fails(3)
    assert (error.file, error.what) == ("/dev/zero", "is larger than the output may be")
    assert state(place) == before


@pytest.mark.parametrize("size", [1 << 34, 1 << 20])
def test_holes_of_both_files_are_not_read(redelta: Tool, place: Path, size: int) -> None:
    for name in ("old", "new"):
        with (place / name).open("r+b") as file:
            file.truncate(size)
    told = json.loads(redelta.run("--json", "sync", "new", "old", cwd=place).done().splitlines()[-1])
    assert size - len(NEW) - 8192 < told["holes"] < size
    with (place / "old").open("rb") as file:
        assert file.read(len(NEW)) == NEW
        assert file.seek(0, os.SEEK_END) == size
    assert (place / "old").stat().st_blocks <= (place / "new").stat().st_blocks + 8


# ---- Outputs that are no files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["redelta", "rdiff"])
def test_a_socket_stays(program: str, redelta: Tool, rdiff: Tool, tmp_path: Path) -> None:
    (tmp_path / "basis").write_bytes(noise(1000, 1))
    os.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("out")
        result = {"redelta": redelta, "rdiff": rdiff}[program].run("-f", "signature", "basis", "out")
        assert result.status in (1, 100), result.describe()
        assert b"is a socket" in result.err or b"No such device" in result.err
        assert (tmp_path / "out").is_socket()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("force", [False, True])
def test_an_open_file_is_written_to_where_it_stands(redelta: Tool, place: Path, name: str, force: bool) -> None:
    """As the shell has opened it."""
    (place / "link").symlink_to("/dev/fd/1")
    command = 'printf start; "$@"'
    words: list[Argument] = [
        "sh",
        "-c",
        command,
        "sh",
        redelta.path,
        "signature",
        *(["-f"] if force else []),
        "old",
        name,
    ]
    with (place / "made").open("wb") as made:
        subprocess.run(words, cwd=place, stdout=made, check=True, timeout=HANG_SECONDS)
    assert (place / "made").read_bytes() == b"start" + (place / "signature").read_bytes()
    assert (place / "link").is_symlink()


def test_a_device_may_be_input_and_output(redelta: Tool, place: Path) -> None:
    redelta.run("signature", "/dev/null", "/dev/null", cwd=place).done()


def test_an_open_file_that_is_also_the_basis_is_refused(redelta: Tool, place: Path) -> None:
    with (place / "old").open("r+b") as out:
        finished = subprocess.run(
            [redelta.path, "patch", "old", "delta", "/dev/fd/1"],
            cwd=place,
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=HANG_SECONDS,
        )
    assert finished.returncode == 2
    assert b"is also the basis" in finished.stderr
    assert (place / "old").read_bytes() == OLD


# ---- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["signature", "sync", "pa"])
def test_help_is_a_verb_as_well(redelta: Tool, verb: str) -> None:
    assert redelta.run("help", verb).done() == redelta.run(verb, "--help").done()


def test_help_alone_is_that_of_all(redelta: Tool) -> None:
    assert redelta.run("help").done() == redelta.run("--help").done()


def test_help_of_no_verb_is_refused(redelta: Tool) -> None:
    assert "unknown verb 'pacth' (did you mean patch?)" in redelta.run("help", "pacth").refuses()

"""The verb sync: one file becomes equal to another, as a whole or not at all, and the report shows what would have been
sent.

What would have been sent is compared with the signature and the delta that the three steps make.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.samples import noise, prose, random_edits
from helpers.tool import HANG_SECONDS, SANITIZED, Argument, Tool, heed_signals

OLD = noise(300_000, 1)
NEW = random_edits(OLD, 20, 2)
SAME_LENGTH = OLD[:200_000] + b"x" + OLD[200_001:]
SAID = re.compile(
    r"(?P<name>.+): (?P<what>created|updated|unchanged), (?P<size>[\d,]+) bytes; (?P<sent>[\d,]+) would have been sent"
    r" \((?P<share>[\d.]+) %\): signature (?P<signature>[\d,]+), delta (?P<delta>[\d,]+)\n"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "new").write_bytes(NEW)
    return tmp_path


def said(text: bytes) -> dict[str, str]:
    match = SAID.fullmatch(text.decode())
    assert match is not None, text
    return match.groupdict()


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def number(text: str) -> int:
    return int(text.replace(",", ""))


# ---- What it does ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "new", [NEW, SAME_LENGTH, b"", b"x", OLD + b"x", OLD[:-1], OLD[1:], prose(500_000, 3), OLD * 4]
)
@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_the_old_file_becomes_the_new_one(redelta: Tool, place: Path, new: bytes, piped: bool) -> None:
    (place / "new").write_bytes(new)
    words: list[Argument] = ["sync", "-" if piped else "new", "old"]
    result = redelta.run(*words, cwd=place, stdin=new if piped else None)
    assert said(result.done())["what"] == "updated"
    assert result.err == b""
    assert (place / "old").read_bytes() == (place / "new").read_bytes() == new
    assert names(place) == ["new", "old"]


@given(data=st.data())
def test_any_two_files(redelta: Tool, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    place = tmp_path_factory.mktemp("any")
    pieces = st.lists(st.sampled_from([b"a" * 300, b"b" * 300, noise(300, 1), noise(1000, 2), b"", b"x"]), max_size=20)
    old, new = b"".join(data.draw(pieces)), b"".join(data.draw(pieces))
    (place / "old").write_bytes(old)
    (place / "new").write_bytes(new)
    words: list[Argument] = ["sync", "--exit-code", "-b", data.draw(st.sampled_from(["0", "1", "300", "1000"]))]
    piped = data.draw(st.booleans())
    result = redelta.run(*words, "-" if piped else "new", "old", cwd=place, stdin=new if piped else None)
    assert result.status == (5 if old == new else 0), result.describe()
    assert (place / "old").read_bytes() == new


@pytest.mark.parametrize("new", [NEW, SAME_LENGTH, OLD, b""])
@pytest.mark.parametrize("options", [[], ["-b", "512"]])
def test_it_says_what_the_three_steps_would_have_sent(
    redelta: Tool, place: Path, new: bytes, options: list[str]
) -> None:
    (place / "new").write_bytes(new)
    redelta.run("signature", *options, "old", "signature", cwd=place).done()
    redelta.run("delta", "signature", "new", "delta", cwd=place).done()
    line = said(redelta.run("sync", *options, "new", "old", cwd=place).done())
    sizes = [(place / name).stat().st_size for name in ("signature", "delta")]
    assert [number(line[key]) for key in ("signature", "delta")] == sizes
    assert (number(line["sent"]), number(line["size"])) == (sum(sizes), len(new))
    if new:
        assert float(line["share"]) == pytest.approx(100 * sum(sizes) / len(new), abs=0.01)


@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
def test_equal_files_are_left_alone(redelta: Tool, place: Path, piped: bool) -> None:
    (place / "new").write_bytes(OLD)
    os.utime(place / "old", (1, 1))
    before = (place / "old").stat()
    words: list[Argument] = ["sync", "-" if piped else "new", "old"]
    for option, status in (([], 0), (["--exit-code"], 5)):
        result = redelta.run(*words, *option, cwd=place, stdin=OLD if piped else None)
        assert result.status == status
        assert said(result.out)["what"] == "unchanged"
    after = (place / "old").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert names(place) == ["new", "old"]


def test_a_file_is_equal_to_itself(redelta: Tool, place: Path) -> None:
    (place / "link").hardlink_to(place / "old")
    for other in ("old", "link", "./old"):
        assert redelta.run("sync", "--exit-code", other, "old", cwd=place).status == 5
    assert (place / "old").read_bytes() == OLD


@pytest.mark.parametrize("new", [NEW, b""])
def test_a_missing_old_file_is_created(redelta: Tool, place: Path, new: bytes) -> None:
    (place / "new").write_bytes(new)
    line = said(redelta.run("sync", "--exit-code", "new", "missing", cwd=place).done())
    assert (line["what"], line["name"]) == ("created", "missing")
    assert (place / "missing").read_bytes() == new
    assert redelta.run("sync", "new", "no/missing", cwd=place).fails(1).file == "no/missing"


def test_the_mode_stays(redelta: Tool, place: Path) -> None:
    (place / "old").chmod(0o640)
    (place / "new").chmod(0o777)
    redelta.run("sync", "new", "old", cwd=place).done()
    assert stat.S_IMODE((place / "old").stat().st_mode) == 0o640


def test_a_link_is_replaced_and_what_it_names_stays(redelta: Tool, place: Path) -> None:
    (place / "link").symlink_to("old")
    (place / "new-link").symlink_to("new")
    assert said(redelta.run("sync", "new-link", "link", cwd=place).done())["what"] == "updated"
    assert not (place / "link").is_symlink()
    assert (place / "link").read_bytes() == NEW
    assert (place / "old").read_bytes() == OLD
    assert (place / "new-link").is_symlink()


def test_other_hard_links_keep_the_old_file(redelta: Tool, place: Path) -> None:
    (place / "other").hardlink_to(place / "old")
    redelta.run("sync", "new", "old", cwd=place).done()
    assert (place / "other").read_bytes() == OLD


def test_the_rest_of_an_open_file_is_the_new_file(redelta: Tool, place: Path) -> None:
    for new in (NEW, OLD):
        (place / "old").write_bytes(OLD)
        (place / "new").write_bytes(b"skipped" + new)
        with (place / "new").open("rb") as stream:
            os.lseek(stream.fileno(), 7, os.SEEK_SET)
            result = redelta.run("sync", "-", "old", cwd=place, stdin=stream)
        assert said(result.done())["what"] == ("unchanged" if new == OLD else "updated")
        assert (place / "old").read_bytes() == new


# ---- What it says ---------------------------------------------------------------------------------------------------


def test_quiet_says_nothing(redelta: Tool, place: Path) -> None:
    result = redelta.run("sync", "-q", "new", "old", cwd=place)
    assert (result.done(), result.err) == (b"", b"")


def test_statistics_and_announcement(redelta: Tool, place: Path) -> None:
    result = redelta.run("sync", "-s", "-v", "new", "old", cwd=place)
    said(result.done())
    for word in ("old file of 300,000 bytes", "signature", "blocks", "delta", "copied", "literal", "time"):
        assert word in result.err.decode(), word


def test_control_characters_in_a_name_are_not_printed(redelta: Tool, place: Path) -> None:
    name = "a\x1b[2Jb\n"
    (place / name).write_bytes(OLD)
    assert said(redelta.run("sync", "new", name, cwd=place).done())["name"] == "a\\033[2Jb\\n"


def test_a_full_standard_output_is_told_though_the_work_is_done(redelta: Tool, place: Path) -> None:
    with open("/dev/full", "wb") as full:
        result = redelta.run("sync", "new", "old", cwd=place, stdout=full)
    assert result.fails(1).file == "standard output"
    assert (place / "old").read_bytes() == NEW


# ---- What it refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["h:f", "a/b:c", ":x"])
def test_a_local_name_with_a_colon_has_a_slash_before_it(redelta: Tool, place: Path, name: str) -> None:
    (place / "a").mkdir()
    (place / name).write_bytes(OLD)
    redelta.run("sync", "new", f"./{name}", cwd=place).done()
    assert (place / name).read_bytes() == NEW
    redelta.run("sync", place / "new", place / name).done()


@pytest.mark.parametrize(
    ("words", "status"),
    [(["new", "-"], 2), (["new", "fifo"], 2), (["new", "/dev/null"], 2), (["new", "."], 1), ([".", "old"], 1),
     (["missing", "old"], 1), (["missing", "missing"], 1)],
)  # fmt: skip
def test_what_is_no_file_is_refused(redelta: Tool, place: Path, words: list[str], status: int) -> None:
    os.mkfifo(place / "fifo")
    redelta.run("sync", *words, cwd=place).fails(status)
    assert names(place) == ["fifo", "new", "old"]
    assert (place / "old").read_bytes() == OLD


@pytest.mark.parametrize("words", [["new"], [], ["new", "old", "third"], ["new", "old", "-f"], ["new", "old", "-S8"]])
def test_wrong_command_lines(redelta: Tool, place: Path, words: list[str]) -> None:
    redelta.run("sync", *words, cwd=place).refuses()
    assert (place / "old").read_bytes() == OLD


# ---- What comes between ---------------------------------------------------------------------------------------------


def slow_sync(redelta: Tool, place: Path, act: Callable[[subprocess.Popen[bytes]], None]) -> tuple[int, bytes]:
    """Syncs from a pipe that stops in the middle, where `act` happens. Status and message."""
    words = [str(redelta.path), "sync", "-q", "-", "old"]
    with subprocess.Popen(
        words, cwd=place, stdin=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_signals
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(NEW[:200_000])
        process.stdin.flush()
        time.sleep(0.3)
        act(process)
        rest = threading.Thread(target=feed, args=(process, NEW[200_000:]))
        rest.start()
        err = process.stderr.read()
        rest.join()
        return process.wait(HANG_SECONDS), err


def feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(data)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_killed_run_leaves_the_old_file(redelta: Tool, place: Path, number: signal.Signals) -> None:
    status, _ = slow_sync(redelta, place, lambda process: process.send_signal(number))
    assert status == -number
    assert (place / "old").read_bytes() == OLD
    redelta.run("sync", "new", "old", cwd=place).done()
    assert names(place) == ["new", "old"]


def test_an_old_file_that_changes_meanwhile_is_told(redelta: Tool, place: Path) -> None:
    changed = bytes(byte ^ 1 for byte in OLD)

    def change(process: subprocess.Popen[bytes]) -> None:
        (place / "old").write_bytes(changed)

    status, err = slow_sync(redelta, place, change)
    assert status == 4, err
    assert b"was changed by another program meanwhile" in err
    assert (place / "old").read_bytes() == changed
    assert names(place) == ["new", "old"]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's shadow fits in no limited address space")
def test_a_signature_that_memory_cannot_hold_is_told(redelta: Tool, place: Path) -> None:
    (place / "old").write_bytes(noise(8_000_000, 4))
    error = redelta.run("sync", "-T1", "-b1", "new", "old", cwd=place, memory=100_000_000).fails(1)
    assert "larger block size" in error.advice


def test_memory_does_not_grow_with_the_files(redelta: Tool, tmp_path: Path) -> None:
    size = 600_000_000
    with (tmp_path / "old").open("wb") as old, (tmp_path / "new").open("wb") as new:
        old.truncate(size)
        new.truncate(size)
        new.seek(size // 2)
        new.write(b"x")
    redelta.run("sync", "-T1", tmp_path / "new", tmp_path / "old", memory=200_000_000).done()
    with (tmp_path / "old").open("rb") as old:
        old.seek(size // 2)
        assert old.read(2) == b"x\0"


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's shadow fits in no limited address space")
def test_too_little_memory_is_told_wherever_it_is_missing(redelta: Tool, place: Path) -> None:
    (place / "old").write_bytes(noise(3_000_000, 4))
    (place / "new").write_bytes(noise(3_000_000, 4))
    enough = next(
        size for size in range(4 << 20, 1 << 30, 1 << 20) if redelta.run("--version", memory=size).status == 0
    )
    for size in range(enough + (1 << 20), enough + (6 << 20), 256 << 10):
        result = redelta.run("sync", "-T1", "new", "old", cwd=place, memory=size)
        if result.status != 0:
            assert result.fails(1).offset is None

"""The relay of bench/: what it passes, counts, cuts and changes is what it was asked for."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helpers.samples import noise
from helpers.tool import HANG_SECONDS
from sshd import Sshd

BROKEN = 255


class Relayed:
    """A run of the relay."""

    def __init__(self, relay: Path, place: Path, options: str, command: str, given: bytes = b"") -> None:
        self.place = place
        files: list[str | Path] = ["--report", place / "report", "--record", place / "record"]
        words = [relay, *files, *options.split(), "host", command]
        done = subprocess.run(words, input=given, capture_output=True, timeout=HANG_SECONDS)
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def report(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.place / "report").read_text())
        return read

    def recorded(self, way: str) -> bytes:
        return (self.place / f"record.{way}").read_bytes()


@pytest.mark.parametrize("options", ["", "--rate 50e6", "--delay 3", "--rate 80e6 --delay 2"])
def test_what_is_passed_is_counted(relay: Path, tmp_path: Path, options: str) -> None:
    given = noise(700_001, 1)
    run = Relayed(relay, tmp_path, options, "cat; printf end", given)
    assert (run.status, run.out) == (0, given + b"end")
    assert (run.report["up"], run.report["down"]) == (len(given), len(given) + 3)
    assert (run.recorded("up"), run.recorded("down")) == (given, given + b"end")


def test_its_own_pipes_are_those_of_a_plain_command(relay: Path, tmp_path: Path) -> None:
    run = Relayed(relay, tmp_path, "--plain", "wc -c", b"12345")
    assert (run.status, run.out.strip()) == (0, b"5")
    assert run.report["peak"] > 100_000


@pytest.mark.parametrize(("command", "status", "told"), [("exit 7", 7, 7), ("kill -9 $$", 128 + 9, -9), ("", 0, 0)])
def test_the_status_is_that_of_the_command(relay: Path, tmp_path: Path, command: str, status: int, told: int) -> None:
    run = Relayed(relay, tmp_path, "", command)
    assert (run.status, run.report["status"]) == (status, told)


@pytest.mark.parametrize("at", [0, 1, 4096, 70_000, 99_999, 100_000])
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_connection_breaks_after_so_many_bytes(relay: Path, tmp_path: Path, way: str, at: int) -> None:
    """The command sees the end of its input, and nobody reads its output any more."""
    given = noise(100_000, 2)
    kept = tmp_path / "kept"
    run = Relayed(relay, tmp_path, f"--cut {way}:{at}", f"cat >{kept}" if way == "up" else "cat", given)
    assert run.status == BROKEN
    assert (kept.read_bytes() if way == "up" else run.out) == given[:at]


def test_a_byte_is_changed(relay: Path, tmp_path: Path) -> None:
    given = noise(100_000, 3)
    run = Relayed(relay, tmp_path, "--change up:77777:0x81", "cat", given)
    changed = bytearray(given)
    changed[77777] ^= 0x81
    assert run.out == changed


MESSAGES = (b"\x01\x00\x03abc", b"\x02\x05\x00", b"\x03\x80\x01\xac\x02" + b"x" * 300, b"\x84\x00\x01!")


def test_messages_are_counted_behind_what_comes_first(relay: Path, tmp_path: Path) -> None:
    run = Relayed(relay, tmp_path, "--first up:5", "cat", b"hello" + b"".join(MESSAGES) + b"\x05\x00\x02-")
    assert run.report["messages_up"] == len(MESSAGES)
    assert run.report["messages_down"] == 0


@pytest.mark.parametrize("number", range(len(MESSAGES) + 1))
def test_a_connection_breaks_before_a_message(relay: Path, tmp_path: Path, number: int) -> None:
    run = Relayed(relay, tmp_path, f"--first down:5 --cut down:#{number}", "cat", b"hello" + b"".join(MESSAGES))
    assert (run.status, run.out) == (BROKEN, b"hello" + b"".join(MESSAGES[:number]))


def test_a_byte_of_a_message_is_changed(relay: Path, tmp_path: Path) -> None:
    run = Relayed(relay, tmp_path, "--first up:5 --change up:#2+200:1", "cat", b"hello" + b"".join(MESSAGES))
    third = bytearray(MESSAGES[2])
    third[200] ^= 1
    assert run.out == b"hello" + b"".join((*MESSAGES[:2], bytes(third), *MESSAGES[3:]))


def test_a_connection_that_is_idle_breaks(relay: Path, tmp_path: Path) -> None:
    """Both sides wait for the other one; the command is told that nothing more comes."""
    words: list[str | Path] = [relay, "--idle", "2000", "host", "cat"]  # in which cat must have started
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdin
        assert run.stdout
        run.stdin.write(b"something")
        run.stdin.flush()
        assert run.stdout.read() == b"something"
        assert run.wait(HANG_SECONDS) == BROKEN


def test_a_client_that_has_gone_ends_the_command(relay: Path, tmp_path: Path) -> None:
    """It writes without end, to nobody."""
    with subprocess.Popen([relay, "host", "cat /dev/zero"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout
        assert started.stdout.read(1000) == bytes(1000)
        started.stdout.close()
        assert started.wait(HANG_SECONDS) == 128 + 13  # SIGPIPE, as of the command


def test_there_is_an_sshd_behind_it(relay: Path, tmp_path: Path, sshd: Sshd) -> None:
    given = noise(300_000, 4)
    through = shlex.split(sshd.shell)
    words: list[str | Path] = [
        relay,
        "--report",
        tmp_path / "report",
        "--keep",
        *through,
        "host",
        "wc -c; echo $((6 * 7))",
    ]
    done = subprocess.run(words, input=given, capture_output=True, timeout=HANG_SECONDS, check=True)
    assert done.stdout.split() == [b"300000", b"42"]
    assert json.loads((tmp_path / "report").read_text())["up"] == len(given)

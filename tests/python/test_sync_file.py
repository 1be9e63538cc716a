"""sync_file: with the command on the other side, reached by a fake of ssh; and with other sides that misbehave."""

from __future__ import annotations

import io
import os
import re
import socket
import stat
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import redelta
from helpers.samples import noise, random_edits
from helpers.tool import HANG_SECONDS
from redelta._remote import place_of
from redelta.sync import Session

OLD = noise(1_000_000, 1)
NEW = random_edits(OLD, 20, 2)
OTHER = noise(3_000_000, 3)  # more than pipes hold
COMMAND = Path(sys.prefix, "bin", "redelta")

REPLY = struct.pack(">3sBBHBBH", b"rdc", 1, 2, 4, 0, 0, 0)

# As ssh does, but on this machine: the shell runs the line there, in another folder.
FAKE_SSH = """
import os, sys
host, line = sys.argv[-2:]
os.chdir(os.environ["THERE"])
os.execvp("sh", ["sh", "-c", line])
"""


class There:
    """The other machine: a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.options: dict[str, Any] = {
            "transport": [sys.executable, "-c", FAKE_SSH, "-x"],
            "remote_program": str(COMMAND),
        }

    def sync(self, src: str | Path, dst: str | Path, **options: Any) -> redelta.sync.Outcome:
        return redelta.sync_file(src, dst, **{**self.options, **options})

    def files(self) -> list[str]:
        return sorted(os.listdir(self.folder))


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> There:
    folder = tmp_path / "there"
    folder.mkdir()
    monkeypatch.setenv("THERE", str(folder))
    return There(folder)


def files_in(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name != "there")


# ---- With the command ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [OLD, None, b"", NEW[::-1]], ids=["edited", "none", "empty", "another"])
@pytest.mark.parametrize("new", [NEW, b"", OTHER], ids=["new", "empty", "large"])
def test_push_and_pull(there: There, tmp_path: Path, old: bytes | None, new: bytes) -> None:
    mine, theirs = tmp_path / "mine", there.folder / "theirs"
    for src, dst, names in ((mine, theirs, (mine, "host:theirs")), (theirs, mine, ("me@host:theirs", mine))):
        src.write_bytes(new)
        dst.unlink(missing_ok=True)
        if old is not None:
            dst.write_bytes(old)
        outcome = there.sync(*names)
        assert dst.read_bytes() == new
        assert outcome.created == (old is None)
        assert outcome.identical == (old == new)
        assert outcome.state.digest == redelta.digest(new)
        assert outcome.sent > 0
        assert outcome.received > 0
    assert there.files() == ["theirs"]
    assert files_in(tmp_path) == ["mine"]


def test_little_travels_for_few_edits_and_next_to_nothing_for_none(there: There, tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", there.folder / "theirs"
    for src, dst, names in ((mine, theirs, (mine, "host:theirs")), (theirs, mine, ("host:theirs", mine))):
        src.write_bytes(NEW)
        dst.write_bytes(OLD)
        outcome = there.sync(*names)
        assert outcome.sent + outcome.received < len(NEW) // 10
        before = dst.stat()
        outcome = there.sync(*names)
        assert outcome.identical
        assert outcome.sent + outcome.received <= 250
        assert (dst.stat().st_ino, dst.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_that_is_created_gets_the_mode_and_any_gets_the_time_if_it_is_asked_for(
    there: There, tmp_path: Path
) -> None:
    mine, theirs = tmp_path / "mine", there.folder / "theirs"
    for mode in (0o755, 0o640, 0o777, 0o400):
        for src, dst, names in ((mine, theirs, (mine, "host:theirs")), (theirs, mine, ("host:theirs", mine))):
            for path in (src, dst):
                path.unlink(missing_ok=True)
            src.write_bytes(NEW)
            src.chmod(mode)
            os.utime(src, ns=(1, 1_500_000_000_000_000_001))
            there.sync(*names)
            assert stat.S_IMODE(dst.stat().st_mode) == mode & ~0o022, oct(mode)
            assert dst.stat().st_mtime_ns > src.stat().st_mtime_ns
            there.sync(*names, times=True)
            assert dst.stat().st_mtime_ns == src.stat().st_mtime_ns
            dst.write_bytes(OLD) if mode & 0o200 else None
            there.sync(*names, times=True)
            assert dst.stat().st_mtime_ns == src.stat().st_mtime_ns


def test_both_files_here(tmp_path: Path) -> None:
    new, old = tmp_path / "a:b", tmp_path / "old"
    new.write_bytes(NEW)
    assert redelta.sync_file(new, old).created
    old.write_bytes(OLD)
    outcome = redelta.sync_file(str(new), str(old))
    assert (outcome.created, outcome.identical, outcome.sent, outcome.received) == (False, False, 0, 0)
    assert old.read_bytes() == NEW
    assert redelta.sync_file(new, old).identical
    assert redelta.sync_file(new, new).identical


@pytest.mark.parametrize("options", [{"compress": 19}, {"compress": False}, {"threads": 1}, {"max_rounds": 1000}])
def test_options_change_the_way_and_not_the_file(there: There, tmp_path: Path, options: dict[str, Any]) -> None:
    (tmp_path / "mine").write_bytes(NEW)
    (there.folder / "theirs").write_bytes(OLD)
    there.sync(tmp_path / "mine", "host:theirs", **options)
    assert (there.folder / "theirs").read_bytes() == NEW
    (tmp_path / "mine").write_bytes(OLD)
    there.sync("host:theirs", tmp_path / "mine", **options)
    assert (tmp_path / "mine").read_bytes() == NEW


def test_progress_is_told_and_can_stop_it(there: There, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(OTHER)
    (there.folder / "theirs").write_bytes(OLD)
    told: list[tuple[int, int | None]] = []

    def note(done: int, total: int | None) -> None:
        told.append((done, total))

    def stop(done: int, total: int | None) -> None:
        raise ZeroDivisionError("enough")

    with pytest.raises(ZeroDivisionError):
        there.sync(tmp_path / "mine", "host:theirs", progress=stop)
    assert (there.folder / "theirs").read_bytes() == OLD
    there.sync(tmp_path / "mine", "host:theirs", progress=note)
    assert told[-1] == (len(OTHER), len(OTHER))
    (tmp_path / "mine").write_bytes(OLD)
    with pytest.raises(ZeroDivisionError):
        there.sync("host:theirs", tmp_path / "mine", progress=stop)
    assert (tmp_path / "mine").read_bytes() == OLD
    told.clear()
    there.sync("host:theirs", tmp_path / "mine", progress=note)
    assert told[-1] == (len(OTHER), len(OTHER))
    assert there.files() == ["theirs"]
    assert files_in(tmp_path) == ["mine"]


def test_what_fails_on_the_other_side_is_told_as_it_says_it(there: There, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(NEW)
    for names in (("host:none", mine), (mine, "host:none/theirs")):
        with pytest.raises(redelta.PeerError, match="No such file or directory") as told:
            there.sync(*names)
        assert "host:none" in str(told.value)
    (there.folder / "folder").mkdir()
    with pytest.raises(redelta.PeerError, match="directory"):
        there.sync(mine, "host:folder")
    limit = [*there.options["transport"]]
    limit[2] = FAKE_SSH.replace("line])", "'ulimit -f 100; ' + line])")
    with pytest.raises(redelta.PeerError, match="File too large"):
        there.sync(mine, "host:theirs", transport=limit)
    assert there.files() == ["folder"]
    assert mine.read_bytes() == NEW


def test_what_fails_here_is_raised_as_it_is(there: There, tmp_path: Path) -> None:
    (there.folder / "theirs").write_bytes(NEW)
    with pytest.raises(FileNotFoundError):
        there.sync(tmp_path / "none", "host:theirs")
    with pytest.raises(FileNotFoundError):
        there.sync("host:theirs", tmp_path / "none" / "mine")
    with pytest.raises(IsADirectoryError):
        there.sync("host:theirs", tmp_path)
    with pytest.raises(redelta.ParameterError, match="not a regular file"):
        there.sync("host:theirs", "/dev/null")
    with pytest.raises(redelta.LimitError):
        there.sync("host:theirs", tmp_path / "mine", max_output=len(NEW) - 1)
    with pytest.raises(redelta.PeerError):
        there.sync(there.folder / "theirs", "host:other", max_output=len(NEW) - 1)
    assert there.files() == ["theirs"]
    assert files_in(tmp_path) == []


def test_a_file_that_somebody_else_replaces_meanwhile_is_left(there: There, tmp_path: Path) -> None:
    mine = tmp_path / "mine"

    def replace(done: int, total: int | None) -> None:
        (tmp_path / "other").write_bytes(b"somebody else's")
        (tmp_path / "other").replace(mine)

    (there.folder / "theirs").write_bytes(OTHER)
    for before in (OLD, None):
        mine.unlink(missing_ok=True)
        if before is not None:
            mine.write_bytes(before)
        with pytest.raises((redelta.FileChangedError, FileExistsError)):
            there.sync("host:theirs", mine, progress=replace)
        assert mine.read_bytes() == b"somebody else's"
        assert files_in(tmp_path) == ["mine"]


def test_a_link_is_replaced_and_not_followed(there: There, tmp_path: Path) -> None:
    (there.folder / "theirs").write_bytes(NEW)
    (tmp_path / "file").write_bytes(OLD)
    (tmp_path / "link").symlink_to("file")
    there.sync("host:theirs", tmp_path / "link")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "link").read_bytes() == NEW
    assert (tmp_path / "file").read_bytes() == OLD


def test_names_for_the_other_machine_pass_through_no_shell(there: There, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(NEW)
    for name in ("a b", "$(touch oops)", "'", "-n", "ä:ö"):
        there.sync(tmp_path / "mine", f"host:{name}")
        assert (there.folder / name).read_bytes() == NEW
    assert "oops" not in there.files()


# ---- Transports ------------------------------------------------------------------------------------------------------


def test_without_a_transport_it_is_ssh(there: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text(
        f'#!/bin/sh\necho "$@" > "$THERE/words"\ncd "$THERE"\n{COMMAND} serve --stdio\n'
    )
    (tmp_path / "bin" / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "mine").write_bytes(NEW)
    redelta.sync_file(tmp_path / "mine", "me@host:theirs")
    assert (there.folder / "words").read_text() == "me@host redelta serve --stdio\n"
    assert (there.folder / "theirs").read_bytes() == NEW


def test_what_the_other_side_could_not_keep_of_the_old_file_is_warned_of(tmp_path: Path) -> None:
    """Its status says so: notes are bits."""
    ours, others = socket.socketpair()
    out = io.BytesIO()

    def serve() -> None:
        with others, Session.receiver(OLD, out) as session:
            came = others.recv(1 << 20)
            said = REPLY + session.step(came[7 + int.from_bytes(came[5:7], "big") :])
            while not session.done:
                others.sendall(said)
                said = session.step(others.recv(1 << 20))
            others.sendall(said + struct.pack(">3sBBHBBH", b"rdc", 1, 3, 4, 0, 0, 5))

    thread = threading.Thread(target=serve)
    thread.start()
    (tmp_path / "mine").write_bytes(NEW)
    streams = ours.makefile("rb", buffering=0), ours.makefile("wb", buffering=0)
    with ours, pytest.warns(RuntimeWarning) as told:
        redelta.sync_file(tmp_path / "mine", "host:theirs", transport=lambda host, line: streams)
    thread.join()
    assert out.getvalue() == NEW
    assert len(told) == 2
    assert all(str(warning.message).startswith("host:theirs: ") for warning in told)


def test_a_function_can_return_a_process(there: There, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(OTHER)
    called = []

    def connect(host: str, line: str) -> subprocess.Popen[bytes]:
        called.append((host, line))
        return subprocess.Popen(line, shell=True, cwd=there.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    there.sync(tmp_path / "mine", "me@host:theirs", transport=connect)
    assert called == [("me@host", f"{COMMAND} serve --stdio")]
    assert (there.folder / "theirs").read_bytes() == OTHER


@pytest.mark.parametrize("name", ["theirs", "none"])
def test_a_process_that_goes_on_is_left_alone_after_success_only(
    there: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As an ssh does that carries other connections."""
    monkeypatch.setattr("redelta._connection.PATIENCE", 0.5)
    (there.folder / "theirs").write_bytes(NEW)
    script = f"{COMMAND} serve --stdio; exec sleep 1000"
    words = ["sh", "-c", script]
    with subprocess.Popen(words, cwd=there.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            if name == "theirs":
                there.sync("host:theirs", tmp_path / "mine", transport=lambda host, line: process)
                assert (tmp_path / "mine").read_bytes() == NEW
                assert process.poll() is None
            else:
                with pytest.raises(redelta.PeerError):
                    there.sync("host:none", tmp_path / "mine", transport=lambda host, line: process)
                assert process.poll() is not None
        finally:
            process.kill()


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_function_can_return_streams(there: There, tmp_path: Path, buffering: int) -> None:
    (there.folder / "theirs").write_bytes(OTHER)
    ours, others = socket.socketpair()
    with others:
        command = [str(COMMAND), "serve", "--stdio"]
        served = subprocess.Popen(command, cwd=there.folder, stdin=others.fileno(), stdout=others.fileno())
    with ours:
        streams = ours.makefile("rb", buffering=buffering), ours.makefile("wb", buffering=buffering)
        there.sync("host:theirs", tmp_path / "mine", transport=lambda host, line: streams)
    assert streams[0].closed
    assert streams[1].closed
    assert served.wait(HANG_SECONDS) == 0
    assert (tmp_path / "mine").read_bytes() == OTHER


# ---- Other sides that misbehave --------------------------------------------------------------------------------------


def shell(script: str) -> list[str]:
    """A transport on which this runs, whatever is asked for."""
    return ["sh", "-c", script]


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("exit 127", ConnectionError, "there is no redelta"),
        ("exit 126", ConnectionError, "cannot be run"),
        ("exit 255", ConnectionError, "no connection could be made"),
        ("exit 3", ConnectionError, "ended before it answered, with status 3"),
        ("echo Welcome to this machine", redelta.BadMagicError, r"'Welcome to this machine\\n'"),
        ("printf r", redelta.BadMagicError, "protocol"),
        (r"printf 'rdc\2\2\0\0'", redelta.BadMagicError, "version 2"),
        (r"printf 'rdc\1\3\0\4\0\0\0\0'", redelta.CorruptError, "another kind"),
        (r"printf 'rdc\1\2\0\4\0\4\0\0'", redelta.CorruptError, "breaks its rules"),
        (r"printf 'rdc\1\2\377\377'", redelta.CorruptError, "another kind"),
        (r"printf 'rdc\1\2\0\24\2\0\0\0it fails'", ConnectionError, "ended before it answered"),
        (r"printf 'rdc\1\2\0\16\2\0\0\0it \33 fails'", redelta.PeerError, r"it \? fails"),
        (r"printf 'rdc\1\2\0\4\0\0\0\0'", redelta.TruncatedError, "the connection broke"),
        (r"printf 'rdc\1\2\0\4\0\0\0\0'; exit 9", redelta.TruncatedError, "status 9"),
        (r"printf 'rdc\1\2\0\4\0\0\0\0junk'; head -c 100000 /dev/zero", redelta.RedeltaError, "."),
    ],
)
def test_what_is_no_redelta_is_told(tmp_path: Path, script: str, error: type[Exception], words: str) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(OLD)
    for names in ((mine, "host:theirs"), ("host:theirs", mine)):
        with pytest.raises(error, match=words):
            redelta.sync_file(*names, transport=shell(script))
        assert mine.read_bytes() == OLD
        assert files_in(tmp_path) == ["mine"]


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(OLD)
    with pytest.raises(FileNotFoundError):
        redelta.sync_file(tmp_path / "mine", "host:theirs", transport=["/no/such/command"])
    with pytest.raises(TypeError):
        redelta.sync_file(tmp_path / "mine", "host:theirs", transport="ssh")


def test_a_transport_without_a_word_does_not_run_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_bytes(OLD)
    program = tmp_path / "host"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(redelta.ParameterError, match="without a word"):
        redelta.sync_file(tmp_path / "mine", "host:theirs", transport=[])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("made", [None, 1, b"x", [io.BytesIO(), io.BytesIO()]])
def test_a_transport_that_returns_no_streams(tmp_path: Path, made: object) -> None:
    (tmp_path / "mine").write_bytes(OLD)
    with pytest.raises(TypeError, match="neither two streams nor"):
        redelta.sync_file(tmp_path / "mine", "host:theirs", transport=lambda host, line: made)


@pytest.mark.parametrize("at", [0, 20, 200, 20_000, 900_000])
def test_a_connection_that_is_cut_leaves_the_old_file(tmp_path: Path, at: int) -> None:
    """A sender in a thread, whose bytes end somewhere."""
    mine = tmp_path / "mine"
    mine.write_bytes(OLD)
    ours, others = socket.socketpair()

    def serve() -> None:
        left = at
        with others, Session.sender(OTHER[:900_000]) as session:
            came = others.recv(1 << 20)
            request = 7 + int.from_bytes(came[5:7], "big")
            said = REPLY + session.step(came[request:])
            while left and not session.done:
                others.sendall(said[:left])
                left -= len(said[:left])
                if left:
                    said = session.step(others.recv(1 << 20))

    thread = threading.Thread(target=serve)
    thread.start()
    with ours:
        streams = ours.makefile("rb", buffering=0), ours.makefile("wb", buffering=0)
        with pytest.raises((redelta.TruncatedError, ConnectionError)):
            redelta.sync_file("host:theirs", mine, transport=lambda host, line: streams)
    thread.join()
    assert mine.read_bytes() == OLD
    assert files_in(tmp_path) == ["mine"]


@pytest.mark.parametrize(("whole", "left"), [(False, "nothing was replaced"), (True, "is not known")])
def test_a_connection_that_is_cut_before_the_answer_comes(tmp_path: Path, whole: bool, left: str) -> None:
    """A receiver in a thread, which does what it is to do, or takes no more than the first of it, and says nothing."""
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.write_bytes(OTHER)
    theirs.write_bytes(OLD)
    ours, others = socket.socketpair()

    def serve() -> None:
        with others, theirs.open("rb") as old, Session.receiver(old, tmp_path / "made") as session:
            came = others.recv(1 << 20)
            request = 7 + int.from_bytes(came[5:7], "big")
            said = REPLY + session.step(came[request:])
            while not session.done:
                others.sendall(said)
                came = others.recv(1 << 20)
                if not whole:
                    return
                said = session.step(came)

    thread = threading.Thread(target=serve)
    thread.start()
    with ours:
        streams = ours.makefile("rb", buffering=0), ours.makefile("wb", buffering=0)
        with pytest.raises((redelta.TruncatedError, ConnectionError)) as caught:
            redelta.sync_file(mine, "host:theirs", transport=lambda host, line: streams)
    thread.join()
    if isinstance(caught.value, redelta.TruncatedError):
        assert left in str(caught.value)
    else:
        assert not whole
    assert not whole or (tmp_path / "made").read_bytes() == OTHER


# ---- Names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("host:path", ("host", "path")),
        ("me@host:/a/b:c", ("me@host", "/a/b:c")),
        ("host:a:b", ("host", "a:b")),
        ("[::1]:path", ("::1", "path")),
        ("me@[fe80::1%eth0]:a:b", ("me@fe80::1%eth0", "a:b")),
        ("./a:b", None),
        ("/a:b", None),
        ("a/b:c", None),
        ("path", None),
        (Path("a:b"), None),
    ],
)
def test_a_name_says_where_the_file_is(name: str | Path, place: tuple[str, str] | None) -> None:
    assert place_of(name) == place


@pytest.mark.parametrize("name", ["host:", ":path", "-oProxyCommand=x:path", "me@-x:path", "http://host/path", "me@:x"])
def test_names_that_would_mislead_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(redelta.ParameterError, match=re.escape(repr(name))):
        redelta.sync_file(name, tmp_path / "file", transport=shell("exit 1"))


def test_both_files_elsewhere_are_refused() -> None:
    with pytest.raises(redelta.ParameterError, match="both"):
        redelta.sync_file("a:b", "c:d")
    with pytest.raises(redelta.ParameterError, match="too long"):
        redelta.sync_file("host:" + "x" * 5000, "file", transport=shell("exit 1"))


class Deaf(io.RawIOBase):
    """A stream of somebody who does not listen: a signal ends each attempt to tell him something."""

    def write(self, data: Any) -> int:
        raise KeyboardInterrupt


def test_a_second_signal_does_not_leave_the_connection_open(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(NEW)
    streams = io.BytesIO(), Deaf()
    with pytest.raises(KeyboardInterrupt):
        redelta.sync_file(tmp_path / "mine", "host:theirs", transport=lambda host, line: streams)
    assert streams[0].closed
    assert streams[1].closed

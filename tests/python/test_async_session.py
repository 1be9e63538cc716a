"""examples/python/async_session.py, run as its users run it: as processes, over loopback connections."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.examples import EXAMPLES, broken_off, files_in, run, running, travelled
from helpers.samples import noise, random_edits
from helpers.tool import HANG_SECONDS
from redelta.sync import Session

NAME = "async_session.py"
OLD = noise(4_000_000, 1)
NEW = random_edits(OLD, 20, 2)
OTHER = noise(12_000_000, 3)  # more than sockets and streams hold


def test_a_file_is_brought_up_to_date(tmp_path: Path) -> None:
    served, mine = tmp_path / "served", tmp_path / "mine"
    served.write_bytes(NEW)
    with running(NAME, "serve", served) as line:
        host, port = line.split()
        run(NAME, "fetch", host, port, mine)
        assert mine.read_bytes() == NEW
        mine.write_bytes(OLD)
        assert travelled(run(NAME, "fetch", host, port, mine).stdout) < len(NEW) // 50
        assert mine.read_bytes() == NEW
        before = mine.stat()
        assert travelled(run(NAME, "fetch", host, port, mine).stdout) < 250
        assert (mine.stat().st_ino, mine.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        served.write_bytes(OTHER)
        run(NAME, "fetch", host, port, mine)
        assert mine.read_bytes() == OTHER
        served.unlink()
        run(NAME, "fetch", host, port, mine, status=1)
        assert mine.read_bytes() == OTHER
    assert files_in(tmp_path) == ["mine"]
    assert "connect" in run(NAME, "fetch", host, port, mine, status=1).stderr.lower()


def test_a_server_breaks_off_with_who_is_no_session_and_serves_others(tmp_path: Path) -> None:
    served, mine = tmp_path / "served", tmp_path / "mine"
    served.write_bytes(NEW)
    with running(NAME, "serve", served) as line:
        host, port = line.split()
        for junk in (b"\xff" * 100, b"GET / HTTP/1.0\r\n\r\n"):
            with socket.create_connection((host, int(port)), HANG_SECONDS) as stranger:
                stranger.sendall(junk)
                while not broken_off(stranger):
                    pass
        with socket.create_connection((host, int(port)), HANG_SECONDS):
            run(NAME, "fetch", host, port, mine)
    assert mine.read_bytes() == NEW


def cut(sent: bytes) -> bytes:
    return sent[: len(sent) // 2]


@pytest.mark.parametrize(
    "alter", [lambda sent: b"", lambda sent: b"junk", cut, lambda sent: sent[:-1] + bytes([sent[-1] ^ 1])]
)
def test_bad_senders(tmp_path: Path, alter: Callable[[bytes], bytes]) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(OLD)
    with socket.create_server(("127.0.0.1", 0)) as server, Session.sender(OTHER) as sender:
        host, port = server.getsockname()
        command = [sys.executable, EXAMPLES / NAME, "fetch", host, str(port), mine]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as client:
            connection, _ = server.accept()
            with connection, suppress(ConnectionError):  # it may have had enough
                said = sender.step(connection.recv(1 << 20))
                connection.sendall(alter(said))
            _, errors = client.communicate(timeout=HANG_SECONDS)
    assert "Traceback" not in errors
    assert client.returncode == 1, errors
    assert mine.read_bytes() == OLD
    assert files_in(tmp_path) == ["mine"]


def test_a_client_that_is_killed_ends_the_senders_session(tmp_path: Path) -> None:
    served, mine = tmp_path / "served", tmp_path / "mine"
    served.write_bytes(OTHER)
    mine.write_bytes(OLD)
    with running(NAME, "serve", served) as line:
        host, port = line.split()
        for wait in (0.0, 0.05, 0.15, 0.3):
            command = [sys.executable, str(EXAMPLES / NAME), "fetch", host, port, str(mine)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
                time.sleep(wait)
                client.kill()
                client.communicate(timeout=HANG_SECONDS)
            assert mine.read_bytes() in (OLD, OTHER)
            mine.write_bytes(OLD)
        run(NAME, "fetch", host, port, mine)
        assert mine.read_bytes() == OTHER

"""The programs of examples/python, run as their users run them: as processes, over sockets."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.tool import HANG_SECONDS

EXAMPLES = Path(__file__).parents[2] / "examples/python"


def run(name: str, *arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs an example to its end, which must have this status and no traceback."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)], capture_output=True, text=True, timeout=HANG_SECONDS
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stderr
    return done


@contextmanager
def running(name: str, *arguments: object) -> Iterator[str]:
    """Runs an example that serves, and gives the line by which it says where. It must end in silence at SIGINT."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=HANG_SECONDS)
        finally:
            process.kill()
    assert "Traceback" not in errors, errors
    assert process.returncode == 130, errors


def files_in(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def travelled(output: str) -> int:
    """How many bytes an example says that it has sent or received."""
    found = re.fullmatch(r"(?:sent|received) (\d+) bytes for \d+(?:, in \d+ round trips)?\n", output)
    assert found
    return int(found[1])


def broken_off(connection: socket.socket) -> bool:
    """Has the other side closed it? Waits for that."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True

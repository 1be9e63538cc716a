"""The relay, and an sshd of our own on the loopback address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sshd import Sshd, Unavailable


@pytest.fixture(scope="session")
def relay() -> Path:
    """bench/relay.c, built for the tests."""
    name = os.environ.get("REDELTA_RELAY")
    if not name or not os.access(name, os.X_OK):
        pytest.fail("set REDELTA_RELAY to the path of the relay")
    return Path(name).resolve()


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """It lets us in, and has keys of its own."""
    server = Sshd()
    try:
        server.__enter__()
    except Unavailable as reason:
        pytest.skip(f"no sshd: {reason}")
    try:
        yield server
    finally:
        server.__exit__(None, None, None)

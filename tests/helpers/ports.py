"""Ports for servers that must be told theirs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of 127.0.0.1 that the system gives to nobody else as long as the `with` lasts, and to no connection: so
    none connects to itself while it looks for the server. A server that asks for the port itself, with SO_REUSEADDR as
    all do, gets it, since nothing listens there."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]

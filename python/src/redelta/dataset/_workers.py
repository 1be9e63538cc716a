"""The worker processes of an engine, from inside: how they begin, work, and end.

They do not hear Ctrl-C, which a terminal sends to all of its processes: the driver does, and tells them by SIGTERM.
Then a task ends as by an exception, so that what it has not finished is removed, and no further one begins. If the
driver itself is killed, nobody tells them: they watch it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import connection
from typing import Any


class TaskEndedError(BaseException):
    """The driver wants no more."""


class Worker:
    """What this process is about: whether it works on a task, and whether it is to end."""

    is_working = False
    is_to_end = False


def begin() -> None:
    """In each new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_task)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=end_after, args=(parent.sentinel,), name="redelta-parent", daemon=True).start()


def work(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Does a task."""
    Worker.is_working = True
    try:
        if Worker.is_to_end:
            raise TaskEndedError
        return function(*arguments)
    finally:
        Worker.is_working = False


def end_task(*_: object) -> None:
    """Ends the task, or the next one that comes."""
    Worker.is_to_end = True
    if Worker.is_working:
        raise TaskEndedError


def end_after(sentinel: int) -> None:
    """Ends this process once another has ended."""
    connection.wait([sentinel])
    os._exit(1)

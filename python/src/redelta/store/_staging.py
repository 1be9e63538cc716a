"""The names of staging objects, which say when they were made, by whom, and for which upload.

Staging objects of KEY are called `KEY.redelta-staging/RUN/NUMBER`, and RUN is `TIME-HOST-PID-START-UPLOAD`: so whoever
finds one can tell whether the push that made it is over. A run of this machine is over if its process is gone (by its
number and the time at which it started, which another process with that number does not have). One of another machine
is over once it is older than any push takes, a day unless the caller says otherwise. UPLOAD is a hash of the number of
the multipart upload that replaces KEY, which has no name of its own: with the run, that upload is found and removed.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from calendar import timegm
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

MARK = ".redelta-staging/"
FORM = "%Y%m%dT%H%M%SZ"
DAY = 86_400

ACTIVE: set[str] = set()
"""The runs of this process that go on."""


def first_line(path: str) -> str:
    """Of a file of the system; empty if there is none."""
    try:
        return Path(path).read_text().partition("\n")[0]
    except OSError:
        return ""


@cache
def host() -> str:
    """Where process numbers mean the same: this machine since it started, and this container."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    known = "\0".join((socket.gethostname(), first_line("/proc/sys/kernel/random/boot_id"), space))
    return hashlib.sha256(known.encode()).hexdigest()[:10]


def started(pid: int) -> str | None:
    """When a process started, in ticks of the system; "0" where that is not known, None if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    if os.name != "posix":
        return "0"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return None if Path("/proc/self/stat").exists() else "0"


def hash_of(upload: str) -> str:
    """A multipart upload in the name of its run."""
    return hashlib.sha256(upload.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Run:
    """A push, as the names of its staging objects tell it."""

    time: float
    """When it began, in seconds since 1970."""
    host: str
    pid: int
    start: str
    upload: str
    """A hash of the number of the upload."""

    @classmethod
    def begin(cls, upload: str) -> Self:
        """This process's, now."""
        pid = os.getpid()
        return cls(int(time.time()), host(), pid, started(pid) or "0", hash_of(upload))

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Of its name; None if it is not one."""
        words = name.split("-")
        try:
            when, where, pid, start, upload = words
            return cls(timegm(time.strptime(when, FORM)), where, int(pid), start, upload)
        except ValueError:
            return None

    @property
    def name(self) -> str:
        """In the names of its objects."""
        when = time.strftime(FORM, time.gmtime(self.time))
        return f"{when}-{self.host}-{self.pid}-{self.start}-{self.upload}"

    def is_over(self, older_than: float) -> bool:
        """Whether it does not go on: surely if it was of this machine, by its age in seconds otherwise."""
        if self.name in ACTIVE:
            return False
        if self.host == host():
            return self.pid == os.getpid() or started(self.pid) != self.start
        return time.time() - self.time >= older_than


def prefix_of(key: str) -> str:
    """Of the staging objects of a key."""
    return key + MARK


def run_of(key: str, name: str) -> Run | None:
    """The run that a staging object of the key is of; None if the name is not one of ours."""
    prefix = prefix_of(key)
    return Run.parse(name[len(prefix) :].partition("/")[0]) if name.startswith(prefix) else None

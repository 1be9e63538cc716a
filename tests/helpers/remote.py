"""A machine elsewhere that is this one: what `sync` takes for ssh runs the command in another directory."""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from helpers.tool import HANG_SECONDS, Argument, Result, Tool, assert_sound, heed_signals, plain_environment

ROOT = Path(__file__).parents[2]
SAID = re.compile(
    r"(?P<name>.+): (?P<what>(?:would be )?(?:created|updated)|unchanged), (?P<size>[\d,]+) bytes;"
    r" (?P<travelled>[\d,]+) travelled \((?P<share>[\d.]+) %\): sent (?P<sent>[\d,]+), received (?P<received>[\d,]+)\n"
)
MAGIC = b"rdc"
VERSION = 1
REQUEST, REPLY, STATUS = 1, 2, 3


@dataclass(frozen=True)
class Said:
    """The line on standard output."""

    name: str
    what: str
    size: int
    sent: int
    received: int


def said(text: bytes) -> Said:
    """Reads that line."""
    match = SAID.fullmatch(text.decode())
    assert match is not None, text
    size, travelled, sent, received = (
        int(match[key].replace(",", "")) for key in ("size", "travelled", "sent", "received")
    )
    assert travelled == sent + received
    return Said(match["name"], match["what"], size, sent, received)


def message(kind: int, rest: bytes, version: int = VERSION) -> bytes:
    """A message of the connection."""
    return MAGIC + bytes([version, kind]) + len(rest).to_bytes(2, "big") + rest


def answer(kind: int, result: int = 0, flags: int = 0, notes: int = 0, text: bytes = b"") -> bytes:
    """A REPLY or a STATUS."""
    return message(kind, bytes([result, flags]) + notes.to_bytes(2, "big") + text)


def request(
    path: bytes,
    *,
    flags: int = 0,
    sparse: int = 0,
    compression: int = 0,
    rounds: int = 0,
    most: int = 0,
    suffix: bytes = b"",
) -> bytes:
    """A REQUEST. Flags: 1 push, 2 dry run, 4 times, 8 follow, 16 partial, 32 accept changes, 64 backup."""
    fixed = flags.to_bytes(2, "big") + bytes([sparse, compression + 1, rounds]) + most.to_bytes(8, "big")
    return message(REQUEST, fixed + bytes([len(suffix)]) + suffix + path)


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((ROOT / "docs/json.schema.json").read_text()))


def records_of(text: bytes) -> list[dict[str, Any]]:
    """The records in these lines, which are valid."""
    records = [json.loads(line) for line in text.splitlines()]
    for record in records:
        validator().validate(record)
    return records


class Elsewhere:
    """Two directories, `here` and `there`, and a remote shell that leads from one to the other."""

    def __init__(self, redelta: Tool, place: Path) -> None:
        self.redelta = redelta
        self.here, self.there = place / "here", place / "there"
        self.here.mkdir()
        self.there.mkdir()
        self.shell = self.script(f'shift; cd {shlex.quote(str(self.there))} && exec sh -c "$*"')

    def script(self, text: str, name: str = "rsh") -> Path:
        """A program in the language of sh."""
        path = self.here.parent / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def speaker(self, *data: bytes, status: int = 0, reads: bool = True) -> Path:
        """A remote shell behind which somebody says just this, whatever he hears."""
        name = f"speaker-{len(os.listdir(self.here.parent))}"
        (self.here.parent / f"{name}.data").write_bytes(b"".join(data))
        hears = "cat > /dev/null; " if reads else ""
        return self.script(
            f"cat {shlex.quote(str(self.here.parent / name))}.data; exec 1>&-; {hears}exit {status}", name
        )

    def words(self, *args: Argument, rsh: Path | None = None, program: str | None = None) -> list[Argument]:
        """The command line, with both options."""
        there = program if program is not None else shlex.quote(str(self.redelta.path))
        return ["sync", f"--rsh={rsh or self.shell}", f"--remote-program={there}", *args]

    def sync(self, *args: Argument, rsh: Path | None = None, program: str | None = None, **other: Any) -> Result:
        """Runs it here."""
        return self.redelta.run(*self.words(*args, rsh=rsh, program=program), cwd=self.here, **other)

    def record(self, *args: Argument, rsh: Path | None = None) -> dict[str, Any]:
        """The record of a run that succeeds."""
        return records_of(self.sync("--json", *args, rsh=rsh).done())[-1]

    def start(self, *args: Argument, rsh: Path | None = None) -> subprocess.Popen[bytes]:
        """Starts it."""
        words = [os.fsdecode(word) for word in (self.redelta.path, *self.words(*args, rsh=rsh))]
        return subprocess.Popen(
            words, cwd=self.here, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=plain_environment(), preexec_fn=heed_signals,
        )  # fmt: skip

    def cutting(self, there: int, back: int) -> Path:
        """A remote shell whose connection breaks after so many bytes there, or back; -1: never."""
        pump = Path(__file__).with_name("cut.py")
        words = shlex.join([sys.executable, str(pump), str(there), str(back)])
        text = f'shift; cd {shlex.quote(str(self.there))} && exec {words} sh -c "$*"'
        return self.script(text, f"cut{there}{back}")


def state(folder: Path) -> dict[str, tuple[bytes, int, int, int]]:
    """All that is in a folder: contents, modes, times and numbers of files."""
    found = {}
    for path in sorted(folder.iterdir()):
        status = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[path.name] = (data, status.st_mode, status.st_mtime_ns, status.st_ino)
    return found


def serve(redelta: Tool, *options: Argument, data: bytes, cwd: Path) -> Result:
    """Runs `serve` with just this for it to hear."""
    words = [os.fsdecode(word) for word in (redelta.path, "serve", "--stdio", *options)]
    done = subprocess.run(words, cwd=cwd, input=data, capture_output=True, env=plain_environment(),
                          timeout=HANG_SECONDS, check=False)  # fmt: skip
    result = Result(words, done.returncode, done.stdout, done.stderr)
    assert_sound(result)
    return result


def reply_of(out: bytes) -> tuple[int, int, str]:
    """The first message: its kind, its result and its text."""
    assert out[:3] == MAGIC, out[:40]
    assert out[3] == VERSION
    length = int.from_bytes(out[5:7], "big")
    rest = out[7 : 7 + length]
    return out[4], rest[0], rest[4:].decode()

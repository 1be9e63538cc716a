"""What is said to programs: records in lines of JSON, as those of the command (docs/json.md). And the exit statuses."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import sys
from typing import IO, Any

STATUS_DONE = 0
STATUS_IO = 1
STATUS_USAGE = 2
STATUS_INPUT = 3
STATUS_MISMATCH = 4
STATUS_IDENTICAL = 5
STATUS_CHANGED = 6
STATUS_CONNECTION = 7


class OutputClosedError(Exception):
    """Nobody reads standard output any more."""


def say(line: str) -> None:
    """A line on standard output."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosedError from error


def name_members(key: str, name: bytes | str | None) -> dict[str, str | None]:
    """A name as JSON has it: what is not UTF-8 is replaced, and then all bytes are added in base64."""
    if name is None:
        return {key: None}
    raw = os.fsencode(name)
    try:
        return {key: raw.decode()}
    except UnicodeDecodeError:
        return {key: raw.decode(errors="replace"), f"{key}_b64": base64.b64encode(raw).decode()}


def shown(name: bytes | str) -> str:
    """A name for people, in one line that does not fool a terminal: bytes that are not UTF-8, control characters and
    those that set the direction of others are escaped, as \\ooo."""
    raw = os.fsencode(name)
    text = "".join(
        "\\n"
        if character == "\n"
        else character
        if character.isprintable() or character == "\u3000"
        else "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))
        for character in raw.decode(errors="surrogateescape")
    )
    return text or "''"


def plain(value: Any) -> Any:
    """A value of a result as JSON has it: a digest in hexadecimal digits, a dataclass as an object."""
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


class Records:
    """The records of a run, in a file or on standard output; without a name, none."""

    def __init__(self, verb: str, name: str | None) -> None:
        self.verb = verb
        self.on_output = name == "-"
        self._file: IO[str] | None = None
        if name is not None and not self.on_output:
            self._file = open(name, "w", encoding="utf-8")  # noqa: SIM115

    def __bool__(self) -> bool:
        return self.on_output or self._file is not None

    def write(self, type: str, **members: Any) -> None:
        line = json.dumps({"type": type, "verb": self.verb, **members}, ensure_ascii=False)
        if self.on_output:
            say(line)
        elif self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()

    def error(
        self,
        status: int,
        result: str,
        message: str,
        *,
        role: str | None = None,
        name: str | None = None,
        system: str | None = None,
        offset: int | None = None,
        advice: str | None = None,
    ) -> None:
        self.write(
            "error",
            status=status,
            result=result,
            role=role,
            **name_members("name", name),
            message=message,
            system=system,
            offset=offset,
            advice=advice or "",
        )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

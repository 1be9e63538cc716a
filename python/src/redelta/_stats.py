"""What an operation did, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from html import escape
from typing import Self

from redelta._errors import ROLES
from redelta._types import Numbers


def shown(value: int | bytes | str) -> str:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, str):
        return value
    return value.hex() if isinstance(value, bytes) else f"{value:,}"


@dataclass(frozen=True)
class Stats:
    """What an operation did. Fields that do not apply to it are 0 or None. In a notebook it is shown as a table."""

    in_bytes: int = 0
    """Read from the basis, the signature, the new file or the delta."""
    out_bytes: int = 0
    """Written."""
    blocks: int = 0
    """In the signature."""
    literal_commands: int = 0
    """In the delta: commands with new bytes."""
    literal_bytes: int = 0
    """The new bytes."""
    literal_command_bytes: int = 0
    """Bytes of the delta for those commands, without the new bytes."""
    copy_commands: int = 0
    """In the delta: commands that copy from the basis."""
    copy_bytes: int = 0
    """The copied bytes."""
    copy_command_bytes: int = 0
    """Bytes of the delta for those commands."""
    false_matches: int = 0
    """Windows with a known weak sum but no known strong sum. May vary with the threads."""
    digest: bytes | None = None
    """Of the new file, as in the delta; of a patch, once the file is verified."""
    identical: bool = False
    """The delta is one copy of the whole basis, so the new file is the basis. False where the size of the basis is not
    known: of `inspect`, `open_delta` and `DeltaWriter`."""
    hole_bytes: int = 0
    """Of a patch: those of `out_bytes` that became holes, and were not written."""
    basis_size: int | None = None
    """Of the basis, as in the delta; None if the delta does not know it."""
    basis_digest: bytes | None = None
    """Of the basis, as in the delta; None if the delta does not know it: one of `delta` does not."""
    changed: str | None = None
    """The file that changed while it was read ("basis", "signature", "new file", "delta"), if one did."""

    @classmethod
    def _of(cls, numbers: Numbers) -> Self:
        return cls(*numbers[:-1], changed=ROLES.get(numbers[-1]))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align: left'>{escape(field.name.replace('_', ' '))}</th>"
            f"<td style='text-align: right'>{shown(getattr(self, field.name))}</td></tr>"
            for field in fields(self)
            if getattr(self, field.name)
        )
        return f"<table><caption>redelta</caption><tbody>{rows}</tbody></table>"

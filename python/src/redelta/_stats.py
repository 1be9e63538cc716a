"""What an operation did, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from html import escape


def shown(value: int | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else f"{value:,}"


@dataclass(frozen=True)
class Stats:
    """What an operation did. What does not apply to it is 0. In a notebook it shows itself as a table."""

    in_bytes: int = 0
    """Read from the basis, the signature, the new file or the delta."""
    out_bytes: int = 0
    """Written."""
    blocks: int = 0
    """In the signature."""
    literal_commands: int = 0
    """In the delta: commands that bring new bytes."""
    literal_bytes: int = 0
    """New bytes that they bring."""
    literal_command_bytes: int = 0
    """Bytes of the delta that those commands take, without what they bring."""
    copy_commands: int = 0
    """In the delta: commands that copy from the basis."""
    copy_bytes: int = 0
    """Bytes that they copy."""
    copy_command_bytes: int = 0
    """Bytes of the delta that those commands take."""
    false_matches: int = 0
    """Blocks whose weak sum was found and whose strong sum was not. May differ with the threads."""
    digest: bytes | None = None
    """Of the new file, as the delta carries it; of a patch, once the file was verified."""

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align: left'>{escape(field.name.replace('_', ' '))}</th>"
            f"<td style='text-align: right'>{shown(getattr(self, field.name))}</td></tr>"
            for field in fields(self)
            if getattr(self, field.name)
        )
        return f"<table><caption>redelta</caption><tbody>{rows}</tbody></table>"

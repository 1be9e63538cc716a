"""The manuals in `docs/man`, and the helps of the verbs that they are to agree with."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "man"
OPTION = re.compile(r"\bFl \\?-([a-z][a-z-]*)")


def page(name: str) -> str:
    return (FOLDER / name).read_text()


def section(text: str, name: str) -> str:
    (found,) = re.findall(rf"^\.Sh {name}\n(.*?)^\.Sh ", text, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def options_of_manual(text: str) -> set[str]:
    """The long options of its section OPTIONS."""
    return set(OPTION.findall(section(text, "OPTIONS")))


def options_of_help(text: str) -> set[str]:
    """The long options in the columns of options."""
    lines = text.splitlines()
    return {word for line in lines if re.match(r" +-", line) for word in re.findall(r"(?<!\S)--([a-z-]+)", line)}


def letters_of_help(text: str) -> list[tuple[str, str]]:
    """The options of one letter, each with its long option."""
    return re.findall(r"(?<!\S)-(\w)(?:\[\w+\]| [A-Z]+)?, --([a-z-]+)", text)


def has_letter(manual: str, letter: str, name: str) -> bool:
    """Whether the letter stands with its long option."""
    return re.search(rf"Fl {letter}\b.*, Fl -{name}\b", manual) is not None

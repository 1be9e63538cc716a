"""The table "Where is ...?" of docs/architecture.md is true: each file in it is there, and each symbol is in its file.

In the right column, text in backticks is a path or a symbol. A path may omit `src/`, or its folder if the previous path
has the same. A symbol is assigned to its file in one of the forms

    `symbol` in `path`    `symbol` (`path`)    `path`: `symbol`

where either may be a list joined by commas or "and". `..._name` is any symbol with that ending.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/architecture.md"
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
LIST = re.compile(r", |,? and ")


def rows() -> list[tuple[str, str]]:
    """The questions, and the answers."""
    (section,) = re.findall(r"^### Where is \.\.\.\?\n(.*?)^#", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    cells = [re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in section.splitlines() if line.startswith("|")]
    assert all(len(pair) == 2 for pair in cells)
    pairs = [(asked.strip(), answer.strip()) for asked, answer in cells]
    return [(asked, answer) for asked, answer in pairs if asked.strip("-: ")]


def path_of(code: str, before: Path | None) -> Path | None:
    """The file or folder that code names, or nothing if it is a symbol."""
    for folder in (ROOT, ROOT / "src", *([before.parent] if before else [])):
        if (folder / code).exists():
            return folder / code
    assert not re.search(r"/|\w\.\w", code), f"there is no {code}"
    return None


def places(answer: str) -> Iterator[tuple[str, list[Path]]]:
    """Each symbol of an answer, with the files that should have it."""
    words = re.split(r"`([^`]+)`", answer)
    between, code = words[::2], words[1::2]
    paths: list[Path | None] = []
    for word in code:
        paths.append(path_of(word, next((path for path in reversed(paths) if path), None)))

    def files(first: int, step: int) -> list[Path]:
        """The paths of a list that starts or ends at `first`."""
        found = []
        at = first
        while 0 <= at < len(code) and (path := paths[at]):
            found.append(path)
            at += step
            if not LIST.fullmatch(between[at + (step < 0)]):
                break
        return found

    for at, word in enumerate(code):
        if paths[at]:
            continue
        first = last = at
        while last + 1 < len(code) and not paths[last + 1] and LIST.fullmatch(between[last + 1]):
            last += 1
        while first > 0 and not paths[first - 1] and LIST.fullmatch(between[first]):
            first -= 1
        if between[last + 1] in (" in ", " ("):
            yield word, files(last + 1, 1)
        elif between[first] == ": ":
            yield word, files(first - 1, -1)
        else:
            yield word, []


def holds(file: Path, symbol: str) -> bool:
    """Whether the symbol is in the file: defined there, if it is a function."""
    text = COMMENT.sub("", file.read_text())
    name = re.sub(r"^\.\.\.", r"\\w+", symbol)
    if file.suffix in (".c", ".h") and re.search(rf"\b{name}\(", text):
        return (
            re.search(rf"^(?:[a-z][^\n;=]*\b{name}\((?:[^;{{]*)\{{|#define {name}\()", text, re.MULTILINE) is not None
        )
    if file.suffix == ".py" and re.search(rf"\b{name}\(", text):
        return re.search(rf"^ *(?:def|class) {name}\b", text, re.MULTILINE) is not None
    return re.search(rf"\b{name}\b", text) is not None


@pytest.mark.parametrize(("asked", "answer"), rows(), ids=[asked for asked, _ in rows()])
def test_what_the_table_names_is_where_it_says(asked: str, answer: str) -> None:
    for symbol, files in places(answer):
        assert files, f"{asked}: in which file is `{symbol}`?"
        for file in files:
            assert holds(file, symbol), f"{asked}: there is no {symbol} in {file.relative_to(ROOT)}"


def test_the_table_names_many_symbols() -> None:
    assert len(rows()) > 15
    assert sum(len(list(places(answer))) for _, answer in rows()) > 10


def layers() -> list[str]:
    """The folders of src, in the order of the table of layers."""
    (section,) = re.findall(r"^## The layers\n(.*?)^#", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^\| `src/(\w+)` \|", section, flags=re.MULTILINE)


def test_each_layer_includes_only_those_above_it() -> None:
    order = layers()
    assert sorted(order) == sorted(folder.name for folder in (ROOT / "src").iterdir() if folder.is_dir())
    for at, folder in enumerate(order):
        for file in sorted((ROOT / "src" / folder).glob("*.[ch]")):
            included = re.findall(r'^#include "(\w+)/', file.read_text(), flags=re.MULTILINE)
            assert set(included) <= set(order[: at + 1]), f"{file.name} of {folder} reaches down"

"""The layers of the command: each folder of cli/ includes only itself and those below it, and there are no circles."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYERS = ("main", "arguments", "verbs", "remote", "report", "base")  # from the top down
INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)
FILES = sorted(path for path in (ROOT / "cli").rglob("*") if path.suffix in (".c", ".h"))


def layer(name: str) -> int:
    parts = Path(name).parts
    return LAYERS.index(parts[1] if len(parts) > 2 else "main")


def unit(name: str) -> str:
    """A header and its source count as one."""
    return name.rsplit(".", 1)[0].removesuffix("_windows")


def arrows() -> list[tuple[str, str]]:
    """Which file includes which: all are named from the top of the tree."""
    return [(str(path.relative_to(ROOT)), name) for path in FILES for name in INCLUDE.findall(path.read_text())]


def test_arrows_go_down() -> None:
    assert [pair for pair in arrows() if layer(pair[1]) < layer(pair[0])] == []
    assert all((ROOT / name).exists() for _, name in arrows())


def test_no_circles() -> None:
    graph: dict[str, set[str]] = {}
    for source, name in arrows():
        if unit(source) != unit(name):
            graph.setdefault(unit(source), set()).add(unit(name))
    TopologicalSorter(graph).prepare()


def test_the_base_knows_only_the_library_beside_itself() -> None:
    assert {layer(name) for source, name in arrows() if source.startswith("cli/base/")} == {LAYERS.index("base")}

"""Pages with tables of bench/all: the text around the tables is written by hand, the tables stand between comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tables import Table

PART = re.compile(
    r"(?P<begin><!-- bench/all: (?P<name>(?!end )[\w-]+) -->\n)(?P<body>.*?)(?P<end><!-- bench/all: end -->)", re.DOTALL
)
MARK = "<!-- bench/all: "


def parts(machine: str, tables: Iterable[Table]) -> dict[str, str]:
    """What a page may contain, by name. Tables without rows are left out: a page keeps what it had."""
    return {"machine": machine, **{table.name: table.markdown() for table in tables if table.rows}}


def fill(text: str, contents: Mapping[str, str]) -> str:
    """The page with new contents between its comments; other names keep theirs."""
    if len(PART.findall(text)) * 2 != text.count(MARK):
        raise ValueError("comments of bench/all do not come in pairs")

    def put(found: re.Match[str]) -> str:
        body = f"\n{contents[found['name']]}\n\n" if found["name"] in contents else found["body"]
        return found["begin"] + body + found["end"]

    return PART.sub(put, text)


def whole(machine: str, tables: Iterable[Table]) -> str:
    """A page of nothing but tables."""
    sections = [f"## {table.title}\n\n{table.markdown()}" for table in tables]
    return "\n\n".join(["# Performance", machine, *sections]) + "\n"

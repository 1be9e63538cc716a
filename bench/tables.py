"""Tables of figures, as the scripts of this directory print them and write them as data.

A script measures into a Report, which prints each table as Markdown row by row, and with `--json FILE` leaves all of
them in a file. Both have the same source, so that bench/all can put the tables into a page and compare two runs.

A figure that was measured several times is a Sample: its table shows one statistic, the file has every value.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal


@dataclass(frozen=True)
class Sample:
    """A figure that was measured one or more times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        if len(self.values) < 2:
            return self.values[0], self.values[0]
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high


Better = Literal["", "less", "more"]
Cell = str | int | float | Sample | None


def sample(values: Iterable[float]) -> Sample:
    return Sample(tuple(values))


@dataclass(frozen=True)
class Column:
    """What the cells below a title are. A row is known by those of its key columns; where neither more nor less is
    `better`, as in the figures of other programs, two runs are not compared."""

    title: str
    unit: str = ""  # s, µs, MB, bytes, GB/s; x: a ratio
    digits: int = 0
    better: Better = ""
    key: bool = False
    statistic: Literal["median", "maximum"] = "median"
    bold: bool = False

    @property
    def heading(self) -> str:
        return self.title if self.unit in ("", "x") else f"{self.title} {self.unit}"

    def value(self, cell: int | float | Sample) -> float:
        if not isinstance(cell, Sample):
            return cell
        return cell.median if self.statistic == "median" else max(cell.values)

    def show(self, cell: Cell) -> str:
        if cell is None or isinstance(cell, str):
            return cell or ""
        shown = f"{self.value(cell):,.{self.digits}f}" + ("x" if self.unit == "x" else "")
        return f"**{shown}**" if self.bold else shown


def key(title: str, unit: str = "") -> Column:
    return Column(title, unit, key=True)


@dataclass
class Table:
    """Rows of cells below columns. The notes say what could not be measured, and why. Rows that have one of `others` as
    a key are of other programs."""

    name: str
    title: str
    columns: list[Column] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def head(self) -> str:
        titles = " | ".join(column.heading for column in self.columns)
        return f"| {titles} |\n|{'---|' * len(self.columns)}"

    def line(self, number: int) -> str:
        """A row as Markdown; what the row above has in the first column as well is not repeated."""
        cells = [column.show(cell) for column, cell in zip(self.columns, self.rows[number], strict=True)]
        if number > 0 and len(cells) > 1 and self.columns[1].key and self.rows[number - 1][0] == self.rows[number][0]:
            cells[0] = ""
        return f"| {' | '.join(cells)} |"

    def note(self, text: str) -> str:
        """A note as a row, or as a paragraph if there are no columns."""
        return f"| *{text}* |{' |' * (len(self.columns) - 1)}" if self.columns else f"*{text}*"

    def markdown(self) -> str:
        lines = [self.head()] if self.columns else []
        lines += [self.line(number) for number in range(len(self.rows))]
        return "\n".join([*lines, *(self.note(text) for text in self.notes)])

    def key_of(self, row: list[Cell]) -> tuple[str, ...]:
        return tuple(str(cell) for column, cell in zip(self.columns, row, strict=True) if column.key)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "columns": [asdict(column) for column in self.columns],
            "rows": [[cell_to_json(cell) for cell in row] for row in self.rows],
            "notes": self.notes,
            "commands": self.commands,
            "others": self.others,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Table:
        columns = [Column(**column) for column in data["columns"]]
        rows = [[cell_from_json(cell) for cell in row] for row in data["rows"]]
        return Table(data["name"], data["title"], columns, rows, data["notes"], data["commands"], data["others"])


def rounded(value: float) -> float:
    """Six significant digits."""
    return float(f"{value:.6g}")


def cell_to_json(cell: Cell) -> Any:
    if not isinstance(cell, Sample):
        return rounded(cell) if isinstance(cell, float) else cell
    return {
        "runs": len(cell.values),
        "median": rounded(cell.median),
        "quartiles": [rounded(value) for value in cell.quartiles],
        "minimum": rounded(min(cell.values)),
        "values": [rounded(value) for value in cell.values],
    }


def cell_from_json(data: Any) -> Cell:
    if isinstance(data, dict):
        return sample(data["values"])
    if data is None or isinstance(data, str | int | float):
        return data
    raise ValueError(f"not a cell: {data!r}")


def merged(tables: Iterable[Table]) -> list[Table]:
    """Tables of the same name become one."""
    found: dict[str, Table] = {}
    for table in tables:
        whole = found.setdefault(table.name, Table(table.name, table.title))
        whole.columns = whole.columns or table.columns
        if table.columns and table.columns != whole.columns:
            raise ValueError(f"two tables of different columns are named {table.name}")
        whole.rows += table.rows
        whole.notes += table.notes
        whole.commands += table.commands
        whole.others = whole.others or table.others
    return list(found.values())


def pooled(first: Iterable[Table], again: Iterable[Table]) -> list[Table]:
    """Tables that were measured twice, with the runs of both times in one sample."""
    second = {(table.name, table.key_of(row)): row for table in again for row in table.rows}
    result = []
    for table in first:
        rows = []
        for row in table.rows:
            other = second.get((table.name, table.key_of(row)), row)
            rows.append([pool(one, two) if other is not row else one for one, two in zip(row, other, strict=True)])
        result.append(replace(table, rows=rows))
    return result


def pool(one: Cell, two: Cell) -> Cell:
    return sample(one.values + two.values) if isinstance(one, Sample) and isinstance(two, Sample) else one


class Report:
    """The tables of a script. At its end, and even if something goes wrong, it writes the file of `--json`."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.path: Path | None = arguments.json
        self.tables: list[Table] = []

    @staticmethod
    def add_option(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the tables as JSON, with every value")

    def __enter__(self) -> Report:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.path:
            self.path.write_text(json.dumps([table.to_json() for table in self.tables], indent=1) + "\n")

    def start(self, name: str, title: str, *columns: Column, others: Iterable[str] = ()) -> None:
        """The rows that follow belong to this table."""
        words = shlex.join([f"bench/{Path(sys.argv[0]).name}", *sys.argv[1:]])
        table = Table(name, title, list(columns), commands=[words], others=list(others))
        print(f"{chr(10) if self.tables else ''}{title}\n\n{table.head()}", flush=True)
        self.tables.append(table)

    def row(self, *cells: Cell) -> None:
        table = self.tables[-1]
        table.rows.append(list(cells))
        print(table.line(len(table.rows) - 1), flush=True)

    def note(self, text: str) -> None:
        table = self.tables[-1]
        table.notes.append(text)
        print(table.note(text), flush=True)

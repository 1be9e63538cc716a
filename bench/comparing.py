"""Comparing two results of bench/all: what got slower or larger beyond the noise.

A figure is worse if its value is, by more than the tolerance, and if it is worse in every run of the new result than in
every run of the old one: where the two overlap, they may be equal. A figure without runs, such as the size of a delta,
is compared by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tables import Cell, Column, Sample, Table, key

COLUMNS = (key("table"), key("row"), key("figure"), Column("before"), Column("now"), Column("ratio", "", 2), Column(""))


@dataclass(frozen=True)
class Change:
    table: str
    row: tuple[str, ...]
    column: Column
    before: int | float | Sample
    now: int | float | Sample
    tolerance: float

    @property
    def ratio(self) -> float:
        """Of now to before."""
        before = self.column.value(self.before)
        return self.column.value(self.now) / before if before else 1.0

    @property
    def verdict(self) -> str:
        """`worse`, `better`, or nothing."""
        before, now = runs(self.before), runs(self.now)
        more = self.ratio > 1 + self.tolerance and min(now) > max(before)
        less = self.ratio < 1 / (1 + self.tolerance) and max(now) < min(before)
        if not (more or less):
            return ""
        return "better" if more == (self.column.better == "more") else "worse"

    def cells(self) -> list[Cell]:
        plain = [self.column.show(cell).strip("*") for cell in (self.before, self.now)]
        return [self.table, ", ".join(self.row), self.column.heading, *plain, self.ratio, self.verdict]


def runs(cell: int | float | Sample) -> tuple[float, ...]:
    return cell.values if isinstance(cell, Sample) else (cell,)


def pairs(old: Iterable[Table], new: Iterable[Table], tolerance: float) -> Iterable[Change]:
    """Every figure that both results have."""
    before = {table.name: table for table in old}
    for table in new:
        other = before.get(table.name)
        if other is None:
            continue
        rows = {other.key_of(row): row for row in other.rows}
        places = {column.heading: number for number, column in enumerate(other.columns)}
        for row in table.rows:
            known = rows.get(table.key_of(row), [])
            for column, now in zip(table.columns, row, strict=True):
                was = known[places[column.heading]] if known and column.heading in places else None
                if was is None or now is None or isinstance(was, str) or isinstance(now, str) or column.key:
                    continue
                yield Change(table.name, table.key_of(row), column, was, now, tolerance)


def compare(old: Iterable[Table], new: Iterable[Table], tolerance: float) -> tuple[Table, int]:
    """The figures of our programs side by side, with a note on the others', and how many are worse."""
    changes = list(pairs(old, new, tolerance))
    ours = [change for change in changes if change.column.better]
    others = sorted(change.ratio for change in changes if not change.column.better and change.column.unit == "s")
    table = Table("comparison", "Compared with the result before", list(COLUMNS))
    table.rows = [change.cells() for change in ours]
    verdicts = [change.verdict for change in ours]
    worse, better = verdicts.count("worse"), verdicts.count("better")
    table.notes.append(f"{len(ours)} figures: {worse} worse, {better} better, the others equal within the noise.")
    if others:
        times = f"{others[len(others) // 2]:.2f} times"
        table.notes.append(f"The other programs took {times} as long as before (median): that is the machine.")
    return table, worse

"""Comparing two results of bench/all: what got slower or larger beyond the noise.

A figure is worse if its value is, by more than the tolerance, and if it is worse in every run of the new result than in
every run of the old one: where the two overlap, they may be equal. A figure without runs, such as the size of a delta,
is compared by itself.

Runs that follow each other share what disturbs them, so that their spread is less than that of two results. How much
two results differ without a reason is seen in the programs that are not ours, which have not changed: times have to
differ by more than nine in ten of theirs do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tables import Cell, Column, Sample, Table, key

TIMES = ("s", "ms", "µs", "x", "", "GB/s")  # also ratios of times, and speeds
COLUMNS = (key("table"), key("row"), key("figure"), Column("before"), Column("now"), Column("ratio", "", 2), Column(""))


@dataclass(frozen=True)
class Change:
    table: str
    row: tuple[str, ...]
    column: Column
    before: int | float | Sample
    now: int | float | Sample
    ours: bool

    @property
    def ratio(self) -> float:
        """Of now to before."""
        before = self.column.value(self.before)
        return self.column.value(self.now) / before if before else 1.0

    @property
    def timed(self) -> bool:
        return self.column.unit in TIMES

    def verdict(self, tolerance: float) -> str:
        """`worse`, `better`, or nothing."""
        before, now = runs(self.before), runs(self.now)
        more = self.ratio > 1 + tolerance and min(now) > max(before)
        less = self.ratio < 1 / (1 + tolerance) and max(now) < min(before)
        if not (more or less):
            return ""
        return "better" if more == (self.column.better == "more") else "worse"

    def cells(self, verdict: str) -> list[Cell]:
        plain = [self.column.show(cell).strip("*") for cell in (self.before, self.now)]
        return [self.table, ", ".join(self.row), self.column.heading, *plain, self.ratio, verdict]


def runs(cell: int | float | Sample) -> tuple[float, ...]:
    return cell.values if isinstance(cell, Sample) else (cell,)


def changes_between(old: Iterable[Table], new: Iterable[Table]) -> Iterable[Change]:
    """Every figure that both results have; tables of the same name and another title are of other files."""
    before = {table.name: table for table in old}
    for table in new:
        other = before.get(table.name)
        if other is None or other.title != table.title:
            continue
        rows = {other.key_of(row): row for row in other.rows}
        places = {column.heading: number for number, column in enumerate(other.columns)}
        for row in table.rows:
            keys = table.key_of(row)
            known = rows.get(keys, [])
            for column, now in zip(table.columns, row, strict=True):
                was = known[places[column.heading]] if known and column.heading in places else None
                if was is None or now is None or isinstance(was, str) or isinstance(now, str) or column.key:
                    continue
                ours = column.better != "" and not set(keys) & set(table.others)
                yield Change(table.name, keys, column, was, now, ours)


@dataclass(frozen=True)
class Comparison:
    table: Table
    worse: list[Change]


def compare(old: Iterable[Table], new: Iterable[Table], tolerance: float) -> Comparison:
    """The figures of our programs side by side, with a note on the others'."""
    changes = list(changes_between(old, new))
    others = sorted(change.ratio for change in changes if not change.ours and change.column.unit == "s")
    apart = sorted(max(ratio, 1 / ratio) - 1 for ratio in others if ratio > 0)
    noise = max(tolerance, apart[len(apart) * 9 // 10]) if apart else tolerance
    verdicts = [(change, change.verdict(noise if change.timed else tolerance)) for change in changes if change.ours]
    worse = [change for change, verdict in verdicts if verdict == "worse"]
    better = sum(verdict == "better" for _, verdict in verdicts)
    table = Table("comparison", "Compared with the result before", list(COLUMNS))
    table.rows = [change.cells(verdict) for change, verdict in verdicts]
    table.notes.append(
        f"{len(verdicts)} figures: {len(worse)} worse, {better} better, the others equal within the noise"
    )
    if others:
        times = f"{others[len(others) // 2]:.2f} times"
        table.notes.append(
            f"The other programs took {times} as long as before (median); times that differ by less than "
            f"{100 * noise:.0f} % count as equal"
        )
    return Comparison(table, worse)

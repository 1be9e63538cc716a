"""Charts of growth as SVG: lines on two logarithmic axes, in panels side by side with one legend.

A chart needs nothing but itself: colours for light and dark surroundings are in it, and so are a title and a
description for those who do not see it. Lines differ in colour and in the shape of their marks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from tables import Sample, Table

WIDTH = 960
PANEL_HEIGHT = 300
TOP, BOTTOM, LEFT, RIGHT, GAP = 84, 58, 74, 38, 12
RADIUS = 4
NUMBERS = {"redelta": 0, "redelta -T 2": 0, "redelta -T 1": 1, "rdiff": 2}  # of colours and marks
LARGER = {  # for each unit, what a value of at least this is multiplied with, and the name of the larger unit
    "s": ((1, 1, "s"), (1e-3, 1e3, "ms"), (0, 1e6, "µs")),
    "MB": ((1e3, 1e-3, "GB"), (0, 1, "MB")),
    "MiB": ((1024, 1 / 1024, "GiB"), (0, 1, "MiB")),
    "": ((1e6, 1e-6, "million"), (0, 1, "")),
}
STYLE = """
    .paper { fill: #ffffff; stroke: #d5d8e0 } .ink { fill: #1f2328 } .dim { fill: #59606b }
    .grid { stroke: #e4e6eb } .axis { stroke: #8a919c }
    .line { fill: none; stroke-width: 2.2; stroke-linejoin: round }
    .line.c0 { stroke: #3949ab } .line.c1 { stroke: #0288a7 } .line.c2 { stroke: #d9580b }
    .mark.c0 { fill: #3949ab } .mark.c1 { fill: #0288a7 } .mark.c2 { fill: #d9580b }
    .mid { text-anchor: middle } .end { text-anchor: end } .strong { font-weight: bold } .small { font-size: 13px }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #1e2129; stroke: #3a3f4b } .ink { fill: #e8eaee } .dim { fill: #a9b0bc }
      .grid { stroke: #323743 } .axis { stroke: #757d8a }
      .line.c0 { stroke: #9fa8f5 } .line.c1 { stroke: #4dd0e1 } .line.c2 { stroke: #ffa05c }
      .mark.c0 { fill: #9fa8f5 } .mark.c1 { fill: #4dd0e1 } .mark.c2 { fill: #ffa05c }
    }
"""


@dataclass(frozen=True)
class Line:
    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def number(self) -> int:
        """Of its colour and of its mark."""
        return NUMBERS[self.name]


@dataclass(frozen=True)
class Panel:
    title: str
    unit: str  # of y: s or MB
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Axis:
    """A logarithmic scale of values onto a range of pixels."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """The powers of ten on it; on a short axis also two and five times these."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        factors = (1, 2, 5) if self.high / self.low < 200 else (1,)
        values = (factor * 10.0**power for power in powers for factor in factors)
        return [value for value in values if self.low <= value <= self.high]


def around(values: Iterable[float], start: float, end: float) -> Axis:
    """An axis with some room on both sides of the values."""
    listed = list(values)
    return Axis(min(listed) / 1.5, max(listed) * 1.5, start, end)


def label(value: float, unit: str) -> str:
    for least, factor, larger in LARGER[unit]:
        if value >= least:
            return f"{round(value * factor, 6):,g} {larger}".strip()
    raise ValueError(f"{value} {unit} has no label")


def text(x: float, y: float, classes: str, words: str) -> str:
    return f'  <text class="{classes}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def mark(number: int, x: float, y: float) -> str:
    """Its shape tells the line, as its colour does."""
    kind = f'class="mark c{number}"'
    if number == 0:
        return f'  <circle {kind} cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>'
    if number == 1:
        return f'  <rect {kind} x="{x - RADIUS:.1f}" y="{y - RADIUS:.1f}" width="{2 * RADIUS}" height="{2 * RADIUS}"/>'
    reach = RADIUS + 1.5
    return f'  <path {kind} d="M{x:.1f} {y - reach:.1f} l{reach} {1.8 * reach:.1f} h{-2 * reach} z"/>'


def legend(lines: Iterable[Line]) -> list[str]:
    drawn = []
    x = float(LEFT)
    for name, number in {line.name: line.number for line in lines}.items():
        drawn += [f'  <path class="line c{number}" d="M{x} 34 h30"/>', mark(number, x + 15, 34)]
        drawn.append(text(x + 40, 39, "ink", name))
        x += 40 + 8.5 * len(name) + 34
    return drawn


def draw_line(line: Line, across: Axis, up: Axis) -> list[str]:
    places = [(across.place(x), up.place(y)) for x, y in line.points]
    path = " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return [f'  <path class="line c{line.number}" d="M{path}"/>', *(mark(line.number, x, y) for x, y in places)]


@dataclass(frozen=True)
class Chart:
    title: str
    description: str
    x_title: str
    x_unit: str
    ticks: tuple[float, ...]  # the values that are marked on the lower axis
    panels: tuple[Panel, ...]

    def draw_panel(self, panel: Panel, across: Axis, up: Axis) -> list[str]:
        """Grid, labels and lines."""
        left, right, bottom, top = across.start, across.end, up.start, up.end
        drawn = [text((left + right) / 2, top - 14, "ink mid strong", panel.title)]
        for value in self.ticks:
            x = across.place(value)
            drawn.append(f'  <path class="grid" d="M{x:.1f} {top} V{bottom}"/>')
            drawn.append(text(x, bottom + 19, "dim mid small", label(value, self.x_unit)))
        for value in up.ticks():
            y = up.place(value)
            drawn.append(f'  <path class="grid" d="M{left:.1f} {y:.1f} H{right:.1f}"/>')
            drawn.append(text(left - 8, y + 4, "dim end small", label(value, panel.unit)))
        drawn.append(f'  <path class="axis" fill="none" d="M{left:.1f} {top} V{bottom} H{right:.1f}"/>')
        drawn.append(text((left + right) / 2, bottom + 42, "dim mid small", self.x_title))
        for line in panel.lines:
            drawn += draw_line(line, across, up)
        return drawn

    def svg(self) -> str:
        """The document. Panels of the same unit have the same scale."""
        lines = [line for panel in self.panels for line in panel.lines]
        height = TOP + PANEL_HEIGHT + BOTTOM
        width = (WIDTH - RIGHT - len(self.panels) * LEFT - (len(self.panels) - 1) * GAP) / len(self.panels)
        body = legend(lines)
        for number, panel in enumerate(self.panels):
            left = LEFT + number * (width + GAP + LEFT)
            across = around((x for line in lines for x, _ in line.points), left, left + width)
            alike = [line for other in self.panels if other.unit == panel.unit for line in other.lines]
            up = around((y for line in alike for _, y in line.points), TOP + PANEL_HEIGHT, TOP)
            body += self.draw_panel(panel, across, up)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
                ' aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="15">',
                f'  <title id="t">{escape(self.title)}</title>',
                f'  <desc id="d">{escape(self.description)}</desc>',
                f"  <style>{STYLE}  </style>",
                f'  <rect class="paper" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
                *body,
                "</svg>\n",
            ]
        )


# ---- The charts of bench/growth --------------------------------------------------------------------------------------


def points(table: Table, column: int, name: str = "") -> tuple[tuple[float, float], ...]:
    """The values of a column by those of the first one, of all rows or of those with this name in the second column."""
    found = []
    for row in table.rows:
        x, y = row[0], row[column]
        if isinstance(x, int | float) and isinstance(y, int | float | Sample) and (not name or row[1] == name):
            found.append((float(x), table.columns[column].value(y)))
    return tuple(found)


def ends(lines: Iterable[Line]) -> str:
    return "; ".join(f"{line.name}, {line.points[0][1]:.3g} to {line.points[-1][1]:.3g}" for line in lines)


def by_size(table: Table) -> Chart:
    names = list(dict.fromkeys(str(row[1]) for row in table.rows))
    panels = tuple(
        Panel(step.title, "s", tuple(Line(name, points(table, number, name)) for name in names))
        for number, step in enumerate(table.columns)
        if not step.key
    )
    sizes = [x for x, _ in panels[0].lines[0].points]
    spoken = ". ".join(f"{panel.title} in seconds: {ends(panel.lines)}" for panel in panels)
    description = f"Three panels of lines on logarithmic axes, from {sizes[0]:g} to {sizes[-1]:g} MiB. {spoken}."
    ticks = tuple(sizes[:: 2 if len(sizes) > 4 else 1])
    return Chart("Time by the size of the file", description, "size of the file", "MiB", ticks, panels)


def by_blocks(table: Table) -> Chart:
    panels = tuple(
        Panel(title, unit, tuple(Line(table.columns[at].title, points(table, at)) for at in places))
        for title, unit, places in (("delta: time", "s", (2, 3)), ("delta: peak memory", "MB", (4, 5)))
    )
    panels = tuple(panel for panel in panels if all(line.points for line in panel.lines))  # memory may not be known
    spoken = ". ".join(f"{panel.title} in {panel.unit}: {ends(panel.lines)}" for panel in panels)
    counts = [x for x, _ in panels[0].lines[0].points]
    description = f"Lines on logarithmic axes, from {counts[0]:g} to {counts[-1]:g} blocks. {spoken}."
    title = "Time and memory of a delta by the number of blocks"
    return Chart(title, description, "number of blocks", "", tuple(counts), panels)


CHARTS = {"growth": ("growth-time.svg", by_size), "growth-blocks": ("growth-blocks.svg", by_blocks)}


def charts(tables: Iterable[Table]) -> dict[str, str]:
    """The charts of these tables: the names of their files, and what these contain."""
    wanted = [(*CHARTS[table.name], table) for table in tables if table.name in CHARTS and table.rows]
    return {name: make(table).svg() for name, make, table in wanted}

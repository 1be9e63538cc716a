"""What the scripts of bench/ share: tables, charts, pages, the comparison of two results, and the plan of bench/all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

import machine
import pages
import plan
from charts import Axis, charts
from comparing import compare
from plan import Plan, Scale, lacking_modules
from tables import Cell, Column, Sample, Table, key, merged, pooled, sample

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
COLUMNS = [
    key("files"),
    key("step"),
    Column("redelta", "s", 3, "less"),
    Column("rdiff", "s", 3),
    Column("faster", "x", 1, "more", bold=True),
    Column("redelta", "MB", 1, "less", statistic="maximum"),
]


def table(*rows: list[Cell]) -> Table:
    return Table("versus", "A title", list(COLUMNS), list(rows))


def timed(*seconds: float, step: str = "delta") -> list[Cell]:
    return ["a", step, sample(seconds), sample([8.0]), sample(8 / each for each in seconds), sample([4e0])]


def growth(sizes: tuple[int, ...] = (1, 4, 16)) -> Table:
    columns = [key("MB"), key("program"), *(Column(step, "s", 3, "less") for step in ("signature", "delta", "patch"))]
    programs = {"redelta -T 1": 2.0, "redelta -T 2": 1.0, "rdiff": 8.0}
    rows: list[list[Cell]] = [
        [size, name, *(sample([size * pace / 1000]) for _ in range(3))]
        for size in sizes
        for name, pace in programs.items()
    ]
    return Table("growth", "Growth", columns, rows)


def blocks(memory: bool = True) -> Table:
    columns = [key("blocks"), key("block length"), *(Column(who, unit) for unit in ("s", "MB") for who in WHO)]
    rows: list[list[Cell]] = [
        [count, 100, 1.0, 2.0, *((count / 100, count / 50) if memory else (None, None))] for count in (1000, 10**7)
    ]
    return Table("growth-blocks", "Blocks", columns, rows)


WHO = ("redelta", "rdiff")


# ---- Tables ----------------------------------------------------------------------------------------------------------


def test_a_table_as_markdown() -> None:
    shown = table(
        ["a", "signature", sample([0.2, 0.1, 0.4]), sample([1234.5]), sample([2.04]), sample([1.0, 3.25, 2.0])],
        ["a", "delta", sample([1.0]), None, None, 5],
        ["b", "delta", 1, 2, 3.0, None],
    )
    shown.notes.append("c: not measured")
    assert shown.markdown().splitlines() == [
        "| files | step | redelta s | rdiff s | faster | redelta MB |",
        "|---|---|---|---|---|---|",
        "| a | signature | 0.200 | 1,234.500 | **2.0x** | 3.2 |",
        "|  | delta | 1.000 |  |  | 5.0 |",
        "| b | delta | 1.000 | 2.000 | **3.0x** |  |",
        "| *c: not measured* | | | | | |",
    ]


def test_a_table_without_columns_is_its_notes() -> None:
    assert Table("burp", "burp", notes=["burp is not installed"]).markdown() == "*burp is not installed*"


def test_a_table_survives_json_with_all_its_values() -> None:
    before = table(timed(0.1, 0.2, 0.4), ["b", "patch", 1, None, 2.5, sample([3.0])])
    before.notes.append("a note")
    data = json.loads(json.dumps(before.to_json()))
    assert Table.from_json(data) == before
    assert data["rows"][0][2] == {
        "runs": 3, "median": 0.2, "quartiles": [0.15, 0.3], "minimum": 0.1, "values": [0.1, 0.2, 0.4],
    }  # fmt: skip
    assert data["columns"][5]["unit"] == "MB"


def test_tables_of_a_name_become_one() -> None:
    noted = Table("versus", "A title", notes=["c: not measured"])
    other = replace(growth(), rows=[])
    (whole, second) = merged([noted, table(timed(1)), other, table(timed(2))])
    assert (whole.name, len(whole.rows), whole.notes, whole.columns) == ("versus", 2, noted.notes, COLUMNS)
    assert second.name == "growth"
    with pytest.raises(ValueError, match="different columns"):
        merged([table(), Table("versus", "", [key("else")])])


# ---- The comparison --------------------------------------------------------------------------------------------------


def verdicts(before: list[Cell], now: list[Cell], tolerance: float = 0.05) -> list[Cell]:
    """Those of redelta's seconds, of the ratio and of its memory."""
    compared = compare([table(before)], [table(now)], tolerance)
    return [row[-1] for row in compared.table.rows]


def test_slower_in_every_round_is_worse() -> None:
    assert verdicts(timed(1.0, 1.1, 1.05), timed(1.3, 1.2, 1.4)) == ["worse", "worse", ""]


def test_faster_in_every_round_is_better() -> None:
    assert verdicts(timed(1.3, 1.2, 1.4), timed(1.0, 1.1, 1.05)) == ["better", "better", ""]


def test_rounds_that_overlap_are_noise() -> None:
    assert verdicts(timed(1.0, 1.1, 1.3), timed(1.2, 1.5, 1.6)) == ["", "", ""]


def test_a_change_within_the_tolerance_is_noise() -> None:
    assert verdicts(timed(1.0, 1.0), timed(1.04, 1.04)) == ["", "", ""]
    assert verdicts(timed(1.0, 1.0), timed(1.04, 1.04), tolerance=0.03) == ["worse", "worse", ""]


def test_the_largest_peak_is_compared() -> None:
    before, now = timed(1.0), timed(1.0)
    before[-1], now[-1] = sample([4.0, 5.0]), sample([5.5, 6.0])
    assert verdicts(before, now) == ["", "", "worse"]


def test_a_figure_without_rounds_is_compared_by_itself() -> None:
    columns = [key("delta of"), Column("redelta", "bytes", better="less"), Column("rdiff", "bytes")]
    before = Table("bytes", "", columns, [["a", 1000, 1000]])
    now = Table("bytes", "", columns, [["a", 1100, 2000]])
    compared = compare([before], [now], 0.05)
    assert compared.table.rows == [["bytes", "a", "redelta bytes", "1,000", "1,100", 1.1, "worse"]]
    assert [change.row for change in compared.worse] == [("a",)]


def test_other_programs_tell_about_the_machine_only() -> None:
    before, now = timed(1.0), timed(1.0)
    now[3] = sample([16.0])
    compared = compare([table(before)], [table(now)], 0.05)
    assert compared.worse == []
    assert "2.00 times as long" in compared.table.notes[-1]


def test_times_that_differ_by_less_than_those_of_other_programs_are_noise() -> None:
    before, now = timed(1.0), timed(1.3)
    now[3] = sample([8 * 1.4])
    assert verdicts(before, now) == ["", "", ""]
    now[3] = sample([8 / 1.2])
    assert verdicts(before, now) == ["worse", "worse", ""]
    now[3], now[-1] = sample([8 * 1.4]), sample([4.5])
    assert verdicts(before, now) == ["", "", "worse"]


def test_rows_of_other_programs_are_not_ours() -> None:
    before, now = growth((1,)), growth((1,))
    before.others = now.others = ["rdiff"]
    now.rows[2][2] = sample([9.0])
    compared = compare([before], [now], 0.05)
    assert {row[1] for row in compared.table.rows} == {"1, redelta -T 1", "1, redelta -T 2"}
    assert compared.worse == []


def test_what_is_measured_again_is_one_sample() -> None:
    first, again = table(timed(1.0), timed(3.0, step="patch")), table(timed(2.0))
    (both,) = pooled([first], [again])
    assert both.rows == [
        [*timed(1.0, 2.0)[:3], sample([8.0, 8.0]), sample([8.0, 4.0]), sample([4.0, 4.0])],
        first.rows[1],
    ]


def test_what_only_one_result_has_is_not_compared() -> None:
    before = table(timed(1.0), timed(1.0, step="patch"))
    now = table(timed(9.0, step="signature"), timed(1.0, step="patch"))
    compared = compare([before], [now, growth()], 0.05)
    assert compared.worse == []
    assert {row[1] for row in compared.table.rows} == {"a, patch"}


def test_tables_of_other_files_are_not_compared() -> None:
    before = replace(table(timed(1.0)), title="Other files")
    assert compare([before], [table(timed(9.0))], 0.05).table.rows == []


# ---- Pages -----------------------------------------------------------------------------------------------------------

PAGE = """Text.
<!-- bench/all: versus -->

| old |

<!-- bench/all: end -->
More text.
<!-- bench/all: other -->
kept
<!-- bench/all: end -->
"""


def test_a_page_gets_the_tables_that_it_names() -> None:
    filled = pages.fill(PAGE, pages.parts("A machine.", [table(timed(1.0)), growth()]))
    assert filled == PAGE.replace("| old |", table(timed(1.0)).markdown())
    assert pages.fill(filled, {"versus": "| old |"}) == PAGE


def test_a_table_without_rows_leaves_the_page_as_it_was() -> None:
    assert pages.fill(PAGE, pages.parts("", [Table("versus", "", notes=["not measured"])])) == PAGE


@pytest.mark.parametrize("lost", ["<!-- bench/all: end -->", "<!-- bench/all: versus -->"])
def test_a_comment_without_its_other_half_is_refused(lost: str) -> None:
    with pytest.raises(ValueError, match="pairs"):
        pages.fill(PAGE.replace(lost, "", 1), {})


@pytest.mark.parametrize("name", ["performance.md", "which.md"])
def test_every_table_of_the_page_comes_from_a_script(tmp_path: Path, name: str) -> None:
    page = (ROOT / "docs" / name).read_text()
    assert pages.fill(page, {}) == page
    sources = [path.read_text() for path in (ROOT / "bench").iterdir() if path.is_file()]
    made = {name for source in sources for name in re.findall(r'\.start\(\s*"([\w-]+)"', source)}
    made |= {
        job.table + end for job in Plan(tmp_path, Scale()).jobs() if job.name == "versus" for end in ("", "-bytes")
    }
    named = [found["name"] for found in pages.PART.finditer(page)]
    assert len(named) == len(set(named))
    assert named
    assert set(named) - {"machine"} <= made


# ---- Charts ----------------------------------------------------------------------------------------------------------


def test_charts_are_well_formed_and_described() -> None:
    drawn = charts([growth(), blocks(), table(timed(1.0))])
    assert set(drawn) == {"growth-time.svg", "growth-blocks.svg"}
    for text in drawn.values():
        root = ElementTree.fromstring(text)
        assert root.tag == f"{SVG}svg"
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-labelledby"] == "t d"
        described = {each.attrib["id"]: each.text for tag in ("title", "desc") for each in root.iter(f"{SVG}{tag}")}
        assert all(described[name] for name in ("t", "d"))
        assert "prefers-color-scheme: dark" in "".join(each.text or "" for each in root.iter(f"{SVG}style"))


def heights(text: str, kind: str) -> list[float]:
    """Of the circles, which are the marks of redelta with all threads; or of the squares of one thread."""
    tag, attribute = {"all": ("circle", "cy"), "one": ("rect", "y")}[kind]
    marks = [each for each in ElementTree.fromstring(text).iter(f"{SVG}{tag}") if "mark" in each.attrib["class"]]
    return [float(each.attrib[attribute]) for each in marks]


def test_a_chart_has_every_point_and_more_is_higher() -> None:
    drawn = charts([growth((1, 4, 16, 64))])["growth-time.svg"]
    every = heights(drawn, "all")
    panel = every[1:5]  # the first circle is the legend's
    assert len(every) == 1 + 3 * 4
    assert panel == sorted(panel, reverse=True)
    assert all(one < all_of_them for one, all_of_them in zip(heights(drawn, "one")[1:5], panel, strict=True))


def test_a_chart_without_known_memory_has_no_panel_of_it() -> None:
    drawn = charts([blocks(memory=False)])["growth-blocks.svg"]
    assert "delta: time" in drawn
    assert "memory</text>" not in drawn


def test_equal_ratios_are_equal_distances_on_an_axis() -> None:
    axis = Axis(1, 10_000, 400, 100)
    assert [axis.place(value) for value in (1, 100, 10_000)] == pytest.approx([400, 250, 100])
    assert axis.ticks() == [1, 10, 100, 1000, 10_000]
    assert Axis(1.5, 60, 0, 1).ticks() == [2, 5, 10, 20, 50]


def test_the_charts_of_the_page_are_there() -> None:
    page = (ROOT / "docs/performance.md").read_text()
    for name in charts([growth(), blocks()]):
        assert f"(images/{name})" in page
        assert ElementTree.parse(ROOT / "docs/images" / name).getroot().tag == f"{SVG}svg"


# ---- The plan --------------------------------------------------------------------------------------------------------


def test_every_job_is_a_script_and_each_script_has_a_job(tmp_path: Path) -> None:
    jobs = {job.name for job in Plan(tmp_path, Scale()).jobs()}
    scripts = {path.name for path in (ROOT / "bench").iterdir() if path.is_file() and "." not in path.name}
    assert jobs == scripts - {"all", "make-data"}


def test_every_script_is_checked_and_described() -> None:
    scripts = {path.name for path in (ROOT / "bench").iterdir() if path.is_file() and "." not in path.name}
    print_scripts = '. ./scripts/lib.sh; echo "$bench_scripts"'
    listed = subprocess.run(["sh", "-c", print_scripts, ROOT / "scripts/test"], cwd=ROOT, stdout=subprocess.PIPE)
    assert set(listed.stdout.decode().split()) == {f"bench/{name}" for name in scripts}
    described = (ROOT / "CONTRIBUTING.md").read_text()
    assert [name for name in scripts if f"bench/{name}" not in described] == []


def test_programs_are_used_by_scripts_that_are_there() -> None:
    users = {script for _, scripts in machine.PROGRAMS.values() for script in scripts}
    assert [script for script in users if not (ROOT / "bench" / script).is_file()] == []


def test_more_than_half_of_the_cores_is_busy() -> None:
    assert machine.busy(4.0, 8) == ""
    assert "4.1" in machine.busy(4.1, 8)


def test_a_job_without_its_program_or_files_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    needs = {job.what: job.needs for job in Plan(tmp_path, Scale()).jobs()}
    assert needs["backups"] == ("rdiff-backup is not installed", "rdiffdir is not installed")
    assert needs["holes"] == ()
    assert "make-data --real" in needs["TypeScript"][0]


def test_an_interpreter_that_lacks_modules_is_told() -> None:
    assert lacking_modules(sys.executable, "json", "subprocess") == ()
    told = lacking_modules(sys.executable, "no_such_module", "json", "nor_this")
    assert told == (f"{sys.executable} has no module no_such_module", f"{sys.executable} has no module nor_this")


def test_without_dask_datasets_are_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "python_with_package", lambda: sys.executable)
    monkeypatch.setattr(plan, "lacking_modules", lambda python, *modules: tuple(f"no {name}" for name in modules))
    jobs = {job.name: job for job in Plan(tmp_path, Scale(quick=True)).jobs()}
    assert [jobs[name].needs for name in ("dataset", "scale")] == [("no pyarrow", "no distributed")] * 2
    assert (jobs["ranges"].needs, jobs["store"].needs) == ((), ())


def test_the_oldest_and_the_newest_real_file_are_a_pair(tmp_path: Path) -> None:
    for version in ("6.1.170-3", "6.1.99-1", "6.1.192-2"):
        (tmp_path / f"linux-{version}.tar").touch()
    (job, *_) = [job for job in Plan(tmp_path, Scale()).jobs() if job.what.startswith("Linux")]
    assert job.what == "Linux, 6.1.99-1 to 6.1.192-2"
    assert job.command[-2:] == (tmp_path / "linux-6.1.99-1.tar", tmp_path / "linux-6.1.192-2.tar")


def test_a_sample_of_one_has_its_value_as_quartiles() -> None:
    assert Sample((2.0,)).quartiles == (2.0, 2.0)

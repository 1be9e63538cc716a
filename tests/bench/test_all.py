"""bench/all itself, on files of four megabytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import synthetic
from helpers.tool import HANG_SECONDS, Tool, heed_signals

ROOT = Path(__file__).parents[2]
SMALL = ("--quick", "--megabytes", "4", "--runs", "1", "--only", "versus", "growth", "compression")


def environment(redelta: Tool, path: str | None = None) -> dict[str, str]:
    found = {**os.environ, "REDELTA": str(redelta.path), "PYTHONDONTWRITEBYTECODE": "1"}
    return found if path is None else {**found, "PATH": path}


def command(place: Path, *words: str | Path) -> list[str | Path]:
    return [sys.executable, ROOT / "bench/all", "--data", place / "data", "--output", place / "made", *words]


def bench_all(redelta: Tool, place: Path, *words: str | Path, path: str | None = None) -> tuple[int, str]:
    called = command(place, *words)
    done = subprocess.run(called, env=environment(redelta, path), capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.stderr == ""
    return done.returncode, done.stdout


def refused(redelta: Tool, place: Path, *words: str | Path) -> str:
    """The last line of what it says, with exit status 2, before it makes a file."""
    called = command(place, *words)
    done = subprocess.run(called, env=environment(redelta), capture_output=True, text=True, timeout=HANG_SECONDS)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done
    assert not list(place.rglob("old"))
    return done.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def place(redelta: Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a result is: in made/."""
    made = tmp_path_factory.mktemp("bench")
    status, said = bench_all(redelta, made, *SMALL)
    assert (status, said.count("not measured")) == (0, 1), said  # "0 not measured"
    return made


def result(place: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((place / "made/performance.json").read_text())
    return read


def rows(read: dict[str, Any], name: str) -> list[list[Any]]:
    (table,) = [table for table in read["tables"] if table["name"] == name]
    found: list[list[Any]] = table["rows"]
    return found


def test_a_result_has_tables_machine_versions_and_charts(place: Path) -> None:
    read = result(place)
    assert (read["format"], read["quick"]) == (1, True)
    assert read["machine"]["cores"] == os.cpu_count()
    assert read["machine"]["memory_bytes"] > 1 << 28
    assert read["versions"]["redelta"]["type"] == "version"
    assert "librsync" in read["versions"]["rdiff"]
    assert set(read["versions"]) == {"redelta", "rdiff", "python"}  # what was not used is not named
    assert {row[1] for row in rows(read, "versus")} == {"signature", "delta", "patch"}
    assert all(row[2]["runs"] == 1 and row[2]["minimum"] > 0 for row in rows(read, "versus"))
    assert [row[0] for row in rows(read, "growth")] == [1, 1, 1, 4, 4, 4]
    assert all(row[1] > 0 for row in rows(read, "versus-verified-bytes"))
    page = (place / "made/performance.md").read_text()
    assert "| 1 | redelta -T 1 |" in page
    assert "Machine: " in page
    assert {path.name for path in (place / "made").glob("*.svg")} == {"growth-time.svg", "growth-blocks.svg"}


def test_a_result_fills_a_page(redelta: Tool, place: Path, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    shutil.copy(ROOT / "docs/performance.md", page)
    quiet = tmp_path / "quiet.json"
    quiet.write_text(json.dumps({**result(place), "load": 0}))
    status, _ = bench_all(redelta, place, "--from", quiet, "--write", page)
    written = page.read_text()
    assert status == 0
    assert "4 MiB of random bytes, 2000 scattered edits" in written
    assert (tmp_path / "images/growth-time.svg").read_text() == (place / "made/growth-time.svg").read_text()


def test_figures_of_a_busy_machine_are_marked_and_written_by_force_only(
    redelta: Tool, place: Path, tmp_path: Path
) -> None:
    page, made = tmp_path / "page.md", tmp_path / "busy.json"
    before = "<!-- bench/all: machine -->\n<!-- bench/all: end -->\n"
    page.write_text(before)
    made.write_text(json.dumps({**result(place), "load": 0.6 * (os.cpu_count() or 1)}))
    words = ("--from", made, "--write", page)
    assert "The machine was busy" in refused(redelta, tmp_path, *words)
    assert page.read_text() == before
    status, _ = bench_all(redelta, tmp_path, *words, "--force")
    assert status == 0
    assert "The machine was busy" in page.read_text()
    _, said = bench_all(redelta, tmp_path, "--from", made, "--compare", made)
    assert "before: The machine was busy" in said


def test_a_result_is_not_worse_than_itself(redelta: Tool, place: Path) -> None:
    made = place / "made/performance.json"
    status, said = bench_all(redelta, place, "--from", made, "--compare", made)
    assert (status, " 0 worse, 0 better," in said) == (0, True), said


def test_a_regression_is_seen(redelta: Tool, place: Path, tmp_path: Path) -> None:
    read = result(place)
    rows(read, "growth")[0][3]["values"] = [1e-9]
    before = tmp_path / "before.json"
    before.write_text(json.dumps(read))
    status, said = bench_all(redelta, place, "--from", place / "made/performance.json", "--compare", before)
    (line,) = [line for line in said.splitlines() if line.endswith("| worse |")]
    assert status == 3
    assert "| growth | 1, redelta -T 1 | delta s |" in f"| growth |{line.split('|', 2)[2]}"


@pytest.mark.parametrize(("option", "other"), [("quick", False), ("megabytes", 1024)])
def test_results_of_other_options_are_not_compared(
    redelta: Tool, place: Path, tmp_path: Path, option: str, other: object
) -> None:
    before = tmp_path / "before.json"
    before.write_text(json.dumps({**result(place), option: other}))
    words = ("--compare", before)
    assert f"not comparable: --{option}" in refused(
        redelta, tmp_path, "--from", place / "made/performance.json", *words
    )
    assert f"not comparable: --{option}" in refused(redelta, tmp_path, *SMALL, *words)


def test_a_comparison_of_nothing_is_refused(redelta: Tool, place: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(json.dumps({**result(place), "tables": []}))
    made = place / "made/performance.json"
    assert "nothing to compare" in refused(redelta, tmp_path, "--from", made, "--compare", before)
    assert "none of these" in refused(redelta, tmp_path, *SMALL[:-3], "sparse", "--compare", made)


def test_every_table_has_a_title_of_its_own(place: Path) -> None:
    page = (place / "made/performance.md").read_text()
    titles = [line.removeprefix("## ").strip() for line in page.splitlines() if line.startswith("##")]
    assert all(titles)
    assert len(titles) == len(set(titles)) > 6


def test_without_b3sum_the_cost_of_the_digest_is_measured(redelta: Tool, tmp_path: Path) -> None:
    made = tmp_path / "tables.json"
    words = [__file__, __file__, "--runs", "1", "--json", str(made)]
    found = environment(redelta, str(tmp_path))
    done = subprocess.run([sys.executable, str(ROOT / "bench/digest"), *words], env=found, capture_output=True)
    alone, share = json.loads(made.read_text())
    assert (done.returncode, alone["rows"], len(alone["notes"])) == (0, [], 1), done.stderr
    assert [row[1] for row in share["rows"]] == ["delta", "patch"]
    assert "bytes)" in share["rows"][0][0]
    assert alone["title"]
    assert share["title"]


def test_what_seems_worse_is_measured_once_more(redelta: Tool, place: Path, tmp_path: Path) -> None:
    read = result(place)
    rows(read, "compression")[0][4]["values"] = [1e-9]
    before = tmp_path / "before.json"
    before.write_text(json.dumps(read))
    shutil.copytree(place / "data", tmp_path / "data")
    status, said = bench_all(redelta, tmp_path, *SMALL[:-3], "compression", "--compare", before)
    assert status == 3
    assert "once more: compression" in said
    assert [row[4]["runs"] for row in rows(result(tmp_path), "compression")] == [2, 2]


def test_what_cannot_be_measured_is_noted_and_the_rest_goes_on(redelta: Tool, place: Path, tmp_path: Path) -> None:
    there = tmp_path / "bin"
    there.mkdir()
    shutil.copytree(place / "data", tmp_path / "data")
    status, said = bench_all(redelta, tmp_path, *SMALL, path=str(there))
    read = result(tmp_path)
    assert status == 1
    assert "growth up to 4 MiB: rdiff is not installed" in said
    assert [job["name"] for job in read["jobs"] if not job["problem"]] == ["compression"]
    assert len(rows(read, "compression")) == 2
    assert "not measured, rdiff is not installed" in (tmp_path / "made/performance.md").read_text()


def test_a_benchmark_that_fails_is_noted(redelta: Tool, place: Path, tmp_path: Path) -> None:
    failing = tmp_path / "bin"
    failing.mkdir()
    (failing / "rdiff").write_text("#!/bin/sh\nexit 7\n")
    (failing / "rdiff").chmod(0o755)
    shutil.copytree(place / "data", tmp_path / "data")
    status, said = bench_all(redelta, tmp_path, *SMALL, path=f"{failing}:{os.environ['PATH']}")
    assert status == 1
    assert "exit status 7" in said
    assert [job["name"] for job in result(tmp_path)["jobs"] if not job["problem"]] == ["compression"]


# ---- The files -------------------------------------------------------------------------------------------------------


def test_files_of_the_user_stay_as_they_are(redelta: Tool, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in synthetic.NAMES:
        (tmp_path / "data" / name).write_text("mine")
    bench_all(redelta, tmp_path, *SMALL[:-3], "compression")
    assert all((tmp_path / "data" / name).read_text() == "mine" for name in synthetic.NAMES)
    assert synthetic.plausible(synthetic.sizes(tmp_path / "data/redelta-bench-4-MiB"), 4)


def test_a_file_that_was_cut_is_made_again(redelta: Tool, place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "data", tmp_path / "data")
    edited = tmp_path / "data/redelta-bench-4-MiB/edited"
    whole = edited.read_bytes()
    os.truncate(edited, len(whole) - 1)
    bench_all(redelta, tmp_path, *SMALL[:-3], "compression")
    assert edited.read_bytes() == whole


def test_files_of_make_data_are_used_where_they_are(tmp_path: Path) -> None:
    subprocess.run([ROOT / "bench/make-data", tmp_path, "--megabytes", "4"], check=True)
    assert synthetic.folder(tmp_path, 4) == tmp_path
    assert synthetic.folder(tmp_path, 8) == tmp_path / "redelta-bench-8-MiB"


def test_make_data_does_not_overwrite(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_text("mine")
    done = subprocess.run([ROOT / "bench/make-data", tmp_path, "--megabytes", "1"], capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["zeros"]


def test_a_folder_of_somebody_else_is_refused(redelta: Tool, tmp_path: Path) -> None:
    own = tmp_path / "data/redelta-bench-4-MiB"
    own.mkdir(parents=True)
    (own / "edited").write_text("mine")
    assert "is not made by bench/all" in refused(redelta, tmp_path, *SMALL)


# ---- Wrong calls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "versus", "else"), "no benchmark is named else"),
        (("--runs", "0"), "0 is less than 1"),
        (("--megabytes", "3"), "3 is less than 4"),
        (("--compare", "missing.json"), "missing.json: No such file or directory"),
        (("--from", "missing.json"), "missing.json: No such file or directory"),
        (("--output", f"{__file__}/made"), "Not a directory"),
        (("--write", "missing.md"), "missing.md: No such file or directory"),
    ],
)
def test_a_wrong_call_is_refused_before_anything_is_made(
    redelta: Tool, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    assert said in refused(redelta, tmp_path, "--quick", *words)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', "3", "\0"])
@pytest.mark.parametrize("option", ["--compare", "--from"])
def test_what_is_no_result_is_refused(redelta: Tool, tmp_path: Path, option: str, text: str) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text(text)
    assert "is not a result of this version" in refused(redelta, tmp_path, option, wrong)


@pytest.mark.parametrize("doing", ["making files", "[1/"])
def test_ctrl_c_ends_it_in_one_line(redelta: Tool, tmp_path: Path, doing: str) -> None:
    megabytes = "256" if doing == "making files" else "4"
    called = command(tmp_path, "--quick", "--megabytes", megabytes, "--only", "versus", "--runs", "100000")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        called, env=environment(redelta), stdout=pipe, stderr=pipe, text=True, start_new_session=True,
        preexec_fn=heed_signals,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert any(line.startswith(doing) for line in running.stdout)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        _, said = running.communicate(timeout=HANG_SECONDS)
    assert (running.returncode, said) == (130, "interrupted\n")


def test_a_reader_that_has_gone_is_no_traceback(redelta: Tool, place: Path) -> None:
    made = place / "made/performance.json"
    reader, writer = os.pipe()
    os.close(reader)
    called = command(place, "--from", made)
    done = subprocess.run(called, env=environment(redelta), stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_versus_without_rdiff_says_so(tmp_path: Path) -> None:
    called = [sys.executable, str(ROOT / "bench/versus"), __file__, __file__, "--rdiff", str(tmp_path / "rdiff")]
    done = subprocess.run(called, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, f"bench/versus: {tmp_path}/rdiff is not installed\n")

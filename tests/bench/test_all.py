"""bench/all itself, on files of one megabyte."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.tool import Tool

ROOT = Path(__file__).parents[2]
SMALL = ("--quick", "--megabytes", "1", "--runs", "1", "--only", "versus", "growth", "compression")


def bench_all(redelta: Tool, place: Path, *words: str | Path, path: str | None = None) -> tuple[int, str]:
    environment = {**os.environ, "REDELTA": str(redelta.path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PATH"] = environment["PATH"] if path is None else path
    command = [sys.executable, ROOT / "bench/all", "--data", place / "data", "--output", place / "made", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert done.stderr == ""
    return done.returncode, done.stdout


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
    assert {row[1] for row in rows(read, "versus")} == {"signature", "delta", "patch"}
    assert all(row[2]["runs"] == 1 and row[2]["minimum"] > 0 for row in rows(read, "versus"))
    assert [row[0] for row in rows(read, "growth")] == [1, 1, 1]
    assert all(row[1] > 0 for row in rows(read, "versus-verified-bytes"))
    page = (place / "made/performance.md").read_text()
    assert "| 1 | redelta -T 1 |" in page
    assert "Machine: " in page
    assert {path.name for path in (place / "made").glob("*.svg")} == {"growth-time.svg", "growth-blocks.svg"}


def test_a_result_fills_a_page(redelta: Tool, place: Path, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    shutil.copy(ROOT / "docs/performance.md", page)
    status, _ = bench_all(redelta, place, "--from", place / "made/performance.json", "--write", page)
    written = page.read_text()
    assert status == 0
    assert "1 MiB of random bytes, 2000 scattered edits" in written
    assert (tmp_path / "images/growth-time.svg").read_text() == (place / "made/growth-time.svg").read_text()


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
    assert "growth up to 1 MiB: rdiff is not installed" in said
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

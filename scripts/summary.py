"""Counts the single tests of one or more builds, shows those that failed, and sets the exit status.

CTest knows programs and runs of pytest, not the tests in them. These are in JUnit XML files next to CTest's own result:
`junit/ctest.xml` has one entry for each CTest test, and `junit/<that test>.*.xml` the tests that it ran. The two must
agree. A CTest test that failed without a failed test in its files (it crashed or timed out) counts as one failure, and
so does one that passed without any test, so that no failure is missed.

    summary.py [--failed-checks "NAME, NAME"] BUILD...

The last line is `N passed, N failed`, with `, N skipped` if there are any.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Test:
    """One test, its outcome (passed, failed or skipped), and the message of a failed one."""

    name: str
    outcome: str
    text: str = ""


def outcome_of(case: ElementTree.Element) -> tuple[str, str]:
    """The outcome of a <testcase>, and the text of its failure."""
    for tag in ("failure", "error"):
        found = case.find(tag)
        if found is not None:
            return "failed", (found.text or found.get("message") or "").strip()
    return ("passed" if case.find("skipped") is None else "skipped"), ""


def tests_in(file: Path) -> Iterator[Test]:
    """The tests of one XML file of cmocka or pytest. A file that cannot be read is a failed test."""
    try:
        cases = list(ElementTree.parse(file).iter("testcase"))
    except ElementTree.ParseError as error:
        yield Test(file.name, "failed", f"not XML: {error}\n{file.read_text(errors='replace')}")
        return
    for case in cases:
        outcome, text = outcome_of(case)
        yield Test(f"{file.name.split('.')[1]}: {case.get('name')}", outcome, text)


def tests_of(run: ElementTree.Element, junit: Path) -> list[Test]:
    """The single tests of one CTest test."""
    name = run.get("name", "")
    tests = [test for file in sorted(junit.glob(f"{name}.*.xml")) for test in tests_in(file)]
    passed = run.get("status") == "run"
    if not passed and not any(test.outcome == "failed" for test in tests):
        tests.append(Test(name, "failed", run.findtext("system-out", "").strip()))
    if passed and not tests:
        tests.append(Test(name, "failed", "it passed but left no results"))
    return tests


def tests_of_build(build: Path) -> list[Test]:
    junit = build / "junit"
    try:
        runs = list(ElementTree.parse(junit / "ctest.xml").iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        return [Test(str(build), "failed", f"no results of CTest: {error}")]
    return [test for run in runs for test in tests_of(run, junit)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Counts the tests of builds.")
    parser.add_argument("--failed-checks", default="", metavar="NAMES", help="checks that failed, with ', ' between")
    parser.add_argument("builds", nargs="*", type=Path, metavar="BUILD", help="a build directory that ctest ran in")
    arguments = parser.parse_args()

    tests = [Test(name, "failed", "see above") for name in arguments.failed_checks.split(", ") if name]
    for build in arguments.builds:
        found = tests_of_build(build)
        print(f"{build}: {len(found)} tests")
        tests += found
    for test in tests:
        if test.outcome == "failed":
            print(f"\nFAILED {test.name}\n{test.text}")

    count = {outcome: sum(test.outcome == outcome for test in tests) for outcome in ("passed", "failed", "skipped")}
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    print(f"{count['passed']} passed, {count['failed']} failed{skipped}")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())

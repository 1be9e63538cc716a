"""The differential program detects faults, so that its success means something.

It runs here on faulty.c, a library that is stock librsync except for one fault.
"""

from __future__ import annotations

import os
import subprocess

import pytest

# A fault of faulty.c, the test that must detect it, and a word of that test's message.
FAULTS = [
    ("signature byte", "test_random_cases", "signature by"),
    ("signature byte", "test_all_portions", "signature"),
    ("copies", "test_random_cases", "our delta has"),
    ("patch byte", "test_random_cases", "patch with"),
    ("position", "test_random_cases", "where the FILEs stand"),
    ("statistics", "test_random_cases", "load by job"),
    ("statistics", "test_broken_signatures", "load"),
    ("stall", "test_all_portions", "ours 999"),
    ("silence", "test_rhythm", "silent for"),
    ("truncation", "test_broken_signatures", "cut to"),
    ("truncation", "test_broken_deltas", "cut to"),
    ("corruption", "test_broken_deltas", "with byte"),
    ("corruption", "test_damage", "damage"),
    ("truncation", "test_odd_calls", "end of garbage"),
    ("hexify", "test_functions", "rs_hexify"),
]


def run(test: str, fault: str) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("REDELTA_DIFFERENTIAL")
    faulty = os.environ.get("REDELTA_FAULTY")
    if not program or not faulty:
        pytest.fail("REDELTA_DIFFERENTIAL and REDELTA_FAULTY are not set; run this test with ctest")
    environment = {
        "REDELTA_LIBRSYNC": faulty,
        "REDELTA_FAULT": fault,
        "REDELTA_TEST": test,
        "REDELTA_CASES": "2",
        "REDELTA_DIFFERENCES": "1000",
        "CMOCKA_MESSAGE_OUTPUT": "STDOUT",
    }
    return subprocess.run([program], env={**os.environ, **environment}, capture_output=True, text=True)


@pytest.mark.parametrize(("fault", "test", "words"), FAULTS)
def test_notices(fault: str, test: str, words: str) -> None:
    done = run(test, fault)
    assert done.returncode != 0
    assert f"[  FAILED  ] {test}" in done.stdout + done.stderr
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize("test", sorted({test for _, test, _ in FAULTS} - {"test_odd_calls"}))
def test_says_nothing_of_stock_itself(test: str) -> None:
    done = run(test, "")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"[       OK ] {test}" in done.stdout

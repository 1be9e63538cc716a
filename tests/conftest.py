"""What every pytest test shares: the two commands and the way hypothesis runs.

The command under test is the one that the environment names in REDELTA. Stock rdiff is the oracle. Neither is optional:
a test run without them fails, because a skipped comparison proves nothing. Hypothesis draws the same examples in every
run, so a failure can be repeated and a pass means the same on every machine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from helpers.places import Places
from helpers.tool import Tool

settings.register_profile(
    "redelta",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("redelta")


@pytest.fixture(scope="session")
def redelta() -> Tool:
    """The command under test."""
    name = os.environ.get("REDELTA")
    if not name:
        pytest.fail("set REDELTA to the path of the redelta command")
    path = Path(name).resolve()
    if not os.access(path, os.X_OK):
        pytest.fail(f"REDELTA names {path}, which cannot be run")
    return Tool(path)


@pytest.fixture(scope="session")
def rdiff() -> Tool:
    """Stock rdiff, the oracle."""
    path = shutil.which("rdiff")
    if path is None:
        pytest.fail("rdiff is not installed (Debian package rdiff)")
    return Tool(Path(path))


@pytest.fixture
def places() -> Iterator[Places]:
    """Makes file systems and devices, which are gone after the test."""
    with Places() as made:
        yield made

"""What the tests of programs share: the two libraries, and a tree with a history.

Ours is the file that the environment names in REDELTA_LIBRSYNC; the system's is the oracle. Neither is optional. A test
is run for several mixes of the two: a word that has a letter for each step, `s` for the system's library, `o` for ours.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consumers.programs import Desk, Librsync, stock_librsync
from consumers.trees import History


@pytest.fixture(scope="session")
def librsyncs() -> dict[str, Librsync]:
    """Both libraries by their letters."""
    name = os.environ.get("REDELTA_LIBRSYNC")
    if not name:
        pytest.fail("set REDELTA_LIBRSYNC to the path of our librsync.so.2")
    ours = Path(name).absolute()
    stock = stock_librsync()
    if ours.resolve() == stock.resolve():
        pytest.fail("REDELTA_LIBRSYNC names the system's librsync")
    return {"s": Librsync("the system's", stock), "o": Librsync("ours", ours)}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty folder to work in."""
    return Desk(tmp_path)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A tree without any state yet."""
    return History(tmp_path / "tree", {})

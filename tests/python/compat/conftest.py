"""What the tests of programs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.trees import History
from python.compat.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.prepare()
    return desk


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A tree without any state yet."""
    return History(tmp_path / "tree", {})

"""The examples of the migration notes and of the modules' own words."""

from __future__ import annotations

import doctest
import gc
import re
import sys
from pathlib import Path

import pytest

import librsync
import py_rdiff

NOTES = Path(__file__).parents[3] / "docs" / "python-migration.md"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory of a test. The module that an example puts in place goes away again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "duplicity._librsync", None)
    return tmp_path


def test_the_migration_notes() -> None:
    text = re.sub(r"^```.*$", "", NOTES.read_text(), flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, NOTES.name, str(NOTES), 0)
    results = doctest.DocTestRunner().run(test)
    assert (results.failed, results.attempted > 20) == (0, True)


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
def test_librsync() -> None:
    results = doctest.testmod(librsync)
    gc.collect()
    assert (results.failed, results.attempted > 3) == (0, True)


def test_py_rdiff(folder: Path) -> None:
    (folder / "test.txt").write_text("asdqwezxcrfv")
    (folder / "test2.txt").write_text("qwerty qwerty qwerty")
    results = doctest.testmod(py_rdiff)
    assert (results.failed, results.attempted > 3) == (0, True)

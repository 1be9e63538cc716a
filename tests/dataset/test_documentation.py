"""What the guide shows is true: its examples are run, one after the other, in an empty folder. And every public name
has its place in it."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

from redelta import dataset

GUIDE = Path(__file__).parents[2] / "docs" / "datasets.md"


def test_the_examples_of_the_guide_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"^```.*$", "", GUIDE.read_text(), flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, GUIDE.name, str(GUIDE), 0)
    told: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append)
    assert not results.failed, "".join(told)
    assert results.attempted > 20


def test_the_guide_has_every_name() -> None:
    shown = re.findall(r"^::: redelta\.dataset\.(\w+)$", GUIDE.read_text(), flags=re.MULTILINE)
    assert sorted(shown) == sorted(dataset.__all__)


@pytest.mark.parametrize("module", [each.name for each in pkgutil.iter_modules(dataset.__path__)])
def test_the_examples_of_the_functions_are_true(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"redelta.dataset.{module}")).failed == 0


def test_every_public_name_says_what_it_is() -> None:
    for name in dataset.__all__:
        value = getattr(dataset, name)
        if callable(value) and name not in ("ChangeKind", "FailureKind", "Where"):
            assert value.__doc__
            assert len(value.__doc__) > 30

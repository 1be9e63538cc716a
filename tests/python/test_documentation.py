"""What the pages about Python show is true: their examples are run, one after the other, in an empty folder."""

from __future__ import annotations

import doctest
import gc
import re
from pathlib import Path

import pytest

import redelta

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "python.md"


def test_the_readme_shows_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("old").write_bytes(b"old")
    Path("new").write_bytes(b"new")
    found = re.search(r"^```python\n(.*?)^```", (DOCS.parent / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found
    exec(found[1], {})
    assert Path("old").read_bytes() == b"new"


def test_the_reference_has_every_name() -> None:
    shown = re.findall(r"^::: redelta\.(\w+)$", (DOCS / "python-reference.md").read_text(), flags=re.MULTILINE)
    assert sorted([*shown, "__version__"]) == sorted(redelta.__all__)


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")  # examples are brief, and leave closing to the end
def test_the_examples_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = re.sub(r"^```.*$", "", (DOCS / PAGE).read_text(), flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, PAGE, str(DOCS / PAGE), 0)
    told: list[str] = []
    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append)
    gc.collect()
    assert not results.failed, "".join(told)

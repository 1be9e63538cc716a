"""Progress shown by tqdm, rich and fsspec: the libraries themselves."""

from __future__ import annotations

import io
from typing import Any

import pytest
from fsspec.callbacks import Callback
from rich.progress import Progress
from tqdm import tqdm

import redelta
from redelta import progress

BASIS = bytes(range(256)) * 4000


class Endless(io.RawIOBase):
    """A reader of BASIS whose size is not known."""

    def __init__(self) -> None:
        self.inner = io.BytesIO(BASIS)

    def read(self, size: int = -1) -> bytes:
        return self.inner.read(size)


@pytest.mark.parametrize("source", [BASIS, Endless], ids=["known", "unknown"])
def test_a_bar_of_tqdm(source: Any) -> None:
    shown = io.StringIO()
    with tqdm(file=shown, unit="B") as bar:
        redelta.signature(source if isinstance(source, bytes) else source(), progress=progress.tqdm(bar))
        assert bar.n == len(BASIS)
        assert bar.total == (len(BASIS) if isinstance(source, bytes) else None)
        redelta.digest(BASIS[:1000], progress=progress.tqdm(bar))
        assert (bar.n, bar.total) == (1000, 1000)
    assert "B" in shown.getvalue()


def test_a_new_bar_of_tqdm_is_closed() -> None:
    shown = io.StringIO()
    redelta.signature(BASIS, progress=progress.tqdm(file=shown, desc="signing"))
    assert shown.getvalue().endswith("\n")
    assert "signing: 100%" in shown.getvalue()
    with pytest.raises(TypeError, match="new bar"), tqdm(file=shown) as bar:
        progress.tqdm(bar, desc="x")


def test_a_task_of_rich() -> None:
    with Progress(disable=True) as bars:
        task = bars.add_task("mine", total=1)
        redelta.signature(BASIS, progress=progress.rich(bars, task))
        redelta.signature(Endless(), progress=progress.rich(bars, description="theirs"))
        assert [(each.description, each.completed, each.total) for each in bars.tasks] == [
            ("mine", len(BASIS), len(BASIS)),
            ("theirs", len(BASIS), None),
        ]
        assert bars.tasks[0].finished


def test_a_callback_of_fsspec() -> None:
    calls: list[tuple[int | None, int]] = []
    callback = Callback(hooks={"note": lambda size, value, **rest: calls.append((size, value))})
    redelta.signature(BASIS, progress=progress.fsspec(callback))
    assert (callback.size, callback.value) == (len(BASIS), len(BASIS))
    assert calls[-1] == (len(BASIS), len(BASIS))


def test_an_exception_of_theirs_stops_the_operation() -> None:
    class Stopped(Exception):
        pass

    def stop(size: int | None, value: int, **rest: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        redelta.signature(BASIS, progress=progress.fsspec(Callback(hooks={"stop": stop})))

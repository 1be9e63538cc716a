"""Progress shown by other libraries: each function makes what `progress=` takes of a bar or a callback of theirs.

>>> import redelta
>>> from redelta import progress
>>> from tqdm import tqdm
>>> with tqdm(disable=True) as bar:
...     signature = redelta.signature(bytes(10_000), progress=progress.tqdm(bar))
>>> len(signature)
192

None of these libraries is imported unless it is asked for something: a bar that was made elsewhere is used as it is. A
callback may be used for one operation after the other; each starts at 0 again.
"""

from __future__ import annotations

from typing import Any

from redelta._types import Progress

__all__ = ["fsspec", "rich", "tqdm"]


def tqdm(bar: Any = None, **options: Any) -> Progress:
    """Shows progress on a bar of tqdm, `tqdm.tqdm` or any of its kinds. Without one, a new bar for bytes is made by
    `tqdm.auto`, with these options of tqdm's, and is closed when all is done; one that is given stays the caller's.

    Raises ImportError without a bar if there is no tqdm."""
    if bar is not None and options:
        raise TypeError("options are for a new bar")
    owned = bar is None
    if owned:
        from tqdm.auto import tqdm as new_bar

        bar = new_bar(**{"unit": "B", "unit_scale": True, "unit_divisor": 1024, **options})

    def show(done: int, total: int | None) -> None:
        if bar.total != total:
            bar.total = total
            bar.refresh()
        bar.update(done - bar.n)
        if owned and done == total:
            bar.close()

    return show


def rich(progress: Any, task: int | None = None, *, description: str = "") -> Progress:
    """Shows progress in a `rich.progress.Progress`, as the task `task`, or as a new one with this description. The
    numbers are bytes: give it a `DownloadColumn`."""
    shown = progress.add_task(description, total=None) if task is None else task

    def show(done: int, total: int | None) -> None:
        progress.update(shown, completed=done, total=total)

    return show


def fsspec(callback: Any) -> Progress:
    """Passes progress on to a `fsspec.callbacks.Callback`."""

    def show(done: int, total: int | None) -> None:
        if callback.size != total:
            callback.set_size(total)
        callback.absolute_update(done)

    return show

#!/usr/bin/env python3
"""Signs all files below a directory, and draws who worked on what, and when.

    run_picture.py ROOT SIGNATURE PICTURE.svg                     on processes of this machine
    run_picture.py ROOT SIGNATURE PICTURE.svg --scheduler ADDRESS on the workers of a dask cluster

Each line of the picture is a worker, each box a task: listing in grey, shards in blue, the wider the longer it took.
The executor is wrapped in one of our own, which redelta uses as it does any other; so this works for every engine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

from redelta import dataset

WIDTH, LINE, LEFT = 900, 22, 150
COLOURS = {"list_part": "#b8bcc2", "sign_shard": "#3572b0"}


class Timed(NamedTuple):
    """A task that was done."""

    worker: str
    name: str
    start: float
    stop: float


def timed(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, Timed]:
    """Runs in the worker: the result, and when it was worked on."""
    start = time.time()
    result = function(*arguments)
    return result, Timed(f"{socket.gethostname()} {os.getpid()}", function.__name__, start, time.time())


class Watched(Executor):
    """An executor that notes what each task of another one took."""

    def __init__(self, inner: Executor, workers: int) -> None:
        self.inner = inner
        self.tasks: list[Timed] = []
        self._max_workers = workers

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        """Hands the task on; the future that it returns has the result alone."""
        outer: Future[Any] = Future()
        inner = self.inner.submit(timed, function, arguments, **options)
        inner.add_done_callback(lambda done: self._finish(done, outer))
        return outer

    def _finish(self, done: Future[Any], outer: Future[Any]) -> None:
        if not outer.set_running_or_notify_cancel():
            return
        if done.cancelled():
            outer.cancel()
        elif (error := done.exception()) is not None:
            outer.set_exception(error)
        else:
            result, task = done.result()
            self.tasks.append(task)
            outer.set_result(result)


def picture(tasks: list[Timed]) -> str:
    """The tasks as SVG."""
    workers = sorted({task.worker for task in tasks})
    first, last = min(task.start for task in tasks), max(task.stop for task in tasks)
    scale = (WIDTH - LEFT - 10) / max(last - first, 1e-9)
    height = LINE * len(workers) + 40
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"',
        ' font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, worker in enumerate(workers):
        y = LINE * number + 10
        out.append(f'<text x="6" y="{y + 14}" fill="#333333">{worker}</text>')
        for task in tasks:
            if task.worker == worker:
                x, width = LEFT + (task.start - first) * scale, max((task.stop - task.start) * scale, 0.5)
                colour = COLOURS.get(task.name, "#d08a2e")
                tip = f"<title>{task.name}, {task.stop - task.start:.3f} s</title>"
                out.append(
                    f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{LINE - 4}" fill="{colour}">{tip}</rect>'
                )
    seconds = last - first
    out.append(f'<text x="{LEFT}" y="{height - 8}" fill="#333333">0 s</text>')
    out.append(f'<text x="{WIDTH - 8}" y="{height - 8}" fill="#333333" text-anchor="end">{seconds:.1f} s</text></svg>')
    return "\n".join(out) + "\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root")
    parser.add_argument("signature")
    parser.add_argument("picture")
    parser.add_argument("--scheduler", help="of a dask cluster, such as tcp://10.0.0.1:8786")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of this machine")
    parser.add_argument("--shard-files", type=int, default=10_000)
    given = parser.parse_args()
    with contextlib.ExitStack() as opened:
        inner: Executor
        workers = given.workers
        if given.scheduler:
            from distributed import Client

            client = opened.enter_context(Client(given.scheduler))
            inner, workers = client.get_executor(pure=False, retries=0), sum(client.nthreads().values())
        else:
            inner = opened.enter_context(ProcessPoolExecutor(workers, mp_context=get_context("forkserver")))
        watched = Watched(inner, workers)
        made = dataset.write_signature(given.root, given.signature, executor=watched, shard_files=given.shard_files)
    with open(given.picture, "w") as file:
        file.write(picture(watched.tasks))
    print(f"{made.files} files in {made.shards} shards by {len({task.worker for task in watched.tasks})} workers")


if __name__ == "__main__":
    main()

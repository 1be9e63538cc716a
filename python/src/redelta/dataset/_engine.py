"""What runs the tasks: processes, or whatever has the shape of `concurrent.futures.Executor`.

One driver for all of them. It submits no more than four tasks a worker, and takes each result at once: what an engine
has accepted it may have to do again when a worker is lost, and a result that still lies in a worker is lost with it. A
task is a pure function that leaves a whole file, so doing it again does no harm.

The processes are started by a server without threads (`forkserver`), since a fork of a process with threads, of which
pyarrow has several, may hang."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass
from typing import Any

from redelta._errors import ParameterError
from redelta._params import number
from redelta.dataset._failures import DatasetError
from redelta.dataset._workers import begin, work

WINDOW = 4
"""Tasks that are submitted, for each worker."""
TRIES = 16
"""How often a task is tried whose worker is lost. When one of a pool's processes is lost, so are the tasks of all of
them, so the task that is to blame is known only after some tries."""
BROKEN = (BrokenExecutor, EOFError, ConnectionError)
"""What it means that a task cannot be handed out: the processes are gone, or the one that starts them is."""
LOOK_SECONDS = 2.0
"""How often an engine is looked at from which nothing comes."""
LOSSES = 5
"""How many pools may be lost without a result in between."""
PAUSE_SECONDS = 0.05
"""How long is waited, times the number of losses, before there is another pool: the server that starts processes is
known to have been killed only once the system has cleaned up after it."""
WORKERS_MAX = 4096

log = logging.getLogger(__name__)


@dataclass
class Task:
    """A call of a function that can be pickled, with what the driver does with its result: `then` may give further
    tasks."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    then: Callable[[Any], Iterable[Task] | None]
    tries: int = 0
    executor: Executor | None = None


def is_lost(error: BaseException) -> bool:
    """Does this say that the worker is gone, not that the task has failed? The exceptions of dask are known by their
    names, since nothing here imports it."""
    if isinstance(error, BrokenExecutor | CancelledError):
        return True
    kind = type(error)
    return kind.__module__.split(".")[0] in ("distributed", "mpi4py") and (
        kind.__name__
        in ("KilledWorker", "CommClosedError", "FutureCancelledError", "FuturesCancelledError", "BrokenExecutor")
    )


class Engine:
    """Runs tasks by an executor: None for a process for each processor, a number of processes, an Executor, or a dask
    Client. To be closed; an executor of the caller's stays as it is."""

    def __init__(self, executor: Any = None) -> None:
        self._own: ProcessPoolExecutor | None = None
        self._given: Executor | None = None
        self._losses = 0
        self._results = 0
        self._is_told = False
        self._warned: Executor | None = None
        if executor is None or isinstance(executor, int):
            self.workers = number("executor", processors() if executor is None else executor, 1, WORKERS_MAX)
        elif isinstance(executor, Executor):
            self._given = executor
            self.workers = workers_of(executor)
        elif callable(getattr(executor, "get_executor", None)):
            self._given = executor.get_executor(pure=False, retries=0)
            self.workers = sum(executor.nthreads().values()) or 1
        else:
            raise ParameterError(f"executor must be None, a number, an Executor or a dask Client, not {executor!r}")

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._own is not None:
            self._own.shutdown(wait=True, cancel_futures=True)
            self._own = None

    def submit(self, task: Task) -> Future[Any]:
        """Hands a task to a worker."""
        task.tries += 1
        if self._given is None and self._own is None:
            context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
            self._own = ProcessPoolExecutor(self.workers, mp_context=context, initializer=begin)
        task.executor = self._given or self._own
        assert task.executor is not None
        if self._given is None:
            return task.executor.submit(work, task.function, task.arguments)
        return task.executor.submit(task.function, *task.arguments)

    def run(self, tasks: Iterable[Task | None]) -> None:
        """Runs all tasks, and those that come of their results. None among them: there is none before another one has
        ended. Raises what a task raises, and DatasetError if workers
        are lost again and again. Then no task is running any more."""
        source = iter(tasks)
        more: list[Task] = []
        pending: dict[Future[Any], Task] = {}
        try:
            while True:
                while len(pending) < WINDOW * self.workers:
                    task = more.pop() if more else next(source, None)
                    if task is None:
                        break
                    self._start(task, pending, more)
                if not pending:
                    return
                found = wait(pending, LOOK_SECONDS, FIRST_COMPLETED).done
                for done in found:
                    more.extend(self._finish(done, pending.pop(done)))
                self._check_scheduler(waited=not found)
        finally:
            if pending:
                self._abandon(pending)

    def _abandon(self, pending: dict[Future[Any], Task]) -> None:
        """Ends all tasks. Those of our own processes are told to, and the pool gives up the rest: futures of theirs are
        not cancelled, since a pool whose processes are lost at that moment cannot cope with that. An executor of the
        caller's finishes what it has begun, unless it is broken."""
        if self._own is not None:
            for process in list((self._own._processes or {}).values()):
                with contextlib.suppress(ProcessLookupError, ValueError):
                    process.terminate()
            self._own.shutdown(wait=True, cancel_futures=True)
            self._own = None
            return
        for future in pending:
            future.cancel()
        while wait(pending, LOOK_SECONDS).not_done:
            if self._has_no_scheduler() or getattr(self._given, "_broken", False):
                return

    def _has_no_scheduler(self) -> bool:
        """Has a dask client given up on its scheduler? Then nothing that it was given ever ends."""
        return getattr(getattr(self._given, "_client", None), "status", "") in ("closing", "closed")

    def _check_scheduler(self, *, waited: bool = False) -> None:
        """Raises DatasetError if there is no scheduler any more, and says once if there are no workers."""
        if self._has_no_scheduler():
            raise DatasetError("the scheduler is gone; what is done is kept: run it again with another one")
        client = getattr(self._given, "_client", None)
        if waited and client is not None and not self._is_told and not client.nthreads():
            self._is_told = True
            log.warning("the cluster has no workers now: waiting for one")

    def _start(self, task: Task, pending: dict[Future[Any], Task], more: list[Task]) -> None:
        self._check_scheduler()
        try:
            pending[self.submit(task)] = task
        except BROKEN as error:
            more.extend(self._again(task, error))

    def _finish(self, done: Future[Any], task: Task) -> Iterator[Task]:
        try:
            result = done.result()
        except (Exception, CancelledError) as error:
            if not is_lost(error):
                raise
            yield from self._again(task, error)
            return
        self._losses = 0
        self._results += 1
        yield from task.then(result) or ()

    def _again(self, task: Task, error: BaseException) -> Iterator[Task]:
        """The task once more, unless it has been tried often enough, or the caller's executor is of no more use."""
        is_broken = isinstance(error, BROKEN)
        if is_broken and self._own is not None and task.executor is self._own:  # its others are of no use either
            self._own.shutdown(wait=True, cancel_futures=True)
            self._own = None
            self._losses += 1
            time.sleep(PAUSE_SECONDS * self._losses)
        if task.tries >= TRIES or self._losses >= LOSSES or (is_broken and self._given is not None):
            raise DatasetError(f"workers were lost: {type(error).__name__}: {error}; {self._advice()}") from error
        if self._warned is not task.executor or task.executor is self._given:
            log.warning("a worker was lost (%s): its tasks are run again", type(error).__name__)
        self._warned = task.executor
        yield task

    def _advice(self) -> str:
        """What to do about lost workers."""
        if self._own is None and self._given is None and not self._results:
            return (
                "if a script starts this, it must do so under `if __name__ == '__main__':`, as each process imports it"
            )
        return "what is done is kept: run it again"


@contextlib.contextmanager
def engine_of(executor: Any) -> Iterator[Engine]:
    """An engine for an executor, or the engine itself, if several steps share one."""
    if isinstance(executor, Engine):
        yield executor
        return
    with Engine(executor) as engine:
        yield engine


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_of(executor: Executor) -> int:
    """How many workers an executor has, as far as it tells."""
    for name in ("_max_workers", "num_workers", "max_workers"):
        found = getattr(executor, name, None)
        if isinstance(found, int) and found > 0:
            return found
    client = getattr(executor, "_client", None)
    if client is not None:
        return sum(client.nthreads().values()) or 1
    return processors()

"""A dask cluster of processes on 127.0.0.1: a scheduler and workers, at ports that the system chooses, that tests
can kill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from helpers.processes import wait_for
from helpers.tool import HANG_SECONDS

DASK = [sys.executable, "-W", "ignore", "-m", "dask"]


class Cluster:
    """A scheduler, and no workers yet. To be closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()

    def start_scheduler(self) -> None:
        """A new one, which knows nothing."""
        with suppress(FileNotFoundError):
            self.file.unlink()
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        wait_for(lambda: self.file.exists() and self.file.read_text() != "")

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [*DASK, *words, "--scheduler-file", str(self.file)]
        environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=environment)

    def add_worker(self) -> None:
        """One more, of one thread."""
        scratch = ["--local-directory", str(self.folder), "--death-timeout", str(HANG_SECONDS)]
        options = [*scratch, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
        self.workers.append(self._start("worker", *options))

    def kill_worker(self, number: int = 0) -> None:
        """One of them ends at once."""
        end(self.workers.pop(number))

    def kill_scheduler(self) -> None:
        """It ends at once, and the workers with it, since they could not find a new one."""
        end(self.scheduler)
        for worker in self.workers:
            end(worker)
        self.workers.clear()

    def close(self) -> None:
        """Ends all of it."""
        self.kill_scheduler()

    @contextmanager
    def client(self, workers: int = 2) -> Iterator[Any]:
        """A client, once there are so many workers."""
        from distributed import Client

        with Client(scheduler_file=str(self.file), set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=HANG_SECONDS)
            yield client


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills a process, and waits for its end."""
    process.kill()
    process.wait()

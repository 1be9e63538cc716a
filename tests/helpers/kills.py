"""A campaign of kills: workers, drivers and schedulers end by SIGKILL at random moments while roots are signed,
compared and patched, on processes and on a dask cluster. Whatever was killed, the same run, started again, ends with
the same bytes as one that nobody disturbed, and repeats no more than the tasks that were handed out.

`python -m helpers.kills KILLS [SEED]` runs it; the tests run a short one. As `helpers.kills driver ...` it is the
driver.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.cluster import Cluster
from helpers.datasets import bytes_of, change_tree, make_tree
from helpers.processes import children_of
from helpers.roots import snapshot
from helpers.tool import HANG_SECONDS
from redelta.dataset import write_delta, write_patch, write_signature
from redelta.dataset._engine import WINDOW

WORKERS = 2
SHARD_FILES = 4
SLOWNESS = 0.01
"""Seconds that each task takes longer, so that there is something to kill."""
PAUSE = 0.8
"""Seconds between two kills, on average."""
KILLS_OF_TRIAL = 5
"""After so many, a trial may go on to its end."""
SETTLED = 0.2
"""Seconds after which the times of a file show every later change."""
TESTS = Path(__file__).resolve().parent.parent


# ---- The driver, in a process of its own -----------------------------------------------------------------------------


def logged(log: str, function: Any, arguments: tuple[Any, ...]) -> Any:
    """A task in a worker: notes that it was done to its end."""
    time.sleep(SLOWNESS)
    result = function(*arguments)
    with open(log, "a") as file:
        stem = next((each for each in arguments if isinstance(each, str) and each.startswith("shard-")), None)
        stem = stem or next((each.stem for each in arguments if hasattr(each, "stem")), "")
        file.write(f"{function.__name__} {stem}\n")
    return result


class Logged(Executor):
    """An executor whose tasks leave a line when they are done."""

    def __init__(self, inner: Executor, log: str) -> None:
        self.inner = inner
        self.log = log
        self._max_workers = WORKERS
        self._client = inner._client  # type: ignore[attr-defined]

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        """Hands it on."""
        return self.inner.submit(logged, self.log, function, arguments, **options)


def drive(place: Path, scheduler: str) -> None:
    """The three steps on dask, whose tasks are noted, or on processes of their own."""
    if not scheduler:
        run_steps(place, WORKERS)
        return
    from distributed import Client

    with Client(scheduler_file=scheduler, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=HANG_SECONDS)
        run_steps(place, Logged(client.get_executor(pure=False, retries=0), str(place / "log")))


def run_steps(place: Path, executor: Any) -> None:
    """A signature of the old version and a delta to the new one, both of which stay as they are, and the patch of a
    copy."""
    model = place.parent / "model"
    write_signature(model / "old", place / "signature", executor=executor, min_size=1000, shard_files=SHARD_FILES)
    write_delta(place / "signature", model / "new", place / "delta", executor=executor, shard_files=SHARD_FILES)
    write_patch(place / "delta", place / "copy", executor=executor)


# ---- The campaign ----------------------------------------------------------------------------------------------------


@dataclass
class Campaign:
    """Runs trials until there were enough kills."""

    folder: Path
    kills: int
    seed: int = 1
    killed: Counter[str] = field(default_factory=Counter)
    trials: int = 0
    repeated: int = 0
    tasks: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.model = self.folder / "model"
        self.model.mkdir()
        make_tree(self.model / "old", self.seed)
        make_tree(self.model / "new", self.seed)
        change_tree(self.model / "new", self.seed + 1)
        time.sleep(SETTLED)
        undisturbed = self.new_place("undisturbed")
        run_steps(undisturbed, WORKERS)
        self.expected = self.result_of(undisturbed)
        self.new = snapshot(self.model / "new")
        assert snapshot(undisturbed / "copy") == self.new
        self.cluster: Cluster | None = None

    def new_place(self, name: str) -> Path:
        """A directory with a copy of the old version."""
        place = self.folder / name
        place.mkdir()
        shutil.copytree(self.model / "old", place / "copy", symlinks=True)
        return place

    def result_of(self, place: Path) -> dict[str, bytes]:
        """All that both datasets consist of."""
        signature, delta = bytes_of(place / "signature"), bytes_of(place / "delta")
        return {**signature, **{f"delta/{name}": data for name, data in delta.items()}}

    def run(self) -> None:
        """All trials, by turns on processes and on dask."""
        try:
            while sum(self.killed.values()) < self.kills:
                self.trial(dask=self.trials % 2 == 1)
                self.trials += 1
        finally:
            if self.cluster is not None:
                self.cluster.close()

    def trial(self, *, dask: bool) -> None:
        """Runs the steps until they end well, with kills in between."""
        place = self.new_place(f"trial{self.trials}")
        before = self.killed.copy()
        while True:
            driver = self.start_driver(place, dask)
            if self.disturb(driver, dask, sum(before.values()) + KILLS_OF_TRIAL) and driver.wait() == 0:
                break
        kills = sum((self.killed - before).values())
        self.check(place, kills)
        shutil.rmtree(place)

    def start_driver(self, place: Path, dask: bool) -> subprocess.Popen[bytes]:
        """In a process group of its own, with its workers if these are its children."""
        scheduler = str(self.cluster_file()) if dask else ""
        command = [sys.executable, "-W", "ignore", "-m", "helpers.kills", "driver", str(place), scheduler]
        environment = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10s"}  # to find a scheduler again
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=TESTS, stdout=log, stderr=log, start_new_session=True, env=environment)

    def cluster_file(self) -> Path:
        """That of a cluster that has all its workers."""
        if self.cluster is None:
            folder = self.folder / "dask"
            folder.mkdir()
            self.cluster = Cluster(folder)
        elif self.cluster.scheduler.poll() is not None:
            self.cluster.kill_scheduler()
            self.cluster.start_scheduler()
        self.cluster.workers = [each for each in self.cluster.workers if each.poll() is None]
        while len(self.cluster.workers) < WORKERS:
            self.cluster.add_worker()
        return self.cluster.file

    def disturb(self, driver: subprocess.Popen[bytes], dask: bool, until: int) -> bool:
        """Kills something now and then, until there were so many kills or the driver ends. False: it was killed."""
        while True:
            try:
                driver.wait(self.chance.expovariate(1 / PAUSE))
                return True
            except subprocess.TimeoutExpired:
                pass
            if sum(self.killed.values()) >= min(self.kills, until):
                continue
            whom = self.chance.choices(["worker", "driver", "scheduler"], [6, 3, 1 if dask else 0])[0]
            if whom == "driver":
                os.killpg(driver.pid, signal.SIGKILL)
                driver.wait()
                self.killed[whom] += 1
                return False
            if self.kill(whom, driver, dask):
                self.killed[whom] += 1

    def kill(self, whom: str, driver: subprocess.Popen[bytes], dask: bool) -> bool:
        """Kills a worker or the scheduler; False: there is none."""
        if not dask:
            workers = worker_processes(driver.pid)
            with contextlib.suppress(ProcessLookupError):
                if workers:
                    os.kill(self.chance.choice(workers), signal.SIGKILL)
            return bool(workers)
        assert self.cluster is not None
        if whom == "scheduler":
            self.cluster.kill_scheduler()
        elif self.cluster.workers:
            self.cluster.kill_worker(self.chance.randrange(len(self.cluster.workers)))
            self.cluster.add_worker()
        return True

    def check(self, place: Path, kills: int) -> None:
        """The same bytes, the new version, and nothing repeated beyond what was handed out at each kill."""
        assert self.result_of(place) == self.expected, "other bytes than those of an undisturbed run"
        assert snapshot(place / "copy") == self.new, "not the new version"
        assert not [name for name in os.listdir(place / "copy") if name.startswith(".redelta")], "left-overs"
        log = place / "log"
        done = Counter(log.read_text().split("\n")[:-1] if log.exists() else [])
        made = {task: count for task, count in done.items() if task.split()[0] in ("sign_shard", "delta_shard")}
        again = sum(made.values()) - len(made)
        self.repeated += again
        self.tasks += len(made)
        assert again <= kills * WINDOW * WORKERS, f"{again} tasks repeated after {kills} kills"

    def __str__(self) -> str:
        told = ", ".join(f"{count} of a {whom}" for whom, count in sorted(self.killed.items()))
        return (
            f"{sum(self.killed.values())} kills ({told}) in {self.trials} trials: the same bytes each time; "
            f"{self.repeated} of {self.tasks} tasks were done twice"
        )


def worker_processes(driver: int) -> list[int]:
    """The processes of a pool: grandchildren, which the fork server has started."""
    found = []
    for child in children_of(driver):
        found += children_of(child)
    return found


def main() -> None:
    """The command line."""
    if sys.argv[1] == "driver":
        drive(Path(sys.argv[2]), sys.argv[3])
        return
    parser = argparse.ArgumentParser(description="kills workers, drivers and schedulers, and compares what comes of it")
    parser.add_argument("kills", type=int, help="how many")
    parser.add_argument("seed", type=int, nargs="?", default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), given.kills, given.seed)
        try:
            campaign.run()
        except AssertionError:
            shutil.copytree(folder, tempfile.mkdtemp(prefix="redelta-kills-"), symlinks=True, dirs_exist_ok=True)
            raise
        print(campaign)


if __name__ == "__main__":
    main()

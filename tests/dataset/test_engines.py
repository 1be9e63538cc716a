"""The same bytes on every engine, with any number of workers, whatever is killed: processes, threads, a real dask
scheduler with workers that are processes, and MPI."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from helpers.cluster import Cluster
from helpers.datasets import bytes_of, change_tree, make_tree
from helpers.processes import children_of, group_members, wait_for
from helpers.tool import HANG_SECONDS
from redelta import dataset
from redelta.dataset import _engine
from redelta.dataset._engine import Engine, Task

SHARD_FILES = 12


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An old and a new version."""
    folder = tmp_path_factory.mktemp("roots")
    make_tree(folder / "old", 11)
    make_tree(folder / "new", 11)
    change_tree(folder / "new", 12)
    return folder / "old", folder / "new"


def make_both(roots: tuple[Path, Path], place: Path, executor: Any) -> dict[str, bytes]:
    """The signature of the one and the delta to the other."""
    old, new = roots
    dataset.write_signature(old, place / "signature", executor=executor, shard_files=SHARD_FILES)
    dataset.write_delta(place / "signature", new, place / "delta", executor=executor, shard_files=SHARD_FILES)
    return {
        **bytes_of(place / "signature"),
        **{f"delta/{name}": data for name, data in bytes_of(place / "delta").items()},
    }


@pytest.fixture(scope="module")
def expected(roots: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one thread makes."""
    with ThreadPoolExecutor(1) as executor:
        made = make_both(roots, tmp_path_factory.mktemp("expected"), executor)
    assert len(made) > 20
    return made


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_processes(tmp_path: Path, roots: tuple[Path, Path], expected: dict[str, bytes], workers: int) -> None:
    assert make_both(roots, tmp_path, workers) == expected


def test_threads(tmp_path: Path, roots: tuple[Path, Path], expected: dict[str, bytes]) -> None:
    with ThreadPoolExecutor(3) as executor:
        assert make_both(roots, tmp_path, executor) == expected


# ---- Dask -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler with two workers."""
    pytest.importorskip("distributed")
    made = Cluster(tmp_path_factory.mktemp("dask"))
    try:
        made.add_worker()
        made.add_worker()
        yield made
    finally:
        made.close()


def test_dask(tmp_path: Path, roots: tuple[Path, Path], expected: dict[str, bytes], cluster: Cluster) -> None:
    with cluster.client() as client:
        assert make_both(roots, tmp_path, client) == expected
        with client.get_executor(pure=False) as executor:
            assert make_both(roots, tmp_path / "again", executor) == expected


def test_dask_workers_killed(
    tmp_path: Path, roots: tuple[Path, Path], expected: dict[str, bytes], cluster: Cluster
) -> None:
    """A worker is killed at three moments, each time another takes its place."""
    chance = random.Random(13)
    with cluster.client() as client:
        for each in range(3):
            cluster.add_worker()
            killer = threading.Timer(chance.uniform(0.05, 0.6), cluster.kill_worker)
            killer.start()
            assert make_both(roots, tmp_path / str(each), client) == expected
            killer.join()
            client.wait_for_workers(2, timeout=HANG_SECONDS)


# ---- MPI ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")
def test_mpi(tmp_path: Path, roots: tuple[Path, Path], expected: dict[str, bytes]) -> None:
    pytest.importorskip("mpi4py")
    program = (
        "import sys\nfrom mpi4py.futures import MPIPoolExecutor\nfrom redelta import dataset\n"
        "if __name__ == '__main__':\n"
        "    old, place = sys.argv[1:]\n"
        "    with MPIPoolExecutor() as executor:\n"
        f"        dataset.write_signature(old, place, executor=executor, shard_files={SHARD_FILES})\n"
    )
    (tmp_path / "run.py").write_text(program)
    command = ["mpirun", "--oversubscribe", "--allow-run-as-root", "-n", "3", sys.executable, "-m", "mpi4py.futures"]
    words = [str(tmp_path / "run.py"), str(roots[0]), str(tmp_path / "made")]
    subprocess.run([*command, *words], check=True, timeout=HANG_SECONDS)
    assert bytes_of(tmp_path / "made").items() <= expected.items()


# ---- Kills ----------------------------------------------------------------------------------------------------------


PROGRAM = """
import sys
from redelta import dataset
if __name__ == "__main__":
    old, new, place, files = sys.argv[1:]
    print("ready", flush=True)
    dataset.write_signature(old, place + "/signature", executor=2, shard_files=int(files))
    dataset.write_delta(place + "/signature", new, place + "/delta", executor=2, shard_files=int(files))
"""


def descendants_of(process: int) -> list[int]:
    """All processes that a process has started, and theirs."""
    found = children_of(process)
    return [*found, *(inner for each in found for inner in descendants_of(each))]


def commands_of(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def test_the_server_of_processes_killed(tmp_path: Path) -> None:
    """Between two tasks, so that the next process cannot be started by it."""
    from multiprocessing import forkserver

    results: list[int] = []

    def then(result: int) -> list[Task]:
        results.append(result)
        server: int | None = getattr(forkserver, "_forkserver")._forkserver_pid  # noqa: B009
        if len(results) == 1 and server is not None:
            for each in [*descendants_of(server), server]:
                os.kill(each, signal.SIGKILL)
        return [Task(abs, (result - 1,), then)] if result > 0 else []

    with Engine(2) as engine:
        engine.run([Task(abs, (3,), then)])
    assert results == [3, 2, 1, 0]


def start(tmp_path: Path, roots: tuple[Path, Path]) -> subprocess.Popen[bytes]:
    (tmp_path / "program.py").write_text(PROGRAM)
    words = [*map(str, roots), str(tmp_path), str(SHARD_FILES)]
    command = [sys.executable, str(tmp_path / "program.py"), *words]
    made = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert made.stdout is not None
    made.stdout.readline()
    return made


def made_by(tmp_path: Path) -> dict[str, bytes]:
    return {
        **bytes_of(tmp_path / "signature"),
        **{f"delta/{name}": data for name, data in bytes_of(tmp_path / "delta").items()},
    }


def test_workers_killed(tmp_path: Path, roots: tuple[Path, Path], expected: dict[str, bytes]) -> None:
    """Of a run by processes: whichever worker there is at four moments."""
    chance = random.Random(14)
    running = start(tmp_path, roots)
    for _ in range(4):
        time.sleep(chance.uniform(0.05, 0.4))
        workers = [each for each in descendants_of(running.pid) if "resource_tracker" not in commands_of(each)]
        server = [each for each in workers if children_of(each)]
        victims = [each for each in workers if each not in server]
        if victims:
            try:
                os.kill(chance.choice(victims), signal.SIGKILL)
            except ProcessLookupError:
                continue
    assert running.wait(HANG_SECONDS) == 0
    assert running.stdout is not None
    running.stdout.close()
    assert made_by(tmp_path) == expected


def test_the_driver_killed_and_run_again(tmp_path: Path, roots: tuple[Path, Path], expected: dict[str, bytes]) -> None:
    """What was complete when it was killed is not made again, and what is in the end is the same."""
    chance = random.Random(15)
    for _ in range(4):
        running = start(tmp_path, roots)
        time.sleep(chance.uniform(0.2, 0.9))
        running.kill()
        running.wait()
        wait_for(lambda: not group_members(running.pid))  # noqa: B023
        assert running.stdout is not None
        running.stdout.close()
    complete = {each: each.stat().st_mtime_ns for each in tmp_path.glob("*/shard-*.parquet")}
    running = start(tmp_path, roots)
    assert running.wait(HANG_SECONDS) == 0
    assert running.stdout is not None
    running.stdout.close()
    assert made_by(tmp_path) == expected
    assert all(each.stat().st_mtime_ns == time_ns for each, time_ns in complete.items())


# ---- The driver -----------------------------------------------------------------------------------------------------


class CountingExecutor(Executor):
    """Runs one call each time the driver waits, and says how many were waiting at most."""

    _max_workers = 3

    def __init__(self) -> None:
        self.calls: list[tuple[Future[Any], Any]] = []
        self.most = 0

    def submit(self, function: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append((future, lambda: function(*arguments, **keywords)))
        self.most = max(self.most, len(self.calls))
        return future

    def wait(self, *of: Any) -> Any:
        future, call = self.calls.pop(0)
        future.set_result(call())
        return futures.wait(*of)


def test_no_more_than_the_window_is_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = CountingExecutor()
    results: list[int] = []
    monkeypatch.setattr(_engine, "wait", executor.wait)
    with Engine(executor) as engine:
        engine.run(Task(abs, (number,), results.append) for number in range(100))
    assert sorted(results) == list(range(100))
    assert executor.most == 12


def test_a_task_that_kills_its_worker_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(dataset.DatasetError, match="workers were lost") as raised, Engine(1) as engine:
        engine.run([Task(os.kill, (0, 0), no_more), Task(kill_self, (), no_more)])
    assert isinstance(raised.value.__cause__, BrokenExecutor)
    assert raised.value.failures == []


def no_more(_: object) -> None:
    """Gives no further task."""


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_broken_executor_of_the_caller_is_told(tmp_path: Path) -> None:
    executor = ProcessPoolExecutor(1, mp_context=get_context("forkserver"))
    with executor, pytest.raises(dataset.DatasetError, match="workers were lost"), Engine(executor) as engine:
        engine.run([Task(kill_self, (), no_more)])


def test_an_exception_of_a_task_ends_the_run(threads: ThreadPoolExecutor) -> None:
    done: list[int] = []
    with pytest.raises(ZeroDivisionError), Engine(threads) as engine:
        engine.run(Task(divmod, (1, number), done.append) for number in (1, 1, 0, *[1] * 100))
    assert len(done) < 50


def test_a_task_may_give_others(threads: ThreadPoolExecutor) -> None:
    results: list[int] = []

    def then(result: int) -> list[Task]:
        results.append(result)
        return [Task(abs, (result - 1,), then)] if result > 0 else []

    with Engine(threads) as engine:
        engine.run([Task(abs, (5,), then)])
    assert results == [5, 4, 3, 2, 1, 0]


def test_what_is_no_executor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    for wrong in (0, "two", object()):
        with pytest.raises((ValueError, TypeError)):
            dataset.write_signature(tmp_path / "root", tmp_path / "made", executor=wrong)


def test_progress_and_its_exceptions(tmp_path: Path, roots: tuple[Path, Path], threads: ThreadPoolExecutor) -> None:
    told: list[int] = []
    summary = dataset.write_signature(
        roots[0],
        tmp_path / "made",
        executor=threads,
        shard_files=SHARD_FILES,
        progress=lambda done, total: told.append(done),
    )
    assert told == sorted(told)
    assert told[-1] == summary.bytes
    assert len(told) == summary.shards

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataset.write_signature(roots[0], tmp_path / "stopped", executor=threads, progress=stop)
    assert not (tmp_path / "stopped" / "manifest.json").exists()


def test_the_manifest_is_json_with_a_shard_a_line(tmp_path: Path, expected: dict[str, bytes]) -> None:
    lines = expected["manifest.json"].splitlines()
    told = json.loads(expected["manifest.json"])
    assert [json.loads(line.strip().rstrip(b",")) for line in lines if b'"stem"' in line] == told["shards"]

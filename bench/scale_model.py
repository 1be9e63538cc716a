"""A run over many files, as a model: one driver lists them and hands out shards, one scheduler passes these on, workers
work on them, and are lost now and then. Discrete events, no files.

All times are in seconds. What they cost is measured (bench/scale), in parts that do not know of each other; that the
whole then takes what the model says is what makes it one.
"""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Costs:
    """What things cost on one core."""

    adding: float
    """Of the driver, a file: to put it into a shard, once it is listed."""
    handing: float
    """Of the driver, a shard: to hand it out, and to take its result."""
    passing: float
    """Of the scheduler, a shard."""
    listing: float
    """Of a worker, a file: to list it."""
    file: float
    """Of a worker, a file: to open and read it, its sums, its row."""
    shard: float
    """Of a worker, a shard: the rest."""
    start: float = 0.0
    """Before the first shard is worked on: processes are started."""
    spread: float = 0.0
    """Of the times of shards: the standard deviation of their logarithms."""


@dataclass(frozen=True)
class Cluster:
    """Who works."""

    workers: int
    cores: int | None = None
    """That all of them and the driver share; None: each has one of its own."""
    losses_an_hour: float = 0.0
    """Of each worker."""
    restart: float = 60.0
    """Until a lost worker is back."""


@dataclass(frozen=True)
class Outcome:
    """What a run takes."""

    seconds: float
    shards: int
    repeated: int
    """Shards that were lost with their workers, and made again."""
    lost: float
    """Seconds of workers that were spent on these."""
    efficiency: float
    """The share of their time that workers work."""


WINDOW = 4
"""Shards that are handed out, for each worker."""


def simulate(files: int, shard_files: int, costs: Costs, cluster: Cluster, seed: int = 1) -> Outcome:
    """A run. Where cores are shared, everything is slower by as many as want one at a time; how busy the driver is
    comes out of a first run."""
    if cluster.cores is None:
        return events(files, shard_files, costs, cluster, 1.0, seed)
    alone = events(files, shard_files, costs, replace(cluster, cores=None), 1.0, seed)
    shards = math.ceil(files / shard_files)
    driving = files * costs.adding + shards * (costs.handing + costs.passing)
    wanted = alone.efficiency * cluster.workers + min(1.0, driving / alone.seconds)
    return events(files, shard_files, costs, cluster, max(1.0, wanted / cluster.cores), seed)


def events(files: int, shard_files: int, costs: Costs, cluster: Cluster, slower: float, seed: int) -> Outcome:
    """One shard after the other, in the order in which the driver hands them out."""
    chance = random.Random(seed)
    shards = math.ceil(files / shard_files)
    idle = [costs.start] * cluster.workers
    under_way: list[float] = []
    driver = passed = busy = lost = end = 0.0
    repeated = 0
    for _ in range(shards):
        driver += (min(files, shard_files) * costs.adding + costs.handing) * slower
        if len(under_way) >= WINDOW * cluster.workers:
            driver = max(driver, heapq.heappop(under_way))
        begun = driver
        while True:
            passed = max(passed, begun) + costs.passing * slower
            begun = max(passed, heapq.heappop(idle))
            took = min(files, shard_files) * (costs.listing + costs.file) + costs.shard
            took *= slower * (chance.lognormvariate(-(costs.spread**2) / 2, costs.spread) if costs.spread else 1.0)
            until_loss = chance.expovariate(cluster.losses_an_hour / 3600) if cluster.losses_an_hour else math.inf
            busy += min(took, until_loss)
            if took <= until_loss:
                break
            repeated += 1
            lost += until_loss
            begun += until_loss
            heapq.heappush(idle, begun + cluster.restart)
        heapq.heappush(idle, begun + took)
        heapq.heappush(under_way, begun + took)
        end = max(end, begun + took)
    return Outcome(end, shards, repeated, lost, busy / (cluster.workers * end))

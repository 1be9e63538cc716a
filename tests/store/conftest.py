"""moto's server as a process, one for all tests of a file, and buckets behind the strict proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from helpers.buckets import Bucket, bucket_behind, moto_server
from helpers.strict_proxy import Rules

NUMBERS = count()


@pytest.fixture(scope="module")
def moto() -> Iterator[Callable[[int], int]]:
    """The port of a server that refuses parts shorter than that."""
    ports: dict[int, int] = {}
    with ExitStack() as stack:

        def port_of(least: int) -> int:
            if least not in ports:
                ports[least] = stack.enter_context(moto_server(least))
            return ports[least]

        yield port_of


@pytest.fixture
def buckets(moto: Callable[[int], int]) -> Iterator[Callable[[Rules], Bucket]]:
    """Makes buckets with rules."""
    with ExitStack() as stack:

        def made(rules: Rules) -> Bucket:
            name = f"bucket-{next(NUMBERS)}"
            return stack.enter_context(bucket_behind(moto(rules.least), name, rules))

        yield made


@pytest.fixture
def bucket(buckets: Callable[[Rules], Bucket]) -> Bucket:
    """A bucket of S3."""
    return buckets(Rules())


SMALL_LEAST = 64 * 1024


@pytest.fixture
def small(buckets: Callable[[Rules], Bucket]) -> Bucket:
    """A bucket of an S3 whose parts may have 64 KiB: for tests of many requests with few bytes."""
    return buckets(Rules(least=SMALL_LEAST))

"""Ranges of an object that are needed, and those that are asked for."""

from __future__ import annotations

from collections.abc import Iterable

from redelta.store._backend import CHUNK

Span = tuple[int, int]
"""From the first byte to the one after the last."""

WASTE = 0.04
"""So much of what is needed may be fetched besides, to save requests."""
GAP = 64 << 10
"""The longest stretch between two ranges that is fetched with them."""


def union(spans: Iterable[Span]) -> list[Span]:
    """In order, without overlaps."""
    found: list[Span] = []
    for start, stop in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        elif stop > start:
            found.append((start, stop))
    return found


def coalesced(spans: list[Span], waste: float = WASTE, gap: int = GAP) -> list[Span]:
    """Fewer ranges, joined over the shortest gaps, none longer than `gap`, all together no more than `waste` of what is
    needed."""
    room = int(sum(stop - start for start, stop in spans) * waste)
    taken: set[int] = set()
    gaps = sorted((spans[place + 1][0] - spans[place][1], place) for place in range(len(spans) - 1))
    for length, place in gaps:
        if length > min(room, gap):
            break
        room -= length
        taken.add(place)
    found: list[Span] = []
    for place, (start, stop) in enumerate(spans):
        if place - 1 in taken:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


def cut(spans: Iterable[Span]) -> list[Span]:
    """Ranges that one request fetches: long ones are cut, and fetched at the same time."""
    return [(at, min(at + CHUNK, stop)) for start, stop in spans for at in range(start, stop, CHUNK)]

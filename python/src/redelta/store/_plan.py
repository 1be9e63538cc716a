"""How a new version is put together from the old object and new bytes: a pure function of the ops of a delta, the size
and the limits of the store.

The file is cut at the edges of its *islands*: stretches of new bytes, with the short copies between them. What lies
between two islands is copied by the store, and an island is uploaded. Three things stand against that:

- A store may refuse short parts (S3: less than 5 MiB, but for the last one). `exact` meets this with *stages*: an
  object of its own, of a copy of what lies before the island and, as its last part, which may be short, the island. It
  is then copied into the new version as one part. Only at the very beginning nothing lies before, so a change in the
  first 5 MiB costs up to 5 MiB. `parts` does without stages: each island grows to 5 MiB, by bytes that need not be
  sent.
- A store may demand parts of one length (R2). Then there is a grid, and a part is copied if it lies in one copy.
- A store has a greatest number of parts. Stages of many parts each meet this, too. Without them, islands are joined
  over the shortest copies between them until they fit. Parts grow with the object.

`auto` takes the plan that costs least, at `REQUEST_BYTES` for a request. It is never worse than sending the file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal as Only
from typing import NamedTuple, TypeAlias

from redelta._errors import LimitError, ParameterError
from redelta._inspect import Copy, Literal
from redelta.store._limits import KIB, Limits

Mode: TypeAlias = Only["auto", "exact", "parts", "whole"]
"""How an object is put together. "exact": of copies and the new bytes alone, with staging objects where a part would be
too short; "parts": without those; "whole": sent; "auto": whatever costs least."""

MODES: tuple[Mode, ...] = ("auto", "exact", "parts", "whole")

REQUEST_BYTES = 64 * KIB
"""So many bytes are as dear as a request: 50 ms at 10 Mbit/s, or the wait for an answer when eight are under way."""

DELETES = 1000
"""So many objects are deleted by one request."""

FOLD = 8
"""A stage begins with all of the part before it if that is shorter than so many least parts, and only with the end of a
longer one: that saves a request, and lets the store copy some MiB more."""

NEVER = 1 << 62
"""The rank of a copy that is not given up: the first and the last one, which have no new bytes on both sides."""

OLD = -1
"""The source of a copy from the old object."""


class CopyPart(NamedTuple):
    """A part that the store copies."""

    target: int
    """Where it lies in the new version, in bytes."""
    length: int
    """In bytes."""
    source: int
    """The number of the stage that it is copied from; -1: the old object."""
    offset: int
    """Where it lies in that, in bytes."""


class PutPart(NamedTuple):
    """A part that is sent."""

    target: int
    """Where it lies in the new version, in bytes."""
    length: int
    """In bytes."""


Part: TypeAlias = CopyPart | PutPart


@dataclass(frozen=True)
class Stage:
    """A staging object: a stretch of the new version, put together before the rest."""

    target: int
    """Where it lies in the new version, in bytes."""
    length: int
    """In bytes."""
    parts: tuple[Part, ...]
    """What it is made of; copies are from the old object or from stages with a lower number."""


@dataclass(frozen=True)
class Plan:
    """How a new version is put together."""

    size: int
    """Of the new version, in bytes."""
    mode: Mode
    """How: never "auto"."""
    parts: tuple[Part, ...]
    """In the order of the new version; they cover it without gaps."""
    stages: tuple[Stage, ...] = ()
    """Objects to make before, in this order."""
    single: bool = False
    """Whether the object is sent by one request, not in parts."""

    @property
    def uploaded(self) -> int:
        """How many bytes are sent."""
        return sum(part.length for part in self._all() if isinstance(part, PutPart))

    @property
    def copied(self) -> int:
        """How many bytes the store copies, those of stages twice."""
        return sum(part.length for part in self._all() if isinstance(part, CopyPart))

    @property
    def requests(self) -> int:
        """How many requests put the new version together and remove the stages."""
        if self.single:
            return 1
        made = 2 + len(self.parts) + sum(2 + len(stage.parts) for stage in self.stages)
        return made + -(-len(self.stages) // DELETES)

    def _all(self) -> Iterable[Part]:
        yield from self.parts
        for stage in self.stages:
            yield from stage.parts


class Segment(NamedTuple):
    """A stretch of the new version: of the old object, from `basis` on, or new if that is None."""

    target: int
    length: int
    basis: int | None


def plan(
    ops: Iterable[Copy | Literal],
    size: int,
    limits: Limits,
    *,
    mode: Mode = "auto",
    near: int | None = None,
) -> Plan:
    """How the new version of an object is put together.

    `ops` are those of a delta, in the order of the new version, and cover it; `size` is its size in bytes. `limits`
    says what the store allows, `near` overrides its `near`, in bytes. `mode` is "exact", "parts", "whole", or "auto",
    whatever costs least.

    Nothing is read or sent. Memory: some 200 bytes for each op. Raises LimitError if the store cannot have such an
    object, ParameterError for ops that do not cover the file and for a mode that the store does not have.

    >>> from redelta import Copy, Literal
    >>> from redelta.store import S3, plan
    >>> made = plan([Copy(0, 64 << 20, 0), Literal(64 << 20, 10), Copy((64 << 20) + 10, 64 << 20, 64 << 20)],
    ...             (128 << 20) + 10, S3)
    >>> made.mode, made.uploaded, made.requests, len(made.stages)
    ('exact', 10, 10, 1)
    """
    if mode not in MODES:
        raise ParameterError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    if size > limits.size_most:
        raise LimitError(f"the new version has {size} bytes, and {limits.name} allows {limits.size_most}")
    segments = joined(ops, size)
    if mode == "exact" and limits.part_least > 1 and not limits.staging and not limits.equal_parts:
        raise ParameterError(f"{limits.name} has no staging objects: use mode='parts'")
    if mode == "whole" or not limits.copies or size == 0:
        return whole(size, limits)
    gap = limits.near if near is None else near
    if mode != "auto":
        return make(segments, size, limits, mode, gap)
    modes: tuple[Mode, ...] = ("exact", "parts") if limits.staging else ("exact",)
    plans = [whole(size, limits), *(make(segments, size, limits, each, gap) for each in modes)]
    return min(plans, key=lambda each: each.uploaded + REQUEST_BYTES * each.requests)


def make(segments: list[Segment], size: int, limits: Limits, mode: Mode, near: int) -> Plan:
    """The plan of one mode that copies."""
    if limits.equal_parts:
        return best_grid(segments, size, limits)
    if limits.part_least > 1 and mode == "exact":
        return staged(fit(segments, near, None), size, limits)
    fitting = fit(segments, near, budget(size, limits))
    if mode == "parts" and limits.part_least > 1:
        return Plan(size, "parts", sized(grown(fitting, limits.part_least), limits))
    return Plan(size, "exact", sized(fitting, limits))


def joined(ops: Iterable[Copy | Literal], size: int) -> list[Segment]:
    """The ops as segments: neighbours are one where they continue each other."""
    found: list[Segment] = []
    target = 0
    last: Segment | None = None
    for op in ops:
        if op.target != target:
            raise ParameterError(f"the ops must follow each other: one starts at byte {op.target}, not {target}")
        basis = op.basis if isinstance(op, Copy) else None
        target += op.length
        if last is not None and follows(last, basis):
            last = found[-1] = Segment(last.target, last.length + op.length, last.basis)
        elif op.length:
            last = Segment(op.target, op.length, basis)
            found.append(last)
    if target != size:
        raise ParameterError(f"the ops make {target} bytes, not {size}")
    return found


def follows(last: Segment, basis: int | None) -> bool:
    """Whether what comes next continues a segment."""
    if last.basis is None or basis is None:
        return last.basis is basis
    return last.basis + last.length == basis


def budget(size: int, limits: Limits) -> int:
    """How many segments may become parts: an eighth is kept for those that are cut because they are long."""
    return max(4, (limits.parts_most - 2 * -(-size // limits.part_most)) * 7 // 8)


def fit(segments: list[Segment], near: int, most: int | None) -> list[Segment]:
    """The segments, with islands joined over copies of at most `near` bytes, and over the shortest others if there are
    more than `most`."""
    order = sorted((each.length, place) for place, each in enumerate(segments[1:-1], 1) if each.basis is not None)
    ranks = [NEVER if each.basis is not None else -1 for each in segments]
    for rank, (_, place) in enumerate(order):
        ranks[place] = rank
    least = bisect_right(order, near, key=lambda each: each[0])
    if most is not None and count_islands(ranks, least) > most:
        high = len(order)
        while least < high:  # to give up one more copy never makes more segments
            middle = (least + high) // 2
            if count_islands(ranks, middle) <= most:
                high = middle
            else:
                least = middle + 1
    return islands(segments, ranks, least)


def count_islands(ranks: list[int], given_up: int) -> int:
    """How many segments there are once the copies of the first ranks are given up."""
    found, island = 0, False
    for rank in ranks:
        if rank >= given_up or not island:
            found += 1
        island = rank < given_up
    return found


def islands(segments: list[Segment], ranks: list[int], given_up: int) -> list[Segment]:
    """The segments, with the copies of the first ranks given up: they are sent, with what is new beside them."""
    found: list[Segment] = []
    for each, rank in zip(segments, ranks, strict=True):
        if rank >= given_up:
            found.append(each)
        elif found and found[-1].basis is None:
            found[-1] = Segment(found[-1].target, found[-1].length + each.length, None)
        else:
            found.append(Segment(each.target, each.length, None))
    return found


def pieces(length: int, usual: int, least: int) -> Sequence[int]:
    """A length in parts of about the usual length, none shorter than the least if the whole is not."""
    count = max(1, min(-(-length // usual), length // max(least, 1)))
    short, longer = divmod(length, count)
    return [short + 1] * longer + [short] * (count - longer)


def sized(segments: list[Segment], limits: Limits, taken: int = 0) -> tuple[Part, ...]:
    """The segments as parts that are not too long, and not too many with those that are `taken` already."""
    sent = sum(each.length for each in segments if each.basis is None)
    copied = sum(each.length for each in segments if each.basis is not None)
    left = max(1, limits.parts_most - len(segments) - taken)
    usual = limits.put_part, limits.copy_part
    while sent // usual[0] + copied // usual[1] > left:
        usual = usual[0] * 2, usual[1] * 2
    put, copy = (min(each, limits.part_most) for each in usual)
    found: list[Part] = []
    for each in segments:
        target = each.target
        for length in pieces(each.length, put if each.basis is None else copy, limits.part_least):
            if each.basis is None:
                found.append(PutPart(target, length))
            else:
                found.append(CopyPart(target, length, OLD, each.basis + target - each.target))
            target += length
    if len(found) + taken > limits.parts_most:
        raise LimitError(f"{limits.name} allows {limits.parts_most} parts, which are too few for this object")
    return tuple(found)


def whole(size: int, limits: Limits) -> Plan:
    """The file is sent: by one request if it is not long, otherwise in parts."""
    if size <= max(limits.put_part, limits.part_least) or not limits.copies:
        return Plan(size, "whole", (PutPart(0, size),), single=True)
    if limits.equal_parts:
        return grid([Segment(0, size, None)], size, least_grid(size, limits), "whole")
    return Plan(size, "whole", sized([Segment(0, size, None)], limits))


# ---- Parts of one length ---------------------------------------------------------------------------------------------


def least_grid(size: int, limits: Limits) -> int:
    """The least length that all parts can have."""
    return max(limits.part_least, -(-size // limits.parts_most))


def best_grid(segments: list[Segment], size: int, limits: Limits) -> Plan:
    """The plan with parts of one length that costs least: shorter ones send less, longer ones take fewer requests."""
    plans, length = [], least_grid(size, limits)
    while length <= limits.part_most:
        plans.append(grid(segments, size, length, "parts"))
        if length >= size:
            break
        length *= 2
    return min(plans, key=lambda each: each.uploaded + REQUEST_BYTES * each.requests)


def grid(segments: list[Segment], size: int, length: int, mode: Mode) -> Plan:
    """A part is copied if it lies in one copy."""
    found: list[Part] = []
    place = 0
    for start in range(0, size, length):
        stop = min(start + length, size)
        while segments[place].target + segments[place].length <= start:
            place += 1
        at = segments[place]
        if at.basis is not None and stop <= at.target + at.length:
            found.append(CopyPart(start, stop - start, OLD, at.basis + start - at.target))
        else:
            found.append(PutPart(start, stop - start))
    return Plan(size, mode, tuple(found))


# ---- Islands that grow -----------------------------------------------------------------------------------------------


def grown(segments: list[Segment], least: int) -> list[Segment]:
    """The segments, where none but the last is shorter than `least`: a short one takes what follows it, or the end of
    the copy before if little would be left of what follows."""
    found: list[Segment] = []
    todo = list(reversed(segments))
    while todo:
        each = todo.pop()
        if found and found[-1].basis is None and each.basis is None:
            found[-1] = Segment(found[-1].target, found[-1].length + each.length, None)
        elif each.length >= least or not todo:
            found.append(each)
        else:
            grow(found, each, todo, least)
    return found


def grow(found: list[Segment], short: Segment, todo: list[Segment], least: int) -> None:
    """Makes a short segment an island of `least` bytes, and gives back what is left of the segment after it."""
    before, after = found[-1] if found else None, todo[-1]
    if before is not None and before.basis is None:  # a short copy between two islands
        found[-1] = Segment(before.target, before.length + short.length, None)
        return
    need = least - short.length
    fits = after.basis is None or after.length >= need + least or after.length == need or len(todo) == 1
    if before is not None and not fits and before.length >= need + least:
        found[-1] = before._replace(length=before.length - need)
        found.append(Segment(short.target - need, least, None))
        return
    todo.pop()
    take = min(need, after.length) if after.basis is not None else after.length
    if 0 < after.length - take < least and len(todo) > 0:
        take = after.length
    rest = after.length - take
    if rest:
        todo.append(after._replace(target=after.target + take, length=rest, basis=(after.basis or 0) + take))
    made = Segment(short.target, short.length + take, None)
    if made.length >= least or not todo:
        found.append(made)
    else:
        todo.append(made)


# ---- Stages ----------------------------------------------------------------------------------------------------------


class Stager:
    """Folds segments into parts of at least the least length, with stages for those that are shorter."""

    def __init__(self, least: int) -> None:
        self.least = least
        self.parts: list[Part] = []
        self.stages: list[Stage] = []

    def add(self, each: Segment) -> None:
        """A segment that is long enough, or the last one."""
        last = self.parts[-1] if self.parts else None
        if each.basis is not None:
            self.parts.append(CopyPart(each.target, each.length, OLD, each.basis))
        elif isinstance(last, PutPart):
            self.parts[-1] = PutPart(last.target, last.length + each.length)
        else:
            self.parts.append(PutPart(each.target, each.length))

    def fold(self, short: Segment) -> None:
        """A short segment after others: it becomes the end of a stage, whose beginning is that of the part before."""
        last = self.parts[-1]
        if short.basis is None and isinstance(last, PutPart):
            self.parts[-1] = PutPart(last.target, last.length + short.length)
            return
        fold = FOLD if isinstance(last, CopyPart) and last.source == OLD else 2
        if isinstance(last, CopyPart) and last.length >= fold * self.least:
            cut = last.length - self.least
            self.parts[-1] = last._replace(length=cut)
            head: Part = CopyPart(last.target + cut, self.least, last.source, last.offset + cut)
        else:
            head = self.parts.pop()
        tail: Part = (
            PutPart(short.target, short.length)
            if short.basis is None
            else CopyPart(short.target, short.length, OLD, short.basis)
        )
        stage = Stage(head.target, head.length + tail.length, (head, tail))
        self.parts.append(CopyPart(stage.target, stage.length, len(self.stages), 0))
        self.stages.append(stage)


def staged(segments: list[Segment], size: int, limits: Limits) -> Plan:
    """The plan with stages."""
    least = limits.part_least
    stager = Stager(least)
    todo = list(reversed(opening(segments, least)))
    while todo:
        each = todo.pop()
        if each.length >= least or not todo:
            stager.add(each)
        else:
            stager.fold(each)
    grouped(stager, budget(size, limits))
    made = cut(stager.parts, limits)
    stages = tuple(replace(each, parts=cut(list(each.parts), limits)) for each in stager.stages)
    return Plan(size, "exact", made, stages)


def grouped(stager: Stager, most: int) -> None:
    """As long as there are more parts than an object can have: puts them together in further stages, each of many."""
    while len(stager.parts) > most:
        groups: list[Part] = []
        for start in range(0, len(stager.parts), most // 2):
            parts = tuple(stager.parts[start : start + most // 2])
            length = sum(part.length for part in parts)
            groups.append(CopyPart(parts[0].target, length, len(stager.stages), 0))
            stager.stages.append(Stage(parts[0].target, length, parts))
        stager.parts = groups


def opening(segments: list[Segment], least: int) -> list[Segment]:
    """The segments, where the first is not shorter than `least`: it takes what follows, and is sent."""
    first = segments[0]
    if first.length >= least or len(segments) == 1:
        return segments
    length, place = 0, 0
    while place < len(segments) and length < least:
        each = segments[place]
        place += 1
        take = each.length if each.basis is None else min(each.length, least - length)
        length += take
        if take < each.length:
            rest = each._replace(target=each.target + take, length=each.length - take, basis=(each.basis or 0) + take)
            return [Segment(0, length, None), rest, *segments[place:]]
    return [Segment(0, length, None), *segments[place:]]


def cut(parts: list[Part], limits: Limits) -> tuple[Part, ...]:
    """Parts that are not too long, and not too many. Copies from stages are cut, too."""
    if len(parts) <= limits.parts_most and all(each.length <= limits.put_part for each in parts):
        return tuple(parts)
    segments = [Segment(each.target, each.length, 0 if isinstance(each, CopyPart) else None) for each in parts]
    found: list[Part] = []
    sources = iter(parts)
    source = next(sources)
    for part in sized(segments, limits):
        while part.target >= source.target + source.length:
            source = next(sources)
        if isinstance(source, CopyPart):
            found.append(CopyPart(part.target, part.length, source.source, source.offset + part.target - source.target))
        else:
            found.append(part)
    return tuple(found)

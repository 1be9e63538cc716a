"""The planner, against the rules of the stores and an executor of its own: whatever the ops, the parts are legal, make
the very file, and send no more than the bound."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redelta
from redelta import Copy, Literal
from redelta.store import AZURE, GOOGLE, R2, S3, CopyPart, Limits, Mode, Plan, PutPart, plan

MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40

SMALL_S3 = replace(
    S3, part_least=50, part_most=400, parts_most=60, single_most=400, put_part=120, copy_part=200, near=7
)
"""S3, a hundred thousand times smaller, so that its bounds are met by short files."""
SMALL_R2 = replace(R2, part_least=50, part_most=400, parts_most=60, single_most=400, put_part=120, near=7)
SMALL_AZURE = replace(AZURE, part_most=300, parts_most=40, put_part=120, copy_part=200, near=3)
GROUPS = replace(SMALL_S3, parts_most=14, part_most=1 << 20, single_most=1 << 20, copy_part=1 << 20)
"""Fewer parts than there are ops."""
SMALL = {"groups": GROUPS, "s3": SMALL_S3, "r2": SMALL_R2, "azure": SMALL_AZURE}

Ops = list[Copy | Literal]


def ops_of(lengths: list[tuple[int, int | None]]) -> tuple[Ops, int]:
    """Ops of (length, basis) pairs, and the size of what they make."""
    made: Ops = []
    target = 0
    for length, basis in lengths:
        made.append(Literal(target, length) if basis is None else Copy(target, length, basis))
        target += length
    return made, target


def executed(made: Plan, old: bytes, new: bytes) -> bytes:
    """What the plan makes, as a store does it."""
    stages: list[bytes] = []

    def assembled(parts: tuple[CopyPart | PutPart, ...]) -> bytes:
        data = b""
        for part in parts:
            if isinstance(part, PutPart):
                data += new[part.target : part.target + part.length]
            else:
                source = old if part.source < 0 else stages[part.source]
                assert part.offset + part.length <= len(source)
                data += source[part.offset : part.offset + part.length]
        return data

    for stage in made.stages:
        stages.append(assembled(stage.parts))
        assert len(stages[-1]) == stage.length
    return assembled(made.parts)


def check_parts(parts: tuple[CopyPart | PutPart, ...], limits: Limits) -> None:
    assert 0 < len(parts) <= limits.parts_most
    for part in parts[:-1]:
        assert limits.part_least <= part.length <= limits.part_most
        if limits.equal_parts:
            assert part.length == parts[0].length
    assert 0 < parts[-1].length <= limits.part_most
    if limits.equal_parts:
        assert parts[-1].length <= parts[0].length


def check(made: Plan, ops: Ops, size: int, limits: Limits) -> None:
    """The plan is legal, covers the file, and copies what the ops copy."""
    if made.single:
        assert size <= limits.single_most
        assert made.parts == (PutPart(0, size),)
        return
    check_parts(made.parts, limits)
    for number, stage in enumerate(made.stages):
        assert limits.staging
        check_parts(stage.parts, limits)
        assert all(part.source < number for part in stage.parts if isinstance(part, CopyPart))
        check_covered(stage.parts, stage.target, stage.length)
    check_covered(made.parts, 0, size)
    check_copies(made, ops)


def check_covered(parts: tuple[CopyPart | PutPart, ...], start: int, length: int) -> None:
    at = start
    for part in parts:
        assert part.target == at
        at += part.length
    assert at == start + length


def old_ranges(made: Plan) -> Iterator[tuple[int, int, int]]:
    """All copies of the plan, followed to the old object or to the file that is sent: (target, length, basis)."""
    for parts in (made.parts, *(stage.parts for stage in made.stages)):
        for part in parts:
            if isinstance(part, CopyPart):
                if part.source < 0:
                    yield part.target, part.length, part.offset
                else:
                    assert part.target == made.stages[part.source].target + part.offset
                    assert part.offset + part.length <= made.stages[part.source].length


def check_copies(made: Plan, ops: Ops) -> None:
    """Each copy from the old object is one that the ops say."""
    copies = sorted(op for op in ops if isinstance(op, Copy))
    for target, length, basis in old_ranges(made):
        low, high = 0, len(copies)
        while low < high:
            middle = (low + high) // 2
            if copies[middle].target <= target:
                low = middle + 1
            else:
                high = middle
        place = low - 1
        while length:
            op = copies[place]
            within = target - op.target
            assert 0 <= within < op.length
            assert op.basis + within == basis
            taken = min(length, op.length - within)
            target, length, basis, place = target + taken, length - taken, basis + taken, place + 1


lengths = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 12), st.integers(1, 120), st.integers(1, 900)),
        st.one_of(st.none(), st.integers(0, 2000)),
    ),
    max_size=40,
)


@pytest.mark.parametrize("store", ["s3", "groups", "r2", "azure"])
@pytest.mark.parametrize("mode", ["auto", "exact", "parts", "whole"])
@given(lengths=lengths)
def test_every_plan_is_legal_and_makes_the_file(store: str, mode: Mode, lengths: list[tuple[int, int | None]]) -> None:
    limits = SMALL[store]
    ops, size = ops_of(lengths)
    made = plan(ops, size, limits, mode=mode)
    check(made, ops, size, limits)
    noise = random.Random(1)
    old = noise.randbytes(3000)
    new = b"".join(
        old[op.basis : op.basis + op.length] if isinstance(op, Copy) else noise.randbytes(op.length) for op in ops
    )
    assert executed(made, old, new) == new


@pytest.mark.parametrize("near", [0, 7])
@given(lengths=lengths)
def test_exact_plans_send_the_new_bytes_and_no_more_than_the_bound(
    near: int, lengths: list[tuple[int, int | None]]
) -> None:
    limits = replace(SMALL_S3, parts_most=10_000)
    ops, size = ops_of(lengths)
    made = plan(ops, size, limits, mode="exact", near=near)
    if made.mode == "whole":
        assert size == 0
        return
    new = sum(op.length for op in ops if isinstance(op, Literal))
    given_up = sum(op.length for op in ops if isinstance(op, Copy) and op.length <= near)
    opening = limits.part_least if ops[0].length < limits.part_least or isinstance(ops[0], Literal) else 0
    assert new <= made.uploaded <= new + given_up + opening


@given(lengths=lengths)
def test_plans_without_stages_send_little_more_than_a_part_for_each_change(
    lengths: list[tuple[int, int | None]],
) -> None:
    limits = replace(SMALL_S3, parts_most=10_000)
    ops, size = ops_of(lengths)
    made = plan(ops, size, limits, mode="parts", near=0)
    new = sum(op.length for op in ops if isinstance(op, Literal))
    short = sum(1 for op in ops if isinstance(op, Literal) or op.length < limits.part_least)
    assert not made.stages
    assert made.uploaded <= min(size, new + 2 * limits.part_least * (short + 1))


@given(lengths=lengths)
def test_azure_sends_exactly_the_new_bytes(lengths: list[tuple[int, int | None]]) -> None:
    ops, size = ops_of(lengths)
    made = plan(ops, size, replace(SMALL_AZURE, parts_most=50_000), mode="exact", near=0)
    assert made.uploaded == sum(op.length for op in ops if isinstance(op, Literal))


@given(lengths=lengths)
def test_auto_costs_least(lengths: list[tuple[int, int | None]]) -> None:
    ops, size = ops_of(lengths)

    def cost(made: Plan) -> int:
        return made.uploaded + 65536 * made.requests

    modes: tuple[Mode, ...] = ("exact", "parts", "whole")
    least = min(cost(plan(ops, size, SMALL_S3, mode=mode)) for mode in modes)
    assert cost(plan(ops, size, SMALL_S3)) == least


def scattered(size: int, edits: int, length: int, seed: int = 1) -> tuple[Ops, int]:
    """A file of that size with scattered edits, each of which takes `length` new bytes."""
    places = sorted(random.Random(seed).sample(range(1, size // length - 1), edits))
    made: Ops = []
    at = 0
    for place in places:
        start = place * length
        if start > at:
            made.append(Copy(at, start - at, at))
        made.append(Literal(start, length))
        at = start + length
    made.append(Copy(at, size - at, at))
    return made, size


def test_a_hundred_edits_in_100_gb() -> None:
    ops, size = scattered(100 * 10**9, 100, 316_000)
    made = plan(ops, size, S3)
    check(made, ops, size, S3)
    assert made.mode == "exact"
    assert made.uploaded <= 35 * MIB
    assert made.requests <= 1200


def test_five_edits_in_192_mib() -> None:
    ops, size = scattered(192 * MIB, 5, 14_000)
    made = plan(ops, size, S3)
    check(made, ops, size, S3)
    assert made.uploaded == 5 * 14_000
    assert made.requests <= 34


@pytest.mark.parametrize("limits", [S3, R2, AZURE], ids=["s3", "r2", "azure"])
@pytest.mark.parametrize("mode", ["auto", "exact", "parts", "whole"])
def test_a_hundred_thousand_ops(limits: Limits, mode: Mode) -> None:
    ops, size = scattered(40 * GIB, 50_000, 8192)
    assert len(ops) > 99_000
    made = plan(ops, size, limits, mode=mode)
    check(made, ops, size, limits)
    assert made.uploaded <= size


@pytest.mark.parametrize("limits", [S3, AZURE], ids=["s3", "azure"])
def test_more_edits_than_parts_give_up_the_shortest_copies(limits: Limits) -> None:
    fewer = replace(limits, staging=False, parts_most=10_000, part_least=1)
    ops, size = scattered(40 * GIB, 50_000, 8192)
    made = plan(ops, size, fewer)
    check(made, ops, size, fewer)
    copies = sorted(op.length for op in ops if isinstance(op, Copy))
    new = 50_000 * 8192
    kept = 4000  # of the copies; the others, which are shorter, may be sent
    assert made.uploaded <= new + sum(copies[:-kept])


def test_more_ops_than_parts_are_exact_with_stages_of_stages() -> None:
    deep = 0
    for seed in range(300):
        chance = random.Random(seed)
        lengths = [
            (chance.randint(1, chance.choice([12, 120, 900])), chance.choice([None, chance.randint(0, 2000)]))
            for _ in range(chance.randint(20, 120))
        ]
        ops, size = ops_of(lengths)
        made = plan(ops, size, GROUPS, mode="exact", near=0)
        check(made, ops, size, GROUPS)
        new = sum(op.length for op in ops if isinstance(op, Literal))
        assert new <= made.uploaded <= new + GROUPS.part_least
        deep += any(len(stage.parts) > 2 for stage in made.stages)
    assert deep > 250


def test_more_edits_than_parts_are_exact_with_stages() -> None:
    ops, size = scattered(400 * GIB, 50_000, 100_000)
    made = plan(ops, size, S3, mode="exact", near=0)
    check(made, ops, size, S3)
    assert made.uploaded <= 50_000 * 100_000 + S3.part_least
    assert made.copied < 4 * size


@pytest.mark.parametrize("limits", [S3, R2, AZURE], ids=["s3", "r2", "azure"])
@pytest.mark.parametrize("size", [4 * TIB, 4 * TIB + 12345])
def test_terabytes(limits: Limits, size: int) -> None:
    for edits in (0, 1, 5000):
        ops, _ = scattered(size, edits, 2 * MIB)
        made = plan(ops, size, limits)
        check(made, ops, size, limits)
        assert made.uploaded < size // 10 + S3.part_least or limits.equal_parts
    sent = plan([Literal(0, size)], size, limits)
    check(sent, [Literal(0, size)], size, limits)
    assert sent.uploaded == size


def test_the_greatest_object_and_no_greater() -> None:
    ops: Ops = [Literal(0, S3.size_most)]
    check(plan(ops, S3.size_most, S3), ops, S3.size_most, S3)
    with pytest.raises(redelta.LimitError, match="allows"):
        plan([Literal(0, S3.size_most + 1)], S3.size_most + 1, S3)


@pytest.mark.parametrize("place", [0, 1, 1000, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1])
def test_a_change_at_the_beginning_costs_5_mib_at_most(place: int) -> None:
    size = 200 * MIB
    ops: Ops = [Copy(0, place, 0)] if place else []
    ops += [Literal(place, 100), Copy(place + 100, size - place - 100, place + 100)]
    made = plan(ops, size, S3, mode="exact")
    check(made, ops, size, S3)
    assert made.uploaded <= (5 * MIB + 100 if place < 5 * MIB else 100)


def test_a_store_without_copies_is_sent_the_file() -> None:
    ops, size = scattered(GIB, 3, 1000)
    made = plan(ops, size, GOOGLE)
    assert (made.mode, made.uploaded, made.requests) == ("whole", size, 1)


def test_what_is_refused() -> None:
    with pytest.raises(redelta.ParameterError, match="mode must be"):
        plan([], 0, S3, mode="quick")  # type: ignore[arg-type]
    with pytest.raises(redelta.ParameterError, match="follow each other"):
        plan([Copy(5, 5, 0)], 10, S3)
    with pytest.raises(redelta.ParameterError, match="make 5 bytes, not 10"):
        plan([Copy(0, 5, 0)], 10, S3)
    with pytest.raises(redelta.ParameterError, match="staging"):
        plan([Copy(0, 5, 0)], 5, replace(S3, staging=False), mode="exact")

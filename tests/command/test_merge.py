"""The verb merge: patching the first version with its result gives the last one, whoever made the deltas.

A chain that does not fit is told by the name of the delta that does not, and leaves no output.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.samples import noise, prose, random_edits
from helpers.sparse import Layout
from helpers.tool import WITHOUT, Argument, Tool, Words, shell
from helpers.wire import (
    Copy,
    Literal,
    apply_delta,
    digest_of,
    encode_delta,
    encode_trailer,
    read_delta,
)

VERSIONS = [prose(150_000, 1)]
for seed in range(2, 6):
    VERSIONS.append(random_edits(VERSIONS[-1], 15, seed))
CPUS = ("portable", "sse41", "avx2", "avx512")


def chain(redelta: Tool, folder: Path, versions: Sequence[bytes], *options: Argument) -> list[Path]:
    """The deltas from each version to the next, made by diff."""
    deltas: list[Path] = []
    for number, (old, new) in enumerate(pairwise(versions), 1):
        (folder / "old").write_bytes(old)
        deltas.append(folder / f"{number}.delta")
        deltas[-1].write_bytes(redelta.run("diff", *options, folder / "old", "-", stdin=new).done())
    return deltas


@pytest.fixture
def deltas(redelta: Tool, tmp_path: Path) -> list[Path]:
    return chain(redelta, tmp_path, VERSIONS)


# ---- What it makes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_first_version_becomes_the_last(
    redelta: Tool, rdiff: Tool, tmp_path: Path, deltas: list[Path], count: int
) -> None:
    merged = redelta.run("merge", *deltas[:count]).done()
    assert apply_delta(VERSIONS[0], merged) == VERSIONS[count]
    assert merged[read_delta(merged).end :] == encode_trailer(VERSIONS[count], basis=VERSIONS[0])
    (tmp_path / "first").write_bytes(VERSIONS[0])
    (tmp_path / "merged").write_bytes(merged)
    assert rdiff.run("patch", tmp_path / "first", tmp_path / "merged").done() == VERSIONS[count]
    assert redelta.run("patch", "--always-verify", tmp_path / "first", tmp_path / "merged").done() == VERSIONS[count]


def test_merging_in_steps_is_merging_at_once(redelta: Tool, tmp_path: Path, deltas: list[Path]) -> None:
    (tmp_path / "first").write_bytes(redelta.run("merge", *deltas[:2]).done())
    (tmp_path / "second").write_bytes(redelta.run("merge", *deltas[2:]).done())
    whole = redelta.run("merge", *deltas).done()
    assert redelta.run("merge", tmp_path / "first", tmp_path / "second").done() == whole
    assert redelta.run("merge", tmp_path / "first", *deltas[2:]).done() == whole


def test_it_is_little_larger_than_the_direct_delta(redelta: Tool, tmp_path: Path, deltas: list[Path]) -> None:
    merged = redelta.run("merge", *deltas).done()
    (tmp_path / "old").write_bytes(VERSIONS[0])
    direct = redelta.run("diff", tmp_path / "old", "-", stdin=VERSIONS[-1]).done()
    assert len(merged) < 2 * len(direct) < 2 * sum(path.stat().st_size for path in deltas)


@given(st.lists(st.integers(0, 1 << 32), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_any_chain_is_merged_stocks_and_ours(
    redelta: Tool, rdiff: Tool, tmp_path_factory: pytest.TempPathFactory, seeds: list[int], stock: bool, packed: bool
) -> None:
    folder = tmp_path_factory.mktemp("chain")
    versions = [noise(5_000, 1)]
    deltas: list[Path] = []
    for number, seed in enumerate(seeds):
        versions.append(random_edits(versions[-1], seed % 7, seed))
        (folder / "old").write_bytes(versions[-2])
        (folder / "new").write_bytes(versions[-1])
        (folder / "signature").write_bytes(rdiff.run("signature", "-b", "64", folder / "old").done())
        words: Words = [folder / "signature", folder / "new"]
        made = rdiff.run("delta", *words) if stock else redelta.run("delta", *(["-z"] if packed else []), *words)
        deltas.append(folder / str(number))
        deltas[-1].write_bytes(made.done())
    merged = redelta.run("merge", *deltas).done()
    assert apply_delta(versions[0], merged) == versions[-1]
    assert merged[read_delta(merged).end :] == (b"" if stock else encode_trailer(versions[-1]))


def test_empty_versions_are_merged(redelta: Tool, tmp_path: Path) -> None:
    for versions in (
        [b"", b"", b""],
        [b"", b"new", b""],
        [b"old", b"", b"new"],
        [b"", b"", b"new"],
        [b"old", b"x", b""],
    ):
        merged = redelta.run("merge", *chain(redelta, tmp_path, versions)).done()
        assert apply_delta(versions[0], merged) == versions[-1]


def test_many_deltas_are_merged_in_one_pass(redelta: Tool, tmp_path: Path) -> None:
    versions = [noise(3_000, 1)]
    for seed in range(120):
        versions.append(random_edits(versions[-1], 2, seed))
    merged = redelta.run("merge", *chain(redelta, tmp_path, versions)).done()
    assert apply_delta(versions[0], merged) == versions[-1]


def test_it_may_be_compressed_and_take_what_is(redelta: Tool, tmp_path: Path) -> None:
    versions = [version + prose(20_000, number) for number, version in enumerate(VERSIONS)]
    packed = chain(redelta, tmp_path, versions, "-z")
    plain = redelta.run("merge", *packed).done()
    assert apply_delta(versions[0], plain) == versions[-1]
    (tmp_path / "merged").write_bytes(redelta.run("merge", "-z9", *packed).done())
    (tmp_path / "first").write_bytes(versions[0])
    assert (tmp_path / "merged").stat().st_size < len(plain)
    assert redelta.run("patch", tmp_path / "first", tmp_path / "merged").done() == versions[-1]


def test_without_verification_there_is_no_trailer(redelta: Tool, deltas: list[Path]) -> None:
    whole = redelta.run("merge", *deltas).done()
    assert redelta.run("merge", "--no-verify", *deltas).done() == whole[: read_delta(whole).end]


def test_the_bytes_do_not_depend_on_threads_or_kernels(
    redelta: Tool, deltas: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for options in ([], ["-z"]):
        expected = redelta.run("merge", "-T1", *options, *deltas).done()
        for threads in ("2", "8"):
            assert redelta.run("merge", "-T", threads, *options, *deltas).done() == expected
        for cpu in CPUS:
            monkeypatch.setenv("REDELTA_CPU", cpu)
            assert redelta.run("merge", *options, *deltas).done() == expected
        monkeypatch.delenv("REDELTA_CPU")


def test_deltas_of_files_with_holes_are_merged(redelta: Tool, tmp_path: Path) -> None:
    data = noise(70_000, 1)
    layouts = [Layout(200 << 20, ((at << 20, data), (150 << 20, data[:5000]))) for at in (0, 10, 20)]
    for number, layout in enumerate(layouts):
        layout.write(tmp_path / str(number))
    for number in (1, 2):
        redelta.run("diff", tmp_path / str(number - 1), tmp_path / str(number), tmp_path / f"{number}.delta").done()
    redelta.run("merge", "-o", tmp_path / "merged", tmp_path / "1.delta", tmp_path / "2.delta").done()
    redelta.run("patch", tmp_path / "0", tmp_path / "merged", tmp_path / "made").done()
    assert shell('cmp "$1" "$2"', tmp_path / "made", tmp_path / "2").done() == b""


@pytest.mark.skipif("zstd" in WITHOUT, reason="a dense delta is coded by zstd")
@pytest.mark.parametrize("dense", [[0], [2], [0, 1, 2, 3], [1, 3]])
def test_dense_deltas_are_merged_with_the_first_version(
    redelta: Tool, tmp_path: Path, deltas: list[Path], dense: list[int]
) -> None:
    (tmp_path / "first").write_bytes(VERSIONS[0])
    for place in dense:
        (tmp_path / "old").write_bytes(VERSIONS[place])
        deltas[place].write_bytes(
            redelta.run("diff", "--dense", tmp_path / "old", "-", stdin=VERSIONS[place + 1]).done()
        )
    result = redelta.run("merge", *deltas, "-o", tmp_path / "out")
    error = result.fails(2)
    assert error.file in [str(deltas[place]) for place in dense]
    assert (error.what, error.advice) == (
        "it is dense, so the first basis is needed to merge it",
        "give the first version by --basis",
    )
    assert not (tmp_path / "out").exists()
    merged = redelta.run("merge", "--basis", tmp_path / "first", *deltas).done()
    assert apply_delta(VERSIONS[0], merged) == VERSIONS[-1]
    assert merged[read_delta(merged).end :] == encode_trailer(VERSIONS[-1], basis=VERSIONS[0])
    with (tmp_path / "first").open("rb") as first:
        assert redelta.run("merge", "--basis", "-", *deltas, stdin=first).done() == merged
    for wrong in (VERSIONS[0] + b"!", VERSIONS[1], b""):
        (tmp_path / "first").write_bytes(wrong)
        error = redelta.run("merge", "--basis", tmp_path / "first", *deltas, "-o", tmp_path / "out").fails(4)
        assert error.file == str(tmp_path / "first")
        assert not (tmp_path / "out").exists()


@pytest.mark.skipif("zstd" in WITHOUT, reason="a dense delta is coded by zstd")
def test_a_dense_delta_after_the_first_is_to_be_a_file(redelta: Tool, tmp_path: Path, deltas: list[Path]) -> None:
    (tmp_path / "first").write_bytes(VERSIONS[0])
    dense = []
    for place in (0, 1):
        (tmp_path / "old").write_bytes(VERSIONS[place])
        dense.append(redelta.run("diff", "--dense", tmp_path / "old", "-", stdin=VERSIONS[place + 1]).done())
    words: Words = ["merge", "--basis", tmp_path / "first"]
    expected = redelta.run(*words, *deltas[:2]).done()
    assert redelta.run(*words, "-", deltas[1], stdin=dense[0]).done() == expected
    error = redelta.run(*words, deltas[0], "-", "-o", tmp_path / "out", stdin=dense[1]).fails(2)
    assert (error.file, error.what, error.advice) == (
        "standard input",
        "it is dense and not the first delta, so it is not merged from a pipe",
        "save it to a file first",
    )
    assert not (tmp_path / "out").exists()
    (tmp_path / "saved").write_bytes(dense[1])
    assert redelta.run(*words, deltas[0], tmp_path / "saved").done() == expected


def test_an_output_without_its_option_is_told(redelta: Tool, tmp_path: Path, deltas: list[Path]) -> None:
    missing = tmp_path / "out"
    hint = "check the name; an output is named by -o"
    assert redelta.run("merge", *deltas, missing).fails(1).advice == hint
    assert redelta.run("merge", "--basis", deltas[0], *deltas, missing).fails(1).advice == hint
    for words in ([missing], [missing, *deltas], [*deltas, missing, "-o", tmp_path / "other"]):
        assert redelta.run("merge", *words).fails(1).advice == "check the name"
    assert "-z9" in redelta.run("merge", *deltas, "-z", "9", cwd=tmp_path).fails(1).advice
    redelta.run("merge", *deltas, "-o", missing).done()


def test_the_first_version_may_be_given_in_any_case(redelta: Tool, tmp_path: Path, deltas: list[Path]) -> None:
    (tmp_path / "first").write_bytes(VERSIONS[0])
    words: Words = ["merge", "--basis", tmp_path / "first", *deltas]
    assert redelta.run(*words).done() == redelta.run("merge", *deltas).done()
    redelta.run("--json=log", "-o", "out", *words, cwd=tmp_path).done()
    record = json.loads((tmp_path / "log").read_text())
    assert record["files"]["basis"] == {"name": str(tmp_path / "first"), "size": len(VERSIONS[0])}
    assert len(record["files"]["deltas"]) == len(deltas)
    missing = redelta.run("merge", "--basis", tmp_path / "missing", *deltas).fails(1)
    assert missing.file == str(tmp_path / "missing")
    redelta.run("merge", "--basis", "-", "-", *deltas[1:], stdin=b"").refuses()
    redelta.run("merge", "--basis", "", *deltas).refuses()
    redelta.run("diff", "--basis", deltas[0], deltas[0], deltas[1]).refuses()


# ---- Where they come from, and where it goes ------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_one_of_them_may_be_standard_input(redelta: Tool, deltas: list[Path], place: int, name: str) -> None:
    expected = redelta.run("merge", *deltas).done()
    words: list[Argument] = [*deltas]
    words[place] = name
    assert redelta.run("merge", *words, stdin=deltas[place].read_bytes()).done() == expected
    with deltas[place].open("rb") as file:
        assert redelta.run("merge", *words, stdin=file).done() == expected


def test_all_of_them_may_be_pipes(redelta: Tool, deltas: list[Path]) -> None:
    expected = redelta.run("merge", *deltas).done()
    ends: list[int] = []
    for delta in deltas:
        read_end, write_end = os.pipe()
        os.write(write_end, delta.read_bytes())
        os.close(write_end)
        ends.append(read_end)
    assert redelta.run("merge", *(f"/dev/fd/{end}" for end in ends), pass_fds=ends).done() == expected
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("option", [["-o"], ["--output"]])
def test_the_output_is_named_by_an_option(redelta: Tool, tmp_path: Path, deltas: list[Path], option: list[str]) -> None:
    expected = redelta.run("merge", *deltas).done()
    assert redelta.run("merge", *option, tmp_path / "out", *deltas).done() == b""
    assert (tmp_path / "out").read_bytes() == expected
    assert redelta.run("merge", *deltas, *option, "-").done() == expected
    assert redelta.run("merge", *deltas, *option, "/dev/stdout").done() == expected
    error = redelta.run("merge", *deltas, *option, tmp_path / "out").fails(1)
    assert (error.file, error.advice) == (str(tmp_path / "out"), "use -f to replace it")


def test_any_of_them_may_be_replaced_by_the_result(redelta: Tool, deltas: list[Path]) -> None:
    expected = redelta.run("merge", *deltas).done()
    for delta in deltas:
        kept = delta.read_bytes()
        redelta.run("merge", "-f", "-o", delta, *deltas).done()
        assert delta.read_bytes() == expected
        delta.write_bytes(kept)


@pytest.mark.parametrize("place", [0, 2])
def test_an_output_that_is_an_input_is_refused(redelta: Tool, deltas: list[Path], place: int) -> None:
    """Where it cannot be replaced as a whole."""
    kept = deltas[place].read_bytes()
    result = shell('"$1" merge "$2" "$3" "$4" 1<> "$5"', redelta.path, *deltas[:3], deltas[place])
    assert "overwritten" in result.fails(2).what
    assert deltas[place].read_bytes() == kept


# ---- What it says ---------------------------------------------------------------------------------------------------


def test_the_record_has_the_figures(redelta: Tool, tmp_path: Path, deltas: list[Path]) -> None:
    words = [path.name for path in deltas]
    redelta.run("merge", "--json=log", "-o", "out", *words, cwd=tmp_path).done()
    (record,) = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    size = (tmp_path / "out").stat().st_size
    inputs = [{"name": path.name, "size": path.stat().st_size} for path in deltas]
    assert record["files"] == {"deltas": inputs, "delta": {"name": "out", "size": size}}
    assert record["copied"]["bytes"] + record["literal"]["bytes"] == len(VERSIONS[-1])
    assert record["saved"] == pytest.approx(1 - size / len(VERSIONS[-1]))
    assert (record["digest"], record["basis_digest"]) == (digest_of(VERSIONS[-1]).hex(), digest_of(VERSIONS[0]).hex())
    assert (record["basis_size"], record["status"], record["uncompressed"]) == (len(VERSIONS[0]), 0, None)


def test_statistics_count_the_deltas(redelta: Tool, deltas: list[Path]) -> None:
    result = redelta.run("merge", "-s", "-v", *deltas)
    words = result.err.decode().replace(",", "").split()
    for number in (len(deltas), len(VERSIONS[-1]), len(result.done()), sum(path.stat().st_size for path in deltas)):
        assert str(number) in words, result.describe()


# ---- What it refuses ------------------------------------------------------------------------------------------------


def assert_refused(redelta: Tool, folder: Path, deltas: Sequence[Path], culprit: Path, status: int) -> str:
    """No output, and the culprit is named. What to do about it is returned."""
    for options in ([], ["-z"], ["-T1"]):
        error = redelta.run("merge", *options, "-o", folder / "out", *deltas).fails(status)
        assert error.file == str(culprit)
        assert not (folder / "out").exists()
    return error.advice


@pytest.mark.parametrize("order", [[1, 0], [0, 2], [0, 1, 3], [2, 1, 0], [0, 0], [0, 1, 2, 1]])
def test_deltas_that_do_not_fit_each_other_are_told(
    redelta: Tool, tmp_path: Path, deltas: list[Path], order: list[int]
) -> None:
    """The first that is not for what the one before it makes, seen from the end."""
    given = [deltas[place] for place in order]
    wrong = max(i for i in range(1, len(order)) if order[i] != order[i - 1] + 1)
    advice = assert_refused(redelta, tmp_path, given, given[wrong], 4)
    assert f"number {wrong + 1} of {len(order)}" in advice


def test_a_basis_of_the_same_length_is_told_by_its_digest(redelta: Tool, tmp_path: Path) -> None:
    versions = [noise(1000, 1), noise(1000, 2), noise(1000, 3)]
    one, _ = chain(redelta, tmp_path, versions)
    (tmp_path / "others").mkdir()
    _, other = chain(redelta, tmp_path / "others", [b"", noise(1000, 4), noise(1000, 3)])
    assert_refused(redelta, tmp_path, [one, other], other, 4)


def test_without_digests_copies_beyond_the_end_are_told(redelta: Tool, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(encode_delta([Literal(b"0123456789")]))
    (tmp_path / "other").write_bytes(encode_delta([Copy(5, 6)]))
    assert_refused(redelta, tmp_path, [tmp_path / "one", tmp_path / "other"], tmp_path / "other", 4)
    (tmp_path / "other").write_bytes(encode_delta([Copy(5, 5)]))
    assert apply_delta(b"", redelta.run("merge", tmp_path / "one", tmp_path / "other").done()) == b"56789"


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("cut", [0, 3, 20, -97, -50, -1])
def test_a_truncated_delta_is_told(redelta: Tool, tmp_path: Path, deltas: list[Path], place: int, cut: int) -> None:
    deltas[place].write_bytes(deltas[place].read_bytes()[:cut])
    assert_refused(redelta, tmp_path, deltas, deltas[place], 3)


@pytest.mark.parametrize("place", [0, 2])
def test_what_is_no_delta_is_told(redelta: Tool, tmp_path: Path, deltas: list[Path], place: int) -> None:
    for bad in (b"rs\x026\x55\x00", b"text\n" * 100, redelta.run("signature", stdin=VERSIONS[0]).done()):
        deltas[place].write_bytes(bad)
        assert_refused(redelta, tmp_path, deltas, deltas[place], 3)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_missing_delta_is_named(redelta: Tool, tmp_path: Path, deltas: list[Path], place: int) -> None:
    for missing in (tmp_path / "missing", tmp_path):
        given = [*deltas[:place], missing, *deltas[place + 1 :]]
        assert_refused(redelta, tmp_path, given, missing, 1)


def test_a_chain_that_multiplies_meets_the_limits(redelta: Tool, tmp_path: Path) -> None:
    """Each delta doubles the number of commands."""
    deltas = []
    size = 64
    (tmp_path / "0").write_bytes(encode_delta([Copy(at * 2, 1) for at in range(size)]))
    deltas.append(tmp_path / "0")
    for number in range(1, 30):
        deltas.append(tmp_path / str(number))
        deltas[-1].write_bytes(encode_delta([Copy(0, size), Copy(0, size)]))
        size *= 2
    for limit in (["--max-memory", "1M"], ["--max-memory", "100M", "--max-output", "1K"]):
        result = redelta.run("merge", *limit, "-o", tmp_path / "out", *deltas, cpu=120)
        assert "--max-memory" in result.fails(3).advice
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", [0, 2])
def test_a_delta_that_changes_is_told_and_nothing_written(
    redelta: Tool, tmp_path: Path, deltas: list[Path], place: int
) -> None:
    """The messages of the command go to the file that it reads."""
    script = '"$1" merge -v -o "$2" "$3" "$4" "$5" 2>> "$6"'
    result = shell(script, redelta.path, tmp_path / "out", *deltas[:3], deltas[place])
    assert result.status in (3, 6)
    last = deltas[place].read_bytes().splitlines()[-1]
    assert last.startswith(b"redelta: merge: " + os.fsencode(deltas[place]) + b": ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [["merge"], ["merge", "-", "-"], ["merge", "1.delta", ""], ["merge", "-o", "", "1.delta"], ["merge", "-o"],
     ["merge", "--exit-code", "1.delta"], ["merge", "-b", "64", "1.delta"], ["merge", "-force", "1.delta"],
     ["merge", "--max-memory", "0", "1.delta"]],
)  # fmt: skip
def test_a_wrong_command_line_is_refused(redelta: Tool, tmp_path: Path, deltas: list[Path], words: list[str]) -> None:
    redelta.run(*words, cwd=tmp_path, stdin=b"").refuses()


@pytest.mark.parametrize("word", ["m", "mer"])
def test_it_may_be_shortened(redelta: Tool, deltas: list[Path], word: str) -> None:
    assert redelta.run(word, *deltas).done() == redelta.run("merge", *deltas).done()

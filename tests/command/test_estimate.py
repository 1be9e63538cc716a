"""The verb estimate, compared with what signature and delta make at each block length."""

from __future__ import annotations

import gzip
import itertools
import json
import lzma
import random
from pathlib import Path
from typing import Any

import pytest

from helpers.samples import noise, prose, random_edits
from helpers.sparse import Layout
from helpers.tool import SANITIZED, WITHOUT, Tool


def write(folder: Path, old: bytes, new: bytes) -> tuple[Path, Path]:
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    return folder / "old", folder / "new"


def estimated(redelta: Tool, *args: str | Path) -> dict[str, Any]:
    lines = [json.loads(line) for line in redelta.run("estimate", "--json", *args).done().splitlines()]
    found: dict[str, Any] = lines[-1]["estimated"]
    return found


@pytest.mark.parametrize("options", [[], ["-S", "8"], ["-S", "-1"], ["-H", "md4", "-R", "rollsum"]])
def test_each_trial_is_what_the_verbs_make(redelta: Tool, tmp_path: Path, options: list[str]) -> None:
    old = prose(200_000, 1)
    paths = write(tmp_path, old, random_edits(old, 40, 2))
    trials = estimated(redelta, *options, *paths)["trials"]
    assert len(trials) >= 4
    for trial in trials:
        length = str(trial["block_length"])
        signature = redelta.run("signature", *options, "-b", length, paths[0]).done()
        delta = redelta.run("delta", "-", paths[1], stdin=signature).done()
        assert (trial["signature"], trial["delta"]) == (len(signature), len(delta)), length
        compressed = trial["delta_compressed"]
        assert compressed is None or 0 < compressed < len(delta), length


def test_diffs_are_what_the_verb_makes(redelta: Tool, tmp_path: Path) -> None:
    old = prose(200_000, 1)
    paths = write(tmp_path, old, random_edits(old, 40, 2))
    found = estimated(redelta, *paths)
    options = {"plain": [], **({} if "zstd" in WITHOUT else {"compressed": ["-z"], "dense": ["--dense"]})}
    made = {form: len(redelta.run("diff", *options[form], *paths).done()) for form in options}
    assert {diff["form"]: diff["delta"] for diff in found["diffs"]} == made
    assert all(diff["seconds"] >= 0 for diff in found["diffs"])
    assert found["diffs_sample"] is None
    words = " ".join(redelta.run("estimate", *paths).done().decode().split())
    assert "With both files at hand, measured:" in words
    size = paths[1].stat().st_size
    for form, command in (("plain", "diff"), ("compressed", "diff -z"), ("dense", "diff --dense")):
        if form in made:
            assert f" {command} {made[form]:,} {100 * made[form] / size:.2f} % " in words


@pytest.mark.skipif(SANITIZED, reason="it reads gigabytes of zeros")
def test_of_large_files_a_sample_is_taken_and_told(redelta: Tool, tmp_path: Path) -> None:
    """Of which nearly all are holes. Every 16 MiB there are 64 KiB of data, and these are new."""
    pieces = [noise(65_536, seed) for seed in range(8)]
    size, step = (4 << 30) + 5, 16 << 20
    Layout(10_000_000, ()).write(tmp_path / "old")
    places = range(0, size - step, step)
    Layout(size, tuple((at, pieces[at // step % 8]) for at in places)).write(tmp_path / "new")
    text = redelta.run("estimate", "--json=log", "old", "new", cwd=tmp_path).done().decode()
    assert f"With both files at hand, estimated from a sample of {256 << 20:,} bytes:" in text
    found = json.loads((tmp_path / "log").read_text().splitlines()[-1])["estimated"]
    assert found["diffs_sample"] == 256 << 20
    exact = len(redelta.run("diff", tmp_path / "old", tmp_path / "new").done())
    assert exact / 2 < found["diffs"][0]["delta"] < 2 * exact


def total(trial: dict[str, int]) -> int:
    return trial["signature"] + trial["delta"]


def sparsely_edited(size: int, every: int) -> tuple[bytes, bytes]:
    """One byte in every `every` bytes is changed."""
    old = noise(size, 3)
    new = bytearray(old)
    for at in range(every // 2, size, every):
        new[at] ^= 1
    return old, bytes(new)


@pytest.mark.parametrize("every", [500, 3000, 500_000])
def test_recommended_length_is_the_cheapest_but_for_a_hundredth(redelta: Tool, tmp_path: Path, every: int) -> None:
    found = estimated(redelta, *write(tmp_path, *sparsely_edited(1_000_000, every)))
    trials = {trial["block_length"]: trial for trial in found["trials"]}
    best = min(trials.values(), key=total)
    usual = trials[found["usual_block_length"]]
    chosen = trials[found["best_block_length"]]
    assert found["usual_block_length"] == 896  # the square root of a million, less what is over 128
    assert chosen in (best, usual)
    assert total(chosen) <= 1.01 * total(best) + 1
    assert (chosen == usual) == (total(usual) - total(best) <= total(usual) // 100)
    lengths = sorted(trials)
    assert all(longer == 2 * shorter for shorter, longer in itertools.pairwise(lengths))
    assert lengths[0] // 2 < 64 or best != trials[lengths[0]], "it must go on while the outermost is the best"
    assert lengths[-1] >= 1_000_000 or best != trials[lengths[-1]]


def test_text_has_the_trials_and_the_advice(redelta: Tool, tmp_path: Path) -> None:
    paths = write(tmp_path, *sparsely_edited(1_000_000, 500_000))
    found = estimated(redelta, *paths)
    text = redelta.run("estimate", *paths).done().decode()
    words = " ".join(text.split())
    for trial in found["trials"]:
        mark = "*" if trial["block_length"] == found["usual_block_length"] else ""
        share = 100 * total(trial) / 1_000_000
        row = f"{trial['block_length']:,}{mark} {trial['signature']:,} {trial['delta']:,} {share:.2f} %"
        assert row in words
    assert f"--block-size {found['best_block_length']}, which saves " in words
    assert found["best_block_length"] > found["usual_block_length"]
    assert max(map(len, text.splitlines()[2:])) <= 90  # below the names of the files


@pytest.mark.parametrize("every", [500_000, 20_000, 1_000])
def test_a_reason_for_two_recommendations_is_given_once(redelta: Tool, tmp_path: Path, every: int) -> None:
    text = redelta.run("estimate", *write(tmp_path, *sparsely_edited(1_000_000, every))).done().decode()
    conclusion = text.rpartition("\n\n")[2]
    reasons = ("there are few changes", "there are many small changes", "no other saves more")
    assert all(conclusion.count(reason) <= 1 for reason in reasons), conclusion
    given = sum(reason in conclusion for reason in reasons) + conclusion.count("for the same reason")
    assert given == conclusion.count("Recommended") > 0


def test_identical_files_are_told(redelta: Tool, tmp_path: Path) -> None:
    data = noise(50_000, 1)
    paths = write(tmp_path, data, data)
    assert estimated(redelta, *paths)["identical"] is True
    assert "identical" in redelta.run("estimate", *paths).done().decode()
    assert redelta.run("estimate", "--exit-code", *paths).status == 5
    assert len(estimated(redelta, *paths)["trials"]) == 1, "all lengths would show the same"
    other = write(tmp_path, data, data[:-1])
    assert estimated(redelta, *other)["identical"] is False
    assert redelta.run("estimate", "--exit-code", *other).status == 0


@pytest.mark.parametrize("sizes", [(0, 0), (0, 5000), (5000, 0), (1, 1), (100, 7)])
def test_small_files_are_estimated(redelta: Tool, tmp_path: Path, sizes: tuple[int, int]) -> None:
    paths = write(tmp_path, noise(sizes[0], 1), noise(sizes[1], 2))
    assert estimated(redelta, *paths)["identical"] is (sizes == (0, 0))
    redelta.run("estimate", *paths).done()


def test_files_that_have_nothing_in_common_are_read_seldom(redelta: Tool, tmp_path: Path) -> None:
    assert len(estimated(redelta, *write(tmp_path, noise(3_000_000, 1), prose(3_000_000, 2)))["trials"]) <= 8


def test_no_share_of_an_empty_file_is_shown(redelta: Tool, tmp_path: Path) -> None:
    paths = write(tmp_path, noise(1_000_000, 1), b"")
    assert len(estimated(redelta, *paths)["trials"]) == 1
    text = redelta.run("estimate", *paths).done().decode()
    assert "there is nothing to send" in text
    table = text.split("\n\n")[1].splitlines()
    assert "%" not in table[1]
    assert len(table[0]) == len(table[1]), "the columns are as wide as their heads"


@pytest.mark.parametrize("strange", ["/proc/self/limits", "/sys/kernel/uevent_seqnum"])
@pytest.mark.parametrize("order", [0, 1])
def test_a_file_whose_size_is_not_that_of_its_content_is_refused(
    redelta: Tool, tmp_path: Path, strange: str, order: int
) -> None:
    if not Path(strange).exists() or Path(strange).stat().st_size == len(Path(strange).read_bytes()):
        pytest.skip(f"this system has no {strange} of another size than its content")
    (tmp_path / "usual").write_bytes(prose(10_000, 1))
    words: list[str | Path] = [strange, tmp_path / "usual"]
    error = redelta.run("estimate", *words[:: -1 if order else 1]).fails(2)
    assert error.file == strange
    assert error.advice == "copy it to a file first"
    copied = tmp_path / "copied"
    copied.write_bytes(Path(strange).read_bytes())
    assert estimated(redelta, copied, tmp_path / "usual")["trials"]


def encrypted(data: bytes) -> bytes:
    return b"Salted__" + random.Random(len(data)).randbytes(len(data))


@pytest.mark.parametrize(
    ("make", "looks", "remedy"),
    [
        (gzip.compress, "a file compressed with gzip", "--rsyncable"),
        (lzma.compress, "a file compressed with xz", "decompress"),
        (encrypted, "a file encrypted with OpenSSL", "before the files are encrypted"),
        (lambda data: noise(len(data), len(data)), "data of an unknown format", "if they are encrypted"),
    ],
)
def test_hopeless_files_are_told(redelta: Tool, tmp_path: Path, make: Any, looks: str, remedy: str) -> None:
    old = prose(3_000_000, 1)
    paths = write(tmp_path, make(old), make(b"x" + old))
    found = estimated(redelta, *paths)
    assert found["hopeless"] is True
    assert found["new"]["looks_like"] == looks
    assert found["new"]["random_samples"] >= 0.9 * found["new"]["samples"] > 0
    text = redelta.run("estimate", *paths).done().decode()
    assert "No block length helps" in text
    assert remedy in text


def test_files_of_random_bytes_that_share_most_are_not_hopeless(redelta: Tool, tmp_path: Path) -> None:
    old = gzip.compress(prose(3_000_000, 1))
    paths = write(tmp_path, old, old[:300_000] + b"another end")
    assert estimated(redelta, *paths)["hopeless"] is False


def test_text_is_not_taken_for_random(redelta: Tool, tmp_path: Path) -> None:
    found = estimated(redelta, *write(tmp_path, prose(300_000, 1), prose(300_000, 2)))
    assert (found["new"]["looks_like"], found["new"]["random_samples"], found["hopeless"]) == ("text", 0, False)


def test_pipes_are_refused(redelta: Tool, tmp_path: Path) -> None:
    paths = write(tmp_path, b"old", b"new")
    assert "pipe" in redelta.run("estimate", "-", paths[1], stdin=b"old").fails(2).what
    assert "pipe" in redelta.run("estimate", paths[0], "-", stdin=b"new").fails(2).what
    assert "without an end" in redelta.run("estimate", paths[0], "/dev/zero").fails(2).what
    assert "must be given" in redelta.run("estimate", paths[0]).refuses()


@pytest.mark.parametrize("order", [0, 1])
def test_devices_are_refused(redelta: Tool, tmp_path: Path, order: int) -> None:
    names: list[str | Path] = [tmp_path / "file"]
    (tmp_path / "file").write_bytes(b"something")
    names.insert(order, "/dev/null")
    assert redelta.run("estimate", *names).fails(2).file == "/dev/null"


@pytest.mark.parametrize(
    ("old", "new", "advice"),
    [
        (b"", b"", "identical"),
        (b"", noise(1000, 1), "Send the new file as it is"),
        (noise(1000, 1), noise(1000, 2), "Send the new file as it is"),
        (noise(1000, 1), b"", "The new file is empty"),
        (prose(100_000, 1), prose(100_000, 1) + b"x", "Recommended: --block-size"),
    ],
)
def test_advice_on_small_files_is_of_use(redelta: Tool, tmp_path: Path, old: bytes, new: bytes, advice: str) -> None:
    *_, conclusion = redelta.run("estimate", *write(tmp_path, old, new)).done().decode().split("\n\n")
    assert advice in conclusion
    assert ("Recommended" in conclusion) == ("Recommended" in advice)
    assert " 0 bytes smaller" not in conclusion


def test_output_that_cannot_be_written_is_told(redelta: Tool, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        result = redelta.run("estimate", *write(tmp_path, b"old", b"new"), stdout=full)
    assert result.fails(1).file == "standard output"

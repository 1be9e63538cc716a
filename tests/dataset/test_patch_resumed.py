"""A patch that was interrupted and is continued: what its run could not do is tried again, as long as no name has
changed, and is told once in any case."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.roots import put, snapshot
from helpers.samples import noise
from redelta.dataset import DatasetError, Summary, _patch, write_delta, write_patch, write_signature
from redelta.dataset._journal import Area, Phase

FILES = 60


class Patch:
    """An old root, a delta that changes all of its files, and files there that are others than the delta is for."""

    def __init__(self, folder: Path, threads: ThreadPoolExecutor) -> None:
        self.threads, self.delta = threads, folder / "delta"
        self.old = put(folder / "old", {f"file{number:02}": noise(3000, number) for number in range(FILES)})
        new = shutil.copytree(self.old, folder / "new")
        for file in new.iterdir():
            file.write_bytes(file.read_bytes() + b"more")
        write_signature(self.old, folder / "signature", executor=threads, shard_files=5, min_size=0)
        write_delta(folder / "signature", new, self.delta, executor=threads, shard_files=5)
        self.before, self.after = snapshot(self.old), snapshot(new)
        self.wrong = [self.old / "file07", self.old / "file31"]
        for file in self.wrong:
            file.write_bytes(b"somebody else's")

    def mend(self) -> None:
        """Puts back what the delta is for."""
        for file in self.wrong:
            file.write_bytes(noise(3000, int(file.name[4:])))

    def run(self, *, partial: bool = False) -> Summary:
        return write_patch(self.delta, self.old, executor=self.threads, partial=partial)

    def interrupt(self, monkeypatch: pytest.MonkeyPatch, phase: Phase) -> None:
        """Runs it up to the end of its first phase, or to the start of the second one."""
        set_phase = Area.set_phase

        def end_before_names(area: Area, delta: str, to: Phase) -> None:
            if to == "names":
                raise KeyboardInterrupt
            set_phase(area, delta, to)

        def end(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            if phase == "files":
                patched.setattr(Area, "set_phase", end_before_names)
            else:
                patched.setattr(_patch, "name_all", end)
            with pytest.raises(KeyboardInterrupt):
                self.run(partial=True)

    def failed(self, *, partial: bool) -> list[bytes]:
        """The paths that a run tells."""
        with pytest.raises(DatasetError) as caught:
            self.run(partial=partial)
        return [each.path for each in caught.value.failures]


@pytest.fixture
def patch(tmp_path: Path, threads: ThreadPoolExecutor) -> Patch:
    return Patch(tmp_path, threads)


def test_shards_with_failures_are_marked_as_the_page_on_formats_says(
    patch: Patch, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch.interrupt(monkeypatch, "files")
    area = patch.old / ".redelta-patch"
    told = {each.stem: json.loads(each.read_bytes()) for each in area.glob("shard-*.json")}
    marks = [each for each in area.iterdir() if each.suffix == ".failed"]
    assert {each.stem for each in marks} == {stem for stem, record in told.items() if record["failures"]}
    assert [each.stat().st_size for each in marks] == [0] * len(marks)
    assert 0 < len(marks) < len(told)


def test_what_has_been_mended_meanwhile_is_no_failure(patch: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    patch.interrupt(monkeypatch, "files")
    patch.mend()
    done = patch.run()
    assert not done.failures
    assert {path: what[3] for path, what in snapshot(patch.old).items()} == {
        path: what[3] for path, what in patch.after.items()
    }
    assert done.files == FILES
    assert 0 < done.shards - done.shards_skipped <= len(patch.wrong)  # of all others, what was made is kept


@pytest.mark.parametrize("phase", ["files", "names"])
@pytest.mark.parametrize("times", [1, 2])
def test_what_still_fails_is_told_once(patch: Patch, monkeypatch: pytest.MonkeyPatch, phase: Phase, times: int) -> None:
    for _ in range(times):
        patch.interrupt(monkeypatch, phase)
    assert patch.failed(partial=True) == [b"file07", b"file31"]
    now = snapshot(patch.old)
    wrong = {file.name.encode() for file in patch.wrong}
    assert {path for path in now if now[path] == patch.after[path]} == set(patch.after) - wrong


def test_once_files_have_their_names_failures_stand(patch: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made in the first phase is all that gets a name; the next patch does the rest."""
    patch.interrupt(monkeypatch, "names")
    patch.mend()
    assert patch.failed(partial=True) == [b"file07", b"file31"]
    assert patch.run().files == len(patch.wrong)
    assert {path: what[3] for path, what in snapshot(patch.old).items()} == {
        path: what[3] for path, what in patch.after.items()
    }


def test_a_patch_that_may_not_be_partial_changes_nothing_if_something_still_fails(
    patch: Patch, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(patch.old)
    patch.interrupt(monkeypatch, "files")
    assert patch.failed(partial=False) == [b"file07", b"file31"]
    assert snapshot(patch.old) == before

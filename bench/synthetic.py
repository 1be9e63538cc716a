"""The synthetic files of bench/make-data, and where bench/all keeps them.

In a directory of the user bench/all makes nothing but one folder, which a marker tells from others. The marker has the
sizes of the files once all are made.
"""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

from measuring import ROOT, refuse

NAMES = ("old", "edited", "appended", "shifted", "unrelated", "zeros")
EDITS = 2000
EDIT_MAX = 8192
MARKER = "made-by-bench-all.json"


def noise(rng: random.Random, size: int) -> bytes:
    """Random bytes; Python makes fewer than 256 MiB of them in one call."""
    return b"".join(rng.randbytes(min(1 << 20, size - at)) for at in range(0, size, 1 << 20))


def sizes(directory: Path) -> dict[str, int]:
    """Of those files that are there."""
    return {name: (directory / name).stat().st_size for name in NAMES if (directory / name).is_file()}


def plausible(found: dict[str, int], megabytes: int) -> bool:
    """Whether all files are there and as long as bench/make-data makes them; that of the edits is known roughly."""
    size = megabytes << 20
    exact = {"old": size, "appended": size + size // 100, "shifted": size + 1}
    exact |= {"unrelated": size // 4, "zeros": size // 4}
    edited = found.get("edited", 0)
    return found == {**exact, "edited": edited} and edited > 0 and abs(edited - size) <= EDITS * EDIT_MAX


def recorded(marker: Path) -> object:
    """What a marker says; nothing if it is broken."""
    try:
        return json.loads(marker.read_text())
    except ValueError:
        return None


def folder(data: Path, megabytes: int) -> Path:
    """Where the files of this size are, or will be made. Those that bench/make-data left in the directory are used."""
    if plausible(sizes(data), megabytes):
        return data
    own = data / f"redelta-bench-{megabytes}-MiB"
    if own.exists() and not (own / MARKER).is_file() and not (own.is_dir() and not any(own.iterdir())):
        refuse(f"{own} is not made by bench/all (it has no {MARKER}), and is left as it is")
    return own


def make(data: Path, place: Path, megabytes: int) -> None:
    """Makes the files in the folder, unless all are there with the sizes that they had."""
    marker = place / MARKER
    if place == data or (marker.exists() and recorded(marker) == sizes(place) and plausible(sizes(place), megabytes)):
        return
    place.mkdir(parents=True, exist_ok=True)
    marker.write_text("{}\n")
    for name in NAMES:
        (place / name).unlink(missing_ok=True)
    print(f"making files of {megabytes} MiB in {place}", flush=True)
    command = [str(ROOT / "bench" / "make-data"), str(place), "--megabytes", str(megabytes)]
    made = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode != 0:
        refuse(made.stderr.strip())
    marker.write_text(json.dumps(sizes(place)) + "\n")

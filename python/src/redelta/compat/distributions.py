"""Whether another installed distribution has a module of this one, as python-librsync has `librsync`.

Both then have the same files, those of the last that was installed; if either is removed, they are gone. pip says
nothing in either case, so the module says it when it is imported.

`importlib.metadata` takes as long to import as all of redelta. So the folder that the module lies in is listed, which
is where the files of both would be, and only what has a name like that of a known owner is looked into.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

_NAMES = ("librsync", "rdiff")
"""Every owner that is known has one of these in its name."""


def _has(folder: str, module: str) -> bool:
    """Do the notes that an installer left in the folder name this module?"""
    for name, start in (("RECORD", f"{module}/"), ("top_level.txt", module), ("installed-files.txt", f"../{module}/")):
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as notes:
                if any(line.strip().startswith(start) for line in notes):
                    return True
        except OSError:
            continue
    return False


def other_owners(module: str, file: str) -> Iterator[str]:
    """The names of the distributions, redelta excepted, that have put this module where `file`, a file of it, lies."""
    place = os.path.dirname(os.path.dirname(os.path.abspath(file)))
    try:
        names = sorted(os.listdir(place))
    except OSError:  # it is in an archive
        return
    for name in names:
        distribution, dash, rest = name.partition("-")
        known = dash and rest.endswith((".dist-info", ".egg-info")) and any(part in distribution for part in _NAMES)
        if known and _has(os.path.join(place, name), module):
            yield distribution.replace("_", "-")


def warn_of_others(module: str, file: str) -> None:
    """To be called by a module while it is imported: the warning is about the line that imports it."""
    for distribution in other_owners(module, file):
        warnings.warn(
            f"the distribution {distribution} is installed too, and has the same module {module}: if one of them is "
            f"removed, the other is broken. Run 'pip uninstall {distribution}', then install redelta again with "
            "'pip install --force-reinstall'",
            RuntimeWarning,
            stacklevel=3,
        )

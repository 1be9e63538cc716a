"""`python -m redelta`: the command `redelta` that came with this package, with the same arguments."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

NAME = "redelta" + (sysconfig.get_config_var("EXE") or "")


def places() -> Iterator[Path]:
    """Where the command may be: where the package's list of files says, then where scripts go."""
    try:
        files = metadata.files("redelta") or []
    except metadata.PackageNotFoundError:
        files = []
    yield from (Path(str(file.locate())) for file in files if file.name == NAME and file.parent.name != "redelta")
    yield Path(sysconfig.get_path("scripts")) / NAME
    yield Path(sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))) / NAME


def main() -> int:
    looked = list(places())
    found = next((place for place in looked if os.access(place, os.X_OK) and place.is_file()), None)
    if found is None:
        where = ", ".join(dict.fromkeys(str(place) for place in looked))
        print(f"redelta: the command is not where it was installed ({where}); install redelta again", file=sys.stderr)
        return 1
    arguments = [str(found), *sys.argv[1:]]
    if os.name == "posix":
        os.execv(found, arguments)
    return subprocess.run(arguments, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

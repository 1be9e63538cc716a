"""The programs of the Python package that the command runs as its verbs, as the tests run them."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema

from helpers.tool import HANG_SECONDS

SCHEMA = Path(__file__).parents[2] / "docs" / "json.schema.json"
BIN = Path(sys.executable).parent


@functools.cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


def records_of(text: str | bytes) -> list[dict[str, Any]]:
    """The records in these lines, all valid."""
    records = [json.loads(line) for line in text.splitlines()]
    for record in records:
        validator().validate(record)
    return records


def run_program(
    name: str, *words: str | Path, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs `redelta-NAME`, beside this Python."""
    done = subprocess.run(
        [BIN / f"redelta-{name}", *words], cwd=cwd, env={**os.environ, **variables}, capture_output=True,
        stdin=subprocess.DEVNULL, timeout=HANG_SECONDS, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

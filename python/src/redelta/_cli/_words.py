"""What the package says, in the words of the command: its messages name parameters and functions of Python, and who
runs a verb knows options and verbs."""

from __future__ import annotations

import re

OPTIONS = {
    "block_len": "--block-size",
    "strong_len": "--sum-size",
    "min_size": "--min-size",
    "shard_files": "--shard-files",
    "shard_bytes": "--shard-bytes",
    "large": "--large",
    "partial": "--partial",
    "delete": "--delete",
    "backup": "--backup",
    "executor": "--workers",
    "workers": "--workers",
    "max_output": "--max-output",
}
"""The options that are parameters. In a message a parameter stands before `=`, or as the subject of `must`."""

PHRASES = (
    (r"the dataset has (\d+) file bytes, and (\d+) are allowed: see limits=",
     r"the new files have \1 bytes together, and \2 are allowed; raise --max-output if that is right"),
    (r": see limits=", "; redelta.dataset of the Python package takes other limits"),
    (r"limits must be a Limits or one of (.*), not '(.*)'", r"unknown store '\2': choose \1"),
    (r"(has no signature beside it \([^)]*\)): make one with redelta\.store\.sign",
     r"\1; fetch all of it by --whole, or have a signature made by 'redelta push --sign'"),
    (r": sign it again with redelta\.store\.sign",
     "; fetch all of it by --whole, or have a signature made by 'redelta push --sign'"),
    (r"make it (again )?with redelta\.store\.sign", r"have it made \1by 'redelta push --sign'"),
    (r"; say what it has: limits=\S+\(.*\)", "; name the store by --store, if it is none of S3"),
    (r"give what redelta\.(\w+) made", r"give a file made by 'redelta \1'"),
    (r"needs storage_options with (connection_string) or (account_name)",
     r"needs --storage-option \2=NAME, or \1=TEXT"),
    (r"verify='read'", "another store"),
)  # fmt: skip
"""What is said in another way."""

PARAMETER = re.compile(rf"\b({'|'.join(OPTIONS)})(?:=|(?= must\b))")


def in_words_of_the_command(message: str) -> str:
    """A message without words of Python."""
    for pattern, words in PHRASES:
        message = re.sub(pattern, words, message)
    return PARAMETER.sub(lambda found: OPTIONS[found[1]], message)

"""The command's writer of JSON against Python's reader: what is written is read back unchanged.

`json_driver` writes what its input asks for, including values that no file causes: every byte, any nesting, numbers of
every size. The command's own records are tested in test_json.py.
"""

from __future__ import annotations

import base64
import json
import math
import os
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tool import HANG_SECONDS

INT64_MAX = (1 << 63) - 1
UINT64_MAX = (1 << 64) - 1
DEPTH_MAX = 16
KEYS = ("a", "name", "a_longer_key")


def write(*lines: str) -> list[str]:
    """The texts that the driver makes from these lines."""
    process = subprocess.run(
        [os.environ["REDELTA_JSON_DRIVER"]],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG_SECONDS,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.split("\n")


def lines_of(value: Any, key: str = "-") -> list[str]:
    """The driver's input for the value. Strings are those that UTF-8 can encode."""
    match value:
        case dict():
            return [f"object {key}", *(line for k, v in value.items() for line in lines_of(v, k)), "end"]
        case list():
            return [f"array {key}", *(line for v in value for line in lines_of(v)), "end"]
        case None:
            return [f"null {key}"]
        case bool():
            return [f"bool {key} {int(value)}"]
        case int():
            return [f"number {key} {value}"]
        case float():
            return [f"real {key} {value.hex()}"]
        case str():
            return [f"text {key} {value.encode().hex()}"]
    raise TypeError(value)


def rounded(value: Any) -> Any:
    """The value with reals of nine digits, as they are written."""
    match value:
        case dict():
            return {k: rounded(v) for k, v in value.items()}
        case list():
            return [rounded(v) for v in value]
        case float():
            return float(f"{value:.9g}")
    return value


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(0, INT64_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner), max_leaves=12
)


def same(a: Any, b: Any) -> bool:
    """Equal, and of one type at every place: 1 is not 1.0, nor True."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@given(st.lists(VALUES, min_size=1, max_size=5))
def test_any_value_is_read_back(values: list[Any]) -> None:
    *texts, rest = write(*(line for value in values for line in (*lines_of(value), "line")))
    assert rest == ""
    assert len(texts) == len(values)
    for value, text in zip(values, texts, strict=True):
        assert same(json.loads(text), rounded(value)), text


@pytest.mark.parametrize("depth", [1, DEPTH_MAX])
def test_nesting(depth: int) -> None:
    value: Any = []
    for level in range(depth - 1):
        value = {"a": value, "b": level} if level % 2 else [level, value, level]
    assert json.loads(write(*lines_of(value))[0]) == value


@pytest.mark.parametrize("lines", [["end"], ["number a 1"], ["object -", "number - 1"], ["array -", "number a 1"],
                                   ["number - 1", "number - 2"], ["array -"] * (DEPTH_MAX + 1)])  # fmt: skip
def test_what_is_no_json_fails_an_assertion(lines: list[str]) -> None:
    with pytest.raises(AssertionError, match="Assertion"):
        write(*lines)


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**32, 2**53 + 1, INT64_MAX - 1, INT64_MAX])
def test_whole_numbers(number: int) -> None:
    assert write(f"number - {number}")[0] == str(number)


@pytest.mark.parametrize("number", [INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX])
def test_numbers_that_are_not_known(number: int) -> None:
    assert write(f"number - {number}")[0] == "null"


@pytest.mark.parametrize(
    "number", [0.0, -0.0, 1.0, 0.1, -2.5, 1e-300, 5e-324, 123456789.5, 1e9, 1e15, 1.7976931348623157e308]
)
def test_reals(number: float) -> None:
    text = write(f"real - {number.hex()}")[0]
    assert isinstance(json.loads(text), float)
    assert math.isclose(json.loads(text), number, rel_tol=1e-8)


@pytest.mark.parametrize("number", ["inf", "-inf", "nan"])
def test_what_is_no_number_is_null(number: str) -> None:
    assert write(f"real - {number}")[0] == "null"


@given(st.binary(max_size=200).map(lambda b: b.replace(b"\0", b"")))
def test_any_bytes(data: bytes) -> None:
    (line, _) = write("object -", f"bytes name {data.hex()}", "number after 1", "end", "line")
    read = json.loads(line)
    shown = data.decode(errors="replace")
    assert read["after"] == 1
    if data == shown.encode():
        assert read == {"name": shown, "after": 1}
    else:
        assert base64.b64decode(read["name_b64"], validate=True) == data
        assert read["name"].replace("\ufffd", "") == data.decode(errors="ignore").replace("\ufffd", "")


@pytest.mark.parametrize("byte", range(1, 256))
def test_each_byte(byte: int) -> None:
    data = bytes([ord("a"), byte, ord("z")])
    read = json.loads(write("object -", f"bytes name {data.hex()}", "end")[0])
    if byte < 0x80:
        assert read == {"name": data.decode()}
    else:
        assert read == {"name": "a\ufffdz", "name_b64": base64.b64encode(data).decode()}


@pytest.mark.parametrize("length", [1, 2, 3, 47, 48, 49, 95, 96, 97])
def test_long_names_are_whole_in_base64(length: int) -> None:
    data = b"\xff" * length
    read = json.loads(write("object -", f"bytes name {data.hex()}", "end")[0])
    assert read["name_b64"] == base64.b64encode(data).decode()

"""The command line: verbs and their prefixes, options in any place, sizes, help, and what is refused.

A bad command line is status 2, one line, nothing written. Other spellings of the same meaning give the same bytes.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpers.samples import noise
from helpers.tool import WITHOUT, Tool, Words
from helpers.wire import SIGNATURE_MAGICS, apply_delta, read_signature

VERBS = ("signature", "delta", "patch", "verify", "inspect", "estimate")
LONG_VERBS = ("sync", "diff", "merge", "reverse", "expand")  # whose first letter means another verb
HEADER = Path(__file__).parents[2] / "include" / "redelta.h"
DATA = noise(10_000, 1)


@pytest.fixture
def basis(tmp_path: Path) -> Path:
    path = tmp_path / "basis"
    path.write_bytes(DATA)
    return path


# ---- Verbs ----------------------------------------------------------------------------------------------------------


def test_every_prefix_of_a_verb_is_the_verb(redelta: Tool, tmp_path: Path, basis: Path) -> None:
    signature, delta = tmp_path / "signature", tmp_path / "delta"
    signature.write_bytes(redelta.run("signature", basis).done())
    delta.write_bytes(redelta.run("delta", signature, basis).done())
    operands = {
        "signature": [basis],
        "delta": [signature, basis],
        "patch": [basis, delta],
        "verify": [delta, basis],
        "inspect": [delta],
        "estimate": [basis, basis],
    }
    for verb in VERBS:
        whole = without_times(redelta.run(verb, *operands[verb]).done())
        for length in range(1, len(verb)):
            assert without_times(redelta.run(verb[:length], *operands[verb]).done()) == whole


@pytest.mark.parametrize("verb", ["", "x", "signatures", "delta ", "Patch", "sgnature", "-", "1"])
def test_what_is_no_verb_is_refused(redelta: Tool, basis: Path, verb: str) -> None:
    redelta.run(verb, basis).refuses()


def test_no_argument_at_all_shows_usage_with_status_2(redelta: Tool) -> None:
    result = redelta.run()
    assert result.status == 2
    assert result.out == b""
    for verb in VERBS:
        assert verb in result.err.decode()


def test_options_without_a_verb_are_refused(redelta: Tool) -> None:
    redelta.run("-b", "256").refuses()


# ---- Options --------------------------------------------------------------------------------------------------------


def test_options_stand_in_any_place(redelta: Tool, basis: Path) -> None:
    expected = redelta.run("signature", "-b", "300", "-S", "9", basis).done()
    assert read_signature(expected).block_len == 300
    orders: list[Words] = [
        ["-b", "300", "-S", "9", "signature", basis],
        ["signature", basis, "-b", "300", "-S", "9"],
        ["-b300", "signature", basis, "-S9"],
        ["-S", "9", "signature", "-b", "300", basis],
        ["signature", basis, "-", "-b", "300", "-S", "9"],
        ["-b", "300", "-S", "9", "signature", "--", basis],
    ]
    for words in orders:
        assert redelta.run(*words).done() == expected


def test_long_options_are_the_short_ones(redelta: Tool, basis: Path, tmp_path: Path) -> None:
    expected = redelta.run("signature", "-b", "300", "-S", "9", "-H", "md4", "-R", "rollsum", basis).done()
    spaced = ["--block-size", "300", "--sum-size", "9", "--hash", "md4", "--rollsum", "rollsum"]
    joined = ["--block-size=300", "--sum-size=9", "--hash=md4", "--rollsum=rollsum"]
    assert redelta.run("signature", *spaced, basis).done() == expected
    assert redelta.run("signature", *joined, basis).done() == expected
    output = tmp_path / "output"
    output.write_bytes(b"old")
    redelta.run("signature", "--force", "--quiet", *joined, basis, output).done()
    assert output.read_bytes() == expected


@pytest.mark.parametrize(("weak", "strong"), SIGNATURE_MAGICS)
def test_hash_and_rollsum_choose_the_magic(redelta: Tool, basis: Path, weak: str, strong: str) -> None:
    made = read_signature(redelta.run("signature", "-R", weak, "-H", strong, basis).done())
    assert made.magic == SIGNATURE_MAGICS[weak, strong]
    assert made.strong_len == {"md4": 16, "blake2": 32}[strong]


def test_the_defaults_are_rabinkarp_and_blake2_in_full(redelta: Tool, basis: Path) -> None:
    made = read_signature(redelta.run("signature", basis).done())
    assert (made.magic, made.strong_len, made.block_len) == (SIGNATURE_MAGICS["rabinkarp", "blake2"], 32, 256)


def test_the_last_of_equal_options_counts(redelta: Tool, basis: Path) -> None:
    assert (
        redelta.run("signature", "-b", "100", "-b", "200", basis).done()
        == redelta.run("signature", "-b200", basis).done()
    )


@pytest.mark.parametrize(
    ("word", "block_len"),
    [("1", 1), ("777", 777), ("1K", 1024), ("1k", 1024), ("3M", 3 << 20), ("1m", 1 << 20),
     ("1G", 1 << 30), ("1g", 1 << 30), ("2047M", 2047 << 20), ("2147483647", 2147483647), ("0", 256),
     ("4KiB", 4096), ("4kiB", 4096), ("3MiB", 3 << 20), ("1GiB", 1 << 30), ("4KB", 4000), ("4kB", 4000),
     ("3MB", 3_000_000), ("2GB", 2_000_000_000)],
)  # fmt: skip
def test_block_sizes_take_suffixes(redelta: Tool, basis: Path, word: str, block_len: int) -> None:
    assert read_signature(redelta.run("signature", "-b", word, basis).done()).block_len == block_len


@pytest.mark.parametrize(
    ("word", "strong_len"), [("1", 1), ("8", 8), ("31", 31), ("32", 32), ("0", 32), ("-1", 6)]
)  # fmt: skip
def test_sum_sizes(redelta: Tool, basis: Path, word: str, strong_len: int) -> None:
    assert read_signature(redelta.run("signature", "-S", word, basis).done()).strong_len == strong_len


@pytest.mark.parametrize(
    "word",
    ["", "x", "-1", "1X", "1KK", "K", "1.5K", "5 K", "5K5", "1e3", "2G", "2048M", "2147483648", "4294967296",
     "4294967552", "18446744073709551616", "18446744073709551872", "99999999999999999999999", "17179869184G",
     "17179869184GiB", "18446744073709551GB", "3GB", "1KiBs", "1KBB", "1iB", "1B", "1Ki", "KiB", "1K B"],
)  # fmt: skip
def test_bad_block_sizes_are_refused(redelta: Tool, basis: Path, word: str) -> None:
    redelta.run("signature", "-b", word, basis).refuses()


@pytest.mark.parametrize("word", ["4kb", "4Kb", "4mb", "1gb", "4kib", "4KIB", "4Kib"])
def test_a_unit_that_may_mean_bits_is_refused(redelta: Tool, basis: Path, word: str) -> None:
    line = redelta.run("signature", "-b", word, basis).refuses()
    assert f"block size '{word}' is ambiguous: K and KiB are 1024 bytes, KB is 1000;" in line


@pytest.mark.parametrize("word", ["257", "-1", "x", "", "1.5"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_number_of_threads_out_of_range_is_refused(redelta: Tool, basis: Path, verb: str, word: str) -> None:
    redelta.run("-T", word, verb, basis).refuses()


@pytest.mark.parametrize("word", ["0", "1", "2", "256"])
def test_any_number_of_threads_gives_the_same_signature(redelta: Tool, basis: Path, word: str) -> None:
    assert redelta.run("signature", "--threads", word, basis).done() == redelta.run("signature", basis).done()


@pytest.mark.parametrize(
    "words",
    [["-S", "33"], ["-S", "-2"], ["-S", "x"], ["-S", ""], ["-S", "1K"], ["-S", "4294967297"], ["-S", "-4294967295"],
     ["-H", "md4", "-S", "17"], ["-S", "17", "-H", "md4"], ["-S", "32", "-H", "md4"]],
)  # fmt: skip
def test_bad_sum_sizes_are_refused(redelta: Tool, basis: Path, words: list[str]) -> None:
    redelta.run("signature", *words, basis).refuses()


def test_the_range_of_sum_sizes_names_all_that_are_valid(redelta: Tool, basis: Path) -> None:
    line = redelta.run("signature", "-S", "-2", basis).refuses()
    assert "sum size '-2' is not -1 or a whole number from 0 to 32 (for blake2);" in line


@pytest.mark.parametrize(
    "words",
    [["-H", "sha1"], ["-H", ""], ["-H", "MD5"], ["-R", "adler"], ["-R", ""], ["--hash=blake3"], ["--rollsum="], ["-Z"],
     ["--nonsense"], ["-b"], ["--block-size"], ["--force=yes"], ["--help=all"]],
)  # fmt: skip
def test_unknown_options_and_values_are_refused(redelta: Tool, basis: Path, words: list[str]) -> None:
    redelta.run("signature", basis, *words).refuses()


def test_options_of_another_verb_are_refused(redelta: Tool, tmp_path: Path, basis: Path) -> None:
    for words in (["-b", "256"], ["-S", "8"], ["-H", "md4"], ["-R", "rollsum"]):
        redelta.run("patch", *words, basis, basis).refuses()
        redelta.run("delta", *words, basis, basis).refuses()
        redelta.run("verify", *words, basis, basis).refuses()


def test_a_name_that_begins_with_a_dash_follows_two_dashes(redelta: Tool, tmp_path: Path) -> None:
    (tmp_path / "-b").write_bytes(DATA)
    expected = redelta.run("signature", "./-b", cwd=tmp_path).done()
    assert redelta.run("signature", "--", "-b", cwd=tmp_path).done() == expected
    redelta.run("signature", "--", "-b", "--force", cwd=tmp_path).done()
    assert (tmp_path / "--force").read_bytes() == expected


LEVEL_HINT = "-z takes its level without a space: -z5"


@pytest.mark.parametrize("option", ["-z", "-fz", "--compress"])
def test_a_level_after_a_space_is_answered_with_how_to_write_it(redelta: Tool, tmp_path: Path, option: str) -> None:
    (tmp_path / "basis").write_bytes(DATA)
    line = redelta.run("signature", option, "5", "basis", "output", cwd=tmp_path).refuses()
    assert f"unexpected argument 'output' ({LEVEL_HINT});" in line
    for words in (["signature", option, "5"], ["signature", option, "5", "output"], ["delta", option, "5", "basis"]):
        error = redelta.run(*words, cwd=tmp_path).fails(1)
        assert (error.file, error.advice) == ("5", LEVEL_HINT)


@pytest.mark.parametrize("option", ["-z", "-fz", "--compress"])
def test_a_level_before_the_verb_is_answered_likewise(redelta: Tool, option: str) -> None:
    line = redelta.run(option, "5", "delta", "signature", "new").refuses()
    assert line == f"redelta: unknown verb '5' ({LEVEL_HINT}); try 'redelta --help'\n"
    for words in ([option, "23", "delta"], ["-z3", "5", "delta"], [option, "-f", "5", "delta"], ["5", "delta"]):
        assert "without a space" not in redelta.run(*words).refuses()


@pytest.mark.parametrize(
    "words",
    [["-z", "23"], ["-z", "0"], ["-z", "x"], ["-z3", "5"], ["-z", "-f", "5"], ["-z", "--", "5"], ["5", "-z"], ["5"]],
)  # fmt: skip
def test_other_operands_are_no_level(redelta: Tool, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "basis").write_bytes(DATA)
    assert "without a space" not in redelta.run("signature", *words, "basis", "output", cwd=tmp_path).refuses()
    assert "without a space" not in redelta.run("signature", *words, cwd=tmp_path).fails(1).advice


def test_a_file_may_have_the_name_of_a_level(redelta: Tool, tmp_path: Path) -> None:
    (tmp_path / "5").write_bytes(DATA)
    expected = redelta.run("signature", "-z", "-b", "300", stdin=DATA).done()
    assert redelta.run("signature", "-b", "300", "-z", "5", cwd=tmp_path).done() == expected


# ---- What was probably meant ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "meant"),
    [("sgnature", "signature"), ("singature", "signature"), ("signatures", "signature"), ("SIGNATURE", "signature"),
     ("dleta", "delta"), ("dalta", "delta"), ("Patch", "patch"), ("pach", "patch"), ("verfy", "verify"),
     ("version", "--version")],
)  # fmt: skip
def test_a_misspelt_verb_is_answered_with_the_nearest(redelta: Tool, basis: Path, word: str, meant: str) -> None:
    assert redelta.run(word, basis).refuses() == (
        f"redelta: unknown verb '{word}' (did you mean {meant}?); try 'redelta --help'\n"
    )


@pytest.mark.parametrize("word", ["x", "old.tar", "frobnicate", "q" * 5000, "1", "ops", "compress"])
def test_a_word_near_no_verb_is_answered_with_all(redelta: Tool, basis: Path, word: str) -> None:
    line = redelta.run(word, basis).refuses()
    assert "did you mean" not in line
    assert all(verb in line for verb in VERBS)


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["signature", "--blocksize=4K"], "--block-size"), (["signature", "--blck-size", "4K"], "--block-size"),
     (["delta", "--no-verfiy"], "--no-verify"), (["--forec", "patch"], "--force"), (["patch", "-force"], "--force"),
     (["patch", "-stats"], "--stats"), (["merge", "-output"], "--output"),
     (["merge", "-force"], "--force"), (["delta", "--max-memroy=1G"], "--max-memory")],
)  # fmt: skip
def test_a_misspelt_option_is_answered_with_the_nearest(
    redelta: Tool, basis: Path, words: list[str], meant: str
) -> None:
    assert f" (did you mean {meant}?);" in redelta.run(*words, basis, basis).refuses()


@pytest.mark.parametrize("verb", ["signature", "delta", "patch", "diff"])
@pytest.mark.parametrize("words", [["-o", "out"], ["-oout"], ["-fo", "out"], ["--output", "out"], ["--output=out"]])
def test_an_option_for_the_output_is_answered_with_where_it_is_named(
    redelta: Tool, basis: Path, verb: str, words: list[str]
) -> None:
    line = redelta.run(verb, *words, basis).refuses()
    assert "option '--output' is for merge only (the output is the last operand);" in line


@pytest.mark.parametrize("verb", ["verify", "estimate", "inspect", "sync"])
def test_verbs_without_an_output_say_nothing_of_one(redelta: Tool, basis: Path, verb: str) -> None:
    assert "operand" not in redelta.run(verb, "-o", "out", basis).refuses()


def test_only_options_of_the_verb_are_suggested(redelta: Tool, basis: Path) -> None:
    assert "did you mean" not in redelta.run("patch", "--blck-size=4K", basis).refuses()


def test_an_option_short_for_several_is_no_misspelt_one(redelta: Tool, basis: Path) -> None:
    assert "option '--ver' is ambiguous;" in redelta.run("patch", "--ver", basis).refuses()
    assert redelta.run("signature", "--blo", "256", basis).done() == redelta.run("signature", "-b256", basis).done()


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["--hash=blake2b"], "blake2"), (["-H", "MD5"], "md4"), (["-R", "rolsum"], "rollsum"), (["-R", "xyz"], None)],
)  # fmt: skip
def test_a_misspelt_sum_is_answered_with_the_nearest(
    redelta: Tool, basis: Path, words: list[str], meant: str | None
) -> None:
    line = redelta.run("signature", *words, basis).refuses()
    assert (f"(did you mean {meant}?)" in line) == (meant is not None), line


@pytest.mark.parametrize("verb", ["patch", "sync"])
@pytest.mark.parametrize(
    ("value", "said"),
    [("allways", "(did you mean always?)"), ("", "choose auto, always or never"), ("yes", "auto, always or never")],
)
def test_a_wrong_value_of_sparse_is_refused(redelta: Tool, basis: Path, verb: str, value: str, said: str) -> None:
    line = redelta.run(verb, f"--sparse={value}", basis, basis).refuses()
    assert f"unknown value of --sparse '{value}'" in line
    assert said in line


# ---- Operands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "most"), [("signature", 2), ("delta", 3), ("patch", 3), ("verify", 2)])
def test_too_many_operands_are_refused(redelta: Tool, tmp_path: Path, basis: Path, verb: str, most: int) -> None:
    names = [basis] * (most - 1) + [tmp_path / "output", tmp_path / "extra"]
    redelta.run(verb, *names).refuses()
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("verb", ["delta", "patch", "verify"])
def test_too_few_operands_are_refused(redelta: Tool, verb: str) -> None:
    redelta.run(verb, stdin=b"").refuses()


@pytest.mark.parametrize(
    "words",
    [["signature", ""], ["signature", "basis", ""], ["delta", "", "basis"], ["delta", "basis", ""], ["verify", "", ""],
     ["delta", "basis", "basis", ""], ["patch", "basis", "basis", "", "-f"], ["sync", "", "basis"],
     ["sync", "basis", ""], ["inspect", ""], ["inspect", "basis", "--html="], ["estimate", "basis", ""]],
)  # fmt: skip
def test_an_empty_name_is_refused(redelta: Tool, tmp_path: Path, basis: Path, words: list[str]) -> None:
    """As from an unset variable of a shell."""
    assert "a file name is empty" in redelta.run(*words, cwd=tmp_path).refuses()
    assert list(tmp_path.iterdir()) == [basis]


@pytest.mark.parametrize("words", [["delta", "-"], ["delta", "-", "-"], ["patch", "-"], ["patch", "-", "-"]])
def test_standard_input_cannot_be_two_inputs(redelta: Tool, words: list[str]) -> None:
    redelta.run(*words, stdin=b"").refuses()


def test_a_refused_command_line_leaves_the_output_alone(redelta: Tool, tmp_path: Path, basis: Path) -> None:
    output = tmp_path / "output"
    output.write_bytes(b"precious")
    for words in (["-b", "x"], ["-S", "99"], ["-Z"], ["-H", "sha1"]):
        redelta.run("signature", "-f", *words, basis, output).refuses()
    assert output.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["basis", "output"]


# ---- Help and version -----------------------------------------------------------------------------------------------


COMMON = ("--force", "--threads", "--stats", "--verbose", "--quiet", "--progress", "--no-progress", "--json", "--help",
          "--version")  # fmt: skip


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_verb_and_common_option_and_fits_the_screen(redelta: Tool, option: str) -> None:
    result = redelta.run(option)
    text = result.done().decode("ascii")
    assert result.err == b""
    for word in (*VERBS, *LONG_VERBS, *COMMON, "-f", "-T", "-s", "-v", "-q", "-h", "-V"):
        assert re.search(rf"(?<![-\w]){word}\b", text) is not None, word
    assert_fits(text)


@pytest.mark.parametrize("verb", [*VERBS, *LONG_VERBS])
def test_each_verb_has_help_with_an_example(redelta: Tool, verb: str) -> None:
    for words in (
        [verb, "-h"],
        ["--help", verb],
        [verb, "some", "names", "-h"],
        [verb if verb in LONG_VERBS else verb[:1], "-h"],
    ):
        result = redelta.run(*words)
        text = result.done().decode("ascii")
        assert result.err == b""
        assert_fits(text)
        assert re.search(r"example", text, re.IGNORECASE), text
        assert len(re.findall(rf"redelta (?:-\S+ )*{verb}", text)) >= 2, text


def test_help_of_a_verb_names_the_options_that_belong_to_it(redelta: Tool, basis: Path) -> None:
    """An option that is not named is refused, or is one for every verb."""
    texts = {verb: redelta.run(verb, "--help").done().decode() for verb in VERBS}
    for option in ("--block-size", "--sum-size", "--hash", "--rollsum", "--force", "--no-verify", "--always-verify",
                   "--max-output", "--max-memory", "--max-blocks", "--exit-code", "--sparse"):  # fmt: skip
        value = {"--hash": ["md4"], "--rollsum": ["rollsum"], "--force": [], "--no-verify": [], "--always-verify": [],
                 "--exit-code": [], "--sparse": ["never"]}  # fmt: skip
        for verb, text in texts.items():
            result = redelta.run(verb, option, *value.get(option, ["8"]), basis, basis, basis, basis)
            named = re.search(rf"^  .*(?<![-\w]){option}\b", text, re.MULTILINE) is not None
            assert (f"option '{option}' is for" not in result.refuses()) == named, (verb, option)


def test_help_of_signature_names_the_sums(redelta: Tool) -> None:
    text = redelta.run("signature", "-h").done().decode()
    for word in ("-b", "-S", "-H", "-R", "blake2", "md4", "rabinkarp", "rollsum"):
        assert word in text, word


def assert_fits(text: str) -> None:
    """79 columns, at most 30 lines, whole lines."""
    assert text.endswith("\n")
    assert max(len(line) for line in text.splitlines()) <= 79
    assert len(text.splitlines()) <= 30


@pytest.mark.parametrize("words", [["-V"], ["--version"], ["signature", "-V"]])
def test_version_is_the_headers(redelta: Tool, words: list[str]) -> None:
    parts = (re.search(rf"#define RD_VERSION_{part} (\d+)", HEADER.read_text()) for part in ("MAJOR", "MINOR", "PATCH"))
    version = ".".join(part[1] for part in parts if part is not None)
    result = redelta.run(*words)
    first, built, *_ = result.done().decode().splitlines()
    assert first == f"redelta {version}"
    assert re.fullmatch(r"Built with(out zstd| zstd \d+\.\d+\.\d+); kernels in use: [a-z0-9]+\.", built), built
    assert ("without zstd" in built) == ("zstd" in WITHOUT)
    assert result.err == b""


def test_kernels_in_use_depend_on_the_processor(redelta: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDELTA_CPU", "portable")
    assert "kernels in use: portable." in redelta.run("--version").done().decode()


# ---- What is said besides -------------------------------------------------------------------------------------------


def all_runs(redelta: Tool, folder: Path, basis: Path) -> list[Words]:
    """A run of each verb that succeeds."""
    signature, delta = folder / "signature", folder / "delta"
    signature.write_bytes(redelta.run("signature", basis).done())
    delta.write_bytes(redelta.run("delta", signature, basis).done())
    made: list[Words] = [
        ["signature", basis], ["delta", signature, basis], ["patch", basis, delta], ["verify", delta, basis],
        ["inspect", signature], ["inspect", delta], ["inspect", "--ops", delta], ["estimate", basis, basis],
        ["diff", basis, delta], ["merge", delta, delta], ["reverse", basis, delta],
    ]  # fmt: skip
    return made


def test_success_is_silent(redelta: Tool, tmp_path: Path, basis: Path) -> None:
    for words in all_runs(redelta, tmp_path, basis):
        result = redelta.run(*words)
        assert (result.status, result.err) == (0, b"")


def without_times(output: bytes) -> bytes:
    """Without the seconds that estimate measures, at the ends of lines."""
    return re.sub(rb"(?m) \d+\.\d\d$", b"", output)


@pytest.mark.parametrize("option", ["-s", "--stats", "-v", "--verbose"])
def test_statistics_go_to_standard_error_and_change_no_byte(
    redelta: Tool, tmp_path: Path, basis: Path, option: str
) -> None:
    for words in all_runs(redelta, tmp_path, basis):
        result = redelta.run(option, *words)
        assert without_times(result.done()) == without_times(redelta.run(*words).done())
        assert re.search(rb"\d", result.err), result.describe()


def test_statistics_of_a_delta_count_its_commands(redelta: Tool, tmp_path: Path, basis: Path) -> None:
    signature = tmp_path / "signature"
    signature.write_bytes(redelta.run("signature", "-b", "100", basis).done())
    new = DATA[:5000] + b"12345" + DATA[5000:]
    result = redelta.run("delta", "-s", signature, stdin=new)
    assert apply_delta(DATA, result.done()) == new
    text = result.err.decode().replace(",", "").replace(" ", "").lower()
    for word in ("literal", "cop", "10000", "10005"):
        assert word in text, result.describe()


def test_quiet_cancels_statistics(redelta: Tool, tmp_path: Path, basis: Path) -> None:
    for words in all_runs(redelta, tmp_path, basis):
        for order in (["-q", "-s", "-v"], ["-s", "-v", "-q"]):
            result = redelta.run(*order, *words)
            assert (result.status, result.err) == (0, b"")


def test_quiet_keeps_errors(redelta: Tool, tmp_path: Path) -> None:
    redelta.run("signature", "-q", tmp_path / "missing").fails(1)

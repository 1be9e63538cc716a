#!/usr/bin/env python3
"""Generates the completions for bash, zsh and fish from the output of `redelta --help`.

    scripts/completions.py build/bin/redelta [DIRECTORY]

The help lists all verbs and options, so the completions are generated from it. The files are kept in completions/ and
installed from there; a test generates them again and compares. Run this after a change of the help. The possible values
of options, which the help does not list, are defined here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

CHOICES = {
    "hash": ("blake2", "md4"),
    "rollsum": ("rabinkarp", "rollsum"),
    "sparse": ("auto", "always", "never"),
}

# Values that are names of files; all others are numbers.
FILES = ("FILE", "OUT")

# Verbs that are programs of their own, which the help only names: their options are not known here, but --help is.
EXTERNALS = {
    "dataset": "signatures, deltas and patches of directories of many files",
    "push": "make an object in a bucket the same as a file",
    "pull": "make a file the same as an object in a bucket",
}
EXTERNAL = re.compile(r"also the verbs (?P<names>[a-z, ]+)\.")

OPTION = re.compile(
    r"(?:-(?P<letter>\w)(?:\[\w+\])?, )?--(?P<name>[a-z][a-z-]*)"
    r"(?:\[=(?P<optional>[A-Z]+)\]|[= ](?P<value>[A-Z]+)\b)?(?: +(?P<text>[^\s-].*))?"
)
VERB = re.compile(r"  (?P<name>[a-z]+) \[?[A-Z].*?  +(?P<text>\S.*)")


@dataclass(frozen=True)
class Option:
    """An option as the help has it."""

    name: str
    letter: str
    value: str  # the word for its value, or nothing
    optional: bool  # the value may be missing, and must follow "="
    text: str

    @property
    def choices(self) -> tuple[str, ...]:
        return CHOICES.get(self.name, ())

    @property
    def words(self) -> tuple[str, ...]:
        return (f"-{self.letter}", f"--{self.name}") if self.letter else (f"--{self.name}",)


@dataclass(frozen=True)
class Verb:
    """A verb, what it does, and its options."""

    name: str
    text: str
    options: tuple[Option, ...]


def options_in(text: str) -> list[Option]:
    """The options of a help text: one to a line with what it does, or several to a line without."""
    found = []
    for line in text.splitlines():
        if not re.match(r"  +-", line):
            continue
        for match in OPTION.finditer(line):
            value = match["optional"] or match["value"] or ""
            told, _, other = (match["text"] or "").rstrip(";").partition("; --")
            found.append(Option(match["name"], match["letter"] or "", value, bool(match["optional"]), told))
            if other:  # "...; --no-progress: never show progress"
                name, _, text = other.partition(": ")
                found.append(Option(name, "", "", False, text))
    return found


def read_help(redelta: str) -> tuple[list[Verb], list[Option]]:
    """The verbs, and the options of the overall help, which explains those that most verbs have."""

    def say(*words: str) -> str:
        return subprocess.run([redelta, *words, "--help"], check=True, capture_output=True, text=True).stdout

    overall = say()
    general = options_in(overall)
    texts = {option.name: option.text for option in general}
    verbs = []
    for match in filter(None, map(VERB.fullmatch, overall.splitlines())):
        own = options_in(say(match["name"]))
        names = {option.name for option in own}
        own += [option for option in general if option.name in ("help", "version") and option.name not in names]
        told = tuple(replace(option, text=option.text or texts.get(option.name, "")) for option in own)
        verbs.append(Verb(match["name"], match["text"], told))
    named = EXTERNAL.search(overall)
    for name in named["names"].split(", ") if named else ():
        verbs.append(Verb(name, EXTERNALS[name], tuple(option for option in general if option.name == "help")))
    return verbs, general


HEAD = "Made by scripts/completions.py from the help of redelta. Change that, and make this anew."

# ---- bash ------------------------------------------------------------------------------------------------------------

BASH = """\
# redelta(1) completion for bash. {head}
_redelta() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} verb='' given='' i name options
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
            {taking})
                [[ ${{COMP_WORDS[i + 1]}} == = ]] && ((i++))
                ((i++))
                ;;
            = | -*) ;;
            *)
                given=${{COMP_WORDS[i]}}
                break
                ;;
        esac
    done
    for name in {verbs}; do
        [[ -n $given && $name == "$given"* ]] && verb=$name && break
    done
    if [[ $cur == = ]]; then
        cur=''
        prev=$prev=
    elif [[ $prev == = ]]; then
        prev=${{COMP_WORDS[COMP_CWORD - 2]}}=
    fi
    COMPREPLY=()
    case $prev in
{values}
    esac
    if [[ $cur == -* ]]; then
        case $verb in
{options}
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    elif [[ -z $given ]]; then
        mapfile -t COMPREPLY < <(compgen -W "{verbs}" -- "$cur")
    else
        compopt -o default
    fi
}}
complete -F _redelta redelta
"""


def bash(verbs: list[Verb], general: list[Option]) -> str:
    every = {option.name: option for verb in verbs for option in verb.options} | {o.name: o for o in general}
    values = []
    for option in every.values():
        if not option.value:
            continue
        before = [f"--{option.name}="] if option.optional else [*option.words, f"--{option.name}="]
        what = "return"
        if option.choices:
            what = f'mapfile -t COMPREPLY < <(compgen -W "{" ".join(option.choices)}" -- "$cur")\n            return'
        elif option.value in FILES:
            what = "compopt -o default\n            return"
        values.append(f"        {' | '.join(before)})\n            {what}\n            ;;")
    taking = [word for option in every.values() if option.value and not option.optional for word in option.words]
    names = {verb.name: verb.options for verb in verbs} | {"*": tuple(general)}
    options = [
        f"            {name}) options='{' '.join(word for option in own for word in option.words)}' ;;"
        for name, own in names.items()
    ]
    return BASH.format(
        head=HEAD,
        verbs=" ".join(verb.name for verb in verbs),
        taking=" | ".join(taking),
        values="\n".join(values),
        options="\n".join(options),
    )


# ---- zsh -------------------------------------------------------------------------------------------------------------

ZSH = """\
#compdef redelta
# {head}
_redelta() {{
    local curcontext=$curcontext state line
    local -a verbs
    verbs=(
{verbs}
    )
    _arguments -C -S -A '-*' \\
{general}
        '1: :->verb' '*:: :->rest' && return
    case $state in
        verb) _describe -t verbs verb verbs ;;
        rest)
            case ${{${{(M)${{verbs%%:*}}:#$words[1]*}}[1]}} in
{rest}
            esac
            ;;
    esac
}}
_redelta "$@"
"""


def zsh_text(text: str) -> str:
    return re.sub(r"([\[\]:])", r"\\\1", text.replace("'", "'\\''"))


def zsh_option(option: Option) -> str:
    told = f"[{zsh_text(option.text)}]" if option.text else ""
    value = ""
    if option.value:
        what = f"({' '.join(option.choices)})" if option.choices else "_files" if option.value in FILES else " "
        value = f"{':' if option.optional else ''}:{option.value}:{what}"
    long = f"--{option.name}" + ("=-" if option.optional else "=" if option.value else "")
    if not option.letter:
        return f"'{long}{told}{value}'"
    short = f"-{option.letter}" + ("-" if option.optional else "+" if option.value else "")
    return f"'({' '.join(option.words)})'{{{short},{long}}}'{told}{value}'"


def zsh(verbs: list[Verb], general: list[Option]) -> str:
    def listed(options: tuple[Option, ...] | list[Option], indent: int) -> str:
        return "\n".join(f"{' ' * indent}{zsh_option(option)} \\" for option in options)

    rest = "\n".join(
        f"                {verb.name})\n                    _arguments -S \\\n{listed(verb.options, 24)}\n"
        f"                        '*:file:_files'\n                    ;;"
        for verb in verbs
    )
    return ZSH.format(
        head=HEAD,
        verbs="\n".join(f"        '{verb.name}:{zsh_text(verb.text)}'" for verb in verbs),
        general=listed(general, 8),
        rest=rest,
    )


# ---- fish ------------------------------------------------------------------------------------------------------------


def fish_option(option: Option, when: str) -> str:
    words = ["complete -c redelta", f"-n '{when}'"]
    if option.letter:
        words.append(f"-s {option.letter}")
    words.append(f"-l {option.name}")
    if option.choices:
        words.append(f"-x -a '{' '.join(option.choices)}'")
    elif option.value and not option.optional:
        words.append("-r -F" if option.value in FILES else "-x")
    text = option.text.replace("\\", "\\\\").replace("'", "\\'")
    return " ".join([*words, f"-d '{text}'" if text else ""]).rstrip()


def fish(verbs: list[Verb], general: list[Option]) -> str:
    lines = [f"# redelta(1) completion for fish. {HEAD}"]
    for verb in verbs:
        text = verb.text.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"complete -c redelta -n __fish_use_subcommand -f -a {verb.name} -d '{text}'")
    lines += [fish_option(option, "__fish_use_subcommand") for option in general]
    for verb in verbs:
        lines += [fish_option(option, f"__fish_seen_subcommand_from {verb.name}") for option in verb.options]
    return "\n".join(lines) + "\n"


def main() -> None:
    redelta = sys.argv[1]
    directory = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parents[1] / "completions"
    told = read_help(redelta)
    for name, make in (("redelta.bash", bash), ("_redelta", zsh), ("redelta.fish", fish)):
        (directory / name).write_text(make(*told))


main()

"""Completion as bash and zsh themselves give it, from the files that `packaging/completion` writes."""

from __future__ import annotations

import itertools
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tests import documents
from virt_agent.instance_types import names as instance_types
from virt_agent.option_table import FORMATTED_AS_JSON, GOES_WITH, OPTIONS, WITHOUT_ROOT, Option
from virt_agent.options import UsageError, parse
from virt_agent.rules.registry import RULES
from virt_agent.verdict import Layers, Verdict
from virt_collectors.collect import NAMES

pytestmark = pytest.mark.subprocess
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")

CODES = tuple(rule.code for rule in RULES)
MODES = {f"--{option.name}" for option in OPTIONS if option.mode} | {"-V", "-h"}
FAMILIES = {name.partition(".")[0] + "." for name in instance_types()}
FILES, DIRECTORIES = {"<files>"}, {"<directories>"}
KEYS = {name + "=" for name in (*Verdict.fields, *Layers.fields) if name not in ("layers", "evidence", "conflicts")}

# What is typed, the cursor at its end; what is offered for the last word.
CASES: dict[str, set[str]] = {
    "": MODES,
    "--": {mode for mode in MODES if mode.startswith("--")},
    "--re": {"--readiness"},
    "--ro": {"--root"},
    "--root x --ch": {"--check", "--check-config"},
    "--nothing-such": set(),
    "word": set(),
    "--readiness ": {"reboot", "hvm", "nitro"},
    "--readiness=n": {"nitro"},
    "--collect-privileged ": {"static", "nvme", "all"},
    "--check --fo": {"--format"},
    "--detect --fo": set(),
    "--check --format ": {"text", "json", "nagios"},
    "--check --format=": {"text", "json", "nagios"},
    "--check --format=n": {"nagios"},
    "--check --format x --fo": set(),
    "--check --color a": {"always", "auto"},
    "--check --js": {"--json"},
    "--serve --js": set(),
    "--json --detec": {"--detect"},
    "--json --check --exp": {"--expect"},
    "--json --serv": set(),
    "--serve --log.level w": {"warning"},
    "--serve --web.listen-address :10480 --log.l": {"--log.level"},
    "--check --web": set(),
    "--textfile x --roo": {"--root"},
    "--textfile x --samp": {"--sample"},
    "--textfile x --for": set(),
    "--snapshot x --fu": {"--full"},
    "--check --ful": set(),
    "--snapshot x --roo": set(),
    "--bench --compare a b --fo": {"--force"},
    "--only B02 --check --onl": {"--only"},
    "--check --strict --stri": set(),
    "--version --": set(),
    "--explain X0": {code for code in CODES if code.startswith("X0")},
    "--explain x02": {"X02"},
    "--explain xen-frontend-cl": {"xen-frontend-closed"},
    "--check --only X0": {code for code in CODES if code.startswith("X0")},
    "--check --ignore X02,B0": {code for code in CODES if code.startswith("B0")},
    "--check --ignore X02,b07": {"B07"},
    "--check --ignore X02,xen-frontend-cl": {"xen-frontend-closed"},
    "--check --expect ": KEYS,
    "--check --expect gu": {"guest_mode="},
    "--check --expect guest_mode=pv": {"pv", "pvh", "pvhvm"},
    "--check --expect=guest_mode=pvh": {"pvh", "pvhvm"},
    "--check --expect can_host_vms=": {"true", "false"},
    "--check --expect container=d": {"docker"},
    "--check --expect hypervisor=": set(),
    "--check --collector.": {f"--collector.{name}" for name in NAMES},
    "--check --no-collector.boot_": {"--no-collector.boot_loader"},
    "--instance-type ": FAMILIES,
    "--instance-type m3": {"m3."},
    "--instance-type m3.": {name for name in instance_types() if name.startswith("m3.")},
    "--instance-type=m3.l": {"m3.large"},
    "--snapshot ": FILES,
    "--list=": FILES,
    "--diff a ": FILES,
    "--root ": FILES,
    "--bench --directory ": DIRECTORIES,
    "--check --timeout ": set(),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The files, written as the package's build writes them: with nothing but Python and the tree."""
    directory = tmp_path_factory.mktemp("completion")
    command = [sys.executable, "-I", "-S", str(documents.TOP / "packaging" / "completion"), str(directory)]
    subprocess.run(command, check=True, capture_output=True)
    return directory


BASH = r"""
set -u
source "$1/virt-agent.bash"
compopt() { case $* in "-o default") offered=("<files>") ;; "-o dirnames") offered=("<directories>") ;; esac; }
while IFS=$'\x1f' read -r -a COMP_WORDS; do
    COMP_WORDS=("${COMP_WORDS[@]%.}")  # which keeps an empty last word
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) offered=()
    _virt_agent
    (IFS=$'\x1f'; printf '%s\n' "${COMPREPLY[*]-}${offered[*]-}")
done
"""


def bash_words(typed: str) -> list[str]:
    """As readline parts them: "=" and ":" are words."""
    words = typed.split(" ")
    return ["virt-agent", *itertools.chain(*(re.split("(?<=[=:])(?!$)|(?<=[^=:])(?=[=:])", word) for word in words))]


def from_bash(directory: pathlib.Path, typed: list[str]) -> dict[str, list[str]]:
    lines = ["\x1f".join([*words[:-1], words[-1] + "."]) for words in map(bash_words, typed)]
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "bash", str(directory)],
        input="\n".join(lines) + "\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    answers = [[word for word in line.split("\x1f") if word] for line in done.stdout.splitlines()]
    return dict(zip(typed, answers, strict=True))


@pytest.fixture(scope="module")
def bash(made: pathlib.Path) -> dict[str, list[str]]:
    return from_bash(made, list(CASES))


@needs_bash
@pytest.mark.parametrize("typed", CASES)
def test_bash_offers(typed: str, bash: dict[str, list[str]]) -> None:
    found = bash[typed]
    listed = typed.rpartition(" ")[2].rpartition(",")[0]
    wanted = {f"{listed},{word}" for word in CASES[typed]} if listed else CASES[typed]
    assert set(found) == wanted
    assert len(found) == len(set(found))


@needs_bash
@pytest.mark.parametrize("option", [option for option in OPTIONS if option.mode], ids=lambda option: str(option.name))
def test_a_mode_is_offered_its_options_and_no_others(option: Option, made: pathlib.Path) -> None:
    value = {"": "", "A B": " a b", "TARGET": " hvm", "WHAT": " all"}.get(option.value or "", " x")
    typed = f"--{option.name}{value} --"
    offered = from_bash(made, [typed])[typed]
    fitting = {
        f"--{other.name.removesuffix('NAME')}"
        for other in OPTIONS
        if not other.mode and option.name in GOES_WITH.get(other.name, (option.name,))
    }
    fitting -= {"--root"} if option.name in WITHOUT_ROOT else set()
    fitting |= {"--json"} if option.name in FORMATTED_AS_JSON else set()
    fitting |= {f"--{name}" for name in FORMATTED_AS_JSON} if option.name == "json" else set()
    assert set(offered) == (set() if option.name in ("version", "help") else fitting)


@needs_bash
def test_whatever_is_offered_is_taken(made: pathlib.Path) -> None:
    """Each option beside each mode to which it is offered, with a value of the right kind, passes the parser."""
    values = {"TARGET": "hvm", "WHAT": "all", "A B": "a b", "SECONDS": "1", "N": "3", "URL": "http://h", "CODES": "X02",
              "KEY=VALUE": "role=guest", "CODE": "X02", "ADDRESS": ":1"}  # fmt: skip
    words = {"format": "text", "color": "auto", "imds": "on", "log.level": "info"}
    by_word = {f"--{option.name}": option for option in OPTIONS}

    def whole(word: str) -> list[str]:
        if word.endswith("collector."):
            return [word + "ena", word + "ethtool"][1:]
        option = by_word[word]
        value = words.get(option.name) or values.get(option.value or "", "x" if option.value else "")
        return [word, *value.split()]

    modes = [option for option in OPTIONS if option.mode]
    typed = {" ".join([*whole(f"--{mode.name}"), "--"]): mode for mode in modes}
    for line, offered in from_bash(made, list(typed)).items():
        for word in offered:
            beside = ["--readiness", "reboot"] if word == "--without" else line.split()[:-1]
            try:
                assert parse([*beside, *whole(word)]).mode
            except UsageError as error:
                pytest.fail(f"{line} {word}: {error}")


@needs_bash
def test_where_the_user_has_no_words_end_at_an_equals_sign_the_whole_word_is_offered(made: pathlib.Path) -> None:
    script = BASH.replace("set -u", "set -u; COMP_WORDBREAKS=' '")
    lines = [
        "virt-agent\x1f--check\x1f--format=n.",
        "virt-agent\x1f--expect=role=d.",
        "virt-agent\x1f--expect\x1frole=d.",
    ]
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", str(made)],
        input="\n".join(lines) + "\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["--format=nagios", "--expect=role=dom0", "role=dom0"]


@needs_bash
def test_bash_needs_none_of_the_functions_of_others(made: pathlib.Path) -> None:
    text = (made / "virt-agent.bash").read_text()
    called = set(re.findall(r"\b(_\w+)\b", re.sub(r"(?m)^\s*#.*", "", text)))
    assert {name for name in called if not name.startswith("_virt_agent")} == set()
    done = subprocess.run(
        ["bash", "--norc", "-c", f'source "{made}/virt-agent.bash"; complete -p virt-agent'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split()[-3:] == ["-F", "_virt_agent", "virt-agent"]
    assert done.stderr == ""


def test_no_word_of_the_lists_is_more_than_a_word_to_a_shell(made: pathlib.Path) -> None:
    """`compgen -W` expands its words once more."""
    lists = re.findall(r"='([^']*)'", (made / "virt-agent.bash").read_text())
    words = {word for found in lists for word in found.split()}
    assert len(words) > 1500
    assert [word for word in words if not re.fullmatch(r"[A-Za-z0-9._=-]+", word)] == []


# A shell of its own on a pseudo terminal; what compadd takes there is told between two marks.
ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
till() { local line; while zpty -r shell line; do print -r -- "${line%$'\r'*}"; [[ $line == *$1* ]] && return; done }
say() { zpty -w shell "$@" }
say "PS1= RPS1=; stty -echo; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; LISTMAX=0"
say 'compadd() {
    local -a hits; local hit
    builtin compadd -O hits "$@"
    for hit in $hits; do print -r -- "<HIT $hit>"; done
    (($#hits))
}'
say '_files() { [[ $* == *-/* ]] && print "<HIT <directories>>" || print "<HIT <files>>" }'
say 'ask() { compstate[insert]= compstate[list]=; print; _main_complete; print "<END>" }'
say 'zle -C ask complete-word ask; bindkey "^I" ask; bindkey "^U" kill-whole-line; print "<READ""Y>"'
till '<READY>'
while IFS= read -r typed; do
    zpty -w -n shell $'\x15'"virt-agent $typed"$'\t'
    till '<END>'
done
zpty -d shell
"""


@pytest.fixture(scope="module")
def zsh(made: pathlib.Path) -> dict[str, list[str]]:
    done = subprocess.run(
        ["zsh", "-f", "-c", ZSH, "zsh", str(made)],
        input="".join(f"{typed}\n" for typed in CASES), capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    answers = done.stdout.partition("<READY>")[2].split("<END>")
    return dict(zip(CASES, [re.findall(r"<HIT (.*)>", answer) for answer in answers[:-1]], strict=True))


@needs_zsh
@pytest.mark.parametrize("typed", CASES)
def test_zsh_offers(typed: str, zsh: dict[str, list[str]]) -> None:
    wanted = CASES[typed]
    if "ollector." in typed:  # zsh completes what stands behind the dot
        wanted = {word.partition(".")[2] for word in wanted}
    if not wanted & MODES:  # nor are "=" and "." part of the word that is matched
        wanted = {word.rstrip("=.") for word in wanted}
    assert set(zsh[typed]) == wanted

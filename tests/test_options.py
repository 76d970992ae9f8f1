"""The command line: what is taken, and what is refused with a word that helps."""

from __future__ import annotations

import pytest

from virt_agent.option_table import OPTIONS
from virt_agent.options import UsageError, parse
from virt_agent.render.usage import help_text


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        (["--check"], "check"),
        (["--json"], "json"),
        (["--check", "--json"], "check"),
        (["--json", "--check"], "check"),
        (["--detect", "--json"], "detect"),
        (["--textfile", "x.prom"], "metrics"),
        (["--metrics", "--textfile=x.prom"], "metrics"),
        (["--diff", "a", "b"], "diff"),
        (["--explain", "X02", "--json"], "explain"),
        (["-h"], "help"),
        (["--check", "--help"], "help"),
        (["-V"], "version"),
    ],
)
def test_mode(words: list[str], mode: str) -> None:
    assert parse(words).mode == mode


def test_values() -> None:
    options = parse(["--check", "-vv", "--root=/x y", "--only", "X02,xen-frontend-without-driver", "--ignore=C-02",
                     "--expect", "role=guest", "--expect=cloud=aws", "--sample", "2.5", "--timeout=9",
                     "--no-collector.imds", "--collector.processor", "--color", "never"])  # fmt: skip
    assert options.verbosity == 2
    assert options.get("root") == "/x y"
    assert options.codes("only") == ("X02", "X04")
    assert options.codes("ignore") == ("C02",)
    assert options.get("expect") == [("role", "guest"), ("cloud", "aws")]
    assert (options.get("sample"), options.get("timeout")) == (2.5, 9.0)
    assert options.without_collectors == ["imds"]
    assert options.with_collectors == ["processor"]


def test_values_of_diff_are_two() -> None:
    assert parse(["--diff", "a", "b", "--json"]).get("diff") == ["a", "b"]
    assert parse(["--diff=a", "b"]).get("diff") == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "say what to do"),
        (["--chekc"], "did you mean --check"),
        (["check"], "unknown option 'check'"),
        (["--check", "--detect"], "one mode at a time"),
        (["--check", "--only", "X2"], "did you mean X0"),
        (["--check", "--only"], "--only needs CODES"),
        (["--diff", "a"], "--diff needs A B"),
        (["--check", "--expect", "pv"], "KEY=VALUE"),
        (["--check", "--sample", "soon"], "not a number of seconds"),
        (["--check", "--timeout", "-1"], "not between 0 and 3600"),
        (["--check", "--color", "red"], "none of always, never, auto"),
        (["--check", "--strict=yes"], "--strict takes no value"),
        (["--check", "--no-collector.imd"], "no such collector"),
        (["--snapshot", "x", "--root", "y"], "takes no --root"),
        (["--serve", "--json"], "has no JSON form"),
        (["--check", "--textfile", "x.prom"], "goes with --metrics"),
        (["-x"], "unknown option '-x'"),
        (["--check", "--full"], "--full goes with --snapshot"),
        (["--metrics", "--expect", "role=guest"], "--expect goes with --check and --json and --detect"),
        (["--json", "--format", "nagios"], "--format goes with --check"),
        (["--detect", "--sample", "2"], "--sample goes with"),
    ],
)
def test_nonsense_is_refused_with_a_word_that_helps(words: list[str], told: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(words)
    assert told in str(refused.value)


def test_help_names_every_option_within_80_columns() -> None:
    text = help_text()
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80
    for option in OPTIONS:
        assert f"--{option.name}" in text
        assert option.help.split()[0] in text

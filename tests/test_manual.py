"""The manual pages, as `packaging/manual` writes them: held against the code, and clean for those who format them."""

from __future__ import annotations

import ast
import os
import pathlib
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

import virt_agent
import virt_collectors
from tests import corpus, documents
from tests.roff import told
from virt_agent import __main__ as command
from virt_agent import config, report
from virt_agent.metrics import METRICS
from virt_agent.modes import check
from virt_agent.option_table import OPTIONS
from virt_agent.options import parse
from virt_agent.readiness import form as readiness
from virt_agent.rules import runbook
from virt_agent.rules.registry import RULES
from virt_agent.serve.web import settings as web
from virt_collectors.collect import COLLECTORS

PROGRAM = documents.TOP / "packaging" / "manual"
NAMES = ("virt-agent.1", "virt-agent.toml.5", "virt-agent-metrics.7", "virt-agent-rules.7")
EPOCH = "1790000000"  # 2026-09-21
SETTINGS = {
    (setting.code if setting.code == "kernel_log" else f"rules.{rule.code}", setting.name): setting
    for rule in RULES
    for setting in rule.settings
}


def write(directory: pathlib.Path, **environment: str) -> None:
    """As the package's build does: with nothing but Python and the tree."""
    words = [sys.executable, "-I", "-S", str(PROGRAM), str(directory)]
    kept = {name: value for name, value in os.environ.items() if name not in ("SOURCE_DATE_EPOCH", "TZ")}
    subprocess.run(words, check=True, capture_output=True, env={**kept, **environment})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("manual")
    write(directory, SOURCE_DATE_EPOCH=EPOCH)
    return directory


class Section:
    """Of a page: the words that its terms explain, its subheadings, and all its text as one line."""

    def __init__(self, text: str) -> None:
        self.terms = [told(head) for head in re.findall(r"^\.TP.*\n(.+)$", text, re.MULTILINE)]
        self.subheadings = [told(title) for title in re.findall(r'^\.SS "(.*)"$', text, re.MULTILINE)]
        self.examples = [told(lines) for lines in re.findall(r"^\.EX\n(.*?)^\.EE", text, re.MULTILINE | re.DOTALL)]
        self.text = told(" ".join(line for line in text.splitlines() if not line.startswith(".")))


def sections(made: pathlib.Path, name: str) -> dict[str, Section]:
    parts = re.split(r'^\.SH "(.*)"\n', (made / name).read_text(), flags=re.MULTILINE)
    return {told(title): Section(text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def heads(of_modes: bool) -> list[str]:
    return [
        (f"-{option.short}, " if option.short else "")
        + f"--{option.name}"
        + (f" {option.value}" if option.value else "")
        for option in OPTIONS
        if option.mode is of_modes
    ]


@pytest.mark.subprocess
def test_every_mode_and_option_is_in_the_page_once_and_nothing_else(made: pathlib.Path) -> None:
    page = sections(made, "virt-agent.1")
    assert page["MODES"].terms == heads(of_modes=True)
    assert sorted(page["OPTIONS"].terms) == sorted(heads(of_modes=False))
    for option in OPTIONS:
        shown = page["MODES" if option.mode else "OPTIONS"].text
        assert option.help[1:] in shown, option.name


@pytest.mark.subprocess
@pytest.mark.parametrize("name", NAMES[:3])
def test_no_page_names_an_option_that_there_is_not(made: pathlib.Path, name: str) -> None:
    named = set(re.findall(r"(?<![\w-])--([a-z][\w.-]*\w)", told((made / name).read_text())))
    assert named <= {option.name for option in OPTIONS} | {f"collector.{collector.name}" for collector in COLLECTORS}
    assert named


def variables_read() -> Iterator[str]:
    """The names that the sources look for in the environment."""
    for package in (virt_agent, virt_collectors):
        for path in pathlib.Path(str(package.__file__)).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("get", "pop")
                ):
                    where, what = ast.unparse(node.func.value), node.args[:1]
                elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                    where, what = ast.unparse(node.value), [node.slice]
                else:
                    continue
                if where.endswith(("environ", "environment")) and what and isinstance(what[0], ast.Constant):
                    yield str(what[0].value)


def test_our_own_prose_is_of_options_that_there_are() -> None:
    prose = runpy.run_path(str(PROGRAM / "command_prose.py"))
    names = {option.name for option in OPTIONS}
    grouped = [name for group in prose["GROUPS"].values() for name in group]
    assert {*prose["MODES"], *prose["OPTIONS"], *grouped} <= names
    assert len(grouped) == len(set(grouped))


@pytest.mark.subprocess
def test_every_variable_that_is_read_is_in_the_page_and_no_other(made: pathlib.Path) -> None:
    page = sections(made, "virt-agent.1")["ENVIRONMENT"]
    settings = {option.environment for option in OPTIONS} - {None}
    read = {name for name in variables_read() if name.isupper()}
    assert {"NO_COLOR", "LISTEN_FDS"} <= read
    assert {name for term in page.terms for name in term.split(", ")} == settings | read


@pytest.mark.subprocess
def test_every_unit_is_in_the_page_and_no_other(made: pathlib.Path) -> None:
    units = [path.name for kind in ("service", "timer") for path in (documents.TOP / "systemd").glob(f"*.{kind}")]
    assert sorted(sections(made, "virt-agent.1")["UNITS"].terms) == sorted(units)


@pytest.mark.subprocess
def test_exit_codes_are_those_of_the_code(made: pathlib.Path) -> None:
    text = sections(made, "virt-agent.1")["EXIT STATUS"].text

    def codes(found: dict[str, int]) -> str:
        return "; ".join(f"{code} {words}" for words, code in found.items())

    assert f"--check {codes(report.EXIT_CODES)}; {check._DIFFERS} where --expect differs" in text
    assert f"--json, --detect 0 printed; {check._DIFFERS} where --expect differs" in text
    assert f"--readiness {codes(readiness.EXIT_CODES)}." in text
    assert f"All of them {command.BAD_ARGUMENTS} for bad arguments" in text
    assert f"; {command.CANNOT_TELL} where they could not write" in text
    same, other = corpus.archive("pvhvm"), corpus.archive("pv")
    assert "--diff 0 nothing changed; 1 something changed." in text
    assert [command.main(["--diff", same, against]) for against in (same, other)] == [0, 1]


@pytest.mark.subprocess
def test_the_examples_are_commands_that_the_parser_takes(made: pathlib.Path) -> None:
    lines = [line for text in sections(made, "virt-agent.1")["EXAMPLES"].examples for line in text.splitlines()]
    commands = [shlex.split(line.removeprefix("$ ").removeprefix("sudo ")) for line in lines if line.startswith("$ ")]
    ours = [words[1:] for words in commands if words[0] == "virt-agent"]
    assert len(ours) >= 8
    for words in ours:
        assert parse(words).mode
    assert {words[0] for words in commands} == {"virt-agent", "curl"}


@pytest.mark.subprocess
def test_every_collector_is_in_the_pages_and_nothing_else(made: pathlib.Path) -> None:
    names = {
        optional: ", ".join(each.name for each in COLLECTORS if each.optional is optional) for optional in (False, True)
    }
    for name, section in (("virt-agent.1", "COLLECTORS"), ("virt-agent.toml.5", "[COLLECTORS]")):
        text = sections(made, name)[section].text
        assert re.search(rf"y default {names[False]} ", text), name
        assert text.endswith(f" {names[True]}"), name


@pytest.mark.subprocess
def test_every_key_of_the_configuration_is_in_the_page_and_nothing_else(made: pathlib.Path) -> None:
    page = sections(made, "virt-agent.toml.5")
    assert page["[RULES.CODE]"].terms == list(config._RULE_KEYS)
    wanted = {f"[{table}] {name} = {setting.default:.15g}" for (table, name), setting in SETTINGS.items()}
    assert set(page["THRESHOLDS"].terms) == wanted
    assert len(page["THRESHOLDS"].terms) == len(wanted)
    keys = [term.partition(" = ")[0] for term in page["OPTIONS OF THE COMMAND"].terms]
    assert keys == [option.key for option in OPTIONS if option.key]


@pytest.mark.subprocess
def test_the_keys_with_their_defaults_are_a_configuration_that_is_taken(
    made: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    page = sections(made, "virt-agent.toml.5")
    thresholds = [re.sub(r"^\[(.*)\] ", r"\1.", term) for term in page["THRESHOLDS"].terms]
    path = tmp_path / "config.toml"
    path.write_text("\n".join([*page["OPTIONS OF THE COMMAND"].terms, *thresholds]) + "\n")
    assert len(config.load(str(path)).settings) == len({(each.code, each.name) for each in SETTINGS.values()})


@pytest.mark.subprocess
def test_the_example_of_a_configuration_is_taken(made: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (example,) = sections(made, "virt-agent.toml.5")["EXAMPLE"].examples
    path = tmp_path / "config.toml"
    path.write_text(example)
    found = config.load(str(path))
    assert [(override.code, override.subject) for override in found.overrides] == [("P01", None), ("B02", "sda")]
    assert found.settings == {"E07.samples": 4.0, "kernel_log.hours": 48.0}


@pytest.mark.subprocess
def test_every_key_of_the_web_configuration_is_in_the_page_and_nothing_else(made: pathlib.Path) -> None:
    section = sections(made, "virt-agent.toml.5")["THE WEB CONFIGURATION"]
    keys = [key for term in section.terms for key in term.split(", ")]
    assert sorted(keys) == sorted((*web._TABLES, *web._TLS_KEYS))
    assert section.text.endswith(f" {', '.join(web._HEADERS)}.")
    for name in (*web._UNSUPPORTED, *web._VERSIONS, web.REQUIRE, web.IF_GIVEN, web.NO_CLIENT):
        assert name in section.text


@pytest.mark.subprocess
def test_every_metric_is_in_its_page_and_nothing_else(made: pathlib.Path) -> None:
    section = sections(made, "virt-agent-metrics.7")["METRICS"]
    wanted = [
        each.name + (f"{{{', '.join(each.labels)}}}" if each.labels else "") + f" ({each.type})" for each in METRICS
    ]
    assert section.terms == wanted
    for each in METRICS:
        assert each.help in section.text, each.name


@pytest.mark.subprocess
def test_every_rule_is_in_its_page_and_nothing_else(made: pathlib.Path) -> None:
    page = sections(made, "virt-agent-rules.7")
    shown = [title for section in page.values() for title in section.subheadings]
    assert sorted(shown) == [f"{rule.code} {rule.name} ({rule.kind}, {rule.severity})" for rule in RULES]
    for title, section in page.items():
        letters = {code[0] for code in section.subheadings}
        assert letters <= {title[-2]}, title
    text = " ".join(section.text for section in page.values())
    for rule in RULES:
        for each in (rule.title[1:], rule.means, *rule.remedy, runbook.avoid(rule), runbook.owner(rule), rule.source):
            assert each in text, (rule.code, each)


@pytest.mark.subprocess
def test_pages_are_the_same_bytes_whenever_and_wherever_they_are_made(
    made: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    write(tmp_path, SOURCE_DATE_EPOCH=EPOCH, TZ="Pacific/Kiritimati", LC_ALL="C", PYTHONHASHSEED="7")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
    for name in NAMES:
        assert (tmp_path / name).read_bytes() == (made / name).read_bytes()
        assert (made / name).read_text().splitlines()[0].split('"')[1] == "2026-09-21"


@pytest.mark.subprocess
def test_without_a_date_from_outside_it_is_that_of_the_packages_changelog(tmp_path: pathlib.Path) -> None:
    write(tmp_path)
    changelog = documents.TOP / "packaging" / "debian" / "changelog"
    signed = next(line for line in changelog.read_text().splitlines() if line.startswith(" -- "))
    day = re.search(r", +(\d+) (\w{3}) (\d{4}) ", signed)
    assert day is not None
    shown = (tmp_path / "virt-agent.1").read_text().splitlines()[0].split('"')[1]
    assert shown == f"{day[3]}-{time.strptime(day[2], '%b').tm_mon:02d}-{int(day[1]):02d}"


@pytest.mark.subprocess
@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_groff_has_nothing_to_say_and_no_line_is_too_long(made: pathlib.Path, name: str) -> None:
    words = ["groff", "-man", "-ww", "-Tascii", "-P-c", "-P-b", "-P-u", "-rLL=80n", str(made / name)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    assert len(done.stdout.splitlines()) > 100


@pytest.mark.subprocess
@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_mandoc_has_nothing_to_say(made: pathlib.Path, name: str) -> None:
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wstyle", str(made / name)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("", "")

"""The configuration: what it may say, and what is told where it says something else."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus
from virt_agent import config, observe, report
from virt_agent.modes.chosen import chosen
from virt_agent.options import UsageError, parse
from virt_agent.render import text
from virt_agent.rules import registry as rules
from virt_agent.rules.evaluate import evaluate
from virt_agent.rules.form import Case
from virt_agent.selection import Override, Selection
from virt_collectors.record import replace

FULL = """
[rules.P01]
enabled = false
reason = "rebuilt as HVM in spring"
until = 2027-03-31

[rules.emulated-disk.subjects.sda]
severity = "info"
reason = "the installer's disk"

[collectors]
virtio = false
processor = true
"""


def load(directory: pathlib.Path, content: str | bytes) -> config.Config:
    path = directory / "config.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return config.load(str(path))


def test_all_that_it_may_say(tmp_path: pathlib.Path) -> None:
    found = load(tmp_path, FULL)
    assert found.overrides == (
        Override("P01", "rebuilt as HVM in spring", until="2027-03-31"),
        Override("B02", "the installer's disk", "info", "sda"),
    )
    assert found.with_collectors == ("processor",)
    assert found.without_collectors == ("virtio",)


def test_every_setting_can_be_set_and_is_bounded(tmp_path: pathlib.Path) -> None:
    for rule in rules.RULES:
        for setting in rule.settings:
            table = setting.code if setting.code == "kernel_log" else f"rules.{rule.code}"
            assert setting.least <= setting.default <= setting.most
            found = load(tmp_path, f"[{table}]\n{setting.name} = {setting.most:f}\n")
            assert found.settings == {f"{setting.code}.{setting.name}": setting.most}
            with pytest.raises(UsageError, match=f"{setting.name}: .* is not between"):
                load(tmp_path, f"[{table}]\n{setting.name} = {setting.least - 1:f}\n")


WRONG = {
    "[rules.P91]\nenabled=false": r"rules.P91: there is no such rule; did you mean P\d\d\?",
    "[rules.X20]\nsevrity='info'": "rules.X20: there is no such rule; did you mean X",
    "[rules.X02]\nsevrity='info'": "rules.X02.sevrity: is not known here; did you mean severity",
    "[rules.X02]\nseverity='loud'\nreason='r'": "rules.X02.severity: 'loud' is none of info, warning, critical",
    "[rules.X02]\nenabled='no'\nreason='r'": "rules.X02.enabled: must be true or false",
    "[rules.X02]\nenabled=false": "rules.X02: needs a reason",
    "[rules.X02]\nenabled=false\nreason=' '": "rules.X02: needs a reason",
    "[rules.X02]\nreason='r'": "rules.X02: a reason or an until goes with",
    "[rules.X02]\nenabled=false\nreason='r'\nuntil='soon'": "rules.X02.until: 'soon' is not a day like 2027-03-31",
    "[rules.X02]\nenabled=false\nreason='r'\nuntil=2027-03-31T00:00:00": "rules.X02.until: .* is not a day",
    "[rules.X02.subjects.xvda]\nreason='r'": "rules.X02.subjects.xvda: says nothing",
    "[rules.X02]\nsubjects=3": r"rules.X02.subjects: must be a table, \[rules.X02.subjects\]",
    "[collectors]\nvirtoi=false": "collectors.virtoi: is not known here; did you mean virtio",
    "[collectors]\nvirtio=1": "collectors.virtio: must be true or false",
    "[rulse]\n": "rulse: is not known here; did you mean rules",
    "rules=3": r"rules: must be a table",
    "[rules.X02\n": "is not TOML: ",
    "a = " + "9" * 5000: "is not TOML",
    '[rules.X02.subjects."\\u001b[31m"]\nfoo = 1\n': r"subjects\.\?\[31m\.foo: is not known",
    "a = " + "[" * 5000: "is not TOML|nested too deeply",
}


@pytest.mark.parametrize("content", WRONG)
def test_what_is_wrong_is_named_with_its_place(content: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match=WRONG[content]) as raised:
        load(tmp_path, content)
    assert str(raised.value).startswith(str(tmp_path / "config.toml"))


def test_a_file_that_cannot_be_read(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        load(tmp_path, b"a = '\xff'")
    with pytest.raises(UsageError, match=r"nothing\.toml: .*--config\.file"):
        config.load(str(tmp_path / "nothing.toml"))
    with pytest.raises(UsageError, match=r"--config\.file"):
        config.load(str(tmp_path))


def test_comments_alone_need_no_parser(tmp_path: pathlib.Path) -> None:
    assert load(tmp_path, "# [rules.P01]\n\n   # not TOML: [[[\n") == config.Config()


SAID = "config.toml: "


def complaint(read: Callable[[], object]) -> str:
    """How a complaint begins, "" where there is none."""
    try:
        read()
    except UsageError as error:
        return str(error)[: len(SAID)]
    return ""


@given(st.text())
def test_any_text_is_a_configuration_or_an_error(content: str) -> None:
    assert complaint(lambda: config.Reader("config.toml").config(config._parsed("config.toml", content))) in ("", SAID)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["X02", "enabled", "severity", "reason", "until", "subjects", "hours"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["rules", "collectors", "kernel_log"]), VALUES))
def test_any_document_is_a_configuration_or_an_error(document: dict[str, object]) -> None:
    assert complaint(lambda: config.Reader("config.toml").config(document)) in ("", SAID)


def test_the_command_line_counts_more(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(FULL)
    wanted = chosen(parse(["--check", "--config.file", str(path), "--collector.virtio", "--no-collector.processor"]))
    assert wanted.with_collectors == ("virtio",)
    assert wanted.without_collectors == ("processor",)


def pv(selection: Selection, time: float | None) -> report.Report:
    """A PV guest, P01's only case, at some time."""
    host = corpus.host("pv")
    found = observe.observe(host, selection)
    clock = found.reading.facts.clock
    assert clock is not None
    reading = replace(found.reading, facts=replace(found.reading.facts, clock=replace(clock, time=time)))
    judged = evaluate(rules.RULES, Case(reading), (), selection)
    return report.make(reading, judged, found.outcomes, selection)


OFF = Override("P01", "rebuilt in spring", until="2026-11-21")
AFTER = 1795305600.0  # 2026-11-22


@pytest.mark.parametrize(("time", "state"), [(AFTER - 1, "off"), (AFTER, "info"), (None, "off")])
def test_a_rule_is_off_until_the_end_of_a_day(time: float | None, state: str) -> None:
    assert pv(Selection(overrides=(OFF,)), time).states["P01"] == state


def test_what_is_changed_is_told() -> None:
    told = text.render(pv(Selection(overrides=(OFF,)), AFTER - 1), text.Style())
    assert "Changed   by configuration: P01 is off (rebuilt in spring, until 2026-11-21)" in " ".join(told.split("\n"))
    expired = " ".join(text.render(pv(Selection(overrides=(OFF,)), AFTER), text.Style()).split())
    assert "P01 is judged again (rebuilt in spring, was changed until 2026-11-21)" in expired


def test_a_severity_for_one_subject_or_all() -> None:
    loud = Override("P01", "PV must go", "warning")
    assert pv(Selection(overrides=(loud,)), AFTER).states["P01"] == "warning"
    mine = replace(loud, subject="guest mode")
    assert pv(Selection(overrides=(mine,)), AFTER).states["P01"] == "warning"
    other = replace(loud, subject="sda")
    assert pv(Selection(overrides=(other,)), AFTER).states["P01"] == "info"
    quiet = Override("P01", "known", None, "guest mode")
    both = pv(Selection(overrides=(loud, quiet)), AFTER)
    assert both.states["P01"] == "ok"
    assert not [finding for finding in both.findings if finding.code == "P01"]

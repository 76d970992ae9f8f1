"""Files that are small and cost much: each of these once took minutes, ended in an internal error or reached the terminal."""

from __future__ import annotations

import json
import pathlib

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.test_kernels import tree
from virt_agent import metrics, observe, report
from virt_agent.__main__ import main
from virt_agent.config import load
from virt_agent.measure import document
from virt_agent.modes import snapshot
from virt_agent.observe import reading_of
from virt_agent.option_table import UsageError
from virt_agent.options import parse
from virt_agent.report import Report
from virt_agent.rules.evaluate import evaluate
from virt_agent.rules.form import Case
from virt_agent.selection import Selection
from virt_collectors.block import BlockDevice
from virt_collectors.boot_loader import BootLoader, read_boot_loader
from virt_collectors.collect import FAILED, Collection, Outcome
from virt_collectors.facts import Facts
from virt_collectors.named_devices import block_yaml
from virt_collectors.source import Source

ESCAPES = "\x1b]0;owned\x07\x9b31m\u202e\r\n"


def grub(script: str) -> BootLoader:
    source = Source(tree({"boot/grub/grub.cfg": script}))
    found = read_boot_loader(source)
    assert source.problems == []
    assert found is not None
    return found


def test_signs_before_commands_in_functions_that_call_each_other_do_not_recurse() -> None:
    functions = [f"function f{at} {{\n{'! ' * 100}{f'f{at + 1}' if at < 27 else 'true'}\n}}\n" for at in range(28)]
    assert grub("".join(functions) + "f0\nmenuentry a { linux /v }\n").grub is not None


@pytest.mark.parametrize("signs", [1, 2, 3, 4000])
def test_signs_still_turn_the_outcome_round(signs: int) -> None:
    found = grub(f"if {'! ' * signs}true; then\nmenuentry yes {{ linux /a }}\nelse\nmenuentry no {{ linux /b }}\nfi\n")
    assert found.grub is not None
    assert found.grub.default is not None
    assert found.grub.default.kernel == ("a" if signs % 2 == 0 else "b")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("boot/grub/grub.cfg", "menuentry a { linux / }\nmenuentry b { linux /v }\n"),
        ("boot/grub/menu.lst", "default 0\ntitle a\nkernel /\ntitle b\nkernel /v\n"),
    ],
)
def test_an_entry_that_starts_the_root_directory_starts_no_kernel(path: str, text: str) -> None:
    found = read_boot_loader(Source(tree({path: text})))
    assert found is not None
    menu = found.grub or found.menu_lst
    assert menu is not None
    assert [entry.kernel for entry in menu.entries] == ["v"]
    assert (menu.default, "starts no Linux kernel" in (menu.why or "")) == (None, True)


def test_a_word_of_many_pieces_is_put_together_once() -> None:
    found = grub("menuentry a { linux /v " + "'a'" * 150_000 + " }\n")
    assert found.grub is not None
    assert "more than can be followed" in (found.grub.why or "")
    assert grub("menuentry a { linux /v " + "'a'" * 2000 + " }\n").grub.default.parameters == ("a" * 2000,)  # type: ignore[union-attr]


def test_what_all_entries_tell_together_is_bounded() -> None:
    found = grub("function f { menuentry a { linux /v " + "a" * 40_000 + " } }\n" + "f\n" * 9000)
    assert found.grub is not None
    assert "more than can be followed" in (found.grub.why or "")
    assert 1 < sum(len(entry.parameters[0]) for entry in found.grub.entries) < 8 << 20


@pytest.mark.parametrize("quoted", ['""', "''", '"a b"', "'it''s'"])
def test_many_quoted_words_on_one_line_take_their_time_each(quoted: str) -> None:
    found = block_yaml.parse("x", ["a: [" + f"{quoted}, " * 30_000 + "end]"])
    assert isinstance(found.value, dict)
    items = found.value["a"].value
    assert isinstance(items, tuple)
    assert len(items) == 30_001
    assert {item.value for item in items[:-1]} == {quoted[1:-1].replace("''", "'")}


@pytest.mark.parametrize(
    "text",
    [
        "[rules.P01]\nenabled = false\nreason = 'x'\nuntil" + ".a" * 2000 + " = 1\n",
        "[rules.P01]\nseverity = " + "[" * 60 + "]" * 60 + "\nreason = 'x'\n",
        "[log]\nlevel" + ".a" * 400 + " = 1\n",
        "a" + ".b" * 30_000 + " = 1\n",
    ],
    ids=["until", "severity", "level", "unknown"],
)
def test_a_configuration_that_nests_without_end_is_told_in_a_line(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match="nested too deeply"):
        load(str(path))
    assert main(["--check-config", "--config.file", str(path)]) == 3
    assert "internal error" not in capsys.readouterr().err


def test_a_configuration_is_no_longer_than_anybody_writes_one(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.toml").write_text("a" + ".b" * 200_000 + " = 1\n")  # minutes in the parser
    with pytest.raises(UsageError, match="far larger"):
        load(str(tmp_path / "config.toml"))


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"schema": ESCAPES}),
        json.dumps({"schema": 1, "bench": {"work": {"values": [ESCAPES]}}}),
        json.dumps({"schema": 1, "bench": {}, "verdict": {"headline": ESCAPES}, "host": {"kernel": ESCAPES}}),
        '{"schema": ' + "[" * 980 + "]" * 980 + "}",
        ESCAPES,
    ],
)
def test_nothing_of_a_strangers_measurement_reaches_the_terminal(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (tmp_path / "a.json").write_text(content)
    (tmp_path / "b.json").write_text(content.replace("owned", "other"))
    main(["--bench", "--compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")])
    told = capsys.readouterr()
    for line in (told.out + told.err).removesuffix("\n").split("\n"):
        assert line.isascii()
        assert line == "" or line.isprintable()
    assert "internal error" not in told.err


def test_a_schema_is_told_in_a_few_letters() -> None:
    with pytest.raises(document.Unfit, match=r"its schema is \?\?0;own"):
        document.parse(json.dumps({"schema": "\x1b]0;owned".replace("]", "\x07")}))


@pytest.mark.parametrize(
    "arguments",
    [["--check", "--expect", f"a{ESCAPES}=b"], ["--list", f"/nowhere{ESCAPES}"], ["--root", ESCAPES, "--check"]],
)
def test_what_is_complained_of_stays_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 3
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.removesuffix("\n").isprintable()


def test_devices_whose_names_differ_in_what_is_not_told_are_series_of_their_own() -> None:
    names = ["a" * 200 + "1", "a" * 200 + "2", "\x1b", "\x07", "?", "?~2"]
    disks = tuple(BlockDevice(name, None, None) for name in names)
    facts = Facts(block_devices=disks)
    found = [
        sample.labels["device"]
        for family in text_string_to_metric_families(metrics.render(made(facts)).decode())
        for sample in family.samples
        if sample.name == "virt_block_device_info"
    ]
    assert len(found) == len(set(found)) == len(names)
    assert all(len(name) <= 128 for name in found)


def made(facts: Facts) -> Report:
    return report.make(reading_of(facts), evaluate((), Case(reading_of(facts))), (), Selection())


def test_why_a_collector_failed_is_told_without_escape_sequences(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = (Outcome("network", FAILED, f"/sys/class/net/{ESCAPES}/mtu: input/output error (EIO)", 0.1),)

    def read(*_arguments: object) -> tuple[None, Collection]:
        return None, Collection(Facts(), outcomes)

    monkeypatch.setattr(observe, "read", read)
    assert snapshot.snapshot(parse(["--snapshot", str(tmp_path / "x.tar.gz")], {})) == 0
    told = capsys.readouterr().err
    assert "network failed" in told
    assert told.replace("\n", "").isprintable()
    assert told.count("\n") == 1

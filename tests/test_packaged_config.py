"""The configuration as it is installed: every key with its default, and all of it comments."""

from __future__ import annotations

import pathlib
import re

import pytest

from tests import corpus, documents
from virt_agent import config
from virt_agent.__main__ import main
from virt_agent.option_table import AUTO
from virt_agent.settings import SETTINGS
from virt_collectors.collect import COLLECTORS, choose

PATH = "packaging/config.toml"


@pytest.fixture
def uncommented(tmp_path: pathlib.Path) -> str:
    """The file with the "#" taken away before each key and table."""
    text = (documents.TOP / PATH).read_text()
    path = tmp_path / "config.toml"
    path.write_text(re.sub(r"^#(?=[\w\[])", "", text, flags=re.MULTILINE))
    return str(path)


def test_it_is_what_the_code_makes() -> None:
    documents.hold(PATH, documents.packaged_configuration())


def test_it_needs_no_parser_and_changes_nothing() -> None:
    text = (documents.TOP / PATH).read_text()
    assert text.isascii()
    assert {line[:1] for line in text.splitlines()} == {"", "#"}
    assert config.load(str(documents.TOP / PATH)) == config.Config()


def test_every_setting_stands_there_with_its_default(uncommented: str) -> None:
    found = config.load(uncommented)
    keyed = {option.name: option for option in SETTINGS if option.key}
    assert set(found.values) == set(keyed)
    for name, value in found.values.items():
        default = keyed[name].default
        expected = None if default == "" or (default == AUTO and keyed[name].value == "SECONDS") else default
        assert value == (list(expected) if isinstance(expected, tuple) else expected), name


def test_every_threshold_stands_there_with_its_default(uncommented: str) -> None:
    expected = {f"{setting.code}.{setting.name}": setting.default for setting in documents.thresholds().values()}
    assert config.load(uncommented).settings == expected


def test_uncommented_it_runs_what_runs_without_it(uncommented: str) -> None:
    found = config.load(uncommented)
    assert found.overrides == ()
    for asked in ((), ("processor",), ("kernels", "space")):
        chosen_by_it = choose(optional=(*asked, *found.with_collectors), without=found.without_collectors)
        assert chosen_by_it == choose(optional=asked)
    assert len(COLLECTORS) > len(choose())


def test_uncommented_it_makes_the_same_report(uncommented: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--check", "-v", "--root", corpus.archive("pvhvm")]
    assert main(words) == 0
    plain = capsys.readouterr().out
    assert main([*words, "--config.file", uncommented]) == 0
    assert capsys.readouterr().out == plain

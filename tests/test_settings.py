"""Settings: the flag beats the variable, that one the configuration, and each error names where the value came from."""

from __future__ import annotations

import contextlib
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virt_agent import config
from virt_agent.__main__ import main
from virt_agent.modes.chosen import settle
from virt_agent.option_table import OPTIONS, Option
from virt_agent.options import Options, UsageError, parse
from virt_agent.settings import SETTINGS, by_table, from_environment, of_key

# A setting's name, and one value in each of the three places: on the command line, in the environment, in the file.
THREE: dict[str, tuple[list[str], str, str]] = {
    "check.strict": (["--strict"], "true", "true"),
    "check.sample": (["--sample=1"], "2", "3"),
    "check.timeout": (["--timeout=1"], "2.5", "3"),
    "check.color": (["--color=always"], "never", '"auto"'),
    "privileged.directory": (["--privileged.directory=/a"], "/b", '"/c"'),
    "imds.mode": (["--imds=on"], "off", '"auto"'),
    "web.listen_addresses": (
        ["--web.listen-address=:1", "--web.listen-address=:2"],
        ":3, [::1]:4",
        '[":5", "unix:/x"]',
    ),
    "web.config_file": (["--web.config.file=/a"], "/b", '"/c"'),
    "web.max_requests": (["--web.max-requests=1"], "2", "3"),
    "log.level": (["--log.level=debug"], "warning", '"error"'),
}
VALUES: dict[str, tuple[Any, Any, Any]] = {
    "check.strict": (True, True, True),
    "check.sample": (1.0, 2.0, 3.0),
    "check.timeout": (1.0, 2.5, 3.0),
    "check.color": ("always", "never", "auto"),
    "privileged.directory": ("/a", "/b", "/c"),
    "imds.mode": ("on", "off", "auto"),
    "web.listen_addresses": ([":1", ":2"], [":3", "[::1]:4"], [":5", "unix:/x"]),
    "web.config_file": ("/a", "/b", "/c"),
    "web.max_requests": (1, 2, 3),
    "log.level": ("debug", "warning", "error"),
}
KEYED = {option.key: option for option in OPTIONS if option.key}


def settled(directory: pathlib.Path, words: list[str], environment: dict[str, str], content: str) -> Options:
    path = directory / "config.toml"
    path.write_text(content)
    options = parse(["--check-config", "--config.file", str(path), *words], environment)
    settle(options)
    return options


def written(key: str, value: str) -> str:
    table, _, name = key.partition(".")
    return f"[{table}]\n{name} = {value}\n"


def test_the_table_is_whole() -> None:
    assert set(KEYED) == set(THREE) == set(VALUES)


@pytest.mark.parametrize("key", THREE)
def test_flag_beats_variable_beats_file(key: str, tmp_path: pathlib.Path) -> None:
    option, (words, text, content) = KEYED[key], THREE[key]
    assert option.environment is not None
    environment, file = {option.environment: text}, written(key, content)
    by_flag, by_variable, by_file = VALUES[key]
    assert settled(tmp_path, words, environment, file).get(option.name) == by_flag
    assert settled(tmp_path, [], environment, file).get(option.name) == by_variable
    assert settled(tmp_path, [], {}, file).get(option.name) == by_file
    assert settled(tmp_path, [], {}, "").get(option.name, "the default") == "the default"
    assert settled(tmp_path, [], {option.environment: ""}, file).get(option.name) == by_file


def test_auto_on_the_command_line_beats_a_number_in_the_file(tmp_path: pathlib.Path) -> None:
    options = settled(tmp_path, ["--timeout", "auto"], {}, "[check]\ntimeout = 3\n")
    assert options.get("timeout", 8.0) == 8.0


def test_false_in_the_environment_beats_true_in_the_file(tmp_path: pathlib.Path) -> None:
    options = settled(tmp_path, [], {"VIRT_AGENT_STRICT": "false"}, "[check]\nstrict = true\n")
    assert options.get("strict") is False


WRONG = {
    ("check.strict", "1"): "must be true or false",
    ("check.timeout", '"soon"'): "'soon' is not a number of seconds",
    ("check.timeout", "true"): "must be a number",
    ("check.timeout", "-1"): "'-1' is not between 0 and 3600 seconds",
    ("check.timeout", "nan"): "is not between 0 and 3600 seconds",
    ("check.color", '"red"'): "'red' is none of always, never, auto",
    ("check.color", "1"): 'must be a text, "..."',
    ("web.listen_addresses", '":1"'): "must be a list of texts",
    ("web.listen_addresses", "[]"): "must be a list of texts",
    ("web.listen_addresses", "[1]"): "must be a text",
    ("web.listen_addresses", '["nowhere"]'): "'nowhere' is not HOST:PORT",
    ("web.max_requests", "0"): "'0' is not a number of requests between 1 and 1000",
    ("web.max_requests", "2.5"): "'2.5' is not a number of requests",
    ("log.level", '"loud"'): "'loud' is none of debug, info, warning, error",
    ("log.levle", '"info"'): "is not known here; did you mean level",
    ("imds.endpoint", '"http://x"'): "is not known here",
}


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_wrong_key_is_named_with_its_file(key: str, value: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError) as raised:
        settled(tmp_path, [], {}, written(key, value))
    assert str(raised.value).startswith(f"{tmp_path}/config.toml: {key}: ")
    assert WRONG[key, value] in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("VIRT_AGENT_STRICT", "perhaps", "neither true nor false"),
        ("VIRT_AGENT_TIMEOUT", "soon", "not a number of seconds"),
        ("VIRT_AGENT_LOG_LEVEL", "loud", "none of debug"),
        ("VIRT_AGENT_WEB_LISTEN_ADDRESS", ":1 nowhere", "'nowhere' is not HOST:PORT"),
        ("VIRT_AGENT_WEB_MAX_REQUESTS", "1e3", "not a number of requests"),
        ("VIRT_AGENT_IMDS_ENDPOINT", "169.254.169.254", "is no endpoint"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"^{variable}: ") as raised:
        parse(["--check-config"], {variable: value})
    assert why in str(raised.value)


def test_a_wrong_flag_is_named() -> None:
    with pytest.raises(UsageError, match=r"^--web.listen-address: 'nowhere' is not HOST:PORT"):
        parse(["--serve", "--web.listen-address", "nowhere"])


def test_what_is_for_the_daemon_does_not_break_a_check() -> None:
    assert parse(["--check"], {"VIRT_AGENT_LOG_LEVEL": "loud"}).environment == {}
    assert parse(["--serve"], {"VIRT_AGENT_LOG_LEVEL": "error"}).environment == {"log.level": "error"}
    assert parse(["--readiness", "hvm"], {"VIRT_AGENT_TIMEOUT": "3"}).get("timeout", 30.0) == 30.0


def test_every_setting_has_a_variable_of_its_flags_name() -> None:
    assert {option.environment for option in SETTINGS} >= {"VIRT_AGENT_WEB_LISTEN_ADDRESS", "VIRT_AGENT_CONFIG_FILE"}
    for option in OPTIONS:
        assert (option.environment is None) == (option not in SETTINGS)
    assert sum(len(options) for options in by_table().values()) == len(KEYED)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
ANY = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@given(st.sampled_from(list(KEYED.values())), ANY)
def test_any_value_is_taken_or_refused(option: Option, value: object) -> None:
    with contextlib.suppress(UsageError):
        found = of_key(option, value)
        assert found is None or isinstance(found, (bool, int, float, str, list))


@given(st.dictionaries(st.sampled_from([option.environment for option in SETTINGS]), st.text(max_size=20)))
def test_any_environment_is_taken_or_refused(environment: dict[str, str]) -> None:
    complaint, found = "", {}
    try:
        found = from_environment(environment, "check-config")
    except UsageError as error:
        complaint = str(error)
    assert not complaint or complaint.partition(":")[0] in environment
    assert set(found) <= {option.name for option in SETTINGS if environment.get(option.environment or "")}


def test_check_config_tells_of_each_file(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("[log]\nlevel = 'debug'\n")
    bad.write_text("[log]\nlevel = 'loud'\n")
    assert main(["--check-config", "--config.file", str(good)]) == 0
    assert capsys.readouterr() == (f"{good}: fine\n", "")
    assert main(["--check-config", "--config.file", str(bad), "--web.config.file", str(tmp_path / "none.yml")]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"virt-agent: {bad}: log.level: 'loud' is none of debug, info, warning, error"
    assert lines[1].startswith(f"virt-agent: {tmp_path}/none.yml: ")
    assert main(["--check-config", "--config.file", str(tmp_path / "none.toml")]) == 3


def test_check_config_of_nothing(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "DEFAULT", str(tmp_path / "config.toml"))
    assert main(["--check-config"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/config.toml: is not there; the defaults count\n"
    (tmp_path / "config.toml").write_text("# nothing\n")
    assert main(["--check-config"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/config.toml: fine\n"


def test_a_replay_takes_no_configuration_but_a_named_one(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "DEFAULT", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("[check]\nstrict = true\n")
    replay = parse(["--check", "--root", "/x"])
    settle(replay)
    assert replay.get("strict") is None
    live = parse(["--check"])
    settle(live)
    assert live.get("strict") is True
    named = parse(["--check", "--root", "/x"], {"VIRT_AGENT_CONFIG_FILE": str(tmp_path / "config.toml")})
    settle(named)
    assert named.get("strict") is True


def test_check_config_names_variables_that_are_no_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "c.toml").write_text("")
    for name in ("VIRT_AGENT_LOGLEVEL", "VIRT_AGENT_SERVICE_HOST", "VIRT_AGENT_TRACEBACK", "VIRT_AGENT_LOG_LEVEL"):
        monkeypatch.setenv(name, "debug")
    assert main(["--check-config", "--config.file", str(tmp_path / "c.toml")]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "VIRT_AGENT_LOGLEVEL: is no setting, and not used; did you mean VIRT_AGENT_LOG_LEVEL?",
        "VIRT_AGENT_SERVICE_HOST: is no setting, and not used",
    ]

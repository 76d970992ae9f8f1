"""The examples for other tools name commands that exist, and the same ones; `python -m tests.examples` runs them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import __main__ as suite
from tests.examples import ansible, cloud_init, copied_machine, icinga, sos
from tests.examples import sudo as sudo_example
from tests.examples.form import CHECK, EXAMPLES, ROOT, Unproven, run, same_first_line
from virt_agent.options import UsageError, parse

COMMAND = "/usr/bin/virt-agent"
PATHS = os.pathsep.join(sys.path)  # the tree's modules, installed or not
TEXTS = {path: path.read_text() for path in sorted(EXAMPLES.rglob("*")) if path.is_file()}
PLUGIN = ROOT / "packaging" / "sos" / "virt_agent.py"
DOCUMENT = (ROOT / "docs" / "integrations.md").read_text()
# Options behind "virt-agent", each with a value or none.
INVOCATION = re.compile(r"\bvirt-agent((?: --?\w[\w.-]*(?: [\w/%][^\s\"'`,;]*)?)+)")
LINES = [
    (name, line)
    for name, text in [*((path.name, text) for path, text in TEXTS.items()), ("integrations.md", DOCUMENT)]
    for line in INVOCATION.findall(text)
]


def _words(name: str, pattern: str) -> list[str]:
    found = re.search(pattern, TEXTS[EXAMPLES / name], re.MULTILINE)
    assert found, pattern
    return shlex.split(found[1])


def _allowed() -> list[list[str]]:
    """The commands of the sudo rule."""
    text = TEXTS[EXAMPLES / "sudoers"].replace("\\\n", " ")
    alias = re.search(r"^Cmnd_Alias VIRT_AGENT_CHECK = (.*)$", text, re.MULTILINE)
    assert alias
    return [command.split() for command in alias[1].split(",")]


def test_the_sudo_rule_allows_two_whole_commands_and_no_more() -> None:
    assert _allowed() == [[COMMAND, "--check"], [COMMAND, "--check", "--format", "nagios"]]
    rules = [line for line in TEXTS[EXAMPLES / "sudoers"].splitlines() if line and line[0] not in "# "]
    assert rules[1:] == [
        "Defaults!VIRT_AGENT_CHECK env_reset",
        "nagios ALL = (root) NOPASSWD: NOSETENV: VIRT_AGENT_CHECK",
    ]
    assert not set("".join(rules)) & set("*?[")


def test_nrpe_and_icinga_run_what_the_sudo_rule_allows() -> None:
    lines = [_words("nrpe/virt_agent.cfg", r"^command\[check_virt_agent\]=(.*)$")]
    listed = re.findall(r"command = (\[ .* \])$", TEXTS[EXAMPLES / "icinga2/virt-agent.conf"], re.MULTILINE)
    lines += [json.loads(each) for each in listed]
    assert len(lines) == 3
    for line in lines:
        assert line[:2] == ["/usr/bin/sudo", "-n"]
        assert line[2:] in _allowed()
        assert tuple(line[2:]) == CHECK


@pytest.mark.parametrize(("where", "line"), LINES)
def test_every_command_line_is_one_that_the_command_takes(where: str, line: str) -> None:
    assert parse(line.replace("%s", "FILE").split()).mode, where


def test_commands_are_found_where_they_stand_and_wrong_ones_are_refused() -> None:
    text = 'x virt-agent --check -v"\n`virt-agent --check-config` and /usr/bin/virt-agent --snapshot a.tar.gz, virt-agent.service'
    assert INVOCATION.findall(text) == [" --check -v", " --check-config", " --snapshot a.tar.gz"]
    assert {"sudoers", "virt_agent.cfg", "main.yml", "virt_agent.fact", "user-data.yaml"} <= {name for name, _ in LINES}
    with pytest.raises(UsageError):
        parse(["--check", "--formats", "nagios"])


def test_the_sudo_checks_refuse_nothing_that_is_allowed() -> None:
    for words in sudo_example.REFUSED:
        assert list(words) not in _allowed()
    assert any(words[: len(CHECK)] == CHECK and len(words) > len(CHECK) for words in sudo_example.REFUSED)


def test_every_example_is_described_and_proven() -> None:
    for path in TEXTS:
        top = path.relative_to(EXAMPLES).parts[0]
        assert top in DOCUMENT, f"docs/integrations.md does not tell of {path}"
    proven = {tool.name for tool in suite.TOOLS}
    assert {"sudo", "nrpe", "icinga2", "ansible", "ansible-lint", "cloud-init", "sos"} == proven


def test_the_role_documents_its_variables() -> None:
    defaults = TEXTS[EXAMPLES / "ansible/roles/virt_agent/defaults/main.yml"]
    tasks = TEXTS[EXAMPLES / "ansible/roles/virt_agent/tasks/main.yml"]
    names = re.findall(r"^(\w+):", defaults, re.MULTILINE)
    assert re.findall(r"^\| `(virt_agent_\w+)` \|", DOCUMENT, re.MULTILINE) == names
    used = set(re.findall(r"\bvirt_agent_\w+", tasks)) - {"virt_agent_health"}
    assert used == set(names)
    assert "validate: /usr/bin/virt-agent --check-config --config.file %s" in tasks


def _task(name: str) -> dict[str, Any]:
    tasks = yaml.safe_load(TEXTS[EXAMPLES / "ansible/roles/virt_agent/tasks/main.yml"])
    (found,) = [task for task in tasks if task["name"] == name]
    return dict(found)


def test_the_role_fetches_the_package_anew_where_no_sum_tells_old_from_new() -> None:
    got = _task("Take the package from its address")["ansible.builtin.get_url"]
    assert got["force"] == "{{ virt_agent_checksum | length == 0 }}"  # get_url leaves what is there already


def test_the_role_stops_the_daemon_that_the_package_has_started() -> None:
    task = _task("Enable and start the service, or stop and disable it")
    assert "when" not in task
    assert task["ansible.builtin.service"]["enabled"] == "{{ virt_agent_service | bool }}"
    assert "else 'stopped'" in task["ansible.builtin.service"]["state"]


def test_the_role_has_the_daemon_take_all_of_a_configuration_before_it_asks_it() -> None:
    (handler,) = yaml.safe_load(TEXTS[EXAMPLES / "ansible/roles/virt_agent/handlers/main.yml"])
    assert _task("Write the configuration")["notify"] == handler["name"]
    assert handler["ansible.builtin.service"]["state"] == "restarted"  # a reload leaves [web] as it was
    tasks = TEXTS[EXAMPLES / "ansible/roles/virt_agent/tasks/main.yml"]
    assert tasks.index("meta: flush_handlers") < tasks.index("- name: Wait until it answers")


def test_the_local_fact_can_be_executed() -> None:
    path = EXAMPLES / "ansible/roles/virt_agent/files/virt_agent.fact"
    assert path.stat().st_mode & 0o111 == 0o111
    assert "exec /usr/bin/virt-agent --detect --json" in TEXTS[path]


def test_the_user_data_has_a_place_for_address_and_sum() -> None:
    text = TEXTS[EXAMPLES / "cloud-init/user-data.yaml"]
    assert text.startswith("#cloud-config\n")
    assert f"package={cloud_init.ADDRESS}\n" in text
    assert f"sum={cloud_init.SUM}\n" in text
    assert text.index("sha256sum --check") < text.index("apt-get install")
    assert yaml.safe_load(text)["package_update"] is True  # a cloud's image has no lists for apt-get install


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, dict[str, Any]]]:
    """What the plugin asks sos for."""
    asked: list[tuple[str, Any, dict[str, Any]]] = []

    class Plugin:
        def __getattr__(self, name: str) -> Any:
            if not name.startswith("add_"):
                raise AttributeError(name)
            return lambda what=None, **more: asked.append((name, what, more))

        def get_cmd_output_path(self, name: str) -> str:
            return f"/archive/sos_commands/virt_agent/{name}"

    tags = {name: type(name, (), {}) for name in ("IndependentPlugin", "DebianPlugin", "UbuntuPlugin")}
    plugins = types.ModuleType("sos.report.plugins")
    vars(plugins).update(tags, Plugin=Plugin)
    for name, module in (("sos", types.ModuleType("sos")), ("sos.report", types.ModuleType("sos.report"))):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "sos.report.plugins", plugins)
    spec = importlib.util.spec_from_file_location("virt_agent_sos_plugin", PLUGIN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.VirtAgent().setup()
    return asked


def test_the_sos_plugin_runs_commands_that_exist_with_a_limit(collected: list[tuple[str, Any, dict[str, Any]]]) -> None:
    commands = [
        (line, more)
        for name, what, more in collected
        if name == "add_cmd_output"
        for line in ([what] if isinstance(what, str) else what)
    ]
    for line, more in commands:
        program, *words = line.split()
        assert program == "virt-agent"
        assert "--full" not in words
        assert 8 < more["timeout"] < 60
        parse(words)
    assert [line for line, _ in commands][
        -1
    ] == "virt-agent --snapshot /archive/sos_commands/virt_agent/snapshot/guest.tar.gz"
    # sos makes file names of command lines: what is no word character becomes _
    assert {re.sub(r"[^\w\-./]+", "_", line) for line, _ in commands[:-1]} == set(sos.COLLECTED)


def test_the_sos_plugin_takes_no_secrets(collected: list[tuple[str, Any, dict[str, Any]]]) -> None:
    assert [what for name, what, _ in collected if name == "add_copy_spec"] == ["/etc/virt-agent/config.toml"]
    (forbidden,) = [what for name, what, _ in collected if name == "add_forbidden_path"]
    assert sos.SECRET in forbidden


@given(st.dictionaries(st.sampled_from(["local", "far", "guest"]), st.integers(0, 3), min_size=1))
def test_icingas_state_file_is_read_entry_by_entry(states: dict[str, int]) -> None:
    content = b""
    for name, found in [("local", None), *states.items()]:
        service = f"{name}!virt-agent" if found is not None else name  # hosts have entries too
        entry = json.dumps({"name": service, "update": {"last_check_result": {"exit_status": found}}}).encode()
        content += b"%d:%s," % (len(entry), entry)
    assert dict(icinga._states(content)) == {name: {"exit_status": found} for name, found in states.items()}


@pytest.mark.subprocess
def test_a_tool_that_says_something_else_is_unproven(tmp_path: Path) -> None:
    said = run("sh", "-c", "echo 'VIRT-AGENT OK: a | x=1;;;0'; echo more; exit 1", at=tmp_path)
    assert said.expect(1, "more") is said
    for code, text in ((0, ""), (1, "less")):
        with pytest.raises(Unproven, match="exit 1, not exit"):
            said.expect(code, text)
    same_first_line(said, "VIRT-AGENT OK: a\n", "it")
    for other in ("", "VIRT-AGENT WARNING: a"):
        with pytest.raises(Unproven, match="it says"):
            same_first_line(said, other, "it")


def test_the_staged_package_has_what_the_examples_need() -> None:
    files = {target: source for source, target in copied_machine._files()}
    assert all(source.exists() for source in files.values())
    assert {"usr/bin/virt-agent", "etc/virt-agent/config.toml"} <= set(files)
    assert "usr/lib/python3/dist-packages/sos/report/plugins/virt_agent.py" in files


@pytest.mark.subprocess
def test_configurations_of_the_role_are_a_good_and_a_bad_one(tmp_path: Path) -> None:
    for text, code in ((ansible.GOOD, 0), (ansible.BAD, 3)):
        path = tmp_path / "config.toml"
        path.write_text(text)
        words = [sys.executable, "-m", "virt_agent", "--check-config", "--config.file", str(path)]
        done = subprocess.run(words, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": PATHS})
        assert done.returncode == code, done.stderr

"""The units as they are written; what systemd makes of them, tests/hardening.py and the test machine show."""

from __future__ import annotations

import pathlib
import re
import shlex

import pytest

from tests import hardening
from tests.vm.inside import sandbox as trials
from virt_agent import options
from virt_agent.option_table import OPTIONS
from virt_collectors.host import privileged

ROOT = pathlib.Path(__file__).parent.parent
UNITS = ROOT / "systemd"
EXAMPLES = sorted((UNITS / "examples").glob("*.conf"))
PAGE = (ROOT / "docs" / "service.md").read_text()
SERVICE, STATIC, PRIVILEGED = (f"virt-agent{part}.service" for part in ("", "-static", "-privileged"))
SERVICES = (SERVICE, STATIC, PRIVILEGED)
GROUP = "virt-agent-facts"
MANY = {"Documentation", "SystemCallFilter", "IPAddressAllow", "LoadCredential", "Environment", "DeviceAllow"}
KNOWN = {
    "Unit": {"Description", "Documentation", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"},
    "Install": {"WantedBy"},
    "Timer": {"OnBootSec", "OnUnitActiveSec", "AccuracySec"},
    "Service": {
        *("Type", "NotifyAccess", "ExecStart", "ExecReload", "Restart", "RestartSec", "WatchdogSec", "OpenFile"),
        *("TimeoutStartSec", "TimeoutStopSec", "TimeoutAbortSec", "StandardInput", "StandardOutput", "SyslogLevel"),
        *(
            "LogLevelMax",
            "OOMScoreAdjust",
            "ManagedOOMPreference",
            "MemoryMax",
            "TasksMax",
            "LimitCORE",
            "LimitMEMLOCK",
            "User",
            "Group",
        ),
        *("DynamicUser", "RuntimeDirectory", "RuntimeDirectoryMode", "RuntimeDirectoryPreserve", "ReadWritePaths"),
        *("ReadOnlyPaths", "BindReadOnlyPaths"),
        *("LoadCredential", "Environment", "SystemCallErrorNumber", "RemoveIPC", "PrivateDevices", "DeviceAllow"),
        *("PrivateNetwork", "ProtectHostname", "ProtectKernelModules", "PrivateUsers"),
    },
}
# What each of our services has, or says in a comment ("Not KEY=…") why it has not.
SHUT = {
    "AmbientCapabilities": "",
    "DevicePolicy": "closed",
    "IPAddressDeny": "any",
    "KeyringMode": "private",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateMounts": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "ReadOnlyPaths": "/run -/dev/shm",
    "RestrictAddressFamilies": None,
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": None,
    "UMask": "0077",
}
KNOWN["Service"] |= {*SHUT, "CapabilityBoundingSet", "IPAddressAllow"}
ALLOWED = {
    *("localhost", "link-local", "169.254.169.254", "fd00:ec2::254"),
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
}

Lines = list[tuple[str, str, str]]


def read(path: pathlib.Path) -> Lines:
    """Section, key and value of each line."""
    section, found = "", []
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, f"{path.name}: {line!r}"
            found.append((section, key, value))
    return found


def values(path: pathlib.Path, key: str) -> list[str]:
    return [value for _, name, value in read(path) if name == key]


FILES = sorted([*UNITS.glob("*.service"), *UNITS.glob("*.timer"), *EXAMPLES])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_key_is_known_where_it_stands(path: pathlib.Path) -> None:
    lines = read(path)
    for section, key, _ in lines:
        assert key in KNOWN[section], f"{path.name}: {key} in [{section}]"
    keys = [key for _, key, value in lines if value or key not in ("ExecStart", "IPAddressAllow", "IPAddressDeny")]
    assert {key for key in keys if keys.count(key) > 1} <= MANY


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_ascii_and_tells_what_it_is_for(path: pathlib.Path) -> None:
    text = path.read_text()
    assert text.isascii()
    assert text.startswith("# ")
    assert max(map(len, text.splitlines())) <= 130


def commands() -> list[str]:
    return [value for path in FILES for value in values(path, "ExecStart") if value]


@pytest.mark.parametrize("command", commands())
def test_the_command_line_is_one_of_ours(command: str) -> None:
    program, *words = shlex.split(command.replace("${CREDENTIALS_DIRECTORY}", "/run/credentials/virt-agent.service"))
    assert program == "/usr/bin/virt-agent"
    assert options.parse(words).mode in ("serve", "collect-privileged")


def test_environment_of_the_examples_names_options() -> None:
    names = {f"VIRT_AGENT_{option.name.upper().replace('.', '_').replace('-', '_')}" for option in OPTIONS}
    found = {value.partition("=")[0] for path in FILES for value in values(path, "Environment")}
    assert found
    assert found <= names


@pytest.mark.parametrize("name", SERVICES)
def test_it_is_shut_or_says_why_not(name: str) -> None:
    text = (UNITS / name).read_text()
    for key, value in SHUT.items():
        held = values(UNITS / name, key)
        if held:
            assert value is None or value in held, f"{name}: {key}={held}"
        elif key != "AmbientCapabilities" or name == SERVICE:
            assert re.search(rf"^#.*\bNot {key}=", text, re.MULTILINE), f"{name} has no {key}= and no reason"


@pytest.mark.parametrize(("name", "wanted"), [(SERVICE, ""), (STATIC, ""), (PRIVILEGED, "CAP_SYS_ADMIN")])
def test_the_capabilities(name: str, wanted: str) -> None:
    assert values(UNITS / name, "CapabilityBoundingSet") == [wanted]


def test_the_daemon_is_transient_and_in_no_group_of_the_systems() -> None:
    assert values(UNITS / SERVICE, "DynamicUser") == ["yes"]
    assert not values(UNITS / SERVICE, "SupplementaryGroups")
    assert not values(UNITS / SERVICE, "User")


def test_one_group_and_one_directory_join_them() -> None:
    declared = [line.split() for line in (UNITS / "virt-agent.sysusers").read_text().splitlines() if line[0] != "#"]
    assert declared == [["g", GROUP, "-", "-"]]
    for name in SERVICES:
        assert values(UNITS / name, "Group") == [GROUP]
        # systemd refuses a transient user whose name a static group has (systemd.exec(5), DynamicUser=)
        assert name.removesuffix(".service") != GROUP
    for name in (STATIC, PRIVILEGED):
        assert f"/run/{values(UNITS / name, 'RuntimeDirectory')[0]}" == privileged.DIRECTORY
        assert values(UNITS / name, "RuntimeDirectoryPreserve") == ["yes"]
        assert values(UNITS / name, "RuntimeDirectoryMode") == ["1770"]
    assert values(UNITS / SERVICE, "ReadWritePaths") == [f"-{privileged.DIRECTORY}"]


def test_who_may_be_asked_and_may_ask() -> None:
    allowed = {word for value in values(UNITS / SERVICE, "IPAddressAllow") for word in value.split()}
    assert allowed == ALLOWED
    for name in (STATIC, PRIVILEGED):
        assert not values(UNITS / name, "IPAddressAllow")
        assert values(UNITS / name, "PrivateNetwork") == ["yes"]


def test_what_runs_by_itself() -> None:
    enabled = {path.name: values(path, "WantedBy") for path in FILES if values(path, "WantedBy")}
    assert enabled == {SERVICE: ["multi-user.target"], "virt-agent-privileged.timer": ["timers.target"]}
    assert values(UNITS / SERVICE, "Wants") == [STATIC]  # not Requires=: its failure is no failure of the daemon
    assert STATIC in values(UNITS / SERVICE, "After")[0].split()


@pytest.mark.parametrize("name", SERVICES)
def test_it_starts_on_every_machine(name: str) -> None:
    assert not [key for _, key, _ in read(UNITS / name) if key.startswith(("Condition", "Assert"))]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_drop_in_for_the_service(path: pathlib.Path) -> None:
    lines = read(path)
    assert {section for section, _, _ in lines} == {"Service"}
    starts = [value for _, key, value in lines if key == "ExecStart"]
    assert starts == [] or (starts[0] == "" and len(starts) == 2)  # a second command line is refused by systemd


def test_the_page_tells_of_every_option_and_example() -> None:
    for option in trials.options_of((UNITS / SERVICE).read_text()):
        assert f"`{option[0].partition('=')[0]}=" in PAGE, option
    for path in EXAMPLES:
        assert path.name in PAGE


@pytest.mark.parametrize("words", ["Unknown key name {} in section 'Service'", "Unknown key {} in section [Service]"])
def test_an_older_systemd_may_not_know_one_key(words: str) -> None:
    missing, slip = (f"/x.service:9: {words.format(key)}, ignoring." for key in ("'OpenFile'", "'ProtectHmoe'"))
    assert hardening.unexpected([missing, slip], 252) == [slip]
    assert hardening.unexpected([missing], 253) == [missing]


def test_the_scores_have_limits_with_a_drop_in_too() -> None:
    theirs = hardening.Scored("prometheus-node-exporter.service", "", 9.2)
    for unit, drop_in in ((SERVICE, ""), (SERVICE, "kernel-log.conf"), (STATIC, "")):
        assert hardening.too_high([hardening.Scored(unit, drop_in, 1.1), theirs]) == []
        assert len(hardening.too_high([hardening.Scored(unit, drop_in, 4.0), theirs])) == 1


OPTION_TEXTS = {
    "[Unit]\nAfter=a\n[Service]\n# PrivateTmp=no\nType=notify\nPrivateTmp=yes\n\n[Install]\nWantedBy=x\n": [
        ("PrivateTmp=yes",)
    ],
    "[Service]\nIPAddressDeny=any\nUMask=0077\nIPAddressAllow=localhost\n": [
        ("IPAddressDeny=any", "IPAddressAllow=localhost"),
        ("UMask=0077",),
    ],
    "[Service]\nStandardInput=file:/x\nOpenFile=/y\n": [],
}


@pytest.mark.parametrize("text", OPTION_TEXTS)
def test_which_lines_are_tried_on_a_machine(text: str) -> None:
    assert trials.options_of(text) == OPTION_TEXTS[text]


def test_each_sandbox_line_of_the_service_is_tried_once() -> None:
    tried = [line for option in trials.options_of((UNITS / SERVICE).read_text()) for line in option]
    written = [
        f"{k}={v}" for section, k, v in read(UNITS / SERVICE) if section == "Service" and k not in trials.NOT_OF_IT
    ]
    assert sorted(tried) == sorted(written)
    assert len(tried) > 25

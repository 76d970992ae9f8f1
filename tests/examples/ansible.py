"""Ansible: the role run on this machine without a network, the fact read by `setup`, the configuration that is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from . import copied_machine
from .form import COMMAND, EXAMPLES, Said, Tool, Unproven, run

BOOK = EXAMPLES / "ansible" / "playbook.yml"
GOOD = "[kernel_log]\nhours = 48\n"
BAD = "[kernel_log]\nhour = 48\n"


def prove(directory: Path) -> list[str]:
    run("ansible-playbook", "-i", "localhost,", "--syntax-check", BOOK, environment=_home(directory)).expect(0)
    run("dpkg", "--purge", "virt-agent").expect(0)
    first = _play(directory, GOOD).expect(0, "failed=0")
    again = _play(directory, GOOD).expect(0, "changed=0")
    if copied_machine.CONFIGURATION.read_text() != GOOD or "changed=0" in first.out:
        raise Unproven(f"the role wrote no configuration:\n{first.all}{again.all}")
    refused = _play(directory, BAD)
    if not refused.code or copied_machine.CONFIGURATION.read_text() != GOOD or "hour" not in refused.all:
        raise Unproven(f"a wrong configuration is not refused:\n{refused.all[-2000:]}")
    told = _fact(directory)
    _reset()
    return [
        "--syntax-check passes",
        "the role installs a package, writes the configuration and the fact; run again, it changes nothing",
        "a wrong configuration is refused by virt-agent --check-config, and the one before stays",
        f"setup finds ansible_local.virt_agent: hypervisor {told['hypervisor']}, guest_mode {told['guest_mode']}",
        "not run: the tasks tagged service, for no systemd runs here",
    ]


def _reset() -> None:
    """The package's own configuration, for those who come after."""
    copied_machine.CONFIGURATION.unlink()
    run("dpkg", "--force-confmiss", "--install", copied_machine.build()).expect(0)


def _home(directory: Path) -> dict[str, str]:
    return {
        "HOME": str(directory),
        "ANSIBLE_REMOTE_TEMP": str(directory / "remote"),  # not in the home that passwd says
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_NOCOLOR": "1",
    }


def _play(directory: Path, configuration: str) -> Said:
    """The play against this machine, but for what needs a running systemd."""
    package = copied_machine.build()
    given = {"virt_agent_package": str(package), "virt_agent_config": configuration, "virt_agent_service": False}
    local = ("-i", "localhost,", "-c", "local", "-e", "ansible_python_interpreter=/usr/bin/python3")
    return run(
        "ansible-playbook", *local, "-e", json.dumps(given), "--skip-tags", "service", BOOK,
        environment=_home(directory),
    )  # fmt: skip


def _fact(directory: Path) -> dict[str, str]:
    """The fact as `setup` gives it to every play, beside the command's own words."""
    local = ("-i", "localhost,", "-c", "local", "-e", "ansible_python_interpreter=/usr/bin/python3", "localhost")
    said = run("ansible", *local, "-m", "setup", "-a", "filter=ansible_local", environment=_home(directory)).expect(0)
    found = json.loads(said.out.partition("=>")[2])["ansible_facts"]["ansible_local"]["virt_agent"]
    expected = json.loads(run(COMMAND, "--detect", "--json").expect(0).out)
    if not isinstance(found, dict) or any(found[key] != expected[key] for key in ("hypervisor", "guest_mode", "role")):
        raise Unproven(f"setup says {found!r:.500}")
    return found


def prove_lint(directory: Path) -> list[str]:
    words = ("ansible-lint", "--offline", "--profile", "production", "--nocolor", "--strict", "playbook.yml")
    run(*words, environment=_home(directory), at=_tree(directory)).expect(0)
    return ["no complaint, by the strictest profile (production)"]


def _tree(directory: Path) -> Path:
    """The examples alone: ansible-lint looks into the whole repository around them."""
    return Path(shutil.copytree(BOOK.parent, directory / "ansible"))


TOOL = Tool("ansible", ("ansible-core", "python3-apt"), "ansible-playbook", prove)
LINT = Tool("ansible-lint", ("ansible-lint",), "ansible-lint", prove_lint)

"""sudo: the two lines of the check run as root, everything else is refused."""

from __future__ import annotations

from pathlib import Path

from . import copied_machine
from .form import CHECK, COMMAND, EXAMPLES, Said, Tool, Unproven, run, same_first_line

USER = "nagios"
RULE = "/etc/sudoers.d/virt-agent"
REFUSED: tuple[tuple[str, ...], ...] = (
    (COMMAND,),
    (*CHECK, "-v"),
    (COMMAND, "--check", "--config.file", "/etc/shadow"),
    (COMMAND, "--check", "--format", "json"),
    (COMMAND, "--check", "--root", "/var/tmp"),
    (COMMAND, "--snapshot", "/etc/cron.d/evil"),
    (COMMAND, "--collect-privileged", "all"),
    ("VIRT_AGENT_CONFIG_FILE=/etc/shadow", *CHECK),
    ("-u", USER, *CHECK),
    ("/usr/bin/python3", "-c", "pass"),
)


def prove(_directory: Path) -> list[str]:
    run("visudo", "-cf", EXAMPLES / "sudoers").expect(0, "parsed OK")
    grant()
    told_root = [_as_root(words) for words in (CHECK, CHECK[:2])]
    for words in REFUSED:
        refused = run("sudo", "-n", *words, user=USER).expect(1)
        if refused.out:
            raise Unproven(f"sudo runs {' '.join(words)}:\n{refused.all}")
    return [
        "visudo accepts the rule",
        f"{USER} runs --check and --check --format nagios as root: {' and '.join(sorted(set(told_root)))}",
        f"refused: {len(REFUSED)} others, among them one more argument, another option, a variable",
        _as_one_word(),
        _variables(),
    ]


def grant() -> None:
    """The rule at its place, and the user that it names."""
    if run("getent", "passwd", USER).code:
        run("useradd", "--system", "--no-create-home", USER).expect(0)
    copied_machine.put("sudoers", RULE, 0o440)


def _as_root(words: tuple[str, ...]) -> str:
    """What was checked and what was not readable is root's, not the user's."""
    expected = run(*words)
    allowed = run("sudo", "-n", *words, user=USER).expect(expected.code)
    own = run(*words, user=USER)
    same_first_line(expected, allowed.out, "sudo")
    if checked(allowed) != checked(expected):
        raise Unproven(f"by sudo {checked(allowed)}, as root {checked(expected)}")
    if checked(own) == checked(expected):
        return "the same answer, but here root sees no more than others"
    return f"{checked(allowed).split()[0]} rules ok, {checked(own).split()[0]} without sudo"


def checked(said: Said) -> str:
    """The end of a report, which tells what was checked and what was not readable."""
    return said.out.partition("\n  Checked ")[2]


def _as_one_word() -> str:
    """sudo joins the words before it compares, so this one passes it; the command does not know such an option."""
    run("sudo", "-n", COMMAND, " ".join(CHECK[1:]), user=USER).expect(3, "unknown option")
    return "all words as one word: the command refuses it"


def _variables() -> str:
    """A variable that would end the check with an error, were it let through."""
    variables = {"VIRT_AGENT_CONFIG_FILE": "/nonexistent", "PYTHONPATH": "/nonexistent", "VIRT_AGENT_LOG_LEVEL": "?"}
    expected = run(*CHECK)
    allowed = run("sudo", "-n", *CHECK, user=USER, environment=variables)
    if allowed.code != expected.code:
        raise Unproven(f"the caller's variables reach the check: exit {allowed.code}\n{allowed.all}")
    return "the caller's VIRT_AGENT_... variables do not reach it"


TOOL = Tool("sudo", ("sudo",), "visudo", prove)

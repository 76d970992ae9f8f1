"""Follows a GRUB script as GRUB would run it, as far as that can be told from inside the running system.

A value or an outcome that only GRUB has (its platform, a key, a file on a partition that it names itself) is None. What
comes after a condition that is None runs "perhaps": a variable set there to something new is None from then on.
"""

from __future__ import annotations

from ..record import Record
from .condition import holds, negated
from .script import (
    PLAIN,
    QUOTED,
    QUOTED_VARIABLE,
    VARIABLE,
    Command,
    Function,
    If,
    Loop,
    assignment,
    literal,
    parse,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .script import Word

    Statements = Sequence[Record]

# What any GRUB since 2.00 says that it can do (grub-core/normal/main.c, features); which it is, it alone knows.
_FEATURES = frozenset(
    f"feature_{name}"
    for name in (
        *("chainloader_bpb", "ntldr", "platform_search_hint", "default_font_path", "all_video_module"),
        *("menuentry_id", "menuentry_options", "200_final", "nativedisk_cmd", "timeout_style"),
    )
)
_OWN = ("grub_platform", "grub_cpu", "root", "cmdpath", "chosen", "?", "@", "*", "#")
_OPTIONS_THAT_SET = ("--set", "-s")
_NESTED, _EFFORT, _VALUE_LIMIT = 30, 100_000, 4096
_LETTERS = 64  # of a text that stands in the script, for one step of effort


class Lost(Exception):
    """The script cannot be followed; says why."""


class LoaderEntry(Record):
    """A file of boot/loader/entries; `script` is what GRUB's blscfg makes of it."""

    id: str
    title: str
    script: tuple[Record, ...]


class Surroundings:
    """The files that a script can ask for. Paths are as GRUB has them; None where they lead out of what is known."""

    def has(self, operator: str, path: str) -> bool | None:
        """Whether `test` would find it: -e, -f, -d, and -s where it is not empty."""
        raise NotImplementedError

    def text(self, path: str) -> str | None:
        """A script to be run in place, "" where there is none."""
        raise NotImplementedError

    def environment(self, path: str) -> Mapping[str, str] | None:
        """An environment block's variables."""
        raise NotImplementedError

    def loader_entries(self) -> tuple[LoaderEntry, ...] | str:
        """boot/loader/entries in the order of the menu; or what keeps them from being read."""
        raise NotImplementedError


class Effort:
    """What may still be done, for all shells of one menu together."""

    def __init__(self) -> None:
        self._left = _EFFORT

    def spend(self, amount: int) -> None:
        """Lost where a script is longer than any that people have."""
        self._left -= amount
        if self._left < 0:
            raise Lost("does more than can be followed")


class Shell:
    """Variables, functions and control flow. `blind` says why the menu may hold more than is known, or another default."""

    def __init__(
        self, surroundings: Surroundings, variables: Mapping[str, str | None], above: Shell | None = None
    ) -> None:
        self.surroundings = surroundings
        self.effort: Effort = above.effort if above else Effort()
        self.blind: str | None = None
        self._above = above
        self._variables: dict[str, str | None] = dict(variables)
        self._functions: dict[str, Statements] = above._functions if above else {}  # noqa: SLF001  its own kind
        self._arguments: list[Sequence[str | None]] = []
        self._forgetful = False  # an environment block could not be read
        self._left = False  # by return or exit
        self._nested = 0

    def value(self, name: str) -> str | None:
        """A variable's value, "" where it is not set."""
        if name.isdecimal():
            given = self._arguments[-1] if self._arguments else ()
            return given[int(name) - 1] if len(name) < 4 and 0 < int(name) <= len(given) else ""
        if name in self._variables:
            return self._variables[name]
        if self._above:
            return self._above.value(name)
        if name in _OWN or name.startswith(("net_", "pxe_")):
            return None
        return "y" if name in _FEATURES else None if self._forgetful or name.startswith("feature_") else ""

    def assign(self, name: str, value: str | None, sure: bool) -> None:
        """Set a variable, surely or perhaps."""
        if value is not None and len(value) > _VALUE_LIMIT:
            value = None
        if sure or self.value(name) != value:
            self._variables[name] = value if sure else None

    def hide(self, why: str) -> None:
        """From here on there may be more than is known."""
        self.blind = self.blind or why

    def run(self, statements: Statements, sure: bool) -> bool | None:
        """The outcome of the last command; Lost where it is too much."""
        outcome: bool | None = True
        self._nested += 1
        if self._nested > _NESTED:
            raise Lost("calls itself")
        for statement in statements:
            self.effort.spend(1)
            certain = sure and not self._left
            if isinstance(statement, Command):
                outcome = self._command(statement, certain)
            elif isinstance(statement, If):
                outcome = self._if(statement, certain)
            elif isinstance(statement, Loop):
                self._loop(statement)
            elif isinstance(statement, Function):
                self._functions[statement.name] = statement.body
        self._nested -= 1
        return outcome

    def _if(self, statement: If, sure: bool) -> bool | None:
        for condition, body in statement.branches:
            outcome = self.run(condition, sure)
            if outcome is not False:
                self.run(body, sure and outcome is True)
            if outcome is True:
                return None
            sure = sure and outcome is False
        self.run(statement.otherwise, sure)
        return None

    def _loop(self, statement: Loop) -> None:
        first = statement.head[0] if statement.head else None
        if statement.kind == "for" and isinstance(first, Command) and first.words:
            self.assign(literal(first.words[0]), None, sure=True)
        self.run(statement.head, sure=False)
        self.run(statement.body, sure=False)

    def _command(self, command: Command, sure: bool) -> bool | None:
        signs = 0
        while command.words[signs : signs + 1] == (((PLAIN, "!"),),):
            signs += 1
        self.effort.spend(signs)
        outcome = self._without_signs(Command(command.words[signs:], command.block), sure)
        return negated(outcome) if signs % 2 else outcome

    def _without_signs(self, command: Command, sure: bool) -> bool | None:
        words = command.words
        self.effort.spend(len(words))
        if len(words) == 1 and assignment(words[0]):
            return self._assign(words[0], sure)
        names = self.expand(words[:1])
        name = names[0] if names else ""
        if name is None:
            self.hide("runs a command whose name only GRUB knows")
        if name in self._functions:
            return self._call(name, [*names[1:], *self.expand(words[1:])], sure)
        known = self.commands.get(name or "")
        return known(self, command, sure) if known else self._other(command)

    def _other(self, command: Command) -> bool | None:
        """Any other command: what it says it sets is not known afterwards (search --set=root …)."""
        arguments = [text or "" for text in self.expand(command.words[1:])]
        for at, argument in enumerate(arguments):
            option, _, name = argument.partition("=")
            if option in _OPTIONS_THAT_SET:
                given = name or "".join(arguments[at + 1 : at + 2])
                self._variables[given.rpartition(":")[2]] = None
        return None

    def _call(self, name: str, arguments: Sequence[str | None], sure: bool) -> bool | None:
        left = self._left
        self._arguments.append(arguments)
        outcome = self.run(self._functions[name], sure)
        self._arguments.pop()
        self._left = left  # return leaves the function alone
        return outcome

    # commands: each takes all its words and block, and whether it surely runs

    def _set(self, command: Command, sure: bool) -> bool | None:
        return self._assign(command.words[1], sure) if len(command.words) > 1 else True

    def _assign(self, word: Word, sure: bool) -> bool | None:
        given = assignment(word)
        if given:
            whole = tuple((QUOTED_VARIABLE if kind == VARIABLE else kind, text) for kind, text in given[1])
            self.assign(given[0], self.expand([((QUOTED, ""), *whole)])[0], sure)
        return True

    def _unset(self, command: Command, sure: bool) -> bool | None:
        for name in self.expand(command.words[1:]):
            self.assign(name or "", "", sure)
        return True

    def _change(self, command: Command, _sure: bool) -> bool | None:
        for name in self.expand(command.words[1:]):
            self._variables[name or ""] = None
        return None

    def _load_env(self, command: Command, sure: bool) -> bool | None:
        arguments = self.expand(command.words[1:])
        path: str | None = f"{self.value('prefix')}/grubenv"
        if "-f" in arguments[:-1]:
            path = arguments.pop(arguments.index("-f") + 1)
        names = [argument for argument in arguments if not (argument or "").startswith("-")]
        found = None if path is None else self.surroundings.environment(path)
        if found is None:
            self._forgetful = True
        for name, value in (found or {}).items():
            if not names or name in names:
                self.assign(name, value, sure)
        return None

    def _source(self, command: Command, sure: bool) -> bool | None:
        path = [*self.expand(command.words[1:2]), None][0]
        text = None if path is None else self.surroundings.text(path)
        if text is None:
            self.hide(f"takes in {path or 'a file'}, which is not to be seen from here")
            return None
        self.effort.spend(len(text))
        script = parse(text)
        if script.problem:
            self.hide(f"takes in {path}, which {script.problem}")
        return self.run(script.statements, sure)

    def _hand_over(self, command: Command, sure: bool) -> bool | None:
        self._source(command, sure)
        return self._leave(command, sure)

    def _unseen(self, _command: Command, _sure: bool) -> bool | None:
        self.hide("runs what stands in no script")
        return None

    def _leave(self, _command: Command, _sure: bool) -> bool | None:
        self._left = True
        return None

    def _bracket(self, command: Command, _sure: bool) -> bool | None:
        arguments = self.expand(command.words[1:])
        return holds(arguments[:-1], self.surroundings.has) if arguments[-1:] == ["]"] else None

    def _test(self, command: Command, _sure: bool) -> bool | None:
        return holds(self.expand(command.words[1:]), self.surroundings.has)

    commands: dict[str, Callable[[Any, Command, bool], bool | None]] = {
        "set": _set,
        "unset": _unset,
        "load_env": _load_env,
        "source": _source,
        ".": _source,
        "configfile": _hand_over,
        "[": _bracket,
        "test": _test,
        "true": lambda _shell, _command, _sure: True,
        "false": lambda _shell, _command, _sure: False,
        **dict.fromkeys(("return", "exit", "normal_exit", "break", "continue"), _leave),
        **dict.fromkeys(("eval", "extract_entries_source", "legacy_source", "legacy_configfile"), _unseen),
        **dict.fromkeys(("read", "increment", "decrement"), _change),
    }

    # words

    def expand(self, words: Sequence[Word]) -> list[str | None]:
        """The words with their variables' values; None for one that holds a value which is not known."""
        return [text for word in words for text in self._expand(word)]

    def _expand(self, word: Word) -> list[str | None]:
        found: list[list[str]] = [[]]  # the pieces of each text, put together once
        quoted = False
        self.effort.spend(len(word) - 1)
        for kind, text in word:
            quoted = quoted or kind not in (PLAIN, VARIABLE)
            if kind in (PLAIN, QUOTED):
                self.effort.spend(len(text) // _LETTERS)
                found[-1].append(text)
                continue
            value = self.value(text)
            if value is None:
                return [None]
            self.effort.spend(len(value))
            first, *more = value.split(" ") if kind == VARIABLE else [value]
            found[-1].append(first)
            found += [[each] for each in more]
        return [text for text in map("".join, found) if text or quoted]

"""virt-agent(1), made from the table of options and the exit codes."""

from __future__ import annotations

import command_prose as prose
import origin
from roff import Page, bold, italic, marked, options_bold, plain

from virt_agent import __main__ as command
from virt_agent import __version__
from virt_agent.config import DEFAULT
from virt_agent.option_table import FORMATTED_AS_JSON, GOES_WITH, OPTIONS, Option
from virt_agent.readiness import form as readiness
from virt_agent.report import EXIT_CODES
from virt_agent.verdict import Layers, Verdict
from virt_collectors.collect import COLLECTORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def page() -> Page:
    """The whole page."""
    made = Page(
        "virt-agent", 1, "what this guest runs on, and whether its drivers are healthy", origin.date(), __version__
    )
    made.heading("SYNOPSIS")
    for words in ("--check", "--detect", "--json", "--serve", "--readiness TARGET", "--snapshot FILE"):
        mode, _, value = words.partition(" ")
        made.line(f"{bold('virt-agent')} {bold(mode)} {italic(value) + ' ' if value else ''}[{italic('OPTIONS')}]")
    made.line(f"{bold('virt-agent')} {italic('MODE')} [{italic('OPTIONS')}]")
    made.heading("DESCRIPTION")
    made.prose(prose.DESCRIPTION)
    made.heading("MODES")
    for option in OPTIONS:
        if option.mode:
            made.term(head(option), *modes_body(option))
    _options(made)
    for part in (_collectors, _environment, _files, _units_and_signals, _exit_status, _examples, _see_also):
        part(made)
    return made


def head(option: Option) -> str:
    """`-q, --quiet`; `--root DIR-OR-TAR`; `--collector.NAME`."""
    name, dot, variable = option.name.partition(".")
    long = bold(f"--{name}.") + italic(variable) if variable.isupper() else bold(f"--{name}{dot}{variable}")
    short = f"{bold('-' + option.short)}, " if option.short else ""
    return f"{short}{long}" + (f" {italic(option.value)}" if option.value else "")


def sentence(text: str) -> str:
    """A help text with a capital and a full stop."""
    return options_bold(text[0].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else "."))


def modes_body(option: Option) -> tuple[str, ...]:
    """What a mode does, then more of it."""
    more = prose.MODES.get(option.name, ())
    as_json = ("With `--json`, as a JSON document.",) if option.name in FORMATTED_AS_JSON else ()
    return (_joined(option, (*more, *as_json)),)


def _options(made: Page) -> None:
    made.heading("OPTIONS")
    grouped = {name for names in prose.GROUPS.values() for name in names}
    rest = tuple(option.name for option in OPTIONS if not option.mode and option.name not in grouped)
    for title, names in {**prose.GROUPS, prose.OTHERS: rest}.items():
        present = [option for option in OPTIONS if option.name in names and not option.mode]
        if present:
            made.subheading(title)
        for option in sorted(present, key=lambda each: names.index(each.name)):
            made.term(head(option), *_options_body(option))


def _options_body(option: Option) -> tuple[str, ...]:
    more = [text % _expectations() if "%s" in text else text for text in prose.OPTIONS.get(option.name, ())]
    modes = GOES_WITH.get(option.name, ())
    told = [mode for mode in modes if f"--{mode}" in option.help]
    more += [f"Goes with {_listed(f'`--{mode}`' for mode in modes)}."] if modes and not told else []
    more += [_elsewhere(option)] if option.environment else []
    return (_joined(option, more),)


def _elsewhere(option: Option) -> str:
    key = f"the key `{option.key}` of `virt-agent.toml`(5), and " if option.key else ""
    return f"Also {key}`{option.environment}` in the environment."


def _joined(option: Option, more: Iterable[str]) -> str:
    return " ".join([sentence(option.help), *map(marked, more)])


def _expectations() -> str:
    names = [name for name in (*Verdict.fields, *Layers.fields) if name not in ("layers", "evidence", "conflicts")]
    return _listed(f"`{name}`" for name in names)


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _collectors(made: Page) -> None:
    made.heading("COLLECTORS")
    made.prose("In the order in which they run; `--json` has how each ended, and after how long.")
    by_default = [each.name for each in COLLECTORS if not each.optional]
    asked_for = [each.name for each in COLLECTORS if each.optional]
    made.term("By default", plain(", ".join(by_default)))
    made.term("Only where a mode needs them, or asked for", plain(", ".join(asked_for)))


def _environment(made: Page) -> None:
    made.heading("ENVIRONMENT")
    made.prose(prose.VARIABLES)
    made.table((bold(each.environment), bold(f"--{each.name}")) for each in OPTIONS if each.environment)
    made.subheading("Others")
    for name, text in {**prose.ENVIRONMENT, **prose.ENVIRONMENT_SYSTEMD}.items():
        made.term(bold(name), marked(text))


def _files(made: Page) -> None:
    made.heading("FILES")
    for path, text in {DEFAULT: prose.CONFIGURATION, **prose.FILES}.items():
        made.term(italic(path), marked(text))


def _units_and_signals(made: Page) -> None:
    for title, told in (("UNITS", prose.UNITS), ("SIGNALS", prose.SIGNALS)):
        made.heading(title)
        for name, text in told.items():
            made.term(bold(name), marked(text))


def _exit_status(made: Page) -> None:
    made.heading("EXIT STATUS")
    for mode, codes in exit_codes().items():
        made.term(bold(mode), plain("; ".join(f"{code} {words}" for words, code in codes.items()) + "."))
    made.term("The other modes", plain("0 where they did what they are for."))
    made.term("All of them", plain(f"{command.BAD_ARGUMENTS} for bad arguments, a bad configuration or a damaged snapshot;"
                                   f" {command.CANNOT_TELL} where they could not write."))  # fmt: skip


def exit_codes() -> dict[str, dict[str, int]]:
    """By mode: what each code means."""
    return {
        "--check": {**EXIT_CODES, "where --expect differs, whatever the status": 2},
        "--json, --detect": {"printed": 0, "where --expect differs": 2},
        "--readiness": dict(readiness.EXIT_CODES),
        "--diff": {"nothing changed": 0, "something changed": 1},
        "--check-config": {"no error": 0, "an error": command.BAD_ARGUMENTS},
    }


def _examples(made: Page) -> None:
    made.heading("EXAMPLES")
    for text, lines in prose.EXAMPLES:
        made.prose(text)
        made.example(lines)


def _see_also(made: Page) -> None:
    made.heading("SEE ALSO")
    made.paragraph(", ".join(f"{bold(name)}({section})" for name, section in prose.SEE_ALSO))

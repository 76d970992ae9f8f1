"""What `packaging/manual` makes of a text: it is shown as it is, and is never a command to the formatter."""

from __future__ import annotations

import importlib.util
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import documents
from tests.roff import told


def _roff() -> Any:
    spec = importlib.util.spec_from_file_location("manual_roff", documents.TOP / "packaging" / "manual" / "roff.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROFF = _roff()
PRINTABLE = st.text(string.ascii_letters + string.digits + string.punctuation + " ")


@given(PRINTABLE)
def test_text_is_shown_as_it_is(text: str) -> None:
    assert told(ROFF.plain(text)) == text


@given(st.lists(PRINTABLE))
def test_no_text_is_a_command_to_the_formatter(texts: list[str]) -> None:
    page = ROFF.Page("virt-agent", 1, "words", "2026-09-21", "0")
    before = len(page.text().splitlines())
    for text in texts:
        page.paragraph(ROFF.plain(text))
        page.example(text)
        page.steps([text])
    lines = page.text().splitlines()[before:]
    commands = {line.partition(" ")[0] for line in lines if line.startswith((".", "'"))}
    assert commands <= {".PP", ".PD", ".RS", ".IP", ".RE", ".in", ".EX", ".EE", ".nh"}
    shown = told(" ".join(line for line in lines if not line.startswith("."))).split()
    assert shown == [word for text in texts for _ in range(3) for word in text.split()]


@given(st.text())
def test_what_is_no_printable_ascii_is_refused(text: str) -> None:
    if text.isascii() and text.isprintable():
        assert told(ROFF.plain(text)) == text
    else:
        with pytest.raises(ROFF.Unprintable, match="not printable"):
            ROFF.plain(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`--check` and {FILE}", r"\fB\-\-check\fR and \fIFILE\fR"),
        ("no mark", "no mark"),
        ("`a {b} c`", r"\fBa {b} c\fR"),
    ],
)
def test_marks_of_our_own_prose(text: str, shown: str) -> None:
    assert ROFF.marked(text) == shown


@pytest.mark.parametrize("text", ["an open `mark", "an open {mark"])
def test_a_mark_that_is_not_closed_is_an_error(text: str) -> None:
    with pytest.raises(ROFF.Unprintable, match="not closed"):
        ROFF.marked(text)

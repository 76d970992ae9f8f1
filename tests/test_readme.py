"""README.md: its commands are taken by the parser, its links lead somewhere, and it leads to every document."""

from __future__ import annotations

import re
import shlex

from tests import documents
from virt_agent.options import parse

README = documents.TOP / "README.md"


def commands_of_readme() -> list[list[str]]:
    """Its lines and code spans that begin with the command; what the shell does with the output is left out."""
    text = README.read_text()
    lines = re.findall(r"(?m)^ {4}(?:\$ )?(?:sudo )?(?:\.venv/bin/)?(virt-agent .*)$", text)
    spans = re.findall(r"`(?:sudo )?(virt-agent .*?)`", text)
    return [shlex.split(line.partition(" >> ")[0])[1:] for line in (*lines, *spans)]


def test_the_commands_of_the_readme_are_taken_by_the_parser() -> None:
    found = commands_of_readme()
    assert len(found) > 15
    for words in found:
        assert parse(words).mode, words


def test_the_readme_leads_to_documents_that_are_there() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", README.read_text())
    assert len(links) > 10
    assert [link for link in links if not (documents.TOP / link).exists()] == []
    listed = {link for link in links if link.startswith("docs/")}
    assert {f"docs/{path.name}" for path in (documents.TOP / "docs").glob("*.md")} <= listed

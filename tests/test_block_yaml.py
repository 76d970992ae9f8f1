"""The reader of netplan's part of YAML: what it reads, and that it never guesses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from virt_collectors.errors import Malformed
from virt_collectors.named_devices.block_yaml import Node, parse

UNREAD = "not read: "


def plain(node: Node) -> Any:
    """The values alone."""
    if node.why is not None:
        return UNREAD + node.why
    if isinstance(node.value, dict):
        return {key: plain(each) for key, each in node.value.items()}
    return [plain(each) for each in node.value] if isinstance(node.value, tuple) else node.value


def read(text: str) -> Any:
    return plain(parse("etc/x.yaml", text.split("\n")))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ""),
        ("# nothing\n\n---\n", ""),
        ("---\na: b\n", {"a": "b"}),
        ("a: b # c\n", {"a": "b"}),
        ("a: b#c\n", {"a": "b#c"}),
        ("a:\t b\t# c", {"a": "b"}),
        ("a:\n  b:\n    c: d\n  e: f\ng:\n", {"a": {"b": {"c": "d"}, "e": "f"}, "g": ""}),
        ("a: # c\n   # d\n    b: c\n", {"a": {"b": "c"}}),
        ("mac: 02:ab:cd:ef:00:01\r\n", {"mac": "02:ab:cd:ef:00:01"}),
        ("a: 'it''s'\nb: \"x: \\\"#\\\" y\" # c\n", {"a": "it's", "b": 'x: "#" y'}),
        ("\"a b\": c\n'd': e", {"a b": "c", "d": "e"}),
        ("a: no\nb: 0755\nc: ~\n", {"a": "no", "b": "0755", "c": "~"}),
        ("a:\n- b\n- c\nd: e\n", {"a": ["b", "c"], "d": "e"}),
        ("a:\n  - b\n  -\n  - c: d\n    e: f\n  - - g\n    - h\n", {"a": ["b", "", {"c": "d", "e": "f"}, ["g", "h"]]}),
        ("- a\n-\n  b: c\n", ["a", {"b": "c"}]),
        ("- 'a: b'\n- {c: d}\n", ["a: b", {"c": "d"}]),
        ("a: {}\nb: []\nc: {d: {e: [f, 'g', \"h\"]}, i: }\n", {"a": {}, "b": [], "c": {"d": {"e": ["f", "g", "h"]}, "i": ""}}),
        ("a: {b: 02:ab:cd:ef:00:01,c: d , e}\n", {"a": {"b": "02:ab:cd:ef:00:01", "c": "d", "e": ""}}),
        ("a: [b, # c\n d,\n\n e\n  ]  # f\ng: h\n", {"a": ["b", "d", "e"], "g": "h"}),
        ("a: [fe80::1/64, en*]\n", {"a": ["fe80::1/64", "en*"]}),
    ],
)  # fmt: skip
def test_what_is_read(text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: |\n  b: c\n\n  # d\ne: f\n", {"a": UNREAD + "begins with '|'", "e": "f"}),
        ("a: >-\n  b\ne: f\n", {"a": UNREAD + "begins with '>'", "e": "f"}),
        ("a: &x\n  b: c\ne: *x\n", {"a": UNREAD + "begins with '&'", "e": UNREAD + "begins with '*'"}),
        ("a: &x\n- b: c\n  d: e\n- f\ng: h\n", {"a": UNREAD + "begins with '&'", "g": "h"}),
        ("- &x a\n- b\n", [UNREAD + "begins with '&'", "b"]),
        ("a: !secret b\n", {"a": UNREAD + "begins with '!'"}),
        ("a: b\n  c\nd: e\n", {"a": UNREAD + "goes over several lines", "d": "e"}),
        ("a: 'b' c\nd: e", {"a": UNREAD + "goes on after its quotation mark", "d": "e"}),
        ("a: b: c\nd: e", {"a": UNREAD + "has two colons", "d": "e"}),
        ("a: b\na: c\nd: e\n", {"a": UNREAD + "'a' is there twice", "d": "e"}),
        ("a: {b: c, b: d}\n", {"a": {"b": UNREAD + "'b' is there twice"}}),
        ("a: ]\n", {"a": UNREAD + "begins with ']'"}),
        ("a: - b\nc: -d\n", {"a": UNREAD + "begins with '-'", "c": "-d"}),
        ("- a\n- *b\n", ["a", UNREAD + "begins with '*'"]),
    ],
)
def test_what_is_beyond_it_says_so_and_what_stands_around_it_is_read(text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a:\n\tb: c", "line 2 is indented by a tab"),
        ("a: 'b\rc: d'", "line 1 has a line's end in its middle"),
        ("a: b\n# c\u2028d: e", "line 2 has a line's end in its middle"),
        ("a: b\n---\nc: d", "line 2 has not the form key: value"),
        ("a:\n    b: c\n  d: e", "line 3 is not indented as the lines above"),
        ("  a: b\nc: d", "line 2 is not indented as the lines above"),
        ("- a\nb: c", "line 2 is not indented as the lines above"),
        ("a:\n  b: c\n  - d", "line 3 is not indented as the lines above"),
        ("hello", "line 1 has not the form key: value"),
        ("a: b\n? c\n: d", "line 2 has not the form key: value"),
        ("<<: *a", "line 1 has not the form key: value"),
        ("%YAML 1.1", "line 1 has not the form key: value"),
        ("{a: b}", "line 1 has not the form key: value"),
        ("a # b: c", "line 1 has not the form key: value"),
        ("'a'b: c", "line 1 has not the form key: value"),
        ("a: 'b\n  c'", "line 1 has a quotation mark that is not closed"),
        ('"a: b', "line 1 has a quotation mark that is not closed"),
        ('a: "\\x41"', "line 1 has an escape that is not known here"),
        ('a: "\\', "line 1 has an escape that is not known here"),
        ("a: {b: c", "line 1 ends inside a bracket"),
        ("a: [b\nc: d", "line 2 has not the form of a list in brackets"),
        ("a: [b, c}", "line 1 has not the form of a list in brackets"),
        ("a: [b] c", "line 1 goes on after its bracket"),
        ("a: {b: &x c}", "line 1 has '&' in brackets"),
        ("a: [b,, c]", "line 1 has ',' in brackets"),
        ("a: {{b: c}: d}", "line 1 has not the form of a list in brackets"),
        ("a: " + "[" * 30, "line 1 is nested too deeply"),
        ("- " * 30 + "a", "line 1 is nested too deeply"),
        ("\n".join(" " * n + "a:" for n in range(30)), "line 26 is nested too deeply"),
    ],
)
def test_what_cannot_be_told_apart_makes_the_file_malformed(text: str, why: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(text)
    assert (caught.value.why, caught.value.path) == (why, "etc/x.yaml")


def test_nodes_know_their_lines() -> None:
    lines = ["# c", "a:", "  b: c", "  d:", "    - e", "    - {f: g,", "       h: i}", ""]
    document = parse("x", lines).value
    assert isinstance(document, dict)
    inside = document["a"].value
    assert isinstance(inside, dict)
    items = inside["d"].value
    assert isinstance(items, tuple)
    last = items[1].value
    assert isinstance(last, dict)
    nodes = [document["a"], inside["b"], inside["d"], *items, last["f"], last["h"]]
    assert [node.line for node in nodes] == [2, 3, 4, 5, 6, 6, 7]


# Written by us, read by it

WORDS = st.from_regex(r"[a-z0-9.*/][a-z0-9.*/:-]{0,8}[a-z0-9]", fullmatch=True).filter(lambda word: word[0] != "*")
VALUES = st.recursive(
    WORDS | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6).map(lambda text: ("'", text)),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(WORDS, inner, min_size=1, max_size=3),
    max_leaves=10,
)


def value_of(written: Any) -> Any:
    if isinstance(written, dict):
        return {key: value_of(each) for key, each in written.items()}
    if isinstance(written, list):
        return [value_of(each) for each in written]
    return written[1] if isinstance(written, tuple) else written


def in_brackets(written: Any) -> str:
    if isinstance(written, dict):
        return "{" + ", ".join(f"{key}: {in_brackets(each)}" for key, each in written.items()) + "}"
    if isinstance(written, list):
        return "[" + ", ".join(map(in_brackets, written)) + "]"
    return "'" + written[1].replace("'", "''") + "'" if isinstance(written, tuple) else str(written)


def in_blocks(written: Any, indent: str = "") -> str:
    if isinstance(written, dict):
        return "".join(f"{indent}{key}:{_below(each, indent)}" for key, each in written.items())
    return "".join(f"{indent}-{_below(each, indent)}" for each in written)


def _below(written: Any, indent: str) -> str:
    inside = isinstance(written, (dict, list))
    return f" # c\n{in_blocks(written, indent + '  ')}" if inside else f" {in_brackets(written)}\n"


@given(st.dictionaries(WORDS, VALUES, min_size=1, max_size=4))
def test_everything_that_is_written_is_read_back_in_either_form(document: dict[str, Any]) -> None:
    assert read(in_blocks(document)) == value_of(document)
    assert read(f"a: {in_brackets(document)}\n") == {"a": value_of(document)}


PIECES = st.sampled_from(
    [
        "a",
        "b",
        ":",
        ": ",
        "- ",
        "-",
        "{",
        "}",
        "[",
        "]",
        ",",
        "#",
        " #",
        "\n",
        "\n  ",
        "\t",
        "'",
        '"',
        "\\",
        "&",
        "*",
        "|",
        " ",
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60))
@example("a: [")
@example("-")
@example('"')
@example("a: {\n")
@example("'':")
def test_any_text_is_a_document_or_malformed(text: str) -> None:
    lines = text.split("\n")
    try:
        found = parse("x", lines)
    except Malformed as error:
        named = error.why.split()[1]
    else:
        assert len(str(plain(found))) <= 200 * (len(text) + 1)
        named = str(found.line)
    assert 1 <= int(named) <= len(lines)

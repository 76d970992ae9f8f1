"""The form of a target: a parser that eats foreign bytes, what it promises of any of them, and where fuzzing begins.

An input is bytes. A target that needs several texts, or files with their paths, takes it apart by separators, so that an
input stays readable, can be written by hand, and another byte in one part leaves the others as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from virt_collectors.errors import SourceError
from virt_collectors.host.tree import MemoryTree

PART = b"\n----\n"
_FILE, _LINK, _FOLDER = b"f ", b"l ", b"d "
_MOST_FILES = 200

Seeds = Callable[[], Iterable[bytes]]


class Target(NamedTuple):
    """`run` raises where the promise is not kept; `most` bounds an input's bytes."""

    name: str
    promise: str
    run: Callable[[bytes], None]
    seeds: Seeds
    most: int = 4096


def nothing() -> tuple[bytes, ...]:
    """Of a target whose kept inputs are enough to begin with."""
    return ()


def parts(data: bytes, count: int) -> list[bytes]:
    """Exactly so many parts; those that are not there are empty, what is behind the last belongs to it."""
    found = data.split(PART, count - 1)
    return found + [b""] * (count - len(found))


def joined(*given: bytes) -> bytes:
    """The input that parts() takes apart."""
    return PART.join(given)


def text(data: bytes) -> str:
    """As a Host's readers make text of bytes."""
    return data.decode("utf-8", "replace")


def tree(data: bytes) -> MemoryTree:
    """A machine's files: in each part a line of kind and path, "f proc/uptime", and behind it the content."""
    made = MemoryTree()
    for part in data.split(PART)[:_MOST_FILES]:
        head, _, content = part.partition(b"\n")
        path = "/".join(word for word in head[2:].decode("utf-8", "surrogateescape").split("/") if word)
        if head.startswith(_FILE):
            made.add(path, content)
        elif head.startswith(_LINK):
            made.add(path, content.decode("utf-8", "surrogateescape"))
        elif head.startswith(_FOLDER):
            made.add(path, None)
    return made


def files(entries: Mapping[str, object]) -> bytes:
    """The input of some files: text, bytes, a link as {"symlink": …}, a folder as None, as tests/cases has them."""
    return joined(*(_entry(path.rstrip("/").encode(), content) for path, content in entries.items()))


def _entry(path: bytes, content: object) -> bytes:
    if content is None:
        return _FOLDER + path + b"\n"
    if isinstance(content, dict):
        target = content.get("symlink")
        if target is None:
            return _FILE + path + b"\n" + bytes.fromhex(content["hex"])
        return _LINK + path + b"\n" + str(target).encode()
    return _FILE + path + b"\n" + (content if isinstance(content, bytes) else str(content).encode())


def refused(ask: Callable[[], object], *errors: type[Exception]) -> Exception | None:
    """The error that was stated for a refusal, in one short line; any other is raised. None where there was an answer."""
    stated = errors or (SourceError,)
    try:
        ask()
    except stated as error:
        # a path is a name of the machine's own, which who prints it cleans
        one_line(error.why if isinstance(error, SourceError) else str(error))
        return error
    return None


def one_line(message: str, most: int = 1000) -> None:
    """A message that a person reads on a terminal."""
    assert message, "an empty message"
    assert len(message) <= most, f"a message of {len(message)} characters"
    assert message.isprintable(), f"a message that is not printable: {message!r}"


def as_json(value: object) -> bytes:
    """A seed of JSON."""
    return json.dumps(value).encode()

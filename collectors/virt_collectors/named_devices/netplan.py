"""netplan's files, /{usr/lib,etc,run}/netplan/*.yaml, and cloud-init's switch for writing them (netplan-yaml.md).

All are read in the order of their names, whichever folder they lie in; one in /run takes the place of one of the same
name in /etc, that of one in /usr/lib. A later file adds to what an earlier one says of an interface. An interface
without `match` is the card of that very name.
"""

from __future__ import annotations

from ..device_names import Files, NameUse, Netplan, use
from ..errors import Malformed
from ..record import Record, replace
from .block_yaml import Node, parse
from .interfaces import address, fits_any, is_name

_FOLDERS = ("usr/lib/netplan", "etc/netplan", "run/netplan")
_CLOUD = "etc/cloud/cloud.cfg.d"
_MATCH = ("name", "macaddress", "driver")
_LIMIT = 256 << 10  # bytes of a file; cloud-init writes some hundred
_INTERFACES_LIMIT = 64


class _Interface(Record):
    """What the files so far say of one interface, and where it is called by its name."""

    path: str
    line: int
    text: str
    match: dict[str, tuple[str, ...]] | None = None
    set_name: str | None = None


class _Unread(Exception):
    """Something that matters was not read; with its line."""

    def __init__(self, node: Node, why: str) -> None:
        super().__init__(why)
        self.line = node.line


def read(files: Files) -> tuple[tuple[Netplan, ...], tuple[NameUse, ...]]:
    """The interfaces that are cards, and the lines that call one by a name of the kernel's.

    An interface of which something was not read is not told at all, but as a problem.
    """
    paths = {path.rpartition("/")[2]: path for folder in _FOLDERS for path in files.below(folder, "*.yaml")}
    found: dict[str, _Interface] = {}
    lost = {"lo"}
    for _, path in sorted(paths.items()):
        lost |= _add(files, path, found)
    known = [(name, interface) for name, interface in found.items() if name not in lost]
    if len(known) > _INTERFACES_LIMIT:
        files.tell(
            known[-1][1].path, f"is one of files with more than {_INTERFACES_LIMIT} interfaces; not all are told"
        )
    plans = [(plan(name, interface), interface) for name, interface in known[:_INTERFACES_LIMIT]]
    by_name = [(planned.name, each) for planned, each in plans if not each.match or "name" in each.match]
    uses = tuple(use(each.path, each.line, name, each.text) for name, each in by_name if is_name(name))
    return tuple(planned for planned, _ in plans), uses


def plan(name: str, interface: _Interface) -> Netplan:
    """One interface; an empty `match` fits every card."""
    path, match, set_name = interface.path, interface.match, interface.set_name
    if match is None:
        return Netplan(path, name)
    matched, mac = (next(iter(match.get(key, ())), "") for key in ("name", "macaddress"))
    drivers = match.get("driver", ())
    if mac:
        return Netplan(path, matched or name, address(mac), set_name, False, drivers)
    shown = matched or (name if drivers else "*")
    return Netplan(path, shown, None, set_name, fits_any(matched or "*", drivers), drivers)


def read_cloud(files: Files) -> str | None:
    """The file that says `network: {config: disabled}`, which cloud-init obeys; None where none does."""
    off = None
    for path in files.below(_CLOUD, "*network*.cfg"):
        try:
            network = _inside(parse(path, files.lines(path, _LIMIT)), "network")
            if "config" in network and network["config"].value == "disabled":
                off = path
        except _Unread as error:
            files.tell(path, str(error), error.line)
        except Malformed as error:
            files.tell(path, error.why)
    return off


def _add(files: Files, path: str, found: dict[str, _Interface]) -> set[str]:
    """Take in one file's interfaces; the names of those that could not be read."""
    lost = set()
    lines = files.lines(path, _LIMIT)
    try:
        ethernets = _inside(parse(path, lines), "network", "ethernets")
    except _Unread as error:
        files.tell(path, str(error), error.line)
        return set()
    except Malformed as error:
        files.tell(path, error.why)
        return set()
    for name, node in ethernets.items():
        try:
            found[name] = _amended(
                found.get(name) or _Interface(path, node.line, lines[node.line - 1]), path, lines, node
            )
        except _Unread as error:
            files.tell(path, str(error), error.line)
            lost.add(name)
    return lost


def _amended(known: _Interface, path: str, lines: list[str], node: Node) -> _Interface:
    """The interface with what one more file says of it."""
    inside = _mapping(node)
    set_name = _word(inside["set-name"]) if "set-name" in inside else known.set_name
    if "match" not in inside:
        return replace(known, set_name=set_name)
    match = dict(known.match or {})
    for key, each in _mapping(inside["match"]).items():
        if key not in _MATCH:
            raise _Unread(each, f"{key[:40]!r} is not known to be matched; not read")
        match[key] = _words(each) if key == "driver" else (_word(each),)
    line = _mapping(inside["match"]).get("name", node).line
    return _Interface(path, line, lines[line - 1], match, set_name)


def _inside(node: Node, *keys: str) -> dict[str, Node]:
    """The mapping below some keys, one in the other; {} where there is none."""
    found = _mapping(node)
    for key in keys:
        found = _mapping(found[key]) if key in found else {}
    return found


def _mapping(node: Node) -> dict[str, Node]:
    if node.why is not None or not (isinstance(node.value, dict) or node.value == ""):
        raise _Unread(node, f"{node.why or 'is no mapping'}; not read")
    return node.value if isinstance(node.value, dict) else {}


def _word(node: Node) -> str:
    if node.why is not None or not isinstance(node.value, str):
        raise _Unread(node, f"{node.why or 'is no word'}; not read")
    return node.value


def _words(node: Node) -> tuple[str, ...]:
    """A word or a list of words."""
    return tuple(map(_word, node.value)) if isinstance(node.value, tuple) else (_word(node),)

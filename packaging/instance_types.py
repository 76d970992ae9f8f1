#!/usr/bin/env python3
"""Write the list of EC2 instance types anew from EC2's own answer; docs/instance-types.md says how and when.

    aws ec2 describe-instance-types --region us-east-1 > types.json
    python3 packaging/instance_types.py types.json

It takes any number of answers, several in one file too (pages, regions), "-" for standard input. Types that no answer
names are kept and become "old": EC2 stops naming a type when it retires it, and guests may run on it for years. It
needs Python 3.10 and nothing else, not even this repository: --table names the list of an installed virt-agent.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

_TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "agent", "virt_agent", "instance_types.csv")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}")
_FIELD = re.compile(r"[ -+\--~]*")  # printable ASCII but the comma
_HYPERVISORS = ("xen", "nitro")
_LIMIT = 256 << 20
_SHARE = 0.5  # of the list that an answer names, lest one type's answer makes all others old
_SHOWN = 12


class Unfit(Exception):
    """The answer or the list is not what it should be; the message says where and what."""


def _at(*path: str) -> Callable[[dict[str, Any]], Any]:
    """What lies at a path of keys; None where EC2 does not tell."""

    def read(told: dict[str, Any]) -> Any:
        value: Any = told
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    return read


def _hypervisor(told: dict[str, Any]) -> str:
    """EC2 names none for bare metal; a word that the agent does not know must not pass for bare metal."""
    found = told.get("Hypervisor")
    if found is None and told.get("BareMetal") is True:
        return "none"
    if found not in _HYPERVISORS:
        raise Unfit(f"Hypervisor is {found!r}; the agent knows {' and '.join(_HYPERVISORS)}, and none for bare metal")
    return str(found)


def _generation(told: dict[str, Any]) -> str | None:
    current = told.get("CurrentGeneration")
    return None if current is None else "current" if current else "old"


def _queues(told: dict[str, Any]) -> Any:
    """Of the first network card; others come only with the largest types."""
    cards = _at("NetworkInfo", "NetworkCards")(told)
    first = cards[0] if isinstance(cards, list) and cards else None
    return first.get("DefaultEnaQueueCountPerInterface") if isinstance(first, dict) else None


COLUMNS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "instance_type": _at("InstanceType"),
    "hypervisor": _hypervisor,
    "virt_types": _at("SupportedVirtualizationTypes"),
    "bare_metal": _at("BareMetal"),
    "ena": _at("NetworkInfo", "EnaSupport"),
    "nvme": _at("EbsInfo", "NvmeSupport"),
    "ebs_optimized": _at("EbsInfo", "EbsOptimizedSupport"),
    "ipv6": _at("NetworkInfo", "Ipv6Supported"),
    "generation": _generation,
    "instance_store": _at("InstanceStorageSupported"),
    "instance_store_nvme": _at("InstanceStorageInfo", "NvmeSupport"),
    "arch": _at("ProcessorInfo", "SupportedArchitectures"),
    "boot_modes": _at("SupportedBootModes"),
    "root_device_types": _at("SupportedRootDeviceTypes"),
    "vcpus": _at("VCpuInfo", "DefaultVCpus"),
    "memory_mib": _at("MemoryInfo", "SizeInMiB"),
    "burstable": _at("BurstablePerformanceSupported"),
    "ena_srd": _at("NetworkInfo", "EnaSrdSupported"),
    "efa": _at("NetworkInfo", "EfaSupported"),
    "ebs_max_iops": _at("EbsInfo", "EbsOptimizedInfo", "MaximumIops"),
    "ebs_base_iops": _at("EbsInfo", "EbsOptimizedInfo", "BaselineIops"),
    "net_perf": _at("NetworkInfo", "NetworkPerformance"),
    "ena_queues": _queues,
}
_NEEDED = ("virt_types", "bare_metal", "ena", "generation", "arch", "vcpus", "memory_mib")
_GENERATION = tuple(COLUMNS).index("generation")


def row(told: object) -> tuple[str, ...]:
    """A type's fields; Unfit where it is none."""
    name = told.get("InstanceType") if isinstance(told, dict) else None
    if not isinstance(told, dict) or not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Unfit(f"no instance type: {str(told)[:60]!r}")
    try:
        fields = {column: _field(column, read(told)) for column, read in COLUMNS.items()}
    except Unfit as error:
        raise Unfit(f"{name}: {error}") from None
    missing = [column for column in _NEEDED if not fields[column]]
    if missing:
        raise Unfit(f"{name}: EC2's answer lacks {', '.join(missing)}")
    return tuple(fields.values())


def _field(column: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "|".join(sorted(_word(column, each) for each in value))
    return _word(column, value)


def _word(column: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if not isinstance(value, (str, int)) or not _FIELD.fullmatch(text) or "|" in text or len(text) > 60:
        raise Unfit(f"{column} is {text[:60]!r}, which does not fit into the list")
    return text


def types_in(text: str) -> Iterator[object]:
    """The types of all answers in a text, one after another."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            document, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, at) + 1
            raise Unfit(f"no JSON in the document that begins in line {line}: {str(error)[:80]}") from None
        yield from _types_of(document)


def _types_of(document: object) -> list[object]:
    types = document.get("InstanceTypes") if isinstance(document, dict) else document
    if not isinstance(types, list):
        raise Unfit('no answer of describe-instance-types: it lacks "InstanceTypes"')
    return types


def read_answers(paths: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The rows by name, of all files; a later file counts more."""
    rows: dict[str, tuple[str, ...]] = {}
    for path in paths:
        try:
            found = [row(told) for told in types_in(_read(path))]
        except Unfit as error:
            raise Unfit(f"{path}: {error}") from None
        if not found:
            raise Unfit(f"{path}: it names no instance type")
        rows.update((fields[0], fields) for fields in found)
    return rows


def _read(path: str) -> str:
    try:
        if path == "-":
            content = sys.stdin.buffer.read(_LIMIT + 1)
        else:
            with open(path, "rb") as file:
                content = file.read(_LIMIT + 1)
    except OSError as error:
        raise Unfit(str(error.strerror)) from None
    if len(content) > _LIMIT:
        raise Unfit("it is far too large")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unfit(f"it is no text: {error.reason} at byte {error.start}") from None


def read_table(path: str) -> dict[str, tuple[str, ...]]:
    """The rows of the list as it is; Unfit where it has other columns."""
    try:
        head, *lines = _read(path).splitlines() or [""]
    except Unfit as error:
        raise Unfit(f"{path}: {error}; --table names the list to write anew") from None
    if head != ",".join(COLUMNS):
        raise Unfit(f"{path}: no list of instance types that this script knows: it begins with {head[:40]!r}")
    rows = [tuple(line.split(",")) for line in lines]
    for number, fields in enumerate(rows, 2):
        if len(fields) != len(COLUMNS):
            raise Unfit(f"{path}: line {number} has {len(fields)} fields, not {len(COLUMNS)}")
    return {fields[0]: fields for fields in rows}


def merged(
    before: dict[str, tuple[str, ...]], told: dict[str, tuple[str, ...]], partial: bool = False
) -> dict[str, tuple[str, ...]]:
    """The list after EC2's answer, by name. Types that it does not name become old, or with `partial` stay as they are."""
    known = sum(name in told for name in before)
    if not partial and known < len(before) * _SHARE:
        raise Unfit(
            f"the answer names {known} of the {len(before)} types in the list; the others would become old."
            " Give all pages, or --partial to leave those as they are"
        )
    kept = {name: fields if partial else _aged(fields) for name, fields in before.items() if name not in told}
    return dict(sorted({**kept, **told}.items()))


def _aged(fields: tuple[str, ...]) -> tuple[str, ...]:
    return (*fields[:_GENERATION], "old", *fields[_GENERATION + 1 :])


def write(path: str, rows: dict[str, tuple[str, ...]]) -> None:
    """All or nothing: a new file beside the old one takes its place."""
    text = "\n".join(",".join(fields) for fields in (tuple(COLUMNS), *rows.values())) + "\n"
    folder = os.path.dirname(os.path.abspath(path))
    try:
        descriptor, new = tempfile.mkstemp(prefix=".instance_types-", dir=folder)
        try:
            with open(descriptor, "w", encoding="ascii", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            os.chmod(new, os.stat(path).st_mode & 0o777)
            os.replace(new, path)
        except BaseException:
            os.unlink(new)
            raise
    except OSError as error:
        raise Unfit(f"{path}: cannot be written: {error.strerror}") from None


def summary(
    before: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]], told: Sequence[str]
) -> Iterator[str]:
    """What became of the list, a line for each kind of change."""
    changed = [name for name in after if name in before and after[name] != before[name]]
    yield f"{len(after)} types, {len(told)} of them named by EC2 now"
    yield _names("new", [name for name in after if name not in before])
    yield _names("changed", [name for name in changed if name in told])
    yield _names("no longer named, now old", [name for name in changed if name not in told])


def _names(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what}: {len(names)}" + (f" ({', '.join(names[:_SHOWN])}{more})" if names else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where the list is as EC2 says now, 1 where it was left as it was."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="instance_types.py"
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="answers of describe-instance-types; - for stdin")
    parser.add_argument("--table", default=os.path.normpath(_TABLE), help="the list to write anew (%(default)s)")
    parser.add_argument("--partial", action="store_true", help="leave types that the answers do not name as they are")
    chosen = parser.parse_args(arguments)
    try:
        before, told = read_table(chosen.table), read_answers(chosen.files)
        after = merged(before, told, chosen.partial)
        if after != before:
            write(chosen.table, after)
    except Unfit as error:
        print(f"instance_types.py: {error}; nothing was changed", file=sys.stderr)
        return 1
    print("\n".join([chosen.table + (":" if after != before else ": as it was"), *summary(before, after, list(told))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

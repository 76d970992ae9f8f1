"""Hot changes: what dom0 does to the guest in turn, and what the daemon must show.

Each moment names a finished change. From the second scrape after it the
daemon must show exactly the devices there are; nothing may be raised at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Moment(NamedTuple):
    mark: str
    lines: tuple[str, ...]  # dom0's commands before the mark
    disks: frozenset[str]
    nics: int
    resumes: int


DISKS = frozenset({"xvda", "xvdb", "xvdc"})
MORE = DISKS | {"xvde"}
MOMENTS = (
    Moment("begun", ("truncate -s 64M /run/lab/hot.img && losetup /dev/loop7 /run/lab/hot.img",), DISKS, 1, 0),
    Moment("disk-came", ("xl block-attach {name} phy:/dev/loop7 xvde w",), MORE, 1, 0),
    Moment("disk-went", ("xl block-detach {name} xvde",), DISKS, 1, 0),
    Moment("nic-came", ("xl network-attach {name} bridge=labbr mac=00:16:3e:5a:00:02",), DISKS, 2, 0),
    Moment("nic-went", ("xl network-detach {name} 1",), DISKS, 1, 0),
    Moment("unpaused", ("xl pause {name}", "sleep 10", "xl unpause {name}"), DISKS, 1, 0),
    Moment(
        "restored",
        ("xl save {name} /var/tmp/hot.save", "xl restore /var/tmp/hot.save", "rm -f /var/tmp/hot.save"),
        DISKS,
        1,
        1,
    ),
    Moment("migrated", ("xl migrate -s '' {name} 'xl migrate-receive'",), DISKS, 1, 2),
)
BETWEEN = ("mark changing", "sleep 4")  # a scrape that has begun may end before the change
SOME_SCRAPES = "sleep 20"
HOT_LINES = tuple(line for m in MOMENTS for line in (*BETWEEN, *m.lines, f"mark {m.mark}", SOME_SCRAPES))
LEAKED_FILES = 3

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


class Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


def judge(folder: Path) -> Iterator[str]:
    watched: dict[str, Any] = json.loads((folder / "watched.json").read_text())
    if watched["exit"] != 0:
        yield f"hot: daemon ended with {watched['exit']}"
    if "Traceback" in (folder / "watched.log").read_text(errors="replace"):
        yield "hot: traceback in watched.log"
    scrapes = watched["scrapes"]
    leaked = scrapes[-1]["open_files"] - min(each["open_files"] for each in scrapes[:5])
    if leaked > LEAKED_FILES:
        yield f"hot: {leaked} files leaked"
    for moment in MOMENTS:
        yield from judge_moment(moment, [s for s in scrapes if s["mark"] == moment.mark], folder)


def judge_moment(moment: Moment, scrapes: list[dict[str, Any]], folder: Path) -> Iterator[str]:
    """The first scrape may have begun within the change; it must raise nothing, though."""
    if len(scrapes) < 2:
        yield f"hot: {moment.mark} was never seen (the lab's failure)"
    for place, scrape in enumerate(scrapes):
        samples = exposition((folder / "scrapes" / scrape["file"]).read_text())
        where = f"hot: {moment.mark}, scrape {place + 1} of {len(scrapes)}"
        yield from (f"{where}: {alarm}" for alarm in alarms(samples))
        if place:
            yield from (f"{where}: {wrong}" for wrong in differences(moment, samples))


def differences(moment: Moment, samples: list[Sample]) -> Iterator[str]:
    disks = {d for d in labels(samples, "virt_block_device_info", "device") if d.startswith("xvd")}
    if disks != moment.disks:
        yield f"disks {sorted(disks)}, not {sorted(moment.disks)}"
    lingering = {
        device
        for sample in samples
        for device in [sample.labels.get("device", "")]
        if device.startswith("xvd") and device not in moment.disks
    }
    if lingering - disks:
        yield f"series of vanished {sorted(lingering - disks)}"
    nics = labels(samples, "virt_network_device_info", "device") - {"lo"}
    if len(nics) != moment.nics:
        yield f"NICs {sorted(nics)}, not {moment.nics}"
    resumes = sum(s.value for s in samples if s.name == "virt_guest_resumes_total")
    if resumes != moment.resumes:
        yield f"{resumes:.0f} resumes counted, not {moment.resumes}"


def alarms(samples: list[Sample]) -> Iterator[str]:
    for sample in samples:
        if sample.name == "virt_rule_state" and sample.value >= 2:
            yield f"{sample.labels.get('code')} raised ({sample.value:.0f})"


def labels(samples: list[Sample], name: str, label: str) -> set[str]:
    return {sample.labels.get(label, "") for sample in samples if sample.name == name}


def exposition(text: str) -> list[Sample]:
    found = (line.groups() for line in SAMPLE.finditer(text))
    return [Sample(name, dict(LABEL.findall(inner or "")), float(v)) for name, inner, v in found]

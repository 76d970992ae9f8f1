"""Texts that come from outside (device names, firmware, command line, log, metadata) in every output."""

from __future__ import annotations

import logging
import pathlib
import re
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import outputs, poison
from virt_agent import observe
from virt_agent.__main__ import main
from virt_agent.modes import diff
from virt_agent.readiness import COLLECTORS
from virt_agent.render import ascii as terminal
from virt_agent.report import Report
from virt_agent.selection import Selection
from virt_agent.serve import logs
from virt_agent.serve.watch import Watch
from virt_collectors.collect import choose, run
from virt_collectors.host.archive import entries, pack
from virt_collectors.host.recorder import Recorder
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.redact import redact

HOSTILE = [
    "\x1b]0;owned\x07",
    "a\nVIRT-AGENT OK: fake",
    "x" * 5000,
    '"><script>alert(1)</script>',
    "| rm -rf",
    "\u202e",
    "\x00",
]
MACHINES = ("pvhvm", "qemu-q35-virtio", "D20-ec2-c5large")
FEW = poison.NASTY[::4]
ANY = st.text(st.characters(), max_size=60)  # lone surrogates too


def short(evil: str) -> str:
    """The name of a test."""
    return ascii(evil[:16])


def report(evil: str) -> Report:
    """A small guest whose every text is somebody's joke."""
    return observe.observe(SnapshotHost(small(evil)), Selection())


def small(evil: str) -> MemoryTree:
    tree = MemoryTree()
    name = evil.replace("/", "_").replace("\x00", "_") or "_"
    raw = evil.encode("utf-8", "replace")
    for path, content in {
        "proc/cpuinfo": b"processor: 0\nmodel name: " + raw.replace(b"\n", b" ") + b"\nflags: fpu vme hypervisor\n",
        "proc/cmdline": b"xen_nopv " + raw,
        "sys/hypervisor/type": b"xen\n",
        "sys/hypervisor/guest_type": b"HVM\n",
        "sys/hypervisor/version/major": raw,
        "sys/hypervisor/version/minor": raw,
        "sys/class/dmi/id/sys_vendor": raw,
        "sys/class/dmi/id/product_name": raw,
        f"sys/devices/vbd-51712/block/{name}/size": b"2048\n",
        f"sys/devices/vif-0/net/{name}/address": raw,
        "sys/devices/vif-0/state": b"Closed\n",
        "sys/devices/vbd-51712/state": raw,
        "proc/sys/kernel/hostname": raw,
        "proc/sys/kernel/osrelease": raw,
        "etc/os-release": b'PRETTY_NAME="' + raw + b'"\n',
        "virt-agent/kernel.log": b"Booting " + raw,
    }.items():
        tree.add(path, content)
    for kind, device, group in (("vbd", "vbd-51712", "block"), ("vif", "vif-0", "net")):
        tree.add(f"sys/devices/{device}/driver", f"../../bus/xen/drivers/{kind}")
        tree.add(f"sys/bus/xen/devices/{device}", f"../../../devices/{device}")
        tree.add(f"sys/devices/{device}/{group}/{name}/device", f"../../../{device}")
    tree.add(f"sys/block/{name}", f"../devices/vbd-51712/block/{name}")
    tree.add(f"sys/class/net/{name}", f"../../devices/vif-0/net/{name}")
    return tree


def whole(machine: str, evil: str) -> Report:
    """A recorded guest, poisoned, as all collectors see it."""
    host = SnapshotHost(poison.poisoned(machine, evil))
    return observe.observe(
        host, Selection(), optional=(*COLLECTORS, "nvme_latencies"), collector_seconds=60, seconds=60
    )


@pytest.mark.parametrize("evil", [*HOSTILE, *poison.NASTY], ids=short)
def test_a_hostile_text_is_a_text_in_every_output(evil: str) -> None:
    assert list(outputs.every(report(evil))) == []


@pytest.mark.parametrize(("evil", "machine"), list(zip(poison.NASTY, cycle(MACHINES), strict=False)), ids=short)
def test_a_guest_that_is_hostile_everywhere_is_reported_all_the_same(evil: str, machine: str) -> None:
    found = whole(machine, evil)
    assert [outcome for outcome in found.outcomes if "internal error" in (outcome.reason or "")] == []
    assert list(outputs.every(found)) == []


def test_a_megabyte_is_cut_where_it_is_told_and_the_report_stays_short() -> None:
    found = whole("pvhvm", "a\x1b\u202e" * 350_000)
    assert list(outputs.every(found)) == []
    assert list(outputs.every(report("A" * (1 << 20)))) == []


@settings(max_examples=40)
@given(ANY)
def test_any_text(evil: str) -> None:
    assert list(outputs.every(report(evil))) == []


# Other ways out


@pytest.mark.parametrize("evil", poison.NASTY, ids=short)
def test_what_a_snapshot_holds_is_listed_in_plain_text(
    evil: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = poison.poisoned("D20-ec2-c5large", evil)
    found = {path: None if isinstance(entry, bool) else entry for path, entry in made._entries.items() if path}
    (tmp_path / "x.tar.gz").write_bytes(pack(found))
    assert main(["--list", str(tmp_path / "x.tar.gz")]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    for line in told.out.removesuffix("\n").split("\n"):
        assert line.isascii()
        assert line == "" or line.isprintable()
        assert "|" not in line


@pytest.mark.parametrize("evil", poison.NASTY, ids=short)
def test_what_differs_is_told_in_plain_text(evil: str) -> None:
    one, other = (diff._flat(diff_document(report(text))) for text in (evil, "harmless"))
    for line in diff._told(list(diff.compare(one, other))):
        assert line.isascii()
        assert line.isprintable()
        assert "|" not in line


def diff_document(found: Report) -> dict[str, object]:
    return {"rules": found.states, "findings": {f"{f.code} {f.subject}": f.summary for f in found.findings}}


@pytest.mark.parametrize("evil", FEW, ids=short)
def test_a_hostile_guest_can_be_recorded_redacted_and_packed(evil: str) -> None:
    recorder = Recorder(SnapshotHost(poison.poisoned("pvhvm", evil)))
    for collector in choose(optional=COLLECTORS):
        run(recorder, collector)
    clean, _ = redact(recorder.recording)
    for recording in (recorder.recording, clean):
        assert pack(entries(recording, "1", None))


class Kept(logging.Handler):
    """The records of the daemon's log."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Changing(SnapshotHost):
    """A live machine whose devices fall ill behind the first look."""

    live = True

    def __init__(self, evil: str) -> None:
        super().__init__(small(evil))

    def file(self, path: str, limit: int = 1 << 22) -> bytes:
        return b"Closed\n" if path.endswith("vbd-51712/state") and self.looks > 1 else super().file(path, limit)

    looks = 0


@pytest.mark.parametrize("evil", poison.NASTY, ids=short)
def test_the_daemons_log_has_one_line_for_each_event(evil: str) -> None:
    host, kept, log = Changing(evil), Kept(), logging.getLogger("virt-agent")
    watch = Watch(host, Selection(), (), ())
    log.addHandler(kept)
    try:
        for _ in range(3):
            host.looks += 1
            seen, _ = watch.look()
    finally:
        log.removeHandler(kept)
    assert list(outputs.every(seen)) == []
    lines = [(logs.line(record), list(getattr(record, "fields", {}))) for record in kept.records]
    assert [complaint for line, names in lines for complaint in outputs.log_line(line, names)] == []
    assert all(change.text.isprintable() and change.detail.isascii() for change in watch.changes.chronicle.changes)


@given(ANY, ANY)
def test_any_field_of_the_log_is_read_back_as_one(sentence: str, value: str) -> None:
    record = logging.LogRecord("virt-agent", logging.INFO, "", 0, "%s", (sentence,), None)
    record.fields = {"first": value, "second": sentence}
    line = logs.line(record)
    shown = logs.printable(sentence)
    assert list(outputs.log_line(line, [])) == [] or '"' in shown
    assert line.startswith(shown)
    fields = line[len(shown) :]
    assert [name for name, _ in re.findall(r' ([a-z]+)=("(?:[^"\\]|\\.)*"|[^ "=]+)', fields)] == ["first", "second"]


# The texts of a terminal themselves


@given(st.text(), st.integers(1, 300))
def test_clean_is_printable_and_short(words: str, limit: int) -> None:
    cleaned = terminal.clean(words, max(limit, 3))
    assert len(cleaned) <= max(limit, 3)
    assert cleaned.isascii()
    assert cleaned.isprintable()
    assert "|" not in cleaned


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_wrap_loses_no_word_and_keeps_its_width(words: str) -> None:
    lines = terminal.wrap(words, "    ", "  * ")
    assert "".join("".join(lines).split())[1:] == "".join(words.split())
    assert all(len(line) <= 80 for line in lines)


# The judge itself: what it must complain about


@pytest.mark.parametrize(
    ("judge", "text"),
    [
        (lambda text: outputs.terminal("x", text), "VIRT-AGENT OK: a\nVIRT-AGENT OK: b\n"),
        (lambda text: outputs.terminal("x", text), "VIRT-AGENT OK: \x1b[31m\n"),
        (lambda text: outputs.terminal("x", text), "VIRT-AGENT OK: \x85\n"),
        (lambda text: outputs.terminal("x", text), "VIRT-AGENT OK: a|b\n"),
        (lambda text: outputs.terminal("x", text), "VIRT-AGENT OK: " + "a b" * 30 + "\n"),
        (outputs.exposition, "virt_agent_series_dropped 0.0\n"),
        (outputs.exposition, "# HELP virt_x a\n# TYPE virt_x gauge\nvirt_x 0.0\n"),
        (outputs.exposition, "# HELP virt_check_status a\n# TYPE virt_check_status gauge\n" + 2 * "virt_check_status 0.0\n"),
        (outputs.exposition, '# HELP virt_check_status a\n# TYPE virt_check_status gauge\nvirt_check_status{a="b"} 0.0\n'),
        (outputs.exposition, "# HELP virt_check_status a\n# TYPE virt_check_status gauge\nvirt_check_status 0.0 \x1b\n"),
        (outputs.open_metrics, "a 1\n# EOF\n# EOF\n"),
        (outputs.html, "<p>a<script>b</script></p>"),
        (outputs.html, "<p onclick='x'>a</p>"),
        (outputs.html, "<p>a</p></p>"),
        (outputs.html, "<p>\u202ea</p>"),
        (outputs.html, "<p>a<!-- b --></p>"),
        (outputs.html, '<a href="javascript:x">a</a>'),
        (outputs.html, '<p class="a&quot;b">a</p>'),
        (lambda text: outputs.as_json("x", text), '{"a": NaN}'),
        (lambda text: outputs.as_json("x", text), '{"a": "\x85"}'),
        (lambda text: outputs.log_line(text, []), "a\nb"),
        (lambda text: outputs.log_line(text, ["a"]), "said a=b c=d"),
    ],
)  # fmt: skip
def test_what_a_hostile_text_could_do_is_complained_about(judge: outputs.Judge, text: str) -> None:
    assert list(judge(text))

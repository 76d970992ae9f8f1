"""Measurements that somebody sends, what other programs print, and texts of any kind on their way out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from math import isfinite

from virt_agent.measure import boot, compare, disk, document
from virt_agent.measure import text as told
from virt_agent.measure.busy import parse_loadavg
from virt_agent.measure.figures import BY_NAME
from virt_agent.metrics import label
from virt_agent.render.ascii import clean, wrap
from virt_agent.serve import logs
from virt_agent.serve.page import markup
from virt_collectors.host import Metadata
from virt_collectors.host.recorder import Recording
from virt_collectors.redact import redact

from .. import outputs
from ..form import PART, Target, as_json, joined, one_line, parts, refused, text

_HIDDEN = "hidden.example.org"


def measurement(data: bytes) -> None:
    """Unfit in one line, or runs: written and read again they are the same, and compare in plain text."""
    given = text(data)
    error = refused(lambda: document.parse(given), document.Unfit)
    if error is not None:
        return
    runs = document.parse(given)
    assert runs
    assert all(isfinite(value) for run in runs for each in run.figures.values() for value in each.values)
    again = document.parse("".join(map(document.render, runs)))
    assert [set(run.figures) for run in again] == [set(run.figures) for run in runs]
    found, others = compare.compare(runs, runs), compare.differences(runs, runs)
    assert all(each.verdict in (compare.NONE_SHOWN, compare.TOO_FEW, compare.MISSING) for each in found)
    printed = told.compared(("a", str(runs[0].verdict.get("headline"))), (len(runs), len(runs)), found, others)
    for line in printed.removesuffix("\n").split("\n"):
        assert line.isascii()
        assert line.isprintable()
        assert "|" not in line


def programs(data: bytes) -> None:
    """What systemctl, /proc/loadavg, fdinfo and the log say of a boot and of a disk."""
    shown, other = (text(part) for part in parts(data, 2))
    for measured in boot.phases(boot.properties(shown)).values():
        assert (measured.reason is None) == bool(measured.values)
        assert all(value >= 0 for value in measured.values)
    load, first = parse_loadavg(shown), boot.first_process(other)
    assert load is None or load >= 0
    assert first is None or first >= 0
    place = disk.place_of(shown, other)
    assert place is None or all(word in other for word in (place.point, place.type, place.source))


def words(data: bytes) -> None:
    """Any text on a terminal, in a label, on the page, in the log: it stays what it is, a text in one place."""
    sentence, value = (part.decode("utf-8", "surrogateescape") for part in parts(data, 2))
    for limit in (3, 40, 200):
        assert len(clean(sentence, limit)) <= limit
    if sentence:
        one_line(clean(sentence) or "-")
    assert all(len(line) <= outputs.COLUMNS for line in wrap(clean(sentence), "    ", "  * "))
    assert "|" not in clean(sentence)
    assert len(label(value)) <= outputs.LABEL
    assert label(value).isprintable() or not label(value)
    shown = markup.foreign(value)
    assert shown.startswith("<bdi>")
    assert shown.endswith("</bdi>")
    assert not list(outputs.html(shown)), list(outputs.html(shown))
    record = logging.LogRecord("virt-agent", logging.INFO, "", 0, "%s", (sentence,), None)
    record.fields = {"first": value, "second": sentence}
    line = logs.line(record)
    assert line.isprintable()
    assert not list(outputs.log_line(line.removeprefix(logs.printable(sentence)), ["first", "second"])), line
    json.loads(json.dumps(sentence))


def redaction(data: bytes) -> None:
    """A recording with any content, "PATH\\nCONTENT" in each part, and a host's name: redacted, it has the name nowhere."""
    recording = Recording()
    recording.files = {"proc/sys/kernel/hostname": f"{_HIDDEN}\n".encode()}
    for part in data.split(PART)[:50]:
        path, _, content = part.partition(b"\n")
        name = "/".join(word for word in text(path).split("/") if word)
        if name.startswith("latest/"):
            recording.metadata[f"/{name}"] = Metadata(200, text(content))
        elif name == "virt-agent/kernel.log":
            recording.kernel_log = text(content)
        elif name:
            recording.files[name] = content
    recording.directories = {path.rpartition("/")[0] for path in recording.files}
    clean_recording, counts = redact(recording)
    assert all(count > 0 for count in counts.values())
    said = [*clean_recording.files.values(), (clean_recording.kernel_log or "").encode()]
    said += [answer.body.encode("utf-8", "replace") for answer in clean_recording.metadata.values()]
    assert not any(_HIDDEN.encode() in each for each in said if data.count(_HIDDEN.encode()) == 0)
    assert sum(map(len, said)) <= 40 * len(data) + 10_000


def _measurements() -> Iterable[bytes]:
    run = {
        "schema": 1,
        "host": {"kernel": "6.1", "cpus": 2, "boot_id": "a"},
        "verdict": {"words": "xen pv", "headline": "Xen PV guest"},
        "conditions": {"clocksource": "xen"},
        "disk": {"driver": "xen-blkfront", "file_bytes": 1 << 20},
        "bench": {name: {"values": [1.0, 2.5, 3.0, 4.0, 5.0, 6.0], "reason": None} for name in list(BY_NAME)[:6]},
    }
    yield as_json(run)
    yield as_json(run) + b"\n" + as_json({**run, "host": {"kernel": "5.15"}})


def _programs() -> Iterable[bytes]:
    yield joined(
        b"FirmwareTimestampMonotonic=1000\nLoaderTimestampMonotonic=500\nInitRDTimestampMonotonic=900000\n"
        b"UserspaceTimestampMonotonic=2000000\nFinishTimestampMonotonic=9000000\n",
        b"[    1.234567] Run /sbin/init as init process\n",
    )
    yield joined(b"pos:\t0\nmnt_id:\t22\n", b"22 1 8:1 / / rw - ext4 /dev/xvda1 rw\n")
    yield joined(b"0.52 0.58 0.59 1/467 12345\n", b"")


def _words() -> Iterable[bytes]:
    yield joined('a "b" \\ \x1b[31m | \u202e\u200b\x85\n<script>'.encode(), b'"><img src=x> k="v" \x00')
    yield joined(b"\xff\xfe\x9b31m", b"x" * 300)


def _recordings() -> Iterable[bytes]:
    yield joined(
        b"proc/cmdline\nroot=UUID=6f2a2a33-0a9e-4a4b-8c66-2a9a5d9b7c11 ip=10.0.0.5 password=x ro\n",
        b"etc/fstab\n//server/share /mnt cifs username=me,password=secret 0 0\n/dev/xvda1 / ext4 defaults 0 1\n",
        b"etc/netplan/a.yaml\nnetwork:\n  ethernets:\n    eth0: {match: {macaddress: '02:ab:cd:ef:00:01'}, addresses: [10.0.0.5/24]}\n",
        b"virt-agent/kernel.log\n[    0.0] Command line: password=x\n[    1.0] xvda: 02:ab:cd:ef:00:01 10.0.0.5\n",
        b"latest/meta-data/hostname\nip-10-0-0-5.ec2.internal\n",
        b"proc/self/mountinfo\n22 1 202:1 / / rw - ext4 /dev/xvda1 rw\n",
        b"boot/grub/grub.cfg\nmenuentry 'a' { linux /vmlinuz root=/dev/xvda1 }\n",
        b"proc/net/route\nIface\tDestination\tGateway\neth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\n",
        b'etc/udev/rules.d/70-persistent-net.rules\nSUBSYSTEM=="net", ATTR{address}=="02:00:00:00:00:01", NAME="eth0"\n',
    )


TARGETS = (
    Target("measurement", "runs, or one line that says why not", measurement, _measurements),
    Target("programs", "times that are not below nothing", programs, _programs),
    Target("words", "a text stays in its place", words, _words, 1024),
    Target("redaction", "bounded, and without the host's name", redaction, _recordings),
)

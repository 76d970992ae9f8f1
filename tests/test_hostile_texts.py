"""Texts that come from outside (device names, firmware, command line) in every output."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virt_agent import metrics, observe
from virt_agent.render import ascii as terminal
from virt_agent.render import document, text
from virt_agent.report import Report
from virt_agent.selection import Selection
from virt_agent.serve import page
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree

HOSTILE = [
    "\x1b]0;owned\x07",
    "a\nVIRT-AGENT OK: fake",
    "x" * 5000,
    '"><script>alert(1)</script>',
    "| rm -rf",
    "\u202e",
    "\x00",
]


def report(evil: str) -> Report:
    """A guest whose every text is somebody's joke."""
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
    return observe.observe(SnapshotHost(tree), Selection())


def judge_texts(made: Report) -> None:
    """No escape, no bar, no wide line, no second status line, no tag."""
    printed = text.render(made, text.Style(verbosity=1))
    assert printed.isascii()
    assert all(character == "\n" or character.isprintable() for character in printed)
    assert "|" not in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert sum(line.startswith("VIRT-AGENT ") for line in printed.splitlines()) == 1
    assert json.loads(document.render(made))["schema"] == 1
    assert "<script>" not in page.render(made)
    metrics.render(made).decode()


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_texts(evil: str) -> None:
    judge_texts(report(evil))


@given(st.text(max_size=60))
def test_any_text(evil: str) -> None:
    judge_texts(report(evil))


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

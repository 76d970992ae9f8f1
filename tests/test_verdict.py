"""The verdict on every machine with a known answer, and what must hold on any machine."""

from __future__ import annotations

from typing import Any

import pytest

from tests import corpus
from virt_agent.observe import NOT_FOR_VERDICT
from virt_agent.verdict import Verdict, judge
from virt_collectors.facts import Facts
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree, Tree
from virt_collectors.record import plain

# Advice of a case that we weigh otherwise: one sign of eight was unreadable, and no other speaks against.
SURER_THAN_ADVISED = {"D02-ec2-pv-uuid-enoent"}
EVIDENCE = ("sys/hypervisor", "sys/class/dmi", "sys/devices/virtual/dmi", "proc/xen", "proc/cpuinfo", "virt-agent",
            "sys/bus", "sys/firmware", "sys/devices/v", "proc/device-tree", "proc/bus/pci", "sys/block")  # fmt: skip


def verdict_on(tree: Tree) -> Verdict:
    return judge(corpus.facts(SnapshotHost(tree), without=NOT_FOR_VERDICT))


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_verdict_is_the_known_answer(name: str) -> None:
    given = plain(judge(corpus.facts(corpus.host(name))))
    for key, expected in corpus.expectation(name).items():
        if key == "has_conflicts":
            assert bool(given["conflicts"]) is expected
        elif key == "layers":
            assert {layer: given["layers"][layer] for layer in expected} == expected
        elif key != "confidence" or name not in SURER_THAN_ADVISED:
            allowed = expected if isinstance(expected, list) else [expected]
            assert given[key] in allowed, (key, given["conflicts"], given["confidence_reason"])


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_evidence_is_kept_strongest_first_and_supports_the_answer(name: str) -> None:
    verdict = judge(corpus.facts(corpus.host(name)))
    weights = [("decisive", "strong", "weak").index(sign.weight) for sign in verdict.evidence]
    assert weights == sorted(weights)
    words = {sign.argues_for.get("hypervisor") for sign in verdict.evidence}
    assert verdict.hypervisor in words or "any" in words


def kind(verdict: Verdict) -> dict[str, str | None]:
    """What must never flip silently; None where it is open."""
    metal = {"none": "metal"}.get(verdict.hypervisor) or ("guest" if verdict.role == "guest" else None)
    mode = {"pv": "pv", "hvm": "hvm", "pvhvm": "hvm", "pvh": "pvh"}.get(verdict.guest_mode or "")
    return {"metal": metal, "mode": mode, "role": verdict.role if verdict.role in ("guest", "dom0") else None}


def removals(tree: Tree) -> list[str]:
    assert isinstance(tree, MemoryTree)
    found = [path for path, entry in tree._entries.items() if path.startswith(EVIDENCE) and entry is not None]
    return found + [path for path in ("proc/xen", "sys/hypervisor", "sys/class/dmi/id", "virt-agent", "sys/bus/xen",
                                      "sys/bus/pci/devices") if tree.kind(path)]  # fmt: skip


def without(tree: Tree, gone: str) -> MemoryTree:
    assert isinstance(tree, MemoryTree)
    left = MemoryTree()
    for path, entry in tree._entries.items():
        if path and path != gone and not path.startswith(gone + "/"):
            left.add(path, entry)
    return left


@pytest.mark.parametrize("name", [*corpus.CASES, "pv", "pvh", "pvhvm", "dom0", "hvm-nopv"])
def test_removing_one_sign_never_silently_flips_an_answer(name: str) -> None:
    tree = corpus.tree(name)
    before = kind(verdict_on(tree))
    paths = removals(tree)
    if name in corpus.GUESTS:  # each recorded attribute of each PCI function says the same thing; take the tellers
        paths = [path for path in paths if path.startswith(EVIDENCE[:6]) or path.count("/") < 5]
    assert paths
    for path in paths:
        verdict = verdict_on(without(tree, path))
        flipped = {key for key, word in kind(verdict).items() if word and before[key] and word != before[key]}
        told = verdict.confidence == "low" and verdict.conflicts
        assert not flipped or told, f"without {path}: {flipped}"


CONTAINERS: tuple[dict[str, Any], ...] = (
    {".dockerenv": b""},
    {"run/.containerenv": b""},
    {"proc/1/environ": b"container=lxc\0"},
    {"run/host/container-manager": b"systemd-nspawn\n"},
    {"proc/1/cgroup": b"0::/kubepods.slice/x\n"},
)


@pytest.mark.parametrize("marks", CONTAINERS)
@pytest.mark.parametrize("name", ["pvhvm", "pv", "dom0", "D20-ec2-c5large", "D106-xen-host-booted-without-xen"])
def test_container_marks_do_not_change_the_machine(name: str, marks: dict[str, bytes]) -> None:
    tree = without(corpus.tree(name), "nothing")
    before = verdict_on(tree)
    for path, content in marks.items():
        tree.add(path, content)
    after = verdict_on(tree)
    assert after.layers.container is not None
    for key in ("hypervisor", "guest_mode", "role", "cloud", "ec2_system", "pv_drivers"):
        assert getattr(after, key) == getattr(before, key)


def test_container_mark_counts_for_nothing_in_the_first_namespaces() -> None:
    tree = without(corpus.tree("pvhvm"), "nothing")
    tree.add(".dockerenv", b"")
    for name, number in (("ipc", 4026531839), ("uts", 4026531838), ("pid", 4026531836)):
        tree.add(f"proc/self/ns/{name}", f"{name}:[{number}]")
    assert verdict_on(tree).layers.container is None
    tree.add("proc/self/ns/pid", "pid:[4026532000]")
    assert verdict_on(tree).layers.container == "docker"


@pytest.mark.parametrize("uuid", ["ec2f58af-2dad-c57e-88c0-a81cb6084290", "45e12aec-dcd1-b213-94ed-012345abcdef"])
@pytest.mark.parametrize("name", ["D40-xcpng-pvhvm", "D44-qubes-pvh", "D61-linode-xen-pv-empty-procxen"])
def test_uuid_alone_never_makes_a_cloud(name: str, uuid: str) -> None:
    tree = without(corpus.tree(name), "nothing")
    tree.add("sys/hypervisor/uuid", uuid.encode())
    tree.add("sys/class/dmi/id/product_uuid", uuid.encode())
    assert verdict_on(tree).cloud is None


@pytest.mark.parametrize("name", ["D41-xenserver-viridian", "D72-kvm-hyperv-enlightenments", "D101-kvm-xen-and-hyperv"])
def test_order_of_cpuid_leaves_does_not_matter(name: str) -> None:
    facts = corpus.facts(corpus.host(name))
    assert facts.cpuid is not None
    turned = plain(judge(facts))
    from virt_collectors.record import replace

    other = replace(facts, cpuid=replace(facts.cpuid, signatures=facts.cpuid.signatures[::-1]))
    assert {**plain(judge(other)), "evidence": []} == {**turned, "evidence": []}


def test_nothing_known_is_unknown_and_not_metal() -> None:
    verdict = judge(Facts())
    assert (verdict.hypervisor, verdict.role, verdict.guest_mode) == ("unknown", "unknown", None)
    assert verdict.confidence == "low"


def dmi_machine(flags: str = "fpu vme hypervisor", bit: str | None = None, **texts: str) -> Verdict:
    tree = MemoryTree()
    tree.add("proc/cpuinfo", f"processor\t: 0\nvendor_id\t: X\nflags\t\t: {flags}\n".encode())
    for name, text in texts.items():
        tree.add(f"sys/class/dmi/id/{name}", text.encode())
    if bit is not None:
        tree.add("virt-agent/cpuid.json", b'{"method":"instruction","leaves":{"0x00000001":{"eax":"0x0","ebx":"0x0",'
                 b'"ecx":"' + bit.encode() + b'","edx":"0x0"}}}')  # fmt: skip
    return verdict_on(tree)


@pytest.mark.parametrize(
    ("texts", "hypervisor", "cloud"),
    [
        ({"sys_vendor": "innotek GmbH", "product_name": "VirtualBox"}, "virtualbox", None),
        ({"sys_vendor": "BHYVE", "product_name": "BHYVE"}, "bhyve", None),
        ({"sys_vendor": "Apple Inc.", "product_name": "Apple Virtualization Generic Platform"}, "apple", None),
        ({"sys_vendor": "Google", "product_name": "Google Compute Engine"}, "kvm", "gcp"),
        ({"sys_vendor": "DigitalOcean", "product_name": "Droplet"}, "kvm", "digitalocean"),
        ({"sys_vendor": "Hetzner", "product_name": "vServer"}, "kvm", "hetzner"),
        ({"sys_vendor": "QEMU", "chassis_asset_tag": "OracleCloud.com"}, "kvm", "oracle"),
        ({"sys_vendor": "QEMU", "product_name": "Standard PC"}, "qemu", None),
        ({"sys_vendor": "Red Hat", "product_name": "OpenStack Compute"}, "kvm", "openstack"),
        ({"sys_vendor": "Microsoft Corporation", "product_name": "Virtual Machine"}, "hyperv", None),
        ({"sys_vendor": "Microsoft Corporation", "product_name": "Surface Pro"}, "unknown", None),
        ({"sys_vendor": "Oracle Corporation", "product_name": "SUN FIRE X4170"}, "unknown", None),
    ],
)
def test_firmware_names_hypervisor_and_cloud(texts: dict[str, str], hypervisor: str, cloud: str | None) -> None:
    verdict = dmi_machine(**texts)
    assert (verdict.hypervisor, verdict.cloud) == (hypervisor, cloud)
    assert verdict.role == "guest"


def test_metal_of_microsoft_is_metal() -> None:
    verdict = dmi_machine("fpu vme", sys_vendor="Microsoft Corporation", product_name="Surface Pro")
    assert (verdict.hypervisor, verdict.role) == ("none", "host")


def test_missing_flag_without_firmware_tables_is_no_proof_of_metal() -> None:
    assert dmi_machine("fpu vme").hypervisor == "unknown"


ARM = b"processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("files", "hypervisor", "mode", "role", "confidence"),
    [
        ({"proc/device-tree/compatible": b"linux,dummy-virt\0"}, "kvm", "hvm", "guest", "medium"),
        ({"sys/class/dmi/id/product_name": b"Google Compute Engine"}, "kvm", "hvm", "guest", "low"),
        ({"sys/class/dmi/id/sys_vendor": b"QEMU", "proc/device-tree/compatible": b"linux,dummy-virt\0"},
         "kvm", "hvm", "guest", "medium"),
        ({"proc/device-tree/hypervisor/compatible": b"xen,xen-4.17\0xen,xen\0", "proc/xen/capabilities": b"control_d\n"},
         "xen", "arm", "dom0", "high"),
        ({"proc/sysinfo": b"VM00 Control Program: z/VM    7.2.0\n"}, "zvm", "hvm", "guest", "medium"),
        ({"proc/device-tree/ibm,partition-name": b"lpar7\0"}, "powervm", "hvm", "guest", "medium"),
        ({"sys/class/dmi/id/sys_vendor": b"Amazon EC2", "sys/class/dmi/id/product_name": b"c7g.metal"},
         "none", None, "host", "high"),
        ({"sys/class/dmi/id/sys_vendor": b"Amazon EC2"}, "unknown", None, "unknown", "low"),
        ({}, "unknown", None, "unknown", "low"),
    ],
)  # fmt: skip
def test_machines_without_cpuid(
    files: dict[str, bytes], hypervisor: str, mode: str | None, role: str, confidence: str
) -> None:
    tree = MemoryTree()
    for path, content in {"proc/cpuinfo": ARM, **files}.items():
        tree.add(path, content)
    verdict = verdict_on(tree)
    assert (verdict.hypervisor, verdict.guest_mode, verdict.role) == (hypervisor, mode, role)
    assert verdict.confidence == confidence


def test_a_rhel5_pv_guest_is_told_by_proc_xen_and_the_missing_flag() -> None:
    tree = MemoryTree()
    tree.add("proc/xen/capabilities", b"")
    tree.add("proc/cpuinfo", b"processor\t: 0\nflags\t\t: fpu de tsc msr pae\n")
    verdict = verdict_on(tree)
    assert (verdict.hypervisor, verdict.guest_mode, verdict.role) == ("xen", "pv", "guest")
    assert verdict.confidence == "medium"


def test_hidden_hypervisor_is_not_metal() -> None:
    """QEMU with -cpu ...,-hypervisor: the processor shows none, the firmware gives it away."""
    verdict = dmi_machine("fpu vme", bit="0x0", sys_vendor="QEMU", product_name="Standard PC")
    assert verdict.hypervisor == "unknown"
    assert verdict.conflicts


def test_metadata_of_the_host_does_not_make_a_nested_guest_an_instance() -> None:
    tree = without(corpus.tree("D71-qemu-tcg"), "nothing")
    tree.add("virt-agent/imds.json", b'{"state":"ok","responses":{"/latest/meta-data/services/domain":'
             b'{"status":200,"body":"amazonaws.com"}}}')  # fmt: skip
    verdict = verdict_on(tree)
    assert verdict.cloud is None
    assert "inside an EC2 instance" in verdict.conflicts[0]

"""EC2's block device mapping: which disk is which volume."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_rules_state import T2, fact, guest, imds, judged
from virt_agent import block_mapping
from virt_agent.block_mapping import Mapped, guest_names, matched, missing, volumes
from virt_agent.rules.form import Case
from virt_collectors.block import BlockDevice
from virt_collectors.facts import Facts
from virt_collectors.imds import Imds
from virt_collectors.nvme import EBS_MODEL, INSTANCE_STORE_MODEL, NvmeController

DEVICES = st.from_regex(r"(sd|xvd|hd|nvme)?[a-z]{0,3}[0-9]{0,2}", fullmatch=True) | st.text(max_size=8)


def on_xen(mapping: dict[str, str], *disks: str) -> Facts:
    devices = tuple(BlockDevice(name, "xen-blkfront", "xen") for name in disks)
    return Facts(imds=Imds("ok", block_devices=mapping), block_devices=devices)


def controller(number: int, name: str | None, model: str = EBS_MODEL, disks: bool = True) -> NvmeController:
    disk = (f"nvme{number}n1",) if disks else ()
    ebs = model == EBS_MODEL
    return NvmeController(
        f"nvme{number}", model, disks=disk, volume_id=f"vol-0{number}" if ebs else None, device_name=name
    )


def on_nitro(mapping: dict[str, str], *controllers: NvmeController) -> Facts:
    disks = tuple(BlockDevice(disk, "nvme", "pci", volume_id=c.volume_id) for c in controllers for disk in c.disks)
    return Facts(imds=Imds("ok", block_devices=mapping), nvme=controllers, block_devices=disks)


def disks(facts: Facts) -> dict[str, str | None]:
    return {each.name: each.disk for each in matched(facts)}


# Xen


@pytest.mark.parametrize(
    ("device", "here", "disk"),
    [
        ("sdf", ("xvda", "xvdf"), "xvdf"),
        ("xvdf", ("xvda", "xvdf"), "xvdf"),
        ("xvdba", ("xvdba",), "xvdba"),
        ("sda1", ("xvda1",), "xvda1"),
        ("sda1", ("xvda",), "xvda"),
        ("sda1", ("xvda", "xvda1"), "xvda1"),
        ("sdb", ("sdb",), "sdb"),
        ("sdf", ("xvda",), None),
        ("sdf", ("sr0", "fd0"), None),
        ("nonsense", ("xvda", "nonsense"), None),
        ("sd", ("xvd", "sd"), None),
        ("", ("xvda",), None),
    ],
)
def test_the_kernel_keeps_the_letter(device: str, here: tuple[str, ...], disk: str | None) -> None:
    (found,) = matched(on_xen({"ebs1": device}, *here))
    assert found == Mapped("ebs1", device, disk, None, "name" if disk else None)


def test_rhel_6_moves_the_letters_by_four() -> None:
    facts = on_xen({"root": "sda1", "ebs1": "sdf", "ebs2": "xvdz", "ephemeral0": "sdb"}, "xvde", "xvdj", "xvdf", "xvdz")
    assert disks(facts) == {"root": "xvde", "ebs1": "xvdj", "ebs2": "xvdz", "ephemeral0": "xvdf"}


@pytest.mark.parametrize("root", [{"root": "sda1"}, {"root": "xvda"}, {}])
def test_where_the_root_has_its_letter_or_tells_nothing_no_letter_is_taken_for_a_moved_one(
    root: dict[str, str],
) -> None:
    assert disks(on_xen({**root, "ebs1": "sdf"}, "xvda", "xvdj"))["ebs1"] is None


def test_the_letters_end_at_z() -> None:
    assert disks(on_xen({"root": "sda1", "ebs1": "sdv", "ebs2": "sdw"}, "xvde", "xvdz"))["ebs1"] == "xvdz"
    assert disks(on_xen({"root": "sda1", "ebs2": "sdw"}, "xvde", "xvda"))["ebs2"] is None


def test_the_image_is_the_root_once_more_and_not_told() -> None:
    assert disks(on_xen({"ami": "sda1", "root": "sda1"}, "xvda")) == {"root": "xvda"}


@pytest.mark.parametrize("facts", [Facts(), Facts(imds=Imds("disabled")), on_xen({})])
def test_without_a_mapping_nothing_is_matched(facts: Facts) -> None:
    assert matched(facts) == ()


# Nitro


def test_the_controller_tells_the_name() -> None:
    facts = on_nitro({"root": "xvda", "ebs1": "sdf", "ebs2": "sdg"}, controller(1, "sdf"), controller(0, "xvda"))
    assert matched(facts) == (
        Mapped("ebs1", "sdf", "nvme1n1", "vol-01", "vendor name"),
        Mapped("ebs2", "sdg"),
        Mapped("root", "xvda", "nvme0n1", "vol-00", "vendor name"),
    )


@pytest.mark.parametrize(
    ("names", "disk"),
    [
        (("xvda", "xvdf"), "nvme1n1"),  # the same place by another word
        (("sdf", "xvdf"), "nvme0n1"),  # the very word counts more
        (("xvdf", "xvdf"), None),  # either
        (("sdf", "sdf"), None),
        ((None, "sdf1"), None),
        ((None, None), None),
        (("", ""), None),
    ],
)
def test_a_name_must_be_certain(names: tuple[str | None, str | None], disk: str | None) -> None:
    assert disks(on_nitro({"ebs1": "sdf"}, controller(0, names[0]), controller(1, names[1])))["ebs1"] == disk


def test_words_that_have_no_letter_are_compared_as_they_are() -> None:
    facts = on_nitro({"ebs1": "one", "ebs2": "two"}, controller(0, "two"), controller(1, "three"))
    assert disks(facts) == {"ebs1": None, "ebs2": "nvme0n1"}


def test_a_controller_without_its_disk_is_here_all_the_same() -> None:
    (found,) = matched(on_nitro({"ebs1": "sdf"}, controller(1, "sdf", disks=False)))
    assert (found.disk, found.how) == (None, "vendor name")


STORE = controller(2, None, INSTANCE_STORE_MODEL)


@pytest.mark.parametrize(
    ("controllers", "lost"),
    [
        ((controller(0, "xvda"), controller(1, "sdf")), ["sdg"]),
        ((controller(0, "xvda"), controller(1, "xvdg"), STORE), ["sdf"]),
        ((controller(0, "sdh"),), ["sdf", "sdg"]),
        ((controller(0, "xvda"), controller(1, "sdf"), controller(3, "sdg", disks=False)), []),
        ((controller(0, "xvda"), controller(1, None)), None),
        ((controller(0, "xvda"), controller(1, "")), None),
    ],
)
def test_what_is_missing_is_known_when_each_controller_told_a_name(
    controllers: tuple[NvmeController, ...], lost: list[str] | None
) -> None:
    mapping = {"root": "xvda", "ebs1": "sdf", "ebs2": "sdg", "ebs3": "xvda", "ephemeral0": "sdb"}
    assert missing(on_nitro(mapping, *controllers)) == lost


def test_an_instance_store_is_no_volume() -> None:
    assert [each.name for each in volumes(on_nitro({}, controller(0, None), STORE))] == ["nvme0"]


# B05


@pytest.mark.parametrize(
    ("mapping", "here", "missing"),
    [
        ({"root": "sda1", "ebs1": "sdf", "ebs2": "sdj"}, ("xvda", "xvdj"), ["sdf"]),
        ({"root": "sda1", "ebs1": "sdf", "ebs2": "sdj"}, ("xvda", "xvdf", "xvdj"), []),
        ({"root": "sda1", "ebs1": "sdf"}, ("xvde", "xvdj"), []),
        ({"root": "sda1", "ebs1": "sdf"}, ("xvde", "xvdf"), []),  # attached since, or under another name: who knows
        ({"root": "xvda", "ebs1": "sdf"}, ("xvda", "xvdj"), []),  # moved, perhaps
        ({"root": "xvda", "ebs1": "sdf", "ebs2": "sdg"}, ("xvda",), ["sdf", "sdg"]),
        ({"root": "xvda", "ebs1": "nonsense", "ephemeral0": "sdb"}, ("xvda",), []),
    ],
)
def test_a_volume_is_missed_where_no_disk_may_be_it(
    mapping: dict[str, str], here: tuple[str, ...], missing: list[str]
) -> None:
    disks = tuple(BlockDevice(name, "xen-blkfront", "xen") for name in here)
    found = judged(Case(guest(T2, imds(block_devices=mapping), fact(block_devices=disks)))).findings
    assert [each.subject for each in found if each.code == "B05"] == missing


# any names


@given(st.dictionaries(st.sampled_from(["ami", "root", "ebs1", "ebs2", "ephemeral0"]), DEVICES),
       st.lists(DEVICES, max_size=4), st.lists(st.none() | DEVICES, max_size=4))  # fmt: skip
def test_any_mapping_is_told_once_each_with_a_disk_that_is_here(
    mapping: dict[str, str], here: list[str], names: list[str | None]
) -> None:
    nitro = on_nitro(mapping, *(controller(number, name) for number, name in enumerate(names)))
    for facts in (on_xen(mapping, *here), nitro):
        found = matched(facts)
        assert [(each.name, each.device) for each in found] == sorted((n, d) for n, d in mapping.items() if n != "ami")
        present = {disk.name for disk in facts.block_devices or ()}
        for each in (each for each in found if each.disk):
            assert each.disk in present
            assert each.how == (block_mapping.VENDOR_NAME if volumes(facts) else block_mapping.NAME)


@given(DEVICES)
def test_a_disk_found_by_name_has_one_of_the_names_that_it_may_have(device: str) -> None:
    names = guest_names(device)
    assert all(name.startswith(("xvd", "sd")) for name in names)
    for name in names:
        (found,) = matched(on_xen({"root": device}, name))
        assert found.disk == name
        assert found.how == block_mapping.NAME

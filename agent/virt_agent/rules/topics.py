"""The modules that hold the rules, and where a module's rules can have a meaning; elsewhere it is not even loaded."""

from __future__ import annotations

from .form import Reading, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

COUNT = 145  # of all rules, to be told without loading them


def _anywhere(_reading: Reading) -> bool:
    return True


def _on_xen(reading: Reading) -> bool:
    return reading.verdict.hypervisor == "xen" or bool(reading.frontends)


def _on_ec2(reading: Reading) -> bool:
    return reading.on_ec2


def _with_nvme(reading: Reading) -> bool:
    return bool(reading.facts.nvme)


def _with_nvme_disks(reading: Reading) -> bool:
    """Kernels before 4.0 have no class of controllers."""
    disks = reading.facts.block_devices or ()
    return _with_nvme(reading) or any(disk.name.startswith("nvme") for disk in disks)


def _with_virtio(reading: Reading) -> bool:
    return bool(reading.facts.virtio)


def _with_ena(reading: Reading) -> bool:
    network, reports = reading.facts.network, reading.facts.ethtool or ()
    cards = network.devices if network else ()
    return "ena" in [nic.driver for nic in cards] + [report.driver for report in reports]


def _with_counters(reading: Reading) -> bool:
    return _with_ena(reading) or any(one.counters for one in reading.facts.ethtool or ())


_MODULES: dict[str, Callable[[Reading], bool]] = {
    "disks.block": _anywhere,
    "disks.ebs": _with_nvme,
    "disks.names": _anywhere,
    "disks.nvme": _with_nvme,
    "disks.read_only": _anywhere,
    "disks.stall": _anywhere,
    "disks.virtio": _with_virtio,
    "disks.volumes": _anywhere,
    "guest.clock": _anywhere,
    "guest.ec2": _on_ec2,
    "guest.memory": _anywhere,
    "guest.metadata": _on_ec2,
    "guest.platform": _anywhere,
    "guest.tools": _anywhere,
    "kernel_log.clocks": _anywhere,
    "kernel_log.disks": _anywhere,
    "kernel_log.ena": _with_ena,
    "kernel_log.nics": _anywhere,
    "kernel_log.nvme": _with_nvme_disks,
    "kernel_log.tasks": _anywhere,
    "kernel_log.xen_boot": _on_xen,
    "kernel_log.xen_disks": _on_xen,
    "kernel_log.xen_memory": _on_xen,
    "kernel_log.xen_nics": _on_xen,
    "network.cards": _anywhere,
    "network.ec2": _on_ec2,
    "network.ena": _with_counters,
    "network.ena_driver": _with_ena,
    "network.ena_limits": _with_ena,
    "network.interfaces": _anywhere,
    "xen.balloon": _on_xen,
    "xen.frontend_drivers": _on_xen,
    "xen.frontends": _on_xen,
    "xen.host": _on_xen,
    "xen.unplug": _on_xen,
}
MODULES = tuple(_MODULES)


def load(modules: Collection[str]) -> tuple[Rule, ...]:
    """The rules in these modules, by code."""
    found = [rule for name in modules for rule in __import__(f"{__package__}.{name}", fromlist=["RULES"]).RULES]
    return tuple(sorted(found, key=lambda rule: rule.code))


def relevant(reading: Reading, broken: Collection[str]) -> tuple[Rule, ...]:
    """Those that can have a meaning in a reading; all of them where a collector broke, for then nobody can tell."""
    return load(chosen(reading, broken))


def chosen(reading: Reading, broken: Collection[str]) -> tuple[str, ...]:
    """The modules of those rules."""
    return tuple(name for name, meaningful in _MODULES.items() if broken or meaningful(reading))

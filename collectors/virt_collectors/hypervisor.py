"""What a kernel that talks to Xen says of it.

/sys/hypervisor (Documentation/ABI/stable/sysfs-hypervisor-xen, since 2.6.30; guest_type since
4.13; start_flags since 6.4): files that only Xen's code writes, so any of them proves that
hypercalls work. The bare folder proves nothing: it is there, empty, on every kernel with
CONFIG_SYS_HYPERVISOR. `uuid` is EBUSY before xenstored runs and ENOENT where the node is
missing; texts may read "<denied>".
/proc/xen: a folder that exists only on Xen (xenbus_probe.c); empty unless xenfs is mounted.
"""

from __future__ import annotations

from .record import Record
from .source import Source

# XENFEAT_* bits of properties/features, xen/include/public/features.h
FEATURE_AUTO_TRANSLATED_PHYSMAP = 1 << 2
FEATURE_MMU_PT_UPDATE_PRESERVE_AD = 1 << 5  # PV only
FEATURE_HVM_CALLBACK_VECTOR = 1 << 8
FEATURE_HVM_PIRQS = 1 << 10  # HVM; off by default since Xen 4.19
FEATURE_DOM0 = 1 << 11

ROOT = "sys/hypervisor"


class Hypervisor(Record):
    """Answers of /sys/hypervisor and /proc/xen, None where not offered."""

    type: str | None = None
    guest_type: str | None = None
    uuid: str | None = None
    version: str | None = None  # "4.17.5", "4.11.amazon"
    features: int | None = None
    capabilities: str | None = None
    initial_domain: bool | None = None
    proc_xen: bool = False
    proc_xen_capabilities: str | None = None  # "" in a guest


def read_hypervisor(source: Source) -> Hypervisor | None:
    """Both places; None where neither says anything."""
    offered = set(source.names(ROOT))
    proc_xen = source.exists("proc/xen")
    if not offered and not proc_xen:
        return None
    return Hypervisor(
        type=source.text(f"{ROOT}/type") or None,
        guest_type=source.text(f"{ROOT}/guest_type") or None,
        uuid=source.text(f"{ROOT}/uuid", tolerate=("EBUSY",)) or None,
        version=_version(source),
        features=_features(source),
        capabilities=_told(source, f"{ROOT}/properties/capabilities"),
        initial_domain=_initial_domain(source),
        proc_xen=proc_xen,
        proc_xen_capabilities=source.text("proc/xen/capabilities") if proc_xen else None,
    )


def _version(source: Source) -> str | None:
    major, minor = source.text(f"{ROOT}/version/major"), source.text(f"{ROOT}/version/minor")
    if not major or not minor:
        return None
    return f"{major}.{minor}{_told(source, f'{ROOT}/version/extra') or ''}"


def _told(source: Source, path: str) -> str | None:
    """A text that Xen's security module may withhold (xen/common/kernel.c, xen_deny)."""
    text = source.text(path)
    return None if text in ("<denied>", "") else text


def _features(source: Source) -> int | None:
    """Absent on xenlinux kernels (RHEL 5) and in the kernel of util-linux#530."""
    return source.number(f"{ROOT}/properties/features", base=16)


def _initial_domain(source: Source) -> bool | None:
    flag = source.text(f"{ROOT}/start_flags/initdomain")
    return None if flag not in ("0", "1") else flag == "1"

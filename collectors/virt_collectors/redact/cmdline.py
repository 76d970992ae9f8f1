"""The kernel command line: known parameters stay, everything else is dropped whole.

Parameters of one's own carry passwords, hosts and addresses (ds=nocloud;seedfrom=http://…, ip=…), and a
name that we do not know says nothing that we could judge. What stays parses as it did.
"""

from __future__ import annotations

import re

from ..boot import parse_cmdline
from . import names as called
from .identifiers import Scrubber
from .mount_options import options
from .tables import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Values of these are words and numbers. Sources: Documentation/admin-guide/kernel-parameters.txt; for Xen
# platform-pci-unplug.c and enlighten_hvm.c; kernel-command-line(7) of systemd; dracut.cmdline(7).
_WORDS = words(
    # Xen and virtualization
    "xen_nopv nopv xen_nopvspin nopvspin xen_emul_unplug xen_legacy_crash xen_mc_debug xen_timer_slop"
    " xen_512gb_limit xen_no_vector_callback xen_pv_domain hvc_iucv no_kvmclock no_kvmclock_vsyscall no_kvmapf"
    " no_steal_acc kvmclock earlycon kvm.nx_huge_pages kvm_intel.nested kvm_amd.nested nested_pvm"
    # clock
    " clocksource tsc notsc hpet clock no_timer_check lapic nohz nohz_full highres skew_tick lpj processor.max_cstate"
    " idle intel_idle.max_cstate cpuidle_haltpoll.force cpufreq.default_governor"
    # console and verbosity
    " console earlyprintk quiet splash loglevel debug ignore_loglevel no_console_suspend consoleblank nomodeset"
    " printk.devkmsg printk.time log_buf_len fbcon vga video vt.handoff plymouth.enable rd.plymouth systemd.show_status"
    # processors and memory
    " maxcpus nr_cpus possible_cpus nosmp nosmt isolcpus rcu_nocbs irqaffinity mem memmap hugepages hugepagesz"
    " default_hugepagesz transparent_hugepage numa numa_balancing swapaccount zswap.enabled init_on_alloc"
    " init_on_free page_poison slab_nomerge vsyscall iommu intel_iommu amd_iommu swiotlb x2apic nox2apic noapic"
    " nolapic apic acpi acpi_rsdp noacpi pci pcie_aspm pcie_ports nomodule mce noxsave nopcid nokaslr kaslr"
    # mitigations
    " mitigations pti nopti kpti spectre_v1 nospectre_v1 spectre_v2 nospectre_v2 spectre_v2_user spec_store_bypass_disable"
    " l1tf mds tsx tsx_async_abort mmio_stale_data retbleed srbds gather_data_sampling spec_rstack_overflow"
    # trouble
    " panic panic_on_oops panic_on_warn softlockup_panic hung_task_panic nmi_watchdog watchdog nowatchdog oops"
    " crashkernel reboot sysrq_always_enabled rcupdate.rcu_cpu_stall_timeout kasan audit selinux enforcing"
    " apparmor security lsm lockdown fips module.sig_enforce"
    # disks, root and network names
    " ro rw rootwait rootdelay rootfstype fsck.mode fsck.repair scsi_mod.use_blk_mq dm_mod.use_blk_mq elevator"
    " net.ifnames biosdevname ipv6.disable ipv6.disable_ipv6 libata.force ide_core.nodma raid noresume"
    " resume_offset modules_load module_blacklist modprobe.blacklist rd.driver.blacklist rd.driver.pre"
    " initcall_blacklist rd.lvm rd.luks rd.md rd.dm rd.auto"
    # how far to boot
    " single emergency rescue 1 3 5 s systemd.unified_cgroup_hierarchy systemd.legacy_systemd_cgroup_controller"
    " cgroup_enable cgroup_disable cgroup_no_v1 psi systemd.log_level cloud_init random.trust_cpu random.trust_bootloader"
    " noefi efi add_efi_memmap boot_delay"
)
# All parameters of these drivers.
_DRIVERS = tuple(
    words(
        "nvme_core. nvme. xen_blkfront. xen_netfront. xen_scsifront. xen_balloon. xen. ena. ixgbevf. e1000. e1000e."
        " virtio. virtio_blk. virtio_net. virtio_pci. virtio_mmio. virtio_scsi. virtio_balloon. ahci. ata_piix. libata."
        " 8139cp. 8139too. blkback. xen_blkback. xen_netback. hv_netvsc. hv_storvsc. haltpoll."
    )
)
_SAFE = re.compile(r"[A-Za-z0-9_.:+@%~^!$*()-]{0,64}")


class CommandLine:
    """Redacts command lines."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._names = scrubber.names
        self._dropped: set[str] = set()  # the kernel log repeats the line
        self._forms: dict[str, Callable[[str], str]] = {
            "root": lambda value: called.device(self._names, value),
            "resume": lambda value: called.device(self._names, value),
            "rootflags": lambda value: options(scrubber, value),
            "BOOT_IMAGE": lambda value: called.image(self._names, value),
            "init": lambda value: called.directory(self._names, value),
            "rdinit": lambda value: called.directory(self._names, value),
            "rd.luks.uuid": self._identity,
            "luks.uuid": self._identity,
            "rd.md.uuid": self._identity,
            "rd.lvm.lv": lambda value: called.device(self._names, f"/dev/{value}")[len("/dev/") :],
        }

    def text(self, text: str) -> str:
        """/proc/cmdline."""
        first = text.splitlines()[0] if text.splitlines() else ""
        return self.line(first) + ("\n" if text.endswith("\n") else "")

    def line(self, text: str) -> str:
        """The parameters that stay, without those of init behind "--"."""
        kept = [found for found in map(self._parameter, parse_cmdline(text)) if found]
        _, dashes, of_init = f" {text} ".partition(" -- ")
        for word in of_init.split() if dashes else ():
            self._drop(word)
        return " ".join(kept)

    def _parameter(self, parameter: str) -> str | None:
        key, equals, value = parameter.partition("=")
        known = key.replace("-", "_")
        if key in self._forms:
            # A blank would end the parameter and a quote open another.
            clean = value if re.fullmatch(r'[^\s"]+', value) else ""
            return f"{key}={self._forms[key](clean)}" if clean else key + equals
        if known in _WORDS or (known.startswith(_DRIVERS) and _SAFE.fullmatch(key)):
            return f"{key}{equals}{','.join(map(self._word, value.split(',')))}"
        self._drop(parameter)
        return None

    def _word(self, value: str) -> str:
        return self._scrubber.forms(value) if _SAFE.fullmatch(value) else "redacted"

    def _identity(self, value: str) -> str:
        start = "luks-" if value.startswith("luks-") else ""
        return start + called.identity(self._names, value[len(start) :])

    def _drop(self, parameter: str) -> None:
        self._names.drop("kernel parameters", int(parameter not in self._dropped))
        self._dropped.add(parameter)
        _, equals, value = parameter.partition("=")
        self._names.forget(parameter)
        self._names.forget(value if equals else parameter)

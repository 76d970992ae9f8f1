"""The figures: what each one is, and what must not be read into it."""

from __future__ import annotations

from virt_collectors.record import Record

PROCESSOR, DISK, BOOT = "Processor and kernel", "Disk", "Boot"


class Figure(Record):
    """One measured thing. `more_is_better` is False for what costs time."""

    name: str
    group: str
    title: str
    unit: str
    means: str
    means_not: str
    more_is_better: bool = False


FIGURES = (
    Figure(
        "work",
        PROCESSOR,
        "SHA-256 of 64 KiB",
        "us",
        "the processor's own speed: no hypervisor has a part in it",
        "about virtualization: if it differs, so do processor, clock or library",
    ),
    Figure(
        "clock",
        PROCESSOR,
        "clock read",
        "ns",
        "clock_gettime as programs call it; by the vDSO where there is one",
        "accuracy; if it is near the next figure, each read enters the kernel",
    ),
    Figure(
        "clock_syscall",
        PROCESSOR,
        "clock by system call",
        "ns",
        "the same read, forced through the kernel",
        "what programs pay, unless the clock read above costs as much",
    ),
    Figure(
        "syscall",
        PROCESSOR,
        "system call",
        "ns",
        "into the kernel and back (getppid); through Xen in 64-bit PV",
        "the cost of calls that work: files, sockets and disks add their own",
    ),
    Figure(
        "vm_exit",
        PROCESSOR,
        "CPUID (VM exit)",
        "ns",
        "out to the hypervisor and back on VT-x/AMD-V: CPUID forces it",
        "always an exit in Xen PV, never on metal: CPUID itself is 200 cycles",
    ),
    Figure(
        "page_fault",
        PROCESSOR,
        "page fault",
        "ns",
        "first touch of fresh memory, page by page, zeroing included",
        "huge pages; nor the host's own paging, which shows as spread",
    ),
    Figure(
        "disk_latency",
        DISK,
        "disk read, depth 1",
        "us",
        "a 4 KiB random read past the page cache (O_DIRECT), one at a time",
        "the volume's IOPS, nor old data: this file is new, small, maybe cached",
    ),
    Figure(
        "disk_latency_p99",
        DISK,
        "disk read, worst 1 %",
        "us",
        "of 100 such reads, the second slowest: hiccups of host and storage",
        "a promise: some hundred reads a round tell little of rare ones",
    ),
    Figure(
        "disk_iops_1",
        DISK,
        "disk reads, depth 1",
        "/s",
        "how many such reads one program gets that waits for each",
        "what the volume can do",
        more_is_better=True,
    ),
    Figure(
        "disk_iops_16",
        DISK,
        "disk reads, depth 16",
        "/s",
        "how many with 16 in flight (kernel AIO): nearer to the volume's limit",
        "provisioned IOPS: bursts exceed them; beyond 40000 we are the limit",
        more_is_better=True,
    ),
    Figure(
        "boot_firmware",
        BOOT,
        "firmware",
        "s",
        "power-on to boot loader, as EFI firmware tells it",
        "known with a BIOS or in Xen PV, nor what the host does before",
    ),
    Figure("boot_loader", BOOT, "boot loader", "s", "boot loader to kernel, its menu's wait included", "known with a BIOS"),
    Figure(
        "boot_kernel",
        BOOT,
        "kernel",
        "s",
        "kernel's first line to its first process: drivers and devices",
        "what came before the kernel",
    ),
    Figure("boot_initrd", BOOT, "initrd", "s", "first process to root file system", "there without an initrd"),
    Figure(
        "boot_userspace",
        BOOT,
        "user space",
        "s",
        "root file system to the last unit: services, network, cloud-init",
        "virtualization, mostly: which services start decides it",
    ),
)  # fmt: skip
BY_NAME = {figure.name: figure for figure in FIGURES}

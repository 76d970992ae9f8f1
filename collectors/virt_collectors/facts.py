"""Everything the collectors found out about one machine at one moment."""

from __future__ import annotations

from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .block import BlockDevice
    from .boot import Boot
    from .boot_loader import BootLoader
    from .clock import Clock
    from .configuration import Configuration
    from .container import Container
    from .cpu import Cpu
    from .cpuid import Cpuid
    from .device_names import DeviceNames
    from .devicetree import DeviceTree
    from .dmi import Dmi
    from .drivers import Drivers
    from .ethtool import DriverReport
    from .guest_tools import GuestTools
    from .host import Space
    from .hypervisor import Hypervisor
    from .imds import Imds
    from .kernel_log import KernelLog
    from .kernels import InstalledKernel
    from .memory import Memory
    from .mounts import Mount
    from .network import Network
    from .nvme import NvmeController
    from .nvme_latencies import VolumeLatencies
    from .pci import PciDevice
    from .platform import Platform
    from .processor import Processor
    from .system import System
    from .virtio import VirtioDevice
    from .xenbus import Xenbus


class Facts(Record):
    """One field for each collector; None where it found nothing, was not asked, or failed whole.

    `unreadable` holds the errno's name for each path that refused to be read.
    """

    system: System | None = None
    os: str | None = None
    hypervisor: Hypervisor | None = None
    dmi: Dmi | None = None
    device_tree: DeviceTree | None = None
    platform: Platform | None = None
    cpu: Cpu | None = None
    cpuid: Cpuid | None = None
    processor: Processor | None = None
    pci: tuple[PciDevice, ...] | None = None
    virtio: tuple[VirtioDevice, ...] | None = None
    xenbus: Xenbus | None = None
    drivers: Drivers | None = None
    mounts: tuple[Mount, ...] | None = None
    block_devices: tuple[BlockDevice, ...] | None = None
    nvme: tuple[NvmeController, ...] | None = None
    nvme_latencies: tuple[VolumeLatencies, ...] | None = None
    network: Network | None = None
    ethtool: tuple[DriverReport, ...] | None = None
    clock: Clock | None = None
    memory: Memory | None = None
    boot: Boot | None = None
    container: Container | None = None
    imds: Imds | None = None
    kernel_log: KernelLog | None = None
    kernel_journal: KernelLog | None = None
    guest_tools: GuestTools | None = None
    configuration: Configuration | None = None
    kernels: tuple[InstalledKernel, ...] | None = None
    boot_loader: BootLoader | None = None
    device_names: DeviceNames | None = None
    space: dict[str, Space] | None = None
    unreadable: dict[str, str] = {}

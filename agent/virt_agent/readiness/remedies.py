"""Commands that mend a kernel or an initramfs, by the distribution that its file names tell."""

from __future__ import annotations

from virt_collectors.boot_loader import BootLoader
from virt_collectors.kernels import InstalledKernel


def _debian(kernel: InstalledKernel) -> bool:
    """Debian and Ubuntu name it initrd.img-RELEASE, and end releases in a flavour: -amd64, -aws, -generic."""
    if kernel.initramfs:
        return kernel.initramfs.rpartition("/")[2].startswith("initrd.img-")
    return kernel.release.rpartition("-")[2].isalpha()


def of_initramfs(
    kernel: InstalledKernel, drivers: list[str] | tuple[str, ...] = (), loader: BootLoader | None = None
) -> tuple[str, ...]:
    """Make it anew, with the drivers named where they would be left out again."""
    if not _debian(kernel):
        named = f" --add-drivers '{' '.join(drivers)}'" if drivers else ""
        return (f"sudo dracut --force{named} /boot/initramfs-{kernel.release}.img {kernel.release}",)
    made = f"sudo update-initramfs {'-u' if kernel.initramfs else '-c'} -k {kernel.release}"
    modules = loader.initramfs_modules if loader else None
    if drivers and modules not in (None, "most"):
        return ("Set MODULES=most in /etc/initramfs-tools/initramfs.conf", made)
    return (made,)


def reinstall(kernel: InstalledKernel) -> tuple[str, ...]:
    """Install the package again; on Debian and Ubuntu modules are partly in packages of their own."""
    if _debian(kernel):
        packages = f"linux-image-{kernel.release}"
        return (
            "Is there room? df -h / /boot",
            f"sudo apt install --reinstall {packages}; on Ubuntu linux-modules-{kernel.release} too",
        )
    return ("Is there room? df -h / /boot", f"sudo dnf reinstall kernel-core-{kernel.release}")


def other_kernel(kernel: InstalledKernel) -> tuple[str, ...]:
    """A driver that a kernel has not may be in a package beside it, or in another flavour."""
    if _debian(kernel):
        return (
            f"On Ubuntu: sudo apt install linux-modules-extra-{kernel.release}, or on EC2 sudo apt install linux-aws",
            "Or boot another installed kernel that has it: see the table of kernels.",
        )
    return (
        *reinstall(kernel),
        "Or boot another installed kernel that has it: sudo grubby --set-default /boot/vmlinuz-RELEASE",
    )


def of_menu(path: str | None) -> tuple[str, ...]:
    """Make the boot loader's menu anew."""
    if path and path.endswith("menu.lst"):
        return ("sudo update-grub-legacy-ec2 (package grub-legacy-ec2), or edit default and title in menu.lst",)
    if path and ("grub2/" in path or "loader/" in path or "efi/" in path):
        return (f"sudo grub2-mkconfig -o /{path}" if path.endswith(".cfg") else "sudo grubby --info=ALL",)
    return ("sudo update-grub",)

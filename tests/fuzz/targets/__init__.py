"""The targets: every parser that eats foreign bytes, with what it promises of any of them.

kernel         the kernel's log and its tables in /proc, as text
devices        what firmware, disks and network cards tell in bytes
snapshots      archives, their answer files, and whole guests of any content
boot           what lies in /boot: images, initramfs, GRUB
configuration  files that people write: the guest's, and the agent's own
network        HTTP as a server hears it and as the metadata service answers it
documents      measurements, and what other programs print
"""

from __future__ import annotations

from ..form import Target
from . import boot, configuration, devices, documents, kernel, network, snapshots

_MODULES = (kernel, devices, snapshots, boot, configuration, network, documents)
TARGETS: dict[str, Target] = {target.name: target for module in _MODULES for target in module.TARGETS}

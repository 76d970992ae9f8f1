"""Everything that the daemon may ever need, imported before it is ready: an import reads a disk, which may hang by then.

A test walks through all that is loaded and asks of each import inside a function whether its module is here.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from virt_collectors.collect import COLLECTORS, load

from ..rules import topics

# What the standard library, the four libraries and our own modules import inside their functions.
_LATER = (
    *("encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_8_sig", "stringprep", "unicodedata"),
    *("binascii", "bz2", "calendar", "datetime", "difflib", "email.utils", "gzip", "html", "ipaddress", "json", "lzma"),
    *("platform", "select", "signal", "ssl", "string", "struct", "tempfile", "traceback", "zlib"),
)
_OURS = (
    *("virt_agent.render.text", "virt_agent.render.chosen", "virt_agent.render.tables", "virt_agent.render.perfdata"),
    *(
        "virt_agent.rules.registry",
        "virt_agent.config",
        "virt_agent.settings",
        "virt_agent.successors",
        "virt_agent.block_mapping",
    ),
    *("virt_agent.render.instance_type", "virt_agent.readiness.shift", "virt_agent.readiness.table"),
    *("virt_collectors.grub.find", "virt_collectors.grub.legacy", "virt_collectors.versions"),
    *("virt_agent.readiness.checks", "virt_agent.serve.web.access", "virt_agent.serve.web.tls"),
    *("virt_collectors.host.metadata", "virt_collectors.host.ethtool", "virt_collectors.host.nvme"),
    *("virt_collectors.host.initramfs.lz4", "virt_collectors.host.initramfs.zstd", "virt_collectors.host.journal"),
    *("virt_collectors.host.kmsg", "virt_collectors.named_devices.disks", "virt_collectors.named_devices.interfaces"),
    *("virt_collectors.named_devices.netplan", "virt_collectors.sandbox"),
)
# Not in every Python.
_WHERE_THERE = ("tomllib", "tomli", "compression.zstd")


def preload() -> None:
    """Import it all."""
    for collector in COLLECTORS:
        load(collector)
    topics.load(topics.MODULES)
    for name in (*_LATER, *_OURS):
        import_module(name)
    for name in _WHERE_THERE:
        with suppress(ImportError):
            import_module(name)

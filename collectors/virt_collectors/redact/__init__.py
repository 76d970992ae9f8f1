"""Takes out of a recording what names people, machines and addresses, so that it can be sent.

    pseudonyms    who is called what, the same in every file
    identifiers   what free text gives away: MACs, uuids, addresses, ids, names known from elsewhere
    files         which file is treated how; the other modules know one kind of file each

The verdict and the findings on what comes out are those on what went in. Of command lines, options and
metadata what stays is listed, not what goes: a key that is not known is dropped.
"""

from __future__ import annotations

from ..host.recorder import Recording
from ..record import replace
from .ethtool import ethtool
from .files import Files
from .identifiers import Scrubber
from .kernel_log import kernel_log
from .metadata import metadata
from .pseudonyms import Pseudonyms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..host import Uname


def redact(recording: Recording) -> tuple[Recording, dict[str, int]]:
    """A copy without identifiers, and how many of each kind were replaced ("uuid") or dropped ("… dropped").

    The first of two walks only learns the names: a log may tell of a host before the file that names it.
    """
    names = Pseudonyms()
    _walk(recording, names)
    names.dropped.clear()
    clean = _walk(recording, names)
    return clean, names.summary() | {f"{what} dropped": count for what, count in names.dropped.items() if count}


def _walk(recording: Recording, names: Pseudonyms) -> Recording:
    scrubber = Scrubber(names)
    files = Files(scrubber)
    clean = Recording()
    clean.uname = _uname(recording.uname, names)
    clean.files = {files.path(path): files.content(path, recording.files[path]) for path in sorted(recording.files)}
    clean.links = {files.path(path): files.path(recording.links[path]) for path in sorted(recording.links)}
    clean.directories = {files.path(path) for path in sorted(recording.directories)}
    clean.errors = {files.path(path): recording.errors[path] for path in sorted(recording.errors)}
    clean.metadata, clean.metadata_state = metadata(scrubber, recording.metadata), recording.metadata_state
    clean.nvme_device_names, clean.space = dict(recording.nvme_device_names), dict(recording.space)
    clean.heads = {files.path(path): recording.heads[path] for path in sorted(recording.heads)}
    clean.initramfs = {files.path(path): _modules(recording.initramfs[path]) for path in sorted(recording.initramfs)}
    if recording.kernel_log is not None:
        clean.kernel_log = kernel_log(scrubber, files.command_line, recording.kernel_log)
    clean.ethtool = {name: ethtool(scrubber, recording.ethtool[name]) for name in sorted(recording.ethtool)}
    clean.cpuid_method, clean.cpuid = recording.cpuid_method, dict(recording.cpuid)
    clean.time, clean.privileged = recording.time, recording.privileged
    return clean


def _modules(names: tuple[str, ...]) -> tuple[str, ...]:
    """Kernel modules and /init, without which it is not whole: other names in an initramfs may be somebody's own."""
    return tuple(name for name in names if name == "init" or "lib/modules/" in name)


def _uname(uname: Uname | None, names: Pseudonyms) -> Uname | None:
    return None if uname is None else replace(uname, nodename=names.host(uname.nodename))

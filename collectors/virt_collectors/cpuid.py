"""What CPUID says of hypervisors: leaf 1 ECX bit 31, and the signatures from leaf 0x40000000 on.

Several hypervisors may show, each 0x100 leaves after the one before (asm/cpuid.h,
for_each_possible_hypervisor_cpuid_base): Xen with Viridian puts "Microsoft Hv" first, KVM that emulates
Xen puts its own last. Linux looks up to 0x4000ff00 for the one it wants; we stop where sixteen places in a
row hold no name, for each leaf leaves the guest, and /dev/cpu/0/cpuid takes it to another processor besides. Xen's own leaves (xen/include/public/arch-x86/cpuid.h): base+1 EAX is
the version, base+2 ECX bit 0 means PV, base+4 ECX the domain id where EAX bit 4 says so.
"""

from __future__ import annotations

from .errors import Absent, SourceError
from .host import Host, Registers
from .record import Record, replace
from .source import Source

FIRST, LAST, STEP = 0x40000000, 0x4000FF00, 0x100
_GAP = 16  # places without a name, behind which there are no more; nobody is known to skip even one
XEN = "XenVMMXenVMM"


class Signature(Record):
    """A hypervisor's name at its base leaf, NUL padding removed."""

    base: int
    text: str


class Cpuid(Record):
    """Hypervisor leaves and how they were read. `signatures` is in the order of the leaves."""

    method: str
    hypervisor_bit: bool | None
    signatures: tuple[Signature, ...] = ()
    xen_version: str | None = None
    xen_pv: bool | None = None
    xen_domid: int | None = None


def read_cpuid(source: Source) -> Cpuid | None:
    """None where CPUID could not be asked, which is not the same as "no hypervisor".

    Later readings ask for the domain id alone: a guest that is restored or migrated gets a new one.
    """
    known = source.before.cpuid if source.before else None
    try:
        if known is not None:
            return _again(known, source.host)
        method = source.host.cpuid_method()
        bit = _leaf(source.host, 1)
        signatures = _signatures(source.host)
        xen = next((found.base for found in signatures if found.text == XEN), None)
        answer = Cpuid(method, None if bit is None else bool(bit.ecx >> 31), signatures)
        return answer if xen is None else _about_xen(answer, source.host, xen)
    except SourceError as error:
        source.note(error)
        return None


def _again(known: Cpuid, host: Host) -> Cpuid:
    base = next((found.base for found in known.signatures if found.text == XEN), None)
    return known if base is None else _about_xen(known, host, base)


def _signatures(host: Host) -> tuple[Signature, ...]:
    found: list[Signature] = []
    for base in range(FIRST, LAST + 1, STEP):
        if base - (found[-1].base + STEP if found else FIRST) >= _GAP * STEP:
            break
        registers = _leaf(host, base)
        text = signature(registers) if registers else ""
        if text:
            found.append(Signature(base, text))
    return tuple(found)


def _leaf(host: Host, leaf: int) -> Registers | None:
    try:
        return host.cpuid(leaf)
    except Absent:
        return None


def _about_xen(answer: Cpuid, host: Host, base: int) -> Cpuid:
    version, abilities, identity = (_leaf(host, base + offset) for offset in (1, 2, 4))
    return replace(
        answer,
        xen_version=f"{version.eax >> 16}.{version.eax & 0xFFFF}" if version and version.eax else None,
        xen_pv=None if abilities is None else bool(abilities.ecx & 1),
        xen_domid=identity.ecx if identity and identity.eax & 1 << 4 else None,
    )


def signature(registers: Registers) -> str:
    """The twelve bytes of EBX, ECX and EDX as text; "" where they are no name.

    Without a hypervisor the processor answers with its highest basic leaf, which is rubbish here.
    """
    if not registers.ebx:
        return ""  # no name begins with NULs: most of the leaves that are asked
    raw = b"".join(value.to_bytes(4, "little") for value in (registers.ebx, registers.ecx, registers.edx))
    text = raw.rstrip(b"\0").decode("latin-1")
    return text if len(text) > 3 and text.isascii() and text.isprintable() else ""

"""Every guest of the lab by its name, in the order of the table."""

from __future__ import annotations

from .plain_guests import PLAIN_GUESTS
from .shapes import Guest
from .xen_guests import DOM0S, HOT_GUEST, SECOND_GENERATION, SHIM_GUEST, XEN_GUESTS

# The shim comes last on its machine: Xen within Xen under emulation is what hangs when something does.
GUESTS: dict[str, Guest] = {
    guest.name: guest for guest in (*DOM0S, *XEN_GUESTS, HOT_GUEST, SHIM_GUEST, *SECOND_GENERATION, *PLAIN_GUESTS)
}

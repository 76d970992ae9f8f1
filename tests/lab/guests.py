"""Every guest of the lab by its name, in the order of the table."""

from __future__ import annotations

from .plain_guests import PLAIN_GUESTS
from .shapes import Guest
from .xen_guests import DOM0S, HOT_GUEST, SECOND_GENERATION, XEN_GUESTS

GUESTS: dict[str, Guest] = {
    guest.name: guest for guest in (*DOM0S, *XEN_GUESTS, HOT_GUEST, *SECOND_GENERATION, *PLAIN_GUESTS)
}

"""A state at a glance: its word beside a shape of its own, in its colour; and the shape as the tab's icon."""

from __future__ import annotations

from .markup import Html, tag
from .style import LIGHT

# As SVG in a box of 16, where the style sheet draws the same shapes.
_SHAPES = {
    "ok": "<circle cx='8' cy='8' r='7'/>",
    "warning": "<path d='M8 1l8 14H0z'/>",
    "critical": "<path d='M8 0l8 8-8 8-8-8z'/>",
    "unknown": "<path d='M1 1h14v14H1zM5 5v6h6V5z' fill-rule='evenodd'/>",
}


def mark(state: str) -> Html:
    """The shape alone, for where the word stands beside it."""
    return tag("span", class_=f"mark {state}", aria_hidden="true")


def badge(state: str, size: str = "") -> Html:
    """Shape and word."""
    return tag("span", mark(state), state.upper(), class_=f"badge {state} {size}".strip())


def icon(state: str) -> Html:
    """For the tab: what is ill stands out among many."""
    colour = {"warning": "e09b00", "critical": "e5484d", "ok": "2da44e"}.get(state, LIGHT["unknown"][1:])
    shape = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='%23{colour}'>{_SHAPES[state]}</svg>"
    return tag("link", rel="icon", href=f"data:image/svg+xml,{shape}")

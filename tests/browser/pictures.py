"""The pictures of docs/page.md."""

from __future__ import annotations

import pathlib

from virt_collectors.record import Record

from . import png
from .driver import Browser

PLACE = pathlib.Path(__file__).parent.parent.parent / "docs" / "images"
MOST_BYTES = 150_000
PHONE = 375


class Picture(Record):
    """Of a guest's page: scheme, width and height in pixels of CSS."""

    guest: str
    scheme: str
    width: int
    height: int

    @property
    def name(self) -> str:
        """Its file."""
        kind = "phone" if self.width <= PHONE else "wide"
        return f"page-{self.guest}-{self.scheme}-{kind}.png"


PICTURES = (
    Picture("healthy", "light", 1100, 1600),
    Picture("healthy", "dark", 1100, 1600),
    Picture("ill", "light", 1100, 1600),
    Picture("ill", "dark", 1100, 1600),
    Picture("healthy", "light", PHONE, 1900),
    Picture("ill", "dark", PHONE, 1900),
)


def take(browser: Browser, url: str, guest: str) -> list[str]:
    """Those of one guest; complaints about what is too large."""
    PLACE.mkdir(parents=True, exist_ok=True)
    complaints = []
    for picture in PICTURES:
        if picture.guest != guest:
            continue
        browser.resize(picture.width, 800, mobile=picture.width <= PHONE)
        browser.prefer(picture.scheme)
        browser.open(url)
        small = png.smaller(browser.picture(picture.height))
        (PLACE / picture.name).write_bytes(small)
        complaints += [f"{picture.name} has {len(small)} bytes"] if len(small) > MOST_BYTES else []
    return complaints

"""What must hold of a page in a browser, each check a list of complaints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from .driver import Browser

WIDTHS = (320, 375, 768, 1280)
SCHEMES = ("light", "dark")
TAB, ENTER = "\ue004", "\ue007"

_OPEN = "document.querySelectorAll('details').forEach(each => each.open = true)"
_WIDE = """
const wide = document.documentElement.clientWidth;
return [document.scrollingElement.scrollWidth,
  [...document.querySelectorAll('body *')].filter(each => !each.closest('.unseen, .skip, head'))
    .filter(each => each.getBoundingClientRect().right > wide + 0.5).map(each => each.outerHTML.slice(0, 80))];
"""
# The contrast of each text with the nearest background under it, by WCAG 2.2.
_CONTRAST = """
const parts = colour => colour.match(/[\\d.]+/g).map(Number);
const linear = part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
const bright = colour => { const [r, g, b] = parts(colour).map(linear); return 0.2126 * r + 0.7152 * g + 0.0722 * b };
const solid = colour => { const [r, g, b, a = 1] = parts(colour); return a === 1 };
const under = each => { while (each && !solid(getComputedStyle(each).backgroundColor)) each = each.parentElement;
  return getComputedStyle(each ?? document.documentElement).backgroundColor };
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
for (let text; text = walker.nextNode();) {
  const parent = text.parentElement;
  if (!text.data.trim() || parent.closest('.unseen')) continue;
  const [dark, light] = [bright(getComputedStyle(parent).color), bright(under(parent))].sort((a, b) => a - b);
  found.push([(light + 0.05) / (dark + 0.05), text.data.slice(0, 40)]);
}
return found;
"""
_FOCUSABLE = "return [...document.querySelectorAll('a, summary')].map(each => each.textContent)"
_FOCUSED = """
const each = document.activeElement, seen = each.getBoundingClientRect(), style = getComputedStyle(each);
return [each.textContent, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
  seen.left >= 0 && seen.width > 0 && seen.top >= 0 && seen.bottom <= innerHeight];
"""
_LANDMARKS = {
    "banner": {""}, "main": {""}, "contentinfo": {""}, "navigation": {"On this page", "Elsewhere"},
}  # fmt: skip
_REGIONS = 5  # the five sections, the first of which is called by its verdict


def silent(browser: Browser) -> list[str]:
    """No word on the console, and no request but that for the page itself."""
    complaints = [f"console: {entry['message']}" for entry in browser.log("browser")]
    asked = [url for url in requests(browser) if not url.startswith("data:")]
    return complaints + ([] if len(asked) == 1 else [f"requests: {asked}"])


def requests(browser: Browser) -> list[str]:
    """The addresses that were asked for since the log was last read."""
    events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [str(each["request"]["url"]) for each in sent]


def fits(browser: Browser) -> list[str]:
    """Nothing reaches beyond the edge, with all details open."""
    browser.run(_OPEN)
    complaints = []
    for width in WIDTHS:
        browser.resize(width, 800, mobile=width < 500)
        wide, beyond = browser.run(_WIDE)
        if wide > width or beyond:
            complaints.append(f"at {width} px it is {wide} wide: {beyond[:3]}")
    return complaints


def legible(browser: Browser) -> list[str]:
    """Each text has a contrast of 4.5 in both schemes; paper is light."""
    browser.run(_OPEN)
    complaints = []
    for scheme in SCHEMES:
        browser.prefer(scheme)
        measured = browser.run(_CONTRAST)
        complaints += [f"{scheme}: {ratio:.2f} for {words!r}" for ratio, words in measured if ratio < 4.5]
        complaints += [] if len(measured) > 50 else [f"{scheme}: only {len(measured)} texts were found"]
    browser.prefer("dark", media="print")
    if browser.run("return getComputedStyle(document.documentElement).backgroundColor") != "rgb(243, 245, 248)":
        complaints.append("paper is not light where the screen is dark")
    browser.prefer("light")
    return complaints


def reached(browser: Browser) -> list[str]:
    """The keyboard comes to every link and summary, in the order of the page, and one sees where it is."""
    browser.run("document.activeElement.blur(); scrollTo(0, 0)")
    complaints: list[str] = []
    for wanted in browser.run(_FOCUSABLE):
        browser.press(TAB)
        words, ringed, inside = browser.run(_FOCUSED)
        if words != wanted:
            return [*complaints, f"Tab came to {words!r}, not to {wanted!r}"]
        complaints += [] if ringed else [f"no ring around {words!r}"]
        complaints += [] if inside else [f"{words!r} has the focus and is not on the screen"]
    return complaints


def opened(browser: Browser) -> list[str]:
    """Enter opens the details, and the first stop leads past the navigation."""
    browser.run("document.querySelector('summary').focus()")
    browser.press(ENTER)
    complaints = [] if browser.run("return document.querySelector('details').open") else ["Enter opens no details"]
    browser.run("document.querySelector('.skip').focus()")
    browser.press(ENTER)
    focused = browser.run("return document.activeElement.id")
    return complaints if focused == "main" else [*complaints, f"the skip link leads to {focused!r}"]


def told(browser: Browser) -> list[str]:
    """What a screen reader is given: landmarks by name, headings in order, nothing without a name."""
    nodes = [node for node in browser.tell("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    found: dict[str, list[str]] = {}
    for node in nodes:
        found.setdefault(_said(node, "role"), []).append(_said(node, "name"))
    complaints = [
        f"{role}: {found.get(role)}" for role, names in _LANDMARKS.items() if set(found.get(role, ())) != names
    ]
    regions = found.get("region", [])
    if len(regions) != _REGIONS or not all(regions) or len(set(regions)) != _REGIONS:
        complaints.append(f"regions: {regions}")
    nameless = [role for role in ("link", "heading", "article") if not all(found.get(role, ["?"]))]
    levels = [level for node in nodes if _said(node, "role") == "heading" for level in _levels(node)]
    if levels[:1] != [1] or any(after - before > 1 for before, after in pairwise(levels)):
        complaints.append(f"headings: {levels}")
    return complaints + [f"a {role} without a name" for role in nameless]


def _said(node: dict[str, Any], key: str) -> str:
    return str(node.get(key, {}).get("value", ""))


def _levels(node: dict[str, Any]) -> Iterator[int]:
    for entry in node.get("properties", ()):
        if entry["name"] == "level":
            yield int(entry["value"]["value"])


CHECKS = {
    "console and requests": silent, "reading by ear": told, "keyboard": reached, "opening": opened, "contrast": legible,
    "width": fits,
}  # fmt: skip
# By check, what makes a page that it must not pass: a mistake as a script that makes it.
MISTAKES = {
    "console and requests": "new Image().src = '/elsewhere.png'",
    "reading by ear": "document.querySelector('nav').removeAttribute('aria-label')",
    "keyboard": "document.querySelector('h1').tabIndex = 0",
    "opening": "document.querySelector('main').removeAttribute('id')",
    "contrast": "document.querySelector('dt').style.color = '#999999'",
    "width": "document.querySelector('article, dl').style.minWidth = '330px'",
}

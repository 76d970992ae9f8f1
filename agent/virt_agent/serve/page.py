"""The page at "/": the report as a person reads it, and where the rest is. Plain HTML, no script."""

from __future__ import annotations

from html import escape

from ..render import text
from ..report import Report

_STYLE = (
    "body{font-family:system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "pre{overflow-x:auto;padding:1rem;border:1px solid #8888;border-radius:.4rem}"
    "h1{font-size:1.2rem}"
)


def render(report: Report, public: bool = False) -> str:
    """The whole page; `public` without what names this guest."""
    first, _, rest = text.render(report, text.Style(verbosity=1, public=public)).partition("\n")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>virt-agent</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(first)}</h1>"
        f'<pre tabindex="0">{escape(rest.strip(chr(10)))}</pre>'
        '<p><a href="/metrics">metrics</a> for Prometheus, <a href="/check">check</a> as text,'
        ' <a href="/-/healthy">healthy</a>, <a href="/-/ready">ready</a></p></main></body></html>\n'
    )

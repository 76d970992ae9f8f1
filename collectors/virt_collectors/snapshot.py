"""A snapshot's own answer files, as far as they belong to no other collector."""

from __future__ import annotations

from .source import Source


def read_snapshot(source: Source) -> None:
    """Notes what is damaged in virt-agent/meta.json and virt-agent/errors.json; nothing on a live machine."""
    for error in source.host.damage():
        source.note(error)

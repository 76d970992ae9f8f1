"""Answer files of our own, as far as they belong to no other collector: a snapshot's, or the privileged helper's."""

from __future__ import annotations

from .source import Source


def read_snapshot(source: Source) -> None:
    """Notes what is damaged in virt-agent/meta.json and virt-agent/errors.json, or cannot be believed of the helper's."""
    for error in source.host.damage():
        source.note(error)

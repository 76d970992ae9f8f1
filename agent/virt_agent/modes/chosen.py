"""What the command line and the configuration choose together; the command line counts more."""

from __future__ import annotations

from virt_collectors.record import Record

from ..config import Config, load
from ..options import Options
from ..selection import Selection


class Chosen(Record):
    """Which rules are judged and how, and which collectors run."""

    selection: Selection
    with_collectors: tuple[str, ...]
    without_collectors: tuple[str, ...]


def chosen(options: Options) -> Chosen:
    """A replay is judged by this machine's configuration only where it is named."""
    path = options.get("config.file")
    config = Config() if path is None and options.get("root") else load(path)
    selection = Selection(
        options.codes("only"),
        options.codes("ignore"),
        bool(options.get("strict")),
        config.overrides,
        config.settings,
    )
    on, off = options.with_collectors, options.without_collectors
    return Chosen(
        selection,
        (*on, *(name for name in config.with_collectors if name not in off)),
        (*off, *(name for name in config.without_collectors if name not in on)),
    )

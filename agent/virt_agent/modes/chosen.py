"""What the command line and the configuration choose together; the command line counts more."""

from __future__ import annotations

import os

from virt_collectors.host import Host
from virt_collectors.record import Record

from .. import observe, settings
from ..config import Config, load
from ..options import Options
from ..selection import Selection


class Chosen(Record):
    """Which rules are judged and how, and which collectors run."""

    selection: Selection
    with_collectors: tuple[str, ...]
    without_collectors: tuple[str, ...]


def host(options: Options) -> Host:
    """The machine to look at. AWS_EC2_METADATA_DISABLED keeps us from the metadata service, as it keeps AWS's SDKs."""
    settle(options)
    endpoint = options.get("imds.endpoint")
    disabled = os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    implied = "on" if endpoint else "off" if disabled else options.get("imds", "auto")
    metadata = options.stated("imds") or implied
    return observe.open_host(options.get("root"), options.get("privileged.directory"), metadata, endpoint)


def settle(options: Options) -> Config:
    """Read the configuration, once, and let its settings count where neither flag nor variable has them.

    A replay is judged by this machine's configuration only where it is named.
    """
    if options.config is None:
        path = options.get("config.file")
        options.config = Config() if path is None and options.get("root") else load(path)
        options.configured = {
            name: value for name, value in options.config.values.items() if settings.counts(name, options.mode)
        }
    return options.config


def chosen(options: Options) -> Chosen:
    """The rules and collectors for this run."""
    config = settle(options)
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

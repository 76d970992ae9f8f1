"""--check-config: the configuration, and the web configuration where one is named, read as the daemon would."""

from __future__ import annotations

import os
import sys

from .. import config, settings
from ..options import Options, UsageError
from .chosen import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

WRONG = 3


def check_config(options: Options) -> int:
    """A line for each file; 0 where all are fine, 3 where one is not. Variables that are no setting are told too."""
    for line in settings.unknown_variables(os.environ):
        print(line)
    return max(_told(part, options) for part in (_settings, _web))


def _told(part: Callable[[Options], str | None], options: Options) -> int:
    try:
        line = part(options)
    except UsageError as error:
        print(f"virt-agent: {error}", file=sys.stderr)
        return WRONG
    if line:
        print(line)
    return 0


def _settings(options: Options) -> str:
    path = options.get("config.file")
    settle(options)
    if path is None and not config.is_there(config.DEFAULT):
        return f"{config.DEFAULT}: is not there; the defaults count"
    return f"{path or config.DEFAULT}: fine"


def _web(options: Options) -> str | None:
    path = options.get("web.config.file")
    if path is None:
        return None
    from ..serve.web.access import Access

    Access(path)
    return f"{path}: fine"

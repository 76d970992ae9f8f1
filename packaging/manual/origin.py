"""What the pages are made from: the tables of this tree, and the day of its last change."""

from __future__ import annotations

import os
import sys
import time
import types
from email.utils import parsedate_to_datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from virt_agent.metrics.definition import Definition

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_CHANGELOG = os.path.join(TOP, "packaging", "debian", "changelog")
_LIBRARY = ("prometheus_client", "prometheus_client.exposition", "prometheus_client.metrics_core")


def find_modules() -> None:
    """Let the agent's packages be imported, those of this tree."""
    sys.path[0:0] = [os.path.join(TOP, "agent"), os.path.join(TOP, "collectors")]


def metrics() -> dict[str, tuple[Definition, ...]]:
    """All definitions, by the module of their topic, in the order of the exposition.

    Their package imports prometheus_client, which encodes samples. To tell what they mean takes no library: an empty
    one stands in, so that a build needs none.
    """
    for name in _LIBRARY:
        stand_in = types.ModuleType(name)
        stand_in.__getattr__ = lambda name: None  # type: ignore[method-assign]  # noqa: ARG005 - PEP 562
        sys.modules[name] = stand_in
    from virt_agent import metrics as exposition

    return {topic.__name__.rpartition(".")[2]: topic.METRICS for topic in exposition.TOPICS}


def date() -> str:
    """SOURCE_DATE_EPOCH's day, else the changelog's of the package, else none: a build must not depend on its hour."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isascii() and epoch.isdecimal():
        return time.strftime("%Y-%m-%d", time.gmtime(int(epoch)))
    try:
        with open(_CHANGELOG, encoding="utf-8") as changelog:
            signed = next((line for line in changelog if line.startswith(" -- ")), "")
    except FileNotFoundError:
        return ""
    return parsedate_to_datetime(signed.rpartition(">")[2].strip()).strftime("%Y-%m-%d")

"""The kinds of panels that the dashboards have, each with the look that suits what it tells."""

from __future__ import annotations

from model import Column, Panel, Query
from words import NEUTRAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from model import Steps, Words

_LAST = {"values": False, "calcs": ["lastNotNull"], "fields": ""}
_LEGEND = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}
_LONG_LEGEND = {"showLegend": True, "displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"]}
_CURVE = {
    "drawStyle": "line",
    "lineInterpolation": "stepAfter",
    "lineWidth": 1,
    "fillOpacity": 10,
    "showPoints": "auto",
    "spanNulls": False,
    "stacking": {"mode": "none", "group": "A"},
}
_STACKED = {**_CURVE, "fillOpacity": 60, "stacking": {"mode": "normal", "group": "A"}}
_COLUMNS = {**_CURVE, "drawStyle": "bars", "fillOpacity": 80, "showPoints": "never"}


def number(
    title: str,
    query: str | Query,
    answers: str,
    act: str,
    empty: str,
    words: Words | None = None,
    steps: Steps = NEUTRAL,
    unit: str = "none",
    width: int = 3,
    height: int = 4,
    needs: str = "",
    text: str = "auto",
) -> Panel:
    """One number, or one for each series; `text` is "name" where the legend is the answer."""
    asked = query if isinstance(query, Query) else Query(query)
    options = {
        "reduceOptions": _LAST,
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": text,
    }
    return Panel(
        "stat", title, answers, act, empty, (asked,), unit, width, height, needs, words, steps, options=options
    )


def bars(
    title: str,
    query: Query,
    answers: str,
    act: str,
    empty: str,
    unit: str = "none",
    width: int = 6,
    height: int = 8,
    needs: str = "",
    steps: Steps = NEUTRAL,
    link: str = "",
) -> Panel:
    """One bar for each series, the longest on top where the query sorts."""
    options = {
        "reduceOptions": _LAST,
        "orientation": "horizontal",
        "displayMode": "basic",
        "showUnfilled": True,
        "minVizWidth": 0,
        "minVizHeight": 12,
    }
    return Panel(
        "bargauge", title, answers, act, empty, (query,), unit, width, height, needs, None, steps,
        link=link, options=options, limits={"min": 0},
    )  # fmt: skip


def curves(
    title: str,
    queries: tuple[Query, ...],
    answers: str,
    act: str,
    empty: str,
    unit: str = "none",
    width: int = 12,
    height: int = 8,
    needs: str = "",
    look: str = "lines",
    long_legend: bool = False,
    link: str = "",
    limits: dict[str, float] | None = None,
) -> Panel:
    """Over time; `look` is lines, stacked or columns."""
    looks: dict[str, dict[str, Any]] = {"lines": _CURVE, "stacked": _STACKED, "columns": _COLUMNS}
    options = {
        "legend": _LONG_LEGEND if long_legend else _LEGEND,
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(
        "timeseries", title, answers, act, empty, queries, unit, width, height, needs, None,
        link=link, options=options, custom=looks[look], limits={"min": 0} if limits is None else limits, range=True,
    )  # fmt: skip


def states(
    title: str,
    query: Query,
    answers: str,
    act: str,
    empty: str,
    words: Words,
    width: int = 12,
    height: int = 8,
    needs: str = "",
) -> Panel:
    """Words over time."""
    options = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.9,
        "legend": _LEGEND,
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return Panel(
        "state-timeline", title, answers, act, empty, (query,), "none", width, height, needs, words,
        options=options, custom={"fillOpacity": 70, "lineWidth": 0}, range=True,
    )  # fmt: skip


def table(
    title: str,
    queries: tuple[str, ...],
    columns: tuple[Column, ...],
    answers: str,
    act: str,
    empty: str,
    width: int = 12,
    height: int = 8,
    needs: str = "",
    sort: tuple[str, ...] = (),
) -> Panel:
    """Rows of labels and values; `sort` names titles, the weightiest first, "-" before one for the least on top.

    The first query has every row that another has.
    """
    options = {"showHeader": True, "footer": {"show": False, "reducer": ["sum"], "fields": ""}}
    return Panel(
        "table", title, answers, act, empty, tuple(Query(query) for query in queries), "none", width, height, needs,
        columns=columns, sort=sort, options=options, custom={"align": "auto", "displayMode": "auto", "filterable": True},
    )  # fmt: skip


def text(title: str, content: str, answers: str, act: str, width: int = 12, height: int = 4) -> Panel:
    """Prose in Markdown."""
    return Panel(
        "text", title, answers, act, width=width, height=height, options={"mode": "markdown", "content": content}
    )

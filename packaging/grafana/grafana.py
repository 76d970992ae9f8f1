"""Dashboards as the JSON that Grafana 9 to 12 import.

Schema 36 is Grafana 9.0's; newer ones bring it up to date themselves. A cell's look is therefore `displayMode`, which
9.5 and newer make `cellOptions` of.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from model import Column, Dashboard, Panel, Query, Row, Steps, Variable, Words

SCHEMA = 36
COLUMNS = 24
TAG = "virt-agent"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_MIN_STEP = "1m"  # the scrape interval that docs/prometheus.md asks for; $__rate_interval is four of it


def dashboard(given: Dashboard) -> dict[str, Any]:
    """The whole document."""
    return {
        "uid": given.uid,
        "title": given.title,
        "description": given.answers,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "style": "dark",
        "refresh": "1m",
        "time": {"from": given.since, "to": "now"},
        "timepicker": {},
        "timezone": "",
        "weekStart": "",
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "annotations": {"list": []},
        "links": [_link_to_the_others()],
        "templating": {"list": [_datasource(), *(_variable(one) for one in given.variables)]},
        "panels": list(_panels(given.rows)),
    }


def _link_to_the_others() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "virt-agent",
        "tags": [TAG],
        "asDropdown": False,
        "icon": "external link",
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }


def _variable(given: Variable) -> dict[str, Any]:
    return {
        "name": given.name,
        "label": given.label,
        "type": "query",
        "datasource": _SOURCE,
        "definition": given.query,
        "query": {"query": given.query, "refId": f"variable-{given.name}"},
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if given.many else {},
        "hide": 2 if given.hidden else 0,
        "includeAll": given.many,
        "multi": given.many,
        "options": [],
        "refresh": 2,
        "regex": given.regex,
        "skipUrlSync": given.hidden,
        "sort": 1,
    }


def _panels(rows: tuple[Row, ...]) -> Iterator[dict[str, Any]]:
    """Row by row, wrapped at the right border; a new line begins below the highest panel of the one before."""
    identity, top = 0, 0
    for row in rows:
        identity += 1
        yield _heading(row.title, identity, top)
        left, top, highest = 0, top + 1, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, top, highest = 0, top + highest, 0
            identity += 1
            yield _panel(panel, identity, {"x": left, "y": top, "w": panel.width, "h": panel.height})
            left, highest = left + panel.width, max(highest, panel.height)
        top += highest


def _heading(title: str, identity: int, top: int) -> dict[str, Any]:
    return {
        "id": identity,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        "panels": [],
    }


def _panel(panel: Panel, identity: int, place: dict[str, int]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": identity,
        "type": panel.kind,
        "title": panel.title,
        "description": description(panel),
        "gridPos": place,
        "options": dict(panel.options),
    }
    if panel.kind == "text":
        return made
    made["datasource"] = _SOURCE
    made["targets"] = [_target(panel, query, ref) for query, ref in zip(panel.queries, refs(panel), strict=True)]
    made["fieldConfig"] = {"defaults": _defaults(panel), "overrides": []}
    if panel.kind == "table":
        made["options"]["sortBy"] = [
            {"displayName": title.removeprefix("-"), "desc": not title.startswith("-")} for title in panel.sort
        ]
        made["transformations"] = list(_transformations(panel))
        made["fieldConfig"]["overrides"] = [_blank_cells(), *filter(None, map(_override, panel.columns))]
    return made


def description(panel: Panel) -> str:
    """What a panel answers, what to do then, and what it needs."""
    needs = f"Needs {panel.needs}." if panel.needs else ""
    return "\n\n".join(part for part in (panel.answers, panel.act, needs) if part)


def refs(panel: Panel) -> str:
    """The letters of its queries."""
    return "ABCDEFGH"[: len(panel.queries)]


def _target(panel: Panel, query: Query, ref: str) -> dict[str, Any]:
    return {
        "refId": ref,
        "datasource": _SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "format": "table" if panel.kind == "table" else "time_series",
        "instant": not panel.range,
        "range": panel.range,
        "exemplar": False,
        "interval": _MIN_STEP if panel.range else "",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    palette = panel.kind == "timeseries"
    return {
        "unit": panel.unit,
        "noValue": panel.empty,
        "color": {"mode": "palette-classic" if palette else "thresholds"},
        "thresholds": {"mode": "absolute", "steps": _steps(panel.steps)},
        "mappings": mappings(panel.words),
        "links": _links(panel.link),
        "custom": dict(panel.custom),
        **panel.limits,
    }


def _steps(steps: Steps) -> list[dict[str, Any]]:
    return [{"value": value, "color": colour} for value, colour in steps]


def mappings(words: Words | None) -> list[dict[str, Any]]:
    """Values in words."""
    if not words:
        return []
    options = {
        value: {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]


def _links(url: str) -> list[dict[str, Any]]:
    return [{"title": "Show this guest", "url": url, "targetBlank": False}] if url else []


def _blank_cells() -> dict[str, Any]:
    """The text of an empty table is none for its cells."""
    return {"matcher": {"id": "byRegexp", "options": "/.*/"}, "properties": [{"id": "noValue", "value": "-"}]}


def _transformations(panel: Panel) -> Iterator[dict[str, Any]]:
    """One table of all queries, with the columns that are named and no other."""
    if len(panel.queries) > 1:
        yield {"id": "merge", "options": {}}
    names = {column.field: list(_names(column.field)) for column in panel.columns}
    unwanted = ["Time", "Value", *(f"Value #{ref}" for ref in refs(panel))]
    wanted = [name for found in names.values() for name in found]
    yield {
        "id": "organize",
        "options": {
            "excludeByName": {name: True for name in unwanted if name not in wanted},
            "indexByName": {name: index for index, name in enumerate(wanted)},
            "renameByName": {name: column.title for column in panel.columns for name in names[column.field]},
        },
    }


def _names(field: str) -> Iterator[str]:
    """A query's value is called by its letter only where there are several with data."""
    if not (len(field) == 1 and field.isupper()):
        yield field
    else:
        yield f"Value #{field}"
        if field == "A":
            yield "Value"


def _override(column: Column) -> dict[str, Any] | None:
    properties: list[dict[str, Any]] = []
    if column.unit:
        properties.append({"id": "unit", "value": column.unit})
    if column.words:
        properties.append({"id": "mappings", "value": mappings(column.words)})
        properties.append({"id": "custom.displayMode", "value": "color-text"})
    if column.link:
        properties.append({"id": "links", "value": _links(column.link)})
    if column.width:
        properties.append({"id": "custom.width", "value": column.width})
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties} if properties else None

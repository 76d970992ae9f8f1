"""What a dashboard is made of, before it becomes Grafana's JSON."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

Words = dict[str, tuple[str, str]]  # a value: what stands for it, and its colour
Steps = tuple[tuple[float | None, str], ...]  # from which value on, a colour; None for the lowest


class Query(NamedTuple):
    """PromQL, and the legend of each of its series."""

    expr: str
    legend: str = ""


class Column(NamedTuple):
    """Of a table: a label of the queries, or the letter of a query for its value."""

    field: str
    title: str
    unit: str = ""
    words: Words | None = None
    link: str = ""
    width: int = 0


class Panel(NamedTuple):
    """`answers` is what it tells, `act` what to do then, `empty` what stands there where no series is found.

    `needs` names what else must be exported for it to have data, and "" where any agent has it.
    """

    kind: str
    title: str
    answers: str
    act: str
    empty: str = ""
    queries: tuple[Query, ...] = ()
    unit: str = "none"
    width: int = 6
    height: int = 8
    needs: str = ""
    words: Words | None = None
    steps: Steps = ((None, "blue"),)
    columns: tuple[Column, ...] = ()
    sort: tuple[str, ...] = ()
    link: str = ""
    options: Mapping[str, Any] = {}
    custom: Mapping[str, Any] = {}
    limits: Mapping[str, float] = {}  # min and max of the axis
    range: bool = False  # over the dashboard's time, not at its end only


class Row(NamedTuple):
    """Panels under one heading, from left to right."""

    title: str
    panels: tuple[Panel, ...]


class Variable(NamedTuple):
    """A choice at the top. `query` is PromQL's label_values(); `many` allows several and all; `regex` cuts its values."""

    name: str
    label: str
    query: str
    many: bool = False
    hidden: bool = False
    regex: str = ""


class Dashboard(NamedTuple):
    """`file` is its name without .json; `uid` is a promise: links lead to it."""

    file: str
    uid: str
    title: str
    answers: str
    since: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

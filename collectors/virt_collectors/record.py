"""Immutable records with slots, made without `typing` or `dataclasses`.

A module that defines records starts with `from __future__ import annotations`.

Thirty NamedTuples cost over twenty times as much at start-up as thirty of these, dataclasses over
fifty times (`tests/bench/startup.py` prints it): `--check` answers in tens of milliseconds.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from typing_extensions import dataclass_transform

    R = TypeVar("R", bound="Record")
else:

    def dataclass_transform(**_options: object) -> object:
        return lambda cls: cls


_set = object.__setattr__


class _RecordType(type):
    """Turns the annotations of a class body into slots, its assignments into defaults."""

    fields: tuple[str, ...]
    defaults: dict[str, Any]

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _RecordType:
        own = tuple(body.get("__annotations__", ()))
        defaults = {field: body.pop(field) for field in own if field in body}
        made = super().__new__(cls, name, bases, {**body, "__slots__": own})
        inherited = [base for base in bases if isinstance(base, _RecordType)]
        made.fields = sum((base.fields for base in inherited), ()) + own
        made.defaults = {k: v for base in inherited for k, v in base.defaults.items()} | defaults
        return made


@dataclass_transform(frozen_default=True, eq_default=True)
class Record(metaclass=_RecordType):
    """Base of all facts: fields are set once, compared and printed by value."""

    def __init__(self, *values: Any, **named: Any) -> None:
        cls = type(self)
        fields = cls.fields
        if len(values) > len(fields):
            raise TypeError(f"{cls.__name__} takes at most {len(fields)} values")
        if values:
            twice = set(named).intersection(fields[: len(values)])
            if twice:
                raise TypeError(f"{cls.__name__}: {min(twice)} is given twice")
            named.update(zip(fields, values, strict=False))
        given = {**cls.defaults, **named}
        try:
            for field in fields:
                _set(self, field, given[field])
        except KeyError:
            raise TypeError(f"{cls.__name__} needs {field}") from None
        if len(given) != len(fields):
            raise TypeError(f"{cls.__name__} has no {min(set(given) - set(fields))}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(self) is type(other) and values(self) == values(other)

    def __hash__(self) -> int:
        return hash((type(self).__name__, *values(self)))

    def __repr__(self) -> str:
        inside = ", ".join(f"{field}={getattr(self, field)!r}" for field in type(self).fields)
        return f"{type(self).__name__}({inside})"


def values(record: Record) -> tuple[Any, ...]:
    """The record's values in the order of its fields."""
    return tuple([getattr(record, field) for field in type(record).fields])


def replace(record: R, **changes: Any) -> R:
    """A copy of the record with some fields changed."""
    return type(record)(**{**{field: getattr(record, field) for field in type(record).fields}, **changes})


def plain(value: Any) -> Any:
    """The value as dicts, lists and scalars, ready for JSON."""
    if isinstance(value, Record):
        return {field: plain(getattr(value, field)) for field in type(value).fields}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value

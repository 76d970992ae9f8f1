from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virt_collectors.record import Record, plain, replace, values


class Disk(Record):
    name: str
    size_bytes: int | None = None
    tags: frozenset[str] = frozenset()


class Drive(Disk):
    removable: bool = True


def test_fields_are_set_by_place_by_name_and_by_default() -> None:
    disk = Disk("vda", size_bytes=512)
    assert (disk.name, disk.size_bytes, disk.tags) == ("vda", 512, frozenset())


def test_a_record_inherits_fields_and_defaults_in_order() -> None:
    assert Drive.fields == ("name", "size_bytes", "tags", "removable")
    assert values(Drive("sr0")) == ("sr0", None, frozenset(), True)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((), {}), (("a", 1, frozenset(), "too many"), {}), (("a",), {"unknown": 1}), (("a",), {"name": "b"})],
    ids=["missing", "too many", "unknown", "given twice"],
)
def test_wrong_arguments_are_a_type_error(arguments: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="Disk"):
        Disk(*arguments, **named)  # type: ignore[arg-type]


def test_a_record_cannot_be_changed() -> None:
    disk = Disk("vda")
    with pytest.raises(AttributeError, match="immutable"):
        disk.name = "vdb"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable"):
        del disk.name
    with pytest.raises(AttributeError, match="immutable"):
        disk.more = 1
    assert disk == Disk("vda")


def test_records_of_different_kinds_are_never_equal() -> None:
    assert Disk("sr0") != Drive("sr0", None, frozenset(), True)
    assert Disk("sr0") != ("sr0", None, frozenset())


@given(st.text(), st.none() | st.integers(), st.frozensets(st.text()))
def test_equal_values_make_equal_records_with_equal_hashes(name: str, size: int | None, tags: frozenset[str]) -> None:
    first, second = Disk(name, size, tags), Disk(name=name, size_bytes=size, tags=tags)
    assert first == second
    assert hash(first) == hash(second)
    assert replace(first, name=name + "x") != first
    assert replace(replace(first, name="other"), name=name) == first


def test_repr_names_every_field() -> None:
    assert repr(Disk("vda", 1)) == "Disk(name='vda', size_bytes=1, tags=frozenset())"


def test_plain_turns_records_into_what_json_can_hold() -> None:
    nested = {"disks": (Disk("vda", None, frozenset({"b", "a"})),), 7: [True, None, 1.5]}
    assert plain(nested) == {
        "disks": [{"name": "vda", "size_bytes": None, "tags": ["a", "b"]}],
        "7": [True, None, 1.5],
    }

"""`tagwatch.value` against the standard library's `dataclasses`, which it stands in for."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch import value


@value.dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Ours:
    """A value."""

    name: str
    number: int = 3
    items: tuple[str, ...] = ()
    facts: Mapping[str, str] = value.field(default_factory=dict, repr=False)

    @property
    def double(self) -> int:
        return self.number * 2


@value.dataclass(frozen=True, slots=True, kw_only=True, order=True)
class OfOne:
    only: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Theirs:
    """A value."""

    name: str
    number: int = 3
    items: tuple[str, ...] = ()
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def double(self) -> int:
        return self.number * 2


@value.dataclass(slots=True)
class Open:
    x: int
    y: int = 0

    def __post_init__(self) -> None:
        self.y += 1


@value.dataclass(slots=True, eq=False)
class ByIdentity:
    x: int


ARGUMENTS = st.fixed_dictionaries(
    {"name": st.text(max_size=3)},
    optional={"number": st.integers(-2, 2), "items": st.just(("a",)), "facts": st.just({})},
)


@settings(max_examples=100, deadline=None)
@given(ARGUMENTS, ARGUMENTS)
def test_they_behave_alike(first: dict[str, Any], second: dict[str, Any]) -> None:
    ours, theirs = Ours(**first), Theirs(**first)
    other_ours, other_theirs = Ours(**second), Theirs(**second)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert (ours == other_ours) is (theirs == other_theirs)
    without = {**first, "facts": {}}
    assert value.replace(ours, **second) == Ours(**{**first, **second})
    assert dataclasses.replace(ours, **second) == Ours(**{**first, **second})
    assert (ours.name, ours.number, ours.double) == (theirs.name, theirs.number, theirs.double)
    if ours.facts == other_ours.facts and (ours.name, ours.number) != (
        other_ours.name,
        other_ours.number,
    ):
        assert (ours < other_ours) is (theirs < other_theirs)
    for clone in (pickle.loads(pickle.dumps(ours)), copy.copy(ours), copy.deepcopy(ours)):
        assert clone == ours
    assert Ours(**without).facts == {}


def test_a_value_of_one_field_is_compared_by_it() -> None:
    assert OfOne(only=(1,)) == OfOne(only=(1,)) != OfOne()
    assert OfOne() < OfOne(only=(1,))
    assert len({OfOne(), OfOne(), OfOne(only=(2,))}) == 2


def test_hash_is_that_of_the_fields() -> None:
    @value.dataclass(frozen=True, slots=True, kw_only=True)
    class Point:
        x: int
        y: int = 0

    assert hash(Point(x=1)) == hash(Point(x=1, y=0))
    assert {Point(x=1): "a"}[Point(x=1, y=0)] == "a"
    with pytest.raises(TypeError, match="unhashable"):
        hash(Open(1))


def test_defaults_are_made_anew() -> None:
    assert Ours(name="a").facts is not Ours(name="a").facts


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((), {}), (("a",), {}), ((), {"name": "a", "unknown": 1})],
    ids=["missing", "positional", "unknown"],
)
def test_wrong_arguments_are_refused(arguments: Any, named: Any) -> None:
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError):
            kind(*arguments, **named)
    with pytest.raises(TypeError):
        value.replace(Ours(name="a"), unknown=1)  # type: ignore[call-arg]  # that is the test


def test_frozen_values_do_not_change() -> None:
    ours = Ours(name="a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="number"):
        ours.number = 4  # type: ignore[misc]  # that is the test
    with pytest.raises(dataclasses.FrozenInstanceError):
        del ours.number
    assert not hasattr(ours, "__dict__")


def test_open_values_do() -> None:
    pair = Open(1)
    assert (pair.x, pair.y) == (1, 1)
    pair.x = 5
    assert pair == Open(5)
    assert pair.__eq__("another thing") is NotImplemented
    match pair:
        case Open(x, y):
            assert (x, y) == (5, 1)
    assert ByIdentity(1) != ByIdentity(1)


def test_tools_for_dataclasses_understand_them() -> None:
    assert dataclasses.is_dataclass(Ours)
    names = [field.name for field in dataclasses.fields(Ours)]
    assert names == [field.name for field in dataclasses.fields(Theirs)]
    assert dataclasses.asdict(Ours(name="a")) == dataclasses.asdict(Theirs(name="a"))
    assert str(inspect.signature(Ours)) == str(inspect.signature(Theirs))
    assert Ours.__init__.__annotations__["name"] == "str"
    assert value.is_value(Ours)
    assert not value.is_value(Theirs)
    assert (Ours.__name__, Ours.__qualname__, Ours.__doc__) == ("Ours", "Ours", "A value.")


def test_neither_dataclasses_nor_inspect_is_imported() -> None:
    program = (
        "import sys, tagwatch.audit.verdict.result, tagwatch.image.reference as r; "
        "r.Reference.parse('redis:6.2'); "
        "print({'dataclasses', 'inspect', 'ast'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "set()"


LATE = """
import sys, typing
import tagwatch.audit.model.history as history
assert "tagwatch.audit.model.diff" not in sys.modules
from dataclasses import fields
assert "diff" in [one.name for one in fields(history.Change)]
assert typing.get_type_hints(history.Change)["verdict"] is history.Verdict
assert "tagwatch.audit.model.diff" in sys.modules
try:
    history.Nothing
except AttributeError as error:
    print(error)
"""


HINTS = """
import inspect, sys, typing
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.history import Change
from tagwatch.audit.verdict.result import AuditResult
assert "tagwatch.audit.model.diff" not in sys.modules
for kind in (AuditResult, Evidence, Change):
    hints = HOW
    assert list(hints) == list(kind.__slots__), kind
    assert not [one for one in hints.values() if isinstance(one, str)]
"""


@pytest.mark.parametrize(
    "how",
    [
        "typing.get_type_hints(kind)",
        "inspect.get_annotations(kind, eval_str=True)",
        "typing.get_type_hints(type('Like', (), {'__annotations__': dict(kind.__annotations__),"
        " '__module__': kind.__module__}))",
    ],
)
def test_late_types_are_there_for_who_evaluates_annotations(how: str) -> None:
    """Programs that read types, to check or to convert values, ask for no field before."""
    code = HINTS.replace("HOW", how)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_late_type_is_imported_for_who_asks_for_it_or_for_fields() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True)
    assert done.stdout == "module 'tagwatch.audit.model.history' has no attribute 'Nothing'\n"

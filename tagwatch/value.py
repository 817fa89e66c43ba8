"""`dataclass`, `field` and `replace` as in the standard library, but fast at start-up.

The standard decorator writes and compiles up to eleven methods for every class, and importing it
loads `inspect` and `ast`. A warm `check` loads ninety such classes and makes values of thirty:
that was two thirds of its time (measured 2026-11-24). Here only `__init__` is compiled, and only
for a class of which many values are made. Type checkers see the standard decorator;
`dataclasses.fields`, `asdict` and their like work, and so do `copy` and `pickle`. What we do not
use is missing: inheritance of fields, `InitVar`, `ClassVar`, classes without slots.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Mapping
from itertools import repeat

__all__ = ["dataclass", "field", "is_value", "late", "replace"]

# Signatures show it as the default of a field with a factory, as the standard library does.
_NOTHING: Any = type("_Nothing", (), {"__repr__": lambda _: "<factory>"})()
_MANY = 64
"""Compiling an `__init__` costs as much as making so many values without (measured 2026-11-24)."""


def is_value(kind: type) -> bool:
    """Return True for a class that `dataclass` made."""
    return "__fields__" in kind.__dict__


_LATE: dict[str, Mapping[str, str]] = {}
"""By module, the names that `late` was told and that nobody has settled yet."""


def late(module: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module (PEP 562) that names types of fields few values fill.

    `homes` says which module has each type: it is imported when somebody asks for the name, as the
    ledger's codec does for a value that has such a field. A class costs more than to fill it.
    """
    _LATE[module] = homes

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        kind = getattr(__import__(homes[name], fromlist=[name]), name)
        setattr(sys.modules[module], name, kind)
        return kind

    return found


def _settle() -> None:
    """Import every late type."""
    while _LATE:  # to import one may tell of others
        for module, homes in tuple(_LATE.items()):
            for name in homes:
                getattr(sys.modules[module], name)
            _LATE.pop(module, None)  # only now: another thread must not find it settled before


class _Annotations(dict[str, object]):
    """The annotations of a class in a module that has late types.

    Who reads all of them evaluates them in the names of the module, as `typing.get_type_hints` and
    `inspect.get_annotations` do: then late types must be there.
    """

    def items(self) -> Any:
        _settle()
        return super().items()

    def keys(self) -> Any:
        _settle()
        return super().keys()

    def __iter__(self) -> Any:  # with this, a copy is made by way of `keys`
        _settle()
        return super().__iter__()


class _Field:
    """The options of a field, as `field` takes them; a mere default needs none of these."""

    __slots__ = ("default", "default_factory", "repr")

    def __init__(
        self,
        *,
        default: Any = _NOTHING,
        default_factory: Any = _NOTHING,
        repr: bool = True,  # noqa: A002  # the name that everybody knows
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.repr = repr

    def make(self) -> Any:
        """Return the value where none is given; `_NOTHING` where one must be given."""
        return self.default if self.default_factory is _NOTHING else self.default_factory()


TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
    from typing import Any
else:
    field = _Field

    def dataclass(*, slots, frozen=False, kw_only=False, order=False, eq=True):
        """Make a class of values; see `dataclasses.dataclass`. `slots` is always True."""
        assert slots

        def decorate(cls):
            return _value_class(cls, frozen=frozen, kw_only=kw_only, order=order, eq=eq)

        return decorate

    def replace(value, /, **changes):
        """Return `value` with some fields changed; see `dataclasses.replace`."""
        kind = type(value)
        return kind(**{**dict(zip(kind.__fields__, value.__key__(value), strict=True)), **changes})


def _value_class(plain: type, *, frozen: bool, kw_only: bool, order: bool, eq: bool) -> type[Any]:
    """Return the class, made a second time, with slots and with the methods of a value."""
    # A class that exists cannot get slots. These two belong to the first one.
    namespace = dict(plain.__dict__)
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    fields = {name: namespace.pop(name, _NOTHING) for name in plain.__annotations__}
    if plain.__module__ in _LATE:
        namespace["__annotations__"] = _Annotations(plain.__annotations__)
    # Order matters: what the class itself defines goes over our methods, but not over the rest.
    methods: dict[str, Any] = {
        **_SHARED,
        **(_EQUAL if eq else {}),
        **(_ORDERED if order else {}),
        **(_FROZEN if frozen else {}),
        **namespace,
        "__qualname__": plain.__qualname__,
        "__slots__": tuple(fields),
        "__fields__": fields,
        "__key__": _key_of(tuple(fields)),
        "__kw_only__": kw_only,
        "__match_args__": () if kw_only else tuple(fields),
    }
    if eq and "__hash__" not in namespace:
        methods["__hash__"] = _hash if frozen else None
    made = type(plain)(plain.__name__, plain.__bases__, methods)
    made.__init__ = _first_init(made, fields)  # type: ignore[misc]  # the compiled one replaces it
    return made


def _key_of(names: tuple[str, ...]) -> Any:
    """Return a function that makes the tuple of a value's fields."""
    # `attrgetter` is one C function, but gives no tuple for one name, and needs at least one.
    if len(names) > 1:
        return operator.attrgetter(*names)
    # Looked up on a value, a function would be bound to it; `attrgetter` is not.
    return staticmethod(lambda value: tuple(getattr(value, name) for name in names))


def _told(cls: type[Any]) -> list[tuple[str, _Field]]:
    """Return every field with its options; `__fields__` holds a mere default as it is."""
    return [
        (name, said if isinstance(said, _Field) else _Field(default=said))
        for name, said in cls.__fields__.items()
    ]


def _comparison(name: str) -> Any:
    compare = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compare(self.__key__(self), self.__key__(other))

    return method


def _hash(self: Any) -> int:
    return hash(self.__key__(self))


def _show(self: Any) -> str:
    shown = [name for name, said in _told(type(self)) if said.repr]
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({values})"


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__slots__]


def _restore(self: Any, values: list[Any]) -> None:
    for name, value in zip(self.__slots__, values, strict=True):
        object.__setattr__(self, name, value)


def _refuse(self: Any, name: str, *_: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r} of {type(self).__name__}")


def _first_init(cls: type[Any], fields: dict[str, Any]) -> Any:
    """Return an `__init__` for the first `_MANY` values; most classes make no more.

    Later values, and every call that is not plain, get a compiled one.
    """
    # Counting is not safe between threads, and need not be: both would compile the same function.
    left = _MANY
    has_more_to_do = hasattr(cls, "__post_init__")
    set_field = object.__setattr__  # a frozen class refuses its own

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        nonlocal left
        left -= 1
        # `fields` holds what each field has by default, `_NOTHING` where it must be given. So one
        # merge gives every field its value, and an unknown name makes the result longer.
        values = {**fields, **named}
        # Names and places of parameters are not checked here: the compiled one binds them, or
        # raises the error that Python raises for any function.
        if arguments or left < 0 or len(values) != len(fields):
            _compile_init(cls)
            cls.__init__(self, *arguments, **named)
            return
        for name in fields.keys() - named.keys():
            if values[name].__class__ is _Field:
                values[name] = values[name].make()
            if values[name] is _NOTHING:
                _compile_init(cls)
                cls.__init__(self, **named)  # raises: it names all that is missing
        # A loop in C: `set_field` returns None each time, so `any` comes to the end.
        any(map(set_field, repeat(self), values, values.values()))
        if has_more_to_do:
            self.__post_init__()

    return init


def _compile_init(cls: type[Any]) -> None:
    names: dict[str, Any] = {"_nothing": _NOTHING}
    parameters, lines = [], []
    for name, said in _told(cls):
        # The slot itself sets the field: it passes by a frozen `__setattr__`, and is faster.
        names[f"_set_{name}"] = cls.__dict__[name].__set__
        value = name
        if said.default_factory is not _NOTHING:
            names[f"_make_{name}"] = said.default_factory
            value = f"_make_{name}() if {name} is _nothing else {name}"
            parameters.append(f"{name}=_nothing")
        elif said.default is not _NOTHING:
            names[f"_default_{name}"] = said.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f" _set_{name}(self, {value})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    star = ["*"] if cls.__kw_only__ and parameters else []
    head = f"def __init__({', '.join(['self', *star, *parameters])}):"
    made: dict[str, Any] = {}
    exec("\n".join([head, *lines, " return None"]), names, made)  # noqa: S102  # names of our own fields
    init = made["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    # as a dictionary has them: late types stay late
    init.__annotations__ = {**dict(dict.items(cls.__annotations__)), "return": None}
    init.__module__ = cls.__module__
    cls.__init__ = init


class _Signature:
    """The signature for `inspect.signature`: the parameters of the compiled `__init__`."""

    def __get__(self, value: object, cls: type[Any]) -> Any:
        import inspect

        _compile_init(cls)
        whole = inspect.signature(cls.__init__)
        return whole.replace(parameters=list(whole.parameters.values())[1:])


class _StandardFields:
    """The fields for `dataclasses.fields` and its like, made when these ask for them."""

    def __get__(self, value: object, cls: type[Any]) -> Any:
        import dataclasses

        _settle()  # who asks for fields often evaluates their annotations, as msgspec does
        # with a text of its own, no signature is made up for it
        namespace: dict[str, Any] = {"__annotations__": dict(cls.__annotations__), "__doc__": "-"}
        for name, said in _told(cls):
            given = {"default": said.default, "default_factory": said.default_factory}
            known = {key: item for key, item in given.items() if item is not _NOTHING}
            namespace[name] = dataclasses.field(repr=said.repr, **known)
        # of the class that is made for its fields no method is ever called: none is compiled
        bare = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=True)
        standard: Any = bare(type(cls.__name__, (), namespace))
        cls.__dataclass_fields__ = standard.__dataclass_fields__
        return cls.__dataclass_fields__


_SHARED: dict[str, Any] = {
    "__repr__": _show,
    "__getstate__": _state,
    "__setstate__": _restore,
    "__dataclass_fields__": _StandardFields(),
    "__signature__": _Signature(),
}
_EQUAL = {"__eq__": _comparison("__eq__")}
_ORDERED = {name: _comparison(name) for name in ("__lt__", "__le__", "__gt__", "__ge__")}
_FROZEN = {"__setattr__": _refuse, "__delattr__": _refuse}

"""`dataclass`, `field` and `replace` as the standard library has them, with a start-up that counts.

The standard decorator writes and compiles up to eleven methods for every class, and importing it
loads `inspect` and `ast`. A warm `check` loads ninety such classes and makes values of thirty:
that was two thirds of its time (measured 2026-11-24). Here only `__init__` is compiled, when the
first value is made. Type checkers see the standard decorator; `dataclasses.fields`, `asdict` and
their like work, and so do `copy` and `pickle`. What we do not use is not there: inheritance of
fields, `InitVar`, `ClassVar`, classes without slots.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "field", "is_value", "replace"]

_NOTHING: Any = type("_Nothing", (), {"__repr__": lambda _: "<factory>"})()


def is_value(kind: type) -> bool:
    """True for a class that `dataclass` made."""
    return "__fields__" in kind.__dict__


class _Field:
    """What is said of a field beside its type."""

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

    @property
    def is_optional(self) -> bool:
        """True where a value need not be given."""
        return self.default is not _NOTHING or self.default_factory is not _NOTHING

    def make(self) -> Any:
        """The value where none is given."""
        return self.default if self.default is not _NOTHING else self.default_factory()


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    field = _Field

    def dataclass(*, slots, frozen=False, kw_only=False, order=False, eq=True):
        """See `dataclasses.dataclass`. `slots` is always True."""
        assert slots

        def decorate(cls):
            return _value_class(cls, frozen=frozen, kw_only=kw_only, order=order, eq=eq)

        return decorate

    def replace(value, /, **changes):
        """`value` with some fields changed. See `dataclasses.replace`."""
        for name in type(value).__fields__:
            if name not in changes:
                changes[name] = getattr(value, name)
        return type(value)(**changes)


def _value_class(plain: type, *, frozen: bool, kw_only: bool, order: bool, eq: bool) -> type[Any]:
    """The class made anew with slots, and with the methods of a value."""
    fields: dict[str, _Field] = {}
    for name in plain.__annotations__:
        default = plain.__dict__.get(name, _NOTHING)
        fields[name] = default if isinstance(default, _Field) else _Field(default=default)
    namespace = {
        key: item
        for key, item in plain.__dict__.items()
        if key not in fields and key not in ("__dict__", "__weakref__")
    }
    methods = _methods(fields, frozen=frozen, order=order, eq=eq)
    made = type(plain)(
        plain.__name__,
        plain.__bases__,
        {
            **methods,
            **namespace,
            "__slots__": tuple(fields),
            "__fields__": fields,
            "__kw_only__": kw_only,
            "__match_args__": () if kw_only else tuple(fields),
            "__dataclass_fields__": _StandardFields(),
            "__signature__": _Signature(),
        },
    )
    made.__qualname__ = plain.__qualname__
    made.__init__ = _first_init(made)  # type: ignore[misc]  # the one that is compiled replaces it
    return made


def _methods(fields: dict[str, _Field], *, frozen: bool, order: bool, eq: bool) -> dict[str, Any]:
    """Everything but `__init__`: closures over one C function that reads all fields."""
    names = tuple(fields)
    key: Any = attrgetter(*names) if names else lambda _: ()
    shown = [name for name, said in fields.items() if said.repr]

    def show(self: Any) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({values})"

    def state(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def restore(self: Any, values: list[Any]) -> None:
        for name, value in zip(names, values, strict=True):
            object.__setattr__(self, name, value)

    methods: dict[str, Any] = {"__repr__": show, "__getstate__": state, "__setstate__": restore}
    if eq:
        methods["__eq__"] = _comparison(key, "__eq__")
        methods["__hash__"] = (lambda self: hash(key(self))) if frozen else None
    if order:
        one = (lambda self: (key(self),)) if len(names) == 1 else key
        for name in ("__lt__", "__le__", "__gt__", "__ge__"):
            methods[name] = _comparison(one, name)
    if frozen:
        methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
    return methods


def _comparison(key: Any, name: str) -> Any:
    import operator

    compare = getattr(operator, name)

    def method(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compare(key(self), key(other))

    return method


def _refuse(self: Any, name: str, *_: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r} of {type(self).__name__}")


def _first_init(cls: type[Any]) -> Any:
    """An `__init__` for one value: most classes make no second one. The next is compiled."""

    def compiled(self: Any, *arguments: Any, **named: Any) -> None:
        _compile_init(cls)
        cls.__init__(self, *arguments, **named)

    def init(self: Any, *arguments: Any, **named: Any) -> None:
        cls.__init__ = compiled
        needed = {name for name, said in cls.__fields__.items() if not said.is_optional}
        if arguments or not needed <= named.keys() <= cls.__fields__.keys():
            compiled(self, *arguments, **named)
            return
        for name, said in cls.__fields__.items():
            value = named[name] if name in named else said.make()
            object.__setattr__(self, name, value)
        if hasattr(cls, "__post_init__"):
            self.__post_init__()

    return init


def _compile_init(cls: type[Any]) -> None:
    names: dict[str, Any] = {"_nothing": _NOTHING}
    parameters, lines = [], []
    for name, said in cls.__fields__.items():
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
    init.__annotations__ = {**cls.__annotations__, "return": None}
    init.__module__ = cls.__module__
    cls.__init__ = init


class _Signature:
    """What `inspect.signature` is told: the parameters of the compiled `__init__`."""

    def __get__(self, value: object, cls: type[Any]) -> Any:
        import inspect

        _compile_init(cls)
        whole = inspect.signature(cls.__init__)
        return whole.replace(parameters=list(whole.parameters.values())[1:])


class _StandardFields:
    """What `dataclasses.fields` and its like ask for, made when they do."""

    def __get__(self, value: object, cls: type[Any]) -> Any:
        import dataclasses

        namespace: dict[str, Any] = {"__annotations__": dict(cls.__annotations__)}
        for name, said in cls.__fields__.items():
            given = {"default": said.default, "default_factory": said.default_factory}
            known = {key: item for key, item in given.items() if item is not _NOTHING}
            namespace[name] = dataclasses.field(repr=said.repr, **known)
        standard: Any = dataclasses.dataclass(kw_only=True)(type(cls.__name__, (), namespace))
        cls.__dataclass_fields__ = standard.__dataclass_fields__
        return cls.__dataclass_fields__

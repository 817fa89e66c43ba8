"""The functions of bake's standard library that are pure (buildx `docs/bake-stdlib.md`).

Those that read a clock, a file or chance are not here, nor those that match patterns of other
people's files: what they give is not known.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable
from itertools import chain, product

from tagwatch.image.unicode import cleaned

__all__ = ["FUNCTIONS", "Value", "is_true", "number_of", "text_of"]

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
_Function = Callable[..., Value]
_VERB = re.compile(r"%([-+ 0#]*)([0-9]{0,3})(?:\.([0-9]{1,3}))?([sdqvfgxX%t])")
_NUMBER = re.compile(r"-?[0-9]{1,30}|-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][-+]?[0-9]{1,3})?")
_MAX_RANGE = 1024
_MAX_PRODUCT = 16_384


def text_of(value: Value) -> str:
    """A value as a template prints it. Raises `TypeError` for null, lists and objects."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, str | int):
        return str(value)
    raise TypeError("no text")


def number_of(value: Value) -> float:
    """A number, or a text that is one. Raises `TypeError`, `ValueError`."""
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise ValueError("no number")
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    return value


def is_true(value: Value) -> bool:
    """A boolean, or a text that is one. Raises `TypeError`."""
    if isinstance(value, str) and value in ("true", "false"):
        return value == "true"
    if not isinstance(value, bool):
        raise TypeError("no boolean")
    return value


def _whole(value: float) -> float:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _texts(values: Value) -> list[str]:
    return [text_of(value) for value in _list(values)]


def _list(value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _map(value: Value) -> dict[str, Value]:
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


def _identity(value: Value) -> object:
    """What equal values share. Values of two types are never equal; 1 and true are of two types."""
    match value:
        case bool():
            return ("boolean", value)
        case list():
            return tuple(map(_identity, value))
        case dict():
            return frozenset((name, _identity(one)) for name, one in value.items())
    return value


def _equal(one: Value, two: Value) -> bool:
    return _identity(one) == _identity(two)


def _distinct(values: Value) -> list[Value]:
    kept: dict[object, Value] = {}
    for value in _list(values):
        kept.setdefault(_identity(value), value)
    return list(kept.values())


def _coalesce(*values: Value) -> Value:
    return next(value for value in values if value is not None)


def _concat(*lists: Value) -> list[Value]:
    return list(chain.from_iterable(map(_list, lists)))


def _contains(values: Value, wanted: Value) -> bool:
    return any(_equal(value, wanted) for value in _list(values))


def _element(values: Value, index: Value) -> Value:
    items = _list(values)
    return items[int(number_of(index)) % len(items)]


def _flatten(values: Value) -> list[Value]:
    flat: list[Value] = []
    for value in _list(values):
        flat += _flatten(value) if isinstance(value, list) else [value]
    return flat


def _format(form: Value, *arguments: Value) -> str:
    rest = iter(arguments)

    def verb(match: re.Match[str]) -> str:
        flags, width, places, kind = match.groups()
        if kind == "%":
            return "%"
        value = next(rest, None)
        sign = {"v": "s", "t": "s", "q": "s"}.get(kind, kind)
        shown: object = text_of(value) if sign == "s" else number_of(value)
        if kind == "q":
            import json

            shown = json.dumps(shown, ensure_ascii=False)
        if sign in "dxX":
            shown = int(number_of(value))
        return f"%{flags}{width}{f'.{places}' if places else ''}{sign}" % shown

    return _VERB.sub(verb, text_of(form))


def _index_of(values: Value, wanted: Value) -> int:
    return next(at for at, value in enumerate(_list(values)) if _equal(value, wanted))


def _join(separator: Value, *lists: Value) -> str:
    return text_of(separator).join(chain.from_iterable(map(_texts, lists)))


def _length(value: Value) -> int:
    return len(_map(value) if isinstance(value, dict) else _list(value))


def _lookup(values: Value, key: Value, *default: Value) -> Value:
    return _map(values).get(text_of(key), *default) if default else _map(values)[text_of(key)]


def _merge(*maps: Value) -> dict[str, Value]:
    merged: dict[str, Value] = {}
    for one in maps:
        merged |= _map(one) if one is not None else {}
    return merged


def _range(*bounds: Value) -> list[Value]:
    places = [int(number_of(one)) for one in bounds]
    if len(places) == 2 and places[0] > places[1]:
        places.append(-1)
    numbers = range(*places)
    if len(numbers) > _MAX_RANGE:
        raise ValueError("a range that is too long")
    return list(numbers)


def _replace(text: Value, old: Value, new: Value) -> str:
    whole, part, by = text_of(text), text_of(old), text_of(new)
    if (whole.count(part) + 1) * len(by) > 65_536:
        raise ValueError("a text that is too long")
    return whole.replace(part, by)


def _setproduct(*lists: Value) -> list[Value]:
    sizes = [_list(one) for one in lists]
    if math.prod(map(len, sizes)) * len(sizes) > _MAX_PRODUCT:
        raise ValueError("a product that is too large")
    return [list(items) for items in product(*sizes)]


def _slice(values: Value, begin: Value, end: Value) -> list[Value]:
    return _list(values)[int(number_of(begin)) : int(number_of(end))]


def _split(separator: Value, text: Value) -> list[Value]:
    mark, whole = text_of(separator), text_of(text)
    return list(whole.split(mark)) if mark else list(whole)


def _substr(text: Value, offset: Value, length: Value) -> str:
    whole, begin, count = text_of(text), int(number_of(offset)), int(number_of(length))
    begin = begin + len(whole) if begin < 0 else begin
    return whole[begin:] if count < 0 else whole[begin : begin + count]


def _title(text: Value) -> str:
    return re.sub(r"(?<!\w)\w", lambda match: match[0].upper(), text_of(text))


def _strip(text: Value, characters: Value) -> str:
    return text_of(text).strip(text_of(characters))


def _exact(operation: str) -> _Function:
    """Arithmetic as HCL does it, in decimals; what does not end in 30 digits is no answer."""

    def calculated(one: Value, two: Value) -> Value:
        from decimal import Context, Decimal, Inexact

        context = Context(prec=30, traps=[Inexact])
        numbers = (Decimal(str(number_of(value))) for value in (one, two))
        result = getattr(context, operation)(*numbers)
        return _whole(float(result)) if result % 1 else int(result)

    return calculated


def _compared(test: Callable[[float, float], bool]) -> _Function:
    return lambda one, two: test(number_of(one), number_of(two))


def _on_text(change: Callable[[str], str]) -> _Function:
    return lambda text: change(text_of(text))


def _hashed(name: str) -> _Function:
    def digest(text: Value) -> str:
        import hashlib

        return hashlib.new(name, text_of(text).encode(), usedforsecurity=False).hexdigest()

    return digest


def _decoded(text: str) -> str:
    import base64

    return base64.b64decode(text, validate=True).decode()


def _encoded(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


def _of_json(text: Value) -> Value:
    import json

    value: Value = json.loads(text_of(text))
    return cleaned(value)


FUNCTIONS: dict[str, _Function] = {
    "absolute": lambda one: abs(number_of(one)),
    "add": _exact("add"),
    "and": lambda one, two: is_true(one) and is_true(two),
    "base64decode": _on_text(_decoded),
    "base64encode": _on_text(_encoded),
    "basename": _on_text(posixpath.basename),
    "ceil": lambda one: math.ceil(number_of(one)),
    "chomp": _on_text(lambda text: text.rstrip("\r\n")),
    "coalesce": _coalesce,
    "coalescelist": lambda *lists: next(one for one in lists if _list(one)),
    "compact": lambda values: [one for one in _list(values) if one not in ("", None)],
    "concat": _concat,
    "contains": _contains,
    "dirname": _on_text(lambda text: posixpath.dirname(text) or "."),
    "distinct": _distinct,
    "divide": _exact("divide"),
    "element": _element,
    "equal": _equal,
    "flatten": _flatten,
    "floor": lambda one: math.floor(number_of(one)),
    "format": _format,
    "greaterthan": _compared(lambda one, two: one > two),
    "greaterthanorequalto": _compared(lambda one, two: one >= two),
    "hasindex": lambda holder, key: (
        text_of(key) in holder
        if isinstance(holder, dict)
        else 0 <= number_of(key) < len(_list(holder))
    ),
    "index": lambda holder, key: (
        holder[text_of(key)] if isinstance(holder, dict) else _list(holder)[int(number_of(key))]
    ),
    "indexof": _index_of,
    "int": lambda one: int(number_of(one)),
    "join": _join,
    "jsondecode": _of_json,
    "keys": lambda values: [*sorted(_map(values))],
    "length": _length,
    "lessthan": _compared(lambda one, two: one < two),
    "lessthanorequalto": _compared(lambda one, two: one <= two),
    "lookup": _lookup,
    "lower": _on_text(str.lower),
    "max": lambda *values: max(map(number_of, values)),
    "md5": _hashed("md5"),
    "merge": _merge,
    "min": lambda *values: min(map(number_of, values)),
    "modulo": _exact("remainder"),
    "multiply": _exact("multiply"),
    "negate": lambda one: -number_of(one),
    "not": lambda one: not is_true(one),
    "notequal": lambda one, two: not _equal(one, two),
    "parseint": lambda text, base: int(text_of(text), int(number_of(base))),
    "or": lambda one, two: is_true(one) or is_true(two),
    "range": _range,
    "replace": _replace,
    "reverse": _on_text(lambda text: text[::-1]),
    "reverselist": lambda values: _list(values)[::-1],
    "sanitize": _on_text(lambda text: re.sub(r"[^a-zA-Z0-9_-]", "_", text)),
    "setproduct": _setproduct,
    "sha1": _hashed("sha1"),
    "sha256": _hashed("sha256"),
    "sha512": _hashed("sha512"),
    "signum": lambda one: (number_of(one) > 0) - (number_of(one) < 0),
    "slice": _slice,
    "sort": lambda values: [*sorted(_texts(values))],
    "split": _split,
    "strlen": lambda text: len(text_of(text)),
    "substr": _substr,
    "subtract": _exact("subtract"),
    "title": _title,
    "trim": _strip,
    "trimprefix": lambda text, prefix: text_of(text).removeprefix(text_of(prefix)),
    "trimspace": _on_text(str.strip),
    "trimsuffix": lambda text, suffix: text_of(text).removesuffix(text_of(suffix)),
    "upper": _on_text(str.upper),
    "values": lambda holder: [value for _, value in sorted(_map(holder).items())],
    "zipmap": lambda keys, values: dict(zip(_texts(keys), _list(values), strict=True)),
}
"""By name. A call with wrong arguments raises `TypeError`, `ValueError`, `LookupError`."""

"""A document against its form: unknown keys and wrong types with place, path and what is meant."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from tagwatch.config.document import ConfigDocument, Keys, dotted
from tagwatch.config.tier import risk_of
from tagwatch.errors import ConfigError

__all__ = ["convert", "nearest_of", "operators_word", "unknown_key", "with_defaults_said"]

_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")
_NAMES = {
    "str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false",
    "array": "a list", "object": "a mapping", "null": "nothing",
}  # fmt: skip


def convert(
    document: ConfigDocument, form: type[msgspec.Struct], start: Keys = ()
) -> dict[str, Any]:
    """The plain JSON form of the mapping at `start`, without what is not given.

    Raises `ConfigError`.
    """
    value = document.value(start)
    _check_keys(document, value, form, start)
    try:
        made = msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        raise _explained(document, form, start, str(error)) from error
    plain: dict[str, Any] = msgspec.to_builtins(made)
    return plain


def with_defaults_said(plain: dict[str, Any], value: Any, form: type[msgspec.Struct]) -> None:
    """Add to `plain` what `value` says although it is the default, single values alone.

    Laid over another file, what is said counts; what is left out does not.
    """
    for one in msgspec.structs.fields(form):
        if one.encode_name not in value:
            continue
        said, default = value[one.encode_name], one.default
        if isinstance(default, msgspec.Struct) and isinstance(said, dict):
            inner = plain.get(one.encode_name, {})
            with_defaults_said(inner, said, type(default))
            if inner:
                plain[one.encode_name] = inner
        elif isinstance(default, str | bool | int) or (default is None and said is None):
            plain.setdefault(one.encode_name, default)


def unknown_key(
    document: ConfigDocument, path: Keys, known: Iterable[str], *, what: str = "key"
) -> ConfigError:
    """The error for the last key of `path`, which does not exist, with the nearest that does."""
    key = str(path[-1])
    return document.error(
        path, f"unknown {what} {key!r}", hint=nearest_of(key, known), at_value=False
    )


def operators_word(document: ConfigDocument, path: Keys, allowed: str) -> str:
    """What is wrong where a tree's file says what is the operator's to say, with its place.

    `allowed`: what a tree may say there; empty: nothing. No value of the file is quoted.
    """
    if allowed:
        message = f": a tree's file may only say: {allowed}"
    else:
        risk = risk_of(path)
        message = " is the operator's to say" + (f": {risk}" if risk else "")
    return f"{document.place(path)}: {dotted(path)}{message}"


def nearest_of(word: str, known: Iterable[str]) -> str:
    """A hint: the known word nearest to `word`, or all of them."""
    from difflib import get_close_matches

    words = sorted(known)
    close = get_close_matches(word, words, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(words)}"


def _check_keys(document: ConfigDocument, value: Any, kind: Any, path: Keys) -> None:
    if isinstance(value, list):
        for inner in _parts(kind, list):
            for index, item in enumerate(value):
                _check_keys(document, item, inner, (*path, index))
    if not isinstance(value, dict):
        return
    forms = [one for one in _alternatives(kind) if _is_form(one)]
    if not forms:
        for inner in _parts(kind, dict):
            for key, item in value.items():
                _check_keys(document, item, inner, (*path, key))
        return
    hints = get_type_hints(forms[0], include_extras=True)
    for key, item in value.items():
        if key not in hints:
            raise unknown_key(document, (*path, key), hints)
        _check_keys(document, item, hints[key], (*path, key))


def _explained(document: ConfigDocument, form: Any, start: Keys, error: str) -> ConfigError:
    message, _, where = error.rpartition(" - at `$")
    inner = _path(document.value(start), form, where.rstrip("`")) if message else ()
    path = (*start, *inner)
    message = message or error
    missing = re.search(r"missing required field `(.+)`", message)
    if missing:
        hint = next(_descriptions(_kind_at(form, (*inner, missing[1]))), "")
        return document.error(path, f"{missing[1]!r} is missing", hint=hint, at_value=False)
    kind = _kind_at(form, inner)
    known = [text for one in _alternatives(kind) for text in _literals(one)]
    if message.startswith("Invalid enum value") and known:
        shown = message.removeprefix("Invalid enum value ")
        forms = next((_keys_hint(one) for one in _alternatives(kind) if _is_form(one)), "")
        also = f"; or {forms}" if forms else ""
        hint = f"one of: {', '.join(known)}{also}"
        return document.error(path, f"unknown value {shown}", hint=hint)
    hint = next(_descriptions(kind), "") or _keys_hint(kind)
    if "matching regex" in message:
        return document.error(path, "not of the expected form", hint=hint)
    message = re.sub("`([^`]*)`", lambda match: _union(match[1]), message)
    message = message.replace("Expected", "expected", 1)
    if "got a whole number" in message or "got a number" in message:
        hint = hint or "put it in quotes where a text is meant"
    return document.error(path, message, hint=hint)


def _keys_hint(kind: Any) -> str:
    """What a mapping holds, where something else stands in its place."""
    form = next((one for one in _alternatives(kind) if _is_form(one)), None)
    return f"a mapping with keys among: {', '.join(get_type_hints(form))}" if form else ""


def _union(names: str) -> str:
    return " or ".join(_NAMES.get(name.strip(), name.strip()) for name in names.split("|"))


def _path(value: Any, form: Any, where: str) -> Keys:
    """The path in msgspec's words, which do not say which value of a mapping: `$.a[...].b`."""
    path: list[str | int] = []
    for name, index, anything in _PART.findall(where):
        part: str | int = name or (int(index) if index else "")
        if anything:
            kind = next(iter(_parts(_kind_at(form, tuple(path)), dict)), Any)
            part = next((key for key in value if _fails(value[key], kind)), "")
        path.append(part)
        value = value[part]
    return tuple(path)


def _fails(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return True
    return False


def _kind_at(kind: Any, path: Keys) -> Any:
    for part in path:
        if isinstance(part, int):
            kind = next(iter(_parts(kind, list)), Any)
            continue
        forms = [one for one in _alternatives(kind) if _is_form(one)]
        if forms:
            kind = get_type_hints(forms[0], include_extras=True).get(str(part), Any)
        else:
            kind = next(iter(_parts(kind, dict)), Any)
    return kind


def _alternatives(kind: Any) -> Iterator[Any]:
    """The members of a union, annotations taken off."""
    if get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif get_origin(kind) in (Union, types.UnionType):
        for one in get_args(kind):
            yield from _alternatives(one)
    else:
        yield kind


def _parts(kind: Any, container: type) -> Iterator[Any]:
    """What the lists or mappings among the alternatives hold."""
    for one in _alternatives(kind):
        if get_origin(one) is container:
            yield get_args(one)[-1]


def _is_form(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _literals(kind: Any) -> list[str]:
    return [str(value) for value in get_args(kind)] if get_origin(kind) is Literal else []


def _descriptions(kind: Any) -> Iterator[str]:
    """What annotations say of a value, outermost first."""
    if get_origin(kind) is Annotated:
        for note in get_args(kind)[1:]:
            if isinstance(note, msgspec.Meta) and note.description:
                yield note.description
        yield from _descriptions(get_args(kind)[0])
    elif get_origin(kind) in (Union, types.UnionType):
        for one in get_args(kind):
            yield from _descriptions(one)

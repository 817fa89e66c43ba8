"""A bake file's variables, functions and targets, as `docker buildx bake` evaluates them.

Variables have their defaults, or the environment's value. A target with a `matrix` is several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product

from tagwatch.errors import InputError
from tagwatch.source.hcl.function import Value, is_true, number_of, text_of
from tagwatch.source.hcl.syntax import (
    expression_end,
    next_marker,
    parse_expression,
    parse_template,
    unescaped,
)
from tagwatch.source.hcl.value import Function, Scope, UnknownValueError
from tagwatch.source.target import Problem, Span
from tagwatch.source.text.image_text import place_of
from tagwatch.source.text.interpolation import Resolved, joined, literal
from tagwatch.source.text.node import Document, Node, Scalar, Sequence, items_of
from tagwatch.source.text.node import Mapping as MappingNode
from tagwatch.value import dataclass, field

__all__ = ["BakeFile", "BakeTarget"]

_BLOCKS = frozenset({"variable", "function", "target", "group"})
_MAX_TARGETS = 1000
_MAX_CHAIN = 32
_MAX_NESTED = 50  # variables in variables


@dataclass(frozen=True, slots=True, kw_only=True)
class BakeTarget:
    """A target; `local` has the values of the matrix that it was made with."""

    node: MappingNode
    local: Mapping[str, Value] = field(default_factory=dict)


class BakeFile:
    """One file. `places`: where each variable's default stands. `problems`: what was left out."""

    def __init__(self, document: Document, environment: Mapping[str, str]) -> None:
        root = document.roots[0] if document.roots else None
        self.document = document
        self.places: dict[Span, str] = {}
        self._root = root if isinstance(root, MappingNode) else MappingNode(0)
        self._environment = environment
        self._known: dict[str, Resolved] = {}
        self._values: dict[str, Value] = {}
        self._open: set[str] = set()
        self._scope = Scope(self._variable_value, dict(self._functions()))
        made = list(islice(self._targets(), _MAX_TARGETS + 1))
        self.targets = dict(made[:_MAX_TARGETS])
        self.problems: tuple[Problem, ...] = ()
        if len(made) > _MAX_TARGETS:
            message = f"more than {_MAX_TARGETS} targets; of the others nothing is read"
            place = document.location(made[-1][1].node)
            self.problems = (Problem(message=message, location=place),)

    def lineage(self, name: str) -> list[BakeTarget]:
        """The target, then what it inherits from: of several the last wins.

        Raises `UnknownValueError` where that cannot be told.
        """
        found: dict[str, BakeTarget] = {}
        waiting = [name]
        while waiting and len(found) < _MAX_CHAIN:
            name = waiting.pop()
            target = self.targets.get(name)
            if target is not None and name not in found:
                found[name] = target
                bases = self.plain(target.node.get("inherits"), target.local) or []
                waiting += [text_of(base) for base in bases] if isinstance(bases, list) else []
        return list(found.values())

    def resolved(self, node: Scalar, local: Mapping[str, Value]) -> Resolved:
        """The text of a scalar, with the places that it is made of."""
        if not node.style and not node.value.startswith("${"):
            return self._computed(node.value, local)
        return self._template(node, local)

    def plain(self, node: Node | None, local: Mapping[str, Value]) -> Value:
        """What an attribute is; None where there is none. Raises `UnknownValueError`."""
        match node:
            case None:
                return None
            case Sequence():
                return [self.plain(item, local) for item in node.items]
            case MappingNode():
                return {key: self.plain(value, local) for key, value in node.entries.items()}
        if not node.style and not node.value.startswith("${"):
            return self._evaluated(node.value, local)
        if "${" not in node.value and "%{" not in node.value:
            return node.value
        try:
            tree = parse_template(node.value, escapes=self._has_escapes(node))
        except InputError as error:
            raise UnknownValueError(_shortened(node.value)) from error
        return self._scope.value(tree, local)

    def entries(
        self, node: Node | None, local: Mapping[str, Value]
    ) -> Iterator[tuple[str, Node | Value]]:
        """Key and value of an object that is written out (nodes) or made by an expression.

        Raises `UnknownValueError`.
        """
        if isinstance(node, MappingNode):
            yield from node.entries.items()
        elif isinstance(made := self.plain(node, local), dict):
            yield from made.items()

    def items(self, node: Node | None, local: Mapping[str, Value]) -> Iterator[Node | Value]:
        """The same for a list."""
        if isinstance(node, Sequence):
            yield from items_of(node)
        elif isinstance(made := self.plain(node, local), list):
            yield from made

    def _targets(self) -> Iterator[tuple[str, BakeTarget]]:
        targets = self._root.mapping("target") or MappingNode(0)
        for name, node in targets.entries.items():
            if isinstance(node, MappingNode):
                yield from self._made(name, node)

    def _made(self, name: str, node: MappingNode) -> Iterator[tuple[str, BakeTarget]]:
        """The target, or one for each combination of its matrix."""
        if node.get("matrix") is None:
            yield name, BakeTarget(node=node)
            return
        try:
            matrix = self.plain(node.get("matrix"), {})
            axes = matrix if isinstance(matrix, dict) else {}
            lists = [axis if isinstance(axis, list) else [] for axis in axes.values()]
            for values in product(*lists):
                local = dict(zip(axes, values, strict=True))
                made = self.plain(node.get("name"), local)
                yield text_of(made or name), BakeTarget(node=node, local=local)
        except (UnknownValueError, TypeError):
            yield name, BakeTarget(node=node)

    def _functions(self) -> Iterator[tuple[str, Function]]:
        functions = self._root.mapping("function") or MappingNode(0)
        for name, node in functions.entries.items():
            result = node.get("result") if isinstance(node, MappingNode) else None
            if not isinstance(node, MappingNode) or result is None:
                continue
            rest = node.scalar("variadic_params") or node.scalar("variadic_param")
            try:
                yield (
                    name,
                    Function(
                        parameters=tuple(map(_name_in, items_of(node.get("params")))),
                        result=self._tree(result),
                        rest=_name_in(rest) if rest is not None else "",
                    ),
                )
            except InputError:
                continue  # who calls it is told that it is not known

    def _tree(self, node: Node) -> tuple[object, ...]:
        if isinstance(node, Sequence):
            return ("list", tuple(map(self._tree, node.items)))
        if isinstance(node, MappingNode):
            pairs = node.entries.items()
            return ("object", tuple((("value", key), self._tree(value)) for key, value in pairs))
        if node.style or node.value.startswith("${"):
            return parse_template(node.value, escapes=self._has_escapes(node))
        return parse_expression(node.value)

    def _has_escapes(self, node: Scalar) -> bool:
        """True where a string stands as it is written, escapes and all: see `hcl.nodes`."""
        if node.style != '"' or "\\" not in node.value:
            return False
        return self.document.source.text[node.start : node.end] == node.value

    def _template(self, node: Scalar, local: Mapping[str, Value]) -> Resolved:
        place = place_of(self.document, node)
        text, has_escapes = node.value, self._has_escapes(node)

        def plain(begin: int, end: int) -> Resolved:
            part = text[begin:end]
            if has_escapes and "\\" in part:
                return _read(part)
            return literal(part, place, begin)

        parts: list[Resolved] = []
        position = 0
        while (found := next_marker(text, position)) is not None:
            at, mark = found
            parts.append(plain(position, at))
            if len(mark) == 3:
                parts.append(literal(mark[1:]))
                position = at + 3
                continue
            position = expression_end(text, at + 2)
            expression = text[at + 2 : position - 1].strip("~ \t\r\n")
            if text[at] == "%":
                parts.append(Resolved(missing=(_shortened(expression),)))
            elif expression.isidentifier() and expression not in local:
                parts.append(self._variable(expression))
            else:
                parts.append(self._computed(expression, local))
        parts.append(plain(position, len(text)))
        return joined(parts)

    def _computed(self, expression: str, local: Mapping[str, Value]) -> Resolved:
        try:
            return literal(text_of(self._evaluated(expression, local)))
        except UnknownValueError as error:
            return Resolved(missing=error.names)
        except TypeError:  # null, a list: no text
            return Resolved(missing=(_shortened(expression),))

    def _evaluated(self, expression: str, local: Mapping[str, Value]) -> Value:
        try:
            tree = parse_expression(expression)
        except InputError as error:
            raise UnknownValueError(_shortened(expression)) from error
        return self._scope.value(tree, local)

    def _variable(self, name: str) -> Resolved:
        """A variable's value with the place of its default, where that can be edited."""
        if name not in self._known:
            default = self._root.scalar("variable", name, "default")
            is_set = name in self._environment and self._is_declared(name)
            is_new = name not in self._open and len(self._open) < _MAX_NESTED
            if default is not None and default.style and not is_set and is_new:
                self._open.add(name)
                value = self.resolved(default, {})
                self._open.discard(name)
                for span in value.spans:
                    self.places.setdefault(span, name)
            elif default is None and not is_set and self._awaits(name):
                value = Resolved(missing=(name,))
            else:
                value = self._computed(name, {})
            self._known[name] = value
        return self._known[name]

    def _variable_value(self, name: str) -> Value:
        if name not in self._values:
            if name in self._open or len(self._open) >= _MAX_NESTED:
                raise UnknownValueError(name)  # it leads back to itself, or too far
            self._open.add(name)
            try:
                self._values[name] = self._found(name)
            finally:
                self._open.discard(name)
        return self._values[name]

    def _found(self, name: str) -> Value:
        if self._is_declared(name):
            value = self.plain(self._root.get("variable", name, "default"), {})
            if name in self._environment:
                return _converted(self._environment[name], value)
            if value is None and self._awaits(name):
                raise UnknownValueError(name)  # whoever builds may set it
            return value
        if name in self._root.entries and name not in _BLOCKS:
            return self.plain(self._root.entries[name], {})
        raise UnknownValueError(name)

    def _is_declared(self, name: str) -> bool:
        return name in (self._root.mapping("variable") or MappingNode(0)).entries

    def _awaits(self, name: str) -> bool:
        """True for a variable without a default: whoever builds is to set it."""
        return self._is_declared(name) and not self._says_null(name)

    def _says_null(self, name: str) -> bool:
        variable = self._root.mapping("variable", name)
        return variable is not None and "default" in variable.entries


def _converted(text: str, default: Value) -> Value:
    """A value of the environment as what the default is: a number, a boolean, else text."""
    try:
        if isinstance(default, bool):
            return is_true(text)
        if isinstance(default, int | float):
            return number_of(text)
    except (TypeError, ValueError):
        return text
    if isinstance(default, list | dict):
        raise UnknownValueError("a list in the environment")
    return text


def _name_in(node: Node) -> str:
    """The name in a bare word, which stands as the expression `${name}`."""
    text = node.value if isinstance(node, Scalar) else ""
    return text.removeprefix("${").removesuffix("}").strip()


def _read(text: str) -> Resolved:
    try:
        return literal(unescaped(text))
    except InputError:
        return Resolved(missing=(_shortened(text),))


def _shortened(expression: str) -> str:
    return expression.strip()[:200]

"""What HCL expressions are, with the variables and functions of a bake file.

Nothing is guessed: what depends on a name that nobody sets, or on a function that needs a clock,
a file or chance, raises `UnknownValueError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tagwatch.errors import InputError
from tagwatch.source.hcl.function import FUNCTIONS, Value, is_true, number_of, text_of
from tagwatch.source.hcl.syntax import Tree
from tagwatch.value import dataclass

__all__ = ["Function", "Scope", "UnknownValueError"]

_MAX_STEPS = 20_000  # of one file
_MAX_CALLS = 20  # functions in functions
_MAX_SIZE = 65_536  # characters and items of a text, and of what a function is given and gives
_SIZE_OF_STEP = 256
_MAX_ITEMS = 4096
_FAILED: tuple[type[Exception], ...] = (InputError, TypeError, ValueError, ArithmeticError)
_FAILED += (LookupError, AttributeError, StopIteration, RecursionError)


class UnknownValueError(Exception):
    """A value depends on `names`, which are not known here."""

    def __init__(self, *names: str) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A `function` block. `rest`: the parameter that takes all further arguments, if any."""

    parameters: tuple[str, ...]
    result: Tree
    rest: str = ""


class Scope:
    """Evaluates trees. `variable` gives the value of a name; it raises `UnknownValueError`."""

    def __init__(self, variable: Callable[[str], Value], functions: Mapping[str, Function]) -> None:
        self._variable = variable
        self._functions = functions
        self._local: list[Mapping[str, Value]] = []
        self._calls = 0
        self._steps = 0

    def value(self, tree: Tree, local: Mapping[str, Value] | None = None) -> Value:
        """The tree's value, `local` names first. Raises `UnknownValueError`."""
        self._local.append(local or {})
        try:
            return self._value(tree)
        except _FAILED as error:
            raise UnknownValueError(_shown(tree)) from error
        finally:
            self._local.pop()

    def _value(self, tree: Tree) -> Value:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise UnknownValueError("too many expressions")
        match tree:
            case ("value", str() | int() | float() | None as constant):
                return constant
            case ("name", str(name)):
                return self._name(name)
            case ("template", tuple(parts)):
                return self._template(parts)
            case ("if", condition, then, other):
                return self._value(_tree(then if is_true(self._value(_tree(condition))) else other))
            case ("get", holder, key):
                return self._get(self._value(_tree(holder)), self._value(_tree(key)))
            case ("operator", str(operator), left, right):
                return self._operator(operator, _tree(left), _tree(right))
            case ("unary", str(operator), operand):
                value = self._value(_tree(operand))
                return not is_true(value) if operator == "!" else -number_of(value)
            case ("call", str(name), tuple(arguments), spread):
                return self._call(name, [_tree(one) for one in arguments], spread=bool(spread))
        return self._collection(tree)

    def _collection(self, tree: Tree) -> Value:
        match tree:
            case ("list", tuple(parts)):
                return [self._value(_tree(part)) for part in parts]
            case ("object", tuple(pairs)):
                return {
                    text_of(self._value(_tree(key))): self._value(_tree(value))
                    for key, value in pairs
                }
            case ("splat", holder, rest):
                items = _items(self._value(_tree(holder)))
                return [self._within({"*": item}, _tree(rest)) for item in items]
            case ("for", tuple(names), over, first, second, condition):
                return self._loop(names, tuple(map(_tree, (over, first, condition))), second)
        raise UnknownValueError(_shown(tree))

    def _name(self, name: str) -> Value:
        for local in reversed(self._local):
            if name in local:
                return local[name]
        return self._variable(name)

    def _template(self, parts: Sequence[object]) -> str:
        texts: list[str] = []
        size = 0
        for part in parts:
            texts.append(part if isinstance(part, str) else text_of(self._value(_tree(part))))
            size += len(texts[-1])
            if size > _MAX_SIZE:
                raise UnknownValueError("a text that is too long")
        return "".join(texts)

    def _operator(self, operator: str, left: Tree, right: Tree) -> Value:
        if operator in ("&&", "||"):
            first, second = is_true(self._value(left)), is_true(self._value(right))
            return (first and second) if operator == "&&" else (first or second)
        one, two = self._value(left), self._value(right)
        if operator in ("==", "!="):
            return self._applied("equal", one, two) is (operator == "==")
        name = {
            "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo",
            "<": "lessthan", ">": "greaterthan", "<=": "lessthanorequalto",
            ">=": "greaterthanorequalto",
        }[operator]  # fmt: skip
        return self._applied(name, one, two)

    def _get(self, holder: Value, key: Value) -> Value:
        if isinstance(holder, dict):
            return holder[text_of(key)]
        if isinstance(holder, list):
            index = int(number_of(key))
            return holder[index] if index >= 0 else holder[len(holder)]
        raise TypeError("no key belongs here")

    def _within(self, local: Mapping[str, Value], tree: Tree) -> Value:
        self._local.append(local)
        try:
            return self._value(tree)
        finally:
            self._local.pop()

    def _call(self, name: str, trees: Sequence[Tree], *, spread: bool) -> Value:
        if name in ("try", "can"):
            return self._tried(name, trees)
        arguments = [self._value(tree) for tree in trees]
        if spread:
            arguments[-1:] = _items(arguments[-1])
        if (own := self._functions.get(name)) is not None:
            return self._own(own, arguments)
        if name not in FUNCTIONS:
            raise UnknownValueError(f"{name}()")
        return self._applied(name, *arguments)

    def _applied(self, name: str, *arguments: Value) -> Value:
        """What a built-in function gives. Large arguments are many steps, too large ones refused:

        lists in lists that share what they hold are larger than they look.
        """
        size = _size(list(arguments))
        if size > _MAX_SIZE:
            raise UnknownValueError(f"{name}()")
        self._steps += size // _SIZE_OF_STEP
        value = FUNCTIONS[name](*arguments)
        if _size(value) > _MAX_SIZE:
            raise UnknownValueError(f"{name}()")
        return value

    def _own(self, function: Function, arguments: Sequence[Value]) -> Value:
        count = len(function.parameters)
        if len(arguments) < count or (len(arguments) > count and not function.rest):
            raise TypeError("a function takes other arguments")
        local: dict[str, Value] = dict(zip(function.parameters, arguments, strict=False))
        if function.rest:
            local[function.rest] = list(arguments[count:])
        self._calls += 1
        if self._calls > _MAX_CALLS:
            raise UnknownValueError("functions in functions")
        outer, self._local = self._local, [local]
        try:
            return self._value(function.result)
        finally:
            self._local = outer
            self._calls -= 1

    def _tried(self, name: str, trees: Sequence[Tree]) -> Value:
        """`try`: the first that is no error; `can`: whether it is none. Unknown stays unknown."""
        for tree in trees:
            try:
                value = self._value(tree)
            except _FAILED:
                continue
            return True if name == "can" else value
        if name == "can":
            return False
        raise UnknownValueError("try()")

    def _loop(self, names: Sequence[object], trees: tuple[Tree, ...], second: object) -> Value:
        over, first, condition = trees
        source = self._value(over)
        pairs: list[tuple[Value, Value]] = (
            [(key, value) for key, value in source.items()]
            if isinstance(source, dict)
            else list(enumerate(_items(source)))
        )
        if len(pairs) > _MAX_ITEMS:
            raise UnknownValueError("a list that is too long")
        made: list[tuple[Value, Value]] = []
        for key, value in pairs:
            bound = (key, value) if len(names) > 1 else (value,)
            local = dict(zip(map(str, names), bound, strict=True))
            if is_true(self._within(local, condition)):
                one = self._within(local, first)
                made.append((one, self._within(local, _tree(second)) if second else None))
        if second is None:
            return [one for one, _ in made]
        return {text_of(one): two for one, two in made}


def _tree(part: object) -> Tree:
    if not isinstance(part, tuple):
        raise TypeError("no expression")
    return part


def _items(value: Value) -> list[Value]:
    if isinstance(value, dict):
        return list(value.values())
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _size(value: Value) -> int:
    """Characters and items at all depths; counted to a little beyond what is allowed."""
    size = 0
    waiting: list[Value] = [value]
    while waiting and size <= _MAX_SIZE:
        match waiting.pop():
            case str(text):
                size += len(text)
            case list(items):
                size += len(items)
                waiting += items
            case dict(entries):
                size += len(entries) + sum(map(len, entries))
                waiting += entries.values()
    return size


def _shown(tree: Tree) -> str:
    """The first name in a tree: what an expression that cannot be read is about."""
    match tree:
        case ("name", str(name)):
            return name
        case ("call", str(name), *_):
            return f"{name}()"
    for part in tree:
        if isinstance(part, tuple) and (found := _shown(part)) != "an expression":
            return found
    return "an expression"

"""The variables of a Compose project: the caller's environment, with `.env` files below it."""

from __future__ import annotations

from collections.abc import Mapping

from tagwatch.errors import InputError
from tagwatch.source.target import Location, Problem, SourceContext, Span
from tagwatch.source.text.companion import Companions
from tagwatch.source.text.dotenv import read_dotenv
from tagwatch.source.text.interpolation import Lookup, Resolved, literal
from tagwatch.source.text.node import check_utf8
from tagwatch.source.text.source_text import SourceText

__all__ = ["EnvFiles", "environment_lookup"]


def environment_lookup(context: SourceContext) -> Lookup:
    """The caller's environment, as far as it may be seen, which beats every file.

    Not a method: a project that holds its own bound method is a cycle and outlives its reading.
    """

    def lookup(name: str) -> Resolved | None:
        value = context.environment.get(name)
        return None if value is None else literal(value)

    return lookup


class EnvFiles:
    """Reads `.env` files. `variables`: where each value stands, and whose it is.

    `asked`: all that were to be read. Those that are `private` are the user's environment, not the
    tree's: they are as good as not there.
    """

    def __init__(self, companions: Companions, private: frozenset[str]) -> None:
        self._companions = companions
        self._private = private
        self.asked: dict[str, None] = {}
        self.problems: list[Problem] = []
        self.variables: dict[Span, str] = {}

    def below(self, lookup: Lookup, paths: Mapping[str, Location | None]) -> Lookup:
        """The environment with the values of files below it, each file with where it is named.

        What a later file says replaces what an earlier one did.
        """
        values: dict[str, Resolved] = {}
        for path, named_at in paths.items():
            source = self._text(path, named_at)
            if source is not None:
                values, problems = read_dotenv(source, lookup, values)
                self.problems += problems
        for name, value in values.items():
            for span in value.spans:
                self.variables.setdefault(span, name)
        return (lambda name: lookup(name) or values.get(name)) if values else lookup

    def _text(self, path: str, named_at: Location | None) -> SourceText | None:
        self.asked[path] = None
        raw = None if path in self._private else self._companions.read(path, named_at)
        if raw is None:
            return None
        try:
            source = SourceText(raw, path)
            check_utf8(source)
        except InputError as error:
            place = Location(path=path, line=1, column=1, end_line=1, end_column=1)
            self.problems.append(Problem(message=error.message, location=place, hint=error.hint))
            return None
        return source

"""The instructions that text rules judge, with the variables their stage knows put in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from tagwatch.errors import InputError
from tagwatch.source.buildkit.scope import Build, GlobalScope, Stage, StageScope, assignments
from tagwatch.source.buildkit.shell_word import UnsetVariableError, Variables, expand
from tagwatch.source.buildkit.statement import Statement
from tagwatch.source.target import Instruction
from tagwatch.source.text.source_text import SourceText, missing_in, text_of

__all__ = ["instructions_of"]

_JUDGED = frozenset({"USER", "EXPOSE", "ADD", "HEALTHCHECK"})
_SETTINGS = frozenset({"ENV", "ARG"})
_SUSPECT = (
    r"(?i)pass|secret|token|credential|key|connection|://[^/\s]*@|AKIA|gh[pousr]_|github_pat"
    r"|glpat|xox|eyJ|sk-"
)
"""Most settings have no such word, and nobody judges those. Compiled at the first setting."""


def instructions_of(
    source: SourceText, build: Build, scope: GlobalScope
) -> tuple[Instruction, ...]:
    """FROM, USER, EXPOSE (one for each port), ADD, COPY --from and HEALTHCHECK in the file's order.

    Of ENV and ARG those that may hold a secret, one for each pair, as they stand.
    """
    judged = (_inner(statement) for stage in build.stages for statement in stage.statements)
    lazy = not any("$" in one.arguments for one in judged if _is_judged(one))
    names = {stage.name.lower(): stage.index for stage in build.stages if stage.name}
    reader = _Reader(source, scope, names, lazy=lazy)
    return tuple(found for stage in build.stages for found in reader.read(stage))


def _inner(statement: Statement) -> Statement:
    """What ONBUILD would do, or the statement itself."""
    return statement.trigger or statement


def _is_judged(statement: Statement) -> bool:
    return statement.keyword in _JUDGED or (
        statement.keyword == "COPY" and bool(_origin(statement))
    )


def _origin(statement: Statement) -> str:
    """What a COPY copies from, if that is not the build's own files."""
    return next((f.text[7:] for f in statement.flags if f.text.startswith("--from=")), "")


class _Reader:
    """Reads stage by stage; `lazy`: no instruction uses a variable, so none is worked out."""

    def __init__(
        self, source: SourceText, scope: GlobalScope, names: Mapping[str, int], *, lazy: bool
    ) -> None:
        self._source = source
        self._scope = scope
        self._names = names
        self._lazy = lazy
        self._scopes: list[StageScope] = []

    def read(self, stage: Stage) -> Iterator[Instruction]:
        base = self._scopes[stage.base] if stage.base is not None else None
        own = StageScope(self._scope, stage, base)
        self._scopes.append(own)
        first = stage.statement
        yield self._instruction(stage, first, first.words()[:1], self._scope.values.get)
        for statement in stage.statements:
            inner = _inner(statement)
            if inner.keyword in _SETTINGS and re.search(_SUSPECT, inner.arguments):
                yield from self._settings(stage, inner, onbuild=statement.trigger is not None)
            if not _is_judged(inner):
                continue
            variables = own.value if self._lazy else own.read_to(statement)
            words = self._words(inner)
            for part in [[word] for word in words] if inner.keyword == "EXPOSE" else [words]:
                yield self._instruction(
                    stage, inner, part, variables, onbuild=statement.trigger is not None
                )
        if not self._lazy:
            own.read_to(None)

    def _settings(
        self, stage: Stage, statement: Statement, *, onbuild: bool
    ) -> Iterator[Instruction]:
        for name, begin, end in assignments(statement, self._scope.escape):
            if begin < 0 or not re.search(_SUSPECT, f"{name}={statement.line[begin:end]}"):
                continue
            start = statement.line.rindex(name, statement.begin, begin)
            first, last, _ = statement.stretch(start, end)
            yield Instruction(
                name=statement.keyword,
                arguments=(name, statement.line[begin:end].strip("\"'")),
                location=self._source.location(first, last),
                stage=stage.index,
                onbuild=onbuild,
            )

    def _words(self, statement: Statement) -> list[tuple[int, int]]:
        if statement.keyword == "USER":
            return [(statement.begin, statement.begin + len(statement.arguments))]
        return statement.words()

    def _instruction(
        self,
        stage: Stage,
        statement: Statement,
        words: Sequence[tuple[int, int]],
        variables: Variables,
        *,
        onbuild: bool = False,
    ) -> Instruction:
        start, end, _ = statement.stretch(words[0][0], words[-1][1])
        arguments: list[str] = []
        missing: dict[str, None] = {}
        texts = statement.exec_form or [statement.line[begin:stop] for begin, stop in words]
        for text in texts:
            argument, unknown = self._expanded(statement, text, variables)
            arguments.append(argument)
            missing.update(dict.fromkeys(unknown))
        return Instruction(
            name=statement.keyword,
            arguments=tuple(arguments),
            location=self._source.location(start, end),
            stage=stage.index,
            base=stage.base if statement.keyword == "FROM" else self._copied(statement),
            flags=tuple(flag.text for flag in statement.flags),
            missing=tuple(missing),
            onbuild=onbuild,
        )

    def _copied(self, statement: Statement) -> int | None:
        """The stage that a COPY copies from."""
        origin = _origin(statement) if statement.keyword == "COPY" else ""
        if not origin:
            return None
        number = int(origin) if re.fullmatch(r"[0-9]{1,9}", origin) else None
        return self._names.get(origin.lower(), number)

    def _expanded(
        self, statement: Statement, text: str, variables: Variables
    ) -> tuple[str, tuple[str, ...]]:
        """The word as BuildKit would use it; as it stands where it cannot be read."""
        if statement.keyword == "HEALTHCHECK":
            return text, ()
        try:
            pieces = expand(text, variables, escape=self._scope.escape)
        except UnsetVariableError as error:
            return text, (error.name,)
        except InputError:
            return text, ()
        return text_of(pieces), missing_in(pieces)

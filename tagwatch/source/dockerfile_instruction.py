"""The instructions that text rules judge, with the variables their stage knows put in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tagwatch.errors import InputError
from tagwatch.source.dockerfile_scope import GlobalScope, StageScope
from tagwatch.source.dockerfile_stage import Build, Stage
from tagwatch.source.dockerfile_statement import Statement
from tagwatch.source.piece import missing_in, text_of
from tagwatch.source.shell_word import UnsetVariableError, Variables, expand
from tagwatch.source.source_text import SourceText
from tagwatch.source.target import Instruction

__all__ = ["instructions_of"]

_JUDGED = frozenset({"USER", "EXPOSE", "ADD", "HEALTHCHECK"})


def instructions_of(
    source: SourceText, build: Build, scope: GlobalScope
) -> tuple[Instruction, ...]:
    """FROM, USER, EXPOSE (one for each port), ADD and HEALTHCHECK in the file's order."""
    reader = _Reader(source, scope)
    return tuple(found for stage in build.stages for found in reader.read(stage))


class _Reader:
    def __init__(self, source: SourceText, scope: GlobalScope) -> None:
        self._source = source
        self._scope = scope
        self._scopes: list[StageScope] = []

    def read(self, stage: Stage) -> Iterator[Instruction]:
        base = self._scopes[stage.base] if stage.base is not None else None
        own = StageScope(self._scope, stage, base)
        self._scopes.append(own)
        first = stage.statement
        yield self._instruction(stage, first, first.words()[:1], self._scope.values.get)
        for statement in stage.statements:
            inner = statement.trigger or statement
            if inner.keyword not in _JUDGED:
                continue
            variables = own.variables(statement) if "$" in inner.arguments else _nothing
            words = self._words(inner)
            for part in [[word] for word in words] if inner.keyword == "EXPOSE" else [words]:
                yield self._instruction(
                    stage, inner, part, variables, onbuild=statement.trigger is not None
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
            stage_name=stage.name,
            base=stage.base if statement.keyword == "FROM" else None,
            flags=tuple(flag.text for flag in statement.flags),
            missing=tuple(missing),
            onbuild=onbuild,
        )

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


def _nothing(_name: str) -> None:
    return None

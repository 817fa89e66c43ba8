"""A Dockerfile's build stages, and what BuildKit refuses of its instructions.

After BuildKit's `frontend/dockerfile/instructions` (parse.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tagwatch.source.buildkit.lines import StatementError
from tagwatch.source.buildkit.statement import Statement

__all__ = ["Build", "Stage", "group_statements"]

_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_NEEDS_ARGUMENT = frozenset(
    {
        "ADD", "ARG", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
        "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    }
)  # fmt: skip
_KEYWORDS = _NEEDS_ARGUMENT | {"CMD", "ENTRYPOINT", "RUN"}
_TEMPLATE_MARKS = ("{{", "{%", "{#", "<%", "[%")
_TRIGGERS_NOT_ALLOWED = frozenset({"ONBUILD", "FROM", "MAINTAINER"})


class Stage:
    """One FROM and what follows it. `name` is in lower case, as BuildKit compares it.

    `base` is the stage it builds on, once that is known.
    """

    def __init__(self, index: int, statement: Statement, name: str | None) -> None:
        self.index = index
        self.statement = statement
        self.name = name
        self.statements: list[Statement] = []
        self.base: int | None = None

    @property
    def label(self) -> str:
        """The name, or the number of a stage without one."""
        return self.name or str(self.index)


class Build:
    """A whole file: the ARGs before the first FROM, the stages, and what stopped the reading."""

    def __init__(self, refusal: StatementError | None = None) -> None:
        self.arguments: list[Statement] = []
        self.stages: list[Stage] = []
        self.refusal = refusal


def group_statements(statements: Iterable[Statement]) -> Build:
    """The statements by stage, up to the first that BuildKit refuses."""
    build = Build()
    for statement in statements:
        try:
            _add(build, statement)
        except StatementError as error:
            build.refusal = error
            break
    return build


def _add(build: Build, statement: Statement) -> None:
    _check(statement)
    if statement.keyword == "FROM":
        name = _stage_name(statement)
        build.stages.append(Stage(len(build.stages), statement, name))
    elif build.stages:
        build.stages[-1].statements.append(statement)
    elif statement.keyword == "ARG":
        build.arguments.append(statement)
    else:
        raise _refused(statement, f"{statement.keyword} stands before the first FROM")


def _check(statement: Statement) -> None:
    keyword = statement.keyword
    if keyword.startswith(_TEMPLATE_MARKS):
        raise StatementError(
            "a template of a Dockerfile was not read from here on",
            statement.first,
            statement.last,
            hint="check what the template makes",
            skipped=True,
        )
    if keyword not in _KEYWORDS:
        raise _refused(statement, f"unknown instruction {keyword[:40]!r}")
    if keyword in _NEEDS_ARGUMENT and not statement.arguments:
        raise _refused(statement, f"{keyword} requires at least one argument")
    if keyword in ("ADD", "COPY"):
        words = statement.exec_form or statement.words()
        if len(words) < 2:
            raise _refused(statement, f"{keyword} requires a source and a destination")
    if keyword == "ARG" and any(word.startswith("=") for word in _plain_words(statement)):
        raise _refused(statement, "an ARG has no name", "write NAME=value, without spaces")
    # What ONBUILD will do is read when an image is built on this one.
    if statement.trigger is not None and statement.trigger.keyword in _TRIGGERS_NOT_ALLOWED:
        raise _refused(statement, f"{statement.trigger.keyword} is no ONBUILD trigger")


def _plain_words(statement: Statement) -> list[str]:
    """The words of an instruction that has no quotes; none where it has some."""
    text = statement.arguments
    return [] if '"' in text or "'" in text else text.split()


def _stage_name(statement: Statement) -> str | None:
    words = [statement.line[begin:end] for begin, end in statement.words()]
    if len(words) == 1:
        return None
    if len(words) != 3 or words[1].lower() != "as":
        hint = "a comment stands on a line of its own" if "#" in words else ""
        raise _refused(statement, "FROM requires either one or three arguments", hint)
    name = words[2].lower()
    if not _STAGE_NAME.fullmatch(name):
        raise _refused(statement, f"invalid name for a build stage: {words[2][:80]!r}")
    return name


def _refused(statement: Statement, message: str, hint: str = "") -> StatementError:
    return StatementError(
        message,
        statement.first,
        statement.last,
        hint=hint or "BuildKit refuses the file; nothing after this line was read",
    )

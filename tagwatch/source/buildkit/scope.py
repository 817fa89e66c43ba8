"""The stages of a Dockerfile and their variables: ARG before FROM, platform arguments, ARG and ENV.

After BuildKit's `dockerfile2llb` (convert.go, platform.go). Platform arguments are those of the
stage's `--platform`, else linux/amd64: an answer must not depend on where it was asked.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from tagwatch.errors import InputError
from tagwatch.image.platform import LINUX_AMD64, Platform
from tagwatch.source.buildkit.shell_word import Variables, expand
from tagwatch.source.buildkit.statement import Statement, StatementError, quoted_words
from tagwatch.source.target import Field
from tagwatch.source.text.source_text import Piece

__all__ = [
    "Build",
    "GlobalScope",
    "Stage",
    "StageScope",
    "assignments",
    "expand_word",
    "group_statements",
    "inherited_names",
    "noting",
    "placeholders",
    "template_of",
]

Value = tuple[Piece, ...]
# What another tool fills in before a build: `${node.version}` and `@project.version@` (Maven),
# `${templateOption:variant}` (Dev Containers), `{{base}}`, `<%= base %>`, `%%BASE%%`,
# `REPLACE-ME`.
_PLACEHOLDER = (
    r"\$\{([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+|templateOption:[\w-]+)\}|@([A-Za-z_][\w.-]*)@"
    r"|\{\{-?\s*(.*?)\s*-?\}\}|<%=?\s*(.*?)\s*%>|%%(\w+)%%|^([A-Z][A-Z0-9]*(?:[-_][A-Z0-9]+)+)$"
)
_MAX_INHERITED = 100  # stages up the line: a file may have 100,000, each built on the one before


class GlobalScope:
    """What a FROM can use. `of_platform` names what follows from a platform, directly or not;
    `refused` has the ARG statements whose default cannot be read.
    """

    def __init__(
        self,
        statements: Iterable[Statement],
        build_args: Mapping[str, str],
        argument_fields: Mapping[str, Field],
        *,
        escape: str,
        target: str,
    ) -> None:
        self.build_args = build_args
        self.escape = escape
        self.refused: list[tuple[Statement, InputError]] = []
        self.values: dict[str, Value] = {
            **_DEFAULTS,
            "TARGETSTAGE": (Piece(target),),
        }
        self.of_platform = set(self.values) - {"TARGETSTAGE"} - build_args.keys()
        self.given = set(self.values.keys() & build_args.keys())
        self.argument_fields = argument_fields
        self.values.update((name, self.argument(name)) for name in self.given)
        for statement in statements:
            self._declare(statement)

    def argument(self, name: str) -> Value:
        """The value of a build argument that was given."""
        return (Piece(self.build_args[name], field=self.argument_fields.get(name)),)

    def _declare(self, statement: Statement) -> None:
        for name, begin, end in assignments(statement, self.escape):
            asked: set[str] = set()
            if name in self.build_args:
                self.values[name] = self.argument(name)
            elif begin >= 0:
                try:
                    variables = noting(asked, self.values.get)
                    value = expand_word(statement, begin, end, variables, self.escape)
                except InputError as error:
                    names = placeholders(statement.line[begin:end])
                    if not names:
                        self.refused.append((statement, error))
                    value = (Piece("", missing=names or (name,)),)
                self.values[name] = value
            else:
                continue
            self.given.add(name)
            if asked & self.of_platform:
                self.of_platform.add(name)
            else:
                self.of_platform.discard(name)

    def for_platform(self, platform: Platform | None) -> Variables:
        """The variables for a stage of this platform; what the file or caller sets stays."""
        if platform is None or platform == LINUX_AMD64:
            return self.values.get
        own = _platform_values("TARGET", platform)

        def variable(name: str) -> Value | None:
            return (
                self.values.get(name)
                if name in self.given
                else own.get(name, self.values.get(name))
            )

        return variable


class StageScope:
    """What a stage's own instructions can use. Stages are read in order, each to its end.

    The base image's environment is not known: a variable that is nowhere set is missing.
    """

    def __init__(self, scope: GlobalScope, stage: Stage, base: StageScope | None) -> None:
        self.base = base
        self.values: dict[str, Value] = {}
        self._scope = scope
        self._unread = iter(stage.statements)

    def read_to(self, statement: Statement | None) -> Variables:
        """The variables as they are at a statement of the stage, or at its end."""
        for one in self._unread:
            if one.keyword == "ENV":  # one ENV does not see what it sets itself
                self.values.update(list(self._assigned(one)))
            elif one.keyword == "ARG":
                for name, value in self._assigned(one):
                    self.values[name] = value
            if one is statement:
                break
        return self.value

    def value(self, name: str) -> Value | None:
        """The value in this stage, else where the stages that it builds on end."""
        value, base = self.values.get(name), self.base
        for _ in range(_MAX_INHERITED):
            if value is not None or base is None:
                break
            value, base = base.values.get(name), base.base
        return value

    def _assigned(self, statement: Statement) -> Iterator[tuple[str, Value]]:
        scope = self._scope
        for name, begin, end in assignments(statement, scope.escape):
            if statement.keyword == "ARG" and name in scope.build_args:
                yield name, scope.argument(name)
            elif begin >= 0:
                try:
                    yield name, expand_word(statement, begin, end, self.value, scope.escape)
                except InputError:  # the build stops here; for what follows the value is unknown
                    yield name, (Piece("", missing=(name,)),)
            elif name in scope.values:
                yield name, scope.values[name]


def expand_word(
    statement: Statement, begin: int, end: int, variables: Variables, escape: str
) -> Value:
    """What `line[begin:end]` of a statement becomes. Raises `InputError`."""
    start, _, whole = statement.stretch(begin, end)
    return expand(statement.line[begin:end], variables, escape=escape, start=start if whole else -1)


def placeholders(text: str) -> tuple[str, ...]:
    """What another tool has to fill in first, where BuildKit refuses a text: see `_PLACEHOLDER`."""
    found = (next(filter(None, match.groups()), "?") for match in re.finditer(_PLACEHOLDER, text))
    return tuple(dict.fromkeys(name[:200] for name in found))


def assignments(statement: Statement, escape: str) -> list[tuple[str, int, int]]:
    """Name, begin and end of the value of each ARG or ENV pair; -1 where no value stands."""
    text, offset = statement.arguments, statement.begin
    words = quoted_words(text, escape)
    if statement.keyword == "ENV" and words and "=" not in text[words[0][0] : words[0][1]]:
        name = text[: len(text.split(None, 1)[0])]
        begin = len(text) - len(text[len(name) :].lstrip())
        return [(name, offset + begin, offset + len(text))]
    pairs = []
    for begin, end in words:
        name, equals, value = text[begin:end].partition("=")
        at = offset + end - len(value) if equals else -1
        pairs.append((name, at, offset + end if equals else -1))
    return pairs


def _platform_values(side: str, platform: Platform) -> dict[str, Value]:
    texts = {
        "PLATFORM": str(platform),
        "OS": platform.os,
        "OSVERSION": platform.os_version or "",
        "ARCH": platform.architecture,
        "VARIANT": platform.variant or "",
    }
    return {f"{side}{part}": (Piece(text),) for part, text in texts.items()}


def inherited_names(
    statements: Iterable[Statement], escape: str, given: Container[str] = ()
) -> set[str]:
    """The names whose value a stage takes over: from the ARGs before FROM, or as it was `given`."""
    return {
        name
        for statement in statements
        if statement.keyword == "ARG"
        for name, begin, _ in assignments(statement, escape)
        if begin < 0 or name in given
    }


def noting(asked: set[str], variables: Variables) -> Variables:
    """The same variables; every name that is asked for is added to `asked`."""

    def variable(name: str) -> Sequence[Piece] | None:
        asked.add(name)
        return variables(name)

    return variable


_DEFAULTS = {**_platform_values("BUILD", LINUX_AMD64), **_platform_values("TARGET", LINUX_AMD64)}


_STAGE_NAME = r"[a-z][a-z0-9_.-]*"
_NEEDS_ARGUMENT = frozenset(
    {
        "ADD", "ARG", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
        "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    }
)  # fmt: skip
_KEYWORDS = _NEEDS_ARGUMENT | {"CMD", "ENTRYPOINT", "RUN"}
_TEMPLATE_MARKS = ("{{", "{%", "{#", "<%", "[%", "%%")
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


def template_of(error: StatementError) -> StatementError:
    """Return the word on a text that is no Dockerfile before another tool makes it one."""
    return StatementError(
        "a template of a Dockerfile was not read from here on",
        error.first,
        error.last,
        hint="check what the template makes",
        skipped=True,
    )


def _check(statement: Statement) -> None:
    keyword = statement.keyword
    is_template = keyword == "FROM" and any(mark in statement.arguments for mark in ("{{ ", "<% "))
    if is_template or keyword.startswith(_TEMPLATE_MARKS):
        raise template_of(_refused(statement, ""))
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
    if not re.fullmatch(_STAGE_NAME, name):
        raise _refused(statement, f"invalid name for a build stage: {words[2][:80]!r}")
    return name


def _refused(statement: Statement, message: str, hint: str = "") -> StatementError:
    return StatementError(
        message,
        statement.first,
        statement.last,
        hint=hint or "BuildKit refuses the file; nothing after this line was read",
    )

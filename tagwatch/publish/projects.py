"""Many projects on one page: what results of several repositories say together.

A result is the JSON document of a scan or a check (`docs/json.md`), which anybody may have written:
it is read strictly, and what it says is text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import UNCHECKED
from tagwatch.errors import InputError, InvalidReferenceError
from tagwatch.image.reference import Reference
from tagwatch.publish.interface import RunSummary
from tagwatch.publish.wording import image_text, one_line, stamp
from tagwatch.value import dataclass

__all__ = [
    "NAME",
    "Image",
    "Project",
    "Shared",
    "Use",
    "images_of",
    "merged",
    "project_from",
    "shared",
]
__all__ += ["read_past", "text_of_past"]

NAME = "projects.json"
"""What a site of projects remembers: the numbers of earlier runs."""
_MOST_BYTES = 512 * 1024 * 1024
_MOST_PAST_BYTES = 16 * 1024 * 1024
_MOST_RUNS = 60
_LACKS = {"unavailable": "not read", "not-found": "not found"}


class _Place(msgspec.Struct, frozen=True):
    path: str
    line: int


class _Finding(msgspec.Struct, frozen=True):
    rule: str
    severity: str
    message: str
    location: _Place
    reference: str | None = None
    cause: str | None = None


class _Newer(msgspec.Struct, frozen=True):
    patch: str | None = None
    minor: str | None = None
    major: str | None = None


class _Resolution(msgspec.Struct, frozen=True):
    input: str
    status: str
    version: str | None = None
    tag: str | None = None
    digest: str | None = None
    newer: _Newer = _Newer()
    read_at: datetime | None = None


class _Coverage(msgspec.Struct, frozen=True):
    targets: int
    unresolved: int
    unavailable: int


class _Result(msgspec.Struct, frozen=True):
    schema_version: int
    at: datetime
    complete: bool
    coverage: _Coverage
    findings: list[_Finding]
    resolutions: list[_Resolution]


class _Run(msgspec.Struct, frozen=True):
    at: datetime
    errors: int
    warnings: int
    notes: int
    not_checked: int
    complete: bool


class _Past(msgspec.Struct, frozen=True):
    schema_version: int
    projects: dict[str, list[_Run]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An image as one project uses it. `newer`: a newer patch release of its line, or empty.

    `is_pinned`: the digest is what files say, and not what the tag served.
    """

    project: str
    is_pinned: bool
    version: str
    digest: str
    newer: str
    read_at: datetime
    lack: str = ""
    """Why its build is not known, in two words: it was not read, or not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a project was told once: a finding that is the first of its cause."""

    rule: str
    severity: Severity
    message: str
    where: str
    places: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project by its latest result. `href`: its own report, or empty."""

    name: str
    run: RunSummary
    targets: int
    said: tuple[Said, ...]
    uses: Mapping[str, Use]
    """By the canonical name and tag of the image."""
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image across projects. `behind`: those that run an older build or patch release."""

    name: str
    repository: str
    uses: tuple[Use, ...]
    behind: frozenset[str]

    @property
    def unknown(self) -> int:
        """How many projects use it and do not know what it is."""
        return sum(bool(use.lack) for use in self.uses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A finding that projects share: the same words of the same rule."""

    rule: str
    severity: Severity
    message: str
    projects: tuple[str, ...]
    places: int
    where: str


def project_from(name: str, raw: bytes, href: str = "") -> Project:
    """Return the project whose result this is. Raises `InputError` where it is none."""
    hint = "give what `tagwatch check --format json` or a scan's latest.json holds"
    if len(raw) > _MOST_BYTES:
        raise InputError(f"the result of {name!r} is too large", hint=hint)
    try:
        found = msgspec.json.decode(raw, type=_Result)
        severities = [Severity(one.severity) for one in found.findings]
    except (msgspec.MsgspecError, ValueError) as error:
        raise InputError(f"the result of {name!r} cannot be read: {error}", hint=hint) from error
    if found.schema_version != 1 or found.at.tzinfo is None:
        raise InputError(f"the result of {name!r} is of another version", hint=hint)
    counts = Counter(
        severity
        for one, severity in zip(found.findings, severities, strict=True)
        if one.rule != UNCHECKED or severity is not Severity.WARNING or one.reference is None
    )
    covered = found.coverage
    return Project(
        name=name,
        run=RunSummary(
            at=found.at,
            errors=counts[Severity.ERROR],
            warnings=counts[Severity.WARNING],
            notes=counts[Severity.NOTE],
            not_checked=max(covered.unresolved, 0) + max(covered.unavailable, 0),
            complete=found.complete,
        ),
        targets=max(covered.targets, 0),
        said=_said(found.findings),
        uses=dict(_use(name, one, found.at) for one in found.resolutions),
        href=href,
    )


def _said(findings: Sequence[_Finding]) -> tuple[Said, ...]:
    told: dict[tuple[str, str, str], list[_Finding]] = {}
    for one in findings:
        told.setdefault((one.rule, one.severity, one.message), []).append(one)
    return tuple(
        Said(
            rule=rule,
            severity=Severity(severity),
            message=one_line(message, 300),
            where=one_line(f"{places[0].location.path}:{places[0].location.line}", 200),
            places=len(places),
        )
        for (rule, severity, message), places in told.items()
    )


def _use(project: str, one: _Resolution, at: datetime) -> tuple[str, Use]:
    """Return an image's key (its whole name and tag, without a digest) and its use."""
    try:
        reference = Reference.parse(one.input)
        repository = reference.repository.identity.name
        key = f"{repository}:{reference.tag}" if reference.tag else repository
        is_pinned = reference.digest is not None
    except InvalidReferenceError:
        key, is_pinned = one_line(one.input, 300), False
    read_at = one.read_at if one.read_at is not None and one.read_at.tzinfo is not None else at
    return key, Use(
        project=project,
        is_pinned=is_pinned,
        version=one_line(one.version or one.tag or "", 100),
        digest=one_line(one.digest or "", 100),
        newer=one_line(one.newer.patch or "", 100),
        read_at=read_at,
        lack="" if one.digest else _LACKS.get(one.status, ""),
    )


def images_of(projects: Iterable[Project]) -> list[Image]:
    """Return the images of all projects, by name.

    A project is behind where its build is another than the one that the tag served when it was
    read last anywhere, or where a newer patch release of its line is out.
    """
    uses: dict[str, list[Use]] = {}
    for project in projects:
        for key, use in project.uses.items():
            uses.setdefault(key, []).append(use)
    images = []
    for key in sorted(uses):
        found = sorted(uses[key], key=lambda use: use.project)
        newest = _newest(found)
        images.append(
            Image(
                name=image_text(key),
                repository=image_text(key).partition("@")[0].rpartition(":")[0] or image_text(key),
                uses=tuple(found),
                behind=frozenset(
                    use.project
                    for use in found
                    if use.newer or (use.digest and newest and use.digest != newest)
                ),
            )
        )
    return images


def _newest(uses: Sequence[Use]) -> str:
    """Return what a tag served when it was read last; empty where it is only pinned.

    Of several that were read at one time it is what most projects have.
    """
    known = [use for use in uses if use.digest and not use.is_pinned]
    number = Counter(use.digest for use in uses)
    if not known:
        return ""
    return max(known, key=lambda use: (use.read_at, number[use.digest], use.digest)).digest


def shared(projects: Iterable[Project]) -> list[Shared]:
    """Return what projects were told, the worst first, and then what most of them share."""
    found: dict[tuple[str, Severity, str], list[tuple[str, Said]]] = {}
    for project in projects:
        for said in project.said:
            key = (said.rule, said.severity, said.message)
            found.setdefault(key, []).append((project.name, said))
    told = [
        Shared(
            rule=one_line(rule, 100),
            severity=severity,
            message=message,
            projects=tuple(name for name, _ in places),
            places=sum(said.places for _, said in places),
            where=places[0][1].where,
        )
        for (rule, severity, message), places in found.items()
    ]
    told.sort(key=lambda one: (-one.severity.rank, -len(one.projects), one.rule, one.message))
    return told


def read_past(path: Path) -> Mapping[str, tuple[RunSummary, ...]]:
    """Return the runs that a site remembers, by project; nothing where that cannot be read."""
    with suppress(OSError, msgspec.MsgspecError, ValueError):
        if path.stat().st_size <= _MOST_PAST_BYTES:
            found = msgspec.json.decode(path.read_bytes(), type=_Past)
            if found.schema_version == 1:
                return {
                    name: tuple(_summary(run) for run in runs if run.at.tzinfo is not None)
                    for name, runs in found.projects.items()
                }
    return {}


def _summary(run: _Run) -> RunSummary:
    return RunSummary(
        at=run.at,
        errors=run.errors,
        warnings=run.warnings,
        notes=run.notes,
        not_checked=run.not_checked,
        complete=run.complete,
    )


def merged(
    past: Mapping[str, Sequence[RunSummary]], projects: Iterable[Project]
) -> dict[str, tuple[RunSummary, ...]]:
    """Return the runs of each project with its latest, oldest first; one a moment."""
    found = {}
    for project in projects:
        runs = {stamp(run.at): run for run in (*past.get(project.name, ()), project.run)}
        found[project.name] = tuple(sorted(runs.values(), key=lambda run: run.at)[-_MOST_RUNS:])
    return found


def text_of_past(runs: Mapping[str, Sequence[RunSummary]]) -> str:
    """Return what a site remembers of its projects' runs, as it is written."""
    document = {
        "schema_version": 1,
        "projects": {
            name: [
                {
                    "at": stamp(run.at),
                    "errors": run.errors,
                    "warnings": run.warnings,
                    "notes": run.notes,
                    "not_checked": run.not_checked,
                    "complete": run.complete,
                }
                for run in runs[name]
            ]
            for name in sorted(runs)
        },
    }
    return json.dumps(document, indent=1) + "\n"

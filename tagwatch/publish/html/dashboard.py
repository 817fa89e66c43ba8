"""The site of many projects: where each stands, and what they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from tagwatch.publish.html.template import paged, script, template
from tagwatch.publish.html.trend import Trend, trend_of
from tagwatch.publish.interface import RunSummary
from tagwatch.publish.projects import Image, Project, images_of, shared
from tagwatch.publish.wording import count
from tagwatch.value import dataclass

__all__ = ["dashboard_pages"]

_MOST_TASKS = 12
_MOST_PROJECTS = 400
_MOST_NAMED = 6
_TREND = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A project's line. `worst`: the word of the worst severity, or empty."""

    project: Project
    worst: str
    rank: int
    trend: Trend | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The images of one repository across projects."""

    name: str
    images: Sequence[Image]
    projects: int
    behind: int


def dashboard_pages(
    projects: Sequence[Project], runs: Mapping[str, Sequence[RunSummary]], version: str
) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each page; `runs`: those of each project, oldest first."""
    ordered = sorted(projects, key=lambda one: (-_rank(one), -one.run.errors, one.name))
    images = images_of(projects)
    told = [one for one in shared(projects) if one.severity.rank > 1]
    yield (
        "index.html",
        template("projects.html.j2").render(
            verdict=_verdict(projects),
            version=version,
            at=max(one.run.at for one in projects),
            summary=_sum(projects),
            rows=[
                Row(
                    project=one,
                    worst=("", "note", "warning", "error")[_rank(one)],
                    rank=_rank(one),
                    trend=trend_of(runs.get(one.name, ())[-_TREND:]),
                )
                for one in ordered[:_MOST_PROJECTS]
            ],
            left_out=max(len(ordered) - _MOST_PROJECTS, 0),
            tasks=told[:_MOST_TASKS],
            tasks_left_out=max(len(told) - _MOST_TASKS, 0),
            most_named=_MOST_NAMED,
            images=len(images),
            behind=sum(bool(one.behind) for one in images),
            script=script(),
        ),
    )
    macros = template("projects-list.html.j2").module
    groups = (
        (
            one.name,
            len(one.images),
            macros.group(one, _MOST_NAMED),  # type: ignore[attr-defined]  # a macro
        )
        for one in _groups(images)
    )
    for stretch in paged(groups):
        number = stretch.number
        yield (
            _name(number),
            template("projects-images.html.j2").render(
                version=version,
                at=max(one.run.at for one in projects),
                projects=len(projects),
                images=len(images),
                number=number,
                range=stretch.range,
                groups=stretch.texts,
                before=_name(number - 1) if number > 1 else "",
                after=_name(number + 1) if stretch.goes_on else "",
                script=script(),
            ),
        )


def _name(number: int) -> str:
    return "images.html" if number == 1 else f"images-{number}.html"


def _rank(project: Project) -> int:
    run = project.run
    return 3 if run.errors else 2 if run.warnings else 1 if run.notes else 0


def _verdict(projects: Sequence[Project]) -> str:
    bad = sum(bool(one.run.errors) for one in projects)
    odd = sum(bool(one.run.warnings and not one.run.errors) for one in projects)
    blind = sum(not one.run.complete for one in projects)
    parts = [
        f"{bad} with something to fix" if bad else "",
        f"{odd} with something to look at" if odd else "",
        f"{blind} not read whole" if blind else "",
    ]
    said = ", ".join(part for part in parts if part)
    return f"{count(len(projects), 'project')}: {said or 'nothing to fix'}"


def _sum(projects: Sequence[Project]) -> RunSummary:
    runs = [one.run for one in projects]
    return RunSummary(
        at=max(run.at for run in runs),
        errors=sum(run.errors for run in runs),
        warnings=sum(run.warnings for run in runs),
        notes=sum(run.notes for run in runs),
        not_checked=sum(run.not_checked for run in runs),
    )


def _groups(images: Sequence[Image]) -> Iterator[Group]:
    ordered = sorted(images, key=lambda one: one.repository)
    for name, found in groupby(ordered, key=lambda one: one.repository):
        tags = list(found)
        yield Group(
            name=name,
            images=tags,
            projects=len({use.project for one in tags for use in one.uses}),
            behind=len(frozenset().union(*(one.behind for one in tags))),
        )

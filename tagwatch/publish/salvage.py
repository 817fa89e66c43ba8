"""A report in spite of an image that cannot be rendered: that image gets a finding that says so.

A publisher never raises for what a registry or a file said. Where one does all the same, a
stranger's image would take the answer about all others with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tagwatch.audit.model.finding import Finding, Severity, fingerprint
from tagwatch.audit.verdict.result import UNCHECKED, AuditResult
from tagwatch.errors import TagwatchError
from tagwatch.image.reference import Reference, Repository
from tagwatch.publish.interface import InParts, PublishContext, Publisher
from tagwatch.source.target import Location, Target
from tagwatch.value import replace

__all__ = ["without_broken"]

_Place = Repository | str
"""What is left out together: all about a repository, or what a file says without naming one."""


def without_broken(
    publish: Publisher, result: AuditResult, context: PublishContext, error: Exception
) -> AuditResult:
    """Return the result without the images that raise when they are rendered, each told instead.

    `error`: what the whole raised; it is raised again where no image is to blame. Costs a
    rendering for each half of the images in which one is broken.
    """

    def renders(places: Sequence[_Place]) -> bool:
        try:
            _render(publish, _only(result, frozenset(places)), context)
        except TagwatchError:
            raise
        except Exception:  # noqa: BLE001  # that is the question
            return False
        return True

    broken = tuple(_broken(sorted(_places(result), key=str), renders))
    if not broken or not renders(()):
        raise error
    kept = _only(result, _places(result) - frozenset(broken))
    told = tuple(_told(result, place, error) for place in broken)
    return replace(kept, findings=(*told, *kept.findings), complete=False)


def _render(publish: Publisher, result: AuditResult, context: PublishContext) -> None:
    site = getattr(publish, "site_pages", None)
    if site is not None:  # pages beside the document, which has no room for all
        for _ in site(result, context):
            pass
        return
    in_parts: InParts | None = publish if hasattr(publish, "parts") else None  # type: ignore[assignment]  # a module
    if in_parts is None:
        publish.render(result, context)
    else:
        for _ in in_parts.parts(result, context):
            pass


def _broken(
    places: Sequence[_Place], renders: Callable[[Sequence[_Place]], bool]
) -> Iterator[_Place]:
    if not places or renders(places):
        return
    if len(places) == 1:
        yield places[0]
        return
    middle = len(places) // 2
    yield from _broken(places[:middle], renders)
    yield from _broken(places[middle:], renders)


def _places(result: AuditResult) -> frozenset[_Place]:
    return frozenset(
        [
            *(_place(one) for one in result.findings),
            *(_place(one.finding) for one in result.ignored),
            *(_place(one) for one in result.targets),
            *(one.repository for one in result.changes),
            *(one.repository for one in result.failures),
            *(one.repository for one in result.remarks),
            *(one.repository for one in result.gone),
        ]
    )


def _place(one: Finding | Target) -> _Place:
    return one.reference.repository if one.reference is not None else one.location.path


def _only(result: AuditResult, places: frozenset[_Place]) -> AuditResult:
    """Return what the result says of these places."""
    targets = tuple(one for one in result.targets if _place(one) in places)
    kept = {one.reference.repository for one in targets if one.reference is not None}
    return replace(
        result,
        findings=tuple(one for one in result.findings if _place(one) in places),
        ignored=tuple(one for one in result.ignored if _place(one.finding) in places),
        targets=targets,
        evidence={
            key: one for key, one in result.evidence.items() if _repository(key, kept) in places
        },
        changes=tuple(one for one in result.changes if one.repository in places),
        failures=tuple(one for one in result.failures if one.repository in places),
        remarks=tuple(one for one in result.remarks if one.repository in places),
        gone=tuple(one for one in result.gone if one.repository in places),
    )


def _repository(key: str, known: set[Repository]) -> Repository | None:
    """Return the repository that a key of evidence is about."""
    return next(
        (one for one in known if key.startswith(one.name) and key[len(one.name)] in ":@"), None
    )


def _told(result: AuditResult, place: _Place, error: Exception) -> Finding:
    """Return the finding that stands for everything that was left out."""
    named = [one for one in result.targets if _place(one) == place]
    path = place if isinstance(place, str) else "."
    start = Location(path=path, line=1, column=1, end_line=1, end_column=1)
    name = place if isinstance(place, str) else place.name
    target = named[0] if named else Target(text=name, location=start, kind="file")
    reference = target.reference
    if reference is None and isinstance(place, Repository):
        reference = Reference(repository=place)
    return Finding(
        rule=UNCHECKED,
        severity=Severity.ERROR,
        message=f"what is known of {name} cannot be shown: {type(error).__name__}",
        location=target.location,
        fingerprint=fingerprint(UNCHECKED, target, subject="rendering"),
        reference=reference,
        text=target.text,
        remedy="this is a bug: please report it with the output of TAGWATCH_DEBUG=1",
    )

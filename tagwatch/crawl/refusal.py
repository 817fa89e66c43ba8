"""What could not be read of a repository, as failures: data, not exceptions."""

from __future__ import annotations

from datetime import datetime

from tagwatch.crawl.task import Pattern
from tagwatch.errors import InvalidDocumentError, OutOfTimeError, RegistryError
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import TOO_MANY_TAGS, Failure, RepositorySnapshot, Scope

__all__ = ["UNFORESEEN", "broken", "cut_off", "nothing_read", "refused", "too_many", "vanished"]

UNFORESEEN = "internal-error"
"""The code of an error that nobody foresaw."""


def too_many(repository: Repository, pattern: Pattern, count: int) -> Failure:
    """Say that a watch is wider than its cap."""
    read = f"the newest {pattern.max_tags} are read"
    return Failure(
        repository=repository,
        code=TOO_MANY_TAGS,
        message=f"{pattern.selector!r} matches {count} tags; {read}",
        hint="narrow the watch with tags, include or exclude, or raise max_tags",
    )


def cut_off(repository: Repository, gap: str, *, lasts: bool) -> Failure:
    """Say that a listing is not whole: what it leaves out is neither gone nor unchanged."""
    named = "tags that files or the watch list name are asked one by one"
    return Failure(
        repository=repository,
        code="cut-off",
        message=f"{repository.host}: the listing of {repository.path!r} is cut short: {gap}",
        hint=f"{named}; or name a registry that lists them all, not a group or a proxy of it"
        if lasts
        else "the next run lists it again",
    )


def vanished(repository: Repository, lost: int, known: int) -> Failure:
    """Say that a list lacks most of what was there: that is doubted before it is believed."""
    return Failure(
        repository=repository,
        code="vanished",
        message=f"{repository.host}: the list of {repository.path!r} lost {lost} of {known} tags "
        "at once: doubted until the next night",
        hint="if they were deleted, the next scan, six hours from now or later, says so",
    )


def refused(
    repository: Repository, error: RegistryError | InvalidDocumentError, tag: str | None
) -> Failure:
    """Say what a registry refused, or what of its answers cannot be read."""
    code, status = "invalid-document", None
    if isinstance(error, RegistryError):
        code, status = error.code, error.status
    return Failure(
        repository=repository,
        tag=tag,
        code=code,
        status=status,
        message=error.message,
        hint=error.hint,
    )


def broken(repository: Repository, error: Exception, tag: str | None = None) -> Failure:
    """Say that what a registry sent, or we know of it, leads to an error that nobody foresaw.

    It is this repository's own: the others of a run are read and judged.
    """
    if isinstance(error, OutOfTimeError):
        return Failure(
            repository=repository,
            tag=tag,
            code="stopped",
            message="the run was stopped while it read what its registry had answered",
            hint=error.hint,
        )
    return Failure(
        repository=repository,
        tag=tag,
        code=UNFORESEEN,
        message=f"{type(error).__name__}: {str(error)[:200]}",
        hint="this is a bug: please report it with the output of TAGWATCH_DEBUG=1",
    )


def nothing_read(failure: Failure, at: datetime) -> RepositorySnapshot:
    """Return the snapshot of a repository of which nothing is known but why."""
    return RepositorySnapshot(
        repository=failure.repository,
        at=at,
        scope=Scope.SELECTED,
        complete=False,
        failures=(failure,),
    )

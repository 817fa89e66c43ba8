"""The files of a site, and what they name: with this a check, a scan and `doctor` begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tagwatch.errors import InputError, NothingToReadError
from tagwatch.source.target import Extraction, Problem, Target, is_replaced, qualify
from tagwatch.value import dataclass, replace
from tagwatch.walk.site import Site
from tagwatch.workspace.find import File, Found, find, sources_from_globs, start_of
from tagwatch.workspace.read import read_bytes, read_targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from tagwatch.audit.verdict.result import AuditResult

__all__ = ["FileSet", "read_files", "read_named", "read_sources", "read_to_fix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSet:
    """The files that were read, each with what it names, and the problems of reading them."""

    extractions: tuple[tuple[str, Extraction], ...]
    problems: tuple[Problem, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every target of every file, in order, without what has another image in its place."""
        return tuple(
            target
            for _, one in self.extractions
            for target in one.targets
            if not is_replaced(target)
        )

    @property
    def problems_to_fix(self) -> tuple[Problem, ...]:
        """The problems that kept a file from being read: not those of what was passed over."""
        return tuple(problem for problem in self.problems if not problem.skipped)

    @property
    def none_read(self) -> bool:
        """True where there is no file, or nothing but files that were passed over."""
        return all(
            one.problems
            and one == Extraction(problems=one.problems)
            and all(problem.skipped for problem in one.problems)
            for _, one in self.extractions
        )


def read_files(
    found: Found,
    site: Site,
    build_args: Mapping[str, str],
    instead: Mapping[Path, bytes | None] | None = None,
) -> FileSet:
    """Read what files name. Problems are part of the answer. `instead`: see `read_targets`."""
    read = read_targets(
        found.files, site.root, site.visible, build_args, instead, trusted=not site.is_strangers
    )
    home = site.policy.defaults.registry
    extractions = tuple((path, qualify(extraction, home)) for path, extraction in read)
    if len(extractions) > 1 and any(map(_draws_from_others, extractions)):
        from tagwatch.source.text.shared_value import mark_across

        extractions = mark_across(extractions)
    return FileSet(extractions=extractions, problems=found.problems)


def _draws_from_others(read: tuple[str, Extraction]) -> bool:
    """Return True where a reference in this file is made of text in another file."""
    path, extraction = read
    return any(field.span.path != path for target in extraction.targets for field in target.fields)


def read_named(
    found: Found,
    site: Site,
    build_args: Mapping[str, str],
    instead: Mapping[Path, bytes],
    *,
    engine: bool = False,
) -> FileSet:
    """Read what files name. Raises `NothingToReadError` where none can be read.

    `engine`: containers that run on this machine's engine are named, too.
    """
    files = read_files(found, site, build_args, instead)
    if engine:
        from tagwatch.walk.local_image import running_containers

        runs = running_containers(site.environment)
        files = replace(files, extractions=(*files.extractions, *runs))
    if files.none_read:
        raise _nothing_read(files)
    return files


def _nothing_read(files: FileSet) -> NothingToReadError:
    """Return the error that says why, or which file names images and was passed over."""
    first = next(iter(files.problems), None)
    message = first.message if first else "nothing that tagwatch reads is among the paths named"
    if first is None:
        first = next((one for _, part in files.extractions for one in part.problems), None)
        message += f"; {first.location.path!r}: {first.message}" if first else ""
    hint = first.hint if first else ""
    return NothingToReadError(message, hint=hint or "name Dockerfiles, Compose or Kubernetes files")


def read_to_fix(
    result: AuditResult, site: Site, instead: Mapping[Path, bytes] | None = None
) -> dict[str, bytes]:
    """Read by path the files that fixes of a result are for, without those that cannot be read."""
    files: dict[str, bytes] = {}
    for path in {finding.fix.path for finding in result.findings if finding.fix is not None}:
        real = site.root / path
        try:
            files[path] = (instead and instead.get(real.resolve())) or read_bytes(real)
        except InputError:
            continue  # the file has gone since it was read
    return files


def read_sources(
    site: Site, *, fetch: bool = False, is_over: Callable[[], bool] = lambda: False
) -> tuple[FileSet, tuple[File, ...]]:
    """Read what the configured sources name; and the files that may and that no pattern matches.

    `fetch`: git repositories are fetched anew, until `is_over` says True; else they are read as
    they were kept. Raises `ConfigError` where a repository has the name of a folder.
    """
    from tagwatch.ledger.connection import is_part_of
    from tagwatch.source.beneath import strangers

    found = sources_from_globs(site.settings.sources, site.root)
    others = tuple(file for file in found.files if not is_part_of(site.database, file.real))
    files = read_files(replace(found, files=others), site, {})
    for folder, one in _repositories(site, fetch, is_over):
        files = FileSet(
            extractions=(
                *files.extractions,
                *((f"{folder}/{path}", strangers(read, folder)) for path, read in one.extractions),
            ),
            problems=(
                *files.problems,
                *strangers(Extraction(problems=one.problems), folder).problems,
            ),
        )
    return files, found.left


def _repositories(
    site: Site, fetch: bool, is_over: Callable[[], bool]
) -> Iterator[tuple[str, FileSet]]:
    """Yield the git repositories among the sources by name, each read as a stranger's tree."""
    named = site.settings.repositories
    if not named:
        return
    from tagwatch.walk.site import check_names, kept_repositories

    check_names(site)  # before anything is fetched
    for one, kept in kept_repositories(site, fetch=fetch, is_over=is_over):
        problems = []
        if kept.why or kept.folder is None:
            read = f"; read as of {kept.at:%Y-%m-%d}" if kept.at else ""
            why = kept.why or "nothing of it is there"
            problems.append(
                Problem(
                    message=f"{one.address} was not fetched: {why}{read}",
                    location=start_of("."),
                    hint=f"`git ls-remote {one.address}` shows what git says",
                )
            )
        files = FileSet(extractions=(), problems=())
        if kept.folder is not None:
            there = replace(site, root=kept.folder, environment={}, is_strangers=True)
            found = (
                sources_from_globs(one.files, kept.folder)
                if one.files
                else find([str(kept.folder)], kept.folder)
            )
            files = read_files(found, there, {})
        yield one.name, replace(files, problems=(*problems, *files.problems))

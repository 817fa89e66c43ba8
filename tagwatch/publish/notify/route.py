"""Which part of a run a receiver hears of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tagwatch.audit.model.code_owners import CodeOwners
from tagwatch.audit.model.evidence import evidence_key
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.model.glob import match_image, match_path
from tagwatch.audit.verdict.result import AuditResult, Since, is_outage
from tagwatch.config.settings import Route
from tagwatch.image.reference import Reference, Repository
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field, replace

__all__ = ["Router"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """A route, and who owns which file. `folder`: where paths start, from the repository's root.

    `targets`: all of the run. A registry that fails is told to who hears of one of its images.
    """

    route: Route = field(default_factory=Route)
    owners: CodeOwners = field(default_factory=CodeOwners)
    folder: str = ""
    targets: Sequence[Target] = ()

    @property
    def is_open(self) -> bool:
        """True where everything passes."""
        return self.route == Route()

    def result(self, result: AuditResult) -> AuditResult:
        """Return the result with the findings, moves and tags gone that pass.

        A move belongs to no rule, so it passes no route with rules; and to the files and watches
        that name its tag, or if none does, its repository.
        """
        if self.is_open:
            return result
        places = _Places(result)
        return replace(
            result,
            findings=self.findings(result.findings),
            changes=tuple(
                one
                for one in result.changes
                if self._tag_passes(one.repository, one.change.tag, places)
            ),
            gone=tuple(
                one for one in result.gone if self._tag_passes(one.repository, one.tag, places)
            ),
        )

    def since(self, since: Since) -> Since:
        """Return the differences that pass."""
        return Since(
            new=self.findings(since.new),
            worse=self.findings(since.worse),
            fixed=self.findings(since.fixed),
            same=self.findings(since.same),
        )

    def findings(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings that pass, in their order."""
        return tuple(finding for finding in findings if self._finding_passes(finding))

    def _finding_passes(self, finding: Finding) -> bool:
        route = self.route
        if route.rules and not any(match_path(glob, finding.rule) for glob in route.rules):
            return False
        if is_outage(finding):
            return self.is_open or any(
                self._image_passes(target.reference) and self._paths_pass((target.location.path,))
                for target in self.targets
                if _is_of(target, finding)
            )
        return self._image_passes(finding.reference) and self._paths_pass((finding.location.path,))

    def _tag_passes(self, repository: Repository, tag: str, places: _Places) -> bool:
        if self.route.rules:
            return False
        image = Reference(repository=repository, tag=tag)
        return self._image_passes(image) and self._paths_pass(places.of(repository, tag))

    def _image_passes(self, image: Reference | None) -> bool:
        globs = self.route.images
        return not globs or (image is not None and any(match_image(glob, image) for glob in globs))

    def _paths_pass(self, paths: Iterable[str]) -> bool:
        """Return True where one of the paths has what the route asks of paths."""
        globs, wanted = self.route.paths, set(self.route.owners)
        if not globs and not wanted:
            return True
        return any(
            (not globs or any(match_path(glob, path) for glob in globs))
            and (not wanted or not wanted.isdisjoint(self.owners.owners_of(self.folder + path)))
            for path in paths
        )


def _is_of(target: Target, outage: Finding) -> bool:
    """Return True where a target names what an outage is about."""
    if target.reference is None:
        return False
    home, repository = target.reference.repository, outage.evidence.get("repository")
    return home.name == repository if repository else home.registry == outage.evidence["registry"]


class _Places:
    """Which files name a tag, looked up once for all moves of a run."""

    def __init__(self, result: AuditResult) -> None:
        self._of_tag: dict[tuple[str, str], set[str]] = {}
        self._of_repository: dict[str, set[str]] = {}
        asked = {one.repository.name for one in result.changes}
        asked |= {one.repository.name for one in result.gone}
        for target in result.targets if asked else ():
            if target.reference is None or target.reference.repository.name not in asked:
                continue
            name = target.reference.repository.name
            self._of_repository.setdefault(name, set()).add(target.location.path)
            for tag in _tags_of(target, result):
                self._of_tag.setdefault((name, tag), set()).add(target.location.path)

    def of(self, repository: Repository, tag: str) -> Iterable[str]:
        """Return the files that name the tag, or if none does, the repository."""
        name = repository.name
        return self._of_tag.get((name, tag)) or self._of_repository.get(name, set())


def _tags_of(target: Target, result: AuditResult) -> Iterator[str]:
    """Yield the tag that a target names, and the one that it stands for."""
    assert target.reference is not None
    if target.selector is None and target.reference.effective_tag:
        yield target.reference.effective_tag
    evidence = result.evidence.get(evidence_key(target) or "")
    if evidence is not None and evidence.resolution.tag:
        yield evidence.resolution.tag

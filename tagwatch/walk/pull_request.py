"""What a range of commits does to images: each line that it touches, before and after.

Both sides are read from git's objects; nothing is checked out, and nothing of the range is believed
but what its files name. Facts come as a check has them: from the ledger, and from registries where
that is missing or old. What is not known is said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tagwatch.audit.judge import judge
from tagwatch.audit.model.evidence import Evidence, Status, evidence_key, is_readable
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.model.history import Change
from tagwatch.audit.reading.image import read_image
from tagwatch.audit.rule.bench import Bench
from tagwatch.audit.rule.catalogue import load_rule
from tagwatch.audit.rule.cooldown import arrival_of, wanted_of
from tagwatch.audit.rule.image_too_old import built_at
from tagwatch.audit.rule.interface import Rule, Subject
from tagwatch.audit.verdict.line_change import Kind, LineChange, kind_of, line_changes, step_of
from tagwatch.audit.verdict.pull_request import Age, ImageChange, PullRequest, Side
from tagwatch.audit.verdict.result import Case
from tagwatch.errors import NotFoundError, UnavailableError, UsageError
from tagwatch.source.target import Extraction, Location, Problem, Target
from tagwatch.value import replace
from tagwatch.walk.compare import compare
from tagwatch.walk.facts_kept import open_remembered
from tagwatch.walk.file_set import read_files
from tagwatch.walk.look_up import Asking, Lookup, look_up
from tagwatch.walk.need import IMAGE_SHOWS
from tagwatch.walk.recall import StoredDocuments
from tagwatch.walk.site import Site
from tagwatch.workspace.find import find
from tagwatch.workspace.git_history import commit_of, left_at
from tagwatch.workspace.git_tree import GitTree, affected, changed_paths, parse_range, write_tree

__all__ = ["pull_request"]

_MOST_COMPARED = 30
_TOO_MANY = f"not compared: only the first {_MOST_COMPARED} changes are compared"
_SOURCE = "org.opencontainers.image.source"
_REVISION = "org.opencontainers.image.revision"
_OTHER = "not compared: they are of different repositories"
_SAME = "both sides are the same image"
Files = Sequence[tuple[str, Extraction]]


def pull_request(
    text: str, site: Site, asking: Asking, build_args: Mapping[str, str]
) -> PullRequest:
    """Return what the commits of a range, `BASE..HEAD`, do to images.

    Files are read as a check reads them. The configuration and the policy are those of `site`, not
    of the range. Costs what a check of the lines that changed costs, and of each image the
    manifests and configs of both sides. Raises `InputError`: no repository, no such commit, no
    common history. `LedgerError`.
    """
    asking = asking.begun()
    named = parse_range(text)
    head = commit_of(site.root, named.head)
    base = left_at(site.root, named.base, head)
    with TemporaryDirectory(prefix="tagwatch-pr-") as folder:
        before, after = Path(folder) / "base", Path(folder) / "head"
        old_tree = write_tree(site.root, base, before)
        new_tree = write_tree(site.root, head, after, beside=(before, old_tree))
        changed = changed_paths(old_tree, new_tree)
        old = _read(before, changed, site, build_args)[0]
        new, problems = _read(after, changed, site, build_args)
    lines = line_changes(old, new)
    session = _Session(site, replace(asking, shows=IMAGE_SHOWS), lines)
    changes = session.changes(old, new)
    touched = changed.union(one.location.path for one in lines)
    told = (
        *(one for one in problems if one.location.path in touched and not one.skipped),
        *_left(old_tree, new_tree),
    )
    return PullRequest(
        at=site.at,
        named=text,
        base=base,
        head=head,
        changes=changes,
        failures=session.facts.failures,
        problems=told,
        complete=session.is_complete and not told,
    )


def _read(
    folder: Path, changed: Collection[str], site: Site, build_args: Mapping[str, str]
) -> tuple[Files, tuple[Problem, ...]]:
    """Read the files of one side that may name something else now, as a check reads them."""
    if not changed:
        return (), ()
    found = find([str(folder)], folder)
    found = replace(found, files=tuple(affected(found.files, changed)))
    read = read_files(found, replace(site, root=folder, folder=folder), build_args)
    own = (one for _, extraction in read.extractions for one in extraction.problems)
    return read.extractions, (*read.problems, *own)


def _left(old: GitTree, new: GitTree) -> Iterator[Problem]:
    for path, (name, why) in new.left.items():
        if old.left.get(path, ("",))[0] != name:
            place = Location(path=path, line=1, column=1, end_line=1, end_column=1)
            yield Problem(message=why, location=place)


class _Session:
    """The facts about the lines of one change, and what is made of them."""

    def __init__(self, site: Site, asking: Asking, lines: Sequence[LineChange]) -> None:
        self._site = site
        self._asking = asking
        self._lines = lines
        sides = [one for line in lines for one in (line.new, line.old) if one is not None]
        named = [one for one in sides if one.reference is not None]
        self.facts = look_up(named, site, asking) if named else Lookup(evidence={})
        self._bench = Bench(site.at, site.policy, site.knowledge)
        self._cooldown: Rule = load_rule("cooldown", site.policy.plugins)
        self._compared: dict[tuple[str, str], tuple[Change | None, str]] = {}

    @property
    def is_complete(self) -> bool:
        """True where every image that is named was read."""
        named = (line.new for line in self._lines if line.new and line.new.reference)
        return not self.facts.stopped and all(is_readable(self._known(one)) for one in named)

    def changes(self, before: Files, after: Files) -> tuple[ImageChange, ...]:
        """Return each step once, with its places, worst first."""
        told = self._findings(before, after)
        together: dict[object, list[LineChange]] = {}
        for line in self._lines:
            together.setdefault(tuple(map(_key, (line.old, line.new))), []).append(line)
        found = [self._change(lines, told) for lines in together.values()]
        return tuple(sorted(found, key=_worst_first))

    def _change(
        self, lines: Sequence[LineChange], told: Mapping[Location, Sequence[Finding]]
    ) -> ImageChange:
        old, new = lines[0].old, lines[0].new
        kind = _kind(old, new)
        change, why = self._comparison(kind, old, new)
        findings = (one for line in lines if line.new for one in told.get(line.new.location, ()))
        return ImageChange(
            kind=kind,
            step=self._step(kind, old, new),
            old=self._side(old),
            new=self._side(new),
            places=tuple(line.location for line in lines),
            places_of_old=tuple(line.old.location for line in lines if line.old is not None),
            age=self._age(new),
            change=change,
            why=why,
            findings=tuple({(one.rule, one.message): one for one in findings}.values()),
        )

    def _known(self, target: Target | None) -> Evidence | None:
        key = evidence_key(target) if target is not None else None
        return self.facts.evidence.get(key) if key is not None else None

    def _step(self, kind: Kind, old: Target | None, new: Target | None) -> str:
        if kind is not Kind.TAG or old is None or new is None:
            return ""
        assert old.reference is not None
        assert new.reference is not None
        return step_of(old.reference.effective_tag, new.reference.effective_tag)

    def _side(self, target: Target | None) -> Side | None:
        if target is None:
            return None
        if target.reference is None:
            missing = ", ".join(target.missing)
            why = f"no value for {missing}" if missing else target.invalid or "it names no image"
            return Side(text=target.text, why=why)
        found = self._known(target)
        side = Side(text=target.reference.brief, reference=target.reference)
        if found is None:
            return replace(side, why="nothing is known of it")
        if not is_readable(found):
            said = next((one.message for one in found.failures if one.message), "")
            return replace(side, why=said or "its registry was not read")
        source, revision = self._origin(found)
        return replace(
            side,
            resolution=found.resolution,
            built_at=built_at(self._subject(target, found)),
            source=source,
            revision=revision,
        )

    def _origin(self, found: Evidence) -> tuple[str, str]:
        """Return where the code of an image is, and its commit, by the image's own labels."""
        digest = found.resolution.digest
        if digest is None or not self._site.database.is_file():
            return "", ""
        with open_remembered(self._site) as ledger:
            image = read_image(digest, StoredDocuments(ledger))
        configs = (part.config for part in image.platforms if part.config is not None)
        labels = next((one.labels for one in configs), {})
        return labels.get(_SOURCE, ""), labels.get(_REVISION, "")

    def _subject(self, target: Target, found: Evidence) -> Subject:
        path = target.location.path
        return Subject(
            target=target,
            evidence=found,
            instructions=(),
            at=self._bench.at,
            knowledge=self._bench.knowledge,
            policy=self._bench.policy,
            options=self._bench.settings(self._cooldown, path, target.reference).options,
        )

    def _age(self, target: Target | None) -> Age | None:
        found = self._known(target)
        if target is None or found is None or not is_readable(found):
            return None
        subject = self._subject(target, found)
        came = arrival_of(subject)
        if came is None:
            return None
        return Age(
            since=came.since, clock=came.clock, is_known=came.is_known, cooldown=wanted_of(subject)
        )

    def _comparison(
        self, kind: Kind, old: Target | None, new: Target | None
    ) -> tuple[Change | None, str]:
        """Return what differs between the images of two sides, or why that is not known."""
        if kind in (Kind.ADDED, Kind.REMOVED) or old is None or new is None:
            return None, ""
        names = [self._exactly(one) for one in (old, new)]
        for name, target in zip(names, (old, new), strict=True):
            if name is None:
                side = self._side(target)
                said = side.why if side is not None else ""
                text = side.text if side is not None else target.text
                return None, f"not compared: {text}: {said or 'there is no such image'}"
        key = (names[0] or "", names[1] or "")
        if key[0].rpartition("@")[2] == key[1].rpartition("@")[2]:
            return None, _SAME
        if kind is Kind.IMAGE:
            return None, _OTHER
        if key not in self._compared:
            if len(self._compared) >= _MOST_COMPARED:
                return None, _TOO_MANY
            self._compared[key] = self._compare(*key)
        return self._compared[key]

    def _exactly(self, target: Target) -> str | None:
        """Return the image with the digest that it is now; None where that is not known."""
        found, reference = self._known(target), target.reference
        if found is None or reference is None or found.resolution.status is Status.NOT_FOUND:
            return None
        digest = reference.digest or found.resolution.digest
        return str(replace(reference, digest=digest)) if digest is not None else None

    def _compare(self, old: str, new: str) -> tuple[Change | None, str]:
        try:
            return compare(old, new, self._site, self._asking), ""
        except (NotFoundError, UnavailableError, UsageError) as error:
            return None, f"not compared: {error.message}"

    def _findings(self, before: Files, after: Files) -> Mapping[Location, Sequence[Finding]]:
        """Return by place what the rules say of the lines after, and did not say before."""
        said = self._judged(after, [line.new for line in self._lines])
        was = self._judged(before, [line.old for line in self._lines])
        found: dict[Location, list[Finding]] = {}
        for line in self._lines:
            if line.new is None:
                continue
            place = line.new.location
            known = _known_of(line, was)
            found[place] = [
                one for one in said.get(place, ()) if one.severity.rank > known.get(one.rule, -1)
            ]
        return found

    def _judged(
        self, files: Files, targets: Iterable[Target | None]
    ) -> Mapping[Location, list[Finding]]:
        """Return by place what the rules say of these targets."""
        chosen = {id(one) for one in targets}
        kept = [
            (path, replace(extraction, targets=some))
            for path, extraction in files
            if (some := tuple(one for one in extraction.targets if id(one) in chosen))
        ]
        if not kept:
            return {}
        result = judge(
            Case(
                at=self._site.at,
                files=kept,
                evidence=self.facts.evidence,
                failures=self.facts.failures,
                offline=self._asking.offline,
            ),
            self._site.policy,
            self._site.knowledge,
        )
        found: dict[Location, list[Finding]] = {}
        for one in result.findings:
            found.setdefault(one.location, []).append(one)
        return found


def _key(target: Target | None) -> tuple[str, str]:
    """Return what a side names, whatever it is written as."""
    if target is None:
        return ("", "")
    key = evidence_key(target)
    return ("", key) if key is not None else ("text", target.text)


def _known_of(line: LineChange, was: Mapping[Location, Sequence[Finding]]) -> dict[str, int]:
    """Return how bad each rule thought the image before; nothing where another stands there now.

    A step within a repository brings a finding where no rule said as much before. What is said of
    another image was never said of this one.
    """
    if line.old is None or _kind(line.old, line.new) is Kind.IMAGE:
        return {}
    known: dict[str, int] = {}
    for one in was.get(line.old.location, ()):
        known[one.rule] = max(known.get(one.rule, -1), one.severity.rank)
    return known


def _kind(old: Target | None, new: Target | None) -> Kind:
    if old is None:
        return Kind.ADDED
    if new is None:
        return Kind.REMOVED
    return kind_of(old.reference, new.reference)


def _worst_first(one: ImageChange) -> tuple[object, ...]:
    worst = max((finding.severity.rank for finding in one.findings), default=0)
    is_odd = one.step == "back" or one.kind in (Kind.IMAGE, Kind.UNPINNED)
    return (-worst, not is_odd, list(Kind).index(one.kind), one.places)

"""The interface of rules: a module with `RULE` and `check`, documented as Risk, Remedy and Source.

A rule sends no requests. It judges a subject, and declares what it reads so that the crawl fetches
that. `family.RULE_ROWS` holds what others must know of a rule of ours before it is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache

from tagwatch.audit.model.coverage import Reading
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.family import RULE_ROWS
from tagwatch.image.reference import Reference, Repository
from tagwatch.source.target import Ignore, Instruction, Location, Port, Problem, Target
from tagwatch.source.text.edit import Fix
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from tagwatch.image.snapshot import Failing, Failure

    class RuleRow(TypedDict):
        """The arguments of `Rule` that a rule's row gives."""

        id: str
        severity: Severity
        when: frozenset[str]
        reads: frozenset[Reads]

else:
    Any = object  # of fields, at run time

__all__ = [
    "Candidate",
    "FileSubject",
    "IgnoreUse",
    "Offer",
    "Option",
    "Reads",
    "Rule",
    "RuleScope",
    "RunSubject",
    "Statement",
    "Subject",
    "Unchecked",
    "row",
]


class Reads(Enum):
    """A kind of evidence that a rule reads beside the text of files.

    `walk.need` turns it into what a crawl fetches. A rule about one target that reads any of these
    is skipped where there is no evidence.
    """

    TAGS = "tags"
    """The tag names of the repository and what they serve: versions, newer ones, deletions."""
    MANIFESTS = "manifests"
    """Indexes and manifests: platforms, layers, the bases they come from."""
    CONFIGS = "configs"
    """Image configs: user, environment, ports, labels, build steps, dates."""
    ATTESTATIONS = "attestations"
    """SBOMs and provenance in an image's index: they cost requests of their own."""
    HISTORY = "history"
    """What the tag served before, and why it moved."""


class RuleScope(Enum):
    """The subject that a rule is asked about: see `Subject`, `FileSubject` and `RunSubject`."""

    TARGET = "target"
    FILE = "file"
    RUN = "run"
    """The whole run, after every rule of narrower scope has spoken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A reference that might be written in place of the one that stands."""

    reference: Reference
    """What would be written: without a digest the tag alone, in place of a tag alone."""
    concrete: str | None = None
    """The full tag behind a floating one, for a comment beside the digest that names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """References to write instead, as a rule proposes them.

    The judgement says the first that passes (`audit.verdict.hand`), or that all are kept back.
    """

    candidates: tuple[Candidate, ...]
    """The one to prefer first: mostly the newest."""
    text: str = "write {}"
    """The remedy, with `{}` where the reference goes."""
    writes: bool = False
    """True where `--fix` writes the reference."""
    despite: frozenset[str] = frozenset()
    """Rules whose findings the advice takes into account: an older build is behind its tag. Such an
    offer goes back, so that what its tag did later does not count against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One thing that a rule says about its subject."""

    message: str
    remedy: str = ""
    """What to do about it; where there are `offers`, what to do if none of them passes."""
    offers: tuple[Offer, ...] = ()
    """What to write instead. Each that passes is a part of the remedy; the first that `writes` is
    the fix."""
    severity: Severity | None = None
    """The rule's own rating of this case. A severity in the policy overrides it."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Short facts by name, for reports and machine formats."""
    fix: Fix | None = None
    """The remedy as an exact edit."""
    unknown: bool = False
    """True where the rule could not reach a verdict; `message` says why."""
    subject: str = ""
    """A port, a platform …: it tells statements about one target apart, in fingerprints too."""
    target: Target | None = None
    """The target that a rule about a file or a run speaks of; None for none in particular."""
    location: Location | None = None
    """The place, where it is not the target's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting of a rule."""

    default: Any
    """The value where the policy gives none. Its type is the option's type."""
    about: str
    """What the option means, for `tagwatch explain` and the policy's schema."""
    choices: tuple[str, ...] = ()
    """The values it may have; empty where any is allowed."""
    item: type = str
    """The type of a tuple's items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The declaration of a rule. A rule of ours takes the first four fields from its `row`."""

    id: str
    severity: Severity
    """The default. A rule that is `off` speaks only where the policy gives it a severity."""
    reads: frozenset[Reads]
    """What is fetched for it. A rule that reads nothing is asked without evidence, too."""
    when: frozenset[str] = frozenset()
    """Its occasions (`audit.rule.occasion`): it is asked if there is one of them; empty: always."""
    title: str
    scope: RuleScope = RuleScope.TARGET
    fixable: bool = False
    always_on: bool = False
    """True where the policy may not turn it off."""
    judges_built: bool = False
    """True where it also judges a name that is built here: of a Compose service, or by the word of
    another file (`source.target.replaced`)."""
    judges_text: bool = False
    """True where it also judges an image that could not be read, by its name and tag alone."""
    options: Mapping[str, Option] = field(default_factory=dict)
    check: Callable[[Any], Iterator[Statement]]
    """Yields what the rule says about a subject of its scope."""
    of_build: Callable[[FileSubject], Iterator[Statement]] | None = None
    """Yields what a rule about one target says of a Dockerfile where that names no target."""
    again: Callable[[Any], datetime | None] | None = None
    """Returns the first moment after `subject.at` at which `check` may say something else about the
    same subject because of time alone; None: never. A rule without it does not read the clock."""

    @property
    def defaults(self) -> dict[str, Any]:
        """The options where the policy says nothing, by name."""
        return {name: option.default for name, option in self.options.items()}


@cache
def row(name: str) -> RuleRow:
    """Return the row of a rule of ours as arguments of its `Rule`, without importing the rule."""
    severity, when, reads = RULE_ROWS[name]
    return {
        "id": name,
        "severity": Severity(severity),
        "when": frozenset(when.split()),
        "reads": frozenset(map(Reads, reads.split())),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A target, and everything that a rule may know about it."""

    target: Target
    evidence: Evidence | None
    """None where the reference is not resolved, the file builds the image, or nothing is known."""
    instructions: tuple[Instruction, ...]
    """The instructions of the target's Dockerfile; empty for other files."""
    at: datetime
    knowledge: Knowledge
    policy: Policy
    options: Mapping[str, Any]
    """The rule's options as they apply to this target."""
    in_place_of: str | None = None
    """The digest that is pulled today, where the target is a candidate for a fix; empty where that
    is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSubject:
    """A file, and everything that a rule may know about it."""

    path: str
    targets: Sequence[Target]
    """The file's targets in its order."""
    instructions: tuple[Instruction, ...]
    """The instructions of a Dockerfile; empty for other files."""
    ports: tuple[Port, ...]
    """What services publish that name no image. The ports of the others are on their targets."""
    evidence: Mapping[str, Evidence]
    """All evidence of the run by `evidence_key`."""
    at: datetime
    policy: Policy
    options: Mapping[str, Any]
    """The rule's options as they apply to files at this path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreUse:
    """An ignore, and what became of it in a run."""

    rules: tuple[str, ...]
    """The rules that it names, or `*`."""
    subject: str
    """What it ignores, in words: its rules, and the policy's image and path."""
    location: Location
    problem: str
    """Why it does not count (it expired, it gives no reason, …); empty where it counts."""
    used: bool
    """True where it took out a finding."""
    tried: bool
    """True where what it names was audited: only then does not being used mean something."""
    reason: str = ""
    owner: str = ""
    until: str = ""
    """Its last day, `2026-05-02`; empty where it has no end."""
    inline: Ignore | None = None
    """The comment in the file; None for an ignore of the policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """A target whose image could not be read, or only in part, with what is known of it."""

    target: Target
    evidence: Evidence | None
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSubject:
    """The whole run, after every rule of narrower scope has spoken."""

    ignores: tuple[IgnoreUse, ...]
    unchecked: tuple[Unchecked, ...]
    """The targets whose images could not be read, or only in part."""
    problems: tuple[Problem, ...]
    """What prevented files from being read; a problem marked `skipped` is intended."""
    failures: tuple[Failure, ...]
    targets: Sequence[Target]
    watched: Mapping[Repository, Location]
    """Where the watch list names each repository."""
    nights: Mapping[Repository, Failing] | None
    """For how long each repository fails that failed in this scan; None: this is no scan."""
    known_rules: frozenset[str]
    """The names of all rules, those of other packages included."""
    at: datetime
    knowledge: Knowledge
    policy: Policy
    options: Mapping[str, Any]

"""What a rule is: a module with `RULE` and `check`, documented as Risk, Remedy and Source.

A rule asks nobody. It sees a subject, and declares what it reads so that the plan fetches it. What
others must know of a rule of ours before it is imported stands in its row of `family.RULE_ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache

from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.model.finding import Fix, Severity
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.family import RULE_ROWS
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failure
from tagwatch.source.target import Ignore, Instruction, Location, Port, Problem, Target
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    class RuleRow(TypedDict):
        """The arguments of `Rule` that stand in a rule's row."""

        id: str
        severity: Severity
        when: frozenset[str]
        reads: frozenset[Reads]

else:
    Any = object  # of fields, at run time

__all__ = [
    "FileSubject",
    "IgnoreUse",
    "Option",
    "Reads",
    "Rule",
    "RuleScope",
    "RunSubject",
    "Statement",
    "Subject",
    "row",
]


class Reads(Enum):
    """What a rule reads beside the text of files.

    `walk.need` fetches it. A rule about one target that reads any of it is passed over without
    evidence.
    """

    TAGS = "tags"
    """The tag names of the repository and what they serve: versions, newer ones, deletions."""
    MANIFESTS = "manifests"
    """Indexes and manifests: platforms, layers, the bases they come from."""
    CONFIGS = "configs"
    """Image configs: user, environment, ports, labels, build steps, dates."""
    ATTESTATIONS = "attestations"
    """SBOMs and provenance that are attached to an image."""
    HISTORY = "history"
    """What the tag served before, and why it moved."""


class RuleScope(Enum):
    """What a rule looks at in one go: a target, all targets of a file, or the whole run."""

    TARGET = "target"
    FILE = "file"
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a rule says. `remedy` is what to do; `fix` the same as an exact edit.

    `severity` is the rule's own grading of this case; a severity in the policy overrides it.
    `target` and `location` say where, in a rule of wider scope. `subject` tells statements about
    one target apart, as a port or platform does. `unknown`: the verdict could not be reached.
    """

    message: str
    remedy: str = ""
    severity: Severity | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)
    fix: Fix | None = None
    unknown: bool = False
    subject: str = ""
    target: Target | None = None
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting of a rule: its default, what it means, and the values it may have, if few.

    `default` gives the type; of a tuple, `item` is the type of what it holds.
    """

    default: Any
    about: str
    choices: tuple[str, ...] = ()
    item: type = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule's own word about itself. A rule of ours takes the first four from its row: `row`."""

    id: str
    severity: Severity
    """The default; `off`: it speaks only where the policy gives it a severity."""
    reads: frozenset[Reads]
    """What is fetched for it. Empty: text tells it enough, so it is asked without evidence, too."""
    when: frozenset[str] = frozenset()
    """Occasions (`audit.rule.occasion`), of which the targets must give one; empty: always."""
    title: str
    scope: RuleScope = RuleScope.TARGET
    fixable: bool = False
    always_on: bool = False
    """The policy may not turn it off."""
    judges_built: bool = False
    """It also speaks of a name that the same file builds (Compose `build` with `image`)."""
    options: Mapping[str, Option] = field(default_factory=dict)
    check: Callable[[Any], Iterator[Statement]]
    again: Callable[[Any], datetime | None] | None = None
    """The first moment after `subject.at` at which `check` may say another thing of the same
    subject, by time alone; None: never. A rule without it does not read the clock."""

    @property
    def defaults(self) -> dict[str, Any]:
        """The options as they are where the policy says nothing."""
        return {name: option.default for name, option in self.options.items()}


@cache
def row(name: str) -> RuleRow:
    """Return the row of a rule of ours, as arguments of its `Rule`; nothing is imported for it."""
    severity, when, reads = RULE_ROWS[name]
    return {
        "id": name,
        "severity": Severity(severity),
        "when": frozenset(when.split()),
        "reads": frozenset(map(Reads, reads.split())),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One target, and all that a rule may know of it. `options` are this rule's, effective here.

    `instructions`: those of a Dockerfile that text rules judge.
    """

    target: Target
    evidence: Evidence | None
    instructions: tuple[Instruction, ...]
    at: datetime
    knowledge: Knowledge
    policy: Policy
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSubject:
    """A file: its targets in order, a Dockerfile's instructions, and all evidence by key.

    `ports`: what services publish that name no image; the others' are on their targets.
    """

    path: str
    targets: Sequence[Target]
    instructions: tuple[Instruction, ...]
    ports: tuple[Port, ...]
    evidence: Mapping[str, Evidence]
    at: datetime
    policy: Policy
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreUse:
    """An ignore after a run: how it did.

    `problem`: why it does not count (expired, no reason, …); empty where it counts. `used`: it
    took out a finding. `tried`: what it names was audited, so that not being used means something.
    """

    rules: tuple[str, ...]
    subject: str
    location: Location
    problem: str
    used: bool
    tried: bool
    reason: str = ""
    owner: str = ""
    until: str = ""
    inline: Ignore | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSubject:
    """The whole run, after every rule of narrower scope has spoken.

    `unchecked`: the targets whose facts could not be read, or not in full, with what is known.
    `problems`: what stood in the way of reading files; those marked `skipped` are meant to.
    `watched`: where the watch list names a repository.
    """

    ignores: tuple[IgnoreUse, ...]
    unchecked: tuple[tuple[Target, Evidence | None], ...]
    problems: tuple[Problem, ...]
    failures: tuple[Failure, ...]
    targets: Sequence[Target]
    watched: Mapping[Repository, Location]
    known_rules: frozenset[str]
    at: datetime
    knowledge: Knowledge
    policy: Policy
    options: Mapping[str, Any]

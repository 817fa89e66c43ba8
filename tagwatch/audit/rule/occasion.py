"""Occasions: what there is to judge. A rule without an occasion is not even imported.

A warm `check` of one file takes no longer than forty imports would. An occasion is a word about all
targets at once that is cheap to work out. It must be given where a rule that names it (in its row
of `family.RULE_ROWS`) could speak; giving it where none speaks costs only an import.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tagwatch.audit.model.base_match import LEFT, BaseVerdict
from tagwatch.audit.model.evidence import Evidence, Status, evidence_key, is_readable
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.image.reference import DOCKER_HUB, Reference
from tagwatch.source.target import Extraction, Target

__all__ = ["Occasions", "occasions", "of_file", "of_policy", "of_target"]

# `6.2.x` or `x`, as `tag-missing` recognizes it: importing that rule would undo what this saves.
_JOINTS = str.maketrans("_-", "..")


_KEPT = 512
"""Of so many kinds of targets an `Occasions` remembers what they give."""


class Occasions:
    """The occasions that targets give, worked out once for all that are alike: files name the same
    images again and again.
    """

    def __init__(
        self, evidence: Mapping[str, Evidence], policy: Policy, knowledge: Knowledge
    ) -> None:
        self._evidence = evidence
        self._policy = policy
        self._knowledge = knowledge
        self._known: dict[object, frozenset[str]] = {}

    def of(self, target: Target) -> frozenset[str]:
        """Return what one target gives; see `of_target`."""
        key = (target.reference, target.selector, target.platform, bool(target.ports))
        if key not in self._known:
            if len(self._known) >= _KEPT:
                self._known.clear()
            told = of_target(target, self._evidence, self._policy, self._knowledge)
            self._known[key] = frozenset(told)
        return self._known[key]


def occasions(
    files: Iterable[tuple[str, Extraction]], policy: Policy, given: Occasions
) -> frozenset[str]:
    """Return every occasion that a target, a file or the policy gives."""
    found = set(of_policy(policy))
    for _, extraction in files:
        found.update(of_file(extraction))
        for target in extraction.targets:
            found |= given.of(target)
    return frozenset(found)


def of_policy(policy: Policy) -> Iterator[str]:
    """Yield the occasions that the policy gives."""
    if policy.bases:
        yield "approval"
    if any((access.allow or access.deny) for access in (policy.registries, policy.repositories)):
        yield "access"


def of_file(extraction: Extraction) -> Iterator[str]:
    """Yield the occasions that a file gives beside its targets."""
    if extraction.ports:
        yield "port"
    if extraction.problems:
        yield "gap"
    for one in extraction.instructions:
        yield one.name
        if one.flags and one.name == "FROM":
            yield "flag"


def of_target(
    target: Target, evidence: Mapping[str, Evidence], policy: Policy, knowledge: Knowledge
) -> Iterator[str]:
    """Yield the occasions that a target and its evidence give."""
    yield from _of_text(target, policy, knowledge)
    key = evidence_key(target)
    known = evidence.get(key) if key is not None else None
    if known is not None and is_readable(known):
        yield from _of_evidence(known, target, policy)
    else:
        yield "gap"


def _of_text(target: Target, policy: Policy, knowledge: Knowledge) -> Iterator[str]:
    reference = target.reference
    if target.ports:
        yield "port"
    if reference is None:
        yield "unresolved"
        return
    if reference.digest is not None:
        yield "pin"
    elif reference.tag is None or "x" in reference.tag.lower().translate(_JOINTS).split("."):
        yield "untagged"
    if reference.tag == "latest":
        yield "latest"
    if target.platform or policy.defaults.platforms:
        yield "demand"
    yield from _of_name(reference, knowledge)


def _of_name(reference: Reference, knowledge: Knowledge) -> Iterator[str]:
    repository = reference.repository
    home = knowledge.home(repository).name
    rows = knowledge.rows.get(home, ())
    if home in knowledge.images or any(row.product for row in rows):
        yield "product"
    if home in knowledge.retired:
        yield "retired"
    if len(rows) > 1:
        yield "word"  # a repository's name may tell a system beside the product
    if reference.tag is not None and knowledge.may_name(reference.tag):
        yield "word"
    if repository.registry == DOCKER_HUB and not knowledge.is_official(repository):
        yield "unofficial"


def _of_evidence(known: Evidence, target: Target, policy: Policy) -> Iterator[str]:
    resolution = known.resolution
    if resolution.status is Status.NOT_FOUND or known.gone_since is not None:
        yield "absent"
    if target.reference is not None and resolution.tag != target.reference.tag:
        yield "alias"
    if known.lifecycle is not None:
        yield "alias"
        yield "ending"
    if resolution.supported is False:
        yield "ending"
    if resolution.newer:
        yield "newer"
    bases = {one.verdict for one in known.bases}
    for name, there in (
        ("change", known.change is not None),
        ("lost", known.change is not None and bool(known.change.lost_base)),
        ("disagree", any(one.other_version for one in known.platforms)),
        ("gap", bool(known.failures) or not (known.documents_read or resolution.digest is None)),
        ("history", bool(known.history or known.new_tags)),
        ("pin", known.pin is not None),
        ("conflict", BaseVerdict.CONFLICT in bases),
        ("left", not LEFT.isdisjoint(bases)),
        ("platforms", len(known.platforms) > 1),
        ("offer", bool(known.platforms_offered) and policy.defaults.host_os != "any"),
        ("documents", known.documents_read),
        ("system", any(one.os_release for one in known.platforms)),
        ("secret", any(one.secrets or one.step_secrets for one in known.platforms)),
    ):
        if there:
            yield name

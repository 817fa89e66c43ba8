"""The fixes that `--fix` makes: those of the findings, pins for every reference, or newer tags.

It is pure. A fix may need what a tag beside a digest serves now, and the audit does not know that:
`tags_to_know` names such tags, the walk looks them up and gives the answers to `fixes_of`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from tagwatch.audit.fact.resolving import may_have_served
from tagwatch.audit.model.evidence import Evidence, evidence_key
from tagwatch.audit.model.history import UNRECORDED
from tagwatch.audit.rule.phrase import WATCH, served_now
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.errors import UsageError
from tagwatch.image.reference import Reference
from tagwatch.image.tag import parse_tag
from tagwatch.source.target import Field, Target
from tagwatch.source.text.edit import Fix, bump, pin
from tagwatch.value import replace

__all__ = ["Strategy", "fixes_of", "kept_back", "strategy_of", "tags_to_know", "unrecorded"]


class Strategy(StrEnum):
    """A choice of which fixes to make."""

    FINDINGS = "findings"
    """Make the fixes that findings offer, the worst finding's first."""
    PIN = "pin"
    """Write every reference as `tag@digest`, and renew a digest whose tag moved."""
    PATCH = "bump:patch"
    """Replace every tag by the newest of its patch series."""
    MINOR = "bump:minor"
    """Replace every tag by the newest of its major version."""


def strategy_of(named: Strategy | str) -> Strategy:
    """Return the strategy of that name. Raises `UsageError`."""
    try:
        return Strategy(named)
    except ValueError as error:
        raise UsageError(
            f"no such strategy: {named!r}", hint=f"one of {', '.join(Strategy)}"
        ) from error


def tags_to_know(result: AuditResult, strategy: Strategy) -> tuple[Target, ...]:
    """Return the tags whose digest a fix will write and the audit may not know, as targets."""
    wanted: dict[Reference, Target] = {}
    for target, found in _fixable(result):
        assert target.reference is not None
        tag = _tag_to_know(target, found, strategy)
        if target.reference.digest is not None and tag is not None:
            reference = Reference(repository=target.reference.repository, tag=tag)
            wanted.setdefault(reference, replace(target, reference=reference))
    return tuple(wanted.values())


def fixes_of(
    result: AuditResult, strategy: Strategy, also_known: Mapping[str, Evidence]
) -> Iterator[Fix]:
    """Yield the fixes to make. Where two clash, the one to prefer comes first.

    `also_known` is evidence by key, at least for `tags_to_know`. A digest that is not known is not
    written.
    """
    if strategy is Strategy.FINDINGS:
        yield from _offered(result, also_known)
        return
    for target, found in _fixable(result):
        if strategy is Strategy.PIN:
            fix = _pinned(target, found, also_known)
        else:
            fix = _bumped(target, _newer(found, strategy), also_known)
        if fix is not None:
            yield fix


def kept_back(result: AuditResult, strategy: Strategy) -> Iterator[tuple[Target, Field]]:
    """Yield references that the strategy would change if their text served no other reference.

    Each comes with the shared field: an edit there would change the other references as well.
    """
    for target, found in _fixable(result):
        shared = next((field for field in target.fields if field.shared), None)
        if shared is None or target.reference is None or target.reference.digest is not None:
            continue
        if strategy is Strategy.PIN:
            is_wanted = found.resolution.digest is not None
            fix = _pinned(target, found, {})
        elif strategy is not Strategy.FINDINGS:
            newer = _newer(found, strategy)
            is_wanted, fix = newer is not None, _bumped(target, newer, {})
        else:
            return
        if is_wanted and fix is None:
            yield target, shared


def unrecorded(result: AuditResult, strategy: Strategy) -> Iterator[Target]:
    """Yield the references that are left as they are because nobody knows who said what they are.

    With the strategy of findings, those of which a finding offers a fix.
    """
    offered = {one.reference for one in result.findings if one.fix is not None}
    for target in result.targets:
        if strategy is Strategy.FINDINGS and target.reference not in offered:
            continue
        if _is_unrecorded(result.evidence.get(evidence_key(target) or "")):
            yield target


def _is_unrecorded(found: Evidence | None) -> bool:
    return found is not None and found.origin == UNRECORDED


def _offered(result: AuditResult, also_known: Mapping[str, Evidence]) -> Iterator[Fix]:
    """Yield the findings' own fixes.

    One that renews a digest is replaced by one that also renews the concrete tag in the comment.
    """
    renewed: dict[tuple[str, int, str], Fix] = {}
    for target, found in _fixable(result):
        if _says_more(target) and (fix := _renewed(target, found, also_known)) is not None:
            renewed[fix.path, fix.start, fix.replacement] = fix
    for finding in result.findings:
        named = finding.reference.canonical if finding.reference else ""
        if _is_unrecorded(result.evidence.get(named)):
            continue
        if (fix := finding.fix) is not None:
            yield renewed.get((fix.path, fix.start, fix.replacement), fix)


def _tag_to_know(target: Target, found: Evidence, strategy: Strategy) -> str | None:
    match strategy:
        case Strategy.FINDINGS:
            return _tag_beside(target) if _says_more(target) else None
        case Strategy.PIN:
            return _tag_beside(target)
        case _:
            return _newer(found, strategy)


def _fixable(result: AuditResult) -> Iterator[tuple[Target, Evidence]]:
    """Yield the targets that are pulled as their file writes them, each with its evidence."""
    for target in result.targets:
        found = result.evidence.get(evidence_key(target) or "")
        if found is None or target.kind == WATCH or "built" in target.facts:
            continue
        if _is_unrecorded(found):
            continue
        reference = target.reference
        if target.kind == "kustomize" and reference and not (reference.tag or reference.digest):
            continue  # the manifest that it transforms has the tag
        yield target, found


def _newer(found: Evidence, strategy: Strategy) -> str | None:
    newer = found.resolution.newer
    return newer.patch if strategy is Strategy.PATCH else newer.minor or newer.patch


def _bumped(target: Target, tag: str | None, also_known: Mapping[str, Evidence]) -> Fix | None:
    assert target.reference is not None
    if tag is None:
        return None
    if target.reference.digest is None:
        return bump(target, tag)
    known = _known(target, tag, also_known)
    return bump(target, tag, known.resolution.digest) if known else None


def _pinned(target: Target, found: Evidence, also_known: Mapping[str, Evidence]) -> Fix | None:
    assert target.reference is not None
    reference, resolution = target.reference, found.resolution
    if reference.digest is not None:
        return _renewed(target, found, also_known)
    if resolution.digest is None:
        return None
    stands = reference.tag is not None and reference.tag in resolution.aliases
    tag = reference.tag if stands else resolution.tag or reference.effective_tag
    return pin(target, tag, resolution.digest, concrete=resolution.tag)


def _renewed(target: Target, found: Evidence, also_known: Mapping[str, Evidence]) -> Fix | None:
    """Return the fix that replaces a pinned digest by the one that its tag serves now.

    Return None where the tag never served the pinned digest: either of the two may be meant.
    """
    assert target.reference is not None
    tag = _tag_beside(target)
    if tag is None or not _may_belong(tag, target, found):
        return None
    known = _known(target, tag, also_known)
    digest = known.resolution.digest if known else served_now(found)
    if digest in (None, target.reference.digest):
        return None
    assert digest is not None
    concrete = known.resolution.tag if known and _says_more(target) else tag
    return pin(target, target.reference.tag, digest, concrete=concrete)


def _may_belong(tag: str, target: Target, found: Evidence) -> bool:
    """Return False where what is known of the digest shows that `tag` never served it."""
    if found.pin is None:
        return True
    if target.reference is not None and target.reference.tag is not None:
        return found.pin.served_by_tag is not False
    served = map(parse_tag, found.pin.tags or found.resolution.aliases)
    return tag in (found.pin.tags or ()) or may_have_served(parse_tag(tag), served)


def _known(target: Target, tag: str, also_known: Mapping[str, Evidence]) -> Evidence | None:
    assert target.reference is not None
    reference = Reference(repository=target.reference.repository, tag=tag)
    known = also_known.get(reference.canonical)
    if known is None or _is_unrecorded(known):
        return None
    return known if known.resolution.digest is not None else None


def _tag_beside(target: Target) -> str | None:
    """Return the tag beside a digest: from the reference, else from the comment."""
    assert target.reference is not None
    return target.reference.tag or _comment(target)


def _says_more(target: Target) -> bool:
    """Return True where the comment names another tag than the reference, mostly a concrete one."""
    assert target.reference is not None
    return target.reference.tag is not None and _comment(target) not in (None, target.reference.tag)


def _comment(target: Target) -> str | None:
    return next((field.text for field in target.fields if field.name == "comment"), None)

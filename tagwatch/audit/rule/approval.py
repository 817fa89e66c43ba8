"""Approval: whether the policy approves the base that was found."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict
from tagwatch.audit.model.policy import ApprovedBase, Policy
from tagwatch.errors import InvalidReferenceError, UsageError
from tagwatch.image.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from tagwatch.audit.model.evidence import Evidence

__all__ = [
    "approval",
    "approval_of_all",
    "check_range",
    "is_version_allowed",
    "known_approval",
    "policy_base",
]

_COMPARISON = r"(~=|==|!=|<=|>=|<|>)\s*"


def approval(match: BaseMatch, policy: Policy) -> bool | None:
    """Return True where the base is approved, False where it is known and not, None otherwise.

    Layers decide: the policy may name the base itself, another name of the same layers, or an
    ancestor of the base. A claim counts only where the policy accepts claims and names the claimed
    base.
    """
    if match.verdict is BaseVerdict.SCRATCH:
        return policy.approves_scratch
    if match.base is None:
        return None
    base = policy_base(match, policy)
    if match.is_exact:
        if base is not None:
            return is_version_allowed(base, match.base.version)
        # The versions of ancestors are not known: one with a range of versions leaves it open.
        below = [found for name in match.ancestry if (found := _named(name, policy)) is not None]
        if not below:
            return False
        return True if any(not found.allow_versions for found in below) else None
    if match.verdict is BaseVerdict.CLAIMED and policy.accept_claims and base is not None:
        return is_version_allowed(base, match.base.version)
    return None


def approval_of_all(matches: Iterable[BaseMatch], policy: Policy) -> bool | None:
    """Return one answer for all platforms of an image: False over None over True.

    None where there is no platform.
    """
    answers = {approval(match, policy) for match in matches}
    if False in answers:
        return False
    return None if None in answers or not answers else True


def known_approval(evidence: Evidence, policy: Policy) -> bool | None:
    """Return `approval_of_all`; None instead of False while an approved base was not read.

    The unread base may be the one.
    """
    approved = approval_of_all(evidence.bases, policy)
    return None if approved is False and evidence.bases_unread else approved


def policy_base(match: BaseMatch, policy: Policy) -> ApprovedBase | None:
    """Return the policy's entry for the base that was found, under any of its names."""
    names = (match.base.reference, *match.aliases) if match.base is not None else ()
    return next((base for name in names if (base := _named(name, policy)) is not None), None)


def _named(reference: str, policy: Policy) -> ApprovedBase | None:
    try:
        return policy.base_named(Reference.parse(reference))
    except InvalidReferenceError:
        return None


def is_version_allowed(base: ApprovedBase, version: str | None) -> bool | None:
    """Return whether `version` is in the base's `allow_versions`; None where it cannot be compared.

    Most versions are compared by PEP 440. One that PEP 440 cannot read, as the SemVer pre-release
    `5.0.0-preview.1`, is compared by SemVer.
    """
    if not base.allow_versions:
        return True
    from packaging.version import InvalidVersion, Version  # slow to load, and few policies need it

    allowed = check_range(base.allow_versions)
    try:
        return allowed.contains(Version(version or ""), prereleases=True)
    except InvalidVersion:
        return _is_allowed_semver(allowed, version or "")


def _is_allowed_semver(allowed: SpecifierSet, version: str) -> bool | None:
    import semver

    try:
        own = semver.Version.parse(version)
        signs = [
            (one.operator, own.compare(semver.Version.parse(one.version, True))) for one in allowed
        ]
    except (ValueError, TypeError):
        return None
    holds = {
        ">=": lambda sign: sign >= 0,
        ">": lambda sign: sign > 0,
        "<=": lambda sign: sign <= 0,
        "<": lambda sign: sign < 0,
        "==": lambda sign: sign == 0,
        "!=": lambda sign: sign != 0,
    }
    if any(operator not in holds for operator, _ in signs):
        return None
    return all(holds[operator](sign) for operator, sign in signs)


def check_range(text: str) -> SpecifierSet:
    """Read `text` as a set of PEP 440 comparisons, all of which must hold: `>=3.12.4`, `>=6.2 <8`.

    Raises `UsageError`.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    joined = ",".join(re.sub(_COMPARISON, r"\1", text.replace(",", " ")).split())
    try:
        return SpecifierSet(joined)
    except InvalidSpecifier as error:
        raise UsageError(
            f"not a range of versions: {text!r}", hint='write comparisons, such as ">=3.12.4 <4"'
        ) from error

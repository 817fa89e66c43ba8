"""What the image stands on could not be established, so nobody can say whether it is approved.

Only where the policy names approved bases. It is never an error: layers that match no known
build may be squashed, converted, or from a day before the ledger began.

Example: `image: ghcr.io/shop/api:1.4`: "the base of ghcr.io/shop/api:1.4 is not known: no known
build of an approved base matches its layers".

Risk: an image outside all rules that looks as if it were inside.
Remedy: rebuild it on an approved base; or let a scan learn the base's older builds; or accept
claims (`accept_claims`) where labels are enough.
Source: Docker Scout policy "Approved Base Images", state "No data"; scout-cli issues 84 and 212.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.evidence import Status, is_readable
from tagwatch.audit.rule.approval import approval, known_approval
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import listed, name
from tagwatch.audit.rule.stage import is_built_upon, is_judged

__all__ = ["RULE", "check"]


def check(subject: Subject) -> Iterator[Statement]:
    """Report an image for which `approval` has no answer, where the policy asks for one."""
    target, evidence, policy = subject.target, subject.evidence, subject.policy
    if not policy.bases:
        return
    if target.kind == "from" and target.missing and is_built_upon(subject):
        yield Statement(
            message=f"the base is not known: {', '.join(target.missing)} of {target.text!r} has no "
            "value here",
            remedy="give it a default, or pass its value to tagwatch",
            unknown=True,
        )
    if evidence is None or target.reference is None or not is_readable(evidence):
        return
    if not is_judged(subject) or evidence.resolution.status is Status.NOT_FOUND:
        return
    if policy.base_named(target.reference) or known_approval(evidence, policy) is not None:
        return
    unread = evidence.bases_unread
    if target.kind == "from" and not is_built_upon(subject):
        return
    if target.kind == "from" and evidence.documents_read and not unread:
        return  # what a FROM names is known: base-not-approved speaks
    if unread and evidence.documents_read:
        yield Statement(
            message=f"the base of {name(target)} is not known: of the approved bases, "
            f"{listed(unread)} was never read",
            remedy="run tagwatch check without --offline, or tagwatch scan: both read them",
            unknown=True,
        )
        return
    if not evidence.documents_read:
        why = "its manifest and config were not read"
    else:
        open_ones = [match for match in evidence.bases if approval(match, policy) is None]
        sentence = open_ones[0].sentence.removesuffix(".") if open_ones else ""
        why = sentence or "no known build of an approved base matches its layers"
    yield Statement(
        message=f"the base of {name(target)} is not known: {why}",
        remedy="rebuild it on an approved base",
        unknown=True,
    )


RULE = Rule(
    **row("base-unknown"),
    title="base that could not be established",
    judges_text=True,
    check=check,
)

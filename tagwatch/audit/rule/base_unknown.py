"""What the image stands on could not be established, so nobody can say whether it is approved.

Only where the policy names approved bases. It is never an error: layers that match no known
build may be squashed, converted, or from a day before the ledger began.

A last stage on `scratch` has no image for a base, and nothing proves what is copied into it. That
is said where the policy does not approve `scratch`; where it does, only of an archive that is
unpacked at the top, and of the whole of an image or stage that stands on no approved base.

Example: `image: ghcr.io/shop/api:1.4`: "the base of ghcr.io/shop/api:1.4 is not known: no known
build of an approved base matches its layers".

Risk: an image outside all rules that looks as if it were inside.
Remedy: rebuild it on an approved base; or let a scan learn the base's older builds; or accept
claims (`accept_claims`) where labels are enough.
Source: Docker Scout policy "Approved Base Images", state "No data"; scout-cli issues 84 and 212.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.audit.model.evidence import Status, is_readable
from tagwatch.audit.model.policy import SCRATCH
from tagwatch.audit.rule.approval import approval, known_approval
from tagwatch.audit.rule.interface import FileSubject, Rule, Statement, Subject, row
from tagwatch.audit.rule.phrase import listed, name
from tagwatch.audit.rule.stage import (
    final_stage,
    inherited_stages,
    is_built_upon,
    is_judged,
    target_of,
)
from tagwatch.source.target import Instruction

__all__ = ["RULE", "check", "check_build"]

_ARCHIVE = r"(?i)\.(?:tar(?:\.\w+)?|tgz|tbz2?|txz|tzst)$"
_TOP = ("/", "/.", ".", "./")
_WHOLE = frozenset({*_TOP, "/*", "*"})


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


def check_build(subject: FileSubject) -> Iterator[Statement]:
    """Report a last stage on `scratch`, where the policy's bases leave open what is in it."""
    policy, last = subject.policy, final_stage(subject.instructions)
    if not policy.bases or last is None:
        return
    chain = inherited_stages(subject.instructions, last)
    start = next(
        one for one in subject.instructions if one.name == "FROM" and one.stage == chain[-1]
    )
    if start.missing or start.arguments[:1] != (SCRATCH,):
        return
    filled = next(
        (
            one
            for one in subject.instructions
            if one.stage in chain and not one.onbuild and _fills(one, subject)
        ),
        None,
    )
    if filled is None and policy.approves_scratch:
        return
    words = "" if filled is None else f": {_shown(filled)} brings all that is in it"
    yield Statement(
        message="the base is not known: the last stage is built on scratch, which is no image, so "
        f"nothing proves what is in it{words}",
        remedy="build on an approved base"
        + ("" if policy.approves_scratch else ", or approve `scratch` in the policy"),
        location=(filled or start).location,
        unknown=True,
    )


def _fills(one: Instruction, subject: FileSubject) -> bool:
    """Return True for what puts a whole file system in place that no approved base vouches for."""
    if one.name not in ("ADD", "COPY") or len(one.arguments) < 2 or one.arguments[-1] not in _TOP:
        return False
    sources = one.arguments[:-1]
    if one.name == "ADD":
        return any(re.search(_ARCHIVE, text) for text in sources)
    return not _WHOLE.isdisjoint(sources) and not _is_approved(one, subject)


def _is_approved(copy: Instruction, subject: FileSubject) -> bool:
    """Return True where what a COPY copies from stands on an approved base, by its name."""
    if copy.base is not None:
        target = target_of(copy.base, subject)
    else:
        place, others = copy.location, (t for t in subject.targets if t.kind == "copy-from")
        target = next((t for t in others if t.location.line == place.line), None)
    reference = target.reference if target is not None else None
    return reference is not None and subject.policy.base_named(reference) is not None


def _shown(one: Instruction) -> str:
    """Return the instruction, quoted and cut, without the parts of addresses that may be secret."""
    text = " ".join((one.name, *one.flags, *(arg.partition("?")[0] for arg in one.arguments)))
    return repr(re.sub(r"//[^/@]*@", "//", text)[:120])


RULE = Rule(
    **row("base-unknown"),
    title="base that could not be established",
    judges_text=True,
    check=check,
    of_build=check_build,
)

"""Which image this is cannot be told from the file alone, or the text is no image reference.

Example: `FROM ${BASE}`: "'${BASE}' was not audited: BASE has no value here".

Risk: an image that nobody audited. It is shown, never passed silently.
Remedy: give the variable a default, or name its value with `--build-arg`, in a `.env` that git
tracks or the compose file that builds it; let the environment's be used with `--env NAME`; check
what another tool (Maven, say) makes of a template; correct a text that no tool accepts.
Source: distribution reference grammar; hadolint DL3006 (which skips such images).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.rule.interface import Rule, Statement, Subject, row
from tagwatch.source.target import Target

__all__ = ["RULE", "check"]


_REFUSED = re.compile(r"(?:not an image reference: )?(?:(['\"]).*?\1: )?")  # said already


def check(subject: Subject) -> Iterator[Statement]:
    """Report a target without a reference, and why it has none."""
    target = subject.target
    if target.reference is not None:
        return
    if target.invalid:
        reason = _REFUSED.sub("", target.invalid, count=1)
        one = target.tag_or_digest
        yield Statement(
            message=f"{target.text!r} is no image reference: {reason}",
            remedy=_lowered(target.text, reason)
            or f"write [registry/]name{':tag or name@digest' if one else '[:tag][@digest]'}",
            severity=Severity.ERROR,
            unknown=True,
        )
        return
    if target.text.startswith("ko://"):
        yield Statement(
            message=f"{target.text!r} was not audited: ko builds it when it is deployed",
            remedy="audit what `ko resolve` writes",
            unknown=True,
        )
        return
    missing = ", ".join(target.missing)
    yield Statement(
        message=f"{target.text!r} was not audited: "
        + (f"{missing} has no value here" if missing else "its value is not known here"),
        remedy=_remedy(target),
        evidence={"missing": missing} if missing else {},
        unknown=True,
    )


def _lowered(text: str, reason: str) -> str:
    """Return what to write where the name has letters that must be small; else nothing."""
    if not reason.startswith("a repository name is lower case"):
        return ""
    name = text.partition("@")[0]
    path, _, tag = name.rpartition(":")
    path = path if path and "/" not in tag else name
    return f"write {path.lower() + text[len(path) :]!r}"


def _remedy(target: Target) -> str:
    """Name the flag that gives a value; of the environment only what is allowed is read."""
    name = next(iter(target.missing), "")
    if name.isascii() and not name.replace("-", "_").isidentifier() and "." in name:
        return "check the file in which another tool has filled it in"
    if not name.isidentifier() or target.kind not in ("bake", "compose"):
        return "give it a default, or pass its value to tagwatch"
    return f"give it a default, or let your environment's value be used: --env {name}"


RULE = Rule(
    **row("reference-unresolved"),
    title="reference that could not be resolved",
    judges_built=True,
    check=check,
)

"""What the Dockerfile builds runs as root: it says so, or it leaves the base's root as it is.

Where no stage sets USER, the base image decides; if its config is not known, nothing is said.
Images whose entrypoint gives root up by itself (redis, postgres) need no USER: such a base is
named in `options.drop_root`. Windows images have no root.

Example: `USER 0:0`: "the image runs as root: USER 0:0".

Risk: whoever breaks out of the program is root in the container, and near to root on the host.
Remedy: create a user in the image and end with `USER <name>`.
Source: CIS Docker Benchmark 4.1; hadolint DL3002; Trivy DS-0002; Dockle CIS-DI-0001.
"""

from __future__ import annotations

from collections.abc import Iterator

from tagwatch.audit.model.evidence import Evidence, evidence_key
from tagwatch.audit.model.glob import match_image
from tagwatch.audit.rule.interface import FileSubject, Option, Rule, RuleScope, Statement, row
from tagwatch.audit.rule.phrase import name
from tagwatch.audit.rule.stage import effective, final_stage, target_of
from tagwatch.source.target import Target

__all__ = ["RULE", "check", "is_root"]


def check(subject: FileSubject) -> Iterator[Statement]:
    """Report the user of the last stage, where it is known to be root."""
    last = final_stage(subject.instructions)
    if last is None:
        return
    target = target_of(last, subject)
    evidence = _evidence(target, subject)
    if _is_windows(target, evidence):
        return
    user = effective(subject.instructions, "USER", last)
    if user is not None:
        if not user.missing and is_root(" ".join(user.arguments)):
            yield Statement(
                message=f"the image runs as root: USER {' '.join(user.arguments)}",
                remedy="end with USER and a user that is not root",
                location=user.location,
                target=target,
            )
        return
    if target is None or evidence is None or not evidence.platforms or _drops(target, subject):
        return
    if all(is_root(facts.user) for facts in evidence.platforms):
        yield Statement(
            message=f"the image runs as root: no USER is set here, nor in {name(target)}",
            remedy="end with USER and a user that is not root",
            target=target,
        )


def is_root(user: str) -> bool:
    """Return True for a user that the engine takes for root, with any group.

    >>> [is_root(user) for user in ("", "0", "root:app", "000", "app", "1000:0")]
    [True, True, True, True, False, False]
    """
    own = user.partition(":")[0].strip()
    return own in ("", "root") or (own.isascii() and own.isdigit() and int(own) == 0)


def _evidence(target: Target | None, subject: FileSubject) -> Evidence | None:
    key = evidence_key(target) if target is not None else None
    return subject.evidence.get(key) if key is not None else None


def _is_windows(target: Target | None, evidence: Evidence | None) -> bool:
    if target is not None and target.platform and target.platform.startswith("windows"):
        return True
    offered = evidence.platforms_offered if evidence is not None else ()
    return bool(offered) and all(text.startswith("windows") for text in offered)


def _drops(target: Target, subject: FileSubject) -> bool:
    reference = target.reference
    globs = subject.options["drop_root"]
    return reference is not None and any(match_image(glob, reference) for glob in globs)


RULE = Rule(
    **row("user-root"),
    title="image that runs as root",
    scope=RuleScope.FILE,
    options={"drop_root": Option(default=(), about="bases whose entrypoint gives root up")},
    check=check,
)

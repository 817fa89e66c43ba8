"""Stages of a Dockerfile, as rules ask about them: which one is built, and on what it stands."""

from __future__ import annotations

from collections.abc import Sequence

from tagwatch.audit.rule.interface import FileSubject, Subject
from tagwatch.source.target import Instruction, Target

__all__ = [
    "effective",
    "final_stage",
    "inherited_stages",
    "is_built_upon",
    "is_judged",
    "stage_of",
    "target_of",
]


def stage_of(target: Target, instructions: tuple[Instruction, ...]) -> int | None:
    """The number of the stage whose FROM names `target`; None for any other kind of target."""
    if target.kind != "from":
        return None
    line = target.location.line
    for one in instructions:
        if one.name == "FROM" and one.location.line <= line <= one.location.end_line:
            return one.stage
    return None


def target_of(stage: int, subject: FileSubject) -> Target | None:
    """The target that `stage`, or the stage it builds on in the end, names in its FROM."""
    chain = inherited_stages(subject.instructions, stage)
    return next(
        (one for one in subject.targets if stage_of(one, subject.instructions) == chain[-1]), None
    )


def is_built_upon(subject: Subject) -> bool:
    """True where the image that a build makes stands on this `FROM`, not only its builders."""
    last = final_stage(subject.instructions)
    if last is None:
        return True
    stage = stage_of(subject.target, subject.instructions)
    return stage is None or stage in inherited_stages(subject.instructions, last)


def is_judged(subject: Subject) -> bool:
    """True where the policy's bases are asked of this image: what we build on, and what we built.

    An official image that is merely run is built by others, who choose its base.
    """
    reference = subject.target.reference
    if subject.target.kind == "from" or reference is None:
        return True
    return not subject.knowledge.is_official(reference.repository)


def final_stage(instructions: Sequence[Instruction]) -> int | None:
    """The number of the stage that a build without `--target` makes; None without a FROM."""
    return max((one.stage for one in instructions if one.name == "FROM"), default=None)


def inherited_stages(instructions: Sequence[Instruction], stage: int) -> tuple[int, ...]:
    """The stage and those it builds on, nearest first."""
    bases = {one.stage: one.base for one in instructions if one.name == "FROM"}
    chain: list[int] = []
    current: int | None = stage
    while current is not None and current in bases:  # a base stands before its stage: no circle
        chain.append(current)
        current = bases[current]
    return tuple(chain)


def effective(instructions: Sequence[Instruction], name: str, stage: int) -> Instruction | None:
    """The last `name` (USER, HEALTHCHECK) that holds where `stage` ends, inherited ones included.

    None: no stage of the file says so, and the base image decides.
    """
    last = {one.stage: one for one in instructions if one.name == name and not one.onbuild}
    chain = inherited_stages(instructions, stage)
    return next((last[number] for number in chain if number in last), None)

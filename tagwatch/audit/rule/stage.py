"""Stages of a Dockerfile, as rules ask about them: which one is built, and on which others."""

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
    """Return the number of the stage whose FROM names `target`; None for other kinds of targets."""
    if target.kind != "from":
        return None
    line = target.location.line
    for one in instructions:
        if one.name == "FROM" and one.location.line <= line <= one.location.end_line:
            return one.stage
    return None


def target_of(stage: int, subject: FileSubject) -> Target | None:
    """Return the target that the FROM of `stage`, or of the stage it builds on at last, names."""
    chain = inherited_stages(subject.instructions, stage)
    return next(
        (one for one in subject.targets if stage_of(one, subject.instructions) == chain[-1]), None
    )


def is_built_upon(subject: Subject) -> bool:
    """Return True where the built image stands on this `FROM`, and False where only builders do."""
    last = final_stage(subject.instructions)
    if last is None:
        return True
    stage = stage_of(subject.target, subject.instructions)
    return stage is None or stage in inherited_stages(subject.instructions, last)


def is_judged(subject: Subject) -> bool:
    """Return True where the policy's bases apply to this image: we build on it, or we built it.

    Others build an official image that is only run, and they choose its base.
    """
    reference = subject.target.reference
    if subject.target.kind == "from" or reference is None:
        return True
    return not subject.knowledge.is_official(reference.repository)


def final_stage(instructions: Sequence[Instruction]) -> int | None:
    """Return the number of the stage that a build without `--target` makes; None without a FROM."""
    return max((one.stage for one in instructions if one.name == "FROM"), default=None)


def inherited_stages(instructions: Sequence[Instruction], stage: int) -> tuple[int, ...]:
    """Return the stage and those it builds on, nearest first."""
    bases = {one.stage: one.base for one in instructions if one.name == "FROM"}
    chain: list[int] = []
    current: int | None = stage
    while current is not None and current in bases:  # a base comes before its stage: no circle
        chain.append(current)
        current = bases[current]
    return tuple(chain)


def effective(instructions: Sequence[Instruction], name: str, stage: int) -> Instruction | None:
    """Return the `name` (USER, HEALTHCHECK) in effect where `stage` ends, inherited ones included.

    None: no stage of the chain has one, and the base image decides.
    """
    last = {one.stage: one for one in instructions if one.name == name and not one.onbuild}
    chain = inherited_stages(instructions, stage)
    return next((last[number] for number in chain if number in last), None)

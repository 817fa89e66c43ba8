"""Questions about a Dockerfile's instructions, for the rules that judge its text."""

from __future__ import annotations

from collections.abc import Sequence

from tagwatch.source.target import Instruction

__all__ = ["effective", "final_stage", "inherited_stages"]


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

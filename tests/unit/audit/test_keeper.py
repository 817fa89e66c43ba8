"""What is kept of a repository is never laid on other targets than those that were judged."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tagwatch.audit.judge import judge
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import Policy
from tagwatch.audit.verdict.keeper import Keeper, Stood
from tagwatch.audit.verdict.result import AuditResult, Case
from tagwatch.image.reference import Repository
from tagwatch.source.target import Extraction, Target
from tests.audit_case import AT, seen, target

REDIS = Repository.parse("redis")
NODE = Repository.parse("node")
LATEST, SERIES, FULL = target("redis:latest"), target("redis:7", line=2), target("redis:7.4.1")
OTHER = target("node:latest", path="b/Dockerfile")
ALL = (LATEST, SERIES, FULL, OTHER)


def judged(files: Sequence[Sequence[Target]], keeper: Keeper | None = None) -> AuditResult:
    return judge(
        Case(
            files=[(f"{place}", Extraction(targets=tuple(one))) for place, one in enumerate(files)],
            at=AT,
            evidence={fact.key: fact for fact in map(seen, ALL)},
        ),
        Policy(),
        Knowledge(),
        keeper=keeper,
    )


@pytest.mark.parametrize(
    "files",
    [
        ((SERIES,), (LATEST, OTHER)),
        ((OTHER, SERIES), (LATEST,)),
        ((LATEST,), (OTHER,)),
        ((LATEST, SERIES, FULL), (OTHER,)),
        ((target("redis:latest", line=9), SERIES), (OTHER,)),
        ((OTHER,),),
    ],
    ids=["turned round", "later", "fewer", "more", "elsewhere", "none"],
)
def test_other_targets_are_judged_anew(files: Sequence[Sequence[Target]]) -> None:
    first = Keeper({}, {REDIS, NODE})
    as_it_was = ((LATEST,), (SERIES, OTHER))
    expected = judged(as_it_was, first)
    keys = {REDIS: [seen(LATEST).key, seen(SERIES).key], NODE: [seen(OTHER).key]}
    made = {one: Stood(held, keys[one]) for one, held in first.made}
    assert made.keys() == keys.keys()
    assert any(told.findings for told in made[REDIS].judgement.told)
    same = Keeper(made, made)
    assert judged(as_it_was, same) == expected
    assert not list(same.made), "all was taken over"

    again = Keeper({one: Stood(it.judgement, it.keys) for one, it in made.items()}, made)
    assert judged(files, again).findings == judged(files).findings
    assert NODE in again.stood, "of this, the same target came by"

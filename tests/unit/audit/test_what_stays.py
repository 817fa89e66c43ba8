"""What stays of a judgement when it is made: its result, and nothing that made it."""

from __future__ import annotations

import gc
from datetime import UTC, datetime

from tagwatch.audit.judge import judge
from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.model.policy import AccessList, Policy
from tagwatch.audit.verdict.keeper import Keeper, Transcript
from tagwatch.audit.verdict.result import Case
from tagwatch.source.target import Extraction, targets_of

AT = datetime(2026, 11, 24, tzinfo=UTC)


def test_the_result_holds_no_session_and_findings_share_what_they_have_in_common() -> None:
    targets = targets_of(f"r.example/app:1.{number}" for number in range(50))
    keys = [f"r.example/app:1.{number}" for number in range(50)]
    evidence = {
        key: Evidence(key=key, resolution=Resolution(input=key, status=Status.NO_VERSION), at=AT)
        for key in keys
    }
    case = Case(at=AT, files=[("list.txt", Extraction(targets=tuple(targets)))], evidence=evidence)
    repositories = {one.reference.repository for one in targets if one.reference is not None}
    policy = Policy(registries=AccessList(allow=("docker.io",)))
    result = judge(case, policy, Knowledge(), keeper=Keeper({}, repositories))
    found = [one for one in result.findings if one.rule == "registry-not-allowed"]
    assert len(found) == 50
    assert len({id(one.remedy) for one in found}) == 1
    assert len({id(one.evidence) for one in found}) == 1
    gc.collect()
    kinds = {type(one).__name__ for one in gc.get_objects()}
    assert "_Session" not in kinds
    assert Transcript.__name__ not in kinds
    assert len(result.evidence) == 50

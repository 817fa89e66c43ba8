"""The sample with a stranger's text wherever a registry or a file may put some."""

from __future__ import annotations

from dataclasses import replace

from tagwatch.audit.model.diff import (
    ConfigDiff,
    Gap,
    ImageDiff,
    LayerDiff,
    LayerEntry,
    MapDiff,
    PackageChange,
    PackageDiff,
    PlatformDiff,
    SetDiff,
    StepDiff,
)
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Remark
from tests.publish_sample import sample

__all__ = ["HOSTILE", "hostile"]

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&]]>--><!channel> "
    "*bold* `code` _it_ ~s~ | pipe\n"
    "::error file=x::forged\r\n\x1b[31mred\x1b]0;title\x07\x00 \u202egnp.exe\u2066 \u200bz "
    "\ud800 {{ 7*7 }} {% x %} @here [a](javascript:alert(3)) https://evil.example/"
)


def hostile() -> AuditResult:
    """Every free text is `HOSTILE`; names stay what their grammars allow."""
    result = sample()
    findings = tuple(
        replace(
            finding,
            message=HOSTILE,
            text=HOSTILE,
            remedy=HOSTILE,
            evidence={HOSTILE: HOSTILE},
            location=replace(finding.location, path=HOSTILE),
            fix=replace(finding.fix, replacement=HOSTILE, line=HOSTILE, description=HOSTILE)
            if finding.fix
            else None,
        )
        for finding in result.findings
    )
    changes = tuple(
        replace(
            moved,
            change=replace(
                moved.change, reason=HOSTILE, version_before=HOSTILE, version_after=HOSTILE
            ),
        )
        for moved in result.changes
    )
    layer = LayerEntry(position=0, size=1, created_by=HOSTILE, diff_id=Digest(HOSTILE))
    primary = PlatformDiff(
        platform=HOSTILE,
        layers=LayerDiff(shared=(layer,), added=(replace(layer, position=1, size=None),)),
        config=ConfigDiff(
            user=(HOSTILE, "x"),
            entrypoint=((), (HOSTILE,)),
            exposed_ports=SetDiff(added=(HOSTILE,)),
            env=MapDiff(added={HOSTILE: HOSTILE}),
            labels=MapDiff(changed={HOSTILE: (HOSTILE, "x")}),
        ),
        steps=StepDiff(removed=(HOSTILE,)),
        os_release=(HOSTILE, "x"),
        attestations=((HOSTILE,), ()),
        packages=PackageDiff(
            source=HOSTILE, changed=(PackageChange(purl=HOSTILE, old=HOSTILE, new=HOSTILE),)
        ),
    )
    diff = ImageDiff(
        platforms=(primary, primary),
        added=(HOSTILE,),
        not_compared=(Gap(what=HOSTILE, why=HOSTILE),),
    )
    evidence = {
        key: replace(
            known,
            source=HOSTILE,
            lifecycle=HOSTILE,
            attestations=(HOSTILE,),
            platforms_offered=(HOSTILE,),
            resolution=replace(
                known.resolution,
                input=HOSTILE,
                tag=HOSTILE,
                version=HOSTILE,
                aliases=(HOSTILE,),
                ambiguous=(HOSTILE,),
                note=HOSTILE,
                basis_detail=HOSTILE,
            ),
            change=replace(known.change, reason=HOSTILE, diff=diff) if known.change else None,
            history=tuple(
                replace(interval, version=HOSTILE, verdict=HOSTILE, tag=HOSTILE)
                for interval in known.history
            ),
            platforms=tuple(
                replace(facts, user=HOSTILE, os_release=HOSTILE, cmd=(HOSTILE,), version=HOSTILE)
                for facts in known.platforms
            ),
            bases=tuple(
                replace(
                    match,
                    sentence=HOSTILE,
                    claims=(HOSTILE,),
                    ancestry=(HOSTILE,),
                    platform=HOSTILE,
                )
                for match in known.bases
            ),
        )
        for key, known in result.evidence.items()
    }
    return replace(
        result,
        findings=findings,
        changes=changes,
        evidence=evidence,
        targets=tuple(
            replace(target, text=HOSTILE, missing=(HOSTILE,) if target.missing else ())
            for target in result.targets
        ),
        ignored=tuple(
            replace(ignored, by=HOSTILE, reason=HOSTILE, owner=HOSTILE, until=HOSTILE)
            for ignored in result.ignored
        ),
        problems=tuple(
            replace(problem, message=HOSTILE, hint=HOSTILE) for problem in result.problems
        ),
        failures=tuple(
            replace(failure, message=HOSTILE, hint=HOSTILE, code=HOSTILE)
            for failure in result.failures
        ),
        remarks=(Remark(repository=Repository(registry=HOSTILE, path=HOSTILE), message=HOSTILE),),
        policy_name=HOSTILE,
        policy_digest=HOSTILE,
        facts_from=HOSTILE,
    )

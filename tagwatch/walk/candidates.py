"""What may be written instead of what stands: looked up, and all of it judged again.

A first judgement knows of candidates what is known of the images in the files. What it would have
to know besides, it says (`AuditResult.wanted`).
"""

from __future__ import annotations

from collections.abc import Sequence

from tagwatch.audit.judge import judge
from tagwatch.audit.model.evidence import Evidence
from tagwatch.audit.verdict.baseline import Baseline
from tagwatch.audit.verdict.fixing import Strategy
from tagwatch.audit.verdict.result import AuditResult, Case, Purpose, Wanted
from tagwatch.value import replace
from tagwatch.walk.facts_kept import expired_facts
from tagwatch.walk.look_up import Asking, look_up
from tagwatch.walk.site import Site

__all__ = ["MAX_ROUNDS", "judged_again"]

MAX_ROUNDS = 5
"""So often at most: what is learnt of a candidate may lead to another one."""


def judged_again(
    result: AuditResult,
    case: Case,
    site: Site,
    asking: Asking,
    *,
    baseline: Baseline | None,
    strategy: Strategy | None,
) -> AuditResult:
    """Return the result judged again, as long as that wants to know more of what may be written.

    To advise, registries are asked only whether a digest is still there; to write, for all of it.
    """
    beside: dict[str, Evidence] = {}
    asked: set[tuple[str, Purpose]] = set()
    for _ in range(MAX_ROUNDS):
        wanted = [one for one in result.wanted if one.key not in asked]
        asked |= {one.key for one in wanted}
        found = _known(wanted, site, asking)
        if strategy is not None:
            expired = expired_facts(found, site)
            found = {key: one for key, one in found.items() if one.source not in expired}
        if not found:
            break
        beside |= found
        case = replace(case, beside=beside)
        result = judge(case, site.policy, site.knowledge, baseline=baseline, strategy=strategy)
    return result


def _known(wanted: Sequence[Wanted], site: Site, asking: Asking) -> dict[str, Evidence]:
    """Return what is known of references that might be written, by evidence key."""
    asking = replace(asking, refresh=False)
    ways = {
        Purpose.ADVISE: replace(asking, offline=True),
        Purpose.CONFIRM: replace(asking, documents=False),
        Purpose.WRITE: asking,
    }
    found: dict[str, Evidence] = {}
    for purpose, how in ways.items():
        targets = [one.target for one in wanted if one.purpose is purpose]
        if targets:
            found |= look_up(targets, site, how).evidence
    return found

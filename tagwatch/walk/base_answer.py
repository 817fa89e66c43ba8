"""The base of an image as it is answered: from what was looked up, with why there is none."""

from __future__ import annotations

from typing import Literal

from tagwatch.audit.model.evidence import Evidence, Status, evidence_key, is_readable
from tagwatch.ledger.read import Reader
from tagwatch.publish.interface import BaseAnswer
from tagwatch.source.target import Target
from tagwatch.walk.bases import bases_of, is_told_by_facts
from tagwatch.walk.look_up import Lookup
from tagwatch.walk.site import Site

__all__ = ["base_answer"]


def base_answer(
    target: Target, facts: Lookup, site: Site
) -> tuple[BaseAnswer, Literal["answered", "absent", "unread"]]:
    """Return what a target is built on, and whether that is known. Raises `LedgerError`."""
    found = facts.evidence.get(evidence_key(target) or "")
    resolution = found.resolution if found else None
    concrete = resolution.reference if resolution else None
    matches = bases_of(found, site)
    doubt = _doubt(found, site) if matches else ""
    state: Literal["answered", "absent", "unread"] = "answered"
    why = resolution.note if resolution else ""
    if resolution is None or not is_readable(found):
        state = "unread"
    elif resolution.status is Status.NOT_FOUND:
        state, why = "absent", why or "there is no such image in its repository"
    elif doubt:
        state, why, matches = "unread", doubt, ()
    elif not matches:
        state = "unread"
    reference = concrete.canonical if concrete else None
    return BaseAnswer(input=target.text, reference=reference, matches=matches, why=why), state


def _doubt(found: Evidence | None, site: Site) -> str:
    """Return why what facts say of a base is no answer here; empty where it is one."""
    if found is None or found.source == "seen":
        return ""
    from tagwatch.walk.facts_kept import other_bases

    with Reader.open(site.database, site.origins) as ledger:
        return other_bases(found.source, site) if is_told_by_facts(found, ledger) else ""

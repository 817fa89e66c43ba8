"""Keeping the ledger for years: what its retention no longer covers is dropped after a scan."""

from __future__ import annotations

from tagwatch.ledger.write import Ledger
from tagwatch.walk.site import Site

__all__ = ["keep"]

_FREE_PART = 0.25
"""Shrinking writes the whole file anew: not for less."""


def keep(site: Site) -> None:
    """Drop what is older than the configured retention, if any. Raises `LedgerError`."""
    retention = site.settings.retention
    if retention.history is None and retention.runs is None:
        return
    with Ledger.open(site.database) as ledger:
        ledger.forget(site.at, history=retention.history, runs=retention.runs)
        if retention.compact and ledger.free_part() >= _FREE_PART:
            ledger.compact()

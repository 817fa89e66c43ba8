"""An alert that did not arrive is told by the next runs, on the terminal and in the report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tagwatch.audit.verdict.result import AuditResult
from tagwatch.ledger.record import Alert
from tagwatch.ledger.write import Ledger
from tests.walk.conftest import Shop


async def test_the_next_scan_tells_of_it(shop: Shop) -> None:
    now = datetime.now(UTC)
    with Ledger.open(shop.folder / "tagwatch.db") as ledger:
        for key, days, error in (("b", 8, "long ago"), ("a", 1, "status 404"), ("c", 0, "")):
            at = now - timedelta(days=days, hours=1)
            alert = Alert(dedup_key=key, channel="slack", payload="{}")
            ledger.finish_run(ledger.begin_run("scan", at), AuditResult(at=at), [alert])
            (message,) = ledger.outbox.due(at)
            assert ledger.outbox.claim(message.id, at)
            if error:
                ledger.outbox.failed(message.id, at, error, permanent=True)
    done = await shop.run("scan")
    assert "alert not delivered: slack, " in done.err
    assert "given up: status 404" in done.err
    assert "long ago" not in done.err
    assert (
        "alert to slack: unsure whether it arrived, not sent again: a run was interrupted"
        in done.err
    )
    page = (shop.folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert "given up: status 404" in page
    again = await shop.run("scan")
    assert "it may have arrived" in again.err

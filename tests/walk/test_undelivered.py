"""An alert that did not arrive is told by the next runs, on the terminal and in the report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tagwatch.ledger.record import Alert
from tagwatch.ledger.write import Ledger
from tagwatch.walk.site import open_site, project_of
from tests.walk.conftest import Shop


async def test_the_next_scan_tells_of_it(shop: Shop) -> None:
    now = datetime.now(UTC)
    with Ledger.open(shop.folder / "tagwatch.db") as ledger:
        outbox = ledger.outbox_of(project_of(open_site(shop.folder / "tagwatch.yaml")))
        for key, days in (("held", 1), ("lost", 9), ("late", 2), ("new", 0), ("dropped", 1)):
            at = now - timedelta(days=days, hours=1)
            outbox.put(Alert(dedup_key=key, channel="slack", payload="{}"), at)
            if key == "new":
                continue
            message = outbox.claim(outbox.messages()[-1].id, at)
            assert message is not None
            match key:
                case "held":
                    outbox.hold(message, at, "status 404", address=b"x")
                case "lost":
                    outbox.unsure(message, at, "no answer", again=False)
                case "late":
                    outbox.refused(message, at, "status 429")
                case _:
                    outbox.refused(message, at, "long ago")
                    outbox.drop([message.id], at)
    done = await shop.run("scan")
    told = [line for line in done.err.splitlines() if line.startswith("alert not delivered: slack")]
    assert [line.partition("Z: ")[2] for line in told] == [
        "held until its address is mended or `tagwatch alerts retry`: status 404",
        "it may have arrived: no answer",
        "not sent yet: status 429",
    ]
    page = (shop.folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert "it may have arrived: no answer" in page

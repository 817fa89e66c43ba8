"""A tag is gone by memory only where we saw it go: a publisher's list that ends tells of builds."""

from __future__ import annotations

from datetime import UTC, datetime

from tagwatch.audit.model.history import Interval, Seen
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.ledger.write import Ledger
from tests.walk.conftest import HOSTS, Shop


async def test_what_a_publisher_builds_no_more_is_not_gone(shop: Shop) -> None:
    await shop.run("scan")
    redis = Repository.parse("redis").identity
    built = Interval(
        tag="5.0.1",
        digest=Digest("build:5.0.1"),
        first_seen=datetime(2018, 11, 1, tzinfo=UTC),
        last_seen=datetime(2018, 12, 1, tzinfo=UTC),
        ended=True,
        kind=Seen.COMMITTED,
    )
    (database,) = shop.folder.glob("*.db")
    with Ledger.open(database, dict.fromkeys(HOSTS, shop.address)) as ledger:
        assert ledger.import_history(redis, [built]) == 1
    shop.write("new/Dockerfile", "FROM redis:5.0.1\nUSER 10001\n")
    offline = await shop.run("check", "--offline", "new/Dockerfile", "--format", "json")
    rules = {one["rule"] for one in offline.json["findings"]}
    assert "tag-deleted" not in rules, "it may be pulled still: nobody here looked"
    assert "check-incomplete" in rules

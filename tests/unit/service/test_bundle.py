"""The API's history: from the ledger, and from the bundle where one is installed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tagwatch import open_site
from tagwatch.errors import NotFoundError
from tagwatch.image.digest import digest_of
from tagwatch.ledger.write import Ledger
from tagwatch.service.question import Asked, answer_to
from tests.walk.command import Workplace
from tests.walk.test_history import seen
from tests.walk.test_history_bundle import SAMPLE, install


def test_history_is_answered_from_the_installed_bundle_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workplace(tmp_path)
    install(place, SAMPLE, "told_here")
    monkeypatch.syspath_prepend(tmp_path / "site")
    site = open_site(place.write("tagwatch.yaml", "version: 1\ndatabase: tagwatch.db\n"))
    asked = Asked(name="history", pairs=(("ref", "traefik:v1.7"), ("at", "2019-03-01")))
    with pytest.raises(NotFoundError, match="nothing has been scanned yet"):
        answer_to(asked, site)
    with Ledger.open(site.database) as ledger:
        seen(ledger, datetime(2025, 3, 10, tzinfo=UTC), {"7.2": digest_of(b"own")})
    document = answer_to(asked, site)
    assert [one["version"] for one in document["intervals"]] == ["1.7.9"]
    assert document["bundle"]["as_of"] == "2019-12-31T23:56:32Z"
    own = answer_to(Asked(name="history", pairs=(("ref", "redis:7.2"),)), site)
    assert (len(own["intervals"]), "bundle" in own) == (1, False)

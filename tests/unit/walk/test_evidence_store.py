"""Evidence on its way to the ledger: of a long repository, only some of it is in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.image.digest import Digest
from tagwatch.ledger.write import Ledger
from tagwatch.walk.remember import EvidenceStore

AT = datetime(2026, 11, 30, 2, tzinfo=UTC)
DIGEST = Digest("sha256:" + "a" * 64)
TAGS = 1_300


def test_of_many_tags_some_wait_and_all_are_stored(tmp_path: Path) -> None:
    waited = []
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        store = EvidenceStore(ledger=ledger, at=AT)
        for number in range(TAGS):
            key = f"docker.io/library/mongo:{number}"
            resolution = Resolution(input=key, status=Status.NO_VERSION, digest=DIGEST)
            one = Evidence(key=key, resolution=resolution, at=AT)
            store.put(one, made_from=key.encode(), is_unchanged=False)
            waited.append(len(store.new) + len(store.made_from))
        store.flush()
        keys = [f"docker.io/library/mongo:{number}" for number in range(TAGS)]
        found = ledger.standing({key: key.encode() for key in keys})
    assert max(waited) <= 1_000, "five hundred, with their hashes, whatever the number of tags"
    assert sorted(found) == sorted(keys)

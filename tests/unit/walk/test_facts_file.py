"""What a reader of an extract takes from nobody, not even from who has the key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tagwatch.errors import InputError
from tagwatch.walk.facts_file import FactsFile, read_facts, write_facts
from tests.extract import NIGHTLY

AT = datetime(2026, 11, 29, tzinfo=UTC)


def written(*, days: float = 7, counter: int = 1) -> bytes:
    facts = FactsFile(
        name="nightly",
        at=AT,
        expires_at=AT + timedelta(days=days),
        counter=counter,
        evidence=(),
    )
    return write_facts(facts, NIGHTLY.signer)


def test_an_end_within_ninety_days_counts() -> None:
    read = read_facts(written(days=90), [NIGHTLY.public], source="x", now=AT)
    assert read.expires_at == AT + timedelta(days=90)


@pytest.mark.parametrize(("days", "counter"), [(90.5, 1), (2_000_000, 1), (7, -1)])
def test_what_outlives_its_use_is_refused(days: float, counter: int) -> None:
    with pytest.raises(InputError, match="90 days"):
        read_facts(written(days=days, counter=counter), [NIGHTLY.public], source="x", now=AT)

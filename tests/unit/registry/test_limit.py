"""Retry-After in all its forms, quota headers, and what is counted."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from tagwatch.image.snapshot import Quota
from tagwatch.registry.request.limit import quota_of, retry_after_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), ("0", 0.0), ("1.5", 1.5), (" 7 ", 7.0)],
)
def test_seconds(text: str, seconds: float) -> None:
    assert retry_after_seconds({"Retry-After": text}) == seconds


def test_a_date_and_an_epoch_are_times() -> None:
    soon = time.time() + 100
    assert retry_after_seconds({"Retry-After": formatdate(soon, usegmt=True)}) == pytest.approx(
        100, abs=3
    )
    # Docker Hub's API sends unix times; taken for seconds they are 55 years (version-checker #376)
    assert retry_after_seconds({"X-Retry-After": str(int(soon))}) == pytest.approx(100, abs=3)
    assert retry_after_seconds({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after_seconds({"Retry-After": str(int(soon * 1000))}) == pytest.approx(100, abs=3)


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000", ""])
def test_a_date_is_of_utc_wherever_this_machine_is(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        text = formatdate(time.time() + 100, usegmt=True).replace("GMT", zone).strip()
        assert retry_after_seconds({"Retry-After": text}) == pytest.approx(100, abs=3)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-5", "-inf", "1e400", "Mon, 99"])
def test_nonsense_says_nothing(text: str) -> None:
    assert retry_after_seconds({"Retry-After": text}) is None


@pytest.mark.parametrize(
    ("limit", "remaining", "quota"),
    [
        ("100;w=21600", "76;w=21600", Quota(limit=100, remaining=76, window_seconds=21600)),
        ("100", "0", Quota(limit=100, remaining=0)),
        ("100;w=21600, 10;w=60", "3;w=21600", Quota(limit=100, remaining=3, window_seconds=21600)),
        ("unlimited", "3", None),
        ("100;w=21600", None, None),
        (None, None, None),
    ],
)
def test_quota(limit: str | None, remaining: str | None, quota: Quota | None) -> None:
    pairs = (("ratelimit-limit", limit), ("ratelimit-remaining", remaining))
    assert quota_of({name: value for name, value in pairs if value is not None}) == quota


def test_the_source_of_a_quota_holds_no_markup() -> None:
    quota = quota_of(
        {
            "ratelimit-limit": "1",
            "ratelimit-remaining": "1",
            "docker-ratelimit-source": "<b>203.0.113.7\x1b[31m",
        }
    )
    assert quota is not None
    assert quota.source == "b203.0.113.731m"

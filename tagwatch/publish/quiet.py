"""What a directory of reports remembers: what its pages show, and the nights that needed none.

A quiet night differs in nothing from the run before it. It leaves all pages as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tagwatch.audit.model.evidence import SelectedEvidence
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.verdict.news import News
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.publish.interface import OutdatedPage, PublishContext
from tagwatch.publish.wording import stamp
from tagwatch.value import dataclass, field, replace

__all__ = [
    "NAME",
    "Memo",
    "Shown",
    "Span",
    "has_news",
    "news_alone",
    "read_memo",
    "whole",
    "without_days",
]

NAME = "pages.json"
_MOST_BYTES = 1024 * 1024
_MOST_SPANS = 200
"""Loud and quiet nights in turn for more than a year."""
_DAYS = re.compile(r"\b\d[\d,]* days?\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What `latest` shows in one format: the run of `at`; `digest` stands for all that it says."""

    digest: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Quiet nights in a row: when the first and the last of them began."""

    first: datetime
    last: datetime
    nights: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """What the directory remembers."""

    shown: Mapping[str, Shown] = field(default_factory=dict)
    """By format."""
    newest: datetime | None = None
    """The newest run that was written, or found quiet."""
    spans: tuple[Span, ...] = ()
    """Oldest first."""
    outdated: OutdatedPage | None = None
    """What `outdated.html` tells; None where there is none, or nobody knows."""

    def with_quiet(self, at: datetime) -> Memo:
        """Return it with one more quiet night."""
        at = whole(at)
        spans = self.spans
        if spans and spans[-1].last == self.newest:
            longer = replace(spans[-1], last=at, nights=spans[-1].nights + 1)
            spans = (*spans[:-1], longer)
        else:
            spans = (*spans, Span(first=at, last=at, nights=1))
        return replace(self, newest=at, spans=spans[-_MOST_SPANS:])

    def with_pages(self, at: datetime, digest: str, formats: Iterable[str]) -> Memo:
        """Return it with a run whose pages were written in these formats."""
        at = whole(at)
        written = dict.fromkeys(formats, Shown(digest=digest, at=at))
        newest = at if self.newest is None else max(at, self.newest)
        return replace(self, newest=newest, shown={**self.shown, **written})

    def text(self) -> str:
        """Return what is written of it."""
        document: dict[str, object] = {
            "schema_version": 1,
            "newest": stamp(self.newest),
            "shown": {
                name: {"digest": one.digest, "at": stamp(one.at)}
                for name, one in sorted(self.shown.items())
            },
            "quiet": [
                {"first": stamp(one.first), "last": stamp(one.last), "nights": one.nights}
                for one in self.spans
            ],
        }
        if (page := self.outdated) is not None:
            document["outdated"] = {
                "sentence": page.sentence,
                "made_from": page.made_from,
                "at": page.at.isoformat(),
                "again_at": page.again_at.isoformat() if page.again_at is not None else None,
            }
        return json.dumps(document, indent=1) + "\n"


def read_memo(directory: Path) -> Memo:
    """Return what the directory remembers; nothing where that is missing or cannot be read.

    Then the next run writes all pages.
    """
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        with (directory / NAME).open("rb") as stream:
            found = json.loads(stream.read(_MOST_BYTES))
        return Memo(
            newest=_moment(found["newest"]),
            shown={
                str(name): Shown(digest=str(one["digest"]), at=_moment(one["at"]))
                for name, one in found["shown"].items()
            },
            spans=tuple(
                Span(
                    first=_moment(one["first"]),
                    last=_moment(one["last"]),
                    nights=int(one["nights"]),
                )
                for one in found["quiet"]
            ),
            outdated=_outdated(found.get("outdated")),
        )
    return Memo()


def _outdated(found: Mapping[str, object] | None) -> OutdatedPage | None:
    if found is None:
        return None
    return OutdatedPage(
        sentence=str(found["sentence"]),
        made_from=str(found["made_from"]),
        at=_moment(str(found["at"])),
        again_at=_moment(str(found["again_at"])) if found["again_at"] is not None else None,
    )


def whole(at: datetime) -> datetime:
    """Return the moment in whole seconds, as the names of pages have it."""
    return at.replace(microsecond=0)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at


def has_news(context: PublishContext) -> bool:
    """Return True where the run told what none before it did, or nobody knows."""
    news = context.news
    return (
        news is None
        or news.is_first
        or any((news.since.new, news.since.worse, news.since.fixed))
        or any((news.changes, news.gone, news.explained))
    )


def news_alone(result: AuditResult, news: News) -> AuditResult:
    """Return what a run told, with the images that this is about.

    Of findings that say something else, those that count days are left out: they do so every night.
    """
    moved = {
        f"{one.repository.name}:{one.change.tag}" for one in (*result.changes, *result.explained)
    }
    told = {one.fingerprint for one in (*news.since.new, *news.since.worse)}
    told |= {
        one.fingerprint
        for one in news.reworded
        if not _DAYS.search(one.message) or _image(one) in moved
    }
    findings = tuple(one for one in result.findings if one.fingerprint in told)
    named = {*moved, *map(_image, findings)}
    return replace(
        result,
        findings=findings,
        ignored=(),
        targets=(),
        evidence=SelectedEvidence(result.evidence, named),
        kept_back=(),
    )


def _image(finding: Finding) -> str:
    return finding.reference.canonical if finding.reference is not None else ""


def without_days(text: str) -> str:
    """Return `text` without how many days it counts, which differ every night.

    >>> without_days("redis:6.2 was built on 2026-01-27, 300 days ago")
    'redis:6.2 was built on 2026-01-27,  ago'
    """
    return _DAYS.sub("", text)

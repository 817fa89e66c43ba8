"""What every publisher is given and gives back. A publisher is a module with `suffix`, `render`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from tagwatch.audit.model.base_match import BaseMatch
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.source.target import Location
from tagwatch.value import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from tagwatch.audit.model.code_owners import CodeOwners
    from tagwatch.audit.verdict.news import News
    from tagwatch.audit.verdict.outlook import Prospects
else:
    Protocol = object

__all__ = [
    "BaseAnswer",
    "InParts",
    "OfRuns",
    "PublishContext",
    "Publisher",
    "RuleText",
    "RunSummary",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One earlier run in numbers: a point of the trend and a row of the index."""

    at: datetime
    errors: int
    warnings: int
    notes: int
    not_checked: int = 0
    moved: int = 0
    complete: bool = True

    @classmethod
    def of(cls, result: AuditResult) -> RunSummary:
        """The numbers of `result`."""
        counts = result.counts()
        return cls(
            at=result.at,
            errors=counts[Severity.ERROR],
            warnings=counts[Severity.WARNING],
            notes=counts[Severity.NOTE],
            not_checked=result.coverage.unresolved + result.coverage.unavailable,
            moved=len(result.changes),
            complete=result.complete,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleText:
    """What a rule says of itself, for formats that document rules. Plain text, one paragraph.

    `page`: the address of its page in the documentation; empty where none is known.
    """

    title: str
    risk: str = ""
    remedy: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedPage:
    """What `outdated.html` tells, in a sentence, and for how long.

    `made_from`: what names all that it was made of at `at`; empty where that cannot be told.
    `again_at`: the first moment at which time alone may change it (None: never).
    """

    sentence: str
    made_from: str = ""
    at: datetime
    again_at: datetime | None = None

    def holds(self, made_from: str, at: datetime) -> bool:
        """Return True where it says at `at` what would be said anew."""
        is_same = bool(made_from) and made_from == self.made_from
        return is_same and self.at <= at and (self.again_at is None or at < self.again_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishContext:
    """What a publisher may know beside the result. Everything that varies comes in here, so that
    equal input gives equal bytes.

    `news`: what the run told that none before it did (None: nobody asked). `runs`: the latest runs,
    oldest first, the present one included. `rules`: rule id -> what it says of itself.
    `report_url`: where the HTML report can be read. `width`: columns of the terminal. `details`:
    also print coverage, requests and quota. `undelivered`: alerts of the last days that did not
    arrive, or may not have, a sentence each. `lines_of`: the lines of a file by its path, empty
    where it cannot be read (None: no line is shown). `prospects`: what is newer than the images in
    files (None: nobody looked). `outdated`: what the page about that tells, also where it is not
    looked at again. `owners`: who owns the files, by CODEOWNERS (None: nobody asked).
    `source`: the address of a line of a file, with `{path}` and `{line}` in it; `folder`: where
    paths of results start, from the root of what `owners` and `source` are about. `others`: the
    same address for each git repository of others, by the folder that its files are shown below.
    `brief`: routine notes are only counted.
    """

    version: str
    news: News | None = None
    runs: tuple[RunSummary, ...] = ()
    rules: Mapping[str, RuleText] = field(default_factory=dict)
    fail_on: Severity | None = Severity.ERROR
    report_url: str = ""
    color: bool = False
    width: int = 100
    details: bool = False
    undelivered: tuple[str, ...] = ()
    lines_of: Callable[[str], Sequence[str]] | None = None
    prospects: Prospects | None = None
    outdated: OutdatedPage | None = None
    owners: CodeOwners | None = None
    source: str = ""
    folder: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    brief: bool = False

    def source_of(self, location: Location) -> str:
        """Return the address of a place at its forge; empty where there is none."""
        if not self.source and not self.others:
            return ""
        from tagwatch.publish.source_link import source_page  # reports alone have links

        name, _, path = location.path.partition("/")
        if name in self.others:
            return source_page(self.others[name], "", path, location.line) if path else ""
        return source_page(self.source, self.folder, location.path, location.line)

    @property
    def since(self) -> Since | None:
        """What is different from the run before; None where there is nothing to compare with."""
        return None if self.news is None or self.news.is_first else self.news.since


class Publisher(Protocol):
    """A format of results. Each module of the family has both at its top level."""

    suffix: str
    """What the name of a file in this format ends with, `.json`."""

    def render(self, result: AuditResult, context: PublishContext) -> str:
        """The whole document. Never raises for what a registry or a file said."""


class InParts(Protocol):
    """A publisher whose document need not be in memory whole."""

    def parts(self, result: AuditResult, context: PublishContext) -> Iterator[str]:
        """What `render` gives, part by part."""


class OfRuns(Protocol):
    """A publisher that keeps of each run what it told, and of the latest one all."""

    def news_parts(self, result: AuditResult, context: PublishContext) -> Iterator[str]:
        """The run's own document, part by part: all of a first run, else its news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseAnswer:
    """What `tagwatch base` says of one image: a match a platform.

    `reference` is canonical, None where `input` could not be read. `why` there are no matches.
    """

    input: str
    reference: str | None
    matches: tuple[BaseMatch, ...] = ()
    why: str = ""

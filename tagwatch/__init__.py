"""tagwatch: what every image tag is, what it was, why it moved, and what to do about it.

    import tagwatch

    tagwatch.check(["Dockerfile"])     # an AuditResult
    tagwatch.fix(["Dockerfile"])       # the result of the fixed files, and the draft to write
    tagwatch.outdated(["Dockerfile"])  # Prospects: what is newer, image by image
    tagwatch.pull_request("main..")    # a PullRequest: what commits do to images
    tagwatch.resolve("redis:6.2")      # a Resolution
    tagwatch.scan()                    # a ScanResult: the nightly run

Each works in the current folder, or in the `Site` that `open_site` gives. The other names are the
values that these take and give, and the errors that they raise, all of them `TagwatchError`s.
Nothing is imported before it is named.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.api import Asking as Asking
    from tagwatch.api import CheckOptions as CheckOptions
    from tagwatch.api import check as check
    from tagwatch.api import fix as fix
    from tagwatch.api import outdated as outdated
    from tagwatch.api import pull_request as pull_request
    from tagwatch.api import resolve as resolve
    from tagwatch.api import resolve_all as resolve_all
    from tagwatch.api import scan as scan
    from tagwatch.api import scan_async as scan_async
    from tagwatch.audit.model.base_match import BaseMatch as BaseMatch
    from tagwatch.audit.model.base_match import BaseVerdict as BaseVerdict
    from tagwatch.audit.model.coverage import Coverage as Coverage
    from tagwatch.audit.model.coverage import Reading as Reading
    from tagwatch.audit.model.coverage import Reason as Reason
    from tagwatch.audit.model.coverage import Remembered as Remembered
    from tagwatch.audit.model.coverage import State as State
    from tagwatch.audit.model.diff import ImageDiff as ImageDiff
    from tagwatch.audit.model.diff import Verdict as Verdict
    from tagwatch.audit.model.evidence import Basis as Basis
    from tagwatch.audit.model.evidence import Evidence as Evidence
    from tagwatch.audit.model.evidence import Newer as Newer
    from tagwatch.audit.model.evidence import Resolution as Resolution
    from tagwatch.audit.model.evidence import Status as Status
    from tagwatch.audit.model.finding import Finding as Finding
    from tagwatch.audit.model.finding import Severity as Severity
    from tagwatch.audit.model.history import Change as Change
    from tagwatch.audit.model.history import Interval as Interval
    from tagwatch.audit.model.knowledge import Knowledge as Knowledge
    from tagwatch.audit.model.policy import Policy as Policy
    from tagwatch.audit.verdict.baseline import Baseline as Baseline
    from tagwatch.audit.verdict.baseline import read_baseline as read_baseline
    from tagwatch.audit.verdict.fixing import Strategy as Strategy
    from tagwatch.audit.verdict.news import News as News
    from tagwatch.audit.verdict.outlook import End as End
    from tagwatch.audit.verdict.outlook import Level as Level
    from tagwatch.audit.verdict.outlook import Outlook as Outlook
    from tagwatch.audit.verdict.outlook import Prospect as Prospect
    from tagwatch.audit.verdict.outlook import Prospects as Prospects
    from tagwatch.audit.verdict.outlook import Step as Step
    from tagwatch.audit.verdict.pull_request import ImageChange as ImageChange
    from tagwatch.audit.verdict.pull_request import PullRequest as PullRequest
    from tagwatch.audit.verdict.result import AuditResult as AuditResult
    from tagwatch.audit.verdict.result import Ignored as Ignored
    from tagwatch.audit.verdict.result import KeptBack as KeptBack
    from tagwatch.audit.verdict.result import Purpose as Purpose
    from tagwatch.audit.verdict.result import RepositoryChange as RepositoryChange
    from tagwatch.audit.verdict.result import Since as Since
    from tagwatch.audit.verdict.result import Wanted as Wanted
    from tagwatch.config.settings import Settings as Settings
    from tagwatch.errors import BudgetError as BudgetError
    from tagwatch.errors import ClockError as ClockError
    from tagwatch.errors import ConfigError as ConfigError
    from tagwatch.errors import CredentialError as CredentialError
    from tagwatch.errors import DeniedError as DeniedError
    from tagwatch.errors import HostileAnswerError as HostileAnswerError
    from tagwatch.errors import InputError as InputError
    from tagwatch.errors import InvalidDigestError as InvalidDigestError
    from tagwatch.errors import InvalidDocumentError as InvalidDocumentError
    from tagwatch.errors import InvalidReferenceError as InvalidReferenceError
    from tagwatch.errors import LedgerError as LedgerError
    from tagwatch.errors import LedgerFailedError as LedgerFailedError
    from tagwatch.errors import LyingDigestError as LyingDigestError
    from tagwatch.errors import NotFoundError as NotFoundError
    from tagwatch.errors import NothingToReadError as NothingToReadError
    from tagwatch.errors import NotifyError as NotifyError
    from tagwatch.errors import OutputError as OutputError
    from tagwatch.errors import PullLimitError as PullLimitError
    from tagwatch.errors import RateLimitedError as RateLimitedError
    from tagwatch.errors import RegistryError as RegistryError
    from tagwatch.errors import TagwatchError as TagwatchError
    from tagwatch.errors import UnavailableError as UnavailableError
    from tagwatch.errors import UsageError as UsageError
    from tagwatch.image.digest import Digest as Digest
    from tagwatch.image.platform import Platform as Platform
    from tagwatch.image.reference import Reference as Reference
    from tagwatch.image.reference import Repository as Repository
    from tagwatch.image.snapshot import Failure as Failure
    from tagwatch.image.snapshot import Gone as Gone
    from tagwatch.image.snapshot import Quota as Quota
    from tagwatch.image.snapshot import Remark as Remark
    from tagwatch.image.snapshot import RepositorySnapshot as RepositorySnapshot
    from tagwatch.source.target import Location as Location
    from tagwatch.source.target import Problem as Problem
    from tagwatch.source.target import Target as Target
    from tagwatch.source.text.edit import Fix as Fix
    from tagwatch.walk.fix import Draft as Draft
    from tagwatch.walk.scan import ScanResult as ScanResult
    from tagwatch.walk.site import Site as Site
    from tagwatch.walk.site import open_site as open_site

__version__ = "0.2.0"

_HOMES = {
    "api": "Asking CheckOptions check fix outdated pull_request resolve resolve_all scan "
    "scan_async",
    "audit.model.base_match": "BaseMatch BaseVerdict",
    "audit.model.coverage": "Coverage Reading Reason Remembered State",
    "audit.model.diff": "ImageDiff Verdict",
    "audit.model.evidence": "Basis Evidence Newer Resolution Status",
    "audit.model.finding": "Finding Severity",
    "audit.model.history": "Change Interval",
    "audit.model.knowledge": "Knowledge",
    "audit.model.policy": "Policy",
    "audit.verdict.baseline": "Baseline read_baseline",
    "audit.verdict.fixing": "Strategy",
    "audit.verdict.news": "News",
    "audit.verdict.outlook": "End Level Outlook Prospect Prospects Step",
    "audit.verdict.pull_request": "ImageChange PullRequest",
    "audit.verdict.result": "AuditResult Ignored KeptBack Purpose RepositoryChange Since Wanted",
    "config.settings": "Settings",
    "errors": "BudgetError ClockError ConfigError CredentialError DeniedError HostileAnswerError "
    "InputError InvalidDigestError InvalidDocumentError InvalidReferenceError "
    "LedgerError LedgerFailedError LyingDigestError NotFoundError NothingToReadError NotifyError "
    "OutputError PullLimitError RateLimitedError RegistryError TagwatchError UnavailableError "
    "UsageError",
    "image.digest": "Digest",
    "image.platform": "Platform",
    "image.reference": "Reference Repository",
    "image.snapshot": "Failure Gone Quota Remark RepositorySnapshot",
    "source.text.edit": "Fix",
    "source.target": "Location Problem Target",
    "walk.fix": "Draft",
    "walk.scan": "ScanResult",
    "walk.site": "Site open_site",
}
_HOME = {name: f"tagwatch.{home}" for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604  # texts, all of them


if not TYPE_CHECKING:  # a type checker shall know a wrong name

    def __getattr__(name: str) -> object:
        """What `name` stands for, imported now (PEP 562)."""
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

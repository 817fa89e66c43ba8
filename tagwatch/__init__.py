"""tagwatch: what every image tag is, what it was, why it moved, and what to do about it.

`check` and `fix` audit files, `scan` is the nightly run; the rest are the values that they take
and give, and the errors that they raise. Nothing is imported before it is named.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tagwatch.api import Asking as Asking
    from tagwatch.api import CheckOptions as CheckOptions
    from tagwatch.api import ScanResult as ScanResult
    from tagwatch.api import check as check
    from tagwatch.api import fix as fix
    from tagwatch.api import scan as scan
    from tagwatch.audit.model.change import Change as Change
    from tagwatch.audit.model.change import Verdict as Verdict
    from tagwatch.audit.model.evidence import Evidence as Evidence
    from tagwatch.audit.model.finding import Finding as Finding
    from tagwatch.audit.model.finding import Fix as Fix
    from tagwatch.audit.model.finding import Severity as Severity
    from tagwatch.audit.model.history import Interval as Interval
    from tagwatch.audit.model.resolution import Basis as Basis
    from tagwatch.audit.model.resolution import Resolution as Resolution
    from tagwatch.audit.model.resolution import Status as Status
    from tagwatch.audit.verdict.fixing import Strategy as Strategy
    from tagwatch.audit.verdict.result import AuditResult as AuditResult
    from tagwatch.errors import ConfigError as ConfigError
    from tagwatch.errors import InputError as InputError
    from tagwatch.errors import InvalidReferenceError as InvalidReferenceError
    from tagwatch.errors import LedgerError as LedgerError
    from tagwatch.errors import NothingToReadError as NothingToReadError
    from tagwatch.errors import RegistryError as RegistryError
    from tagwatch.errors import TagwatchError as TagwatchError
    from tagwatch.image.digest import Digest as Digest
    from tagwatch.image.platform import Platform as Platform
    from tagwatch.image.reference import Reference as Reference
    from tagwatch.image.reference import Repository as Repository
    from tagwatch.source.target import Location as Location
    from tagwatch.source.target import Target as Target
    from tagwatch.walk.site import Site as Site

__version__ = "0.1.0"

_HOMES = {
    "api": "Asking CheckOptions ScanResult check fix scan",
    "audit.model.change": "Change Verdict",
    "audit.model.evidence": "Evidence",
    "audit.model.finding": "Finding Fix Severity",
    "audit.verdict.fixing": "Strategy",
    "audit.model.history": "Interval",
    "audit.model.resolution": "Basis Resolution Status",
    "audit.verdict.result": "AuditResult",
    "errors": "ConfigError InputError InvalidReferenceError LedgerError NothingToReadError "
    "RegistryError TagwatchError",
    "image.digest": "Digest",
    "image.platform": "Platform",
    "image.reference": "Reference Repository",
    "source.target": "Location Target",
    "walk.site": "Site",
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

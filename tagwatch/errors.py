"""Every error tagwatch raises on purpose: one tree, each with a hint and an exit code.

TagwatchError                    exit 2 unless a subclass says otherwise
├── UsageError                   a flag or argument that cannot be used
├── ConfigError                  tagwatch.yaml or policy.yaml: place, key, nearest known key
├── InputError                   a file that cannot be read or understood
│   └── NothingToReadError       exit 3: nothing that tagwatch reads among the paths named
├── InvalidReferenceError        text that is no image reference
├── InvalidDigestError           text that is no digest
├── InvalidDocumentError         a manifest, index or config that is malformed or hostile
├── LedgerError                  the database: missing, foreign, newer than this program
│   └── LedgerFailedError        exit 5: locked, damaged, full, not writable, another scan at work
│       └── ClockError           exit 5: the ledger is ahead of the clock
├── OutputError                  exit 5: a report, or a file on a full disk, that cannot be written
├── RegistryError                a registry refused or failed; `code` says how (exit 4)
│   ├── NotFoundError            404: the repository, tag or digest is not there (or hidden)
│   ├── DeniedError              401 or 403 after the best credential known
│   ├── RateLimitedError         429 after all retries; `retry_after_seconds` where it said so
│   │   └── PullLimitError       the limit of pulls is spent; what is no pull is still answered
│   ├── BudgetError              asking on would spend pulls that are kept for what matters more
│   ├── CredentialError          a credential file or helper program cannot be used
│   ├── UnavailableError         network failure, time-out, 5xx after all retries
│   ├── WorkerError              workers of a cluster died while they read a repository
│   └── HostileAnswerError       an answer that breaks a rule of safety: never retried
│       └── LyingDigestError     bytes of another digest than the one that was asked for
├── OutOfTimeError               a run's limit of time is over; the run itself makes a failure of it
└── NotifyError                  an alert could not be delivered
"""

from __future__ import annotations

import errno

__all__ = [
    "BudgetError",
    "ClockError",
    "ConfigError",
    "CredentialError",
    "DeniedError",
    "HostileAnswerError",
    "InputError",
    "InvalidDigestError",
    "InvalidDocumentError",
    "InvalidReferenceError",
    "LedgerError",
    "LedgerFailedError",
    "LyingDigestError",
    "NotFoundError",
    "NothingToReadError",
    "NotifyError",
    "OutOfTimeError",
    "OutputError",
    "PullLimitError",
    "RateLimitedError",
    "RegistryError",
    "TagwatchError",
    "UnavailableError",
    "UsageError",
    "WorkerError",
    "cannot_write",
    "is_of_the_disk",
]

_DISK = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS")
    if hasattr(errno, name)
)
"""What no other name of a file mends."""


class TagwatchError(Exception):
    """An error with a message (lower case, values in repr), a hint, and an exit code."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TagwatchError):
    """A flag or argument that cannot be used."""


class ConfigError(TagwatchError):
    """A configuration or policy file is wrong; the message begins with path and line."""


class InputError(TagwatchError):
    """A file cannot be read or understood."""


class NothingToReadError(InputError):
    """Nothing that tagwatch reads is among the paths named."""

    exit_code = 3


class InvalidReferenceError(TagwatchError):
    """Text that is not an image reference."""


class InvalidDigestError(TagwatchError):
    """Text that is not a digest, or one of an unknown length or case."""


class InvalidDocumentError(TagwatchError):
    """A manifest, index or image config is malformed, ambiguous or of an unsupported kind."""


class LedgerError(TagwatchError):
    """The ledger cannot be opened, read or written."""


class LedgerFailedError(LedgerError):
    """The ledger's file, its disk or its lock fails: no flag or configuration is wrong."""

    exit_code = 5


class LedgerReadOnlyError(LedgerFailedError):
    """The ledger can be read, and not written."""


class ClockError(LedgerFailedError):
    """The ledger was written at times that this machine's clock has not reached yet."""


class OutputError(TagwatchError):
    """A file cannot be written where the configuration wants it."""

    exit_code = 5


class RegistryError(TagwatchError):
    """A registry refused or failed. `code` is a short stable word for machine formats."""

    exit_code = 4
    code = "registry-error"

    def __init__(self, message: str, *, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class NotFoundError(RegistryError):
    """The repository, tag or digest does not exist, or is hidden from this credential."""

    code = "not-found"


class DeniedError(RegistryError):
    """The registry refused the best credential known (401 or 403)."""

    code = "denied"


class RateLimitedError(RegistryError):
    """The registry limits requests (429; Amazon's throttling) and all retries are spent."""

    code = "rate-limited"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int | None = 429,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, status=status)
        self.retry_after_seconds = retry_after_seconds


class PullLimitError(RateLimitedError):
    """The limit of pulls is spent (429); only manifest GETs are refused."""


class BudgetError(RegistryError):
    """Pulls are left for what matters more: the budget of the run, or the registry's limit."""

    code = "budget"


class CredentialError(RegistryError):
    """A credential file, helper program or cloud login cannot be used."""

    code = "credential-error"


class UnavailableError(RegistryError):
    """The registry could not be reached or kept failing."""

    code = "unavailable"


class WorkerError(RegistryError):
    """The workers of a cluster were lost while they read it."""

    code = "worker-failed"


class HostileAnswerError(RegistryError):
    """An answer that breaks a rule of safety: a lying digest, a foreign redirect, no end."""

    code = "hostile-answer"


class LyingDigestError(HostileAnswerError):
    """The bytes, or the digest stated with them, are not those of the digest asked for."""


class OutOfTimeError(TagwatchError):
    """There is no more time for what was being computed."""


class NotifyError(TagwatchError):
    """An alert could not be delivered."""


def is_of_the_disk(error: OSError) -> bool:
    """Return True where the disk is full, broken or to be read only."""
    return error.errno in _DISK


def cannot_write(error: OSError, message: str, *, hint: str) -> TagwatchError:
    """Return the error of a file that cannot be written where a user named it.

    A full or broken disk is the environment's failure (exit 5), anything else the name's (exit 2).
    """
    kind = OutputError if is_of_the_disk(error) else InputError
    return kind(f"{message}: {error.strerror or error}", hint=hint)

"""What an engine is given and what it must do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable

from tagwatch.crawl.image_reader import Before, Recall
from tagwatch.crawl.task import CrawlTask
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failure, RepositorySnapshot
from tagwatch.value import dataclass

__all__ = ["Below", "Engine", "Home", "Login", "Opener", "Sink", "Slot", "Spread"]

Sink = Callable[[RepositorySnapshot], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """What a registry lists below a prefix; `gap`: why it is not all; `failure`: why it is none."""

    found: tuple[Repository, ...] = ()
    gap: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where a login for a registry was found, if any was, and why it cannot be used."""

    origin: str | None = None
    problem: str = ""
    failure: str = ""
    """Why the registry cannot be read, with the login or without one."""


class Slot(Protocol):
    """What asks registries for a whole run: it keeps their sessions, tokens, pace and budgets.

    What a registry refuses is data: a failure in the answer, never raised.
    """

    async def crawl(self, task: CrawlTask, before: Before | None = None) -> RepositorySnapshot:
        """Read one repository. A pull that is counted waits for `before`.

        Counted pulls are made in the order of the calls, whatever answers first; those that wait
        for something have an order of their own.
        """

    async def below(self, prefix: Repository, path: str) -> Below:
        """List the repositories whose path begins with `path`.

        `prefix` names their registry, and stands for all of them where they cannot be listed.
        """

    def expect(self, repositories: Iterable[Repository]) -> None:
        """Take note of what will be asked, in that order; one token may serve several of them."""

    @property
    def requests(self) -> Mapping[str, Mapping[str, int]]:
        """Requests made so far, by host and kind, in sums that go on over the whole run.

        Kinds are `ping`, `token`, `tags`, `head`, `manifest`, `config`, `catalogue`, …
        """

    @property
    def lanes(self) -> int:
        """How many tasks may be under way at once."""


@runtime_checkable
class Spread(Protocol):
    """A slot that is in several places, each with logins of its own."""

    async def logins(self, paths: Mapping[str, str]) -> Mapping[str, Mapping[str, Login]]:
        """Return what each place finds to log in with, by place and host, and whether it serves.

        `paths`: of each host a repository to try, empty where none is known.
        """


Opener = Callable[[bytes, Recall], AbstractAsyncContextManager[Slot]]
"""Opens a slot in another process, from what `Home.packed` wrote and what knows stored documents.

It can be named: a function of a module. Raises `ConfigError`.
"""


class Home(Slot, Protocol):
    """The slot of this process, which knows the ledger, and how another process opens one."""

    def recall(self, host: str) -> Recall:
        """Return what knows the documents that are stored already, of any repository.

        A registry whose pulls are counted is given none that another one has only just brought.
        """

    @property
    def opener(self) -> Opener:
        """How another process opens a slot; credentials are those of its environment and home."""

    @property
    def login_finder(self) -> Callable[[bytes], Awaitable[bytes]]:
        """What finds logins in another process, and can be named; see `login_question`."""

    def login_question(self, paths: Mapping[str, str]) -> bytes:
        """Return what `login_finder` is asked; it answers as `message.encode_logins` writes."""

    def name(self, host: str) -> str:
        """Return the one name of a registry, whichever of its names it is called by."""

    def at_once(self, host: str) -> int:
        """Return how many requests a registry may be sent at once."""

    def packed(self, host: str, spent: int) -> bytes:
        """Return what a slot elsewhere must know to own `host`; it holds no secret.

        `spent`: the pulls of its budget that the slot before it has spent.
        """


class Engine(Protocol):
    """Opens what asks the registries of a run: a function of `family.ENGINES`."""

    def __call__(self, home: Home, **options: Any) -> AbstractAsyncContextManager[Slot]:
        """Open the engine for one run. Options of its configuration are keyword arguments.

        `home` itself may do the work, or be asked how others do it. Raises `ConfigError`.
        """

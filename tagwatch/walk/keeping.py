"""Judgements of a scan, kept: a repository of which nothing is new is not judged again.

`walk.judged` says whether its evidence stands. What the rules made of that, they made of more: the
policy and which ignores count today, the knowledge, and how files name its images. A hash of all
that is stored with what they said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from hashlib import blake2b

from tagwatch import __version__
from tagwatch.audit.model.coverage import whole_failures
from tagwatch.audit.model.knowledge import Knowledge
from tagwatch.audit.rule.catalogue import rows_of
from tagwatch.audit.verdict.exemption import Exemptions
from tagwatch.audit.verdict.keeper import Keeper, Stood
from tagwatch.family import RULES
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Failure
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Extraction, Target
from tagwatch.walk.judged import Settled
from tagwatch.walk.site import Site
from tagwatch.walk.watch_list import Watched

__all__ = ["Keeping", "judgements_made_from", "rules_made_from", "state_of"]

_NOTHING = Knowledge()
_FORM = 2
"""It grows where the same rules would be kept in another way."""


class Keeping:
    """The judgements that hold still in a scan, and those that it makes."""

    def __init__(
        self,
        ledger: Ledger,
        project: str,
        site: Site,
        settled: Mapping[Repository, Settled],
        files: Sequence[tuple[str, Extraction]],
        failures: Sequence[Failure],
    ) -> None:
        """Read what holds still. `files`: in the order in which they are judged."""
        failed = whole_failures(failures)
        settled = {one: made for one, made in settled.items() if one not in failed}
        self._ledger = ledger
        self._project = project
        self._made_from = judgements_made_from(site, settled, files)
        found = ledger.judgements(project, self._made_from, site.at)
        stood = {one: Stood(held, settled[one].keys) for one, held in found.items()}
        self.keeper = Keeper(stood, self._made_from)

    def keep(self) -> None:
        """Store what was made."""
        made = [(one, self._made_from[one], held) for one, held in self.keeper.made]
        if made:
            self._ledger.keep(self._project, made)


def judgements_made_from(
    site: Site,
    settled: Mapping[Repository, Settled],
    files: Sequence[tuple[str, Extraction]],
) -> dict[Repository, bytes]:
    """Return, for each repository whose judgement may be kept, a hash of all it is made from.

    None may where a rule of another package speaks: of what that is made nobody knows.
    """
    frame = rules_made_from(site)
    if frame is None:
        return {}
    exemptions = Exemptions(policy=site.policy, at=site.at)
    named, watched = _named(files, settled), _watched(files)
    return {
        repository: _hash(
            frame + one.made_from,
            (
                [(where, target) for where, target in named.get(repository, ())],
                exemptions.counting(target for _, target in named.get(repository, ())),
                _said_by(watched.get(repository, ())),
            ),
        )
        for repository, one in settled.items()
    }


def rules_made_from(site: Site) -> bytes | None:
    """Return a hash of all that rules know beside targets and evidence; None where nobody can tell.

    So it is where a rule of another package speaks.
    """
    policy, known = site.policy, state_of(site.knowledge)
    if known is None or any(row["id"] not in RULES for row in rows_of(policy)):
        return None
    counting = Exemptions(policy=policy, at=site.at).counting(())
    return _hash(known, (__version__, _FORM, policy.digest, policy, counting))


def _named(
    files: Iterable[tuple[str, Extraction]], settled: Mapping[Repository, Settled]
) -> dict[Repository, list[tuple[bytes, Target]]]:
    """Return how files name the images of repositories, each with a hash of its instructions."""
    found: dict[Repository, list[tuple[bytes, Target]]] = {}
    for path, extraction in files:
        beside = b""
        for target in () if _parts(extraction) else extraction.targets:
            reference = target.reference
            if reference is None or reference.repository not in settled:
                continue
            beside = beside or _hash(b"", (path, extraction.instructions))
            found.setdefault(reference.repository, []).append((beside, target))
    return found


def _watched(files: Iterable[tuple[str, Extraction]]) -> dict[Repository, list[Watched]]:
    """Return what the watch list comes to in repositories, in the order of the run."""
    found: dict[Repository, list[Watched]] = {}
    for _, extraction in files:
        for one in _parts(extraction):
            found.setdefault(one.repository, []).append(one)
    return found


def _said_by(watched: Iterable[Watched]) -> Sequence[tuple[object, ...]]:
    """Return where these are written and what they come to."""
    return [(one.watch.location, one.selector, tuple(one.tags)) for one in watched] or ()


def _parts(extraction: Extraction) -> tuple[Watched, ...]:
    """Return the entries of a watch list; empty for a file that names images."""
    parts = getattr(extraction.targets, "parts", ())
    return tuple(one for one in parts if isinstance(one, Watched))


def state_of(knowledge: Knowledge) -> bytes | None:
    """Return a hash of all that is known; None where that cannot be told.

    What is read from files of ours says what it was made of; the rest is shown value by value.
    """
    said = []
    for name in Knowledge.__slots__:
        value = getattr(knowledge, name)
        state = getattr(getattr(value, "__self__", value), "state", None)
        if state is not None:
            said.append(state())
        elif isinstance(value, frozenset):
            said.append(repr(sorted(value)))
        elif value is None or isinstance(value, date | dict | tuple):
            said.append(repr(value))
        elif value is not getattr(_NOTHING, name):
            return None  # a mapping or function of somebody else
    return _hash(b"", said)


def _hash(before: bytes, more: object) -> bytes:
    return blake2b(before + repr(more).encode(errors="surrogatepass"), digest_size=16).digest()

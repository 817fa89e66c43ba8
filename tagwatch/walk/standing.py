"""Evidence that still stands: what it was made of is what it was made of last time.

An unchanged night reads such evidence back and lets its dates go on, instead of reading documents,
resolving and matching bases again. What it was made of is hashed: the program's version, the
policy, the known builds of bases, all that the ledger holds of the repository, what its registry
said in this run, and how the target is written. What time alone decides is made anew every time
(`audit.fact.gather.dated`); so is the judgement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b

from tagwatch import __version__
from tagwatch.audit.model.evidence import Evidence
from tagwatch.image.reference import Repository
from tagwatch.ledger.write import Ledger
from tagwatch.source.target import Target
from tagwatch.value import dataclass
from tagwatch.walk.ask import Reading
from tagwatch.walk.site import Site

__all__ = ["Standing", "may_stand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is the same for every evidence of a run, as a hash. Made by `of`."""

    ledger: Ledger
    frame: bytes

    @classmethod
    def of(
        cls,
        ledger: Ledger,
        site: Site,
        bases: Iterable[Repository],
        *,
        bases_unread: tuple[str, ...],
        documents_asked: bool,
    ) -> Standing:
        """`bases`: the repositories whose builds images are matched against."""
        audited = [str(platform) for platform in site.policy.defaults.audited]
        names = [repository.name for repository in bases]
        frame = (__version__, site.policy.digest, audited, names, bases_unread, documents_asked)
        return cls(ledger=ledger, frame=_hash(ledger.state_of_bases(), frame))

    def made_from(
        self, targets: Mapping[str, Target], repository: Repository, reading: Reading | None
    ) -> dict[str, bytes]:
        """By evidence key, a hash of all that the evidence of each target is made of.

        Empty where the repository was not read whole: then all of it is made again.
        """
        if reading is None or reading.failures:
            return {}
        told = (reading.names, sorted(reading.absent), sorted(reading.pins.items()))
        state = _hash(self.frame + self.ledger.state(repository), told)
        return {
            key: _hash(state, (key, target.text, target.kind == "from", str(target.reference)))
            for key, target in targets.items()
        }


def may_stand(evidence: Evidence) -> bool:
    """False where it tells dates that are not its own tag's, or might be told more next time."""
    return (
        evidence.documents_read
        and not evidence.failures
        and all(match.base is None and match.current is None for match in evidence.bases)
    )


def _hash(before: bytes, more: object) -> bytes:
    """`more` is of text, numbers and their sequences: its `repr` is the same in every process."""
    return blake2b(before + repr(more).encode(), digest_size=16).digest()

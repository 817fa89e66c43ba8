"""Gather evidence of each target from the memory of its repository.

Evidence is made again only where what it is made of differs from last time: the program's version,
what the policy says of images, the known builds of bases, all that the ledger holds of the
repository, what its registry said in this run, and how the target is written. A hash of all this is
stored with it. What depends on time alone is made every time (`audit.fact.gather.dated`), and so is
the judgement. Of a repository of which nothing at all is new, not even that is made: see
`walk.judged`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING

from tagwatch import __version__
from tagwatch.audit.fact.memory import Memory
from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict
from tagwatch.audit.model.evidence import Evidence, evidence_key, is_readable, until
from tagwatch.audit.model.history import Seen
from tagwatch.audit.rule.catalogue import reads_of
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.ledger.read import Reader
from tagwatch.ledger.record import Judged
from tagwatch.source.target import Target
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.recall import (
    KnownBases,
    TooEarlyError,
    recall_bases,
    recall_elsewhere,
    recall_offline,
)
from tagwatch.walk.site import Site

if TYPE_CHECKING:
    from tagwatch.audit.base.seed import Wish
    from tagwatch.audit.reading.image import Image
    from tagwatch.config.settings import Watch
    from tagwatch.ledger.write import Ledger
    from tagwatch.walk.ask import RepositoryAnswer
    from tagwatch.walk.bases import Seeds

__all__ = ["Gathered", "Round", "frame_of", "gather_evidence", "gather_remembered"]
__all__ += ["made_whole_from", "rests_on_others", "with_others"]


_BY_OTHERS = frozenset({BaseVerdict.CLAIMED, BaseVerdict.CONFLICT})
"""Verdicts that rest on the images of all other repositories as well."""
_OTHERS = b"+others"
"""What ends a hash of what rests on them."""


_AT_ONCE = 100
"""So many pieces of evidence are in memory together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The values that stay the same while the answers of one round become evidence."""

    site: Site
    ledger: Ledger
    answers: Mapping[Repository, RepositoryAnswer]
    bases: KnownBases
    documents_asked: bool
    """True where manifests and configs were asked for."""
    frame: bytes
    """A hash of what all evidence of the round has in common; see `frame_of`."""
    seeds: Seeds | None = None
    """What images may wish for; None: nothing more is read after this round."""
    project: str | None = None
    """Whose scan it is; None: of no project, or only a part of the targets is asked for."""
    judged: Mapping[Repository, Judged] = field(default_factory=dict)
    """What was made of repositories before, and may hold still."""
    state_of_others: Callable[[], bytes] = bytes
    """Returns a hash of all that `KnownBases.others` is made of: as of its first call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The evidence of one target, and what became of it."""

    target: Target
    evidence: Evidence
    is_unchanged: bool
    """True where the stored evidence still holds: only the time until which it does moves on."""
    made_from: bytes | None
    """A hash of everything it is made of; None where it must be made again next time."""
    wished: tuple[Wish, ...] = ()
    """What to read so that the image may match a base."""
    is_settled: bool = False
    """False where it might say more next time, of whatever it is made."""
    rests_on_others: bool = False
    """True where it is made of the images of all other repositories as well."""


def frame_of(ledger: Ledger, site: Site, bases: KnownBases, *, documents_asked: bool) -> bytes:
    """Return a hash of what all evidence of a round has in common. Reads every build of a base.

    Of the policy that is what it says of bases, platforms and tags that must not move: what rules
    make of evidence is no part of it.
    """
    policy = site.policy
    decided = (policy.defaults, policy.bases, policy.immutable)
    reads = sorted(one.value for one in reads_of(policy))
    names = [repository.name for repository in bases.repositories]
    made_of = (__version__, decided, reads, names, bases.unread, documents_asked)
    return _hash(ledger.state_of_bases(site.at), made_of)


def gather_evidence(
    wanted: Iterable[tuple[str, Target]], memory: Memory, this_round: Round, late: set[str]
) -> Iterator[Gathered]:
    """Yield the evidence of each target of one repository. `wanted`: evidence keys, and targets.

    While other repositories are still read, the keys of those in which these have a say go to
    `late` instead.
    """
    from tagwatch.audit.fact.gather import dated  # most nights all that was made holds still

    state = _state_of(memory.repository, this_round)
    for key, target, made_from, before in _with_stored(wanted, state, this_round.ledger):
        if before is None:
            try:
                evidence, wished = _gather(target, memory, this_round)
            except TooEarlyError:
                late.add(key)
                continue
        else:
            before = until(before, this_round.site.at)
            evidence, wished = dated(before, target, memory, at=this_round.site.at), ()
        is_settled = _is_settled(evidence, memory)
        rests_on_others = any(one.verdict in _BY_OTHERS for one in evidence.bases)
        yield Gathered(
            target=target,
            evidence=evidence,
            is_unchanged=before is not None and evidence == before,
            made_from=made_from if is_settled and not rests_on_others else None,
            wished=wished,
            is_settled=is_settled and not wished,
            rests_on_others=rests_on_others,
        )


def _with_stored(
    wanted: Iterable[tuple[str, Target]], state: bytes | None, ledger: Ledger
) -> Iterator[tuple[str, Target, bytes | None, Evidence | None]]:
    """Yield keys and targets with a hash of all that their evidence is made of, and evidence.

    `state`: see `_state_of`. There is evidence where what is stored still holds. It is read a few
    at a time: a repository may have twenty thousand tags.
    """
    left = iter(wanted)
    while some := list(islice(left, _AT_ONCE)):
        made_from = {}
        if state is not None:
            made_from = {key: _hash(state, _naming(key, target)) for key, target in some}
        stored = ledger.standing(made_from) if made_from else {}
        for key, target in some:
            yield key, target, made_from.get(key), stored.get(key)


def gather_remembered(targets: Sequence[Target], ledger: Reader, site: Site) -> dict[str, Evidence]:
    """Return evidence by key, made from memory, of references for which none is stored.

    A scan that lists a repository learns of every tag in it, also of those that a file will name
    only tomorrow. Only targets whose digest is remembered get evidence, and tags that were seen to
    go, with that date: memory never says of others that they do not exist, because they may have
    been pushed since. Evidence is as old as the
    memory it is made from. The ledger is only read.
    """
    wanted: dict[Repository, dict[str, Target]] = {}
    for target in targets:
        key, reference = evidence_key(target), target.reference
        if key is not None and reference is not None:
            wanted.setdefault(reference.repository, {}).setdefault(key, target)
    bases = recall_bases(ledger, site.policy, targets)
    found = {}
    for repository, named in wanted.items():
        memory = recall_offline(ledger, repository, site.at)
        for key, target in named.items():
            evidence, _ = _evidence(target, memory, bases, site, ledger)
            if not is_readable(evidence):
                continue
            tag = _named_tag(target)
            if evidence.resolution.digest is None and tag not in memory.absent:
                continue  # it may have been pushed since
            is_known = tag in memory.table.tags or tag in memory.absent
            if not is_known and not memory.is_listed:
                continue  # a pattern selects among all tags, and not all are known
            seen = evidence.history[-1].last_seen if evidence.history else evidence.at
            found[key] = replace(evidence, at=seen, documents_asked=evidence.documents_read)
    return found


def _gather(target: Target, memory: Memory, this_round: Round) -> tuple[Evidence, tuple[Wish, ...]]:
    """Return new evidence of a target, and what its image wishes for."""
    evidence, matched = _evidence(
        target, memory, this_round.bases, this_round.site, this_round.ledger
    )
    evidence = replace(
        evidence, documents_asked=this_round.documents_asked or evidence.documents_read
    )
    if this_round.seeds is None or _is_parent(target) or matched is None:
        return evidence, ()
    image, bases = matched
    is_new = _is_new(target, memory, this_round)
    return evidence, this_round.seeds.open_wishes(image, bases, is_new=is_new)


def _evidence(
    target: Target, memory: Memory, bases: KnownBases, site: Site, ledger: Reader
) -> tuple[Evidence, tuple[Image, tuple[BaseMatch, ...]] | None]:
    """Return new evidence; and its image with the bases found, None where that was not read."""
    from tagwatch.audit.fact.gather import gather
    from tagwatch.walk.bases import match

    audited = site.policy.defaults.audited
    matched: list[tuple[Image, tuple[BaseMatch, ...]]] = []

    def bases_of(image: Image) -> tuple[BaseMatch, ...]:
        is_base = _is_parent(target)
        found = match(image, bases, site.policy, is_base=is_base, audited=audited)
        matched.append((image, found))
        return found

    evidence = gather(target, memory, platforms=audited, bases=bases_of, at=site.at)
    gone = _gone_digest(evidence, target)
    if bases.is_early and (gone is not None or not _is_whole(evidence)):
        raise TooEarlyError
    elsewhere = recall_elsewhere(ledger, memory, gone) if gone is not None else ()
    # `gather` matches the image at most once
    return (
        replace(evidence, bases_unread=bases.unread, elsewhere=elsewhere),
        next(iter(matched), None),
    )


def _is_whole(evidence: Evidence) -> bool:
    """Return False where an image is there that was not read, which another repository may hold."""
    is_read = evidence.documents_read or evidence.resolution.digest is None
    return is_read and not evidence.failures


def _gone_digest(evidence: Evidence, target: Target) -> Digest | None:
    """Return the digest that a pull of `target` got, and gets no more; None where it is known."""
    pinned = target.reference.digest if target.reference is not None else None
    if pinned is not None:
        return pinned if evidence.pin is not None and evidence.pin.exists is False else None
    last = evidence.history[-1] if evidence.history else None
    is_gone = evidence.gone_since is not None and target.selector is None
    return last.digest if is_gone and last and last.kind is not Seen.COMMITTED else None


def _is_parent(target: Target) -> bool:
    """Return True for what a `FROM` names: it is itself the base of what will be built."""
    return target.kind == "from"


def _is_new(target: Target, memory: Memory, this_round: Round) -> bool:
    """Return True where this run is the first to see the image under this name."""
    tag = target.reference.effective_tag if target.reference else None
    past = memory.intervals.get(tag, ()) if tag else ()
    if past:
        return past[-1].first_seen == this_round.site.at
    return not this_round.ledger.evidence([evidence_key(target) or ""])


def _named_tag(target: Target) -> str | None:
    named = target.reference if target.selector is None else None
    return named.effective_tag if named is not None else None


def _state_of(repository: Repository, this_round: Round) -> bytes | None:
    """Return a hash of all that the evidence of a repository's targets has in common.

    None where the repository was not read whole: then all its evidence is made again.
    """
    answer = this_round.answers.get(repository)
    if answer is None or answer.failures:
        return None
    return _state(repository, answer, this_round)


def _state(repository: Repository, answer: RepositoryAnswer, this_round: Round) -> bytes:
    """Return a hash of all that is known of a repository, and of what the round has in common."""
    said = (answer.names, sorted(answer.absent), sorted(answer.pins.items()))
    return _hash(this_round.frame + this_round.ledger.state(repository), said)


def _naming(key: str, target: Target) -> tuple[object, ...]:
    """Return how a target names its image, as far as evidence depends on that."""
    return (key, target.text, _is_parent(target), str(target.reference))


def made_whole_from(
    wanted: Mapping[str, Target],
    watches: Sequence[Watch],
    repository: Repository,
    this_round: Round,
) -> bytes | None:
    """Return a hash of everything that all evidence of a repository is made of.

    `wanted`: the targets in files. What the watches come to follows from the rest, and so does it
    from which tags were seen in this run until when each of them is known to last. None where it
    must be made again next time.
    """
    answer = this_round.answers.get(repository)
    if this_round.project is None or answer is None or answer.failures:
        return None
    named = [_naming(key, target) for key, target in wanted.items()]
    seen = this_round.ledger.seen_at(repository, this_round.site.at)
    return _hash(_state(repository, answer, this_round) + seen, (named, repr(watches)))


def rests_on_others(made_from: bytes) -> bool:
    """Return True for what `with_others` returned."""
    return made_from.endswith(_OTHERS)


def with_others(made_from: bytes, this_round: Round) -> bytes:
    """Return a hash of what evidence is made of that rests on all other repositories as well."""
    return _hash(made_from, this_round.state_of_others()) + _OTHERS


def _is_settled(evidence: Evidence, memory: Memory) -> bool:
    """Return False where evidence might say more next time.

    So might that of a digest that is gone: where else it lives is in no hash.
    """
    return (
        evidence.documents_read
        and not evidence.failures
        and (evidence.pin is None or evidence.pin.exists is not False)
        and evidence.change not in memory.unexplained.values()
    )


def _hash(before: bytes, more: object) -> bytes:
    """Return a hash of both, which is the same in every process.

    For that `more` holds only text, numbers and their sequences: the `repr` of a set may differ.
    """
    return blake2b(before + repr(more).encode(), digest_size=16).digest()

"""Matching an image to the base it is built on: by layers, deepest first, platform by platform.

Layers decide. Labels, annotations and provenance are claims: they break ties, or are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tagwatch.audit.base.build import build_of, canonical_name, parse_or_none, repository_of
from tagwatch.audit.base.claim import (
    Claim,
    ClaimKind,
    Credit,
    find_claims,
    judge_claim,
    other_system,
)
from tagwatch.audit.base.currency import builds_behind, currency, is_recompressed
from tagwatch.audit.base.index import BaseIndex, common_layers, is_history_prefix, solid
from tagwatch.audit.base.rank import Rank, rank_builds
from tagwatch.audit.base.sentence import (
    base_words,
    beyond_sentence,
    claim_words,
    distance_between,
    layers_words,
    other_system_sentence,
    partial_sentence,
    served_sentence,
)
from tagwatch.audit.diff.comparison import platform_name
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict, MatchedBase
from tagwatch.audit.reading.attestation import UNREAD_ATTESTATION
from tagwatch.audit.reading.image import Image, PlatformImage
from tagwatch.audit.reading.steps import begins_alike
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.platform import Platform
from tagwatch.value import dataclass, replace

__all__ = ["MatchContext", "match_base", "match_bases"]

_NAMES_ONE = (ClaimKind.DOCKERFILE, ClaimKind.ANNOTATION, ClaimKind.LABEL)
"""Claims that name one base; provenance lists every image of a build, tools included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchContext:
    """Everything that a match may rest on beside the layers."""

    rank: Rank | None = None
    """None: every known build is of an approved base."""
    is_base: bool = False
    """True where a `FROM` names the image, so that it is itself the base of what will be built."""
    claims: tuple[Claim, ...] = ()
    """Claims from elsewhere, such as the Dockerfile that the image was built from."""
    audited: tuple[Platform, ...] | None = None
    """The platforms that were to be read: another that was not read is no gap.

    None: no platform is a gap where at least one was read.
    """

    others: Callable[[], BaseIndex] | None = None
    """Returns what tags serve that are no bases: asked where a claim meets no known layers."""

    def place(self, reference: str) -> int | None:
        """Return the place among the approved bases; None where `reference` is not approved."""
        return 0 if self.rank is None else self.rank(reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """One platform's image with everything that a match goes by."""

    image: Image
    part: PlatformImage
    config: ImageConfig
    index: BaseIndex
    context: MatchContext
    claims: tuple[Claim, ...]
    """Those of the context first; of an image that is a base itself only its own name."""
    is_itself: bool
    """True where the image is a base: a `FROM` names it, or the policy does."""

    def verb(self, base: BaseBuild) -> str:
        """Return how the sentence begins; of what a `FROM` names, the build is yet to come."""
        if self.context.is_base:
            return "Builds on"
        is_base = self.is_itself and base.manifest == self.part.digest
        return "Is itself the base" if is_base else "Built on"


def match_bases(
    image: Image, index: BaseIndex, context: MatchContext | None = None
) -> tuple[BaseMatch, ...]:
    """Return the base of each platform that was read or should have been, in the image's order."""
    context = context or MatchContext()
    read = [part for part in image.platforms if part.config is not None]
    wanted = context.audited if context.audited is not None else ()
    # where nothing was read, and nobody says what should have been, every platform tells why
    if not read and (context.audited is None or image.index is None):
        read = list(image.platforms)
    return tuple(
        match_base(image, part, index, context)
        for part in image.platforms
        if part in read or any(part.platform.serves(platform) for platform in wanted)
    )


def match_base(
    image: Image, part: PlatformImage, index: BaseIndex, context: MatchContext | None = None
) -> BaseMatch:
    """Return the base of one platform of an image. Never raises: it says what is not known."""
    context = context or MatchContext()
    platform = platform_name(part.platform)
    if part.config is None:
        text = f"What it is built on is not known: {part.problem}."
        return BaseMatch(platform=platform, verdict=BaseVerdict.UNKNOWN, sentence=text)
    itself = _is_itself(image, context)
    subject = _Subject(
        image=image,
        part=part,
        config=part.config,
        index=index,
        context=context,
        # what a base claims of its own base says nothing of the images that are built on it
        claims=_own_claims(image) if itself else (*context.claims, *find_claims(image, part)),
        is_itself=itself,
    )
    hits = _hits(subject, itself=itself)
    found = _with_hits(subject, hits) if hits else _without_hits(subject)
    return replace(found, platform=platform)


def _is_itself(image: Image, context: MatchContext) -> bool:
    """Return True where the image is a base: a `FROM` names it, or the policy does."""
    name = canonical_name(image.reference)
    return context.is_base or (context.rank is not None and context.place(name) is not None)


def _own_claims(image: Image) -> tuple[Claim, ...]:
    """Return the claim that a base makes of itself: its name and tag, and its digest."""
    parsed = parse_or_none(image.reference)
    if parsed is None or parsed.effective_tag is None:
        return (Claim(kind=ClaimKind.DOCKERFILE, digest=image.digest),)
    return (Claim(kind=ClaimKind.DOCKERFILE, reference=parsed, digest=image.digest),)


def _hits(subject: _Subject, *, itself: bool) -> tuple[BaseBuild, ...]:
    """Return known builds below the image, deepest first; itself only where it is a base."""
    config = subject.config
    hits = subject.index.below(config.platform, config.diff_ids)
    own = repository_of(subject.image.reference)
    if not itself:
        # a build of its own repository with all its layers is the image itself under some name
        return tuple(
            build
            for build in hits
            if repository_of(build.reference) != own or len(build.diff_ids) < len(config.diff_ids)
        )
    build = build_of(subject.image, subject.part)
    if build is None or not solid(config.diff_ids):
        return hits
    same = [hit for hit in hits if hit.manifest == build.manifest]
    known = any(hit.reference == build.reference for hit in same) or (same and not build.tag)
    return hits if known else (build, *hits)


def _with_hits(subject: _Subject, hits: Sequence[BaseBuild]) -> BaseMatch:
    """Return the match where known builds are below the image."""
    ranked = _by_depth(subject, hits)
    base = ranked[0][0]
    standings = {
        claim: judge_claim(claim, hits, subject.index, subject.config.platform)
        for claim in subject.claims
        if not claim.is_scratch
    }
    found = BaseMatch(
        platform="",
        verdict=BaseVerdict.UNKNOWN,
        layers_matched=solid(base.diff_ids),
        ancestry=_ancestry(ranked),
        claims=tuple(
            _claim_text(claim, standing)
            for claim, standing in standings.items()
            if subject.context.is_base or not subject.is_itself
        ),
        aliases=_aliases(ranked[0], subject.config),
    )
    naming = {claim: standings[claim] for claim in standings if claim.kind in _NAMES_ONE}
    beyond = [claim for claim, standing in naming.items() if standing is Credit.DEEPER]
    if beyond:
        text = beyond_sentence(base, subject.config.diff_ids, beyond[0])
        return replace(found, verdict=BaseVerdict.PARTIAL, sentence=text)
    return _placed(subject, base, naming, found)


def _placed(
    subject: _Subject, base: BaseBuild, naming: Mapping[Claim, Credit], found: BaseMatch
) -> BaseMatch:
    """Return `found` completed for `base`: do the claims agree, and does its tag still serve it?"""
    family = subject.index.of(base.reference, subject.config.platform)
    if family:
        verdict, current = currency(base, family)
    else:
        # only a base's own image is not in the index; a tag that was just read is current
        parsed = parse_or_none(subject.image.reference)
        is_tag = parsed is not None and parsed.digest is None
        verdict, current = BaseVerdict.EXACT_CURRENT if is_tag else BaseVerdict.UNKNOWN, None
    distance = distance_between(base, current) if current else None
    words = base_words(base, found.aliases, recompressed=is_recompressed(base, subject.part))
    served = served_sentence(base, verdict, current)
    against = [claim for claim, standing in naming.items() if standing is Credit.CONTRADICTED]
    unverified = [claim for claim, standing in naming.items() if standing is Credit.UNVERIFIED]
    if against:
        verdict = BaseVerdict.CONFLICT
        said = claim_words(against[0], with_digest=against[0].name == base.reference)
        text = f"Says it is built on {said}, but its layers are those "
        text += f"of {words}. {served}"
    else:
        text = f"{subject.verb(base)} {words}. {served}"
        if unverified:
            claim = claim_words(unverified[0])
            text += f" It also says it is built on {claim}: not verified."
    return replace(
        found,
        verdict=verdict,
        base=_matched(base),
        current=_matched(current) if current else None,
        layers_replaced=distance.replaced if distance else 0,
        layers_added=distance.added if distance else 0,
        behind=builds_behind(base, family) if current else None,
        sentence=text,
    )


def _without_hits(subject: _Subject) -> BaseMatch:
    """Return the match where no known build is below the image as a whole."""
    config = subject.config
    claims = tuple(str(claim) for claim in subject.claims)
    nearest, shared = _nearest(subject)
    count = solid(config.diff_ids)
    found = BaseMatch(platform="", verdict=BaseVerdict.UNKNOWN, claims=claims)
    if any(claim.is_scratch for claim in subject.claims):
        text = f"Built on nothing (FROM scratch): {layers_words(count)} of its own."
        return replace(found, verdict=BaseVerdict.SCRATCH, sentence=text)
    claim = _claimed(subject)
    if claim is not None and claim.kind in _NAMES_ONE and nearest is None:
        systems = other_system(claim, config, subject.index)
        if systems is not None:
            text = other_system_sentence(claim, *systems)
            return replace(found, verdict=BaseVerdict.CONFLICT, sentence=text)
    if nearest is not None:
        text = partial_sentence(nearest, shared, count)
        if claim is not None:
            text += f" It says it is built on {claim_words(claim)}: not verified."
        return replace(found, verdict=BaseVerdict.PARTIAL, layers_matched=shared, sentence=text)
    other = _other_base(subject, claim) if claim is not None else None
    if claim is not None and other is not None:
        words = base_words(other, recompressed=is_recompressed(other, subject.part))
        text = f"Says it is built on {claim_words(claim)}, but its layers are those of {words}."
        return replace(
            found,
            verdict=BaseVerdict.CONFLICT,
            base=_matched(other),
            layers_matched=solid(other.diff_ids),
            ancestry=(other.reference,),
            sentence=text,
        )
    if claim is not None:
        text = f"Says it is built on {claim_words(claim)}; its layers do not show it"
        text += f"{' (squashed?)' if _is_squashed(config) else ''}: not verified."
        base = MatchedBase(reference=claim.name, tag=claim.tag, digest=claim.digest)
        return replace(found, verdict=BaseVerdict.CLAIMED, base=base, sentence=text)
    text = _no_match(subject, count)
    if subject.claims:
        text += f" Its build read {', '.join(claim.name for claim in subject.claims[:3])}."
    elif any(one.kind == UNREAD_ATTESTATION for one in subject.part.attestations):
        text += " What it attests of its build was not read (tagwatch base reads it)."
    return replace(found, sentence=text)


def _other_base(subject: _Subject, claim: Claim) -> BaseBuild | None:
    """Return the known image, no base of the policy, whose layers contradict the claim; or None.

    Builds of what is claimed must be known, and none of them may begin as that image does: else
    the one may be built on the other.
    """
    if claim.kind not in _NAMES_ONE or claim.reference is None or subject.context.others is None:
        return None
    name, platform = claim.reference.repository.name, subject.config.platform
    claimed = [one for one in subject.index.on(platform) if repository_of(one.reference) == name]
    if not claimed:
        return None
    apart = (name, repository_of(subject.image.reference))
    diff_ids = subject.config.diff_ids
    hits = [
        build
        for build in subject.context.others().below(platform, diff_ids)
        if repository_of(build.reference) not in apart and len(build.diff_ids) < len(diff_ids)
    ]
    if not hits or any(begins_alike(hits[0].history, one.history) for one in claimed):
        return None
    return hits[0]


def _no_match(subject: _Subject, layers: int) -> str:
    """Return why nothing is known: nothing to compare, nothing to compare with, or no match."""
    if not layers:
        return "None of its layers holds anything that could tell what it is built on."
    own, listed = subject.config.platform, subject.part.platform
    if (own.os, own.architecture) != (listed.os, listed.architecture):
        return f"Its index says that it is for {listed}, its config says {own}."
    if not subject.index.on(own):
        return (
            f"No build of an approved base is known for {platform_name(own)}, "
            f"so its {layers_words(layers)} cannot be compared with any."
        )
    return f"No known base matches its {layers_words(layers)}."


def _claimed(subject: _Subject) -> Claim | None:
    """Return the claim to report, or None.

    Provenance alone counts only where it lists a single image and the history was lost: otherwise
    that image may have been a tool.
    """
    naming = [claim for claim in subject.claims if claim.kind in _NAMES_ONE]
    if naming:
        return naming[0]
    alone = len(subject.claims) == 1 and _is_squashed(subject.config)
    return subject.claims[0] if alone else None


def _nearest(subject: _Subject) -> tuple[BaseBuild | None, int]:
    """Return the approved build that shares most bottom layers, and how many that are not empty."""
    own = repository_of(subject.image.reference)
    diff_ids = subject.config.diff_ids
    best, most = None, 0
    for build in subject.index.on(subject.config.platform):
        if repository_of(build.reference) == own or subject.context.place(build.reference) is None:
            continue
        shared = solid(diff_ids[: common_layers(build.diff_ids, diff_ids)])
        if shared > most:
            best, most = build, shared
    return best, most


def _by_depth(subject: _Subject, hits: Sequence[BaseBuild]) -> list[list[BaseBuild]]:
    """Return the hits by number of layers, deepest first, each group ranked."""
    depths: dict[int, list[BaseBuild]] = {}
    for build in hits:
        depths.setdefault(len(build.diff_ids), []).append(build)
    rank = subject.context.place
    return [rank_builds(group, subject.config, subject.claims, rank) for group in depths.values()]


def _ancestry(ranked: Sequence[Sequence[BaseBuild]]) -> tuple[str, ...]:
    """Return the names from the oldest known ancestor to the base.

    A base that only adds settings to another comes after the one whose layers it has.
    """
    line: list[str] = []
    for group in reversed(ranked):
        first = group[0]
        older = [
            build
            for build in group
            if len(build.history) < len(first.history)
            and is_history_prefix(build.history, first.history)
        ]
        line += [build.reference for build in reversed(older[:1])]
        line.append(first.reference)
    return tuple(dict.fromkeys(line))


def _aliases(group: Sequence[BaseBuild], config: ImageConfig) -> tuple[str, ...]:
    """Return the other names of the same layers, where nothing tells which one was meant."""
    first = group[0]
    told_apart = is_history_prefix(first.history, config.history)
    own = (first.reference, first.known_as)
    names = dict.fromkeys(
        build.reference for build in group if build.history == first.history or not told_apart
    )
    return tuple(name for name in names if name not in own)


def _is_squashed(config: ImageConfig) -> bool:
    """Return True where the history does not say how each layer was made."""
    layers = config.layer_history
    return layers is None or not all(entry.created_by.strip() for entry in layers)


def _claim_text(claim: Claim, standing: Credit) -> str:
    # provenance lists tools, too: one that the layers contradict was most likely a tool
    if claim.kind is ClaimKind.PROVENANCE and standing is Credit.CONTRADICTED:
        return f"{claim} (also used to build)"
    return str(claim)


def _matched(build: BaseBuild) -> MatchedBase:
    return MatchedBase(
        reference=build.reference,
        tag=build.tag,
        digest=build.digest,
        version=build.version,
        first_seen=build.first_seen,
        last_seen=build.last_seen,
    )

"""All tags of one repository: read with their own vocabulary, and grouped by what they serve."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter, itemgetter

from tagwatch.image.digest import Digest
from tagwatch.image.order import line_of
from tagwatch.image.tag import Kind, Scheme, Tag, parse_tag
from tagwatch.image.token import DEVELOPMENT_WORDS, PRERELEASE_RANK
from tagwatch.image.vocabulary import Vocabulary, within_limit
from tagwatch.value import dataclass

__all__ = ["TagTable", "is_development_word"]

_RELEASED_WORDS = frozenset({"current", "latest", "lts", "release", "stable"})

_CHANNELS = ("esr", "lts", "stable")
_NEWEST = 16
_NONE = (Scheme.NONE, 0)
_sort_key = attrgetter("sort_key")
_COUNTED = re.compile(r".*[0-9]-[0-9.]+", re.ASCII)

Release = tuple[int, ...]
Kin = tuple[tuple[str, ...], bool]
"""A line, and whether it is of pre-releases."""
Form = tuple[tuple[str, ...], Release, tuple[int, ...] | None, tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagTable:
    """A repository's tags. Make it once and ask it often: it is read when it is made.

    `digests`: what each tag serves, None where nobody asked (`is_whole`: nowhere). `groups`: the
    tags of each digest (an alias group), in order. `development`: versions that the publisher names
    by a word such as `devel` and by none such as `latest`. `forms`: a tag of each form. `stages`:
    the last pre-release of each number, whole or shortened. `generalised`: what more specific
    tags make floating (`6.2` where there is a `6.2.24`); `generalised_unknown`: those of unknown
    digest. `latest`: the version tag that gives the most numbers of what the tag `latest` is.
    `kin`: the tags that may be newer than one another, the oldest first. `schemes`: how
    many versions are counted in each way. `weights`: how many numbers the most exact version of
    each alias group gives. `released`: release candidates whose very image was released since
    (`1.2.3-rc.2` as `1.2.3`). `shortened`: counted builds that a shorter version names, too
    (`11.3.0-79146` as `11.3`).
    """

    digests: Mapping[str, Digest | None]
    is_whole: bool
    vocabulary: Vocabulary
    tags: Mapping[str, Tag]
    groups: Mapping[Digest, tuple[Tag, ...]]
    development: frozenset[tuple[tuple[int, ...], ...]]
    forms: Mapping[Form, str]
    stages: Mapping[Form, str]
    generalised: frozenset[Form]
    generalised_unknown: frozenset[Form]
    kin: Mapping[Kin, tuple[Tag, ...]]
    schemes: Mapping[Scheme, int]
    weights: Mapping[Digest, int]
    released: frozenset[str]
    shortened: frozenset[str]
    latest: Tag | None

    @classmethod
    def of(cls, tags: Mapping[str, Digest | None] | Iterable[str] | TagTable) -> TagTable:
        """The table of `tags` (name -> digest or None, or names alone). Cost: linear."""
        if isinstance(tags, TagTable):
            return tags
        digests = dict(tags) if isinstance(tags, Mapping) else dict.fromkeys(tags)
        vocabulary = Vocabulary.learn(digests)
        read = {text: parse_tag(text, vocabulary) for text in within_limit(digests)}
        gathered: dict[Digest, list[Tag]] = {}
        for text, digest in digests.items():
            if digest is not None:
                gathered.setdefault(digest, []).append(read[text])
        groups = {digest: tuple(sorted(group, key=_sort_key)) for digest, group in gathered.items()}
        patched = _patched(within_limit(read.values()))
        released = frozenset(_released(groups.values(), patched))
        unknown = (tag for text, tag in read.items() if digests[text] is None)
        return cls(
            digests=digests,
            is_whole=None not in digests.values(),
            vocabulary=vocabulary,
            tags=read,
            groups=groups,
            development=_development(groups.values()),
            forms={_form(tag): text for text, tag in read.items() if tag.kind is Kind.VERSION},
            stages=_stages(within_limit(read.values()), patched),
            generalised=_generalised(within_limit(read.values())),
            generalised_unknown=_generalised(unknown),
            kin=_kin(within_limit(read.values())),
            schemes=Counter(tag.scheme for tag in read.values() if tag.kind is Kind.VERSION),
            weights=_weights(groups, released),
            released=released,
            shortened=frozenset(chain.from_iterable(map(_shortened, groups.values()))),
            latest=_latest(groups.get(digests.get("latest") or Digest(""), ())),
        )

    def read(self, text: str) -> Tag:
        """`text` with this repository's vocabulary, whether or not the tag exists."""
        return self.tags.get(text) or parse_tag(text, self.vocabulary)

    def aliases(self, tag: Tag) -> tuple[Tag, ...]:
        """The tags that serve the same digest, itself among them; itself alone where unknown."""
        digest = self.digests.get(tag.text)
        return (tag,) if digest is None else self.groups[digest]

    def contenders(self, tag: Tag) -> tuple[Tag, ...]:
        """The aliases that may say what `tag` is: not a pre-release of what was released since."""
        return tuple(alias for alias in self.aliases(tag) if alias.text not in self.released)

    def is_specific(self, tag: Tag) -> bool:
        """True for a version tag that no alias says more exactly.

        By digests where they are known; where they are not, by the names alone.
        """
        if tag.kind is not Kind.VERSION or tag.text in self.released:
            return False
        digest = self.digests.get(tag.text)
        if digest is None:
            return _form(tag) not in self.generalised
        return _form(tag) not in self.generalised_unknown and tag.weight == self.weights[digest]

    def is_general(self, tag: Tag, *, known: bool = True) -> bool:
        """True where another tag's name says more of the same (`6.2` beside `6.2.24`).

        `known` False: only where such a tag's digest is not known, and then a pre-release of the
        same number counts too: it may be what the final name serves (`haxe:5.0.0`).
        """
        if known:
            return _form(tag) in self.generalised
        stage = self.stage_of(tag)
        return _form(tag) in self.generalised_unknown or (
            stage is not None and self.digests[stage.text] is None
        )

    def says_all(self, tag: Tag) -> bool:
        """True where a version gives as many numbers as others of its kind: `16.3` beside `17.5`.

        False where a higher one gives more, and where it has none beside it: `6.2` may be the only
        name that was copied of a longer one. The newest of the kind are looked at.
        """
        kin = self.kin.get(_kin_of(tag), ())[-_NEWEST:]
        others = [other for other in kin if other.release != tag.release]
        size = len(tag.release)
        return any(
            len(other.release) == size and not self.is_general(other) for other in others
        ) and not any(len(other.release) > size for other in others if other.release > tag.release)

    def stage_of(self, tag: Tag) -> Tag | None:
        """The last pre-release that may stand behind the final version that `tag` names."""
        text = self.stages.get(_form(tag)) if tag.kind is Kind.VERSION else None
        return self.tags[text] if text else None

    def names(self, tag: Tag, words: tuple[str, ...]) -> bool:
        """True where tags with these words name the version of `tag`, with builds or without.

        `10.11.8` and `10.11.8-r0-ls150` name that of `version-10.11.8-r0`.
        """
        forms = ((words, tag.release, tag.pre, one, tag.date) for one in (tag.revision, ()))
        return any(form in self.forms or form in self.generalised for form in forms)

    def channels(self, tag: Tag) -> frozenset[str]:
        """The words by which the publisher also names this version as one to stay with (`-lts`)."""
        _, *number = _form(tag)
        return frozenset(
            word
            for word in _CHANNELS
            if any((words, *number) in self.forms for words in _with_word(tag, word))
        )

    def without_revision(self, tag: Tag) -> Tag | None:
        """The tag of the same version that counts no builds of it, where it may be the same image.

        `10.11.8` for `10.11.8-r0-ls150`.
        """
        text = self.forms.get((tag.words, tag.release, tag.pre, (), ())) if tag.revision else None
        if text is None:
            return None
        served = {self.digests[text], self.digests[tag.text]}
        return self.tags[text] if len(served - {None}) < 2 else None

    def is_doubtful(self, tag: Tag) -> bool:
        """True for `11.3.0-79146` where `11.3.0` is another image: a rebuild, or a build before it?

        The order of the two cannot be read from their names, so neither is newer than the other,
        unless the publisher's own `11.3` is that build. Doubtful too where `latest` is an earlier
        version without such a count: a build on the way to the next.
        """
        if not tag.revision or not _COUNTED.fullmatch(tag.version or ""):
            return False
        if tag.text in self.shortened:
            return False
        bare = self.forms.get((tag.words, tag.release, tag.pre, (), ()))
        if bare is not None:
            return self.is_specific(self.tags[bare])
        latest = self.latest
        return (
            latest is not None
            and not latest.revision
            and latest.scheme is tag.scheme
            and latest.release < tag.release
        )

    def is_on_runtime(self, tag: Tag) -> bool:
        """True where the number behind the version is another product's, and stays as it is.

        `1.1.9-3.12` beside `1-3.12`: who shortens the version and keeps what follows, counts no
        builds with it.
        """
        return (
            len(tag.release) > 2
            and bool(tag.revision)
            and any(
                (tag.words, tag.release[:length], tag.pre, tag.revision, ()) in self.forms
                for length in (1, 2)
            )
        )

    def is_development(self, tag: Tag) -> bool:
        """True where the publisher calls this version a development version."""
        return tag.precedence in self.development

    def scheme(self) -> Scheme | None:
        """How the publisher counts today: what `latest` is, else the only scheme, else None."""
        if self.latest is not None:
            return self.latest.scheme
        return next(iter(self.schemes)) if len(self.schemes) == 1 else None

    def likely_scheme(self) -> Scheme:
        """How most of its versions are counted, where `scheme` does not know."""
        return self.scheme() or max(self.schemes.items(), key=itemgetter(1), default=_NONE)[0]


def _with_word(tag: Tag, word: str) -> tuple[tuple[str, ...], ...]:
    return (*tag.product, word, *tag.variant), (*tag.words, word)


def _latest(group: Iterable[Tag]) -> Tag | None:
    versions = (tag for tag in group if tag.kind is Kind.VERSION)
    return max(versions, key=attrgetter("weight"), default=None)


def _form(tag: Tag) -> Form:
    return (tag.words, tag.release, tag.pre, tag.revision, tag.date)


def _generalised(tags: Iterable[Tag]) -> frozenset[Form]:
    return frozenset(
        form for tag in tags if tag.kind is Kind.VERSION for form in _more_general(tag)
    )


def _kin(tags: Iterable[Tag]) -> dict[Kin, tuple[Tag, ...]]:
    found: dict[Kin, list[Tag]] = {}
    for tag in tags:
        if tag.kind in (Kind.VERSION, Kind.DATED):
            found.setdefault(_kin_of(tag), []).append(tag)
    return {key: tuple(sorted(group, key=_sort_key)) for key, group in found.items()}


def _kin_of(tag: Tag) -> Kin:
    return line_of(tag), tag.is_prerelease


def _weights(
    groups: Mapping[Digest, tuple[Tag, ...]], released: frozenset[str]
) -> dict[Digest, int]:
    return {
        digest: max((tag.weight for tag in group if _is_contender(tag, released)), default=0)
        for digest, group in groups.items()
    }


def _shortened(group: Iterable[Tag]) -> Iterator[str]:
    names = {(tag.words, tag.release) for tag in group}
    for tag in group:
        shorter = ((tag.words, tag.release[:length]) for length in range(1, len(tag.release)))
        if tag.revision and not names.isdisjoint(shorter):
            yield tag.text


def _is_contender(tag: Tag, released: frozenset[str]) -> bool:
    return tag.kind is Kind.VERSION and tag.text not in released


def _patched(tags: Iterable[Tag]) -> dict[tuple[tuple[str, ...], Release], int]:
    """The last patch of each series: what stands below it was released, whatever its name says."""
    last: dict[tuple[tuple[str, ...], Release], int] = {}
    for tag in tags:
        if tag.kind is Kind.VERSION and not tag.is_prerelease and len(tag.release) > 2:
            series = (tag.product, tag.release[:-1])
            last[series] = max(last.get(series, 0), tag.release[-1])
    return last


def _is_patched(tag: Tag, patched: Mapping[tuple[tuple[str, ...], Release], int]) -> bool:
    return patched.get((tag.product, tag.release[:-1]), 0) > tag.release[-1]


def _stages(
    tags: Iterable[Tag], patched: Mapping[tuple[tuple[str, ...], Release], int]
) -> dict[Form, str]:
    """The last pre-release of each number and stage (`8.6-rc`), and of each final number.

    A final number that a later patch follows was released: no pre-release stands behind it.
    """
    found: dict[Form, str] = {}
    for tag in sorted((tag for tag in tags if tag.pre is not None), key=_sort_key):
        is_open = not _is_patched(tag, patched)
        for length in range(1, len(tag.release) + 1):
            number = tag.release[:length]
            found[tag.words, number, (tag.pre or ())[:1], (), ()] = tag.text
            if is_open:
                found[tag.words, number, None, (), ()] = tag.text
    return found


def _released(
    groups: Iterable[tuple[Tag, ...]], patched: Mapping[tuple[tuple[str, ...], Release], int]
) -> list[str]:
    """Release candidates whose group also has the final name, where something shows it is final.

    A publisher may promote the very image that was tested: then `latest` or a later patch stands
    beside it, or a higher version was promoted so. Without such a sign, or of an earlier stage, the
    final name may as well be a promise (`haxe:5.0.0` is 5.0.0-preview.1).
    """
    twins: list[tuple[Tag, bool]] = []
    for group in groups:
        staged = [tag for tag in group if tag.pre and tag.pre[0] == PRERELEASE_RANK["rc"]]
        if staged:
            finals = {t.release for t in group if t.kind is Kind.VERSION and not t.is_prerelease}
            is_current = any(not _RELEASED_WORDS.isdisjoint(tag.rolling) for tag in group)
            twins += [
                (tag, is_current or _is_patched(tag, patched))
                for tag in staged
                if tag.release in finals
            ]
    highest = max((tag.release for tag, is_sure in twins if is_sure), default=())
    return [tag.text for tag, is_sure in twins if is_sure or tag.release < highest]


def _more_general(tag: Tag) -> Iterator[Form]:
    words, release, pre, revision, date = _form(tag)
    stage = pre[:1] if pre else None
    for length in range(1, len(release)):
        yield (words, release[:length], stage, (), ())
    if pre is not None and len(pre) > 1:
        yield (words, release, stage, (), ())
    for length in range(len(revision)):
        yield (words, release, pre, revision[:length], ())
    if date:
        yield (words, release, pre, revision, ())


def is_development_word(tag: Tag) -> bool:
    """True for `devel`, `edge-alpine` and their like: what publishers call unfinished work."""
    return tag.kind is Kind.WORD and not DEVELOPMENT_WORDS.isdisjoint(tag.rolling)


def _development(groups: Iterable[tuple[Tag, ...]]) -> frozenset[tuple[tuple[int, ...], ...]]:
    labelled: set[tuple[tuple[int, ...], ...]] = set()
    released: set[tuple[tuple[int, ...], ...]] = set()
    for group in groups:
        words = {word for tag in group if tag.kind is Kind.WORD for word in tag.rolling}
        versions = {tag.precedence for tag in group if tag.kind is Kind.VERSION}
        if words & _RELEASED_WORDS:
            released |= versions
        elif words & DEVELOPMENT_WORDS:
            labelled |= versions
    return frozenset(labelled - released)

"""Build steps: what the history says was done, without when it was done.

Two builds of one Dockerfile differ in dates, digests and checksums, and in how the builder writes
a step (`/bin/sh -c #(nop) CMD …`, `CMD … # buildkit`). `step_text` and `normalized_step` remove
these differences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby, takewhile

from tagwatch.image.image_config import HistoryEntry, ImageConfig
from tagwatch.value import dataclass

__all__ = [
    "StepComparison",
    "base_boundary",
    "begins_alike",
    "compare_steps",
    "has_like_root",
    "normalized_step",
    "os_release",
    "release_in",
    "root_boundary",
    "step_text",
    "tells_what_was_done",
]

_LEGACY = re.compile(r"^(?:/bin/sh -c|cmd /S /C) #\(nop\)\s+")
_SHELL = re.compile(
    r"^(?:RUN\s+)?((?:\|\d+\s.*?)?)/bin/(?:ba|da|a)?sh (?:-\w+ (?:pipefail )?)*?-c ", re.DOTALL
)
_LEGACY_COPY = re.compile(r"^(COPY|ADD)((?: --\S+)*) (?:file|dir|multi):\S+ in (\S+)$")
_COPY = re.compile(r"^(COPY|ADD)((?: --\S+)*) .* (\S+)$")
_EXPOSE_MAP = re.compile(r"^EXPOSE (?:map)?\[(.*)\]$")
# Newer builders also write the start interval, which older ones did not know.
_NO_START = re.compile(r'(?: "0s")+(?= \'\\)')
_NO_EFFECT = re.compile(r"^(?:LABEL|MAINTAINER)\b")
_SETTING = re.compile(r"^(?:CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|STOPSIGNAL|USER|VOLUME)\b")
"""Steps that only set what a container runs with, and what later steps run with."""
_ROOT_USER = re.compile(r"^USER (?:root|0)(?::(?:root|0))?$")

_DIGEST = re.compile(
    r"\b(?:sha1|sha256|sha384|sha512|md5)[:-][A-Za-z0-9+/]{20,}={0,2}"
    # Lower case only: a signing key's fingerprint is written in capitals, and it must not change
    # unnoticed.
    r"|\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{32,128}\b"
)
_DATE = re.compile(
    r"\b20\d\d-[01]\d-[0-3]\d(?:[T ][0-2]\d[:-]?[0-5]\d(?:[:-]?[0-5]\d(?:\.\d+)?)?)?"
    r"(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:T?[0-2]\d[0-5]\d(?:[0-5]\d)?)?Z?\b"
    r"|\b1[4-9]\d{8}\b"
    # the output of `date` and `date -R`, which many build arguments hold
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:\d{1,2} )?[A-Z][a-z]{2} (?:\d{1,2},? )?(?:20\d\d )?"
    r"[0-2]?\d:[0-5]\d:[0-5]\d(?: [AP]M)?(?: [A-Z]{2,5}\b| [+-]\d\d:?\d\d)?(?: 20\d\d\b)?"
)
_ASSIGNMENT = re.compile(r"(?<![\w.-])([\w.-]+)=(\S+)")
_CHECKSUM_PARTS = frozenset(
    {"sha", "sha1", "sha256", "sha384", "sha512", "md5", "sum"}
    | {"checksum", "digest", "hash", "commit", "revision", "rev", "ref"}
)
_COUNTER = re.compile(
    r"(?:\w+_)?(?:build|run|job|pipeline)_?(?:number|num|no|id|iid)|cache_?bust(?:er)?",
    re.IGNORECASE,
)
_CHECKSUM = re.compile(r"[\"']?(?:[0-9a-fA-F]{6,128}|[A-Za-z0-9+/]{40,}={0,2})[\"']?")

# A step that adds a whole system: from an archive, from a folder whose name says so, or from
# something that the classic builder names by checksum only.
_ROOT = re.compile(
    r"(?P<debian># ?debian\.sh\b)|(?P<windows>Apply image\b)"
    r"|(?:ADD|COPY) (?:--\S+ )*(?:file|dir):\S+ in /$"
    r"|ADD (?:--\S+ )*(?P<archive>\S+\.(?:tar|t[gx]z|tar\.\w{2,4})) /$"
    r"|COPY (?:--\S+ )*(?P<folder>/|\S*root\S*) /$"
)
_WORD = re.compile(r"[a-z]+")
_INSTRUCTION = re.compile(
    r"(?:RUN|COPY|ADD|WORKDIR|VOLUME|ENV|USER|LABEL|ARG|EXPOSE|CMD|ENTRYPOINT|SHELL|HEALTHCHECK"
    r"|STOPSIGNAL|ONBUILD|MAINTAINER)\b|Apply image\b|Install update\b|cmd /|powershell|[#/|]"
)
_AFTER_ROOT = re.compile(r"CMD\b|Install update\b")
_MAX_STEP = 65_536
_MAX_ROOT = 1_000
"""How many characters of a step are searched for the operating system's release."""
_MAX_ALIGNED = 1_000
"""How many steps are aligned, which takes quadratic time; no real image has so many."""
_DEBIAN_SUITE = re.compile(r"# ?debian\.sh .*?'([a-z]+)(?:-slim)?' '@")
_ALPINE = re.compile(r"alpine-minirootfs-(\d+\.\d+)")
_UBUNTU = re.compile(r"ubuntu-(?:base-)?(\d\d\.\d\d)[-.]")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepComparison:
    """The differences between two histories: steps in order, as the builders wrote them."""

    same: int = 0
    """How many steps both have."""
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    """Of `removed` and `added`, those that stand at the same place in both."""
    renewed: tuple[str, ...] = ()
    """Names whose value differs in steps that count as the same: `GIT_SHA`, "" for a bare checksum.

    Dates are not among them.
    """
    raised: tuple[str, ...] = ()
    """What counts as the same because only a version rose: `openssl 3.3.1-r0 to 3.3.2-r1`."""

    @property
    def differs(self) -> bool:
        """Return True where any step that has an effect differs."""
        return bool(self.removed or self.added)

    @property
    def is_reordered(self) -> bool:
        """Return True where both histories have the same steps in another order."""
        return self.differs and sorted(self.removed) == sorted(self.added)


def step_text(entry: HistoryEntry) -> str:
    """Return a build step without the builder's wrapping, on one line.

    The text is still a stranger's: it is neither masked nor cut.
    """
    text = " ".join(entry.created_by.split()).removesuffix(" # buildkit")
    text, count = _LEGACY.subn("", text)
    if not count and (shell := _SHELL.match(text)):
        text = f"RUN {shell[1]}{text[shell.end() :]}"
    if exposed := _EXPOSE_MAP.match(text):
        ports = (port.removesuffix(":{}") for port in exposed[1].split())
        text = f"EXPOSE {' '.join(ports)}"
    return text.strip()


def tells_what_was_done(text: str) -> bool:
    """Return False for a `step_text` that only names a builder, such as `apko` or `bazel build`.

    >>> [tells_what_was_done(text) for text in ("RUN make", "apko", "ko build ko://example.com")]
    [True, False, False]
    """
    return _INSTRUCTION.match(text) is not None


def normalized_step(text: str) -> str:
    """Return a `step_text` with dates, digests, checksums and build numbers replaced by their kind.

    Text of more than 64 KiB is returned unchanged, so that it only equals the very same text.

    >>> normalized_step("ENV REDIS_SHA=2b3d1d2f0a")
    'ENV REDIS_SHA=<digest>'
    >>> normalized_step("RUN build --date 2026-05-02T10:00:00Z")
    'RUN build --date <date>'
    """
    if len(text) > _MAX_STEP:
        return text
    text = _DIGEST.sub("<digest>", text)
    text = _ASSIGNMENT.sub(_value_kind, text)
    return _DATE.sub("<date>", text)


def compare_steps(old: Sequence[HistoryEntry], new: Sequence[HistoryEntry]) -> StepComparison:
    """Compare two histories by their normalised steps, in order.

    `LABEL` and `MAINTAINER` have no effect and are left out, and settings between the same two
    layers count in any order. Where only one side comes from the classic builder, which names what
    it copied by checksum only, copies are compared by destination.
    """
    before, after = _effective(old), _effective(new)
    classic = _is_classic(old) != _is_classic(new)
    old_keys = [_comparable(text, classic=classic) for text in before]
    new_keys = [_comparable(text, classic=classic) for text in after]
    if old_keys == new_keys:
        return StepComparison(same=len(before), renewed=() if classic else _renewed(before, after))
    if max(len(before), len(after)) > _MAX_ALIGNED:
        return StepComparison(removed=tuple(before), added=tuple(after))
    # Alignments are not symmetric: always align in one order, so that both directions agree.
    if old_keys > new_keys:
        aligned = _align(after, before, new_keys, old_keys)
        return StepComparison(
            same=aligned.same,
            removed=aligned.added,
            added=aligned.removed,
            pairs=tuple((old_text, new_text) for new_text, old_text in aligned.pairs),
        )
    return _align(before, after, old_keys, new_keys)


def root_boundary(history: Sequence[HistoryEntry]) -> int:
    """Count the entries of the operating system's root: its first layer and the `CMD` after it.

    Windows adds a layer of updates. The result is 0 where the first layer does not look like a
    root.
    """
    if not _ROOT.match(_first_layer(history)):
        return 0
    first = next(n for n, entry in enumerate(history) if not entry.empty_layer)
    texts = [step_text(entry) for entry in history[first + 1 : first + 3]]
    return first + 1 + sum(1 for _ in takewhile(_AFTER_ROOT.match, texts))


def has_like_root(old: Sequence[HistoryEntry], new: Sequence[HistoryEntry]) -> bool:
    """Return True where both begin with a root of one family of systems, whatever its release."""
    found = (_ROOT.match(_first_layer(history)) for history in (old, new))
    names = [_root_name(root) if root else None for root in found]
    return None not in names and ("" in names or names[0] == names[1])


def begins_alike(base: Sequence[HistoryEntry], other: Sequence[HistoryEntry]) -> bool:
    """Return True where `other` may be built on another build of `base`: its first steps are alike.

    Of an operating system's root any release counts.
    """
    root = root_boundary(base)
    if root and has_like_root(base, other):
        above = compare_steps(base[root:], other[root_boundary(other) :][: len(base) - root])
        return not above.differs
    return not compare_steps(base, other[: len(base)]).differs


def base_boundary(history: Sequence[HistoryEntry]) -> int:
    """Return where a base presumably ends: after the last `CMD` or `ENTRYPOINT` below a layer.

    The result is a number of entries. It is a guess: good enough to doubt a verdict, but never to
    reach one.
    """
    boundary = root_boundary(history)
    last_layer = max((n for n, entry in enumerate(history) if not entry.empty_layer), default=-1)
    for number, entry in enumerate(history[: max(last_layer, 0)]):
        if step_text(entry).startswith(("CMD", "ENTRYPOINT")):
            boundary = max(boundary, number + 1)
    return boundary


def os_release(config: ImageConfig) -> str:
    """Return the operating system and its release that the image states (`debian bookworm`), or "".

    It is read from the root layer's build step or the labels of the system's own image. Alpine's
    patch release is left out: only a change of the release line matters.
    """
    if told := release_in(config.history):
        return told
    labels = config.labels
    if labels.get("org.opencontainers.image.ref.name") == "ubuntu":
        version = labels.get("org.opencontainers.image.version", "")
        return f"ubuntu {version}" if version else ""
    if config.platform.os == "windows" and config.platform.os_version:
        return "windows " + ".".join(config.platform.os_version.split(".")[:3])
    return ""


def release_in(history: Sequence[HistoryEntry]) -> str:
    """Return the operating system and its release that the build steps state, or ""."""
    for entry in history[:_MAX_ALIGNED]:
        text = step_text(entry)[:_MAX_ROOT]
        for family, pattern in (("debian", _DEBIAN_SUITE), ("alpine", _ALPINE)):
            if found := pattern.search(text):
                return f"{family} {found[1]}"
        if _ROOT.match(text) and (found := _UBUNTU.search(text)):
            return f"ubuntu {found[1]}"
    return ""


def _first_layer(history: Sequence[HistoryEntry]) -> str:
    """Return the step that made the bottom layer, "" where none did."""
    return next((step_text(entry) for entry in history if not entry.empty_layer), "")


def _root_name(root: re.Match[str]) -> str:
    """Return the family of systems that a root belongs to; "" where its step does not say."""
    told = root["archive"] or root["folder"]
    if told is None:
        return root.lastgroup or ""
    word = _WORD.search(told.rstrip("/").rpartition("/")[2].lower())
    return word[0] if word else "/"


def _renewed(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return the names of what differs, apart from dates, between steps that count as the same."""
    found: dict[str, None] = {}
    for before, after in zip(old, new, strict=True):
        if before != after:
            words = (_DATE.sub("<date>", text).split() for text in (before, after))
            for one, other in zip(*words, strict=False):
                if one != other and normalized_step(one) == normalized_step(other):
                    found[one.partition("=")[0] if _ASSIGNMENT.match(one) else ""] = None
    return tuple(found)


def _align(
    old: Sequence[str], new: Sequence[str], old_keys: Sequence[str], new_keys: Sequence[str]
) -> StepComparison:
    removed: list[str] = []
    added: list[str] = []
    pairs: list[tuple[str, str]] = []
    same = 0
    from difflib import SequenceMatcher  # few images are compared step by step

    matcher = SequenceMatcher(None, old_keys, new_keys, autojunk=False)
    for operation, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if operation == "equal":
            same += old_end - old_start
        else:
            removed += old[old_start:old_end]
            added += new[new_start:new_end]
            if old_end - old_start == new_end - new_start:
                pairs += zip(old[old_start:old_end], new[new_start:new_end], strict=True)
    return StepComparison(same=same, removed=tuple(removed), added=tuple(added), pairs=tuple(pairs))


def _effective(history: Sequence[HistoryEntry]) -> list[str]:
    """Return the steps that have an effect, settings that follow each other in one order."""
    texts = (step_text(entry) for entry in history)
    told = (text for text in texts if text and not _NO_EFFECT.match(text))
    groups = groupby(told, key=lambda text: _SETTING.match(text) is not None)
    return [
        text
        for is_setting, group in groups
        for text in (sorted(group, key=_set_by) if is_setting else group)
    ]


def _set_by(text: str) -> str:
    """Return what a setting sets, to sort by: what sets the same thing twice keeps its order."""
    return text.partition("=")[0] if text.startswith("ENV ") else text.partition(" ")[0]


def _is_classic(history: Sequence[HistoryEntry]) -> bool:
    return any(_LEGACY.match(entry.created_by) for entry in history)


def _comparable(text: str, *, classic: bool) -> str:
    if classic:
        if found := _LEGACY_COPY.match(text) or _COPY.match(text):
            return f"{found[1]}{found[2]} {found[3]}"
        text = text.replace('","', '", "')
    if text.startswith("EXPOSE "):
        ports = text.split()[1:]
        return f"EXPOSE {' '.join(sorted(p if '/' in p else f'{p}/tcp' for p in ports))}"
    if text.startswith("HEALTHCHECK "):
        text = _NO_START.sub("", text)
    return "USER root" if _ROOT_USER.match(text) else normalized_step(text)


def _value_kind(found: re.Match[str]) -> str:
    if _COUNTER.fullmatch(found[1]):
        return f"{found[1]}=<number>"
    parts = re.split(r"[_.-]", found[1].lower())
    if _CHECKSUM_PARTS.isdisjoint(parts) or not _CHECKSUM.fullmatch(found[2]):
        return found[0]
    return f"{found[1]}=<digest>"

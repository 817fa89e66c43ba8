"""The pieces between a tag's dashes: numbers, dates, commits, pre-release words, other words.

What a piece means by itself is decided here; what it means beside the others of its repository is
`vocabulary`'s and `tag`'s to say. Only words of the trade are known by name: no image, no
code name.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache

from tagwatch.value import dataclass

__all__ = ["COUNTERS", "DEVELOPMENT_WORDS", "INNER_LINES", "PRERELEASE_RANK", "SYSTEMS", "WINDOWS"]
__all__ += ["WINDOWS_BUILDS", "Part", "Token", "split_tag", "token_of"]

PRERELEASE_RANK = {
    "dev": 0, "devel": 0, "develop": 0, "snapshot": 0, "nightly": 0, "canary": 0,
    "ea": 1,
    "a": 2, "alpha": 2,
    "b": 3, "beta": 3,
    "m": 4, "milestone": 4,
    "pre": 5, "preview": 5, "prerelease": 5,
    "c": 6, "cr": 6, "rc": 6,
}  # fmt: skip
"""Pre-release words in the order in which their stages follow each other."""

# Only glued to the number (`3.7.0b5`, `11.0.0-M1`): alone they are too short to mean one thing.
_GLUED_ONLY = {"a", "b", "c", "m"}
DEVELOPMENT_WORDS = frozenset(
    {
        "canary", "dev", "devel", "develop", "development", "edge", "experimental", "main",
        "master", "nightly", "snapshot", "testing", "tip", "trunk", "unstable",
    }
)  # fmt: skip
"""What publishers call unfinished work."""
# What counts builds of one release, and what only says that it is final.
_REVISION_WORDS = {
    "b", "build", "cu", "gdr", "hf", "hotfix", "ls", "p", "patch", "pl", "post", "r", "rev",
    "revision", "security", "sp", "u", "update",
}  # fmt: skip
_FINAL_WORDS = {"final", "ga", "release"}
# What operating systems call themselves (ID in os-release, and the short forms of it): the number
# behind is a release of the platform. Windows is not among them: its images run on no older host.
SYSTEMS = frozenset(
    {
        "al", "almalinux", "alpine", "amazonlinux", "azurelinux", "bci", "centos", "debian", "el",
        "fedora", "leap", "mariner", "ol", "opensuse", "oracle", "oraclelinux", "photon", "rhel",
        "rocky", "rockylinux", "sle", "sles", "ubi", "ubuntu",
    }
)  # fmt: skip

WINDOWS = frozenset({"ltsc", "nanoserver", "servercore", "windows", "windowsservercore"})
"""What names Windows: the number behind it is the host's, and never another one."""
WINDOWS_BUILDS = {
    "ltsc2016": 14393, "1607": 14393, "1709": 16299, "1803": 17134, "1809": 17763,
    "ltsc2019": 17763, "1903": 18362, "1909": 18363, "2004": 19041, "20H2": 19042,
    "ltsc2022": 20348, "ltsc2025": 26100,
}  # fmt: skip
"""The build that each release of Windows is: the third number of its versions."""
COUNTERS = frozenset(
    {
        "b", "build", "ci", "job", "pipeline", "prod", "production", "qa", "r", "rev", "revision",
        "run", "staging", "uat",
    }
)  # fmt: skip
"""Words whose number counts builds where no version stands beside it (`build-4567`, `b3145`)."""
INNER_LINES = {
    "cu": 1, "cuda": 1, "cudnn": 1, "dotnet": 1, "erlang": 1, "go": 2, "golang": 2, "hadoop": 1,
    "node": 1, "nodejs": 1, "otp": 1, "perl": 2, "php": 2, "py": 2, "python": 2, "pytorch": 2,
    "rocm": 1, "ruby": 2, "rust": 2, "torch": 2,
}  # fmt: skip
"""Tools inside an image that may move on with it, and how many numbers make a line of each.

What is not here stays as it is: a database's major (`-pg16`), Java, Scala, an architecture.
"""

_SECONDS = range(1_000_000_000, 2_100_000_001)
"""What a clock counted since 1970, from 2001 to 2036: ten digits, or thirteen of milliseconds."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"(v?)(\d+(?:\.\d+)*)", re.ASCII | re.IGNORECASE)
_GLUED = re.compile(r"[._]?([A-Za-z]+)[._]?(\d+(?:\.\d+)*)?|_(\d+(?:\.\d+)*)", re.ASCII)
_DATE = re.compile(
    r"v?(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
    r"(?:T?([0-2]\d[0-5]\d(?:[0-5]\d)?)Z?)?((?:\.\d+)*)",
    re.ASCII,
)
_DASHED_DATE = re.compile(
    r"(20\d\d)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"(?:[T_-]([0-2]\d)-?([0-5]\d)(?:-?([0-5]\d))?Z?)?(?=[-._]|$)",
    re.ASCII,
)
_CLOCK = re.compile(r"[12]\d{9}(?:\d{3})?", re.ASCII)
_INNER_STAGE = re.compile(r"(alpha|beta|rc)\.?(\d+)", re.ASCII)
_COMMIT = re.compile(r"g?([0-9a-f]{7,40}|[0-9a-f]{64})", re.ASCII)
_WORD = re.compile(r"([A-Za-z]+(?:_[A-Za-z]+)*)(?:[._]?(\d+(?:[._]\d+)*))?", re.ASCII)
_PRERELEASE_TAIL = re.compile(r"(?:[._]?\d+)?(?:\.[0-9A-Za-z]+)*", re.ASCII)
_WORD_BEHIND = re.compile(
    r"(?<![^-])(v?\d+(?:\.\d+)*)_(?=[A-Za-z]{3,}(?:_[A-Za-z]{3,})*(?![^-]))", re.ASCII
)
_UNDERSCORED = re.compile(r"[A-Za-z]+\d[\d.]*(?:_[A-Za-z]+[\d.]*)(?:_[A-Za-z\d.]+)+", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)
_LETTER = re.compile(r"[a-wyz]", re.ASCII | re.IGNORECASE)
"""Of OpenSSL's 1.0.2k; the x of 1.16.x is no letter but a gap, even as a tag's own name."""


class Part(IntEnum):
    """What a piece is by itself."""

    NUMBER = 1
    DATE = 2
    PRERELEASE = 3
    REVISION = 4
    COMMIT = 5
    WORD = 6


@dataclass(frozen=True, slots=True)
class Token:
    """One piece. `numbers`: of a NUMBER the release, of a WORD what is glued to its `stem`.

    `pre`: rank and numbers of a pre-release, of a WORD (`go1.23rc1`), too; `revision`: numbers of
    builds, updates, patches.
    """

    text: str
    part: Part
    v: str = ""
    stem: str = ""
    numbers: tuple[int, ...] = ()
    pre: tuple[int, ...] | None = None
    revision: tuple[int, ...] = ()

    @property
    def weight(self) -> int:
        """How many numbers a NUMBER carries in all."""
        return len(self.numbers) + len(self.revision) + len((self.pre or (0,))[1:])


_MOST = 1 << 12
"""So many pieces, and tags, are remembered: of a long repository all would be 10 MB."""


@lru_cache(maxsize=_MOST)
def split_tag(text: str) -> tuple[Token, ...]:
    """The pieces of `text` between dashes; a date written with dashes is one piece.

    >>> [token.text for token in split_tag("RELEASE.2024-01-16T16-07-38Z-fips")]
    ['RELEASE', '2024-01-16T16-07-38Z', 'fips']
    """
    if "20" in text and (match := _DASHED_DATE.search(text)) and _is_edge(text, match.start()):
        before, after = text[: match.start()].rstrip("-._"), text[match.end() :]
        if after[:1] == "." and after[1:2].isalpha():  # Z.fips, Z.hotfix.1a2b3c4d5
            after = after.replace(".", "-")
        after = after.lstrip("-._")
        date = Token(
            match[0], Part.DATE, numbers=(int(match[1] + match[2] + match[3]), *_clock(match))
        )
        return (*_pieces(before), date, *_pieces(after))
    return _pieces(text)


def _is_edge(text: str, start: int) -> bool:
    return start == 0 or text[start - 1] in "-._"


def _clock(match: re.Match[str]) -> tuple[int, ...]:
    return (int(match[4] + match[5] + (match[6] or "00")),) if match[4] else ()


def _pieces(text: str) -> tuple[Token, ...]:
    if not text:
        return ()
    if "_" in text and "-" not in text and _UNDERSCORED.fullmatch(text):
        text = text.replace("_", "-")  # rocm6.1_ubuntu22.04_py3.10_pytorch_2.1.2
    elif "_" in text:  # 1.3.1_base, 1.3.1-10_base, 4.40_large_disk: words behind a number
        text = _WORD_BEHIND.sub(r"\1-", text)
    return tuple(token_of(piece) for piece in text.split("-"))


@lru_cache(maxsize=_MOST)
def token_of(text: str) -> Token:
    """Read one piece by itself. Cost: a few microseconds the first time, then a look-up."""
    if match := _DATE.fullmatch(text):
        clock = (int(match[4].ljust(6, "0")),) if match[4] else ()
        return Token(
            text,
            Part.DATE,
            numbers=(int(match[1] + match[2] + match[3]), *clock, *_integers(match[5])),
        )
    return _clocked(text) or _commit(text) or _number(text) or _word(text)


def _clocked(text: str) -> Token | None:
    """Seconds or milliseconds since 1970, as the day and the time of day."""
    if len(text) not in (10, 13) or not _CLOCK.fullmatch(text) or int(text[:10]) not in _SECONDS:
        return None
    if len(text) == 10 and _DATE.fullmatch(text[:8]):  # 2024061002: seconds of 2034 are not meant
        return Token(text, Part.DATE, numbers=(int(text[:8]), int(text[8:])))
    at = _EPOCH + timedelta(seconds=int(text[:10]))
    clock = (int(f"{at:%Y%m%d}"), int(f"{at:%H%M%S}"), *((int(text[10:]),) if text[10:] else ()))
    return Token(text, Part.DATE, numbers=clock)


def _number(text: str) -> Token | None:
    match = _NUMBER.match(text)
    if match is None:
        return None
    numbers = _integers(match[2])
    pre: tuple[int, ...] | None = None
    revision: tuple[int, ...] = ()
    position = match.end()
    while position < len(text):
        glued = _GLUED.match(text, position)
        if glued is None:
            return None
        position = glued.end()
        word = (glued[1] or "").lower()
        counted = _integers(glued[2] or glued[3] or "")
        is_stage = word in PRERELEASE_RANK and (counted or word not in _GLUED_ONLY)
        is_stage = is_stage and (word != "b" or len(numbers) > 1)  # 8b132 is a build of Java
        if is_stage and pre is None and not revision:
            pre = (PRERELEASE_RANK[word], *counted)
        elif not word or (word in _REVISION_WORDS and counted):
            revision += counted
        elif _LETTER.fullmatch(glued[0]) and len(numbers) > 1 and position == len(text):
            revision += (ord(word) - ord("a") + 1,)
        elif word not in _FINAL_WORDS:
            return None
    return Token(text, Part.NUMBER, match[1], numbers=numbers, pre=pre, revision=revision)


def _commit(text: str) -> Token | None:
    match = _COMMIT.fullmatch(text)
    if match is None or match[1].isdigit():
        return None
    if match[1].isalpha() and len(match[1]) not in (7, 8, 40, 64):
        return None
    return Token(text, Part.COMMIT)


def _word(text: str) -> Token:
    match = _WORD.match(text)
    if match is None:
        return Token(text, Part.WORD, stem=text)
    stem, rest = match[1], text[match.end(1) :]
    counted = _integers(match[2] or "")
    lower = stem.lower()
    is_stage = lower in PRERELEASE_RANK and _PRERELEASE_TAIL.fullmatch(rest)
    if is_stage and (lower not in _GLUED_ONLY or (lower == "m" and counted)):
        counted = _integers(".".join(part for part in rest.split(".") if not _commit(part)))
        return Token(text, Part.PRERELEASE, stem=stem, pre=(PRERELEASE_RANK[lower], *counted))
    if match.end() < len(text):
        inner = _INNER_STAGE.fullmatch(text, match.end())
        if inner and counted and lower in INNER_LINES:  # go1.23rc1
            stage = (PRERELEASE_RANK[inner[1]], int(inner[2]))
            return Token(text, Part.WORD, stem=stem, numbers=counted, pre=stage)
        return Token(text, Part.WORD, stem=text)
    if lower in _REVISION_WORDS and (counted or len(stem) > 2):
        return Token(text, Part.REVISION, stem=stem, numbers=counted, revision=counted)
    return Token(text, Part.WORD, stem=stem, numbers=counted)


def _integers(text: str) -> tuple[int, ...]:
    return tuple(map(int, _DIGITS.findall(text)))

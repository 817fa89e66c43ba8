"""What images run, which of them have ended, and what words in tags mean: read where it is needed.

A check asks for the names in one file, so images.txt is searched and not parsed, as bytes: to
decode all of it takes longer than to find a name. Its lines are cells between tabs:

    #NUMBER  SOURCE                                     from where a row is known
    ~LETTERS REGEX  ROW                                 names that begin with the letters and match
    NAME     p PRODUCT TAKE FLAGS NUMBER                what a repository's images run
    NAME     r KIND SINCE TO TAGS TAGS-NOT FLAGS NOTE NUMBER        how a repository ended

FLAGS are `guess` and `upheld`. words.txt is searched, too, when a tag has letters or a repository
is not of Docker Hub's official images; what its lines begin with is kept. `tests/bundle.py` makes
both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tagwatch.audit.model.knowledge import ImageRow, Retirement, Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any
else:
    Any = object  # the warm path imports no typing

__all__ = ["ByName", "Copies", "Images", "Words"]

_FOLDER = Path(__file__).parent


class Images:
    """The bundled rows: what repositories run, and which have ended."""

    def __init__(self, path: Path = _FOLDER / "images.txt") -> None:
        self._path = path
        self._text = b""
        self._start = 0
        """Where the names begin that stand there as they are."""
        self._patterns: list[str] = []
        self._found: dict[str, tuple[tuple[ImageRow, ...], tuple[Retirement, ...]]] = {}

    def rows(self, name: str) -> tuple[ImageRow, ...]:
        """Return what the images of a repository run, by its whole name."""
        return self._of(name)[0]

    def retirements(self, name: str) -> tuple[Retirement, ...]:
        """Return the ends of a repository by its whole name, the nearest first."""
        return self._of(name)[1]

    def names(self) -> Iterator[str]:
        """Yield the names that stand in it as they are, without patterns."""
        self._read()
        lines = self._text[self._start + 1 :].decode().splitlines()
        yield from dict.fromkeys(line.partition("\t")[0] for line in lines)

    def state(self) -> str:
        """Return what all of it is made of."""
        self._read()
        return self._text.decode()

    def _of(self, name: str) -> tuple[tuple[ImageRow, ...], tuple[Retirement, ...]]:
        if name not in self._found:
            self._read()
            self._found[name] = self._rows(name)
        return self._found[name]

    def _rows(self, name: str) -> tuple[tuple[ImageRow, ...], tuple[Retirement, ...]]:
        exact = list(self._exact(name))
        like = list(self._like(name))
        runs = [cells for cells in exact if cells[0] == "p"]
        if not runs:
            runs = [cells for cells in like if cells[0] == "p"]
            # The product is named first, what it stands on second; what has none beats a glob.
            none = [cells for cells in runs if not cells[1]]
            runs = none or sorted(runs, key=lambda cells: cells[1] in _BENEATH)
        ends = [cells for cells in (*exact, *like) if cells[0] == "r"]
        return tuple(map(self._row, runs)), tuple(map(self._retirement, ends))

    def _exact(self, name: str) -> Iterator[list[str]]:
        begin = f"\n{name}\t".encode(errors="replace")
        place = self._text.find(begin, self._start)
        while place >= 0:
            end = self._text.index(b"\n", place + 1)
            yield self._text[place + len(begin) : end].decode().split("\t")
            place = end if self._text.startswith(begin, end) else -1

    def _like(self, name: str) -> Iterator[list[str]]:
        """Yield the rows of patterns, with what stands in the name put in its place."""
        for line in self._patterns:
            letters, _, rest = line.partition("\t")
            if not name.startswith(letters):
                continue
            pattern, *cells = rest.split("\t")
            if not (found := re.fullmatch(pattern, name)):
                continue
            if cells[0] == "r":
                cells[3] = cells[3].replace("*", found[1])
            elif cells[2].startswith("name"):
                cells[2] = f"={_line(cells[2], found['v'])}"
            yield cells

    def _row(self, cells: list[str]) -> ImageRow:
        _, product, take, *rest = cells
        flags = rest[0] if rest else ""
        return ImageRow(
            product=product,
            take=take,
            sure="guess" not in flags,
            upheld="upheld" in flags,
            source=self._source(rest[1]),
        )

    def _retirement(self, cells: list[str]) -> Retirement:
        _, kind, since, to, tags, tags_not, flags, note, number = cells
        return Retirement(
            kind=kind,
            since=since,
            to=tuple(one for one in to.split("|") if one),
            tags=tuple(tags.split()),
            tags_not=tuple(tags_not.split()),
            sure="guess" not in flags,
            note=note,
            source=self._source(number),
        )

    def _source(self, number: str) -> str:
        mark = f"\n#{number}\t".encode()
        start = self._text.index(mark) + len(mark)
        return self._text[start : self._text.index(b"\n", start)].decode()

    def _read(self) -> None:
        if self._text:
            return
        self._text = self._path.read_bytes()  # few lines of it are ever decoded
        place = self._text.index(b"\n~")
        while self._text.startswith(b"\n~", place):
            end = self._text.index(b"\n", place + 1)
            self._patterns.append(self._text[place + 2 : end].decode())
            place = end
        self._start = place


_BENEATH = frozenset({"debian", "centos", "rhel"})
"""Systems that a repository's name tells beside the product (`nodejs18-debian12`)."""


def _line(take: str, number: str) -> str:
    """Return the line that a number in a repository's name stands for."""
    how = take.partition(":")[2]
    return f"{number[0]}.{number[1:]}" if how == "split" else how + number


class Words(Mapping[str, tuple[Word, ...]]):
    """What pieces of tags mean, by the letters that they begin with or as a whole."""

    def __init__(self, path: Path = _FOLDER / "words.txt") -> None:
        self._path = path
        self._text = ""
        self._copies: list[tuple[str, str]] = []
        self._tables: dict[str, dict[str, str]] = {}
        self._made: dict[str, tuple[Word, ...]] = {}
        self._known: dict[str, None] = {}

    def state(self) -> str:
        """Return what all of it is made of."""
        return self._read()

    def copies(self) -> list[tuple[str, str]]:
        """Return the beginnings of names that stand for others, with what they stand for."""
        if not self._copies:
            self._copies = [(cells[0], cells[1]) for cells in self._lines("copy")]
        return self._copies

    def table(self, name: str) -> Mapping[str, str]:
        """Return what a publisher's own numbers mean: text in a tag -> release line."""
        if name not in self._tables:
            self._tables[name] = {cells[0]: cells[1] for cells in self._lines("table", name)}
        return self._tables[name]

    def __getitem__(self, letters: str) -> tuple[Word, ...]:
        if letters not in self._made:
            if letters not in self:
                raise KeyError(letters)
            self._made[letters] = tuple(
                _word([kind, *cells])
                for kind in ("word", "stem")
                for cells in self._lines(kind, letters)
            )
        return self._made[letters]

    def __contains__(self, letters: object) -> bool:
        return letters in self._letters()

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._letters())

    def _letters(self) -> Mapping[str, None]:
        """Return what there are words of, in the file's order: it is asked for many times."""
        if not self._known:
            lines = (line.split("\t", 2) for line in self._read().splitlines())
            self._known = {cells[1]: None for cells in lines if cells[0] in ("word", "stem")}
        return self._known

    def __len__(self) -> int:
        return len(self._letters())

    def _lines(self, *cells: str) -> Iterator[list[str]]:
        """Yield the lines that begin with these cells, without them."""
        text, begin = self._read(), "".join(f"{cell}\t" for cell in cells)
        place = text.find(f"\n{begin}")
        while place >= 0:
            end = text.index("\n", place + 1)
            yield text[place + 1 + len(begin) : end].split("\t")
            place = text.find(f"\n{begin}", end)

    def _read(self) -> str:
        if not self._text:
            self._text = self._path.read_bytes().decode()
        return self._text


def _word(cells: list[str]) -> Word:
    kind, product, line, pattern, role, flags, only = (*cells, *[""] * 6)[:7]
    return Word(
        product=product,
        cycle=line if kind == "word" else "",
        dot=int(line) if kind == "stem" and line else 0,
        pattern=pattern,
        is_system=role == "system",
        sure=flags != "guess",
        only=tuple(only.split()),
    )


class ByName(Mapping[str, Any]):
    """Rows of one kind by the whole name of a repository, each found when it is asked for."""

    def __init__(
        self,
        found: Callable[[str], tuple[Any, ...]],
        names: Callable[[], Iterable[str]],
        state: Callable[[], str],
    ) -> None:
        self._found = found
        self._names = names
        self.state = state

    def __getitem__(self, name: str) -> tuple[Any, ...]:
        rows = self._found(name)
        if not rows:
            raise KeyError(name)
        return rows

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self._found(name))

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        """Yield the names that stand there as they are: patterns have no names of their own."""
        return (name for name in self._names() if self._found(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Copies:
    """What is configured to stand for another name, then what is known to."""

    def __init__(self, configured: Iterable[tuple[str, str]], words: Words) -> None:
        # The longest beginning first: a cache may stand in a folder of another.
        self._configured = sorted(configured, key=lambda pair: -len(pair[0]))
        self._words = words

    def state(self) -> str:
        """Return what all of it is made of."""
        return repr(list(self))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from self._configured
        yield from self._words.copies()

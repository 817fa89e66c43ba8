"""The tables of the corpus: which repositories at which commits, and how each cause was judged."""

from __future__ import annotations

import csv
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from tests.paths import DATA

__all__ = [
    "WORDS",
    "Repository",
    "Row",
    "answered",
    "check_checkout",
    "figures",
    "read_repositories",
    "read_rows",
    "shown_of",
    "write_rows",
]

FOLDER = DATA / "corpus"
WORDS = ("right", "noise", "wrong")
MOST_WRONG = 3.0
MOST_NOISE = 25.0
# Of the findings that a check tells by default. Read for the first time, before what they showed
# was mended, when every note was told: the 16 kept apart had 5.3 % wrong and 46.3 % noise of 95.
# When routine findings were counted: three times 15 fresh ones, each read after the mends of those
# before, had 2.4 % wrong and 12.2 % noise of 41; 0.0 % and 42.3 % of 78 (a third of which was one
# parser's test files); 8.8 % (three templates) and 23.5 % of 34. Together 2.6 % and 30.1 % of 153.
# After that: 12 fresh ones had 0.0 % wrong and 19.0 % noise of 21 at first read; then, with what
# these showed mended, 12 others that nobody had seen had 0.0 % wrong and 15.6 % noise of 45.


@dataclass(frozen=True, slots=True)
class Repository:
    """A public repository of GitHub.

    `part`: `tuned` on, kept `apart` and judged at the end, or `fresh`: found after the last mend.
    """

    name: str
    commit: str
    part: str


@dataclass(frozen=True, slots=True)
class Row:
    """A cause: its first place and words, the number of its places, and what a reader made of it.

    `right`: true, and worth a look. `noise`: true, and nobody would act on it there. `wrong`: not
    true, or advice that cannot be followed.
    """

    repository: str
    kind: str
    place: str
    rule: str
    severity: str
    places: int
    brief: str
    """`yes` where a check only counts it."""
    message: str
    judgement: str = ""
    why: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.repository, self.place, self.rule, self.message

    def judged_as(self, other: Row | None) -> Row:
        """Return the row with the judgement of another one, where there is one."""
        return self if other is None else replace(self, judgement=other.judgement, why=other.why)


def read_repositories() -> list[Repository]:
    with (FOLDER / "repositories.csv").open(encoding="utf-8", newline="") as file:
        return [Repository(**row) for row in csv.DictReader(file)]


def answered() -> list[Repository]:
    """Return the repositories that were checked with answers, as one part."""
    names = {row.repository for row in read_rows("answered")}
    return [replace(one, part="answered") for one in read_repositories() if one.name in names]


def read_rows(table: str = "judged") -> list[Row]:
    """Return the judgements: those of checks offline, or those `answered` by registries."""
    path = FOLDER / f"{table}.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        found = []
        for row in csv.DictReader(file):
            places = int(row.pop("places"))
            found.append(Row(places=places, **row))
        return found


def write_rows(rows: Iterable[Row], table: str = "judged") -> None:
    with (FOLDER / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(map(astuple, sorted(rows, key=lambda row: row.key)))


def check_checkout(folder: Path, repository: Repository) -> None:
    """Stop where a checkout is not at the commit that was judged."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.stdout.strip() != repository.commit:
        raise SystemExit(f"{folder}: not at {repository.commit}, but at {done.stdout.strip()!r}")


def figures(rows: Iterable[Row], repositories: Iterable[Repository]) -> tuple[list[str], bool]:
    """Return the table of shares, and whether every cause is judged and no share too large.

    The bars hold for each part: what was tuned on, and what was not.
    """
    rows = list(rows)
    part_of = {one.name: one.part for one in repositories}
    told, is_good = [], True
    for part in sorted(set(part_of.values()), reverse=True):
        mine = [row for row in rows if part_of[row.repository] == part]
        names = {row.repository for row in mine}
        count = sum(one == part for one in part_of.values())
        told.append(f"{part}: {count} repositories, {len(names)} of them with findings")
        is_good &= all(row.judgement in WORDS for row in mine)
        shown, full = shown_of(mine), [row for row in mine if not row.brief]
        is_good &= max(_shares(rows)["wrong"] for rows in (mine, full)) <= MOST_WRONG
        is_good &= _shares(full)["noise"] <= MOST_NOISE
        told += [_line("all", mine), _line("told", full), _line("with lines of counts", shown)]
        told += [*_by(mine, _kind), *_by(mine, _rule)]
    return told, is_good


def shown_of(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that a check shows by default: what it only counts is one of a repository.

    That one is wrong where anything in it is, and right where anything in it is worth a look.
    """
    shown, brief = [], dict[str, list[Row]]()
    for row in rows:
        if row.brief:
            brief.setdefault(row.repository, []).append(row)
        else:
            shown.append(row)
    return [*shown, *map(_together, brief.values())]


def _together(notes: list[Row]) -> Row:
    words = {note.judgement for note in notes}
    worst = next((word for word in ("wrong", "right", "noise") if word in words), "")
    return replace(notes[0], judgement=worst, places=sum(note.places for note in notes))


def _kind(row: Row) -> str:
    return row.kind or "other"


def _rule(row: Row) -> str:
    return row.rule


def _by(rows: list[Row], name: Callable[[Row], str]) -> Iterator[str]:
    for one in sorted(set(map(name, rows))):
        yield _line(one, [row for row in rows if name(row) == one])


def _shares(rows: list[Row]) -> dict[str, float]:
    counts = Counter(row.judgement for row in rows)
    return {word: 100 * counts[word] / max(len(rows), 1) for word in WORDS}


def _line(name: str, rows: list[Row]) -> str:
    share = _shares(rows)
    places = sum(row.places for row in rows)
    return (
        f"  {name:<24} {len(rows):4} causes, {places:5} places: "
        f"wrong {share['wrong']:4.1f} %, noise {share['noise']:4.1f} %"
    )

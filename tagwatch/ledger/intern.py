"""Small numbers for a repository's tags and digests, so that an interval is a row of integers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cached_property
from itertools import count
from typing import Any

from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.ledger.codec import digest_to_bytes

__all__ = ["Interned", "repository_number"]


def repository_number(connection: sqlite3.Connection, repository: Repository) -> int:
    """The number of a repository, which is given one where it is new."""
    names = (repository.registry, repository.path)
    connection.execute("INSERT OR IGNORE INTO repository (registry, path) VALUES (?, ?)", names)
    row = connection.execute("SELECT id FROM repository WHERE registry = ? AND path = ?", names)
    return int(row.fetchone()[0])


class Interned:
    """The numbers of one repository's tags and digests, in one transaction.

    What is new gets the next number. Each table is read at its first use only: an unchanged night
    interns nothing.
    """

    def __init__(self, connection: sqlite3.Connection, home: int) -> None:
        self._connection = connection
        self.home = home

    def tag(self, name: str) -> int:
        """The number of a tag."""
        numbers, fresh = self._tags
        if name not in numbers:
            numbers[name] = next(fresh)
            self._connection.execute(
                "INSERT INTO tag (repository_id, name, id, n) VALUES (?, ?, ?, 0)",
                (self.home, name, numbers[name]),
            )
        return numbers[name]

    def digest(self, digest: Digest) -> int:
        """The number of a digest."""
        numbers, fresh = self._digests
        raw = digest_to_bytes(digest)
        if raw not in numbers:
            numbers[raw] = next(fresh)
            self._connection.execute(
                "INSERT INTO digest (repository_id, bytes, id) VALUES (?, ?, ?)",
                (self.home, raw, numbers[raw]),
            )
        return numbers[raw]

    @cached_property
    def _tags(self) -> tuple[dict[str, int], Iterator[int]]:
        return self._stored("SELECT name, id FROM tag WHERE repository_id = ?")

    @cached_property
    def _digests(self) -> tuple[dict[bytes, int], Iterator[int]]:
        return self._stored("SELECT bytes, id FROM digest WHERE repository_id = ?")

    def _stored(self, sql: str) -> tuple[dict[Any, int], Iterator[int]]:
        numbers = dict(self._connection.execute(sql, (self.home,)))
        return numbers, count(max(numbers.values(), default=0) + 1)

"""The committed judgements: whole, and within the bars. The checkouts themselves are not needed."""

from __future__ import annotations

import re

from tests.corpus.table import WORDS, answered, figures, read_repositories, read_rows


def test_every_repository_is_at_a_commit() -> None:
    repositories = read_repositories()
    assert len({one.name for one in repositories}) == len(repositories) >= 40
    assert all(re.fullmatch(r"[0-9a-f]{40}", one.commit) for one in repositories)
    untuned = sum(one.part != "tuned" for one in repositories)
    assert 4 * untuned >= len(repositories), "a quarter is not what it was tuned on"


def test_every_cause_is_judged() -> None:
    rows = read_rows()
    assert len({row.key for row in rows}) == len(rows) > 100
    assert {row.judgement for row in rows} <= set(WORDS)
    assert {row.repository for row in rows} <= {one.name for one in read_repositories()}
    assert all(row.why for row in rows if row.judgement != "right"), "noise and wrong say why"


def test_few_are_wrong_and_not_many_are_noise() -> None:
    told, is_good = figures(read_rows(), read_repositories())
    assert is_good, "\n".join(told)


def test_few_are_wrong_and_not_many_are_noise_where_registries_answer() -> None:
    rows = read_rows("answered")
    assert len(answered()) >= 10
    assert all(row.why for row in rows if row.judgement != "right"), "noise and wrong say why"
    told, is_good = figures(rows, answered())
    assert is_good, "\n".join(told)

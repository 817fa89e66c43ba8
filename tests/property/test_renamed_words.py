"""What a tag is needs no name known: with images, systems and code names renamed, it is the same.

Only words of the trade keep their spelling: pre-release stages, build counters, what publishers
call unfinished and finished work.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

import pytest

from tagwatch.audit.version.resolve import resolve_selector, resolve_tag
from tagwatch.image.tag_table import TagTable
from tagwatch.image.token import PRERELEASE_RANK
from tests import truth

KEPT = {
    *PRERELEASE_RANK, "x", "X", "v", "u", "r", "p", "latest", "stable", "lts", "current", "release",
    "edge", "unstable", "testing", "experimental", "tip",
}  # fmt: skip
LETTERS = "hijklmnoqstwyz"  # no hex digit, no wildcard, no letter that counts builds
WORD = re.compile(r"[A-Za-z]+")


def renaming(seed: int) -> Callable[[str], str]:
    """A consistent renaming of words, each to a new word of its length and case of first letter."""
    random_letters = random.Random(seed)
    names: dict[str, str] = {}
    taken: set[str] = set()

    def new_name(word: str) -> str:
        while word not in names:
            length = max(len(word), 2)
            name = "".join(random_letters.choices(LETTERS, k=length))
            if name not in taken and name not in KEPT:
                taken.add(name)
                names[word] = name
        return names[word]

    def rename(text: str) -> str:
        return WORD.sub(lambda m: m[0] if m[0].lower() in KEPT else new_name(m[0]), text)

    return rename


def wrong_answers(questions: Sequence[truth.Question], rename: Callable[[str], str]) -> list[str]:
    tables = {
        image: TagTable.of({rename(tag): digest for tag, digest in tags.items()})
        for image, tags in truth.now().items()
    }
    wrong = []
    for question in questions:
        table, text = tables[question.image], rename(question.text)
        resolve = resolve_tag if text in table.tags else resolve_selector
        found = resolve(text, table)
        accepted: set[str | None] = {rename(tag) for tag in question.accepted}
        if question.tag is None:
            accepted.add(None)
        if found.tag not in accepted or (found.tag is None and found.status != question.status):
            wrong.append(f"{question.image}:{text} is {accepted}, not {found.tag}")
    return wrong


@pytest.mark.parametrize("seed", [1, 2])
def test_truth_holds_for_renamed_words(seed: int) -> None:
    questions = [*truth.truth_questions(), *truth.floating_questions("expect")]
    assert not wrong_answers(questions, renaming(seed))


def test_renaming_changes_words_and_keeps_numbers() -> None:
    rename = renaming(1)
    renamed = rename("8.3.10-fpm-alpine3.20")
    assert renamed != "8.3.10-fpm-alpine3.20"
    assert re.sub(r"[a-z]", "", renamed) == "8.3.10--3.20"
    assert rename("fpm") in renamed

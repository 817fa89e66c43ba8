"""Resolving tags and selectors: by digest first, by grammar second, and saying which."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from tagwatch.audit.model.evidence import Basis, Status
from tagwatch.audit.reading.version_evidence import VersionEvidence
from tagwatch.audit.version.resolve import named_by_alias, resolve_selector, resolve_tag
from tagwatch.errors import UsageError
from tagwatch.image.digest import Digest
from tagwatch.image.reference import Repository
from tagwatch.image.tag_table import TagTable
from tests import truth
from tests.tag_groups import repository

HELD_OUT = 1267
REDIS = Repository(registry="docker.io", path="library/redis")


@pytest.mark.parametrize("world", ["now", "merged"])
def test_every_tag_of_the_truth(world: str) -> None:
    images = truth.now() if world == "now" else truth.merged()
    asked = list(truth.truth_questions())
    counts, remarks = truth.judge(asked, truth.by_functions(images))
    assert not remarks
    assert sum(counts.values()) == 4834 + 308


def test_every_query_on_todays_tags_and_the_hardest_tags() -> None:
    asked = [*truth.floating_questions("expect"), *truth.hardest_questions()]
    counts, remarks = truth.judge(asked, truth.by_functions(truth.now()))
    assert not remarks
    assert sum(counts.values()) == 223 + 30


def test_every_query_on_all_tags_ever() -> None:
    asked = list(truth.floating_questions("expect_ever"))
    counts, remarks = truth.judge(asked, truth.by_functions(truth.ever()))
    assert not remarks
    assert sum(counts.values()) == 223


def held_out() -> Iterator[tuple[str, dict[str, Digest], dict[str, list[Any]]]]:
    for image, facts in truth.load("held_out.json.gz").items():
        tags = truth.digests(image, [group.split() for group in facts["groups"]])
        yield image, tags, facts["expected"]


def test_images_from_which_nothing_was_learnt() -> None:
    asked = 0
    for image, tags, expected in held_out():
        table = TagTable.of(tags)
        for tag in tags:
            kind, concrete, *others = expected.get(tag, ["", tag])
            found = resolve_tag(tag, table)
            assert found.tag in (concrete, *chain(*others)), f"{image}:{tag}"
            if kind:
                assert found.status == truth.STATUS[kind], f"{image}:{tag}"
                assert (found.version is not None) == (kind == "version"), f"{image}:{tag}"
            asked += 1
    assert asked == HELD_OUT


def test_images_from_which_nothing_was_learnt_by_names_and_few_requests() -> None:
    false = asked = requests = 0
    for image, tags, expected in held_out():
        plain = truth.Plain({image: tags})
        questions = [
            truth.Question(source="held-out", image=image, text=tag, tag=None, status="")
            for tag in sorted(tags)[::6]
        ]
        for question, found in zip(questions, plain(questions), strict=True):
            _, concrete, *others = expected.get(question.text, ["", question.text])
            false += found.tag not in (concrete, None, *chain(*others))
            asked += 1
        requests += plain.requests
    assert false == 0
    assert requests <= asked


def test_names_alone_and_few_requests_say_the_same_and_nothing_false() -> None:
    plain = truth.Plain(truth.now())
    asked = list(truth.truth_questions())[::9]
    counts, _ = truth.judge(asked, plain)
    verdicts = {said: 0 for _, _, said in counts}
    for (_, _, said), count in counts.items():
        verdicts[said] += count
    assert "wrong" not in verdicts
    assert verdicts["right"] >= 0.99 * len(asked)
    assert plain.requests <= 1.0 * len(asked)


def test_a_floating_tag_is_its_most_specific_alias() -> None:
    tags = repository("6.2.24 6.2 6.2.24-bookworm 6-bookworm", "7.4.1 7 latest")
    found = resolve_tag("6.2", tags, repository=REDIS)
    assert (found.status, found.tag, found.version) == (Status.RESOLVED, "6.2.24", "6.2.24")
    assert found.basis is Basis.ALIAS
    assert found.digest == tags["6.2"]
    assert found.aliases == ("6-bookworm", "6.2", "6.2.24", "6.2.24-bookworm")
    assert str(found.reference) == f"redis:6.2.24@{tags['6.2']}"
    assert found.newer.major == "7.4.1"
    assert found.note == ""
    assert resolve_tag("6-bookworm", tags).tag == "6.2.24-bookworm"


def test_a_tag_that_is_not_there_is_not_found() -> None:
    found = resolve_tag("9", repository("6.2.24 6.2"), input="redis:9")
    assert (found.input, found.status, found.tag) == ("redis:9", Status.NOT_FOUND, None)


@pytest.mark.parametrize(
    ("tag", "note"),
    [
        ("1.4.0", "v1.4.0 is there: write it with the v"),
        ("v6.2.24", "6.2.24 is there: write it without the v"),
        ("1.4.1", ""),
        ("edge", ""),
    ],
)
def test_a_tag_that_lacks_only_the_v_is_told_which_one_is_there(tag: str, note: str) -> None:
    found = resolve_tag(tag, repository("v1.4.0", "6.2.24", "vedge"))
    assert (found.status, found.note) == (Status.NOT_FOUND, note)


def test_the_publisher_is_believed_and_the_text_is_not() -> None:
    found = resolve_tag("5.0.0", repository("5.0.0 5.0 5.0.0-preview.1", "4.3.7"))
    assert found.tag == "5.0.0-preview.1"
    assert found.note == "5.0.0-preview.1 is a pre-release"


def test_two_versions_in_one_image_are_shown() -> None:
    tags = repository("2.4.4-bookworm-slim 2.4-bookworm-slim bookworm-slim 2.4.3 2.4 latest")
    found = resolve_tag("latest", tags)
    assert (found.tag, found.ambiguous) == ("2.4.3", ("2.4.4-bookworm-slim",))
    assert resolve_tag("bookworm-slim", tags).tag == "2.4.4-bookworm-slim"


def test_words_that_are_dropped_or_added_are_said() -> None:
    tags = repository(
        "2.1.2-alpine 2 latest", "2.0.22 2.0", "2026.1.5-developer 2026-lta-developer"
    )
    assert resolve_tag("2", tags).note == "its only full name adds 'alpine'"
    lta = resolve_tag("2026-lta-developer", tags)
    assert (lta.tag, lta.note) == ("2026.1.5-developer", "no alias keeps 'lta'")


def test_a_group_with_only_a_date_is_that_date() -> None:
    found = resolve_tag("edge", repository("edge 20260805", "3.24.1 latest"))
    assert (found.status, found.tag, found.version) == (Status.RESOLVED, "20260805", None)
    assert found.basis is Basis.ALIAS


def test_a_group_without_number_has_no_version() -> None:
    found = resolve_tag("sid", repository("sid unstable", "13.6 trixie"))
    assert (found.status, found.tag, found.basis) == (Status.NO_VERSION, None, Basis.NONE)
    assert found.note
    assert found.aliases == ("sid", "unstable")


CLAIM = VersionEvidence(version="7.2.5", basis=Basis.ENV, detail="REDIS_VERSION")


def test_evidence_is_asked_where_no_alias_says_it() -> None:
    found = resolve_tag("stable", repository("stable", "7.0.1"), evidence=[CLAIM])
    assert (found.status, found.tag, found.version) == (Status.RESOLVED, None, "7.2.5")
    assert (found.basis, found.basis_detail) == (Basis.ENV, "REDIS_VERSION")


def test_evidence_says_more_than_a_stale_floating_tag() -> None:
    found = resolve_tag("7.2", repository("7.2", "7.2.9"), evidence=[CLAIM])
    assert (found.tag, found.version, found.basis) == ("7.2", "7.2.5", Basis.ENV)
    assert found.name == "7.2.5"
    assert found.newer.patch == "7.2.9"


@pytest.mark.parametrize(
    ("tag", "groups", "is_settled"),
    [
        ("7.2", ["7.2 latest"], False),
        ("latest", ["7.2 latest"], False),
        ("7.2", ["7.2 7", "8.0.1"], False),
        ("7.2", ["7.2", "6.2.14 6.2"], False),
        ("7.2.4", ["7.2.4"], True),
        ("7", ["7 7.2.4"], True),
        ("16", ["16 16.3", "17.5 17 latest", "9.6.24"], True),
        ("16.3", ["16.3", "17.5", "9.6.24"], True),
        ("latest", ["16.3", "17.5 latest", "9.6.24"], True),
    ],
)
def test_a_short_name_alone_may_be_a_longer_version(
    tag: str, groups: list[str], is_settled: bool
) -> None:
    """Where the newest versions give no more numbers, a short one says all there is to say."""
    assert (named_by_alias(tag, TagTable.of(repository(*groups))) is not None) is is_settled


def test_what_another_name_comes_to_is_said_of_it_too() -> None:
    for tag in ("7.2", "latest"):
        found = resolve_tag(tag, repository("7.2 latest"), evidence=[CLAIM])
        assert (found.tag, found.version, found.basis) == ("7.2", "7.2.5", Basis.ENV)


@pytest.mark.parametrize("newest", ["7.2.5", "7.2.4"])
def test_nothing_is_newer_than_the_version_that_evidence_states(newest: str) -> None:
    found = resolve_tag("7.2", repository("7.2", newest, "8.0.1"), evidence=[CLAIM])
    assert (found.newer.patch, found.newer.major) == (None, "8.0.1")


@pytest.mark.parametrize(
    ("served", "tag", "newest"),
    [
        (("latest", "7.2.5-ls3 version-7.2.5", "7.2.5-ls4", "7.2.6-ls1"), "latest", "7.2.6-ls1"),
        (("latest", "7.2.5-ls3", "7.2.5-ls4", "7.2.4-ls2"), "latest", None),  # a build of its own
        (("latest", "7.2.4-ls3", "7.2.6-ls1"), "latest", None),  # no tag has that version
        (("stable", "7.2.5", "7.2.6"), "stable", None),  # whose line is not known
    ],
)
def test_latest_without_an_alias_is_followed_by_what_its_version_is(
    served: tuple[str, ...], tag: str, newest: str | None
) -> None:
    found = resolve_tag(tag, repository(*served), evidence=[CLAIM])
    assert (found.tag, found.version, found.newer.patch) == (None, "7.2.5", newest)


def test_what_has_no_version_says_why_nothing_is_newer() -> None:
    tags = repository("sid", "sha-3f2a9c1", "pr-12", "1.2.3-dirty", "1.2.3")
    why = {tag: resolve_tag(tag, tags).newer.not_comparable for tag in tags}
    assert not why.pop("1.2.3")
    assert len(set(why.values())) == 4
    assert all(why.values())


@pytest.mark.parametrize("tag", ["7.2.4", "7.1", "6"])
def test_evidence_never_speaks_against_an_alias_or_the_tag(tag: str) -> None:
    found = resolve_tag(tag, repository("7.2.4", "7.1", "6", "7.1.3", "6.2.1"), evidence=[CLAIM])
    assert (found.version, found.basis) == (tag, Basis.ALIAS)


def test_an_unknown_digest_is_not_guessed() -> None:
    names = repository(unknown="6.2 6.2.24 6.2.9 latest")
    floating = resolve_tag("6.2", names)
    assert (floating.status, floating.tag, floating.digest) == (Status.NO_VERSION, None, None)
    whole = resolve_tag("6.2.24", names)
    assert (whole.tag, whole.version) == ("6.2.24", "6.2.24")
    assert "digest is not known" in whole.note


def test_a_tag_is_not_named_while_a_better_name_was_not_asked() -> None:
    tags = repository("5.0.0 5.0", unknown="5.0.0-preview.1 5.0-preview")
    assert resolve_tag("5.0", tags).status is Status.NO_VERSION
    assert "not asked" in resolve_tag("5.0", tags).note
    tags["5.0.0-preview.1"] = truth.digest("another")
    assert resolve_tag("5.0", tags).tag == "5.0.0"


def test_a_selector_resolves_to_a_tag_with_its_digest() -> None:
    tags = repository("6.2.24 6.2", "6.2.9", "7.4.1 latest")
    found = resolve_selector("6.2.x", tags, input="redis:6.2.x", repository=REDIS)
    assert (found.input, found.tag, found.digest) == ("redis:6.2.x", "6.2.24", tags["6.2.24"])
    none = resolve_selector("8.x", tags)
    assert (none.status, none.tag, none.input) == (Status.NOT_FOUND, None, "8.x")


def test_a_selector_that_only_prereleases_match_says_so() -> None:
    found = resolve_selector("8.6.x", repository("8.6.0beta1 8.6-rc", "8.5.9 8.5"))
    assert (found.status, found.note) == (
        Status.NOT_FOUND,
        "only pre-releases match, such as 8.6.0beta1",
    )
    with pytest.raises(UsageError):
        resolve_selector("^", repository("8.5.9"))


def test_a_table_answers_as_its_tags_do() -> None:
    tags = repository("6.2.24 6.2", "7.4.1 7")
    table = TagTable.of(tags)
    assert TagTable.of(table) is table
    assert resolve_tag("6.2", table) == resolve_tag("6.2", tags)


def test_an_image_under_a_thousand_tags_tells_of_a_hundred_and_counts_the_others() -> None:
    """Each of them would tell of all the others: a registry could fill any memory with that."""
    names = [f"1.{number // 100}.{number % 100}" for number in range(999)]
    table = TagTable.of(dict.fromkeys([*names, "latest"], truth.digest("one")))
    for tag, concrete in (("latest", "1.9.98"), ("1.9.98", "1.9.98"), ("1.0.7", "1.0.7")):
        found = resolve_tag(tag, table)
        assert found.tag == concrete
        assert {tag, concrete} <= set(found.aliases)
        assert list(found.aliases) == sorted(found.aliases)
        assert len(found.aliases) == 100
        assert found.more_aliases == 900
        assert len(found.ambiguous) <= 100

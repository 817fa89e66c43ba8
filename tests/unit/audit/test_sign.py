"""Signs beside a verdict: a repository's habit, other files, a version that the tag denies."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tagwatch.audit.change.judgement import ChangeContext
from tagwatch.audit.change.sign import Habit, habit_of
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Change, Interval, Sign
from tagwatch.audit.reading.version_evidence import other_version
from tagwatch.image.image_config import parse_image_config
from tests.image_builder import Built, build, config_digest, env, label, run
from tests.official import app, debian, on_day, python, redis
from tests.unit.audit.test_change import bases, explain

NOW = on_day(100)
VERSION = "org.opencontainers.image.version"
TITLE = "org.opencontainers.image.title"
SOURCE = "org.opencontainers.image.source"


def past(tag: str, *days: int, verdict: str | None = "rebuilt") -> tuple[Interval, ...]:
    """A tag that served another digest from each of these days on."""
    return tuple(
        Interval(
            tag=tag,
            digest=debian(day).digest,
            first_seen=on_day(day),
            last_seen=on_day(day),
            verdict=verdict if number else None,
        )
        for number, day in enumerate(days)
    )


def habit(at: datetime = NOW, tag: str = "1.4.2", **tags: tuple[Interval, ...]) -> Habit:
    return habit_of({one[0].tag: one for one in tags.values()}, tag, at)


def test_a_repository_that_never_moved_a_full_version_is_steady() -> None:
    own = past("1.4.2", 0)
    assert habit(a=own) == Habit(steady_days=100)
    assert habit(a=own, b=past("latest", 0, 9, 40), c=past("1.4", 0, 50)).steady_days == 100
    assert habit(a=own, b=past("1.4.1", 0, 50)).steady_days == 0, "another full version moved"
    assert habit(on_day(29), a=own).steady_days == 0, "known too short"
    assert habit(tag="1.4", a=own, b=past("1.4", 0)).steady_days == 0, "no full version"
    assert habit(on_day(50), a=past("1.4.2", 0, 50)).steady_days == 50, "the move itself"


def test_two_rebuilds_of_full_versions_are_a_habit() -> None:
    twice = past("1.4.2", 0, 9, 40)
    assert habit(a=twice).rebuilds
    assert habit(a=past("1.4.2", 0, 9), b=past("1.4.1", 0, 9)).rebuilds
    assert not habit(a=past("1.4.2", 0, 9)).rebuilds
    assert not habit(a=past("1.4.2", 0, 9, 40, verdict="replaced")).rebuilds
    assert not habit(a=past("latest", 0, 9, 40)).rebuilds


def swapped(context: ChangeContext, day: int = 0) -> Change:
    """Other files by the same COPY, on the base of a day."""
    return explain(
        app(python(0), content="good"),
        app(python(day), content="evil"),
        context,
        reference="registry.example/shop/api:1.4.2",
    )


def test_other_files_by_the_same_step_are_a_sign() -> None:
    change = swapped(ChangeContext())
    assert (change.verdict, change.signs) == (Verdict.REBUILT, (Sign.CONTENT_SWAPPED,))
    assert change.reason.endswith("other files by the same step: 'COPY src /app'")


@pytest.mark.parametrize(
    ("context", "day"),
    [(ChangeContext(habit=Habit(rebuilds=True)), 0), (ChangeContext(), 9)],
    ids=["by habit", "on another base"],
)
def test_a_rebuild_brings_other_files_too(context: ChangeContext, day: int) -> None:
    change = swapped(context, day)
    assert (change.verdict, change.signs) == (Verdict.REBUILT, ())


def test_the_first_move_of_a_steady_repository_is_a_sign_whatever_it_is() -> None:
    steady = ChangeContext(habit=Habit(steady_days=40))
    change = swapped(steady)
    assert (change.verdict, change.signs) == (Verdict.REPLACED, (Sign.FIRST_MOVE,))
    assert "never moved a full version in the 40 days" in change.reason
    change = swapped(steady, 9)
    assert (change.verdict, change.signs) == (Verdict.REBUILT, (Sign.FIRST_MOVE,))
    same = explain(app(python(0)), build(label("a", "b"), base=app(python(0))), steady)
    assert (same.verdict, same.signs) == (Verdict.METADATA_ONLY, ())


def test_an_approved_base_that_is_lost_is_named() -> None:
    reference = "docker.io/library/python:3.12-slim"
    known = bases((python(0), reference), (debian(0), "docker.io/library/debian:bookworm"))

    def lost(after: Built, approved: str = reference) -> str:
        context = ChangeContext(bases=known, rank=lambda name: 0 if name == approved else None)
        return explain(app(python(0)), after, context, versions=("1", "1")).lost_base

    assert lost(app(python(9), 9)) == reference
    assert lost(app(python(0), 9)) == ""
    assert lost(app(python(9), 9), "docker.io/library/node:20") == "", "it never stood on one"
    on_debian = app(python(9, base=debian(0)), 9)
    assert lost(on_debian) == reference
    assert lost(on_debian, "docker.io/library/debian:bookworm") == ""


def stated(image: Built, path: str, tag: str | None, *, inherited: bool = False) -> str:
    config = parse_image_config(image.documents[config_digest(image)].raw)
    found = other_version(config, path, tag, inherited=inherited)
    return found.version if found else ""


def labelled(version: str, **labels: str) -> Built:
    steps = (label(name, text) for name, text in {VERSION: version, **labels}.items())
    return build(*steps, run("make"), base=debian())


@pytest.mark.parametrize(
    ("image", "path", "tag", "version"),
    [
        (redis(), "library/redis", "6.2.16", "6.2.14"),
        (redis(), "library/redis", "7.4.1-alpine", "6.2.14"),
        (redis(), "library/redis", "6.2.14", ""),
        (redis(), "library/redis", "6.2", ""),
        (redis(), "corp/redis", "6.2.16", "6.2.14"),
        (redis(), "corp/redis", "1.0.3", ""),
        (redis(), "corp/cache", "6.2.16", ""),
        (labelled("1.4.3", **{TITLE: "api"}), "shop/api", "1.4.2", "1.4.3"),
        (labelled("1.4.3", **{SOURCE: "https://a.example/api.git"}), "shop/api", "1.4.2", "1.4.3"),
        (labelled("1.4.3"), "shop/api", "1.4.2", ""),
        (labelled("1.4.3", **{TITLE: "ubi"}), "shop/api", "1.4.2", ""),
        (labelled("1.4.2-rc.1", **{TITLE: "api"}), "shop/api", "1.4.2", ""),
        (labelled("1.4", **{TITLE: "api"}), "shop/api", "1.4.2", ""),
        (labelled("2024.10.1", **{TITLE: "api"}), "shop/api", "1.4.2", ""),
        (labelled("main", **{TITLE: "api"}), "shop/api", "1.4.2", ""),
        (labelled("1.11.3", **{TITLE: "api"}), "shop/api", "21.0.4-tools-1.11.3", ""),
        (build(env("API_VERSION", "1.4.3"), base=debian()), "shop/api", "1.4.2", "1.4.3"),
    ],
)  # fmt: skip
def test_a_version_that_the_tag_denies(image: Built, path: str, tag: str, version: str) -> None:
    assert stated(image, path, tag) == version


def test_a_label_without_a_name_counts_where_the_move_shows_that_it_is_no_base_s() -> None:
    assert stated(labelled("1.4.3"), "shop/api", "1.4.2", inherited=True) == "1.4.3"
    other = labelled("1.4.3", **{TITLE: "ubuntu"})
    assert stated(other, "shop/api", "1.4.2", inherited=True) == ""
    assert stated(labelled("1.4.3"), "shop/api", None, inherited=True) == ""
    change = explain(
        labelled("1.4.2"), labelled("1.4.3"), reference="registry.example/shop/api:1.4.2"
    )
    assert change.signs == (), "the same layers: only a label differs"
    built = build(run("more"), base=labelled("1.4.3"))
    change = explain(labelled("1.4.2"), built, reference="registry.example/shop/api:1.4.2")
    assert (change.verdict, change.signs) == (Verdict.REPLACED, (Sign.VERSION_DISAGREES,))


def test_a_habit_is_as_old_as_what_is_known() -> None:
    assert habit(NOW + timedelta(hours=1), a=past("1.4.2", 0)).steady_days == 100
    assert habit_of({}, "1.4.2", NOW) == Habit()

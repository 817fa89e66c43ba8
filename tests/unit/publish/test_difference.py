"""The table and the drawing of a change, from diffs that the audit really makes."""

from __future__ import annotations

from tagwatch.audit.change.verdict import explain_change
from tagwatch.audit.model.diff import ImageDiff, PlatformDiff, StepDiff
from tagwatch.publish.html.difference import Difference, differences, not_compared
from tagwatch.publish.html.layers import stack_of
from tests import official
from tests.image_builder import (
    EPOCH,
    Built,
    attest,
    build,
    copy,
    entrypoint,
    env,
    index,
    label,
    run,
    spdx,
    user,
)
from tests.official import app, python


def diff_of(before: Built, after: Built) -> ImageDiff | None:
    return explain_change(official.read(before), official.read(after), tag="t", at=EPOCH).diff


def rows(before: Built, after: Built) -> list[tuple[str, str, str]]:
    return [(row.what, row.before, row.after) for row in differences(diff_of(before, after))]


def test_a_new_version_shows_its_variable_and_steps() -> None:
    found = rows(python(0, "3.12.3"), python(0, "3.12.4"))
    assert ("env PYTHON_VERSION", "3.12.3", "3.12.4") in found
    assert any(what == "build step" for what, _, _ in found)


def test_new_variables_and_labels_are_shown_with_their_values() -> None:
    before = python()
    found = rows(before, build(env("MODE", "fast"), label("team", "shop"), base=before))
    assert ("env", "none", "MODE=fast") in found
    assert ("labels", "none", "team=shop") in found


def test_user_and_entrypoint_as_pairs() -> None:
    before = python()
    found = rows(before, build(user("1000"), entrypoint("/app", "serve"), base=before))
    assert ("user", "none", "1000") in found
    assert ("entrypoint", "none", "/app serve") in found


def test_packages_from_attestations() -> None:
    image = python()
    old = index(image, attest(image, spdx(image, {"pkg:deb/debian/openssl": "3.0.13"})))
    new = index(image, attest(image, spdx(image, {"pkg:deb/debian/openssl": "3.0.14"})))
    assert ("pkg:deb/debian/openssl", "3.0.13", "3.0.14") in rows(old, new)


def test_an_image_against_itself_shows_nothing() -> None:
    assert rows(python(), python()) == []


def test_what_was_not_compared_gives_its_reason() -> None:
    gaps = not_compared(diff_of(python(), python(1)))
    assert gaps
    assert all(what and why for what, why in gaps)


def test_the_stack_holds_every_layer_of_both_images() -> None:
    before = app(python())
    after = build(copy("new", "/new", "x"), run("more", y="2"), base=before)
    drawn = stack_of(diff_of(before, after))
    assert drawn is not None
    sides = [box.x for box in drawn.boxes]
    assert sides.count(drawn.before) == len(before.layers)
    assert sides.count(drawn.after) == len(after.layers)
    assert [box.sign for box in drawn.boxes if box.kind == "added"] == ["+", "+"]


def test_a_move_whose_diff_nobody_told_gives_no_row() -> None:
    assert differences(None) == ()
    assert not_compared(None) == ()
    assert differences(ImageDiff()) == ()


def test_long_lists_are_counted() -> None:
    steps = StepDiff(removed=tuple(f"RUN step {number}" for number in range(30)))
    found = differences(ImageDiff(platforms=(PlatformDiff(steps=steps),)))
    assert found[-1] == Difference(what="build steps in all", before="30 removed", after="0 added")
    assert len(found) == 13

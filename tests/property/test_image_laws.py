"""Laws of diffs, verdicts and bases, over images made of arbitrary steps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.audit.base.build import base_builds
from tagwatch.audit.base.index import BaseIndex, index_builds
from tagwatch.audit.base.match import match_bases
from tagwatch.audit.change.judgement import ChangeContext
from tagwatch.audit.change.verdict import explain_change
from tagwatch.audit.model.base_match import BaseVerdict
from tagwatch.audit.model.diff import Verdict
from tagwatch.audit.model.history import Change, Interval
from tagwatch.audit.reading.image import read_image
from tagwatch.audit.reading.mask import is_secret_key, mask_text, mask_value
from tagwatch.audit.reading.steps import normalized_step
from tagwatch.image.platform import LINUX_AMD64
from tagwatch.ledger.codec import decode, encode
from tagwatch.ledger.old_diff import upgraded_change
from tagwatch.publish.diff_document import diff_document
from tagwatch.publish.diff_text import diff_text
from tests import official
from tests.image_builder import (
    EPOCH,
    Built,
    Step,
    attest,
    build,
    cmd,
    config_digest,
    copy,
    env,
    expose,
    index,
    label,
    recompress,
    run,
    spdx,
    user,
    workdir,
)
from tests.official import ARM64, debian, python

WORDS = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.one_of(
    st.builds(lambda name, content: run(name, **{name: content}), WORDS, WORDS),
    st.builds(lambda name, content: copy(name, "/x", content), WORDS, WORDS),
    st.builds(lambda name, value: env(name.upper(), value), WORDS, WORDS),
    st.builds(label, WORDS, WORDS),
    st.builds(user, WORDS),
    st.builds(lambda port: expose(f"{port}/tcp"), st.integers(1, 3)),
    st.builds(cmd, WORDS),
    st.builds(workdir, st.just("/w")),
    st.builds(lambda name: Step(created_by=f"RUN {name}", files={}), WORDS),
)
RECIPES = st.lists(STEPS, max_size=6)
PACKAGES = st.dictionaries(WORDS.map(lambda word: f"pkg:deb/debian/{word}"), WORDS)


@st.composite
def images(draw: st.DrawFn) -> Built:
    """A manifest or an index, with or without packages, on one of a few Debians."""
    platforms = draw(st.sampled_from([(LINUX_AMD64,), (LINUX_AMD64, ARM64), (ARM64,)]))
    parts = []
    for platform in platforms:
        base = debian(draw(st.integers(0, 2)), platform=platform)
        part = build(*draw(RECIPES), base=base)
        parts.append(part)
        if draw(st.booleans()):
            parts.append(attest(part, spdx(part, draw(PACKAGES))))
    return index(*parts) if len(parts) > 1 or draw(st.booleans()) else parts[0]


def explain(before: Built, after: Built) -> Change:
    version = ("1.0", "1.0")
    return explain_change(
        official.read(before, version=version[0]),
        official.read(after, version=version[1]),
        tag="t",
        at=EPOCH,
    )


@settings(max_examples=60, deadline=None)
@given(images())
def test_an_image_is_identical_to_itself(image: Built) -> None:
    change = explain(image, image)
    assert change.verdict is Verdict.IDENTICAL
    document = diff_document(change)
    for part in (document["layers"]["added"], document["layers"]["removed"]):
        assert part == []
    for part in (document["steps"]["added"], document["config"]["env"]["changed"]):
        assert not part
    assert document["size"]["delta"] == 0
    assert document["platforms"]["added"] == document["platforms"]["removed"] == []


def turned(document: dict[str, Any]) -> dict[str, Any]:
    """What must be equal in a diff and in the diff the other way round, seen from one side."""
    config, layers = document["config"], document["layers"]
    mirrored: dict[str, Any] = {
        "shared": len(layers["shared"]),
        "moved": sorted((m["diff_id"], min(m["i"], m["old_i"])) for m in layers["moved"]),
        "same packages": document["packages"]["same"],
        "same steps": document["steps"]["same"],
        "verdict": document["verdict"],
        "platforms": document["platforms"]["unchanged"],
    }
    for side in ("added", "removed"):
        mirrored[side] = {
            "layers": [layer["diff_id"] for layer in layers[side]],
            "steps": document["steps"][side],
            "packages": document["packages"][side],
            "platforms": document["platforms"][side],
            "ports": config.get("exposed_ports", {}).get(side),
            "env": config.get("env", {}).get(side),
        }
    return mirrored


@settings(max_examples=80, deadline=None)
@given(images(), images())
def test_a_diff_is_symmetric_up_to_naming(one: Built, other: Built) -> None:
    there, back = (turned(diff_document(explain(*pair))) for pair in ((one, other), (other, one)))
    back["added"], back["removed"] = back["removed"], back["added"]
    assert there == back
    delta = diff_document(explain(one, other))["size"]["delta"]
    reverse = diff_document(explain(other, one))["size"]["delta"]
    assert (delta is None and reverse is None) or delta == -reverse


@settings(max_examples=60, deadline=None)
@given(images(), images())
def test_every_verdict_has_a_reason_and_a_text(one: Built, other: Built) -> None:
    change = explain(one, other)
    assert change.reason
    assert diff_text(change).startswith(f"{change.verdict}: {change.reason}\n")
    assert (change.verdict is Verdict.IDENTICAL) == (one.digest == other.digest)


@settings(max_examples=60, deadline=None)
@given(images(), images())
def test_a_diff_of_an_older_ledger_says_the_same(one: Built, other: Built) -> None:
    """There it is the JSON that people are given, which never told what moved alone."""
    change = explain(one, other)
    stored = {**json.loads(encode(change)), "diff": diff_document(change)}
    assert change.diff is not None
    told = replace(change, diff=replace(change.diff, alone=()))
    assert decode(Change, upgraded_change(json.dumps(stored).encode())) == told


@settings(max_examples=60, deadline=None)
@given(RECIPES, st.sampled_from(["zstd", "gzip-fast", "none"]))
def test_recompression_is_told_as_such(recipe: list[Step], compression: Any) -> None:
    image = build(*recipe, base=debian())
    assert explain(image, recompress(image, compression)).verdict is Verdict.RECOMPRESSED


def rebuilt(recipe: list[Step], day: int) -> Built:
    """Every step again, on the Debian of another day: every layer that holds anything is new."""
    steps = [
        Step(
            created_by=step.created_by,
            files={**step.files, "day": str(day)} if step.files else step.files,
            config=step.config,
        )
        for step in recipe
    ]
    return build(*steps, base=debian(day), created=official.on_day(day))


@settings(max_examples=80, deadline=None)
@given(RECIPES, st.integers(1, 60))
def test_a_rebuild_is_never_a_replacement(recipe: list[Step], day: int) -> None:
    change = explain(rebuilt(recipe, 0), rebuilt(recipe, day))
    assert change.verdict is Verdict.REBUILT, change.reason


PYTHON = "docker.io/library/python:3.12-slim"


def base_index(*images_: Built) -> BaseIndex:
    return index_builds(
        build_
        for day, image in enumerate(images_)
        for build_ in base_builds(
            PYTHON,
            Interval(
                tag="3.12-slim",
                digest=image.digest,
                first_seen=official.on_day(day),
                last_seen=official.on_day(day + 1),
                ended=day + 1 < len(images_),
            ),
            image.documents,
        )
    )


BASES = [python(day) for day in range(3)]
INDEX = base_index(*BASES)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2), RECIPES, STEPS)
def test_appending_a_step_never_changes_the_base(day: int, recipe: list[Step], more: Step) -> None:
    image = build(*recipe, base=BASES[day])
    longer = build(more, base=image)
    found = [
        match_bases(read_image(built.digest, built.documents, reference="e.x/a:1"), INDEX)[0]
        for built in (image, longer)
    ]
    assert found[0] == found[1]
    assert found[0].base is not None
    assert found[0].base.digest == BASES[day].digest
    assert found[0].verdict is (BaseVerdict.EXACT_CURRENT if day == 2 else BaseVerdict.EXACT_STALE)
    assert found[0].behind == 2 - day


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_normalising_is_stable_and_masking_never_fails(text: str) -> None:
    once = normalized_step(text)
    assert normalized_step(once) == once
    mask_text(text)


SECRET_KEYS = st.sampled_from(["DB_PASSWORD", "API_TOKEN", "AWS_SECRET_ACCESS_KEY", "pgpass"])
SECRETS = st.text("abcdefXYZ0189!%^*-_", min_size=8, max_size=20).filter(
    lambda text: not text.startswith(("*", "-"))
)


@settings(max_examples=150, deadline=None)
@given(
    SECRET_KEYS, SECRETS, st.sampled_from(["ENV {}={}", "RUN |1 {}={} /bin/sh -c x", "x --{} {}"])
)
def test_a_secret_is_masked_wherever_it_stands(key: str, secret: str, form: str) -> None:
    assert is_secret_key(key)
    assert secret not in mask_text(form.format(key, secret))
    assert mask_value(key, secret) == f"***{len(secret)}"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["manifest", "config"]))
def test_arbitrary_documents_give_an_answer(raw: bytes, where: str) -> None:
    image = python()
    digest = image.digest if where == "manifest" else config_digest(image)
    documents = {**image.documents, digest: replace(image.documents[digest], raw=raw)}
    read = read_image(image.digest, documents, reference=PYTHON)
    change = explain_change(
        read, official.read(debian()), tag="t", at=EPOCH, context=ChangeContext()
    )
    assert change.verdict is Verdict.UNKNOWN

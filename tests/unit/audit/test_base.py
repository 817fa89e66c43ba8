"""Bases: every row of the failure-mode table with its verdict; ties, claims, staleness, words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tagwatch.audit.base.build import base_builds
from tagwatch.audit.base.claim import Claim, ClaimKind
from tagwatch.audit.base.index import BaseIndex, base_steps, index_builds
from tagwatch.audit.base.match import MatchContext, match_base, match_bases
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict
from tagwatch.audit.model.history import Interval
from tagwatch.audit.reading.image import read_image
from tagwatch.image.image_config import parse_image_config
from tagwatch.image.platform import LINUX_AMD64, Platform
from tagwatch.image.reference import Reference
from tests.image_builder import (
    EMPTY_TAR,
    Built,
    Layer,
    Step,
    assemble,
    attest,
    build,
    cmd,
    config_digest,
    copy,
    env,
    expose,
    index,
    label,
    make_layer,
    provenance,
    recompress,
    run,
    spdx,
    squash,
    user,
    without_documents,
    without_history,
    workdir,
)
from tests.official import ARM64, app, classic, debian, python

PYTHON = "docker.io/library/python:3.12-slim"
DEBIAN = "docker.io/library/debian:bookworm-slim"
API = "registry.example/shop/api:1.4"
NAME = "org.opencontainers.image.base.name"
DIGEST = "org.opencontainers.image.base.digest"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def served(
    image: Built,
    reference: str,
    first: str = "2026-05-02",
    last: str = "2026-06-01",
    *,
    ended: bool = False,
    version: str | None = None,
) -> tuple[BaseBuild, ...]:
    """The builds of what `reference` served from one day to another."""
    interval = Interval(
        tag=reference.rpartition(":")[2],
        digest=image.digest,
        first_seen=at(first),
        last_seen=at(last),
        ended=ended,
        version=version,
    )
    return base_builds(reference, interval, image.documents)


def known(*builds: Sequence[BaseBuild]) -> BaseIndex:
    return index_builds(build for group in builds for build in group)


def match(
    image: Built,
    bases: BaseIndex,
    context: MatchContext | None = None,
    reference: str = API,
    platform: Platform = LINUX_AMD64,
) -> BaseMatch:
    read = read_image(image.digest, image.documents, reference=reference)
    part = read.on(platform)
    assert part is not None
    return match_base(read, part, bases, context)


OLD, NEW = python(0), python(9, "3.12.4")
BASES = known(
    served(debian(0), DEBIAN, "2026-05-01", "2026-06-01", ended=True),
    served(debian(9), DEBIAN, "2026-06-01", "2026-07-01"),
    served(OLD, PYTHON, ended=True, version="3.12.3"),
    served(NEW, PYTHON, "2026-06-01", "2026-07-01", version="3.12.4"),
)


def flattened(image: Built) -> Built:
    """`docker export | docker import`: one layer, and nothing of the config is kept."""
    lost = squash(image)
    config = {key: lost.config[key] for key in ("rootfs", "os", "architecture", "created")}
    history = [{"created_by": "", "comment": "Imported from -"}]
    return assemble({**config, "history": history}, lost.layers, LINUX_AMD64)


def labelled(base: Built, name: str, digest: str = "") -> Built:
    steps = [label(NAME, name), *([label(DIGEST, digest)] if digest else [])]
    return build(*steps, copy("a", "/b", "c"), base=base)


def annotated(image: Built, name: str, digest: str = "") -> Built:
    """The image in an index whose annotations name a base."""
    return index(image, annotations={NAME: name, **({DIGEST: digest} if digest else {})})


def converted(image: Built) -> Built:
    """estargz and zstd:chunked converters write the tars anew: other diff_ids."""
    layers = [make_layer(layer.tar + b"\0" * 512) for layer in image.layers]
    rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    return assemble({**image.config, "rootfs": rootfs}, layers, LINUX_AMD64)


def alpine(day: int = 0) -> Built:
    root = Step(
        created_by="ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit",
        files={"etc/alpine-release": f"3.20.3 {day}"},
    )
    return build(root, cmd("/bin/sh"))


def proven(image: Built, *materials: tuple[str, str], about: Built | None = None) -> Built:
    """The image in an index with provenance that lists these images."""
    return index(image, attest(image, provenance(about or image, materials)))


GOLANG = ("pkg:docker/golang@1.22?platform=linux%2Famd64", "sha256:" + "1" * 64)
SYNTAX = ("pkg:docker/docker/dockerfile@1", "sha256:" + "3" * 64)
EMPTY = build(workdir("/app"))
SCRATCH = build(copy("binary", "/", "elf"))
WITH_ALPINE = known(
    served(NEW, PYTHON, "2026-06-01", "2026-07-01"),
    served(debian(9), DEBIAN),
    served(alpine(), "docker.io/library/alpine:3.20"),
)

# every row of the failure-mode table: what was done to an image, and what is said of it
TABLE: dict[str, tuple[Built, BaseVerdict]] = {
    "squashed, label kept": (squash(labelled(OLD, PYTHON)), BaseVerdict.CLAIMED),
    "squashed, annotation kept": (annotated(squash(app(OLD)), PYTHON), BaseVerdict.CLAIMED),
    "squashed, provenance of one image kept": (
        proven(squash(app(OLD)), ("pkg:docker/python@3.12-slim", OLD.digest)),
        BaseVerdict.CLAIMED,
    ),
    "exported, nothing kept": (flattened(app(OLD)), BaseVerdict.UNKNOWN),
    "multi-stage": (proven(app(NEW), GOLANG, SYNTAX), BaseVerdict.EXACT_CURRENT),
    "multi-stage, the last FROM scratch": (proven(SCRATCH, GOLANG), BaseVerdict.UNKNOWN),
    "FROM scratch, and the build read no image": (proven(SCRATCH, SYNTAX), BaseVerdict.SCRATCH),
    "base rebuilt under the same tag": (app(OLD), BaseVerdict.EXACT_STALE),
    "base still served": (app(NEW), BaseVerdict.EXACT_CURRENT),
    "gzip to zstd": (recompress(app(OLD), "zstd"), BaseVerdict.EXACT_STALE),
    "copied by a mirror, annotation dangles": (
        annotated(recompress(app(OLD), "gzip-fast"), PYTHON, "sha256:" + "2" * 64),
        BaseVerdict.EXACT_STALE,
    ),
    "copied by a mirror, provenance is of the original": (
        proven(recompress(app(OLD), "zstd"), GOLANG, about=app(OLD)), BaseVerdict.EXACT_STALE),
    "nothing but an empty layer": (EMPTY, BaseVerdict.UNKNOWN),
    "converter wrote the tars anew": (converted(app(OLD)), BaseVerdict.UNKNOWN),
    "history absent": (without_history(app(OLD)), BaseVerdict.EXACT_STALE),
    "label agrees": (labelled(OLD, PYTHON), BaseVerdict.EXACT_STALE),
    "label names the grandparent": (labelled(OLD, DEBIAN), BaseVerdict.EXACT_STALE),
    "digest of an index of the base": (labelled(OLD, PYTHON, OLD.digest), BaseVerdict.EXACT_STALE),
    "digest of another build of the base": (
        labelled(OLD, PYTHON, NEW.digest), BaseVerdict.CONFLICT),
    "only the first layers of a known build": (
        build(run("other", a="b"), base=python(9, "3.12.5", base=debian(4))),
        BaseVerdict.UNKNOWN,
    ),
    "a base that nobody knows": (app(alpine()), BaseVerdict.UNKNOWN),
    "config not read": (
        without_documents(app(NEW), config_digest(app(NEW))), BaseVerdict.UNKNOWN),
}  # fmt: skip


@pytest.mark.parametrize(("image", "verdict"), TABLE.values(), ids=TABLE.keys())
def test_failure_modes(image: Built, verdict: BaseVerdict) -> None:
    found = match_bases(read_image(image.digest, image.documents, reference=API), BASES)
    assert [base.verdict for base in found] == [verdict], found[0].sentence
    assert found[0].sentence.endswith(".")


def test_the_sentence() -> None:
    assert match(app(OLD), BASES).sentence == (
        "Built on python:3.12-slim = 3.12.3 (served 2026-05-02..2026-06-01, layers match 4/4). "
        "That tag now serves 3.12.4: 4 base layers replaced, 0 shared, "
        f"{size(NEW, OLD)}, USER and EXPOSE unchanged."
    )
    assert match(app(NEW), BASES).sentence == (
        "Built on python:3.12-slim = 3.12.4 (served since 2026-06-01, layers match 4/4). "
        "That tag still serves it."
    )


def size(new: Built, old: Built) -> str:
    delta = sum(len(x.data) for x in new.layers) - sum(len(x.data) for x in old.layers)
    return f"{delta:+} B" if delta else "same size"


def test_distance_in_layers_and_settings() -> None:
    shared = debian(0)
    old = build(run("a", a="1"), run("b", b="1"), base=shared)
    new = build(run("a", a="1"), run("c", c="1"), run("d"), run("e", e="1"), base=shared)
    newer = build(user("app"), expose("8080/tcp"), base=new)
    bases = known(
        served(old, PYTHON, ended=True, version="1"),
        served(newer, PYTHON, "2026-06-01", "2026-06-02", version="1"),
    )
    found = match(app(old), bases)
    assert (found.layers_matched, found.layers_replaced, found.layers_added) == (3, 1, 1)
    assert found.sentence.endswith(
        "That tag now serves another build of 1: 1 base layer replaced, 1 added, 2 shared, "
        f"{size(newer, old)}, USER root is now app, EXPOSE is now 8080/tcp."
    )


def test_values_of_a_match() -> None:
    found = match(app(OLD), BASES)
    assert found.platform == "linux/amd64"
    assert found.base is not None
    assert found.current is not None
    assert (found.base.reference, found.base.tag, found.base.version) == (
        PYTHON, "3.12-slim", "3.12.3")  # fmt: skip
    assert (found.base.digest, found.current.digest) == (OLD.digest, NEW.digest)
    assert (found.base.first_seen, found.base.last_seen) == (at("2026-05-02"), at("2026-06-01"))
    assert found.ancestry == (DEBIAN, PYTHON)
    assert found.behind == 1


def test_the_same_answer_after_every_layer_was_compressed_again() -> None:
    before = match(app(OLD), BASES)
    for compression in ("zstd", "gzip-fast", "none"):
        after = match(recompress(app(OLD), compression), BASES)
        assert "layers match 4/4, recompressed)" in after.sentence
        assert replace(after, sentence="") == replace(before, sentence="")


def test_an_attestation_only_change_of_the_base_is_not_stale() -> None:
    older = index(NEW, attest(NEW, spdx(NEW, {})))
    newer = index(NEW, attest(NEW, spdx(NEW, {"pkg:deb/debian/a": "1"})), debian(platform=ARM64))
    bases = known(
        served(older, PYTHON, ended=True), served(newer, PYTHON, "2026-06-01", "2026-06-09")
    )
    found = match(app(NEW), bases)
    assert (found.verdict, found.behind) == (BaseVerdict.EXACT_CURRENT, 0)
    assert found.base is not None
    assert found.base.first_seen == at("2026-05-02")


def test_a_base_stored_otherwise_is_not_stale() -> None:
    bases = known(
        served(OLD, PYTHON, ended=True),
        served(recompress(OLD, "zstd"), PYTHON, "2026-06-01", "2026-06-09"),
    )
    assert match(app(OLD), bases).verdict is BaseVerdict.EXACT_CURRENT


def test_behind_counts_builds() -> None:
    nights = [
        served(python(day), PYTHON, f"2026-05-{day + 1:02}", f"2026-05-{day + 2:02}", ended=day < 5)
        for day in range(6)
    ]
    for day in range(6):
        assert match(app(python(day)), known(*nights)).behind == 5 - day


def test_a_tag_that_is_gone_is_retired() -> None:
    found = match(app(OLD), known(served(OLD, PYTHON, ended=True, version="3.12.3")))
    assert found.verdict is BaseVerdict.EXACT_RETIRED
    assert found.current is None
    assert found.sentence.endswith("That tag is no longer served.")


def test_platforms_are_matched_each_by_itself() -> None:
    arm_old = python(0, base=debian(0, platform=ARM64))
    arm_new = python(9, "3.12.4", base=debian(9, platform=ARM64))
    bases = known(
        served(index(OLD, arm_old), PYTHON, ended=True, version="3.12.3"),
        served(index(NEW, arm_new), PYTHON, "2026-06-01", "2026-06-02", version="3.12.4"),
    )
    image = index(app(OLD), app(arm_new))
    found = match_bases(read_image(image.digest, image.documents, reference=API), bases)
    assert [(base.platform, base.verdict) for base in found] == [
        ("linux/amd64", BaseVerdict.EXACT_STALE),
        ("linux/arm64", BaseVerdict.EXACT_CURRENT),
    ]


def test_layers_of_another_platform_are_no_evidence() -> None:
    """A layer of scripts may be equal on all platforms; the base is not."""
    scripts = (run("scripts", a="1"),)
    amd, arm = build(*scripts), build(*scripts, platform=ARM64)
    found = match(app(arm), known(served(amd, PYTHON)), platform=ARM64)
    assert found.verdict is BaseVerdict.UNKNOWN


WINDOWS = Platform(os="windows", architecture="amd64", os_version="10.0.17763.5696")


def test_windows_foreign_layers_match_by_config_only() -> None:
    foreign = Step(created_by="Apply image 1809-RTM-amd64", files={"W": "1"}, foreign=True)
    server = build(foreign, platform=WINDOWS)
    image = app(server)
    assert not any(layer.foreign for layer in image.layers if layer.digest in image.blobs)
    reference = "mcr.microsoft.com/windows/nanoserver:1809"
    found = match(image, known(served(server, reference)), platform=WINDOWS)
    assert found.verdict is BaseVerdict.EXACT_CURRENT
    assert found.base is not None
    assert found.base.reference == reference


def test_a_base_that_only_adds_settings_is_told_by_history() -> None:
    corporate = build(env("HTTP_PROXY", "http://proxy"), label("owner", "platform"), base=OLD)
    name = "registry.example/py-base:1"
    bases = known(served(OLD, PYTHON), served(corporate, name))
    on_corporate, on_python = match(app(corporate), bases), match(app(OLD), bases)
    assert on_corporate.base is not None
    assert on_python.base is not None
    assert on_corporate.base.reference == name
    assert on_corporate.ancestry == (PYTHON, name)
    assert on_python.base.reference == PYTHON
    assert on_python.aliases == ()
    lost = match(without_history(app(corporate)), bases)
    assert lost.base is not None
    assert {lost.base.reference, *lost.aliases} == {PYTHON, name}


ALIASES = ("3.12.3-slim", "3.12-slim", "3-slim", "slim", "3.12-slim-bookworm")


def aliased(*, ended: str = "") -> BaseIndex:
    """One digest under many tags; `ended` are those that went on to another."""
    builds = [
        served(OLD, f"docker.io/library/python:{tag}", ended=tag in ended.split(), version="3.12.3")
        for tag in ALIASES
    ]
    moved = [
        served(NEW, f"docker.io/library/python:{tag}", "2026-06-01", "2026-06-02")
        for tag in ended.split()
    ]
    return known(*builds, *moved)


def policy(*tags: str) -> MatchContext:
    names = [f"docker.io/library/python:{tag}" for tag in tags]
    return MatchContext(rank=lambda name: names.index(name) if name in names else None)


@pytest.mark.parametrize(
    ("image", "context", "tag"),
    [
        (app(OLD), policy("slim", "3-slim"), "slim"),
        (app(OLD), policy("3-slim", "slim"), "3-slim"),
        (app(OLD), None, "3.12-slim"),
        (labelled(OLD, "python:3-slim"), policy("slim"), "3-slim"),
        (annotated(labelled(OLD, "python:slim"), "python:3-slim"), policy("slim"), "3-slim"),
        (
            proven(app(OLD), GOLANG, ("pkg:docker/python@3.12.3-slim", OLD.digest)),
            policy("slim"),
            "3.12.3-slim",
        ),
        (
            app(OLD),
            MatchContext(
                claims=(Claim(kind=ClaimKind.DOCKERFILE, reference=Reference.parse("python:slim")),)
            ),
            "slim",
        ),
    ],
)
def test_one_digest_many_tags(image: Built, context: MatchContext | None, tag: str) -> None:
    found = match(image, aliased(ended="3.12-slim slim"), context)
    assert found.base is not None
    assert found.base.tag == tag
    assert {found.base.tag, *(name.rpartition(":")[2] for name in found.aliases)} == set(ALIASES)


def test_provenance_of_another_image_says_nothing() -> None:
    """A copy keeps the attestation, whose subject is the original."""
    named = ("pkg:docker/python@3.12.3-slim", OLD.digest)
    found = match(proven(app(OLD), named, about=app(NEW)), aliased(), policy("slim"))
    assert found.base is not None
    assert found.base.tag == "slim"
    assert found.claims == ()


def test_a_base_of_nothing_but_empty_layers_is_below_nothing() -> None:
    found = match(build(copy("a", "/b"), base=EMPTY), known(served(EMPTY, PYTHON)))
    assert found.verdict is BaseVerdict.UNKNOWN


def test_a_tag_that_nobody_named_does_not_hide_a_stale_base() -> None:
    found = match(app(OLD), aliased(ended="3.12-slim"))
    assert found.verdict is BaseVerdict.EXACT_STALE


@pytest.mark.parametrize(
    ("image", "verdict", "word"),
    [
        (labelled(alpine(), PYTHON), BaseVerdict.CONFLICT, "Says it is built on python:3.12-slim"),
        (annotated(app(alpine()), "python:3.12-slim"), BaseVerdict.CONFLICT, "(annotation)"),
        (labelled(NEW, "python:3.13-slim"), BaseVerdict.CONFLICT, "python:3.13-slim (label)"),
        (labelled(NEW, "python:3.12.4-slim"), BaseVerdict.EXACT_CURRENT, "Built on python"),
        (labelled(NEW, "python:slim"), BaseVerdict.EXACT_CURRENT, "Built on python"),
        (labelled(NEW, "corp.example/x:1"), BaseVerdict.EXACT_CURRENT, "x:1 (label): not verified"),
        (labelled(NEW, DEBIAN), BaseVerdict.EXACT_CURRENT, "Built on python"),
        (labelled(debian(9), PYTHON), BaseVerdict.PARTIAL, "not verified"),
        (labelled(EMPTY, PYTHON), BaseVerdict.CLAIMED, "Says it is built on python"),
    ],
)
def test_claims_against_layers(image: Built, verdict: BaseVerdict, word: str) -> None:
    found = match(image, WITH_ALPINE)
    assert found.verdict is verdict, found.sentence
    assert word in found.sentence
    assert found.claims


def test_a_label_that_the_base_itself_carries_is_inherited() -> None:
    """The base's own label names its base, of which we know builds that are not these layers."""
    corporate = build(label(NAME, "docker.io/library/alpine:3.20"), run("tools"), base=debian(3))
    bases = known(
        served(corporate, "registry.example/base:1"),
        served(alpine(), "docker.io/library/alpine:3.20"),
    )
    found = match(app(corporate), bases)
    assert found.verdict is BaseVerdict.EXACT_CURRENT, found.sentence


def test_a_tool_of_the_build_is_said_to_be_one() -> None:
    bases = known(served(NEW, PYTHON), served(alpine(), "docker.io/library/alpine:3.20"))
    tool = ("pkg:docker/alpine@3.20", alpine().digest)
    found = match(proven(app(NEW), tool, ("pkg:docker/python@3.12-slim", NEW.digest)), bases)
    assert found.verdict is BaseVerdict.EXACT_CURRENT
    assert found.claims == (
        f"provenance: docker.io/library/alpine:3.20@{alpine().digest} (also used to build)",
        f"provenance: {PYTHON}@{NEW.digest}",
    )


def test_some_layers_of_a_known_build_are_partial() -> None:
    half = build(run("other", o="1"), base=debian(9))
    bases = known(served(NEW, PYTHON, version="3.12.4"))
    found = match(half, bases)
    assert found.verdict is BaseVerdict.PARTIAL
    assert found.layers_matched == 1
    assert found.base is None
    assert found.sentence == (
        "Starts with the first layer of python:3.12-slim = 3.12.4; "
        "no known build of an approved base matches the next 1."
    )


def test_partly_like_an_image_that_is_no_base_is_unknown() -> None:
    bases = known(served(app(NEW), "registry.example/shop/worker:1"))
    assert match(app(NEW, content="b"), bases, policy("slim")).verdict is BaseVerdict.UNKNOWN


def test_a_known_base_that_is_not_approved() -> None:
    found = match(app(OLD), BASES, policy("3.13-slim"))
    assert found.base is not None
    assert (found.verdict, found.base.reference) == (BaseVerdict.EXACT_STALE, PYTHON)


def test_an_image_is_not_its_own_base() -> None:
    image = app(NEW)
    bases = known(served(image, API), served(NEW, PYTHON))
    found = match(image, bases)
    assert found.base is not None
    assert found.base.reference == PYTHON


def test_a_child_of_an_older_tag_of_the_same_repository() -> None:
    older = app(NEW)
    found = match(build(run("more"), base=older), known(served(older, API), served(NEW, PYTHON)))
    assert found.base is not None
    assert found.base.reference == API


def read_from(image: Built, reference: str, bases: BaseIndex) -> BaseMatch:
    read = read_image(image.digest, image.documents, reference=reference)
    return match_bases(read, bases, MatchContext(is_base=True))[0]


def test_a_dockerfile_before_it_is_built() -> None:
    found = read_from(NEW, PYTHON, BASES)
    assert found.verdict is BaseVerdict.EXACT_CURRENT
    assert found.ancestry == (DEBIAN, PYTHON)
    assert found.sentence == (
        "Builds on python:3.12-slim = 3.12.4 (served since 2026-06-01, layers match 4/4). "
        "That tag still serves it."
    )
    pinned = read_from(OLD, f"{PYTHON}@{OLD.digest}", BASES)
    assert (pinned.verdict, pinned.behind) == (BaseVerdict.EXACT_STALE, 1)
    digest_only = read_from(OLD, f"docker.io/library/python@{OLD.digest}", BASES)
    assert digest_only.verdict is BaseVerdict.EXACT_STALE
    assert digest_only.base is not None
    assert digest_only.base.reference == PYTHON


def test_a_from_that_is_no_approved_base() -> None:
    read = read_image(alpine().digest, alpine().documents, reference="alpine:3.20")
    context = replace(policy("3.12-slim"), is_base=True)
    found = match_bases(read, BASES, context)[0]
    assert found.verdict is BaseVerdict.EXACT_CURRENT
    assert found.base is not None
    assert found.base.reference == "docker.io/library/alpine:3.20"
    unseen = read_image(
        alpine().digest, alpine().documents, reference=f"alpine:3.20@{alpine().digest}"
    )
    pinned = match_bases(unseen, BASES, context)[0]
    assert pinned.verdict is BaseVerdict.UNKNOWN
    assert pinned.sentence.endswith("What that tag serves now is not known.")


def test_a_base_claims_nothing_of_what_is_built_on_it() -> None:
    own = annotated(NEW, "docker.io/library/alpine:3.20")
    found = read_from(own, PYTHON, WITH_ALPINE)
    assert found.verdict is not BaseVerdict.CONFLICT


def test_a_platform_nobody_audits_is_no_gap() -> None:
    arm = app(python(9, base=debian(9, platform=ARM64)))
    image = index(app(NEW), without_documents(arm, *arm.documents))
    read = read_image(image.digest, image.documents, reference=API)

    def platforms(audited: tuple[Platform, ...] | None) -> list[tuple[str, BaseVerdict]]:
        found = match_bases(read, BASES, MatchContext(audited=audited))
        return [(base.platform, base.verdict) for base in found]

    amd = ("linux/amd64", BaseVerdict.EXACT_CURRENT)
    assert platforms(None) == platforms((LINUX_AMD64,)) == [amd]
    assert platforms((LINUX_AMD64, ARM64)) == [amd, ("linux/arm64", BaseVerdict.UNKNOWN)]
    nothing = without_documents(image, *(set(image.documents) - {image.digest}))
    unread = read_image(nothing.digest, nothing.documents, reference=API)
    assert [base.verdict for base in match_bases(unread, BASES)] == [BaseVerdict.UNKNOWN] * 2


def test_seeding_from_documents() -> None:
    image = index(NEW, python(9, base=debian(9, platform=ARM64)))
    unread = without_documents(image, image.images[1].digest)
    builds = served(unread, PYTHON, version="3.12.4")
    assert [str(build.platform) for build in builds] == ["linux/amd64"]
    build_ = builds[0]
    assert (build_.digest, build_.manifest) == (image.digest, NEW.digest)
    assert build_.config == config_digest(NEW)
    assert build_.diff_ids == NEW.diff_ids
    assert build_.layers == tuple((layer.digest, len(layer.data)) for layer in NEW.layers)
    assert build_.version == "3.12.4"


def test_a_claim_that_is_no_reference_is_passed_over() -> None:
    image = labelled(NEW, "../../etc/passwd\n<script>", "sha256:nothex")
    found = match(image, BASES)
    assert found.verdict is BaseVerdict.EXACT_CURRENT
    assert found.claims == ()


def relayered(image: Built, *layers: Layer) -> Built:
    """The same config and history over other layers."""
    rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    return assemble({**image.config, "rootfs": rootfs}, layers, LINUX_AMD64)


def many() -> Built:
    image = OLD
    for number in range(130):
        image = build(run(f"step {number}", **{f"f{number}": ""}), base=image)
    return image


OURS = app(OLD)
BOTTOM, *REST = OURS.layers
EMPTY_LAYER = make_layer(EMPTY_TAR)
DEEP, SHALLOW = "python:3.12-slim", "debian:bookworm-slim"

# images that somebody made to be misread: what is said of each, and of which base
ODD: dict[str, tuple[Built, BaseVerdict, str | None]] = {
    "the base itself under another name": (OLD, BaseVerdict.EXACT_STALE, DEEP),
    "a base that others stand on": (debian(9), BaseVerdict.EXACT_CURRENT, SHALLOW),
    "only part of the deeper base": (
        relayered(OLD, *OLD.layers[:3]), BaseVerdict.EXACT_STALE, SHALLOW),
    "its own layers in another order": (
        relayered(OURS, *OURS.layers[:4], *reversed(OURS.layers[4:])),
        BaseVerdict.EXACT_STALE, DEEP),
    "the base's layers in another order": (
        relayered(OURS, REST[0], BOTTOM, *REST[1:]), BaseVerdict.UNKNOWN, None),
    "the bottom layer twice": (
        relayered(OURS, BOTTOM, BOTTOM, *REST), BaseVerdict.EXACT_STALE, SHALLOW),
    "the top layer twice": (
        relayered(OURS, *OURS.layers, OURS.layers[-1]), BaseVerdict.EXACT_STALE, DEEP),
    "an empty layer in the midst of the base": (
        relayered(OLD, OLD.layers[0], EMPTY_LAYER, *OLD.layers[1:]),
        BaseVerdict.EXACT_STALE, SHALLOW),
    "an empty layer on the base": (
        relayered(OLD, *OLD.layers, EMPTY_LAYER), BaseVerdict.EXACT_STALE, DEEP),
    "130 layers more": (many(), BaseVerdict.EXACT_STALE, DEEP),
    "fewer layers in the manifest": (
        assemble(OURS.config, OURS.layers[:-1], LINUX_AMD64), BaseVerdict.EXACT_STALE, DEEP),
    "no layers at all": (relayered(OURS), BaseVerdict.UNKNOWN, None),
    "history cut short": (
        assemble({**OURS.config, "history": OURS.config["history"][:3]}, OURS.layers, LINUX_AMD64),
        BaseVerdict.EXACT_STALE, DEEP),
    "made in the future": (
        build(run("x", a="b"), base=NEW, created=at("2099-01-01")),
        BaseVerdict.EXACT_CURRENT, DEEP),
    "the label is a config digest": (
        labelled(OLD, PYTHON, config_digest(OLD)), BaseVerdict.EXACT_STALE, DEEP),
    "the label names a stranger": (
        labelled(OLD, "example.com/own/base:1"), BaseVerdict.EXACT_STALE, DEEP),
    "the label is no reference": (labelled(OLD, "::::"), BaseVerdict.EXACT_STALE, DEEP),
    "copied from a builder that is a base": (
        proven(app(NEW), ("pkg:docker/python@3.12-slim", OLD.digest)),
        BaseVerdict.EXACT_CURRENT, DEEP),
    "another platform than its index says": (
        index(replace(app(NEW), platform=ARM64)), BaseVerdict.EXACT_CURRENT, DEEP),
}  # fmt: skip


@pytest.mark.parametrize("packing", ["as it is", "zstd"])
@pytest.mark.parametrize(("image", "verdict", "base"), ODD.values(), ids=ODD.keys())
def test_odd_images(image: Built, verdict: BaseVerdict, base: str | None, packing: str) -> None:
    """Compressing every layer anew changes no answer."""
    if (
        packing == "zstd"
        and not image.images
        and len(image.layers) == len(image.config["rootfs"]["diff_ids"])
    ):
        image = recompress(image, "zstd")
    (found,) = match_bases(read_image(image.digest, image.documents, reference=API), BASES)
    assert found.verdict is verdict, found.sentence
    name = found.base.reference.removeprefix("docker.io/library/") if found.base else None
    assert name == base, found.sentence


def test_why_nothing_is_known_is_told_apart() -> None:
    assert "cannot be compared with any" in match(OURS, index_builds(())).sentence
    assert "None of its layers holds anything" in match(EMPTY, BASES).sentence
    assert match(app(alpine()), BASES).sentence == "No known base matches its 4 layers."
    foreign = assemble({**OURS.config, "architecture": "arm64"}, OURS.layers, LINUX_AMD64)
    mixed = index(foreign)
    (found,) = match_bases(read_image(mixed.digest, mixed.documents, reference=API), BASES)
    assert found.sentence == (
        "Its index says that it is for linux/amd64, its config says linux/arm64."
    )


def test_a_conflict_about_the_build_names_its_digest() -> None:
    found = match(labelled(OLD, PYTHON, NEW.digest), BASES)
    assert found.verdict is BaseVerdict.CONFLICT
    assert found.sentence.startswith(
        f"Says it is built on python:3.12-slim@{NEW.digest[:19]} (label)"
    )


def test_an_approved_base_is_itself_one_and_claims_nothing() -> None:
    found = match(NEW, BASES, policy("3.12-slim"), reference=PYTHON)
    assert found.verdict is BaseVerdict.EXACT_CURRENT
    assert found.sentence.startswith("Is itself the base python:3.12-slim = 3.12.4 (served since")
    assert found.claims == ()


@pytest.mark.parametrize("which", ["index", "platform", "config"])
def test_a_claimed_digest_may_be_the_index_s_or_the_platform_s(which: str) -> None:
    """image-spec 822 means the index, ko writes the platform's: both name the same build."""
    old, new = index(OLD, python(0, base=debian(0, platform=ARM64))), index(NEW)
    bases = known(
        served(old, PYTHON, ended=True, version="3.12.3"),
        served(new, PYTHON, "2026-06-01", "2026-07-01", version="3.12.4"),
    )
    digests = {
        "index": (old.digest, new.digest),
        "platform": (OLD.digest, NEW.digest),
        "config": (config_digest(OLD), config_digest(NEW)),
    }
    right, wrong = digests[which]
    assert match(labelled(OLD, PYTHON, right), bases).verdict is BaseVerdict.EXACT_STALE
    assert match(labelled(OLD, PYTHON, wrong), bases).verdict is BaseVerdict.CONFLICT


def on_alpine(claimed: str) -> Built:
    root = Step(
        created_by="ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit", files={"a": ""}
    )
    return build(root, run("make", made="1"), label(NAME, claimed))


def test_a_claim_of_another_system_than_the_bottom_layer_s_is_a_conflict() -> None:
    """No layer is known, and still it is told that they are not those of what is claimed."""
    found = match(on_alpine(PYTHON), BASES)
    assert found.verdict is BaseVerdict.CONFLICT
    assert found.base is None
    assert not found.is_exact
    assert "which is debian, but its own bottom layer is alpine 3.20" in found.sentence
    other = match(on_alpine("docker.io/library/ruby:3.3-alpine"), BASES)
    assert other.verdict is BaseVerdict.CLAIMED
    later = build(label(NAME, PYTHON), base=debian(3, release="trixie"))
    assert match(later, BASES).verdict is BaseVerdict.CLAIMED, "a release may be of another day"


def strange(day: int = 0) -> Built:
    """An image whose history does not tell its system."""
    return build(
        Step(created_by="COPY rootfs /", files={"etc/strange": f"{day}"}), run("tools", t="1")
    )


OTHER = "registry.example/other/strange:1"


def beside(*builds: Sequence[BaseBuild]) -> MatchContext:
    return MatchContext(others=lambda: known(*builds))


def test_a_claim_against_the_layers_of_an_image_that_is_no_base_is_a_conflict() -> None:
    lies = labelled(strange(), PYTHON)
    assert match(lies, BASES).verdict is BaseVerdict.CLAIMED
    found = match(lies, BASES, beside(served(strange(), OTHER)))
    assert (found.verdict, found.is_exact) == (BaseVerdict.CONFLICT, True)
    assert found.sentence == (
        "Says it is built on python:3.12-slim (label), but its layers are those of "
        "registry.example/other/strange:1 (served since 2026-05-02, layers match 2/2)."
    )
    nameless = match(
        lies, known(served(alpine(), "a.example/x:1")), beside(served(strange(), OTHER))
    )
    assert nameless.verdict is BaseVerdict.CLAIMED, "nothing is known of what it claims"


@pytest.mark.parametrize(
    ("image", "other", "reference"),
    [
        (labelled(strange(), PYTHON), strange(9), OTHER),
        (labelled(strange(), PYTHON), strange(), "docker.io/library/python:3.11"),
        (labelled(strange(), PYTHON), labelled(strange(), PYTHON), OTHER),
        (labelled(debian(3), PYTHON), debian(3), "registry.example/mirror/debian:1"),
        (build(run("own", a="1"), base=strange()), strange(), OTHER),
    ],
    ids=["other layers", "another tag of it", "itself", "what it may be built on", "no claim"],
)
def test_what_contradicts_no_claim(image: Built, other: Built, reference: str) -> None:
    found = match(image, BASES, beside(served(other, reference)))
    assert found.verdict in (BaseVerdict.CLAIMED, BaseVerdict.UNKNOWN), found.sentence


def test_what_is_no_image_is_answered_with_what_it_is() -> None:
    chart = attest(OLD, provenance(OLD, []), form="artifact")
    read = read_image(chart.digest, chart.documents, reference=API)
    (found,) = match_bases(read, BASES, MatchContext(audited=(LINUX_AMD64,)))
    assert found.verdict is BaseVerdict.UNKNOWN
    assert "not an image" in found.sentence


def test_names_that_nothing_tells_apart_are_all_told() -> None:
    mirror = "registry.example/mirror/python:3.12"
    both = known(served(OLD, PYTHON, version="3.12.3"), served(OLD, mirror, version="3.12.3"))
    found = match(app(OLD), both)
    assert found.base is not None
    (alias,) = found.aliases
    assert {found.base.reference, alias} == {PYTHON, mirror}
    assert f"layers match 4/4, also {Reference.parse(alias)})" in found.sentence
    assert "also" not in match(app(OLD), BASES).sentence


def test_attestations_that_were_not_read_are_told_where_they_may_help() -> None:
    lone = build(copy("server", "/srv"))
    listed = index(lone, attest(lone, provenance(lone, [("pkg:docker/golang@1", lone.digest)])))
    read = {*index(lone).documents, listed.digest} & listed.documents.keys()
    unread = without_documents(listed, *(listed.documents.keys() - read))
    assert "was not read (tagwatch base reads it)" in match(unread, known()).sentence
    assert "was not read" not in match(listed, known()).sentence


def test_the_base_s_own_settings_are_its_steps_whoever_wrote_them_down() -> None:
    """Another builder's words, and dates that were taken away, are still the base's steps."""
    (base, *_) = served(OLD, PYTHON)
    mine = len(base.history)
    for image in (app(OLD), classic(app(OLD)), build(base=app(OLD), created=at("1970-01-01"))):
        config = parse_image_config(image.documents[config_digest(image)].raw)
        assert base_steps(config, base) == mine

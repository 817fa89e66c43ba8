"""The challenge grammar: the facts' table of registries, and breaches of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagwatch.registry.login.challenge import Challenge, best_challenge, parse_challenges

HUB = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
    'scope="repository:ns/app:pull,push"'
)
CODEBERG = (
    'Bearer realm="https://codeberg.org/v2/token",service="container_registry",scope="*",'
    'Basic realm="https://codeberg.org/v2",service="container_registry",scope="*"'
)


def one(value: str) -> Challenge:
    (challenge,) = parse_challenges([value])
    return challenge


def test_commas_inside_quotes_do_not_split() -> None:
    challenge = one(HUB)
    assert challenge.scheme == "bearer"
    assert challenge.realm == "https://auth.docker.io/token"
    assert challenge.service == "registry.docker.io"
    assert challenge.scopes == ("repository:ns/app:pull,push",)


def test_two_challenges_in_one_header() -> None:
    bearer, basic = parse_challenges([CODEBERG])
    assert (bearer.scheme, basic.scheme) == ("bearer", "basic")
    assert (bearer.scopes, basic.realm) == (("*",), "https://codeberg.org/v2")


@pytest.mark.parametrize(
    ("value", "scheme", "parameters"),
    [
        ('BASIC Realm="Artifactory Realm"', "basic", {"realm": "Artifactory Realm"}),
        ("Basic realm=plain", "basic", {"realm": "plain"}),
        ("Bearer realm=https://a/t,service=s", "bearer", {"realm": "https://a/t", "service": "s"}),
        (r'Basic realm="a\"b\\c"', "basic", {"realm": 'a"b\\c'}),
        ('Bearer realm = "x" , service = "y"', "bearer", {"realm": "x", "service": "y"}),
        ('Bearer realm="x", realm="y"', "bearer", {"realm": "x"}),
        ('Bearer scope="a b"', "bearer", {"scope": "a b"}),
        ("Negotiate", "negotiate", {}),
        ("Negotiate YII=", "negotiate", {}),
        ("Basic", "basic", {}),
    ],
)
def test_one_challenge(value: str, scheme: str, parameters: dict[str, str]) -> None:
    challenge = one(value)
    assert (challenge.scheme, dict(challenge.parameters)) == (scheme, parameters)


def test_bearer_is_taken_before_basic_and_unknown_schemes_are_passed_over() -> None:
    values = ['Negotiate, Basic realm="b", Bearer realm="https://t/"']
    best = best_challenge(parse_challenges(values))
    assert best is not None
    assert best.scheme == "bearer"
    assert best_challenge(parse_challenges(["Negotiate", 'Basic realm="b"'])) == one(
        'Basic realm="b"'
    )
    assert best_challenge(parse_challenges(["Negotiate abc=", ""])) is None


def test_what_follows_a_breach_is_not_read() -> None:
    assert [c.scheme for c in parse_challenges(['Bearer realm="open, Basic realm="x"'])] == [
        "bearer"
    ]
    assert parse_challenges(['Bearer realm="open'])[0].realm == ""


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    parse_challenges([text])


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NAMES, st.text(max_size=30), max_size=5))
def test_quoted_values_come_back_whole(parameters: dict[str, str]) -> None:
    quoted = ",".join(
        '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"'))
        for name, value in parameters.items()
    )
    assert dict(one(f"Bearer {quoted}").parameters) == parameters

"""Every reader of webhooks: it names what was pushed; pulls, pings and oddities scan nothing."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tagwatch.config.settings import RegistryWebhook
from tagwatch.errors import ConfigError
from tagwatch.family import NOTICES
from tagwatch.member import load_member
from tagwatch.service.notice.interface import Read
from tagwatch.service.webhook import Heard, Named, Webhooks
from tests.contract.notice_cases import CASES, Delivery

ALL = [(kind, one) for kind, deliveries in CASES.items() for one in deliveries]
IDS = [f"{kind}: {one.about}" for kind, one in ALL]
ODD: tuple[Any, ...] = (None, 5, [], {}, ["x"], True, "\x00/../ \u202e")
SECRET = "planted-notice-secret"
HOSTS = {
    "hub": "docker.io",
    "ecr": "123456789012.dkr.ecr.us-west-2.amazonaws.com",
    "google": "europe-docker.pkg.dev",
}


def webhooks(kind: str, **more: Any) -> Webhooks:
    one = RegistryWebhook(
        name="it", registry=HOSTS.get(kind, "r.example"), kind=kind, env="SECRET", **more
    )
    return Webhooks([one], "", {"SECRET": SECRET})


def test_every_kind_has_cases() -> None:
    assert set(CASES) == set(NOTICES)
    for kind, deliveries in CASES.items():
        assert any(one.news for one in deliveries), kind
        if kind not in ("hub", "google"):  # these send nothing but news
            assert any(not one.news for one in deliveries), kind


@pytest.mark.parametrize(("kind", "delivery"), ALL, ids=IDS)
def test_a_delivery_names_what_was_pushed(kind: str, delivery: Delivery) -> None:
    read: Read = load_member("notices", kind)
    notices = read(delivery.headers, copy.deepcopy(delivery.payload))
    assert notices is not None
    assert tuple((one.path, one.tag) for one in notices) == delivery.news


@pytest.mark.parametrize(("kind", "delivery"), ALL, ids=IDS)
def test_row_33_only_news_of_the_registry_it_is_bound_to_is_told(
    kind: str, delivery: Delivery
) -> None:
    raw = json.dumps(delivery.payload).encode()
    taken = webhooks(kind).take("it", SECRET, delivery.headers, raw)
    host = HOSTS.get(kind, "r.example")
    below = "docker-local/" if kind == "jfrog" else ""
    named = tuple(Named(host=host, path=f"{below}{path}") for path, _ in delivery.news)
    assert (taken.status, taken.named) == (202, named)
    assert taken.heard is (Heard.NEWS if named else Heard.NOTHING)


@pytest.mark.parametrize(("kind", "delivery"), ALL, ids=IDS)
def test_the_general_webhook_reads_every_kind(kind: str, delivery: Delivery) -> None:
    """It is bound to no registry: whatever is watched under that path is meant."""
    raw = json.dumps(delivery.payload).encode()
    taken = Webhooks([], SECRET, {}).take(SECRET, "", delivery.headers, raw)
    assert taken.status == 202
    assert {one.path for one in taken.named} == {path for path, _ in delivery.news}
    assert {one.host for one in taken.named} <= {"", HOSTS.get(kind)}


@pytest.mark.parametrize("kind", sorted(CASES))
def test_what_another_registry_sends_is_not_taken_for_its_own(kind: str) -> None:
    read: Read = load_member("notices", kind)
    same = {"distribution": {"gitlab"}, "gitlab": {"distribution"}}.get(kind, set())
    for other, delivery in ALL:
        if other != kind and other not in same and delivery.news:
            assert not read(delivery.headers, delivery.payload), other


def spoiled(value: Any) -> Iterator[Any]:
    """The same value with one part of it missing, or of another type."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {name: kept for name, kept in value.items() if name != key}
            for odd in ODD:
                yield {**value, key: odd}
            for part in spoiled(inner):
                yield {**value, key: part}
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            for part in spoiled(inner):
                yield [*value[:index], part, *value[index + 1 :]]


@pytest.mark.parametrize("kind", sorted(CASES))
def test_row_33_nothing_that_a_stranger_writes_is_an_error(kind: str) -> None:
    hooks, seen = webhooks(kind), 0
    for delivery in CASES[kind]:
        for payload in [None, [], "x", 5, {}, *spoiled(delivery.payload)]:
            raw = json.dumps(payload).encode()
            taken = hooks.take("it", SECRET, delivery.headers, raw)
            assert taken.status == 202
            assert all(one.host == HOSTS.get(kind, "r.example") for one in taken.named)
            seen += 1
    for raw in (b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000):
        assert hooks.take("it", SECRET, {}, raw).heard is Heard.UNKNOWN
    assert seen > 10


SIGNED = [
    ("ghcr", "x-hub-signature-256", "sha256", "sha256="),
    ("gitea", "x-gitea-signature", "sha256", ""),
    ("gitea", "x-hub-signature-256", "sha256", "sha256="),
    ("jfrog", "x-jfrog-event-auth", "sha256", ""),
    ("nexus", "x-nexus-webhook-signature", "sha1", ""),
]


@pytest.mark.parametrize(("kind", "header", "method", "prefix"), SIGNED)
def test_a_signature_of_the_body_is_as_good_as_the_secret(
    kind: str, header: str, method: str, prefix: str
) -> None:
    delivery = CASES[kind][0]
    raw = json.dumps(delivery.payload).encode()
    made = prefix + hmac.new(SECRET.encode(), raw, getattr(hashlib, method)).hexdigest()
    for body, signature, status in (
        (raw, made, 202),
        (raw + b" ", made, 403),
        (raw, prefix + "0" * 64, 403),
        (raw, "", 403),
        (raw, "ö", 403),
    ):
        taken = webhooks(kind).take("it", "", {**delivery.headers, header: signature}, body)
        assert taken.status == status
    unsigned = webhooks("harbor").take("it", "", {header: made}, raw)
    assert unsigned.status == 403, "only kinds that sign are believed by a signature"


@pytest.mark.parametrize("kind", ["distribution", "acr", "ghcr", "gitea", "ecr", "nexus", "google"])
def test_a_delivery_that_comes_twice_is_taken_once(kind: str) -> None:
    delivery, hooks = CASES[kind][0], webhooks(kind)
    raw = json.dumps(delivery.payload).encode()
    heard = [hooks.take("it", SECRET, delivery.headers, raw).heard for _ in range(3)]
    assert heard == [Heard.NEWS, Heard.REPEATED, Heard.REPEATED]


@pytest.mark.parametrize("kind", ["hub", "quay", "harbor", "jfrog"])
def test_a_push_that_names_no_delivery_may_be_another_one(kind: str) -> None:
    delivery, hooks = CASES[kind][0], webhooks(kind)
    raw = json.dumps(delivery.payload).encode()
    heard = [hooks.take("it", SECRET, delivery.headers, raw).heard for _ in range(2)]
    assert heard == [Heard.NEWS, Heard.NEWS]


@pytest.mark.parametrize(
    ("kind", "prefixes", "path"),
    [
        ("jfrog", {}, "docker-local/library/ubuntu"),
        ("jfrog", {"docker-local": ""}, "library/ubuntu"),
        ("jfrog", {"docker-local": "mirror/of"}, "mirror/of/library/ubuntu"),
        ("jfrog", {"docker-other": ""}, None),
        ("nexus", {}, "team/app"),
        ("nexus", {"docker-hosted": "hosted"}, "hosted/team/app"),
        ("nexus", {"docker-other": ""}, None),
    ],
)
def test_a_product_with_several_repositories_says_where_they_begin(
    kind: str, prefixes: dict[str, str], path: str | None
) -> None:
    delivery = CASES[kind][0]
    raw = json.dumps(delivery.payload).encode()
    taken = webhooks(kind, prefixes=prefixes).take("it", SECRET, delivery.headers, raw)
    assert [one.path for one in taken.named] == ([path] if path else [])


@pytest.mark.parametrize(
    ("kind", "host"),
    [("ecr", "999999999999.dkr.ecr.us-west-2.amazonaws.com"), ("google", "gcr.io")],
)
def test_news_of_another_registry_is_none(kind: str, host: str) -> None:
    one = RegistryWebhook(name="it", registry=host, kind=kind, env="SECRET")
    raw = json.dumps(CASES[kind][0].payload).encode()
    taken = Webhooks([one], "", {"SECRET": SECRET}).take("it", SECRET, {}, raw)
    assert taken.heard is Heard.NOTHING


def test_a_secret_that_is_not_there_is_told() -> None:
    one = RegistryWebhook(name="it", registry="r.example", kind="hub", env="NOT_SET")
    with pytest.raises(ConfigError, match=r"'it'.*'NOT_SET' is not set") as refused:
        Webhooks([one], "", {})
    assert "secret" in refused.value.hint

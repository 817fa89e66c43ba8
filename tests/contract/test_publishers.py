"""Every line of `family.PUBLISHERS` and `family.NOTIFIERS` keeps its interface."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from tagwatch.audit.verdict.news import differences
from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.errors import NotifyError
from tagwatch.family import NOTIFIERS, PUBLISHERS
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Remark
from tagwatch.member import load_member
from tagwatch.publish.files import rendered
from tagwatch.publish.interface import PublishContext
from tagwatch.publish.notify.interface import AlertContext, Remarking, Repeatable
from tests.publish_hostile import hostile
from tests.publish_sample import AT, sample, sample_context, sample_previous

FORMATS = pytest.mark.parametrize("name", sorted(PUBLISHERS))
CHANNELS = pytest.mark.parametrize("name", sorted(NOTIFIERS))
ADDRESSES = {"apprise": "json://127.0.0.1/x-secret"}
EMPTY = AuditResult(at=AT)


def test_suffixes_tell_the_formats_apart_that_are_written_side_by_side() -> None:
    suffixes = {name: load_member("publishers", name).suffix for name in PUBLISHERS}
    assert all(suffix.startswith(".") for suffix in suffixes.values())
    written = {name: suffix for name, suffix in suffixes.items() if name not in ("text", "github")}
    assert len(set(written.values())) == len(written)


@FORMATS
@pytest.mark.parametrize("result", [sample(), hostile(), EMPTY], ids=["sample", "hostile", "empty"])
def test_a_publisher_renders_any_result_alike_each_time(name: str, result: AuditResult) -> None:
    context = PublishContext(version="1.0.0")
    text = load_member("publishers", name).render(result, context)
    assert text.endswith("\n")
    assert text == load_member("publishers", name).render(result, context)
    text.encode("utf-8")


@pytest.mark.parametrize("name", sorted(set(PUBLISHERS) - {"cyclonedx"}))  # that is an inventory
def test_a_publisher_tells_every_finding_and_every_failure(name: str) -> None:
    text = load_member("publishers", name).render(sample(), sample_context())
    for finding in sample().findings:
        assert finding.rule in text
        assert finding.location.path in text
    if name != "gitlab":  # its entries need a place in a file: `check-incomplete` has it
        assert "the registry refused the best credential known" in text
    assert "ghcr.io/acme/exporter" in text


@pytest.mark.parametrize("name", sorted(set(PUBLISHERS) - {"cyclonedx", "gitlab", "junit"}))
def test_a_publisher_tells_what_was_odd_about_an_answer(name: str) -> None:
    """GitLab's entries and JUnit's cases are of files, an inventory's of images."""
    told = tuple(
        Remark(repository=Repository(registry="quay.io", path=path), message="2 names are odd")
        for path in ("team/a", "team/b")
    )
    text = load_member("publishers", name).render(
        replace(EMPTY, remarks=told), PublishContext(version="1.0.0")
    )
    assert "2 names are odd" in text
    assert "quay.io/team/a" in text
    assert name == "json" or text.count("2 names are odd") == 1, "the same is told once"


@FORMATS
def test_a_publisher_never_calls_an_unread_result_clean(name: str) -> None:
    blind = replace(sample(), findings=(), ignored=(), changes=(), problems=())
    clean = replace(
        blind,
        failures=(),
        complete=True,
        coverage=replace(blind.coverage, read=10, unresolved=0, unavailable=0),
    )
    if name != "gitlab":
        context = PublishContext(version="1.0.0")
        assert load_member("publishers", name).render(blind, context) != load_member(
            "publishers", name
        ).render(clean, context)


def notifier(name: str) -> Any:
    module, _, attribute = NOTIFIERS[name].partition(":")
    return getattr(import_module(module), attribute)


@CHANNELS
def test_a_notifier_builds_json_or_nothing_and_hides_its_address(name: str) -> None:
    made = notifier(name)(url=ADDRESSES.get(name, "https://x.example/x-secret"))
    assert "x-secret" not in repr(made)
    context = AlertContext(version="1.0.0", report_url="https://r.example/")
    for result in (sample(), hostile()):
        payload = made.build(result, differences(sample_previous().findings, result), context)
        assert json.loads(json.dumps(payload)) == payload
        assert "x-secret" not in json.dumps(payload)
    nothing = Since(new=(), worse=(), fixed=(), same=sample().findings)
    assert made.build(replace(sample(), changes=()), nothing, context) is None


@CHANNELS
def test_a_notifier_is_pure_until_it_sends(name: str) -> None:
    made = notifier(name)(url=ADDRESSES.get(name, "https://x.example/x-secret"))
    context = AlertContext(version="1.0.0")
    since = differences(sample_previous().findings, sample())
    assert made.build(sample(), since, context) == made.build(sample(), since, context)


@CHANNELS
def test_a_notifier_adds_remarks_and_changes_nothing_else(name: str) -> None:
    made = notifier(name)(url=ADDRESSES.get(name, "https://x.example/x-secret"))
    payload = made.build(
        sample(),
        differences(sample_previous().findings, sample()),
        AlertContext(version="1.0.0"),
    )
    assert isinstance(made, Repeatable) is (name == "webhook"), "as docs/alerts.md promises"
    assert isinstance(made, Remarking)
    before = json.dumps(payload)
    told = json.dumps(made.remark(payload, ["an alert of yesterday may be lost"]))
    assert json.dumps(payload) == before
    assert "an alert of yesterday may be lost" in told
    assert "an alert of yesterday may be lost" in json.dumps(
        made.remark(None, ["an alert of yesterday may be lost"])
    )


@pytest.mark.parametrize("name", ["slack", "webhook"])
def test_a_notifier_refuses_a_plain_address(name: str) -> None:
    with pytest.raises(NotifyError) as refused:
        notifier(name)(url="http://x.example/x-secret")
    assert "x-secret" not in f"{refused.value}{refused.value.hint}"


@FORMATS
@pytest.mark.parametrize("result", [sample(), hostile(), EMPTY], ids=["sample", "hostile", "empty"])
def test_what_is_made_in_parts_is_what_is_rendered(name: str, result: AuditResult) -> None:
    publish, context = load_member("publishers", name), PublishContext(version="1.0.0")
    parts = list(rendered(publish, result, context))
    assert "".join(parts) == publish.render(result, context)
    if name == "json":
        assert len(parts) > len(result.evidence)

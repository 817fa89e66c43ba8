"""JSON: the contract, field by field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tagwatch.audit.model.base_match import BaseMatch, BaseVerdict
from tagwatch.audit.model.evidence import Resolution, Status
from tagwatch.publish import answer_document, machine
from tagwatch.publish.interface import BaseAnswer
from tagwatch.source.target import replaced
from tests.publish_hostile import hostile
from tests.publish_images import API, EVIDENCE, PYTHON, WORKER
from tests.publish_sample import sample, sample_context


def parsed(text: str) -> Any:
    return json.loads(text)


def test_result_has_the_fields_of_the_contract() -> None:
    document = parsed(machine.render(sample(), sample_context()))
    assert document["schema_version"] == 1
    contract = (
        "complete",
        "coverage",
        "findings",
        "resolutions",
        "changes",
        "failures",
        "requests",
    )
    assert set(contract) <= set(document)
    assert document["complete"] is False
    assert document["coverage"] == {
        "targets": 10,
        "read": 6,
        "unresolved": 1,
        "unavailable": 1,
        "remembered": 2,
        "built": 0,
        "reasons": [{"reason": "refused", "targets": 2, "since": "2026-11-21T02:00:00Z"}],
    }
    assert set(document["findings"][0]) == {
        "rule",
        "severity",
        "message",
        "location",
        "reference",
        "fix",
        "fingerprint",
    }
    assert document["findings"][0]["location"] == {
        "path": "compose.yaml",
        "line": 18,
        "column": 12,
        "end_line": 18,
        "end_column": 25,
    }
    assert document["findings"][0]["reference"] == "docker.io/library/postgres:16.4"
    fix = document["findings"][0]["fix"]
    assert set(fix) == {"path", "start", "end", "replacement", "description"}
    assert document["findings"][1]["fix"] is None
    assert document["failures"] == [
        {
            "repository": "ghcr.io/acme/exporter",
            "tag": "0.9",
            "status": 403,
            "code": "denied",
            "message": "the registry refused the best credential known",
            "hint": "log in with a token that has read:packages",
        }
    ]
    assert document["requests"]["docker.io"] == {
        "catalogue": 5,
        "config": 8,
        "manifest": 12,
        "token": 1,
    }


def test_nothing_of_the_result_is_dropped() -> None:
    result = sample()
    document = machine.result_document(result)
    assert len(document["findings"]) == len(result.findings)
    assert len(document["resolutions"]) == len(result.evidence)
    assert len(document["changes"]) == len(result.changes)
    assert len(document["problems"]) == len(result.problems)
    assert len(document["ignored"]) == len(result.ignored)
    assert [change["verdict"] for change in document["changes"]] == [
        "upgraded",
        "replaced",
        "upgraded",
        "rebuilt",
    ]


def test_a_long_list_is_written_like_a_short_one() -> None:
    odd = ("plain", "", "\x7f\x1b[2J", "é\u2028", "\U0001f433", "\udcff", "##[error]", '"\\/\n')
    remarks = tuple(
        replace(sample().problems[0], message=odd[number % len(odd)], skipped=number % 2 == 0)
        for number in range(2 * 100 + len(odd))
    )
    written = machine.render(replace(sample(), problems=remarks), sample_context())
    for first in range(0, len(remarks), 50):  # so few are never written quickly
        short = replace(sample(), problems=remarks[first : first + 50])
        listed = machine.render(short, sample_context()).split('"problems": [')[1]
        assert listed.split("\n  ],")[0] in written
    assert len(parsed(written)["problems"]) == len(remarks)
    assert written.isascii()


def test_resolutions() -> None:
    missing = Resolution(input="redis:9.9", status=Status.NOT_FOUND)
    document = answer_document.resolutions_document([EVIDENCE[5].resolution, missing])
    first, second = document["resolutions"]
    assert set(document) == {"schema_version", "resolutions", "remarks"}
    assert first == {
        "input": "redis:6.2",
        "reference": "docker.io/library/redis:6.2.24",
        "status": "resolved",
        "tag": "6.2.24",
        "version": "6.2.24",
        "digest": EVIDENCE[5].resolution.digest,
        "aliases": ["6", "6-bookworm", "6.2", "6.2-bookworm", "6.2.24", "6.2.24-bookworm"],
        "basis": "alias",
        "newer": {"patch": None, "minor": None, "major": "8.4.0"},
        "supported": True,
        "read_at": None,
    }
    many = replace(EVIDENCE[5].resolution, more_aliases=900)
    assert answer_document.resolutions_document([many])["resolutions"][0] == first | {
        "more_aliases": 900
    }
    assert second["status"] == "not-found"
    assert second["reference"] is None
    assert second["supported"] is None


def test_targets_tell_what_stands_there() -> None:
    bare = replace(PYTHON, onbuild=True, platform="linux/arm64")
    first, second = answer_document.targets_document([bare, WORKER])["targets"]
    assert first == {
        "path": "api/Dockerfile",
        "line": 1,
        "column": 6,
        "end_column": 22,
        "text": "python:3.12-slim",
        "kind": "from",
        "reference": "docker.io/library/python:3.12-slim",
        "repository": "docker.io/library/python",
        "tag": "3.12-slim",
        "digest": None,
        "stage": "build",
        "platform": "linux/arm64",
        "missing": [],
        "onbuild": True,
    }
    assert (second["reference"], second["repository"], second["tag"]) == (None, None, None)
    assert second["missing"] == ["TAG"]
    assert "onbuild" not in second


def test_history_is_oldest_first() -> None:
    assert PYTHON.reference is not None
    newest_first = reversed(EVIDENCE[0].history)
    document = answer_document.history_document(PYTHON.reference.repository, newest_first)
    assert document["repository"] == "docker.io/library/python"
    assert [interval["version"] for interval in document["intervals"]] == [
        "3.12.10",
        "3.12.11",
        "3.12.11",
        "3.12.12",
    ]
    assert document["lifecycle"] is None
    assert document["intervals"][0]["verdict"] is None
    assert document["intervals"][0]["first_seen"] == "2026-04-09T02:00:00Z"
    assert set(document["intervals"][0]) == {
        "tag",
        "digest",
        "version",
        "first_seen",
        "last_seen",
        "ended",
        "verdict",
        "kind",
        "reason",
    }


def test_bases() -> None:
    assert API.reference is not None
    unknown = BaseMatch(platform="linux/arm64", verdict=BaseVerdict.UNKNOWN)
    answer = BaseAnswer(
        input=API.text, reference=API.reference.canonical, matches=(*EVIDENCE[6].bases, unknown)
    )
    (image,) = answer_document.base_document([answer])["images"]
    known, blank = image["platforms"]
    assert set(known) == {
        "platform",
        "verdict",
        "base",
        "current",
        "layers",
        "ancestry",
        "claims",
        "sentence",
    }
    assert known["base"]["reference"] == "docker.io/library/python"
    assert set(known["base"]) == {
        "reference",
        "tag",
        "version",
        "digest",
        "first_seen",
        "last_seen",
    }
    assert set(known["current"]) == {"tag", "version", "digest"}
    assert known["layers"] == {"matched": 4, "replaced": 4, "added": 0}
    assert (blank["base"], blank["current"], blank["verdict"]) == (None, None, "unknown")


def test_hostile_text_stays_inside_its_strings() -> None:
    text = machine.render(hostile(), sample_context())
    assert text.isascii()
    assert "\x1b" not in text
    assert len(parsed(text)["findings"]) == len(sample().findings)
    json.dumps(parsed(text), ensure_ascii=False).encode("utf-8")  # no half surrogate pair


def test_an_image_that_was_never_read_is_named_and_what_is_built_here_is_not() -> None:
    night = sample()
    used = {key: one for key, one in night.evidence.items() if "redis" not in key}
    texts = {one.text for one in night.targets if one.reference and "redis" in one.text}
    assert texts
    nowhere = replace(night, evidence=used)
    rows = {
        one["input"]: one
        for one in parsed(machine.render(nowhere, sample_context()))["resolutions"]
    }
    for text in texts:
        assert (rows[text]["status"], rows[text]["state"]) == ("unavailable", "unavailable")
        assert rows[text]["version"] is None
    built = tuple(
        replaced(one, "context", "compose.yaml:1") if one.text in texts else one
        for one in night.targets
    )
    told = parsed(machine.render(replace(nowhere, targets=built), sample_context()))
    assert texts.isdisjoint(one["input"] for one in told["resolutions"])

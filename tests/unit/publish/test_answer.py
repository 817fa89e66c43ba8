"""The answers of the other commands for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tagwatch.audit.model.evidence import Resolution, Status
from tagwatch.audit.model.history import Seen
from tagwatch.audit.version.lifecycle import Lifecycle
from tagwatch.publish.answer import base_text, history_text, resolutions_text, targets_text
from tagwatch.publish.interface import BaseAnswer
from tests.audit_case import AT
from tests.publish_images import EVIDENCE, PYTHON, WORKER


def test_resolutions_say_what_is_newer_and_what_is_unknown() -> None:
    unnamed = Resolution(input="acme/tool:edge", status=Status.NO_VERSION)
    gone = Resolution(input="redis:9.9", status=Status.NOT_FOUND)
    text = resolutions_text([EVIDENCE[3].resolution, unnamed, gone])
    assert text.splitlines()[0].startswith("redis:7.0  7.0.15 · sha256:")
    assert "  newer  7.4.7 (minor), 8.4.0 (major)" in text
    assert "  no longer built by its publisher" in text
    assert "acme/tool:edge  exists, but no version can be named" in text
    assert "redis:9.9  not in the registry" in text


def test_an_answer_from_memory_says_of_when_it_is() -> None:
    known = replace(EVIDENCE[3].resolution, read_at=AT - timedelta(hours=3))
    assert resolutions_text([known], AT).splitlines()[0].endswith(" · read 3 hours ago")
    assert "read" not in resolutions_text([replace(known, read_at=AT)], AT)


def test_targets_in_columns() -> None:
    refused = replace(WORKER, missing=(), invalid="upper case")
    lines = targets_text([PYTHON, WORKER, refused]).splitlines()
    assert lines[0].split() == ["api/Dockerfile:1:6", "from", "docker.io/library/python:3.12-slim"]
    assert lines[1].endswith("not known: TAG")
    assert lines[2].endswith("refused: upper case")
    assert lines[0].index("from") == lines[1].index("compose", len("compose.yaml"))
    assert targets_text([]) == ""


def test_history_tells_open_intervals_and_whose_clock() -> None:
    assert PYTHON.reference is not None
    repository = PYTHON.reference.repository
    pushed = replace(EVIDENCE[0].history[0], kind=Seen.PUSHED)
    lines = history_text(repository, [EVIDENCE[0].history[-1], pushed]).splitlines()
    assert lines[0] == "python"
    assert lines[1].startswith("  2026-04-09 .. 2026-06-03 ")
    assert lines[1].endswith("(pushed)")
    assert lines[2].startswith("  2026-11-23 .. 2026-11-23+ ")
    assert lines[2].endswith("upgraded")
    assert lines[3].strip().startswith("+ still served")
    assert "nothing is remembered" in history_text(repository, [])


def test_history_says_that_a_tag_is_gone() -> None:
    """The line of a deleted tag ended like that of one that had moved."""
    assert PYTHON.reference is not None
    repository, last = PYTHON.reference.repository, EVIDENCE[0].history[-1]
    ended = replace(last, ended=True, ended_at=last.last_seen + timedelta(days=2))
    moved = replace(ended, first_seen=last.first_seen - timedelta(days=9))
    told = history_text(repository, [moved, ended], to_now=True).splitlines()
    assert told[1].endswith("upgraded")
    assert told[2].endswith("upgraded gone since 2026-11-25")
    assert "gone" not in history_text(repository, [moved, ended])
    assert "gone" not in history_text(repository, [moved, last], to_now=True)
    committed = replace(ended, kind=Seen.COMMITTED)
    assert "gone" not in history_text(repository, [committed], to_now=True)


@pytest.mark.parametrize("lifecycle", Lifecycle)
def test_history_says_how_the_tag_has_behaved(lifecycle: Lifecycle) -> None:
    assert PYTHON.reference is not None
    told = history_text(PYTHON.reference.repository, EVIDENCE[0].history, lifecycle)
    assert told.splitlines()[-1].startswith(f"  {lifecycle.value}: it")


def test_bases_give_sentence_ancestry_and_claims() -> None:
    answers = [
        BaseAnswer(input="shop/api", reference=None, matches=EVIDENCE[6].bases),
        BaseAnswer(input="gone:1", reference=None),
    ]
    text = base_text(answers)
    assert "  linux/amd64  exact-stale\n    Built on python:3.12-slim = 3.12.11" in text
    assert "debian:bookworm-slim → docker.io/library/python:3.12-slim" in text
    assert "claim: label org.opencontainers.image.base.name" in text
    assert "gone:1\n  its base could not be established" in text

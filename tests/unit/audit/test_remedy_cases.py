"""What a name alone tells of dead and living images, held to answers that were worked out first.

`tests/data/knowledge/remedies.json` says how, and for which day.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from typing import Any

import pytest

from tagwatch.audit.model.finding import Finding
from tagwatch.audit.model.policy import Policy
from tagwatch.knowledge.bundled import load
from tests.audit_case import audit, target
from tests.paths import DATA

KNOWN = load()
CASES: dict[str, Any] = json.loads((DATA / "knowledge" / "remedies.json").read_text("utf-8"))
AT = datetime.combine(datetime.fromisoformat(CASES["clock"]), time(3), UTC)
OF_ENDS = {"version-eol", "os-eol", "image-retired"}


def told(image: str) -> list[Finding]:
    """Return what is told of the end of an image that nobody was asked about."""
    result = audit((target(image),), (), Policy(), knowledge=KNOWN, at=AT)
    return [finding for finding in result.findings if finding.rule in OF_ENDS]


@pytest.mark.parametrize("case", CASES["dead"], ids=lambda case: str(case["image"]))
def test_a_dead_image_is_told_with_what_lives(case: dict[str, Any]) -> None:
    found = told(case["image"])
    wanted = case.get("nearest_lasting")
    if wanted is None:
        assert found
        return
    of_rule = [one for one in found if one.rule == case["rule"]]
    assert wanted in [one.evidence.get("successor") for one in of_rule], found


@pytest.mark.parametrize("case", CASES["living"], ids=lambda case: str(case["image"]))
def test_a_living_image_is_left_in_peace(case: dict[str, Any]) -> None:
    assert told(case["image"]) == []

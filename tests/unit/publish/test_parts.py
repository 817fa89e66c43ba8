"""Documents of many findings are made part by part: what they are made of is not held at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tagwatch.audit.model.evidence import Evidence
from tagwatch.publish import machine, sarif
from tests.publish_estate import estate, estate_context

NIGHT = estate(400)
CONTEXT = estate_context(NIGHT)


class Counted(Mapping[str, Evidence]):
    """Evidence that counts how often it was read, as from a disk."""

    def __init__(self, evidence: Mapping[str, Evidence]) -> None:
        self._evidence = evidence
        self.reads = 0

    def __getitem__(self, key: str) -> Evidence:
        self.reads += 1
        return self._evidence[key]

    def __contains__(self, key: object) -> bool:
        return key in self._evidence

    def __iter__(self) -> Iterator[str]:
        return iter(self._evidence)

    def __len__(self) -> int:
        return len(self._evidence)


def test_news_read_the_evidence_of_one_image_after_the_other() -> None:
    evidence = Counted(NIGHT.evidence)
    news = CONTEXT.news
    assert news is not None
    parts = machine.news_parts(replace(NIGHT, evidence=evidence), CONTEXT)
    before = 0
    text = ""
    for part in parts:
        assert evidence.reads - before <= 1, "an item is made of one image"
        before = evidence.reads
        text += part
    told = json.loads(text)
    assert len(told["resolutions"]) == evidence.reads > 5
    assert len(told["findings"]) == len(news.since.new)


def test_sarif_is_made_result_by_result() -> None:
    parts = list(sarif.parts(NIGHT, CONTEXT))
    text = "".join(parts)
    document = json.loads(text)
    results = document["runs"][0]["results"]
    assert len(results) > 90
    assert len(parts) == len(results) + 3, "what is before, each result, the list's end, the rest"
    assert text == json.dumps(document, indent=2) + "\n", "as one document is written"
    assert text == sarif.render(NIGHT, CONTEXT)


def test_sarif_without_a_result_is_a_document() -> None:
    empty = replace(NIGHT, findings=(), ignored=())
    document = json.loads(sarif.render(empty, CONTEXT))
    assert document["runs"][0]["results"] == []

"""Every file of a corpus of other people's files against what the reference implementations say.

The corpus is not part of the repository: `TAGWATCH_TEST_CORPUS` names its folder, which holds
`expected.json`. Its dockerfile/ part is judged like the rest.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tagwatch.image.reference import Reference
from tagwatch.source.target import Extraction, Target
from tagwatch.workspace.find import find
from tagwatch.workspace.read import read_targets

FOLDER = os.environ.get("TAGWATCH_TEST_CORPUS", "")
CASES: dict[str, Any] = (
    json.loads((Path(FOLDER) / "expected.json").read_text(encoding="utf-8")) if FOLDER else {}
)
KINDS = {
    "dockerfile": {"from", "copy-from", "mount-from", "syntax"},
    "k8s": {"kubernetes"},
    "helm-values": {"helm"},
    "helm-template": {"helm"},
    "github-workflow": {"github-actions"},
    "github-action": {"github-actions"},
}
NO_IMAGE = {"stage", "scratch", "dockerfile"}

pytestmark = pytest.mark.skipif(not FOLDER, reason="TAGWATCH_TEST_CORPUS names no corpus")


def read(folder: Path, main: str, monkeypatch: pytest.MonkeyPatch) -> Extraction:
    monkeypatch.chdir(folder)
    ((_, extraction),) = read_targets(find([main], folder).files, folder, {}, {})
    return extraction


def place(reference: dict[str, Any], targets: dict[tuple[int, int], Target]) -> tuple[int, int]:
    """Where the reference is expected. A digest in its own field decides over the tag's place."""
    digest = reference.get("fields", {}).get("digest")
    if digest and reference["raw"] != digest:
        return next((key for key, target in targets.items() if target.text == digest), (0, 0))
    return reference["line"], reference["col"]


@pytest.mark.parametrize("name", CASES)
def test_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    extraction = read(Path(FOLDER) / name, case["main"], monkeypatch)
    raw = (Path(FOLDER) / name / case["main"]).read_bytes()
    found = {
        (target.location.line, target.location.column): target
        for target in extraction.targets
        if target.location.path == case["main"]
    }
    allowed = set()
    for reference in case["refs"]:
        if reference["status"] in NO_IMAGE:
            continue
        key = place(reference, found)
        allowed.add(key)
        if key not in found:
            assert reference.get("optional"), reference
            continue
        check(found[key], reference, case["type"], raw)
    inline = any(reference["status"] == "dockerfile" for reference in case["refs"])
    if not (case.get("extra_allowed") or inline):
        assert found.keys() <= allowed


def check(target: Target, reference: dict[str, Any], kind: str, raw: bytes) -> None:
    assert target.kind in KINDS.get(kind, {kind})
    digest = reference.get("fields", {}).get("digest")
    assert target.text == (digest or reference["raw"])
    if reference["status"] != "image" or "appVersion" in reference.get("note", ""):
        assert target.reference is None
        assert set(reference.get("needs", ())) <= set(target.missing)
        assert target.missing or target.invalid
        return
    assert target.reference is not None
    expected = Reference.parse(reference.get("normalized") or reference["resolved"])
    assert target.reference.canonical == expected.canonical
    for field in target.fields:
        if field.name == "reference" and "byte_start" in reference:
            # the quotes of a Dockerfile's word are part of its text, not of the place to edit
            assert reference["byte_start"] <= field.span.start
            assert field.span.end <= reference["byte_end"]
            assert raw[field.span.start : field.span.end].decode() == field.text

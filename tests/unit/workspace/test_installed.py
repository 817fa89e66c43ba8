"""What a CI job gives to pip, to get the tagwatch that runs here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tagwatch.errors import UsageError
from tagwatch.workspace.installed import checked_source, installed_from

GIT = "https://forge.example/ops/tagwatch"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WHEEL = "https://files.example/tagwatch-9.8.7-py3-none-any.whl"


@pytest.mark.parametrize(
    ("version", "origin", "source"),
    [
        ("9.8.7", None, "tagwatch==9.8.7"),
        (
            "9.8.7",
            {"url": GIT, "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
            f"git+{GIT}@{COMMIT}",
        ),
        ("9.8.7", {"url": WHEEL, "archive_info": {}}, WHEEL),
        ("9.8.7", {"url": "file:///src/tagwatch", "dir_info": {"editable": True}}, None),
        ("9.8.7", {"url": "https://me:pw@files.example/a.whl", "archive_info": {}}, None),
        ("9.8.7", {"url": 'https://files.example/a";id;"', "archive_info": {}}, None),
        ("9.8.7", {"url": GIT, "vcs_info": {"vcs": "git"}}, None),
        ("9.8.7", [], None),
        ("9.8.7.dev3+g1", None, "tagwatch"),
    ],
)
def test_what_pip_wrote_down_is_what_the_job_gets(
    version: str, origin: Any, source: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / f"tagwatch-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tagwatch\nVersion: {version}\n")
    if origin is not None:
        (folder / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_from() == (source or f"tagwatch=={version}")


def test_no_source_holds_a_login_or_ends_its_quotes() -> None:
    for good in ("tagwatch", "tagwatch==1.2", "tagwatch[aws]>=1,<2", WHEEL, f"git+{GIT}@v1"):
        assert checked_source(good) == good
    for bad in ("", "-e .", 'a"b', "a b", "a$b", "a`b", "a\\b", "a\nb", "https://t@h.example/a"):
        with pytest.raises(UsageError, match="give to pip"):
            checked_source(bad)

"""Pipelines of tools whose files are not read: that they name images is said."""

from __future__ import annotations

import re
from posixpath import basename, dirname

from tagwatch.source.target import Extraction, Problem
from tagwatch.workspace.find import start_of

__all__ = ["foreign_pipeline"]

_FOLDERS = {".circleci": "CircleCI", ".buildkite": "Buildkite"}
_NAMES = {
    "bitbucket-pipelines": "Bitbucket",
    "azure-pipelines": "Azure Pipelines",
    "cloudbuild": "Google Cloud Build",
    ".prow": "Prow",
}
_IMAGE = rb"(?m)^[ \t-]*(?:image|container):[ \t]*[\"'\w]"
_STEP = rb"(?m)^[ \t-]*name:[ \t]*[\"']?[\w.-]+/[\w./-]+"
"""A step of Cloud Build, whose name is its image."""


def foreign_pipeline(path: str, head: bytes) -> Extraction | None:
    """Return the word that a pipeline's images are not read; None for any other file.

    `head`: its first bytes, in which an image has to be named.
    """
    folder, name = basename(dirname(path)), basename(path)
    tool = _FOLDERS.get(folder) or next(
        (tool for begin, tool in _NAMES.items() if name.startswith(begin)), None
    )
    if tool is None or not re.search(_STEP if tool == _NAMES["cloudbuild"] else _IMAGE, head):
        return None
    problem = Problem(
        message=f"a pipeline of {tool} names images, and is not read",
        location=start_of(path),
        hint="name its images under `watch:`, or in a list such as images.txt",
        skipped=True,
    )
    return Extraction(problems=(problem,))

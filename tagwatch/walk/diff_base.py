"""Findings that files had already where HEAD left a commit (`--diff-base`): they are known."""

from __future__ import annotations

from collections.abc import Mapping
from os.path import realpath
from pathlib import Path

from tagwatch.audit.judge import judge
from tagwatch.audit.verdict.baseline import Baseline, make_baseline
from tagwatch.audit.verdict.result import Case
from tagwatch.value import replace
from tagwatch.walk.file_set import FileSet, read_files
from tagwatch.walk.look_up import Asking, look_up
from tagwatch.walk.site import Site
from tagwatch.workspace.find import Found
from tagwatch.workspace.git_history import past_files

__all__ = ["read_past", "with_past"]


def read_past(
    found: Found, site: Site, build_args: Mapping[str, str], commit: str, asking: Asking
) -> FileSet:
    """Read what the files held where HEAD left a commit, in the time that asking may take."""
    real = {file: Path(realpath(file.real)) for file in found.files}
    with past_files(site.root, commit, real.values(), seconds=asking.seconds_left) as past:
        there = [file for file, path in real.items() if path not in past or past[path] is not None]
        return read_files(Found(files=tuple(there)), site, build_args, past)


def with_past(
    baseline: Baseline | None, past: FileSet, commit: str, case: Case, site: Site
) -> Baseline:
    """Return the baseline with every finding that the files had at that commit."""
    # offline: images that only the old files name are worth no request
    remembered = look_up(past.targets, site, Asking(offline=True)).evidence
    evidence = {**remembered, **case.evidence}
    judged = judge(
        replace(case, files=past.extractions, evidence=evidence, problems=past.problems),
        site.policy,
        site.knowledge,
    )
    known = make_baseline(judged.findings, site.at.date()).known
    since = {key: replace(entry, first_seen=commit) for key, entry in known.items()}
    return Baseline(known={**since, **(baseline.known if baseline else {})})

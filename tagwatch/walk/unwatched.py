"""Files that name images and that no pattern of `sources:` speaks of: a scan leaves them out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence

from tagwatch.publish.wording import count, one_line
from tagwatch.source.target import Extraction, Problem
from tagwatch.walk.site import Site
from tagwatch.workspace.coverage import patterns_for
from tagwatch.workspace.find import File, start_of
from tagwatch.workspace.read import read_targets

__all__ = ["is_unwatched", "unwatched"]

_TOLD = 3
_NONE = "no pattern of `sources:`"


def unwatched(
    left: Sequence[File], read: Iterable[tuple[str, Extraction]], site: Site
) -> tuple[Problem, ...]:
    """Return a problem that names these files, and the patterns to add; none where there are none.

    `left`: what no pattern speaks of; `read`: what the scan reads. A place that one of these leads
    to (an included file, the Dockerfile of a service) is not left out.
    """
    known = {target.location for _, extraction in read for target in extraction.targets}
    paths = sorted(
        path
        for path, extraction in read_targets(left, site.root, site.visible, {})
        if any(
            one.location.path == path and one.location not in known for one in extraction.targets
        )
    )
    if not paths:
        return ()
    what = "1 file that names images matches" if len(paths) == 1 else ""
    what = what or f"{count(len(paths), 'file')} that name images match"
    patterns = [json.dumps(one, ensure_ascii=False) for one in patterns_for(paths)]
    return (
        Problem(
            message=f"{what} {_NONE}: {_some(paths)}",
            location=start_of(_configuration(site)),
            hint=f"add {_some(patterns)} to `sources:`, or with a `!` what to leave out",
            skipped=True,
        ),
    )


def is_unwatched(problem: Problem) -> bool:
    """Return True for what `unwatched` returns."""
    return problem.skipped and f" {_NONE}: " in problem.message


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(map(one_line, names[:_TOLD])) + more


def _configuration(site: Site) -> str:
    """Return the path of the configuration as places name it."""
    path = site.settings.path
    if path is None:
        return "tagwatch.yaml"
    shown = os.path.relpath(path, site.root)
    return path.as_posix() if shown.startswith("..") else shown.replace(os.sep, "/")

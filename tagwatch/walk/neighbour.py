"""The projects that share one ledger, each by its latest scan, for the site of them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tagwatch import __version__
from tagwatch.errors import LedgerError
from tagwatch.ledger.read import Reader
from tagwatch.publish.files import write_projects
from tagwatch.publish.interface import PublishContext, RunSummary
from tagwatch.publish.machine import parts
from tagwatch.publish.projects import Project, project_from
from tagwatch.walk.deliver import summary_of
from tagwatch.walk.site import Site

__all__ = ["neighbours", "write_neighbours"]

_RUNS = 60


def neighbours(ledger: Reader) -> tuple[list[Project], Mapping[str, tuple[RunSummary, ...]]]:
    """Return every project that has scanned, and the numbers of its latest scans, oldest first.

    Raises `LedgerError` where none has.
    """
    projects, past = [], {}
    names = ledger.projects()
    shown = _shown(names)
    for name in names:
        result = ledger.last_result(project=name)
        if result is None:
            continue
        raw = "".join(parts(result, PublishContext(version=""))).encode("utf-8", "replace")
        projects.append(project_from(shown[name], raw))
        past[shown[name]] = tuple(
            summary_of(run)
            for run in reversed(ledger.runs(_RUNS, project=name, kind="scan"))
            if run.finished_at is not None
        )
    if not projects:
        raise LedgerError("no scan has finished yet", hint="run `tagwatch scan` first")
    return projects, past


def write_neighbours(directory: Path, site: Site) -> Path:
    """Write the site of all projects of the ledger, and return its index.

    Cost: reads the latest result of each. Raises `LedgerError` where none has scanned, and
    `OutputError` where the directory cannot be written.
    """
    with Reader.open(site.database, site.origins) as ledger:
        projects, past = neighbours(ledger)
    return write_projects(directory, projects, __version__, past)


def _shown(names: tuple[str, ...]) -> dict[str, str]:
    """Return what each project is called: one without a name of its own by its folder.

    Where several folders have one name, it is the whole path.
    """
    short = {name: Path(name).parent.name if Path(name).is_absolute() else name for name in names}
    number = Counter(short.values())
    return {name: one if one and number[one] == 1 else name for name, one in short.items()}

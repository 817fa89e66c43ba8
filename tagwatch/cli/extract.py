"""`tagwatch extract`: every image reference in files, with its exact place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.cli.command import (
    Command,
    add_answer,
    add_build_args,
    add_shown,
    build_args_of,
)
from tagwatch.cli.shell import answer, answer_text, note
from tagwatch.errors import NothingToReadError

if TYPE_CHECKING:
    import argparse

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `extract`."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", default=["."], help="files and folders (default: .)"
    )
    add_answer(parser, "text", "json")
    add_build_args(parser)
    add_shown(parser)


def run(options: argparse.Namespace) -> int:
    """List the targets. Exit code 0, or 3 where nothing could be read."""
    from tagwatch.walk.site import repository_root
    from tagwatch.workspace.find import find
    from tagwatch.workspace.read import read_targets

    root = repository_root(Path.cwd())
    found = find(options.paths, root)
    build_args = build_args_of(options.build_arg)
    extractions = list(read_targets(found.files, root, _shown(options), build_args))
    problems = [*found.problems, *(one for _, part in extractions for one in part.problems)]
    for problem in problems:
        note(f"tagwatch: {problem.location}: {problem.message}")
    targets = [target for _, part in extractions for target in part.targets]
    if not targets and (not extractions or all(part.problems for _, part in extractions)):
        raise NothingToReadError(
            "nothing that tagwatch reads is among the paths named",
            hint="name Dockerfiles, Compose, Kubernetes, Helm, Kustomize or CI files",
        )
    if options.format == "json":
        from tagwatch.publish.answer_document import targets_document
        from tagwatch.publish.json_text import dump

        answer(dump(targets_document(targets)))
    else:
        from tagwatch.publish.answer import targets_text

        answer_text(targets_text(targets))
    return 0


def _shown(options: argparse.Namespace) -> Mapping[str, str]:
    """What references may hold: the operator's word and the flag's. The tree has no say."""
    from tagwatch.walk.site import open_site

    return open_site(untrusted=True, shown=options.env).visible


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0, or 3 where nothing that tagwatch reads is among the paths",
)

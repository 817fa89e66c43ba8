"""`tagwatch facts`: the nightly server's memory for laptops and CI, as a signed file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_config
from tagwatch.cli.shell import note, open_site
from tagwatch.config.settings import Facts
from tagwatch.errors import UsageError, cannot_write
from tagwatch.value import replace

if TYPE_CHECKING:
    from tagwatch.walk.site import Site

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `facts`."""
    parser.add_argument("action", choices=("export", "import"), help="write or read such a file")
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="export: files and folders whose images it is about (default: the configured "
        "sources); import: the file or https URL (default: the configured one)",
    )
    add_config(parser)
    parser.add_argument(
        "--output", metavar="FILE", default="-", help="export: where to write (default: stdout)"
    )
    parser.add_argument("--key-env", metavar="NAME", help="the variable that holds the key")
    parser.add_argument("--key-file", metavar="FILE", help="the file that holds the key")


def run(options: argparse.Namespace) -> int:
    """Write or read facts."""
    site = open_site(options)
    settings = site.settings.facts or Facts(source="")
    if options.key_env:
        settings = replace(settings, key_env=options.key_env, key_file=None)
    elif options.key_file:
        settings = replace(settings, key_env="", key_file=Path(options.key_file))
    return (
        _import(site, settings, options)
        if options.action == "import"
        else _export(site, settings, options)
    )


def _export(site: Site, settings: Facts, options: argparse.Namespace) -> int:
    from tagwatch.api import read_files
    from tagwatch.walk.facts import export_facts
    from tagwatch.workspace.find import find, sources_from_globs

    paths, sources = options.paths, site.settings.sources
    found = find(paths or ["."], site.root)
    if not paths and sources:
        found = sources_from_globs(sources, site.root)
    files = read_files(found, site, {})
    for problem in files.problems:
        note(f"tagwatch: {problem.message}")
    raw, count = export_facts(files.targets, site, settings)
    if options.output == "-":
        sys.stdout.buffer.write(raw)
    else:
        _write(Path(options.output), raw)
    note(f"tagwatch: {count} facts, {len(raw)} bytes")
    return 0


def _import(site: Site, settings: Facts, options: argparse.Namespace) -> int:
    from tagwatch.walk.facts import import_facts
    from tagwatch.walk.site import source_name

    if len(options.paths) > 1:
        raise UsageError("facts are imported from one place", hint="name one file or URL")
    if options.paths:
        source = options.paths[0]
        whole = source if "://" in source else str(Path(source).absolute())
        settings = replace(settings, source=whole)
    if not settings.source:
        raise UsageError("nothing says where the facts are", hint="name a file or an https URL")
    facts = import_facts(site, settings)
    at = facts.at.isoformat().replace("+00:00", "Z")
    note(f"tagwatch: {len(facts.evidence)} facts of {at} from {source_name(settings, site)}")
    return 0


def _write(path: Path, raw: bytes) -> None:
    draft = path.with_name(f".{path.name}.tmp")
    try:
        draft.write_bytes(raw)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise cannot_write(
            error,
            f"{str(path)!r} cannot be written",
            hint="check the folder and its permissions",
        ) from error


command = Command(
    help="write or read a signed extract of the ledger, for laptops and CI",
    arguments=arguments,
    run=run,
)

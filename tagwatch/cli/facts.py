"""`tagwatch facts`: the nightly server's memory for laptops and CI, as a signed file; its keys."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_config
from tagwatch.cli.shell import answer, note, open_site
from tagwatch.errors import UsageError
from tagwatch.value import replace

if TYPE_CHECKING:
    from tagwatch.config.settings import Facts
    from tagwatch.walk.site import Site

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `facts`."""
    parser.add_argument(
        "action",
        choices=("export", "import", "keygen"),
        help="write or read such a file, or make a pair of keys for it",
    )
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="export: files and folders whose images it is about (default: the configured "
        "sources); import: the file or https URL (default: the configured one); keygen: the file "
        "to write the private key to",
    )
    add_config(parser)
    parser.add_argument(
        "--output", metavar="FILE", default="-", help="export: where to write (default: stdout)"
    )
    parser.add_argument(
        "--key-env", metavar="NAME", help="export: the variable that holds the private key"
    )
    parser.add_argument(
        "--key-file", metavar="FILE", help="export: the file that holds the private key"
    )
    parser.add_argument(
        "--public-key",
        metavar="KEY",
        action="append",
        help="import: whose facts are believed, beside the configured keys; again for another",
    )
    parser.add_argument(
        "--name", metavar="NAME", help="export: what the extract is called (default: as the folder)"
    )


def run(options: argparse.Namespace) -> int:
    """Write or read facts, or make keys for them."""
    if options.action == "keygen":
        return _keygen(options)
    from tagwatch.config.settings import Facts

    site = open_site(options)
    settings = site.settings.facts or Facts(source="")
    if options.key_env:
        settings = replace(settings, key_env=options.key_env, key_file=None)
    elif options.key_file:
        settings = replace(settings, key_env="", key_file=Path(options.key_file))
    if options.name:
        settings = replace(settings, name=options.name)
    return (
        _import(site, settings, options)
        if options.action == "import"
        else _export(site, settings, options)
    )


def _export(site: Site, settings: Facts, options: argparse.Namespace) -> int:
    from tagwatch.walk.facts import export_facts
    from tagwatch.walk.file_set import read_files, read_sources
    from tagwatch.workspace.find import find
    from tagwatch.workspace.write import write_new

    if options.output == "-" and sys.stdout.isatty():
        raise UsageError("an extract is no text", hint="--output FILE writes it to a file")
    if options.paths or not (site.settings.sources or site.settings.repositories):
        files = read_files(find(options.paths or ["."], site.root), site, {})
    else:
        files, _ = read_sources(site)
    for problem in files.problems:
        note(f"tagwatch: {problem.message}")
    raw, count = export_facts(files.targets, site, settings)
    if options.output == "-":
        sys.stdout.buffer.write(raw)
    else:
        write_new(Path(options.output), raw)
    note(f"tagwatch: {count} facts, {len(raw)} bytes")
    return 0


def _keygen(options: argparse.Namespace) -> int:
    from tagwatch.walk.facts_key import write_key_pair

    if len(options.paths) != 1:
        raise UsageError("keygen writes one file", hint="tagwatch facts keygen facts.key")
    path = Path(options.paths[0])
    key = write_key_pair(path)
    answer(f"facts:\n  public_keys:\n    {key.id}: {key.text}\n")
    note(
        f"tagwatch: the private key is in {path}: give it to the nightly scan alone, as key_file; "
        "the lines above go into the configuration of those who read"
    )
    return 0


def _import(site: Site, settings: Facts, options: argparse.Namespace) -> int:
    from tagwatch.walk.facts import import_facts
    from tagwatch.walk.facts_key import public_key_named
    from tagwatch.walk.site import source_name

    if options.key_env or options.key_file:
        raise UsageError(
            "facts are read by public keys, not by a secret",
            hint="`tagwatch facts keygen` makes a pair: export with the private one, and "
            "import with --public-key KEY or facts.public_keys",
        )
    if options.public_key:
        given = tuple(map(public_key_named, options.public_key))
        settings = replace(settings, public_keys=(*given, *settings.public_keys))
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
    until = facts.expires_at.isoformat().replace("+00:00", "Z")
    place = source_name(settings, site)
    note(f"tagwatch: {len(facts.evidence)} facts of {at} from {place}, valid until {until}")
    return 0


command = Command(
    arguments=arguments,
    run=run,
)

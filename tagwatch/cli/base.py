"""`tagwatch base`: which approved base an image stands on, which build of it, how far behind."""

from __future__ import annotations

import argparse

from tagwatch.audit.evidence import evidence_key, is_readable
from tagwatch.audit.resolution import Status
from tagwatch.cli.command import Command, add_config, add_format
from tagwatch.cli.question import add_asking, asking_of, target_of
from tagwatch.cli.shell import answer, note, open_site

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `base`."""
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a reference or a pattern")
    add_config(parser)
    add_format(parser, "text", "json")
    add_asking(parser)


def run(options: argparse.Namespace) -> int:
    """Match and print. Exit code 0: all answered, 1: not found, 4: could not be read."""
    from tagwatch.publish.interface import BaseAnswer
    from tagwatch.walk.look_up import look_up
    from tagwatch.walk.stand import stands_on

    site = open_site(options)
    targets = [target_of(text) for text in options.images]
    facts = look_up(targets, site, asking_of(options, with_bases=True))
    for failure in facts.failures:
        note(f"tagwatch: {failure.repository}: {failure.message}")
    answers, code = [], 0
    for text, target in zip(options.images, targets, strict=True):
        found = facts.evidence.get(evidence_key(target) or "")
        resolution = found.resolution if found else None
        concrete = resolution.reference if resolution else None
        matches = stands_on(found, site)
        answers.append(
            BaseAnswer(
                input=text,
                reference=concrete.canonical if concrete else None,
                matches=matches,
            )
        )
        if resolution is None or not is_readable(found):
            code = 4
        elif resolution.status is Status.NOT_FOUND:
            code = max(code, 1)
        elif not matches:
            code = 4
    if options.format == "json":
        from tagwatch.publish.machine import base_document, dump

        answer(dump(base_document(answers)))
    else:
        from tagwatch.publish.answer import base_text

        answer(base_text(answers))
    return code


command = Command(
    help="which approved base an image stands on, which build of it, how far behind",
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 all answered, 1 an image does not exist, 4 one could not be read",
)

"""`tagwatch diff`: layers, config, platforms and packages of two images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.question import add_asking, asking_of, bring
from tagwatch.cli.shell import answer, answer_text, open_site
from tagwatch.value import replace

if TYPE_CHECKING:
    import argparse

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `diff`."""
    for name in ("old", "new"):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help="a reference, reference@digest, redis:6.2@2026-03-01; oci:path[:name] or "
            "engine:name of this machine",
        )
    add_config(parser)
    add_answer(parser, "text", "json")
    add_asking(parser)
    parser.add_argument(
        "--platform",
        action="append",
        default=[],
        metavar="OS/ARCH",
        help="compare this platform (repeatable; default: the policy's)",
    )


def run(options: argparse.Namespace) -> int:
    """Compare and print. Exit code 0: the same, 1: it differs, 4: a side could not be read."""
    from tagwatch.audit.model.diff import Verdict
    from tagwatch.image.platform import Platform
    from tagwatch.walk.compare import compare
    from tagwatch.walk.need import IMAGE_SHOWS

    site = open_site(options)
    platforms = tuple(Platform.parse(text) for text in options.platform)
    if platforms:
        defaults = replace(site.policy.defaults, platforms=platforms, audited_alone=())
        site = replace(site, policy=replace(site.policy, defaults=defaults))
    asking = replace(asking_of(options), shows=IMAGE_SHOWS)
    bring(site, asking)
    change = compare(options.old, options.new, site, asking, demanded=platforms)
    if options.format == "json":
        from tagwatch.publish.diff_document import diff_document
        from tagwatch.publish.json_text import dump

        answer(dump(diff_document(change)))
    else:
        from tagwatch.publish.diff_text import diff_text

        answer_text(diff_text(change))
    if change.verdict is Verdict.UNKNOWN and change.diff is not None:
        return 1 if change.diff.is_compared else 4
    return 0 if change.verdict is Verdict.IDENTICAL else 1


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 the same, 1 they differ, 4 one could not be read",
)

"""`tagwatch policy explain`: which lines of the policy speak of an image, and what they say."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_answer, add_config
from tagwatch.cli.shell import answer, answer_text, open_site

if TYPE_CHECKING:
    from tagwatch.audit.verdict.explanation import Applied
    from tagwatch.image.reference import Reference
    from tagwatch.walk.site import Site

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `policy`."""
    parser.add_argument("action", choices=("explain",), help="what the policy says of an image")
    parser.add_argument("image", metavar="IMAGE", help="redis:6.2, ghcr.io/a/b@sha256:…")
    parser.add_argument(
        "--path", metavar="FILE", default="", help="as used in this file: overrides by path count"
    )
    add_config(parser)
    add_answer(parser, "text", "json")


def run(options: argparse.Namespace) -> int:
    """Print what applies, in the order in which it is asked. Asks no registry and no ledger."""
    from tagwatch.audit.verdict.explanation import explain_policy
    from tagwatch.image.reference import Reference

    site = open_site(options)
    reference = Reference.parse(options.image)
    applied = explain_policy(site.policy, reference, path=options.path, at=site.at)
    if options.format == "json":
        answer(_json(reference, options.path, applied, site))
    else:
        answer_text(_text(reference, applied, site))
    return 0


def _text(reference: Reference, applied: Sequence[Applied], site: Site) -> str:
    name = site.policy.name or "built-in"
    lines = [f"{reference.canonical} under the policy {name}"]
    width = max((len(one.subject) for one in applied), default=0)
    for one in applied:
        place = f"  ({one.place})" if one.place is not None else ""
        lines.append(f"  {one.subject:<{width}}  {one.answer}{place}")
    return "\n".join(lines) + "\n"


def _json(reference: Reference, path: str, applied: Sequence[Applied], site: Site) -> str:
    from tagwatch.publish.json_text import dump

    return dump(
        {
            "schema_version": 1,
            "reference": reference.canonical,
            "path": path or None,
            "policy": {"name": site.policy.name, "digest": site.policy.digest},
            "applied": [
                {
                    "subject": one.subject,
                    "answer": one.answer,
                    "place": {
                        "path": one.place.path,
                        "line": one.place.line,
                        "column": one.place.column,
                    }
                    if one.place is not None
                    else None,
                }
                for one in applied
            ],
        }
    )


command = Command(
    arguments=arguments,
    run=run,
)

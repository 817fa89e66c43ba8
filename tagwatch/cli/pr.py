"""`tagwatch pr`: what a range of commits does to images. See `api.pull_request`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from tagwatch.cli.command import Command, add_answer, add_build_args, add_config, add_shown
from tagwatch.cli.question import add_asking, check_options_of
from tagwatch.cli.shell import answer, answer_text, note, open_site, progress_shown, warn

if TYPE_CHECKING:
    from tagwatch.audit.verdict.pull_request import PullRequest

__all__ = ["command"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `pr`."""
    parser.add_argument(
        "commits",
        metavar="BASE..HEAD",
        help="what HEAD changed since it left BASE; `BASE..` is up to the commit checked out",
    )
    add_config(parser)
    add_answer(parser, "text", "markdown", "json")
    add_asking(parser, seconds=60)
    add_build_args(parser)
    add_shown(parser)
    parser.add_argument(
        "--fail-on",
        choices=("error", "warning", "note", "never"),
        default="never",
        help="exit 1 where the change brings a finding of this severity (default: never)",
    )
    parser.add_argument(
        "--comment",
        choices=("github", "gitlab", "gitea"),
        metavar="FORGE",
        help="also write the answer as one comment on the pull request that this CI job is about, "
        "in place of the one from before: github, gitlab or gitea (Forgejo)",
    )


def run(options: argparse.Namespace) -> int:
    """Look, print, and write the comment."""
    from tagwatch.api import pull_request

    forge = None
    if options.comment:
        from tagwatch.publish.notify.comment import forge_of

        forge = forge_of(options.comment, os.environ)
    site = open_site(options)
    with progress_shown(site.environment) as progress:
        how = check_options_of(options, progress)
        told = pull_request(options.commits, site, options=how)
    for doubt in site.knowledge.doubts():
        warn(doubt)
    _print(told, options)
    if forge is not None:
        from tagwatch.publish.notify.comment import comment
        from tagwatch.publish.pull_request import pull_request_markdown
        from tagwatch.walk.loop import run as run_loop

        body = pull_request_markdown(told)
        is_news = bool(told.changes or told.problems or told.failures)
        note(f"tagwatch: {run_loop(comment(forge, body, is_news=is_news))}")
    return _code(told, options, on_unavailable=site.policy.on_unavailable)


def _print(told: PullRequest, options: argparse.Namespace) -> None:
    if options.format == "json":
        from tagwatch.publish.answer_document import pull_request_document
        from tagwatch.publish.json_text import dump

        answer(dump(pull_request_document(told)))
        return
    from tagwatch.publish.pull_request import pull_request_markdown, pull_request_text

    if options.format == "markdown":
        answer(pull_request_markdown(told))
        return
    width = os.get_terminal_size().columns if sys.stdout.isatty() else 100
    answer_text(pull_request_text(told, width=max(width, 40)))


def _code(told: PullRequest, options: argparse.Namespace, *, on_unavailable: str) -> int:
    from tagwatch.audit.model.finding import Severity

    if options.fail_on != "never":
        least = Severity(options.fail_on).rank
        if any(finding.severity.rank >= least for finding in told.findings):
            return 1
        if any(not problem.skipped for problem in told.problems):
            return 1  # a check calls a file that cannot be read an error
    if not told.complete and on_unavailable == "fail":
        note("tagwatch: some facts could not be read, and the policy says `on_unavailable: fail`")
        return 4
    return 0


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0, 1 with --fail-on: a finding at or above it, or a changed file that\n"
    "cannot be read, 2 a wrong flag, configuration or range, or the comment was not taken, 4\n"
    "incomplete where on_unavailable is fail",
)

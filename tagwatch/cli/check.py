"""`tagwatch check`: audit files, and mend them. See `api.check` and `api.fix`."""

from __future__ import annotations

import os
import sys
from functools import lru_cache, partial
from pathlib import Path

from tagwatch.cli.command import (
    Command,
    add_answer,
    add_build_args,
    add_choice,
    add_config,
    add_shown,
    build_args_of,
    plain,
)
from tagwatch.cli.shell import (
    PAINTED,
    all_made,
    answer,
    colored,
    note,
    open_site,
    progress_shown,
    tell_incomplete,
    warn,
)
from tagwatch.errors import (
    ClockError,
    LedgerError,
    LedgerFailedError,
    LedgerReadOnlyError,
    UsageError,
    cannot_write,
)
from tagwatch.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from tagwatch.audit.verdict.baseline import Baseline
    from tagwatch.audit.verdict.result import AuditResult
    from tagwatch.publish.interface import PublishContext
    from tagwatch.walk.fix import Draft
    from tagwatch.walk.look_up import Asking
    from tagwatch.walk.site import Site

__all__ = ["command"]

FORMATS = (
    *("text", "compact", "json", "sarif", "github", "gitlab", "junit", "markdown"),
    *("csv", "cyclonedx"),
)
_MOST_COPIED_BYTES = 1 << 30
_FIXES = {
    "": "make the fixes that findings offer",
    "=pin": "pin every reference to tag@digest; renew a digest whose tag moved",
    "=bump:patch": "move every tag to the newest of its patch series",
    "=bump:minor": "move every tag to the newest of its major version",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `check`."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        default=["."],
        help="files and folders (default: .); - reads a file from standard input",
    )
    parser.add_argument(
        "--stdin-name",
        metavar="PATH",
        help="the path of what standard input holds, for its format and its findings (default: "
        "Dockerfile)",
    )
    add_config(parser)
    add_answer(parser, *FORMATS)
    add_choice(parser)
    parser.add_argument(
        "--offline", action="store_true", help="ask no registry; facts come from the ledger"
    )
    parser.add_argument(
        "--refresh", action="store_true", help="ask the registries, however fresh the ledger is"
    )
    parser.add_argument(
        "--max-time",
        type=float,
        default=20.0,
        metavar="SECONDS",
        help="stop asking registries after this long, and say what was not checked "
        "(default: 20; 0: no limit)",
    )
    parser.add_argument(
        "--engine", action="store_true", help="also audit what runs on this machine's engine"
    )
    add_build_args(parser)
    add_shown(parser)
    _add_fixes(parser)
    _add_known(parser)
    parser.add_argument(
        "--all", action="store_true", help="text: show the notes, too, that are only counted else"
    )
    parser.add_argument(
        "--exit-zero", action="store_true", help="exit 0 in spite of findings (for upload jobs)"
    )


def _add_fixes(parser: argparse.ArgumentParser) -> None:
    """`--fix` in its forms. Each is a flag of its own: `--fix Dockerfile` names a file to fix."""
    fixes = parser.add_mutually_exclusive_group()
    for form, meaning in _FIXES.items():
        strategy = form.removeprefix("=") or "findings"
        fixes.add_argument(
            f"--fix{form}", dest="fix", action="store_const", const=strategy, help=meaning
        )
    parser.add_argument(
        "--dry-run", action="store_true", help="with --fix: print the diff and write nothing"
    )


def _add_known(parser: argparse.ArgumentParser) -> None:
    """What is known already, and fails nothing."""
    parser.add_argument(
        "--baseline", metavar="FILE", help="findings in FILE are known: shown, and fail nothing"
    )
    parser.add_argument(
        "--prune", action="store_true", help="with --baseline: take out of FILE what is fixed"
    )
    parser.add_argument(
        "--diff-base",
        metavar="REV",
        help="only what is new since HEAD left this commit or branch fails",
    )


def run(options: argparse.Namespace) -> int:
    """Audit, mend, print; the exit codes are those of the README, for what is left to do."""
    if options.dry_run and not options.fix:
        raise UsageError("--dry-run shows what --fix would do", hint="add --fix")
    if options.refresh and options.offline:
        raise UsageError("--refresh asks the registries that --offline spares", hint="leave one")
    if options.prune and not options.baseline:
        raise UsageError("--prune takes entries out of a baseline", hint="add --baseline FILE")
    if options.prune and (options.select or options.ignore):
        raise UsageError(
            "--prune needs every rule: what was not asked is not fixed",
            hint="leave out --select and --ignore",
        )
    is_piped = "-" in options.paths or options.stdin_name is not None
    options.contents = _standard_input(options) if is_piped else {}
    from tagwatch.walk.look_up import Asking

    options.choice = None
    baseline = None
    if options.baseline:
        from tagwatch.cli.baseline_file import read_baseline_file

        baseline = read_baseline_file(options.baseline)
    site = open_site(options)
    if options.fail_on or options.select or options.ignore:
        from tagwatch.cli.choice import chosen_by, failing_on

        site = failing_on(site, options)
        options.choice = chosen_by(options, site)
        site = replace(site, policy=options.choice.over(site.policy))
    seconds = options.max_time or None
    asking = Asking(offline=options.offline, refresh=options.refresh, max_seconds=seconds)
    writes = not asking.offline or site.settings.facts is not None
    failed: LedgerFailedError | None = None
    if not writes or _can_remember(site.database):
        try:
            return _run(site, options, baseline, asking)
        except ClockError:
            raise
        except LedgerFailedError as error:  # damaged, locked, full: no fault of the files
            failed = error
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="tagwatch-") as folder:
        copy = Path(folder) / site.database.name
        if failed is None:
            shown = str(site.database)
            warn(f"the ledger {shown!r} cannot be made: what is read now is not remembered")
        elif isinstance(failed, LedgerReadOnlyError) and _is_copied(site.database, copy):
            warn(f"{failed.message}; this check reads a copy of it, and remembers nothing")
        else:
            warn(f"{failed.message}; this check works without memory")
        return _run(replace(site, database=copy), options, baseline, asking)


def _is_copied(ledger: Path, copy: Path) -> bool:
    """Copy a ledger that may only be read, so that what it knows counts; False where that fails."""
    from tagwatch.ledger.maintenance import copy_to_write

    try:
        if ledger.stat().st_size > _MOST_COPIED_BYTES:
            return False
        copy_to_write(ledger, copy)
    except (LedgerError, OSError):
        return False
    return True


def _standard_input(options: argparse.Namespace) -> dict[str, bytes]:
    """Return what standard input holds, by the path that it is told as. Raises `UsageError`."""
    if options.paths != ["-"]:
        raise UsageError(
            "`-` reads one file from standard input, and nothing beside it",
            hint="write `tagwatch check - --stdin-name PATH`",
        )
    if options.fix or options.diff_base:
        flag = "--fix" if options.fix else "--diff-base"
        raise UsageError(f"{flag} needs a file, and standard input is none", hint="name the file")
    from tagwatch.workspace.read import MAX_FILE_BYTES

    name = options.stdin_name or "Dockerfile"
    options.paths = [name]
    return {name: sys.stdin.buffer.read(MAX_FILE_BYTES + 1)}


def _can_remember(database: Path) -> bool:
    """True where the ledger exists, or can be made: some containers have a home to read only."""
    if database.exists():
        return True
    folder = next(folder for folder in database.absolute().parents if folder.exists())
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _run(site: Site, options: argparse.Namespace, baseline: Baseline | None, asking: Asking) -> int:
    """Audit, mend, print."""
    with progress_shown(site.environment) as progress:
        asking = replace(asking, progress=progress)
        result, draft = _audited(site, options, baseline, asking)
    if draft is not None:
        _settle(draft, options)
        _tell_kept_back(result, options)
    for doubt in site.knowledge.doubts():
        warn(doubt)
    code = result.exit_code(site.policy.fail_on, on_unavailable=site.policy.on_unavailable)
    is_silent = options.quiet and options.format in PAINTED and options.answer_file is None
    if not options.dry_run and not (is_silent and code == 0):
        _print(result, site, options)
    if baseline is not None:
        _tell_fixed(baseline, result, options)
    tell_incomplete(result, site.policy, code)
    return 0 if options.exit_zero and code == 1 else code


def _audited(
    site: Site, options: argparse.Namespace, baseline: Baseline | None, asking: Asking
) -> tuple[AuditResult, Draft | None]:
    """The findings, with `--fix` those of the files as they would be then."""
    from tagwatch.api import CheckOptions, check, fix

    how = CheckOptions(
        asking=asking,
        build_args=build_args_of(options.build_arg),
        baseline=baseline,
        diff_base=options.diff_base,
        engine=options.engine,
        contents=options.contents,
        tell=warn,
    )
    if not options.fix:
        return check(options.paths, site, options=how), None
    return fix(options.paths, site, strategy=options.fix, options=how)


def _settle(draft: Draft, options: argparse.Namespace) -> None:
    """Write the fixes, or show them. Raises `InputError` where a file could not be mended."""
    if options.dry_run:
        answer(plain(draft.diff().replace("\r\n", "\n")))
    else:
        draft.write()
    if draft.refusal is not None:
        raise draft.refusal
    if not options.dry_run:
        note(f"tagwatch: {_made(draft)}")


def _tell_kept_back(result: AuditResult, options: argparse.Namespace) -> None:
    """Say which references were left as they are, and why."""
    from tagwatch.audit.verdict.result import SHARED

    for kept in result.kept_back:
        (reference, reasons), *others = kept.refused
        more = f" (and {len(others)} more)" if others else ""
        for rule, why in reasons.items():
            because = why if rule == SHARED else f"{reference} is kept back{more}: {rule}: {why}"
            note(f"tagwatch: not fixed: {kept.location} {kept.reference}: {because}")
    if result.kept_back and (options.format != "text" or options.quiet or options.dry_run):
        note(f"tagwatch: kept back: {len(result.kept_back)}")


def _tell_fixed(baseline: Baseline, result: AuditResult, options: argparse.Namespace) -> None:
    """Say which known findings are gone, and take them out where that is asked for."""
    fixed = [
        entry
        for entry in baseline.fixed(result)
        if options.choice is None or options.choice.takes(entry.rule)
    ]
    for entry in fixed:
        note(f"tagwatch: fixed since the baseline: {entry.path}: {entry.rule} {entry.subject}")
    if fixed and options.prune and not options.dry_run:
        from tagwatch.cli.baseline_file import write_baseline_file

        write_baseline_file(options.baseline, baseline.pruned(result))
    elif fixed and not options.prune:
        note("tagwatch: --prune takes them out of the baseline")


def _made(draft: Draft) -> str:
    """What was written, in one line."""
    files = draft.files
    if not files:
        return "nothing to fix"
    places = "1 place" if draft.places == 1 else f"{draft.places} places"
    return f"fixed {places} in {', '.join(files)}"


def _print(result: AuditResult, site: Site, options: argparse.Namespace) -> None:
    """The answer on standard output, the summary beside it."""
    from tagwatch.member import load_member

    context = _context(site, options)
    publish = load_member("publishers", options.format)
    in_parts = getattr(publish, "parts", None)
    try:
        text = all_made(in_parts(result, context)) if in_parts else publish.render(result, context)
    except Exception as error:  # noqa: BLE001  # one image's trouble is that image's
        from tagwatch.publish.salvage import without_broken

        text = publish.render(without_broken(publish, result, context, error), context)
    answer(text, commands=options.format == "github")
    if options.format in PAINTED and not options.quiet:
        from tagwatch.publish.console import summary

        note(summary(result, context).rstrip("\n"))
    if options.format == "github":
        _add_step_summary(result, context, site)


def _add_step_summary(result: AuditResult, context: PublishContext, site: Site) -> None:
    """Append to the step summary of a workflow, where GitHub gave a file for it."""
    named = site.environment.get("GITHUB_STEP_SUMMARY")
    if not named:
        return
    from tagwatch.publish.markdown import render

    try:
        with Path(named).open("a", encoding="utf-8") as file:
            file.write(render(result, context))
    except OSError as error:
        raise cannot_write(
            error,
            f"the step summary {named!r} cannot be written",
            hint="GITHUB_STEP_SUMMARY names a file that the runner made",
        ) from error


def _context(site: Site, options: argparse.Namespace) -> PublishContext:
    """What the publisher may know; the rules' own texts only for formats that carry them."""
    from tagwatch import __version__
    from tagwatch.publish.interface import PublishContext
    from tagwatch.workspace.read import read_lines

    terminal = sys.stdout.isatty()
    rules = {}
    if options.format not in (*PAINTED, "json", "markdown"):
        from tagwatch.walk.deliver import rule_texts

        rules = rule_texts(site.settings.reports.url)
    return PublishContext(
        version=__version__,
        rules=rules,
        fail_on=site.policy.fail_on,
        color=options.format in PAINTED and colored(options.color, site.environment),
        brief=not options.all,
        width=os.get_terminal_size().columns if terminal else 100,
        # findings come file by file
        lines_of=lru_cache(maxsize=1)(partial(read_lines, site.root, options.contents)),
    )


command = Command(
    arguments=arguments,
    run=run,
    epilog="exit codes: 0 clean, 1 findings at or above the policy's fail_on, 2 a wrong flag,\n"
    "configuration or policy, 3 nothing to read, 4 incomplete where on_unavailable is fail,\n"
    "5 the environment failed: a full disk, a clock that is behind the ledger",
)

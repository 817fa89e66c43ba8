"""What a line says over the policy: `--fail-on`, `--select` and `--ignore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tagwatch.audit.model.finding import Finding, Severity
from tagwatch.audit.rule.choice import Choice, choice_of
from tagwatch.errors import UsageError
from tagwatch.value import replace
from tagwatch.walk.site import Site

if TYPE_CHECKING:
    import argparse

    from tagwatch.walk.scan import ScanResult

__all__ = ["chosen_by", "failing_on", "shown"]


def failing_on(site: Site, options: argparse.Namespace) -> Site:
    """Return the site whose policy fails where the line says."""
    level = options.fail_on
    if level is None:
        return site
    fail_on = None if level == "never" else Severity(level)
    return replace(site, policy=replace(site.policy, fail_on=fail_on))


def chosen_by(options: argparse.Namespace, site: Site) -> Choice:
    """Return the choice of rules. Raises `UsageError`, and `ConfigError` for a broken plug-in."""
    select = _names(options.select, "--select") if options.select else None
    return choice_of(select, _names(options.ignore, "--ignore"), site.policy)


def shown(done: ScanResult, choice: Choice) -> ScanResult:
    """Return what a scan prints of what it found."""
    since = done.news.since

    def of(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        return tuple(one for one in findings if choice.takes(one.rule))

    news = replace(
        done.news,
        since=replace(
            since,
            new=of(since.new),
            worse=of(since.worse),
            same=of(since.same),
            fixed=of(since.fixed),
        ),
        reworded=of(done.news.reworded),
    )
    result = replace(done.result, findings=of(done.result.findings))
    return replace(done, result=result, news=news)


def _names(lists: Sequence[str], flag: str) -> list[str]:
    names = [name.strip() for one in lists for name in one.split(",")]
    if not all(names):
        raise UsageError(f"{flag} lacks a rule's name", hint=f"{flag} tag-latest,tag-missing")
    return names

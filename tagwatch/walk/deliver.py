"""The end of a scan: the alerts that it is worth, and its reports on the disk.

`walk/sending.py` sends the alerts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain
from typing import Any

from tagwatch import __version__
from tagwatch.audit.model.code_owners import CodeOwners
from tagwatch.audit.model.finding import Finding
from tagwatch.audit.rule.catalogue import load_rule, rule_documentation
from tagwatch.audit.verdict.news import News
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.config.settings import Receiver
from tagwatch.family import RULES
from tagwatch.ledger.codec import encode
from tagwatch.ledger.outbox import UNDELIVERED, Message, MessageState
from tagwatch.ledger.read import Reader
from tagwatch.ledger.record import Alert, Run
from tagwatch.member import load_member
from tagwatch.publish.files import OUTDATED, Written, write_reports
from tagwatch.publish.interface import PublishContext, RuleText, RunSummary
from tagwatch.publish.quiet import read_memo, whole, without_days
from tagwatch.publish.wording import stamp
from tagwatch.value import dataclass, field, replace
from tagwatch.walk.site import Site, kept_repositories, project_of, repository_root

__all__ = [
    "AlertPlan",
    "alert_plan",
    "alerts_of",
    "digest_of",
    "publish_context",
    "rule_page",
    "rule_texts",
    "summary_of",
    "undelivered",
    "with_links",
    "write_run",
]

_GIT_SECONDS = 2.0
_RUNS_LISTED = 400
"""Nights of a year: an index has few rows of them where most are quiet."""
_CAUGHT_UP = 7
"""So many runs without pages are caught up with: more are a directory that somebody emptied."""
_WHEN_READ = re.compile(rb'"(?:at|read_at|last_seen)":"[^"]*",?')
_OF_THE_NIGHT: Mapping[str, Any] = {
    "targets": (),
    "evidence": {},
    "requests": {},
    "quotas": {},
    "changes": (),
    "gone": (),
    "explained": (),
}
"""What is known by its lists, and what holds for one night alone: what it asked, and its news."""
_NOWHERE = "your-org"
"""What the address of a project has that is published nowhere yet."""
_REMEMBERED = timedelta(days=7)
"""How long reports mention an alert that may not have arrived, once another one has named it."""
_BECAME = {
    MessageState.PENDING: "not sent yet",
    MessageState.SENDING: "being sent, or interrupted while it was",
    MessageState.UNSURE: "it may have arrived",
    MessageState.HELD: "held until its address is mended or `tagwatch alerts retry`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPlan:
    """All that alerts are made of beside results: who is told of what, and of which project.

    `folder`: where paths of results start, from the root of `owners`. `first_seen`: when findings
    were seen first, by fingerprint; only reminders read it.
    """

    receivers: tuple[Receiver, ...]
    project: str = ""
    """Its name in messages."""
    identity: str = ""
    """Whose messages they are; see `project_of`."""
    report_url: str = ""
    owners: CodeOwners = field(default_factory=CodeOwners)
    folder: str = ""
    first_seen: Mapping[str, datetime] = field(default_factory=dict)


def alert_plan(site: Site, ledger: Reader) -> AlertPlan:
    """Return the plan of a site. Reads CODEOWNERS where a receiver asks for owners."""
    receivers = site.settings.alerts
    owners, folder = CodeOwners(), ""
    if any(one.when.owners for one in receivers):
        owners, folder = _owners(site)
    return AlertPlan(
        receivers=receivers,
        project=site.settings.project or site.root.name,
        identity=project_of(site),
        report_url=site.settings.reports.url,
        owners=owners,
        folder=folder,
        first_seen=ledger.standing_since(project_of(site))
        if any(one.remind_after for one in receivers)
        else {},
    )


def _owners(site: Site) -> tuple[CodeOwners, str]:
    """Return who owns the site's files, and where its paths start, with a slash at the end.

    What lies in a git repository of others is not ours to give.
    """
    from tagwatch.workspace.code_owners import read_code_owners

    root = repository_root(site.root)
    folder = "".join(f"{part}/" for part in site.root.relative_to(root).parts)
    others = tuple(f"{folder}{one.name}" for one in site.settings.repositories)
    return replace(read_code_owners(root), others=others), folder


def alerts_of(
    result: AuditResult, news: News, plan: AlertPlan, offered: Iterable[Finding] = ()
) -> Iterator[Alert]:
    """Yield the alerts that these news are worth, one a receiver; none where there are none.

    `offered`: what `newly_offered` tells.
    """
    offered = tuple(offered)
    for receiver in plan.receivers:
        alert = _alert(receiver, result, news, plan, offered)
        if alert is not None:
            yield alert


def _alert(
    receiver: Receiver,
    result: AuditResult,
    news: News,
    plan: AlertPlan,
    offered: tuple[Finding, ...],
) -> Alert | None:
    """Return what one receiver is to be told."""
    from tagwatch.publish.notify.alert import alert_key, alert_of, newer_versions, reminders
    from tagwatch.publish.notify.interface import AlertContext
    from tagwatch.publish.notify.route import Router

    router = Router(
        route=receiver.when, owners=plan.owners, folder=plan.folder, targets=result.targets
    )
    before = news.before
    since = router.since(news.since)
    newer = router.findings(newer_versions(news))
    result = router.result(result)
    still: tuple[Finding, ...] = ()
    if receiver.remind_after:
        still = reminders(result, since, before, plan.first_seen, receiver.remind_after)
    context = AlertContext(
        version=__version__,
        project=plan.project,
        min_severity=receiver.min_severity,
        report_url=plan.report_url,
        still=still,
        newer=newer,
        offered=router.findings(offered),
    )
    payload = load_member("notifiers", receiver.channel).build(result, since, context)
    if payload is None:
        return None
    said = alert_of(result, since, context)
    return Alert(
        dedup_key=alert_key(receiver.name, result, since, before, still, plan.identity),
        receiver=receiver.name,
        channel=receiver.channel,
        headline=said.headline if said else "",
        payload=json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
    )


def undelivered(site: Site, *, without: Collection[int] = ()) -> tuple[str, ...]:
    """Return a sentence for each alert that did not arrive, or may not have.

    One that is unsure and that another message named is told for seven days. `without`: numbers of
    messages that are told elsewhere.
    """
    project = project_of(site)
    with Reader.open(site.database, site.origins) as ledger:
        return tuple(
            f"{message.receiver}, {stamp(message.at)}: {_BECAME[message.state]}"
            f"{f': {message.error}' if message.error else ''}"
            for message in ledger.messages(*UNDELIVERED, project=project)
            if message.id not in without and _is_worth_telling(message, site.at)
        )


def _is_worth_telling(message: Message, at: datetime) -> bool:
    if message.state is MessageState.PENDING:
        return message.error != ""
    if message.state is MessageState.UNSURE:
        return not message.mentioned or at - message.at <= _REMEMBERED
    return True


def write_run(
    result: AuditResult,
    news: News,
    site: Site,
    missed: tuple[str, ...] = (),
    *,
    again: bool = False,
) -> Written:
    """Write the run's pages and files in the configured formats, and return what was written.

    A quiet run writes the index alone, if it is not to be written `again`; see `write_reports`.
    Pages that a run was killed before it wrote are written first. `missed`: see `undelivered`.
    Raises `OutputError`.
    """
    reports = site.settings.reports
    if not reports.formats:
        return Written(files=(), index=None)
    with Reader.open(site.database, site.origins) as ledger:
        if not again:
            for old, told in _unwritten(ledger, result, site):
                _write_one(ledger, old, told, site)
        return _write_one(ledger, result, news, site, missed=missed, again=again, is_latest=True)


def _unwritten(
    ledger: Reader, result: AuditResult, site: Site
) -> Iterator[tuple[AuditResult, News]]:
    """Yield the runs that finished after the newest one with pages, and before this one."""
    newest = read_memo(site.settings.reports.directory).newest
    if newest is None:
        return
    runs = ledger.runs(_CAUGHT_UP + 1, project=project_of(site), kind="scan")
    for run in reversed(runs):
        is_between = newest < whole(run.at) and run.at < result.at
        if is_between and run.kind == "scan" and run.finished_at:
            old = ledger.result(run.id)
            news = ledger.news_told(run.id, old)
            if old is not None and news is not None:
                yield old, news


def _write_one(
    ledger: Reader,
    result: AuditResult,
    news: News,
    site: Site,
    *,
    missed: tuple[str, ...] = (),
    again: bool = False,
    is_latest: bool = False,
) -> Written:
    """Write the pages of one run. `is_latest`: False for a run that is caught up with."""
    context = publish_context(ledger, news, site)
    if {"html", "csv"} & set(site.settings.reports.formats):
        context = with_links(context, site)
    context = replace(context, undelivered=missed)
    context = replace(context, runs=tuple(run for run in context.runs if run.at <= result.at))
    reports = site.settings.reports
    shown = read_memo(reports.directory).outdated
    if is_latest and "html" in reports.formats:
        is_there = not again and (reports.directory / OUTDATED).is_file()
        from tagwatch.walk.prospect import outdated_page  # without a page nobody asks what is newer

        looked = outdated_page(result, site, ledger, shown if is_there else None)
        context = replace(context, prospects=looked[0], outdated=looked[1])
    else:
        context = replace(context, outdated=shown)
    return write_reports(
        reports.directory,
        result,
        context,
        reports.formats,
        digest=_with_owners(digest_of(result, ledger, site, missed), context),
        keep=None if again else site.settings.retention.pages,
        again=again,
    )


def digest_of(result: AuditResult, ledger: Reader, site: Site, missed: tuple[str, ...] = ()) -> str:
    """Return what stands for all that pages say, but for when it was read and how many days ago.

    Equal: a page would tell nothing new. Of targets and evidence counts what the stored answer is
    known by; empty where there is none. `missed`: alerts that were not delivered.
    """
    known = ledger.known_by(result.at, project_of(site), ("targets", "evidence"))
    if known is None:
        return ""
    policy = site.policy
    reports = site.settings.reports
    said = sha256(f"{__version__} {policy.fail_on} {reports.url}\n".encode())
    if reports.source:
        said.update(reports.source.encode("utf-8", "replace"))
    said.update(repr((missed, known)).encode())
    outline = replace(result, **_OF_THE_NIGHT, findings=(), ignored=(), readings={})
    undated = (
        replace(one, message=without_days(one.message), evidence={}) for one in result.findings
    )
    # item by item: as one text twenty thousand findings are 20 MB, twice
    listed = map(encode, chain(undated, result.ignored, result.readings.items()))
    for line in chain((encode(outline),), listed):
        said.update(_WHEN_READ.sub(b"", line))
    return said.hexdigest()


def _with_owners(digest: str, context: PublishContext) -> str:
    """Return what stands for the same pages, and for who owns the files that they name."""
    if not digest or context.owners is None or not context.owners.entries:
        return digest
    return sha256(f"{digest} {context.owners.entries!r}".encode("utf-8", "replace")).hexdigest()


def publish_context(ledger: Reader | None, news: News | None, site: Site) -> PublishContext:
    """Return what every publisher may know beside a result."""
    runs = ledger.runs(_RUNS_LISTED, project=project_of(site), kind="scan") if ledger else ()
    summaries = [summary_of(run) for run in runs if run.kind == "scan" and run.finished_at]
    return PublishContext(
        version=__version__,
        news=news,
        runs=tuple(reversed(summaries)),
        rules=rule_texts(site.settings.reports.url),
        fail_on=site.policy.fail_on,
        report_url=site.settings.reports.url,
    )


def with_links(context: PublishContext, site: Site) -> PublishContext:
    """Return the context with what pages lead to: who owns files, and where lines can be read.

    The forge is the one that is configured, else that of git's origin. Asks git, for two seconds.
    What lies in a git repository of others leads to the forge of that one, and to no other.
    """
    from tagwatch.publish.source_link import forge_template, is_source_template
    from tagwatch.workspace.git_history import origin_of

    root = repository_root(site.root)
    source = site.settings.reports.source
    if not source and (root / ".git").exists():
        source = forge_template(*origin_of(root, seconds=_GIT_SECONDS))
    owners, folder = _owners(site)
    return replace(
        context,
        owners=owners,
        source=source if is_source_template(source) else "",
        folder=folder,
        others={
            one.name: forge_template(one.address, kept.commit)
            for one, kept in kept_repositories(site, fetch=False)
        },
    )


def summary_of(run: Run) -> RunSummary:
    """Return the numbers of a run."""
    return RunSummary(
        at=run.at,
        errors=run.errors,
        warnings=run.warnings,
        notes=run.notes,
        not_checked=run.not_checked,
        moved=run.moved,
        complete=bool(run.complete),
    )


def rule_texts(report_url: str = "") -> dict[str, RuleText]:
    """Return title, risk, remedy and page of every rule, by its name. Imports all rules.

    `report_url`: where the report can be read; it has a page of rules, too.
    """
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        named = metadata("tagwatch").get_all("Project-URL") or ()
    except PackageNotFoundError:
        named = ()
    urls: dict[str, str] = dict(line.split(", ", 1) for line in named)
    return {name: _rule_text(name, urls.get("Documentation", ""), report_url) for name in RULES}


def _rule_text(name: str, documentation: str, report_url: str) -> RuleText:
    rule, text = load_rule(name), rule_documentation(name)
    return RuleText(
        title=rule.title,
        risk=_part(text, "Risk"),
        remedy=_part(text, "Remedy"),
        page=rule_page(name, documentation, report_url),
    )


def rule_page(name: str, documentation: str, report_url: str) -> str:
    """Return the address of a rule's page: in the documentation, else in the report; else empty.

    The project's own address is not known before it is published: what stands in its place leads
    nowhere, or to whoever takes that name.
    """
    if documentation and _NOWHERE not in documentation:
        return f"{documentation.rstrip('/')}/rules/{name}.html"
    folder = re.sub(r"[^/]+\.html$", "", report_url).rstrip("/")  # of index.html, if it is named
    is_whole = report_url.startswith(("https://", "http://"))  # as SARIF wants it
    return f"{folder}/rules.html#rule-{name}" if is_whole else ""


def _part(text: str, name: str) -> str:
    """Return the paragraph that begins with `name:`, on one line."""
    found: list[str] = []
    for line in text.splitlines():
        head, colon, rest = line.partition(":")
        if colon and head in ("Risk", "Remedy", "Source"):
            if found:
                break
            if head == name:
                found.append(rest.strip())
        elif found:
            found.append(line.strip())
    return " ".join(found).strip()

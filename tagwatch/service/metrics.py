"""Figures for Prometheus: of the last scan, of the service, and of what came in."""

from __future__ import annotations

import sys
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from tagwatch import __version__
from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.ledger.outbox import MessageState
from tagwatch.service.status import Status

__all__ = ["Metrics"]


class Metrics:
    """Gauges of the last result and of the service, and counters since its start.

    `text` is the exposition format. After a scan that failed, nothing is shown of the last result:
    a gauge that is not there is stale for Prometheus, and its alerts see that. What is shown of the
    service itself (`tagwatch_scan_failed`, the last success) stays.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._result = CollectorRegistry()
        self._is_stale = True
        self._findings = Gauge(
            "tagwatch_findings", "Findings of the last scan", ["severity"], registry=self._result
        )
        self._targets = Gauge(
            "tagwatch_targets", "Image references of the last scan", ["state"],
            registry=self._result,
        )  # fmt: skip
        self._changes = Gauge(
            "tagwatch_tag_changes", "Tags that moved, last scan", ["verdict"],
            registry=self._result,
        )  # fmt: skip
        self._complete = Gauge(
            "tagwatch_scan_complete", "1 where the last scan read everything",
            registry=self._result,
        )  # fmt: skip
        self._failures = Gauge(
            "tagwatch_read_failures", "What the last scan could not read", ["host", "code"],
            registry=self._result,
        )  # fmt: skip
        self._quota = Gauge(
            "tagwatch_quota_remaining", "Pulls left, as the registry said last", ["host"],
            registry=self._result,
        )  # fmt: skip
        self._at = Gauge(
            "tagwatch_scan_timestamp_seconds", "When the last scan began", registry=self._result
        )
        self._requests = Counter(
            "tagwatch_requests", "Requests to registries", ["host", "kind"],
            registry=self._registry,
        )  # fmt: skip
        self._scans = Counter(
            "tagwatch_scans", "Scans since the start", ["outcome"], registry=self._registry
        )
        self._deliveries = Counter(
            "tagwatch_webhook_deliveries", "What registries sent", ["webhook", "outcome"],
            registry=self._registry,
        )  # fmt: skip
        self._unwatched = Counter(
            "tagwatch_webhook_unwatched", "Repositories told of that nothing watches",
            registry=self._registry,
        )  # fmt: skip
        self._success = self._gauge("last_success_timestamp_seconds", "When a scan last succeeded")
        self._seconds = self._gauge("scan_duration_seconds", "How long the last scan took")
        self._failed = self._gauge("scan_failed", "1 where the last scan failed")
        self._running = self._gauge("scan_running", "1 while a scan goes on")
        self._next = self._gauge("next_scan_timestamp_seconds", "When the next scan is due")
        self._ledger = self._gauge("ledger_bytes", "Size of the ledger's files")
        self._reloaded = self._gauge(
            "config_last_reload_successful", "1 where the configuration on the disk is in use"
        )
        self._reloaded_at = self._gauge(
            "config_last_reload_success_timestamp_seconds", "Since when the configuration is in use"
        )
        self._messages = Gauge(
            "tagwatch_outbox_messages", "Alerts in the outbox", ["state"], registry=self._registry
        )
        build = Gauge(
            "tagwatch_build_info", "Always 1", ["version", "python"], registry=self._registry
        )
        build.labels(__version__, ".".join(map(str, sys.version_info[:3]))).set(1)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"tagwatch_{name}", about, registry=self._registry)

    def scanned(self, result: AuditResult, *, fresh: bool = True) -> None:
        """Take the figures of a finished scan. `fresh` False: what is stale stays so."""
        self._scans.labels("finished").inc()
        if fresh or not self._is_stale:
            self.remember(result)
        for host, kinds in result.requests.items():
            for kind, number in kinds.items():
                self._requests.labels(host, kind).inc(number)

    def remember(self, result: AuditResult) -> None:
        """Show an earlier process's last result, so that a restart leaves no gap."""
        self._is_stale = False
        self._show(result)

    def failed(self) -> None:
        """A scan ended with an error: what was true before is not known to be true now."""
        self._scans.labels("failed").inc()
        self._is_stale = True

    def heard(self, webhook: str, outcome: str) -> None:
        """Count a delivery to a webhook."""
        self._deliveries.labels(webhook, outcome).inc()

    def unwatched(self, number: int) -> None:
        """Count repositories that a webhook named and nothing watches."""
        self._unwatched.inc(number)

    def show_service(self, status: Status, next_at: datetime | None) -> None:
        """Show how the service stands."""
        if status.success_at is not None:
            self._success.set(status.success_at.timestamp())
        if status.seconds is not None:
            self._seconds.set(status.seconds)
        self._failed.set(int(bool(status.failure)))
        self._running.set(int(bool(status.running)))
        self._next.set(next_at.timestamp() if next_at is not None else float("nan"))
        self._reloaded.set(int(not status.refused))
        self._reloaded_at.set(status.configured_at.timestamp())
        look = status.ledger
        self._ledger.set(look.size if look is not None else float("nan"))
        self._messages.clear()
        for state in MessageState:
            number = look.messages.get(state.value, 0) if look is not None else float("nan")
            self._messages.labels(state.value).set(number)

    def text(self) -> bytes:
        """Everything in Prometheus's text format."""
        shown = generate_latest(self._registry)
        return shown if self._is_stale else shown + generate_latest(self._result)

    def _show(self, result: AuditResult) -> None:
        severities = [finding.severity for finding in result.findings]
        for severity in (Severity.ERROR, Severity.WARNING, Severity.NOTE):
            self._findings.labels(severity.value).set(severities.count(severity))
        coverage = result.coverage
        self._targets.labels("read").set(coverage.read)
        self._targets.labels("remembered").set(coverage.remembered)
        self._targets.labels("unresolved").set(coverage.unresolved)
        self._targets.labels("unavailable").set(coverage.unavailable)
        self._changes.clear()
        for change in result.changes:
            self._changes.labels(change.change.verdict.value).inc()
        self._failures.clear()
        for failure in result.failures:
            self._failures.labels(failure.repository.host, failure.code).inc()
        self._complete.set(int(result.complete))
        self._at.set(result.at.timestamp())
        self._quota.clear()
        for host, quota in result.quotas.items():
            self._quota.labels(host).set(quota.remaining)

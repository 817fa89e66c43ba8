"""Figures for Prometheus: of the last scan, and of the process's own scans."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from tagwatch.audit.model.finding import Severity
from tagwatch.audit.verdict.result import AuditResult

__all__ = ["Metrics"]


class Metrics:
    """Gauges of the last result and counters since the start; `text` is the exposition format."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._findings = Gauge(
            "tagwatch_findings", "Findings of the last scan", ["severity"], registry=self._registry
        )
        self._targets = Gauge(
            "tagwatch_targets", "Image references of the last scan", ["state"],
            registry=self._registry,
        )  # fmt: skip
        self._changes = Gauge(
            "tagwatch_tag_changes", "Tags that moved, last scan", ["verdict"],
            registry=self._registry,
        )  # fmt: skip
        self._complete = Gauge(
            "tagwatch_scan_complete", "1 where the last scan read everything",
            registry=self._registry,
        )  # fmt: skip
        self._at = Gauge(
            "tagwatch_scan_timestamp_seconds", "When the last scan began", registry=self._registry
        )
        self._requests = Counter(
            "tagwatch_requests", "Requests to registries", ["host", "kind"],
            registry=self._registry,
        )  # fmt: skip
        self._quota = Gauge(
            "tagwatch_quota_remaining", "Pulls left, as the registry said last", ["host"],
            registry=self._registry,
        )  # fmt: skip
        self._scans = Counter(
            "tagwatch_scans", "Scans since the start", ["outcome"], registry=self._registry
        )

    def scanned(self, result: AuditResult) -> None:
        """Take the figures of a finished scan."""
        self._scans.labels("finished").inc()
        self._show(result)
        for host, kinds in result.requests.items():
            for kind, number in kinds.items():
                self._requests.labels(host, kind).inc(number)

    def remember(self, result: AuditResult) -> None:
        """Show an earlier process's last result, so that a restart leaves no gap."""
        self._show(result)

    def failed(self) -> None:
        """A scan ended with an error."""
        self._scans.labels("failed").inc()

    def text(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self._registry)

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
        self._complete.set(int(result.complete))
        self._at.set(result.at.timestamp())
        for host, quota in result.quotas.items():
            self._quota.labels(host).set(quota.remaining)

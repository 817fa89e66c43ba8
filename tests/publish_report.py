"""Write the golden report: `python -m tests.publish_report`."""

from __future__ import annotations

import json
from pathlib import Path

from tagwatch.publish.files import write_atomically, write_reports
from tagwatch.publish.notify.interface import AlertContext
from tagwatch.publish.notify.slack import SlackNotifier
from tests.paths import ROOT
from tests.publish_sample import sample, sample_context

__all__ = ["write_sample"]

FORMATS = ("html", "json", "sarif", "text", "markdown")


def write_sample(directory: Path) -> None:
    """The sample night in the formats people look at, and the Slack message it would send."""
    result, context = sample(), sample_context()
    write_reports(directory, result, context, FORMATS)
    since = context.since
    assert since is not None
    message = SlackNotifier(url="https://hooks.slack.example/").build(
        result, since, AlertContext(version=context.version, report_url=context.report_url)
    )
    write_atomically(directory, "slack.json", [json.dumps(message, indent=2) + "\n"])


if __name__ == "__main__":
    write_sample(ROOT / "reports" / "sample")

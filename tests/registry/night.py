"""One night after the other, as plan and ledger would have them, without either."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tagwatch.crawl.task import CrawlTask, Pattern
from tagwatch.image.platform import Platform
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import RepositorySnapshot
from tests.registry.harness import AT

__all__ = ["PLATFORMS", "first_task", "next_task"]

PLATFORMS = (Platform.parse("linux/amd64"), Platform.parse("linux/arm64"))


def first_task(repository: Repository) -> CrawlTask:
    """Every tag of a repository that nothing is known of."""
    return CrawlTask(
        repository=repository, at=AT, patterns=(Pattern(selector="*"),), platforms=PLATFORMS
    )


def next_task(task: CrawlTask, snapshot: RepositorySnapshot) -> CrawlTask:
    """The night after, knowing what the one before found."""
    return replace(
        task,
        at=task.at + timedelta(days=1),
        known={**task.known, **{seen.tag: seen.digest for seen in snapshot.tags}},
        watermark=snapshot.watermark,
        documents=task.documents | snapshot.documents.keys(),
    )

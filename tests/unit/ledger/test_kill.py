"""Killed at any moment: nothing acknowledged is lost, no alert goes out twice, the next goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Repository
from tagwatch.ledger.maintenance import check
from tagwatch.ledger.read import Reader
from tagwatch.ledger.write import Ledger
from tests.paths import ROOT

KILLS = 20
SEED = 20261123
START = datetime(2026, 1, 1, tzinfo=UTC)
VICTIM = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tagwatch.audit.verdict.result import AuditResult
from tagwatch.image.digest import digest_of
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Document, RepositorySnapshot, Scope, TagObservation
from tagwatch.ledger.record import Alert
from tagwatch.ledger.write import Ledger

path, first = Path(sys.argv[1]), int(sys.argv[2])
with Ledger.open(path) as ledger, open(sys.argv[3], "a", encoding="utf-8") as channel:
    began = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=first)
    run = ledger.begin_run("scan", began)
    for number in range(first, first + 5000):
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        raw = b"manifest %d" % number
        digest = digest_of(raw)
        ledger.add(run, RepositorySnapshot(
            repository=Repository.parse(f"shop/{number % 3}"), at=at, scope=Scope.FULL,
            tags=tuple(TagObservation(tag=f"t{i}", digest=digest) for i in range(20)),
            documents={digest: Document(digest=digest, media_type="m", raw=raw)}))
        alert = Alert(dedup_key=f"alert {number}", channel="slack", payload=str(number))
        ledger.finish_run(run, AuditResult(at=at), [alert])
        print("stored", number, flush=True)
        for waiting in ledger.outbox.due(at, {"slack"}):
            if message := ledger.outbox.claim(waiting.id, at):
                channel.write(message.payload + "\\n")
                channel.flush()
                ledger.outbox.sent(message, at)
"""


def killed(ledger: Path, channel: Path, first: int, acknowledgements: int, pause: float) -> int:
    """Kill a writer so many acknowledgements and seconds later; the last that it acknowledged."""
    command = [sys.executable, "-c", VICTIM, str(ledger), str(first), str(channel)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        lines = [victim.stdout.readline() for _ in range(acknowledgements)]
        time.sleep(pause)
        victim.send_signal(signal.SIGKILL)
        lines += victim.stdout.readlines()
    assert victim.returncode == -signal.SIGKILL
    whole = [line for line in lines if line.endswith("\n")]  # it may die in the middle of a line
    return int(whole[-1].removeprefix("stored "))


def test_killed_at_twenty_moments(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    path, channel = tmp_path / "tagwatch.db", tmp_path / "channel"
    last = -1
    for moment in range(KILLS):
        first = last + 1
        last = killed(path, channel, first, chance.randrange(1, 30), chance.random() * 0.02)
        with Reader.open(path) as reader:
            for number in range(first, last + 1):
                home = Repository.parse(f"shop/{number % 3}")
                digest = digest_of(b"manifest %d" % number)
                served = {interval.tag for _, interval in reader.tags_of_digest(digest, home)}
                assert len(served) == 20, f"kill {moment} of seed {SEED} lost snapshot {number}"
                assert reader.documents([digest])[digest].raw == b"manifest %d" % number
    with Ledger.open(path) as ledger:
        assert check(ledger.path) == ()
        assert len(ledger.runs(100)) == KILLS
        late = START + timedelta(days=9)
        unsure = ledger.outbox.expire(late, {"slack": False})
        due = ledger.outbox.due(late, {"slack"})
    arrived = Counter(channel.read_text(encoding="utf-8").split())
    assert set(arrived.values()) == {1}, "an alert went out twice"
    assert not arrived.keys() & {message.payload for message in due}
    assert len(arrived) + len(due) + len(unsure) > last, "an alert was lost"

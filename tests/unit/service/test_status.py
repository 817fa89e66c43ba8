"""How the service stands: what is well, what is not, and since when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagwatch.config.settings import Schedule
from tagwatch.errors import ConfigError
from tagwatch.service.reload import footing_of
from tagwatch.service.status import LedgerLook, Status, look_at
from tagwatch.service.watching import watching_of
from tagwatch.service.webhook import Named
from tagwatch.walk.site import open_checked
from tests.publish_sample import sample

START = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
DAILY = Schedule(cron="0 2 * * *", jitter=timedelta(minutes=10))
MINUTE = timedelta(minutes=1)
DUE = datetime(2026, 11, 30, 2, 0, tzinfo=UTC)


def status() -> Status:
    found = Status(START)
    found.ledger = LedgerLook()
    return found


def reasons(one: Status, at: datetime) -> list[str]:
    said = one.health(at, DAILY, None)
    assert said["status"] == ("failing" if said["reasons"] else "ok")
    return list(said["reasons"])


def test_a_new_service_is_well_until_its_first_scan_is_overdue() -> None:
    one = status()
    assert reasons(one, START) == []
    assert reasons(one, DUE + 14 * MINUTE) == []
    assert reasons(one, DUE + 16 * MINUTE) == [
        "a scan was due at 2026-11-30T02:00:00Z and has not begun"
    ]
    one.begin("everything", DUE + 17 * MINUTE, whole=True)
    assert reasons(one, DUE + 20 * MINUTE) == []
    one.end(DUE + 40 * MINUTE, 1380.04, whole=True)
    assert reasons(one, DUE + timedelta(days=1)) == []
    assert len(reasons(one, DUE + timedelta(days=1, minutes=16))) == 1


def test_the_last_scan_counts() -> None:
    one = status()
    one.begin("everything", DUE, whole=True)
    one.end(DUE + MINUTE, 60.0, "no disk", whole=True)
    (said,) = reasons(one, DUE + 2 * MINUTE)
    assert said == "the last scan failed at 2026-11-30T02:01:00Z: no disk"
    one.begin("everything", DUE + 3 * MINUTE, whole=True)
    one.end(DUE + 4 * MINUTE, 60.0, whole=True)
    said_of = one.health(DUE + 5 * MINUTE, DAILY, DUE + timedelta(days=1))
    assert said_of["reasons"] == []
    assert said_of["last_success"] == {"at": "2026-11-30T02:04:00Z", "age_seconds": 60}
    assert said_of["last_failure"] == {"at": "2026-11-30T02:01:00Z", "age_seconds": 240}
    assert said_of["next_scan"] == {"at": "2026-12-01T02:00:00Z"}
    assert said_of["last_scan_seconds"] == 60.0


def test_scans_of_single_repositories_say_nothing_of_the_rest() -> None:
    one = status()
    one.begin("everything", DUE, whole=True)
    one.end(DUE + MINUTE, 60.0, "no disk", whole=True)
    one.begin("r.example/app", DUE + 2 * MINUTE, whole=False)
    one.end(DUE + 3 * MINUTE, 2.0, whole=False)
    assert len(reasons(one, DUE + 4 * MINUTE)) == 1
    assert one.success_at is None
    one.end(DUE + 5 * MINUTE, 60.0, whole=True)
    assert reasons(one, DUE + 6 * MINUTE) == []
    one.end(DUE + 7 * MINUTE, 2.0, "no answer", whole=False)
    assert len(reasons(one, DUE + 8 * MINUTE)) == 1
    one.end(DUE + 9 * MINUTE, 2.0, whole=False)
    assert reasons(one, DUE + 10 * MINUTE) == []
    assert len(reasons(one, DUE + timedelta(days=1, minutes=16))) == 1, "the night is overdue"


def test_what_could_not_be_read_is_a_doubt() -> None:
    one, result = status(), sample()
    one.take(result)
    assert result.failures
    assert not result.complete
    said = one.health(START, DAILY, None)
    assert said["status"] == "degraded"
    hosts = sorted({failure.repository.host for failure in result.failures})
    assert said["reasons"] == [f"the last scan is incomplete ({', '.join(hosts)})"]


def test_a_ledger_that_is_not_there_yet_is_none(tmp_path: Path) -> None:
    assert look_at(tmp_path / "tagwatch.db", "") == LedgerLook()


def test_it_is_ready_once_the_ledger_was_opened() -> None:
    one = Status(START)
    assert one.ready()["status"] == "not ready"
    one.ledger = LedgerLook()
    assert one.ready() == {"status": "ok", "reasons": []}
    one.ledger_error = "the ledger is damaged"
    assert one.ready()["reasons"] == ["the ledger is damaged"]


def place(folder: Path, text: str) -> Path:
    (folder / "tagwatch.yaml").write_text(text)
    (folder / "Dockerfile").write_text("FROM r.example/team/app:1\nFROM redis:6.2\n")
    return folder / "tagwatch.yaml"


WATCHES = """\
sources: [Dockerfile]
schedule: {cron: "0 2 * * *"}
watch:
  - {image: docker.io/acme/tool}
  - {image: h.example/shop/*, exclude: ["*-test"]}
policy: {bases: [{ref: b.example/base, tags: ["1"]}]}
"""


@pytest.mark.parametrize(
    ("host", "path", "found"),
    [
        ("r.example", "team/app", ["r.example/team/app"]),
        ("", "team/app", ["r.example/team/app"]),
        ("x.example", "team/app", []),
        ("docker.io", "library/redis", ["docker.io/library/redis"]),
        ("docker.io", "acme/tool", ["docker.io/acme/tool"]),
        ("b.example", "base", ["b.example/base"]),
        ("h.example", "shop/api", ["h.example/shop/api"]),
        ("h.example", "shop/deep/api", ["h.example/shop/deep/api"]),
        ("h.example", "shop/api-test", []),
        ("h.example", "other/api", []),
        ("", "shop/api", ["h.example/shop/api"]),
        ("r.example", "", []),
    ],
)
def test_only_what_is_watched_is_scanned(
    tmp_path: Path, host: str, path: str, found: list[str]
) -> None:
    site = open_checked(place(tmp_path, WATCHES), environment={})[0]
    watching = watching_of(site)
    assert [one.name for one in watching.those([Named(host=host, path=path)])] == found


def test_a_footing_is_another_one_where_the_files_say_something_else(tmp_path: Path) -> None:
    environment = {"TOKEN": "sixteen-letters-"}
    text = WATCHES + "serve: {webhooks: [{registry: a.io, kind: hub, token_env: TOKEN}]}\n"
    folder = place(tmp_path, text)

    def read() -> object:
        return footing_of(lambda: open_checked(folder, environment=environment))

    first = footing_of(lambda: open_checked(folder, environment=environment))
    same = footing_of(lambda: open_checked(folder, environment=environment))
    assert not first.is_changed(same)
    place(tmp_path, text.replace('tags: ["1"]', 'tags: ["2"]'))
    assert first.is_changed(footing_of(lambda: open_checked(folder, environment=environment)))
    first = footing_of(lambda: open_checked(folder, environment=environment))
    environment["TOKEN"] = "another-sixteen-letters"  # as a secret's file that is written anew
    assert first.is_changed(footing_of(lambda: open_checked(folder, environment=environment)))
    for broken in (text.replace("TOKEN", "OTHER"), text.replace("schedule", "# schedule")):
        place(tmp_path, broken)
        with pytest.raises(ConfigError):
            read()

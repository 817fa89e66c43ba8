"""What the daemon serves: reports and no other file, health, figures, and the webhook."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tagwatch.errors import ConfigError
from tagwatch.service.daemon import Service
from tagwatch.service.listen import address_of, listening
from tagwatch.service.metrics import Metrics
from tagwatch.service.order import Order
from tagwatch.service.reload import footing_of
from tagwatch.service.web import application
from tagwatch.service.webhook import Named
from tagwatch.walk.site import open_checked
from tests.publish_sample import sample

TOKEN = "correct-horse-battery"
HARBOR = "battery-staple-correct"
CONFIGURATION = """\
database: tagwatch.db
sources: [Dockerfile]
schedule: {cron: "0 2 * * *"}
serve:
  webhooks:
    - {registry: "harbor.example:8443", kind: harbor, token_env: HARBOR_TOKEN}
"""
PUSH = {
    "type": "PUSH_ARTIFACT",
    "event_data": {
        "resources": [{"digest": "sha256:" + "0" * 64, "tag": "1.4.2"}],
        "repository": {"repo_full_name": "shop/api"},
    },
}


@dataclass
class Page:
    status: int
    text: str
    headers: dict[str, str]


@dataclass
class Served:
    """A running server, and a way to ask it that leaves paths as they are."""

    port: int
    service: Service

    @property
    def metrics(self) -> Metrics:
        return self.service.metrics

    def ordered(self) -> Order | None:
        """What would be scanned next, when all is quiet."""
        return self.service._orders.take(float("inf"))

    async def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Page:
        raw = b"" if body is None else json.dumps(body).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"Content-Length: {len(raw)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode(errors="surrogateescape") + raw)
        head, _, text = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        status, *named = head.split("\r\n")
        fields = dict(line.split(": ", 1) for line in named)
        return Page(int(status.split()[1]), text, fields)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    (folder / "run").mkdir(parents=True)
    (folder / "index.html").write_text("<p>where things stand</p>")
    (folder / "run" / "1.html").write_text("<p>a run</p>")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.html").symlink_to(tmp_path / "secret.txt")
    for name in ("tagwatch.db", "tagwatch.yaml", ".env"):  # a careless `reports: {directory: .}`
        (folder / name).write_text("secret")
    return folder


def service_of(reports: Path, token: str = TOKEN) -> Service:
    """The service of a folder, which does nothing by itself yet."""
    (reports.parent / "tagwatch.yaml").write_text(CONFIGURATION)
    environment = {"TAGWATCH_WEBHOOK_TOKEN": token, "HARBOR_TOKEN": HARBOR}

    def reopen() -> Any:
        return open_checked(reports.parent / "tagwatch.yaml", environment=environment)

    return Service(footing_of(reopen), reopen)


@asynccontextmanager
async def serving(reports: Path, token: str = TOKEN) -> AsyncIterator[Served]:
    service = service_of(reports, token)
    async with listening(application(service), address_of("127.0.0.1:0")) as url:
        yield Served(int(url.rstrip("/").rpartition(":")[2]), service)


async def test_reports_are_served_with_nothing_that_runs(reports: Path) -> None:
    async with serving(reports) as served:
        for path, text in (("/", "where"), ("/index.html", "where"), ("/run/1.html", "a run")):
            page = await served.ask(path)
            assert (page.status, text in page.text) == (200, True)
            assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/run/../../secret.txt",
        "/..%2fsecret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/link.html",
        "/tagwatch.db",
        "/tagwatch.yaml",
        "/.env",
        "/run",
        "/nothing.html",
        "/a%00b",
        f"/{'a' * 5000}",
    ],
)
async def test_no_other_file_is_served(reports: Path, path: str) -> None:
    async with serving(reports) as served:
        page = await served.ask(path)
    assert page.status in (400, 404)
    assert "secret" not in page.text
    assert "root:" not in page.text


async def test_without_reports_it_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path / "none") as served:
        page = await served.ask("/")
    assert (page.status, page.text) == (404, "there is no such report (yet)\n")


async def test_it_lives_whatever_happens(reports: Path) -> None:
    async with serving(reports) as served:
        (reports.parent / "tagwatch.db").write_text("no ledger at all")
        page = await served.ask("/livez")
    assert (page.status, page.text) == (200, '{"status": "ok"}')


async def test_row_32_a_ledger_that_is_none_is_neither_ready_nor_healthy(reports: Path) -> None:
    async with serving(reports) as served:
        for path in ("/readyz", "/health"):
            assert (await served.ask(path)).status == 200
        (reports.parent / "tagwatch.db").write_text("no ledger at all")
        await served.service._look()
        for path in ("/readyz", "/health"):
            page = await served.ask(path)
            assert page.status == 503
            assert "tagwatch.db" in json.loads(page.text)["reasons"][0]


async def test_it_is_not_ready_while_it_stops(reports: Path) -> None:
    async with serving(reports) as served:
        served.service.status.stopping = True
        page = await served.ask("/readyz")
    assert (page.status, json.loads(page.text)["reasons"]) == (503, ["it is stopping"])


@pytest.mark.parametrize(
    ("path", "headers"),
    [(f"/webhook/{TOKEN}", {}), ("/webhook", {"Authorization": f"Bearer {TOKEN}"})],
)
async def test_the_webhook_without_a_body_asks_for_a_scan(
    reports: Path, path: str, headers: dict[str, str]
) -> None:
    async with serving(reports) as served:
        nothing: tuple[object, ...] = (None, {})
        for body in nothing:
            page = await served.ask(path, "POST", headers, body)
            assert (page.status, page.text) == (202, "a scan will follow\n")
            assert served.ordered() == Order()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/webhook", {}),
        ("/webhook/wrong", {}),
        ("/webhook", {"Authorization": "Bearer "}),
        ("/webhook", {"Authorization": "Bearer corréct-horse-battery"}),
        ("/webhook", {"Authorization": "Bearer \udcff\udcfe"}),  # bytes that are no text
        ("/webhook/%ff", {}),
        ("/webhook/wrong", {"Authorization": f"Bearer {TOKEN}"}),
        ("/webhook/harbor.example:8443", {}),
        ("/webhook/harbor.example:8443", {"Authorization": TOKEN}),
        ("/webhook/harbor.example:8443/wrong", {"Authorization": HARBOR}),
        (f"/webhook/harbor.example:8443/{TOKEN}", {}),
        (f"/webhook/{HARBOR}", {}),
    ],
)
async def test_a_wrong_token_asks_for_nothing(
    reports: Path, path: str, headers: dict[str, str]
) -> None:
    async with serving(reports) as served:
        page = await served.ask(path, "POST", headers, PUSH)
        assert page.status == 403
        assert served.ordered() is None


async def test_without_a_token_there_is_no_webhook(reports: Path) -> None:
    async with serving(reports, token="") as served:
        for path in ("/webhook", "/webhook/x", "/webhook/nobody/x"):
            assert (await served.ask(path, "POST")).status == 404
        assert served.ordered() is None


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/webhook/harbor.example:8443", {"Authorization": HARBOR}),
        ("/webhook/harbor.example:8443", {"authorization": f"bearer {HARBOR}"}),
        (
            "/webhook/harbor.example:8443",
            {"Authorization": f"Basic {b64encode(b'x:' + HARBOR.encode()).decode()}"},
        ),
        ("/webhook/harbor.example:8443", {"X-API-Key": HARBOR}),
        (f"/webhook/harbor.example:8443/{HARBOR}", {}),
    ],
)
async def test_a_registry_names_a_repository(
    reports: Path, path: str, headers: dict[str, str]
) -> None:
    async with serving(reports) as served:
        page = await served.ask(path, "POST", headers, PUSH)
        assert page.status == 202
        named = Named(host="harbor.example:8443", path="shop/api")
        assert served.ordered() == Order(named=(named,))
        found = figures(served.metrics)
    assert found["tagwatch_webhook_deliveries_total", "news", "harbor.example:8443"] == 1


NO_NEWS: tuple[object, ...] = ([], "x", {"type": "PULL_ARTIFACT"}, {"a": {"b": [None]}}, 5)


@pytest.mark.parametrize("body", NO_NEWS)
async def test_what_says_nothing_is_taken_all_the_same(reports: Path, body: object) -> None:
    """A registry sends again what is refused; some of them for ever, before all that follows."""
    async with serving(reports) as served:
        for path in (f"/webhook/harbor.example:8443/{HARBOR}", f"/webhook/{TOKEN}"):
            page = await served.ask(path, "POST", body=body)
            assert (page.status, page.text) == (202, "nothing to do\n")
        assert served.ordered() is None


async def test_an_endless_webhook_is_cut_off(reports: Path) -> None:
    async with serving(reports) as served, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{served.port}/webhook/{TOKEN}"
        async with session.post(url, data=io.BytesIO(b"x" * (1024 * 1024 + 1))) as answer:
            assert answer.status == 413
        assert served.ordered() is None


async def test_an_address_in_use_is_told(reports: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        app = application(service_of(reports))
        with pytest.raises(ConfigError, match="cannot listen on"):
            async with listening(app, address_of(f"127.0.0.1:{taken.getsockname()[1]}")):
                raise AssertionError("it listens where another does")


def figures(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample by its name and labels, without the times of creation."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


async def test_figures_are_those_of_the_last_scan(reports: Path) -> None:
    result = sample()
    async with serving(reports) as served:
        served.metrics.scanned(result)
        page = await served.ask("/metrics")
        found = figures(served.metrics)
    assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert page.text == served.metrics.text().decode()
    for severity in ("error", "warning", "note"):
        count = sum(finding.severity.value == severity for finding in result.findings)
        assert found["tagwatch_findings", severity] == count
    assert found["tagwatch_targets", "read"] == result.coverage.read
    assert found["tagwatch_scan_complete",] == int(result.complete)
    assert found["tagwatch_scan_timestamp_seconds",] == result.at.timestamp()
    for host, kinds in result.requests.items():
        for kind, count in kinds.items():
            assert found["tagwatch_requests_total", host, kind] == count
    assert found["tagwatch_scans_total", "finished"] == 1


def test_requests_add_up_and_an_earlier_process_counts_none() -> None:
    metrics, result = Metrics(), sample()
    metrics.remember(result)
    before = figures(metrics)
    assert not any(
        name[0] in ("tagwatch_requests_total", "tagwatch_scans_total") for name in before
    )
    assert before["tagwatch_findings", "error"] > 0
    for _ in range(2):
        metrics.scanned(result)
    metrics.failed()
    found = figures(metrics)
    host, kinds = next(iter(result.requests.items()))
    kind, count = next(iter(kinds.items()))
    assert found["tagwatch_requests_total", host, kind] == 2 * count
    assert found["tagwatch_scans_total", "finished"] == 2
    assert found["tagwatch_scans_total", "failed"] == 1
    assert not any(name[0] == "tagwatch_findings" for name in found), "stale after a failure"
    metrics.scanned(result, fresh=False)
    assert ("tagwatch_findings", "error") not in figures(metrics)
    metrics.scanned(result)
    assert figures(metrics)["tagwatch_findings", "error"] == before["tagwatch_findings", "error"]


async def test_a_changed_file_is_read_without_a_signal(reports: Path) -> None:
    service = service_of(reports)
    before = service._footing
    await service._look_around()
    assert service._footing is before
    path = reports.parent / "tagwatch.yaml"
    path.write_text(CONFIGURATION.replace("0 2 * * *", "0 25 * * *"))
    await service._look_around()
    assert service._footing is before
    assert "'0 25 * * *' is no schedule: bad hour" in service.status.refused
    path.write_text(CONFIGURATION.replace("0 2 * * *", "0 3 * * *"))
    await service._look_around()
    assert service._footing.schedule.cron == "0 3 * * *"
    assert service.status.refused == ""

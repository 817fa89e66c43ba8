"""Google's registries: the map of digests, what is cut off, names below a prefix, the login."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tagwatch.errors import CredentialError
from tagwatch.image.digest import Digest
from tagwatch.image.manifest import OCI_INDEX
from tagwatch.image.reference import Repository
from tagwatch.image.snapshot import Scope
from tagwatch.registry.credential.google import GoogleCredential, is_google
from tagwatch.registry.credential.interface import CredentialContext
from tagwatch.registry.host import line_of
from tagwatch.registry.interface import Listing
from tagwatch.registry.settings import RegistrySettings
from tests.registry.doubles.google import SAMPLES, GoogleDouble
from tests.registry.harness import AT, registries

HOST = "europe-docker.pkg.dev"
APP = Repository(registry=HOST, path="proj/repo/app")


async def listed(double: GoogleDouble) -> Listing:
    async with registries({HOST: RegistrySettings(endpoint=double.url)}) as opened:
        return await opened.of(HOST).list_tags(APP, at=AT)


async def test_one_request_is_the_whole() -> None:
    double = GoogleDouble()
    at = datetime(2026, 11, 2, 7, 30, tzinfo=UTC)
    digest = double.warehouse.push(APP.path, "1.0", at=at)
    for number in range(2000):
        double.warehouse.push(APP.path, f"2.{number}", index=False)
    async with double.serving():
        listing = await listed(double)
    assert len(listing.observations) == 2001
    one = next(seen for seen in listing.observations if seen.tag == "1.0")
    assert (one.digest, one.pushed_at, one.size) == (digest, at, 12345)
    assert one.media_type == OCI_INDEX
    assert (listing.scope, listing.gap, listing.undigested) == (Scope.FULL, "", frozenset())
    assert double.counts == {"ping": 1, "tags": 1}


async def test_what_the_map_leaves_open_is_asked() -> None:
    double = GoogleDouble()
    for tag in ("1.0", "1.1", "1.2", "1.3"):
        double.warehouse.push(APP.path, tag)
    other = Digest("sha256:" + "a" * 64)

    def edit(answer: dict[str, Any]) -> None:
        for name, entry in list(answer["manifest"].items()):
            if entry["tag"] == ["1.1"]:
                answer["manifest"].pop(name)
            if entry["tag"] == ["1.2"]:
                answer["manifest"]["sha256:../x"] = answer["manifest"].pop(name)
            entry |= {"timeUploadedMs": "soon", "imageSizeBytes": ""}
        answer["manifest"][other] = {**SAMPLES["manifest"], "tag": ["1.3", "<b>"]}
        answer["manifest"]["sha256:" + "b" * 64] = {"tag": []}
        answer["tags"] += ["<b>", None]

    double.edit = edit
    async with double.serving():
        listing = await listed(double)
    assert [seen.tag for seen in listing.observations] == ["1.0"]
    assert listing.undigested == {"1.1", "1.2", "1.3"}
    assert listing.observations[0].pushed_at is None
    assert listing.warnings == ("2 listed names cannot be tags and were passed over",)


async def test_a_silent_cut_off_is_noticed() -> None:
    double = GoogleDouble()
    double.warehouse.push(APP.path, "1.0")

    def edit(answer: dict[str, Any]) -> None:
        answer["tags"] += [f"x{number}" for number in range(9998)]

    double.edit = edit
    async with double.serving():
        listing = await listed(double)
    assert "10000 entries at most" in listing.gap


@pytest.mark.parametrize("missing", ["absent", "null"])
async def test_without_the_map_names_alone(missing: str) -> None:
    double = GoogleDouble()
    double.warehouse.push(APP.path, "1.0")
    if missing == "absent":
        double.edit = lambda answer: answer.pop("manifest")
    else:
        double.edit = lambda answer: answer.update(manifest=None)
    async with double.serving():
        listing = await listed(double)
    assert listing.plain
    assert listing.names == {"1.0"}


async def test_the_names_below_a_prefix() -> None:
    double = GoogleDouble()
    for path in ("proj/repo/app", "proj/repo/team/web", "proj/repo2/x"):
        double.warehouse.push(path, "1")
    for folder in ("proj/repo", "proj/repo/team"):
        double.warehouse.repositories[folder] = {}

    def edit(answer: dict[str, Any]) -> None:
        if answer["name"] == "proj/repo":
            answer["child"] += ["../../other", "A"]

    double.edit = edit
    async with double.serving():
        settings = {HOST: RegistrySettings(endpoint=double.url)}
        async with registries(settings) as opened:
            found = await opened.of(HOST).list_repositories("proj/repo/")
    assert {one.path for one in found} == {"proj/repo/app", "proj/repo/team/web"}


@pytest.mark.parametrize(
    ("host", "google"),
    [
        ("gcr.io", True),
        ("eu.gcr.io", True),
        ("us-central1-docker.pkg.dev", True),
        ("gcr.io.evil.example", False),
        ("evilgcr.io", False),
        ("docker.pkg.dev.evil.example", False),
        ("x.y.gcr.io", False),
        ("evil.example-docker.pkg.dev", False),
        ("gcr.io:443", False),
    ],
)
def test_which_hosts_are_googles(host: str, google: bool) -> None:
    assert is_google(host) is google
    assert (line_of(host, RegistrySettings()).kind == "google") is google


class TestLogin:
    def source(self, home: Path, **environment: str) -> GoogleCredential:
        return GoogleCredential(CredentialContext(environment=environment, home=home))

    async def test_without_a_sign_of_one_nothing_is_imported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "google.auth.exceptions", None)
        assert await self.source(tmp_path).find("gcr.io", "distroless/static") is None

    async def test_another_host_gets_nothing(self, tmp_path: Path) -> None:
        source = self.source(tmp_path, GOOGLE_APPLICATION_CREDENTIALS="/nonexistent.json")
        assert await source.find("gcr.io.evil.example", "x") is None

    async def test_without_google_auth_it_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "google.auth.exceptions", None)
        source = self.source(tmp_path, GOOGLE_APPLICATION_CREDENTIALS="/nonexistent.json")
        with pytest.raises(CredentialError) as caught:
            await source.find("gcr.io", "x")
        assert caught.value.hint == "pip install 'tagwatch[google]'"

    async def test_a_broken_key_is_told_and_not_quoted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = tmp_path / "key.json"
        key.write_text(json.dumps({"type": "service_account", "private_key": "hunter2"}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        source = self.source(tmp_path, GOOGLE_APPLICATION_CREDENTIALS=str(key))
        with pytest.raises(CredentialError, match="cannot be used") as caught:
            await source.find("gcr.io", "x")
        assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"

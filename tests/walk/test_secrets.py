"""Secrets in every place that can hold one, servers that echo them, and every output searched.

The real command: what it prints in each format, the reports, the ledger to its last compressed
byte, and the facts that it exports.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.extract import lines_of
from tests.hostile.promise import promised
from tests.registry.doubles.ecr import ENVIRONMENT, HOST, EcrDouble
from tests.registry.doubles.ghcr import GhcrDouble
from tests.registry.doubles.hub import HubDouble
from tests.registry.doubles.quay import OAUTH_TOKEN, QuayDouble
from tests.registry.doubles.warehouse import PASSWORD, USER, Double, Refusal
from tests.stored import values_in
from tests.walk.command import Done, Workplace

KEY = base64.b64encode(b"planted facts key of 32 bytes 31").decode()
PROXY = "planted-proxy-5926"
SLACK = "planted-slack-5358"
HELPER = "planted-helper-9793"
AWS = (ENVIRONMENT["AWS_SECRET_ACCESS_KEY"], ENVIRONMENT["AWS_SESSION_TOKEN"], "twelve-hours")
PLANTED = (PASSWORD, KEY, PROXY, SLACK, HELPER, OAUTH_TOKEN, *AWS)
LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
DOUBLES: dict[str, type[Double]] = {
    "docker.io": HubDouble,
    "ghcr.io": GhcrDouble,
    "quay.io": QuayDouble,
    "registry.example": Double,
    HOST: EcrDouble,
}
GOOD, DENIED, BROKEN = "team/good", "team/denied", "team/broken"
FORMATS = ("text", "json", "sarif", "github", "gitlab", "junit")


def echo(status: int) -> Refusal:
    """An answer that repeats whatever it may have been sent."""
    text = " ".join((*PLANTED, LOGIN))
    body = json.dumps(
        {"errors": [{"code": text, "message": text}], "message": text, "__type": text}
    )
    headers = {"Warning": f'299 - "{text}"', "Location": f"https://x.example/?t={PASSWORD}"}
    return Refusal(status=status, headers=headers, body=body.encode())


@asynccontextmanager
async def registries() -> AsyncIterator[dict[str, Double]]:
    """One of each way to log in; `denied` refuses everybody, `broken` fails."""
    async with AsyncExitStack() as stack:
        doubles = {host: kind() for host, kind in DOUBLES.items()}
        for double in doubles.values():
            for path in (GOOD, DENIED, BROKEN):
                double.warehouse.push(path, "1.0", index=False)
                double.private.add(path)
            await stack.enter_async_context(double.serving())
        yield doubles


def set_up(place: Workplace, doubles: dict[str, Double]) -> None:
    lines = []
    for host, double in doubles.items():
        credential = {"quay.io": "quay", HOST: "aws"}.get(host, "docker-config")
        places = f"endpoint: '{double.url}', catalogue_endpoint: '{double.url}'"
        if host == "registry.example":
            places = f"endpoint: '{double.url}'"
        lines.append(f"  {host}: {{{places}, credential: {credential}, patience_seconds: 0}}\n")
    images = [f"{host}/{path}:1.0" for host in doubles for path in (GOOD, DENIED, BROKEN)]
    images.append("helped.example/team/app:1")
    place.write("Dockerfile", "".join(f"FROM {image}\n" for image in images))
    place.write(
        "tagwatch.yaml",
        "database: tagwatch.db\nsources: [Dockerfile]\n"
        "reports: {directory: out, formats: [html, json, sarif, markdown, junit]}\n"
        "alerts: {slack: {webhook_env: SLACK_WEBHOOK, min_severity: note}}\n"
        f"registries:\n{''.join(lines)}  helped.example: {{patience_seconds: 0}}\n",
    )
    auths = {host: {"auth": LOGIN} for host in doubles}
    config = {"auths": auths, "credHelpers": {"helped.example": "planted"}}
    helper = place.write(
        "bin/docker-credential-planted",
        f"#!{sys.executable}\nraise SystemExit(print({HELPER!r}) or 1)\n",
    )
    helper.chmod(0o755)
    place.environment |= {
        **ENVIRONMENT,
        "HOME": str(place.folder),
        "PATH": f"{helper.parent}:/usr/bin:/bin",
        "DOCKER_AUTH_CONFIG": json.dumps(config),
        "QUAY_OAUTH_TOKEN": OAUTH_TOKEN,
        "HTTPS_PROXY": f"http://me:{PROXY}@127.0.0.1:9",
        "SLACK_WEBHOOK": f"https://127.0.0.1:9/services/{SLACK}",
        "FACTS_KEY": f"ed25519-private:{KEY}",
    }


def search(name: str, text: str | bytes) -> None:
    raw = text.encode() if isinstance(text, str) else text
    for secret in (*PLANTED, LOGIN):
        assert secret.encode() not in raw, f"{secret} in {name}"
        assert base64.b64encode(secret.encode()).rstrip(b"=") not in raw, f"{secret} in {name}"


def files_below(folder: Path) -> list[Path]:
    """What was written, the helper's own program aside."""
    return [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "bin"]


@promised(
    "whoever reads an output", "secrets of the environment, of logins, of images and of files",
    "no output, report, alert or extract has one",
)  # fmt: skip
async def test_no_output_holds_a_secret(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    done: dict[str, Done] = {}
    async with registries() as doubles:
        set_up(place, doubles)
        for double in doubles.values():
            refuse_by_path(double)
        for form in FORMATS:
            done[f"check {form}"] = await place.run("check", "--format", form, "Dockerfile")
        done["scan"] = await place.run("scan", "--format", "json")
        done["resolve"] = await place.run("resolve", f"quay.io/{BROKEN}:1.0", f"ghcr.io/{DENIED}:1")
        done["doctor"] = await place.run("doctor")
        done["export"] = await place.run(
            "facts", "export", "--key-env", "FACTS_KEY", "--output", "facts.tagwatch", "Dockerfile"
        )
        sent = "".join(
            f"{seen.headers} {seen.body!r}" for double in doubles.values() for seen in double.seen
        )
    assert LOGIN in sent, "the login was never in play"
    assert OAUTH_TOKEN in sent
    assert ENVIRONMENT["AWS_SESSION_TOKEN"] in sent
    assert f"registry.example/{GOOD}" in done["scan"].out
    assert json.loads(done["scan"].out)["failures"], "nothing failed"
    for name, one in done.items():
        assert "Traceback" not in one.err, f"{name}: {one.err}"
        search(f"stdout of {name}", one.out)
        search(f"stderr of {name}", one.err)
    written = files_below(tmp_path)
    assert {path.suffix for path in written} >= {
        ".html",
        ".json",
        ".sarif",
        ".md",
        ".db",
        ".tagwatch",
    }
    for path in written:
        search(path.name, path.read_bytes())
    search("the facts", b"\n".join(lines_of((tmp_path / "facts.tagwatch").read_bytes())))
    held = list(values_in(tmp_path / "tagwatch.db"))
    assert any(GOOD.encode() in value and b'"documents_read"' in value for value in held), (
        "evidence"
    )
    for value in held:
        search("the ledger", value)


def refuse_by_path(double: Double) -> None:
    """`denied` and `broken` answer with an echo, whatever is asked of them."""
    real = double.take_refusal
    told = {DENIED: echo(403), BROKEN: echo(500)}

    def take(kind: str) -> object:
        seen = double.seen[-1]
        text = f"{seen.path} {seen.body!r}"
        for path, refusal in told.items():
            if path in text and not double.refusals[kind]:
                double.refusals[kind] = [refusal]
        return real(kind)

    double.take_refusal = take  # type: ignore[method-assign,assignment]  # a double may be bent

"""The service in a network that is not yours: who is let in, by which name, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import socket
import stat
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.hostile.promise import promised
from tests.walk.command import Workplace
from tests.walk.daemon import NEVER, SOON, TOKEN, Daemon, scans, serving
from tests.walk.misbehaving import misbehaving

CONFIGURATION = f"database: tagwatch.db\nsources: [Dockerfile]\n{NEVER}"
WITH_LOGIN = f"{CONFIGURATION}serve: {{tokens: serve.tokens}}\n"
WEBHOOK = (
    f"{CONFIGURATION}serve: {{webhooks: [{{registry: r.example, kind: ghcr, token_env: GHCR}}]}}\n"
)
SECRETS = ("sha256:", "tagwatch.yaml", "Traceback", "Python/", "aiohttp/")
posix = pytest.mark.skipif(sys.platform == "win32", reason="sockets and limits of POSIX")


class Cramped(Workplace):
    """A folder in which the command may open few files."""

    async def start(self, *arguments: str, stdin: bool = False) -> asyncio.subprocess.Process:
        assert not stdin
        return await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            'ulimit -n 256; exec "$0" -m tagwatch "$@"',
            sys.executable,
            *arguments,
            cwd=self.folder,
            env=self.variables(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


@dataclass
class Answer:
    """What came back, byte for byte."""

    status: int
    headers: Mapping[str, str]
    text: str


async def ask(daemon: Daemon, text: str | bytes) -> Answer:
    """Send some bytes, whatever they are, and read to the end."""
    port = int(daemon.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode() if isinstance(text, str) else text)
    raw = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    head, _, body = raw.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return Answer(int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body)


def request(path: str, *headers: str, host: str = "localhost", method: str = "GET") -> str:
    lines = (f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers)
    return "\r\n".join((*lines, "", ""))


def basic(user: str, password: str) -> str:
    return f"Authorization: Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    found = Workplace(tmp_path)
    found.write("tagwatch.yaml", CONFIGURATION)
    found.write("Dockerfile", "FROM scratch\n")
    found.write("reports/index.html", "<p>the inventory</p>")
    return found


@pytest.fixture
async def token(place: Workplace) -> str:
    place.write("tagwatch.yaml", WITH_LOGIN)
    made = await place.run("serve", "token", "prometheus")
    assert made.code == 0, made.err
    return made.out.strip()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


# A login


async def test_nobody_listens_beyond_loopback_without_a_login(place: Workplace) -> None:
    for address in ("0.0.0.0:0", "[::]:0"):
        said = (await place.run("serve", "--listen", address)).is_clean_error(2)
        assert "needs a login" in said
        assert "tagwatch serve token NAME" in said


async def test_a_token_is_shown_once_and_kept_as_a_hash(place: Workplace, token: str) -> None:
    path = place.folder / "serve.tokens"
    assert len(token) > 43
    assert token not in path.read_text()
    assert re.fullmatch(r"prometheus sha256:[0-9a-f]{64}\n", path.read_text())
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = await place.run("serve", "token", "prometheus")
    assert "has a token 'prometheus'" in again.is_clean_error(2)
    other = await place.run("serve", "token", "grafana")
    assert other.out.strip() != token
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("token",), "not a thing to do: 'token'"),
        (("tokn", "x"), "not a thing to do: 'tokn x'"),
        (("token", "a b"), "not a name for a token: 'a b'"),
        (("token", "a\nb sha256:00"), "not a name for a token"),
    ],
)
async def test_what_is_no_name_makes_no_token(
    place: Workplace, arguments: tuple[str, ...], said: str
) -> None:
    place.write("tagwatch.yaml", WITH_LOGIN)
    assert said in (await place.run("serve", *arguments)).is_clean_error(2)
    assert not (place.folder / "serve.tokens").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("", "nobody could log in"),
        ("# a comment alone\n", "nobody could log in"),
        ("prometheus my-plain-token\n", "serve.tokens:1: not a name and a hash"),
        (b"\xff\xfe", "not UTF-8"),
        ("x" * 300_000, "too long"),
    ],
)
async def test_a_file_of_tokens_that_is_none_opens_nothing(
    place: Workplace, text: str | bytes | None, said: str
) -> None:
    place.write("tagwatch.yaml", WITH_LOGIN)
    if text is not None:
        place.write("serve.tokens", text)
    error = (await place.run("serve", "--listen", "127.0.0.1:0")).is_clean_error(2)
    assert said in error
    assert "my-plain-token" not in error


@promised(
    "a network",
    "requests without a token",
    "only the probes answer",
)
async def test_only_a_token_opens_pages_and_metrics(place: Workplace, token: str) -> None:
    kept = (place.folder / "serve.tokens").read_text().partition("sha256:")[2].strip()
    wrong = (
        (),
        ("Authorization: Bearer",),
        ("Authorization: Bearer ",),
        ("Authorization: Basic Og==",),
        ("Authorization: Basic !!!",),
        (f"Authorization: Bearer {kept}",),
        (f"Authorization: Bearer sha256:{kept}",),
        (f"Authorization: Bearer {token}x",),
        (f"Authorization: Bearer {token[:-1]}",),
        (f"Authorization: {token}",),
        (f"Authorization: Negotiate {token}",),
        (basic(token, ""),),
        (f"Authorization: Bearer {token}", "Authorization: Bearer x"),
        (f"X-Api-Key: {token}",),
    )
    right = (
        f"Authorization: Bearer {token}",
        f"authorization: bearer {token}",
        basic("", token),
        basic("anybody", token),
    )
    async with serving(place) as daemon:
        for headers in wrong:
            for path in ("/", "/metrics", "/health", "/nothing", "/api/v1/findings"):
                answer = await ask(daemon, request(path, *headers))
                assert answer.status == 401, (path, headers)
                assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
                assert "inventory" not in answer.text
        assert (await ask(daemon, request(f"/?token={token}"))).status == 401
        for header in right:
            assert "inventory" in (await ask(daemon, request("/", header))).text
            assert (await ask(daemon, request("/metrics", header))).status == 200
        assert (await ask(daemon, request("/livez"))).text == '{"status": "ok"}'
        assert (await ask(daemon, request("/readyz"))).text == '{"status": "ok"}'
        whole = await ask(daemon, request("/readyz", right[0]))
        assert json.loads(whole.text) == {"status": "ok", "reasons": []}
        await daemon.stop()
    assert token not in daemon.said


async def test_a_token_is_taken_back_and_the_login_is_not(
    place: Workplace, token: str, session: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with serving(place, "--listen", "0.0.0.0:0") as daemon:
        daemon.url = daemon.url.replace("0.0.0.0", "127.0.0.1")  # it listens there
        async with session.get(daemon.url, headers=headers) as answer:
            assert answer.status == 200
        place.write("tagwatch.yaml", CONFIGURATION)
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.see("needs a login")
        async with session.get(daemon.url) as answer:
            assert answer.status == 401, "a changed file does not open the door"
        place.write("tagwatch.yaml", WITH_LOGIN)
        (place.folder / "serve.tokens").unlink()
        assert (await place.run("serve", "token", "another")).code == 0
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.see("configuration was read again")
        async with session.get(daemon.url, headers=headers) as answer:
            assert answer.status == 401


@pytest.mark.parametrize("configuration", [WITH_LOGIN, WITH_LOGIN + "no such key: 1\n"])
async def test_the_last_token_is_taken_back_whatever_else_is_wrong(
    place: Workplace, token: str, configuration: str
) -> None:
    login = f"Authorization: Bearer {token}"
    async with serving(place) as daemon:
        assert (await ask(daemon, request("/", login))).status == 200
        place.write("tagwatch.yaml", configuration)
        place.write("serve.tokens", "# nobody\n")
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.see("the configuration cannot be used")
        for _ in range(100):  # the line is written just before
            if (await ask(daemon, request("/", login))).status == 401:
                break
            await asyncio.sleep(0.05)
        assert (await ask(daemon, request("/", login))).status == 401
        assert (await ask(daemon, request("/"))).status == 401
        assert (await ask(daemon, request("/livez"))).status == 200


# Names


OURS = (
    "localhost",
    "LOCALHOST:8080",
    "127.0.0.1:1",
    "[::1]:8080",
    "tagwatch.example",
    "Tagwatch.Example.:443",
)
OTHERS = (
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "tagwatch.example.evil",
    "localhost:80@evil.example",
    "[::1].evil.example",
    "10.0.0.1",
    "127.0.0.1.nip.io",
    "",
)


@promised(
    "a network",
    "another name in the Host header (DNS rebinding)",
    "it is refused",
)
async def test_it_answers_to_its_own_names_alone(place: Workplace) -> None:
    """A page of a stranger that calls the service by a name of its own reads nothing."""
    place.write("tagwatch.yaml", f"{CONFIGURATION}serve: {{hosts: [tagwatch.example]}}\n")
    async with serving(place) as daemon:
        for host in OURS:
            assert "inventory" in (await ask(daemon, request("/", host=host))).text, host
        for host in OTHERS:
            for path in ("/", "/metrics", "/health", "/api/v1/findings"):
                answer = await ask(daemon, request(path, host=host))
                assert answer.status == 421, (host, path)
                assert "inventory" not in answer.text
            ready = await ask(daemon, request("/readyz", host=host))
            assert ready.text == '{"status": "ok"}', "nothing but the word"
        two = await ask(daemon, request("/", "Host: evil.example"))
        none = await ask(daemon, "GET / HTTP/1.0\r\n\r\n")
        assert all("inventory" not in one.text for one in (two, none))
        assert {two.status, none.status} <= {400, 421}


@pytest.mark.parametrize("host", ["http://x", "a b", "x:80", "*", "x/", "-x"])
async def test_what_is_no_name_is_no_host(place: Workplace, host: str) -> None:
    place.write("tagwatch.yaml", f"{CONFIGURATION}serve: {{hosts: ['{host}']}}\n")
    said = (await place.run("serve", "--listen", "127.0.0.1:0")).is_clean_error(2)
    assert "tagwatch.yaml:4" in said


# What every answer has


async def test_every_answer_has_its_headers(place: Workplace) -> None:
    place.environment["TAGWATCH_WEBHOOK_TOKEN"] = TOKEN
    asked: tuple[tuple[int, str | bytes], ...] = (
        (200, request("/")),
        (200, request("/livez")),
        (200, request("/health")),
        (200, request("/metrics")),
        (404, request("/nothing.html")),
        (404, request("/%2e%2e/tagwatch.yaml")),
        (404, request("/..%2ftagwatch.yaml")),
        (404, request("//etc/passwd")),
        (404, request("/tagwatch.yaml")),
        (405, request("/metrics", method="DELETE")),
        (403, request("/webhook/wrong", method="POST")),
        (202, request(f"/webhook/{TOKEN}", method="POST")),
        (421, request("/", host="evil.example")),
        (400, "GET / HTTP/1.1\r\nHost: localhost\r\nA B: c\r\n\r\n"),
        (400, request("/", f"X: {'a' * 9000}")),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        (400, request("/", "Content-Length: 3", "Content-Length: 4")),
    )
    async with serving(place) as daemon:
        for status, text in asked:
            answer = await ask(daemon, text)
            assert answer.status == status, text
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'"), text
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert answer.headers["Server"] == "tagwatch"
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert not any(secret in answer.text for secret in SECRETS), text
        await daemon.stop()
    assert "Traceback" not in daemon.said
    assert "ERROR" not in daemon.said.upper(), "what strangers send fills no log"


# How long, and how many


@promised(
    "a network",
    "900 requests that never end",
    "probes and pages answer",
)
@posix
async def test_900_that_never_finish_keep_nobody_out(tmp_path: Path, place: Workplace) -> None:
    """They are never more than the service has room for, and all of them are gone soon."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("needs 1,200 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    cramped = Cramped(tmp_path, {"TAGWATCH_WEBHOOK_TOKEN": TOKEN})
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    try:
        async with serving(cramped) as daemon:
            port = int(daemon.url.rpartition(":")[2])
            clock = asyncio.get_running_loop().time
            begun = clock()
            head = request(f"/webhook/{TOKEN}", "Content-Length: 100", method="POST")
            sent = (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n", head.encode(), b"")
            for number in range(900):
                opened.append(await asyncio.open_connection("127.0.0.1", port))
                opened[-1][1].write(sent[number % 3])
                if not number % 300:
                    assert (await ask(daemon, request("/livez"))).status == 200
            answer = await asyncio.wait_for(ask(daemon, request("/livez")), 30)
            assert answer.status == 200  # it came last: all others were let in or sent away before
            assert _sockets(daemon) <= 64 + 8, "a quarter of what it may open, and its own"
            fed = asyncio.create_task(_drip(opened))
            ends = [asyncio.create_task(_ended(reader)) for reader, _ in opened]
            _, left = await asyncio.wait(ends, timeout=60)
            assert not left
            assert clock() - begun > 5, "they have some time"
            fed.cancel()
            assert (await ask(daemon, request("/livez"))).status == 200
            await daemon.stop()
        assert "Traceback" not in daemon.said, daemon.said
        assert "Too many open files" not in daemon.said
    finally:
        for _, writer in opened:
            writer.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _drip(opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    """A byte now and then, as those do who want to look alive."""
    while True:
        for _, writer in opened:
            if not writer.is_closing():
                writer.write(b"a")
        await asyncio.sleep(1)


async def _ended(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(4096):
            pass
    except ConnectionError:
        pass


@posix
async def test_those_who_never_read_keep_nobody_out(tmp_path: Path, place: Workplace) -> None:
    """An answer that is cut off leaves nothing behind: no descriptor, no line in the log."""
    place.write("reports/large.html", b"x" * 8_000_000)
    slow: list[socket.socket] = []
    async with serving(Cramped(tmp_path)) as daemon:
        port = int(daemon.url.rpartition(":")[2])
        descriptors = Path(f"/proc/{daemon.process.pid}/fd")
        try:
            for number in range(150):
                slow.append(socket.socket())
                slow[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                slow[-1].connect(("127.0.0.1", port))
                slow[-1].sendall(request("/large.html").encode())
                if not number % 50:
                    assert (await ask(daemon, request("/livez"))).status == 200
            assert (await asyncio.wait_for(ask(daemon, request("/livez")), 30)).status == 200
            whole = await ask(daemon, request("/large.html"))
            assert len(whole.text) == 8_000_000
        finally:
            for one in slow:
                one.close()
        for _ in range(100):
            if _count(descriptors) < 30:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("descriptors stay open")
        assert await daemon.stop() < SOON
    assert "Traceback" not in daemon.said, daemon.said


def _sockets(daemon: Daemon) -> int:
    """Count its open sockets; 0 where this system does not tell."""
    count = 0
    for one in Path(f"/proc/{daemon.process.pid}/fd").glob("*"):
        with contextlib.suppress(OSError):  # closed meanwhile
            count += str(one.readlink()).startswith("socket:")
    return count


def _count(folder: Path) -> int:
    return len(list(folder.iterdir())) if folder.exists() else 0


# A socket of the file system


@posix
async def test_a_proxy_reaches_it_over_a_socket(place: Workplace) -> None:
    path = place.folder / "serve.sock"
    async with serving_at(place, path):
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
            async with session.get("http://localhost/") as answer:
                assert "inventory" in await answer.text()
            async with session.get("http://evil.example/") as answer:
                assert answer.status == 421
        second = await place.run("serve", "--listen", f"unix:{path}")
        assert "another service listens there" in second.is_clean_error(2)
        assert path.exists()
    assert not path.exists()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))  # as a killed one leaves it
    async with serving_at(place, path):
        pass
    path.write_text("a file of somebody's")
    third = await place.run("serve", "--listen", f"unix:{path}")
    assert "there is a file of that name" in third.is_clean_error(2)
    assert path.read_text() == "a file of somebody's"


@asynccontextmanager
async def serving_at(place: Workplace, path: Path) -> AsyncIterator[Daemon]:
    daemon = Daemon(await place.start("serve", "--listen", f"unix:{path}"))
    try:
        await daemon.until("listening on unix:")
        yield daemon
        await daemon.stop()
    finally:
        if daemon.process.returncode is None:
            daemon.process.kill()
            await daemon.process.communicate()


# The API


async def test_no_question_makes_it_ask_a_registry(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    """Whoever may look cannot spend the quota, nor learn by the service's logins."""
    place = Workplace(tmp_path)
    async with misbehaving() as server:
        registries = server.registries("well")
        place.write("tagwatch.yaml", f"{CONFIGURATION}max_age: 0s\nregistries:\n{registries}")
        place.write("Dockerfile", "FROM well.example/app:1\n")
        async with serving(place, "--now") as daemon:
            await scans(session, daemon, 1)
            asked = dict(server.asked)
            assert asked["well"]
            for text in ("app:1", "app:2", "app:1.x", "other:1", "app", "app@sha256:" + "0" * 64):
                for path in ("resolve?ref=", "base?image=", "history?ref="):
                    url = f"{daemon.url}/api/v1/{path}well.example/{text}"
                    async with session.get(url) as answer:
                        assert answer.status == 200, await answer.text()
            await _many_questions(daemon, session)
            assert dict(server.asked) == asked
            await daemon.stop()
    assert "Traceback" not in daemon.said


async def _many_questions(daemon: Daemon, session: aiohttp.ClientSession) -> None:
    """Ask more than there is room for: probes are answered, and so is the next question."""
    images = "&".join(f"ref=well.example/app:{number}" for number in range(50))

    async def asking() -> int:
        async with session.get(f"{daemon.url}/api/v1/resolve?{images}") as answer:
            assert answer.content_type == "application/json"
            assert answer.status == 200 or answer.headers["Retry-After"] == "5"
            return answer.status

    many = [asyncio.create_task(asking()) for _ in range(60)]
    live = await asyncio.wait_for(ask(daemon, request("/livez")), 20)
    assert live.status == 200
    assert {200, 503} >= set(await asyncio.gather(*many))
    assert await asking() == 200


async def test_the_api_is_behind_the_same_door(place: Workplace, token: str) -> None:
    login = f"Authorization: Bearer {token}"
    async with serving(place) as daemon:
        for path in (
            "/api/v1/images",
            "/api/v1/resolve?ref=redis:7",
            "/api/v1/nothing",
            "/api/v1/",
        ):
            for headers, host, status in (
                ((), "localhost", 401),
                ((login,), "evil.example", 421),
                ((login,), "localhost", 404),
            ):
                assert (await ask(daemon, request(path, *headers, host=host))).status == status
        for path in ("/api/v1/%2e%2e/%2e%2e/tagwatch.yaml", "/api/v1/../../serve.tokens"):
            answer = await ask(daemon, request(path, login))
            assert answer.status == 404
            assert "sha256:" not in answer.text


# Webhooks


@pytest.mark.parametrize("secret", ["a", "fifteen-letters"])
async def test_a_secret_that_is_soon_guessed_is_refused(place: Workplace, secret: str) -> None:
    place.environment["TAGWATCH_WEBHOOK_TOKEN"] = secret
    said = (await place.run("serve", "--listen", "127.0.0.1:0")).is_clean_error(2)
    assert "TAGWATCH_WEBHOOK_TOKEN is shorter than 16 characters" in said
    place.environment = {"GHCR": secret}
    place.write("tagwatch.yaml", WEBHOOK)
    said = (await place.run("serve", "--listen", "127.0.0.1:0")).is_clean_error(2)
    assert "serve.webhooks 'r.example': the secret in GHCR is shorter than 16 characters" in said
    assert "fifteen" not in said


@promised(
    "a network",
    "guesses of a webhook's secret",
    "they are slowed, and the registry is heard",
)
async def test_who_guesses_is_slowed_and_who_knows_is_heard(place: Workplace) -> None:
    place.environment = {"GHCR": "planted-ghcr-secret-of-length"}
    place.write("tagwatch.yaml", WEBHOOK)
    known = "X-Webhook-Token: planted-ghcr-secret-of-length"
    async with serving(place) as daemon:
        guesses = [
            await ask(daemon, request("/webhook/r.example", f"X-Webhook-Token: {n}", method="POST"))
            for n in range(15)
        ]
        assert [one.status for one in guesses] == [403] * 10 + [429] * 5
        assert guesses[-1].headers["Retry-After"] == "60"
        heard = await ask(daemon, request("/webhook/r.example", known, method="POST"))
        assert heard.status == 202
        metrics = (await ask(daemon, request("/metrics"))).text
    for outcome, count in (("refused", 10), ("limited", 5)):
        name = f'outcome="{outcome}",webhook="r.example"'
        assert f"tagwatch_webhook_deliveries_total{{{name}}} {count}.0" in metrics

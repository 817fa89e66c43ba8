"""What goes to a Dask cluster, and who may be one."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from tagwatch.crawl.engine.cluster import open_cluster
from tagwatch.crawl.engine.connection import Certificate
from tagwatch.errors import ConfigError
from tests.cluster import Cluster, Estate, serving_cluster, serving_estate
from tests.hostile.promise import promised
from tests.static_registry import Stock
from tests.walk.command import Workplace

STOCK = Stock(repositories=2, tags=1)


def certificate(authority: trustme.CA, folder: Path, name: str) -> Certificate:
    """A certificate of the authority, in files."""
    issued = authority.issue_cert("127.0.0.1")
    found = Certificate(
        ca=folder / f"{name}-ca.pem", cert=folder / f"{name}.pem", key=folder / f"{name}-key.pem"
    )
    authority.cert_pem.write_to_path(str(found.ca))
    issued.cert_chain_pems[0].write_to_path(str(found.cert))
    issued.private_key_pem.write_to_path(str(found.key))
    return found


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Certificate]]:
    """A cluster with TLS, and a certificate that it believes."""
    folder = tmp_path_factory.mktemp("cluster")
    own = certificate(trustme.CA(), folder, "cluster")
    options = (
        "--protocol", "tls", "--tls-ca-file", str(own.ca), "--tls-cert", str(own.cert),
        "--tls-key", str(own.key),
    )  # fmt: skip
    with serving_cluster(folder, 0, options) as cluster:
        cluster.ready(1)
        yield cluster, own


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    with serving_estate(tmp_path / "estate", 1, STOCK) as found:
        yield found


def engine(cluster: Cluster, files: Certificate) -> str:
    """The engine of a configuration."""
    security = f"{{ca: '{files.ca}', cert: '{files.cert}', key: '{files.key}'}}"
    return f"{{dask: {{address: '{cluster.address}', security: {security}, wait: 20s}}}}"


async def test_a_scan_over_tls_with_the_logins_of_workers(
    secured: tuple[Cluster, Certificate], estate: Estate
) -> None:
    """What doctor says of it: each worker's own, never what this process has."""
    cluster, own = secured
    (place, _), *_ = estate.places
    login = base64.b64encode(b"worker:PLANTEDworker").decode()
    docker = cluster.folder / ".docker" / "config.json"
    docker.parent.mkdir(exist_ok=True)
    docker.write_text(json.dumps({"auths": {place.host: {"auth": login}}}))
    estate.configure(engine(cluster, own))
    here = Workplace(estate.folder, {"HOME": str(estate.folder)})
    configured = (estate.folder / "tagwatch.yaml").read_text()
    here.write("tagwatch.yaml", configured.replace(", credential: anonymous", ""))
    done = await here.run("scan", "--no-alerts", "--format", "json")
    assert done.json["complete"], done.err
    told = await here.run("doctor", "--format", "json")
    (worker,) = told.json["cluster"]["workers"]
    (registry,) = told.json["registries"]
    assert told.json["cluster"]["problem"] is None
    assert registry["credential"] is None
    found = f"{docker} ({place.host})"
    assert worker["credentials"] == {place.host: found}
    text = (await here.run("doctor")).out
    assert f"cluster {cluster.address}  1 worker\n" in text
    assert f"    credential  {place.host}: {found}\n" in text
    assert "PLANTED" not in text + told.out + done.out


@promised(
    "a cluster",
    "a Dask scheduler that has no certificate of the operator's CA, or that asks for none",
    "no task goes there",
)
async def test_a_scheduler_that_nobody_vouches_for(
    secured: tuple[Cluster, Certificate], tmp_path: Path
) -> None:
    cluster, own = secured
    foreign = certificate(trustme.CA(), tmp_path, "foreign")
    mixed = Certificate(ca=foreign.ca, cert=own.cert, key=own.key)
    for files in (foreign, mixed):
        opened = open_cluster(cluster.address, certificate=files, insecure=False, wait_seconds=3)
        with pytest.raises(ConfigError, match="no Dask scheduler answers at 'tls://"):
            async with opened:
                pass
    plain = open_cluster(
        cluster.address.replace("tls://", "tcp://"),
        certificate=None,
        insecure=False,
        wait_seconds=3,
    )
    with pytest.raises(ConfigError, match="no Dask scheduler answers at 'tcp://"):
        async with plain:
            pass


@promised(
    "a cluster",
    "the way to a Dask scheduler on another machine, without TLS",
    "it is refused before anything is sent, unless the operator says `insecure: true`",
)
@pytest.mark.parametrize("host", ["192.0.2.1", "registry.invalid", "0.0.0.0", "[::]"])
async def test_plain_text_beyond_this_machine(tmp_path: Path, host: str) -> None:
    place = Workplace(tmp_path)
    address = f"tcp://{host}:8786"
    place.write(
        "tagwatch.yaml", f"sources: [Dockerfile]\nengine: {{dask: {{address: '{address}'}}}}\n"
    )
    place.write("Dockerfile", "FROM redis:7\n")
    said = (await place.run("scan")).is_clean_error(2)
    assert f"'tcp://{host}:8786' is beyond this machine, and not encrypted" in said
    assert "insecure: true" in said


@pytest.mark.parametrize(
    ("dask", "said"),
    [
        ("{address: 'inproc://1'}", "is no address of a scheduler"),
        ("{address: 'ws://h:1'}", "is no address of a scheduler"),
        ("{address: 'tls://h:1'}", "belong together"),
        ("{address: 'tcp://h:1', security: {ca: a, cert: b, key: c}}", "belong together"),
        ("{address: 'tls://h:1', security: {ca: a, cert: b}}", "'key' is missing"),
        ("{address: 'tcp://127.0.0.1:1', wait: 1y}", "wait"),
    ],
)
async def test_addresses_that_are_none(tmp_path: Path, dask: str, said: str) -> None:
    place = Workplace(tmp_path)
    place.write("tagwatch.yaml", f"engine: {{dask: {dask}}}\n")
    text = (await place.run("scan")).is_clean_error(2)
    assert re.search(r"tagwatch.yaml:1:\d+: ", text), text
    assert said in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cert": "nowhere.pem"}, r"security\.cert: '.*nowhere.pem' cannot be read: No such file"),
        ({"ca": "tagwatch.yaml"}, r"security\.ca: '.*tagwatch.yaml' is no CA: "),
        ({"key": "b-key.pem"}, r"security\.cert, key: '.*a.pem' and '.*b-key.pem' are no pair: "),
    ],
    ids=["missing", "no certificate", "another one's key"],
)
async def test_files_of_tls_that_are_of_no_use(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    """It is said of the file, and not of a scheduler that nobody has asked."""
    place = Workplace(tmp_path)
    for name in ("a", "b"):
        certificate(trustme.CA(), tmp_path, name)
    files = {"ca": "a-ca.pem", "cert": "a.pem", "key": "a-key.pem", **change}
    security = ", ".join(f"{key}: {name}" for key, name in files.items())
    place.write(
        "tagwatch.yaml",
        "watch: [{image: registry.example/a}]\n"
        f"engine: {{dask: {{address: 'tls://127.0.0.1:1', security: {{{security}}}}}}}\n",
    )
    assert re.search(said, (await place.run("scan")).is_clean_error(2))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64])
async def test_what_answers_is_no_scheduler(tmp_path: Path, answer: bytes) -> None:
    """Its first eight bytes are a length to Dask, larger than any memory."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    listener = await asyncio.start_server(hear, "127.0.0.1", 0)
    address = f"tcp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    place = Workplace(tmp_path)
    place.write(
        "tagwatch.yaml",
        "watch: [{image: registry.example/a}]\n"
        f"engine: {{dask: {{address: '{address}', wait: 1s}}}}\n",
    )
    said = (await place.run("scan")).is_clean_error(2)
    assert f"no Dask scheduler answers at '{address}'\n" in said
    listener.close()


@promised(
    "a cluster",
    "everything that a run sends to a scheduler",
    "it holds no login of the run's: workers use their own",
)
async def test_what_is_sent_holds_no_login(tmp_path: Path) -> None:
    """A listener between a run and a scheduler that speaks plain text hears every byte."""
    heard: list[bytes] = []
    secrets = {"GITHUB_TOKEN": "ghs_PLANTEDgithub", "QUAY_OAUTH_TOKEN": "PLANTEDquay"}
    with (
        serving_cluster(tmp_path / "cluster", 1) as cluster,
        serving_estate(tmp_path / "estate", 1, STOCK) as estate,
    ):

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            other, onward = await asyncio.open_connection("127.0.0.1", cluster.port)
            await asyncio.gather(pour(reader, onward), pour(other, writer))

        async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while part := await reader.read(65536):
                    heard.append(part)
                    writer.write(part)
                    await writer.drain()
            writer.close()

        listener = await asyncio.start_server(relay, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        estate.configure(f"{{dask: {{address: 'tcp://127.0.0.1:{port}', wait: 20s}}}}")
        done = await Workplace(estate.folder, secrets).run(
            "scan", "--no-alerts", "--format", "json"
        )
        listener.close()
    assert done.json["complete"], done.err
    sent = b"".join(heard)
    assert b"team0/1" in sent, "the tasks came by here"
    assert b"PLANTED" not in sent

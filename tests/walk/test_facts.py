"""`tagwatch facts`: the nightly server's memory in a signed file, for laptops and CI."""

from __future__ import annotations

import hmac
import os
import re
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from tagwatch.audit.model.evidence import Evidence, Resolution, Status
from tagwatch.image.digest import Digest
from tagwatch.ledger.codec import encode
from tagwatch.service.demo.nights import second_night
from tagwatch.value import replace
from tests.extract import NIGHTLY, OTHER, lines_of, signed, written
from tests.golden.place import CLOCK
from tests.hostile.promise import promised
from tests.walk.conftest import Shop

KEY = NIGHTLY.private
READ = f"public_keys: {{{NIGHTLY.yaml}}}"
FACTS = f"facts: {{source: facts.tagwatch, key_env: FACTS_KEY, {READ}}}\n"


async def exported(shop: Shop, *paths: str) -> bytes:
    """A nightly scan, and what it gives away; the ledger stays."""
    shop.environment["FACTS_KEY"] = KEY
    shop.configure(FACTS)
    await shop.run("scan")
    done = await shop.run("facts", "export", *paths, "--output", "facts.tagwatch")
    assert done.code == 0, done.err
    return (shop.folder / "facts.tagwatch").read_bytes()


def told(key: str = "docker.io/library/redis:7") -> Evidence:
    """A fact that needs no scan: an image that does not exist."""
    missing = Resolution(input=key, status=Status.NOT_FOUND)
    return Evidence(key=key, at=datetime.now(UTC) - timedelta(hours=1), resolution=missing)


def one_file(shop: Shop, more: str = FACTS) -> tuple[str, ...]:
    """Name one image in a file, and give the check of it."""
    shop.configure(more)
    shop.write("one.Dockerfile", "FROM redis:7\n")
    return ("check", "--offline", "one.Dockerfile", "--format", "json")


def forget(shop: Shop) -> None:
    """A fresh clone: the files are there, the ledger is not."""
    for path in shop.folder.glob("tagwatch.db*"):
        path.unlink()


async def test_a_fresh_clone_knows_what_the_nightly_scan_saw(shop: Shop) -> None:
    raw = await exported(shop)
    assert KEY.encode() not in raw
    assert raw.startswith(f"tagwatch-facts 4\n{NIGHTLY.public.id} ".encode())
    del shop.environment["FACTS_KEY"]  # who reads has no private key
    own = await shop.run("check", "--offline", "--format", "json")
    assert "facts from" not in own.err, "what this ledger saw itself comes first"
    forget(shop)

    brought = await shop.run("check", "--offline", "--format", "json")
    assert brought.json["coverage"]["remembered"] == brought.json["coverage"]["targets"] > 5
    assert brought.json["complete"] is True
    assert brought.json["facts_from"].startswith("facts.tagwatch: 9 of 9")
    assert own.json["facts_from"] is None
    assert [one["fingerprint"] for one in brought.json["findings"]] == [
        one["fingerprint"] for one in own.json["findings"]
    ]
    text = await shop.run("check", "--offline")
    assert "facts from facts.tagwatch: 9 of 9, read " in text.err
    shop.environment["FACTS_KEY"] = KEY
    again = await shop.run("facts", "export", "--output", "again.tagwatch")
    assert "0 facts" in again.err, "what was imported is not passed on"


async def test_a_baseline_knows_what_a_check_would_find(shop: Shop) -> None:
    """Written in a fresh clone, too: it brings the configured facts as a check does."""
    await exported(shop)
    forget(shop)
    written = await shop.run("baseline", "write", "--offline")
    assert written.code == 0, written.err
    forget(shop)
    checked = await shop.run(
        "check", "--offline", "--baseline", "tagwatch-baseline.json", "--format", "json"
    )
    assert checked.json["coverage"]["remembered"] > 5
    assert checked.json["findings"] == []


async def test_another_repository_may_call_its_file_the_same(shop: Shop) -> None:
    """They share the user's ledger; each check finds the facts of its own file."""
    shop.write("sub/Dockerfile", "FROM node:22\n")
    other = await exported(shop, "sub", "--name", "sub")
    whole = await exported(shop)
    forget(shop)
    ledger = f"database: {shop.folder / 'tagwatch.db'}\n"
    there = Shop(shop.folder.parent / "there", shop.environment, shelf=shop.shelf)
    there.write("Dockerfile", "FROM node:22\n")
    there.write("tagwatch.yaml", ledger + FACTS)
    there.write("facts.tagwatch", other)  # exported before the other one, and read after it
    shop.write("facts.tagwatch", whole)
    for _ in range(2):
        here = await shop.run("check", "--offline", "--format", "json")
        elsewhere = await there.run("check", "--offline", "--format", "json")
        assert here.json["facts_from"].startswith("facts.tagwatch: 9 of 9")
        assert elsewhere.json["facts_from"].startswith("facts.tagwatch: 1 of 1")
    (shop.folder / "facts.tagwatch").unlink()
    kept = await shop.run("check", "--offline", "--format", "json")
    assert kept.json["coverage"]["remembered"] == here.json["coverage"]["remembered"]
    assert "the facts in 'facts.tagwatch' are those of 2" in kept.err


async def test_what_a_configuration_brings_counts_where_it_does(shop: Shop) -> None:
    """A stranger's repository names its own facts and their key; other checks never see them."""
    await exported(shop)
    forget(shop)
    brought = await shop.run("check", "--offline", "--format", "json")
    shop.configure()
    elsewhere = await shop.run("check", "--offline", "--format", "json")
    assert brought.json["coverage"]["remembered"] == 9
    assert elsewhere.json["coverage"]["remembered"] == 0

    imported = await shop.run(
        "facts", "import", "facts.tagwatch", "--public-key", NIGHTLY.public.text
    )
    assert imported.code == 0, imported.err
    trusted = await shop.run("check", "--offline", "--format", "json")
    assert trusted.json["coverage"]["remembered"] == 9, "the user's own word counts everywhere"


async def test_own_facts_win_where_they_are_newer(shop: Shop) -> None:
    await exported(shop)
    forget(shop)
    await shop.run("check", "--offline")
    second_night(shop.shelf)
    shop.configure(FACTS + "max_age: 0s\n")
    shop.write("one.Dockerfile", "FROM redis:7\n")
    fresh = await shop.run("check", "one.Dockerfile", "--format", "json")
    assert fresh.json["resolutions"][0]["tag"] == "7.4.11"
    assert "facts from" not in (await shop.run("check", "one.Dockerfile")).err


async def test_only_the_images_of_the_files_named_are_exported(shop: Shop) -> None:
    shop.write("sub/Dockerfile", "FROM node:22\n")
    everything = await exported(shop)
    shop.configure(FACTS.replace("facts.tagwatch", "other") + "")
    few = lines_of(await exported(shop, "sub"))
    assert len(few) < len(lines_of(everything))
    assert any(b"docker.io/library/node" in line for line in few)
    assert not any(b'"key":"docker.io/library/python' in line for line in few)


@promised(
    "whoever can write an extract", "an extract that was changed, or signed with another key",
    "it is refused",
)  # fmt: skip
@pytest.mark.parametrize(
    "harm", ["changed", "other key", "forged by a reader", "cut", "from the future", "no facts"]
)
async def test_a_file_that_cannot_be_trusted_is_an_error(shop: Shop, harm: str) -> None:
    raw = await exported(shop)
    if harm == "changed":
        raw = raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:]
    elif harm == "other key":
        raw = written(datetime.now(UTC), pair=OTHER)
    elif harm == "forged by a reader":
        raw = written(datetime.now(UTC), pair=OTHER).replace(
            OTHER.public.id.encode(), NIGHTLY.public.id.encode()
        )
    elif harm == "cut":
        raw = raw[: len(raw) // 2]
    elif harm == "no facts":
        raw = b"<html>login</html>"
    elif harm == "from the future":
        raw = written(datetime.now(UTC) + timedelta(days=2))
    shop.write("facts.tagwatch", raw)
    forget(shop)
    error = (await shop.run("check", "--offline")).is_clean_error(2)
    assert "facts.tagwatch" in error
    assert KEY not in error
    (await shop.run("facts", "import")).is_clean_error(2)


@promised(
    "whoever can write an extract", "a key that was believed once",
    "nothing of it counts once the operator takes it out, or its last day is over",
)  # fmt: skip
@pytest.mark.parametrize(
    "keys",
    [
        OTHER.yaml,
        f"{NIGHTLY.public.id}: {{key: {NIGHTLY.public.text}, until: 2026-01-01}}, {OTHER.yaml}",
    ],
)
async def test_a_key_that_is_believed_no_longer(shop: Shop, keys: str) -> None:
    check = one_file(shop)
    shop.write("facts.tagwatch", written(datetime.now(UTC), [told()]))
    assert (await shop.run(*check)).json["coverage"]["remembered"] == 1
    shop.configure(f"facts: {{source: facts.tagwatch, public_keys: {{{keys}}}}}\n")
    assert NIGHTLY.public.id in (await shop.run(*check)).is_clean_error(2)
    (shop.folder / "facts.tagwatch").unlink()
    gone = await shop.run(*check)
    assert gone.json["coverage"]["remembered"] == 0, "what it brought before counts no more"


async def test_two_keys_are_believed_at_once(shop: Shop) -> None:
    """A new key is told to every reader first; then the nightly scan signs with it."""
    check = one_file(
        shop,
        f"facts: {{source: facts.tagwatch, public_keys: {{{NIGHTLY.yaml}, {OTHER.yaml}}}}}\n",
    )
    old = written(datetime.now(UTC) - timedelta(minutes=1))
    shop.write("facts.tagwatch", old)
    assert (await shop.run(*check)).json["coverage"]["remembered"] == 0
    shop.write("facts.tagwatch", written(datetime.now(UTC), [told()], pair=OTHER))
    assert (await shop.run(*check)).json["coverage"]["remembered"] == 1
    shop.write("facts.tagwatch", old)
    back = await shop.run(*check)
    assert "newer ones were read before" in back.err, "the key of before brings nothing back"
    assert back.json["coverage"]["remembered"] == 1


@promised(
    "whoever can write an extract", "an older extract, rightly signed, in place of a newer one",
    "it is refused; the newer facts stay in use",
)  # fmt: skip
async def test_an_older_extract_is_refused(shop: Shop) -> None:
    now = datetime.now(UTC)
    old = written(now - timedelta(minutes=1), [told("docker.io/library/redis:6")])
    new = written(now, [told()])
    check = one_file(shop)
    shop.write("facts.tagwatch", new)
    before = await shop.run(*check)
    assert before.json["coverage"]["remembered"] == 1
    for name in ("facts.tagwatch", "other.tagwatch"):  # the tree may name another file
        shop.configure(FACTS.replace("facts.tagwatch", name))
        shop.write(name, old)
        done = await shop.run(*check)
        assert f"the facts in '{name}' are refused: they are of 2" in done.err
        assert "newer ones were read before" in done.err
    error = (await shop.run("facts", "import", "other.tagwatch")).is_clean_error(2)
    assert "'other.tagwatch'" in error
    shop.configure(FACTS)
    after = await shop.run(*check)
    assert after.json["facts_from"] == before.json["facts_from"]
    shop.write("facts.tagwatch", new)
    again = await shop.run(*check)
    assert "refused" not in again.err, "the same file again is nothing new"


@promised(
    "whoever can write an extract", "holding newer extracts back, so that an old one stays in use",
    "it expires: what rests on it is incomplete (`on_unavailable: fail`: exit 4), "
    "and no fix is made of it",
)  # fmt: skip
@pytest.mark.parametrize("imported", [False, True])
async def test_an_extract_expires(shop: Shop, imported: bool) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    check = one_file(shop, "" if imported else FACTS)
    text = (shop.folder / "tagwatch.yaml").read_text(encoding="utf-8")
    policy = "policy: {on_unavailable: fail, fail_on: never}\n"
    shop.write("tagwatch.yaml", re.sub("(?m)^policy:.*\n", policy, text))
    digest = Digest("sha256:" + "1" * 64)
    found = Resolution(input="redis:7", status=Status.RESOLVED, tag="7", digest=digest)
    raw = written(now, [replace(told(), resolution=found, documents_read=True)])
    shop.write("facts.tagwatch", raw)
    if imported:
        key = ("--public-key", NIGHTLY.public.text)
        assert (await shop.run("facts", "import", "facts.tagwatch", *key)).code == 0
    good = await shop.run(*check)
    assert (good.code, good.json["complete"]) == (0, True), good.err

    late = f"{now + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"
    for at, is_over in ((f"{now + timedelta(days=6):%Y-%m-%dT%H:%M:%SZ}", False), (late, True)):
        done = await shop.python("-P", str(CLOCK), at, *check)
        told_of = (done.code, done.json["complete"], done.json["coverage"]["remembered"])
        assert told_of == ((4, False, 1) if is_over else (0, True, 1)), done.err
        assert done.json["facts_from"].endswith(", expired") == is_over
        assert ("the facts in 'facts.tagwatch' expired on 2" in done.err) == (
            is_over and not imported
        )
        asked = await shop.python("-P", str(CLOCK), at, "resolve", "--offline", "redis:7")
        assert ("facts that expired" in asked.out) == is_over, asked.out
    file = shop.folder / "one.Dockerfile"
    await shop.python("-P", str(CLOCK), late, *check, "--fix=pin")
    assert file.read_bytes() == b"FROM redis:7\n"
    await shop.run(*check, "--fix=pin")
    assert digest.encode() in file.read_bytes(), "before that it is as good as any"
    again = ("facts", "import", "facts.tagwatch", "--public-key", NIGHTLY.public.text)
    error = (await shop.python("-P", str(CLOCK), late, *again)).is_clean_error(2)
    assert "expired on" in error


@promised(
    "whoever can write an extract", "facts of a registry that its key does not speak for",
    "the extract is refused",
)  # fmt: skip
async def test_a_key_speaks_for_its_registries(shop: Shop) -> None:
    key = f"{NIGHTLY.public.id}: {{key: {NIGHTLY.public.text}, registries: [docker.io]}}"
    check = one_file(shop, f"facts: {{source: facts.tagwatch, public_keys: {{{key}}}}}\n")
    shop.write("facts.tagwatch", written(datetime.now(UTC), [told()]))
    assert (await shop.run(*check)).json["coverage"]["remembered"] == 1
    facts = [told(), told("registry.shop.example/shop/web:2")]
    shop.write("facts.tagwatch", written(datetime.now(UTC), facts))
    error = (await shop.run(*check)).is_clean_error(2)
    assert "are of 'registry.shop.example', for which" in error


async def test_an_extract_says_of_which_registries_it_is(shop: Shop) -> None:
    """What its header does not name is not in it, whoever signed it."""
    check = one_file(shop)
    body = encode(told()) + b"\n"
    shop.write("facts.tagwatch", signed(body, datetime.now(UTC), origins=["quay.io"]))
    assert "damaged" in (await shop.run(*check)).is_clean_error(2)
    shop.write("facts.tagwatch", signed(body, datetime.now(UTC)))
    assert (await shop.run(*check)).json["coverage"]["remembered"] == 1


async def test_keys_without_a_place(shop: Shop) -> None:
    """An operator's file has keys only: a tree or a command says where facts lie."""
    shop.environment["FACTS_KEY"] = KEY
    check = one_file(shop, f"facts: {{key_env: FACTS_KEY, {READ}}}\n")
    assert "facts" not in (await shop.run(*check)).err
    shop.write("x.tagwatch", written(datetime.now(UTC), [told()]))
    assert (await shop.run("facts", "import", "x.tagwatch")).code == 0
    assert (await shop.run(*check)).json["coverage"]["remembered"] == 1
    done = await shop.run("facts", "export", "one.Dockerfile", "--output", "y.tagwatch")
    assert (done.code, done.err[:18]) == (0, "tagwatch: 0 facts,"), done.err
    (await shop.run("facts", "import")).is_clean_error(2)


@promised(
    "whoever can read an extract", "the secret of before, which every reader had",
    "an extract of that form is refused, with the way to renew it",
)  # fmt: skip
async def test_the_form_with_a_shared_secret_is_refused(shop: Shop) -> None:
    secret = "0123456789abcdef0123456789abcdef"
    for version in (1, 2):
        head, body = f"tagwatch-facts {version} hmac-sha256:", b'{"at": "2026-11-24T02:00:00Z"}\n'
        signed = hmac.new(secret.encode(), head.encode() + body, "sha256").hexdigest()
        shop.write("facts.tagwatch", f"{head}{signed}\n".encode() + body)
        shop.configure(FACTS)
        error = (await shop.run("check", "--offline")).is_clean_error(2)
        assert "a secret that every reader has" in error
        assert "tagwatch facts keygen" in error
    shop.environment["FACTS_KEY"] = secret
    error = (await shop.run("facts", "export", "--output", "x")).is_clean_error(2)
    assert "holds no private key" in error
    assert "tagwatch facts keygen" in error
    assert secret not in error
    error = (await shop.run("facts", "import", "x", "--key-env", "FACTS_KEY")).is_clean_error(2)
    assert "public keys" in error


async def test_a_pair_of_keys_from_nothing(shop: Shop) -> None:
    """As a new user does it: the lines that keygen prints go into the reader's configuration."""
    made = await shop.run("facts", "keygen", "facts.key")
    assert made.code == 0, made.err
    key = shop.folder / "facts.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    private = key.read_text(encoding="ascii")
    assert private.strip() not in made.out + made.err
    shop.configure(made.out.replace("facts:\n", "facts:\n  source: facts.tagwatch\n"))
    await shop.run("scan")
    done = await shop.run(
        "facts", "export", "--key-file", "facts.key", "--output", "facts.tagwatch"
    )
    assert done.code == 0, done.err
    forget(shop)
    assert "facts from facts.tagwatch: 9 of 9" in (await shop.run("check", "--offline")).err

    assert "is there already" in (await shop.run("facts", "keygen", "facts.key")).is_clean_error(2)
    assert key.read_text(encoding="ascii") == private
    key.chmod(0o640)
    done = await shop.run("facts", "export", "--key-file", "facts.key", "--output", "x")
    assert "chmod 600" in done.is_clean_error(2)


@promised(
    "another user of the machine", "links where keys and extracts are written",
    "no link is followed, and no name is known before",
)  # fmt: skip
async def test_no_link_is_followed(shop: Shop) -> None:
    shop.environment["FACTS_KEY"] = KEY
    one_file(shop)
    shop.write("facts.tagwatch", written(datetime.now(UTC), [told()]))
    assert (await shop.run("facts", "import")).code == 0
    theirs = shop.folder / "theirs"
    for link in ("facts.key", "out.tagwatch", ".out.tagwatch.tmp"):
        (shop.folder / link).symlink_to(theirs)
    (await shop.run("facts", "keygen", "facts.key")).is_clean_error(2)
    done = await shop.run("facts", "export", "--output", "out.tagwatch")
    assert done.code == 0, done.err
    assert not theirs.exists()
    assert not (shop.folder / "out.tagwatch").is_symlink()
    left = {path.name for path in shop.folder.iterdir() if "out.tagwatch" in path.name}
    assert left == {"out.tagwatch", ".out.tagwatch.tmp"}


async def test_half_a_pair_in_a_name_or_a_fact(shop: Shop) -> None:
    """Half of a surrogate pair, which no file can hold: it was an error of the machine."""
    at = datetime.now(UTC)
    fact = Evidence(
        key="docker.io/library/redis:7",
        at=at,
        resolution=Resolution(input="<>", status=Status.NOT_FOUND, note="<>"),
    )
    raw = signed(encode(fact).replace(b"<>", rb"\ud800"), at, name="half\ud800")
    assert rb"\ud800" in raw.splitlines()[2]
    shop.write("facts.tagwatch", raw)
    (shop.folder / os.fsdecode(b"facts-\xff.tagwatch")).write_bytes(raw)
    for name in ("facts.tagwatch", os.fsdecode(b"facts-\xff.tagwatch")):
        shop.configure(FACTS)
        done = await shop.run("facts", "import", name)
        assert (done.code, "1 facts of" in done.err) == (0, True), done.err
        checked = await shop.run("check", "--offline", "--format", "json")
        assert checked.code in (0, 1), checked.err


async def test_a_named_pipe_holds_nobody_up(shop: Shop) -> None:
    shop.environment["FACTS_KEY"] = KEY
    shop.configure(FACTS)
    os.mkfifo(shop.folder / "facts.tagwatch")
    assert "it is a named pipe" in (await shop.run("check", "--offline")).err


async def test_what_is_not_there_is_a_warning_and_nothing_reads_as_clean(shop: Shop) -> None:
    for more in ("", f", {READ}"):
        shop.configure(f"facts: {{source: facts.tagwatch{more}}}\n")
        done = await shop.run("check", "--offline", "--format", "json")
        assert "warning: the facts in 'facts.tagwatch' are not used" in done.err
        assert done.json["complete"] is False


async def test_an_old_extract_is_said_to_be_old(shop: Shop) -> None:
    shop.configure(FACTS)
    at = datetime.now(UTC) - timedelta(days=30)
    shop.write("facts.tagwatch", written(at, valid_for=timedelta(days=90)))
    for _ in range(2):
        assert "are 30 days old" in (await shop.run("check", "--offline")).err


async def test_from_an_https_url(shop: Shop, tmp_path: Path) -> None:
    raw = await exported(shop)
    (shop.folder / "facts.tagwatch").unlink()
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    asked: list[str] = []

    async def give(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/moved":
            raise web.HTTPFound("/facts")
        return web.Response(body=raw)

    app = web.Application()
    app.router.add_get("/{name}", give)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
        address = f"https://localhost:{runner.addresses[0][1]}"
        shop.environment["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
        shop.configure(f"facts: {{source: '{address}/facts', {READ}}}\n")
        forget(shop)
        offline = await shop.run("check", "--offline")
        assert "were not fetched yet" in offline.err
        assert asked == []
        for _ in range(2):
            done = await shop.run("check")
            assert f"facts from {address}/facts" in done.err
        assert asked == ["/facts"], "fetched once an hour at most"
        assert "facts from" in (await shop.run("check", "--offline")).err

        moved = await shop.run("facts", "import", f"{address}/moved")
        assert "302" in moved.is_clean_error(4)
        plain = address.replace("https", "http")
        assert "https" in (await shop.run("facts", "import", f"{plain}/facts")).is_clean_error(2)
    finally:
        await runner.cleanup()

"""`tagwatch facts`: the nightly server's memory in a signed file, for laptops and CI."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from tagwatch.service.demo.nights import second_night
from tests.hostile.promise import promised
from tests.walk.conftest import Shop

KEY = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
FACTS = "facts: {source: facts.tagwatch, key_env: FACTS_KEY}\n"


async def exported(shop: Shop, *paths: str) -> bytes:
    """A nightly scan, and what it gives away; the ledger stays."""
    shop.environment["FACTS_KEY"] = KEY
    shop.configure(FACTS)
    await shop.run("scan")
    done = await shop.run("facts", "export", *paths, "--output", "facts.tagwatch")
    assert done.code == 0, done.err
    return (shop.folder / "facts.tagwatch").read_bytes()


def forget(shop: Shop) -> None:
    """A fresh clone: the files are there, the ledger is not."""
    for path in shop.folder.glob("tagwatch.db*"):
        path.unlink()


async def test_a_fresh_clone_knows_what_the_nightly_scan_saw(shop: Shop) -> None:
    raw = await exported(shop)
    assert KEY.encode() not in raw
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
    other = await exported(shop, "sub")
    whole = await exported(shop)
    forget(shop)
    read = []
    for raw in (whole, other, whole):
        (shop.folder / "facts.tagwatch").write_bytes(raw)
        done = await shop.run("check", "--offline", "--format", "json")
        read.append(done.json["coverage"]["remembered"])
    assert read[1] < read[0] == read[2]
    del shop.environment["FACTS_KEY"]
    kept = await shop.run("check", "--offline", "--format", "json")
    assert kept.json["coverage"]["remembered"] == read[2]
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

    imported = await shop.run("facts", "import", "facts.tagwatch", "--key-env", "FACTS_KEY")
    assert imported.code == 0, imported.err
    trusted = await shop.run("check", "--offline", "--format", "json")
    assert trusted.json["coverage"]["remembered"] == 9, "the user's own word counts everywhere"


async def test_own_facts_win_where_they_are_newer(shop: Shop) -> None:
    await exported(shop)
    forget(shop)
    await shop.run("check", "--offline")
    second_night(shop.shelf)
    shop.configure(FACTS + "max_age: 1s\n")
    shop.write("one.Dockerfile", "FROM redis:7\n")
    fresh = await shop.run("check", "one.Dockerfile", "--format", "json")
    assert fresh.json["resolutions"][0]["tag"] == "7.4.11"
    assert "facts from" not in (await shop.run("check", "one.Dockerfile")).err


async def test_only_the_images_of_the_files_named_are_exported(shop: Shop) -> None:
    shop.write("sub/Dockerfile", "FROM node:22\n")
    everything = await exported(shop)
    shop.configure(FACTS.replace("facts.tagwatch", "other") + "")
    few = (await exported(shop, "sub")).splitlines()
    assert len(few) < len(everything.splitlines())
    assert any(b"docker.io/library/node" in line for line in few)
    assert not any(b'"key":"docker.io/library/python' in line for line in few)


@promised(
    "whoever can write an extract", "an extract that was changed, or signed with another key",
    "it is refused",
)  # fmt: skip
@pytest.mark.parametrize("harm", ["changed", "other key", "cut", "from the future", "no facts"])
async def test_a_file_that_cannot_be_trusted_is_an_error(shop: Shop, harm: str) -> None:
    raw = await exported(shop)
    if harm == "changed":
        raw = raw.replace(b"7.4.10", b"7.4.99")
    elif harm == "other key":
        shop.environment["FACTS_KEY"] = OTHER
    elif harm == "cut":
        raw = raw[: raw.rindex(b"\n", 0, -1) + 1]
    elif harm == "no facts":
        raw = b"<html>login</html>"
    elif harm == "from the future":
        from datetime import UTC, datetime, timedelta

        from tagwatch.walk.facts import write_facts

        raw = write_facts((), datetime.now(UTC) + timedelta(days=2), KEY.encode())
    shop.write("facts.tagwatch", raw)
    forget(shop)
    told = (await shop.run("check", "--offline")).is_clean_error(2)
    assert "facts.tagwatch" in told
    assert KEY not in told
    (await shop.run("facts", "import")).is_clean_error(2)


async def test_a_file_that_one_key_found_true_is_looked_at_again_with_another(shop: Shop) -> None:
    shop.write("facts.tagwatch", await exported(shop))
    forget(shop)
    assert "facts from facts.tagwatch" in (await shop.run("check", "--offline")).err
    shop.environment["FACTS_KEY"] = OTHER
    assert "not signed with this key" in (await shop.run("check", "--offline")).is_clean_error(2)


async def test_a_named_pipe_holds_nobody_up(shop: Shop) -> None:
    shop.environment["FACTS_KEY"] = KEY
    shop.configure(FACTS)
    os.mkfifo(shop.folder / "facts.tagwatch")
    assert "it is a named pipe" in (await shop.run("check", "--offline")).err


async def test_what_is_not_there_is_a_warning_and_nothing_reads_as_clean(shop: Shop) -> None:
    shop.configure(FACTS)
    for key in ("", KEY):
        shop.environment["FACTS_KEY"] = key
        done = await shop.run("check", "--offline", "--format", "json")
        assert "warning: the facts in 'facts.tagwatch' are not used" in done.err
        assert done.json["complete"] is False
    shop.environment["FACTS_KEY"] = "short"
    assert "shorter than" in (await shop.run("check", "--offline")).err


async def test_an_old_extract_is_said_to_be_old(shop: Shop) -> None:
    from datetime import UTC, datetime, timedelta

    from tagwatch.walk.facts import write_facts

    shop.environment["FACTS_KEY"] = KEY
    shop.configure(FACTS)
    at = datetime.now(UTC) - timedelta(days=30)
    shop.write("facts.tagwatch", write_facts((), at, KEY.encode()))
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
        shop.configure(f"facts: {{source: '{address}/facts', key_env: FACTS_KEY}}\n")
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

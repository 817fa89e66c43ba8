"""`tagwatch check --fix`: exact edits by the real command, every other byte as it was."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tagwatch.service.demo.nights import second_night
from tests.walk.conftest import Shop

OLD = "sha256:" + "0123456789abcdef" * 4


def digest(shop: Shop, repository: str, tag: str) -> str:
    return str(shop.shelf.tags[repository][tag])


def only(shop: Shop, files: dict[str, bytes]) -> None:
    """Leave these files as all that names images."""
    for name in ("Dockerfile", "docker-compose.yaml", "deploy/shop.yaml"):
        (shop.folder / name).unlink()
    for name, raw in files.items():
        (shop.folder / name).parent.mkdir(exist_ok=True)
        (shop.folder / name).write_bytes(raw)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("tagwatch.db")
    }


async def test_pin_changes_the_references_and_no_other_byte(shop: Shop) -> None:
    shop.permit()
    redis = digest(shop, "library/redis", "7")
    node = digest(shop, "library/node", "22")
    web = digest(shop, "shop/web", "1.9")
    before = {
        "Dockerfile": b'\xef\xbb\xbf# caf\xc3\xa9\r\nARG V="7"\r\nFROM "redis:$V" AS a\r\n',
        "compose.yaml": b'services:\n  a: {image: "redis:${TAG}"} # \xf0\x9f\x90\x8b\n',
        ".env": b"# tags\r\nTAG=7 # moves\r\nWEB='1.9'",
        "web/compose.yaml": b"services:\n  w:\n    image:   'registry.shop.example/shop/web:1.9'\t",
        "kustomization.yaml": b"images:\n- name: redis\n  newTag: '7'\n- name: node\n"
        b"  newTag: 22-x\n  digest: " + OLD.encode() + b" # why\n- name: python\n",
        "values.yaml": b"image:\n  repository: redis\n  tag: \"7\"\n  digest: ''\n",
        "Chart.yaml": b"apiVersion: v2\nname: a\nversion: 1.0.0\n",
        ".devcontainer.json": b'{"features": {"registry.shop.example/shop/web:1.9": {}}} // c\n',
    }
    shop.shelf.tags["library/node"]["22-x"] = shop.shelf.tags["library/node"]["22"]
    only(shop, before)
    (shop.folder / "Dockerfile").chmod(0o640)
    expected = {
        "Dockerfile": [(b'"7"', f'"7@{redis}"')],
        ".env": [(b"TAG=7", f"TAG=7@{redis}")],
        "web/compose.yaml": [(b"web:1.9", f"web:1.9@{web}")],
        "kustomization.yaml": [(b"'7'", f"'7@{redis}'"), (OLD.encode(), node)],
        "values.yaml": [(b"digest: ''", f"digest: '{redis}'")],
        ".devcontainer.json": [(b"web:1.9", f"web@{web}")],
    }
    untouched = contents(shop.folder)

    planned = await shop.run("check", "--fix=pin", "--dry-run")
    assert contents(shop.folder) == untouched, "a dry run writes nothing"
    assert planned.out.count("\n+++ b/") + planned.out.startswith("+++") == len(expected)
    assert f'+ARG V="7@{redis}"' in planned.out

    done = await shop.run("check", "--fix=pin", "--format", "json")
    after = contents(shop.folder)
    for name, raw in untouched.items():
        wanted = raw
        for old, new in expected.get(name, []):
            assert wanted.count(old) == 1
            wanted = wanted.replace(old, new.encode())
        assert after[name] == wanted, name
    assert (shop.folder / "Dockerfile").stat().st_mode & 0o777 == 0o640
    assert "fixed 7 places" in done.err
    left = {finding["rule"] for finding in json.loads(done.out)["findings"]}
    assert not left & {"tag-moving", "pin-unresolvable"}, "what was fixed is not told"

    again = await shop.run("check", "--fix=pin", "--dry-run")
    assert again.out == ""
    assert contents(shop.folder) == after


async def test_plain_fix_makes_what_findings_offer_and_settles(shop: Shop) -> None:
    nginx = shop.shelf.tags["library/nginx"]
    done = await shop.run("check", "--fix")
    compose = (shop.folder / "docker-compose.yaml").read_text()
    tag = compose.partition("image: nginx:")[2].split()[0]
    assert nginx[tag] == nginx["latest"], "the concrete tag behind latest"
    assert f"redis:7@{digest(shop, 'library/redis', '7')}" in compose
    assert "COPY --from=redis:6.2.23 " in (shop.folder / "Dockerfile").read_text()
    assert done.code == 1, "an open port on every interface is left"
    assert "port-all-interfaces" in done.out
    assert "tag-missing" not in done.out
    again = await shop.run("check", "--fix", "--exit-zero")
    assert again.code == 0
    assert "nothing to fix" in again.err


async def test_a_moved_tag_renews_its_digest_and_its_comment(shop: Shop) -> None:
    shop.permit()
    old = digest(shop, "library/redis", "7")
    only(
        shop,
        {
            "Dockerfile": f"# 7.4.10\nFROM redis:7@{old}\n".encode(),
            "docker-compose.yaml": f"services: {{a: {{image: redis@{old}}}}} # 7\n".encode(),
        },
    )
    fresh = await shop.run("check", "--fix=pin")
    assert "nothing to fix" in fresh.err
    second_night(shop.shelf)
    new = digest(shop, "library/redis", "7")
    await shop.run("scan")
    await shop.run("check", "--fix=pin")
    assert (shop.folder / "Dockerfile").read_text() == f"# 7.4.11\nFROM redis:7@{new}\n"
    compose = (shop.folder / "docker-compose.yaml").read_text()
    assert compose == f"services: {{a: {{image: redis@{new}}}}} # 7\n"


async def test_a_pin_is_not_renewed_by_a_comment_that_names_another_version(shop: Shop) -> None:
    other = digest(shop, "library/redis", "8.6.5")
    text = f"services: {{a: {{image: redis@{other}}}}} # 7.2\n"
    dockerfile = f"FROM redis:8.6.5@{other}\n".encode()  # so that the digest's tag is known
    only(shop, {"docker-compose.yaml": text.encode(), "Dockerfile": dockerfile})
    done = await shop.run("check", "--fix=pin")
    assert "nothing to fix" in done.err
    assert (shop.folder / "docker-compose.yaml").read_text() == text


async def test_bump_stays_in_the_line_and_takes_the_digest_along(shop: Shop) -> None:
    shop.permit()
    old = digest(shop, "library/redis", "8.6.5")
    second_night(shop.shelf)
    only(shop, {"Dockerfile": f"FROM redis:7.2.15\nFROM redis:8.6.5@{old}\n".encode()})
    await shop.run("check", "--fix=bump:patch")
    new = digest(shop, "library/redis", "8.6.6")
    patched = f"FROM redis:7.2.16\nFROM redis:8.6.6@{new}\n"
    assert (shop.folder / "Dockerfile").read_text() == patched
    await shop.run("check", "--fix=bump:minor")
    new = digest(shop, "library/redis", "8.10.1")
    bumped = f"FROM redis:7.4.11\nFROM redis:8.10.1@{new}\n"
    assert (shop.folder / "Dockerfile").read_text() == bumped


async def test_a_value_that_other_images_share_is_left_and_told(shop: Shop) -> None:
    raw = b"ARG TAG=7\nFROM redis:${TAG}\nFROM node:${TAG}\n"
    only(shop, {"Dockerfile": raw})
    done = await shop.run("check", "--fix=pin", "Dockerfile")
    assert (shop.folder / "Dockerfile").read_bytes() == raw
    assert "not fixed: Dockerfile:2:6 redis:7: the value at Dockerfile:1:9 is used" in done.err


async def test_links_are_followed_inside_the_tree_only(shop: Shop, tmp_path: Path) -> None:
    shop.permit()
    only(shop, {"real/api.Dockerfile": b"FROM redis:7\n"})
    (shop.folder / ".git").mkdir()
    (shop.folder / "Dockerfile").symlink_to("real/api.Dockerfile")
    outside = tmp_path / "other.Dockerfile"
    outside.write_bytes(b"FROM redis:7\n")
    (shop.folder / "out.Dockerfile").symlink_to(outside)

    inside = await shop.run("check", "--fix=pin", "Dockerfile")
    assert (shop.folder / "Dockerfile").readlink() == Path("real/api.Dockerfile")
    assert b"@sha256:" in (shop.folder / "real/api.Dockerfile").read_bytes()
    assert inside.code == 0, inside.out

    refused = await shop.run("check", "--fix=pin", "out.Dockerfile")
    assert refused.code == 3
    assert "leads out of the tree" in refused.err
    assert outside.read_bytes() == b"FROM redis:7\n"

    shop.write("other.Dockerfile", "FROM redis:7\n")
    both = await shop.run("check", "--fix=pin", "out.Dockerfile", "other.Dockerfile")
    assert both.code == 1, "one that is not read keeps none of the others"
    assert "leads out of the tree" in both.out
    assert b"@sha256:" in (shop.folder / "other.Dockerfile").read_bytes()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_may_not_be_written(shop: Shop) -> None:
    shop.permit()
    only(shop, {"closed/Dockerfile": b"FROM redis:7\n"})
    (shop.folder / "closed").chmod(0o500)
    done = await shop.run("check", "--fix=pin")
    assert done.code == 2
    assert "cannot be written" in done.err


async def test_what_is_not_known_is_not_written(shop: Shop) -> None:
    """Offline with an empty ledger: nothing is pinned, and nothing reads as clean."""
    before = contents(shop.folder)
    done = await shop.run("check", "--offline", "--fix=pin", "--format", "json")
    assert contents(shop.folder) == before
    document = json.loads(done.out)
    assert document["complete"] is False
    assert document["coverage"]["unavailable"] == document["coverage"]["targets"] > 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dry-run",), "add --fix"),
        (("--fix=everything",), "everything"),
        (("--fix", "--fix=pin"), "not allowed"),
    ],
)
async def test_flags_that_say_nothing_are_refused(
    shop: Shop, arguments: tuple[str, ...], told: str
) -> None:
    done = await shop.run("check", *arguments)
    assert done.code == 2
    assert told in done.err
    assert done.out == ""


async def test_a_value_that_two_files_draw_on_is_not_pinned_for_one(shop: Shop) -> None:
    """`.env` serves every Compose file beside it: redis' digest would break node."""
    before = {
        ".env": b"TAG=22\nREDIS=7\n",
        "compose.yaml": b"services: {a: {image: 'node:${TAG}'}, b: {image: 'redis:$REDIS'}}\n",
        "docker-compose.dev.yaml": b"services: {a: {image: 'node:${TAG}-x'}}\n",
    }
    only(shop, before)
    await shop.run("check", "--fix=pin", "--exit-zero")
    redis = digest(shop, "library/redis", "7").encode()
    assert (shop.folder / ".env").read_bytes() == b"TAG=22\nREDIS=7@" + redis + b"\n"
    assert (shop.folder / "compose.yaml").read_bytes() == before["compose.yaml"]

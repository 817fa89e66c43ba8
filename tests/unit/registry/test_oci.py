"""The protocol against a script: what is asked, and what is made of the answers."""

from __future__ import annotations

import asyncio

import pytest

from tagwatch.errors import HostileAnswerError, NotFoundError, RegistryError, UnavailableError
from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    MANIFEST_ACCEPT,
    OCI_INDEX,
    OCI_MANIFEST,
)
from tagwatch.image.snapshot import Scope
from tagwatch.registry.interface import MAX_BLOB_BYTES
from tagwatch.registry.oci import referrers_tag
from tagwatch.registry.settings import RegistrySettings
from tests.registry.harness import AT, DIGEST, MANIFEST, registries, registry_at, repository
from tests.registry.scripted import Exchange, scripted
from tests.unit.image.test_schema1 import PAYLOAD, signature, signed

PING = Exchange(method="GET", path="/v2/")
GOOD = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": DIGEST}
INDEX = b'{"schemaVersion":2,"mediaType":"%s","manifests":[]}' % OCI_INDEX.encode()


def head(tag: str = "1", **answer: object) -> Exchange:
    return Exchange(method="HEAD", path=f"/v2/app/manifests/{tag}", **answer)  # type: ignore[arg-type]  # checked by use


def get(tag: str = "1", **answer: object) -> Exchange:
    return Exchange(method="GET", path=f"/v2/app/manifests/{tag}", **answer)  # type: ignore[arg-type]


def tags(query: str, names: list[str], **answer: object) -> Exchange:
    path = f"/v2/app/tags/list{query}"
    return Exchange(method="GET", path=path, body={"tags": names}, **answer)  # type: ignore[arg-type]


async def test_head_asks_once_with_the_whole_accept_list() -> None:
    sends = {"Accept": MANIFEST_ACCEPT, "Accept-Encoding": "identity", "Authorization": None}
    async with (
        scripted(PING, head(headers=GOOD, sends=sends)) as server,
        registry_at(server.url) as registry,
    ):
        seen = await registry.head(repository(server.host), "1")
        assert seen is not None
        assert (seen.tag, seen.digest, seen.media_type) == ("1", DIGEST, OCI_MANIFEST)
        assert dict(registry.requests) == {"ping": 1, "head": 1}


async def test_one_ping_a_host_and_one_connection_a_slot() -> None:
    headers = {**GOOD, "Content-Length": str(len(MANIFEST))}
    asks = [
        Exchange(method="HEAD", path=f"/v2/app{n}/manifests/1", headers=headers) for n in range(20)
    ]
    async with scripted(PING, *asks) as server:
        async with registry_at(server.url, concurrency=1) as registry:
            for number in range(20):
                assert await registry.head(repository(server.host, f"app{number}"), "1")
        assert len(server.connections) == 1


async def test_a_config_waits_for_no_other_manifests() -> None:
    """Its manifest has waited: so one repository after the other is whole, and has its turn."""
    config = digest_of(b"{}")
    manifests = [get(str(number), headers=GOOD, body=MANIFEST) for number in range(4)]
    blob = Exchange(method="GET", path=f"/v2/app/blobs/{config}", body=b"{}")
    async with (
        scripted(PING, *manifests, blob) as server,
        registry_at(server.url, concurrency=1) as registry,
    ):
        app = repository(server.host)

        async def image() -> None:
            await registry.manifest(app, "0")
            await registry.blob(app, config, 2)

        await asyncio.gather(image(), *(registry.manifest(app, str(n)) for n in range(1, 4)))
        asked = [one.path.rpartition("/")[2] for one in server.seen]
        # when the first answer comes, the turn is given to who waits longest
        assert asked == ["", "0", "1", config, "2", "3"]


@pytest.mark.parametrize("status", [405, 501, 400])
async def test_a_registry_without_head_is_asked_by_get_from_then_on(status: int) -> None:
    async with (
        scripted(
            PING,
            head(status=status),
            get(headers=GOOD, body=MANIFEST),
            get("2", headers=GOOD, body=MANIFEST),
        ) as server,
        registry_at(server.url) as registry,
    ):
        for tag in ("1", "2"):
            seen = await registry.head(repository(server.host), tag)
            assert seen is not None
            assert seen.digest == DIGEST


async def test_a_head_without_digest_is_made_good_by_computing_it() -> None:
    async with (
        scripted(
            PING,
            head(headers={"Content-Type": OCI_MANIFEST}),
            get(headers={"Content-Type": OCI_MANIFEST}, body=MANIFEST),
        ) as server,
        registry_at(server.url) as registry,
    ):
        seen = await registry.head(repository(server.host), "1")
        assert seen is not None
        assert seen.digest == DIGEST


async def test_a_tag_is_missing_only_when_get_says_so_or_head_has_worked() -> None:
    async with (
        scripted(
            PING, head("gone", status=404), get("gone", status=404), head("lost", status=404)
        ) as server,
        registry_at(server.url) as registry,
    ):
        assert await registry.head(repository(server.host), "gone") is None
        assert await registry.head(repository(server.host), "lost") is None


async def test_what_a_list_leaves_out_is_missing_where_head_says_so() -> None:
    async with (
        scripted(PING, head("gone", status=404), head("1", headers=GOOD)) as server,
        registry_at(server.url) as registry,
    ):
        assert await registry.head_unlisted(repository(server.host), "gone") is None
        assert await registry.head_unlisted(repository(server.host), "1") is not None


async def test_one_get_proves_for_all_that_head_tells_what_is_missing() -> None:
    """Eight HEADs are under way when the first is answered."""
    tags = [f"gone-{number}" for number in range(20)]
    heads = [head(tag, status=404) for tag in tags]
    async with (
        scripted(PING, *heads, get("gone-0", status=404)) as server,
        registry_at(server.url) as registry,
    ):
        await registry.oci.endpoint()
        place = repository(server.host)
        assert await asyncio.gather(*(registry.head(place, tag) for tag in tags)) == [None] * 20


async def test_a_head_that_lies_once_is_not_asked_again() -> None:
    there = [get(tag, headers=GOOD, body=MANIFEST) for tag in ("1", "2")]
    async with (
        scripted(PING, head(status=404), *there) as server,
        registry_at(server.url) as registry,
    ):
        for tag in ("1", "2"):
            assert await registry.head(repository(server.host), tag) is not None


async def test_a_head_that_lies_about_absence_is_found_out() -> None:
    async with (
        scripted(PING, head(status=404), get(headers=GOOD, body=MANIFEST)) as server,
        registry_at(server.url) as registry,
    ):
        assert await registry.head(repository(server.host), "1") is not None


async def test_manifest_by_digest_is_verified() -> None:
    other = digest_of(b"other")
    async with (
        scripted(PING, get(other, headers={"Content-Type": OCI_MANIFEST}, body=MANIFEST)) as server,
        registry_at(server.url) as registry,
    ):
        with pytest.raises(HostileAnswerError, match="was promised"):
            await registry.manifest(repository(server.host), other)


async def test_sha512_digests_are_verified_as_such() -> None:
    digest = digest_of(MANIFEST, algorithm="sha512")
    async with (
        scripted(
            PING, get(digest, headers={"Content-Type": OCI_MANIFEST}, body=MANIFEST)
        ) as server,
        registry_at(server.url) as registry,
    ):
        document = await registry.manifest(repository(server.host), digest)
        assert (document.digest, document.raw) == (digest, MANIFEST)


@pytest.mark.parametrize(
    ("media_type", "body", "says"),
    [
        (DOCKER_MANIFEST, MANIFEST, "the document says it is"),
        (OCI_INDEX, MANIFEST, "the document says it is"),
        (OCI_INDEX, b'{"manifests":[],"layers":[]}', "CVE-2021-41190"),
        (DOCKER_INDEX, b'{"schemaVersion":1,"fsLayers":[]}', "schema 1"),
        (OCI_MANIFEST, b"<html>log in</html>", "not valid JSON"),
        (OCI_MANIFEST, b'{"schemaVersion":2,"schemaVersion":2}', "twice"),
    ],
)
async def test_what_is_no_manifest_is_refused(media_type: str, body: bytes, says: str) -> None:
    async with (
        scripted(PING, get(headers={"Content-Type": media_type}, body=body)) as server,
        registry_at(server.url) as registry,
    ):
        with pytest.raises(HostileAnswerError, match=says):
            await registry.manifest(repository(server.host), "1")


async def test_what_is_no_manifest_is_given_to_who_asks_for_its_digest() -> None:
    """A tag does serve it: that is a fact of the image, and no registry is called hostile."""
    body = b"hello"
    kind = {"Content-Type": OCI_MANIFEST}
    async with (
        scripted(
            PING,
            get(digest_of(body), headers=kind, body=body),
            get(digest_of(body), headers=kind, body=b"hullo"),
        ) as server,
        registry_at(server.url) as registry,
    ):
        app = repository(server.host)
        document = await registry.manifest(app, digest_of(body))
        assert (document.digest, document.raw) == (digest_of(body), body)
        with pytest.raises(HostileAnswerError, match="was promised"):
            await registry.manifest(app, digest_of(body))


@pytest.mark.parametrize("told", [True, False])
async def test_of_schema_1_the_digest_is_of_what_was_signed(told: bool) -> None:
    """It was called a lie, and its registry hostile, before the signatures were taken out."""
    body, digest = signed([signature()]), digest_of(PAYLOAD)
    kind = {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}
    stated = {"Docker-Content-Digest": digest} if told else {}
    async with (
        scripted(
            PING,
            get(headers={**kind, **stated}, body=body),
            get(digest, headers=kind, body=body),
            get(digest, headers=kind, body=body.replace(b"team", b"evil")),
        ) as server,
        registry_at(server.url) as registry,
    ):
        app = repository(server.host)
        found = await registry.manifest(app, "1")
        assert (found.digest, found.raw) == (digest, PAYLOAD)
        assert await registry.manifest(app, digest) == found
        with pytest.raises(HostileAnswerError, match="was promised"):
            await registry.manifest(app, digest)


async def test_who_never_tells_a_digest_by_head_is_not_asked_twice_for_each() -> None:
    async with (
        scripted(
            PING,
            head(headers={"Content-Type": OCI_MANIFEST}),
            get(headers={"Content-Type": OCI_MANIFEST}, body=MANIFEST, times=2),
        ) as server,
        registry_at(server.url) as registry,
    ):
        for _ in range(2):
            found = await registry.head(repository(server.host), "1")
            assert found is not None
            assert found.digest == DIGEST


async def test_a_login_page_is_no_manifest() -> None:
    page = get(headers={"Content-Type": "text/html"}, body="<html>log in</html>")
    async with scripted(PING, page) as server, registry_at(server.url) as registry:
        with pytest.raises(UnavailableError, match="but HTML") as caught:
            await registry.manifest(repository(server.host), "1")
        assert "login page" in caught.value.hint


async def test_a_blob_has_the_size_and_digest_that_were_promised() -> None:
    digest = digest_of(b"{}")
    path = f"/v2/app/blobs/{digest}"
    async with (
        scripted(
            PING,
            Exchange(method="GET", path=path, body=b"{}"),
            Exchange(method="GET", path=path, body=b"[]"),
            Exchange(method="GET", path=path, body=b"{"),
            Exchange(method="GET", path=path, body=b"{ }"),
        ) as server,
        registry_at(server.url) as registry,
    ):
        app = repository(server.host)
        assert (await registry.blob(app, digest, 2)).raw == b"{}"
        with pytest.raises(HostileAnswerError, match="bytes of the digest"):
            await registry.blob(app, digest, 2)
        with pytest.raises(HostileAnswerError, match="1 bytes where the manifest says 2"):
            await registry.blob(app, digest, 2)
        with pytest.raises(HostileAnswerError, match="larger than 2 bytes"):
            await registry.blob(app, digest, 2)
        with pytest.raises(HostileAnswerError, match="no config or attestation has"):
            await registry.blob(app, digest, MAX_BLOB_BYTES + 1)


class TestTags:
    async def test_pages_follow_link_whatever_its_path_and_keep_no_order(self) -> None:
        link = '</other/v2/app/tags/list?n=1000&last=b>; rel="next", </x>; rel="previous"'
        async with (
            scripted(
                PING,
                Exchange(
                    method="GET",
                    path="/v2/app/tags/list?n=1000",
                    headers={"Link": link},
                    body={"name": "app", "tags": ["b", "a", "a"]},
                ),
                Exchange(
                    method="GET",
                    path="/v2/app/tags/list?n=1000&last=b",
                    body={"tags": ["1.0", None, "no/tag", "x\n", "<script>", "../x"]},
                ),
            ) as server,
            registry_at(server.url) as registry,
        ):
            listing = await registry.list_tags(repository(server.host), at=AT)
            assert listing.names == {"a", "b", "1.0"}
            assert listing.scope is Scope.FULL
            assert listing.warnings == ("5 listed names cannot be tags and were passed over",)

    @pytest.mark.parametrize("body", ['{"tags":null}', "{}", '{"tags":[]}'])
    async def test_an_empty_repository_is_empty(self, body: str) -> None:
        async with (
            scripted(
                PING, Exchange(method="GET", path="/v2/app/tags/list?n=1000", body=body)
            ) as server,
            registry_at(server.url) as registry,
        ):
            listing = await registry.list_tags(repository(server.host), at=AT)
            assert listing.names == frozenset()

    @pytest.mark.parametrize("status", [400, 405])
    async def test_a_refused_page_size_is_left_out(self, status: int) -> None:
        async with (
            scripted(
                PING,
                Exchange(method="GET", path="/v2/app/tags/list?n=1000", status=status),
                Exchange(method="GET", path="/v2/app/tags/list", body={"tags": ["a"]}),
            ) as server,
            registry_at(server.url) as registry,
        ):
            listing = await registry.list_tags(repository(server.host), at=AT)
            assert listing.names == {"a"}

    async def test_a_full_page_without_link_is_asked_on(self) -> None:
        """A server of distribution-spec 1.0: 2,001 tags, of which 1,000 were taken for all."""
        names = [f"t{number:04}" for number in range(2001)]
        async with (
            scripted(
                PING,
                tags("?n=1000", names[:1000]),
                tags("?n=1000&last=t0999", names[1000:2000]),
                tags("?n=1000&last=t1999", names[2000:]),
            ) as server,
            registry_at(server.url) as registry,
        ):
            listing = await registry.list_tags(repository(server.host), at=AT)
        assert (listing.names, listing.gap) == (frozenset(names), "")

    async def test_a_page_that_is_exactly_full_is_the_whole(self) -> None:
        names = [f"t{number:04}" for number in range(1000)]
        async with (
            scripted(PING, tags("?n=1000", names), tags("?n=1000&last=t0999", [])) as server,
            registry_at(server.url) as registry,
        ):
            listing = await registry.list_tags(repository(server.host), at=AT)
        assert (listing.names, listing.gap) == (frozenset(names), "")

    async def test_a_link_is_believed_where_the_last_page_is_full(self) -> None:
        names = [f"t{number:04}" for number in range(2000)]
        link = {"Link": '</v2/app/tags/list?last=t0999&n=1000>; rel="next"'}
        async with (
            scripted(
                PING,
                tags("?n=1000", names[:1000], headers=link),
                tags("?last=t0999&n=1000", names[1000:]),
            ) as server,
            registry_at(server.url) as registry,
        ):
            listing = await registry.list_tags(repository(server.host), at=AT)
        assert (listing.names, listing.gap) == (frozenset(names), "")

    @pytest.mark.parametrize(
        ("whole", "less", "gap"),
        [
            (
                1201,
                None,
                "",
            ),  # a Nexus group: `n` cuts, `last` is not known, without both comes all
            (1000, 1000, ""),  # CNCF distribution 2: neither is known, and this is the whole
            (1000, 999, "there is no way to ask for more"),  # a cap that nothing lifts
        ],
    )
    async def test_where_last_says_nothing_the_whole_is_asked_without_a_size(
        self, whole: int, less: int | None, gap: str
    ) -> None:
        names = [f"t{number:04}" for number in range(whole)]
        async with (
            scripted(
                PING,
                tags("?n=1000", names[:1000]),
                tags("?n=1000&last=t0999", names[:1000]),
                tags("", names),
                *([tags("?n=999", names[:less])] if less else []),
            ) as server,
            registry_at(server.url) as registry,
        ):
            listing = await registry.list_tags(repository(server.host), at=AT)
        assert listing.names == {*names}
        assert gap in listing.gap
        assert bool(gap) is bool(listing.gap)

    async def test_a_server_that_takes_no_last_may_refuse_it(self) -> None:
        names = [f"t{number:04}" for number in range(1000)]
        async with (
            scripted(
                PING,
                tags("?n=1000", names),
                tags("?n=1000&last=t0999", [], status=400),
                tags("", [], status=500),
            ) as server,
            registry_at(server.url, patience_seconds=0) as registry,
        ):
            listing = await registry.list_tags(repository(server.host), at=AT)
        assert listing.names == {*names}
        assert "the registry fails (500)" in listing.gap

    async def test_a_redirect_that_drops_the_query_gets_it_back(self) -> None:
        """registry.k8s.io (issue 326): every page was the first, called "pages without an end"."""
        place = "/v2/k8s-artifacts-prod/images/app/tags/list"
        moved = {"Location": place}
        link = {"Link": f'<{place}?last=b&n=1000>; rel="next"'}
        async with (
            scripted(
                PING,
                tags("?n=1000", [], status=307, headers=moved),
                Exchange(
                    method="GET", path=f"{place}?n=1000", headers=link, body={"tags": ["a", "b"]}
                ),
                tags("?last=b&n=1000", [], status=307, headers=moved),
                Exchange(method="GET", path=f"{place}?last=b&n=1000", body={"tags": ["c"]}),
            ) as server,
            registry_at(server.url) as registry,
        ):
            listing = await registry.list_tags(repository(server.host), at=AT)
        assert (listing.names, listing.gap) == (frozenset("abc"), "")

    async def test_a_link_that_counts_and_repeats_is_no_whole_list(self) -> None:
        """Artifactory 7.46 names the size as the last tag; other clients ask for ever."""
        link = {"Link": '</v2/app/tags/list?last=1000&n=1000>; rel="next"'}
        names = [f"t{number:04}" for number in range(1000)]
        async with (
            scripted(
                PING,
                tags("?n=1000", names, headers=link),
                tags("?last=1000&n=1000", names, headers=link),
            ) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(HostileAnswerError, match="pages without an end"):
                await registry.list_tags(repository(server.host), at=AT)

    async def test_nexus_names_a_path_that_is_not_served(self) -> None:
        place = "http://{host}/repository/docker-proxy/v2/app/tags/list?n=1000&last=b"
        async with scripted(PING) as server, registry_at(server.url) as registry:
            link = {"Link": f'<{place.format(host=server.host)}>; rel="next"'}
            server.expect(tags("?n=1000", ["a", "b"], headers=link), tags("?n=1000&last=b", ["c"]))
            listing = await registry.list_tags(repository(server.host), at=AT)
        assert listing.names == {"a", "b", "c"}

    async def test_html_is_no_list(self) -> None:
        html = Exchange(
            method="GET",
            path="/v2/app/tags/list?n=1000",
            headers={"Content-Type": "text/html"},
            body="<html>",
        )
        async with scripted(PING, html) as server, registry_at(server.url) as registry:
            with pytest.raises(UnavailableError, match="not what a registry sends"):
                await registry.list_tags(repository(server.host), at=AT)

    async def test_a_missing_repository_is_not_an_empty_one(self) -> None:
        gone = Exchange(
            method="GET",
            path="/v2/app/tags/list?n=1000",
            status=404,
            body={"errors": [{"code": "NAME_UNKNOWN", "message": "<b>no</b>"}]},
        )
        async with scripted(PING, gone) as server, registry_at(server.url) as registry:
            with pytest.raises(NotFoundError, match=r"listing .*404 NAME_UNKNOWN") as caught:
                await registry.list_tags(repository(server.host), at=AT)
            assert caught.value.status == 404


class TestReferrers:
    async def test_the_api_is_used_where_it_is(self) -> None:
        async with (
            scripted(
                PING,
                Exchange(
                    method="GET",
                    path=f"/v2/app/referrers/{DIGEST}",
                    headers={"Content-Type": OCI_INDEX},
                    body=INDEX,
                ),
            ) as server,
            registry_at(server.url) as registry,
        ):
            document = await registry.referrers(repository(server.host), DIGEST)
            assert document is not None
            assert document.raw == INDEX

    async def test_without_it_the_fallback_tag_is_read_and_the_lack_remembered(self) -> None:
        tag = referrers_tag(DIGEST)
        other = digest_of(b"other")
        async with (
            scripted(
                PING,
                Exchange(method="GET", path=f"/v2/app/referrers/{DIGEST}", status=404),
                get(tag, headers={"Content-Type": OCI_INDEX}, body=INDEX),
                get(referrers_tag(other), status=404),
            ) as server,
            registry_at(server.url) as registry,
        ):
            document = await registry.referrers(repository(server.host), DIGEST)
            assert document is not None
            assert document.digest == digest_of(INDEX)
            assert await registry.referrers(repository(server.host), other) is None

    def test_the_fallback_tag_is_cut_and_cleaned(self) -> None:
        assert referrers_tag(DIGEST) == DIGEST.replace(":", "-")
        assert referrers_tag(Digest("sha512:" + "b" * 128)) == "sha512-" + "b" * 64


class TestRepositories:
    async def test_the_catalog_is_paged_and_filtered(self) -> None:
        async with (
            scripted(
                PING,
                Exchange(
                    method="GET",
                    path="/v2/_catalog?n=1000",
                    headers={"Link": "</v2/_catalog?last=shop%2Fapi&n=1000>; rel=next"},
                    body={"repositories": ["other", "shop/api", "shop/../x", "Shop/Y"]},
                ),
                Exchange(
                    method="GET",
                    path="/v2/_catalog?last=shop%2Fapi&n=1000",
                    body={"repositories": ["shop/web"]},
                ),
            ) as server,
            registry_at(server.url) as registry,
        ):
            found = await registry.list_repositories("shop/")
            assert [r.path for r in found] == ["shop/api", "shop/web"]

    @pytest.mark.parametrize("status", [401, 403, 404])
    async def test_a_registry_without_one_is_an_error_not_an_empty_answer(
        self, status: int
    ) -> None:
        async with (
            scripted(
                PING, Exchange(method="GET", path="/v2/_catalog?n=1000", status=status)
            ) as server,
            registry_at(server.url) as registry,
        ):
            with pytest.raises(RegistryError, match="does not list"):
                await registry.list_repositories("shop/")


async def test_a_host_without_v2_is_no_registry() -> None:
    async with (
        scripted(Exchange(method="GET", path="/v2/", status=404)) as server,
        registry_at(server.url) as registry,
    ):
        with pytest.raises(RegistryError, match="there is no registry") as caught:
            await registry.head(repository(server.host), "1")
        assert not isinstance(caught.value, NotFoundError)


async def test_ns_goes_only_to_a_mirror_that_wants_it() -> None:
    async with scripted(PING, head("1?ns=docker.io", headers=GOOD)) as server:
        settings = RegistrySettings(endpoint=server.url, namespace=True)
        async with registries({"docker.io": settings}) as opened:
            hub = opened.of("registry-1.docker.io")
            assert await hub.head(repository("docker.io"), "1")


@pytest.mark.parametrize("reference", ["a/b", "", "x" * 129, "sha256:../../x", "1\n", "1?x=y"])
async def test_only_tags_and_digests_reach_a_url(reference: str) -> None:
    async with scripted() as server, registry_at(server.url) as registry:
        with pytest.raises(RegistryError, match="neither a tag nor a digest"):
            await registry.head(repository(server.host), reference)

"""Challenges answered: tokens, Basic, identity tokens, and where credentials do not go."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from tagwatch.errors import DeniedError, HostileAnswerError, RegistryError
from tagwatch.image.manifest import OCI_MANIFEST
from tests.registry.harness import AT, DIGEST, MANIFEST, registry_at, repository
from tests.registry.scripted import Exchange, Scripted, scripted

SCOPE = "repository:app:pull"
GOOD = {
    "Content-Type": OCI_MANIFEST,
    "Docker-Content-Digest": DIGEST,
    "Content-Length": str(len(MANIFEST)),
}


def bearer(realm: str, **parameters: str) -> dict[str, str]:
    pairs = {"realm": realm, "service": "s", **parameters}
    return {"WWW-Authenticate": "Bearer " + ",".join(f'{k}="{v}"' for k, v in pairs.items())}


def ping(challenge: Mapping[str, str]) -> Exchange:
    return Exchange(method="GET", path="/v2/", status=401, headers=challenge)


def token_path(*scopes: str, account: str = "") -> str:
    query = [("service", "s"), *(("scope", scope) for scope in scopes or (SCOPE,))]
    if account:
        query.append(("account", account))
    return "/token?" + urlencode([*query, ("client_id", "tagwatch")], safe=":,*/")


def token(answer: object, path: str = "", **more: object) -> Exchange:
    body = answer if isinstance(answer, dict) else {"token": answer}
    return Exchange(method="GET", path=path or token_path(), body=body, **more)  # type: ignore[arg-type]  # checked by use


def head(tag: str = "1", path: str = "app", **more: object) -> Exchange:
    return Exchange(method="HEAD", path=f"/v2/{path}/manifests/{tag}", **more)  # type: ignore[arg-type]


def good(value: str, tag: str = "1", path: str = "app") -> Exchange:
    return head(tag, path, headers=GOOD, sends={"Authorization": value})


def login(host: str, **entry: str) -> dict[str, str]:
    if not entry:
        entry = {"auth": base64.b64encode(b"me:hunter2").decode()}
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {host: entry}})}


BASIC = "Basic " + base64.b64encode(b"me:hunter2").decode()


class TestTokens:
    @pytest.mark.parametrize(
        "answer",
        [
            {"token": "t"},
            {"access_token": "t"},
            {"token": "other", "access_token": "t"},
            {"token": "t", "expires_in": 0},
            {"token": "t", "expires_in": -5},
            {"token": "t", "expires_in": None},
            {"token": "t", "expires_in": "300"},
            {"token": "t", "expires_in": "soon"},
            {"token": "t", "expires_in": "nan"},
            {"token": "t", "expires_in": 1e300},
            {"token": "t", "expires_in": 300, "issued_at": "2031-01-09T19:20:49.733138382Z"},
            {"token": "t", "expires_in": 300, "issued_at": "2001-01-09T19:20:49Z"},
        ],
    )
    async def test_one_token_serves_a_repository(self, answer: dict[str, object]) -> None:
        """Whatever the token server's clock says: the local one counts."""
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token(answer, sends={"Authorization": None}),
                good("Bearer t"),
                good("Bearer t", "2"),
            )
            async with registry_at(server.url) as registry:
                for tag in ("1", "2"):
                    assert await registry.head(repository(server.host), tag)
                assert dict(registry.requests) == {"ping": 1, "token": 1, "head": 2}

    async def test_many_at_once_share_one_token_request(self) -> None:
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token("t"),
                *(good("Bearer t", str(n)) for n in range(10)),
            )
            async with registry_at(server.url) as registry:
                app = repository(server.host)
                assert all(await asyncio.gather(*(registry.head(app, str(n)) for n in range(10))))

    async def test_a_token_that_ends_in_the_middle_is_fetched_again_once(self) -> None:
        async with scripted() as server:
            challenge = bearer(f"{server.url}/token", error="invalid_token")
            old = {"Authorization": "Bearer old"}
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token("old"),
                good("Bearer old", "0"),
                *(head(str(n), status=401, headers=challenge, sends=old) for n in range(1, 6)),
                token("new"),
                *(good("Bearer new", str(n)) for n in range(1, 6)),
            )
            async with registry_at(server.url) as registry:
                app = repository(server.host)
                assert await registry.head(app, "0")
                assert all(await asyncio.gather(*(registry.head(app, str(n)) for n in range(1, 6))))
                assert registry.requests["token"] == 2

    async def test_too_small_a_grant_is_denied_after_one_more_try(self) -> None:
        async with scripted() as server:
            challenge = bearer(f"{server.url}/token", scope=SCOPE, error="insufficient_scope")
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token("a"),
                head(status=401, headers=challenge),
                token("b"),
                head(status=401, headers=challenge),
            )
            async with registry_at(server.url) as registry:
                with pytest.raises(DeniedError, match="401"):
                    await registry.head(repository(server.host), "1")

    async def test_the_scope_a_resource_asks_for_comes_first(self) -> None:
        asked = "repository:ns/app:pull,metadata_read"
        async with scripted() as server:
            challenge = bearer(f"{server.url}/token", scope=asked)
            server.expect(
                Exchange(method="GET", path="/v2/"),
                head(status=401, headers=challenge),
                token("t", token_path(asked, SCOPE)),
                good("Bearer t"),
            )
            async with registry_at(server.url) as registry:
                assert await registry.head(repository(server.host), "1")

    @pytest.mark.parametrize("scope", ["aws", "*"])
    async def test_a_scope_of_another_form_means_the_registry(self, scope: str) -> None:
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token", scope=scope)),
                token("t", token_path(scope)),
                good("Bearer t"),
                good("Bearer t", path="other"),
            )
            async with registry_at(server.url) as registry:
                assert await registry.head(repository(server.host), "1")
                assert await registry.head(repository(server.host, "other"), "1")
                assert registry.requests["token"] == 1

    async def test_a_401_without_challenge_uses_the_last_one(self) -> None:
        """Seen at gcr.io."""
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token("old"),
                head(status=401),
                token("new"),
                good("Bearer new"),
            )
            async with registry_at(server.url) as registry:
                assert await registry.head(repository(server.host), "1")

    async def test_a_relative_realm_and_a_realm_with_a_query(self) -> None:
        async with scripted() as server:
            path = token_path().replace("?", "?a=b&")
            server.expect(ping(bearer("/token?a=b")), token("t", path), good("Bearer t"))
            async with registry_at(server.url) as registry:
                assert await registry.head(repository(server.host), "1")

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            ({}, "holds no token"),
            ({"token": "a\r\nX-Evil: 1"}, "holds no token"),
            ({"token": "a b"}, "holds no token"),
            ({"token": ""}, "holds no token"),
            ({"token": 5}, "not what a registry sends"),
        ],
    )
    async def test_answers_without_a_token(self, answer: dict[str, object], error: str) -> None:
        async with scripted() as server:
            server.expect(ping(bearer(f"{server.url}/token")), token(answer))
            async with registry_at(server.url) as registry:
                with pytest.raises(RegistryError, match=error):
                    await registry.head(repository(server.host), "1")

    async def test_a_huge_token_body_is_refused(self) -> None:
        async with scripted() as server:
            server.expect(ping(bearer(f"{server.url}/token")), token("x" * 70_000))
            async with registry_at(server.url) as registry:
                with pytest.raises(HostileAnswerError, match="larger than 65536"):
                    await registry.head(repository(server.host), "1")

    async def test_a_token_server_that_redirects_is_not_followed(self) -> None:
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token({}, status=307, headers={"Location": f"{server.url}/other"}),
            )
            async with registry_at(server.url) as registry:
                with pytest.raises(RegistryError, match=r"refused \(307"):
                    await registry.head(repository(server.host), "1")

    async def test_a_refused_credential_is_told_with_its_place(self) -> None:
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token({}, token_path(account="me"), status=401, sends={"Authorization": BASIC}),
                token({}, status=401, sends={"Authorization": None}),
            )
            async with registry_at(server.url, environment=login(server.host)) as registry:
                with pytest.raises(DeniedError) as caught:
                    await registry.head(repository(server.host), "1")
        assert "DOCKER_AUTH_CONFIG" in caught.value.hint
        assert "hunter2" not in str(caught.value) + caught.value.hint


class TestStaleLogins:
    """A login that is refused never hides what everybody may read, and is sent once."""

    async def test_many_at_once_are_read_by_one_token_without_it(self) -> None:
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token({}, token_path(account="me"), status=401, sends={"Authorization": BASIC}),
                token("t", sends={"Authorization": None}),
                *(good("Bearer t", str(n)) for n in range(10)),
                Exchange(method="GET", path="/v2/app/tags/list?n=1000", body={"tags": ["1"]}),
            )
            async with registry_at(server.url, environment=login(server.host)) as registry:
                app = repository(server.host)
                assert all(await asyncio.gather(*(registry.head(app, str(n)) for n in range(10))))
                listing = await registry.list_tags(app, at=AT)
        (remark,) = listing.warnings
        assert remark == (
            f"the login from DOCKER_AUTH_CONFIG ({server.host}) is refused: it was read without one"
        )

    async def test_what_is_private_is_denied_with_the_login_to_renew(self) -> None:
        async with scripted() as server:
            challenge = bearer(f"{server.url}/token", scope=SCOPE, error="insufficient_scope")
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token({}, token_path(account="me"), status=401),
                token("a"),
                head(status=401, headers=challenge),
                token("b"),
                head(status=401, headers=challenge),
            )
            error = await denied(server, ask="head")
        assert "refuses the credential from DOCKER_AUTH_CONFIG" in error.hint

    async def test_a_registry_that_takes_the_login_itself_is_asked_without_it(self) -> None:
        async with scripted() as server:
            challenge = {"WWW-Authenticate": 'Basic realm="x"'}
            server.expect(
                ping(challenge),
                head(status=401, headers=challenge, sends={"Authorization": BASIC}),
                head(headers=GOOD, sends={"Authorization": None}),
                head("2", headers=GOOD, sends={"Authorization": None}),
                head("1", "private", status=401, sends={"Authorization": BASIC}),
                head("1", "private", status=401, sends={"Authorization": None}),
                head("2", "private", status=401, sends={"Authorization": BASIC}),
            )
            async with registry_at(server.url, environment=login(server.host)) as registry:
                for tag in ("1", "2"):
                    assert await registry.head(repository(server.host), tag)
                    with pytest.raises(DeniedError, match="401"):
                        await registry.head(repository(server.host, "private"), tag)


class TestChallenges:
    async def test_a_challenge_that_names_another_realm_is_its_repositorys_alone(self) -> None:
        """nvcr.io, 2026: one expired token denied every other repository for the rest of a run."""
        async with scripted() as server:
            first, other = bearer(f"{server.url}/token"), bearer(f"{server.url}/authn")
            scope = {name: token_path(f"repository:{name}:pull") for name in ("gone", "one", "two")}
            authn = scope["gone"].replace("/token", "/authn")
            server.expect(
                ping(first),
                token("1", scope["one"]),
                good("Bearer 1", path="one"),
                token("g", scope["gone"]),
                head(path="gone", status=401, headers=other, sends={"Authorization": "Bearer g"}),
                token({}, authn, status=403),
                token("2", scope["two"]),
                good("Bearer 2", path="two"),
                head("2", "one", headers=GOOD, sends={"Authorization": "Bearer 1"}),
            )
            async with registry_at(server.url) as registry:
                assert await registry.head(repository(server.host, "one"), "1")
                with pytest.raises(DeniedError):
                    await registry.head(repository(server.host, "gone"), "1")
                assert await registry.head(repository(server.host, "two"), "1")
                assert await registry.head(repository(server.host, "one"), "2")

    async def test_another_realm_is_answered_and_remembered_for_its_repository(self) -> None:
        async with scripted() as server:
            first, other = bearer(f"{server.url}/token"), bearer(f"{server.url}/authn")
            server.expect(
                ping(first),
                token("a"),
                head(status=401, headers=other, sends={"Authorization": "Bearer a"}),
                token("b", token_path().replace("/token", "/authn")),
                good("Bearer b"),
                good("Bearer b", "2"),
            )
            async with registry_at(server.url) as registry:
                for tag in ("1", "2"):
                    assert await registry.head(repository(server.host), tag)

    async def test_where_the_ping_names_none_a_repository_is_asked_for_its_own(self) -> None:
        """What another repository's answer named is tried, and its refusal decides nothing."""
        async with scripted() as server:
            own, other = bearer(f"{server.url}/token"), bearer(f"{server.url}/authn")
            gone, two = (token_path(f"repository:{name}:pull") for name in ("gone", "two"))
            server.expect(
                Exchange(method="GET", path="/v2/"),
                head(path="gone", status=401, headers=other),
                token({}, gone.replace("/token", "/authn"), status=403),
                token({}, two.replace("/token", "/authn"), status=403),
                head(path="two", status=401, headers=own, sends={"Authorization": None}),
                token("2", two),
                good("Bearer 2", path="two"),
            )
            async with registry_at(server.url) as registry:
                with pytest.raises(DeniedError):
                    await registry.head(repository(server.host, "gone"), "1")
                assert await registry.head(repository(server.host, "two"), "1")

    async def test_no_credential_goes_to_the_other_realm(self) -> None:
        async with scripted() as thief, scripted() as server:
            thief.expect(token({}, status=403, sends={"Authorization": None}))
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token("t", token_path(account="me"), sends={"Authorization": BASIC}),
                head(status=401, headers=bearer(f"{thief.url}/token")),
            )
            async with registry_at(
                server.url, environment=login(server.host), redirect_hosts=(thief.host,)
            ) as registry:
                with pytest.raises(DeniedError, match="403"):
                    await registry.head(repository(server.host), "1")


class TestCredentials:
    async def test_basic_goes_to_the_registry(self) -> None:
        async with scripted() as server:
            server.expect(ping({"WWW-Authenticate": 'Basic realm="x"'}), good(BASIC))
            async with registry_at(server.url, environment=login(server.host)) as registry:
                assert await registry.head(repository(server.host), "1")

    async def test_basic_without_a_credential_is_denied(self) -> None:
        async with scripted() as server:
            challenge = {"WWW-Authenticate": 'Basic realm="x"'}
            server.expect(ping(challenge), head(status=401, headers=challenge))
            async with registry_at(server.url) as registry:
                with pytest.raises(DeniedError) as caught:
                    await registry.head(repository(server.host), "1")
                assert "no credential is known" in caught.value.hint

    async def test_a_password_goes_to_the_token_server_and_the_token_to_the_registry(self) -> None:
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token("t", token_path(account="me"), sends={"Authorization": BASIC}),
                good("Bearer t"),
            )
            async with registry_at(server.url, environment=login(server.host)) as registry:
                assert await registry.head(repository(server.host), "1")

    async def test_an_identity_token_is_posted(self) -> None:
        form = {
            "grant_type": "refresh_token",
            "service": "s",
            "client_id": "tagwatch",
            "scope": SCOPE,
            "refresh_token": "refresh",
        }
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                Exchange(
                    method="POST",
                    path="/token",
                    form=form,
                    body={"access_token": "t"},
                    sends={"Authorization": None},
                ),
                good("Bearer t"),
            )
            environment = login(server.host, identitytoken="refresh")
            async with registry_at(server.url, environment=environment) as registry:
                assert await registry.head(repository(server.host), "1")

    @pytest.mark.parametrize("status", [404, 405])
    async def test_a_server_without_oauth2_is_asked_by_get(self, status: int) -> None:
        value = "Basic " + base64.b64encode(b"me:refresh").decode()
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                Exchange(method="POST", path="/token", status=status),
                token("t", token_path(account="me"), sends={"Authorization": value}),
                good("Bearer t"),
            )
            environment = login(server.host, username="me", identitytoken="refresh")
            async with registry_at(server.url, environment=environment) as registry:
                assert await registry.head(repository(server.host), "1")

    async def test_an_identity_token_is_never_sent_to_a_registry(self) -> None:
        async with scripted() as server:
            challenge = {"WWW-Authenticate": 'Basic realm="x"'}
            server.expect(
                ping(challenge),
                head(status=401, headers=challenge, sends={"Authorization": None}),
            )
            environment = login(server.host, username="me", identitytoken="refresh")
            async with registry_at(server.url, environment=environment) as registry:
                with pytest.raises(DeniedError):
                    await registry.head(repository(server.host), "1")

    async def test_a_registry_token_is_sent_as_it_is(self) -> None:
        async with scripted() as server:
            server.expect(ping(bearer(f"{server.url}/token")), good("Bearer ready"))
            environment = login(server.host, registrytoken="ready")
            async with registry_at(server.url, environment=environment) as registry:
                assert await registry.head(repository(server.host), "1")

    async def test_a_credential_is_sent_only_when_asked_for(self) -> None:
        async with (
            scripted(
                Exchange(method="GET", path="/v2/", sends={"Authorization": None}),
                head(headers=GOOD, sends={"Authorization": None}),
            ) as server,
            registry_at(server.url, environment=login(server.host)) as registry,
        ):
            assert await registry.head(repository(server.host), "1")

    async def test_path_scoped_credentials_have_tokens_of_their_own(self) -> None:
        """A cache that did not know whose token it kept let one use another's (artifact-keeper)."""
        async with scripted() as server:
            one, two = (base64.b64encode(f"{n}:p".encode()).decode() for n in ("one", "two"))
            auths = {f"{server.host}/a": {"auth": one}, f"{server.host}/b": {"auth": two}}
            scope = "repository:{}/app:pull"
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token("A", token_path(scope.format("a"), account="one")),
                good("Bearer A", path="a/app"),
                token("B", token_path(scope.format("b"), account="two")),
                good("Bearer B", path="b/app"),
                token("C", token_path(scope.format("c")), sends={"Authorization": None}),
                good("Bearer C", path="c/app"),
            )
            environment = {"DOCKER_AUTH_CONFIG": json.dumps({"auths": auths})}
            async with registry_at(server.url, environment=environment) as registry:
                for path in ("a/app", "b/app", "c/app"):
                    assert await registry.head(repository(server.host, path), "1")

    async def test_a_catalog_needs_a_scope_of_its_own(self) -> None:
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token("t", token_path("registry:catalog:*")),
                Exchange(
                    method="GET",
                    path="/v2/_catalog?n=1000",
                    body={"repositories": ["app"]},
                    sends={"Authorization": "Bearer t"},
                ),
            )
            async with registry_at(server.url) as registry:
                assert len(await registry.list_repositories("")) == 1

    async def test_anonymous_means_no_credential_at_all(self) -> None:
        async with scripted() as server:
            server.expect(
                ping(bearer(f"{server.url}/token")),
                token("t", sends={"Authorization": None}),
                good("Bearer t"),
            )
            async with registry_at(
                server.url, environment=login(server.host), credential="anonymous"
            ) as registry:
                assert await registry.head(repository(server.host), "1")


async def denied(server: Scripted, *, ask: str = "list", **settings: Any) -> RegistryError:
    async with registry_at(server.url, environment=login(server.host), **settings) as registry:
        with pytest.raises(RegistryError) as caught:
            if ask == "head":
                await registry.head(repository(server.host), "1")
            await registry.list_tags(repository(server.host), at=AT)
        return caught.value


class TestForeignTokenServers:
    """CVE-2026-48978, CVE-2026-33540: a realm is text that a server chose."""

    @pytest.mark.parametrize(
        "realm",
        [
            "https://127.0.0.1:1/token",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/token",
            "https://localhost:1/token",
            "https://2130706433/token",
            "http://auth.example/token",
            "http://127.0.0.1:1/token",
            "https://user:pass@auth.example/token",
            "not a url",
            "",
            "https://",
        ],
    )
    async def test_no_realm_leads_to_a_private_place_or_plain_http(self, realm: str) -> None:
        async with scripted(ping(bearer(realm))) as server:
            error = await denied(server)
            assert isinstance(error, HostileAnswerError)
            assert "hunter2" not in str(error) + error.hint

    async def test_another_port_of_the_same_host_is_another_place(self) -> None:
        async with scripted() as thief, scripted(ping(bearer(f"{thief.url}/token"))) as server:
            assert isinstance(await denied(server), HostileAnswerError)
            assert thief.seen == []

    async def test_a_token_server_that_the_operator_named_gets_the_credential(self) -> None:
        async with scripted() as auth, scripted() as server:
            auth.expect(
                token("t", token_path(account="me"), sends={"Authorization": BASIC}),
            )
            server.expect(ping(bearer(f"{auth.url}/token")), good("Bearer t"))
            async with registry_at(
                server.url, environment=login(server.host), token_hosts=(auth.host,)
            ) as registry:
                assert await registry.head(repository(server.host), "1")

    async def test_a_place_named_for_storage_is_asked_for_tokens_without_credentials(self) -> None:
        async with scripted() as auth, scripted() as server:
            auth.expect(token("t", sends={"Authorization": None}))
            server.expect(ping(bearer(f"{auth.url}/token")), good("Bearer t"))
            async with registry_at(
                server.url, environment=login(server.host), redirect_hosts=(auth.host,)
            ) as registry:
                assert await registry.head(repository(server.host), "1")

    async def test_a_denial_says_that_the_credential_was_withheld(self) -> None:
        async with scripted() as auth, scripted() as server:
            auth.expect(token({}, status=403, sends={"Authorization": None}))
            server.expect(ping(bearer(f"{auth.url}/token")))
            error = await denied(server, redirect_hosts=(auth.host,))
            assert isinstance(error, DeniedError)
            assert f"credentials were not sent to {auth.host!r}" in error.hint
            assert "token_hosts" in error.hint

    async def test_a_refresh_token_is_not_posted_elsewhere(self) -> None:
        async with scripted() as auth, scripted() as server:
            auth.expect(token({}, status=403))
            server.expect(ping(bearer(f"{auth.url}/token")))
            environment = login(server.host, identitytoken="refresh")
            async with registry_at(
                server.url, environment=environment, redirect_hosts=(auth.host,)
            ) as registry:
                with pytest.raises(DeniedError):
                    await registry.head(repository(server.host), "1")
            assert all(b"refresh" not in seen.body for seen in auth.seen)


class TestVanityDomains:
    """docker.getoutline.com (2026), lscr.io (2024): every path leads to a registry with tokens."""

    async def test_the_registry_behind_a_redirect_gives_a_token_to_everybody(self) -> None:
        async with scripted() as behind, scripted() as server:
            moved = {"Location": f"{behind.url}/v2/"}
            scope = "repository:there/app:pull"
            challenge = bearer(f"{behind.url}/token", scope=scope)
            server.expect(
                Exchange(method="GET", path="/v2/", status=307, headers=moved, sends=ANONYMOUS),
                *(head(tag, status=307, headers=there(behind, tag), times=0) for tag in "123"),
            )
            behind.expect(
                Exchange(method="GET", path="/v2/", status=401, headers=challenge),
                head("1", "there/app", status=401, headers=challenge, sends=ANONYMOUS),
                token("t", token_path(scope), sends=ANONYMOUS),
                good("Bearer t", path="there/app"),
                good("Bearer t", "2", path="there/app"),
                head("3", "there/app", status=401, headers=challenge),
                token("u", token_path(scope), sends=ANONYMOUS),
                good("Bearer u", "3", path="there/app"),
            )
            logins = {**login(server.host)}
            async with registry_at(
                server.url, environment=logins, redirect_hosts=(behind.host,)
            ) as registry:
                for tag in "123":
                    assert await registry.head(repository(server.host), tag)
            sent = [seen.headers.get("Authorization") for seen in (*server.seen, *behind.seen)]
            assert {*sent} == {None, "Bearer t", "Bearer u"}
            assert all("Authorization" not in seen.headers for seen in server.seen)

    async def test_what_is_private_there_says_which_registry_to_name(self) -> None:
        async with scripted() as behind, scripted() as server:
            challenge = bearer(f"{behind.url}/token", scope=SCOPE)
            server.expect(
                Exchange(method="GET", path="/v2/"),
                head(status=307, headers=there(behind), times=2),
            )
            behind.expect(
                head("1", "there/app", status=401, headers=challenge, times=2),
                token("t"),
            )
            logins = login(server.host)
            async with registry_at(
                server.url, environment=logins, redirect_hosts=(behind.host,)
            ) as registry:
                with pytest.raises(DeniedError) as caught:
                    await registry.head(repository(server.host), "1")
        assert f"on to {behind.host!r}, without a login" in caught.value.hint

    async def test_a_token_of_one_place_is_not_sent_to_the_next(self) -> None:
        """The registry behind may send on as well: nothing goes there."""
        async with scripted() as last, scripted() as behind, scripted() as server:
            challenge = bearer(f"{behind.url}/token", scope=SCOPE)
            server.expect(
                Exchange(method="GET", path="/v2/"),
                head(status=307, headers=there(behind), times=2),
            )
            behind.expect(
                head("1", "there/app", status=401, headers=challenge),
                token("t"),
                head("1", "there/app", status=307, headers=there(last)),
            )
            last.expect(head("1", "there/app", headers=GOOD, sends=ANONYMOUS))
            async with registry_at(server.url, redirect_hosts=(behind.host, last.host)) as registry:
                assert await registry.head(repository(server.host), "1")

    async def test_no_token_is_asked_for_at_a_private_place(self) -> None:
        async with scripted() as thief, scripted() as behind, scripted() as server:
            server.expect(
                Exchange(method="GET", path="/v2/"), head(status=307, headers=there(behind))
            )
            behind.expect(head("1", "there/app", status=401, headers=bearer(f"{thief.url}/token")))
            async with registry_at(server.url, redirect_hosts=(behind.host,)) as registry:
                with pytest.raises(HostileAnswerError):
                    await registry.head(repository(server.host), "1")
            assert thief.seen == []


def there(server: Scripted, tag: str = "1") -> dict[str, str]:
    return {"Location": f"{server.url}/v2/there/app/manifests/{tag}"}


ANONYMOUS: dict[str, str | None] = {"Authorization": None}

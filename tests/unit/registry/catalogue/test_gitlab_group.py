"""`registry.gitlab.com/group/*`: what is below a group or a project, for who may ask."""

from __future__ import annotations

import pytest

from tagwatch.errors import DeniedError, NotFoundError, RegistryError
from tests.registry.doubles.gitlab import GitlabDouble
from tests.registry.doubles.warehouse import PASSWORD
from tests.registry.harness import registry_at
from tests.registry.scripted import Exchange, scripted
from tests.unit.registry.catalogue.kinds import client_of, login

IMAGES = ("group/app", "group/sub/web", "group/sub/web/nginx", "group/tools/a", "other/app")


@pytest.fixture
def double() -> GitlabDouble:
    made = GitlabDouble()
    made.tokened = True
    made.access_tokens = {PASSWORD}
    made.groups = {"group", "group/sub"}
    made.projects = {"group/sub/web"}
    for path in IMAGES:
        made.warehouse.push(path, "1")
    return made


@pytest.mark.parametrize(
    ("prefix", "expected", "requests"),
    [
        ("group/", IMAGES[:4], 2),
        ("group/sub/", IMAGES[1:3], 1),
        ("group/sub/web/", IMAGES[2:3], 2),  # no group: asked as a project
    ],
)
async def test_what_is_below_a_prefix(
    double: GitlabDouble, prefix: str, expected: tuple[str, ...], requests: int
) -> None:
    async with (
        double.serving(),
        client_of(double, environment=login(double.host)) as client,
    ):
        found = await client.list_repositories(prefix)
    assert tuple(one.path for one in found) == expected
    assert double.counts["catalogue"] == requests


async def test_without_a_login_it_says_what_it_takes(double: GitlabDouble) -> None:
    async with double.serving(), client_of(double) as client:
        with pytest.raises(DeniedError, match="wants an access token") as caught:
            await client.list_repositories("group/")
    assert "read_api" in caught.value.hint
    assert "catalogue" not in double.counts


async def test_a_token_that_may_only_pull_is_told(double: GitlabDouble) -> None:
    double.access_tokens = set()
    async with double.serving(), client_of(double, environment=login(double.host)) as client:
        with pytest.raises(DeniedError, match="403") as caught:
            await client.list_repositories("group/")
    assert "read_api" in caught.value.hint
    assert PASSWORD not in f"{caught.value.message}{caught.value.hint}"


async def test_a_group_that_is_not_there(double: GitlabDouble) -> None:
    async with double.serving(), client_of(double, environment=login(double.host)) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.list_repositories("nowhere/")
    assert "read_api" in caught.value.hint


async def test_the_token_goes_to_no_api_that_the_registry_names(double: GitlabDouble) -> None:
    """A challenge with another host's realm: no API is known, and nothing is sent there."""
    challenge = 'Bearer realm="https://evil.example/jwt/auth",service="container_registry"'
    ping = Exchange(method="GET", path="/v2/", status=401, headers={"WWW-Authenticate": challenge})
    async with scripted(ping) as server:
        environment = login(server.host)
        async with registry_at(server.url, kind="gitlab", environment=environment) as client:
            with pytest.raises(RegistryError, match="not known where the API is") as caught:
                await client.list_repositories("group/")
    assert "catalogue_endpoint" in caught.value.hint

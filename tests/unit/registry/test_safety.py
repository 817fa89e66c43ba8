"""Which addresses are public, what an origin is, where a boundary lets a request go."""

from __future__ import annotations

from typing import Any

import pytest
from yarl import URL

from tagwatch.errors import ConfigError, HostileAnswerError, UnavailableError
from tagwatch.registry.request.safety import (
    Boundary,
    GuardedResolver,
    Origin,
    PrivateAddressError,
    is_link_local,
    is_public_address,
    origin_of,
    parse_origins,
)
from tests.hostile.promise import promised

PRIVATE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "240.0.0.1",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1",
    "::127.0.0.1", "::a9fe:a9fe", "::ffff:0:127.0.0.1", "::ffff:0:a9fe:a9fe", "fec0::1", "5f00::1",
    "3fff::1", "2001:0:1::1", "100::1", "192.0.0.8", "192.0.0.170", "4000::1",
    "64:ff9b:1::1", "127.1", "2130706433", "", "name", "2002:7f00:1::", "2002:a00:1::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_in_all_their_forms(address: str) -> None:
    assert not is_public_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Ghcr.IO/v2/", ("https", "ghcr.io", 443)),
        ("https://ghcr.io.:443", ("https", "ghcr.io", 443)),
        ("http://h:5000/x", ("http", "h", 5000)),
        ("https://[::1]:5000", ("https", "::1", 5000)),
        ("https://ghcr.io@evil.example", ("https", "evil.example", 443)),
    ],
)
def test_origins(text: str, origin: tuple[str, str, int]) -> None:
    assert origin_of(URL(text)) == Origin(*origin)


BOUNDARY = Boundary(
    home=frozenset({Origin("http", "127.0.0.1", 5000)}),
    token_servers=frozenset({Origin("https", "auth.example", 443)}),
    redirects=frozenset({Origin("https", "10.0.0.9", 9000)}),
)


@pytest.mark.parametrize(
    ("url", "guarded", "credentials"),
    [
        ("http://127.0.0.1:5000/v2/", False, True),
        ("https://auth.example/token", False, True),
        ("https://10.0.0.9:9000/bucket", False, False),
        ("https://cdn.example/x", True, False),
        ("https://auth.example:8443/token", True, False),
        ("https://8.8.8.8/x", True, False),
    ],
)
def test_a_boundary_permits(url: str, guarded: bool, credentials: bool) -> None:
    assert BOUNDARY.permit(URL(url)) == (guarded, credentials)


@promised(
    "a registry", "redirects and token servers on other hosts, private or link-local",
    "nothing is sent there",
)  # fmt: skip
@pytest.mark.parametrize(
    "url",
    [
        "http://auth.example/token",
        "http://cdn.example/x",
        "https://127.0.0.1:5000/v2/",
        "http://127.0.0.1:5001/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[fe80::1]/",
        "ftp://cdn.example/x",
        "/relative",
        "https://10.0.0.9/",
        "https://2130706433/",
        "https://127.1/",
        "https://0177.0.0.1/",
    ],
)
def test_a_boundary_refuses(url: str) -> None:
    with pytest.raises(HostileAnswerError) as caught:
        BOUNDARY.permit(URL(url))
    assert caught.value.hint


LINK_LOCAL = [
    "169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "2852039166", "169.254.43518", "fd00:ec2::254", "100.100.100.200",
]  # fmt: skip


@pytest.mark.parametrize("address", LINK_LOCAL)
def test_link_local_addresses_in_all_their_forms(address: str) -> None:
    assert is_link_local(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "8.8.8.8", "::1", "a.example", ""])
def test_others_are_not_link_local(address: str) -> None:
    assert not is_link_local(address)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "https://[fe80::1]/", "https://2852039166:5000/v2/"]
)
@pytest.mark.parametrize("named", ["home", "token_servers", "redirects"])
def test_nobody_may_name_a_link_local_address(url: str, named: str) -> None:
    origins: dict[str, Any] = {"home": frozenset(), named: frozenset({origin_of(URL(url))})}
    with pytest.raises(UnavailableError, match="link-local"):
        Boundary(**origins).permit(URL(url))


def test_a_registry_that_only_a_stranger_names_must_be_public() -> None:
    for host, is_refused in (("127.0.0.1", True), ("8.8.8.8", False), ("a.example", False)):
        url = URL(f"https://{host}/v2/")
        boundary = Boundary(home=frozenset({origin_of(url)}), public_only=True)
        if is_refused:
            with pytest.raises(UnavailableError, match="no public address"):
                boundary.permit(url)
        else:
            passage = boundary.permit(url)
            assert (passage.guarded, passage.credentials) == (True, True)


async def test_a_name_at_a_link_local_address_is_not_resolved() -> None:
    """Not even where private addresses are meant; the hexadecimal spelling is a name to parsers."""
    resolver = GuardedResolver(private=True)
    try:
        with pytest.raises(PrivateAddressError, match="link-local"):
            await resolver.resolve("0xa9fea9fe", 80)
        assert await resolver.resolve("localhost", 80)
    finally:
        await resolver.close()


def test_token_hosts_take_the_scheme_of_their_registry() -> None:
    https = {Origin("https", "a", 443)}
    assert parse_origins(("a",), insecure=False) == https
    assert parse_origins(("a",), insecure=True) == https | {Origin("http", "a", 80)}
    assert parse_origins(("http://a:81",), insecure=False) == {Origin("http", "a", 81)}


@pytest.mark.parametrize("text", ["", "ftp://a", "a:b:c", "https://", "a:99999"])
def test_what_is_no_host_is_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError, match="not a host"):
        parse_origins((text,), insecure=False)


async def test_a_name_at_a_private_address_is_not_resolved() -> None:
    resolver = GuardedResolver(exempt=frozenset({("localhost", 3128)}))
    try:
        with pytest.raises(PrivateAddressError):
            await resolver.resolve("localhost", 443)
        # a hexadecimal spelling of 127.0.0.1 is a name to every URL parser
        with pytest.raises(PrivateAddressError):
            await resolver.resolve("0x7f000001", 443)
        assert await resolver.resolve("localhost", 3128)
    finally:
        await resolver.close()

"""Which proxy a connection takes, as curl reads the environment."""

from __future__ import annotations

import pytest

from tagwatch.errors import ConfigError
from tagwatch.proxy import proxies_of, proxy_for

PROXY = "http://proxy.example:3128"
ENVIRONMENT = {
    "HTTPS_PROXY": PROXY,
    "http_proxy": "plain.example:8080",
    "NO_PROXY": "intern.example,10.0.0.5,host.example:5000",
}


@pytest.mark.parametrize(
    ("scheme", "host", "port", "proxy"),
    [
        ("https", "hooks.slack.com", 443, PROXY),
        ("http", "hub.example", 80, "http://plain.example:8080"),
        ("https", "a.intern.example", 443, None),
        ("https", "intern.example", 443, None),
        ("https", "notintern.example", 443, PROXY),
        ("https", "10.0.0.5", 443, None),
        ("https", "host.example", 5000, None),
        ("https", "host.example", 443, PROXY),
        ("http", "localhost", 80, None),
        ("http", "127.0.0.2", 80, None),
        ("https", "::1", 443, None),
    ],
)
def test_who_is_reached_how(scheme: str, host: str, port: int, proxy: str | None) -> None:
    assert proxy_for(scheme, host, port, proxies_of(ENVIRONMENT)) == proxy


def test_no_proxy_of_everything() -> None:
    found = proxies_of({"HTTPS_PROXY": PROXY, "no_proxy": "*"})
    assert proxy_for("https", "hooks.slack.com", 443, found) is None
    assert proxy_for("https", "hooks.slack.com", 443, proxies_of({})) is None


@pytest.mark.parametrize("text", ["socks5://h:1", "http://", "http://h:x", "http://[::1"])
def test_what_is_no_http_proxy(text: str) -> None:
    with pytest.raises(ConfigError, match="not the URL"):
        proxies_of({"HTTPS_PROXY": text})

"""The `WWW-Authenticate` grammar (RFC 7235 sections 2.1 and 4.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tagwatch.value import dataclass, field

__all__ = ["Challenge", "best_challenge", "parse_challenges"]

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"[\s,]*({_NAME})(?=\s|,|$)", re.ASCII)
# An unquoted value should be a token; realms have been seen unquoted, with ':' and '/' in them.
_PARAMETER = re.compile(
    rf'[\s,]*({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))(?=\s|,|$)', re.ASCII | re.DOTALL
)
_TOKEN68 = re.compile(r"\s+([A-Za-z0-9._~+/-]+=*)\s*(?=,|$)", re.ASCII)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MAX_LENGTH = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One offered way to authenticate: scheme and parameter names in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """The URL of the token server for Bearer, free text for Basic."""
        return self.parameters.get("realm", "")

    @property
    def service(self) -> str:
        """The name that the token server knows the registry by."""
        return self.parameters.get("service", "")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that were asked for."""
        return tuple(self.parameters.get("scope", "").split())


def parse_challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """Every challenge of the header's values: several may stand in one, commas in quotes.

    What follows a breach of the grammar is not read.

    >>> [c.scheme for c in parse_challenges(['Bearer realm="a,b",scope="x", Basic realm=c'])]
    ['bearer', 'basic']
    """
    return tuple(challenge for value in values for challenge in _parse(value[:_MAX_LENGTH]))


def best_challenge(challenges: Iterable[Challenge]) -> Challenge | None:
    """Bearer before Basic; None where neither is offered."""
    by_scheme = {challenge.scheme: challenge for challenge in reversed(tuple(challenges))}
    return by_scheme.get("bearer") or by_scheme.get("basic")


def _parse(value: str) -> list[Challenge]:
    challenges: list[Challenge] = []
    position = 0
    while (scheme := _SCHEME.match(value, position)) is not None:
        position = scheme.end()
        parameters: dict[str, str] = {}
        token68 = _TOKEN68.match(value, position)
        if token68 is not None:
            position = token68.end()
        else:
            while (parameter := _PARAMETER.match(value, position)) is not None:
                position = parameter.end()
                quoted = parameter[2]
                text = parameter[3] if quoted is None else _ESCAPE.sub(r"\1", quoted)
                parameters.setdefault(parameter[1].lower(), text)
        challenges.append(Challenge(scheme=scheme[1].lower(), parameters=parameters))
    return challenges

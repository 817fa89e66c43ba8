"""Typed decoding of what registries send; nothing is believed that does not fit."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from tagwatch.errors import UnavailableError
from tagwatch.registry.request.transport import Answer

__all__ = [
    "RefreshToken",
    "RepositoryList",
    "TagList",
    "TokenAnswer",
    "decode",
    "foreign_answer",
    "is_html",
]

T = TypeVar("T")


class TagList(msgspec.Struct):
    """`tags/list` (distribution-spec, "Content Discovery"). Nexus sends null entries."""

    tags: list[str | None] | None = None


class RepositoryList(msgspec.Struct):
    """`_catalog` (CNCF distribution)."""

    repositories: list[str | None] | None = None


class TokenAnswer(msgspec.Struct):
    """A token server's answer (distribution, "Token Authentication Specification")."""

    token: str | None = None
    access_token: str | None = None
    expires_in: float | str | None = None

    @property
    def seconds(self) -> float:
        """How long it lasts; 0 where that is not said, or makes no sense."""
        try:
            return max(0.0, float(self.expires_in or 0))
        except ValueError:
            return 0.0


class RefreshToken(msgspec.Struct):
    """What Azure's `/oauth2/exchange` answers."""

    refresh_token: str


def decode(answer: Answer, kind: type[T], *, host: str, doing: str) -> T:
    """The JSON of an answer as `kind`. Raises `UnavailableError` for HTML and the like."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise foreign_answer(answer, host=host, doing=doing) from error


def is_html(answer: Answer) -> bool:
    """True for a web page, which no registry's API sends."""
    return "html" in answer.media_type


def foreign_answer(answer: Answer, *, host: str, doing: str) -> UnavailableError:
    """The error for an answer that no registry gives, such as a login page with status 200."""
    shown = "HTML" if is_html(answer) else "something else"
    return UnavailableError(
        f"{host}: {doing}: the answer is not what a registry sends, but {shown}",
        hint="check the endpoint; a proxy's or login page answers like this",
        status=answer.status,
    )

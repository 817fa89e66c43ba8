"""What a registry's webhook says, and how the readers of each kind take its JSON apart.

A payload is a hint, written by a stranger: it names a repository, which the registry itself is then
asked about. No address in it is called, and a value of the wrong type counts as missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tagwatch.image.digest import is_digest
from tagwatch.value import dataclass

__all__ = ["Notice", "Read", "cloud_event", "tag_or_none", "text_at", "value_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A repository in which something was pushed or deleted."""

    path: str
    """Its name below the registry's host."""
    tag: str = ""
    """The tag, where the payload names one."""
    host: str = ""
    """The registry, where the payload names it as references do; else the configuration says it."""
    within: str = ""
    """The product's own repository that holds the image (JFrog, Nexus)."""
    event: str = ""
    """The delivery's own name; the same one may come twice."""


Read = Callable[[Mapping[str, str], Any], "tuple[Notice, ...] | None"]
"""Return the notices of one delivery, from its headers (names in lower case) and its JSON.

Empty: a pull, a ping or another event that is no news of an image. None: nothing that this kind of
registry sends.
"""


def value_at(value: Any, *keys: str) -> Any:
    """Return the value at these keys of nested mappings; None where there is none."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text_at(value: Any, *keys: str) -> str:
    """Return the text at these keys of nested mappings; empty where there is none."""
    found = value_at(value, *keys)
    return found if isinstance(found, str) else ""


def tag_or_none(text: str) -> str:
    """Return `text`, or nothing where it is a digest: what products send for a child manifest."""
    return "" if is_digest(text) else text


def cloud_event(headers: Mapping[str, str], payload: Any) -> tuple[str, str, Any]:
    """Return type, name and data of a CloudEvent, in headers (binary) or one document (structured).

    The type is empty where it is none. https://github.com/cloudevents/spec
    """
    if kind := headers.get("ce-type", ""):
        return kind, f"{headers.get('ce-source', '')} {headers.get('ce-id', '')}", payload
    if text_at(payload, "specversion"):
        name = f"{text_at(payload, 'source')} {text_at(payload, 'id')}"
        return text_at(payload, "type"), name, value_at(payload, "data")
    return "", "", None

"""The version that an image's own config states, and which of two versions is older."""

from __future__ import annotations

from dataclasses import dataclass

from tagwatch.errors import InvalidReferenceError
from tagwatch.image.image_config import ImageConfig
from tagwatch.image.reference import Reference
from tagwatch.image.tag import Kind, parse_tag, version_key

__all__ = ["StatedVersion", "is_older", "stated_version"]

_LABEL = "org.opencontainers.image.version"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedVersion:
    """A version and where it stands: `env PYTHON_VERSION` or `label org.opencontainers…`."""

    value: str
    source: str


def stated_version(config: ImageConfig, reference: str) -> StatedVersion | None:
    """The version a config states for the image named `reference`; None where it states none.

    The variable named like the repository first: a label may be inherited from a base.
    """
    name = _variable(reference)
    if config.env.get(name):
        return StatedVersion(value=config.env[name], source=f"env {name}")
    if config.labels.get(_LABEL):
        return StatedVersion(value=config.labels[_LABEL], source=f"label {_LABEL}")
    return None


def is_older(version: str, other: str) -> bool:
    """True where both are versions and `version` comes before `other`."""
    if not (_is_version(version) and _is_version(other)):
        return False
    return version_key(version) < version_key(other)


def _is_version(text: str) -> bool:
    return parse_tag(text.replace("+", "_")).kind is Kind.VERSION


def _variable(reference: str) -> str:
    try:
        path = Reference.parse(reference).repository.path
    except InvalidReferenceError:
        return ""
    return path.rpartition("/")[2].upper().replace("-", "_").replace(".", "_") + "_VERSION"

"""Image configs: what a container of the image would run with (OCI image-spec, config.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tagwatch.errors import InvalidDigestError, InvalidDocumentError
from tagwatch.image.digest import Digest, parse_digest, sha256
from tagwatch.image.manifest import decode_json
from tagwatch.image.platform import Platform
from tagwatch.value import dataclass, field

__all__ = ["HistoryEntry", "ImageConfig", "chain_ids", "parse_image_config"]

_MAX_LAYERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One build step as the builder wrote it: text of a stranger, never trusted, always escaped."""

    created_by: str = ""
    created_at: datetime | None = None
    comment: str = ""
    empty_layer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """The config of one platform's image. `created_at` is the publisher's claim, not a fact."""

    platform: Platform
    created_at: datetime | None = None
    diff_ids: tuple[Digest, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    working_dir: str = ""
    exposed_ports: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = ""
    shell: tuple[str, ...] | None = None
    healthcheck: tuple[str, ...] | None = None
    onbuild: tuple[str, ...] = ()

    @property
    def layer_history(self) -> tuple[HistoryEntry, ...] | None:
        """The history entry of each layer, or None where the counts disagree (squashed images)."""
        entries = tuple(entry for entry in self.history if not entry.empty_layer)
        return entries if len(entries) == len(self.diff_ids) else None


def chain_ids(diff_ids: Sequence[Digest]) -> tuple[Digest, ...]:
    """The ChainID of each layer over all below it (config.md, "Layer ChainID").

    >>> a = Digest("sha256:" + "a" * 64)
    >>> chain_ids([a]) == (a,)
    True
    """
    chain: list[Digest] = []
    for diff_id in diff_ids:
        if not chain:
            chain.append(diff_id)
        else:
            text = f"{chain[-1]} {diff_id}".encode()
            chain.append(Digest(f"sha256:{sha256(text)}"))
    return tuple(chain)


def parse_image_config(raw: bytes) -> ImageConfig:
    """Read a config blob. Raises `InvalidDocumentError`; unknown fields are passed over."""
    document = decode_json(raw, what="image config")
    config = document.get("config")
    config = config if isinstance(config, dict) else {}
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list | None) or len(diff_ids or ()) > _MAX_LAYERS:
        raise InvalidDocumentError(f"rootfs.diff_ids is not a list of at most {_MAX_LAYERS}")
    try:
        layers = tuple(parse_digest(str(text)) for text in diff_ids or ())
    except InvalidDigestError as error:
        raise InvalidDocumentError(f"rootfs.diff_ids: {error.message}") from error
    history = document.get("history")
    healthcheck = config.get("Healthcheck")
    return ImageConfig(
        platform=Platform.normalized(
            _text(document.get("os")) or "unknown",
            _text(document.get("architecture")) or "unknown",
            _text(document.get("variant")),
            _text(document.get("os.version")),
        ),
        created_at=_time(document.get("created")),
        diff_ids=layers,
        history=tuple(_history_entry(entry) for entry in history)
        if isinstance(history, list)
        else (),
        env=_env(config.get("Env")),
        user=_text(config.get("User")),
        entrypoint=_words(config.get("Entrypoint")),
        cmd=_words(config.get("Cmd")),
        working_dir=_text(config.get("WorkingDir")),
        exposed_ports=_keys(config.get("ExposedPorts")),
        volumes=_keys(config.get("Volumes")),
        labels=_labels(config.get("Labels")),
        stop_signal=_text(config.get("StopSignal")),
        shell=_words(config.get("Shell")),
        healthcheck=_words(healthcheck.get("Test")) if isinstance(healthcheck, dict) else None,
        onbuild=_words(config.get("OnBuild")) or (),
    )


def _history_entry(entry: object) -> HistoryEntry:
    if not isinstance(entry, dict):
        return HistoryEntry()
    return HistoryEntry(
        created_by=_text(entry.get("created_by")),
        created_at=_time(entry.get("created")),
        comment=_text(entry.get("comment")),
        empty_layer=entry.get("empty_layer") is True,
    )


def _env(value: object) -> dict[str, str]:
    pairs = (text.partition("=") for text in _words(value) or ())
    return {name: text for name, _, text in pairs if name}


def _labels(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str)}


def _keys(value: object) -> frozenset[str]:
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _words(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return None
    return tuple(text for text in value if isinstance(text, str))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None

"""Certificates of one registry, where docker and podman keep them (containers-certs.d(5)).

`<folder>/<host>[:<port>]/`: each `*.crt` is an authority, `<name>.cert` with `<name>.key` the
client's own. The first folder that has the host is the one: the user's, then the system's.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tagwatch.errors import ConfigError
from tagwatch.registry.settings import RegistrySettings
from tagwatch.value import dataclass

__all__ = ["Certificates", "find_certificates", "tls_context"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """`authorities`: PEM files beside the system's own; `own`: certificate and key, in order."""

    authorities: tuple[Path, ...] = ()
    own: tuple[tuple[Path, Path], ...] = ()


def find_certificates(
    host: str, environment: Mapping[str, str], home: Path, etc: Path = Path("/etc")
) -> Certificates:
    """What is kept for `host`, with its port where it has one. Raises `ConfigError`."""
    for folder in _folders(environment, home, etc):
        place = folder / host
        try:
            names = sorted(path for path in place.iterdir() if path.is_file())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            log.info("%s: passed over: %s", place, error.strerror)
            continue
        return Certificates(
            authorities=tuple(path for path in names if path.suffix == ".crt"),
            own=tuple(_with_key(path) for path in names if path.suffix == ".cert"),
        )
    return Certificates()


def _folders(environment: Mapping[str, str], home: Path, etc: Path) -> Iterator[Path]:
    user = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    for base in (user / "containers", user / "docker", etc / "containers", etc / "docker"):
        yield base / "certs.d"


def _with_key(certificate: Path) -> tuple[Path, Path]:
    key = certificate.with_suffix(".key")
    if not key.is_file():
        raise ConfigError(
            f"{certificate}: there is no {key.name!r} beside it",
            hint="a client's certificate needs its key; docker and podman want both, too",
        )
    return certificate, key


def tls_context(
    settings: RegistrySettings, found: Certificates | None = None
) -> ssl.SSLContext | bool:
    """What aiohttp takes as `ssl`: True verifies by the system's authorities.

    What the configuration names goes before what was `found`. Raises `ConfigError` for a
    certificate file that cannot be used.
    """
    found = found or Certificates()
    named = settings.ca_file or settings.client_certificate or settings.insecure
    if not named and not found.authorities and not found.own:
        return True
    if settings.ca_file:
        with _usable(settings.ca_file):
            context = ssl.create_default_context(cafile=settings.ca_file)
    else:
        context = ssl.create_default_context()
        for path in found.authorities:
            with _usable(path):
                context.load_verify_locations(path)
    if settings.insecure and not settings.ca_file:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.client_certificate:
        with _usable(settings.client_certificate):
            context.load_cert_chain(settings.client_certificate)
    else:
        for certificate, key in found.own:
            with _usable(certificate):
                context.load_cert_chain(certificate, key)
    return context


@contextmanager
def _usable(path: Path | str) -> Iterator[None]:
    """Raises `ConfigError` for a file that is none of certificates."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: the certificate file cannot be used: {type(error).__name__}",
            hint="certificates and keys are PEM files: ca_file, client_certificate (certificate "
            "and key in one), and those of a certs.d folder",
        ) from error

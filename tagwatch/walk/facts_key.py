"""Keys for facts: the private one signs extracts, the public ones are what readers know."""

from __future__ import annotations

import os
from pathlib import Path

from tagwatch.config.settings import Facts, PublicKey
from tagwatch.errors import ConfigError, UsageError
from tagwatch.signature import KEY_BYTES, Signer, from_text, key_id_of, new_private_key, to_text
from tagwatch.walk.site import Site
from tagwatch.workspace.write import write_new

__all__ = ["public_key_named", "signer_of", "write_key_pair"]

_PRIVATE = "ed25519-private:"
_MAX_BYTES = 4096
_HINT = "`tagwatch facts keygen FILE` makes one"


def write_key_pair(path: Path) -> PublicKey:
    """Write a new private key to a file that is not there yet; return its public key.

    Only its owner may read the file. Raises `ConfigError`, `InputError`.
    """
    private = new_private_key()
    public = Signer(private).public_key  # first: without `cryptography` no file is left behind
    write_new(path, f"{_PRIVATE}{to_text(private)}\n".encode(), mode=0o600, over=False)
    return PublicKey(id=key_id_of(public), text=to_text(public))


def public_key_named(text: str) -> PublicKey:
    """Return the key that a flag gives in base64. Raises `UsageError`."""
    raw = from_text(text, KEY_BYTES)
    if raw is None:
        raise UsageError(f"not a public key: {text!r}", hint="`tagwatch facts keygen` prints one")
    return PublicKey(id=key_id_of(raw), text=text)


def signer_of(settings: Facts, site: Site) -> Signer:
    """Return who signs: the owner of the private key that is configured. Raises `ConfigError`."""
    if settings.key_env:
        place, text = f"the variable {settings.key_env!r}", site.environment.get(settings.key_env)
        if not text:
            raise ConfigError(f"{place} is not set", hint=f"it holds the private key; {_HINT}")
    elif settings.key_file is not None:
        place, text = str(settings.key_file), _read_private(settings.key_file)
    else:
        raise ConfigError(
            "no private key is configured for facts",
            hint="facts: {key_file: PATH} or key_env: NAME; or --key-file, --key-env. " + _HINT,
        )
    raw = from_text(text.strip().removeprefix(_PRIVATE), KEY_BYTES)
    if raw is None or not text.strip().startswith(_PRIVATE):
        raise ConfigError(
            f"{place} holds no private key for facts",
            hint=f"{_HINT}; a secret that readers share signs no longer",
        )
    return Signer(raw)


def _read_private(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if os.name == "posix" and (mode := os.fstat(file.fileno()).st_mode & 0o077):
                raise ConfigError(
                    f"{path}: others may read or write this private key (mode ..{mode:02o})",
                    hint=f"chmod 600 {path}; where a mount sets the mode, use key_env",
                )
            return file.read(_MAX_BYTES).decode("ascii", "replace")
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(
            f"{path}: the private key cannot be read: {reason}", hint=_HINT
        ) from error

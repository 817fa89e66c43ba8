"""Platforms: operating system, architecture and variant (OCI image-spec, image-index.md)."""

from __future__ import annotations

import re

from tagwatch.errors import UsageError
from tagwatch.value import dataclass

__all__ = ["EVERY_PLATFORM", "LINUX_AMD64", "Platform"]

_ARCHITECTURE_ALIASES = {
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", None),
    "i686": ("386", None),
}
_PART = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Platform:
    """What an image runs on. `variant` is None where it adds nothing (`arm64/v8` is `arm64`)."""

    os: str
    architecture: str
    variant: str | None = None
    os_version: str | None = None

    @classmethod
    def normalized(
        cls, os: str, architecture: str, variant: str | None = None, os_version: str | None = None
    ) -> Platform:
        """A platform in the names that indexes use (containerd's normalisation)."""
        architecture, implied = _ARCHITECTURE_ALIASES.get(
            architecture.lower(), (architecture.lower(), None)
        )
        variant = (variant or implied or "").lower() or None
        if architecture == "arm64" and variant in ("8", "v8"):
            variant = None
        elif architecture == "arm" and variant is None:
            variant = "v7"
        elif architecture == "arm" and variant and variant.isdigit():
            variant = f"v{variant}"
        elif architecture == "amd64" and variant == "v1":
            variant = None
        os = {"macos": "darwin"}.get(os.lower(), os.lower())
        return cls(os=os, architecture=architecture, variant=variant, os_version=os_version or None)

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `os/architecture[/variant]`; a lone part is completed as BuildKit does.

        Raises `UsageError`.

        >>> str(Platform.parse("linux/arm64/v8"))
        'linux/arm64'
        """
        parts = text.split("/")
        if not 1 <= len(parts) <= 3 or not all(_PART.fullmatch(part) for part in parts):
            raise UsageError(
                f"not a platform: {text[:160]!r}", hint="write os/architecture, such as linux/amd64"
            )
        if len(parts) == 1:
            if parts[0].lower() in ("linux", "windows", "darwin", "freebsd"):
                return cls.normalized(parts[0], "amd64")
            return cls.normalized("linux", parts[0])
        return cls.normalized(*parts)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    def serves(self, wanted: Platform) -> bool:
        """True where an image of this platform is what a pull for `wanted` would take.

        The operating system's build (`os_version`) is compared only where `wanted` names one.
        """
        if wanted == EVERY_PLATFORM:
            return True
        return (
            (self.os, self.architecture, self.variant)
            == (wanted.os, wanted.architecture, wanted.variant)
        ) and (wanted.os_version is None or wanted.os_version == self.os_version)


LINUX_AMD64 = Platform(os="linux", architecture="amd64")
EVERY_PLATFORM = Platform(os="*", architecture="*")
"""What stands for all platforms of an image where some are chosen; no text parses to it."""

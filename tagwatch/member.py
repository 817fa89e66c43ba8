"""Members of families by name: tagwatch's own from `family.py`, others' from entry points.

A member is imported when it is named. Installed packages are searched only for a name that is not
one of ours, because the search takes longer than a whole warm `check`.
"""

from __future__ import annotations

import os
import sys
from operator import attrgetter

from tagwatch.errors import ConfigError
from tagwatch.family import FAMILIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_INSTALLED = (".dist-info", ".egg-info", ".egg")
_SAID_IN = ("entry_points.txt", "EGG-INFO/entry_points.txt")

__all__ = ["brought_members", "load_member", "load_place", "place_of"]


def load_member(family: str, name: str) -> Any:
    """Import and return the member called `name`: a module, or an attribute of one.

    Raises `ConfigError` where there is none, or where another package's cannot be imported.
    """
    place = place_of(family, name)
    if place is None:
        raise ConfigError(
            f"no {family.removesuffix('s')} is called {name!r}",
            hint=f"there are {', '.join(sorted(FAMILIES[family]))}"
            if FAMILIES[family]
            else "only other packages bring any",
        )
    if name in FAMILIES[family]:
        return load_place(place)
    try:
        return load_place(place)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"the {family.removesuffix('s')} {name!r} of another package cannot be used: {error}",
            hint=f"install it again, or remove it; its entry point is {place!r}",
        ) from error


def place_of(family: str, name: str) -> str | None:
    """Return the member's place, as `family.py` writes it; None where no package has the member."""
    return FAMILIES[family].get(name) or brought_members(family).get(name)


def brought_members(family: str) -> dict[str, str]:
    """Return the places of other packages' members, by name; ours cannot be replaced.

    They are entry points of the group `tagwatch.<family>`.
    """
    if not _is_brought(family):
        return {}
    from importlib.metadata import entry_points

    found = sorted(entry_points(group=f"tagwatch.{family}"), key=lambda entry: entry.name)
    return {
        entry.name: f"{entry.module}:{entry.attr}" if entry.attr else entry.module
        for entry in found
        if entry.name not in FAMILIES[family]
    }


def _is_brought(family: str) -> bool:
    """Return False where no installed package names the group, as far as folders show it.

    `importlib.metadata` takes three times as long to import as `--help` does all else.
    """
    group = f"[tagwatch.{family}]".encode()
    for folder in sys.path:
        if os.path.isfile(folder):  # noqa: PTH113  # a zip: only its own reader knows
            return True
        try:
            with os.scandir(folder or ".") as entries:
                packages = [entry.path for entry in entries if entry.name.endswith(_INSTALLED)]
        except OSError:
            continue
        for package in packages:
            for name in _SAID_IN:
                try:
                    with open(f"{package}/{name}", "rb") as file:  # noqa: PTH123  # no pathlib
                        if group in file.read():
                            return True
                except OSError:
                    continue
    return False


def load_place(place: str) -> Any:
    """Import and return what is at `module` or `module:attribute`."""
    module, _, attribute = place.partition(":")
    found = __import__(module, fromlist=["*"])  # importing `importlib` takes a millisecond
    return attrgetter(attribute)(found) if attribute else found

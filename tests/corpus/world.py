"""Registries as they were on one day, for what a repository names: official images from facts.

The tags of official images, and which of them name one build, are those of `tests/data/tags`. Of
any other public image the tags that files name exist, and beside each version the next patch and
the next minor one. What names of examples and of private registries stand for is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from tagwatch.image.reference import Reference
from tagwatch.service.demo.images import Built, Shelf, Step, build
from tests.truth import load

__all__ = ["PINNED", "PUBLIC", "World"]

PUBLIC = (
    *("docker.io", "ghcr.io", "quay.io", "gcr.io", "registry.k8s.io", "mcr.microsoft.com"),
    *("public.ecr.aws", "mirror.gcr.io", "docker.elastic.co", "lscr.io", "registry.gitlab.com"),
    *("us-docker.pkg.dev", "docker.n8n.io", "container-registry.oracle.com", "cgr.dev"),
)
PINNED = "kept"
"""The tag of what files name by a digest alone."""
OLD, LATE = "2025-02-01", "2026-08-12"
"""When a build was pushed that nobody makes any more, and when what is made today."""
_VERSION = re.compile(r"(v?)(\d+)\.(\d+)\.(\d+)(?![\d.])(.*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"(^|[/_-])(your|my|some|example|foo)([/_-]|$|app|image)")
_GONE = ("gcr.io/google_samples", "k8s.gcr.io")
_SYSTEM = re.compile(r"(bullseye|bookworm|trixie|buster|alpine)([\d.]*)")
_USER = {
    **{"memcached": "memcache", "haproxy": "haproxy", "varnish": "varnish", "kong": "kong"},
    **{"elasticsearch": "1000:0", "kibana": "1000", "logstash": "1000", "solr": "8983"},
    **{"sonarqube": "sonarqube", "jenkins/jenkins": "jenkins", "curlimages/curl": "curl_user"},
    **{"grafana/grafana": "472", "prom/prometheus": "nobody", "prom/node-exporter": "nobody"},
    **{"prom/alertmanager": "nobody", "grafana/loki": "10001", "bitnami/": "1001"},
    **{"distroless/": "65532", "registry.k8s.io/": "65532", "quay.io/": "65532"},
}
"""The users of images that are known not to run as root, by what their names hold."""


class World:
    """A shelf for the images that are named, of all public registries together."""

    def __init__(self, named: Iterable[Reference]) -> None:
        self.shelf = Shelf()
        self._named: dict[tuple[str, str], set[str]] = {}
        for reference in named:
            repository = reference.repository
            key = (repository.registry, repository.path)
            tag = reference.tag or (PINNED if reference.digest else "latest")
            self._named.setdefault(key, set()).add(tag)
        for (host, path), tags in sorted(self._named.items()):
            if host in PUBLIC and not _is_absent(f"{host}/{path}"):
                self._stock(host, path, tags)

    def rebuild(self, day: str) -> None:
        """Build what is made today once more, on a newer system, as official images are."""
        for host, path in sorted(self._named):
            if groups := _official(host, path):
                self._push(host, path, groups[0], day)

    def release(self, day: str) -> None:
        """Let one of three others publish a patch of what files name, and move its `latest`."""
        for (host, path), tags in sorted(self._named.items()):
            is_due = sum(path.encode()) % 3 == 0
            if is_due and path in self.shelf.tags and not _official(host, path):
                steps = [_next(tag, patch=3) for tag in sorted(tags)]
                self._push(host, path, [["latest", *(one for one in steps if one)]], day)

    def _stock(self, host: str, path: str, tags: set[str]) -> None:
        if groups := _official(host, path):
            today, past = groups
            lines = {_line(tag) for tag in tags}
            kept = [one for one in past if tags & {*one} or lines & {_line(tag) for tag in one}]
            self._push(host, path, kept, OLD)
            self._push(host, path, today, LATE)
            self._push(host, path, [[tag] for tag in tags - {*self.shelf.tags[path]}], OLD)
            return
        if path.startswith("library/"):
            return  # what an example calls its own image
        self._push(host, path, _generated(tags), OLD)
        self._push(host, path, [[*_newer(tags), "latest"]], LATE)

    def _push(self, host: str, path: str, groups: Iterable[Sequence[str]], day: str) -> None:
        for group in groups:
            if group:
                platforms = ("amd64", "arm64") if day != OLD else ("amd64",)
                images = [_image(host, path, group, day, one) for one in platforms]
                self.shelf.push(path, group, images, day)


def _line(tag: str) -> str:
    """Return the numbers of a tag's minor line: of the past, the lines that files name are kept."""
    return ".".join(re.split(r"[.-]", tag.removeprefix("v"))[:2])


def _is_absent(name: str) -> bool:
    return _PLACEHOLDER.search(name) is not None or any(one in name for one in _GONE)


def _official(host: str, path: str) -> tuple[list[list[str]], list[list[str]]] | None:
    """Return the groups of tags that are built today, and those of the past; None where unknown."""
    name = path.rpartition("/")[2]
    if path not in {f"library/{name}", f"docker/library/{name}"}:
        return None
    today = _today(name)
    if not today:
        return None
    now = {tag for group in today for tag in group}
    past = load("ever.json.gz")["images"].get(name, [])
    return today, [[tag for tag in group if tag not in now] for group in past]


@cache
def _today(name: str) -> list[list[str]]:
    facts = load("truth.json.gz")["images"].get(name)
    if facts is None:
        held_out = load("held_out.json.gz")
        facts = held_out.get("images", held_out).get(name)
    groups = facts["groups"] if facts else []
    return [one.split() if isinstance(one, str) else list(one) for one in groups]


def _generated(tags: Iterable[str]) -> Iterator[list[str]]:
    for tag in sorted(tags):
        if tag != "latest":
            yield [tag]


def _newer(tags: Iterable[str]) -> Iterator[str]:
    steps = {_next(tag, patch=1) for tag in tags} | {_next(tag, minor=1) for tag in tags}
    yield from sorted(one for one in steps if one is not None and one not in tags)


def _next(tag: str, *, patch: int = 0, minor: int = 0) -> str | None:
    found = _VERSION.fullmatch(tag)
    if found is None:
        return None
    prefix, first, second, third, rest = found.groups()
    last = 0 if minor else int(third) + patch
    return f"{prefix}{first}.{int(second) + minor}.{last}{rest}"


def _image(host: str, path: str, group: Sequence[str], day: str, architecture: str) -> Built:
    name = path.removeprefix("library/").removeprefix("docker/library/")
    version = next((tag for tag in group if _VERSION.match(tag)), group[0])
    user = next((user for part, user in _USER.items() if part in f"{host}/{name}"), "")
    variable = re.sub(r"\W", "_", name.rpartition("/")[2]).upper() + "_VERSION"
    number = version.partition("-")[0].removeprefix("v")
    steps = [
        Step(created_by=f"ENV {variable}={number}"),
        Step(
            created_by=f"RUN install {name} {version} # buildkit",
            content=f"{host}/{path} {version}",
        ),
        *([Step(created_by=f"USER {user}")] if user else []),
    ]
    return build(
        None if name in ("debian", "alpine", "ubuntu") else _system(group, day, architecture),
        steps,
        day=day,
        config={"Env": ["PATH=/usr/bin:/bin", f"{variable}={number}"], "User": user},
        architecture=architecture,
    )


def _system(group: Sequence[str], day: str, architecture: str) -> Built:
    found = next((one for tag in group if (one := _SYSTEM.search(tag))), None)
    return _system_of(*(found.groups() if found else ("trixie", "")), day, architecture)


@cache
def _system_of(name: str, number: str, day: str, architecture: str) -> Built:
    if name == "alpine":
        step = Step(
            created_by=f"ADD alpine-minirootfs-{number or '3.23'}.0-x86_64.tar.gz / # buildkit",
            content=day,
        )
    else:
        step = Step(
            created_by=f"# debian.sh --arch 'amd64' out/ '{name}' '@1'", content=f"{name} {day}"
        )
    return build(None, (step,), day=day, architecture=architecture)

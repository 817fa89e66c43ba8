"""Which images a repository publishes itself: by its own name, and by the files that push them.

`latest` of such an image, in a Compose file for its users, is what its publisher means it to be. It
is looked up only where a file names an image as latest, and only in files that are known to push:
workflows, pipelines, makefiles, bake files. No tool is asked.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tagwatch.errors import InputError
from tagwatch.image.reference import DOCKER_HUB, HUB_HOSTS, Repository
from tagwatch.source.target import Target
from tagwatch.value import replace

__all__ = ["Publishing"]

_FILES = (
    *(".gitlab-ci.yml", ".travis.yml", ".drone.yml", ".circleci/config.yml"),
    *("azure-pipelines.yml", "cloudbuild.yaml", "Jenkinsfile", "Makefile", "justfile"),
    *("Taskfile.yml", ".goreleaser.yml", ".goreleaser.yaml", "docker-bake.hcl", "docker-bake.json"),
)
_FOLDERS = (".github/workflows", ".gitea/workflows", ".forgejo/workflows", ".woodpecker")
_MOST_FILES = 64
_MOST_BYTES = 256 * 1024
_LONGEST = 500  # a line: patterns take the square of it, and others wrote it
_LEVELS = 3
"""So many folders up, an image's own folder is looked for."""
_PLAIN = r"[\w.-]+"
_REMOTE = (
    r'(?m)^\[remote "origin"\][^\[]*?^\s*url\s*=\s*(?:[\w+]+://)?[^\s/:]+[:/](\S+?)(?:\.git)?/?\s*$'
)
_PUSHES = (
    r"docker/(?:build-push|metadata|bake)-action|\bpush\b[^\n]*\S+/\S|--push\b|kaniko"
    r"|\bdocker(?:s|_manifests)?\b[^\n]*(?:build|:)|\btags\s*="
)
_SET = r"""(?m)^\s*(?:export\s+|-\s+)?([A-Za-z_]\w*)[ \t]*(?::|[?:+]?=)[ \t]*["']?([^\s"'#|>]+)"""
_VARIABLE = r"\$\{\{\s*(?:[a-z]+\.)?([\w.]+)\s*\}\}|\$\{(\w+)(?::?-[^}]*)?\}|\$\((\w+)\)|\$(\w+)"
_KEY = r"""^(\s*(?:-\s+)?)["']?(?:[\w-]*images|tags|image_templates|destinations?)["']?\s*[:=]"""
_COMMAND = (
    r"\b(?:docker|podman|buildx|buildah|nerdctl)\b[^\n]*\b(?:push|tag|build|bake)\b|--tag[ =]"
)
_NAME = r"[\w.$-]+(?::\d+)?(?:/[\w.$-]+)+"
_GIVEN = r"(?:(?<!\S)-t|--tag|--destination)[ =]+([^\s;&|]+)"
"""A name that a build gives; those of `--build-arg` and `--cache-from` are other people's."""
_COPIED = r"\btag[ \t]+[^\s;&|]+[ \t]+([^\s;&|]+)"
"""The second name of `docker tag`: the first may be what somebody mirrors."""
_SENT = r"\bpush\b([^;&|]*)"
_UNKNOWN = "$"


class Publishing:
    """The images that the repository at `top` publishes.

    `root`: where paths of files begin; `read` gives a file's bytes, or raises `InputError`.
    """

    def __init__(self, top: Path, root: Path, read: Callable[[Path], bytes]) -> None:
        self._top = top
        self._root = root
        self._read = read
        self._names: dict[str, str] | None = None
        self._own = ""

    def marked(self, target: Target) -> Target:
        """Return the target with the fact that this repository publishes it, where it does."""
        if target.reference is None or target.reference.digest is not None:
            return target
        repository = target.reference.repository
        where = self._publisher(repository) or self._beside(repository, target.location.path)
        return replace(target, facts={**target.facts, "published_by": where}) if where else target

    def _text_of(self, path: str) -> str:
        """Return what a file of the repository holds; empty where it is not there, or leads out."""
        real = Path(os.path.realpath(self._top / path))
        if not real.is_relative_to(os.path.realpath(self._top)) or not real.is_file():
            return ""
        try:
            text = self._read(real)[:_MOST_BYTES].decode("utf-8", "replace")
        except InputError:
            return ""
        return "\n".join(line for line in text.splitlines() if len(line) <= _LONGEST)

    def _beside(self, repository: Repository, path: str) -> str:
        """Return the Dockerfile in a folder of the image's name beside the file, of one owner."""
        owner, _, name = repository.path.lower().rpartition("/")
        if not owner or owner != self._own.partition("/")[0]:
            return ""
        folder = posixpath.dirname(path)
        for _ in range(_LEVELS):
            folder, at = posixpath.dirname(folder), folder
            found = posixpath.join(folder, name, "Dockerfile")
            if found != posixpath.join(at, "Dockerfile") and (self._root / found).is_file():
                return found
        return ""

    def _publisher(self, repository: Repository) -> str:
        """Return the file that pushes the image; empty where none is known to."""
        if self._names is None:
            self._own = _own_name(self._text_of(".git/config"))
            self._names = {}
            for path in _paths(self._top):
                for name in _pushed(self._text_of(path), self._own):
                    self._names.setdefault(name, path)
        path = repository.path.lower()
        if self._own and _is_named_after(path, self._own):
            return "its name"
        name = f"{repository.host}/{path}"
        return self._names.get(name) or self._names.get(f"{_UNKNOWN}/{path}", "")


def _is_named_after(path: str, own: str) -> bool:
    """Return True for an image of a repository's own name, as far as registries know such names.

    `pihole/pihole` is of `pi-hole/docker-pi-hole`, `nextcloud-releases/all-in-one` of
    `nextcloud/all-in-one`.
    """
    if f"{path}/".startswith(f"{own}/"):
        return True
    (owner, _, name), (of, _, its) = path.rpartition("/"), own.rpartition("/")
    is_owner = owner.replace("-", "") == of.replace("-", "") or owner.startswith(f"{of}-")
    its = its.removeprefix("docker-").removesuffix("-docker")
    return bool(of) and is_owner and name.replace("-", "") == its.replace("-", "")


def _paths(top: Path) -> Iterator[str]:
    yield from _FILES
    for folder in _FOLDERS:
        try:
            names = sorted(os.listdir(top / folder))  # noqa: PTH208 (names)
        except OSError:
            continue
        for name in names[:_MOST_FILES]:
            if name.endswith((".yml", ".yaml")) and re.fullmatch(_PLAIN, name):
                yield f"{folder}/{name}"


def _own_name(config: str) -> str:
    """Return `owner/name` of the repository's origin, in lower case; empty where it has none."""
    found = re.search(_REMOTE, config)
    name = found[1].strip("/").lower() if found else ""
    return name if name.count("/") >= 1 and not name.startswith((".", "/", "~")) else ""


def _pushed(text: str, own: str) -> Iterator[str]:
    """Yield the names under which a file pushes images, each with its registry."""
    if not re.search(_PUSHES, text):
        return
    known = {
        "repository": own, "repository_owner": own.partition("/")[0], "GITHUB_REPOSITORY": own,
        "repository.name": own.rpartition("/")[2], "CI_PROJECT_PATH": own,
        "event.repository.name": own.rpartition("/")[2],
        "CI_REGISTRY_IMAGE": f"registry.gitlab.com/{own}",
    }  # fmt: skip
    known = {**dict(re.findall(_SET, text)), **{key: said for key, said in known.items() if own}}
    for line, is_command in _lines_of_names(text):
        line = _filled(line, known)
        if is_command:
            line = " ".join(_made_or_sent(line))
        for name in re.findall(_NAME, line):
            host, _, path = name.lower().partition("/")
            if "." not in host and ":" not in host and host not in (_UNKNOWN, "localhost"):
                host, path = DOCKER_HUB, f"{host}/{path}"
            host = DOCKER_HUB if host in HUB_HOSTS else host
            if _UNKNOWN not in path:
                yield f"{host}/{path}"


def _filled(line: str, known: Mapping[str, str]) -> str:
    """Return the line with the variables that the file sets; what is not known is `$`."""

    def value(found: re.Match[str]) -> str:
        return known.get(next(filter(None, found.groups()), ""), _UNKNOWN)

    for _ in range(3):  # one variable may be made of others
        line = re.sub(_VARIABLE, value, line)
    return line


def _made_or_sent(command: str) -> Iterator[str]:
    """Yield what a command gives a name to, or pushes; not what it only uses."""
    for pattern in (_GIVEN, _COPIED, _SENT):
        yield from re.findall(pattern, command)


def _lines_of_names(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines that name what is pushed, and whether a line is a command, or of a list."""
    inside: int | None = None
    for line in text.splitlines():
        if re.match(r"\s*(?:-\s+)?uses:|\s*#", line):
            continue
        indent = len(line) - len(line.lstrip())
        if inside is not None and line.strip() and indent <= inside:
            inside = None
        if inside is None and (found := re.match(_KEY, line)):
            inside = len(found[1]) if "-" not in found[1] else found[1].index("-")
            yield line[found.end() :], False
        elif inside is not None or re.search(_COMMAND, line):
            yield line, inside is None

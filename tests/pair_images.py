"""Images of `tests/data/verdicts/pairs.yaml`: lines of a Dockerfile, and what was done to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import yaml

from tagwatch.image.digest import digest_of
from tagwatch.image.platform import LINUX_AMD64, Platform
from tests import official
from tests.image_builder import (
    Built,
    Compression,
    Flavour,
    Step,
    assemble,
    build,
    cmd,
    copy,
    entrypoint,
    env,
    expose,
    json_bytes,
    make_layer,
    run,
    setting,
    squash,
    user,
    without_history,
    workdir,
)
from tests.official import debian, on_day, python
from tests.paths import DATA

__all__ = ["NEW", "OLD", "Draft", "base_of", "table"]

TABLE = DATA / "verdicts" / "pairs.yaml"
OLD, NEW = 0, 9
"""The days on which bases were built that are served before and after the last move."""


@cache
def table() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return found


@dataclass(slots=True, kw_only=True)
class Draft:
    """An image as lines of a Dockerfile, and how it is built and stored."""

    lines: list[str]
    platform: Platform
    base: str
    day: int = OLD
    """The day of the base."""
    stamp: int = 0
    """What makes the layers of `RUN` differ from build to build."""
    swapped: set[str] = field(default_factory=set)
    created_on: int = 0
    compression: Compression = "gzip"
    flavour: Flavour = "oci"
    edits: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    last_size: int = 0
    then: dict[str, Callable[[Built], Built]] = field(default_factory=dict)
    """What is done to the image when it is built, in order and each once."""

    @classmethod
    def of(cls, name: str, platform: Platform) -> Draft:
        first, *lines = table()["images"][name]
        base = first.removeprefix("FROM ")
        if first.startswith("!"):
            return cls(lines=[first, *lines], platform=platform, base="")
        return cls(lines=lines, platform=platform, base=base)

    def apply(self, what: str) -> None:
        """Do one thing of a pair's list.

        rebuild       every RUN runs again, on the base of the day
        rerun         every RUN runs again, on the same base
        base NAME     on another base
        become NAME   another image altogether
        + LINE        a line more at the end; `^ LINE` directly above the base; `- LINE` one less
        A => B        a text is replaced wherever it stands
        swap LINE     the same COPY brings other content
        pack ZIP, docker types, created later, annotate     stored otherwise, or told otherwise
        squash, strip history, classic, reverse the last two layers
        edit JSON     the config edited without a step
        size N        the last layer is that large
        add arm64, attest     done to the index
        """
        old, arrow, new = what.partition(" => ")
        if arrow:
            assert any(old in line for line in self.lines), f"nothing to replace: {old!r}"
            self.lines = [line.replace(old, new) for line in self.lines]
            return
        word, _, rest = what.partition(" ")
        getattr(self, f"_{_SIGNS.get(word, word)}")(rest)

    def _rebuild(self, _: str) -> None:
        self.stamp, self.day = self.stamp + 10, NEW

    def _rerun(self, _: str) -> None:
        self.stamp += 10

    def _base(self, name: str) -> None:
        self.base = name

    def _become(self, name: str) -> None:
        other = Draft.of(name, self.platform)
        self.lines, self.base = other.lines, other.base

    def _append(self, line: str) -> None:
        self.lines.append(line)

    def _insert(self, line: str) -> None:
        self.lines.insert(0, line)

    def _remove(self, line: str) -> None:
        self.lines.remove(line)

    def _swap(self, line: str) -> None:
        assert line in self.lines, f"nothing to swap: {line!r}"
        self.swapped.add(line)

    def _pack(self, how: str) -> None:
        self.compression = "zstd" if how == "zstd" else "gzip-fast"

    def _docker(self, _: str) -> None:
        self.flavour = "docker"

    def _created(self, _: str) -> None:
        self.created_on = 5

    def _annotate(self, _: str) -> None:
        self.annotations["org.example.built-by"] = "ci"

    def _edit(self, settings: str) -> None:
        self.edits |= json.loads(settings)

    def _size(self, size: str) -> None:
        self.last_size = int(size)

    def _squash(self, _: str) -> None:
        self.then["squash"] = squash

    def _strip(self, _: str) -> None:
        self.then["strip"] = without_history

    def _classic(self, _: str) -> None:
        self.then["classic"] = official.classic

    def _reverse(self, _: str) -> None:
        self.then["reverse"] = _reversed

    def _add(self, _: str) -> None:
        """Done where the index is made, as `attest` is."""

    _attest = _add

    def built(self) -> Built:
        image = build(
            *(self._step(line) for line in self.lines),
            base=base_of(self.base, self.day, self.platform) if self.base else None,
            platform=self.platform,
            created=on_day(self.created_on),
            flavour=self.flavour,
        )
        for change in self.then.values():
            image = change(image)
        return self._stored(image)

    def _stored(self, image: Built) -> Built:
        """The image packed, edited and annotated as the draft says."""
        config = {**image.config, "config": {**image.config.get("config", {}), **self.edits}}
        if "Env" in self.edits:
            config["config"]["Env"] = [*image.config["config"].get("Env", ()), *self.edits["Env"]]
        layers = image.layers
        if self.compression != "gzip":
            layers = tuple(make_layer(layer.tar, compression=self.compression) for layer in layers)
        stored = assemble(
            config, layers, self.platform, flavour=self.flavour, annotations=self.annotations
        )
        return _sized(stored, self.last_size) if self.last_size else stored

    def _step(self, line: str) -> Step:
        """A line as BuildKit writes it, with the layer that it makes."""
        word, _, rest = line.partition(" ")
        name = hashlib.sha256(line.partition(";")[0].encode()).hexdigest()[:8]
        if word == "RUN" and not rest.startswith("|"):
            return run(rest, **{f"made/{name}": f"{self.stamp}"})
        if word == "RUN" or line.startswith("!"):
            text = line[1:] if line.startswith("!") else f"{line} # buildkit"
            return Step(created_by=text, files={f"made/{name}": f"{self.stamp}"})
        if word == "COPY":
            *_, source, target = rest.split()
            made = copy(source, target, f"{line} {'swapped' if line in self.swapped else ''}")
            return replace(made, created_by=f"{line} # buildkit")
        return _SETTINGS[word](rest)


def _labels(text: str) -> Step:
    pairs = dict(one.split("=", 1) for one in text.split())
    return setting(f"LABEL {text}", Labels=pairs)


def _added(text: str) -> Step:
    return Step(created_by=f"ADD {text} # buildkit", files={f"added/{len(text)}": text})


_SIGNS = {"+": "append", "^": "insert", "-": "remove"}
_SETTINGS: Mapping[str, Callable[[str], Step]] = {
    "ADD": _added,
    "WORKDIR": workdir,
    "ENV": lambda text: env(*text.split("=", 1)),
    "LABEL": _labels,
    "USER": user,
    "EXPOSE": expose,
    "ENTRYPOINT": lambda text: entrypoint(*json.loads(text)),
    "CMD": lambda text: cmd(*json.loads(text)),
    "VOLUME": lambda text: setting(f"VOLUME [{text}]", Volumes={text: {}}),
    "ONBUILD": lambda text: setting(f"ONBUILD {text}", OnBuild=[text]),
}


@cache
def base_of(name: str, day: int, platform: Platform = LINUX_AMD64) -> Built:
    """A base as it was built on a day."""
    root = debian(day, platform=platform)
    match name:
        case "debian":
            return root
        case "trixie":
            return debian(day, release="trixie", platform=platform)
        case "python":
            return python(day, base=root)
        case "unknown-python":
            return python(5, base=debian(5, platform=platform))
        case "corp":
            return build(run("install tools", tools=f"{day}"), base=root, created=on_day(day))
        case "alpine":
            archive = f"alpine-minirootfs-3.20.{3 + (day > OLD)}-x86_64.tar.gz"
            step = Step(created_by=f"ADD {archive} / # buildkit", files={"etc/alpine": f"{day}"})
        case "strange":
            step = Step(created_by="COPY rootfs / # buildkit", files={"etc/strange": f"{day}"})
        case "ubi":
            step = Step(
                created_by=f"ADD file:{day:064x} in / ", files={"etc/redhat-release": f"{day}"}
            )
        case _:
            raise AssertionError(f"no base is called {name!r}")
    return build(step, cmd("/bin/sh"), platform=platform, created=on_day(day))


def _reversed(image: Built) -> Built:
    """The same image with its last two layers in the other order."""
    layers = (*image.layers[:-2], *reversed(image.layers[-2:]))
    rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    return assemble({**image.config, "rootfs": rootfs}, layers, image.platform or LINUX_AMD64)


def _sized(image: Built, size: int) -> Built:
    """The same image, whose manifest says that its last layer takes `size` bytes."""
    manifest = json.loads(image.raw)
    manifest["layers"][-1]["size"] = size
    raw = json_bytes(manifest)
    digest = digest_of(raw)
    document = replace(image.documents[image.digest], raw=raw, digest=digest)
    rest = {key: one for key, one in image.documents.items() if key != image.digest}
    return replace(image, raw=raw, digest=digest, documents={**rest, digest: document})

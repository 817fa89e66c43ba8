"""What the tools that read our users' files make of them, told by other parsers than ours.

Structure is read by PyYAML, python-hcl2, json5 and dockerfile-parse, references by docker-image-py,
which follows distribution's grammar. What a tool does beyond that stands in a function here, which
names the tool's source. Nothing of tagwatch is imported.
"""

from __future__ import annotations

import io
import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import hcl2
import json5
import yaml
from docker_image.reference import Reference
from dockerfile_parse import DockerfileParser

__all__ = ["READERS", "Named", "feature_named", "named"]

Files = Mapping[str, str]


class Named(NamedTuple):
    """An image as its tool asks the registry for it; a tag beside a digest is only a remark."""

    name: str
    tag: str | None
    digest: str | None


def named(text: str) -> Named:
    """The image that distribution's grammar reads. Raises where it refuses the text."""
    found = Reference.parse_normalized_named(text)
    return Named(found["name"], found["tag"], found["digest"])


# devcontainers/cli f683c29, src/spec-configuration/containerCollectionsOCI.ts, getRef
_FEATURE_PATH = r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*"
_FEATURE_VERSION = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"


def feature_named(text: str) -> Named:
    """The feature that the devcontainer CLI asks for. Raises `ValueError` where it refuses."""
    text = text.lower()
    resource, at, digest = text.rpartition("@")
    tag = None
    if at:
        algorithm, _, value = digest.partition(":")
        if algorithm != "sha256" or not re.fullmatch(_FEATURE_VERSION, value):
            raise ValueError(digest)
    else:
        colon = text.rfind(":")
        with_tag = colon > text.rfind("/")
        resource, tag = (text[:colon], text[colon + 1 :]) if with_tag else (text, "latest")
        if not re.fullmatch(_FEATURE_VERSION, tag):
            raise ValueError(tag)
    if not re.fullmatch(_FEATURE_PATH, resource.partition("/")[2]):
        raise ValueError(resource)
    return Named(resource, tag, digest if at else None)


class _Loader(yaml.CSafeLoader):
    """YAML with the tags that Compose and GitLab have of their own; they stand for nothing here."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def _documents(text: str) -> list[Any]:
    return list(yaml.load_all(text.removeprefix("\ufeff"), _Loader))


def _below(value: Any, seen: frozenset[int] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Every (key, value) in a document, in its order; of an item of a list, the list's key."""
    if isinstance(value, (dict, list)) and id(value) not in seen:
        seen |= {id(value)}
        for key, inner in value.items() if isinstance(value, dict) else (("", v) for v in value):
            yield str(key), inner
            for below, found in _below(inner, seen):
                yield below or str(key), found


def _dockerfile(files: Files, main: str) -> Iterator[str]:
    """FROM by dockerfile-parse, which puts in defaults of ARG; the others as they are written."""
    parser = DockerfileParser(fileobj=io.BytesIO(files[main].encode()))
    parser.content = files[main]
    yield from (image for image in parser.parent_images if image)
    for statement in parser.structure:
        value, keyword = statement["value"], statement["instruction"]
        if keyword in ("COPY", "ONBUILD", "RUN"):
            yield from re.findall(r"(?:--from=|--mount=(?:\S*,)?from=)([^\s,]+)", value)
    syntax = re.match(r"\ufeff?(?:#!.*\n)?(?:# *escape=.*\n)?# *syntax *= *(\S+)", files[main])
    yield from syntax.groups() if syntax else ()


# compose-spec/compose-spec, 12-interpolation.md
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:?[-+?])([^}]*))?\}|(\w+))")


def _interpolated(text: str, values: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        known = values.get(match[2] or match[5])
        operator, other = match[3] or "", match[4] or ""
        given = known is not None and (known != "" or not operator.startswith(":"))
        if operator.endswith("+"):
            return other if given else ""
        return known or "" if given or not operator.endswith("-") else other

    return _VARIABLE.sub(value, text)


def _compose(files: Files, main: str) -> Iterator[str]:
    lines = files.get(posixpath.join(posixpath.dirname(main), ".env"), "").splitlines()
    values = {k: v for k, eq, v in (line.partition("=") for line in lines) if eq}
    for document in _documents(files[main]):
        services = document.get("services") or document
        for service in services.values() if isinstance(services, dict) else ():
            for text in _of_service(service) if isinstance(service, dict) else ():
                yield _interpolated(text, values)


def _of_service(service: dict[str, Any]) -> Iterator[str]:
    yield from [service["image"]] if isinstance(service.get("image"), str) else []
    for volume in service.get("volumes") or ():
        if isinstance(volume, dict) and volume.get("type") == "image":
            yield volume["source"]
    build = service.get("build")
    if isinstance(build, dict):
        for context in (build.get("additional_contexts") or {}).values():
            yield context.removeprefix("docker-image://")
        yield from map(_cache, build.get("cache_from") or ())


def _cache(text: str) -> str:
    """A cache to import (docker/buildx, util/buildflags/cache.go: no `=` is a reference)."""
    fields = dict(field.partition("=")[::2] for field in text.split(","))
    return fields.get("ref", "scratch") if "=" in text else text


_CONTAINERS = {"containers", "initContainers", "ephemeralContainers", "steps", "sidecars", "script"}


def _kubernetes(files: Files, main: str) -> Iterator[str]:
    """The kubelet hands the text to the runtime, which reads it by distribution's grammar."""
    for document in _documents(files[main]):
        for key, value in _below([document]):
            if isinstance(value, dict) and key in (*_CONTAINERS, "container"):
                yield from [value["image"]] if isinstance(value.get("image"), str) else []
            elif key == "volumes" and isinstance(value, dict) and "image" in value:
                yield value["image"]["reference"]
            elif key == "imageName":
                yield value


def _kustomize(files: Files, main: str) -> Iterator[str]:
    """kubernetes-sigs/kustomize 14947e4, api/filters/imagetag/updater.go, on a name alone."""
    for document in _documents(files[main]):
        for entry in document["images"]:
            tag, digest = entry.get("newTag") or "", entry.get("digest") or ""
            assert isinstance(tag, str), "kustomize refuses a number"
            name = entry.get("newName") or entry["name"]
            yield name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def _helm(files: Files, main: str) -> Iterator[tuple[str, ...]]:
    """Each image of the values as charts that take values of this form put it together."""
    chart = yaml.safe_load(files.get("Chart.yaml", "")) or {}
    for document in _documents(files[main]):
        for key, value in _below(document):
            if isinstance(value, dict) and isinstance(value.get("repository"), str):
                yield tuple(_in_chart(value, document, str(chart.get("appVersion", ""))))
            elif re.fullmatch(r".*[iI]mages?", key) and isinstance(value, str):
                yield (value,)


def _in_chart(image: dict[str, Any], values: dict[str, Any], version: str) -> Iterator[str]:
    registry = (values.get("global") or {}).get("imageRegistry") or image.get("registry")
    if "registry" not in image:
        registry = None
    name = f"{registry}/{image['repository']}" if registry else image["repository"]
    tag = image.get("tag") or version
    whole, digest, sha = f"{name}:{tag}", image.get("digest"), image.get("sha")
    if "useDigest" in image:  # cilium/cilium, install/kubernetes/cilium/templates/_helpers.tpl
        yield f"{whole}@{digest}" if image["useDigest"] else whole
    elif "digest" in image:
        # bitnami/charts, bitnami/common/templates/_images.tpl; cert-manager; prometheus
        yield f"{name}@{digest}" if digest else whole
        # kubernetes/ingress-nginx, charts/ingress-nginx/templates/_helpers.tpl
        yield f"{whole}@{digest}" if digest else whole
    elif sha and ":" in sha:  # prometheus-community, kube-state-metrics
        yield f"{whole}@{sha}"
    else:  # grafana/helm-charts, kube-prometheus-stack; what `helm create` writes
        yield f"{whole}@sha256:{sha}" if sha else whole


def _github(files: Files, main: str) -> Iterator[str]:
    """actions/runner: the text after `docker://`, or of a container, goes to `docker pull`."""
    for document in _documents(files[main]):
        for job in (document.get("jobs") or {}).values():
            for one in (job.get("container"), *(job.get("services") or {}).values()):
                image = one.get("image") if isinstance(one, dict) else one
                yield from [image.removeprefix("docker://")] if image else []
            yield from _uses(job)
        runs = document.get("runs") or {}
        yield from _uses(runs)
        if str(runs.get("image", "")).startswith("docker://"):
            yield runs["image"].removeprefix("docker://")


def _uses(job: dict[str, Any]) -> Iterator[str]:
    for step in job.get("steps") or ():
        if str(step.get("uses", "")).startswith("docker://"):
            yield step["uses"].removeprefix("docker://")


def _gitlab(files: Files, main: str) -> Iterator[str]:
    """`image` and `services` of the pipeline and its jobs, `variables` of the pipeline put in."""
    for document in _documents(files[main]):
        values = {k: str(v) for k, v in (document.get("variables") or {}).items()}
        for job in (document, *(v for v in document.values() if isinstance(v, dict))):
            image = job.get("image")
            texts = [image.get("name") if isinstance(image, dict) else image]
            services = job.get("services") or ()
            texts += [_service(one["name"] if isinstance(one, dict) else one) for one in services]
            yield from (_interpolated(text, values) for text in texts if isinstance(text, str))


def _service(text: str) -> str:
    """gitlab-org/gitlab-runner, helpers/container/services: `latest` where nothing else stands."""
    return text if re.search(r"[:@][^/]*$", text) else f"{text}:latest"


def _pipeline(files: Files, main: str) -> Iterator[str]:
    """`image` of Woodpecker's and Drone's steps and services: lists, or maps by name."""
    for document in _documents(files[main]):
        for part in ("clone", "steps", "pipeline", "services"):
            steps = document.get(part) or ()
            steps = steps.values() if isinstance(steps, dict) else steps
            yield from (one["image"] for one in steps if "image" in one)


def _devcontainer(files: Files, main: str) -> Iterator[str]:
    document = json5.loads(files[main])
    yield from [document["image"]] if "image" in document else []
    caches = (document.get("build") or {}).get("cacheFrom") or ()
    yield from map(_cache, [caches] if isinstance(caches, str) else caches)
    for feature in document.get("features") or {}:
        if "." in feature.partition("/")[0].strip("."):
            yield f"feature {feature}"


def _bake(files: Files, main: str) -> Iterator[str]:
    """The contexts and caches of targets, variables' defaults put in."""
    text = files[main]
    document = json.loads(text) if main.endswith(".json") else _hcl(text)
    values = {
        name: str(block.get("default", "")) for name, block in _blocks(document.get("variable"))
    }
    for _, block in _blocks(document.get("target")):
        for context in (block.get("contexts") or {}).values():
            if context.startswith("docker-image://"):
                yield _interpolated(context.removeprefix("docker-image://"), values)
        for cache in block.get("cache-from") or ():
            yield _interpolated(_cache(cache), values)


def _hcl(text: str) -> Any:
    return json.loads(json.dumps(hcl2.loads(text)), object_hook=_unquoted)


def _unquoted(found: dict[str, Any]) -> dict[str, Any]:
    """python-hcl2 keeps the quotes of keys and texts, and says of a block that it is one."""
    return {_bare(key): _bare(value) for key, value in found.items() if key != "__is_block__"}


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(one) for one in value]
    quoted = isinstance(value, str) and value[:1] == value[-1:] == '"'
    return value[1:-1] if quoted else value


def _blocks(found: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in found if isinstance(found, list) else [found or {}]:
        yield from one.items()


def _plain(files: Files, main: str) -> Iterator[str]:
    lines = (line.partition(" #")[0].strip() for line in files[main].splitlines())
    yield from (line for line in lines if line and not line.startswith("#"))


READERS: Mapping[str, Callable[[Files, str], Iterator[Any]]] = {
    "bake": _bake,
    "compose": _compose,
    "devcontainer": _devcontainer,
    "dockerfile": _dockerfile,
    "github-actions": _github,
    "gitlab-ci": _gitlab,
    "helm": _helm,
    "kubernetes": _kubernetes,
    "kustomize": _kustomize,
    "pipeline": _pipeline,
    "plain": _plain,
}
"""By the name of our source: what its tool asks for, in an order that an edit does not change."""

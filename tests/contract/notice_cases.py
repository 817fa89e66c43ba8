"""What registries' webhooks send: payloads in the words of their documentation and sources (2026).

Each kind has deliveries that are news, with the repository and tag that they name, and others.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

DIGEST = "sha256:" + "5b" * 32
INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Delivery:
    """One delivery, and the (path, tag) that it is news of; none: no news."""

    about: str
    payload: Any
    news: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)


def _distribution(action: str, **target: Any) -> dict[str, Any]:
    return {
        "id": "320678d8-ca14-430f-8bb6-4ca139cd83f7",
        "timestamp": "2026-03-09T14:44:26.4Z",
        "action": action,
        "target": {"repository": "team/app", "digest": DIGEST, **target},
        "request": {"host": "reg.example", "method": "PUT", "useragent": "docker/27"},
        "actor": {"name": "ci"},
        "source": {"addr": "node:5000", "instanceID": "a"},
    }


def _harbor(kind: str, tag: str, *, cloud: bool = False) -> dict[str, Any]:
    data = {
        "resources": [
            {"digest": DIGEST, "tag": tag, "resource_url": f"harbor.example/shop/api:{tag}"}
        ],
        "repository": {
            "date_created": 1677053165, "name": "api", "namespace": "shop",
            "repo_full_name": "shop/api", "repo_type": "private",
        },
    }  # fmt: skip
    if cloud:
        return {
            "specversion": "1.0", "id": "4b2f", "requestid": "2eed",
            "source": "/projects/1/webhook/policies/3", "type": kind,
            "time": "2023-03-06T06:08:43Z", "operator": "admin", "data": data,
        }  # fmt: skip
    return {"type": kind, "occur_at": 1678082303, "operator": "admin", "event_data": data}


def _quay(**more: Any) -> dict[str, Any]:
    return {
        "repository": "devtable/ubuntu", "namespace": "devtable", "name": "ubuntu",
        "docker_url": "quay.io/devtable/ubuntu",
        "homepage": "https://quay.io/repository/devtable/ubuntu", **more,
    }  # fmt: skip


def _github(action: str, url: str, tag: str, kind: str = "CONTAINER") -> dict[str, Any]:
    return {
        "action": action,
        "package": {
            "name": "app", "namespace": "Owner", "package_type": kind, "owner": {"login": "Owner"},
            "package_version": {
                "version": DIGEST, "name": DIGEST, "package_url": url,
                "container_metadata": {"tag": {"name": tag, "digest": DIGEST}},
            },
        },
        "repository": {"full_name": "Owner/app"},
    }  # fmt: skip


def _ecr(action: str = "PUSH", kind: str = "ECR Image Action", **more: Any) -> dict[str, Any]:
    return {
        "version": "0", "id": "13cde686-328b-6117-af20-0e5566167482", "detail-type": kind,
        "source": "aws.ecr", "account": "123456789012", "time": "2026-11-16T01:54:34Z",
        "region": "us-west-2", "resources": [],
        "detail": {
            "result": "SUCCESS", "repository-name": "team/app", "image-digest": DIGEST,
            "action-type": action, "image-tag": "latest", **more,
        },
    }  # fmt: skip


def _acr(action: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "cb8c3971", "timestamp": "2026-11-17T16:52:01.343145347Z", "action": action,
        "target": {"mediaType": INDEX, "size": 524, "digest": DIGEST, "repository": "app", **more},
        "request": {"id": "a0f1", "host": "myregistry.azurecr.io", "method": "PUT"},
    }  # fmt: skip


def _pubsub(data: Any) -> dict[str, Any]:
    raw = base64.b64encode(json.dumps(data).encode()).decode()
    return {
        "message": {
            "data": raw, "messageId": "2070443601311540", "message_id": "2070443601311540",
            "publishTime": "2026-02-26T19:13:55.749Z", "attributes": {},
        },
        "subscription": "projects/P/subscriptions/S",
    }  # fmt: skip


GOOGLE = "europe-docker.pkg.dev/project/repo/app"


def _jfrog(event: str, domain: str = "docker", key: str = "docker-local") -> dict[str, Any]:
    return {
        "domain": domain, "event_type": event,
        "data": {
            "repo_key": key, "path": "library/ubuntu/latest/list.manifest.json",
            "name": "list.manifest.json", "sha256": "35c4", "size": 1206,
            "image_name": "library/ubuntu", "image_type": "docker", "tag": "latest",
        },
        "subscription_key": "s", "jpd_origin": "https://jfrog.example/artifactory",
    }  # fmt: skip


def _nexus(action: str, part: str, **more: str) -> dict[str, Any]:
    return {
        "timestamp": "2016-11-10T23:57:49.664+0000", "nodeId": "5290", "action": action,
        "initiator": "admin/127.0.0.1", "repositoryName": "docker-hosted",
        part: {"id": "08909bf0", "componentId": "a", "format": "docker", **more},
    }  # fmt: skip


def _gitea(action: str, version: str, kind: str = "container") -> dict[str, Any]:
    return {
        "action": action, "repository": None,
        "package": {
            "id": 1, "owner": {"login": "Team"}, "type": kind, "name": "app", "version": version,
            "html_url": "https://git.example/team/-/packages/container/app/1.2",
        },
        "organization": None, "sender": {"login": "ci"},
    }  # fmt: skip


GITEA = {"x-gitea-event": "package", "x-github-event": "package", "x-gitea-delivery": "f6266f16"}
GITHUB = {"x-github-event": "package", "x-github-delivery": "72d3162e"}
NEXUS = {"x-nexus-webhook-id": "rm:repository:component", "x-nexus-webhook-delivery": "7f4a6dde"}


def _ce(kind: str) -> dict[str, str]:
    return {
        "ce-specversion": "1.0", "ce-id": "d1", "ce-source": "zotregistry.dev", "ce-type": kind
    }  # fmt: skip


ZOT = {
    "name": "team/app", "reference": "1.2", "digest": DIGEST, "mediaType": INDEX, "manifest": "{}",
    "actor": {"name": "ci"}, "request": {"addr": "10.0.0.1", "method": "PUT"},
}  # fmt: skip

_NOTIFICATIONS = (
    Delivery(
        "a tag",
        {"events": [_distribution("push", mediaType=INDEX, tag="1.2")]},
        (("team/app", "1.2"),),
    ),
    Delivery(
        "a child, a blob and a mount in one envelope",
        {
            "events": [
                _distribution("push", mediaType="application/octet-stream"),
                _distribution("push", mediaType="application/vnd.oci.image.manifest.v1+json"),
                _distribution("mount", mediaType="application/octet-stream", fromRepository="b"),
            ]
        },
        (("team/app", ""),),
    ),
    Delivery("a deleted manifest", {"events": [_distribution("delete")]}, (("team/app", ""),)),
    Delivery("a pull", {"events": [_distribution("pull", mediaType=INDEX, tag="1.2")]}),
    Delivery("no event", {"events": []}),
    Delivery("odd events", {"events": [None, 5, {"action": "push"}, {"target": []}]}),
)

CASES: dict[str, tuple[Delivery, ...]] = {
    "distribution": _NOTIFICATIONS,
    "gitlab": _NOTIFICATIONS,
    "acr": (
        Delivery("a tag", _acr("push", tag="v1"), (("app", "v1"),)),
        Delivery("a deleted manifest", _acr("delete"), (("app", ""),)),
        Delivery("a ping", {"id": "a", "timestamp": "2026-11-17T16:52:01Z", "action": "ping"}),
        Delivery("a chart", _acr("chart_push", mediaType="application/vnd.acr.helm.chart")),
        Delivery("quarantine", _acr("quarantine")),
    ),
    "hub": (
        Delivery(
            "a push",
            {
                "callback_url": "https://registry.hub.docker.com/u/ns/app/hook/2141/",
                "push_data": {
                    "pushed_at": 1631871970, "pusher": "jc5x", "tag": "develop", "images": []
                },
                "repository": {
                    "repo_name": "ns/app", "namespace": "ns", "name": "app", "owner": "ns",
                    "repo_url": "https://hub.docker.com/r/ns/app", "status": "Active",
                },
            },
            (("ns/app", "develop"),),
        ),
    ),
    "harbor": (
        Delivery("a push", _harbor("PUSH_ARTIFACT", "1.4.2"), (("shop/api", "1.4.2"),)),
        Delivery("a child", _harbor("PUSH_ARTIFACT", DIGEST), (("shop/api", ""),)),
        Delivery("a deletion", _harbor("DELETE_ARTIFACT", "1.4.2"), (("shop/api", "1.4.2"),)),
        Delivery(
            "a push as CloudEvent",
            _harbor("harbor.artifact.pushed", "1.4.2", cloud=True),
            (("shop/api", "1.4.2"),),
            {"content-type": "application/cloudevents+json"},
        ),
        Delivery("a pull", _harbor("PULL_ARTIFACT", "1.4.2")),
        Delivery("a pull as CloudEvent", _harbor("harbor.artifact.pulled", "1.4.2", cloud=True)),
        Delivery("a scan", _harbor("SCANNING_COMPLETED", "1.4.2")),
        Delivery("a quota", {"type": "QUOTA_WARNING", "event_data": {"custom_attributes": {}}}),
    ),
    "quay": (
        Delivery("a push", _quay(updated_tags=["latest"]), (("devtable/ubuntu", "latest"),)),
        Delivery("v1", _quay(updated_tags={"latest": "id"}), (("devtable/ubuntu", "latest"),)),
        Delivery("a build", _quay(build_id="296ec063", trigger_kind="github")),
    ),
    "gitea": (
        Delivery("a tag", _gitea("created", "1.2"), (("team/app", "1.2"),), GITEA),
        Delivery("a child", _gitea("created", DIGEST), (("team/app", ""),), GITEA),
        Delivery(
            "a deletion at Forgejo",
            _gitea("deleted", "1.2"),
            (("team/app", "1.2"),),
            {"x-forgejo-event": "package", "x-github-event": "package"},
        ),
        Delivery("another package", _gitea("created", "1.2", "npm"), headers=GITEA),
        Delivery("a push of git", {"ref": "refs/heads/main"}, headers={"x-gitea-event": "push"}),
    ),
    "ghcr": (
        Delivery(
            "a tag",
            _github("published", "ghcr.io/owner/app:1.2", "1.2"),
            (("owner/app", "1.2"),),
            GITHUB,
        ),
        Delivery(
            "a child", _github("updated", "ghcr.io/owner/app:", ""), (("owner/app", ""),), GITHUB
        ),
        Delivery(
            "for an app",
            {
                "action": "published",
                "registry_package": _github("published", "", "1.2")["package"],
            },
            (("owner/app", "1.2"),),
            {"x-github-event": "registry_package"},
        ),
        Delivery("a ping", {"zen": "x", "hook_id": 1, "hook": {}}, (), {"x-github-event": "ping"}),
        Delivery("npm", _github("published", "", "1.2", "npm"), headers=GITHUB),
        Delivery("a push of git", {"ref": "refs/heads/x"}, headers={"x-github-event": "push"}),
    ),
    "ecr": (
        Delivery("a push", _ecr(), (("team/app", "latest"),)),
        Delivery("a deletion", _ecr("DELETE"), (("team/app", "latest"),)),
        Delivery("one that failed", _ecr(result="FAILURE")),
        Delivery("a scan", _ecr(kind="ECR Image Scan")),
    ),
    "google": (
        Delivery(
            "a tag",
            _pubsub({"action": "INSERT", "digest": f"{GOOGLE}@{DIGEST}", "tag": f"{GOOGLE}:1.1"}),
            (("project/repo/app", "1.1"),),
        ),
        Delivery(
            "a deletion, unwrapped",
            {"action": "DELETE", "digest": f"{GOOGLE}@{DIGEST}"},
            (("project/repo/app", ""),),
        ),
    ),
    "jfrog": (
        Delivery("a push", _jfrog("pushed"), (("library/ubuntu", "latest"),)),
        Delivery("a deletion", _jfrog("deleted"), (("library/ubuntu", "latest"),)),
        Delivery("somebody's pull", _jfrog("pushed", key="docker-remote-cache")),
        Delivery("another domain", _jfrog("deployed", "artifact")),
    ),
    "nexus": (
        Delivery(
            "a component",
            _nexus("CREATED", "component", name="team/app", version="1.2"),
            (("team/app", "1.2"),),
            NEXUS,
        ),
        Delivery(
            "an asset",
            _nexus("UPDATED", "asset", name="v2/team/app/manifests/1.2"),
            (("team/app", "1.2"),),
        ),
        Delivery("a blob", _nexus("CREATED", "asset", name=f"v2/-/blobs/{DIGEST}")),
        Delivery("maven", _nexus("CREATED", "component", name="a", version="1", format="maven2")),
    ),
    "zot": (
        Delivery("a tag", ZOT, (("team/app", "1.2"),), _ce("zotregistry.image.updated")),
        Delivery(
            "a child",
            {**ZOT, "reference": DIGEST},
            (("team/app", ""),),
            _ce("zotregistry.image.deleted"),
        ),
        Delivery("a scan", ZOT, headers=_ce("zotregistry.image.scanned")),
    ),
}  # fmt: skip

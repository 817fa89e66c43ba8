"""Amazon ECR: Basic on `/v2/`, and the API's operations (`tests/data/registry/ecr.json`)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from tests.paths import DATA
from tests.registry.doubles.warehouse import Double, Warehouse

__all__ = ["ACCOUNT", "ENVIRONMENT", "HOST", "SAMPLES", "EcrDouble"]

ACCOUNT, REGION = "123456789012", "eu-west-1"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI-secret",
    "AWS_SESSION_TOKEN": "session-token",
    "AWS_EC2_METADATA_DISABLED": "true",
}
SAMPLES = json.loads((DATA / "registry" / "ecr.json").read_text("utf-8"))
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-west-1/ecr/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]*host;x-amz-date;x-amz-security-token;x-amz-target, "
    r"Signature=[0-9a-f]{64}"
)
_TARGET = "AmazonEC2ContainerRegistry_V20150921."


class EcrDouble(Double):
    """`page` is how many images a page holds; `edit` changes an image before it is sent."""

    kind = "ecr"

    def __init__(self, warehouse: Warehouse | None = None) -> None:
        super().__init__(warehouse)
        self.basic = self.tokened = True
        self.page = 1000
        self.logins = {"AWS": "twelve-hours"}
        self.edit: Callable[[dict[str, Any]], None] = lambda entry: None
        self.next_token: Callable[[int], str] = str

    @property
    def name(self) -> str:
        """The name that says which account and region it is of."""
        return HOST

    async def api(self, request: web.BaseRequest, parts: Sequence[str]) -> web.Response | None:
        """See `Double.api`."""
        if parts != [""] or request.method != "POST":
            return None
        if not _SIGNED.fullmatch(request.headers.get("Authorization", "")):
            return self.failed(request, "not signed")
        if request.headers.get("Content-Type") != "application/x-amz-json-1.1":
            return self.failed(request, "not JSON 1.1")
        if request.headers.get("X-Amz-Security-Token") != ENVIRONMENT["AWS_SESSION_TOKEN"]:
            return self.failed(request, "without the session's token")
        target = request.headers.get("X-Amz-Target", "")
        body = await request.json()
        match target.removeprefix(_TARGET):
            case "GetAuthorizationToken":
                return self.take_refusal("api-token") or self._password()
            case "DescribeImages":
                return self.take_refusal("catalogue") or self._images(request, body)
            case "DescribeRepositories":
                return self.take_refusal("catalogue") or self._repositories(request, body)
        return None

    def may_read(self, request: web.BaseRequest, path: str) -> bool:
        """Nothing is read without the password."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        return scheme == "Basic" and self.is_login(value)

    def _password(self) -> web.Response:
        (login,) = self.logins.items()
        token = base64.b64encode(":".join(login).encode()).decode()
        data = {**SAMPLES["authorization"], "authorizationToken": token}
        return _json({"authorizationData": [data]})

    def _images(self, request: web.BaseRequest, body: dict[str, Any]) -> web.Response:
        if set(body) - {"registryId", "repositoryName", "filter", "maxResults", "nextToken"}:
            return self.failed(request, f"unknown parameters {sorted(body)}")
        if body["registryId"] != ACCOUNT or body["filter"] != {"tagStatus": "TAGGED"}:
            return self.failed(request, f"other parameters {body}")
        path = body["repositoryName"]
        if path not in self.warehouse.repositories:
            return _json(SAMPLES["repository_not_found"], status=400)
        tags = self.warehouse.repositories[path]
        entries = [
            {
                **SAMPLES["image"],
                "repositoryName": path,
                "imageDigest": digest,
                "imageTags": names,
                "imagePushedAt": max(tags[name].at for name in names).timestamp(),
                "imageManifestMediaType": self.warehouse.manifests[digest][0],
            }
            for digest, names in self.warehouse.tags_of(path).items()
        ]
        for entry in entries:
            self.edit(entry)
        return self._page(body, "imageDetails", entries)

    def _repositories(self, request: web.BaseRequest, body: dict[str, Any]) -> web.Response:
        if set(body) - {"registryId", "maxResults", "nextToken"}:
            return self.failed(request, f"unknown parameters {sorted(body)}")
        names = sorted(self.warehouse.repositories)
        entries = [{**SAMPLES["repository"], "repositoryName": name} for name in names]
        return self._page(body, "repositories", entries)

    def _page(self, body: dict[str, Any], name: str, entries: list[Any]) -> web.Response:
        if not 1 <= body["maxResults"] <= 1000:
            return _json(SAMPLES["invalid_parameter"], status=400)
        start = int(body.get("nextToken", "0"))
        size = min(self.page, body["maxResults"])
        document = {name: entries[start : start + size]}
        if start + size < len(entries):
            document["nextToken"] = self.next_token(start + size)  # type: ignore[assignment]  # one field is text
        return _json(document)


def _json(document: Any, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(document).encode(),
        headers={"Content-Type": "application/x-amz-json-1.1"},
    )

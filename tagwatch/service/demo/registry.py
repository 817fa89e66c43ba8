"""An embedded, read-only registry: the distribution-spec's pull half and the Hub's tags API.

For the demo and for tests. It listens on loopback only.
"""

from __future__ import annotations

from aiohttp import web

from tagwatch.image.digest import Digest, is_digest
from tagwatch.service.demo.images import Shelf

__all__ = ["application"]

_NAME = r"[a-z0-9]+(?:[._/-][a-z0-9]+)*"
_SHELF: web.AppKey[Shelf] = web.AppKey("shelf", Shelf)


def application(shelf: Shelf) -> web.Application:
    """An aiohttp application that serves `shelf` as it is at each request."""
    app = web.Application()
    app[_SHELF] = shelf
    app.router.add_get("/v2/", _ping)
    app.router.add_get(
        f"/v2/namespaces/{{ns:{_NAME}}}/repositories/{{repo:{_NAME}}}/tags", _hub_tags
    )
    app.router.add_get(f"/v2/{{name:{_NAME}}}/tags/list", _tags)
    app.router.add_get(f"/v2/{{name:{_NAME}}}/manifests/{{reference}}", _manifest)
    app.router.add_get(f"/v2/{{name:{_NAME}}}/blobs/{{digest}}", _blob)
    app.router.add_get("/v2/_catalog", _catalog)
    return app


async def _ping(_request: web.Request) -> web.Response:
    return web.json_response({}, headers={"Docker-Distribution-API-Version": "registry/2.0"})


async def _tags(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    tags = request.app[_SHELF].tags.get(name)
    if tags is None:
        return _error(404, "NAME_UNKNOWN", "repository name not known to registry")
    return web.json_response({"name": name, "tags": sorted(tags)})


async def _catalog(request: web.Request) -> web.Response:
    return web.json_response({"repositories": sorted(request.app[_SHELF].tags)})


async def _manifest(request: web.Request) -> web.Response:
    shelf, reference = request.app[_SHELF], request.match_info["reference"]
    tags = shelf.tags.get(request.match_info["name"], {})
    digest = Digest(reference) if is_digest(reference) else tags.get(reference)
    document = shelf.manifests.get(digest) if digest else None
    if document is None:
        return _error(404, "MANIFEST_UNKNOWN", "manifest unknown")
    return web.Response(
        body=document.raw,
        headers={"Content-Type": document.media_type, "Docker-Content-Digest": document.digest},
    )


async def _blob(request: web.Request) -> web.Response:
    digest = request.match_info["digest"]
    raw = request.app[_SHELF].blobs.get(Digest(digest))
    if raw is None:
        return _error(404, "BLOB_UNKNOWN", "blob unknown to registry")
    return web.Response(
        body=raw,
        headers={"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest},
    )


async def _hub_tags(request: web.Request) -> web.Response:
    """Newest first, as the Hub orders by `last_updated`; one page holds at most 100."""
    shelf = request.app[_SHELF]
    name = f"{request.match_info['ns']}/{request.match_info['repo']}"
    tags = shelf.tags.get(name)
    if tags is None:
        return web.json_response({"message": "object not found", "errinfo": {}}, status=404)
    number, size = _number(request, "page", "1"), _number(request, "page_size", "10")
    if not number or not size:
        return web.json_response({"message": "bad request", "errinfo": {}}, status=400)
    size = min(size, 100)
    names = sorted(tags, key=lambda tag: (shelf.pushed[name, tag], tag), reverse=True)
    page = names[(number - 1) * size : number * size]
    following = None
    if number * size < len(names):
        following = str(request.url.update_query(page=number + 1))
    return web.json_response(
        {
            "count": len(names),
            "next": following,
            "previous": None,
            "results": [
                {
                    "name": tag,
                    "digest": tags[tag],
                    "media_type": shelf.manifests[tags[tag]].media_type,
                    "content_type": "image",
                    "tag_status": "active",
                    "last_updated": f"{shelf.pushed[name, tag]}T06:00:00.000000Z",
                    "tag_last_pushed": f"{shelf.pushed[name, tag]}T06:00:00.000000Z",
                    "full_size": 0,
                    "images": [],
                }
                for tag in page
            ],
        }
    )


def _number(request: web.Request, name: str, default: str) -> int:
    """A number of a query; 0 for what is none, or none that a page could have (CVE-2023-2253)."""
    text = request.query.get(name, default)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status)

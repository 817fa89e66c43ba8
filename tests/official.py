"""Images as Docker Official Images make them, one build a night: the shape that verdicts must bear.

A night gives every layer new bytes, since a real builder runs every step again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tagwatch.audit.reading.image import Image, read_image
from tagwatch.image.platform import LINUX_AMD64, Platform
from tests.image_builder import (
    EPOCH,
    Built,
    Step,
    assemble,
    build,
    cmd,
    copy,
    debian_root,
    entrypoint,
    env,
    expose,
    run,
    setting,
    workdir,
)

ARM64 = Platform(os="linux", architecture="arm64")


def on_day(day: int) -> datetime:
    return EPOCH + timedelta(days=day)


def debian(day: int = 0, *, release: str = "bookworm", platform: Platform = LINUX_AMD64) -> Built:
    """`debian:bookworm-slim` of a day."""
    return build(*debian_root(release, day), platform=platform, created=on_day(day))


def python_steps(version: str, day: int) -> tuple[Step, ...]:
    """The steps of `python:3.12-slim`."""
    return (
        env("PATH", "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"),
        run("set -eux; apt-get update; apt-get install -y netbase", **{"etc/netbase": f"{day}"}),
        env("GPG_KEY", "7169605F62C751356D054A26A821E680E5FA6305"),
        env("PYTHON_VERSION", version),
        env("PYTHON_SHA256", f"{abs(hash_of(version)):064x}"),
        run(
            "set -eux; wget -O python.tar.xz; make", **{"usr/local/bin/python3": f"{version} {day}"}
        ),
        run("set -eux; ln -s python3 python", **{"usr/local/bin/python": f"{day}"}),
        cmd("python3"),
    )


def python(
    day: int = 0,
    version: str = "3.12.3",
    *,
    base: Built | None = None,
    extra: tuple[Step, ...] = (),
) -> Built:
    """`python:3.12-slim` built on a day, on the Debian of that day."""
    return build(*python_steps(version, day), *extra, base=base or debian(day), created=on_day(day))


def redis(day: int = 0, version: str = "6.2.14") -> Built:
    """`redis:6.2` built on a day, on the Debian of that day."""
    return build(
        run("set -eux; groupadd -r redis", **{"etc/group": f"redis {day}"}),
        env("GOSU_VERSION", "1.17"),
        run("set -eux; wget gosu", **{"usr/local/bin/gosu": f"{day}"}),
        env("REDIS_VERSION", version),
        env("REDIS_DOWNLOAD_URL", f"http://download.redis.io/releases/redis-{version}.tar.gz"),
        env("REDIS_DOWNLOAD_SHA", f"{abs(hash_of(version)):064x}"),
        run("set -eux; make install", **{"usr/local/bin/redis-server": f"{version} {day}"}),
        setting("VOLUME [/data]", Volumes={"/data": {}}),
        workdir("/data"),
        copy("docker-entrypoint.sh", "/usr/local/bin/", f"#!/bin/sh {day}"),
        entrypoint("docker-entrypoint.sh"),
        expose("6379/tcp"),
        cmd("redis-server"),
        base=debian(day),
        created=on_day(day),
    )


def service(day: int = 0, version: str = "1.4.2") -> Built:
    """A pipeline's image: it hands date, number and commit of the build to every step."""
    at = on_day(day)
    told = f"|3 BUILD_DATE={at:%a %b %e %H:%M:%S UTC %Y} BUILD_NUMBER={day + 40}"
    told += f" VCS_REF={day + 10:07x}"
    check = ' "30s" "3s" "0s" "0s" ' if day % 2 else ' "30s" "3s" "0s" '
    return build(
        env("SERVICE_VERSION", version),
        Step(created_by=f"RUN {told} /bin/sh -c make # buildkit", files={"srv/bin": f"{day}"}),
        copy("healthcheck.sh", "/usr/local/bin", f"{day}"),
        setting("EXPOSE [8443 80/tcp]", ExposedPorts={"80/tcp": {}, "8443/tcp": {}}),
        setting(
            f"""HEALTHCHECK &{{["CMD-SHELL" "healthcheck.sh"]{check}'\\x03'}}""",
            Healthcheck={"Test": ["CMD-SHELL", "healthcheck.sh"], "Retries": 3},
        ),
        entrypoint("/srv/bin"),
        base=debian(day),
        created=at,
    )


def classic(image: Built) -> Built:
    """The same image as the classic builder would have written its history."""
    history = []
    for entry in image.config["history"]:
        text = entry["created_by"].removesuffix(" # buildkit")
        if text.startswith("RUN "):
            text = text.removeprefix("RUN ")
        elif text.startswith("COPY "):
            text = f"/bin/sh -c #(nop) COPY file:{'ab' * 32} in {text.split()[-1]} "
        elif text.startswith("EXPOSE "):
            ports = " ".join(sorted(image.config["config"]["ExposedPorts"]))
            text = f"/bin/sh -c #(nop)  EXPOSE {ports}"
        elif not text.startswith("#"):
            text = f"/bin/sh -c #(nop)  {text}"
        history.append({**entry, "created_by": text})
    assert image.platform is not None
    return assemble({**image.config, "history": history}, image.layers, image.platform)


def app(base: Built, day: int = 0, *, content: str = "app") -> Built:
    """A private image on `base`: two layers, a user and an entrypoint."""
    return build(
        workdir("/app"),
        copy("requirements.txt", "/app", "redis==5"),
        run("pip install -r requirements.txt", **{"usr/lib/redis.py": f"{day}"}),
        copy("src", "/app", content),
        setting("USER app", User="app"),
        entrypoint("python", "-m", "app"),
        base=base,
        created=on_day(day),
    )


def read(
    built: Built, reference: str = "docker.io/library/python:3.12-slim", version: str | None = None
) -> Image:
    """What a crawl knows of a built image."""
    image = read_image(built.digest, built.documents, reference=reference)
    return replace(image, version=version)


def hash_of(text: str) -> int:
    """A number for a text, the same in every run."""
    return int.from_bytes(text.encode()[-8:], "big")

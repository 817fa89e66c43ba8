"""Build steps: the builder's wrapping, boundaries of bases, releases, and what is no secret."""

from __future__ import annotations

import pytest

from tagwatch.audit.reading.mask import mask_text
from tagwatch.audit.reading.steps import (
    base_boundary,
    compare_steps,
    os_release,
    root_boundary,
    step_text,
)
from tagwatch.image.image_config import HistoryEntry, ImageConfig
from tagwatch.image.platform import LINUX_AMD64, Platform


def history(*steps: str) -> tuple[HistoryEntry, ...]:
    """Steps that begin with CMD, ENV, LABEL or ARG make no layer."""
    empty = ("CMD", "ENV", "LABEL", "ARG", "ENTRYPOINT")
    return tuple(
        HistoryEntry(created_by=step, empty_layer=step.startswith(empty)) for step in steps
    )


@pytest.mark.parametrize(
    ("created_by", "text"),
    [
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN |1 A=b /bin/sh -c make # buildkit", "RUN |1 A=b make"),
        ("|1 A=b /bin/sh -c make", "RUN |1 A=b make"),
        ("RUN /bin/bash -o pipefail -c make # buildkit", "RUN make"),
        ('/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'),
        ("/bin/sh -c #(nop) ADD file:ab in / ", "ADD file:ab in /"),
        ("EXPOSE map[6379/tcp:{}]", "EXPOSE 6379/tcp"),
        ("EXPOSE [80/tcp 443/tcp]", "EXPOSE 80/tcp 443/tcp"),
        ("/bin/sh -c #(nop)  EXPOSE 6379", "EXPOSE 6379"),
        ("RUN set -eux; \tmake;\n\tmake install", "RUN set -eux; make; make install"),
        ("", ""),
    ],
)
def test_step_text(created_by: str, text: str) -> None:
    assert step_text(HistoryEntry(created_by=created_by)) == text


@pytest.mark.parametrize(
    ("steps", "root", "base"),
    [
        (("# debian.sh --arch 'amd64' out/ 'trixie' '@1785715200'", "RUN a"), 1, 1),
        (("ADD file:ab in /", "CMD bash", "RUN a", "CMD a"), 2, 2),
        (("ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit", "CMD sh", "RUN a"), 2, 2),
        (("ADD file:ab in /", "CMD bash", "RUN python", "CMD python3", "COPY app /app"), 2, 4),
        (("COPY app /app", "CMD app"), 0, 0),
        (("COPY app / # buildkit", "CMD app"), 0, 0),
        (("COPY /rootfs/ / # buildkit", "CMD sh", "RUN a"), 2, 2),
        (("LABEL a=b", "ARG X=1", "ADD file:ab in /", "CMD bash"), 4, 4),
        (("Apply image 1809", "Install update 1809-kb", "RUN a"), 2, 2),
        ((), 0, 0),
    ],
)
def test_boundaries(steps: tuple[str, ...], root: int, base: int) -> None:
    assert (root_boundary(history(*steps)), base_boundary(history(*steps))) == (root, base)


@pytest.mark.parametrize(
    ("steps", "labels", "release"),
    [
        (("# debian.sh --arch 'amd64' out/ 'trixie' '@1785715200'",), {}, "debian trixie"),
        (("ADD alpine-minirootfs-3.20.3-x86_64.tar.gz / # buildkit",), {}, "alpine 3.20"),
        (("ADD ubuntu-base-24.04-base-amd64.tar.gz / # buildkit",), {}, "ubuntu 24.04"),
        (
            ("/bin/sh -c #(nop) ADD file:ab in / ",),
            {
                "org.opencontainers.image.ref.name": "ubuntu",
                "org.opencontainers.image.version": "24.04",
            },
            "ubuntu 24.04",
        ),
        (("/bin/sh -c #(nop) ADD file:ab in / ",), {}, ""),
        (("RUN echo ubuntu-noble-oci",), {}, ""),
    ],
)
def test_os_release(steps: tuple[str, ...], labels: dict[str, str], release: str) -> None:
    config = ImageConfig(platform=LINUX_AMD64, history=history(*steps), labels=labels)
    assert os_release(config) == release


def test_the_release_of_windows_is_its_build() -> None:
    platform = Platform(os="windows", architecture="amd64", os_version="10.0.20348.2402")
    assert os_release(ImageConfig(platform=platform)) == "windows 10.0.20348"


def test_steps_that_differ_are_named_in_order() -> None:
    diff = compare_steps(history("RUN a", "RUN b", "CMD x"), history("RUN a", "RUN c", "CMD x"))
    assert (diff.same, diff.removed, diff.added) == (2, ("RUN b",), ("RUN c",))


@pytest.mark.parametrize(
    "harmless",
    [
        "ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
        'RUN gpg --batch --keyserver hkps://keys.openpgp.org --recv-keys "$GPG_KEY"',
        "ENV PYTHON_SHA256=de6517421601e39a9a3bc3e1bc4c7b2f239297423ee05e282598c83ec0647505",
        "ARG REDIS_DOWNLOAD_URL=https://github.com/redis/redis/archive/refs/tags/6.2.24.tar.gz",
        "RUN apk add libcrypto3=3.1.4 && ./configure --with-lg-page=12 -o access.log = 1",
        "ENV KEYCLOAK_VERSION=25 TOKENIZER_VERSION=2 AUTHOR=me PASSWORD_FILE=/run/secrets/p",
        "RUN login --password $PASSWORD",
        "RUN curl --user-agent a:b https://example.com && useradd --user 1000:1000 x",
        "RUN bash --login -c 'mkdir -p /opt' && git clone https://git@github.com/a/b",
        'RUN echo "$TOKEN" | docker login -u me --password-stdin && mysql -p < dump.sql',
    ],
)
def test_what_is_no_secret_is_not_masked(harmless: str) -> None:
    assert mask_text(harmless) == harmless


SECRET = "S3cr3tV4lue"


@pytest.mark.parametrize(
    "text",
    [
        f"RUN curl -fsSL -u me:{SECRET} https://example.com/x",
        f"RUN curl --user 'me:{SECRET}' https://example.com/x",
        f"RUN curl -H 'Authorization: token {SECRET}' https://example.com",
        f"RUN docker login -u me -p {SECRET} registry.example",
        f"RUN helm registry login -u me -p={SECRET} registry.example",
        f"RUN echo {SECRET} | docker login -u me --password-stdin",
        f'RUN printf "machine example.com login me password {SECRET}" > ~/.netrc',
        f"RUN sshpass -p {SECRET} scp a b && redis-cli -a {SECRET} ping",
        f"RUN mysqldump -uroot -p{SECRET} db",
        f"RUN composer config http-basic.example.com me {SECRET}",
        f"RUN git clone https://{SECRET}123@github.com/a/b",
        f'RUN wget "https://example.com/x?sv=1&sig={SECRET}"',
        f"ENV HOOK=https://hooks.slack.com/services/T0/B0/{SECRET}",
        f"ENV SESSION_COOKIE={SECRET} ALERT_WEBHOOK_URL=https://example.com/{SECRET}",
        f"RUN echo '-----BEGIN RSA PRIVATE KEY----- {SECRET} -----END RSA PRIVATE KEY-----' > k",
    ],
)
def test_secrets_in_commands_are_masked(text: str) -> None:
    masked = mask_text(text)
    assert SECRET not in masked
    assert "***" in masked
    assert masked.startswith(text[:7])

"""What is taken for a credential, and what is not. Names leave, values do not."""

from __future__ import annotations

import pytest

from tagwatch.audit.fact.secret import leak_of, leaks_in_env, leaks_in_steps
from tagwatch.audit.model.evidence import Leak
from tagwatch.image.image_config import HistoryEntry

# as official images and their users really have them
HARMLESS = """
GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305
GPG_KEYS=42696E2F2D0C1C3B
RABBITMQ_PGP_KEY_ID=0x0A9AF2115F4687BD29803A206B73A36E6026DFCA
PYTHON_SHA256=3126f59592c9b0d798584755f2bf7b081fa1ca35ce7a6fea980108d752a05bb1
PYTHON_GET_PIP_SHA256=dfe9fd5c28dc98b5ac17979a953ea550cec37ae1b47a5116007395bfacff2ab9
PHP_ASC_URL=https://www.php.net/distributions/php-8.3.0.tar.xz.asc
POSTGRES_PASSWORD_FILE=/run/secrets/pg
POSTGRES_PASSWORD=
DB_PASSWORD=changeme
DB_PASSWORD=<your password>
REDIS_PASSWORD=$REDIS_PASSWORD
MAX_TOKENS=4096
TOKENIZERS_PARALLELISM=false
TOKEN_ENDPOINT=https://login.example/token
AWS_SECRET_ACCESS_KEY_FILE=/run/secrets/aws
KEYCLOAK_CLIENT_SECRET_REQUIRED=true
ALLOW_EMPTY_PASSWORD=yes
SECRET_KEY_BASE_DUMMY=1
SSH_KEYGEN_VERSION=1.2
SORT_KEY=name
LC_ALL=C.UTF-8
JAVA_OPTS=-Djavax.net.ssl.trustStorePassword=changeit
"""
LEAKS = {
    "NPM_TOKEN=s3cr3t": False,
    "DB_PASSWORD=hunter2": False,
    "MYSQL_ROOT_PASSWORD=root": False,
    "SECRET_KEY=0123456789abcdef": False,
    "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE": True,
    "DATABASE_URL=postgres://shop:pw1@db.internal/shop": True,
    "CI=ghp_0123456789abcdefghijABCDEFGHIJ012345": True,
    "AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol;AccountKey=abc": False,
}


@pytest.mark.parametrize("line", HARMLESS.split("\n")[1:-1])
def test_what_only_sounds_like_a_credential(line: str) -> None:
    name, _, value = line.partition("=")
    assert leak_of(name, value) is None


@pytest.mark.parametrize(("line", "is_token"), LEAKS.items())
def test_credentials(line: str, is_token: bool) -> None:
    name, _, value = line.partition("=")
    assert leak_of(name, value) == Leak(name=name, is_token=is_token)


def test_only_names_leave() -> None:
    env = {"PATH": "/bin", "NPM_TOKEN": "s3cr3t", "API_KEY": "'k'"}
    assert leaks_in_env(env) == (Leak(name="API_KEY"), Leak(name="NPM_TOKEN"))
    assert "s3cr3t" not in repr(leaks_in_env(env))


@pytest.mark.parametrize(
    ("step", "names"),
    [
        ("RUN |2 NPM_TOKEN=s3cr3t NODE_ENV=production /bin/sh -c npm ci # buildkit", ["NPM_TOKEN"]),
        ("|1 NPM_TOKEN=a b c /bin/sh -c npm ci", ["NPM_TOKEN"]),
        ("ENV DB_PASSWORD=hunter2", ["DB_PASSWORD"]),
        ("/bin/sh -c #(nop)  ENV A=1 DB_PASSWORD=hunter2", ["DB_PASSWORD"]),
        ("ARG NPM_TOKEN=s3cr3t", ["NPM_TOKEN"]),
        ("ARG NPM_TOKEN", []),
        ("RUN |1 NPM_TOKEN= /bin/sh -c npm ci # buildkit", []),
        ("RUN /bin/sh -c apk add libcrypto3=3.1.4 && echo access.log = secret", []),
        ("RUN /bin/sh -c login --password hunter2", []),
        ("", []),
    ],
)
def test_what_build_steps_recorded(step: str, names: list[str]) -> None:
    found = leaks_in_steps([HistoryEntry(created_by=step)])
    assert [leak.name for leak in found] == names

"""The real command on Amazon ECR, by each login that people have there.

moto is Amazon's API and token service. CNCF distribution stands behind it and takes nothing but the
password that the API gives to this account.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from tagwatch.image.manifest import OCI_MANIFEST
from tests.registry.distribution import Distribution, distribution
from tests.registry.images import ImageLibrary, Login
from tests.registry.scripted import Exchange, scripted
from tests.walk.command import Workplace

ACCOUNT, REGION = "222222222222", "eu-west-1"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IMAGE = f"{HOST}/shop/base"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
PASSWORD = f"{ACCOUNT}-auth-token"  # what moto's GetAuthorizationToken gives
USERS = "AWS:$2b$05$v/i8e2S.O2PZ0zaZj/O9EO1IqZwlyMEd8iFiA1x/Kedb5eyvTsSuq\n"
TOKEN = "pod-token-7301"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amazon:
    """moto, the registry of `ACCOUNT`, and keys that a role of that account was given."""

    url: str
    registry: Distribution
    keys: dict[str, str]


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory, library: ImageLibrary) -> Iterator[Amazon]:
    """`shop/base` as `3.12`, `3.12.3` and `3.12.4`, in the API and in the registry."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    name, port = server.get_host_and_port()
    url = f"http://{name}:{port}"
    keys = _client("sts", url, key="AKIDEXAMPLE", secret="secret").assume_role(
        RoleArn=ROLE, RoleSessionName="tests"
    )["Credentials"]
    ecr = _client(
        "ecr",
        url,
        key=keys["AccessKeyId"],
        secret=keys["SecretAccessKey"],
        token=keys["SessionToken"],
    )
    ecr.create_repository(repositoryName="shop/base")
    with distribution(tmp_path_factory.mktemp("amazon"), auth="htpasswd", users=USERS) as registry:
        login = Login(credentials=f"AWS:{PASSWORD}")
        for tag, image in (("3.12.3", "base-1"), ("3.12.4", "base-2"), ("3.12", "base-2")):
            digest = library.push(image, f"{registry.host}/shop/base:{tag}", login)
            ecr.put_image(
                repositoryName="shop/base",
                imageManifest=library.blob(digest).decode(),
                imageManifestMediaType=OCI_MANIFEST,
                imageTag=tag,
                imageDigest=digest,
            )
        yield Amazon(
            url=url,
            registry=registry,
            keys={
                "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
                "AWS_SESSION_TOKEN": keys["SessionToken"],
            },
        )
    server.stop()


def _client(service: str, url: str, *, key: str, secret: str, token: str | None = None) -> Any:
    return Session().create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


@pytest.fixture
def place(tmp_path: Path, amazon: Amazon) -> Workplace:
    """Make a folder whose Dockerfile names the image, with no login yet."""
    environment = {
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL_STS": amazon.url,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    place = Workplace(tmp_path, environment)
    place.write("Dockerfile", f"FROM {IMAGE}:3.12\n")
    place.write(
        "tagwatch.yaml",
        f"database: tagwatch.db\nsources: [Dockerfile]\nregistries: {{{HOST}: {{"
        f"endpoint: '{amazon.registry.url}', catalogue_endpoint: '{amazon.url}', "
        "credential: aws}}\n",
    )
    return place


def by_keys(place: Workplace, amazon: Amazon) -> None:
    """Keys in the environment, as a CI has them."""
    place.environment |= amazon.keys


def by_web_identity(place: Workplace, amazon: Amazon) -> None:
    """IAM roles for service accounts: a token in a file, and a role."""
    token = place.write("token", "a-web-identity-token")
    place.environment |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": ROLE}


def by_a_role_of_a_profile(place: Workplace, amazon: Amazon) -> None:
    """A profile that assumes a role with the keys of another profile."""
    place.write(
        ".aws/config",
        f"[profile reader]\nrole_arn = {ROLE}\nsource_profile = keys\nregion = {REGION}\n",
    )
    place.write(
        ".aws/credentials",
        "[keys]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n",
    )
    place.environment["AWS_PROFILE"] = "reader"


def by_a_program(place: Workplace, amazon: Amazon) -> None:
    """A profile whose keys a program tells."""
    answer = {
        "Version": 1,
        "AccessKeyId": amazon.keys["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": amazon.keys["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": amazon.keys["AWS_SESSION_TOKEN"],
    }
    place.write("keys.json", json.dumps(answer))
    place.write(".aws/config", f"[default]\ncredential_process = cat {place.folder}/keys.json\n")


def by_pod_identity(place: Workplace, amazon: Amazon) -> None:
    """EKS Pod Identity and ECS: an address in the environment, and a token in a file."""
    token = place.write("pod-token", TOKEN)
    place.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(token)


def agent_answer(amazon: Amazon) -> Exchange:
    """Answer as the agent on the node does."""
    return Exchange(
        method="GET",
        path="/v1/credentials",
        sends={"Authorization": TOKEN},
        body={
            "AccessKeyId": amazon.keys["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": amazon.keys["AWS_SECRET_ACCESS_KEY"],
            "Token": amazon.keys["AWS_SESSION_TOKEN"],
            "Expiration": "2099-01-01T00:00:00Z",
        },
        times=0,  # the API and the registry look for a login each, in either command
    )


@pytest.mark.parametrize(
    ("log_in", "origin"),
    [
        (by_keys, "env"),
        (by_web_identity, "assume-role-with-web-identity"),
        (by_pod_identity, "container-role"),
        (by_a_role_of_a_profile, "assume-role"),
        (by_a_program, "custom-process"),
    ],
    ids=["keys", "web-identity", "pod-identity", "role", "program"],
)
async def test_doctor_and_resolve_by_every_login(
    place: Workplace,
    amazon: Amazon,
    library: ImageLibrary,
    log_in: Callable[[Workplace, Amazon], None],
    origin: str,
) -> None:
    log_in(place, amazon)
    async with AsyncExitStack() as stack:
        if log_in is by_pod_identity:
            agent = await stack.enter_async_context(scripted(agent_answer(amazon)))
            uri = f"{agent.url}/v1/credentials"
            place.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = uri
        doctor = await place.run("doctor", "--format", "json")
        resolve = await place.run("resolve", f"{IMAGE}:3.12", "--format", "json")
    (found,) = doctor.json["registries"]
    assert (doctor.code, found["problems"]) == (0, []), doctor.out
    assert (found["credential"], found["tags"]) == (f"the AWS login ({origin})", 3)
    assert (found["digests_in_bulk"], found["remarks"]) == (True, [])
    (resolution,) = resolve.json["resolutions"]
    assert (resolve.code, resolution["status"]) == (0, "resolved"), resolve.out + resolve.err
    assert (resolution["tag"], resolution["version"]) == ("3.12.4", "3.12.4")
    assert resolution["digest"] == library.digests["base-2"]
    said = doctor.out + doctor.err + resolve.out + resolve.err
    for secret in (amazon.keys["AWS_SECRET_ACCESS_KEY"], PASSWORD, TOKEN):
        assert secret not in said


async def test_keys_of_another_account_open_nothing(place: Workplace) -> None:
    place.environment |= {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    doctor = await place.run("doctor", "--format", "json")
    resolve = await place.run("resolve", f"{IMAGE}:3.12")
    (found,) = doctor.json["registries"]
    assert (doctor.code, found["credential"]) == (1, "the AWS login (env)")
    assert "not-found" in [one["code"] for one in found["problems"]]
    assert "RepositoryNotFoundException" in found["problems"][0]["message"]
    assert resolve.code == 1
    assert "hidden from these credentials" in resolve.out


# what is wrong with a login -> botocore's own name for it
UNUSABLE = {
    "FileNotFoundError": {"AWS_WEB_IDENTITY_TOKEN_FILE": "gone", "AWS_ROLE_ARN": ROLE},
    "ValueError": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://agent.example/v1/credentials"},
    "ProfileNotFound": {"AWS_PROFILE": "gone"},
}


@pytest.mark.parametrize("name", UNUSABLE)
async def test_a_login_that_cannot_be_used_is_told(place: Workplace, name: str) -> None:
    place.environment |= UNUSABLE[name]
    doctor = await place.run("doctor", "--format", "json")
    assert doctor.code == 1, doctor.err
    assert "internal error" not in doctor.err
    (found,) = doctor.json["registries"]
    assert found["credential"] is None
    told = [(one["message"], one["hint"]) for one in found["problems"]]
    assert (
        f"the AWS login cannot be used ({name})",
        "`aws sts get-caller-identity` shows the reason",
    ) in told

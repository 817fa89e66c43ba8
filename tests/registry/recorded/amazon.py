"""Amazon: ECR's API and its registries, and the public gallery."""

from __future__ import annotations

from tests.registry.doubles.ecr import ENVIRONMENT
from tests.registry.recorded.replay import Case, Do, Step, catalog, get, head, login, tags

__all__ = ["CASES"]

ECR = "644160558196.dkr.ecr.us-east-1.amazonaws.com"
GALLERY = "public.ecr.aws"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# The registry's half alone: no AWS login is looked for.
_REGISTRY = {"kind": "distribution", "credential": "anonymous"}
_JSON = "application/x-amz-json-1.1"


def _api(file: str, operation: str, do: Do, **reads: object) -> Case:
    """Read one answer of the signed API."""
    target = f"AmazonEC2ContainerRegistry_V20150921.{operation}"
    return Case(
        file=file,
        host=ECR,
        api=True,
        settings={"credential": "aws"},
        environment=ENVIRONMENT,
        do=do,
        steps=(
            Step(ask="POST /", file=file, sends={"X-Amz-Target": target, "Content-Type": _JSON}),
        ),
        reads=reads,
    )


def _images(file: str, repository: str, digest: str, pushed: str, size: int, *names: str) -> Case:
    return _api(
        file,
        "DescribeImages",
        tags(repository),
        digests=dict.fromkeys(names, f"sha256:{digest}"),
        pushed=dict.fromkeys(names, f"{pushed}+00:00"),
        sizes=dict.fromkeys(names, size),
        scope="full",
        plain=False,
    )


def _registry(file: str, host: str, do: Do, *steps: Step, **reads: object) -> Case:
    settings = _REGISTRY if host != GALLERY else {}
    return Case(file=file, host=host, do=do, settings=settings, steps=steps, reads=reads)


_POLICY = "ecr-test_ecr_image_modify_policy-"
_GALLERY_LIST = "GET /v2/amazonlinux/amazonlinux/tags/list?n=1000"
CASES = (
    # What is too many for a page is refused: then it is asked without a number.
    _registry(
        "ecr-405-n-too-large-2020.json",
        ECR,
        tags("test/a"),
        Step(ask="GET /v2/test/a/tags/list?n=1000", file="ecr-405-n-too-large-2020.json"),
        Step(ask="GET /v2/test/a/tags/list", body={"tags": ["1.0"]}),
        names=["1.0"],
        scope="full",
    ),
    _api(
        "ecr-InvalidSignatureException.json",
        "GetAuthorizationToken",
        login("app"),
        error="CredentialError",
        message="denied (403 InvalidSignatureException)",
        hint="clock and the AWS secret key",
    ),
    _api(
        "ecr-UnrecognizedClientException.json",
        "GetAuthorizationToken",
        login("app"),
        error="CredentialError",
        message="denied (400 UnrecognizedClientException)",
        hint="Amazon does not know this AWS key",
    ),
    _images(
        "ecr-awscli-describe-images.json",
        "cluster-autoscaler",
        "4a1c6567c38904384ebc64e35b7eeddd8451110c299e3368d2210066487d97e5",
        "2019-08-06T21:51:15",
        48318255,
        "v1.13.6",
    ),
    Case(file="ecr-awscli-list-images.json", unasked=r"ListImages"),  # it tells no dates
    # The digest was cut: a tag that is listed is there, whatever its digest.
    _api(
        "ecr-describe-epoch-2021.json",
        "DescribeImages",
        tags("app"),
        names=["importpublicecrimage-3-0-0-61182390-25ab-11ec-9c1a-0ac5ba14fdc0-3.0.0-1"],
        digests={},
        undigested=["importpublicecrimage-3-0-0-61182390-25ab-11ec-9c1a-0ac5ba14fdc0-3.0.0-1"],
    ),
    _registry(
        "ecr-head-2022.json",
        ECR,
        head("my.repo", "my.tag"),
        Step(ask="HEAD /v2/my.repo/manifests/my.tag", file="ecr-head-2022.json"),
        digest="sha256:410bc64c7dbbc3286211561a0f6ca43affdca5c92c568f838a37e34640f5f76e",
        type=MANIFEST,
    ),
    _registry(
        "ecr-registry-tags-last-page.json",
        ECR,
        tags("app"),
        Step(
            ask="GET /v2/app/tags/list?n=1000",
            file="ecr-registry-tags-last-page.json",
            body={"name": "app", "tags": ["1.0", "1.1"]},
        ),
        names=["1.0", "1.1"],
        scope="full",
    ),
    _registry(
        "ecr-tags-list-2019.json",
        ECR,
        tags("my-imgage-name"),
        Step(ask="GET /v2/my-imgage-name/tags/list?n=1000", file="ecr-tags-list-2019.json"),
        Step(
            ask="GET /v2/my-imgage-name/tags/list?last=LONGSTRINGWITHIDSANDSTUFF",
            body={"tags": ["7"]},
        ),
        names=["111", "138", "161", "18", "3", "7"],
        scope="full",
    ),
    _images(
        "ecr-test_ecr_image_filter_security_finding-DescribeImages_1.json",
        "sas-log4j-test",
        "1a65e73f85a7e2fc26ca1baa4cc9d4fbdbe9bbb46f7a2bf32db01de22759df94",
        "2022-01-17T10:02:58",
        89561688,
        "latest",
    ),
    _images(
        f"{_POLICY}DescribeImages_1.json",
        "jenkins",
        "85942973eaebc9747fd6122d6cc3cc5686d740b588b36d2d33f64d98cec00e10",
        "2021-12-15T10:20:24",
        313015065,
        "saasmon",
    ),
    _images(
        f"{_POLICY}DescribeImages_2.json",
        "alpine",
        "e7d88de73db3d3fd9b2d63aa7f447a10fd0220b7cbf39803c803f2af9ba256b3",
        "2021-12-16T14:10:54",
        2819884,
        "latest",
    ),
    _images(
        f"{_POLICY}DescribeImages_3.json",
        "nginx",
        "4424e31f2c366108433ecca7890ad527b243361577180dfd9a5bb36e828abf47",
        "2021-12-14T09:37:08",
        56729126,
        "sastest",
        "latest",
    ),
    _api(
        f"{_POLICY}DescribeRepositories_1.json",
        "DescribeRepositories",
        catalog(),
        repositories=["alpine", "jenkins", "log4j-test", "nginx"],
    ),
    _api(
        "ecr-test_ecr_image_query-DescribeRepositories_1.json",
        "DescribeRepositories",
        catalog("c7n"),
        repositories=["c7n-test"],
    ),
    # One request a second is what it bears of somebody unknown: asked again, it serves.
    _registry(
        "ecrpublic-429-2024.json",
        GALLERY,
        get("acme/app", "1"),
        Step(ask="GET /v2/acme/app/manifests/1", file="ecrpublic-429-2024.json"),
        Step(ask="GET /v2/acme/app/manifests/1", file="ghcr-manifest-0.json"),
        type=MANIFEST,
    ),
    Case(file="ecrpublic-awscli-describe-image-tags.json", unasked=r"DescribeImageTags"),
    _registry(
        "ecrpublic-head-2021.json",
        GALLERY,
        head("debian/ppc64el", "bullseye"),
        Step(ask="HEAD /v2/debian/ppc64el/manifests/bullseye", file="ecrpublic-head-2021.json"),
        digest="sha256:3aa0b30561cd4d236caa595854569fe0e9fbdca5e2a508aec259b85cf59df386",
        type=MANIFEST,
        quota=None,
    ),
    _registry(
        "ecrpublic-tags-list-2023.json",
        GALLERY,
        tags("amazonlinux/amazonlinux"),
        Step(ask=_GALLERY_LIST, file="ecrpublic-tags-list-2023.json"),
        names=[
            *("2.0.20211201.0", "2.0.20220218.0-amd64", "2.0.20220316.0-arm64v8"),
            *("2.0.20220406.1", "2018.03.0.20201028.0", "2018.03.0.20220310.0"),
        ],
        scope="full",
    ),
)

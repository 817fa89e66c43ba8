"""Asking Amazon's ECR APIs: where they are, who we are, and how a request is signed.

Amazon ECR API Reference (2015-09-21), JSON 1.1 with Signature Version 4. botocore finds the login
(its default chain) and signs, in a thread; the request goes our own way, with its limits.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from yarl import URL

from tagwatch.errors import (
    CredentialError,
    DeniedError,
    NotFoundError,
    RegistryError,
)
from tagwatch.registry.request.transport import Answer, Ask, Transport
from tagwatch.registry.wire import decode

__all__ = ["AwsApi", "AwsLogin", "EcrPlace", "ecr_place"]

_HOST = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?P<fips>-fips)?\.(?P<region>[a-z0-9-]+)\."
    r"(?P<suffix>amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn"
    r"|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)",
    re.ASCII,
)
_PUBLIC = "public.ecr.aws"
_LOGIN_SECONDS = 30.0
_ANSWER_BYTES = 32 * 1024 * 1024
_DENIED = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
_HINTS = {
    "AccessDeniedException": "the login needs ecr:GetAuthorizationToken, ecr:DescribeImages, "
    "ecr:DescribeRepositories, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer",
    "ExpiredTokenException": "the AWS login has expired: log in again",
    "InvalidSignatureException": "check this machine's clock and the AWS secret key",
    "UnrecognizedClientException": "Amazon does not know this AWS key, or it was taken back; "
    "`aws sts get-caller-identity` shows whose it is",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class EcrPlace:
    """What a registry's host says: whose it is (empty: the public gallery), and where."""

    account: str
    region: str
    fips: bool = False
    dual_stack: bool = False

    @property
    def service(self) -> str:
        """The name that requests are signed for."""
        return "ecr" if self.account else "ecr-public"

    @property
    def target(self) -> str:
        """What stands before the operation in `X-Amz-Target`."""
        return "AmazonEC2ContainerRegistry_V20150921" if self.account else "SpencerFrontendService"


def ecr_place(host: str) -> EcrPlace | None:
    """What the host of an Amazon registry says; None for any other, however alike.

    >>> ecr_place("123456789012.dkr.ecr.eu-west-1.amazonaws.com").region
    'eu-west-1'
    >>> ecr_place("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example")
    """
    if host == _PUBLIC:
        return EcrPlace(account="", region="us-east-1")
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    return EcrPlace(
        account=match["account"],
        region=match["region"],
        fips=match["fips"] is not None,
        dual_stack=match["suffix"].startswith("on."),
    )


class AwsLogin:
    """The login that botocore's default chain finds: environment, profile, SSO, role, metadata."""

    def __init__(self) -> None:
        self._session: Any = None
        self._credentials: Any = None
        self._asking = asyncio.Lock()

    async def origin(self) -> str | None:
        """Where the login comes from, for people; None where there is none.

        Raises `CredentialError`: botocore is not installed, or a login cannot be used.
        """
        await self._run(self._find)
        if self._credentials is None:
            return None
        return f"the AWS login ({self._credentials.method})"

    async def endpoint(self, place: EcrPlace) -> URL:
        """Where the API for `place` is, by botocore's own rules."""
        return URL(str(await self._run(self._resolve, place)))

    async def signed(
        self, url: URL, place: EcrPlace, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        """`headers` and those that sign the request. Raises `CredentialError` without a login."""
        signed = await self._run(self._sign, url, place, headers, body)
        if signed is None:
            raise CredentialError(
                "no AWS login was found", hint="`aws configure`, `aws sso login`, or a role"
            )
        found: Mapping[str, str] = signed
        return found

    async def _run(self, work: Any, *arguments: Any) -> Any:
        """Run blocking work of botocore in a thread; its failures are ours."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError as error:
            raise CredentialError(
                "Amazon's login needs botocore", hint="pip install 'tagwatch[aws]'"
            ) from error
        try:
            async with self._asking, asyncio.timeout(_LOGIN_SECONDS):
                return await asyncio.to_thread(work, *arguments)
        except TimeoutError as error:
            raise CredentialError(
                f"the AWS login gave no answer within {_LOGIN_SECONDS:g} s",
                hint="`aws sts get-caller-identity` shows the reason",
            ) from error
        except (BotoCoreError, ClientError, OSError, ValueError) as error:
            # A token's file that is not there, or an agent's address that botocore does not take.
            # Its text may hold what an identity provider said: only its kind is told.
            raise CredentialError(
                f"the AWS login cannot be used ({type(error).__name__})",
                hint="`aws sts get-caller-identity` shows the reason",
            ) from None

    def _open(self) -> Any:
        if self._session is None:
            from botocore.session import Session

            self._session = Session()
        return self._session

    def _find(self) -> None:
        if self._credentials is None:
            self._credentials = self._open().get_credentials()

    def _resolve(self, place: EcrPlace) -> str:
        from botocore.endpoint_provider import EndpointProvider

        loader = self._open().get_component("data_loader")
        rules = loader.load_service_model(place.service, "endpoint-rule-set-1")
        provider = EndpointProvider(rules, loader.load_data("partitions"))
        found: str = provider.resolve_endpoint(
            Region=place.region, UseFIPS=place.fips, UseDualStack=place.dual_stack
        ).url
        return found

    def _sign(
        self, url: URL, place: EcrPlace, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str] | None:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        self._find()
        if self._credentials is None:
            return None
        request = AWSRequest(method="POST", url=str(url), data=body, headers=dict(headers))
        frozen = self._credentials.get_frozen_credentials()  # renews a role's where they end
        SigV4Auth(frozen, place.service, place.region).add_auth(request)
        return dict(request.headers)


class AwsApi:
    """One of Amazon's ECR APIs, asked with a login."""

    def __init__(self, login: AwsLogin, place: EcrPlace, *, url: URL, transport: Transport) -> None:
        self._login = login
        self.place = place
        self._url = URL(f"{str(url).rstrip('/')}/", encoded=True)
        self._transport = transport

    async def call(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        kind: type[T],
        *,
        count: str,
        doing: str,
    ) -> T:
        """The answer of an operation. `count`: what the request counts as. One request.

        Raises `RegistryError`.
        """
        body = msgspec.json.encode({k: v for k, v in parameters.items() if v is not None})
        answer = await self._send(operation, body, count, doing)
        if answer.status != 200:
            raise self._refusal(answer, doing)
        return decode(answer, kind, host=self._transport.host, doing=doing)

    async def _send(self, operation: str, body: bytes, count: str, doing: str) -> Answer:
        named = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{self.place.target}.{operation}",
        }
        headers = dict(await self._login.signed(self._url, self.place, named, body))
        return await self._transport.send(
            Ask(
                method="POST",
                url=self._url,
                kind=count,
                doing=doing,
                cap=_ANSWER_BYTES,
                authorization=headers.pop("Authorization"),
                headers=headers,
                json=body,
                follow=False,
                limit_of=_throttling,
            )
        )

    def _refusal(self, answer: Answer, doing: str) -> RegistryError:
        """The error that `__type` names; the message of the answer is not repeated."""
        name = _error_name(answer)
        text = f"{self._transport.host}: {doing}: {{}} ({answer.status} {name})"
        hint = _HINTS.get(name, "")
        if name in _DENIED:
            return DeniedError(text.format("denied"), hint=hint, status=answer.status)
        if name == "RepositoryNotFoundException":
            return NotFoundError(text.format("not found"), hint=hint, status=answer.status)
        return self._transport.refusal(answer, doing, hint=hint)


class _Error(msgspec.Struct):
    type: str = msgspec.field(name="__type", default="")


def _throttling(answer: Answer) -> str:
    """The name of throttling, which comes as a 400 here; empty for any other answer."""
    name = _error_name(answer) if answer.status == 400 else ""
    return name if name.startswith("Throttl") or name == "LimitExceededException" else ""


def _error_name(answer: Answer) -> str:
    """The error's name without its namespace; empty where the body names none."""
    try:
        name = msgspec.json.decode(answer.body, type=_Error).type.rpartition("#")[2]
    except (msgspec.DecodeError, RecursionError):
        return ""
    return name if re.fullmatch(r"[A-Za-z]{1,80}", name) else ""

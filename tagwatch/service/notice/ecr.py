"""Amazon ECR through EventBridge.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tagwatch.service.notice.interface import Notice, text_at, value_at

__all__ = ["read"]


def read(_headers: Mapping[str, str], payload: Any) -> tuple[Notice, ...] | None:
    """See `interface.Read`. The registry's name is made of account and region."""
    if text_at(payload, "source") != "aws.ecr":
        return None
    detail = value_at(payload, "detail")
    path = text_at(detail, "repository-name")
    if text_at(payload, "detail-type") != "ECR Image Action" or not path:
        return ()
    if text_at(detail, "result") != "SUCCESS":
        return ()
    region, account = text_at(payload, "region"), text_at(payload, "account")
    china = ".cn" if region.startswith("cn-") else ""
    return (
        Notice(
            path=path,
            tag=text_at(detail, "image-tag"),
            host=f"{account}.dkr.ecr.{region}.amazonaws.com{china}" if account and region else "",
            event=text_at(payload, "id"),
        ),
    )

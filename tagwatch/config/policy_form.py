"""The form of policy.yaml: what a team has decided."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from tagwatch.config.form import Day, Duration, Form, Text

__all__ = ["OverrideForm", "PolicyForm"]


class DenyForm(Form, frozen=True):
    """A pattern that is refused, and why."""

    match: Text
    reason: str = ""


class AccessForm(Form, frozen=True):
    """Globs: `*` does not cross `/`, `**` does. No `allow`: everything not denied."""

    allow: list[Text] = []
    deny: list[Text | DenyForm] = []


class BaseForm(Form, frozen=True):
    """An approved base image; `ref: scratch` approves images that stand on nothing."""

    ref: Text
    tags: Annotated[list[Text], Meta(description="globs of tags; none: every tag")] = []
    allow_versions: Annotated[str, Meta(description='such as ">=3.12.4 <4"')] = ""
    max_behind: Annotated[int, Meta(ge=0, description="builds behind at most")] | None = None
    immutable: Annotated[bool, Meta(description="its tags must never be pushed again")] = False


class DefaultsForm(Form, frozen=True):
    """What holds where nothing else is said."""

    registry: Annotated[Text, Meta(description="what a name without a registry means")] = (
        "docker.io"
    )
    platforms: Annotated[list[Text], Meta(description="every image must offer these")] = []
    audited: Annotated[
        Literal["all"] | list[Text],
        Meta(description="what is judged and compared; none: `platforms`, and all that moves"),
    ] = []
    host_os: Literal["linux", "windows", "any"] = "linux"
    cooldown: Annotated[
        Duration, Meta(description="how old a digest must be before it is used")
    ] = "3d"
    stale_grace: Annotated[
        Duration, Meta(description="how long an image may stand on an older base")
    ] = "7d"


class TagsForm(Form, frozen=True):
    """What tags promise."""

    immutable: Annotated[
        list[Text], Meta(description="regular expressions of tags that must not move")
    ] = []


class OverrideForm(Form, frozen=True):
    """Rule settings for some files or images; every kind of key given must match."""

    rules: dict[str, dict[str, Any]]
    paths: list[Text] = []
    images: list[Text] = []


class IgnoreForm(Form, frozen=True):
    """An exception: which finding, why, until when, whose."""

    rule: Text
    reason: Text
    image: str = ""
    path: str = ""
    expires: Day | None = None
    permanent: bool = False
    owner: str = ""
    ticket: Annotated[str, Meta(description="for people; tagwatch does not read it")] = ""


class IgnorePolicyForm(Form, frozen=True):
    """What an ignore must be like to count."""

    max_days: Annotated[int, Meta(ge=1)] | None = None
    allow_inline: bool = True
    allow_permanent: bool = False


class PolicyForm(Form, frozen=True):
    """policy.yaml: what a team has decided."""

    version: Literal[1] = 1
    extends: Annotated[list[Text], Meta(description="policy files that this one is laid over")] = []
    fail_on: Literal["error", "warning", "note", "never"] = "error"
    on_unavailable: Literal["fail", "warn", "pass"] = "warn"
    defaults: DefaultsForm = DefaultsForm()
    registries: AccessForm = AccessForm()
    repositories: AccessForm = AccessForm()
    bases: list[BaseForm] = []
    accept_claims: Annotated[bool, Meta(description="a label or annotation may name the base")] = (
        False
    )
    tags: TagsForm = TagsForm()
    rules: dict[str, dict[str, Any]] = {}
    overrides: list[OverrideForm] = []
    ignores: list[IgnoreForm] = []
    ignore_policy: IgnorePolicyForm = IgnorePolicyForm()

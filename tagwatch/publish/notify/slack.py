"""Slack: one message a run through an incoming webhook.

Limits from Slack's reference: 50 blocks, 150 characters a header, 3,000 a section; a message whose
blocks are each legal still fails near 13,200 characters in all (bolt-js#2509), so it stops at
10,000. Only `&`, `<` and `>` are escaped by rule; what would format is replaced by a lookalike.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tagwatch.audit.verdict.result import AuditResult, Since
from tagwatch.publish.notify.alert import Alert, Group, Line, alert_of
from tagwatch.publish.notify.delivery import attempt, check_address
from tagwatch.publish.notify.interface import AlertContext, Delivery, Outcome
from tagwatch.publish.wording import count
from tagwatch.value import dataclass, field, replace

if TYPE_CHECKING:
    import aiohttp

__all__ = ["SlackNotifier", "message"]

_TOTAL_LIMIT = 10_000
_SECTION_LIMIT = 3_000
_HEADER_LIMIT = 150
_TEXT_LIMIT = 320
_LINK_LIMIT = 1_000
_BAD_REQUEST = 400
_NOT_UNDERSTOOD = frozenset(
    {"invalid_payload", "invalid_blocks", "invalid_blocks_format", "too_many_attachments"}
)
_MARKS = {
    "error": ":red_circle:",
    "warning": ":large_orange_circle:",
    "note": ":large_blue_circle:",
    "fixed": ":white_check_mark:",
}
_LOOKALIKES = str.maketrans({"*": "\N{ASTERISK OPERATOR}", "~": "\N{TILDE OPERATOR}"})
_EMPHASIS = re.compile(r"(?<!\w)_|_(?!\w)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackNotifier:
    """Sends through one incoming webhook. See `Notifier`."""

    url: str = field(repr=False)
    timeout_seconds: float = 20.0
    allow_http: bool = False

    def __post_init__(self) -> None:
        check_address(self.url, channel="slack", allow_http=self.allow_http)

    @staticmethod
    def build(result: AuditResult, since: Since, context: AlertContext) -> Any:
        """See `Notifier.build`."""
        alert = alert_of(result, since, context)
        return message(alert, context) if alert is not None else None

    @staticmethod
    def remark(payload: Mapping[str, Any] | None, remarks: Sequence[str]) -> Mapping[str, Any]:
        """See `Remarking.remark`."""
        text = "\n".join(escape(remark) for remark in remarks)[:_SECTION_LIMIT]
        if payload is None:
            header = f"tagwatch: {count(len(remarks), 'alert')} may not have arrived"
            return {
                "text": f"{header}\n{text}",
                "blocks": [{"type": "header", "text": _plain(header)}, _section(text)],
                "unfurl_links": False,
                "unfurl_media": False,
            }
        return {
            **payload,
            "text": f"{payload['text']}\n{text}",
            "blocks": [*payload["blocks"], _section(text)],
        }

    async def send(self, payload: Mapping[str, Any]) -> Delivery:
        """See `Notifier.send`. Blocks that Slack does not understand are sent as text instead."""
        delivery, said = await self._post(payload)
        if delivery.status == _BAD_REQUEST and said in _NOT_UNDERSTOOD and "blocks" in payload:
            delivery, said = await self._post({"text": payload["text"]})
        if delivery.outcome is Outcome.SENT and said.startswith("<"):
            return replace(
                delivery,
                outcome=Outcome.UNSURE,
                message="slack: a page answered in its place: a proxy's?",
            )
        return delivery

    async def _post(self, payload: Mapping[str, Any]) -> tuple[Delivery, str]:
        """Send a payload once; what came of it, and the answer's text."""
        from slack_sdk.webhook.async_client import AsyncWebhookClient

        # the client writes its address to the log at DEBUG, and the address is the secret
        quiet = logging.getLogger("tagwatch.publish.notify.slack.client")
        quiet.setLevel(logging.WARNING)
        said = ""

        async def post(session: aiohttp.ClientSession) -> tuple[int, str | None]:
            nonlocal said
            client = AsyncWebhookClient(self.url, session=session, logger=quiet, retry_handlers=[])
            client.proxy = None  # its own choice knows no NO_PROXY; the session has the right one
            answer = await client.send_dict(dict(payload))
            said = answer.body.strip()
            return answer.status_code, answer.headers.get("Retry-After")

        return await attempt("slack", self.url, self.timeout_seconds, post), said


def message(alert: Alert, context: AlertContext) -> dict[str, Any]:
    """An alert in Block Kit, with a fallback text that is complete on its own."""
    for shown in range(context.shown, 0, -1):
        payload = _message(alert, context, shown)
        if _fits(payload):
            return payload
    return _message(alert, context, 1, groups=2)


def _fits(payload: Mapping[str, Any]) -> bool:
    sections = (block for block in payload["blocks"] if block["type"] == "section")
    return len(json.dumps(payload, ensure_ascii=False)) <= _TOTAL_LIMIT and all(
        len(section["text"]["text"]) <= _SECTION_LIMIT for section in sections
    )


def _message(
    alert: Alert, context: AlertContext, shown: int, groups: int | None = None
) -> dict[str, Any]:
    sections = [_section(_group(group, shown)) for group in alert.groups[:groups]]
    footer = " · ".join(_footer(alert, context))
    return {
        "text": _fallback(alert, context, shown, groups),
        "blocks": [
            {
                "type": "header",
                "text": _plain(f"{context.sender}: {alert.headline}"[:_HEADER_LIMIT]),
            },
            _section(f"*{escape(alert.verdict)}*"),
            *sections,
            {"type": "context", "elements": [_mrkdwn(footer)]},
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _group(group: Group, shown: int, bold: str = "*") -> str:
    lines = [f"{bold}{group.title}{bold}", *(_line(line) for line in group.lines[:shown])]
    more = len(group.lines) - shown
    if more > 0:
        lines.append(f"…and {more} more")
    return "\n".join(lines)


def _line(line: Line) -> str:
    parts = [f"{_MARKS[line.mark]} `{_code(line.name)}` {escape(line.message)}"]
    parts += [escape(line.where)] if line.where else []
    parts += [f"fix: `{_code(line.fix)}`"] if line.fix else []
    parts += [escape(line.remedy)] if line.remedy else []
    return " · ".join(parts)


def _footer(alert: Alert, context: AlertContext) -> Iterator[str]:
    if context.report_url.startswith(("https://", "http://")):
        yield f"<{_link(context.report_url)}|Open the report>"
    yield escape(alert.coverage)
    if not alert.complete:
        yield "*incomplete: what could not be read is not judged*"
    yield f"tagwatch {escape(context.version)}"


def _fallback(alert: Alert, context: AlertContext, shown: int, groups: int | None) -> str:
    lines = [f"{escape(context.sender)}: {escape(alert.headline)}. {escape(alert.verdict)}."]
    lines += [_group(group, shown, bold="") for group in alert.groups[:groups]]
    if context.report_url.startswith(("https://", "http://")):
        lines.append(_link(context.report_url))
    return "\n".join(lines)


def escape(text: str) -> str:
    """Text of strangers for mrkdwn: nothing in it is a link, a mention or a format."""
    return _entities(
        _EMPHASIS.sub("\N{FULLWIDTH LOW LINE}", _unquoted(text).translate(_LOOKALIKES))
    )


def _code(text: str) -> str:
    """Text for between backticks: there, only a backtick has a meaning."""
    return _entities(_unquoted(text))


def _unquoted(text: str) -> str:
    return text.replace("`", "'")


def _entities(text: str) -> str:
    """`text` with its three special characters escaped, cut so that no entity is cut."""
    pieces: list[str] = []
    length = 0
    for character in text:
        piece = _ENTITIES.get(character, character)
        length += len(piece)
        if length > _TEXT_LIMIT:
            pieces.append("…")
            break
        pieces.append(piece)
    return "".join(pieces)


def _link(url: str) -> str:
    """An address for `<address|text>`; one too long for Slack is cut to its site."""
    if len(url) > _LINK_LIMIT:
        url = "/".join(url.split("/")[:3])[:_LINK_LIMIT]
    safe = re.sub(r"[\s<>|]", lambda match: f"%{ord(match[0]):02X}", url)
    return safe.replace("&", "&amp;")


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, Any]:
    """`verbatim`: an address or a channel's name in a stranger's text becomes no link."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}

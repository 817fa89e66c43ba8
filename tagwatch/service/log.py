"""The lines of a daemon's log: for people, or as JSON for whoever collects them."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

__all__ = ["FORMATS", "JsonLine", "TextLine"]


class TextLine(logging.Formatter):
    """`2026-11-24T02:00:00Z info run=1f2e3d4c scanned: …`, in UTC and without odd characters."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        run = f" run={record.run}" if hasattr(record, "run") else ""
        line = f"{_at(record)} {record.levelname.lower()}{run} {record.getMessage()}"
        return _plain(f"{line}\n{trace}" if (trace := _trace(self, record)) else line)


class JsonLine(logging.Formatter):
    """One object a line: `at`, `level`, `message`, `logger`, and `run` and `trace` if any."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        said = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "logger": record.name,
            "run": getattr(record, "run", None),
            "trace": _trace(self, record),
        }
        return json.dumps({key: value for key, value in said.items() if value})


FORMATS: dict[str, type[logging.Formatter]] = {"text": TextLine, "json": JsonLine}


def _at(record: logging.LogRecord) -> str:
    return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def _plain(text: str) -> str:
    """What a registry says ends up in messages: no control or bidirectional characters."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text
    )

"""What the forms of both files are made of: `strict.py` checks them, `schema.py` prints them.

Only imported when a file is read anew: settings and policy are made from plain values, which can
be stored. Field names are the files' own.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from tagwatch.config.raw import DURATION_PATTERN

__all__ = ["Day", "Duration", "Form", "Text"]

Duration = Annotated[
    str, Meta(pattern=DURATION_PATTERN, description="a number and s, m, h, d or w, such as 24h")
]
Text = Annotated[str, Meta(min_length=1)]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="YYYY-MM-DD")]


class Form(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A mapping of a file. What is not given stays out of the plain form."""
